// SPDX-License-Identifier: Apache-2.0
// Tunnels over UDP, from behind its header:
//
//   VXLAN      flags(1) …(3) VNI(3) …(1), then an Ethernet frame                       RFC 7348
//   VXLAN-GPE  flags(1) …(2) next(1) VNI(3) …(1)                 draft-ietf-nvo3-vxlan-gpe
//   Geneve     version/options(1) flags(1) type(2) VNI(3) …(1) options…                RFC 8926
//   GTP-U      flags(1) message(1) length(2) TEID(4) [sequence(2) number(1) next(1)]
//              extensions…                                                       3GPP TS 29.281
//   extension  length(1) … next(1)                              length in units of four bytes
//   TZSP       version(1) message(1) protocol(2) tags…
//   tag        kind(1) [length(1) …]
#include "probe/decode/tunnel.h"

enum {
    VXLAN = 8,
    HAS_VNI = 0x08,
    GPE_VERSION = 0x30,
    GPE_HAS_NEXT = 0x04,
    GPE_IS_OAM = 0x01,

    GENEVE = 8,
    GENEVE_VERSION = 0xc0,
    GENEVE_OPTIONS = 0x3f, // in units of four bytes
    GENEVE_IS_CONTROL = 0x80,

    GTP = 8,
    GTP_VERSION = 0xf0, // and that it is GTP, not GTP'
    GTP_VERSION_1 = 0x30,
    GTP_HAS_NEXT = 0x04,
    GTP_HAS_MORE = 0x07, // any of extensions, sequence, number
    GTP_MORE = 4,
    GTP_PACKET = 255,
    GTP_EXTENSIONS = 16, // of one packet at most

    TZSP = 4,
    TZSP_RECEIVED = 0,
    TZSP_TO_SEND = 1,
    TZSP_ETHERNET = 1,
    TZSP_TAGS = 64, // of one packet at most
    TAG_PADDING = 0,
    TAG_END = 1,
};

enum tunnel_answer overlay_vxlan(struct layer l, struct tunnel *t)
{
    if (l.len < VXLAN || !(l.at[0] & HAS_VNI))
        return TUNNEL_BAD;
    tunnel_set_id(t, layer_be32(l.at + 4) >> 8, true);
    return tunnel_lead_to(t, layer_behind(l, VXLAN), ETHER_BRIDGED);
}

enum tunnel_answer overlay_vxlan_gpe(struct layer l, struct tunnel *t)
{
    static const uint16_t types[] = {
        [1] = ETHER_IPV4, [2] = ETHER_IPV6, [3] = ETHER_BRIDGED, [5] = ETHER_MPLS};
    if (l.len < VXLAN || !(l.at[0] & HAS_VNI) || l.at[0] & GPE_VERSION)
        return TUNNEL_BAD;
    if (l.at[0] & GPE_IS_OAM)
        return TUNNEL_OTHER;
    tunnel_set_id(t, layer_be32(l.at + 4) >> 8, true);
    uint16_t type = ETHER_BRIDGED;
    if (l.at[0] & GPE_HAS_NEXT)
        type = l.at[3] < sizeof types / sizeof *types ? types[l.at[3]] : 0;
    return tunnel_lead_to(t, layer_behind(l, VXLAN), type);
}

enum tunnel_answer overlay_geneve(struct layer l, struct tunnel *t)
{
    if (l.len < GENEVE || l.at[0] & GENEVE_VERSION)
        return TUNNEL_BAD;
    uint32_t len = GENEVE + (l.at[0] & GENEVE_OPTIONS) * 4u;
    if (len > l.len)
        return TUNNEL_BAD;
    if (l.at[1] & GENEVE_IS_CONTROL)
        return TUNNEL_OTHER;
    tunnel_set_id(t, layer_be32(l.at + 4) >> 8, true);
    return tunnel_lead_to(t, layer_behind(l, len), layer_be16(l.at + 2));
}

static bool pass_extensions(struct layer *l, uint8_t next)
{
    for (int i = 0; next; i++) {
        uint32_t len = l->len ? l->at[0] * 4u : 0;
        if (i == GTP_EXTENSIONS || !len || len > l->len)
            return false;
        next = l->at[len - 1];
        *l = layer_behind(*l, len);
    }
    return true;
}

// Each end chooses the TEID under which it is sent to, so it differs by direction.
enum tunnel_answer overlay_gtp(struct layer l, struct tunnel *t)
{
    if (l.len < GTP || (l.at[0] & GTP_VERSION) != GTP_VERSION_1)
        return TUNNEL_BAD;
    if (l.at[1] != GTP_PACKET)
        return TUNNEL_OTHER;
    uint8_t flags = l.at[0];
    tunnel_set_id(t, layer_be32(l.at + 4), false);
    l = layer_behind(layer_first(l, GTP + layer_be16(l.at + 2)), GTP);
    if (flags & GTP_HAS_MORE) {
        if (l.len < GTP_MORE)
            return TUNNEL_BAD;
        uint8_t next = flags & GTP_HAS_NEXT ? l.at[3] : 0;
        l = layer_behind(l, GTP_MORE);
        if (!pass_extensions(&l, next))
            return TUNNEL_BAD;
    }
    return tunnel_guess(t, l);
}

static bool pass_tags(struct layer *l)
{
    for (int i = 0; i < TZSP_TAGS && l->len; i++) {
        uint8_t kind = l->at[0];
        uint32_t len = 1;
        if (kind > TAG_END)
            len = l->len < 2 ? 2 : 2u + l->at[1];
        if (len > l->len)
            return false;
        *l = layer_behind(*l, len);
        if (kind == TAG_END)
            return true;
    }
    return false;
}

enum tunnel_answer overlay_tzsp(struct layer l, struct tunnel *t)
{
    if (l.len < TZSP || l.at[0] != 1)
        return TUNNEL_BAD;
    if ((l.at[1] != TZSP_RECEIVED && l.at[1] != TZSP_TO_SEND) ||
        layer_be16(l.at + 2) != TZSP_ETHERNET)
        return TUNNEL_OTHER;
    l = layer_behind(l, TZSP);
    return pass_tags(&l) ? tunnel_lead_to(t, l, ETHER_BRIDGED) : TUNNEL_BAD;
}
