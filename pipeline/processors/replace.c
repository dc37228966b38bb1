// SPDX-License-Identifier: Apache-2.0
// replace: puts a text for all that an expression matches; $1 and ${name} in it stand for groups.

#include "pipeline/action.h"
#include "pipeline/regexp.h"

struct replace_settings {
    const struct config *fields;
    struct action_settings action;
};

static const struct setting settings_table[] = {
    {"fields", SETTING_NODE, offsetof(struct replace_settings, fields),
     .meaning = "List of: field; pattern, a regular expression; replacement, in which $1 "
                "and $${name} stand for groups",
     .required = true},
    ACTION_IGNORE_MISSING(struct replace_settings),
    ACTION_FAIL_ON_ERROR(struct replace_settings),
    SETTING_END};

struct replacement {
    struct action_step step;
    struct regexp *pattern;
    const char *text;
};

static const char *replace_one(const struct action *a, const struct action_step *step,
                               struct event *e)
{
    const struct replacement *r = (const struct replacement *)(const void *)step;
    struct span text = event_string(e, &step->from), changed;
    (void)a;
    if (!text.at)
        return "it is no text";
    if (!regexp_replace(r->pattern, text, r->text, &e->room, &e->scratch, &changed))
        return "the expression takes too long or grows it too much";
    event_put(e, &step->to, value_text(changed));
    return NULL;
}

struct reading {
    struct action *self;
    const struct processor_place *place;
};

static bool add_one(void *arg, const struct config *node, struct error *why)
{
    const struct reading *r = arg;
    const char *field = config_text(node, "field"), *pattern = config_text(node, "pattern");
    const char *text = config_text(node, "replacement");
    struct error inner = {""};
    if (!field || !pattern || !text)
        return config_refuse(node, why, "expected field, pattern and replacement");
    struct replacement *one = action_add(r->self, sizeof *one, field, NULL, r->place, why);
    if (!one)
        return false;
    one->text = text;
    one->pattern = regexp_compile(pattern, r->place->arena, &inner);
    return one->pattern ? regexp_may_replace(one->pattern, text, &inner) ||
                              config_refuse(node, why, "%s", inner.text)
                        : config_refuse(node, why, "%s", inner.text);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct replace_settings *given = settings;
    struct action like = {.verb = "replace",
                          .run = replace_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct action *self = action_new(sizeof *self, like, place, why);
    struct reading r = {self, place};
    return self && action_each(given->fields, "replacements: field, pattern, replacement", add_one,
                               &r, why)
               ? self
               : NULL;
}

const struct processor processor_replace = {
    .name = "replace",
    .meaning = "Replaces what an expression matches",
    .settings = settings_table,
    .settings_size = sizeof(struct replace_settings),
    .create = create,
    .run = action_run,
};
