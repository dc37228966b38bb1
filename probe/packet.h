// SPDX-License-Identifier: Apache-2.0
// A frame understood: who, to whom, which transport, where the payload lies. Two cache lines, no
// copy of bytes: everything points into the frame (or into a datagram put together from fragments),
// valid until the next read.
#pragma once

#include "pipeline/base/text.h"
#include "probe/frame.h"
#include "probe/tunnels.h"

enum ip_protocol {
    PROTO_NONE = 0, // hardware addresses only
    PROTO_ICMP = 1,
    PROTO_IPIP = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_IPV6 = 41,
    PROTO_GRE = 47,
    PROTO_ICMPV6 = 58,
    PROTO_L2TP = 115,
    PROTO_SCTP = 132,
    PROTO_MPLS = 137,
};

enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

// The same for both directions: the smaller of (address, port) stands first. 44 bytes without
// holes: hashed and compared whole.
struct flow_key {
    uint8_t address[2][16]; // IPv4: four bytes, the rest zero; family 0: hardware address in the
                            // first six
    uint16_t port[2];       // host order; ICMP and others: 0
    uint32_t tunnel;        // id of the innermost tunnel whose id both directions share (VNI, GRE
                            // key, session of PPPoE), 0 none
    uint8_t family;         // 4, 6, 0
    uint8_t protocol;       // enum ip_protocol; also others as they stand in the IP header
    uint16_t zero;
};

// Where the outer headers of a frame lie, as offsets from frame->at; 0xffff: not there.
struct packet {
    struct flow_key key;
    uint32_t hash;  // of the key, seeded
    uint8_t sender; // index in key of who sent it: 0 or 1
    uint8_t tcp_flags;
    uint8_t icmp_type, icmp_code;
    struct tunnels tunnels;

    const struct frame *frame; // the frame that completed it
    const uint8_t *payload;    // of TCP or UDP; ICMP: behind type, code and checksum; SCTP: its
                               // chunks. NULL: that header is cut or contradictory, the packet only
                               // counts in its flow
    uint32_t payload_len;      // bytes that were captured
    uint32_t payload_cut;      // bytes more that were on the wire but not captured

    uint32_t seq, ack;
    uint16_t window;      // as in the header, not scaled
    uint8_t window_scale; // of a SYN's option; 0xff: none
    uint8_t vlans;        // tags seen, outermost first; at most 2 are kept below
    uint16_t vlan[2];
    uint16_t mac;      // offset of destination then source hardware address; 0xffff: none
    uint16_t outer_ip; // offset of the outermost IP header when there are two; 0xffff: none
    uint32_t frames;   // frames in it: more than 1 for a datagram put together
    uint64_t wire;     // bytes of those frames on the wire
    int64_t time;
};

static inline const uint8_t *packet_address(const struct packet *p, int side)
{
    return p->key.address[side ? !p->sender : p->sender];
}

// Decoder of one worker: fragments that wait, ceilings, counters. Never fails: what cannot be
// followed is counted and still forms the flow its outer headers allow. It counts packets_seen and
// undecoded_…; packets_decoded is counted by who counts packets in flows.

struct decode_settings {
    int64_t fragments;        // frames that may wait
    int64_t fragment_bytes;   // bytes that may wait
    int64_t fragment_timeout; // of packet time
    int64_t tunnel_depth;     // headers inside each other
    int64_t vlan_depth;
    bool tunnels;                                 // make flows of what is inside
    struct setting_numbers tunnel_ports[TUNNELS]; // of UDP; none for what does not come over it
    bool compat;                                  // not from the table: SCTP has no ports then
};
extern const struct setting decode_settings[];

struct decoder;
struct decoder *decoder_new(const struct decode_settings *settings, uint64_t seed,
                            struct counters *counters);
void decoder_free(struct decoder *d);

// Worker `index` of `count` keeps what hashes to it; worker 0 also what has no key. Frames of
// others are not even counted.
void decoder_share(struct decoder *d, unsigned index, unsigned count);

// Understands `count` (at most FRAMES) frames; writes the packets (at most `count`) and returns how
// many. Datagrams put together stay valid until the next call.
int decode(struct decoder *d, const struct frame *frames, int count, struct packet *packets);

// Lets fragments go that waited too long, or all of them (end, or the clock began anew).
void decoder_age(struct decoder *d, int64_t now);
void decoder_forget(struct decoder *d);
