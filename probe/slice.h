// SPDX-License-Identifier: Apache-2.0
// All conversations, cut into equal slices by a keyed hash that is the same for both directions: so
// that some of them can be left out as a whole. Simple enough for the kernel's classic BPF, which
// does the same (capture/af_packet_cut.c).
#pragma once

#include "probe/packet.h"

enum { SLICES = 64 };

// Sums of the addresses' words and of the ports, mixed with the seed.
static inline unsigned slice_of(const struct flow_key *key, uint32_t seed)
{
    uint32_t sum = 0, ports = (uint32_t)key->port[0] + key->port[1];
    for (int i = 0; i < 32; i += 4) {
        uint32_t word;
        memcpy(&word, &key->address[i / 16][i % 16], sizeof word);
        sum += __builtin_bswap32(word);
    }
    uint32_t hash = (sum * 0x9e3779b1 + ports) ^ seed;
    hash *= 0x85ebca6b;
    hash ^= hash >> 15;
    return (hash * 0xc2b2ae35) >> 26;
}
