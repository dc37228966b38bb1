// SPDX-License-Identifier: Apache-2.0
// drop_event: the document is not written. Its condition is all there is to it.

#include "pipeline/processor.h"

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    (void)settings;
    void *self = arena_alloc(place->arena, 1); // nothing to keep, but not NULL
    if (!self)
        error_set(why, "no memory for a processor");
    return self;
}

static bool run(const void *self, struct event *e)
{
    (void)self;
    (void)e;
    return false;
}

const struct processor processor_drop_event = {
    .name = "drop_event",
    .meaning = "Drops the document",
    .create = create,
    .run = run,
};
