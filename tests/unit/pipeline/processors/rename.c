// SPDX-License-Identifier: Apache-2.0
// rename: fields, objects, members; missing and taken names; all or nothing.

#include "tests/unit/pipeline/chain_kit.h"

static void run(const char *settings)
{
    struct processor_chain *c =
        chain(arena_printf(&arena, "processors: [{rename: {%s}}]", settings));
    event_text(&event, TYPE, span("http"));
    event_text(&event, HTTP_METHOD, span("GET"));
    event_member(&event, HEADERS, span("x-a"), value_number(1));
    event_text(&event, HEADERS_HOST, span("h"));
    assert_true(processors_run(c, &event));
}

#define REQUEST "\"request\":{\"headers\":{\"x-a\":1,\"host\":\"h\"},\"method\":\"GET\"}"

static void fields_objects_members(void **state)
{
    (void)state;
    run("fields: [{from: http.request.method, to: verb}, {from: type, to: new.type}]");
    expect("{\"http\":{\"request\":{\"headers\":{\"x-a\":1,\"host\":\"h\"}}},"
           "\"new\":{\"type\":\"http\"},\"verb\":\"GET\"}");
    run("fields: [{from: http, to: web}, {from: web.request.headers.x-a, to: a}]");
    expect("{\"a\":1,\"type\":\"http\",\"web\":{\"request\":{\"headers\":{\"host\":\"h\"},"
           "\"method\":\"GET\"}}}");
    run("fields: [{from: http.request, to: http.asked}]");
    expect("{\"http\":{\"asked\":{\"headers\":{\"x-a\":1,\"host\":\"h\"},\"method\":\"GET\"}},"
           "\"type\":\"http\"}");
    run("fields: [{from: type, to: http.request.headers.kind}]");
    expect("{\"http\":{\"request\":{\"headers\":{\"x-a\":1,\"host\":\"h\",\"kind\":\"http\"},"
           "\"method\":\"GET\"}}}");
}

static void object_into_itself(void **state)
{
    (void)state;
    run("fields: [{from: http.request, to: http.request.inner}]");
    expect("{\"http\":{\"request\":{\"inner\":{\"headers\":{\"x-a\":1,\"host\":\"h\"},"
           "\"method\":\"GET\"}}},\"type\":\"http\"}");
}

static void missing_field_leaves_all_as_it_was(void **state)
{
    (void)state;
    run("fields: [{from: type, to: kind}, {from: http, to: web}, {from: none, to: some}]");
    expect("{\"error\":{\"message\":\"cannot rename none to some: there is no such field\"},"
           "\"http\":{" REQUEST "},\"type\":\"http\"}");
    run("fields: [{from: none, to: some}, {from: type, to: kind}], ignore_missing: true");
    expect("{\"http\":{" REQUEST "},\"kind\":\"http\"}");
    run("fields: [{from: none, to: some}, {from: type, to: kind}], fail_on_error: false");
    expect("{\"http\":{" REQUEST "},\"kind\":\"http\"}");
}

static void taken_name_is_an_error(void **state)
{
    (void)state;
    run("fields: [{from: type, to: http.request}]");
    expect("{\"error\":{\"message\":\"cannot rename type to http.request: the new name is taken\"},"
           "\"http\":{" REQUEST "},\"type\":\"http\"}");
    run("fields: [{from: type, to: http.request.method}], fail_on_error: false");
    expect("{\"http\":{" REQUEST "},\"type\":\"http\"}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{rename: {fields: a}}]", "list of pairs");
    refused("processors: [{rename: {fields: []}}]", "list of pairs");
    refused("processors: [{rename: {fields: [{from: a}]}}]", "expected from and to");
    refused("processors: [{rename: {fields: [a]}}]", "expected pairs, from and to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(fields_objects_members),
        test(object_into_itself),
        test(missing_field_leaves_all_as_it_was),
        test(taken_name_is_an_error),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
