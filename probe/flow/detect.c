// SPDX-License-Identifier: Apache-2.0
// Ports and first bytes to protocols.

#include "probe/flow/detect.h"

#include <stdlib.h>

enum { PORTS = 65536 };

static bool claim(struct detect *d, uint8_t *map, const char *transport, int64_t port, int number,
                  struct error *why)
{
    if (port < 0 || port >= PORTS)
        return error_set(why, "%s: port %lld is out of range", d->bindings[number]->protocol->name,
                         (long long)port);
    const struct protocol *mine = d->bindings[number]->protocol;
    if (map[port] == DETECT_NONE)
        map[port] = (uint8_t)number;
    else if (d->bindings[map[port]]->protocol != mine)
        return error_set(why, "%s port %lld is claimed by both %s and %s", transport,
                         (long long)port, d->bindings[map[port]]->protocol->name, mine->name);
    return true;
}

static bool claim_all(struct detect *d, int number, struct error *why)
{
    const struct binding *b = d->bindings[number];
    if (b->protocol->transports & OVER_ICMP && d->icmp == DETECT_NONE)
        d->icmp = (uint8_t)number;
    for (int i = 0; i < b->common.ports.count; i++) {
        int64_t port = b->common.ports.at[i];
        if ((b->protocol->transports & OVER_TCP) && !claim(d, d->tcp, "TCP", port, number, why))
            return false;
        if ((b->protocol->transports & OVER_UDP) && !claim(d, d->udp, "UDP", port, number, why))
            return false;
    }
    return true;
}

static void offer(struct detect *d, int number)
{
    const struct binding *b = d->bindings[number];
    if (!b->protocol->looks_like || !b->common.detect)
        return;
    if (b->protocol->transports & OVER_TCP)
        d->by_content[0][d->by_content_count[0]++] = (uint8_t)number;
    if (b->protocol->transports & OVER_UDP)
        d->by_content[1][d->by_content_count[1]++] = (uint8_t)number;
}

bool detect_init(struct detect *d, const struct binding *const *bindings, int count,
                 struct error *why)
{
    *d = (struct detect){.bindings = bindings, .icmp = DETECT_NONE};
    if (count >= DETECT_OPEN)
        return error_set(why, "more than %d protocols", DETECT_OPEN - 1);
    d->tcp = malloc(PORTS);
    d->udp = malloc(PORTS);
    if (!d->tcp || !d->udp)
        return error_set(why, "out of memory");
    memset(d->tcp, DETECT_NONE, PORTS);
    memset(d->udp, DETECT_NONE, PORTS);
    for (int i = 0; i < count; i++) {
        if (!bindings[i]->common.enabled)
            continue;
        if (!claim_all(d, i, why))
            return false;
        offer(d, i);
    }
    return true;
}

void detect_free(struct detect *d)
{
    free(d->tcp);
    free(d->udp);
    *d = (struct detect){.icmp = DETECT_NONE};
}

static const uint8_t *ports_of(const struct detect *d, uint8_t protocol)
{
    return protocol == PROTO_TCP ? d->tcp : protocol == PROTO_UDP ? d->udp : NULL;
}

uint8_t detect_by_port(const struct detect *d, const struct packet *first)
{
    const struct flow_key *key = &first->key;
    if (key->protocol == PROTO_ICMP || key->protocol == PROTO_ICMPV6)
        return d->icmp;
    const uint8_t *map = ports_of(d, key->protocol);
    if (!map)
        return DETECT_NONE;
    uint8_t binding = map[key->port[first->sender]];
    if (binding == DETECT_NONE)
        binding = map[key->port[!first->sender]];
    bool open = d->by_content_count[key->protocol == PROTO_UDP] > 0;
    return binding == DETECT_NONE && open ? DETECT_OPEN : binding;
}

static bool looks_like(const struct binding *b, struct span first, enum side *from, bool sure)
{
    if (b->protocol->looks_like(first, *from))
        return true;
    if (sure || !b->protocol->looks_like(first, side_other(*from)))
        return false;
    *from = side_other(*from);
    return true;
}

uint8_t detect_by_content(const struct detect *d, uint8_t by_port, bool tcp, struct span first,
                          enum side *from, bool sure)
{
    if (by_port < DETECT_OPEN) {
        const struct binding *b = d->bindings[by_port];
        enum side either = *from; // its port tells who asks
        if (!b->protocol->looks_like || looks_like(b, first, &either, sure))
            return by_port;
    }
    for (int i = 0; i < d->by_content_count[!tcp]; i++) {
        uint8_t number = d->by_content[!tcp][i];
        if (number != by_port && looks_like(d->bindings[number], first, from, sure))
            return number;
    }
    return by_port;
}

unsigned detect_client(const struct detect *d, const struct flow_key *key, uint8_t binding,
                       unsigned otherwise)
{
    const uint8_t *map = ports_of(d, key->protocol);
    if (!map)
        return otherwise;
    bool first = map[key->port[0]] == binding, second = map[key->port[1]] == binding;
    return first == second ? otherwise : first;
}

struct endpoints detect_ends(const struct flow_key *key, unsigned client)
{
    struct endpoints e = {.protocol = key->protocol};
    for (unsigned side = CLIENT; side <= SERVER; side++) {
        unsigned i = side == CLIENT ? client : !client;
        e.ip[side].family = key->family;
        memcpy(e.ip[side].bytes, key->address[i], sizeof key->address[i]);
        e.port[side] = key->port[i];
    }
    return e;
}
