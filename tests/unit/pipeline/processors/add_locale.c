// SPDX-License-Identifier: Apache-2.0
// add_locale: the zone of this machine at the time of the document.

#include "tests/unit/pipeline/chain_kit.h"

static void offsets_and_abbreviations(void **state)
{
    (void)state;
    setenv("TZ", "America/St_Johns", 1);
    struct processor_chain *c = chain("processors: [{add_locale: }]");
    event.time = INT64_C(1705276800000000000); // January 2024
    assert_true(processors_run(c, &event));
    expect("{\"event\":{\"timezone\":\"-03:30\"}}");
    event.time = INT64_C(1721001600000000000); // July
    assert_true(processors_run(c, &event));
    expect("{\"event\":{\"timezone\":\"-02:30\"}}");
    c = chain("processors: [{add_locale: {format: abbreviation}}]");
    event.time = INT64_C(1721001600000000000);
    assert_true(processors_run(c, &event));
    expect("{\"event\":{\"timezone\":\"NDT\"}}");
    setenv("TZ", "No/Such", 1);
    c = chain("processors: [{add_locale: }]");
    assert_true(processors_run(c, &event));
    expect("{\"event\":{\"timezone\":\"+00:00\"}}");
    unsetenv("TZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(offsets_and_abbreviations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
