// SPDX-License-Identifier: Apache-2.0
// The pen against a slow writer that works byte by byte, for texts of every length and places of
// every size; broken UTF-8 by the examples of the Unicode standard; numbers that read back.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/json.h"
#include "pipeline/base/text.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LONGEST = 600 };

// ── the slow writer ──────────────────────────────────────────────────────────────────────────────

// The code point of `len` bytes read as UTF-8, or -1 unless they are its one right form.
static long code_point(const uint8_t *s, size_t len)
{
    static const uint8_t marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    static const uint8_t masks[] = {0, 0x80, 0xe0, 0xf0, 0xf8};
    static const long lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    if ((s[0] & masks[len]) != marks[len])
        return -1;
    long point = s[0] & ~masks[len];
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return -1;
        point = point << 6 | (s[i] & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < lowest[len] || point > 0x10ffff || surrogate ? -1 : point;
}

// True if these bytes could begin a character of `whole` bytes.
static bool is_beginning(const uint8_t *s, size_t len, size_t whole)
{
    static const uint8_t next[] = {0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf};
    if (len == whole)
        return code_point(s, len) >= 0;
    uint8_t longer[4] = {0};
    memcpy(longer, s, len);
    for (size_t i = 0; i < sizeof next; i++) {
        longer[len] = next[i];
        if (is_beginning(longer, len + 1, whole))
            return true;
    }
    return false;
}

// Bytes at the start that one character, or one U+FFFD, stands for.
static size_t step(struct span s, bool *valid)
{
    size_t broken = 1;
    for (size_t whole = 1; whole <= 4; whole++) {
        for (size_t len = 1; len <= whole && len <= s.len; len++) {
            if (!is_beginning(s.at, len, whole))
                break;
            if (len == whole) {
                *valid = true;
                return len;
            }
            broken = len > broken ? len : broken;
        }
    }
    *valid = false;
    return broken;
}

static size_t write_slowly(char *to, struct span s)
{
    char *at = to;
    *at++ = '"';
    while (s.len) {
        bool valid;
        size_t len = step(s, &valid);
        uint8_t byte = s.at[0];
        const char *letter = memchr("\bb\tt\nn\ff\rr\"\"\\\\", byte, 14);
        if (!valid)
            at += sprintf(at, "\xef\xbf\xbd");
        else if (byte == 'b' || byte == 't' || byte == 'n' || byte == 'f' || byte == 'r' || !letter)
            at += byte < 0x20 ? sprintf(at, "\\u%04x", byte)
                              : sprintf(at, "%.*s", (int)len, (const char *)s.at);
        else
            at += sprintf(at, "\\%c", letter[1]);
        s = span_skip(s, len);
    }
    *at++ = '"';
    return (size_t)(at - to);
}

// A place of exactly `size` bytes, so that a byte too many is seen.
static struct span write_text(struct span text, size_t size, bool *full)
{
    static uint8_t *place;
    free(place);
    place = malloc(size ? size : 1);
    assert_non_null(place);
    struct pen p = pen_of(place, size);
    pen_text(&p, text);
    *full = p.full;
    return pen_written(&p);
}

static void check_sizes(struct span text, const size_t *sizes, size_t count)
{
    static char expected[LONGEST * 6 + 2];
    size_t len = write_slowly(expected, text);
    for (size_t i = 0; i < count; i++) {
        bool full;
        struct span got = write_text(text, len + sizes[i], &full);
        if (sizes[i] > LONGEST * 6) { // below zero: too small
            assert_true(full);
            assert_true(got.len < len);
            continue;
        }
        assert_false(full);
        assert_int_equal(got.len, len);
        assert_memory_equal(got.at, expected, len);
    }
}

// In a copy of exactly its length, so that reading too far is seen too.
static void check(const void *bytes, size_t len)
{
    static const size_t sizes[] = {0, (size_t)-1, 1, 5, 6, 7, 15, 16, 100, 400, LONGEST * 6};
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len)
        memcpy(copy, bytes, len);
    check_sizes(span_of(copy, len), sizes, sizeof sizes / sizeof *sizes);
    free(copy);
}

// ── texts ────────────────────────────────────────────────────────────────────────────────────────

