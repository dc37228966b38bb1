// SPDX-License-Identifier: Apache-2.0
#include "pipeline/inbox.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/pipeline/fill.h"

enum { SIZE = 64, MANY = 1 << 20 };

struct fixture {
    struct batch_home *home;
    struct inbox inbox;
    struct parcel_row rows[100];
    uint64_t held[100];
    unsigned tries[100];
    struct inbox_load load;
};

static int setup(void **state)
{
    static struct fixture f;
    f.home = batch_home_new(200);
    f.load = (struct inbox_load){.rows = f.rows, .held = f.held, .tries = f.tries, .size = 10};
    *state = &f;
    return inbox_init(&f.inbox, MANY, (uint64_t)MANY * MANY) && inbox_reserve(&f.inbox, 10) ? 0
                                                                                            : -1;
}

// Also the check that every batch came home.
static int teardown(void **state)
{
    struct fixture *f = *state;
    inbox_free(&f->inbox);
    batch_home_free(f->home);
    return 0;
}

static void put(struct fixture *f, unsigned first, unsigned rows)
{
    assert_true(inbox_put(&f->inbox, fill_batch(f->home, first, rows, SIZE)));
}

static void answer_all(struct fixture *f)
{
    for (uint32_t i = 0; i < f->load.count; i++)
        inbox_answer(&f->inbox, f->load.held[i]);
    f->load.count = 0;
    f->load.bytes = 0;
}

static void take_spans_batches_in_order(void **state)
{
    struct fixture *f = *state;
    put(f, 0, 4);
    put(f, 4, 3);
    put(f, 7, 6);
    inbox_take(&f->inbox, &f->load, MANY);
    assert_int_equal(f->load.count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(f->load.rows[i].row->time, i);
    assert_true(inbox_waits(&f->inbox));
    assert_int_equal(f->inbox.rows, 13); // taken rows still count
    answer_all(f);
    assert_int_equal(f->inbox.rows, 3);
    inbox_take(&f->inbox, &f->load, MANY);
    assert_int_equal(f->load.count, 3);
    assert_int_equal(f->load.rows[0].row->time, 10);
    assert_false(inbox_waits(&f->inbox));
    answer_all(f);
    assert_int_equal(f->inbox.rows, 0);
    assert_int_equal(f->inbox.bytes, 0);
}

static void what_comes_back_is_taken_first(void **state)
{
    struct fixture *f = *state;
    put(f, 0, 15);
    inbox_take(&f->inbox, &f->load, MANY);
    assert_int_equal(f->inbox.fresh, 5);
    for (uint32_t i = 10; i-- > 0;)
        if (i % 2)
            inbox_return(&f->inbox, (struct returned){f->load.rows[i], f->load.held[i], i});
        else
            inbox_answer(&f->inbox, f->load.held[i]);
    f->load.count = 0;
    f->load.bytes = 0;
    assert_int_equal(f->inbox.rows, 10);
    inbox_take(&f->inbox, &f->load, 2 * (SIZE + 1));
    assert_int_equal(f->load.count, 2); // the bytes allow no more
    inbox_take(&f->inbox, &f->load, MANY);
    assert_int_equal(f->load.count, 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(f->load.rows[i].row->time, i < 5 ? 2 * i + 1 : i + 5);
        assert_int_equal(f->load.tries[i], i < 5 ? 2 * i + 1 : 0);
    }
    assert_false(inbox_waits(&f->inbox));
    answer_all(f);
    assert_int_equal(f->inbox.rows, 0);
    assert_int_equal(f->inbox.fresh, 0);
    assert_int_equal(f->inbox.fresh_bytes, 0);
}

static void take_keeps_to_bytes_but_takes_one(void **state)
{
    struct fixture *f = *state;
    put(f, 0, 5);
    inbox_take(&f->inbox, &f->load, 2 * (SIZE + 1));
    assert_int_equal(f->load.count, 2);
    answer_all(f);
    inbox_take(&f->inbox, &f->load, 1);
    assert_int_equal(f->load.count, 1);
    answer_all(f);
    inbox_take(&f->inbox, &f->load, MANY);
    answer_all(f);
}

static void a_load_is_topped_up(void **state)
{
    struct fixture *f = *state;
    put(f, 0, 5);
    inbox_take(&f->inbox, &f->load, 2 * (SIZE + 1));
    inbox_take(&f->inbox, &f->load, 2 * (SIZE + 1)); // no room
    assert_int_equal(f->load.count, 2);
    inbox_take(&f->inbox, &f->load, 4 * (SIZE + 1));
    assert_int_equal(f->load.count, 4);
    assert_int_equal(f->load.rows[3].row->time, 3);
    assert_int_equal(f->load.bytes, 4 * (SIZE + 1));
    answer_all(f);
    inbox_take(&f->inbox, &f->load, MANY);
    answer_all(f);
}

static void batch_goes_home_with_its_last_row_in_any_order(void **state)
{
    struct fixture *f = *state;
    put(f, 0, 2);
    put(f, 2, 2);
    uint64_t both = f->inbox.bytes;
    inbox_take(&f->inbox, &f->load, MANY);
    inbox_answer(&f->inbox, f->load.held[3]);
    inbox_answer(&f->inbox, f->load.held[0]);
    assert_int_equal(f->inbox.bytes, both);
    inbox_answer(&f->inbox, f->load.held[2]);
    assert_int_equal(f->inbox.bytes, both / 2);
    inbox_answer(&f->inbox, f->load.held[1]);
    assert_int_equal(f->inbox.bytes, 0);
    f->load.count = 0;
    f->load.bytes = 0;
}

static void many_batches_grow_the_ring(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 30; i++)
        put(f, i, 1);
    inbox_take(&f->inbox, &f->load, MANY);
    answer_all(f);
    for (unsigned i = 30; i < 190; i++)
        put(f, i, 1);
    for (unsigned i = 10; inbox_waits(&f->inbox); i += f->load.count, answer_all(f)) {
        inbox_take(&f->inbox, &f->load, MANY);
        assert_int_equal(f->load.rows[0].row->time, i);
    }
    assert_int_equal(f->inbox.first, 190);
}

