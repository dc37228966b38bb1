// SPDX-License-Identifier: Apache-2.0
// What TCP itself tells about a flow, whether a protocol follows it or not (RFC 9293): how far each
// side is, what came twice or out of turn, closed windows, how it began and how it ended. Keeps no
// bytes: that is the stream's.
#pragma once

#include "pipeline/base/counters.h"
#include "probe/flow/table.h"

enum tcp_mark {
    TCP_STARTED = 1, // `next` is known
    TCP_SAID_SYN = 2,
    TCP_SAID_FIN = 4,
    TCP_SAID_RST = 8,
    TCP_WENT_ON = 16, // sent something behind its SYN
    TCP_CLOSED = 32,  // its window is zero now
    TCP_AGREED = 64,  // its SYN answered the other's
    TCP_SHOOK = 128,  // its ACK completed the handshake
};

struct tcp_side {
    uint32_t isn;                         // of its SYN; joined late: the first sequence number seen
    uint32_t next;                        // behind the highest byte seen
    uint32_t missing;                     // bytes below `next` that were not seen
    uint32_t retransmitted, out_of_order; // segments
    uint16_t zero_windows;
    uint8_t marks;  // enum tcp_mark
    uint8_t strays; // segments in a row that were far from `next`
};

struct tcp {
    struct tcp_side side[2]; // by position in the key
};

// Where a segment lies in its side's sequence.
enum tcp_place {
    TCP_PLACED,
    TCP_STRAY,  // too far from where the side is: not believed
    TCP_JUMPED, // so many strays in a row that the side must be there now
};

enum {
    TCP_REACH = 1 << 26, // what is farther from `next` is a stray
    TCP_STRAYS = 16,     // so many make a jump
    TCP_CUT = 1 << 20,   // no segment lacks more bytes than that, whatever its headers claim
};

// a - b on the circle of sequence numbers.
static inline int32_t tcp_distance(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool tcp_is_near(uint32_t a, uint32_t b)
{
    int32_t distance = tcp_distance(a, b);
    return distance <= TCP_REACH && distance >= -TCP_REACH;
}

// Bytes of a segment that were on the wire but not captured.
static inline uint32_t tcp_cut(const struct packet *p)
{
    return p->payload_cut < TCP_CUT ? p->payload_cut : TCP_CUT;
}

// True for a SYN that belongs to another conversation than what `t` has seen: the ports are used
// again. Not for a SYN that is repeated, or that was captured late.
bool tcp_begins_anew(const struct tcp *t, const struct packet *p);

// Takes note of a packet and says where it lies.
enum tcp_place tcp_note(struct tcp *t, const struct packet *p, struct counters *counters);

// The counts begin anew, the conversation goes on.
void tcp_recount(struct tcp *t);

// How the conversation stands: "syn_sent", "syn_received", "established", "closing", "closed",
// "reset".
const char *tcp_state(const struct tcp *t);
