// SPDX-License-Identifier: Apache-2.0
// The clocks move, and seconds of any time fit the wheel.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/clock.h"

static void test_clocks_move(void **state)
{
    (void)state;
    int64_t steady = clock_steady(), cpu = clock_cpu();
    clock_sleep(2 * MILLISECOND);
    assert_true(clock_steady() - steady >= 2 * MILLISECOND);
    assert_true(clock_cpu() >= cpu);
    assert_true(clock_wall() > 1600000000 * SECOND);
    clock_sleep(0);
    clock_sleep(INT64_MIN);
}

static void test_seconds_of_any_time(void **state)
{
    (void)state;
    assert_int_equal(clock_second(0), 0);
    assert_int_equal(clock_second(SECOND - 1), 0);
    assert_int_equal(clock_second(SECOND), 1);
    assert_int_equal(clock_second(-1), 0);
    assert_int_equal(clock_second(-SECOND), 0);
    assert_int_equal(clock_second(INT64_MIN), 0);
    assert_true(clock_second(INT64_MAX) == UINT32_MAX);
    assert_true(clock_second(UINT32_MAX * SECOND) == UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_move),
        cmocka_unit_test(test_seconds_of_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
