// SPDX-License-Identifier: Apache-2.0
// L2TP, versions 2 (PPP) and 3 (Ethernet):
//
//   v2 over UDP  flags/version(2) [length(2)] tunnel(2) session(2) [Ns(2) Nr(2)]
//                [offset(2) …], then PPP                                               RFC 2661
//   v3 over UDP  flags/version(2) …(2) session(4) [cookie(4 or 8)] [sublayer(4)]       RFC 3931
//   v3 over IP   session(4) [cookie(4 or 8)] [sublayer(4)]
//
// Each end chooses the session under which it is sent to. How long a cookie is, and whether there
// is a sublayer, was agreed on when the session began: the frame is looked for behind each length.
#include "probe/decode/tunnel.h"

enum {
    IS_CONTROL = 0x8000,
    HAS_LENGTH = 0x4000,
    HAS_SEQUENCE = 0x0800,
    HAS_OFFSET = 0x0200,
    VERSION = 15,
    V3_OVER_UDP = 4,
    SESSION = 4,
    STEP = 4,
    STEPS = 4, // cookie of 8, sublayer of 4
};

enum tunnel_answer l2tp_open_plain(struct layer l, struct tunnel *t)
{
    t->kind = TUNNEL_L2TP;
    if (l.len < SESSION)
        return TUNNEL_BAD;
    uint32_t session = layer_be32(l.at);
    l = layer_behind(l, SESSION);
    if (!session) // control messages
        return TUNNEL_OTHER;
    tunnel_set_id(t, session, false);
    for (uint32_t i = 0; i < STEPS && l.len >= i * STEP; i++)
        if (tunnel_looks_bridged(layer_behind(l, i * STEP)))
            return tunnel_lead_to(t, layer_behind(l, i * STEP), ETHER_BRIDGED);
    return TUNNEL_OTHER;
}

static enum tunnel_answer open_v2(struct layer l, uint16_t flags, struct tunnel *t)
{
    uint32_t ids_at = flags & HAS_LENGTH ? 4 : 2;
    uint32_t len = ids_at + 4 + (flags & HAS_SEQUENCE ? 4u : 0);
    if (flags & HAS_OFFSET) {
        if (l.len < len + 2)
            return TUNNEL_BAD;
        len += 2u + layer_be16(l.at + len);
    }
    if (l.len < len)
        return TUNNEL_BAD;
    tunnel_set_id(t, layer_be16(l.at + ids_at + 2), false);
    return tunnel_lead_to(t, layer_behind(l, len), ETHER_PPP);
}

enum tunnel_answer l2tp_open(struct layer l, struct tunnel *t)
{
    if (l.len < V3_OVER_UDP)
        return TUNNEL_BAD;
    uint16_t flags = layer_be16(l.at);
    if (flags & IS_CONTROL)
        return TUNNEL_OTHER;
    switch (flags & VERSION) {
    case 2:
        return open_v2(l, flags, t);
    case 3:
        return l2tp_open_plain(layer_behind(l, V3_OVER_UDP), t);
    default:
        return TUNNEL_BAD;
    }
}
