// SPDX-License-Identifier: Apache-2.0
// The pen: appends JSON (RFC 8259) to a place of fixed size. It writes what it is told, in the
// order it is told; braces and commas are the caller's. Texts are escaped and invalid UTF-8 becomes
// U+FFFD on the way. Once something does not fit the pen is full, writes nothing more, and says so
// at the end.
#pragma once

#include "pipeline/base/span.h"

struct pen {
    uint8_t *start, *at, *end;
    bool full;
};

static inline struct pen pen_of(void *place, size_t size)
{
    uint8_t *start = place;
    return (struct pen){start, start, size ? start + size : start, false};
}

// What was written so far.
static inline struct span pen_written(const struct pen *p)
{
    return span_of(p->start, (size_t)(p->at - p->start));
}

// Room for `len` bytes. False: there is none, and the pen is full from now on.
static inline bool pen_room(struct pen *p, size_t len)
{
    if ((size_t)(p->end - p->at) >= len && !p->full)
        return true;
    p->full = true;
    return false;
}

enum { PEN_FEW = 16 };

// Up to PEN_FEW bytes, as two words that overlap: shorter than a call of memcpy.
static inline void pen_copy_few(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len >= 8) {
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + len - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + len - 8, &last, 8);
    } else if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + len - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
    } else if (len) {
        uint8_t first = from[0], middle = from[len / 2], last = from[len - 1];
        to[0] = first;
        to[len / 2] = middle;
        to[len - 1] = last;
    }
}

void pen_raw_many(struct pen *p, struct span s); // as pen_raw

// Bytes as they are: punctuation, keys escaped before, finished fragments.
static inline void pen_raw(struct pen *p, struct span s)
{
    bool literal = __builtin_constant_p(s.len); // the compiler knows best how to copy it
    if (!literal && s.len > PEN_FEW) {
        pen_raw_many(p, s);
        return;
    }
    if (!s.len || !pen_room(p, s.len))
        return;
    if (literal)
        memcpy(p->at, s.at, s.len);
    else
        pen_copy_few(p->at, s.at, s.len);
    p->at += s.len;
}

static inline void pen_byte(struct pen *p, uint8_t byte)
{
    if (pen_room(p, 1))
        *p->at++ = byte;
}

// A string with its quotes.
void pen_text(struct pen *p, struct span s);
// The same to a place that is known to hold JSON_TEXT bytes for a text of that length; where it
// ends. For who asks for room once and keeps the place in a register.
#define JSON_TEXT(length) (6 * (length) + 2)
uint8_t *json_text(uint8_t *to, struct span s);
// The inside of a string, without quotes: for a text that comes in pieces. A character cut between
// two pieces is repaired as two halves; callers who care join them first.
void pen_text_part(struct pen *p, struct span s);
// Numbers, addresses and times ask for as much room as the longest of their kind takes.
void pen_unsigned(struct pen *p, uint64_t number);
void pen_signed(struct pen *p, int64_t number);
// The shortest text that reads back as the same double; null for what JSON cannot say.
void pen_double(struct pen *p, double number);
void pen_bool(struct pen *p, bool flag);
// A quoted address, a quoted time.
void pen_ip(struct pen *p, const uint8_t *bytes, int family);
void pen_time(struct pen *p, int64_t nanoseconds, int digits);
