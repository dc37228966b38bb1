// SPDX-License-Identifier: Apache-2.0
// GRE and what is built upon it:
//
//   GRE         flags/version(2) type(2) [sum(2) offset(2)] [key(4)] [sequence(4)] [routes…]
//               RFC 1701, 2784, 2890
//   route       family(2) offset(1) length(1) …   the last one has family and length 0
//   NVGRE       the key is a network(3) and a number of the flow(1)                      RFC 7637
//   PPTP        flags/version(2) type(2) payload(2) call(2) [sequence(4)] [acknowledged(4)], then
//               PPP                                                                      RFC 2637
//   ERSPAN I    nothing, then an Ethernet frame                 draft-foschiano-erspan
//   ERSPAN II   version/VLAN(2) flags/session(2) index(4), then an Ethernet frame
//   ERSPAN III  version/VLAN(2) flags/session(2) time(4) tag(2) flags(2) [platform(8)], then
//               an Ethernet frame
#include "probe/decode/tunnel.h"

enum {
    GRE = 4,
    SUM = 0x8000,
    ROUTING = 0x4000,
    KEY = 0x2000,
    SEQUENCE = 0x1000,
    ACKNOWLEDGED = 0x0080, // PPTP
    VERSION = 7,
    ROUTE = 4,
    ROUTES = 16, // of one packet at most

    NVGRE_FIRST = 0x1000, // lower networks are reserved: the key is that of plain GRE then

    ERSPAN_2 = 8,
    ERSPAN_3 = 12,
    PLATFORM = 8,
    HAS_PLATFORM = 0x0001,
    FRAME_TYPE = 0x7c00, // of type III
    FRAME_IS_IP = 0x0800,
    SESSION = 0x03ff,
};

// ── ERSPAN ──

static enum tunnel_answer open_erspan_2(struct layer l, struct tunnel *t)
{
    if (l.len < ERSPAN_2 || l.at[0] >> 4 != 1)
        return TUNNEL_BAD;
    tunnel_set_id(t, layer_be16(l.at + 2) & SESSION, false);
    return tunnel_lead_to(t, layer_behind(l, ERSPAN_2), ETHER_BRIDGED);
}

static enum tunnel_answer open_erspan_3(struct layer l, struct tunnel *t)
{
    if (l.len < ERSPAN_3 || l.at[0] >> 4 != 2)
        return TUNNEL_BAD;
    uint16_t flags = layer_be16(l.at + 10);
    uint32_t len = ERSPAN_3 + (flags & HAS_PLATFORM ? PLATFORM : 0u);
    if (l.len < len)
        return TUNNEL_BAD;
    tunnel_set_id(t, layer_be16(l.at + 2) & SESSION, false);
    if ((flags & FRAME_TYPE) == FRAME_IS_IP)
        return tunnel_guess(t, layer_behind(l, len));
    return tunnel_lead_to(t, layer_behind(l, len), ETHER_BRIDGED);
}

// Only type I has no sequence numbers, and no header of its own. The session is that of a mirror,
// perhaps of one direction.
static enum tunnel_answer open_erspan(struct layer l, uint16_t flags, uint16_t type,
                                      struct tunnel *t)
{
    t->kind = TUNNEL_ERSPAN;
    t->in_key = false;
    if (type == ETHER_ERSPAN_3)
        return open_erspan_3(l, t);
    if (flags & SEQUENCE)
        return open_erspan_2(l, t);
    return tunnel_lead_to(t, l, ETHER_BRIDGED);
}

// ── GRE ──

// Each end numbers its calls. A packet without payload acknowledges.
static enum tunnel_answer open_pptp(struct layer l, uint16_t flags, struct tunnel *t)
{
    uint32_t len = 8 + (flags & SEQUENCE ? 4u : 0) + (flags & ACKNOWLEDGED ? 4u : 0);
    if (l.len < len || !(flags & KEY))
        return TUNNEL_BAD;
    t->kind = TUNNEL_PPTP;
    uint32_t payload = layer_be16(l.at + 4);
    tunnel_set_id(t, layer_be16(l.at + 6), false);
    if (!payload)
        return TUNNEL_OTHER;
    return tunnel_lead_to(t, layer_first(layer_behind(l, len), payload), ETHER_PPP);
}

static bool pass_routes(struct layer *l)
{
    for (int i = 0; i < ROUTES && l->len >= ROUTE; i++) {
        uint32_t len = l->at[3];
        bool is_last = !layer_be16(l->at) && !len;
        *l = layer_behind(*l, ROUTE);
        if (is_last)
            return true;
        if (len > l->len)
            return false;
        *l = layer_behind(*l, len);
    }
    return false;
}

static void take_key(struct tunnel *t, uint32_t key, bool may_be_nvgre)
{
    bool is_nvgre = may_be_nvgre && key >> 8 >= NVGRE_FIRST;
    t->kind = is_nvgre ? TUNNEL_NVGRE : TUNNEL_GRE;
    tunnel_set_id(t, is_nvgre ? key >> 8 : key, true);
}

enum tunnel_answer gre_open(struct layer l, struct tunnel *t)
{
    if (l.len < GRE)
        return TUNNEL_BAD;
    uint16_t flags = layer_be16(l.at), type = layer_be16(l.at + 2);
    t->kind = TUNNEL_GRE;
    if ((flags & VERSION) == 1 && type == ETHER_PPP)
        return open_pptp(l, flags, t);
    if (flags & VERSION)
        return TUNNEL_OTHER;
    uint32_t key_at = GRE + (flags & (SUM | ROUTING) ? 4u : 0);
    uint32_t len = key_at + (flags & KEY ? 4u : 0) + (flags & SEQUENCE ? 4u : 0);
    if (len > l.len)
        return TUNNEL_BAD;
    if (flags & KEY)
        take_key(t, layer_be32(l.at + key_at),
                 type == ETHER_BRIDGED && !(flags & (SUM | SEQUENCE)));
    l = layer_behind(l, len);
    if (flags & ROUTING && !pass_routes(&l))
        return TUNNEL_BAD;
    if (type == ETHER_ERSPAN || type == ETHER_ERSPAN_3)
        return open_erspan(l, flags, type, t);
    return tunnel_lead_to(t, l, type);
}
