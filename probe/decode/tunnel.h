// SPDX-License-Identifier: Apache-2.0
// Headers inside which another IP header lies: IP in IP, 6in4, 4in6, GRE, VXLAN. One step of the
// decoder's loop.
#pragma once

#include "probe/decode/ip.h"

enum { PORT_VXLAN = 4789 };

enum tunnel_answer {
    TUNNEL_NONE, // no tunnel, or nothing inside that could be followed
    TUNNEL_BAD,  // a header that makes no sense
    TUNNEL_IP,   // an IP packet is inside
};

struct tunnel {
    struct layer inside;
    uint16_t type; // of `inside`: ETHER_IPV4 or ETHER_IPV6
    bool has_id;
    uint32_t id; // VXLAN's VNI, GRE's key
};

enum tunnel_answer tunnel_open(const struct ip_header *h, unsigned vlan_depth, struct tunnel *t);

// Cheap: false when tunnel_open would find none.
static inline bool tunnel_is_possible(const struct ip_header *h)
{
    switch (h->protocol) {
    case PROTO_UDP:
        return h->inside.len >= 4 && layer_be16(h->inside.at + 2) == PORT_VXLAN;
    case PROTO_IPIP:
    case PROTO_IPV6:
    case PROTO_GRE:
        return true;
    default:
        return false;
    }
}
