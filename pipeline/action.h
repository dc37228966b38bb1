// SPDX-License-Identifier: Apache-2.0
// Steps on fields: what processors that change named fields have in common. What a missing field
// means and what becomes of a document when a step cannot be done is decided here, for all alike:
//
//   ignore_missing   a field that is not there is passed over; otherwise it is a failure
//   fail_on_error    a failure leaves the document as it was, and error.message says why;
//                    without, the step is passed over. Some have the same as ignore_failure.
#pragma once

#include "pipeline/processor.h"

// Part of a processor's settings; which of the two last it has, its table says.
struct action_settings {
    bool ignore_missing;
    bool fail_on_error;
    bool ignore_failure;
};

#define ACTION_IGNORE_MISSING(type)                                                     \
    {                                                                                   \
        "ignore_missing", SETTING_BOOL, offsetof(type, action.ignore_missing), "false", \
            .meaning = "Whether a missing field is no error"                            \
    }
#define ACTION_FAIL_ON_ERROR(type)                                                          \
    {                                                                                       \
        "fail_on_error", SETTING_BOOL, offsetof(type, action.fail_on_error), "true",        \
            .meaning = "Whether an error leaves the document as it was, with error.message" \
    }
#define ACTION_IGNORE_FAILURE(type)                                                     \
    {                                                                                   \
        "ignore_failure", SETTING_BOOL, offsetof(type, action.ignore_failure), "false", \
            .meaning = "Whether an error is passed over, without error.message"         \
    }

// One field, and where what is made of it goes. A processor's own steps begin with it.
struct action_step {
    struct action_step *next;
    struct field_path from, to;
};

struct action;
// NULL: done. Otherwise why not, and the event should be as it was.
typedef const char *action_do(const struct action *a, const struct action_step *step,
                              struct event *e);

// What a processor of this kind begins with.
struct action {
    const char *verb; // for error.message: "cannot VERB FROM to TO: …"
    action_do *run;
    bool ignore_missing, ignore_failure;
    struct field_path message; // error.message
    struct action_step *first, **end;
};

// `size` bytes that begin with an action like this one, all else zeroed. NULL: no memory.
void *action_new(size_t size, struct action like, const struct processor_place *place,
                 struct error *why);
// One more step of `size` bytes; `to` may be NULL: the field itself. NULL: no memory.
void *action_add(void *action, size_t size, const char *from, const char *to,
                 const struct processor_place *place, struct error *why);

// Runs all steps. False: one could not be done, and that counts.
bool action_steps(const struct action *a, struct event *e);
// The same, for `run` of struct processor: never drops the event.
bool action_run(const void *action, struct event *e);

// For `run` of struct action: the field, an object with all inside it, gets the new name, which
// must be free.
const char *action_rename(const struct action *a, const struct action_step *step, struct event *e);

// Adds a text to the list in a field unless it is there: what a processor notes in log.flags.
void action_flag(struct event *e, const struct field_path *path, const char *flag);

// ── settings that several have ──

// A list of pairs: {from: NAME, to: NAME}.
struct action_pairs {
    const struct config *fields;
    struct action_settings action;
};
extern const struct setting action_pairs[];
void action_pairs_names(const void *settings, processor_name *tell, void *arg, struct arena *a);
// An action with a step for each. Without `to_self` each must say where to. NULL: `why`.
struct action *action_of_pairs(const struct action_pairs *given, const char *verb, action_do *run,
                               bool to_self, const struct processor_place *place,
                               struct error *why);

// For settings that are a list of maps: calls `read` for each. False: not such a list, or refused.
typedef bool action_read(void *arg, const struct config *node, struct error *why);
bool action_each(const struct config *list, const char *expected, action_read *read, void *arg,
                 struct error *why);
