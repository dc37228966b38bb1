# Tests of the whole program. Each prints a line for each group of its tests, and for what failed
# the command that repeats it. Label `threads`: also run in the TSan build.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

# weir_e2e(name file [arguments…])
function(weir_e2e name file)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/${file} ${ARGN})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "WEIR=$<TARGET_FILE:weir>;PYTHONDONTWRITEBYTECODE=1"
    TIMEOUT 600)
endfunction()

weir_e2e(golden.check golden/check)
weir_e2e(golden.tshark golden/tshark)
weir_e2e(e2e.docs e2e/docs.py)
weir_e2e(e2e.cli e2e/cli.py)
weir_e2e(e2e.endpoint e2e/endpoint.py)
weir_e2e(e2e.keystore e2e/keystore.py)
weir_e2e(e2e.pains e2e/pains.py)
weir_e2e(e2e.processors e2e/processors.py)
weir_e2e(e2e.weather e2e/weather.py)
weir_e2e(e2e.mutate e2e/mutate.py)
weir_e2e(e2e.workers e2e/mutate.py workers)
set_tests_properties(e2e.mutate PROPERTIES PROCESSORS 2)
set_tests_properties(e2e.endpoint e2e.weather e2e.workers PROPERTIES LABELS threads)
weir_e2e(e2e.elastic e2e/elastic.py)
weir_e2e(e2e.elastic_tls e2e/elastic_tls.py)
weir_e2e(e2e.elastic_real e2e/elastic_real.py)
set_tests_properties(e2e.elastic PROPERTIES LABELS threads)
set_tests_properties(unit.pipeline.base.log unit.pipeline.base.thread unit.pipeline.batch unit.pipeline.inbox
  unit.pipeline.publisher unit.outputs.file PROPERTIES LABELS threads)
set_tests_properties(e2e.elastic_tls e2e.elastic_real PROPERTIES SKIP_RETURN_CODE 77)
