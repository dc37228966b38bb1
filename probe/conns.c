// SPDX-License-Identifier: Apache-2.0
// All conns of a worker: their ceilings and memory, who they may turn out to be, who makes room for
// others, and the end of all.

#include <assert.h>
#include <stdlib.h>

#include "probe/conns.h"

enum { SCRATCH = 1 << 20 };

#define SETTING(member) offsetof(struct conns_settings, member)
const struct setting conns_settings[] = {
    {"conns", SETTING_NUMBER, SETTING(conns), "65536", 16, 1 << 24,
     .meaning = "Conversations followed by a protocol at once, in each worker"},
    {"transactions", SETTING_NUMBER, SETTING(transactions), "65536", 16, 1 << 24,
     .meaning = "Transactions open at once, in each worker"},
    {"transactions_per_conn", SETTING_NUMBER, SETTING(transactions_a_conn), "4096", 2, 1 << 20,
     .meaning = "Questions that may wait in one conversation"},
    {"transaction_bytes", SETTING_BYTES, SETTING(transaction_bytes), "11MiB", 4096, 1 << 30,
     .meaning = "Bytes kept for one transaction (texts, headers, bodies)"},
    {"kept_bytes", SETTING_BYTES, SETTING(kept_bytes), "1MiB", 4096, 2 << 20,
     .meaning = "Unread bytes kept for one side of a conversation"},
    {"kept_bytes_all", SETTING_BYTES, SETTING(kept_bytes_all), "64MiB", 8 << 20, INT64_C(1) << 36,
     .meaning = "Unread bytes kept in each worker; as many may be kept for transactions, and half "
                "as many for what conversations remember"},
    {"remembered", SETTING_NUMBER, SETTING(remembered), "1024", 1, 1 << 20,
     .meaning = "Prepared statements and the like remembered in one conversation"},
    {"unpaired_per_packet", SETTING_NUMBER, SETTING(halves_a_packet), "2", 1, 1 << 16,
     .meaning = "Questions without answer and answers without question that are written for each "
                "packet with payload; what lies above is counted only"},
    {"unpaired_reserve", SETTING_NUMBER, SETTING(halves_reserve), "32768", 0, 1 << 30,
     .meaning = "How many more of them each worker may write, for as many as it did not before"},
    {"unpaired_per_conn", SETTING_NUMBER, SETTING(unpaid_a_conn), "256", 2, 1 << 20,
     .meaning = "Transactions that may come in one stream, none of them paired, while that reserve "
                "is used up: with more it is let go"},
    SETTING_END};

static bool reserve(struct conns *all)
{
    const struct conns_settings *s = &all->settings;
    uint32_t buckets = 64;
    while (buckets < s->transactions)
        buckets *= 2;
    all->hash_mask = buckets - 1;
    size_t hash = buckets * sizeof(void *);
    if (!arena_init(&all->hashes, 2 * hash))
        return false;
    all->transaction_hash = arena_alloc(&all->hashes, hash);
    all->memory_hash = arena_alloc(&all->hashes, hash);
    return sizes_init(&all->sizes, s) &&
           pool_init(&all->blocks, CHAIN_BLOCK, (uint32_t)(s->kept_bytes_all / CHAIN_BLOCK)) &&
           arena_init(&all->scratch, SCRATCH);
}

struct conns *conns_new(const struct conns_settings *settings, struct emit *emit, uint64_t seed,
                        struct counters *counters, struct error *why)
{
    struct conns *all = calloc(1, sizeof *all);
    if (!all) {
        error_set(why, "out of memory");
        return NULL;
    }
    all->settings = *settings;
    all->emit = emit;
    all->seed = seed;
    all->counters = counters;
    list_init(&all->conns);
    list_init(&all->tails);
    list_init(&all->transactions);
    list_init(&all->memories);
    all->halves = settings->halves_reserve;
    wheel_init(&all->wheel);
    if (reserve(all))
        return all;
    conns_free(all);
    error_set(why, "cannot reserve memory for conversations: lower limits.conns");
    return NULL;
}

void conns_free(struct conns *all)
{
    if (!all)
        return;
    sizes_free(&all->sizes);
    pool_free(&all->blocks);
    arena_free(&all->scratch);
    arena_free(&all->hashes);
    free(all);
}

int64_t conns_memory(const struct conns_settings *settings, const struct binding *const *bindings,
                     int count)
{
    size_t conn = 0, transaction = 0;
    for (int i = 0; i < count; i++) {
        const struct protocol *p = bindings[i]->protocol;
        size_t conn_room = sizes_room(sizeof(struct conn) + p->conn_size);
        size_t transaction_room = sizes_room(sizeof(struct transaction) + p->transaction_size);
        conn = conn_room > conn ? conn_room : conn;
        transaction = transaction_room > transaction ? transaction_room : transaction;
    }
    return settings->conns * (int64_t)conn + settings->transactions * (int64_t)transaction +
           2 * settings->kept_bytes_all + settings->kept_bytes_all / 2 + SCRATCH;
}

// ── who they may turn out to be ──

void conns_offer(struct conns *all, const struct binding *const *bindings, int count)
{
    all->offered = bindings;
    all->offered_count = count;
}

const struct binding *conns_detect(const struct conns *all, enum transport transport,
                                   struct span first, enum side from)
{
    for (int i = 0; i < all->offered_count; i++) {
        const struct protocol *p = all->offered[i]->protocol;
        if ((p->transports & transport) && p->looks_like && p->looks_like(first, from))
            return all->offered[i];
    }
    return NULL;
}

const struct binding *conns_offered(const struct conns *all, const char *name)
{
    for (int i = 0; i < all->offered_count; i++)
        if (!strcmp(all->offered[i]->protocol->name, name))
            return all->offered[i];
    return NULL;
}

// ── who makes room, age, end ──

static struct conn *oldest(const struct conns *all)
{
    return LIST_OF(all->conns.next, struct conn, in_all);
}

// The conn that was quiet longest, or nearly so: who was used since his last turn gets another. Who
// is being called stays; there are fewer of those than the least ceiling.
void conns_evict(struct conns *all)
{
    while (oldest(all)->used || oldest(all)->calls || oldest(all)->depth) {
        struct list *spared = &oldest(all)->in_all;
        oldest(all)->used = 0;
        list_remove(spared);
        list_append(&all->conns, spared);
    }
    counter_add(all->counters->conns_evicted, 1);
    conn_leave(oldest(all), ENDED_EVICTED);
}

void conns_age(struct conns *all, int64_t now)
{
    if (now > all->now)
        all->now = now;
    transactions_age(all);
}

void conns_end_all(struct conns *all, enum ending how)
{
    while (!list_is_empty(&all->conns))
        conn_leave(conn_outermost(oldest(all)), how);
    assert(!all->transaction_count && !all->tail_bytes && !all->memory_bytes);
    wheel_restart(&all->wheel, 0);
    all->halves = all->settings.halves_reserve;
    all->now = 0;
}
