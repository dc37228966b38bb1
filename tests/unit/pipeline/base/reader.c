// SPDX-License-Identifier: Apache-2.0
// The cursor: what it reads, and that it never runs over the end.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/reader.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88};

static void test_reads_numbers_of_both_orders(void **state)
{
    (void)state;
    struct span all = span_of(bytes, sizeof bytes);
    struct reader r = reader_of(all);
    assert_int_equal(reader_u8(&r), 0x01);
    assert_int_equal(reader_be16(&r), 0x0203);
    assert_int_equal(reader_be24(&r), 0x040506);
    assert_int_equal(reader_le16(&r), 0x8807);
    assert_true(reader_ok(&r));
    assert_int_equal(reader_left(&r), 0);
    r = reader_of(all);
    assert_int_equal(reader_be32(&r), 0x01020304);
    assert_int_equal(reader_le32(&r), 0x88070605);
    r = reader_of(all);
    assert_true(reader_be64(&r) == UINT64_C(0x0102030405060788));
    r = reader_of(all);
    assert_true(reader_le64(&r) == UINT64_C(0x8807060504030201));
    assert_true(reader_ok(&r));
}

static void test_fails_once_and_for_good(void **state)
{
    (void)state;
    struct reader r = reader_of(span_of(bytes, 3));
    reader_skip(&r, 2);
    assert_int_equal(reader_be16(&r), 0);
    assert_false(reader_ok(&r));
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(reader_u8(&r), 0); // although one byte was left before
    assert_int_equal(reader_rest(&r).len, 0);
    assert_false(reader_ok(&r));
}

static void test_takes_any_length_from_the_wire(void **state)
{
    (void)state;
    struct reader r = reader_of(span_of(bytes, sizeof bytes));
    assert_int_equal(reader_bytes(&r, SIZE_MAX).len, 0);
    assert_false(reader_ok(&r));
    r = reader_of(span_of(bytes, sizeof bytes));
    assert_int_equal(reader_bytes(&r, sizeof bytes).len, sizeof bytes);
    assert_int_equal(reader_bytes(&r, 0).len, 0);
    assert_true(reader_ok(&r));
    r = reader_of(span_of(NULL, 0));
    assert_int_equal(reader_rest(&r).len, 0);
    assert_true(reader_ok(&r));
    assert_int_equal(reader_be64(&r), 0);
    assert_false(reader_ok(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_numbers_of_both_orders),
        cmocka_unit_test(test_fails_once_and_for_good),
        cmocka_unit_test(test_takes_any_length_from_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
