// SPDX-License-Identifier: Apache-2.0
// What lies between the workers and one output: an inbox that workers fill and the threads that
// empty it, its senders. A sender alone touches the rows it has in flight; all that is shared lies
// behind the lane's gate.
//
//     wait ─▶ take a load ─▶ send it as one parcel ─▶ settle ─┬─▶ nothing left: wait
//      ▲                                                      └─▶ rows go back into the inbox,
//      └──────────────────── back off ◀──────────────────────────  for whoever is next
//
// The parcel shrinks when the receiver says that it is too large, the number of senders at work
// when it says that it has too much to do; what gets through makes both grow again.
#pragma once

#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"
#include "pipeline/clerk.h"
#include "pipeline/dead_letters.h"
#include "pipeline/inbox.h"
#include "pipeline/publisher.h"

struct lane;

struct sender {
    struct lane *lane;
    unsigned index;
    pthread_t thread;
    struct inbox_load load;
    enum delivery *answers; // one a row of the load
    unsigned misses;        // sendings in a row after which it had to wait
    int64_t until;          // it waits until then; 0: it does not
    bool hurried;           // a pause was cut short by the beginning of a stop
};

struct lane {
    const struct output *output;
    unsigned route;
    const struct span *constants;
    struct queue_settings queue; // as this output wants it
    enum full_policy policy;
    void *self; // the output's
    char who[32];
    struct output_counters counters;
    struct clerk clerk;                // of the disk queue, if there is one
    struct dead_letters *dead_letters; // NULL: what is refused is not kept
    struct log_limit said_full, said_waiting, said_lost, said_dead, said_well;

    struct gate gate; // guards what follows
    struct inbox inbox;
    bool draining; // the publisher stops: no long pauses any more
    bool closing;  // the deadline has passed: what is left is shed
    bool waiting;  // rows are to be sent again
    int64_t until; // nobody sends before; 0: no such time
    struct error cause;
    uint64_t draws; // random numbers drawn

    unsigned at_work, at_work_most; // senders; the second is what the receiver can stand
    unsigned credits;               // parcels delivered since that grew
    uint64_t bytes_most;            // of a parcel, as far as the answers tell
    uint32_t rows_most;
    uint64_t refused_bytes; // the smallest parcel found too large; 0: none, or long ago
    unsigned since_refused; // parcels delivered since

    unsigned sender_count;
    struct sender *senders;
};

// Opens the output and makes everything but threads. False: `why`; lane_free undoes the part.
bool lane_open(struct lane *l, const struct publisher_output *o, const struct queue_settings *queue,
               bool file_replay, const struct output_world *world, struct error *why);
void lane_start(struct lane *l);
// Takes over one reference to a batch that is not empty.
void lane_accept(struct lane *l, struct batch *b);

void lane_reopen(struct lane *l); // SIGHUP: its files

// The stop in steps, so that lanes do each at the same time: begin, wait until empty or the
// deadline, end sending; then join, which sheds what is left, closes the output and says how many
// rows it was.
void lane_begin_stop(struct lane *l);
void lane_drain(struct lane *l, int64_t deadline);
void lane_close(struct lane *l);
uint64_t lane_join(struct lane *l);
void lane_free(struct lane *l);

bool lane_is_waiting(struct lane *l, struct error *cause);
