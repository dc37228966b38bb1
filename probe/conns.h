// SPDX-License-Identifier: Apache-2.0
// What the code behind conn.h, transaction.h and remember.c shares: one worker's conns and the
// memory they live in. Private to those files; protocols and flow code never include it.
#pragma once

#include "pipeline/base/clock.h"
#include "pipeline/base/list.h"
#include "probe/conn.h"

enum {
    SIZE_SMALLEST = 7, // classes of 128 bytes …
    SIZE_LARGEST = 22, // … to 4 MiB, by powers of two
    CONN_MARKS = 6,    // arrivals remembered for the unread bytes of one side
};

// Blocks of a few sizes for conns, transactions, unread bytes and what is remembered.
struct sizes {
    struct pool pool[SIZE_LARGEST - SIZE_SMALLEST + 1];
};
void *sizes_take(struct sizes *s, size_t size); // NULL: too large, or the ceiling
void sizes_give(struct sizes *s, void *block, size_t size);
size_t sizes_room(size_t size); // what a block taken for `size` really holds

// Unread bytes of one side, contiguous, with the arrival of their pieces.
struct mark {
    uint32_t offset;
    int64_t time;
};
struct tail {
    uint32_t room, len, seen;
    uint32_t marks;
    struct mark mark[CONN_MARKS];
    uint8_t bytes[];
};

struct memory {                  // one entry of conn_remember
    struct memory *next, **link; // same hash
    struct list in_conn;
    struct conn *conn;
    uint64_t key;
    uint32_t len;
    uint8_t bytes[];
};

struct conns {
    struct conns_settings settings;
    struct emit *emit;
    struct counters *counters;
    uint64_t seed;
    struct sizes sizes;
    struct pool blocks; // of stores
    struct list conns;  // oldest first; who was seen since goes to the end before he is evicted
    uint32_t conn_count;
    uint64_t kept;
    struct list transactions; // oldest first
    uint32_t transaction_count;
    struct transaction **transaction_hash;
    struct memory **memory_hash;
    uint32_t hash_mask; // of both
    struct wheel wheel;
    struct arena scratch;
    const struct binding *const *offered;
    int offered_count;
    int64_t now;
};

struct conn {
    struct conns *all;
    const struct binding *binding;
    struct endpoints ends;
    conn_ended *ended;
    void *owner;
    struct list in_all;
    struct list transactions, memories; // oldest first
    uint32_t transaction_count, memory_count;
    struct tail *tail[2];
    struct conn *inner, *outer;
    const struct binding *next; // conn_become
    size_t size;                // with its state

    // During a call into the protocol: the bytes it was given and when they came.
    const struct mark *mark;
    uint32_t marks;
    struct arrival arrival;

    unsigned joined_late : 1, used : 1, done : 1, given_up : 1, turn : 1, become : 1;
    unsigned turned : 1;     // its sides are the other way round than the flow's
    unsigned calls : 4;      // depth of calls into the protocol
    unsigned half_ended : 2; // by side
    _Alignas(16) uint8_t state[];
};

void transactions_end_all(struct conn *c); // publishes what is open, oldest first
void memories_free(struct conn *c);
