// SPDX-License-Identifier: Apache-2.0
// The configuration as a tree: maps, lists and scalars, each with its file and line. Dotted keys
// and nested maps are the same thing (`a.b: 1` is `a: {b: 1}`), later files and -E override earlier
// ones, and
// ${…} is resolved before anybody looks. Knows nobody; reading is all it does.
#pragma once

#include "config/error.h"
#include "pipeline/base/arena.h"

enum config_kind { CONFIG_NULL, CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };

struct config {
    enum config_kind kind;
    const char *key;  // inside a map; NULL inside a list
    const char *text; // of a scalar
    bool quoted;      // the scalar stood in quotes: it is a text whatever it looks like
    const char *file; // where it was written: a path, or "-E"
    int line;         // from 1; 0 for -E
    int count;        // children
    struct config *first, *last, *next;
};

// Finds the value for the name inside ${…}: the keystore, then the environment. NULL: not there.
// `arg` is the caller's.
typedef const char *config_lookup(void *arg, const char *name);
const char *config_environment(void *arg, const char *name); // getenv

// An empty map to merge into. All memory is the arena's.
struct config *config_new(struct arena *a);

// Reads YAML (JSON is YAML) and merges it over `root`. False: unreadable or not YAML, with file and
// line.
bool config_read(struct config *root, const char *path, struct arena *a, struct error *why);
bool config_read_text(struct config *root, struct span text, const char *name, struct arena *a,
                      struct error *why);
// One `key=value` of -E; the value is read as a YAML scalar or flow collection.
bool config_override(struct config *root, const char *assignment, struct arena *a,
                     struct error *why);

// Resolves ${NAME}, ${NAME:default}, ${NAME:?text}, ${other.setting} and $${ in all values, once,
// after all merging. A value that is one whole ${…} is read again as YAML (so lists come from the
// environment).
bool config_resolve(struct config *root, config_lookup *lookup, void *arg, struct arena *a,
                    struct error *why);

// The node at a dotted path below `node`, or NULL. A NULL node has nothing below.
const struct config *config_get(const struct config *node, const char *path);
// The text of the scalar at `path`, or NULL.
const char *config_text(const struct config *node, const char *path);
// Dotted path of `node` below `root`, for messages and flattening; in the arena.
const char *config_path(const struct config *root, const struct config *node, struct arena *a);

// The whole tree as YAML, for `export config`; values whose key looks like a secret are masked.
void config_print(const struct config *root, FILE *to);

// True if the file belongs to root or this user and nobody else may write it.
bool config_is_private(const char *path, struct error *why);
