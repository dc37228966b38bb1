// SPDX-License-Identifier: Apache-2.0
// Between the workers and the outputs: one bounded inbox and one thread for each output, so that a
// slow or dead one never holds up another. Forms parcels, sends them again after TRY_LATER, counts
// every row in one column.
//
//   worker ─ batch ─▶ publisher_hand ─┬─▶ inbox ─▶ thread ─▶ output.send
//                                     └─▶ inbox ─▶ thread ─▶ output.send
#pragma once

#include "pipeline/output.h"

// What to do with a batch when an inbox is full.
enum full_policy { FULL_DROP_NEW, FULL_DROP_OLD, FULL_BLOCK };

// queue.mem of the configuration.
struct queue_settings {
    int64_t events;           // an inbox holds at most so many rows
    int64_t bytes;            // and so many bytes
    int64_t flush_min_events; // rows of a parcel at most
    int64_t flush_timeout;    // a worker hands over an open batch that is so old
    int64_t flush_max_bytes;  // bytes of a parcel at most
    int64_t backoff_init, backoff_max;
    int64_t max_retries; // negative: without end
    int policy;          // enum full_policy, or -1: block for files, drop_new live
};
extern const struct setting queue_settings[];

struct publisher;

// The counters of one output, each row in one column:
//     accepted = delivered + refused + shed + waiting
struct output_counters {
    _Atomic uint64_t accepted, delivered, refused, too_large, shed, waiting;
    _Atomic uint64_t bytes, parcels, retries, errors;
};

struct publisher_output {
    const struct output *output;
    const void *settings;
};

// Opens all outputs and starts their threads; on failure closes what it opened. NULL: `why`.
struct publisher *publisher_start(const struct publisher_output *list, int count,
                                  const struct queue_settings *queue, bool file_replay,
                                  const struct output_world *world, struct error *why);

// Takes over the worker's reference. Blocks only under FULL_BLOCK. An empty batch just goes home.
void publisher_hand(struct publisher *p, struct batch *b);

void publisher_reopen(struct publisher *p); // SIGHUP

// No more hands. Waits until every inbox is empty or until the steady time `deadline`, then stops,
// counts what is left as shed, closes. How many rows were left behind.
uint64_t publisher_stop(struct publisher *p, int64_t deadline);
void publisher_free(struct publisher *p);

int publisher_outputs(const struct publisher *p);
const char *publisher_output_name(const struct publisher *p, int index);
const struct output_counters *publisher_counters(const struct publisher *p, int index);
// True while an output waits before sending again: said on the terminal and in the log.
bool publisher_is_waiting(const struct publisher *p, struct error *cause);
