// SPDX-License-Identifier: Apache-2.0
// JSON texts from traffic into values: lists and trees in the scratch of an event. Bounded in depth
// and members as these are; numbers keep their kind.
#pragma once

#include "pipeline/event.h"

// NULL: read. Otherwise why not, in words; what was lost for want of scratch or above a ceiling is
// marked in the event and no failure.
const char *json_read(struct event *e, struct span text, struct value *out);
