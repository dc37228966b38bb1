// SPDX-License-Identifier: Apache-2.0
// lowercase: names of fields and texts in lower case.

#include "pipeline/letters.h"

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    letters_names(settings, lower, tell, arg, a);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    return letters_create(settings, "lowercase", lower, place, why);
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
