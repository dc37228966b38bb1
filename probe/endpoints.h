// SPDX-License-Identifier: Apache-2.0
// Who talks to whom: the part of a flow that every document shows. Client is who asks; source and
// destination of a document follow from that.
#pragma once

#include "pipeline/base/text.h"
#include "probe/tunnels.h"

enum side { CLIENT, SERVER };

static inline enum side side_other(enum side s)
{
    return s == CLIENT ? SERVER : CLIENT;
}

struct endpoints {
    struct ip ip[2]; // by side
    uint16_t port[2];
    uint8_t protocol; // enum ip_protocol
    uint32_t interface;
    struct tunnels tunnels; // that the first packet came in
    char community_id[32];  // Community ID v1, filled on first use; empty: not yet
    uint8_t direction[2];   // enum direction by who is the source; 0: not yet asked for
    uint8_t icmp_type[2];   // of the first message seen from each side; for the Community ID
    uint8_t icmp_code;
    bool icmp_seen[2];
};

// Community ID v1 (Corelight's specification, seed 0): "1:" and the base64 of a SHA-1. Computed
// once, then kept.
struct span endpoints_community_id(struct endpoints *e);

// For network.direction: the host's own addresses and the configured internal networks.
enum direction {
    DIRECTION_UNKNOWN = 1,
    DIRECTION_INGRESS,
    DIRECTION_EGRESS,
    DIRECTION_INTERNAL,
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    DIRECTION_EXTERNAL
};
struct networks; // a set of CIDRs and named ranges
// Names of the reference ("private", "loopback", …) and CIDRs. NULL: `why` holds the one that is
// neither.
struct error;
struct arena;
struct networks *networks_read(const char *const *names, int count, struct arena *a,
                               struct error *why);
bool networks_have(const struct networks *n, const struct ip *ip);
// The addresses of this host's interfaces but loopback, read once.
struct networks *networks_own(struct arena *a);

enum direction endpoints_direction(const struct ip *source, const struct ip *destination,
                                   const struct networks *own, const struct networks *internal);
const char *direction_name(enum direction d);
