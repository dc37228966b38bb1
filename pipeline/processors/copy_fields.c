// SPDX-License-Identifier: Apache-2.0
// copy_fields: copies fields to new names; an object with all inside it.

#include "pipeline/action.h"

static const char *copy_one(const struct action *a, const struct action_step *step, struct event *e)
{
    struct value value;
    (void)a;
    if (event_has_path(e, &step->to))
        return "the new name is taken";
    if (!event_fetch(e, &step->from, &value))
        return "there is no memory";
    event_put(e, &step->to, value);
    return NULL;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    return action_of_pairs(settings, "copy", copy_one, false, place, why);
}

const struct processor processor_copy_fields = {
    .name = "copy_fields",
    .meaning = "Copies fields to new names",
    .settings = action_pairs,
    .settings_size = sizeof(struct action_pairs),
    .names = action_pairs_names,
    .create = create,
    .run = action_run,
};
