// SPDX-License-Identifier: Apache-2.0
// The two sides of a TCP flow that a protocol follows: segments in, in-order bytes out, straight
// from the packet into the conn. Only what comes before its turn is kept. Exists while a conn does,
// or while something waits.
//
//   next ──▶│ hole │ segment │ segment │ hole │ segment │ FIN        sorted, disjoint, by number
//
// What came first wins over what overlaps it. The two sides are in order too: who acknowledges
// bytes had them, so what he said with that waits until those were handed on. A question comes
// before its answer however the capture mixed them.
//
// A hole is given up when it cannot be filled any more: the peer acknowledged it, so it is not sent
// again (and it stayed away for a short grace all the same, for captures that re-order); or time or
// memory for waiting is used up; or the flow ends. The conn is told how much is missing, of either
// side, and goes on behind it.
#pragma once

#include "pipeline/base/list.h"
#include "probe/conn.h"
#include "probe/flow/table.h"

struct segment;

struct stream_side {
    struct segment *first, *last; // wait, in order
    uint32_t next;                // the byte to be handed on next
    uint32_t acked;               // highest acknowledgement of the peer, when has_acked
    uint32_t fin;                 // where the side ends, when has_fin
    uint32_t lost_from, lost_to;  // the last hole given up
    uint32_t waiting;             // bytes of memory that wait
    int64_t graced; // since when what is missing below `graced_to` is acknowledged; 0: it is not
    int64_t fin_time;
    uint32_t graced_to;
    uint16_t grace; // packets left since then
    bool started;   // `next` is known
    bool seen;      // the capture showed something of it
    bool fixed;     // it does not begin elsewhere any more
    bool has_acked, has_fin, finished;
};

struct stream {
    struct streams *all;
    struct flow *flow;
    struct conn *conn; // NULL: not yet, or it ended and may be opened again
    const struct binding *binding;
    struct list with_hole;      // by since when, roughly
    int64_t since;              // when it was put there
    uint32_t interface;         // for the ends of a conn
    struct tunnels tunnels;     // likewise
    bool client;                // position in the key of who asks
    bool late;                  // the next conn has not seen the beginning
    bool busy;                  // a call is under way: not to be freed
    bool over;                  // nobody wants the rest
    struct stream_side side[2]; // by position in the key
};

struct streams_settings {
    int64_t bytes, bytes_all; // that may wait on one side, and in all
    int64_t timeout;          // of a hole
};

// All streams of a worker.
struct streams {
    struct streams_settings settings;
    struct pool streams, small, large; // large and small segments
    struct list with_hole;
    uint64_t waiting;
    struct conns *conns;
    struct counters *counters;
};

bool streams_init(struct streams *all, const struct streams_settings *settings, uint32_t flows,
                  struct conns *conns, struct counters *counters);
void streams_free(struct streams *all);

// Begins to follow a flow of which `p` is the first packet, with the key's `client` asking; `late`:
// its beginning was not seen. NULL: no room. flow->stream names it until it is freed.
struct stream *stream_open(struct streams *all, struct flow *flow, const struct binding *binding,
                           const struct packet *p, bool client, bool late);
// Where a side goes on, when that is known before its first segment is here. `sure`: it said
// something in front of that; otherwise its peer may know of something.
void stream_start(struct stream *s, unsigned side, uint32_t next, bool sure);

// A segment with all that it carries: bytes, acknowledgement, FIN, RST. The stream may be gone
// afterwards: look at flow->stream (and flow->deaf: nobody wants the rest).
void stream_take(struct stream *s, const struct packet *p);

// Hands on all that waits, over all holes: no more will come. The stream may be gone afterwards.
void stream_flush(struct stream *s, int64_t now);
// Flushes, ends the conn and frees the stream.
void stream_end(struct stream *s, enum ending how, int64_t now);

// Gives up the holes that are older than the time-out.
void streams_age(struct streams *all, int64_t now);
