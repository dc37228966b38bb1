// SPDX-License-Identifier: Apache-2.0
// The words of a command line. One constant table of flags checks them and prints its own help.
// One dash or two make no difference (`-dump x`, `--dump=x`), flags and other words may stand in
// any order, and behind `--` everything is a word. What a flag means is its owner's business.
#pragma once

#include <stdio.h>

#include "config/error.h"
#include "pipeline/base/arena.h"

struct flag {
    const char *name;       // one or more, with commas: "h,help"
    const char *value_name; // what it takes, for the help: "FILE"; NULL: it is on or off
    const char *meaning;    // one line
};

// A table ends with a row whose name is NULL.
#define FLAGS_END    \
    {                \
        .name = NULL \
    }

struct flag_given {
    const struct flag *flag;
    const char *text; // its value; "true" or "false" for one that is on or off
};

struct flags {
    const struct flag *table;
    const struct flag_given *given; // in the order of the command line
    int given_count;
    const char **words; // what is no flag, in order; ended by NULL
    int word_count;
};

// Reads argv[1] and on; texts are not copied. False: an unknown flag, a missing or a needless
// value.
bool flags_read(struct flags *f, const struct flag *table, int argc, char *const *argv,
                struct arena *a, struct error *why);

// By any of its names: its last value, or NULL if it is not there.
const char *flags_text(const struct flags *f, const char *name);
// True if it was switched on, by its last mention.
bool flags_on(const struct flags *f, const char *name);
// Its values one after the other: `*at` is the caller's, from 0; NULL: no more.
const char *flags_next(const struct flags *f, const char *name, int *at);
// All its values, in the arena, ended by NULL; NULL: no memory.
const char **flags_all(const struct flags *f, const char *name, struct arena *a);

// The table as help: a line for each flag.
void flags_help(const struct flag *table, FILE *to);
