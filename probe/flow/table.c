// SPDX-License-Identifier: Apache-2.0
// The table of flows: linear hashing over buckets of one cache line.

#include "probe/flow/table.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS = 10, LOAD = 6, FIRST_BUCKETS = 64 };

struct bucket {
    uint16_t tag[SLOTS];
    uint32_t flow[SLOTS];
    uint32_t overflow;
};
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

static struct bucket *bucket_at(const struct table *t, uint32_t number)
{
    return (struct bucket *)(void *)(t->buckets.base + (size_t)number * sizeof(struct bucket));
}

// Buckets are only ever taken, so the pool hands them out in order.
static void add_bucket(struct table *t)
{
    struct bucket *b = pool_take(&t->buckets);
    assert(b && b == bucket_at(t, t->count));
    memset(b, 0, sizeof *b);
    t->count++;
}

bool table_init(struct table *t, uint32_t ceiling)
{
    *t = (struct table){.half = FIRST_BUCKETS};
    t->live = calloc(ceiling / 64 + 1, sizeof *t->live);
    if (!t->live || !pool_init(&t->flows, sizeof(struct flow), ceiling + 1) ||
        !pool_init(&t->buckets, sizeof(struct bucket), ceiling / LOAD + FIRST_BUCKETS + 1)) {
        table_free(t);
        return false;
    }
    while (t->count < FIRST_BUCKETS)
        add_bucket(t);
    memset(pool_take(&t->flows), 0, sizeof(struct flow)); // nobody
    return true;
}

void table_free(struct table *t)
{
    pool_free(&t->flows);
    pool_free(&t->buckets);
    free(t->live);
    t->live = NULL;
}

int64_t table_memory(int64_t ceiling)
{
    return ceiling * (int64_t)sizeof(struct flow) + ceiling / 8 +
           (ceiling / LOAD + FIRST_BUCKETS + 1) * (int64_t)sizeof(struct bucket);
}

static struct bucket *bucket_of(const struct table *t, uint32_t hash)
{
    uint32_t number = hash & (2 * t->half - 1);
    return bucket_at(t, number < t->count ? number : number - t->half);
}

static uint16_t tag_of(uint32_t hash)
{
    return (uint16_t)(hash >> 16);
}

void table_prefetch_bucket(const struct table *t, uint32_t hash)
{
    __builtin_prefetch(bucket_of(t, hash));
}

const struct flow *table_prefetch_flow(const struct table *t, uint32_t hash)
{
    const struct bucket *b = bucket_of(t, hash);
    for (int i = 0; i < SLOTS; i++)
        if (b->tag[i] == tag_of(hash) && b->flow[i]) {
            const struct flow *flow = table_flow(t, b->flow[i]);
            __builtin_prefetch(flow, 1);
            __builtin_prefetch((const char *)flow + 64, 1);
            return flow;
        }
    return NULL;
}

static bool is_of(const struct flow *flow, const struct flow_key *key, uint32_t hash)
{
    return flow->hash == hash && memcmp(&flow->key, key, sizeof *key) == 0;
}

struct flow *table_find(const struct table *t, const struct flow_key *key, uint32_t hash)
{
    const struct bucket *b = bucket_of(t, hash);
    for (int i = 0; i < SLOTS; i++)
        if (b->tag[i] == tag_of(hash) && b->flow[i]) {
            struct flow *flow = table_flow(t, b->flow[i]);
            if (is_of(flow, key, hash))
                return flow;
        }
    for (uint32_t n = b->overflow; n;) {
        struct flow *flow = table_flow(t, n);
        if (is_of(flow, key, hash))
            return flow;
        n = flow->next;
    }
    return NULL;
}

static void bucket_put(const struct table *t, struct bucket *b, struct flow *flow)
{
    uint32_t number = table_number(t, flow);
    flow->next = NOBODY;
    for (int i = 0; i < SLOTS; i++)
        if (!b->flow[i]) {
            b->flow[i] = number;
            b->tag[i] = tag_of(flow->hash);
            return;
        }
    flow->next = b->overflow;
    b->overflow = number;
}

// One bucket more: the one whose number lacks the highest bit gives half of its flows to it.
static void split_bucket(struct table *t)
{
    struct bucket *from = bucket_at(t, t->count - t->half), old = *from;
    add_bucket(t);
    memset(from, 0, sizeof *from);
    for (int i = 0; i < SLOTS; i++)
        if (old.flow[i]) {
            struct flow *flow = table_flow(t, old.flow[i]);
            bucket_put(t, bucket_of(t, flow->hash), flow);
        }
    for (uint32_t n = old.overflow; n;) {
        struct flow *flow = table_flow(t, n);
        n = flow->next;
        bucket_put(t, bucket_of(t, flow->hash), flow);
    }
    if (t->count == 2 * t->half)
        t->half *= 2;
}

struct flow *table_add(struct table *t, const struct flow_key *key, uint32_t hash)
{
    struct flow *flow = pool_take(&t->flows);
    if (!flow)
        return NULL;
    memset(flow, 0, sizeof *flow);
    flow->key = *key;
    flow->hash = hash;
    uint32_t number = table_number(t, flow);
    t->live[number >> 6] |= UINT64_C(1) << (number & 63);
    bucket_put(t, bucket_of(t, hash), flow);
    if (++t->held > t->count * LOAD)
        split_bucket(t);
    return flow;
}

static void leave_overflow(const struct table *t, struct bucket *b, const struct flow *flow)
{
    uint32_t *link = &b->overflow;
    while (*link && table_flow(t, *link) != flow)
        link = &table_flow(t, *link)->next;
    assert(*link);
    *link = flow->next;
}

// The slots come first: to walk the overflow is to fetch the records of strangers.
static void bucket_remove(const struct table *t, struct bucket *b, const struct flow *flow)
{
    int slot = 0;
    for (uint32_t number = table_number(t, flow); slot < SLOTS && b->flow[slot] != number;)
        slot++;
    if (slot == SLOTS) {
        leave_overflow(t, b, flow);
        return;
    }
    b->flow[slot] = NOBODY;
    if (!b->overflow)
        return;
    struct flow *waiting = table_flow(t, b->overflow);
    b->overflow = waiting->next;
    bucket_put(t, b, waiting);
}

void table_remove(struct table *t, struct flow *flow)
{
    bucket_remove(t, bucket_of(t, flow->hash), flow);
    uint32_t number = table_number(t, flow);
    t->live[number >> 6] &= ~(UINT64_C(1) << (number & 63));
    t->held--;
    pool_give(&t->flows, flow);
}

struct flow *table_next(const struct table *t, uint32_t number)
{
    uint32_t word = ++number >> 6, end = (t->flows.touched + 63) >> 6;
    for (uint64_t skip = number & 63; word < end; word++, skip = 0) {
        uint64_t bits = t->live[word] >> skip << skip;
        if (bits)
            return table_flow(t, word << 6 | (uint32_t)__builtin_ctzll(bits));
    }
    return NULL;
}
