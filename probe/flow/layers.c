// SPDX-License-Identifier: Apache-2.0
// Layers below the flow key, shared by flows.

#include "probe/flow/layers.h"

#include <assert.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/reader.h"

enum { NOWHERE = 0xffff, IPV4_ADDRESSES = 12, IPV6_ADDRESSES = 8 };

bool layers_init(struct layers_pool *all, uint32_t flows, uint64_t seed)
{
    *all = (struct layers_pool){.seed = seed};
    if (!pool_init(&all->pool, sizeof(struct layers), flows + LAYERS_CACHE + 1))
        return false;
    memset(pool_take(&all->pool), 0, sizeof(struct layers)); // LAYERS_NONE
    return true;
}

void layers_free(struct layers_pool *all)
{
    pool_free(&all->pool);
}

const struct layers *layers_at(const struct layers_pool *all, uint32_t number)
{
    return pool_at(&all->pool, number);
}

static void read_outer_ip(struct layers *l, const struct packet *p)
{
    if (p->outer_ip == NOWHERE)
        return;
    struct reader r = reader_of(span_skip(span_of(p->frame->at, p->frame->len), p->outer_ip));
    uint8_t version = reader_u8(&r) >> 4;
    size_t len = version == 4 ? 4 : 16;
    reader_skip(&r, version == 4 ? IPV4_ADDRESSES - 1 : IPV6_ADDRESSES - 1);
    struct span source = reader_bytes(&r, len), destination = reader_bytes(&r, len);
    if (!reader_ok(&r))
        return;
    l->outer = version == 4 ? 4 : 6;
    memcpy(l->ip[0], source.at, len);
    memcpy(l->ip[1], destination.at, len);
}

static void read_macs(struct layers *l, const struct packet *p)
{
    if (p->mac == NOWHERE)
        return;
    struct reader r = reader_of(span_skip(span_of(p->frame->at, p->frame->len), p->mac));
    struct span destination = reader_bytes(&r, 6), source = reader_bytes(&r, 6);
    if (!reader_ok(&r))
        return;
    l->has_mac = 1;
    memcpy(l->mac[0], source.at, 6);
    memcpy(l->mac[1], destination.at, 6);
}

static struct layers read_layers(const struct packet *p)
{
    struct layers l = {.holders = 0};
    read_macs(&l, p);
    read_outer_ip(&l, p);
    l.tunnels = p->tunnels;
    l.vlans = p->vlans > 2 ? 2 : p->vlans;
    memcpy(l.vlan, p->vlan, l.vlans * sizeof l.vlan[0]);
    l.interface = p->frame->interface;
    return l;
}

static bool are_same(const struct layers *one, const struct layers *other)
{
    return memcmp(&one->has_mac, &other->has_mac, sizeof *one - offsetof(struct layers, has_mac)) ==
           0;
}

uint32_t layers_of(struct layers_pool *all, const struct packet *p)
{
    struct layers l = read_layers(p);
    uint64_t hash = hash_bytes(&l, sizeof l, all->seed);
    uint32_t *cached = &all->cache[hash % LAYERS_CACHE];
    struct layers *recent = pool_at(&all->pool, *cached);
    if (*cached && are_same(recent, &l)) {
        recent->holders++;
        return *cached;
    }
    struct layers *fresh = pool_take(&all->pool);
    assert(fresh); // one for each flow and each place of the cache
    l.holders = 2; // the caller and the cache
    *fresh = l;
    if (*cached)
        layers_drop(all, *cached);
    return *cached = pool_number(&all->pool, fresh);
}

void layers_drop(struct layers_pool *all, uint32_t number)
{
    struct layers *l = pool_at(&all->pool, number);
    if (number == LAYERS_NONE)
        return;
    assert(l->holders);
    if (!--l->holders)
        pool_give(&all->pool, l);
}
