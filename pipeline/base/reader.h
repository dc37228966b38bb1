// SPDX-License-Identifier: Apache-2.0
// The cursor with which everything from the wire is read. It never runs over the end: the first
// read that would makes it fail, and from then on every read gives zero or an empty view. Read a
// whole structure first, then ask once, with reader_ok(), whether all of it was there.
#pragma once

#include "pipeline/base/span.h"

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

// An empty view may be NULL: nothing may be added to that, not even nothing.
static inline struct reader reader_of(struct span s)
{
    return (struct reader){s.at, s.len ? s.at + s.len : s.at, false};
}

static inline bool reader_ok(const struct reader *r)
{
    return !r->failed;
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

// Makes the reader fail; for a value that was read and makes no sense.
static inline void reader_fail(struct reader *r)
{
    r->failed = true;
    r->at = r->end;
}

// The next `len` bytes as a view; empty when it fails. `len` may be any number from the wire.
static inline struct span reader_bytes(struct reader *r, size_t len)
{
    if (len > reader_left(r)) {
        reader_fail(r);
        return span_of(r->end, 0);
    }
    const uint8_t *at = r->at;
    if (len)
        r->at += len;
    return span_of(at, len);
}

static inline void reader_skip(struct reader *r, size_t len)
{
    (void)reader_bytes(r, len);
}

// All that is left.
static inline struct span reader_rest(struct reader *r)
{
    return reader_bytes(r, reader_left(r));
}

static inline uint8_t reader_u8(struct reader *r)
{
    struct span s = reader_bytes(r, 1);
    return s.len ? s.at[0] : 0;
}

static inline uint16_t reader_be16(struct reader *r)
{
    struct span s = reader_bytes(r, 2);
    return (uint16_t)(s.len ? s.at[0] << 8 | s.at[1] : 0);
}

static inline uint32_t reader_be24(struct reader *r)
{
    struct span s = reader_bytes(r, 3);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a view that is not empty is somewhere
    return s.len ? (uint32_t)s.at[0] << 16 | (uint32_t)s.at[1] << 8 | s.at[2] : 0;
}

static inline uint32_t reader_be32(struct reader *r)
{
    uint32_t high = reader_be16(r);
    return high << 16 | reader_be16(r);
}

static inline uint64_t reader_be64(struct reader *r)
{
    uint64_t high = reader_be32(r);
    return high << 32 | reader_be32(r);
}

static inline uint16_t reader_le16(struct reader *r)
{
    return __builtin_bswap16(reader_be16(r));
}

static inline uint32_t reader_le32(struct reader *r)
{
    return __builtin_bswap32(reader_be32(r));
}

static inline uint64_t reader_le64(struct reader *r)
{
    return __builtin_bswap64(reader_be64(r));
}
