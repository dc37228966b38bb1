// SPDX-License-Identifier: Apache-2.0
// add_fields: sets fields to constants, below `target` (the root if that is empty). What was there
// is replaced, value by value.

#include "pipeline/constant.h"
#include "pipeline/processor.h"

struct add_fields_settings {
    const char *target;
    const struct config *fields;
};

static const struct setting settings_table[] = {
    {"target", SETTING_TEXT, offsetof(struct add_fields_settings, target), "fields",
     .meaning = "Object that takes the fields; empty: the root of the document"},
    {"fields", SETTING_NODE, offsetof(struct add_fields_settings, fields),
     .meaning = "Map of names and values", .required = true},
    SETTING_END};

struct addition {
    struct addition *next;
    struct field_path path;
    struct value value;
};

struct add_fields {
    struct addition *first;
};

static const char *target_of(const struct add_fields_settings *given)
{
    return given->target ? given->target : "";
}

// ── names ────────────────────────────────────────────────────────────────────────────────────────

struct naming {
    processor_name *tell;
    void *arg;
};

static bool name_one(void *arg, const char *name, const struct config *node)
{
    const struct naming *n = arg;
    (void)node;
    n->tell(n->arg, name);
    return true;
}

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct add_fields_settings *given = settings;
    struct naming n = {tell, arg};
    if (given->fields && given->fields->kind == CONFIG_MAP)
        constants_walk(given->fields, target_of(given), a, name_one, &n);
}

// ── the processor ────────────────────────────────────────────────────────────────────────────────

struct reading {
    const struct processor_place *place;
    struct addition **link;
};

static bool add_one(void *arg, const char *name, const struct config *node)
{
    struct reading *r = arg;
    struct addition *one = arena_alloc(r->place->arena, sizeof *one);
    if (!one || !constant_read(node, r->place->arena, &one->value))
        return false;
    if (node->kind == CONFIG_NULL)
        return true; // as if it were not there
    one->path = schema_path(r->place->schema, name, r->place->arena);
    *r->link = one;
    r->link = &one->next;
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_fields_settings *given = settings;
    struct add_fields *self = arena_alloc(place->arena, sizeof *self);
    if (given->fields->kind != CONFIG_MAP || !self) {
        config_refuse(given->fields, why, "expected a map of names and values");
        return NULL;
    }
    struct reading r = {place, &self->first};
    if (!constants_walk(given->fields, target_of(given), place->arena, add_one, &r)) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    return self;
}

static bool run(const void *self, struct event *e)
{
    const struct add_fields *fields = self;
    for (const struct addition *one = fields->first; one; one = one->next)
        event_put(e, &one->path, one->value);
    return true;
}

const struct processor processor_add_fields = {
    .name = "add_fields",
    .meaning = "Sets fields to constants",
    .settings = settings_table,
    .settings_size = sizeof(struct add_fields_settings),
    .names = names,
    .create = create,
    .run = run,
};
