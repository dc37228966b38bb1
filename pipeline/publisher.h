// SPDX-License-Identifier: Apache-2.0
// Between the workers and the outputs: one lane for each output, so that a slow or dead one never
// holds up another. A lane is a bounded inbox and the threads that empty it: they form parcels,
// send again what could not be delivered, and count every row in one column.
//
//   worker ─ batch ─▶ publisher_hand ─┬─▶ inbox ─▶ threads ─▶ output.send
//                                     └─▶ inbox ─▶ threads ─▶ output.send
#pragma once

#include "pipeline/output.h"

// The table of queue.mem.
extern const struct setting queue_settings[];
// What the table cannot check. publisher_start asks it, too.
bool queue_check(const struct queue_settings *queue, struct error *why);

// queue.disk of the configuration: documents also lie on disk until they are delivered, and what
// was not comes again at the next start. With FULL_SPOOL only those go there that find no room in
// memory, and at a stop those that are left.
struct disk_settings {
    const char *path;               // NULL: below path.data
    int64_t max_size, segment_size; // 0: no limit; a part of that
    int64_t retry_interval, max_retry_interval;
};
extern const struct setting disk_settings[];
bool disk_check(const struct disk_settings *disk, struct error *why);

struct publisher;

// The counters of one output, in rows, each row in one column:
//     accepted + recovered = delivered + refused + too_large + dead_letters + shed + damaged
//                            + waiting + spooled
// Rows that found the inbox full were accepted and shed.
struct output_counters {
    _Atomic uint64_t accepted, delivered, refused, too_large, dead_letters, shed, waiting;
    _Atomic uint64_t recovered;     // found in the disk queue at the start
    _Atomic uint64_t spooled;       // on disk only
    _Atomic uint64_t damaged;       // on disk, and not to be read any more
    _Atomic uint64_t damaged_bytes; // passed by on disk
    _Atomic uint64_t disk_written;  // each time, once it would survive a kill
    _Atomic uint64_t disk_errors;   // writings that the disk refused
    _Atomic uint64_t duplicates;    // rows delivered that had been there before
    _Atomic uint64_t bytes;         // of the rows delivered, with their line feeds
    _Atomic uint64_t parcels;       // sendings
    _Atomic uint64_t retries;       // rows to be sent again, each time
    _Atomic uint64_t busy;          // of those, the ones that the receiver had no time for
    _Atomic uint64_t splits;        // parcels that were too large for the receiver as a whole
    _Atomic uint64_t errors;        // sendings that did not deliver all their rows
};

struct publisher_output {
    const struct output *output;
    const void *settings;
    const struct queue_settings *queue; // its own queue.mem; NULL: the one of all
    const struct disk_settings *disk;   // NULL: no disk queue
    const char *dead_letter_file;       // where refused documents are kept; NULL: nowhere
    unsigned route;                     // number of its first route, over all outputs of the list
    unsigned route_count;               // how many it has, those of more_routes included
    const struct span *constants;       // see struct parcel; NULL: no routes
};

// Opens all outputs and starts their threads; on failure closes what it opened. NULL: `why`.
struct publisher *publisher_start(const struct publisher_output *list, int count,
                                  const struct queue_settings *queue, bool file_replay,
                                  const struct output_world *world, struct error *why);

// Takes over the worker's reference. Blocks only under FULL_BLOCK, and not beyond the deadline of
// publisher_stop. An empty batch just goes home.
void publisher_hand(struct publisher *p, struct batch *b);

void publisher_reopen(struct publisher *p); // SIGHUP

// Waits until every inbox is empty or until the steady time `deadline`, then stops, leaves what is
// left on disk where there is a disk queue, counts it as shed where there is none, closes. How many
// rows were left behind. Workers should have handed over their last batch; one that still blocks in
// publisher_hand comes free at the deadline, and what is handed over later is shed.
uint64_t publisher_stop(struct publisher *p, int64_t deadline);
void publisher_free(struct publisher *p);

// True if no document waits for an output, in memory or on disk.
bool publisher_is_empty(const struct publisher *p);
int publisher_outputs(const struct publisher *p);
const char *publisher_output_name(const struct publisher *p, int index);
const struct output_counters *publisher_counters(const struct publisher *p, int index);
// True while an output waits before sending again: said on the terminal and in the log.
bool publisher_is_waiting(const struct publisher *p, struct error *cause);
