// SPDX-License-Identifier: Apache-2.0
//   IPv4  version/length(1) service(1) total(2) id(2) flags/offset(2) ttl(1) protocol(1) sum(2)
//         source(4) destination(4) options…
//   IPv6  version/class/label(4) payload(2) next(1) hops(1) source(16) destination(16)
//   extension header  next(1) length(1) …      length in units of 8 bytes behind the first 8
//   fragment header   next(1) zero(1) offset/more(2) id(4)
//   authentication    next(1) length(1) …      length in units of 4 bytes behind the first 8
#include "probe/decode/ip.h"

#include "probe/decode/link.h"

enum {
    IPV4 = 20,
    IPV6 = 40,
    EXTENSION = 8,   // bytes of the shortest
    EXTENSIONS = 16, // of one packet at most

    NEXT_HOP_BY_HOP = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_AUTHENTICATION = 51,
    NEXT_DESTINATION = 60,
    NEXT_MOBILITY = 135,
    NEXT_HIP = 139,
    NEXT_SHIM6 = 140,
};

static bool is_extension(uint8_t next)
{
    switch (next) {
    case NEXT_HOP_BY_HOP:
    case NEXT_ROUTING:
    case NEXT_FRAGMENT:
    case NEXT_AUTHENTICATION:
    case NEXT_DESTINATION:
    case NEXT_MOBILITY:
    case NEXT_HIP:
    case NEXT_SHIM6:
        return true;
    default:
        return false;
    }
}

// A datagram in one piece may carry the header too (RFC 6946): it is no fragment then.
static void read_fragment_header(struct ip_header *h, const uint8_t *at)
{
    uint16_t word = layer_be16(at + 2);
    h->offset = word & 0xfff8u;
    h->more = word & 1;
    h->id = layer_be32(at + 4);
    h->is_fragment = h->offset || h->more;
}

// One header; false: cut, or a fragment inside what was a fragment.
static bool read_extension(struct ip_header *h)
{
    const uint8_t *at = h->inside.at;
    if (h->inside.len < EXTENSION)
        return false;
    uint32_t len = EXTENSION + at[1] * 8u;
    if (h->protocol == NEXT_FRAGMENT)
        len = EXTENSION;
    if (h->protocol == NEXT_AUTHENTICATION)
        len = (at[1] + 2u) * 4;
    if (len > h->inside.len)
        return false;
    if (h->protocol == NEXT_FRAGMENT)
        read_fragment_header(h, at);
    if (h->is_fragment && h->was_fragment) {
        h->is_fragment = false;
        return false;
    }
    h->protocol = at[0];
    h->inside = layer_behind(h->inside, len);
    return true;
}

void ip_read_extensions(struct ip_header *h, unsigned *notes)
{
    while (!h->is_fragment && is_extension(h->protocol)) {
        if (h->extensions == EXTENSIONS || !read_extension(h)) {
            *notes |= NOTE_BAD_EXTENSION;
            return;
        }
        h->extensions++;
    }
}

static bool read_ipv4(struct layer l, struct ip_header *h)
{
    if (l.len < IPV4 || l.at[0] >> 4 != 4)
        return false;
    uint32_t len = (l.at[0] & 15u) * 4;
    uint32_t total = layer_be16(l.at + 2);
    if (len < IPV4 || len > l.len || (total && total < len))
        return false;
    uint16_t word = layer_be16(l.at + 6);
    h->family = 4;
    h->source = l.at + 12;
    h->destination = l.at + 16;
    h->protocol = l.at[9];
    h->extensions = 0;
    h->was_fragment = false;
    h->is_fragment = word & 0x3fff;
    h->more = word & 0x2000;
    h->offset = (word & 0x1fffu) * 8;
    h->id = layer_be16(l.at + 4);
    h->inside = layer_behind(total ? layer_first(l, total) : l, len);
    return true;
}

static bool read_ipv6(struct layer l, struct ip_header *h, unsigned *notes)
{
    if (l.len < IPV6 || l.at[0] >> 4 != 6)
        return false;
    uint32_t payload = layer_be16(l.at + 4);
    h->family = 6;
    h->source = l.at + 8;
    h->destination = l.at + 24;
    h->protocol = l.at[6];
    h->extensions = 0;
    h->was_fragment = h->is_fragment = false;
    h->inside = layer_behind(payload ? layer_first(l, IPV6 + payload) : l, IPV6);
    if (is_extension(h->protocol))
        ip_read_extensions(h, notes);
    return true;
}

bool ip_read(struct layer l, uint16_t type, struct ip_header *h, unsigned *notes)
{
    return type == ETHER_IPV4 ? read_ipv4(l, h) : read_ipv6(l, h, notes);
}
