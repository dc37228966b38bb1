// SPDX-License-Identifier: Apache-2.0
// The table of flows and the wheel: found, grown, taken out, in order.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/flow/ageing.h"
#include "probe/flow/table.h"

enum { MANY = 20000 };

static struct flow_key key_of(uint32_t number)
{
    struct flow_key key = {.tunnel = number, .family = 4};
    return key;
}

static struct flow *add(struct table *t, uint32_t number, uint32_t hash)
{
    struct flow_key key = key_of(number);
    return table_add(t, &key, hash);
}

static struct flow *find(struct table *t, uint32_t number, uint32_t hash)
{
    struct flow_key key = key_of(number);
    return table_find(t, &key, hash);
}

static void grows_and_shrinks(void **state)
{
    (void)state;
    struct table t;
    assert_true(table_init(&t, MANY));
    for (uint32_t i = 0; i < MANY; i++) {
        assert_null(find(&t, i, table_hash(i)));
        assert_non_null(add(&t, i, table_hash(i)));
        if (i % 97 == 0)
            for (uint32_t j = 0; j <= i; j += 31)
                assert_int_equal(find(&t, j, table_hash(j))->key.tunnel, j);
    }
    assert_null(add(&t, MANY, table_hash(MANY)));
    assert_true(t.count > MANY / 10);
    for (uint32_t i = 0; i < MANY; i += 2)
        table_remove(&t, find(&t, i, table_hash(i)));
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(!find(&t, i, table_hash(i)) == (i % 2 == 0));
    assert_int_equal(t.held, MANY / 2);
    table_free(&t);
}

// Whoever knew the seed could do this: everything in one bucket. Slow, never wrong.
static void one_hash_for_all(void **state)
{
    (void)state;
    struct table t;
    assert_true(table_init(&t, 1000));
    for (uint32_t i = 0; i < 500; i++)
        assert_non_null(add(&t, i, 42));
    for (uint32_t i = 0; i < 500; i += 3)
        table_remove(&t, find(&t, i, 42));
    for (uint32_t i = 0; i < 500; i++)
        assert_true(!find(&t, i, 42) == (i % 3 == 0));
    table_free(&t);
}

static void walks_who_is_there(void **state)
{
    (void)state;
    struct table t;
    assert_true(table_init(&t, 1000));
    assert_null(table_next(&t, NOBODY));
    for (uint32_t i = 0; i < 300; i++)
        add(&t, i, table_hash(i));
    for (uint32_t i = 0; i < 300; i++)
        if (i % 64 != 7)
            table_remove(&t, find(&t, i, table_hash(i)));
    uint32_t seen = 0, number = NOBODY;
    for (struct flow *flow; (flow = table_next(&t, number)); seen++) {
        assert_int_equal(flow->key.tunnel, 7 + 64 * seen);
        number = table_number(&t, flow);
    }
    assert_int_equal(seen, 5);
    table_free(&t);
}

// Two hundred hashes that are the same in all bits a worker of four is chosen by.
static void hash_spreads_what_workers_share(void **state)
{
    (void)state;
    unsigned low[16] = {0}, most = 0;
    for (uint32_t i = 0; i < 1600; i++)
        low[table_hash(i * 4 + 1) & 15]++;
    for (int i = 0; i < 16; i++)
        most = low[i] > most ? low[i] : most;
    assert_true(most < 150);
}

static void wheel_gives_in_order(void **state)
{
    (void)state;
    struct table t;
    struct ageing *a = malloc(sizeof *a);
    uint32_t due;
    assert_true(table_init(&t, 1000));
    ageing_start(a, 5000);
    for (uint32_t i = 0; i < 200; i++)
        ageing_put(a, &t, add(&t, i, table_hash(i)), 5001 + i / 2);
    assert_null(ageing_take(a, &t, 5000));
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(ageing_take(a, &t, 5050)->key.tunnel, i);
    assert_null(ageing_take(a, &t, 5050));
    assert_int_equal(ageing_take_first(a, &t, &due)->key.tunnel, 100);
    assert_int_equal(due, 5051);
    for (uint32_t i = 101; i < 200; i++)
        assert_int_equal(ageing_take(a, &t, 2000000000)->key.tunnel, i);
    assert_null(ageing_take(a, &t, 2000000000));
    assert_null(ageing_take_first(a, &t, &due));
    free(a);
    table_free(&t);
}

static void wheel_looks_at_the_far_once_a_round(void **state)
{
    (void)state;
    struct table t;
    struct ageing *a = malloc(sizeof *a);
    assert_true(table_init(&t, 10));
    ageing_start(a, 100);
    struct flow *far = add(&t, 1, 1), *past = add(&t, 2, 2);
    ageing_put(a, &t, far, 100000);
    ageing_put(a, &t, past, 3);
    assert_ptr_equal(ageing_take(a, &t, 101), past);
    assert_null(ageing_take(a, &t, 100 + AGEING_SLOTS - 2));
    assert_ptr_equal(ageing_take(a, &t, 100 + AGEING_SLOTS - 1), far);
    free(a);
    table_free(&t);
}

static void knows_its_memory(void **state)
{
    (void)state;
    enum { FLOWS = 3000 };
    struct table t;
    assert_true(table_init(&t, FLOWS));
    for (uint32_t i = 0; i < FLOWS; i++)
        assert_non_null(add(&t, i, i * 2654435761u));
    size_t used = t.flows.touched * t.flows.size + t.buckets.touched * t.buckets.size;
    assert_true(used <= (size_t)table_memory(FLOWS) + sizeof(struct flow)); // and nobody
    assert_true(used > (size_t)table_memory(FLOWS) * 9 / 10);
    table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_shrinks),
        cmocka_unit_test(one_hash_for_all),
        cmocka_unit_test(walks_who_is_there),
        cmocka_unit_test(knows_its_memory),
        cmocka_unit_test(hash_spreads_what_workers_share),
        cmocka_unit_test(wheel_gives_in_order),
        cmocka_unit_test(wheel_looks_at_the_far_once_a_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
