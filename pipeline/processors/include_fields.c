// SPDX-License-Identifier: Apache-2.0
// include_fields: only the named fields stay, and with them @timestamp, type and @metadata.

#include "pipeline/processor.h"
#include "pipeline/selection.h"

struct include_fields_settings {
    struct setting_texts fields;
};

static const struct setting settings_table[] = {
    {"fields", SETTING_TEXTS, offsetof(struct include_fields_settings, fields),
     .meaning = "Names of fields or objects, or /regular expressions/", .required = true},
    SETTING_END};

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct include_fields_settings *given = settings;
    struct selection *kept = arena_alloc(place->arena, sizeof *kept);
    struct error inner = {""};
    if (!kept || !selection_read(kept, &given->fields, place->schema, place->arena, &inner)) {
        config_refuse(place->node, why, "%s", inner.text[0] ? inner.text : "no memory");
        return NULL;
    }
    static const char *const always[] = {"@metadata", "@timestamp", "type"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        struct field_path path = schema_path(place->schema, always[i], place->arena);
        selection_add(kept, &path);
    }
    return kept;
}

// The values of members that stay, before what holds them goes.
struct saved {
    struct saved *next;
    const struct field_path *path;
    struct value value;
};

static struct saved *save_members(const struct selection *kept, struct event *e)
{
    struct saved *saved = NULL;
    for (const struct selected *s = selection_members(kept, e); s; s = s->next) {
        struct saved *one = arena_alloc(&e->scratch, sizeof *one);
        bool stays = kept->ranks[s->path.holder >> 6] >> (s->path.holder & 63) & 1;
        if (stays || !one || !event_fetch(e, &s->path, &one->value))
            continue;
        one->path = &s->path;
        one->next = saved;
        saved = one;
    }
    return saved;
}

static bool run(const void *self, struct event *e)
{
    const struct selection *kept = self;
    const struct saved *saved = save_members(kept, e);
    for (unsigned w = 0; w < kept->words; w++)
        e->set[w] &= kept->ranks[w];
    e->loose = (struct value){.kind = VALUE_NULL};
    for (; saved; saved = saved->next)
        event_put(e, saved->path, saved->value);
    return true;
}

const struct processor processor_include_fields = {
    .name = "include_fields",
    .meaning = "Keeps only the named fields",
    .settings = settings_table,
    .settings_size = sizeof(struct include_fields_settings),
    .create = create,
    .run = run,
};
