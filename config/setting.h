// SPDX-License-Identifier: Apache-2.0
// Tables of settings. One constant table per struct that has settings: it checks what the user
// wrote, fills the struct, and prints the reference in docs/. An unknown key is refused with file,
// line and the nearest known name (under compat: one warning); a key of the reference that Weir has
// no use for is accepted with one warning.
#pragma once

#include <stddef.h>

#include "config/config.h"

enum setting_type {
    SETTING_BOOL,     // bool
    SETTING_NUMBER,   // int64_t, within [min, max]
    SETTING_BYTES,    // int64_t; "10MiB", "1.5GB", "64k" (1000) or a bare number of bytes
    SETTING_DURATION, // int64_t nanoseconds; "10s", a bare number means seconds
    SETTING_TEXT,     // const char *, NULL if not given and without default
    SETTING_CHOICE,   // int: position in `choices`
    SETTING_TEXTS,    // struct setting_texts; one scalar counts as a list of one
    SETTING_NUMBERS, // struct setting_numbers; each within [min, max]; also "8000-8010" for a range
    SETTING_NODE,    // const struct config *: read by its owner
    SETTING_TABLE,   // a nested struct, described by `table`, at `offset`
    SETTING_UNUSED,  // accepted for compatibility, no effect; `meaning` says why
};

// Longer durations (73 years) are refused, so that those that are taken can be added to times.
#define SETTING_DURATION_MOST (INT64_MAX / 4)

struct setting_texts {
    const char **at;
    int count;
};

struct setting_numbers {
    int64_t *at;
    int count;
};

struct setting {
    const char *key; // may be dotted ("path.home"): a path below the node
    enum setting_type type;
    size_t offset;              // of the member in the struct
    const char *standard;       // default as a user would write it; NULL: none (zero)
    int64_t min, max;           // both 0: no limits
    const char *const *choices; // ended by NULL
    const struct setting *table;
    const char *meaning; // one line for the reference, with the unit where there is one
    bool required;       // wherever its section is written at all
};

// A table ends with a row whose key is NULL.
#define SETTING_END \
    {               \
        .key = NULL \
    }

// How strict to be with keys that no table knows.
enum setting_mood { SETTING_REFUSE, SETTING_WARN };

// Told what was written and does not count; `arg` is the caller's.
typedef void setting_warning(void *arg, const char *text);

// The nodes that were warned of, so that two tables over one section say it once.
struct setting_told {
    const struct config *node;
    struct setting_told *next;
};

struct setting_reader {
    enum setting_mood mood;
    setting_warning *warn; // NULL: nobody listens
    void *arg;
    struct arena *arena;        // texts and lists are put there
    struct setting_told **told; // begins as NULL, grows in the arena; a NULL pointer: no memory
};

// Fills `into` with defaults, then with what `node` (may be NULL) says. `also` is a second table
// whose keys are left alone here because somebody else reads them (NULL: none). False: refused,
// `why` holds file, line, what was found and expected.
bool setting_fill(const struct setting *table, const struct config *node, void *into,
                  const struct setting *also, const struct setting_reader *reader,
                  struct error *why);

// The reference of one table as Markdown rows: key, type, default, range, meaning. `prefix` is put
// before each key as it is ("output.file."); NULL: nothing.
void setting_print(const struct setting *table, const char *prefix, FILE *to);

// The nearest of the known keys to a mistyped one, or NULL when none is near (at most 3 edits and
// one for each three characters; two letters changed round are one edit).
const char *setting_nearest(const struct setting *table, const char *key);
