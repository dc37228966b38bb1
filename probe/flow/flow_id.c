// SPDX-License-Identifier: Apache-2.0
// flow.id, byte by byte.

#include "probe/flow/flow_id.h"

// The layers in the order of their flag bits and offsets.
enum layer {
    ETHERNET,
    OUTER_VLAN,
    VLAN,
    OUTER_IPV4,
    IPV4,
    OUTER_IPV6,
    IPV6,
    ICMPV4,
    ICMPV6,
    UDP,
    TCP,
    NUMBER,
    LAYERS
};

enum { COUNTS = 2 + LAYERS, KEY = COUNTS + 3, LONGEST = KEY + 12 + 4 + 64 + 4 + 8 };

struct id {
    uint8_t bytes[LONGEST];
    size_t len;
    int turned; // the destination stands first; -1: not yet known
};

static void add_layer(struct id *id, enum layer layer)
{
    id->bytes[layer >> 3] |= (uint8_t)(1 << (layer & 7));
    id->bytes[2 + layer] = (uint8_t)(id->len - KEY);
}

static void add_bytes(struct id *id, const void *bytes, size_t len)
{
    memcpy(id->bytes + id->len, bytes, len);
    id->len += len;
}

static void add_little_endian(struct id *id, uint64_t number, size_t len)
{
    for (; len; len--, number >>= 8)
        id->bytes[id->len++] = (uint8_t)number;
}

static void add_pair(struct id *id, enum layer layer, const void *source, const void *destination,
                     size_t len)
{
    int order = memcmp(source, destination, len);
    if (id->turned < 0 && order)
        id->turned = order > 0;
    bool turned = id->turned > 0;
    add_layer(id, layer);
    add_bytes(id, turned ? destination : source, len);
    add_bytes(id, turned ? source : destination, len);
}

static void add_vlans(struct id *id, const struct layers *l)
{
    for (int i = 0; i < l->vlans; i++) {
        add_layer(id, l->vlans == 2 && i == 0 ? OUTER_VLAN : VLAN);
        add_little_endian(id, l->vlan[i], 2);
    }
    id->bytes[COUNTS + 1] = l->vlans;
}

static void add_addresses(struct id *id, const struct flow *flow, const struct layers *l)
{
    const uint8_t *source = flow->key.address[flow->source],
                  *destination = flow->key.address[!flow->source];
    uint8_t inner = flow->key.family;
    if (l->outer == 4)
        add_pair(id, inner == 4 ? OUTER_IPV4 : IPV4, l->ip[0], l->ip[1], 4);
    else if (l->outer == 6)
        add_pair(id, inner == 6 ? OUTER_IPV6 : IPV6, l->ip[0], l->ip[1], 16);
    if (inner == 4)
        add_pair(id, IPV4, source, destination, 4);
    else if (inner == 6)
        add_pair(id, IPV6, source, destination, 16);
    id->bytes[COUNTS + 2] = (uint8_t)((l->outer != 0) + (inner != 0));
}

static void add_ports(struct id *id, const struct flow *flow)
{
    const struct flow_key *key = &flow->key;
    bool sctp = key->protocol == PROTO_SCTP && (key->port[0] || key->port[1]);
    if (key->protocol != PROTO_TCP && key->protocol != PROTO_UDP && !sctp)
        return;
    uint16_t source = key->port[flow->source], destination = key->port[!flow->source];
    if (id->turned < 0 && source != destination)
        id->turned = source > destination;
    if (key->protocol != PROTO_TCP) // SCTP, which the reference does not know, has both bits
        add_layer(id, UDP);
    if (key->protocol != PROTO_UDP)
        add_layer(id, TCP);
    add_little_endian(id, id->turned > 0 ? destination : source, 2);
    add_little_endian(id, id->turned > 0 ? source : destination, 2);
}

size_t flow_id(uint8_t *to, const struct flow *flow, const struct layers *layers, uint32_t number)
{
    struct id id = {.len = KEY, .turned = -1};
    memset(id.bytes + 2, 0xff, LAYERS);
    if (layers->has_mac) {
        add_pair(&id, ETHERNET, layers->mac[0], layers->mac[1], 6);
        id.bytes[COUNTS] = 1;
    }
    add_vlans(&id, layers);
    add_addresses(&id, flow, layers);
    add_ports(&id, flow);
    if (number) {
        add_layer(&id, NUMBER);
        add_little_endian(&id, number, 8);
    }
    return text_base64(to, span_of(id.bytes, id.len), false);
}
