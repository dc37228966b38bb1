// SPDX-License-Identifier: Apache-2.0
// TCP, UDP, ICMP, ICMPv6 and SCTP headers (RFC 9293, 768, 792, 4443, 9260).
#pragma once

#include "probe/decode/ip.h"

// Fills in what the transport says and where the payload lies. `port` gets source and destination,
// 0 where there are none. A header that is cut or contradicts itself is noted and leaves `payload`
// NULL; its ports are given if they are there. Other protocols have no ports, and all of it is
// payload; under compat so it is for SCTP.
void transport_read(const struct ip_header *h, struct packet *p, uint16_t port[2], bool compat,
                    unsigned *notes);
