// SPDX-License-Identifier: Apache-2.0
// add_tags: appends to a list of texts.

#include "pipeline/processor.h"

struct add_tags_settings {
    struct setting_texts tags;
    const char *target;
};

static const struct setting settings_table[] = {
    {"tags", SETTING_TEXTS, offsetof(struct add_tags_settings, tags), .meaning = "What is appended",
     .required = true},
    {"target", SETTING_TEXT, offsetof(struct add_tags_settings, target), "tags",
     .meaning = "Field that takes the tags"},
    SETTING_END};

struct add_tags {
    struct setting_texts tags;
    struct field_path path;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct add_tags_settings *)settings)->target);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_tags_settings *given = settings;
    struct add_tags *self = arena_alloc(place->arena, sizeof *self);
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    self->tags = given->tags;
    self->path = schema_path(place->schema, given->target, place->arena);
    if (self->path.first == self->path.last)
        return self;
    config_refuse(place->node, why, "target %s is an object of the documents, not a list",
                  given->target);
    return NULL;
}

static bool run(const void *self, struct event *e)
{
    const struct add_tags *add = self;
    for (int i = 0; i < add->tags.count; i++)
        event_add_at(e, add->path.first, value_text(span_text(add->tags.at[i])));
    return true;
}

const struct processor processor_add_tags = {
    .name = "add_tags",
    .meaning = "Appends tags",
    .settings = settings_table,
    .settings_size = sizeof(struct add_tags_settings),
    .names = names,
    .create = create,
    .run = run,
};
