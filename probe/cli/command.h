// SPDX-License-Identifier: Apache-2.0
// A command of the program: one constant struct per file, listed in commands.def.
#pragma once

#include "config/flags.h"
#include "probe/plan.h"

// Exit codes.
enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *words;   // what may follow it, for the help; "" nothing
    const char *meaning; // one line
    // `words[0]` is the first word behind the name, NULL none. Returns the exit code.
    int (*run)(const struct flags *flags, const char *const *words);
};

extern const struct command *const commands[]; // ended by NULL
extern const struct flag command_flags[];

// The flags as sources of a plan; `standard` is used when there is neither -c nor a file at its
// usual place.
struct plan_sources command_sources(const struct flags *flags, struct arena *a);

// Prints "weir: REASON" to standard error; returns `code`.
int command_fails(int code, const struct error *why);
