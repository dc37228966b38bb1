// SPDX-License-Identifier: Apache-2.0
// Numbers, addresses, times and encodings as text, and back. Nothing here calls printf or the C
// library's calendar: every document has several of these texts.
#include "pipeline/base/text.h"

#include "pipeline/base/clock.h"

#include <arpa/inet.h>
#include <string.h>

static const char two_digits[] = "00010203040506070809101112131415161718192021222324"
                                 "25262728293031323334353637383940414243444546474849"
                                 "50515253545556575859606162636465666768697071727374"
                                 "75767778798081828384858687888990919293949596979899";

static inline void put_two(uint8_t *to, unsigned number)
{
    memcpy(to, two_digits + 2 * (size_t)number, 2);
}

// ── numbers ──────────────────────────────────────────────────────────────────────────────────

static inline uint8_t *put_four(uint8_t *to, unsigned number)
{
    put_two(to, number / 100);
    put_two(to + 2, number % 100);
    return to + 4;
}

// A number below 10000, without leading zeros; where it ends.
static inline uint8_t *put_small(uint8_t *to, unsigned number)
{
    if (number >= 1000)
        return put_four(to, number);
    if (number >= 100) {
        *to = (uint8_t)('0' + number / 100);
        put_two(to + 1, number % 100);
        return to + 3;
    }
    if (number >= 10) {
        put_two(to, number);
        return to + 2;
    }
    *to = (uint8_t)('0' + number);
    return to + 1;
}

size_t text_unsigned(uint8_t *to, uint64_t number)
{
    enum { SMALL = 10000 };
    if (number < SMALL)
        return (size_t)(put_small(to, (unsigned)number) - to);
    if (number < SMALL * SMALL)
        return (
            size_t)(put_four(put_small(to, (unsigned)number / SMALL), (unsigned)number % SMALL) -
                    to);
    unsigned last = (unsigned)(number % (SMALL * SMALL));
    uint8_t *at = to + text_unsigned(to, number / (SMALL * SMALL));
    return (size_t)(put_four(put_four(at, last / SMALL), last % SMALL) - to);
}

size_t text_signed(uint8_t *to, int64_t number)
{
    if (number >= 0)
        return text_unsigned(to, (uint64_t)number);
    *to = '-';
    return 1 + text_unsigned(to + 1, -(uint64_t)number);
}

// ── addresses ────────────────────────────────────────────────────────────────────────────────

static size_t text_ipv4(uint8_t *to, const uint8_t *bytes)
{
    uint8_t *at = to;
    for (int i = 0; i < 4; i++) {
        at = put_small(at, bytes[i]);
        *at++ = '.';
    }
    return (size_t)(at - to) - 1;
}

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

// One group of an IPv6 address, without leading zeros.
static uint8_t *put_group(uint8_t *to, unsigned group)
{
    for (int shift = group >= 0x1000  ? 12
                     : group >= 0x100 ? 8
                     : group >= 0x10  ? 4
                                      : 0;
         shift >= 0; shift -= 4)
        *to++ = (uint8_t)hex_lower[group >> shift & 15];
    return to;
}

struct run {
    int first, len;
};

// The longest run of zero groups, the first of equals; a single one is not shortened.
static struct run longest_zeros(const unsigned group[8])
{
    struct run best = {-1, 1}, here = {0, 0};
    for (int i = 0; i < 8; i++) {
        if (group[i]) {
            here = (struct run){i + 1, 0};
            continue;
        }
        here.len++;
        if (here.len > best.len)
            best = here;
    }
    return best;
}

static size_t text_ipv6(uint8_t *to, const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        memcpy(to, "::ffff:", 7);
        return 7 + text_ipv4(to + 7, bytes + 12);
    }
    unsigned group[8];
    for (int i = 0; i < 8; i++)
        group[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    struct run zeros = longest_zeros(group);
    uint8_t *at = to;
    for (int i = 0; i < 8; i++) {
        if (i == zeros.first) {
            *at++ = ':';
            i += zeros.len - 1;
            if (i == 7)
                *at++ = ':';
            continue;
        }
        if (i)
            *at++ = ':';
        at = put_group(at, group[i]);
    }
    return (size_t)(at - to);
}

size_t text_ip(uint8_t *to, const uint8_t *bytes, int family)
{
    return family == 4 ? text_ipv4(to, bytes) : family == 6 ? text_ipv6(to, bytes) : 0;
}

bool text_to_ip(struct span text, struct ip *out)
{
    char copy[TEXT_IP + 1];
    if (text.len == 0 || text.len > TEXT_IP || span_find(text, 0) >= 0)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    struct ip ip = {.family = span_find(text, ':') >= 0 ? 6 : 4};
    if (inet_pton(ip.family == 6 ? AF_INET6 : AF_INET, copy, ip.bytes) != 1)
        return false;
    *out = ip;
    return true;
}

