// SPDX-License-Identifier: Apache-2.0
// Which protocol a flow belongs to, and who of the two is the server: by the ports that the
// configuration gives to protocols.
#pragma once

#include "probe/packet.h"
#include "probe/protocol.h"

enum { DETECT_NONE = 0xff };

struct detect {
    const struct binding *const *bindings;
    uint8_t *tcp, *udp; // by port: number of a binding, or DETECT_NONE
    uint8_t icmp;
};

// False: two protocols claim one port, or there are too many; said in `why`.
bool detect_init(struct detect *d, const struct binding *const *bindings, int count,
                 struct error *why);
void detect_free(struct detect *d);

// The protocol of a flow by its first packet: the sender's port is asked before the receiver's.
// DETECT_NONE: nobody's.
uint8_t detect_by_port(const struct detect *d, const struct packet *first);

// Position in the key of the client: the other one of the two has the port of `binding`. Where that
// does not tell (both have it, or there are no ports) it is `otherwise`.
unsigned detect_client(const struct detect *d, const struct flow_key *key, uint8_t binding,
                       unsigned otherwise);

// The ends of a conn between the two of `key`.
struct endpoints detect_ends(const struct flow_key *key, unsigned client, uint32_t interface);
