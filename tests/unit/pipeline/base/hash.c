// SPDX-License-Identifier: Apache-2.0
// Hashes: published values, and that the seed matters.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/hash.h"

static void test_fnv1a_is_the_published_one(void **state)
{
    (void)state;
    assert_true(hash_fnv1a(span_text("")) == 0x811c9dc5u);
    assert_true(hash_fnv1a(span_text("a")) == 0xe40c292cu);
    assert_true(hash_fnv1a(span_text("foobar")) == 0xbf9cf968u);
    assert_true(hash_fnv1a(span_text("\xff")) != hash_fnv1a(span_text("\x7f")));
}

static void test_the_seed_matters(void **state)
{
    (void)state;
    static const uint8_t bytes[64] = {1, 2, 3};
    // XXH3 of nothing without a seed, from its specification.
    assert_true(hash_bytes(NULL, 0, 0) == UINT64_C(0x2d06800538d394c2));
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint64_t hash = hash_bytes(bytes, len, 1);
        assert_true(hash == hash_bytes(bytes, len, 1));
        assert_true(hash != hash_bytes(bytes, len, 2));
        if (len)
            assert_true(hash != hash_bytes(bytes, len - 1, 1));
    }
}

static void test_the_seed_is_one_for_the_process(void **state)
{
    (void)state;
    assert_true(hash_seed() == hash_seed());
    assert_true(hash_seed() != 0); // one chance in 2^64 to be wrong
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fnv1a_is_the_published_one),
        cmocka_unit_test(test_the_seed_matters),
        cmocka_unit_test(test_the_seed_is_one_for_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
