// SPDX-License-Identifier: Apache-2.0
// Conditions on events: what stands under `when` and `if`. Read once at start and bound to ranks;
// they look at values, not at JSON, and change nothing.
//
//   equals, contains, regexp, range, network    {field: what it is held against}; all must hold
//   has_fields                                  [names]; all must be there
//   and, or                                     [conditions]
//   not                                         a condition
#pragma once

#include "config/config.h"
#include "pipeline/event.h"

struct condition;

// NULL: `why` has file and line. Several conditions in one map must all hold.
struct condition *condition_read(const struct config *node, const struct schema *s, struct arena *a,
                                 struct error *why);
// The event's scratch and regular expression memory are used, nothing in it changes.
bool condition_holds(const struct condition *c, struct event *e);
