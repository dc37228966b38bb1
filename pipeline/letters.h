// SPDX-License-Identifier: Apache-2.0
// What lowercase and uppercase have in common: names of fields and texts in the other case. Letters
// are those of ASCII.
//
//   fields   the last part of their names (alter_full_field: every part); an upper or lower letter
//            in the setting is the same
//   values   what these fields hold, texts and lists of texts
#pragma once

#include "pipeline/action.h"

struct letters_settings {
    struct setting_texts fields, values;
    bool alter_full_field;
    struct action_settings action;
};

extern const struct setting letters_settings[];

typedef uint8_t letters_change(uint8_t byte);

void letters_names(const void *settings, letters_change *change, processor_name *tell, void *arg,
                   struct arena *a);
void *letters_create(const void *settings, const char *verb, letters_change *change,
                     const struct processor_place *place, struct error *why);
