// SPDX-License-Identifier: Apache-2.0
// Fragments wait in a hash table of datagrams, each with its pieces in order of their offsets,
// highest first, since most come in order. Pieces never overlap, so a datagram is whole when their
// lengths add up to where the last one ends. A datagram given up stays, without pieces, until it is
// old: what is still to come of it must not begin a new one.
#include "probe/decode/fragments.h"

#include <assert.h>
#include <stdlib.h>

#include "pipeline/base/arena.h"
#include "pipeline/base/chain.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/list.h"

enum {
    PIECES = 128,     // of one datagram: 64 KiB in pieces of 576 bytes are 119
    LARGEST = 65535,  // bytes of a datagram
    OUT = 2 * FRAMES, // largest datagrams that can be out between two turns
    USABLE = 1900,    // bytes of a block that pieces fill at least
};

// Bytes fully defined: hashed and compared whole.
struct datagram_key {
    uint8_t source[16], destination[16];
    uint32_t id, tunnel;
    uint8_t family, protocol;
    uint16_t zero;
};

struct part {
    struct part *below; // next lower offset
    uint32_t offset;
    uint32_t len; // on the wire; fewer bytes may have been captured
    struct chain bytes;
};

struct datagram {
    struct datagram_key key;
    struct datagram **bucket, *next; // in its bucket
    struct list age;                 // by when it began, oldest first
    int64_t began;
    enum counter fate; // COUNTER_fragments_waiting, or why it was given up
    uint8_t protocol;  // as the first part says
    bool has_end;
    uint32_t total; // bytes, once the last part came
    uint32_t covered;
    uint32_t frames, parts;
    uint64_t wire;
    struct part *highest;
    struct store store;
};

struct fragments {
    uint32_t frames_at_most;
    int64_t timeout;
    uint64_t seed;
    struct counters *counters;
    bool counts;
    uint64_t waiting; // frames
    struct pool datagrams, blocks;
    struct list oldest;
    struct arena whole; // datagrams handed out
    size_t bucket_mask;
    struct datagram **buckets;
};

// ── the ledger ──

static void lose(struct fragments *f, enum counter why, uint64_t frames, uint64_t wire)
{
    if (!f->counts)
        return;
    counter_add(f->counters->packets_seen, frames);
    counter_add(f->counters->packets_bytes, wire);
    counter_add_at(f->counters, why, frames);
}

static void set_waiting(struct fragments *f, uint64_t frames)
{
    f->waiting = frames;
    if (f->counts)
        __atomic_store_n((uint64_t *)&f->counters->fragments_waiting, frames, __ATOMIC_RELAXED);
}

// ── datagrams come and go ──

static void let_go_parts(struct fragments *f, struct datagram *d)
{
    set_waiting(f, f->waiting - d->frames);
    store_free(&d->store);
    d->highest = NULL;
    d->frames = 0;
    d->wire = 0;
}

static void remove_datagram(struct fragments *f, struct datagram *d)
{
    struct datagram **link = d->bucket;
    while (*link != d)
        link = &(*link)->next;
    *link = d->next;
    list_remove(&d->age);
    let_go_parts(f, d);
    pool_give(&f->datagrams, d);
}

static void lose_datagram(struct fragments *f, struct datagram *d, enum counter why)
{
    lose(f, why, d->frames, d->wire);
    remove_datagram(f, d);
}

static void give_up(struct fragments *f, struct datagram *d, enum counter why)
{
    lose(f, why, d->frames, d->wire);
    let_go_parts(f, d);
    d->fate = why;
}

static struct datagram *oldest(struct fragments *f)
{
    return list_is_empty(&f->oldest) ? NULL : LIST_OF(f->oldest.next, struct datagram, age);
}

// True once `frames` frames with `len` bytes to keep surely fit, the oldest having made room.
static bool make_room(struct fragments *f, uint32_t frames, uint32_t len)
{
    uint32_t blocks = len / USABLE + 2;
    while (f->waiting + frames > f->frames_at_most ||
           f->blocks.ceiling - f->blocks.taken < blocks ||
           f->datagrams.taken == f->datagrams.ceiling) {
        struct datagram *d = oldest(f);
        if (!d)
            return false;
        lose_datagram(f, d, COUNTER_undecoded_fragment_ceiling);
    }
    return true;
}

