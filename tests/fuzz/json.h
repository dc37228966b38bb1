// SPDX-License-Identifier: Apache-2.0
// Is this JSON (RFC 8259)? A small judge of what the pen and the events write: one value, valid
// UTF-8, no control characters, no key twice in one object. It shares nothing with what it judges.
#pragma once

#include <ctype.h>

#include "tests/fuzz/fuzz.h"

enum { JSON_DEPTH = 64, JSON_KEYS = 512 };

// The fuzzer is not to look for new ways through the judge, which would cost most of its time.
#ifdef __clang__
#define JUDGE static inline __attribute__((no_sanitize("coverage")))
#else
#define JUDGE static inline
#endif

struct judge {
    const uint8_t *at, *end;
    bool wrong;
};

JUDGE int json_peek(const struct judge *j)
{
    return j->at < j->end ? *j->at : -1;
}

JUDGE bool json_takes(struct judge *j, int byte)
{
    bool there = json_peek(j) == byte;
    j->at += there;
    return there;
}

JUDGE void json_expect(struct judge *j, const char *text)
{
    for (; *text; text++)
        j->wrong |= !json_takes(j, (uint8_t)*text);
}

// One character beyond ASCII, in the only way it may be written (RFC 3629).
JUDGE void json_character(struct judge *j)
{
    uint32_t first = *j->at++, value, least;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    j->wrong |= first < 0xc2 || first > 0xf4;
    value = first & (0x3fu >> more);
    least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    while (more-- && !j->wrong) {
        j->wrong |= (json_peek(j) & 0xc0) != 0x80 || j->at == j->end;
        value = value << 6 | (j->wrong ? 0 : *j->at++ & 0x3fu);
    }
    j->wrong |= value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff);
}

JUDGE void json_escape(struct judge *j)
{
    int what = json_peek(j);
    if (what < 0 || !strchr("\"\\/bfnrtu", what)) {
        j->wrong = true;
        return;
    }
    j->at++;
    for (int i = 0; what == 'u' && i < 4; i++, j->at += !j->wrong)
        j->wrong |= !isxdigit(json_peek(j));
}

// A string; its bytes between the quotes.
JUDGE struct span json_string(struct judge *j)
{
    j->wrong |= !json_takes(j, '"');
    const uint8_t *begin = j->at;
    while (!j->wrong && !json_takes(j, '"')) {
        int byte = json_peek(j);
        j->wrong |= byte < 0x20;
        if (byte >= 0x80)
            json_character(j);
        else if (!j->wrong && *j->at++ == '\\')
            json_escape(j);
    }
    return j->wrong ? span_of(begin, 0) : span_of(begin, (size_t)(j->at - begin) - 1);
}

JUDGE void json_digits(struct judge *j)
{
    j->wrong |= json_peek(j) < '0' || json_peek(j) > '9';
    while (json_peek(j) >= '0' && json_peek(j) <= '9')
        j->at++;
}

JUDGE void json_number(struct judge *j)
{
    json_takes(j, '-');
    if (!json_takes(j, '0'))
        json_digits(j);
    if (json_takes(j, '.'))
        json_digits(j);
    if (json_takes(j, 'e') || json_takes(j, 'E')) {
        if (!json_takes(j, '+'))
            json_takes(j, '-');
        json_digits(j);
    }
}

JUDGE void json_value(struct judge *j, int depth);

JUDGE void json_members(struct judge *j, int depth)
{
    struct span keys[JSON_KEYS];
    int count = 0;
    do {
        struct span key = json_string(j);
        for (int i = 0; i < count; i++)
            j->wrong |= span_is(keys[i], key);
        if (count < JSON_KEYS)
            keys[count++] = key;
        json_expect(j, ":");
        json_value(j, depth);
    } while (!j->wrong && json_takes(j, ','));
    json_expect(j, "}");
}

JUDGE void json_items(struct judge *j, int depth)
{
    do
        json_value(j, depth);
    while (!j->wrong && json_takes(j, ','));
    json_expect(j, "]");
}

// NOLINTNEXTLINE(misc-no-recursion): bounded by JSON_DEPTH
JUDGE void json_value(struct judge *j, int depth)
{
    j->wrong |= depth == JSON_DEPTH;
    if (j->wrong)
        return;
    switch (json_peek(j)) {
    case '{':
        j->at++;
        if (!json_takes(j, '}'))
            json_members(j, depth + 1);
        break;
    case '[':
        j->at++;
        if (!json_takes(j, ']'))
            json_items(j, depth + 1);
        break;
    case '"':
        json_string(j);
        break;
    case 't':
        json_expect(j, "true");
        break;
    case 'f':
        json_expect(j, "false");
        break;
    case 'n':
        json_expect(j, "null");
        break;
    default:
        json_number(j);
    }
}

// The text is one value and nothing else: what we write has no blanks between its signs.
JUDGE bool json_is_valid(struct span text)
{
    struct judge j = {text.at, text.at + text.len, false};
    json_value(&j, 0);
    return !j.wrong && j.at == j.end;
}

JUDGE void json_check(struct span text)
{
    if (json_is_valid(text))
        return;
    fprintf(stderr, "this is not JSON: %.*s\n", (int)text.len, (const char *)text.at);
    abort();
}
