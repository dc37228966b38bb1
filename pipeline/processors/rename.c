// SPDX-License-Identifier: Apache-2.0
// rename: gives fields new names; an object moves with all inside it.

#include "pipeline/action.h"

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    return action_of_pairs(settings, "rename", action_rename, false, place, why);
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
