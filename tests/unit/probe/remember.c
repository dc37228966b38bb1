// SPDX-License-Identifier: Apache-2.0
// What a protocol wants remembered beyond its transactions: found by key, let go at ceilings.

#include "probe/conns.h"
#include "tests/unit/probe/world.h"

static void remember(uint64_t key, const char *bytes)
{
    conn_remember(world.conn, key, span_text(bytes));
}

static void assert_recalled(uint64_t key, const char *bytes)
{
    struct span found = conn_recall(world.conn, key);
    assert_int_equal(found.len, strlen(bytes));
    assert_true(span_is(found, span_text(bytes)));
}

static void remembered_by_key(void **state)
{
    (void)state;
    world_open(&talk);
    assert_recalled(1, "");
    remember(1, "one");
    remember(UINT64_MAX, "last");
    remember(0, "zero");
    assert_recalled(1, "one");
    assert_recalled(UINT64_MAX, "last");
    assert_recalled(0, "zero");
    remember(1, "another one");
    assert_recalled(1, "another one");
    conn_forget(world.conn, 1);
    conn_forget(world.conn, 1);
    assert_recalled(1, "");
    assert_recalled(0, "zero");
    assert_counted(conn_forgotten, 0);
}

static void empty_is_not_there(void **state)
{
    (void)state;
    world_open(&talk);
    conn_remember(world.conn, 1, span_of(NULL, 0));
    assert_recalled(1, "");
}

static void each_conn_has_its_own(void **state)
{
    (void)state;
    world_open(&talk);
    remember(1, "mine");
    assert_true(conn_is_waiting(world.conn));
    world_open_at(&world.many[0], &talk, PROTO_TCP);
    assert_int_equal(conn_recall(world.many[0], 1).len, 0);
    conn_remember(world.many[0], 1, text("its"));
    conn_end(world.many[0], ENDED_FIN);
    assert_recalled(1, "mine");
}

static void the_oldest_of_a_conn_leaves(void **state)
{
    (void)state;
    world_open(&talk);
    for (uint64_t i = 0; i < 20; i++)
        remember(i, "x");
    assert_counted(conn_forgotten, 4);
    for (uint64_t i = 0; i < 20; i++)
        assert_recalled(i, i < 4 ? "" : "x");
    remember(4, "again"); // is the newest now
    remember(20, "x");
    assert_recalled(4, "again");
    assert_recalled(5, "");
}

static void many_are_found(void **state)
{
    (void)state;
    world.limits.remembered = 5000;
    world_open(&talk);
    for (uint64_t i = 0; i < 4000; i++)
        conn_remember(world.conn, i * i, span_of(&i, sizeof i));
    for (uint64_t i = 0; i < 4000; i++)
        assert_memory_equal(conn_recall(world.conn, i * i).at, &i, sizeof i);
}

static void room_comes_back(void **state)
{
    (void)state;
    static const uint8_t much[4000];
    world_open(&talk);
    for (uint64_t i = 0; i < 5000; i++) {
        conn_remember(world.conn, i, span_of(much, sizeof much));
        conn_forget(world.conn, i);
    }
    assert_counted(conn_forgotten, 0);
}

static void all_together_have_a_ceiling(void **state)
{
    (void)state;
    static const uint8_t much[4000];
    world.limits.remembered = 1000;
    world_open_at(&world.many[0], &talk, PROTO_TCP);
    conn_remember(world.many[0], 7, text("old"));
    world_open(&talk);
    for (uint64_t i = 0; i < 200; i++) // 128 blocks of 4 KiB are half a MiB
        conn_remember(world.conn, i, span_of(much, sizeof much));
    assert_counted(conn_forgotten, 200 - 128 + 1);
    assert_int_equal(conn_recall(world.many[0], 7).len, 0); // the oldest of all
    assert_int_equal(conn_recall(world.conn, 199).len, sizeof much);
    assert_int_equal(conn_recall(world.conn, 71).len, 0);
    assert_int_equal(conn_recall(world.conn, 72).len, sizeof much);
}

static void too_much_is_not_remembered(void **state)
{
    (void)state;
    static const uint8_t much[8193];
    world_open(&talk);
    remember(1, "old");
    conn_remember(world.conn, 1, span_of(much, sizeof much));
    assert_recalled(1, ""); // what it replaces is not right any more
    assert_counted(conn_forgotten, 1);
    conn_remember(world.conn, 1, span_of(much, sizeof much - 1));
    assert_int_equal(conn_recall(world.conn, 1).len, sizeof much - 1);
}

static void a_view_may_be_remembered(void **state)
{
    (void)state;
    world.limits.remembered = 2;
    world_open(&talk);
    remember(1, "one");
    conn_remember(world.conn, 1, conn_recall(world.conn, 1));
    assert_recalled(1, "one");
    remember(2, "two");
    conn_remember(world.conn, 3, conn_recall(world.conn, 1)); // which makes room
    assert_recalled(1, "");
    assert_recalled(3, "one");
}

static uint64_t touched(const struct sizes *s)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++)
        bytes += s->pool[i].size * s->pool[i].touched;
    return bytes;
}

// The same memory serves one size after the other.
static void sizes_take_turns(void **state)
{
    (void)state;
    enum { ALL = 1 << 20 };
    struct conns_settings settings = {.conns = 16, .transactions = 16, .kept_bytes_all = ALL};
    static void *block[ALL / 1024];
    struct sizes s;
    assert_true(sizes_init(&s, &settings));
    uint8_t *stays = sizes_take(&s, 200);
    *stays = 7;
    for (size_t size = 1024; size <= 64 << 10; size *= 2) {
        for (size_t i = 0; i < ALL / size; i++) {
            block[i] = sizes_take(&s, size);
            assert_non_null(block[i]);
            memset(block[i], 1, size);
        }
        assert_true(touched(&s) <= ALL + (128 << 10) + 256);
        for (size_t i = 0; i < ALL / size; i++)
            sizes_give(&s, block[i], size);
    }
    assert_int_equal(*stays, 7);
    sizes_give(&s, stays, 200);
    sizes_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(remembered_by_key),
        test(empty_is_not_there),
        test(each_conn_has_its_own),
        test(the_oldest_of_a_conn_leaves),
        test(many_are_found),
        test(room_comes_back),
        test(all_together_have_a_ceiling),
        test(too_much_is_not_remembered),
        test(a_view_may_be_remembered),
        cmocka_unit_test(sizes_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
