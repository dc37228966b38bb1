// SPDX-License-Identifier: Apache-2.0
// Pool: the ceiling, last in first out, things that do not touch each other.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/pool.h"

static void test_hands_out_up_to_the_ceiling(void **state)
{
    (void)state;
    struct pool p;
    uint8_t *thing[100];
    assert_true(pool_init(&p, 40, 100));
    assert_int_equal(p.size, 48);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 100; i++) {
            thing[i] = pool_take(&p);
            assert_non_null(thing[i]);
            assert_int_equal((uintptr_t)thing[i] % 16, 0);
            memset(thing[i], i, 40);
        }
        assert_null(pool_take(&p));
        assert_int_equal(p.taken, 100);
        for (int i = 0; i < 100; i++) {
            for (int byte = 0; byte < 40; byte++)
                assert_int_equal(thing[i][byte], i);
            pool_give(&p, thing[i]);
        }
        assert_int_equal(p.taken, 0);
    }
    assert_int_equal(p.touched, 100);
    pool_free(&p);
}

static void test_hands_out_the_last_given_back(void **state)
{
    (void)state;
    struct pool p;
    assert_true(pool_init(&p, 1, 10));
    void *one = pool_take(&p), *two = pool_take(&p);
    pool_give(&p, one);
    pool_give(&p, two);
    assert_ptr_equal(pool_take(&p), two);
    assert_ptr_equal(pool_take(&p), one);
    assert_int_equal(p.touched, 2);
    pool_free(&p);
}

static void test_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct pool p;
    assert_true(pool_init(&p, 64, 0));
    assert_null(pool_take(&p));
    pool_free(&p);
    assert_false(pool_init(&p, SIZE_MAX, 2));
    assert_false(pool_init(&p, SIZE_MAX / 4, UINT32_MAX));
    assert_null(pool_take(&p));
    pool_free(&p);
    assert_true(pool_init(&p, 64, 1u << 30)); // far more than the machine has, touched on demand
    assert_non_null(pool_take(&p));
    pool_free(&p);
}

static void test_rests(void **state)
{
    (void)state;
    struct pool p;
    assert_true(pool_init(&p, 4096, 10));
    pool_rest(&p);
    for (int turn = 0; turn < 2; turn++) {
        uint8_t *one = pool_take(&p), *two = pool_take(&p);
        assert_ptr_equal(one, p.base);
        assert_int_equal(two[100], 0); // fresh from the system
        memset(two, 1, 4096);
        pool_give(&p, one);
        pool_give(&p, two);
        pool_rest(&p);
        assert_int_equal(p.touched, 0);
    }
    pool_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_out_up_to_the_ceiling),
        cmocka_unit_test(test_hands_out_the_last_given_back),
        cmocka_unit_test(test_refuses_what_cannot_be),
        cmocka_unit_test(test_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
