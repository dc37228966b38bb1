// SPDX-License-Identifier: Apache-2.0
// Several steps are done wholly or not at all, so the event is saved before; a single one is only
// begun when nothing can go wrong.

#include "pipeline/action.h"

void *action_new(size_t size, struct action like, const struct processor_place *place,
                 struct error *why)
{
    struct action *a = arena_alloc(place->arena, size);
    if (!a) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    *a = like;
    a->message = schema_path(place->schema, "error.message", place->arena);
    a->first = NULL;
    a->end = &a->first;
    return a;
}

void *action_add(void *action, size_t size, const char *from, const char *to,
                 const struct processor_place *place, struct error *why)
{
    struct action *a = action;
    struct action_step *step = arena_alloc(place->arena, size);
    if (!step) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    step->from = schema_path(place->schema, from, place->arena);
    step->to = to ? schema_path(place->schema, to, place->arena) : step->from;
    *a->end = step;
    a->end = &step->next;
    return step;
}

// ── running ──────────────────────────────────────────────────────────────────────────────────────

static void say_why(const struct action *a, struct event *e, const struct action_step *step,
                    const char *reason)
{
    bool moves = strcmp(step->from.name, step->to.name) != 0;
    char *text = arena_printf(&e->scratch, "cannot %s %s%s%s: %s", a->verb, step->from.name,
                              moves ? " to " : "", moves ? step->to.name : "", reason);
    if (text && a->message.first == a->message.last)
        event_put(e, &a->message, value_text(span_text(text)));
}

static const char *run_step(const struct action *a, const struct action_step *step, struct event *e)
{
    if (event_has_path(e, &step->from))
        return a->run(a, step, e);
    return a->ignore_missing ? NULL : "there is no such field";
}

bool action_steps(const struct action *a, struct event *e)
{
    bool several = a->first && a->first->next;
    struct event_copy *before = several && !a->ignore_failure ? event_save(e) : NULL;
    for (const struct action_step *step = a->first; step; step = step->next) {
        const char *reason = run_step(a, step, e);
        if (!reason || a->ignore_failure)
            continue;
        if (before)
            event_restore(e, before);
        say_why(a, e, step, reason);
        return false;
    }
    return true;
}

bool action_run(const void *action, struct event *e)
{
    (void)action_steps(action, e);
    return true;
}

const char *action_rename(const struct action *a, const struct action_step *step, struct event *e)
{
    struct value value;
    (void)a;
    if (event_has_path(e, &step->to))
        return "the new name is taken";
    if (!event_fetch(e, &step->from, &value))
        return "there is no memory";
    event_drop_path(e, &step->from);
    event_put(e, &step->to, value);
    return NULL;
}

// The list is made anew, so that a saved event keeps the old one.
void action_flag(struct event *e, const struct field_path *path, const char *flag)
{
    struct value list = {.kind = VALUE_NULL}, text = value_text(span_text(flag));
    if (event_has_path(e, path) && !event_fetch(e, path, &list))
        return;
    for (struct list_item *i = list.kind == VALUE_LIST ? list.list : NULL; i; i = i->next)
        if (value_is_same(&i->value, &text))
            return;
    value_add(e, &list, text);
    event_put(e, path, list);
}

// ── lists of maps ────────────────────────────────────────────────────────────────────────────────

bool action_each(const struct config *list, const char *expected, action_read *read, void *arg,
                 struct error *why)
{
    if (list->kind != CONFIG_LIST || !list->first)
        return config_refuse(list, why, "expected a list of %s", expected);
    for (const struct config *one = list->first; one; one = one->next) {
        char found[64];
        if (one->kind != CONFIG_MAP)
            return config_refuse(one, why, "found %s, expected %s", config_found(one, found),
                                 expected);
        if (!read(arg, one, why))
            return false;
    }
    return true;
}

// ── pairs ────────────────────────────────────────────────────────────────────────────────────────

const struct setting action_pairs[] = {
    {"fields", SETTING_NODE, offsetof(struct action_pairs, fields),
     .meaning = "List of pairs: from, the field's name, and to, the new one", .required = true},
    ACTION_IGNORE_MISSING(struct action_pairs),
    ACTION_FAIL_ON_ERROR(struct action_pairs),
    SETTING_END};

void action_pairs_names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    const struct action_pairs *given = settings;
    if (!given->fields || given->fields->kind != CONFIG_LIST)
        return;
    for (const struct config *one = given->fields->first; one; one = one->next) {
        const char *to = one->kind == CONFIG_MAP ? config_text(one, "to") : NULL;
        if (to)
            tell(arg, to);
    }
}

struct reading {
    void *action;
    const struct processor_place *place;
    bool to_self;
};

static bool add_pair(void *arg, const struct config *node, struct error *why)
{
    const struct reading *r = arg;
    char found[64];
    const char *from = config_text(node, "from"), *to = config_text(node, "to");
    if (!from || (!to && !r->to_self))
        return config_refuse(node, why, "found %s, expected from and to, each the name of a field",
                             config_found(node, found));
    return action_add(r->action, sizeof(struct action_step), from, to, r->place, why);
}

struct action *action_of_pairs(const struct action_pairs *given, const char *verb, action_do *run,
                               bool to_self, const struct processor_place *place, struct error *why)
{
    struct action like = {.verb = verb,
                          .run = run,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct action *a = action_new(sizeof *a, like, place, why);
    struct reading r = {a, place, to_self};
    return a && action_each(given->fields, "pairs, from and to", add_pair, &r, why) ? a : NULL;
}
