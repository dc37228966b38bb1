// SPDX-License-Identifier: Apache-2.0
// What the readers of headers share: the bytes that a header leaves for the next one, and notes of
// what was odd on the way. Each reader checks that its header is there before it looks at it.
#pragma once

#include "probe/packet.h"

struct layer {
    const uint8_t *at;
    uint32_t len; // bytes that are there
    uint32_t cut; // bytes that were on the wire behind them, but were not captured
};

// Counted only for packets that this worker keeps; in the order of the table in decode.c.
enum note {
    NOTE_OTHER_ETHER_TYPE = 1,
    NOTE_BAD_IP = 2,
    NOTE_BAD_EXTENSION = 4,
    NOTE_BAD_TRANSPORT = 8,
    NOTE_BAD_TUNNEL = 16,
    NOTE_TUNNEL_DEPTH = 32,
    NOTE_TRUNCATED = 64,
    NOTE_TUNNELLED = 128,
    NOTE_OTHER_IN_TUNNEL = 256,
    NOTE_SCTP_CHUNK = 1 << 16, // not a bit: the upper half is their number
};

static inline uint16_t layer_be16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap16(value);
}

static inline uint32_t layer_be32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap32(value);
}

// Behind a header of `len` bytes, all of which are there.
static inline struct layer layer_behind(struct layer l, uint32_t len)
{
    return (struct layer){l.at + len, l.len - len, l.cut};
}

// The first `len` bytes, counted as on the wire; all if there are fewer.
static inline struct layer layer_first(struct layer l, uint32_t len)
{
    if (len <= l.len)
        return (struct layer){l.at, len, 0};
    return (struct layer){l.at, l.len, len - l.len < l.cut ? len - l.len : l.cut};
}
