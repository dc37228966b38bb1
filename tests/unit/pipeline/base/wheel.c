// SPDX-License-Identifier: Apache-2.0
// The timer wheel against what a plain list of deadlines would do, and its odd days: jumps, times
// that are past, timers cleared while they wait to be handed out.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/wheel.h"

#define EPOCH 1700000000u

static struct wheel *started_wheel(uint32_t second)
{
    static struct wheel w;
    wheel_init(&w);
    wheel_restart(&w, second);
    return &w;
}

static void test_comes_due_at_its_second(void **state)
{
    (void)state;
    static const uint32_t delays[] = {
        1, 2, 59, WHEEL_SLOTS - 1, WHEEL_SLOTS, WHEEL_SLOTS + 1, 3 * WHEEL_SLOTS, 20000};
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        struct wheel *w = started_wheel(EPOCH);
        struct timer t;
        timer_init(&t);
        wheel_set(w, &t, EPOCH + delays[i]);
        for (uint32_t s = EPOCH; s < EPOCH + delays[i]; s++) {
            wheel_advance(w, s);
            assert_null(wheel_due(w));
        }
        wheel_advance(w, EPOCH + delays[i]);
        assert_ptr_equal(wheel_due(w), &t);
        assert_null(t.link);
        assert_null(wheel_due(w));
        assert_int_equal(w->set, 0);
    }
}

static void test_what_is_past_comes_at_the_next_sweep(void **state)
{
    (void)state;
    static const uint32_t past[] = {0, 1, EPOCH - WHEEL_SLOTS, EPOCH - 1, EPOCH};
    for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
        struct wheel *w = started_wheel(EPOCH);
        struct timer t;
        timer_init(&t);
        wheel_set(w, &t, past[i]);
        assert_null(wheel_due(w));
        wheel_advance(w, EPOCH + 1);
        assert_ptr_equal(wheel_due(w), &t);
    }
}

static void test_a_timer_set_again_while_sweeping_waits(void **state)
{
    (void)state;
    struct wheel *w = started_wheel(EPOCH);
    struct timer t;
    timer_init(&t);
    wheel_set(w, &t, EPOCH + 1);
    wheel_advance(w, EPOCH + 1);
    int turns = 0;
    for (struct timer *due; turns < 10 && (due = wheel_due(w)); turns++)
        wheel_set(w, due, EPOCH); // would go round for ever if it came at once
    assert_int_equal(turns, 1);
    wheel_clear(w, &t);
}

static void test_jumps_hand_out_everything(void **state)
{
    (void)state;
    enum { TIMERS = 5000 };
    static const uint32_t jumps[] = {WHEEL_SLOTS - 1, WHEEL_SLOTS, WHEEL_SLOTS + 1, 1000000};
    static struct timer timers[TIMERS];
    for (size_t j = 0; j < sizeof jumps / sizeof *jumps; j++) {
        struct wheel *w = started_wheel(EPOCH);
        int due = 0;
        for (uint32_t i = 0; i < TIMERS; i++) {
            timer_init(&timers[i]);
            wheel_set(w, &timers[i], EPOCH + i * 3);
            due += i * 3 <= jumps[j];
        }
        wheel_advance(w, EPOCH + jumps[j]);
        while (wheel_due(w))
            due--;
        assert_int_equal(due, 0);
        wheel_advance(w, EPOCH + 2000000);
        while (wheel_due(w))
            ;
        assert_int_equal(w->set, 0);
    }
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    struct wheel *w = started_wheel(EPOCH);
    struct timer t;
    timer_init(&t);
    wheel_set(w, &t, EPOCH + 10);
    wheel_advance(w, EPOCH + 5);
    wheel_advance(w, EPOCH - 100000);
    wheel_advance(w, 0);
    assert_int_equal(w->now, EPOCH + 5);
    wheel_advance(w, EPOCH + 10);
    assert_ptr_equal(wheel_due(w), &t);
}

static void test_starts_with_the_first_time_it_hears(void **state)
{
    (void)state;
    static struct wheel w;
    wheel_init(&w);
    struct timer before, after;
    timer_init(&before);
    timer_init(&after);
    wheel_set(&w, &before, EPOCH - 5);
    wheel_set(&w, &after, EPOCH + 5);
    wheel_advance(&w, EPOCH);
    assert_ptr_equal(wheel_due(&w), &before);
    assert_null(wheel_due(&w));
    wheel_advance(&w, EPOCH + 5);
    assert_ptr_equal(wheel_due(&w), &after);
}

