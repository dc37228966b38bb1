// SPDX-License-Identifier: Apache-2.0
// add_formatted_index: the index of the document by a format string, before any rule of an output.

#include "pipeline/processor.h"
#include "pipeline/route.h"

enum { LONGEST = 512 }; // more than any index may have

struct add_formatted_index_settings {
    const char *index;
};

static const struct setting settings_table[] = {
    {"index", SETTING_TEXT, offsetof(struct add_formatted_index_settings, index),
     .meaning = "Format string: %{[field]}, %{+yyyy.MM.dd}", .required = true},
    SETTING_END};

struct add_formatted_index {
    struct format *format;
    struct field_path path;
};

static const char target[] = "@metadata.raw_index";

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)settings;
    (void)a;
    tell(arg, target);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_formatted_index_settings *given = settings;
    struct add_formatted_index *self = arena_alloc(place->arena, sizeof *self);
    struct error inner = {""};
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    self->path = schema_path(place->schema, target, place->arena);
    self->format = format_read(given->index, place->schema, place->arena, &inner);
    if (self->format)
        return self;
    config_refuse(place->node, why, "%s", inner.text);
    return NULL;
}

static bool run(const void *self, struct event *e)
{
    const struct add_formatted_index *add = self;
    struct pen pen = event_pen(e, LONGEST);
    if (format_write(add->format, e, &pen))
        event_put(e, &add->path, value_text(pen_written(&pen)));
    return true;
}

const struct processor processor_add_formatted_index = {
    .name = "add_formatted_index",
    .meaning = "Sets the index of the document by a format string",
    .settings = settings_table,
    .settings_size = sizeof(struct add_formatted_index_settings),
    .names = names,
    .create = create,
    .run = run,
};
