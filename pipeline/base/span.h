// SPDX-License-Identifier: Apache-2.0
// A view on bytes that somebody else owns. Nothing here copies, allocates or ends with a zero byte.
// How long a view stays valid is said where it is handed out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *at;
    size_t len;
};

// A view on a string literal, without its zero byte; usable in constant initialisers.
#define SPAN(literal)                                   \
    {                                                   \
        (const uint8_t *)(literal), sizeof(literal) - 1 \
    }

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){at, len};
}

// A view on a C string, which may be NULL: then the view is empty.
static inline struct span span_text(const char *text)
{
    return text ? span_of(text, strlen(text)) : span_of(NULL, 0);
}

static inline bool span_is(struct span s, struct span other)
{
    return s.len == other.len && (s.len == 0 || memcmp(s.at, other.at, s.len) == 0);
}

// The first `len` bytes, or all if there are fewer.
static inline struct span span_first(struct span s, size_t len)
{
    return span_of(s.at, len < s.len ? len : s.len);
}

// What is left behind the first `len` bytes; empty if there are fewer.
static inline struct span span_skip(struct span s, size_t len)
{
    return len < s.len ? span_of(s.at + len, s.len - len) : span_of(s.at ? s.at + s.len : NULL, 0);
}

static inline bool span_starts(struct span s, struct span with)
{
    return s.len >= with.len && span_is(span_first(s, with.len), with);
}

static inline bool span_ends(struct span s, struct span with)
{
    return s.len >= with.len && span_is(span_skip(s, s.len - with.len), with);
}

// Position of a byte, or -1.
static inline ptrdiff_t span_find(struct span s, uint8_t byte)
{
    const uint8_t *hit = s.len ? memchr(s.at, byte, s.len) : NULL;
    return hit ? hit - s.at : -1;
}

// Position of the first occurrence of a sequence, or -1.
ptrdiff_t span_find_span(struct span s, struct span what);

// ASCII only; other bytes must be equal.
bool span_is_nocase(struct span s, struct span other);

// Without blanks and tabs at both ends.
struct span span_trim(struct span s);

// The part before the first `byte`, which is cut off `*rest` together with `byte`; all of it if
// there is none.
struct span span_cut(struct span *rest, uint8_t byte);

// A decimal number of digits only. False: empty, another character, or more than 64 bits; `*out` is
// untouched then.
bool span_number(struct span s, uint64_t *out);
