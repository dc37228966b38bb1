// SPDX-License-Identifier: Apache-2.0
// Fields that a processor names: by name, a whole object included, or by a regular expression
// between slashes that is held against the full names of all values. What is declared becomes a set
// of ranks at start; only members named at run time are looked at for each event.
#pragma once

#include "config/setting.h"
#include "pipeline/event.h"

struct selection {
    uint64_t *ranks; // one bit a rank
    unsigned words;
    struct field_path *members; // named members of fields
    int member_count;
    struct regexp **regexps; // held against members, too
    int regexp_count;
};

// False: an expression is wrong, or no memory; said in `why`.
bool selection_read(struct selection *out, const struct setting_texts *names,
                    const struct schema *s, struct arena *a, struct error *why);
// Takes a rank, or all ranks of a field, out of or into the selection.
void selection_remove(struct selection *sel, const struct field_path *path);
void selection_add(struct selection *sel, const struct field_path *path);

// A member of an event that is selected: the field that holds it, and its path inside.
struct selected {
    struct selected *next;
    struct field_path path;
};

// The selected members of this event, in its scratch; NULL: none.
struct selected *selection_members(const struct selection *sel, struct event *e);
