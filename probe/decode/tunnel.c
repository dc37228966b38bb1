// SPDX-License-Identifier: Apache-2.0
//   GRE    flags/version(2) type(2) [sum(2) zero(2)] [key(4)] [sequence(4)]     RFC 2784, 2890
//   VXLAN  UDP(8) flags(1) zero(3) VNI(3) zero(1), then an Ethernet frame       RFC 7348
#include "probe/decode/tunnel.h"

#include "probe/decode/link.h"

enum {
    GRE = 4,
    GRE_SUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_VERSION = 7,
    UDP = 8,
    VXLAN = 8,
    VXLAN_HAS_ID = 0x08,
};

static enum tunnel_answer answer_for(const struct tunnel *t)
{
    return t->type == ETHER_IPV4 || t->type == ETHER_IPV6 ? TUNNEL_IP : TUNNEL_NONE;
}

static enum tunnel_answer open_bridged(struct tunnel *t, unsigned vlan_depth)
{
    return link_read_bridged(&t->inside, vlan_depth, &t->type) ? answer_for(t) : TUNNEL_BAD;
}

// Version 1 (PPTP) carries PPP and stays a flow of GRE, as does the source routing of old.
static enum tunnel_answer open_gre(struct layer l, unsigned vlan_depth, struct tunnel *t)
{
    if (l.len < GRE)
        return TUNNEL_BAD;
    uint16_t flags = layer_be16(l.at);
    if (flags & (GRE_VERSION | GRE_ROUTING))
        return TUNNEL_NONE;
    uint32_t key_at = GRE + (flags & GRE_SUM ? 4u : 0);
    uint32_t len = key_at + (flags & GRE_KEY ? 4u : 0) + (flags & GRE_SEQUENCE ? 4u : 0);
    if (len > l.len)
        return TUNNEL_BAD;
    t->has_id = flags & GRE_KEY;
    if (t->has_id)
        t->id = layer_be32(l.at + key_at);
    t->type = layer_be16(l.at + 2);
    t->inside = layer_behind(l, len);
    return t->type == ETHER_BRIDGED ? open_bridged(t, vlan_depth) : answer_for(t);
}

static enum tunnel_answer open_vxlan(struct layer l, unsigned vlan_depth, struct tunnel *t)
{
    if (l.len < UDP + VXLAN || !(l.at[UDP] & VXLAN_HAS_ID))
        return TUNNEL_BAD;
    t->has_id = true;
    t->id = layer_be32(l.at + UDP + 4) >> 8;
    t->inside = layer_behind(l, UDP + VXLAN);
    return open_bridged(t, vlan_depth);
}

enum tunnel_answer tunnel_open(const struct ip_header *h, unsigned vlan_depth, struct tunnel *t)
{
    t->inside = h->inside;
    t->has_id = false;
    switch (h->protocol) {
    case PROTO_IPIP:
        t->type = ETHER_IPV4;
        return TUNNEL_IP;
    case PROTO_IPV6:
        t->type = ETHER_IPV6;
        return TUNNEL_IP;
    case PROTO_GRE:
        return open_gre(h->inside, vlan_depth, t);
    default:
        return open_vxlan(h->inside, vlan_depth, t);
    }
}
