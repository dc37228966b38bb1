// SPDX-License-Identifier: Apache-2.0
// decode_json_fields: texts that hold JSON become what they hold, in place, below a target, or at
// the root. What traffic says never reaches @metadata, where it would decide over the document's
// way; only document_id is taken out of it, by name.

#include "pipeline/action.h"
#include "pipeline/json_read.h"
#include "pipeline/layout.h"

struct decode_json_settings {
    struct setting_texts fields;
    const char *target, *document_id;
    int64_t max_depth;
    bool process_array, overwrite_keys, add_error_key;
};

#define JSON(member) offsetof(struct decode_json_settings, member)

static const struct setting settings_table[] = {
    {"fields", SETTING_TEXTS, JSON(fields), .meaning = "Fields that hold JSON", .required = true},
    {"target", SETTING_TEXT, JSON(target),
     .meaning = "Object that takes it; empty: the root; not given: the field itself"},
    {"max_depth", SETTING_NUMBER, JSON(max_depth), "1", 1, 16,
     .meaning = "How often texts inside that hold JSON are decoded, too; 1: not at all"},
    {"process_array", SETTING_BOOL, JSON(process_array), "false",
     .meaning = "Whether lists are decoded"},
    {"overwrite_keys", SETTING_BOOL, JSON(overwrite_keys), "false",
     .meaning = "Whether members may replace what stands at the root"},
    {"add_error_key", SETTING_BOOL, JSON(add_error_key), "false",
     .meaning = "Say in error.message what is not JSON"},
    {"document_id", SETTING_TEXT, JSON(document_id),
     .meaning = "Member that becomes @metadata._id"},
    {"expand_keys", SETTING_UNUSED, .meaning = "an index takes dotted keys as objects anyway"},
    SETTING_END};

struct decode_json {
    struct action action;
    bool to_root, lists, overwrite;
    int64_t depth;
    struct span id_key;
    struct field_path id;
    const struct zone *utc;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct decode_json_settings *given = settings;
    (void)a;
    if (given->target && *given->target)
        tell(arg, given->target);
    if (given->document_id)
        tell(arg, "@metadata._id");
}

// ── decoding ─────────────────────────────────────────────────────────────────────────────────────

static const char *decode(const struct decode_json *self, struct event *e, struct span text,
                          int64_t depth, struct value *out);

// A text inside that looks like an object or a list is decoded if it can be.
static void decode_inside(const struct decode_json *self, struct event *e, struct value *v,
                          int64_t depth)
{
    struct span text = v->kind == VALUE_TEXT ? span_trim(span_of(v->at, v->len)) : span_of(NULL, 0);
    struct value decoded;
    bool looks = text.len && (text.at[0] == '{' || text.at[0] == '[');
    if (looks && !decode(self, e, text, depth, &decoded))
        *v = decoded;
}

static const char *decode(const struct decode_json *self, struct event *e, struct span text,
                          int64_t depth, struct value *out)
{
    const char *reason = json_read(e, text, out);
    if (reason)
        return reason;
    if (out->kind == VALUE_LIST && !self->lists)
        return "it is a list";
    if (depth == 1)
        return NULL;
    for (struct tree_item *i = out->kind == VALUE_TREE ? out->tree : NULL; i; i = i->next)
        decode_inside(self, e, &i->value, depth - 1);
    for (struct list_item *i = out->kind == VALUE_LIST ? out->list : NULL; i; i = i->next)
        decode_inside(self, e, &i->value, depth - 1);
    return NULL;
}

// ── where it goes ────────────────────────────────────────────────────────────────────────────────

// Takes the id out of the tree and gives it to the document.
static void take_id(const struct decode_json *self, struct event *e, struct value *tree)
{
    for (struct tree_item **link = &tree->tree; self->id_key.len && *link; link = &(*link)->next)
        if (span_is((*link)->key, self->id_key)) {
            if ((*link)->value.kind == VALUE_TEXT)
                event_put(e, &self->id, (*link)->value);
            *link = (*link)->next;
            tree->grown = 0; // its end may be gone
            return;
        }
}

static void put_time(const struct decode_json *self, struct event *e, const struct value *v)
{
    static const struct span layout = SPAN("2006-01-02T15:04:05Z07:00"), name = SPAN("@timestamp");
    int64_t time;
    if (!self->overwrite || v->kind != VALUE_TEXT ||
        !layout_read(layout, span_of(v->at, v->len), self->utc, &time))
        return;
    e->time = time;
    event_root_member(e, name, (struct value){.kind = VALUE_TIME, .number = time});
}

static bool is_taken(const struct event *e, struct span key)
{
    unsigned rank = schema_child(e->schema, e->size - 1, key);
    struct field_path path = {.first = (uint16_t)rank,
                              .last = rank + 1 < e->size ? schema_keys(e->schema)[rank].last : 0,
                              .literal = (uint16_t)(e->size - 1)};
    return rank + 1 < e->size && event_has_path(e, &path);
}

static const char *put_at_root(const struct decode_json *self, struct event *e,
                               const struct value *tree)
{
    if (tree->kind != VALUE_TREE)
        return "it is no object, and only those have a place at the root";
    for (const struct tree_item *i = tree->tree; i; i = i->next) {
        if (span_is(i->key, (struct span)SPAN("@timestamp")))
            put_time(self, e, &i->value);
        else if (!span_is(i->key, (struct span)SPAN("@metadata")) &&
                 (self->overwrite || !is_taken(e, i->key)))
            event_root_member(e, i->key, i->value);
    }
    return NULL;
}

static const char *decode_one(const struct action *a, const struct action_step *step,
                              struct event *e)
{
    const struct decode_json *self = (const struct decode_json *)(const void *)a;
    struct span text = event_string(e, &step->from);
    struct value decoded;
    if (!text.at)
        return NULL; // nothing to decode
    const char *reason = decode(self, e, text, self->depth, &decoded);
    if (reason)
        return reason;
    if (decoded.kind == VALUE_TREE)
        take_id(self, e, &decoded);
    if (self->to_root)
        return put_at_root(self, e, &decoded);
    event_put(e, &step->to, decoded);
    return NULL;
}

// ── creating ─────────────────────────────────────────────────────────────────────────────────────

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct decode_json_settings *given = settings;
    struct action like = {.verb = "decode",
                          .run = decode_one,
                          .ignore_missing = true,
                          .ignore_failure = !given->add_error_key};
    struct decode_json *self = action_new(sizeof *self, like, place, why);
    if (!self)
        return NULL;
    self->to_root = given->target && !*given->target;
    self->lists = given->process_array;
    self->overwrite = given->overwrite_keys;
    self->depth = given->max_depth;
    self->id_key = span_text(given->document_id);
    self->id = schema_path(place->schema, "@metadata._id", place->arena);
    self->utc = zone_read("UTC", place->arena, why);
    const char *to = given->target && *given->target ? given->target : NULL;
    for (int i = 0; i < given->fields.count; i++)
        if (!action_add(self, sizeof(struct action_step), given->fields.at[i], to, place, why))
            return NULL;
    return self->utc ? self : NULL;
}

const struct processor processor_decode_json_fields = {
    .name = "decode_json_fields",
    .meaning = "Decodes texts that hold JSON",
    .settings = settings_table,
    .settings_size = sizeof(struct decode_json_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