static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    uint8_t text[40];
    for (size_t len = 1; len <= sizeof text; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = at < 2 ? 0 : 30; byte < 256; byte += at < 2 ? 1 : 13) {
                memset(text, 'x', len);
                text[at] = (uint8_t)byte;
                check(text, len);
            }
    check(text, 0);
}

static void test_the_worst_case(void **state)
{
    (void)state;
    uint8_t text[LONGEST];
    static const uint8_t worst[] = {0x01, '"', 0xff};
    for (size_t i = 0; i < sizeof worst; i++) {
        memset(text, worst[i], sizeof text);
        for (size_t len = 1; len <= sizeof text; len += len < 70 ? 1 : 53)
            check(text, len);
    }
}

static void test_random_texts(void **state)
{
    (void)state;
    static const char *const alphabets[] = {"abcdefghijklmnopqrstuvwxyz \"", "\"\\\n\t\x01 a",
                                            "\x80\xbf\xc2\xe0\xe1\xed\xf0\xf4\xf5\xff a",
                                            "\xc3\xa4\xc3\xb6",
                                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac"};
    uint64_t seed = 4;
    uint8_t text[LONGEST];
    for (int turn = 0; turn < 3000; turn++) {
        struct span alphabet = span_text(alphabets[turn % 5]);
        size_t len = next_random(&seed) % (turn % 10 ? 70 : LONGEST);
        size_t start = next_random(&seed) % alphabet.len;
        for (size_t i = 0; i < len; i++) // runs of the alphabet, so that characters are whole
            text[i] =
                alphabet.at[(next_random(&seed) % 4 ? start++ : (start = next_random(&seed))) %
                            alphabet.len];
        check(text, len);
    }
}

static void check_repair(const char *text, const char *expected)
{
    bool full;
    assert_span(write_text(span_text(text), 200, &full), expected);
    assert_false(full);
}

#define BAD "\xef\xbf\xbd"

static void test_repairs_as_unicode_says(void **state)
{
    (void)state;
    // Tables 3-8 to 3-11 of the Unicode standard, section 3.9.
    check_repair("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
                 "\"" BAD BAD BAD BAD BAD BAD BAD BAD "A\"");
    check_repair("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
                 "\"" BAD BAD BAD BAD BAD BAD BAD BAD "A\"");
    check_repair("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
                 "\"" BAD BAD BAD BAD BAD "A" BAD BAD "B\"");
    check_repair("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\"" BAD BAD BAD BAD "A\"");
    check_repair("a\xf1\x80\x80", "\"a" BAD "\"");
}

static void test_escapes_no_more_than_it_must(void **state)
{
    (void)state;
    check_repair("<a href='/'>&amp;</a>\x7f\xe2\x80\xa8",
                 "\"<a href='/'>&amp;</a>\x7f\xe2\x80\xa8\"");
    check_repair("\"\\\b\f\n\r\t\x01\x1f/", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\"");
    bool full;
    assert_span(write_text(span_of("\0", 1), 8, &full), "\"\\u0000\"");
}

static void test_parts_make_a_whole(void **state)
{
    (void)state;
    uint8_t place[64];
    struct pen p = pen_of(place, sizeof place);
    pen_text_part(&p, span_text("a\"b"));
    pen_text_part(&p, span_of(NULL, 0));
    pen_text_part(&p, span_text("\xc3")); // a character cut in two is two halves
    pen_text_part(&p, span_text("\xa4"));
    assert_span(pen_written(&p), "a\\\"b" BAD BAD);
    pen_text(&p, span_of(NULL, 0));
    assert_span(pen_written(&p), "a\\\"b" BAD BAD "\"\"");
}

static void test_a_text_larger_than_any_buffer(void **state)
{
    (void)state;
    enum { LEN = 100000 };
    static uint8_t text[LEN], place[LEN * 6 + 2];
    for (size_t i = 0; i < LEN; i++)
        text[i] = (uint8_t) "\xe2\x82\xac"[i % 3];
    // Room for it as it is, not for the worst case: no character may be cut on the way.
    for (size_t room = LEN + 1; room < LEN + 4; room++) {
        struct pen p = pen_of(place, room + 1);
        pen_text(&p, span_of(text, LEN - 1));
        // 33333 characters; the last is whole.
        assert_int_equal(p.full, false);
        assert_int_equal(pen_written(&p).len, LEN - 1 + 2);
        assert_memory_equal(place + 1, text, LEN - 1);
    }
}

// ── a full pen ───────────────────────────────────────────────────────────────────────────────────

static void test_a_full_pen_writes_nothing_more(void **state)
{
    (void)state;
    uint8_t place[100];
    const uint8_t ip[4] = {1, 2, 3, 4};
    struct pen p = pen_of(place, 10);
    pen_raw(&p, span_text("123456789"));
    pen_raw(&p, span_text("ab"));
    assert_true(p.full);
    pen_byte(&p, 'x'); // there would be room
    pen_raw(&p, span_of(NULL, 0));
    pen_text(&p, span_text(""));
    pen_text_part(&p, span_text("a"));
    pen_unsigned(&p, 1);
    pen_signed(&p, -1);
    pen_double(&p, 0.5);
    pen_bool(&p, true);
    pen_ip(&p, ip, 4);
    pen_time(&p, 0, 3);
    assert_span(pen_written(&p), "123456789");
    assert_true(p.full);
    // One that is full with much room left, too.
    p = pen_of(place, sizeof place);
    p.full = true;
    pen_text(&p, span_text("a"));
    pen_text_part(&p, span_text("a"));
    pen_time(&p, 0, 3);
    assert_int_equal(pen_written(&p).len, 0);
}

static void test_no_place_at_all(void **state)
{
    (void)state;
    struct pen p = pen_of(NULL, 0);
    pen_raw(&p, span_of(NULL, 0));
    assert_false(p.full);
    pen_text(&p, span_text("a"));
    assert_true(p.full);
}

// ── numbers and the like ─────────────────────────────────────────────────────────────────────────

static struct span write_double(double number)
{
    static uint8_t place[64];
    struct pen p = pen_of(place, sizeof place);
    pen_double(&p, number);
    assert_false(p.full);
    return pen_written(&p);
}

static void check_double(double number)
{
    char text[64] = "";
    struct span got = write_double(number);
    memcpy(text, got.at, got.len);
    assert_true(strtod(text, NULL) == number);
    assert_true(got.at[0] == '-' || (got.at[0] >= '0' && got.at[0] <= '9'));
}

static void test_doubles_read_back(void **state)
{
    (void)state;
    assert_span(write_double(0), "0");
    assert_span(write_double(0.1), "0.1");
    assert_span(write_double(-2.5), "-2.5");
    assert_span(write_double(1e300), "1e+300");
    assert_span(write_double(123456789012.0), "123456789012");
    assert_span(write_double(0.1 + 0.2), "0.30000000000000004");
    assert_span(write_double((double)NAN), "null");
    assert_span(write_double((double)INFINITY), "null");
    assert_span(write_double(-(double)INFINITY), "null");
    check_double(DBL_MAX);
    check_double(DBL_MIN);
    check_double(4.9406564584124654e-324);
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number))
            check_double(number);
    }
}

