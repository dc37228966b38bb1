// SPDX-License-Identifier: Apache-2.0
// copy_fields: the old name stays, and the copy is on its own.

#include "tests/unit/pipeline/chain_kit.h"

static void copies_stand_beside(void **state)
{
    (void)state;
    struct processor_chain *c =
        chain("processors:\n"
              "- copy_fields: {fields: [{from: type, to: kind}, {from: http, to: web}]}\n"
              "- drop_fields: {fields: [http.request.headers.x-a]}\n"
              "- add_tags: {tags: [new]}\n");
    event_text(&event, TYPE, span("http"));
    event_member(&event, HEADERS, span("x-a"), value_number(1));
    event_member(&event, HEADERS, span("x-b"), value_number(2));
    assert_true(processors_run(c, &event));
    expect("{\"http\":{\"request\":{\"headers\":{\"x-b\":2}}},\"kind\":\"http\","
           "\"tags\":[\"new\"],\"type\":\"http\","
           "\"web\":{\"request\":{\"headers\":{\"x-a\":1,\"x-b\":2}}}}");
}

static void copied_list_grows_alone(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- copy_fields: {fields: [{from: tags, to: kept}]}\n"
                                      "- add_tags: {tags: [new]}\n");
    event_add(&event, TAGS, value_text(span("old")));
    assert_true(processors_run(c, &event));
    expect("{\"kept\":[\"old\"],\"tags\":[\"old\",\"new\"]}");
}

static void failure_is_said(void **state)
{
    (void)state;
    struct processor_chain *c =
        chain("processors: [{copy_fields: {fields: [{from: type, to: kind}]}}]");
    assert_true(processors_run(c, &event));
    expect("{\"error\":{\"message\":\"cannot copy type to kind: there is no such field\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(copies_stand_beside),
        test(copied_list_grows_alone),
        test(failure_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
