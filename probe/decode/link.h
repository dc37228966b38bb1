// SPDX-License-Identifier: Apache-2.0
// From a frame to the network layer in it: link headers and VLAN tags.
#pragma once

#include "probe/decode/layer.h"

enum ether_type {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_BRIDGED = 0x6558, // a whole Ethernet frame inside GRE
};

// Sets the packet's hardware addresses and VLANs, what is inside, and its Ethernet type (lengths of
// the 802.3 kind included). COUNTER_packets_decoded, or the counter that says why not.
enum counter link_read(const struct frame *f, unsigned vlan_depth, struct packet *p,
                       struct layer *inside, uint16_t *type);

// An Ethernet frame in a tunnel: *l becomes what is inside. False: it is cut or has too many tags.
bool link_read_bridged(struct layer *l, unsigned vlan_depth, uint16_t *type);
