// SPDX-License-Identifier: Apache-2.0
// What may stand between an Ethernet type and the packet:
//
//   MPLS   label/class/last/TTL(4) …, until the last, then nobody says what
//          RFC 3032, 4385, 4448
//   PPPoE  version/type(1) code(1) session(2) length(2), then PPP                  RFC 2516
//   PBB    flags/service(4), then the Ethernet frame of the customer               IEEE 802.1ah
#include "probe/decode/tunnel.h"

enum {
    LABEL = 4,
    LABELS = 16, // of one packet at most
    LAST_LABEL = 0x100,
    ENTROPY_FOLLOWS = 7, // RFC 6790: the next label only spreads the load
    PPPOE = 6,
    PBB = 4,
    PBB_SERVICE = 0xffffff,
};

// The last label names whose traffic it is. It holds for one direction.
enum tunnel_answer mpls_open(struct layer l, struct tunnel *t)
{
    bool says_nothing = false;
    t->kind = TUNNEL_MPLS;
    for (int i = 0; i < LABELS && l.len >= LABEL; i++) {
        uint32_t word = layer_be32(l.at), label = word >> 12;
        l = layer_behind(l, LABEL);
        if (!says_nothing && label != ENTROPY_FOLLOWS)
            tunnel_set_id(t, label, false);
        says_nothing = label == ENTROPY_FOLLOWS;
        if (word & LAST_LABEL)
            return tunnel_guess(t, l);
    }
    return TUNNEL_BAD;
}

enum tunnel_answer pppoe_open(struct layer l, struct tunnel *t)
{
    t->kind = TUNNEL_PPPOE;
    if (l.len < PPPOE || l.at[0] != 0x11)
        return TUNNEL_BAD;
    if (l.at[1]) // discovery
        return TUNNEL_OTHER;
    tunnel_set_id(t, layer_be16(l.at + 2), true);
    l = layer_first(l, PPPOE + layer_be16(l.at + 4));
    return tunnel_lead_to(t, layer_behind(l, PPPOE), ETHER_PPP);
}

enum tunnel_answer pbb_open(struct layer l, struct tunnel *t)
{
    t->kind = TUNNEL_PBB;
    if (l.len < PBB)
        return TUNNEL_BAD;
    tunnel_set_id(t, layer_be32(l.at) & PBB_SERVICE, true);
    return tunnel_lead_to(t, layer_behind(l, PBB), ETHER_BRIDGED);
}
