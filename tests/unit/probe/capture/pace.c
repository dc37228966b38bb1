// SPDX-License-Identifier: Apache-2.0
// Key presses, taken from a pipe in place of a terminal. Times are tested with the file source.
#include "probe/capture/pace.h"

#include "tests/unit/probe/capture/write.h"

static void a_line_lets_one_packet_go(void **state)
{
    (void)state;
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    struct pace p;
    pace_by_time(&p);
    p.keys = pipe_ends[0];
    assert_false(pace_is_due(&p, 0, true));
    assert_int_equal(write(pipe_ends[1], "ab\n\n", 4), 4);
    assert_false(pace_is_due(&p, 0, false)); // one a turn
    assert_true(pace_is_due(&p, 0, true));
    assert_true(pace_is_due(&p, 0, true));
    assert_false(pace_is_due(&p, 0, true));
    close(pipe_ends[1]); // nobody can press any more
    assert_true(pace_is_due(&p, 0, true));
    assert_true(pace_is_due(&p, 0, true));
    pace_end(&p);
}

// A gap that no clock can hold is waited for, in small steps.
static void wild_gaps_do_not_overflow(void **state)
{
    (void)state;
    struct pace p;
    pace_by_time(&p);
    assert_true(pace_is_due(&p, INT64_MIN, true));
    assert_false(pace_is_due(&p, INT64_MAX, false));
    assert_int_equal(p.due, INT64_MAX);
    pace_restart(&p);
    assert_true(pace_is_due(&p, INT64_MAX, false));
    assert_true(pace_is_due(&p, INT64_MIN, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_lets_one_packet_go),
        cmocka_unit_test(wild_gaps_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
