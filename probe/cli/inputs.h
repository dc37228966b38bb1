// SPDX-License-Identifier: Apache-2.0
// Where `run` takes packets from: the entries of the configuration, or the file of -I, each with
// its source and the number of its workers.
#pragma once

#include "config/flags.h"
#include "pipeline/endpoint.h"
#include "probe/plan.h"

enum { WORKERS = 256, INPUTS = 64 };

struct input {
    const struct interface_settings *settings;
    const struct source *source;
    struct source_setup capture;
    unsigned workers;
    void *opened[WORKERS]; // sources, one for each worker; NULL: a worker has taken it, or none was
};

struct inputs {
    struct input at[INPUTS];
    struct endpoint_input told[INPUTS]; // the same, for who looks inside
    int count;
    bool replay;      // of a file: it waits for the outputs
    const char *dump; // prefix of the file into which all packets go; NULL: none
};

// Opens nothing. False: `why`.
bool inputs_choose(struct inputs *all, struct plan *plan, const struct flags *flags,
                   struct error *why);
// The exit code for what cannot be captured (`why`), before anything else is begun.
int inputs_check(const struct inputs *all, struct error *why);
// Opens all sources: the last step that needs rights. False: `why`.
bool inputs_open(struct inputs *all, struct error *why);
// Bytes of all rings, and of what is known of packets that may come twice.
uint64_t inputs_memory(const struct inputs *all);
void inputs_free(struct inputs *all); // after the workers
