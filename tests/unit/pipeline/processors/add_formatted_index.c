// SPDX-License-Identifier: Apache-2.0
// add_formatted_index: fields and time; what is missing leaves the index alone.

#include "tests/unit/pipeline/chain_kit.h"

static void formats(void **state)
{
    (void)state;
    struct processor_chain *c =
        chain("processors: [{add_formatted_index: {index: '%{[type]}-%{+yyyy.MM}'}}]");
    event.time = INT64_C(1705276800000000000);
    assert_true(processors_run(c, &event));
    expect("{}");
    event_text(&event, TYPE, span("dns"));
    assert_true(processors_run(c, &event));
    expect("{\"@metadata\":{\"raw_index\":\"dns-2024.01\"},\"type\":\"dns\"}");
    refused("processors: [{add_formatted_index: {index: '%{type}'}}]", "format string");
    refused("processors: [{add_formatted_index: }]", "index");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
