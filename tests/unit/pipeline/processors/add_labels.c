// SPDX-License-Identifier: Apache-2.0
// add_labels: flat keys, beside labels that are there.

#include "tests/unit/pipeline/chain_kit.h"

static void labels_are_flat(void **state)
{
    (void)state;
    struct processor_chain *c = chain(
        "processors:\n"
        "- add_labels: {labels: {number: 1, with.dots: t, nested: {a.b: c}, list: [x, {y: z}],\n"
        "                        nothing: }}\n"
        "- add_labels: {labels: {number: 2}}\n");
    assert_true(processors_run(c, &event));
    expect("{\"labels\":{\"number\":2,\"with.dots\":\"t\",\"nested.a.b\":\"c\",\"list.0\":\"x\","
           "\"list.1.y\":\"z\"}}");
}

static void labels_can_be_asked_for(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- add_labels: {labels: {with.dots: t}}\n"
                                      "- drop_event.when.equals.labels.with.dots: t\n");
    assert_false(processors_run(c, &event));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{add_labels: {labels: a}}]", "expected a map");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(labels_are_flat),
        test(labels_can_be_asked_for),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
