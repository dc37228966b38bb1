// SPDX-License-Identifier: Apache-2.0
// rename: gives fields new names; an object moves with all inside it.

#include "pipeline/pairs.h"

static bool run(const void *self, struct event *e)
{
    pairs_run(self, e, true);
    return true;
}

const struct processor processor_rename = {
    .name = "rename",
    .meaning = "Gives fields new names",
    .settings = pairs_settings,
    .settings_size = sizeof(struct pairs_settings),
    .names = pairs_names,
    .create = pairs_create,
    .run = run,
};
