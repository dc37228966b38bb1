// SPDX-License-Identifier: Apache-2.0
// A series of files in one directory, ordered by day and number:
//     <name>-20250131.ndjson, <name>-20250131-1.ndjson, <name>-20250131-2.ndjson, <name>-20250201…
// A file is named once, for the day (UTC) it was begun on, and keeps its name.
#pragma once

#include <stdio.h>

#include "config/error.h"
#include "pipeline/base/span.h"

struct series {
    const char *directory, *name;
};

struct series_file {
    uint32_t day;    // 20250131; 0: no file
    uint32_t number; // 0: the first of its day
};

// Writes the whole path. False: it does not fit.
bool series_path(const struct series *s, struct series_file file, char *to, size_t size);

// The newest file there is; day 0: none, or the directory cannot be read.
struct series_file series_newest(const struct series *s);
// The one that comes behind `newest` at that time: never before it, even if the clock was set back.
struct series_file series_next(struct series_file newest, int64_t time);
// Removes the oldest files until `keep` are left beside `current`. How many; adds their sizes to
// *bytes. What cannot be removed ends it.
unsigned series_trim(const struct series *s, struct series_file current, unsigned keep,
                     uint64_t *bytes);

// Replaces each %{+pattern} by a time in UTC. Patterns have the letters of Joda time: y M d D H m s
// (as many digits as letters), 'text', and any other sign. False: not such a pattern, or too long.
bool time_expand(const char *format, int64_t time, char *to, size_t size, struct error *why);
