// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"

static struct stats now, before;

static int setup(void **state)
{
    (void)state;
    memset(&now, 0, sizeof now);
    memset(&before, 0, sizeof before);
    return 0;
}

static const char *written(const struct stats *since)
{
    static char text[STATS_LINE];
    struct pen pen = pen_of(text, sizeof text - 1);
    stats_write(&now, since, &pen);
    assert_false(pen.full);
    *pen.at = '\0';
    return text;
}

static void workers_are_summed(void **state)
{
    (void)state;
    struct counters a = {.packets_seen = 3, .flows_now = 2}, b = {.packets_seen = 4};
    const struct counters *const workers[] = {&a, &b};
    stats_take(&now, workers, 2, NULL);
    assert_int_equal(now.workers.packets_seen, 7);
    assert_int_equal(now.workers.flows_now, 2);
    assert_int_equal(now.outputs, 0);
    assert_true(now.time > 0);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    assert_string_equal(written(NULL), "\"metrics\":{}");
    assert_string_equal(written(&before), "\"metrics\":{}");
}

static void sums_are_differences_and_levels_are_not(void **state)
{
    (void)state;
    before.workers.packets_seen = 10;
    before.workers.flows_now = 5;
    before.workers.events_made = 3;
    now.time = before.time + 30 * SECOND;
    now.workers.packets_seen = 25;
    now.workers.flows_now = 4;
    now.workers.events_made = 3;
    before.outputs = now.outputs = 2;
    now.output[0].name = "file";
    now.output[0].counters.delivered = 9;
    now.output[0].counters.waiting = 2;
    before.output[0].counters.delivered = 4;
    before.output[0].counters.waiting = 2;
    now.output[1].name = "console";
    assert_string_equal(written(&before),
                        "\"metrics\":{\"period_ms\":30000,\"packets_seen\":15,\"flows_now\":4,"
                        "\"output\":{\"file\":{\"delivered\":5,\"waiting\":2},\"console\":{}}}");
    assert_string_equal(written(NULL),
                        "\"metrics\":{\"packets_seen\":25,\"flows_now\":4,\"events_made\":3,"
                        "\"output\":{\"file\":{\"delivered\":9,\"waiting\":2},\"console\":{}}}");
}

static void the_longest_line_fits(void **state)
{
    (void)state;
    memset(&now.workers, 0xff, sizeof now.workers);
    now.outputs = STATS_OUTPUTS;
    for (int i = 0; i < STATS_OUTPUTS; i++) {
        now.output[i].name = "elasticsearch";
        memset(&now.output[i].counters, 0xff, sizeof now.output[i].counters);
    }
    assert_non_null(strstr(written(NULL), "\"errors\":18446744073709551615}}}"));
}

static void every_counter_is_explained(void **state)
{
    (void)state;
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    stats_print(to);
    fclose(to);
    assert_non_null(strstr(text, "| `packets_seen` | sum | "));
    assert_non_null(strstr(text, "| `flows_now` | level | "));
    assert_non_null(strstr(text, "| `output.NAME.waiting` | level | "));
    assert_null(strstr(text, "|  |"));
    free(text);
    size_t rows = 0;
    for (const struct output_counter_info *info = output_counter_infos; info->name; info++)
        rows++;
    assert_int_equal(rows, sizeof(struct output_counters) / sizeof(uint64_t));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_are_summed),
        TEST(nothing_is_nothing),
        TEST(sums_are_differences_and_levels_are_not),
        TEST(the_longest_line_fits),
        TEST(every_counter_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
