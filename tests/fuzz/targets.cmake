# Fuzz targets: NAME.c here is the target NAME; proto.c is a target for each protocol of the list.
# Who includes this defines weir_fuzz_target(name source) before.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  if(NOT name MATCHES "^(replay|proto)$")
    weir_fuzz_target(${name} ${source})
  endif()
endforeach()

set(list ${CMAKE_SOURCE_DIR}/probe/proto/protocols.def)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
file(STRINGS ${list} rows REGEX "^PROTOCOL")
foreach(row IN LISTS rows)
  string(REGEX REPLACE "^PROTOCOL.([a-z0-9_]+).*" "\\1" protocol ${row})
  weir_fuzz_target(proto-${protocol} ${CMAKE_CURRENT_LIST_DIR}/proto.c FUZZ_PROTOCOL="${protocol}")
endforeach()
