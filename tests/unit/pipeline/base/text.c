// SPDX-License-Identifier: Apache-2.0
// Numbers, addresses, times and encodings, against the C library where it can say the same.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// ── numbers ──────────────────────────────────────────────────────────────────────────────────────

static void check_number(uint64_t number)
{
    uint8_t text[TEXT_NUMBER];
    char expected[32];
    snprintf(expected, sizeof expected, "%" PRIu64, number);
    assert_span(span_of(text, text_unsigned(text, number)), expected);
    snprintf(expected, sizeof expected, "%" PRId64, (int64_t)number);
    assert_span(span_of(text, text_signed(text, (int64_t)number)), expected);
}

static void test_numbers(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 20000; number++)
        check_number(number);
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++, power *= 10)
        for (uint64_t near = power - 2; near != power + 2; near++)
            check_number(near);
    check_number(UINT64_MAX);
    check_number((uint64_t)INT64_MIN);
    check_number((uint64_t)INT64_MAX);
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++)
        check_number(next_random(&seed) >> (i % 64));
}

// ── addresses ────────────────────────────────────────────────────────────────────────────────────

static void test_ipv4(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[4], text[TEXT_IP];
        char expected[INET_ADDRSTRLEN];
        for (int n = 0; n < 4; n++)
            bytes[n] = (uint8_t)(i < 256 ? i : (int)(next_random(&seed) >> 20 & 255));
        inet_ntop(AF_INET, bytes, expected, sizeof expected);
        assert_span(span_of(text, text_ip(text, bytes, 4)), expected);
    }
}

static void test_ipv6_as_rfc_5952_wants_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "::",
        "::1",
        "1::",
        "2001:db8::1",
        "2001:db8:0:1:1:1:1:1", // a single zero group is not shortened
        "2001:0:0:1::1",        // the longest run
        "2001:db8::1:0:0:1",    // the first of equals
        "1:2:3:4:5:6:7:8",
        "0:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:0",
        "::3:4:5:6:7:8",
        "1:2:3:4:5:6::",
        "fe80::a00:27ff:fe4e:66a1",
        "::ffff:192.168.255.1",
        "1000:100:10:1:f000:f00:f0:f",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "64:ff9b::c000:221",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ip ip;
        uint8_t text[TEXT_IP];
        assert_true(text_to_ip(span_text(texts[i]), &ip));
        assert_int_equal(ip.family, 6);
        assert_span(span_of(text, text_ip(text, ip.bytes, 6)), texts[i]);
    }
}

static void test_ipv6_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[16], back[16], text[TEXT_IP];
        char copy[TEXT_IP + 1];
        for (int n = 0; n < 16; n += 2) { // half of the groups are zero, many are short
            uint64_t random = next_random(&seed) >> 20;
            unsigned group = random & 1 ? 0 : (unsigned)(random >> 8 & 0xffff) >> (random & 12);
            bytes[n] = (uint8_t)(group >> 8);
            bytes[n + 1] = (uint8_t)group;
        }
        size_t len = text_ip(text, bytes, 6);
        memcpy(copy, text, len);
        copy[len] = 0;
        assert_int_equal(inet_pton(AF_INET6, copy, back), 1);
        assert_memory_equal(bytes, back, 16);
    }
}

static void test_refuses_what_is_no_address(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "1.2.3.256",
                                        "1.2.3.4 ",
                                        " ::1",
                                        ":::",
                                        "1::2::3",
                                        "12345::",
                                        "::g",
                                        "fe80::1%eth0",
                                        "1.2.3.4/8",
                                        "host",
                                        "0000:0000:0000:0000:0000:ffff:255.255.255.2550"};
    struct ip ip = {.family = 9};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(text_to_ip(span_text(texts[i]), &ip));
    assert_false(text_to_ip(span_of("1.2.3.4\0x", 9), &ip));
    assert_int_equal(ip.family, 9);
    assert_true(text_to_ip(span_text("10.0.0.1"), &ip));
    assert_int_equal(ip.family, 4);
    assert_memory_equal(ip.bytes, "\x0a\0\0\1", 4);
    uint8_t text[TEXT_IP];
    assert_int_equal(text_ip(text, ip.bytes, 0), 0);
}

