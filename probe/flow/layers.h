// SPDX-License-Identifier: Apache-2.0
// What the first packet of a flow was wrapped in: hardware addresses, VLANs, tunnels and their
// outer addresses. Values of a flow, not part of its key. Few differ, so flows share them: a small
// cache of recent ones is asked first, and a miss costs a record more, nothing else.
#pragma once

#include "pipeline/base/pool.h"
#include "probe/packet.h"

enum {
    LAYERS_CACHE = 1024,
    LAYERS_NONE = 0, // the number of no layers at all, which may be dropped like any
};

struct layers {
    uint32_t holders; // flows, and the cache
    uint8_t has_mac;
    uint8_t vlans; // at most 2
    uint8_t outer; // family of the outer addresses: 4, 6, 0
    uint8_t zero;
    uint16_t vlan[2];  // outermost first
    uint8_t mac[2][6]; // source, destination
    struct tunnels tunnels;
    uint8_t ip[2][16];  // source, destination of the outer header
    uint32_t interface; // that saw it
};

struct layers_pool {
    struct pool pool;
    uint64_t seed;
    uint32_t cache[LAYERS_CACHE]; // numbers in the pool; 0 none
};

bool layers_init(struct layers_pool *all, uint32_t flows, uint64_t seed);
void layers_free(struct layers_pool *all);

// The layers of a packet; the caller holds them until layers_drop.
uint32_t layers_of(struct layers_pool *all, const struct packet *p);
void layers_drop(struct layers_pool *all, uint32_t number);
const struct layers *layers_at(const struct layers_pool *all, uint32_t number);