static void test_hands_out_in_order(void **state)
{
    (void)state;
    struct wheel *w = started_wheel(EPOCH);
    struct timer timers[8];
    static const uint32_t delays[8] = {3, 1, 2, 1, 3, 2, 1, 9};
    static const int expected[] = {1, 3, 6, 2, 5, 0, 4};
    for (int i = 0; i < 8; i++) {
        timer_init(&timers[i]);
        wheel_set(w, &timers[i], EPOCH + delays[i]);
    }
    wheel_advance(w, EPOCH + 4);
    for (size_t i = 0; i < 7; i++)
        assert_ptr_equal(wheel_due(w), &timers[expected[i]]);
    assert_null(wheel_due(w));
}

static void test_clears_what_waits_to_be_handed_out(void **state)
{
    (void)state;
    struct wheel *w = started_wheel(EPOCH);
    struct timer timers[5];
    for (int i = 0; i < 5; i++) {
        timer_init(&timers[i]);
        wheel_set(w, &timers[i], EPOCH + 1);
    }
    wheel_advance(w, EPOCH + 1);
    assert_ptr_equal(wheel_due(w), &timers[0]);
    wheel_clear(w, &timers[1]);
    wheel_clear(w, &timers[4]);
    wheel_clear(w, &timers[4]);
    wheel_set(w, &timers[2], EPOCH + 7);
    // A second sweep before the first is drained goes to the end.
    wheel_set(w, &timers[1], EPOCH + 2);
    wheel_advance(w, EPOCH + 2);
    assert_ptr_equal(wheel_due(w), &timers[3]);
    assert_ptr_equal(wheel_due(w), &timers[1]);
    assert_null(wheel_due(w));
    assert_int_equal(w->set, 1);
    wheel_clear(w, &timers[2]);
    assert_int_equal(w->set, 0);
}

static void test_agrees_with_a_plain_list(void **state)
{
    (void)state;
    enum { TIMERS = 200 };
    struct timer timers[TIMERS];
    uint32_t due[TIMERS]; // 0: not set
    uint64_t seed = 42;
    uint32_t now = EPOCH;
    struct wheel *w = started_wheel(now);
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&timers[i]);
        due[i] = 0;
    }
    for (int step = 0; step < 20000; step++) {
        size_t i = next_random(&seed) % TIMERS;
        if (next_random(&seed) % 4 == 0) {
            wheel_clear(w, &timers[i]);
            due[i] = 0;
        } else {
            due[i] = now - 10 + (uint32_t)(next_random(&seed) % 9000);
            wheel_set(w, &timers[i], due[i]);
        }
        if (step % 5)
            continue;
        now += 1 + (uint32_t)(next_random(&seed) % (step % 500 ? 20 : 10000));
        wheel_advance(w, now);
        for (struct timer *t; (t = wheel_due(w));) {
            assert_in_range(due[t - timers], 1, now);
            due[t - timers] = 0;
        }
        for (int n = 0; n < TIMERS; n++)
            assert_true(due[n] == 0 || due[n] > now);
    }
}

static void test_survives_the_end_of_time(void **state)
{
    (void)state;
    struct wheel *w = started_wheel(EPOCH);
    struct timer far, past;
    timer_init(&far);
    timer_init(&past);
    wheel_set(w, &far, UINT32_MAX);
    int64_t before = clock_cpu();
    wheel_advance(w, UINT32_MAX);
    assert_ptr_equal(wheel_due(w), &far);
    assert_true(clock_cpu() - before < SECOND); // one round of slots, not 80 years of them
    wheel_set(w, &past, 1);
    wheel_advance(w, clock_second(INT64_MAX));
    assert_null(wheel_due(w));
    wheel_clear(w, &past);
    assert_int_equal(w->set, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_due_at_its_second),
        cmocka_unit_test(test_what_is_past_comes_at_the_next_sweep),
        cmocka_unit_test(test_a_timer_set_again_while_sweeping_waits),
        cmocka_unit_test(test_jumps_hand_out_everything),
        cmocka_unit_test(test_time_never_goes_back),
        cmocka_unit_test(test_starts_with_the_first_time_it_hears),
        cmocka_unit_test(test_hands_out_in_order),
        cmocka_unit_test(test_clears_what_waits_to_be_handed_out),
        cmocka_unit_test(test_agrees_with_a_plain_list),
        cmocka_unit_test(test_survives_the_end_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
