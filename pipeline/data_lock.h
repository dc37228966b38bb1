// SPDX-License-Identifier: Apache-2.0
// One process for each path.data: a lock on a file there, which the kernel gives back when the
// process ends, however it ends.
#pragma once

#include <stdbool.h>

#include "config/error.h"

// Takes the lock. False: another process has it, said in `why`. Where there is no such directory,
// or nothing can be written to it, there is nothing to protect: true, and *fd is -1.
bool data_lock_take(const char *directory, int *fd, struct error *why);
void data_lock_give(int fd);
