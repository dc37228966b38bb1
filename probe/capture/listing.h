// SPDX-License-Identifier: Apache-2.0
// The files that a file source reads, in order: those that were named, and those that lie in a
// directory that was named, by their names.
#pragma once

#include "pipeline/base/arena.h"
#include "probe/frame.h"

struct listing {
    struct listing *next;
    const char *path; // "-" is standard input
    bool found;       // in a directory: skipped, not refused, when it is no capture
};

// All in `arena`. `*bytes` is their size in all, 0 when a pipe is among them. NULL: one cannot be
// read, or there is none (`why`).
struct listing *listing_read(const char *const *files, int count, struct arena *arena,
                             uint64_t *bytes, struct error *why);
