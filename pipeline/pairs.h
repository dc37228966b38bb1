// SPDX-License-Identifier: Apache-2.0
// Pairs of names, from and to: what rename and copy_fields have in common.
#pragma once

#include "pipeline/processor.h"

struct pairs_settings {
    const struct config *fields;
    bool ignore_missing, fail_on_error;
};

extern const struct setting pairs_settings[];

// As in struct processor.
void pairs_names(const void *settings, processor_name *tell, void *arg, struct arena *a);
void *pairs_create(const void *settings, const struct processor_place *place, struct error *why);

// Copies, or moves, each field to its new name. A field that is missing or a name that is taken is
// an error: with fail_on_error all stays as it was and error.message says why; without, the pair is
// passed over.
void pairs_run(const void *self, struct event *e, bool move);
