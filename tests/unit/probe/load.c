// SPDX-License-Identifier: Apache-2.0
// The controller against rings of its own: how it rises, what it leaves alone, how it falls.
#include "probe/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"

enum { TURN = 3 }; // milliseconds, as long as it waits between two looks

static int64_t now = INT64_C(1700000000) * SECOND;

// So many turns with a ring so full; true if the level changed.
static bool stay(struct load *l, unsigned fill, int turns)
{
    unsigned before = l->level;
    for (int i = 0; i < turns; i++) {
        now += TURN * MILLISECOND;
        assert_true(load_is_due(l, now));
        load_note(l, now, fill);
    }
    return l->level != before;
}

static void nothing_while_there_is_room(void **state)
{
    (void)state;
    struct load l = {0};
    assert_false(stay(&l, 0, 1000));
    assert_false(stay(&l, LOAD_FULL / 5, 1000));
    assert_int_equal(load_unparsed(&l), 0);
    assert_int_equal(load_uncounted(&l), 0);
}

static void parsing_goes_before_counting(void **state)
{
    (void)state;
    for (unsigned level = 0; level <= LOAD_LEVELS; level++) {
        struct load l = {.level = level};
        assert_true(load_unparsed(&l) <= SLICES);
        assert_int_equal(load_unparsed(&l) - load_uncounted(&l), level % 2);
        assert_int_equal(load_unparsed(&l) + load_uncounted(&l), level);
    }
}

static void a_full_ring_is_met_quickly(void **state)
{
    (void)state;
    struct load l = {0};
    stay(&l, 0, 10);
    for (unsigned fill = 0; fill <= LOAD_FULL; fill += 8)
        stay(&l, fill, 4);
    assert_true(l.level > LOAD_LEVELS / 2);
    stay(&l, LOAD_FULL, 100);
    assert_int_equal(l.level, LOAD_LEVELS);
    assert_int_equal(load_uncounted(&l), SLICES);
}

// Between the marks nothing changes, and one that is being emptied needs no more.
static void balance_is_left_alone(void **state)
{
    (void)state;
    struct load l = {0};
    stay(&l, 0, 10);
    for (unsigned fill = 0; fill < LOAD_FULL / 2; fill += 4)
        stay(&l, fill, 4);
    assert_true(l.level > 0);
    stay(&l, LOAD_FULL / 2, 8);
    assert_false(stay(&l, LOAD_FULL / 2, 1000));
    for (unsigned fill = LOAD_FULL / 2; fill > LOAD_FULL / 16; fill -= 4)
        assert_false(stay(&l, fill, 4));
    assert_false(stay(&l, LOAD_FULL / 4, 1000));
}

// After a standstill the ring is full, but is read faster than it fills.
static void a_standstill_costs_little(void **state)
{
    (void)state;
    struct load l = {0};
    stay(&l, 0, 10);
    for (unsigned fill = LOAD_FULL; fill > LOAD_FULL / 4; fill -= 4)
        stay(&l, fill, 4);
    assert_true(l.level > 0 && l.level <= 32);
}

// A thread that is not run for some milliseconds finds more than it left, again and again.
static void peaks_do_not_count(void **state)
{
    (void)state;
    struct load l = {0};
    for (int i = 0; i < 1000; i++)
        assert_false(stay(&l, i % 3 ? LOAD_FULL - 1 : 0, 1));
}

static void it_falls_step_by_step(void **state)
{
    (void)state;
    struct load l = {.level = 3, .patience = SECOND, .changed = now, .looked = now};
    assert_false(stay(&l, 0, 900 / TURN));
    assert_true(stay(&l, 0, 200 / TURN));
    assert_int_equal(l.level, 2);
    unsigned least = l.level;
    for (int i = 0; i < 1000; i++) {
        unsigned before = l.level;
        stay(&l, 0, 4);
        assert_true(l.level == before || l.level + 1 == before);
        least = l.level;
    }
    assert_int_equal(least, 0);
    assert_false(stay(&l, 0, 1000));
}

static void a_rise_makes_it_patient_again(void **state)
{
    (void)state;
    struct load l = {0};
    stay(&l, LOAD_FULL, 8);
    stay(&l, 0, 1000); // quick by now
    stay(&l, LOAD_FULL, 8);
    unsigned level = l.level;
    assert_true(level > 0);
    stay(&l, 0, 150 / TURN);
    assert_int_equal(l.level, level);
}

static void the_same_makes_the_same(void **state)
{
    (void)state;
    struct load a = {0}, b = {0};
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        now += TURN * MILLISECOND;
        unsigned fill = (random >> 8) % (LOAD_FULL + 1);
        assert_int_equal(load_note(&a, now, fill), load_note(&b, now, fill));
        assert_int_equal(a.level, b.level);
        assert_true(a.level <= LOAD_LEVELS);
    }
}

// The clock began anew, long ago: it goes on from there.
static void the_clock_may_step_back(void **state)
{
    (void)state;
    struct load l = {.level = 5, .patience = SECOND, .changed = now, .looked = now};
    now = SECOND;
    assert_true(stay(&l, 0, 10000 / TURN));
    assert_int_equal(l.level, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_while_there_is_room),
        cmocka_unit_test(parsing_goes_before_counting),
        cmocka_unit_test(a_full_ring_is_met_quickly),
        cmocka_unit_test(balance_is_left_alone),
        cmocka_unit_test(a_standstill_costs_little),
        cmocka_unit_test(peaks_do_not_count),
        cmocka_unit_test(it_falls_step_by_step),
        cmocka_unit_test(a_rise_makes_it_patient_again),
        cmocka_unit_test(the_same_makes_the_same),
        cmocka_unit_test(the_clock_may_step_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