static void test_mac(void **state)
{
    (void)state;
    uint8_t text[TEXT_MAC];
    const uint8_t mac[6] = {0x00, 0x1b, 0xff, 0xa0, 0x09, 0xcd};
    assert_span(span_of(text, text_mac(text, mac)), "00-1B-FF-A0-09-CD");
}

// ── times ────────────────────────────────────────────────────────────────────────────────────────

static void check_day(time_t second)
{
    uint8_t text[TEXT_TIME];
    char expected[64];
    struct tm tm;
    gmtime_r(&second, &tm);
    strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.123Z", &tm);
    assert_span(span_of(text, text_time(text, second * SECOND + 123 * MILLISECOND, 3)), expected);
}

static void test_times_agree_with_the_calendar(void **state)
{
    (void)state;
    // Every day that 64-bit nanoseconds reach, at an hour that moves along.
    for (time_t day = -106751; day <= 106751; day++)
        check_day(day * 86400 + labs(day) * 7919 % 86400);
}

static void check_time(int64_t nanoseconds, int digits, const char *expected)
{
    uint8_t text[TEXT_TIME];
    assert_span(span_of(text, text_time(text, nanoseconds, digits)), expected);
}

// Times near each other and far, back and forth: what is remembered is never the wrong second.
static void test_times_near_the_one_before(void **state)
{
    (void)state;
    struct text_second last = {0};
    uint64_t random = 5;
    int64_t time = 0;
    for (int i = 0; i < 20000; i++) {
        uint8_t near[TEXT_TIME], far[TEXT_TIME];
        static const int64_t steps[] = {1, SECOND / 3, SECOND, 86400 * SECOND};
        int64_t step = steps[next_random(&random) % 4];
        time += i % 1000 ? ((int64_t)(next_random(&random) % 5) - 2) * step : -time;
        size_t len = text_time_near(near, time, 9, &last);
        assert_int_equal(len, text_time(far, time, 9));
        assert_memory_equal(near, far, len);
    }
}

static void test_times_at_the_edges(void **state)
{
    (void)state;
    check_time(0, 3, "1970-01-01T00:00:00.000Z");
    check_time(-1, 9, "1969-12-31T23:59:59.999999999Z");
    check_time(-SECOND, 3, "1969-12-31T23:59:59.000Z");
    check_time(-86400 * SECOND, 3, "1969-12-31T00:00:00.000Z");
    check_time(INT64_MAX, 9, "2262-04-11T23:47:16.854775807Z");
    check_time(INT64_MIN, 9, "1677-09-21T00:12:43.145224192Z");
    check_time(1735689600 * SECOND + 123456789, 3, "2025-01-01T00:00:00.123Z");
    check_time(1735689600 * SECOND + 123456789, 6, "2025-01-01T00:00:00.123456Z");
    check_time(1735689600 * SECOND + 123456789, 9, "2025-01-01T00:00:00.123456789Z");
    check_time(1735689600 * SECOND + 999999999, 3, "2025-01-01T00:00:00.999Z"); // cut
    check_time(1735689600 * SECOND + 1000, 6, "2025-01-01T00:00:00.000001Z");
    check_time(951782400 * SECOND, 3, "2000-02-29T00:00:00.000Z");
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nanoseconds;
    } rows[] = {
        {"1500ms", 1500 * MILLISECOND},
        {"10s", 10 * SECOND},
        {"1m30s", 90 * SECOND},
        {"2h", 7200 * SECOND},
        {"100us", 100 * MICROSECOND},
        {"100\xc2\xb5s", 100 * MICROSECOND},
        {"100\xce\xbcs", 100 * MICROSECOND},
        {"5ns", 5},
        {"-1s", -SECOND},
        {"+1s", SECOND},
        {"0", 0},
        {"30", 30 * SECOND},
        {"-30", -30 * SECOND},
        {"1.5", 3 * SECOND / 2},
        {"1.5h", 5400 * SECOND},
        {".5s", SECOND / 2},
        {"1.s", SECOND},
        {"0.1h", 360 * SECOND},
        {"1h0m0.000000001s", 3600 * SECOND + 1},
        {"0.9999999999s", 999999999}, // cut
        {"9223372036.854775807s", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t nanoseconds = 77;
        assert_true(text_to_duration(span_text(rows[i].text), &nanoseconds));
        assert_true(nanoseconds == rows[i].nanoseconds);
    }
    static const char *const refused[] = {"",
                                          "-",
                                          "s",
                                          ".",
                                          ".s",
                                          "1x",
                                          "1 s",
                                          "1s ",
                                          "1s2",
                                          "1m30",
                                          "--1s",
                                          "1e3s",
                                          "1sm",
                                          "1..5s",
                                          "ms",
                                          "1d",
                                          "1ss",
                                          "abc",
                                          "9223372036854775808ns",
                                          "9223372037s",
                                          "99999999999999999999s",
                                          "9223372036.854775808s",
                                          "2562047h60m"};
    int64_t nanoseconds = 77;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(text_to_duration(span_text(refused[i]), &nanoseconds));
    assert_int_equal(nanoseconds, 77);
}

