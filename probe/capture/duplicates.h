// SPDX-License-Identifier: Apache-2.0
// Frames that come twice: a packet on its way through a veth and a bridge, or at both ends of a
// mirrored switch. The second one within a window is left out. A memory of what was seen lately: 64
// Ki packets, of which old ones make room.
#pragma once

#include "probe/frame.h"

struct duplicates;

enum { DUPLICATES_MEMORY = 1 << 20 }; // bytes, about

// NULL: out of memory.
struct duplicates *duplicates_new(int64_t window, uint64_t seed, struct counters *counters);
void duplicates_free(struct duplicates *d);

// Leaves out what was seen already; counts it as seen and as not decoded. How many are left, in
// front of the array.
int duplicates_drop(struct duplicates *d, struct frame *frames, int count);
