// SPDX-License-Identifier: Apache-2.0
// Two frames are the same if their IP packets are, but for what a router changes: hop limit and
// header checksum. Link headers and tags differ from place to place and do not count. What is no IP
// must be the same from its first byte on. Longer packets are told by how they begin. A packet sent
// again has another identification, but where IPv6 has none and its bytes are the same: hence a
// window, and a short one.
#include "probe/capture/duplicates.h"

#include <stdlib.h>

#include "pipeline/base/hash.h"

enum {
    SEEN = 64 * 1024,
    WAYS = 4,     // places where one may be
    HEADER = 40,  // of IP
    BEHIND = 216, // bytes of what it carries that are looked at: checksums and numbers are there
    ETHERNET = 14,
    TAG = 4,
    TAGS = 4,
};

struct seen {
    uint64_t hash; // 0: none
    int64_t time;
};

struct duplicates {
    int64_t window;
    uint64_t seed;
    struct counters *counters;
    struct seen seen[SEEN];
};

_Static_assert(sizeof(struct duplicates) < DUPLICATES_MEMORY + 4096, "as much as is told");

struct duplicates *duplicates_new(int64_t window, uint64_t seed, struct counters *counters)
{
    struct duplicates *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->window = window;
    d->seed = seed;
    d->counters = counters;
    return d;
}

void duplicates_free(struct duplicates *d)
{
    free(d);
}

static unsigned type_at(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

// What lies behind the link header and its tags; of Ethernet without IP the whole frame.
static struct span inside(const struct frame *f, bool *is_ip)
{
    uint32_t at = ETHERNET;
    *is_ip = f->link != LINK_ETHERNET;
    if (*is_ip || f->len < ETHERNET)
        return span_of(f->at, f->len);
    unsigned type = type_at(f->at + 12);
    for (int i = 0; i < TAGS && (type == 0x8100 || type == 0x88a8) && f->len >= at + TAG; i++) {
        type = type_at(f->at + at + 2);
        at += TAG;
    }
    *is_ip = type == 0x0800 || type == 0x86dd;
    if (!*is_ip)
        return span_of(f->at, f->len);
    return span_of(f->at + at, f->len - at);
}

static uint64_t fingerprint(const struct duplicates *d, const struct frame *f)
{
    bool is_ip;
    struct span s = inside(f, &is_ip);
    uint8_t header[HEADER] = {0};
    size_t len = s.len < HEADER ? s.len : HEADER;
    memcpy(header, s.at, len);
    if (is_ip && header[0] >> 4 == 4)
        header[8] = header[10] = header[11] = 0;
    else if (is_ip && header[0] >> 4 == 6)
        header[7] = 0;
    struct span rest = span_skip(s, len);
    uint64_t hash = hash_bytes(header, sizeof header, d->seed);
    hash = hash_bytes(rest.at, rest.len < BEHIND ? rest.len : BEHIND, hash);
    return hash ? hash : 1;
}

static bool was_seen(struct duplicates *d, uint64_t hash, int64_t time)
{
    struct seen *at = &d->seen[hash % (SEEN / WAYS) * WAYS], *oldest = at;
    for (int i = 0; i < WAYS; i++) {
        int64_t age = time - at[i].time;
        if (at[i].hash == hash && age <= d->window && -age <= d->window)
            return true;
        if (at[i].time < oldest->time)
            oldest = &at[i];
    }
    *oldest = (struct seen){hash, time};
    return false;
}

int duplicates_drop(struct duplicates *d, struct frame *frames, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (!was_seen(d, fingerprint(d, &frames[i]), frames[i].time)) {
            frames[kept++] = frames[i];
            continue;
        }
        counter_add(d->counters->packets_seen, 1);
        counter_add(d->counters->packets_bytes, frames[i].wire);
        counter_add(d->counters->undecoded_duplicate, 1);
    }
    return kept;
}
