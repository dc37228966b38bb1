// SPDX-License-Identifier: Apache-2.0
// append: adds the values of fields, and constants, to the list in a field. What the field held
// before becomes the first of the list.

#include "pipeline/action.h"
#include "pipeline/constant.h"

struct append_settings {
    const char *target_field;
    struct setting_texts fields;
    const struct config *values;
    bool ignore_empty_values, allow_duplicate;
    struct action_settings action;
};

#define APPEND(member) offsetof(struct append_settings, member)

static const struct setting settings_table[] = {
    {"target_field", SETTING_TEXT, APPEND(target_field), .meaning = "Field that takes the list",
     .required = true},
    {"fields", SETTING_TEXTS, APPEND(fields), .meaning = "Fields whose values are appended"},
    {"values", SETTING_NODE, APPEND(values), .meaning = "Constants that are appended, a list"},
    {"ignore_empty_values", SETTING_BOOL, APPEND(ignore_empty_values), "false",
     .meaning = "Leave out empty texts and nothing"},
    {"allow_duplicate", SETTING_BOOL, APPEND(allow_duplicate), "true",
     .meaning = "Whether a value may come twice"},
    ACTION_IGNORE_MISSING(struct append_settings),
    ACTION_FAIL_ON_ERROR(struct append_settings),
    SETTING_END};

struct append {
    struct action action; // a step for each field, each to the target
    struct field_path target;
    struct value values; // a list
    bool ignore_empty_values, allow_duplicate;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct append_settings *)settings)->target_field);
}

static bool is_there(const struct value *list, const struct value *v)
{
    for (const struct list_item *i = list->list; i; i = i->next)
        if (value_is_same(&i->value, v))
            return true;
    return false;
}

static void add_one(const struct append *self, struct event *e, struct value *list,
                    const struct value *v)
{
    if (self->ignore_empty_values && value_is_empty(v))
        return;
    if (!self->allow_duplicate && list->kind == VALUE_LIST && is_there(list, v))
        return;
    value_add(e, list, *v);
}

static void add_all(const struct append *self, struct event *e, struct value *list,
                    const struct value *from)
{
    if (from->kind != VALUE_LIST) {
        add_one(self, e, list, from);
        return;
    }
    for (const struct list_item *i = from->list; i; i = i->next)
        add_one(self, e, list, &i->value);
}

// The list as it is now, on its own, so that a saved event keeps the old one.
static struct value begin_list(const struct append *self, struct event *e)
{
    struct value before, list = {.kind = VALUE_LIST, .grown = 1};
    if (event_has_path(e, &self->target) && event_fetch(e, &self->target, &before))
        add_all(self, e, &list, &before);
    return list;
}

static const char *append_field(const struct action *a, const struct action_step *step,
                                struct event *e)
{
    const struct append *self = (const struct append *)(const void *)a;
    struct value list = begin_list(self, e), more;
    if (!event_fetch(e, &step->from, &more))
        return "there is no memory";
    add_all(self, e, &list, &more);
    event_put(e, &self->target, list);
    return NULL;
}

static bool read_values(const struct append_settings *given, struct append *self,
                        const struct processor_place *place, struct error *why)
{
    self->values = (struct value){.kind = VALUE_LIST};
    if (!given->values)
        return true;
    if (given->values->kind == CONFIG_MAP)
        return config_refuse(given->values, why, "expected a list of values");
    return constant_read(given->values, place->arena, &self->values) ||
           error_set(why, "no memory for a processor");
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct append_settings *given = settings;
    struct action like = {.verb = "append",
                          .run = append_field,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct append *self = action_new(sizeof *self, like, place, why);
    if (!self || !read_values(given, self, place, why))
        return NULL;
    self->target = schema_path(place->schema, given->target_field, place->arena);
    self->ignore_empty_values = given->ignore_empty_values;
    self->allow_duplicate = given->allow_duplicate;
    for (int i = 0; i < given->fields.count; i++)
        if (!action_add(self, sizeof(struct action_step), given->fields.at[i], given->target_field,
                        place, why))
            return NULL;
    return self;
}

static bool run(const void *self, struct event *e)
{
    const struct append *append = self;
    bool nothing = append->values.kind == VALUE_LIST && !append->values.list;
    if (!action_steps(&append->action, e) || nothing)
        return true;
    struct value list = begin_list(append, e);
    add_all(append, e, &list, &append->values);
    event_put(e, &append->target, list);
    return true;
}

const struct processor processor_append = {
    .name = "append",
    .meaning = "Appends values to a list",
    .settings = settings_table,
    .settings_size = sizeof(struct append_settings),
    .names = names,
    .create = create,
    .run = run,
};
