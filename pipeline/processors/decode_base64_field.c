// SPDX-License-Identifier: Apache-2.0
// decode_base64_field: decodes base 64 (RFC 4648 section 4; padding may be missing).

#include "pipeline/action.h"

struct decode_base64_settings {
    const char *from, *to;
    struct action_settings action;
};

static const struct setting settings_table[] = {
    {"field.from", SETTING_TEXT, offsetof(struct decode_base64_settings, from),
     .meaning = "The field", .required = true},
    {"field.to", SETTING_TEXT, offsetof(struct decode_base64_settings, to),
     .meaning = "Where it goes; without, it stays where it is"},
    ACTION_IGNORE_MISSING(struct decode_base64_settings),
    ACTION_FAIL_ON_ERROR(struct decode_base64_settings),
    SETTING_END};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct decode_base64_settings *given = settings;
    (void)a;
    if (given->to)
        tell(arg, given->to);
}

static const char *decode_one(const struct action *a, const struct action_step *step,
                              struct event *e)
{
    struct span text = event_string(e, &step->from);
    (void)a;
    if (!text.at)
        return "it is no text";
    uint8_t *place = arena_alloc(&e->scratch, text.len / 4 * 3 + 6);
    ptrdiff_t len = place ? text_from_base64(place, text) : 0;
    if (!place)
        return "there is no memory";
    if (len < 0)
        return "it is not base 64";
    event_put(e, &step->to, value_text(span_of(place, (size_t)len)));
    return NULL;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct decode_base64_settings *given = settings;
    struct action like = {.verb = "decode",
                          .run = decode_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct action *self = action_new(sizeof *self, like, place, why);
    return self && action_add(self, sizeof(struct action_step), given->from, given->to, place, why)
               ? self
               : NULL;
}

const struct processor processor_decode_base64_field = {
    .name = "decode_base64_field",
    .meaning = "Decodes base 64",
    .settings = settings_table,
    .settings_size = sizeof(struct decode_base64_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
