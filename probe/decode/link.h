// SPDX-License-Identifier: Apache-2.0
// From a frame to the network layer in it: link headers, VLAN tags, PPP.
#pragma once

#include "probe/decode/layer.h"

enum ether_type {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_ARP = 0x0806,
    ETHER_TAG = 0x8100,
    ETHER_BRIDGED = 0x6558, // a whole Ethernet frame inside a tunnel
    ETHER_PPP = 0x880b,
    ETHER_MPLS = 0x8847,
    ETHER_MPLS_MULTICAST = 0x8848,
    ETHER_PPPOE = 0x8864, // sessions
    ETHER_PBB = 0x88e7,
    ETHER_ERSPAN = 0x88be, // types I and II
    ETHER_ERSPAN_3 = 0x22eb,
};

// Sets the packet's hardware addresses and VLANs, what is inside, and its Ethernet type (lengths of
// the 802.3 kind included). COUNTER_packets_decoded, or the counter that says why not.
enum counter link_read(const struct frame *f, unsigned vlan_depth, struct packet *p,
                       struct layer *inside, uint16_t *type);

// An Ethernet frame in a tunnel: *l becomes what is inside. False: it is cut or has too many tags.
bool link_read_bridged(struct layer *l, unsigned vlan_depth, uint16_t *type);

// A PPP frame, with or without its address and control bytes (RFC 1661): *l becomes what is inside,
// *type the Ethernet type that means the same, 0 for what is no traffic of users. False: cut.
bool link_read_ppp(struct layer *l, uint16_t *type);

// VLAN tags of all kinds.
static inline bool link_is_tag(uint16_t type)
{
    return type == ETHER_TAG || type == 0x88a8 || type == 0x9100 || type == 0x9200;
}
