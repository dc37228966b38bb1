// SPDX-License-Identifier: Apache-2.0
// The pen. A text is copied sixteen bytes at a time while nothing in them needs care; room for the
// worst case is asked for once, before, so the copying checks nothing. A text whose worst case does
// not fit goes through a small buffer, piece by piece.
#include "pipeline/base/json.h"

#include "pipeline/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    WORST = 6,  // bytes that one byte of text becomes at most: \u001f
    BLOCK = 16, // copied at once
    PIECE = 256 // of a text that goes through the buffer
};

// ── what needs no care: ASCII from space on, but for the quote and the backslash ─────────────────

#ifdef __SSE2__

// A bit for each of 16 bytes that needs care. As signed numbers, bytes from 0x80 on are below
// space.
static inline unsigned careful_bytes(__m128i v)
{
    __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}

// Copies 16 bytes; how many of them, from the first, need no care.
static inline unsigned copy_block(uint8_t *to, const uint8_t *at)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    _mm_storeu_si128((__m128i *)(void *)to, v);
    return (unsigned)__builtin_ctz(careful_bytes(v) | 1u << BLOCK);
}

static inline bool is_plain(uint64_t some, uint64_t others)
{
    return careful_bytes(_mm_set_epi64x((long long)some, (long long)others)) == 0;
}

#else

// True if any of 8 bytes needs care.
static inline bool word_needs_care(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    uint64_t low = (word - ones * ' ') & ~word;
    return ((word | low | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops) !=
           0;
}

static inline bool is_plain(uint64_t some, uint64_t others)
{
    return !word_needs_care(some) && !word_needs_care(others);
}

static inline unsigned copy_block(uint8_t *to, const uint8_t *at)
{
    uint64_t words[2];
    memcpy(words, at, BLOCK);
    memcpy(to, words, BLOCK);
    if (is_plain(words[0], words[1]))
        return BLOCK;
    unsigned plain = 0;
    while (at[plain] >= ' ' && at[plain] < 0x80 && at[plain] != '"' && at[plain] != '\\')
        plain++;
    return plain;
}

#endif

// Copies 1 to 15 bytes, as two words that overlap. False: one of them needs care, and what was
// copied is worth nothing.
static inline bool copy_short(uint8_t *to, const uint8_t *at, size_t len)
{
    const uint64_t blanks = UINT64_C(0x2020202020202020);
    if (len >= 8) {
        uint64_t first, last;
        memcpy(&first, at, 8);
        memcpy(&last, at + len - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + len - 8, &last, 8);
        return is_plain(first, last);
    }
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, at, 4);
        memcpy(&last, at + len - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
        return is_plain(first | (uint64_t)last << 32, blanks);
    }
    uint8_t first = at[0], middle = at[len / 2], last = at[len - 1];
    to[0] = first;
    to[len / 2] = middle;
    to[len - 1] = last;
    return is_plain(first | (uint64_t)middle << 8 | (uint64_t)last << 16 | blanks << 24, blanks);
}

// ── what does ────────────────────────────────────────────────────────────────────────────────────

static uint8_t *write_escape(uint8_t *to, uint8_t byte)
{
    static const char short_form[' '] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    *to++ = '\\';
    if (byte >= ' ') { // the quote and the backslash
        *to++ = byte;
    } else if (short_form[byte]) {
        *to++ = (uint8_t)short_form[byte];
    } else {
        memcpy(to, "u00", 3);
        to[3] = (uint8_t)('0' + (byte >> 4));
        to[4] = (uint8_t) "0123456789abcdef"[byte & 15];
        to += 5;
    }
    return to;
}

// Characters beyond ASCII, until one is not.
static uint8_t *write_utf8(uint8_t *to, const uint8_t **at, const uint8_t *end)
{
    while (*at < end && **at >= 0x80) {
        bool whole;
        size_t len = text_utf8_character(span_of(*at, (size_t)(end - *at)), &whole);
        if (whole) {
            memcpy(to, *at, len);
            to += len;
        } else {
            memcpy(to, "\xef\xbf\xbd", 3); // U+FFFD
            to += 3;
        }
        *at += len;
    }
    return to;
}

// One thing that needs care.
static uint8_t *write_careful(uint8_t *to, const uint8_t **at, const uint8_t *end)
{
    if (**at >= 0x80)
        return write_utf8(to, at, end);
    return write_escape(to, *(*at)++);
}

