// SPDX-License-Identifier: Apache-2.0
// Community ID v1 (Corelight's specification): the same short text for a flow wherever it is seen.
#pragma once

#include "pipeline/base/text.h"

enum { COMMUNITY_ID = 32 }; // bytes of the text, its zero included

struct community_flow {
    struct ip ip[2];  // of sender and receiver, of one family
    uint16_t port[2]; // ICMP: type and code of the sender's message
    uint8_t protocol; // IANA's number
    uint16_t seed;
};

// Writes the text, ended by zero; its length. 0: no addresses.
size_t community_id(const struct community_flow *flow, char to[COMMUNITY_ID]);