// ── encodings ────────────────────────────────────────────────────────────────────────────────────

static void test_hex(void **state)
{
    (void)state;
    uint8_t text[8];
    struct span bytes = span_of("\x00\x9a\xff", 3);
    assert_span(span_of(text, text_hex(text, bytes, false)), "009aff");
    assert_span(span_of(text, text_hex(text, bytes, true)), "009AFF");
    assert_int_equal(text_hex(text, span_of(NULL, 0), true), 0);
}

static void test_base64_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "+//+"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t to[32];
        struct span bytes = span_text(rows[i][0]);
        assert_span(span_of(to, text_base64(to, bytes, true)), rows[i][1]);
        assert_span(span_of(to, text_base64(to, bytes, false)), rows[i][2]);
        for (int form = 1; form <= 2; form++) {
            ptrdiff_t len = text_from_base64(to, span_text(rows[i][form]));
            assert_true(len >= 0);
            assert_span(span_of(to, (size_t)len), rows[i][0]);
        }
    }
}

static void test_base64_reads_back(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (size_t len = 0; len < 300; len++) {
        uint8_t bytes[300], text[404], back[304];
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)next_random(&random);
        size_t written = text_base64(text, span_of(bytes, len), len % 2);
        assert_int_equal(written, len % 2 ? (len + 2) / 3 * 4 : (len * 4 + 2) / 3);
        assert_int_equal(text_from_base64(back, span_of(text, written)), len);
        assert_memory_equal(back, bytes, len);
    }
}

static void test_refuses_what_is_not_base64(void **state)
{
    (void)state;
    static const char *const texts[] = {"Z",    "Zm9vY",    "=",    "====", "Zg=",  "Zg===",
                                        "Z===", "Zg==Zg==", "Zm-v", "Zm_v", "Zm v", "Zm9\n"};
    uint8_t to[32];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(text_from_base64(to, span_text(texts[i])), -1);
}

// ── UTF-8 ────────────────────────────────────────────────────────────────────────────────────────

static void test_utf8_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t whole;
    } rows[] = {
        {"", 0},
        {"plain ASCII text that is longer than a word", 43},
        {"gr\xc3\xbc\xc3\x9f", 6},
        {"gr\xc3\xbc\xc3", 4},
        {"12345678\xe2\x82\xac", 11},
        {"12345678\xe2\x82", 8},
        {"1234567\xe2\x82", 7},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf0\x9f\x98", 0},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0}, // beyond U+10FFFF
        {"\xf5\x80\x80\x80", 0},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0}, // a surrogate
        {"\xc0\x80", 0},     // long forms
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"a\x80", 1},
        {"a\xff", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(text_utf8_whole(span_text(rows[i].text)), rows[i].whole);
    assert_int_equal(text_utf8_whole(span_of("a\0b", 3)), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ipv4),
        cmocka_unit_test(test_ipv6_as_rfc_5952_wants_it),
        cmocka_unit_test(test_ipv6_reads_back),
        cmocka_unit_test(test_refuses_what_is_no_address),
        cmocka_unit_test(test_mac),
        cmocka_unit_test(test_times_agree_with_the_calendar),
        cmocka_unit_test(test_times_near_the_one_before),
        cmocka_unit_test(test_times_at_the_edges),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64_of_rfc_4648),
        cmocka_unit_test(test_base64_reads_back),
        cmocka_unit_test(test_refuses_what_is_not_base64),
        cmocka_unit_test(test_utf8_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
