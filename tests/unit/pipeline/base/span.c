// SPDX-License-Identifier: Apache-2.0
// Views: searching, comparing, cutting, numbers.
#include "tests/unit/pipeline/base/unit.h"

static struct span view(const char *text)
{
    return span_text(text);
}

static void test_compares(void **state)
{
    (void)state;
    assert_true(span_is(span_text(NULL), view("")));
    assert_true(span_is(view("abc"), view("abc")));
    assert_false(span_is(view("abc"), view("abd")));
    assert_false(span_is(view("abc"), view("ab")));
    assert_true(span_starts(view("abc"), view("")));
    assert_true(span_starts(view("abc"), view("ab")));
    assert_false(span_starts(view("ab"), view("abc")));
    assert_true(span_ends(view("abc"), view("bc")));
    assert_false(span_ends(view("c"), view("bc")));
    assert_true(span_is_nocase(view("Content-LENGTH"), view("content-length")));
    assert_false(span_is_nocase(view("a["), view("a{"))); // 0x20 apart, but no letters
    assert_false(span_is_nocase(view("\xc4"), view("\xe4")));
    assert_false(span_is_nocase(view("abc"), view("ab")));
}

static void test_finds(void **state)
{
    (void)state;
    assert_int_equal(span_find(view("abcabc"), 'c'), 2);
    assert_int_equal(span_find(view("abc"), 'd'), -1);
    assert_int_equal(span_find(span_text(NULL), 'd'), -1);
    assert_int_equal(span_find_span(view("abcabd"), view("abd")), 3);
    assert_int_equal(span_find_span(view("abcab"), view("abd")), -1);
    assert_int_equal(span_find_span(view("ab"), view("abd")), -1);
    assert_int_equal(span_find_span(view("ab"), view("")), 0);
    assert_int_equal(span_find_span(span_text(NULL), span_text(NULL)), 0);
    assert_int_equal(span_find_span(span_text(NULL), view("a")), -1);
}

static void test_takes_parts(void **state)
{
    (void)state;
    assert_span(span_first(view("abc"), 2), "ab");
    assert_span(span_first(view("abc"), SIZE_MAX), "abc");
    assert_span(span_skip(view("abc"), 2), "c");
    assert_span(span_skip(view("abc"), SIZE_MAX), "");
    assert_span(span_skip(span_text(NULL), 1), "");
    assert_span(span_trim(view(" \t a b\t ")), "a b");
    assert_span(span_trim(view(" \t ")), "");
    assert_span(span_trim(span_text(NULL)), "");
}

static void test_cuts(void **state)
{
    (void)state;
    struct span rest = view("a,,bc");
    assert_span(span_cut(&rest, ','), "a");
    assert_span(rest, ",bc");
    assert_span(span_cut(&rest, ','), "");
    assert_span(rest, "bc");
    assert_span(span_cut(&rest, ','), "bc");
    assert_span(rest, "");
    assert_span(span_cut(&rest, ','), "");
    rest = view("a,");
    assert_span(span_cut(&rest, ','), "a");
    assert_int_equal(rest.len, 0);
}

static void test_reads_numbers(void **state)
{
    (void)state;
    uint64_t number = 7;
    assert_true(span_number(view("0"), &number));
    assert_int_equal(number, 0);
    assert_true(span_number(view("18446744073709551615"), &number));
    assert_true(number == UINT64_MAX);
    assert_true(span_number(view("00000000000000000000000042"), &number));
    assert_int_equal(number, 42);
    static const char *const refused[] = {
        "", "18446744073709551616", "99999999999999999999", "-1", "+1", "1 ", " 1", "1a", "0x10"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(span_number(view(refused[i]), &number));
    assert_int_equal(number, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compares),      cmocka_unit_test(test_finds),
        cmocka_unit_test(test_takes_parts),   cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_reads_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
