// SPDX-License-Identifier: Apache-2.0
// Link headers, by the numbers of the pcap registry, and 802.1Q and 802.1ad tags:
//
//   Ethernet  destination(6) source(6) type(2)
//   SLL       direction(2) hardware(2) length(2) address(8) type(2)
//   SLL2      type(2) zero(2) interface(4) hardware(2) direction(1) length(1) address(8)
//   NULL      address family(4), in the order of the machine that wrote it; LOOP: big-endian
//   PPP       [ff 03] protocol(1 or 2): the last byte is the first odd one
//   tag       priority and id(2) type(2)               behind types 8100, 88a8, 9100, 9200
#include "probe/decode/link.h"

enum { ETHERNET = 14, SLL = 16, SLL2 = 20, LOOPBACK = 4, TAG = 4 };

static void add_vlan(struct packet *p, uint16_t tag)
{
    if (p->vlans < 2)
        p->vlan[p->vlans] = tag & 0x0fff;
    p->vlans++;
}

// Takes the tags off; `p` (may be NULL) keeps them.
static enum counter read_tags(struct layer *l, unsigned vlan_depth, struct packet *p,
                              uint16_t *type)
{
    unsigned tags = p ? p->vlans : 0;
    for (; link_is_tag(*type); tags++) {
        if (tags >= vlan_depth)
            return COUNTER_undecoded_vlan_depth;
        if (l->len < TAG)
            return COUNTER_undecoded_link_header;
        if (p)
            add_vlan(p, layer_be16(l->at));
        *type = layer_be16(l->at + 2);
        *l = layer_behind(*l, TAG);
    }
    return COUNTER_packets_decoded;
}

// A header of `len` bytes with an Ethernet type at `type_at`, and tags behind it.
static enum counter read_typed(struct layer *l, uint32_t len, uint32_t type_at, unsigned vlan_depth,
                               struct packet *p, uint16_t *type)
{
    if (l->len < len)
        return COUNTER_undecoded_link_header;
    *type = layer_be16(l->at + type_at);
    *l = layer_behind(*l, len);
    return link_is_tag(*type) ? read_tags(l, vlan_depth, p, type) : COUNTER_packets_decoded;
}

// The address families of IPv6 differ between systems; none collides in either byte order.
static enum counter read_loopback(struct layer *l, uint16_t *type)
{
    if (l->len < LOOPBACK)
        return COUNTER_undecoded_link_header;
    uint32_t family = layer_be32(l->at);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    *l = layer_behind(*l, LOOPBACK);
    switch (family) {
    case 2:
        *type = ETHER_IPV4;
        return COUNTER_packets_decoded;
    case 10: // Linux
    case 24: // NetBSD, OpenBSD
    case 28: // FreeBSD
    case 30: // macOS
        *type = ETHER_IPV6;
        return COUNTER_packets_decoded;
    default:
        return COUNTER_undecoded_not_ip;
    }
}

bool link_read_ppp(struct layer *l, uint16_t *type)
{
    static const struct {
        uint16_t protocol, type;
    } rows[] = {{0x0021, ETHER_IPV4},
                {0x0057, ETHER_IPV6},
                {0x0281, ETHER_MPLS},
                {0x0283, ETHER_MPLS_MULTICAST}};
    if (l->len >= 2 && layer_be16(l->at) == 0xff03)
        *l = layer_behind(*l, 2);
    uint32_t len = l->len && l->at[0] & 1 ? 1 : 2;
    if (l->len < len)
        return false;
    uint16_t protocol = len == 1 ? l->at[0] : layer_be16(l->at);
    *l = layer_behind(*l, len);
    *type = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].protocol == protocol)
            *type = rows[i].type;
    return true;
}

static enum counter read_ppp(struct layer *l, uint16_t *type)
{
    return link_read_ppp(l, type) ? COUNTER_packets_decoded : COUNTER_undecoded_link_header;
}

static enum counter read_raw(const struct layer *l, uint16_t *type)
{
    switch (l->len ? l->at[0] >> 4 : 0) {
    case 4:
        *type = ETHER_IPV4;
        return COUNTER_packets_decoded;
    case 6:
        *type = ETHER_IPV6;
        return COUNTER_packets_decoded;
    default:
        return COUNTER_undecoded_ip_header;
    }
}

static enum counter read_other(uint16_t link, unsigned vlan_depth, struct packet *p,
                               struct layer *l, uint16_t *type)
{
    switch (link) {
    case LINK_SLL:
        return read_typed(l, SLL, 14, vlan_depth, p, type);
    case LINK_SLL2:
        return read_typed(l, SLL2, 0, vlan_depth, p, type);
    case LINK_NULL:
    case LINK_LOOP:
        return read_loopback(l, type);
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
        return read_raw(l, type);
    case LINK_PPP:
    case LINK_PPP_SERIAL:
        return read_ppp(l, type);
    case LINK_PPP_ETHER:
        *type = ETHER_PPPOE;
        return COUNTER_packets_decoded;
    default:
        return COUNTER_undecoded_link_type;
    }
}

enum counter link_read(const struct frame *f, unsigned vlan_depth, struct packet *p,
                       struct layer *inside, uint16_t *type)
{
    *inside = (struct layer){f->at, f->len, f->wire > f->len ? f->wire - f->len : 0};
    if (f->has_vlan)
        add_vlan(p, f->vlan);
    if (f->link != LINK_ETHERNET)
        return read_other(f->link, vlan_depth, p, inside, type);
    p->mac = 0;
    return read_typed(inside, ETHERNET, 12, vlan_depth, p, type);
}

bool link_read_bridged(struct layer *l, unsigned vlan_depth, uint16_t *type)
{
    return read_typed(l, ETHERNET, 12, vlan_depth, NULL, type) == COUNTER_packets_decoded;
}
