// SPDX-License-Identifier: Apache-2.0
// Batches: rows and bytes from both ends, homes, references over threads, settling.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"
#include "tests/unit/pipeline/fill.h"

static void rows_and_bytes_do_not_meet(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_open(home, false);
    unsigned rows = 0;
    while (batch_room(b) >= 64)
        fill_row(b, rows++, 64);
    assert_true(batch_room(b) < 64);
    assert_true(b->used + b->rows * sizeof(struct row) <= b->size);
    for (unsigned i = 0; i < rows; i++) {
        const struct row *row = batch_row(b, i);
        assert_int_equal(row->time, i);
        struct span doc = batch_document(b, row);
        assert_true(doc.at[0] == '{' && doc.at[doc.len - 1] == '}' && doc.at[doc.len] == '\n');
    }
    batch_release(b);
    batch_home_free(home);
}

static void full_room_is_usable_to_the_byte(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_open(home, false);
    fill_row(b, 1, batch_room(b));
    assert_int_equal(batch_room(b), 0);
    struct pen pen = batch_pen(b);
    pen_byte(&pen, 'x');
    assert_true(pen.full);
    batch_release(b);
    batch_home_free(home);
}

static void what_is_not_committed_was_not_written(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_open(home, false);
    struct pen pen = batch_pen(b);
    pen_raw(&pen, (struct span)SPAN("half"));
    assert_int_equal(b->rows, 0);
    assert_int_equal(b->used, 0);
    assert_int_equal(b->opened, 0);
    fill_row(b, 1, 10);
    assert_true(b->opened > 0);
    batch_release(b);
    batch_home_free(home);
}

static void home_has_a_ceiling_and_hands_out_the_newest(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(2);
    struct batch *one = batch_open(home, false), *two = batch_open(home, false);
    assert_non_null(two);
    assert_null(batch_open(home, false));
    fill_row(two, 1, 100);
    batch_release(one);
    batch_release(two);
    struct batch *again = batch_open(home, false);
    assert_ptr_equal(again, two);
    assert_int_equal(again->rows, 0);
    assert_int_equal(again->used, 0);
    batch_release(again);
    batch_home_free(home);
}

static void references_count(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_open(home, false);
    batch_hold(b, 2);
    batch_release(b);
    batch_release(b);
    assert_null(batch_open(home, false));
    batch_release(b);
    assert_ptr_equal(batch_open(home, false), b);
    batch_release(b);
    batch_home_free(home);
}

static void *release_later(void *batch)
{
    clock_sleep(3 * MILLISECOND);
    batch_release(batch);
    return NULL;
}

static void opening_waits_for_one_to_come_home(void **state)
{
    (void)state;
    enum { ROUNDS = 10 };
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_open(home, false);
    int64_t began = clock_steady();
    for (int i = 0; i < ROUNDS; i++) {
        fill_row(b, 1, 100);
        pthread_t thread = thread_start("release", release_later, b);
        struct batch *again = batch_open(home, true);
        thread_join(thread);
        assert_ptr_equal(again, b);
        assert_int_equal(again->rows, 0);
    }
    // Woken: who only looks again every second takes twice as long.
    assert_true(clock_steady() - began < ROUNDS * SECOND / 2);
    batch_release(b);
    batch_home_free(home);
}

static void sparse_batch_is_copied(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = fill_batch(home, 5, 3, 101), *copy;
    struct span routes[] = {SPAN("index")};
    batch_add_routes(b, routes, 1);
    copy = batch_settle(b);
    assert_ptr_not_equal(copy, b);
    assert_ptr_equal(batch_open(home, false), b); // the original is home already
    memset(b->bytes, 'z', b->size);
    assert_int_equal(copy->rows, 3);
    assert_true(copy->size < 1000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(batch_row(copy, i)->time, 5 + i);
        assert_true(
            span_starts(batch_document(copy, batch_row(copy, i)), (struct span)SPAN("{\"n\":")));
    }
    assert_true(span_is(batch_route(copy, batch_row(copy, 2), 0), routes[0]));
    assert_int_equal(batch_route(copy, batch_row(copy, 1), 0).len, 0);
    batch_release(copy);
    batch_release(b);
    batch_home_free(home);
}

static void full_batch_is_not_copied(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = fill_batch(home, 0, 100, 2000);
    assert_ptr_equal(batch_settle(b), b);
    batch_release(b);
    batch_home_free(home);
}

static void empty_batch_settles(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_settle(batch_open(home, false));
    assert_int_equal(b->rows, 0);
    batch_release(b);
    batch_home_free(home);
}

static void routes_keep_their_places(void **state)
{
    (void)state;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = fill_batch(home, 0, 1, 10);
    static char wide[40000];
    memset(wide, 'w', sizeof wide);
    struct span routes[] = {{NULL, 0}, SPAN("topic"), {(const uint8_t *)wide, sizeof wide}};
    batch_add_routes(b, routes, 3);
    const struct row *row = batch_row(b, 0);
    assert_int_equal(batch_route(b, row, 0).len, 0);
    assert_true(span_is(batch_route(b, row, 1), routes[1]));
    assert_int_equal(batch_route(b, row, 2).len, 0x7fff); // cut: no route is so long
    assert_int_equal(batch_route(b, row, 3).len, 0);
    assert_int_equal(batch_routes_size(routes, 3), 3 * 2 + 5 + 0x7fff);
    batch_release(b);
    batch_home_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_bytes_do_not_meet),
        cmocka_unit_test(full_room_is_usable_to_the_byte),
        cmocka_unit_test(what_is_not_committed_was_not_written),
        cmocka_unit_test(home_has_a_ceiling_and_hands_out_the_newest),
        cmocka_unit_test(references_count),
        cmocka_unit_test(opening_waits_for_one_to_come_home),
        cmocka_unit_test(sparse_batch_is_copied),
        cmocka_unit_test(full_batch_is_not_copied),
        cmocka_unit_test(empty_batch_settles),
        cmocka_unit_test(routes_keep_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
