// SPDX-License-Identifier: Apache-2.0
// What the program may still do once its packet sockets are open: no capability, no new privileges,
// only the system calls of sandbox.def, and, where the kernel has Landlock, writing only where
// something is to be written, and running no other program. Entered before any thread is started,
// so that it holds for all of them.
#pragma once

#include "config/setting.h"

struct sandbox_settings {
    bool enabled;
    bool seccomp; // the reference's key: the list of system calls alone
    struct setting_texts writable;
};
extern const struct setting sandbox_settings[];

enum { SANDBOX_FOLDERS = 16 };

struct sandbox_setup {
    const struct sandbox_settings *settings;
    const char *folders[SANDBOX_FOLDERS]; // where may be written, besides settings->writable; they
                                          // need not exist yet. NULL: skipped
};

// Takes up the right to capture where it was only permitted (setcap cap_net_raw+p: a program that
// starts even where the right cannot be had).
void sandbox_raise(void);

// What the kernel does not have is told in the log. False: rights could not be given up, `why`.
bool sandbox_enter(const struct sandbox_setup *setup, struct error *why);
