// SPDX-License-Identifier: Apache-2.0
// truncate_fields: cuts texts that are longer than so many bytes or characters, and flags it. A
// character is never cut in the middle.

#include "pipeline/action.h"

struct truncate_settings {
    struct setting_texts fields;
    int64_t max_bytes, max_characters;
    struct action_settings action;
};

#define TRUNCATE(member) offsetof(struct truncate_settings, member)

static const struct setting settings_table[] = {
    {"fields", SETTING_TEXTS, TRUNCATE(fields), .meaning = "The fields", .required = true},
    {"max_bytes", SETTING_NUMBER, TRUNCATE(max_bytes), "0", 0, UINT32_MAX,
     .meaning = "Bytes that stay"},
    {"max_characters", SETTING_NUMBER, TRUNCATE(max_characters), "0", 0, UINT32_MAX,
     .meaning = "Characters that stay; either this or max_bytes"},
    ACTION_IGNORE_MISSING(struct truncate_settings),
    ACTION_FAIL_ON_ERROR(struct truncate_settings),
    SETTING_END};

static const struct field fields[] = {
    {"log.flags", FIELD_KEYWORD, "What processors had to do to the document", FIELD_LIST},
};
static const struct field_table table = {"truncate_fields", NULL, fields, 1};

struct truncate {
    struct action action;
    size_t bytes, characters; // 0: no limit
    struct field_path flags;
};

// The cut at so many bytes, less than all, or before the character that lies across it.
static size_t bytes_of(struct span text, size_t bytes)
{
    size_t len = bytes;
    while (len && bytes - len < 3 && (text.at[len] & 0xc0) == 0x80)
        len--;
    return len;
}

// How long the first characters are.
static size_t length_of(struct span text, size_t characters)
{
    size_t len = 0;
    bool whole;
    while (characters-- && len < text.len)
        len += text_utf8_character(span_skip(text, len), &whole);
    return len;
}

static const char *truncate_one(const struct action *a, const struct action_step *step,
                                struct event *e)
{
    const struct truncate *self = (const struct truncate *)(const void *)a;
    struct span text = event_string(e, &step->from);
    if (!text.at)
        return "it is no text";
    if (self->bytes ? text.len <= self->bytes : text.len <= self->characters)
        return NULL;
    size_t len = self->bytes ? bytes_of(text, self->bytes) : length_of(text, self->characters);
    if (len >= text.len)
        return NULL;
    event_put(e, &step->to, value_text(span_first(text, len)));
    action_flag(e, &self->flags, "truncated");
    return NULL;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct truncate_settings *given = settings;
    struct action like = {.verb = "truncate",
                          .run = truncate_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    if (!given->max_bytes == !given->max_characters) {
        config_refuse(place->node, why, "expected either max_bytes or max_characters, above zero");
        return NULL;
    }
    struct truncate *self = action_new(sizeof *self, like, place, why);
    for (int i = 0; self && i < given->fields.count; i++)
        if (!action_add(self, sizeof(struct action_step), given->fields.at[i], NULL, place, why))
            return NULL;
    if (!self)
        return NULL;
    self->bytes = (size_t)given->max_bytes;
    self->characters = (size_t)given->max_characters;
    self->flags = schema_path(place->schema, fields[0].name, place->arena);
    return self;
}

const struct processor processor_truncate_fields = {
    .name = "truncate_fields",
    .meaning = "Cuts long texts",
    .settings = settings_table,
    .settings_size = sizeof(struct truncate_settings),
    .fields = &table,
    .create = create,
    .run = action_run,
};
