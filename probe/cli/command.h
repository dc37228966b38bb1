// SPDX-License-Identifier: Apache-2.0
// A command of the program: one constant struct per file, listed in commands.def.
#pragma once

#include "config/flags.h"
#include "probe/plan.h"

// Exit codes.
enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_RIGHT = 3, EXIT_NO_DEVICE = 4 };

struct command {
    const char *name;
    const char *words;   // what may follow it, for the help; "" nothing
    const char *meaning; // one line
    // `words[0]` is the first word behind the name, NULL none. Returns the exit code.
    int (*run)(const struct flags *flags, const char *const *words);
};

extern const struct command *const commands[]; // ended by NULL
extern const struct flag command_flags[];

// The configuration that the flags name, understood: the files of -c or the one at its usual place;
// without any, all protocols to standard output. `ask_stop` is for who runs it (see output.h; the
// id of the installation is kept then), NULL for who only looks. NULL: refused, and the reason is
// said.
struct plan *command_plan(const struct flags *flags, void (*ask_stop)(void *));

// Where the keystore of the configuration that the flags name lies, in the arena. NULL: `why`.
const char *command_secrets_path(const struct flags *flags, struct arena *a, struct error *why);

// Prints "weir: REASON" to standard error; returns `code`.
int command_fails(int code, const struct error *why);