size_t text_mac(uint8_t *to, const uint8_t bytes[6])
{
    for (int i = 0; i < 6; i++) {
        to[3 * i] = (uint8_t)hex_upper[bytes[i] >> 4];
        to[3 * i + 1] = (uint8_t)hex_upper[bytes[i] & 15];
        if (i < 5)
            to[3 * i + 2] = '-';
    }
    return TEXT_MAC;
}

// ── times ────────────────────────────────────────────────────────────────────────────────────

struct date {
    unsigned year, month, day;
};

// The Gregorian date of a day counted from 1970. Years are counted from March, so that the leap day
// is their last, and in eras of 400 years, which all have 146097 days.
static struct date date_of(int64_t day)
{
    enum { ERA = 146097, FROM_MARCH_OF_0 = 719468 };
    uint32_t days = (uint32_t)(day + FROM_MARCH_OF_0); // 64-bit nanoseconds reach from 1677 to 2262
    uint32_t era = days / ERA, in_era = days % ERA;
    uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * in_year + 2) / 153; // 0 is March
    return (struct date){.year = era * 400 + year + (month >= 10),
                         .month = month < 10 ? month + 3 : month - 9,
                         .day = in_year - (153 * month + 2) / 5 + 1};
}

// `digits` of the nine of a fraction, two at a time from its end.
static void put_fraction(uint8_t *to, uint32_t nanoseconds, int digits)
{
    uint32_t rest = digits == 3   ? nanoseconds / 1000000
                    : digits == 6 ? nanoseconds / 1000
                                  : nanoseconds;
    for (; digits >= 2; digits -= 2, rest /= 100)
        put_two(to + digits - 2, rest % 100);
    if (digits)
        *to = (uint8_t)('0' + rest);
}

enum { DAY = 86400 };

// "2025-01-01T", and the rest to be filled in.
static void put_day(uint8_t to[TEXT_SECOND], int64_t midnight)
{
    struct date date = date_of(midnight / DAY);
    memcpy(to, "0000-00-00T00:00:00.", TEXT_SECOND);
    put_four(to, date.year);
    put_two(to + 5, date.month);
    put_two(to + 8, date.day);
}

// All of a second but its fraction: "2025-01-01T00:00:00."
static void put_second(struct text_second *last, int64_t second)
{
    int64_t clock = second - last->midnight;
    if (!last->text[0] || clock < 0 || clock >= DAY) {
        clock = (second % DAY + DAY) % DAY;
        last->midnight = second - clock;
        put_day(last->text, last->midnight);
    }
    last->second = second;
    put_two(last->text + 11, (unsigned)clock / 3600);
    put_two(last->text + 14, (unsigned)clock / 60 % 60);
    put_two(last->text + 17, (unsigned)clock % 60);
}

size_t text_time_near(uint8_t *to, int64_t nanoseconds, int digits, struct text_second *last)
{
    int64_t second = nanoseconds / SECOND, fraction = nanoseconds % SECOND;
    if (fraction < 0) {
        second--;
        fraction += SECOND;
    }
    if (second != last->second || !last->text[0])
        put_second(last, second);
    memcpy(to, last->text, TEXT_SECOND);
    put_fraction(to + TEXT_SECOND, (uint32_t)fraction, digits);
    if (digits == 9)
        while (digits > 3 && to[TEXT_SECOND - 1 + digits] == '0')
            digits--;
    to[TEXT_SECOND + digits] = 'Z';
    return TEXT_SECOND + 1 + (size_t)digits;
}

size_t text_time(uint8_t *to, int64_t nanoseconds, int digits)
{
    struct text_second none = {0};
    return text_time_near(to, nanoseconds, digits, &none);
}

static const struct unit {
    struct span name;
    int64_t nanoseconds;
} units[] = {
    // Longer names first: "ms" begins like "m".
    {SPAN("ns"), 1},
    {SPAN("us"), MICROSECOND},
    {SPAN("\xc2\xb5s"), MICROSECOND}, // U+00B5, micro sign
    {SPAN("\xce\xbcs"), MICROSECOND}, // U+03BC, Greek mu
    {SPAN("ms"), MILLISECOND},
    {SPAN("s"), SECOND},
    {SPAN("m"), 60 * SECOND},
    {SPAN("h"), 3600 * SECOND},
};

// Takes the unit off *text; 0 if there is none.
static int64_t cut_unit(struct span *text)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!span_starts(*text, units[i].name))
            continue;
        *text = span_skip(*text, units[i].name.len);
        return units[i].nanoseconds;
    }
    return 0;
}

static struct span cut_digits(struct span *text)
{
    size_t len = 0;
    while (len < text->len && text->at[len] >= '0' && text->at[len] <= '9')
        len++;
    struct span digits = span_first(*text, len);
    *text = span_skip(*text, len);
    return digits;
}

