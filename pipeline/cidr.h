// SPDX-License-Identifier: Apache-2.0
// Sets of addresses: one network as "10.0.0.0/8", one address, or a named range ("private",
// "multicast", …) that stands for several networks, or for all addresses outside them.
#pragma once

#include "pipeline/base/arena.h"
#include "pipeline/base/text.h"

struct cidr {
    struct ip network;
    int bits;
};

struct cidr_set {
    const struct cidr *at;
    int count;
    bool outside; // all addresses that are in none of them
};

// False: neither a network nor a name, or no memory.
bool cidr_read(const char *text, struct arena *a, struct cidr_set *out);
bool cidr_has(const struct cidr_set *set, const struct ip *ip);
