// SPDX-License-Identifier: Apache-2.0
// One thread from source to batch: reads, decodes, follows, ages. Owns all memory of its packet
// path, so nothing on it locks; hands over finished batches and nothing else.
#pragma once

#include "probe/frame.h"
#include "probe/plan.h"

struct worker;

struct worker_setup {
    const struct plan *plan;
    const struct source *source;
    void *opened;                               // by the source; the worker closes it
    const struct interface_settings *interface; // of the source
    bool full_speed;                            // a file at its own times: the clock does not tick
    unsigned number;                            // among all workers, for its name
    unsigned index, count;                      // shares of one source
    int cpu;                                    // that it is bound to; -1: any
    struct publisher *publisher;
    bool replay;       // a file: waits for the outputs
    struct dump *dump; // of all workers; a file has it from its first one; NULL: none
};

// Reserves memory. NULL: `why`, and the source stays the caller's.
struct worker *worker_new(const struct worker_setup *setup, struct error *why);
// Frames are let in, but not read yet: for when all workers of a source are there. False: `why`.
bool worker_listen(struct worker *w, struct error *why);
void worker_start(struct worker *w);
// Asks it to publish what it has and end.
void worker_stop(struct worker *w);
bool worker_is_running(const struct worker *w);
// Waits for its end. False: the source failed, `why` says what happened.
bool worker_join(struct worker *w, struct error *why);
void worker_free(struct worker *w); // after the publisher has let its batches go

const struct counters *worker_counters(const struct worker *w);
void worker_progress(const struct worker *w, struct source_progress *out);
