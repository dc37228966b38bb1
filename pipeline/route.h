// SPDX-License-Identifier: Apache-2.0
// Event format strings: what a setting such as an index, a topic or a key becomes for one event.
// Read once at start and bound to ranks, written while the values are at hand.
//
//   %{[field.name]}           the field's text; an event without it has no such route
//   %{[field.name]:default}   the default then; it may be empty
//   %{+yyyy.MM.dd}            the event's time in UTC: yyyy yy MM M dd d HH H mm ss SSS DDD, and
//                             the ISO week xxxx.ww; text between apostrophes stands as it is
#pragma once

#include "pipeline/event.h"

struct format;

// NULL: not a format string; `why` says what is wrong with which part.
struct format *format_read(const char *text, const struct schema *s, struct arena *a,
                           struct error *why);
// True if every event gives the same text: then `*text` is a view on it.
bool format_is_constant(const struct format *f, struct span *text);
// False: a field is missing, or the pen is full.
bool format_write(const struct format *f, struct event *e, struct pen *pen);
