// SPDX-License-Identifier: Apache-2.0
// Datagrams put together from IP fragments, of both versions. Keyed by addresses, protocol, id and
// tunnel; bounded in frames, bytes and age, and when there is no more room the oldest leaves. Every
// frame ends in exactly one column of the ledger: the packet that it became part of, or one of
// undecoded_fragment_…
//
// Overlaps: a fragment that comes twice does no harm. Any other overlap gives up the whole
// datagram, with all of it that is still to come: RFC 5722 demands it for IPv6, and for IPv4 nobody
// can know which bytes the receiver believed.
#pragma once

#include "probe/decode/ip.h"

struct fragments;

// NULL: out of memory.
struct fragments *fragments_new(const struct decode_settings *settings, uint64_t seed,
                                struct counters *counters);
void fragments_free(struct fragments *f);

// Whether this worker counts what becomes of fragments that never make a packet (only one does).
void fragments_count(struct fragments *f, bool counts);

// Takes the fragment that `h` leads to; `p` says how many frames and bytes carried it, and when.
// True: its datagram is whole, `h` leads to all of it and `p` has the sums. The bytes stay valid
// until fragments_turn.
bool fragments_add(struct fragments *f, struct ip_header *h, uint32_t tunnel, struct packet *p);

// The datagrams handed out are no longer looked at.
void fragments_turn(struct fragments *f);

// Lets go what waits for too long at that time, or all.
void fragments_age(struct fragments *f, int64_t now);
void fragments_forget(struct fragments *f);
