// SPDX-License-Identifier: Apache-2.0
// add_tags: to the end of what is there.

#include "tests/unit/pipeline/chain_kit.h"

static void tags_are_appended(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- add_tags: {tags: [b, c]}\n"
                                      "- add_tags: {tags: d, target: my.tags}\n");
    static const char *const given[] = {"[]", "[\"a\"]", "\"a\""};
    static const char *const written[] = {"[\"b\",\"c\"]", "[\"a\",\"b\",\"c\"]",
                                          "[\"a\",\"b\",\"c\"]"};
    for (int i = 0; i < 3; i++) {
        event_begin(&event, event.ranks);
        event_json(&event, TAGS, span_text(given[i]));
        assert_true(processors_run(c, &event));
        expect(arena_printf(&arena, "{\"my\":{\"tags\":[\"d\"]},\"tags\":%s}", written[i]));
    }
}

static void constant_of_all_events_is_not_touched(void **state)
{
    (void)state;
    struct list_item shared = {NULL, value_text(span("a"))};
    struct processor_chain *c = chain("processors: [{add_tags: {tags: [b]}}]");
    *event_slot(&event, TAGS) = (struct value){.kind = VALUE_LIST, .list = &shared};
    assert_true(processors_run(c, &event));
    expect("{\"tags\":[\"a\",\"b\"]}");
    assert_null(shared.next);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{add_tags: {tags: [a], target: http.request}}]", "is an object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(tags_are_appended),
        test(constant_of_all_events_is_not_touched),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
