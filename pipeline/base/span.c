// SPDX-License-Identifier: Apache-2.0
// The searches and comparisons on views that are too large to stand in the header.
#include "pipeline/base/span.h"

#include "pipeline/base/text.h"

ptrdiff_t span_find_span(struct span s, struct span what)
{
    if (what.len == 0)
        return 0;
    if (what.len > s.len)
        return -1;
    const uint8_t *hit = memmem(s.at, s.len, what.at, what.len);
    return hit ? hit - s.at : -1;
}

bool span_is_nocase(struct span s, struct span other)
{
    if (s.len != other.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (text_lower(s.at[i]) != text_lower(other.at[i]))
            return false;
    return true;
}

static inline bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len && is_blank(s.at[0]))
        s = span_skip(s, 1);
    while (s.len && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

struct span span_cut(struct span *rest, uint8_t byte)
{
    ptrdiff_t at = span_find(*rest, byte);
    struct span part = at < 0 ? *rest : span_first(*rest, (size_t)at);
    *rest = span_skip(*rest, part.len + (at >= 0));
    return part;
}

bool span_number(struct span s, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9' || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(s.at[i] - '0'), &number))
            return false;
    }
    if (s.len)
        *out = number;
    return s.len > 0;
}
