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
weir_e2e(e2e.spool e2e/spool.py)
weir_e2e(e2e.weather e2e/weather.py)
weir_e2e(e2e.mutate e2e/mutate.py)
weir_e2e(e2e.workers e2e/mutate.py workers)
weir_e2e(e2e.attack e2e/attack.py)
weir_e2e(e2e.elastic e2e/elastic.py)
weir_e2e(e2e.elastic_tls e2e/elastic_tls.py)
weir_e2e(e2e.elastic_real e2e/elastic_real.py)
weir_e2e(e2e.kafka e2e/kafka.py)
weir_e2e(e2e.kafka_real e2e/kafka_real.py)
weir_e2e(e2e.live e2e/live.py)
weir_e2e(e2e.live_relay e2e/live_relay.py)

add_executable(kafka_mock ${CMAKE_SOURCE_DIR}/tests/e2e/kafka_mock.c)
target_link_libraries(kafka_mock PRIVATE weir_flags PkgConfig::RDKAFKA)
set_property(TEST e2e.kafka APPEND PROPERTY ENVIRONMENT "KAFKA_MOCK=$<TARGET_FILE:kafka_mock>")
add_executable(blast ${CMAKE_SOURCE_DIR}/tests/bench/blast.c)
target_link_libraries(blast PRIVATE weir_flags)
set_property(TEST e2e.live APPEND PROPERTY ENVIRONMENT "BLAST=$<TARGET_FILE:blast>")
add_executable(relay ${CMAKE_SOURCE_DIR}/tests/e2e/relay.c)
target_link_libraries(relay PRIVATE weir_flags)
set_property(TEST e2e.live_relay APPEND PROPERTY ENVIRONMENT "RELAY=$<TARGET_FILE:relay>")
add_executable(forbidden ${CMAKE_SOURCE_DIR}/tests/e2e/forbidden.c)
target_link_libraries(forbidden PRIVATE weir_probe)
add_test(NAME e2e.forbidden COMMAND forbidden ${CMAKE_BINARY_DIR})

set_tests_properties(e2e.mutate e2e.attack PROPERTIES PROCESSORS 2 TIMEOUT 1200)
set_tests_properties(e2e.elastic_tls e2e.elastic_real e2e.kafka_real e2e.live e2e.live_relay PROPERTIES
  SKIP_RETURN_CODE 77)
# Java starts slowly on a busy machine, and who is ended by force leaves servers behind.
set_tests_properties(e2e.elastic_real e2e.kafka_real PROPERTIES TIMEOUT 3600)

set_tests_properties(e2e.elastic e2e.endpoint e2e.live e2e.spool e2e.weather e2e.workers
  unit.pipeline.base.log unit.pipeline.base.thread unit.pipeline.batch unit.pipeline.clerk
  unit.pipeline.inbox unit.pipeline.processors.rate_limit unit.pipeline.publisher
  unit.outputs.console unit.outputs.file unit.outputs.http unit.probe.endpoints unit.probe.proto.x509_cache
  PROPERTIES LABELS threads)
