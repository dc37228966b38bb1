// SPDX-License-Identifier: Apache-2.0
// The record of a flow, and the table in which it is found by its key. Linear hashing (Litwin,
// 1980): whenever the load is reached one bucket is split in two, so the table grows with the
// traffic and never stops to move house. A bucket is one cache line; a 16-bit tag tells most
// strangers apart without touching their records.
//
//   bucket: │ tag × 10 │ record × 10 │ overflow ─▶ record ─▶ … (linked by `next`)
//
// Records are named by their number in the pool (four bytes instead of eight); number 0 is nobody.
#pragma once

#include "pipeline/base/clock.h"
#include "pipeline/base/pool.h"
#include "probe/packet.h"

struct conn;

enum { NOBODY = 0 };

// What every flow costs: two cache lines. All that only some flows need lies elsewhere.
struct flow {
    struct flow_key key;
    uint32_t hash;                 // mixed, see table_hash
    uint32_t next;                 // in the overflow of its bucket
    uint32_t ageing;               // next in its slot of the wheel
    uint32_t layers;               // what its first packet was wrapped in (struct layers)
    uint32_t tcp;                  // struct tcp
    uint64_t bytes[2], packets[2]; // by position in the key
    int64_t first, last;           // times of packets
    union {
        struct conn *conn; // not TCP: open while something waits
        struct {
            uint32_t stream; // TCP: struct stream while a protocol follows it
            uint32_t extra;  // compat: number of the stream for flow.id; else handshake in µs
        };
    };
    uint16_t lag;    // seconds by which it was seen after `last`, by a packet with an old time
    uint8_t binding; // which protocol's it is, DETECT_NONE or DETECT_OPEN
    uint8_t epoch;   // of the last periodic report it was looked at for
    uint8_t icmp_type, icmp_code; // last ones from the source

    bool source : 1;    // position in the key of who sent the first packet
    bool client : 1;    // … of who asks, while `conn` is there
    bool asleep : 1;    // its record was reported for the last time, but its conn goes on
    bool deaf : 1;      // its protocol wants no more of it
    bool answered : 1;  // the one that is not the source sent something too
    bool icmp_seen : 1; // icmp_type and icmp_code are set
    bool syn_first : 1; // the first packet was a SYN
    bool brief : 1;     // nobody wants to know of it once it is quiet

    uint8_t looks : 3; // payloads in which its protocol was looked for
    bool guessed : 1;  // `client` is known by them
    bool shed : 1;     // its protocol is not followed, for there is too much to do
    bool waits : 1;    // its conn does; as of its last payload
};
_Static_assert(sizeof(struct flow) == 128, "a flow is two cache lines");

struct table {
    struct pool flows, buckets;
    uint32_t count; // buckets in use: between `half` and 2 × half
    uint32_t half;  // power of two
    uint32_t held;  // flows
    uint64_t *live; // one bit a record: in the table
};

// A time, brought within what seconds of 32 bits can hold (1970 to 2106): others
// come from broken captures, and sums with them would overflow.
static inline int64_t table_time(int64_t time)
{
    const int64_t latest = UINT32_MAX * SECOND;
    return time < 0 ? 0 : time > latest ? latest : time;
}

static inline struct flow *table_flow(const struct table *t, uint32_t number)
{
    return (struct flow *)(void *)(t->flows.base + (size_t)number * sizeof(struct flow));
}
static inline uint32_t table_number(const struct table *t, const struct flow *flow)
{
    return (uint32_t)(flow - (const struct flow *)(const void *)t->flows.base);
}

// False: no address space for so many flows.
bool table_init(struct table *t, uint32_t ceiling);
void table_free(struct table *t);

// Workers share flows by the packet's hash, so its low bits are the same for all flows here: every
// bit of the result depends on every bit of it (the finisher of MurmurHash3).
static inline uint32_t table_hash(uint32_t hash)
{
    hash ^= hash >> 16;
    hash *= 0x85ebca6b;
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35;
    return hash ^ hash >> 16;
}

// Bytes that a table of so many flows may come to.
int64_t table_memory(int64_t ceiling);

// Ask the memory for what table_find will touch: first all buckets of an array of packets, then all
// records. The second returns the record it asked for, most likely the right one (NULL: none).
void table_prefetch_bucket(const struct table *t, uint32_t hash);
const struct flow *table_prefetch_flow(const struct table *t, uint32_t hash);

struct flow *table_find(const struct table *t, const struct flow_key *key, uint32_t hash);
// A record with key and hash set and everything else zero; NULL: at the ceiling.
struct flow *table_add(struct table *t, const struct flow_key *key, uint32_t hash);
void table_remove(struct table *t, struct flow *flow);
// The flow with the smallest number above `number`; NULL: there is none. Numbers are given by age
// of the place, so the order depends on the traffic alone.
struct flow *table_next(const struct table *t, uint32_t number);
