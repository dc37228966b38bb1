// SPDX-License-Identifier: Apache-2.0
// The thread before the inbox of an output that has a disk queue. Workers lay batches on its desk,
// which is in memory; it alone reads and writes the disk, so that nobody else ever waits for that.
//
//     worker ─▶ desk ─┬─▶ inbox ─▶ senders        as long as the inbox has room, and nothing older
//                     └─▶ spool ──▶ inbox         waits on disk; else by way of the disk
//
// By default all that lies on the desk is written, so that it outlives the process, and the block
// is acknowledged when the last row of the batch is answered. With FULL_SPOOL only what does not
// pass is written. Where the disk refuses or is full, what passes passes all the same, and what
// does not stays on the desk, until that is full and the lane's policy decides.
#pragma once

#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"
#include "pipeline/inbox.h"
#include "pipeline/publisher.h"

struct lane;

struct clerk {
    struct spool *spool; // NULL: the output has no disk queue, and nothing here counts
    bool always;         // whatever comes is written
    int64_t retry_interval, max_retry_interval;
    struct log_limit said_refused, said_full, said_damaged;

    struct inbox desk;  // guarded by the lane's gate
    struct batch *hand; // taken off the desk, and not placed yet; only the clerk changes it

    // The clerk's own.
    int64_t pause, retry_at; // after the disk refused; 0: it did not
    uint64_t full;           // bytes of the spool when it was full; 0: it is not
    uint64_t unsynced;       // bytes
    pthread_t thread;
};

// Opens the spool. False: `why`; clerk_free undoes the part.
bool clerk_open(struct lane *l, const struct publisher_output *o, const struct output_world *world,
                struct error *why);
void clerk_start(struct lane *l);
// Locked. True if documents are on the desk or on disk only.
bool clerk_is_busy(const struct lane *l);
// The lane is closing and its senders are gone: ends, leaves on disk what is in memory, and sheds
// what finds no room there. How many rows that is.
uint64_t clerk_end(struct lane *l);
void clerk_free(struct lane *l);
