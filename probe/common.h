// SPDX-License-Identifier: Apache-2.0
// The fields that documents of several kinds share. Protocol tables go on where this enum ends, so
// that one map of ranks serves both.
#pragma once

#include "pipeline/field.h"
#include "probe/tunnels.h"

enum common_field {
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/common.def"
#undef FIELD
    COMMON_FIELDS
};

extern const struct field_table common_table;

// Writes network.tunnel of what came in one.
struct event;
void common_tunnels(struct event *e, const struct tunnels *t);