static void test_numbers_flags_addresses_times(void **state)
{
    (void)state;
    uint8_t place[300];
    const uint8_t four[4] = {10, 0, 0, 1}, six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct pen p = pen_of(place, sizeof place);
    pen_unsigned(&p, UINT64_MAX);
    pen_byte(&p, ',');
    pen_signed(&p, INT64_MIN);
    pen_byte(&p, ',');
    pen_bool(&p, true);
    pen_bool(&p, false);
    pen_ip(&p, four, 4);
    pen_ip(&p, six, 6);
    pen_time(&p, 1735689600 * SECOND + 5 * MILLISECOND, 3);
    assert_span(pen_written(&p), "18446744073709551615,-9223372036854775808,truefalse"
                                 "\"10.0.0.1\"\"2001:db8::1\"\"2025-01-01T00:00:00.005Z\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_the_worst_case),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_repairs_as_unicode_says),
        cmocka_unit_test(test_escapes_no_more_than_it_must),
        cmocka_unit_test(test_parts_make_a_whole),
        cmocka_unit_test(test_a_text_larger_than_any_buffer),
        cmocka_unit_test(test_a_full_pen_writes_nothing_more),
        cmocka_unit_test(test_no_place_at_all),
        cmocka_unit_test(test_doubles_read_back),
        cmocka_unit_test(test_numbers_flags_addresses_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
