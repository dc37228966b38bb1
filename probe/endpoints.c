// SPDX-License-Identifier: Apache-2.0
// Community ID, sets of networks, and the direction of a transaction.

#include "probe/endpoints.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "config/error.h"
#include "pipeline/cidr.h"
#include "pipeline/community_id.h"
#include "probe/packet.h"

// ── Community ID ──

// ICMP has no ports: who was seen first counts as the sender, and its type and code stand for them.
struct span endpoints_community_id(struct endpoints *e)
{
    if (e->community_id[0])
        return span_text(e->community_id);
    bool icmp = e->protocol == PROTO_ICMP || e->protocol == PROTO_ICMPV6;
    enum side first = icmp && !e->icmp_seen[CLIENT] && e->icmp_seen[SERVER] ? SERVER : CLIENT;
    struct community_flow flow = {.ip = {e->ip[first], e->ip[side_other(first)]},
                                  .port = {icmp ? e->icmp_type[first] : e->port[CLIENT],
                                           icmp ? e->icmp_code : e->port[SERVER]},
                                  .protocol = e->protocol};
    size_t len = community_id(&flow, e->community_id);
    return len ? span_of(e->community_id, len) : span_of(NULL, 0);
}

// ── networks ──

struct networks {
    int count;
    struct cidr_set at[];
};

static struct networks *networks_new(int count, struct arena *a)
{
    struct networks *n = arena_alloc(a, sizeof *n + (size_t)count * sizeof n->at[0]);
    if (n)
        n->count = 0;
    return n;
}

struct networks *networks_read(const char *const *names, int count, struct arena *a,
                               struct error *why)
{
    struct networks *n = networks_new(count, a);
    if (!n) {
        error_set(why, "out of memory");
        return NULL;
    }
    for (int i = 0; i < count; i++)
        if (!cidr_read(names[i], a, &n->at[n->count++])) {
            error_set(why,
                      "internal_networks: \"%s\" is neither a network like 10.0.0.0/8 nor a name "
                      "like private",
                      names[i]);
            return NULL;
        }
    return n;
}

bool networks_have(const struct networks *n, const struct ip *ip)
{
    for (int i = 0; n && i < n->count; i++)
        if (cidr_has(&n->at[i], ip))
            return true;
    return false;
}

// An interface's address; family 0: it has none, or is a loopback.
static struct ip address_of(const struct ifaddrs *i)
{
    struct ip ip = {0};
    if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
        return ip;
    if (i->ifa_addr->sa_family == AF_INET) {
        ip.family = 4;
        memcpy(ip.bytes, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        ip.family = 6;
        memcpy(ip.bytes, &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr, 16);
    }
    return ip;
}

struct networks *networks_own(struct arena *a)
{
    struct ifaddrs *all = NULL;
    int count = 0;
    if (getifaddrs(&all))
        all = NULL; // a host that hides its addresses has none
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        count += address_of(i).family != 0;
    struct networks *n = networks_new(count, a);
    struct cidr *addresses = arena_alloc(a, ((size_t)count + 1) * sizeof *addresses);
    for (const struct ifaddrs *i = all; n && addresses && i; i = i->ifa_next) {
        struct ip ip = address_of(i);
        if (!ip.family)
            continue;
        addresses[n->count] = (struct cidr){ip, ip.family == 4 ? 32 : 128};
        n->at[n->count] = (struct cidr_set){.at = &addresses[n->count], .count = 1};
        n->count++;
    }
    freeifaddrs(all);
    return n;
}

// ── direction ──

// Loopback and link-local addresses, one or many receivers: whoever sees them is this host.
static bool is_of_this_link(const struct ip *ip)
{
    static const uint8_t loopback[16] = {[15] = 1};
    const uint8_t *b = ip->bytes;
    if (ip->family == 4)
        return b[0] == 127 || (b[0] == 169 && b[1] == 254) || (b[0] == 224 && !b[1] && !b[2]);
    return ip->family == 6 && ((b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
                               (b[0] == 0xff && (b[1] & 0x0f) == 2) || !memcmp(b, loopback, 16));
}

static bool is_here(const struct ip *ip, const struct networks *own)
{
    return is_of_this_link(ip) || networks_have(own, ip);
}

enum direction endpoints_direction(const struct ip *source, const struct ip *destination,
                                   const struct networks *own, const struct networks *internal)
{
    static const enum direction by_place[2][2] = {
        {DIRECTION_EXTERNAL, DIRECTION_INBOUND},
        {DIRECTION_OUTBOUND, DIRECTION_INTERNAL},
    };
    if (is_here(destination, own))
        return DIRECTION_INGRESS;
    if (is_here(source, own))
        return DIRECTION_EGRESS;
    if (!internal || !internal->count)
        return DIRECTION_UNKNOWN;
    return by_place[networks_have(internal, source)][networks_have(internal, destination)];
}

const char *direction_name(enum direction d)
{
    static const char *const names[] = {
        [DIRECTION_UNKNOWN] = "unknown",   [DIRECTION_INGRESS] = "ingress",
        [DIRECTION_EGRESS] = "egress",     [DIRECTION_INTERNAL] = "internal",
        [DIRECTION_INBOUND] = "inbound",   [DIRECTION_OUTBOUND] = "outbound",
        [DIRECTION_EXTERNAL] = "external",
    };
    return names[d];
}
