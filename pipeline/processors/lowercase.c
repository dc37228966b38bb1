// SPDX-License-Identifier: Apache-2.0
// lowercase: names of fields and texts in lower case.

#include "pipeline/letters.h"

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    letters_names(settings, text_lower, tell, arg, a);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    return letters_create(settings, "lowercase", text_lower, place, why);
}

const struct processor processor_lowercase = {
    .name = "lowercase",
    .meaning = "Writes names of fields, or texts, in lower case",
    .settings = letters_settings,
    .settings_size = sizeof(struct letters_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
