// SPDX-License-Identifier: Apache-2.0
// Times in texts, by a layout that shows what the second of January 2006, 15:04:05, would look
// like, as the reference has it:
//
//   2006 06 · 01 1 Jan January · 02 2 _2 · 002 · Mon Monday · 15 03 3 · 04 4 · 05 5 ·
//   .000 ,000 .999 ,999 (any number of digits) · PM pm · -0700 -07:00 -07 Z0700 Z07:00 Z07 · MST
//
// and UNIX and UNIX_MS for seconds and milliseconds since 1970. A fraction behind the seconds is
// taken even if the layout has none.
#pragma once

#include "pipeline/base/span.h"
#include "pipeline/zone.h"

// False: the text does not fit the layout. Without a zone in it, it is a time of `zone`; without a
// year, of year 0 (which nothing 64-bit can hold: false).
bool layout_read(struct span layout, struct span text, const struct zone *zone,
                 int64_t *nanoseconds);
