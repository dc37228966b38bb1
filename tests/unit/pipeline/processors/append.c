// SPDX-License-Identifier: Apache-2.0
// append: values of fields and constants become one list.

#include "tests/unit/pipeline/chain_kit.h"

static void run(const char *settings)
{
    struct processor_chain *c =
        chain(arena_printf(&arena, "processors: [{append: {%s}}]", settings));
    event_text(&event, TYPE, span("http"));
    event_text(&event, HTTP_METHOD, span(""));
    event_add(&event, TAGS, value_text(span("a")));
    event_add(&event, TAGS, value_text(span("b")));
    assert_true(processors_run(c, &event));
}

#define AS_IT_WAS "\"http\":{\"request\":{\"method\":\"\"}},"

static void fields_and_values(void **state)
{
    (void)state;
    run("target_field: all, fields: [type, tags], values: [1, x, true]");
    expect("{\"all\":[\"http\",\"a\",\"b\",1,\"x\",true]," AS_IT_WAS
           "\"tags\":[\"a\",\"b\"],\"type\":\"http\"}");
    run("target_field: tags, values: c");
    expect("{" AS_IT_WAS "\"tags\":[\"a\",\"b\",\"c\"],\"type\":\"http\"}");
    run("target_field: type, fields: tags");
    expect("{" AS_IT_WAS "\"tags\":[\"a\",\"b\"],\"type\":[\"http\",\"a\",\"b\"]}");
}

static void twice_and_empty(void **state)
{
    (void)state;
    run("target_field: tags, fields: [tags, http.request.method], values: [a, ''], "
        "allow_duplicate: false");
    expect("{" AS_IT_WAS "\"tags\":[\"a\",\"b\",\"\"],\"type\":\"http\"}");
    run("target_field: tags, fields: [http.request.method], values: ['', ~, c], "
        "ignore_empty_values: true");
    expect("{" AS_IT_WAS "\"tags\":[\"a\",\"b\",\"c\"],\"type\":\"http\"}");
}

static void missing(void **state)
{
    (void)state;
    run("target_field: tags, fields: [type, none], values: [c]");
    expect(
        "{\"error\":{\"message\":\"cannot append none to tags: there is no such field\"}," AS_IT_WAS
        "\"tags\":[\"a\",\"b\"],\"type\":\"http\"}");
    run("target_field: tags, fields: [type, none], values: [c], ignore_missing: true");
    expect("{" AS_IT_WAS "\"tags\":[\"a\",\"b\",\"http\",\"c\"],\"type\":\"http\"}");
    run("target_field: tags, fields: [none, type], fail_on_error: false");
    expect("{" AS_IT_WAS "\"tags\":[\"a\",\"b\",\"http\"],\"type\":\"http\"}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{append: {fields: [a]}}]", "target_field");
    refused("processors: [{append: {target_field: a, values: {b: c}}}]", "list of values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(fields_and_values),
        test(twice_and_empty),
        test(missing),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
