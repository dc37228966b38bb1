// SPDX-License-Identifier: Apache-2.0
// All flows of one worker: who talks to whom, how much, since when; what TCP does; and the way of
// in-order bytes and datagrams to the conns of their protocols. Reports what it counted through
// emit. Owns its memory; no lock.
//
//   packets ─▶ table ─▶ record ─┬─▶ tcp ─▶ stream ─▶ conn        counters, state │ order │ meaning
//                               └─────────────────▶ conn         a datagram is whole already
#pragma once

#include "probe/conn.h"
#include "probe/emit.h"
#include "probe/packet.h"

// packetbeat.flows (or weir.flows): reports, and what the table may hold. The settings that flow
// records share with the documents of protocols are common_settings'.
struct flow_settings {
    int64_t timeout;       // quiet for so long, a flow ends
    int64_t period;        // between two reports of a flow that goes on; 0 or less: final ones only
    bool delta;            // counters start at zero after each report
    int64_t flows;         // in the table at once
    int64_t reorder_bytes; // that wait out of order on one side of a flow
    int64_t reorder_bytes_all; // and in all flows of a worker
    int64_t reorder_timeout;   // a hole that nobody acknowledged is given up after it
};
extern const struct setting flow_settings[];

// What the table of settings cannot say. False: refused.
bool flow_settings_check(const struct flow_settings *settings, struct error *why);

// Bytes that all flows of a worker may come to, if each is wrapped in other layers than all others
// and waits for something (an idle one takes less than half of that).
int64_t flows_memory(const struct flow_settings *settings);

struct flows_setup {
    const struct flow_settings *settings;
    const struct binding *const *bindings; // the array and all in it live until the end
    int binding_count;
    struct conns *conns;
    struct emit *emit;
    int dataset; // of flow records in emit; negative: flows are followed, not reported
    bool compat;
    uint64_t seed;
    struct counters *counters;
};

struct flows;

// NULL: two protocols claim one port, or there is no address space; said in `why`.
struct flows *flows_new(const struct flows_setup *setup, struct error *why);
void flows_free(struct flows *f); // ends nothing; NULL is fine

// Counts each packet in its flow and hands on what it carries; moves the packets' clock.
void flows_take(struct flows *f, const struct packet *packets, int count);

// Moves the packets' clock to `now` (a step back is ignored) and ends what is due, in bounded
// portions: what is left over is due at the next call, and is checked before a packet touches it.
void flows_age(struct flows *f, int64_t now);

// What waits out of order is handed on, conns end (through conns_end_all, oldest first), and every
// flow is reported for the last time. The table is empty then.
void flows_end_all(struct flows *f, enum ending how);
// As after flows_new: the packets' clock begins anew. Only after flows_end_all.
void flows_restart(struct flows *f);

// From now on new flows in the first `unparsed` slices (probe/slice.h) are counted, but not
// followed, and those in the first `uncounted` ones left out of the table, counted as shed. Who is
// followed already stays so. Called once before the first packet where that may ever be.
void flows_shed(struct flows *f, unsigned unparsed, unsigned uncounted);
// A bit for each slice that is left out in which no conversation that is followed is under way: it
// may be cut off at the source.
uint64_t flows_idle_slices(const struct flows *f);

// The largest of all time-outs: a step back of the clock beyond it is a new capture.
int64_t flows_longest(const struct flows *f);
