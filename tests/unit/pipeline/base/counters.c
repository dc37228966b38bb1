// SPDX-License-Identifier: Apache-2.0
// The counters' table agrees with the struct; sums; every column of the ledger has a counter.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/counters.h"

#include <ctype.h>

static void test_the_table_names_the_members(void **state)
{
    (void)state;
    static struct counters c;
    counter_add(c.packets_seen, 3);
    counter_add(c.packets_seen, 4);
    counter_add(c.events_bytes, UINT64_MAX);
    assert_int_equal(counter_get(c.packets_seen), 7);
    assert_int_equal(counter_at(&c, COUNTER_packets_seen), 7);
    assert_true(counter_at(&c, COUNTER_events_bytes) == UINT64_MAX);
    assert_string_equal(counter_infos[COUNTER_packets_seen].name, "packets_seen");
    assert_int_equal(counter_infos[COUNTER_packets_seen].column, COLUMN_PACKETS);
    assert_int_equal(counter_infos[COUNTER_flows_now].column, COLUMN_GAUGE);
}

static void test_sums(void **state)
{
    (void)state;
    static struct counters sum, one;
    for (int which = 0; which < COUNTERS; which++)
        counter_add(((_Atomic uint64_t *)&one)[which], which + 1);
    counters_sum(&sum, &one);
    counters_sum(&sum, &one);
    for (int which = 0; which < COUNTERS; which++) {
        assert_int_equal(counter_at(&sum, (enum counter)which), 2 * (which + 1));
        assert_int_equal(counter_at(&one, (enum counter)which), which + 1);
    }
}

static void test_every_counter_is_explained(void **state)
{
    (void)state;
    int in_column[COLUMN_LOST + 1] = {0};
    for (int which = 0; which < COUNTERS; which++) {
        const struct counter_info *info = &counter_infos[which];
        in_column[info->column]++;
        assert_true(strlen(info->meaning) > 3);
        for (const char *c = info->name; *c; c++)
            assert_true(islower(*c) || *c == '_');
        for (int other = 0; other < which; other++)
            assert_string_not_equal(info->name, counter_infos[other].name);
    }
    for (int column = 0; column <= COLUMN_LOST; column++)
        assert_true(in_column[column] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_names_the_members),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_every_counter_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
