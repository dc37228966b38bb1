// SPDX-License-Identifier: Apache-2.0
// Which protocol a flow belongs to, and who of the two is the server: by the ports that the
// configuration gives to protocols, and by the first bytes where those know better.
#pragma once

#include "probe/packet.h"
#include "probe/protocol.h"

// A flow of nobody; of a port of nobody, but its first bytes may tell.
enum { DETECT_NONE = 0xff, DETECT_OPEN = 0xfe };

struct detect {
    const struct binding *const *bindings;
    uint8_t *tcp, *udp; // by port: number of a binding, or DETECT_NONE
    uint8_t icmp;
    uint8_t by_content[2][DETECT_OPEN]; // TCP, UDP: the bindings that know their first bytes
    uint8_t by_content_count[2];
};

// False: two protocols claim one port, or there are too many; said in `why`.
bool detect_init(struct detect *d, const struct binding *const *bindings, int count,
                 struct error *why);
void detect_free(struct detect *d);

// The protocol of a flow by its first packet: the sender's port is asked before the receiver's.
// DETECT_OPEN, DETECT_NONE: nobody's.
uint8_t detect_by_port(const struct detect *d, const struct packet *first);

// The protocol of a flow by the first bytes of a side, `by_port` being what its port says: that is
// believed unless the bytes clearly are another's. `from` is the guess whose side it is; where the
// protocol by content finds it wrong it is turned, but not if it is `sure`.
uint8_t detect_by_content(const struct detect *d, uint8_t by_port, bool tcp, struct span first,
                          enum side *from, bool sure);

// Position in the key of the client: the other one of the two has the port of `binding`. Where that
// does not tell (both have it, or there are no ports) it is `otherwise`.
unsigned detect_client(const struct detect *d, const struct flow_key *key, uint8_t binding,
                       unsigned otherwise);

// The ends of a conn between the two of `key`; where they were seen is filled in by the caller.
struct endpoints detect_ends(const struct flow_key *key, unsigned client);
