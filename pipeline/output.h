// SPDX-License-Identifier: Apache-2.0
// An output carries parcels away and answers for each row. One constant struct per file; retry,
// back-off, counting, splitting, dead letters and the spool are the publisher's.
#pragma once

#include "config/setting.h"
#include "pipeline/batch.h"
#include "pipeline/field.h"

enum delivery {
    DELIVERED,
    TRY_LATER, // nobody knows whether it arrived, or it did not this time: spends a retry
    REFUSED,   // will never be taken as it is
    TOO_LARGE,
    BUSY,        // not taken, the receiver is away or has too much to do: spends no retry
    DEAD_LETTER, // refused, and kept where the settings want what is refused
};

// What to do with a batch when an inbox is full. Auto: a capture file waits, a live one drops.
// Spool: it goes to the disk queue, and where that finds no room, auto.
enum full_policy { FULL_DROP_NEW, FULL_DROP_OLD, FULL_BLOCK, FULL_AUTO, FULL_SPOOL };

// How an output is served: queue.mem of the configuration.
struct queue_settings {
    int64_t events;           // an inbox holds at most so many rows
    int64_t bytes;            // and so many bytes
    int64_t flush_min_events; // rows of a parcel at most
    int64_t flush_timeout;    // a worker hands over an open batch that is so old
    int64_t flush_max_bytes;  // bytes of a parcel at most
    int64_t backoff_init, backoff_max;
    int64_t max_retries; // negative: without end
    int policy;          // enum full_policy
    int64_t threads;     // that send at once; an output's own matter, not in the table. 0: one
};

enum { PARCEL_ROWS = 65536, PARCEL_THREADS = 256 }; // at most

struct parcel_row {
    const struct batch *batch;
    const struct row *row;
};

// The rows that one sending takes, out of one or more batches.
struct parcel {
    const struct parcel_row *rows;
    uint32_t count;
    uint64_t bytes;               // of all documents with their line feeds
    enum delivery *answer;        // one a row; TRY_LATER unless send says otherwise
    struct error *cause;          // why rows were not delivered, for the log; one for all
    unsigned attempt;             // of its first row, from 0
    unsigned thread;              // which of the output's threads sends it, from 0
    unsigned route;               // number of this output's first route in the rows
    const struct span *constants; // one a route of this output: what it is if the row has none

    // What send may say beside the answers.
    bool overloaded;     // the receiver has too much to do: send less at once
    int64_t pause;       // it asked for so long a pause; 0: it did not
    uint32_t duplicates; // rows delivered that had been there before
};

// Where a row goes: route `which` of this output, as its settings or the event have it. Empty: no
// route, for a field was missing.
static inline struct span parcel_route(const struct parcel *p, const struct parcel_row *r,
                                       unsigned which)
{
    struct span own = batch_route(r->batch, r->row, p->route + which);
    return own.len || !p->constants ? own : p->constants[which];
}

// What an output may know of the program: constant.
struct output_world {
    const char *program; // "weir" or, under compat, "packetbeat"
    const char *version;
    const char *host;
    const char *path_data;
    bool compat;
    int64_t started;                         // wall time, for %{+…} in paths
    const struct field_table *const *tables; // all fields of all documents, for index templates
    int table_count;
    struct arena *arena; // lives until exit
    // Asks the program to end, for an output that nobody will read any more. From any thread; NULL:
    // nobody to ask.
    void (*ask_stop)(void *arg);
    void *ask_stop_arg;
};

// What decides for each row where it goes; resolved by the worker while the values are at hand.
struct output_route {
    const char *name; // of a setting that is an event format string ("index"); if the output has no
                      // such setting, only the field counts
    const char *rules; // of the setting with rules that are tried before it ("indices"), a list of
                       // {NAME, mappings, default, when}; NULL: none
    const char *field; // an event with this field goes where it says, whatever the settings; NULL
    bool lower;        // in lower case
};

struct output {
    const char *name;    // "file": output.file in the configuration
    const char *meaning; // one line for the reference
    const struct setting *settings;
    const struct setting
        *root_settings; // at the root of the file, into the same struct; NULL: none
    size_t settings_size;
    const struct output_route *routes; // ended by a NULL name; NULL: none
    // Format strings that its settings hold elsewhere: routes without rules, numbered behind those.
    // Ended by NULL, in the arena. NULL: none, or no memory.
    const char *const *(*more_routes)(const void *settings, struct arena *arena);
    uint32_t rows_at_most; // a parcel holds at most so many; 0: no limit of its own
    uint64_t bytes_at_most;
    bool one_way; // its threads reach the same receiver by the same way: if one waits, all do

    // Checks what the table cannot; nothing is opened. NULL: nothing to check.
    bool (*check)(const void *settings, struct error *why);
    // What its own settings say about its queue and threads, put over what queue.mem says. NULL:
    // nothing.
    void (*serve)(const void *settings, const struct output_world *world,
                  struct queue_settings *queue);
    // Puts on the server what documents need there, and says so; again does no harm. NULL: nothing
    // to put.
    bool (*setup)(const void *settings, const struct output_world *world, FILE *to,
                  struct error *why);
    // Tries the way to the server step by step, and says how each went. NULL: cannot be tried.
    bool (*test)(const void *settings, const struct output_world *world, FILE *to,
                 struct error *why);
    // Opens; the result is `self` of the calls below. False-like NULL: `why` says what to change.
    void *(*open)(const void *settings, const struct output_world *world, struct error *why);
    // On one of the output's own threads (p->thread); may block. Sets p->answer for each row.
    void (*send)(void *self, struct parcel *p);
    // From any thread: a send that blocks returns soon. NULL: send never blocks long.
    void (*stop)(void *self);
    // From any thread, on SIGHUP: open files anew. NULL: nothing to do.
    void (*reopen)(void *self);
    void (*close)(void *self);
};

// All outputs, in the order of outputs.def; ended by NULL. Defined by the one file that includes
// the list.
extern const struct output *const outputs[];
