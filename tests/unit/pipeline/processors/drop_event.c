// SPDX-License-Identifier: Apache-2.0
// drop_event: with and without a condition.

#include "tests/unit/pipeline/chain_kit.h"

static void drops(void **state)
{
    (void)state;
    assert_false(processors_run(chain("processors: [{drop_event: }]"), &event));
    struct processor_chain *c =
        chain("processors: [{drop_event: {when: {range: {source.bytes: {lt: 10}}}}}]");
    assert_true(processors_run(c, &event));
    event_number(&event, BYTES, 9);
    assert_false(processors_run(c, &event));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{drop_event: {fields: [a]}}]", "fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(drops),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
