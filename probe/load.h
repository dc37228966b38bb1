// SPDX-License-Identifier: Apache-2.0
// How much one worker sheds. It is told how full its ring is and says a level; nothing else. All
// conversations are cut into slices by a keyed hash, and levels take them away one by one, parsing
// before counting:
//
//   level 0: all is done · 1: new conversations of slice 0 are not parsed · 2: nor counted
//         · 3: new ones of slices 0 and 1 are not parsed, those of slice 0 not counted · 4: …
//
// It rises as fast as the ring fills, as soon as a quarter is full; it falls a step at a time, and
// only while the ring is nearly empty. Between the two marks nothing changes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "probe/slice.h"

enum {
    LOAD_LEVELS = 2 * SLICES,
    LOAD_FULL = 256, // of a ring
};

struct load {
    unsigned level;
    unsigned looks;   // since it was judged last
    unsigned least;   // fill of the ring at these
    unsigned fill;    // the least at the looks before the last judgement
    unsigned record;  // the highest at which it rose since the ring was nearly empty
    int64_t looked;   // the packets' time then
    int64_t changed;  // and when the level changed
    int64_t patience; // until the next step down: shorter with each one since the last rise
};

// Whether the time has come for a look at the ring.
bool load_is_due(const struct load *l, int64_t now);
// A look. `now`: the packets' clock; `fill`: of the ring, at most LOAD_FULL. True: the level is
// another.
bool load_note(struct load *l, int64_t now, unsigned fill);

// Slices, from the first on, whose new conversations are not parsed; and those not even counted.
static inline unsigned load_unparsed(const struct load *l)
{
    return (l->level + 1) / 2;
}
static inline unsigned load_uncounted(const struct load *l)
{
    return l->level / 2;
}