static struct datagram_key key_of(const struct ip_header *h, uint32_t tunnel)
{
    // The next header of IPv6 may differ from fragment to fragment (RFC 8200, 4.5): no part of it.
    struct datagram_key key = {.id = h->id,
                               .tunnel = tunnel,
                               .family = h->family,
                               .protocol = h->family == 4 ? h->protocol : 0};
    size_t len = h->family == 4 ? 4 : 16;
    memcpy(key.source, h->source, len);
    memcpy(key.destination, h->destination, len);
    return key;
}

static struct datagram *find_or_begin(struct fragments *f, const struct datagram_key *key,
                                      int64_t now)
{
    uint64_t hash = hash_bytes(key, sizeof *key, f->seed);
    struct datagram **bucket = &f->buckets[hash & f->bucket_mask];
    for (struct datagram *d = *bucket; d; d = d->next)
        if (memcmp(&d->key, key, sizeof *key) == 0)
            return d;
    struct datagram *d = pool_take(&f->datagrams);
    assert(d);
    *d = (struct datagram){.key = *key,
                           .bucket = bucket,
                           .next = *bucket,
                           .began = now,
                           .fate = COUNTER_fragments_waiting};
    store_init(&d->store, &f->blocks, UINT32_MAX);
    *bucket = d;
    list_append(&f->oldest, &d->age);
    return d;
}

// ── parts of a datagram ──

static bool holds(const struct part *part, struct span bytes)
{
    if (part->bytes.len != bytes.len)
        return false;
    for (const struct piece *piece = part->bytes.first; piece; piece = piece->next) {
        if (memcmp(piece->bytes, bytes.at, piece->len) != 0)
            return false;
        bytes = span_skip(bytes, piece->len);
    }
    return true;
}

enum fit { FITS, REPEATED, CONTRADICTS };

// Where a part belongs: *above gets the place of the link to it.
static enum fit find_place(struct datagram *d, const struct ip_header *h, uint32_t len,
                           struct part ***above)
{
    uint32_t end = h->offset + len, next = LARGEST + 1;
    struct part **link = &d->highest;
    while (*link && (*link)->offset > h->offset) {
        next = (*link)->offset;
        link = &(*link)->below;
    }
    *above = link;
    const struct part *below = *link;
    if (below && below->offset == h->offset && below->len == len)
        return holds(below, span_of(h->inside.at, h->inside.len)) ? REPEATED : CONTRADICTS;
    if (end > next || (below && below->offset + below->len > h->offset))
        return CONTRADICTS;
    return FITS;
}

// A last part says where the datagram ends; nothing may lie behind that, and it does not change.
static bool agrees_on_end(const struct datagram *d, const struct ip_header *h, uint32_t len)
{
    uint32_t end = h->offset + len;
    if (d->has_end)
        return h->more ? end < d->total : end == d->total;
    return h->more || !d->highest || end >= d->highest->offset + d->highest->len;
}

static void insert(struct datagram *d, struct part **above, const struct ip_header *h, uint32_t len)
{
    struct part *part = store_alloc(&d->store, sizeof *part);
    assert(part); // make_room saw to it
    *part = (struct part){.below = *above, .offset = h->offset, .len = len};
    chain_add(&part->bytes, &d->store, span_of(h->inside.at, h->inside.len));
    assert(!part->bytes.lost);
    *above = part;
    d->parts++;
    d->covered += len;
    if (h->offset == 0)
        d->protocol = h->protocol;
    if (!h->more) {
        d->has_end = true;
        d->total = h->offset + len;
    }
}

// Puts all parts where they belong. What a snap length cut out ends what can be looked at.
static bool assemble(struct fragments *f, const struct datagram *d, struct ip_header *h)
{
    uint8_t *to = arena_alloc(&f->whole, d->total);
    if (!to)
        return false;
    uint32_t len = d->total;
    for (const struct part *part = d->highest; part; part = part->below) {
        chain_copy(&part->bytes, 0, to + part->offset, part->len);
        if (part->bytes.len < part->len)
            len = part->offset + part->bytes.len;
    }
    h->inside = (struct layer){to, len, d->total - len};
    h->protocol = d->protocol;
    h->is_fragment = false;
    h->was_fragment = true;
    return true;
}

static bool finish(struct fragments *f, struct datagram *d, struct ip_header *h, struct packet *p)
{
    if (!assemble(f, d, h)) {
        lose_datagram(f, d, COUNTER_undecoded_fragment_ceiling);
        return false;
    }
    p->frames = d->frames;
    p->wire = d->wire;
    remove_datagram(f, d);
    return true;
}

