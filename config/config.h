// SPDX-License-Identifier: Apache-2.0
// The configuration as a tree: maps, lists and scalars, each with its file and line. Dotted keys
// and nested maps are the same thing (`a.b: 1` is `a: {b: 1}`), later files and -E override earlier
// ones, and ${…} is resolved before anybody looks. Knows nobody; reading is all it does.
#pragma once

#include "config/error.h"
#include "pipeline/base/arena.h"

enum config_kind { CONFIG_NULL, CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };

// What is refused, so that no file can exhaust the memory or the stack.
enum {
    CONFIG_DEPTH = 64,         // maps and lists inside each other, dotted keys counted
    CONFIG_NODES = 65536,      // nodes of one file, aliases counted as often as they are used
    CONFIG_KEYS = 4096,        // keys of one map
    CONFIG_ANCHORS = 1024,     // of one file
    CONFIG_FILE = 4 << 20,     // bytes of one file
    CONFIG_RESOLVED = 1 << 16, // bytes of one value after ${…}
};

struct config {
    enum config_kind kind;
    const char *key; // inside a map; NULL inside a list
    const char *text; // of a scalar; also of a list or map that was read out of one text (-E, ${…})
    bool quoted;      // the scalar stood in quotes: it is a text whatever it looks like
    bool implied;     // a map that only stands inside a dotted key (`a` of `a.b: 1`)
    bool pending;     // a scalar with ${…} that is not resolved yet
    bool secret;      // it came from the keystore, or holds something that did: never shown
    const char *file; // where it was written: a path, or "-E"
    int line;         // from 1; 0 for -E
    int count;        // children
    struct config *first, *last, *next;
};

// Finds the value for the name inside ${…}: the keystore, then the environment. NULL: not there.
// What is a `*secret` is a text as it stands, whatever it looks like. `arg` is the caller's.
typedef const char *config_lookup(void *arg, const char *name, bool *secret);
const char *config_environment(void *arg, const char *name, bool *secret); // getenv

// An empty map to merge into. All memory is the arena's.
struct config *config_new(struct arena *a);

// Reads YAML (JSON is YAML) and merges it over `root`: maps go together key by key, everything else
// replaces. A map whose keys are positions (`interfaces.0.device`) changes those items of a list. A
// key given twice in one file is refused. False: unreadable or not YAML, with file and line.
bool config_read(struct config *root, const char *path, struct arena *a, struct error *why);
bool config_read_text(struct config *root, struct span text, const char *name, struct arena *a,
                      struct error *why);
// One `key=value` of -E; the value is read as a YAML scalar or flow collection, whose outermost
// brackets may be missing (`hosts=a,b`). What turns out not to be YAML is a text.
bool config_override(struct config *root, const char *assignment, struct arena *a,
                     struct error *why);

// Resolves ${NAME}, ${NAME:default}, ${NAME:?text}, ${other.setting} in all values, once, after all
// merging; `$${` stands for `${` and `$}` for `}`. A name is first looked for among the settings,
// then by `lookup`; without both, and without default, it is empty. A value that is one whole ${…}
// is read again as that of -E (so lists come from the environment); what comes out is not resolved
// again. False: with file and line.
bool config_resolve(struct config *root, config_lookup *lookup, void *arg, struct arena *a,
                    struct error *why);

// The node at a dotted path below `node`, or NULL; items of lists are numbered from 0. A NULL node
// has nothing below.
const struct config *config_get(const struct config *node, const char *path);
// The text of the scalar at `path`, or NULL.
const char *config_text(const struct config *node, const char *path);
// Dotted path of `node` below `root`, for messages and flattening; in the arena.
const char *config_path(const struct config *root, const struct config *node, struct arena *a);

// Refuses `node`: `FILE:LINE: KEY: ` and the reason go to `why`. Always false.
__attribute__((format(printf, 3, 4))) bool config_refuse(const struct config *node,
                                                         struct error *why, const char *format,
                                                         ...);
// What stands there, for such a reason: `"text"` (cut, no secrets), `a list`, `a map`,
// `nothing`. Writes to `to` and returns it.
const char *config_found(const struct config *node, char to[64]);

// The whole tree as YAML, for `export config`; values whose key looks like a secret are masked. It
// reads back to the same tree, but that a text may come back quoted. False: not written.
bool config_print(const struct config *root, FILE *to);
// True for keys such as `password`, `api_key`, `ssl.key_passphrase`.
bool config_is_secret(const char *key);

// True if the file belongs to root or this user and nobody else may write it.
bool config_is_private(const char *path, struct error *why);
