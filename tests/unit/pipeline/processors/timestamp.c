// SPDX-License-Identifier: Apache-2.0
// timestamp: layouts in order, zones, tests at start, the time of the document.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *text, const char *settings)
{
    struct processor_chain *c =
        chain(arena_printf(&arena, "processors: [{timestamp: {field: type, %s}}]", settings));
    event.time = 7;
    event_text(&event, TYPE, span_text(text));
    assert_true(processors_run(c, &event));
    event_drop(&event, TYPE);
    return document();
}

static void times(void **state)
{
    (void)state;
    assert_string_equal(made("2024-01-15T10:00:00.5Z", "layouts: ['2006-01-02T15:04:05Z07:00']"),
                        "{\"@timestamp\":\"2024-01-15T10:00:00.500Z\"}");
    assert_int_equal(event.time, INT64_C(1705312800500000000));
    assert_string_equal(made("15/Jan/2024 10:00", "layouts: [UNIX, '02/Jan/2006 15:04'], "
                                                  "timezone: Europe/Berlin, target_field: t"),
                        "{\"t\":\"2024-01-15T09:00:00.000Z\"}");
    assert_int_equal(event.time, 7);
    assert_string_equal(made("tomorrow", "layouts: [UNIX], ignore_failure: true"), "{}");
    assert_string_equal(
        made("tomorrow", "layouts: [UNIX]"),
        "{\"error\":{\"message\":\"cannot read the time in type to @timestamp: it fits "
        "no layout\"}}");
}

static void numbers(void **state)
{
    (void)state;
    struct processor_chain *c =
        chain("processors: [{timestamp: {field: source.bytes, layouts: UNIX_MS}}]");
    event_number(&event, BYTES, 1705312800500);
    assert_true(processors_run(c, &event));
    expect("{\"@timestamp\":\"2024-01-15T10:00:00.500Z\",\"source\":{\"bytes\":1705312800500}}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{timestamp: {field: a, layouts: UNIX, timezone: Mars/Base}}]",
            "no time zone");
    refused("processors: [{timestamp: {field: a, layouts: UNIX, test: ['1', yesterday]}}]",
            "\"yesterday\" fits no layout");
    refused("processors: [{timestamp: {field: a}}]", "layouts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(times),
        test(numbers),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
