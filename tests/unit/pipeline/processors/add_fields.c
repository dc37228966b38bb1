// SPDX-License-Identifier: Apache-2.0
// add_fields: targets, types, objects that merge.

#include "tests/unit/pipeline/chain_kit.h"

static void types_are_those_of_yaml(void **state)
{
    (void)state;
    struct processor_chain *c = chain(
        "processors:\n"
        "- add_fields:\n"
        "    fields: {a: 1, b: '1', c: true, d: 1.5, e: text, f: [1, x, {g: [2]}], h: {i: 3},\n"
        "             j: , k: {}, l: nan, m: 0x10, n: -9223372036854775808, o: 1e3}\n");
    assert_true(processors_run(c, &event));
    expect("{\"fields\":{\"a\":1,\"b\":\"1\",\"c\":true,\"d\":1.5,\"e\":\"text\","
           "\"f\":[1,\"x\",{\"g\":[2]}],\"h\":{\"i\":3},\"k\":{},\"l\":\"nan\",\"m\":\"0x10\","
           "\"n\":-9223372036854775808,\"o\":1000}}");
}

static void targets(void **state)
{
    (void)state;
    struct processor_chain *c =
        chain("processors:\n"
              "- add_fields: {target: '', fields: {http.request.method: PUT, new.a: 1}}\n"
              "- add_fields: {target: http.request.headers, fields: {host: other, more: 2}}\n"
              "- add_fields: {target: '@metadata', fields: {pipeline: p}}\n");
    event_text(&event, BEAT, span("w"));
    event_text(&event, HTTP_METHOD, span("GET"));
    event_member(&event, HEADERS, span("x-a"), value_number(1));
    event_text(&event, HEADERS_HOST, span("h"));
    assert_true(processors_run(c, &event));
    expect("{\"@metadata\":{\"beat\":\"w\",\"pipeline\":\"p\"},"
           "\"http\":{\"request\":{\"headers\":{\"x-a\":1,\"host\":\"other\",\"more\":2},"
           "\"method\":\"PUT\"}},\"new\":{\"a\":1}}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{add_fields: {fields: [a]}}]", "expected a map");
    refused("processors: [{add_fields: {target: x}}]", "fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(types_are_those_of_yaml),
        test(targets),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
