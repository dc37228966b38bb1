# The targets as tests: each runs once over its corpus, with whatever compiler and sanitizers.
function(weir_fuzz_target name source)
  add_executable(replay.${name} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
  target_link_libraries(replay.${name} PRIVATE weir_flow weir_proto weir_capture weir_decode weir_outputs)
  if(name MATCHES "^(settings|flags)$") # tables of the program itself
    target_link_libraries(replay.${name} PRIVATE weir_probe)
  endif()
  target_compile_definitions(replay.${name} PRIVATE ${ARGN})
  add_test(NAME fuzz.${name} COMMAND replay.${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
endfunction()
include(${CMAKE_CURRENT_LIST_DIR}/targets.cmake)
