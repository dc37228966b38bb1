// SPDX-License-Identifier: Apache-2.0
// What the code behind conn.h, transaction.h and conn_remember shares: one worker's conns and the
// memory they live in. Private to those files; protocols and flow code never include it.
#pragma once

#include "pipeline/base/clock.h"
#include "pipeline/base/list.h"
#include "probe/conn.h"

enum {
    CONN_MARKS = 6,       // arrivals remembered for the unread bytes of one side
    CONN_LARGEST = 16384, // bytes of a conn with its state, and of a state that is larger
    TRANSACTION_LARGEST = 4096,
};

// ── sizes.c: blocks for conns, transactions, unread bytes and what is remembered ──

enum {
    SIZE_SMALLEST = 7, // 128 bytes …
    SIZE_LARGEST = 22, // … to 4 MiB, by powers of two
};
struct sizes {
    struct pool pool[SIZE_LARGEST - SIZE_SMALLEST + 1];
    uint64_t warm; // bytes ever handed out that may stay in memory when their pool is not used
};
// Each kind of thing finds a block as long as it keeps to its own ceiling. False: the system
// refuses the address space.
bool sizes_init(struct sizes *s, const struct conns_settings *settings);
void sizes_free(struct sizes *s);
void *sizes_take(struct sizes *s, size_t size); // NULL: there is no block so large, or none left
void sizes_give(struct sizes *s, void *block, size_t size);
size_t sizes_room(size_t size); // what a block taken for `size` really holds

// ── tail.c: unread bytes of one side, contiguous, with the arrival of their pieces ──

struct mark {
    uint32_t offset;
    int64_t time;
};
struct tail {
    struct conn *conn;
    struct list in_all; // by when they last grew
    uint32_t room, len, seen;
    uint32_t marks;
    struct mark mark[CONN_MARKS];
    uint8_t bytes[];
};
// False: a ceiling. At that of all tails, conns whose unread bytes stand still longest end first.
bool tail_add(struct conn *c, enum side from, struct span data, int64_t time);
void tail_cut(struct conn *c, enum side from, uint32_t done); // drops the first bytes
void tail_free(struct conn *c, enum side from);               // there may be none

// ── all conns of a worker ──

struct conns {
    struct conns_settings settings;
    struct emit *emit;
    struct counters *counters;
    uint64_t seed;
    struct sizes sizes;
    struct pool blocks;       // of transactions' stores
    struct list conns;        // oldest first; who was used since goes to the end before eviction
    struct list tails;        // the one that stands still longest first
    struct list transactions; // oldest first
    struct list memories;     // oldest first
    uint32_t conn_count, transaction_count;
    int64_t halves; // transactions that may still be opened and published unpaired
    uint64_t tail_bytes, memory_bytes;
    struct arena hashes; // the two that follow: large, and touched as they fill
    struct transaction **transaction_hash;
    struct memory **memory_hash;
    uint32_t hash_mask; // of both
    unsigned calls;     // into protocols, inside each other
    struct wheel wheel; // of transactions
    struct arena scratch;
    const struct binding *const *offered;
    int offered_count;
    int64_t now; // the latest that came
};

// ── one conn ──

struct conn {
    struct conns *all;
    const struct binding *binding;
    struct endpoints ends;
    conn_ended *ended;
    void *owner;
    struct list in_all;
    struct list transactions, memories; // oldest first
    uint32_t transaction_count, memory_count;
    uint32_t unpaid; // transactions that nothing was left for, since one of them was paired
    struct tail *tail[2];
    struct conn *inner;
    const struct binding *next; // of conn_become
    void *state; // `place`, or a block of its own once conn_become needed a larger one
    uint32_t size, state_size; // of the whole as it was opened; of that block

    // While its protocol is called: when the bytes in hand came (no marks: all with the arrival),
    // and where in them a protocol that took over begins.
    const struct mark *mark;
    uint32_t marks, begin;
    struct arrival arrival;

    unsigned joined_late : 1, used : 1, done : 1, given_up : 1, turn : 1, become : 1;
    unsigned turned : 1;     // its sides are the other way round than the flow's
    unsigned half_ended : 2; // by side
    unsigned inner_late : 1; // the next inner conn does not see the beginning
    unsigned inner_over : 1; // there will be no more inner conns
    unsigned closing : 1;    // has begun to end: opens none
    uint8_t calls;           // into its protocol, now; while there are any it does not go away
    uint8_t depth;           // conns around it: its owner, the owner of that, …
    _Alignas(16) uint8_t place[];
};

// ── conns.c ──

// Of conns_offer; NULL: none has that name.
const struct binding *conns_offered(const struct conns *all, const char *name);
// Ends the conn that was quiet longest.
void conns_evict(struct conns *all);

// ── conn.c ──

// The one around all others. Whoever makes room for a third takes such a one, for an inner conn is
// only called, and only goes away, while those around it are called.
static inline struct conn *conn_outermost(struct conn *c)
{
    while (c->depth)
        c = c->owner;
    return c;
}

// Ends a conn of its own accord: the owner is told.
void conn_leave(struct conn *c, enum ending how);

// ── transaction.c ──

// So many more may be published unpaired; no more than the reserve are carried over.
void transactions_allow(struct conns *all, int64_t halves);
void transactions_age(struct conns *all);
void transactions_end_all(struct conn *c); // publishes what is open, oldest first

// ── remember.c: what a protocol wants remembered ──

struct memory {                  // one entry
    struct memory *next, **link; // same hash
    struct list in_conn, in_all;
    struct conn *conn;
    uint64_t key;
    uint32_t len;
    uint8_t bytes[];
};
void memories_free(struct conn *c);
