// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 headers, with the extension headers of IPv6 (RFC 791, RFC 8200).
#pragma once

#include "probe/decode/layer.h"

struct ip_header {
    const uint8_t *source, *destination;
    uint8_t family;     // 4 or 6
    uint8_t protocol;   // of what is inside
    uint8_t extensions; // extension headers passed
    bool is_fragment;   // what is inside is a part of a datagram, as the next three say
    bool more;          // others follow it
    bool was_fragment;  // it has been put together
    uint32_t offset;    // in bytes
    uint32_t id;
    struct layer inside;
};

// `type` says which (enum ether_type). Bytes behind the length that the header tells are left out;
// a length of zero (segmentation offload, jumbograms) means all. False: cut or contradictory. A
// broken chain of extension headers is noted, and what is inside begins with the first bad one.
bool ip_read(struct layer l, uint16_t type, struct ip_header *h, unsigned *notes);

// Goes on with the extension headers of a datagram that was put together.
void ip_read_extensions(struct ip_header *h, unsigned *notes);

// Where the header begins.
static inline const uint8_t *ip_start(const struct ip_header *h)
{
    return h->source - (h->family == 4 ? 12 : 8);
}