// One "1.5h" off the start of *text, added to *sum. Seconds where no unit follows, which only the
// whole of a text may be: `bare`.
static bool add_part(struct span *text, bool bare, int64_t *sum)
{
    struct span whole = cut_digits(text), fraction = {0};
    if (text->len && text->at[0] == '.') {
        *text = span_skip(*text, 1);
        fraction = cut_digits(text);
    }
    int64_t unit = bare && text->len == 0 ? SECOND : cut_unit(text);
    uint64_t number = 0;
    int64_t part;
    if (!unit || whole.len + fraction.len == 0 || (whole.len && !span_number(whole, &number)) ||
        __builtin_mul_overflow(number, unit, &part) || __builtin_add_overflow(*sum, part, sum))
        return false;
    for (size_t i = 0; i < fraction.len && unit; i++) {
        unit /= 10;
        if (__builtin_add_overflow(*sum, unit * (fraction.at[i] - '0'), sum))
            return false;
    }
    return true;
}

bool text_to_duration(struct span text, int64_t *nanoseconds)
{
    bool negative = text.len && text.at[0] == '-';
    if (text.len && (text.at[0] == '-' || text.at[0] == '+'))
        text = span_skip(text, 1);
    int64_t sum = 0;
    for (bool bare = true; bare || text.len; bare = false)
        if (!add_part(&text, bare, &sum))
            return false;
    *nanoseconds = negative ? -sum : sum;
    return true;
}

// ── encodings ────────────────────────────────────────────────────────────────────────────────

size_t text_hex(uint8_t *to, struct span bytes, bool upper)
{
    const char *digits = upper ? hex_upper : hex_lower;
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = (uint8_t)digits[bytes.at[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[bytes.at[i] & 15];
    }
    return 2 * bytes.len;
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// 24 bits as four characters.
static inline void put_sextets(uint8_t *to, uint32_t bits)
{
    to[0] = (uint8_t)base64[bits >> 18];
    to[1] = (uint8_t)base64[bits >> 12 & 63];
    to[2] = (uint8_t)base64[bits >> 6 & 63];
    to[3] = (uint8_t)base64[bits & 63];
}

size_t text_base64(uint8_t *to, struct span bytes, bool padded)
{
    const uint8_t *from = bytes.at;
    size_t left = bytes.len;
    uint8_t *at = to;
    for (; left >= 3; left -= 3, from += 3, at += 4)
        put_sextets(at, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2]);
    if (!left)
        return (size_t)(at - to);
    uint8_t last[4];
    put_sextets(last, (uint32_t)from[0] << 16 | (left == 2 ? (uint32_t)from[1] << 8 : 0));
    memset(last + left + 1, '=', 3 - left);
    size_t len = padded ? 4 : left + 1;
    memcpy(at, last, len);
    return (size_t)(at - to) + len;
}

// The six bits of a base64 character, or -1.
static int sextet(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

ptrdiff_t text_from_base64(uint8_t *to, struct span text)
{
    if (text.len % 4 == 0)
        for (int i = 0; i < 2 && text.len && text.at[text.len - 1] == '='; i++)
            text.len--;
    if (text.len % 4 == 1)
        return -1;
    uint8_t *at = to;
    uint32_t bits = 0;
    unsigned held = 0; // bits of `bits` that are not yet written
    for (size_t i = 0; i < text.len; i++) {
        int six = sextet(text.at[i]);
        if (six < 0)
            return -1;
        bits = bits << 6 | (uint32_t)six;
        held += 6;
        if (held >= 8)
            *at++ = (uint8_t)(bits >> (held -= 8));
    }
    return at - to;
}

// ── UTF-8 ────────────────────────────────────────────────────────────────────────────────────

// How many bytes a character has by its first byte (0: none begins so) and which second bytes it
// allows: RFC 3629 section 4. The limits keep out long forms, surrogates and what lies beyond
// U+10FFFF.
static size_t utf8_len(uint8_t first, uint8_t *low, uint8_t *high)
{
    *low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t text_utf8_character(struct span s, bool *whole)
{
    uint8_t low, high;
    size_t len = utf8_len(s.at[0], &low, &high), have = 1;
    while (have < len && have < s.len && s.at[have] >= low && s.at[have] <= high) {
        low = 0x80;
        high = 0xbf;
        have++;
    }
    *whole = have == len;
    return have;
}

// Bytes at the start that are ASCII, rounded down to words.
static size_t ascii_words(struct span s)
{
    size_t at = 0;
    for (uint64_t word; at + sizeof word <= s.len; at += sizeof word) {
        memcpy(&word, s.at + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

size_t text_utf8_whole(struct span s)
{
    struct span rest = s;
    while (rest.len) {
        rest = span_skip(rest, ascii_words(rest));
        if (rest.len == 0)
            break;
        bool whole;
        size_t len = text_utf8_character(rest, &whole);
        if (!whole)
            break;
        rest = span_skip(rest, len);
    }
    return s.len - rest.len;
}
