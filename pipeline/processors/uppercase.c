// SPDX-License-Identifier: Apache-2.0
// uppercase: names of fields and texts in upper case.

#include "pipeline/letters.h"

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    letters_names(settings, text_upper, tell, arg, a);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    return letters_create(settings, "uppercase", text_upper, place, why);
}

const struct processor processor_uppercase = {
    .name = "uppercase",
    .meaning = "Writes names of fields, or texts, in upper case",
    .settings = letters_settings,
    .settings_size = sizeof(struct letters_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
