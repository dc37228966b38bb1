// SPDX-License-Identifier: Apache-2.0
// move_fields: moves what is directly inside one object (or the root) to another place, which is a
// text put before each name: "rpc." makes them members of rpc, "rpc_" only longer names.

#include "pipeline/action.h"

struct move_fields_settings {
    const char *from, *to;
    struct setting_texts fields, exclude;
    struct action_settings action;
};

#define MOVE(member) offsetof(struct move_fields_settings, member)

static const struct setting settings_table[] = {
    {"from", SETTING_TEXT, MOVE(from), "", .meaning = "Object that holds them; empty: the root"},
    {"fields", SETTING_TEXTS, MOVE(fields), .meaning = "Which; none: all that is there"},
    {"exclude", SETTING_TEXTS, MOVE(exclude), .meaning = "Which stay"},
    {"to", SETTING_TEXT, MOVE(to), .meaning = "What is put before their names", .required = true},
    ACTION_IGNORE_MISSING(struct move_fields_settings),
    ACTION_FAIL_ON_ERROR(struct move_fields_settings),
    SETTING_END};

struct move_fields {
    struct action action; // a step for each that is named
    bool all;             // none is named: everything inside `from`
    struct field_path from;
    struct field_path target; // the object that takes them
    struct setting_texts exclude;
};

// "object." as an object's name; NULL: it is none, or no memory.
static const char *target_of(const char *to, struct arena *a)
{
    size_t len = strlen(to);
    return len > 1 && to[len - 1] == '.' ? arena_printf(a, "%.*s", (int)len - 1, to) : NULL;
}

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct move_fields_settings *given = settings;
    const char *target = given->to && !given->fields.count ? target_of(given->to, a) : NULL;
    if (target)
        tell(arg, target);
    for (int i = 0; given->to && i < given->fields.count; i++) {
        const char *name = arena_printf(a, "%s%s", given->to, given->fields.at[i]);
        if (name)
            tell(arg, name);
    }
}

static bool is_excluded(const struct setting_texts *exclude, struct span name)
{
    for (int i = 0; i < exclude->count; i++)
        if (span_is(name, span_text(exclude->at[i])))
            return true;
    return false;
}

static const char *move_one(const struct action *a, const struct action_step *step, struct event *e)
{
    struct value value;
    (void)a;
    if (!event_fetch(e, &step->from, &value))
        return "there is no memory";
    event_drop_path(e, &step->from);
    event_put(e, &step->to, value);
    return NULL;
}

static bool add_named(struct move_fields *self, const struct move_fields_settings *given,
                      const struct processor_place *place, struct error *why)
{
    const char *dot = given->from && *given->from ? "." : "";
    for (int i = 0; i < given->fields.count; i++) {
        const char *name = given->fields.at[i];
        const char *from =
            arena_printf(place->arena, "%s%s%s", given->from ? given->from : "", dot, name);
        const char *to = arena_printf(place->arena, "%s%s", given->to, name);
        if (is_excluded(&given->exclude, span_text(name)))
            continue;
        if (!from || !to)
            return error_set(why, "no memory for a processor");
        if (!action_add(self, sizeof(struct action_step), from, to, place, why))
            return false;
    }
    return true;
}

// All that is there: an object moves into an object.
static bool bind_all(struct move_fields *self, const struct move_fields_settings *given,
                     const struct processor_place *place, struct error *why)
{
    const char *target = target_of(given->to, place->arena);
    if (!target || !given->from || !*given->from)
        return config_refuse(place->node, why,
                             "without fields, expected from, and a dot at the end of to");
    self->from = schema_path(place->schema, given->from, place->arena);
    self->target = schema_path(place->schema, target, place->arena);
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct move_fields_settings *given = settings;
    struct action like = {.verb = "move",
                          .run = move_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct move_fields *self = action_new(sizeof *self, like, place, why);
    if (!self)
        return NULL;
    self->exclude = given->exclude;
    self->all = !given->fields.count;
    bool good = self->all ? bind_all(self, given, place, why) : add_named(self, given, place, why);
    return good ? self : NULL;
}

static bool move_all(const struct move_fields *self, struct event *e)
{
    struct value inside, stays = {.kind = VALUE_NULL};
    if (self->target.first > self->target.last || !event_has_path(e, &self->from) ||
        !event_fetch(e, &self->from, &inside) || inside.kind != VALUE_TREE)
        return true;
    event_drop_path(e, &self->from);
    for (const struct tree_item *i = inside.tree; i; i = i->next)
        if (is_excluded(&self->exclude, i->key))
            value_member(e, &stays, i->key, i->value);
        else
            event_member_at(e, self->target.first, i->key, i->value);
    if (stays.kind == VALUE_TREE)
        event_put(e, &self->from, stays);
    return true;
}

static bool run(const void *self, struct event *e)
{
    const struct move_fields *move = self;
    return move->all ? move_all(move, e) : action_run(&move->action, e);
}

const struct processor processor_move_fields = {
    .name = "move_fields",
    .meaning = "Moves fields from one object to another",
    .settings = settings_table,
    .settings_size = sizeof(struct move_fields_settings),
    .names = names,
    .create = create,
    .run = run,
};
