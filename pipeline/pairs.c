// SPDX-License-Identifier: Apache-2.0
// Pairs of names, bound to ranks at start. Several pairs are done wholly or not at all, so the
// event is saved before; a single one is only begun when nothing can go wrong.

#include "pipeline/pairs.h"

const struct setting pairs_settings[] = {
    {"fields", SETTING_NODE, offsetof(struct pairs_settings, fields),
     .meaning = "List of pairs: from, the field's name, and to, the new one", .required = true},
    {"ignore_missing", SETTING_BOOL, offsetof(struct pairs_settings, ignore_missing), "false",
     .meaning = "Whether a missing field is no error"},
    {"fail_on_error", SETTING_BOOL, offsetof(struct pairs_settings, fail_on_error), "true",
     .meaning = "Whether an error leaves the document as it was, with error.message"},
    SETTING_END};

struct pair {
    struct field_path from, to;
};

struct pairs {
    struct pair *at;
    int count;
    bool ignore_missing, fail_on_error;
    struct field_path message; // error.message
};

void pairs_names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    const struct pairs_settings *given = settings;
    if (!given->fields || given->fields->kind != CONFIG_LIST)
        return;
    for (const struct config *one = given->fields->first; one; one = one->next) {
        const char *to = one->kind == CONFIG_MAP ? config_text(one, "to") : NULL;
        if (to)
            tell(arg, to);
    }
}

static bool read_pair(struct pair *pair, const struct config *node,
                      const struct processor_place *place, struct error *why)
{
    char found[64];
    const char *from = NULL, *to = NULL;
    if (node->kind == CONFIG_MAP) {
        from = config_text(node, "from");
        to = config_text(node, "to");
    }
    if (!from || !to)
        return config_refuse(node, why, "found %s, expected from and to, each the name of a field",
                             config_found(node, found));
    pair->from = schema_path(place->schema, from, place->arena);
    pair->to = schema_path(place->schema, to, place->arena);
    return true;
}

void *pairs_create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct pairs_settings *given = settings;
    const struct config *list = given->fields;
    struct pairs *p = arena_alloc(place->arena, sizeof *p);
    if (list->kind != CONFIG_LIST || !list->first) {
        config_refuse(list, why, "expected a list of pairs, from and to");
        return NULL;
    }
    struct pair *at = arena_alloc(place->arena, (size_t)list->count * sizeof *at);
    if (!p || !at) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    *p = (struct pairs){at, 0, given->ignore_missing, given->fail_on_error,
                        schema_path(place->schema, "error.message", place->arena)};
    for (const struct config *one = list->first; one; one = one->next)
        if (!read_pair(&at[p->count++], one, place, why))
            return NULL;
    return p;
}

// Why a pair cannot be done; NULL: it can.
static const char *obstacle(const struct pair *pair, const struct event *e)
{
    if (!event_has_path(e, &pair->from))
        return "there is no such field";
    return event_has_path(e, &pair->to) ? "the new name is taken" : NULL;
}

static const char *run_pair(const struct pair *pair, struct event *e, bool move)
{
    struct value value;
    const char *reason = obstacle(pair, e);
    if (reason)
        return reason;
    if (!event_fetch(e, &pair->from, &value))
        return "there is no memory";
    if (move)
        event_drop_path(e, &pair->from);
    event_put(e, &pair->to, value);
    return NULL;
}

static void say_why(const struct pairs *p, struct event *e, const struct pair *pair, bool move,
                    const char *reason)
{
    char *text = arena_printf(&e->scratch, "cannot %s %s to %s: %s", move ? "rename" : "copy",
                              pair->from.name, pair->to.name, reason);
    if (text && p->message.first == p->message.last)
        event_put(e, &p->message, value_text(span_text(text)));
}

void pairs_run(const void *self, struct event *e, bool move)
{
    const struct pairs *p = self;
    struct event_copy *before = p->fail_on_error && p->count > 1 ? event_save(e) : NULL;
    for (int i = 0; i < p->count; i++) {
        const struct pair *pair = &p->at[i];
        if (p->ignore_missing && !event_has_path(e, &pair->from))
            continue;
        const char *reason = run_pair(pair, e, move);
        if (!reason || !p->fail_on_error)
            continue;
        if (before)
            event_restore(e, before);
        say_why(p, e, pair, move, reason);
        return;
    }
}
