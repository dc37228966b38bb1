# The targets with libFuzzer, which takes them through new inputs: tests/fuzz/run.
function(weir_fuzz_target name source)
  add_executable(fuzz.${name} ${source})
  target_link_libraries(fuzz.${name} PRIVATE weir_probe)
  target_link_options(fuzz.${name} PRIVATE -fsanitize=fuzzer)
  target_compile_definitions(fuzz.${name} PRIVATE ${ARGN})
endfunction()
include(${CMAKE_CURRENT_LIST_DIR}/targets.cmake)
