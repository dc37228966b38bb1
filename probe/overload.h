// SPDX-License-Identifier: Apache-2.0
// What one worker does when packets come faster than it can follow them: watches its ring, has new
// conversations left out by slices (load.h), has the source cut off those of which nothing is under
// way, and writes now and then what was shed. Never for files, which wait.
#pragma once

#include "probe/common.h"
#include "probe/emit.h"
#include "probe/load.h"
#include "probe/slice.h"

// weir.limits.overload
struct overload_settings {
    bool enabled;
    int64_t period; // between two documents
};
extern const struct setting overload_settings[];

enum overload_field {
    OVERLOAD_WORKER = COMMON_FIELDS,
    OVERLOAD_UNPARSED_SHARE,
    OVERLOAD_UNCOUNTED_SHARE,
    OVERLOAD_FLOWS,
    OVERLOAD_SEEN,
    OVERLOAD_UNPARSED,
    OVERLOAD_UNCOUNTED,
    OVERLOAD_UNCAPTURED,
    OVERLOAD_DROPPED,
    OVERLOAD_FIELDS
};
extern const struct field_table overload_table;

struct overload_setup {
    const struct overload_settings *settings;
    const struct decode_settings *decode; // tunnels are not cut off
    const struct source *source;
    void *opened;
    struct emit *emit;
    int dataset; // of the documents; negative: there are none
    unsigned worker;
    uint32_t seed; // of slices, the same as the flows'
    struct counters *counters;
};

struct overload {
    struct overload_setup setup;
    struct load load;
    struct cut cut;
    bool cuts;        // the source can
    int64_t cut_time; // when that last changed
    int64_t begun;    // the period; 0: not yet
    struct {
        uint64_t flows, seen, unparsed, uncounted, uncaptured, dropped;
    } told; // the counters, when it began
};

// False: the source waits for who reads, there is nothing to be done.
bool overload_init(struct overload *o, const struct overload_setup *setup);

// Counts the frames that were cut off and takes them out of the array; how many are left. `latest`
// is the largest time of those, or stays.
int overload_sort_out(struct overload *o, struct frame *frames, int count, int64_t *latest);

// After each array of frames. True: the level is another, and so is what the flows are to shed.
bool overload_watch(struct overload *o, int64_t now);
// While there is a level, and once when there is none any more: what may be cut off.
void overload_cut(struct overload *o, uint64_t idle, int64_t now);

// A document when it is time and there is something to tell; or at the end.
void overload_report(struct overload *o, int64_t now, bool end);
// The clock began anew.
void overload_restart(struct overload *o);