static void bounds_hold_unless_empty(void **state)
{
    struct fixture *f = *state;
    struct batch *b = fill_batch(f->home, 0, 5, SIZE);
    f->inbox.rows_at_most = 4;
    assert_true(inbox_fits(&f->inbox, b)); // nothing else is there
    f->inbox.rows_at_most = 9;
    put(f, 5, 5);
    assert_false(inbox_fits(&f->inbox, b));
    f->inbox.rows_at_most = 10;
    assert_true(inbox_fits(&f->inbox, b));
    f->inbox.bytes_at_most = f->inbox.bytes + b->size - 1;
    assert_false(inbox_fits(&f->inbox, b));
    f->inbox.bytes_at_most++;
    assert_true(inbox_fits(&f->inbox, b));
    batch_release(b);
    inbox_drop_oldest(&f->inbox);
}

static void drop_spares_what_was_taken(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(inbox_drop_oldest(&f->inbox), 0);
    put(f, 0, 8);
    put(f, 8, 8);
    put(f, 16, 8);
    inbox_take(&f->inbox, &f->load, MANY); // the first batch and two rows of the second
    assert_int_equal(inbox_drop_oldest(&f->inbox), 6);
    assert_int_equal(inbox_drop_oldest(&f->inbox), 8);
    assert_int_equal(inbox_drop_oldest(&f->inbox), 0);
    assert_int_equal(f->inbox.rows, 10);
    assert_int_equal(f->load.rows[9].row->time, 9); // still there to be read
    answer_all(f);
    put(f, 24, 1);
    inbox_take(&f->inbox, &f->load, MANY);
    assert_int_equal(f->load.rows[0].row->time, 24);
    answer_all(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(take_spans_batches_in_order),
        TEST(take_keeps_to_bytes_but_takes_one),
        TEST(what_comes_back_is_taken_first),
        TEST(take_keeps_to_bytes_but_takes_one),
        TEST(a_load_is_topped_up),
        TEST(batch_goes_home_with_its_last_row_in_any_order),
        TEST(many_batches_grow_the_ring),
        TEST(bounds_hold_unless_empty),
        TEST(drop_spares_what_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
