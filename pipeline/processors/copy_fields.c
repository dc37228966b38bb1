// SPDX-License-Identifier: Apache-2.0
// copy_fields: copies fields to new names; an object with all inside it.

#include "pipeline/pairs.h"

static bool run(const void *self, struct event *e)
{
    pairs_run(self, e, false);
    return true;
}

const struct processor processor_copy_fields = {
    .name = "copy_fields",
    .meaning = "Copies fields to new names",
    .settings = pairs_settings,
    .settings_size = sizeof(struct pairs_settings),
    .names = pairs_names,
    .create = pairs_create,
    .run = run,
};
