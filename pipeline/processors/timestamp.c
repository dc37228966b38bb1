// SPDX-License-Identifier: Apache-2.0
// timestamp: reads a time out of a text or number, by the first layout that fits.

#include "pipeline/action.h"
#include "pipeline/layout.h"

struct timestamp_settings {
    const char *field, *target_field, *timezone;
    struct setting_texts layouts, test;
    struct action_settings action;
};

#define TIMESTAMP(member) offsetof(struct timestamp_settings, member)

static const struct setting settings_table[] = {
    {"field", SETTING_TEXT, TIMESTAMP(field), .meaning = "Field with the time", .required = true},
    {"target_field", SETTING_TEXT, TIMESTAMP(target_field), "@timestamp",
     .meaning = "Field that takes it"},
    {"layouts", SETTING_TEXTS, TIMESTAMP(layouts),
     .meaning = "What the time looks like, shown by 2006-01-02T15:04:05Z07:00; UNIX, UNIX_MS",
     .required = true},
    {"timezone", SETTING_TEXT, TIMESTAMP(timezone), "UTC",
     .meaning = "Of times that do not say: Europe/Berlin, +02:00, Local"},
    {"test", SETTING_TEXTS, TIMESTAMP(test), .meaning = "Times that must be read, tried at start"},
    {"id", SETTING_UNUSED, .meaning = "processors are told apart without"},
    ACTION_IGNORE_MISSING(struct timestamp_settings),
    ACTION_IGNORE_FAILURE(struct timestamp_settings),
    SETTING_END};

struct timestamp {
    struct action action;
    struct setting_texts layouts;
    const struct zone *zone;
    bool of_document; // the target is @timestamp
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct timestamp_settings *)settings)->target_field);
}

static bool read_text(const struct timestamp *self, struct span text, int64_t *time)
{
    for (int i = 0; i < self->layouts.count; i++)
        if (layout_read(span_text(self->layouts.at[i]), text, self->zone, time))
            return true;
    return false;
}

static const char *read_time(const struct action *a, const struct action_step *step,
                             struct event *e)
{
    const struct timestamp *self = (const struct timestamp *)(const void *)a;
    const struct value *v = event_value(e, &step->from);
    struct value time = {.kind = VALUE_TIME};
    if (v && v->kind == VALUE_TIME) {
        time.number = v->number;
    } else {
        struct span text = v ? value_to_text(e, v, &e->scratch) : span_of(NULL, 0);
        if (!text.at || !read_text(self, text, &time.number))
            return "it fits no layout";
    }
    event_put(e, &step->to, time);
    if (self->of_document)
        e->time = time.number;
    return NULL;
}

static bool try_all(const struct timestamp *self, const struct setting_texts *texts,
                    const struct processor_place *place, struct error *why)
{
    int64_t time;
    for (int i = 0; i < texts->count; i++)
        if (!read_text(self, span_text(texts->at[i]), &time))
            return config_refuse(place->node, why, "test: \"%.100s\" fits no layout", texts->at[i]);
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct timestamp_settings *given = settings;
    struct action like = {.verb = "read the time in",
                          .run = read_time,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = given->action.ignore_failure};
    struct timestamp *self = action_new(sizeof *self, like, place, why);
    struct error inner = {""};
    if (!self || !action_add(self, sizeof(struct action_step), given->field, given->target_field,
                             place, why))
        return NULL;
    self->layouts = given->layouts;
    self->of_document = !strcmp(given->target_field, "@timestamp");
    self->zone = zone_read(given->timezone, place->arena, &inner);
    if (!self->zone)
        config_refuse(place->node, why, "%s", inner.text);
    return self->zone && try_all(self, &given->test, place, why) ? self : NULL;
}

const struct processor processor_timestamp = {
    .name = "timestamp",
    .meaning = "Reads a time out of a field",
    .settings = settings_table,
    .settings_size = sizeof(struct timestamp_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
