// SPDX-License-Identifier: Apache-2.0
// Which flows are not followed, or not even counted, while there is too much to do: by slices of
// their keys, and decided when a flow begins, so that no conversation is followed in part. It also
// knows in which slices nothing followed is under way, which may be cut off at the source.
#pragma once

#include "pipeline/base/clock.h"
#include "probe/slice.h"

struct shed {
    bool on; // the rest is kept up to date
    uint32_t seed;
    unsigned unparsed, uncounted; // slices, from the first on
    int64_t after;                // until then what begins in the middle was shed before
    int64_t spoke[SLICES];        // when a flow that is followed had something last
    uint32_t waiting[SLICES];     // such flows that wait for something
};

// What began while its slice was shed may go on for so long.
#define SHED_MEMORY (30 * SECOND)
// Cut off at the source is a slice in which nobody waits, after so long; and after so long in which
// nobody spoke even if somebody does.
#define SHED_PAUSE   (SECOND / 10)
#define SHED_SILENCE (2 * SECOND)

static inline unsigned shed_slice(const struct shed *s, const struct flow_key *key)
{
    return slice_of(key, s->seed);
}

// True: what is not in the table stays out of it.
static inline bool shed_leaves_out(const struct shed *s, const struct packet *first)
{
    return s->uncounted && shed_slice(s, &first->key) < s->uncounted;
}

// True: the flow that begins with this packet is only counted.
static inline bool shed_refuses(const struct shed *s, const struct packet *first, int64_t now)
{
    if (s->unparsed && shed_slice(s, &first->key) < s->unparsed)
        return true;
    return now < s->after && first->key.protocol == PROTO_TCP && !(first->tcp_flags & TCP_SYN);
}

void shed_set(struct shed *s, unsigned unparsed, unsigned uncounted, int64_t now);

// A flow that is followed had something; `before`, `waits`: whether it waited, and waits now.
void shed_note(struct shed *s, const struct flow_key *key, bool before, bool waits, int64_t now);

// A bit for each slice that is not counted any more and may be cut off.
uint64_t shed_idle(const struct shed *s, int64_t now);
