// SPDX-License-Identifier: Apache-2.0
// Headers inside which packets of others lie. Each is one step of the decoder's loop: behind an IP
// header, or behind an Ethernet type (shims). What is inside is told by an Ethernet type, too;
// whole frames and PPP, which have no header of interest, are passed at once.
#pragma once

#include "probe/decode/ip.h"
#include "probe/decode/link.h"

enum tunnel_answer {
    TUNNEL_OPENED,
    TUNNEL_OTHER, // nothing inside that could be followed, or no tunnel
    TUNNEL_BAD,   // a header that is cut or makes no sense
};

struct tunnel {
    unsigned vlan_depth; // in: tags that are followed inside
    struct layer inside;
    uint16_t type; // of `inside`: IP's or that of a shim
    uint8_t kind;  // enum tunnel_kind
    bool has_id;
    bool in_key; // both directions have the same id
    uint32_t id;
};

// UDP ports, and what goes to them: enum tunnel_kind + 1, 0 for no tunnel.
struct tunnel_map {
    uint8_t kind[65536];
};
void tunnel_map_fill(struct tunnel_map *map, const struct setting_numbers ports[TUNNELS]);

enum tunnel_answer tunnel_open(const struct ip_header *h, const struct tunnel_map *map,
                               struct tunnel *t);

// MPLS, PPPoE, PBB: what may stand between a type and an IP header.
enum tunnel_answer tunnel_open_shim(struct layer l, uint16_t type, struct tunnel *t);

// Cheap: false when tunnel_open would find none.
static inline bool tunnel_is_possible(const struct ip_header *h, const struct tunnel_map *map)
{
    switch (h->protocol) {
    case PROTO_UDP:
        return h->inside.len >= 4 && map->kind[layer_be16(h->inside.at + 2)];
    case PROTO_IPIP:
    case PROTO_IPV6:
    case PROTO_GRE:
    case PROTO_L2TP:
    case PROTO_MPLS:
        return true;
    default:
        return false;
    }
}

static inline bool tunnel_is_ip(uint16_t type)
{
    return type == ETHER_IPV4 || type == ETHER_IPV6;
}

static inline bool tunnel_is_shim(uint16_t type)
{
    return type == ETHER_MPLS || type == ETHER_MPLS_MULTICAST || type == ETHER_PPPOE ||
           type == ETHER_PBB;
}

// ── for the files of the kinds ──

// `l`, of that type, is what is inside.
enum tunnel_answer tunnel_lead_to(struct tunnel *t, struct layer l, uint16_t type);

// The same where no type is told: IP by its first nibble, or an Ethernet frame.
enum tunnel_answer tunnel_guess(struct tunnel *t, struct layer l);

// True if an Ethernet frame of a usual type begins there.
bool tunnel_looks_bridged(struct layer l);

static inline void tunnel_set_id(struct tunnel *t, uint32_t id, bool in_key)
{
    t->has_id = true;
    t->in_key = in_key;
    t->id = id;
}

// Each sets all else of *t but `has_id`, which is false unless there is one.
typedef enum tunnel_answer tunnel_opener(struct layer l, struct tunnel *t);
tunnel_opener gre_open;      // gre.c: GRE, NVGRE, PPTP, ERSPAN
tunnel_opener overlay_vxlan; // overlay.c: behind a UDP header
tunnel_opener overlay_vxlan_gpe;
tunnel_opener overlay_geneve;
tunnel_opener overlay_gtp;
tunnel_opener overlay_tzsp;
tunnel_opener l2tp_open;       // l2tp.c: behind a UDP header
tunnel_opener l2tp_open_plain; // behind an IP header
tunnel_opener mpls_open;       // shim.c
tunnel_opener pppoe_open;
tunnel_opener pbb_open;
