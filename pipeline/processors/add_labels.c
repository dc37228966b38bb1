// SPDX-License-Identifier: Apache-2.0
// add_labels: members of `labels`, each under one key. Maps and lists in the configuration become
// flat: {a: {b: 1}, c: [2]} is the labels "a.b" and "c.0".

#include "pipeline/constant.h"
#include "pipeline/processor.h"

struct add_labels_settings {
    const struct config *labels;
};

static const struct setting settings_table[] = {
    {"labels", SETTING_NODE, offsetof(struct add_labels_settings, labels),
     .meaning = "Map of names and values", .required = true},
    SETTING_END};

struct label {
    struct label *next;
    struct span key;
    struct value value;
};

struct add_labels {
    struct field_path path;
    struct label *first;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)settings;
    (void)a;
    tell(arg, "labels");
}

struct reading {
    struct arena *arena;
    struct label **link;
};

static bool add_one(struct reading *r, const char *name, const struct config *node);

static bool add_inside(struct reading *r, const char *prefix, const struct config *node)
{
    int position = 0;
    for (const struct config *child = node->first; child; child = child->next, position++) {
        const char *dot = *prefix ? "." : "";
        const char *name = child->key ? arena_printf(r->arena, "%s%s%s", prefix, dot, child->key)
                                      : arena_printf(r->arena, "%s%s%d", prefix, dot, position);
        if (!name || !add_one(r, name, child))
            return false;
    }
    return true;
}

static bool add_one(struct reading *r, const char *name, const struct config *node)
{
    if (node->kind == CONFIG_MAP || node->kind == CONFIG_LIST)
        return add_inside(r, name, node);
    if (node->kind == CONFIG_NULL)
        return true;
    struct label *label = arena_alloc(r->arena, sizeof *label);
    if (!label || !constant_read(node, r->arena, &label->value))
        return false;
    label->key = span_text(name);
    *r->link = label;
    r->link = &label->next;
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_labels_settings *given = settings;
    struct add_labels *self = arena_alloc(place->arena, sizeof *self);
    if (given->labels->kind != CONFIG_MAP || !self) {
        config_refuse(given->labels, why, "expected a map of names and values");
        return NULL;
    }
    self->path = schema_path(place->schema, "labels", place->arena);
    struct reading r = {place->arena, &self->first};
    if (!add_inside(&r, "", given->labels)) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    return self;
}

static bool run(const void *self, struct event *e)
{
    const struct add_labels *labels = self;
    if (labels->path.first > labels->path.last)
        return true;
    for (const struct label *label = labels->first; label; label = label->next)
        event_member_at(e, labels->path.first, label->key, label->value);
    return true;
}

const struct processor processor_add_labels = {
    .name = "add_labels",
    .meaning = "Adds labels, each a key and a value",
    .settings = settings_table,
    .settings_size = sizeof(struct add_labels_settings),
    .names = names,
    .create = create,
    .run = run,
};
