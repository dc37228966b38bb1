// SPDX-License-Identifier: Apache-2.0
// drop_fields: takes fields out, by name (an object with all inside it) or by /expression/. What is
// declared is one operation on the event's bits. @timestamp and type stay.

#include "pipeline/processor.h"
#include "pipeline/selection.h"

struct drop_fields_settings {
    struct setting_texts fields;
    bool ignore_missing;
};

static const struct setting settings_table[] = {
    {"fields", SETTING_TEXTS, offsetof(struct drop_fields_settings, fields),
     .meaning = "Names of fields or objects, or /regular expressions/", .required = true},
    {"ignore_missing", SETTING_BOOL, offsetof(struct drop_fields_settings, ignore_missing), "false",
     .meaning = "Accepted: a missing field is never an error here"},
    SETTING_END};

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct drop_fields_settings *given = settings;
    struct selection *dropped = arena_alloc(place->arena, sizeof *dropped);
    struct error inner = {""};
    if (!dropped || !selection_read(dropped, &given->fields, place->schema, place->arena, &inner)) {
        config_refuse(place->node, why, "%s", inner.text[0] ? inner.text : "no memory");
        return NULL;
    }
    static const char *const kept[] = {"@timestamp", "type"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct field_path path = schema_path(place->schema, kept[i], place->arena);
        selection_remove(dropped, &path);
    }
    return dropped;
}

static bool run(const void *self, struct event *e)
{
    const struct selection *dropped = self;
    for (const struct selected *s = selection_members(dropped, e); s; s = s->next)
        event_drop_path(e, &s->path);
    for (unsigned w = 0; w < dropped->words; w++)
        e->set[w] &= ~dropped->ranks[w];
    return true;
}

const struct processor processor_drop_fields = {
    .name = "drop_fields",
    .meaning = "Takes fields out of the document",
    .settings = settings_table,
    .settings_size = sizeof(struct drop_fields_settings),
    .create = create,
    .run = run,
};