static uint8_t *write_bytewise(uint8_t *to, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (*at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
            *to++ = *at++;
        else
            to = write_careful(to, &at, end);
    }
    return to;
}

// Writes a text to a place of at least WORST × its length bytes; the end of what it wrote. A block
// is only copied while as much text is left, so it stays inside that place.
static inline __attribute__((always_inline)) uint8_t *write_text(uint8_t *to, struct span s)
{
    const uint8_t *at = s.at, *end = s.at + s.len;
    while (end - at >= BLOCK) {
        unsigned plain = copy_block(to, at);
        if (plain == BLOCK) { // guessed right nearly always, so the next block need not wait
            at += BLOCK;
            to += BLOCK;
            continue;
        }
        at += plain;
        to += plain;
        const uint8_t *from = at;
        for (; at < end && (*at == '\\' || *at == '"'); at++) {
            *to++ = '\\';
            *to++ = *at;
        }
        if (at == from)
            to = write_careful(to, &at, end);
    }
    size_t left = (size_t)(end - at);
    if (left == 0)
        return to;
    return copy_short(to, at, left) ? to + left : write_bytewise(to, at, end);
}

// ── the pen ──────────────────────────────────────────────────────────────────────────────────────

// Bytes of text that find room whatever they become.
static inline size_t safe_length(const struct pen *p)
{
    return p->full ? 0 : (size_t)(p->end - p->at) / WORST;
}

// At most `len` bytes, which end between two characters: a byte in the middle of one has at most
// two of its kind before it.
static size_t whole_characters(struct span s, size_t len)
{
    if (len >= s.len)
        return s.len;
    for (size_t back = 0; back < 4 && back < len; back++)
        if ((s.at[len - back] & 0xc0) != 0x80)
            return len - back;
    return len;
}

// The part of a text that does not fit in the worst case.
static void write_tight(struct pen *p, struct span s)
{
    uint8_t buffer[PIECE * WORST];
    while (s.len && !p->full) {
        size_t len = safe_length(p);
        if (len >= PIECE) {
            len = whole_characters(s, len);
            p->at = write_text(p->at, span_first(s, len));
        } else {
            len = whole_characters(s, PIECE);
            const uint8_t *end = write_text(buffer, span_first(s, len));
            pen_raw(p, span_of(buffer, (size_t)(end - buffer)));
        }
        s = span_skip(s, len);
    }
}

void pen_raw_many(struct pen *p, struct span s)
{
    if (pen_room(p, s.len)) {
        memcpy(p->at, s.at, s.len);
        p->at += s.len;
    }
}

void pen_text_part(struct pen *p, struct span s)
{
    if (s.len <= safe_length(p) && s.len)
        p->at = write_text(p->at, s);
    else
        write_tight(p, s);
}

uint8_t *json_text(uint8_t *to, struct span s)
{
    *to++ = '"';
    if (s.len)
        to = write_text(to, s);
    *to++ = '"';
    return to;
}

void pen_text(struct pen *p, struct span s)
{
    if (s.len + 1 <= safe_length(p)) { // one more for the quotes
        p->at = json_text(p->at, s);
        return;
    }
    pen_byte(p, '"');
    write_tight(p, s);
    pen_byte(p, '"');
}

void pen_unsigned(struct pen *p, uint64_t number)
{
    if (pen_room(p, TEXT_NUMBER))
        p->at += text_unsigned(p->at, number);
}

void pen_signed(struct pen *p, int64_t number)
{
    if (pen_room(p, TEXT_NUMBER))
        p->at += text_signed(p->at, number);
}

void pen_double(struct pen *p, double number)
{
    if (!isfinite(number)) {
        pen_raw(p, span_text("null"));
        return;
    }
    char text[32];
    int len = 0;
    // 15 digits never lie, 17 always suffice.
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    pen_raw(p, span_of(text, (size_t)len));
}

void pen_bool(struct pen *p, bool flag)
{
    pen_raw(p, flag ? span_of("true", 4) : span_of("false", 5));
}

void pen_ip(struct pen *p, const uint8_t *bytes, int family)
{
    if (!pen_room(p, TEXT_IP + 2))
        return;
    *p->at++ = '"';
    p->at += text_ip(p->at, bytes, family);
    *p->at++ = '"';
}

void pen_time(struct pen *p, int64_t nanoseconds, int digits)
{
    if (!pen_room(p, TEXT_TIME + 2))
        return;
    *p->at++ = '"';
    p->at += text_time(p->at, nanoseconds, digits);
    *p->at++ = '"';
}
