// SPDX-License-Identifier: Apache-2.0
// Stores and chains: growth in any steps, shared blocks, the ceilings, reading back.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/arena.h"
#include "pipeline/base/chain.h"

enum { BLOCKS = 64 };

struct world {
    struct pool pool;
    struct store store;
    struct arena scratch;
};

static void setup(struct world *w, uint32_t ceiling)
{
    assert_true(pool_init(&w->pool, CHAIN_BLOCK, BLOCKS));
    assert_true(arena_init(&w->scratch, 1 << 20));
    store_init(&w->store, &w->pool, ceiling);
}

static void teardown(struct world *w)
{
    store_free(&w->store);
    assert_int_equal(w->pool.taken, 0);
    pool_free(&w->pool);
    arena_free(&w->scratch);
}

static uint8_t byte_at(size_t position)
{
    return (uint8_t)(position * 7 + position / 256);
}

static void add(struct chain *c, struct store *s, size_t len)
{
    uint8_t bytes[6000];
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(c->len + i);
    assert_true(chain_add(c, s, span_of(bytes, len)));
}

static void check(const struct chain *c, struct world *w)
{
    struct span view = chain_view(c, &w->scratch);
    assert_int_equal(view.len, c->len);
    for (size_t i = 0; i < view.len; i++)
        assert_int_equal(view.at[i], byte_at(i));
}

static int pieces(const struct chain *c)
{
    int count = 0;
    for (const struct piece *p = c->first; p; p = p->next)
        count++;
    return count;
}

static void test_grows_in_any_steps(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 3, 7, 8, 100, 1999, 2032, 2048, 5000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct world w;
        setup(&w, UINT32_MAX);
        struct chain c = {0};
        while (c.len < 20000)
            add(&c, &w.store, steps[i]);
        check(&c, &w);
        assert_int_equal(c.lost, 0);
        // Whatever the steps, a block holds one piece.
        assert_int_equal(pieces(&c), w.pool.taken);
        assert_in_range(c.len, w.store.used - 2 * CHAIN_BLOCK, w.store.used);
        teardown(&w);
    }
}

static void test_shares_blocks(void **state)
{
    (void)state;
    struct world w;
    setup(&w, UINT32_MAX);
    struct chain a = {0}, b = {0};
    for (int i = 0; i < 100; i++) {
        add(&a, &w.store, 30);
        add(&b, &w.store, 3);
        assert_non_null(memset(store_alloc(&w.store, 13), 0xee, 13));
    }
    check(&a, &w);
    check(&b, &w);
    teardown(&w);
}

static void test_reads_from_any_offset(void **state)
{
    (void)state;
    struct world w;
    setup(&w, UINT32_MAX);
    struct chain c = {0};
    add(&c, &w.store, 5000);
    uint8_t bytes[6000];
    for (size_t offset = 0; offset <= 5001; offset += 41) {
        size_t got = chain_copy(&c, offset, bytes, 3000);
        size_t expected = offset > 5000 ? 0 : 5000 - offset < 3000 ? 5000 - offset : 3000;
        assert_int_equal(got, expected);
        for (size_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], byte_at(offset + i));
    }
    assert_int_equal(chain_copy(&c, SIZE_MAX, bytes, 10), 0);
    assert_int_equal(chain_copy(&c, 0, bytes, 0), 0);
    teardown(&w);
}

static void test_counts_what_finds_no_room(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 2 * CHAIN_BLOCK);
    uint8_t bytes[10000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    struct chain c = {0};
    assert_false(chain_add(&c, &w.store, span_of(bytes, sizeof bytes)));
    assert_int_equal(c.len + c.lost, sizeof bytes);
    assert_in_range(c.len, 2 * CHAIN_BLOCK - 100, 2 * CHAIN_BLOCK);
    check(&c, &w);
    assert_false(chain_add(&c, &w.store, span_of(bytes, 1)));
    assert_int_equal(c.len + c.lost, sizeof bytes + 1);
    assert_null(store_alloc(&w.store, 1));
    assert_int_equal(store_copy(&w.store, span_of(bytes, 1)).len, 0);
    assert_true(chain_add(&c, &w.store, span_of(NULL, 0)));
    teardown(&w);
}

static void test_ends_with_the_pool(void **state)
{
    (void)state;
    struct world w;
    setup(&w, UINT32_MAX);
    struct chain c = {0};
    static uint8_t bytes[CHAIN_BLOCK * (BLOCKS + 1)];
    assert_false(chain_add(&c, &w.store, span_of(bytes, sizeof bytes)));
    assert_int_equal(w.pool.taken, BLOCKS);
    assert_int_equal(c.len + c.lost, sizeof bytes);
    teardown(&w);
}

static void test_a_ceiling_of_nothing_keeps_nothing(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 0);
    struct chain c = {0};
    assert_false(chain_add(&c, &w.store, span_text("a")));
    assert_int_equal(c.lost, 1);
    assert_null(c.first);
    assert_int_equal(chain_view(&c, &w.scratch).len, 0);
    teardown(&w);
}

static void test_counts_losses_without_wrapping(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 0);
    struct chain c = {.lost = UINT32_MAX - 1};
    assert_false(chain_add(&c, &w.store, span_text("abc")));
    assert_true(c.lost == UINT32_MAX);
    teardown(&w);
}

static void test_keeps_contiguous_things(void **state)
{
    (void)state;
    struct world w;
    setup(&w, UINT32_MAX);
    for (size_t size = 0; size <= CHAIN_BLOCK - 64; size += 97) {
        void *at = store_alloc(&w.store, size);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % 8, 0);
        memset(at, 0xaa, size);
    }
    assert_non_null(store_alloc(&w.store, CHAIN_BLOCK - 64));
    assert_null(store_alloc(&w.store, CHAIN_BLOCK - 63));
    assert_null(store_alloc(&w.store, SIZE_MAX));
    static uint8_t large[3 * CHAIN_BLOCK];
    assert_int_equal(store_copy(&w.store, span_of(large, sizeof large)).len, CHAIN_BLOCK - 64);
    assert_span(store_copy(&w.store, span_text("header")), "header");
    teardown(&w);
}

static void test_a_view_needs_scratch(void **state)
{
    (void)state;
    struct world w;
    setup(&w, UINT32_MAX);
    struct arena small;
    assert_true(arena_init(&small, 100));
    struct chain c = {0};
    add(&c, &w.store, 90);
    assert_ptr_equal(chain_view(&c, &small).at, c.first->bytes);
    add(&c, &w.store, 5000);
    assert_int_equal(chain_view(&c, &small).len, 0);
    arena_free(&small);
    teardown(&w);
}

static void test_is_empty_after_free(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 2 * CHAIN_BLOCK);
    for (int turn = 0; turn < 100; turn++) {
        struct chain c = {0};
        add(&c, &w.store, 3000);
        check(&c, &w);
        store_free(&w.store);
        arena_reset(&w.scratch);
        assert_int_equal(w.pool.taken, 0);
    }
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_in_any_steps),
        cmocka_unit_test(test_shares_blocks),
        cmocka_unit_test(test_reads_from_any_offset),
        cmocka_unit_test(test_counts_what_finds_no_room),
        cmocka_unit_test(test_ends_with_the_pool),
        cmocka_unit_test(test_a_ceiling_of_nothing_keeps_nothing),
        cmocka_unit_test(test_counts_losses_without_wrapping),
        cmocka_unit_test(test_keeps_contiguous_things),
        cmocka_unit_test(test_a_view_needs_scratch),
        cmocka_unit_test(test_is_empty_after_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
