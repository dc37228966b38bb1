// SPDX-License-Identifier: Apache-2.0
// What somebody probably meant, and when nothing is near.
#include "tests/unit/config/unit.h"

#include "config/nearest.h"

static const char *nearest_of(const char *wanted, const char *first, const char *second)
{
    struct nearest n = {.wanted = span_text(wanted)};
    nearest_try(&n, span_text(first));
    nearest_try(&n, span_text(second));
    return n.word.len ? (const char *)n.word.at : "";
}

static void test_finds_the_nearest(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("prots", "ports", "hosts"), "ports");           // changed round
    assert_string_equal(nearest_of("intefaces", "x", "interfaces"), "interfaces"); // left out
    assert_string_equal(nearest_of("portss", "sports", "ports"), "ports");         // added
    assert_string_equal(nearest_of("pcrts", "ports", "posts"), "ports");           // replaced
    assert_string_equal(nearest_of("ports", "port", "ports"), "ports");
    assert_string_equal(nearest_of("send_requests_al", "send_request", "send_headers"), "");
}

static void test_stays_silent(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("ab", "ac", "b"), ""); // too short to guess
    assert_string_equal(nearest_of("abc", "abx", "xyz"), "abx");
    assert_string_equal(nearest_of("abc", "axy", "xyz"), "");
    assert_string_equal(nearest_of("transaction_timeout", "transakton_timout", "x"),
                        "transakton_timout"); // 3 edits
    assert_string_equal(nearest_of("transaction_timeout", "ransakton_timout", "x"), "");
    assert_string_equal(nearest_of("", "", "x"), "");
}

static void test_long_words(void **state)
{
    (void)state;
    char *longest = repeat("x", 64), *longer = repeat("x", 65);
    assert_string_equal(nearest_of(longest, longest, longer), longest);
    assert_string_equal(nearest_of(longer, longer, longest), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_finds_the_nearest),
        test(test_stays_silent),
        test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