// ── the public face ──

// Lengths that no sender makes: an empty part, one that breaks the grid of 8 bytes, one that ends
// beyond the largest datagram. `inside` may lack bytes that were not captured.
static bool is_sound(const struct ip_header *h, uint32_t len)
{
    return len && len <= LARGEST && h->offset + len <= LARGEST && (!h->more || len % 8 == 0);
}

bool fragments_add(struct fragments *f, struct ip_header *h, uint32_t tunnel, struct packet *p)
{
    uint64_t len = (uint64_t)h->inside.len + h->inside.cut;
    uint32_t wire_len = len > LARGEST ? LARGEST + 1 : (uint32_t)len;
    if (f->counts)
        counter_add(f->counters->fragments_seen, p->frames);
    fragments_age(f, p->time);
    if (!is_sound(h, wire_len)) {
        lose(f, COUNTER_undecoded_fragment_lost, p->frames, p->wire);
        return false;
    }
    if (!make_room(f, p->frames, h->inside.len + (uint32_t)sizeof(struct part))) {
        lose(f, COUNTER_undecoded_fragment_ceiling, p->frames, p->wire);
        return false;
    }
    struct datagram_key key = key_of(h, tunnel);
    struct datagram *d = find_or_begin(f, &key, p->time);
    if (d->fate != COUNTER_fragments_waiting) {
        lose(f, d->fate, p->frames, p->wire);
        return false;
    }
    d->frames += p->frames;
    d->wire += p->wire;
    set_waiting(f, f->waiting + p->frames);

    struct part **above;
    enum fit fit = find_place(d, h, wire_len, &above);
    if (fit == CONTRADICTS || !agrees_on_end(d, h, wire_len))
        give_up(f, d, COUNTER_undecoded_fragment_overlap);
    else if (fit == FITS && d->parts == PIECES)
        give_up(f, d, COUNTER_undecoded_fragment_ceiling);
    else if (fit == FITS)
        insert(d, above, h, wire_len);
    return d->has_end && d->highest && d->covered == d->total && finish(f, d, h, p);
}

void fragments_turn(struct fragments *f)
{
    if (f->whole.used)
        arena_reset(&f->whole);
}

// Times come from files: any 64-bit number.
static bool is_old(const struct fragments *f, const struct datagram *d, int64_t now)
{
    int64_t age;
    return now > d->began && (__builtin_sub_overflow(now, d->began, &age) || age > f->timeout);
}

void fragments_age(struct fragments *f, int64_t now)
{
    for (struct datagram *d = oldest(f); d && is_old(f, d, now); d = oldest(f))
        lose_datagram(f, d, COUNTER_undecoded_fragment_lost);
}

void fragments_forget(struct fragments *f)
{
    for (struct datagram *d = oldest(f); d; d = oldest(f))
        lose_datagram(f, d, COUNTER_undecoded_fragment_lost);
}

void fragments_count(struct fragments *f, bool counts)
{
    f->counts = counts;
}

static bool prepare(struct fragments *f, const struct decode_settings *s)
{
    uint32_t blocks = (uint32_t)(s->fragment_bytes / CHAIN_BLOCK);
    size_t buckets = 1;
    while (buckets < f->frames_at_most)
        buckets *= 2;
    f->bucket_mask = buckets - 1;
    f->buckets = calloc(buckets, sizeof *f->buckets);
    return f->buckets && pool_init(&f->datagrams, sizeof(struct datagram), f->frames_at_most) &&
           pool_init(&f->blocks, CHAIN_BLOCK, blocks) &&
           arena_init(&f->whole, (size_t)OUT * (LARGEST + 1));
}

struct fragments *fragments_new(const struct decode_settings *settings, uint64_t seed,
                                struct counters *counters)
{
    struct fragments *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->frames_at_most = (uint32_t)settings->fragments;
    f->timeout = settings->fragment_timeout;
    f->seed = seed;
    f->counters = counters;
    f->counts = true;
    list_init(&f->oldest);
    if (prepare(f, settings))
        return f;
    fragments_free(f);
    return NULL;
}

void fragments_free(struct fragments *f)
{
    if (!f)
        return;
    arena_free(&f->whole);
    pool_free(&f->blocks);
    pool_free(&f->datagrams);
    free(f->buckets);
    free(f);
}
