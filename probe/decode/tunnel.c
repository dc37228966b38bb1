// SPDX-License-Identifier: Apache-2.0
// Which tunnel it is, and what to make of what it carries.
#include "probe/decode/tunnel.h"

enum { UDP = 8, ETHERNET = 14, TYPE_AT = 12, IPV4 = 20, IPV6 = 40, CONTROL_WORD = 4 };

// By enum tunnel_kind: those that may have UDP ports.
static tunnel_opener *const over_udp[TUNNELS] = {
    [TUNNEL_VXLAN] = overlay_vxlan,   [TUNNEL_VXLAN_GPE] = overlay_vxlan_gpe,
    [TUNNEL_GENEVE] = overlay_geneve, [TUNNEL_GTP] = overlay_gtp,
    [TUNNEL_TZSP] = overlay_tzsp,     [TUNNEL_L2TP] = l2tp_open,
    [TUNNEL_MPLS] = mpls_open,
};

void tunnel_map_fill(struct tunnel_map *map, const struct setting_numbers ports[TUNNELS])
{
    for (int kind = 0; kind < TUNNELS; kind++)
        for (int i = 0; over_udp[kind] && i < ports[kind].count; i++)
            map->kind[ports[kind].at[i] & 0xffff] = (uint8_t)(kind + 1);
}

// ── what is inside ──

enum tunnel_answer tunnel_lead_to(struct tunnel *t, struct layer l, uint16_t type)
{
    t->inside = l;
    t->type = type;
    if (type == ETHER_BRIDGED && !link_read_bridged(&t->inside, t->vlan_depth, &t->type))
        return TUNNEL_BAD;
    if (type == ETHER_PPP && !link_read_ppp(&t->inside, &t->type))
        return TUNNEL_BAD;
    return tunnel_is_ip(t->type) || tunnel_is_shim(t->type) ? TUNNEL_OPENED : TUNNEL_OTHER;
}

bool tunnel_looks_bridged(struct layer l)
{
    if (l.len < ETHERNET)
        return false;
    uint16_t type = layer_be16(l.at + TYPE_AT);
    if (tunnel_is_ip(type))
        return l.len == ETHERNET || l.at[ETHERNET] >> 4 == (type == ETHER_IPV4 ? 4 : 6);
    return tunnel_is_shim(type) || link_is_tag(type) || type == ETHER_ARP;
}

// The length of IPv6 alone says little, an address that looks like an Ethernet type is rare.
static bool looks_like_ip(struct layer l)
{
    uint64_t there = (uint64_t)l.len + l.cut;
    if (l.len >= IPV4 && l.at[0] >> 4 == 4) {
        uint32_t header = (l.at[0] & 15u) * 4, total = layer_be16(l.at + 2);
        return header >= IPV4 && total >= header && total <= there;
    }
    return l.len >= IPV6 && l.at[0] >> 4 == 6 && IPV6 + (uint64_t)layer_be16(l.at + 4) <= there &&
           !tunnel_looks_bridged(l);
}

// A hardware address may begin like an IP header or like a control word (RFC 4385): what fits best
// comes first, and a nibble that fits nothing still says what it should have been.
enum tunnel_answer tunnel_guess(struct tunnel *t, struct layer l)
{
    if (!l.len)
        return TUNNEL_BAD;
    uint8_t nibble = l.at[0] >> 4;
    uint16_t type = nibble == 4 ? ETHER_IPV4 : ETHER_IPV6;
    if (looks_like_ip(l))
        return tunnel_lead_to(t, l, type);
    if (nibble == 0 && l.len > CONTROL_WORD && tunnel_looks_bridged(layer_behind(l, CONTROL_WORD)))
        return tunnel_lead_to(t, layer_behind(l, CONTROL_WORD), ETHER_BRIDGED);
    if (tunnel_looks_bridged(l))
        return tunnel_lead_to(t, l, ETHER_BRIDGED);
    return nibble == 4 || nibble == 6 ? tunnel_lead_to(t, l, type) : TUNNEL_OTHER;
}

// ── which one ──

static enum tunnel_answer open_udp(struct layer l, const struct tunnel_map *map, struct tunnel *t)
{
    if (l.len < UDP)
        return TUNNEL_BAD;
    t->kind = (uint8_t)(map->kind[layer_be16(l.at + 2)] - 1);
    return over_udp[t->kind](layer_behind(l, UDP), t);
}

enum tunnel_answer tunnel_open(const struct ip_header *h, const struct tunnel_map *map,
                               struct tunnel *t)
{
    t->has_id = t->in_key = false;
    switch (h->protocol) {
    case PROTO_IPIP:
    case PROTO_IPV6:
        t->kind = TUNNEL_IP;
        t->inside = h->inside;
        t->type = h->protocol == PROTO_IPIP ? ETHER_IPV4 : ETHER_IPV6;
        return TUNNEL_OPENED;
    case PROTO_GRE:
        return gre_open(h->inside, t);
    case PROTO_L2TP:
        return l2tp_open_plain(h->inside, t);
    case PROTO_MPLS:
        return mpls_open(h->inside, t);
    default:
        return open_udp(h->inside, map, t);
    }
}

enum tunnel_answer tunnel_open_shim(struct layer l, uint16_t type, struct tunnel *t)
{
    t->has_id = t->in_key = false;
    switch (type) {
    case ETHER_MPLS:
    case ETHER_MPLS_MULTICAST:
        return mpls_open(l, t);
    case ETHER_PPPOE:
        return pppoe_open(l, t);
    case ETHER_PBB:
        return pbb_open(l, t);
    default:
        return TUNNEL_OTHER;
    }
}
