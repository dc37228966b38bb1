// SPDX-License-Identifier: Apache-2.0
// Time zones: how far local time is from UTC at a moment, and the other way. Read once at start,
// constant for all threads; the C library knows one zone a process only.
#pragma once

#include "config/error.h"
#include "pipeline/base/arena.h"

struct zone;

// "UTC", an offset like "+02:00" or "-0330", a name like "Europe/Berlin", or "Local" (and ""): that
// of this machine, by TZ or /etc/localtime. NULL: no such zone; `why`.
const struct zone *zone_read(const char *name, struct arena *a, struct error *why);

struct zone_offset {
    int32_t seconds;          // east of UTC
    const char *abbreviation; // "CET"; lives as long as the zone
};
// At so many seconds since 1970 in UTC.
struct zone_offset zone_at(const struct zone *z, int64_t seconds);
// From what clocks on the wall show, counted as if it were UTC. An hour that comes twice is the
// earlier one; an hour that is left out counts on from before.
int64_t zone_to_utc(const struct zone *z, int64_t wall);
