// SPDX-License-Identifier: Apache-2.0
// Values that a configuration brings in: scalars with the types YAML gives them, lists, and trees.
#pragma once

#include "config/config.h"
#include "pipeline/event.h"

// Reads a node into a value that lives as long as the node and the arena and may be shared by all
// threads. Texts in quotes stay texts; bare ones may be numbers or true and false. False: no
// memory.
bool constant_read(const struct config *node, struct arena *a, struct value *out);

// Told each value below a node with its dotted name, `prefix` (may be "") in front. False stops.
typedef bool constant_told(void *arg, const char *name, const struct config *node);
// Walks all values below a map in order; an empty map and a list are values. False: somebody
// stopped, or no memory.
bool constants_walk(const struct config *map, const char *prefix, struct arena *a,
                    constant_told *tell, void *arg);
