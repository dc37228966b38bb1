// SPDX-License-Identifier: Apache-2.0
// An output carries parcels away and answers for each row. One constant struct per file; retry,
// back-off, counting, splitting, dead letters and the spool are the publisher's.
#pragma once

#include "config/setting.h"
#include "pipeline/batch.h"

enum delivery { DELIVERED, TRY_LATER, REFUSED, TOO_LARGE };

struct parcel_row {
    const struct batch *batch;
    const struct row *row;
};

// The rows that one sending takes, out of one or more batches.
struct parcel {
    const struct parcel_row *rows;
    uint32_t count;
    uint64_t bytes;        // of all documents with their line feeds
    enum delivery *answer; // one a row; TRY_LATER unless send says otherwise
    struct error *cause;   // why rows were not delivered, for the log; one for all
    unsigned attempt;      // of its first row, from 0
};

// What an output may know of the program: constant.
struct output_world {
    const char *program; // "weir" or, under compat, "packetbeat"
    const char *version;
    const char *host;
    const char *path_data;
    bool compat;
    int64_t started;     // wall time, for %{+…} in paths
    struct arena *arena; // lives until exit
    // Asks the program to end, for an output that nobody will read any more. From any thread; NULL:
    // nobody to ask.
    void (*ask_stop)(void *arg);
    void *ask_stop_arg;
};

struct output {
    const char *name;    // "file": output.file in the configuration
    const char *meaning; // one line for the reference
    const struct setting *settings;
    size_t settings_size;
    const char *const *routes; // which of its settings are event format strings; ended by NULL
    uint32_t rows_at_most;     // a parcel holds at most so many; 0: no limit of its own
    uint64_t bytes_at_most;

    // Checks what the table cannot; nothing is opened. NULL: nothing to check.
    bool (*check)(const void *settings, struct error *why);
    // Opens; the result is `self` of the calls below. False-like NULL: `why` says what to change.
    void *(*open)(const void *settings, const struct output_world *world, struct error *why);
    // On the output's own thread; may block. Sets p->answer for each row.
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
