// SPDX-License-Identifier: Apache-2.0
// A field gets its new name as rename does it; a text is copied letter by letter.

#include "pipeline/letters.h"

const struct setting letters_settings[] = {
    {"fields", SETTING_TEXTS, offsetof(struct letters_settings, fields),
     .meaning = "Fields whose names are changed"},
    {"values", SETTING_TEXTS, offsetof(struct letters_settings, values),
     .meaning = "Fields whose texts are changed"},
    {"alter_full_field", SETTING_BOOL, offsetof(struct letters_settings, alter_full_field), "false",
     .meaning = "Change all parts of the names, not the last one only"},
    ACTION_IGNORE_MISSING(struct letters_settings),
    ACTION_FAIL_ON_ERROR(struct letters_settings),
    SETTING_END};

struct letters {
    struct action action;
    letters_change *change;
};

struct letters_step {
    struct action_step step;
    bool of_name;
};

static void change_bytes(letters_change *change, const char *from, char *to)
{
    for (; *from; from++)
        *to++ = (char)change((uint8_t)*from);
    *to = 0;
}

// The new name of a field; NULL: no memory.
static char *new_name(const struct letters_settings *given, letters_change *change,
                      const char *name, struct arena *a)
{
    char *changed = arena_text(a, name), *dot = changed ? strrchr(changed, '.') : NULL;
    char *from = dot && !given->alter_full_field ? dot + 1 : changed;
    if (changed)
        change_bytes(change, from, from);
    return changed;
}

void letters_names(const void *settings, letters_change *change, processor_name *tell, void *arg,
                   struct arena *a)
{
    const struct letters_settings *given = settings;
    for (int i = 0; i < given->fields.count; i++) {
        const char *name = new_name(given, change, given->fields.at[i], a);
        if (name)
            tell(arg, name);
    }
}

// ── running ──────────────────────────────────────────────────────────────────────────────────────

static struct value changed_text(const struct letters *self, struct event *e, struct span text)
{
    uint8_t *place = arena_alloc(&e->scratch, text.len + 1);
    e->lost |= !place;
    for (size_t i = 0; place && i < text.len; i++)
        place[i] = self->change(text.at[i]);
    return value_text(place ? span_of(place, text.len) : text);
}

static struct value changed_list(const struct letters *self, struct event *e,
                                 const struct value *list)
{
    struct value changed = {.kind = VALUE_LIST, .grown = 1};
    for (const struct list_item *i = list->list; i; i = i->next) {
        struct span text = value_string(e, &i->value, &e->scratch);
        value_add(e, &changed, text.at ? changed_text(self, e, text) : i->value);
    }
    return changed;
}

static const char *change_value(const struct letters *self, const struct action_step *step,
                                struct event *e)
{
    const struct value *v = event_value(e, &step->from);
    struct span text = v ? value_string(e, v, &e->scratch) : span_of(NULL, 0);
    if (text.at)
        event_put(e, &step->to, changed_text(self, e, text));
    else if (v && v->kind == VALUE_LIST)
        event_put(e, &step->to, changed_list(self, e, v));
    else
        return "it is no text";
    return NULL;
}

static const char *change_name(const struct action *a, const struct action_step *step,
                               struct event *e)
{
    return strcmp(step->from.name, step->to.name) ? action_rename(a, step, e) : NULL;
}

static const char *change_one(const struct action *a, const struct action_step *step,
                              struct event *e)
{
    const struct letters_step *s = (const struct letters_step *)(const void *)step;
    return s->of_name ? change_name(a, step, e)
                      : change_value((const struct letters *)(const void *)a, step, e);
}

// ── creating ─────────────────────────────────────────────────────────────────────────────────────

// A field whose name differs from this one in case alone; NULL: none.
static const char *other_case(const char *name, const struct schema *s)
{
    for (unsigned rank = 0; rank + 1 < schema_size(s); rank++) {
        const char *known = schema_field(s, rank)->name;
        if (strcmp(known, name) != 0 && span_is_nocase(span_text(known), span_text(name)))
            return known;
    }
    return NULL;
}

// The name as the documents have it. The new name is always known, so when that is what the
// setting says, it is likely the other one that is meant.
static const char *known_name(const char *name, const char *to, const struct processor_place *place)
{
    struct field_path path = schema_path(place->schema, name, place->arena);
    const char *other = other_case(name, place->schema);
    bool is_known = (path.first <= path.last && strcmp(name, to) != 0) || path.inside;
    return is_known || !other ? name : other;
}

static bool add(struct letters *self, const char *from, const char *to,
                const struct processor_place *place, struct error *why)
{
    struct letters_step *step = action_add(self, sizeof *step, from, to, place, why);
    if (step)
        step->of_name = to;
    return step;
}

void *letters_create(const void *settings, const char *verb, letters_change *change,
                     const struct processor_place *place, struct error *why)
{
    const struct letters_settings *given = settings;
    struct action like = {.verb = verb,
                          .run = change_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct letters *self = action_new(sizeof *self, like, place, why);
    if (!self)
        return NULL;
    self->change = change;
    for (int i = 0; i < given->fields.count; i++) {
        const char *name = given->fields.at[i];
        const char *to = new_name(given, change, name, place->arena);
        if (!to || !add(self, known_name(name, to, place), to, place, why))
            return NULL;
    }
    for (int i = 0; i < given->values.count; i++)
        if (!add(self, given->values.at[i], NULL, place, why))
            return NULL;
    return self;
}
