// SPDX-License-Identifier: Apache-2.0
// rename: gives fields new names; an object moves with all inside it.

#include "pipeline/action.h"

static const char *rename_one(const struct action *a, const struct action_step *step,
                              struct event *e)
{
    struct value value;
    (void)a;
    if (event_has_path(e, &step->to))
        return "the new name is taken";
    if (!event_fetch(e, &step->from, &value))
        return "there is no memory";
    event_drop_path(e, &step->from);
    event_put(e, &step->to, value);
    return NULL;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct action_pairs *given = settings;
    struct action like = {.verb = "rename",
                          .run = rename_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct action *self = action_new(sizeof *self, like, place, why);
    return self && action_add_pairs(self, given->fields, false, place, why) ? self : NULL;
}

const struct processor processor_rename = {
    .name = "rename",
    .meaning = "Gives fields new names",
    .settings = action_pairs,
    .settings_size = sizeof(struct action_pairs),
    .names = action_pairs_names,
    .create = create,
    .run = action_run,
};
