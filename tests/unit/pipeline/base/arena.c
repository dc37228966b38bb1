// SPDX-License-Identifier: Apache-2.0
// Arena: alignment, zeroes before and after a reset, the ceiling.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/arena.h"

static bool is_zero(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i])
            return false;
    return true;
}

static void test_gives_aligned_zeroes(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_init(&a, 4096));
    for (int turn = 0; turn < 3; turn++) {
        for (size_t size = 0; size < 60; size++) {
            uint8_t *at = arena_alloc(&a, size);
            assert_non_null(at);
            assert_int_equal((uintptr_t)at % 16, 0);
            assert_true(is_zero(at, size));
            memset(at, 0xff, size);
        }
        arena_reset(&a);
    }
    // A place that is partly old and partly new.
    assert_true(is_zero(arena_alloc(&a, 4096), 4096));
    arena_free(&a);
}

static void test_ends_at_the_ceiling(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_init(&a, 100));
    assert_null(arena_alloc(&a, 101));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_non_null(arena_alloc(&a, 100)); // what did not fit took nothing
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_text(&a, "x"));
    assert_null(arena_printf(&a, "%d", 1));
    assert_null(arena_copy(&a, span_text("x")).at);
    assert_int_equal(arena_copy(&a, span_text("x")).len, 0);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 100));
    arena_free(&a);
    assert_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void test_copies_texts(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_init(&a, 4096));
    struct span copy = arena_copy(&a, span_of("a\0b", 3));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.at, "a\0b", 4);
    copy = arena_copy(&a, span_text(NULL));
    assert_int_equal(copy.len, 0);
    assert_non_null(copy.at);
    assert_int_equal(copy.at[0], 0);
    assert_string_equal(arena_text(&a, "weir"), "weir");
    assert_string_equal(arena_printf(&a, "%s:%d", "port", 53), "port:53");
    arena_free(&a);
}

static void test_reserves_more_than_there_is(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_init(&a, (size_t)1 << 36));
    assert_non_null(arena_alloc(&a, 1000));
    assert_null(arena_alloc(&a, SIZE_MAX - 1000)); // would wrap to where it began
    arena_free(&a);
    assert_false(arena_init(&a, SIZE_MAX / 2));
    assert_null(arena_alloc(&a, 1));
    arena_free(&a);
    assert_true(arena_init(&a, 0));
    assert_null(arena_alloc(&a, 1));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_aligned_zeroes),
        cmocka_unit_test(test_ends_at_the_ceiling),
        cmocka_unit_test(test_copies_texts),
        cmocka_unit_test(test_reserves_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
