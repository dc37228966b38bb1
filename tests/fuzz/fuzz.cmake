# The targets with libFuzzer, which takes them through new inputs: tests/fuzz/run.
function(weir_fuzz_target name source)
  add_executable(fuzz.${name} ${source})
  target_link_libraries(fuzz.${name} PRIVATE weir_flow weir_proto weir_capture weir_decode weir_outputs)
  if(name MATCHES "^(settings|flags)$") # tables of the program itself
    target_link_libraries(fuzz.${name} PRIVATE weir_probe)
  endif()
  target_link_options(fuzz.${name} PRIVATE -fsanitize=fuzzer)
  target_compile_definitions(fuzz.${name} PRIVATE ${ARGN})
endfunction()
include(${CMAKE_CURRENT_LIST_DIR}/targets.cmake)
