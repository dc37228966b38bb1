// SPDX-License-Identifier: Apache-2.0
// How trees grow: nodes under a ceiling, keys that are dotted, children that meet. Inside this
// folder only; everybody else reads config.h.
#pragma once

#include "config/config.h"

// One growing of a tree. What fails has said so in `why`.
struct tree {
    struct arena *arena;
    const char *file; // of the nodes it makes
    int line;         // of the nodes it makes, if `single`
    bool single;      // all nodes come from one line, whatever their text counts
    bool literal;     // ${ means nothing
    int depth;        // at which YAML begins
    int nodes;        // made so far
    struct error *why;
};

// Refuses what stands in `line`; always NULL.
__attribute__((format(printf, 3, 4))) void *tree_refuse(const struct tree *t, int line,
                                                        const char *format, ...);

// True for a plain text that means nothing: `null`, `~` or nothing at all.
bool tree_is_null(struct span text);

// A new node, or NULL at the ceiling.
struct config *tree_node(struct tree *t, enum config_kind kind, int line);
// A scalar, or a node without value if the text means nothing. NULL: ceiling, or a zero byte in it.
struct config *tree_scalar(struct tree *t, struct span text, bool quoted, int line);
// A whole copy of `node` for a place `depth` below the root.
struct config *tree_copy(struct tree *t, const struct config *node, int depth);

// The child under a key, or the item of a list at that position; NULL: none.
struct config *tree_child(const struct config *parent, const char *key);

// Puts a child behind the last one. False: the map has too many.
bool tree_append(struct tree *t, struct config *parent, struct config *child);
// Puts `value` under a dotted key, as part of one file: what is there already is refused unless one
// of the two is implied.
bool tree_put(struct tree *t, struct config *map, const char *key, struct config *value);
// Takes over what `map` lacks from `from` (YAML's `<<`). The children of `from` change hands.
bool tree_fill(struct tree *t, struct config *map, struct config *from);
// Merges the map `from` over `into`, which wins nothing but keeps its place where maps meet: a
// section stands where it was first written. The children of `from` change hands.
bool tree_merge(struct tree *t, struct config *into, struct config *from);

// Wraps `value` in the maps a dotted key implies; the outermost has the key's first part. NULL: the
// key has an empty part.
struct config *tree_wrap(struct tree *t, const char *key, struct config *value);

// How many parts a dotted key has.
int tree_parts(const char *key);

// Gives `node` the kind and content of `value`; its key, place and line stay.
void tree_become(struct config *node, const struct config *value);
