// SPDX-License-Identifier: Apache-2.0
// Networks by prefix. The named ranges follow RFC 1122, 1918, 3927, 4193, 4291 and 5771.

#include "pipeline/cidr.h"

enum { NAMED = 20 };

struct named {
    const char *name;
    bool outside;
    const char *networks[NAMED]; // ended by NULL
};

#define LOOPBACK         "127.0.0.0/8", "::1/128"
#define UNSPECIFIED      "0.0.0.0/32", "::/128"
#define BROADCAST        "255.255.255.255/32"
#define MULTICAST        "224.0.0.0/4", "ff00::/8"
#define PRIVATE          "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"
#define LINK_LOCAL       "169.254.0.0/16", "fe80::/10"
#define LINK_MULTICAST   "224.0.0.0/24", "ff02::/16", "ff12::/16", "ff32::/16"
#define OF_ONE_INTERFACE "ff01::/16", "ff11::/16", "ff31::/16"

static const struct named ranges[] = {
    {"loopback", false, {LOOPBACK}},
    {"unspecified", false, {UNSPECIFIED}},
    {"multicast", false, {MULTICAST}},
    {"private", false, {PRIVATE}},
    {"link_local_unicast", false, {LINK_LOCAL}},
    {"link_local_multicast", false, {LINK_MULTICAST}},
    {"interface_local_multicast", false, {OF_ONE_INTERFACE}},
    {"unicast", true, {LOOPBACK, UNSPECIFIED, BROADCAST, MULTICAST, LINK_LOCAL}},
    {"global_unicast", true, {LOOPBACK, UNSPECIFIED, BROADCAST, MULTICAST, LINK_LOCAL}},
    {"public",
     true,
     {LOOPBACK, UNSPECIFIED, BROADCAST, PRIVATE, LINK_LOCAL, LINK_MULTICAST, OF_ONE_INTERFACE}},
};

static bool read_network(const char *text, struct cidr *out)
{
    struct span bits = span_text(text), address = span_cut(&bits, '/');
    uint64_t number;
    if (!text_to_ip(address, &out->network))
        return false;
    uint64_t most = out->network.family == 4 ? 32 : 128;
    if (!strchr(text, '/'))
        number = most;
    else if (!span_number(bits, &number) || number > most)
        return false;
    out->bits = (int)number;
    return true;
}

static bool read_named(const struct named *range, struct arena *a, struct cidr_set *out)
{
    struct cidr *at = arena_alloc(a, NAMED * sizeof *at);
    if (!at)
        return false;
    *out = (struct cidr_set){.at = at, .outside = range->outside};
    for (int i = 0; i < NAMED && range->networks[i]; i++)
        if (!read_network(range->networks[i], &at[out->count++]))
            return false;
    return true;
}

bool cidr_read(const char *text, struct arena *a, struct cidr_set *out)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (strcmp(ranges[i].name, text) == 0)
            return read_named(&ranges[i], a, out);
    struct cidr *one = arena_alloc(a, sizeof *one);
    if (!one || !read_network(text, one))
        return false;
    *out = (struct cidr_set){.at = one, .count = 1};
    return true;
}

static bool is_in(const struct cidr *c, const struct ip *ip)
{
    if (c->network.family != ip->family)
        return false;
    size_t whole = (size_t)c->bits / 8;
    int rest = c->bits % 8;
    if (memcmp(c->network.bytes, ip->bytes, whole) != 0)
        return false;
    return !rest || (c->network.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

bool cidr_has(const struct cidr_set *set, const struct ip *ip)
{
    if (!ip->family)
        return false;
    for (int i = 0; i < set->count; i++)
        if (is_in(&set->at[i], ip))
            return !set->outside;
    return set->outside;
}
