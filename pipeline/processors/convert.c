// SPDX-License-Identifier: Apache-2.0
// convert: gives values another type, in place or under a new name.

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "pipeline/action.h"

enum convert_type { NONE, INTEGER, LONG, FLOAT, DOUBLE, STRING, BOOLEAN, IP };
enum convert_mode { COPY, RENAME };

static const char *const types[] = {"",       "integer", "long", "float", "double",
                                    "string", "boolean", "ip",   NULL};
static const char *const modes[] = {"copy", "rename", NULL};

struct convert_settings {
    const struct config *fields;
    int mode;
    struct action_settings action;
};

static const struct setting settings_table[] = {
    {"fields", SETTING_NODE, offsetof(struct convert_settings, fields),
     .meaning = "List of: from; to, if it gets a new name; type, one of integer, long, float, "
                "double, string, boolean, ip",
     .required = true},
    {"mode", SETTING_CHOICE, offsetof(struct convert_settings, mode), "copy", .choices = modes,
     .meaning = "Whether the old field stays where there is a new one"},
    {"tag", SETTING_UNUSED, .meaning = "failures say which field they are of"},
    ACTION_IGNORE_MISSING(struct convert_settings),
    ACTION_FAIL_ON_ERROR(struct convert_settings),
    SETTING_END};

struct conversion {
    struct action_step step;
    enum convert_type type;
    enum convert_mode mode;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct convert_settings *given = settings;
    struct action_pairs pairs = {.fields = given->fields};
    action_pairs_names(&pairs, tell, arg, a);
}

// ── values ───────────────────────────────────────────────────────────────────────────────────────

// The text of a scalar with a zero behind it; NULL: none, or too long for a number.
static const char *number_text(struct event *e, const struct value *v, char to[64])
{
    struct span text = value_to_text(e, v, &e->scratch);
    if (!text.at || !text.len || text.len >= 64 || span_find(text, 0) >= 0)
        return NULL;
    memcpy(to, text.at, text.len);
    to[text.len] = 0;
    return strchr(" \t\n\v\f\r", to[0]) ? NULL : to;
}

static bool to_whole(struct event *e, struct value *v, int64_t least, int64_t most)
{
    char place[64], *end;
    if (v->kind == VALUE_DOUBLE) {
        if (!(v->real >= -0x1p63 && v->real < 0x1p63))
            return false;
        *v = value_number((int64_t)v->real);
    } else {
        const char *text = number_text(e, v, place);
        const char *digits = text && (*text == '-' || *text == '+') ? text + 1 : text;
        bool hex = digits && digits[0] == '0' && (digits[1] | 0x20) == 'x';
        errno = 0;
        long long number = text ? strtoll(text, &end, hex ? 16 : 10) : 0;
        if (!text || *end || errno)
            return false;
        *v = value_number(number);
    }
    return v->number >= least && v->number <= most;
}

static bool to_real(struct event *e, struct value *v, bool single)
{
    char place[64], *end;
    const char *text = number_text(e, v, place);
    if (!text || !strpbrk(text, "0123456789"))
        return false;
    double real = strtod(text, &end);
    *v = (struct value){.kind = VALUE_DOUBLE, .real = single ? (double)(float)real : real};
    return !*end && isfinite(v->real);
}

static bool to_text(struct event *e, struct value *v)
{
    struct span text = value_to_text(e, v, &e->scratch);
    *v = value_text(text);
    return text.at;
}

static bool to_bool(struct event *e, struct value *v)
{
    static const char *const words[2] = {" 0 f F false FALSE False ", " 1 t T true TRUE True "};
    struct span text = value_string(e, v, &e->scratch);
    char word[16];
    if (v->kind == VALUE_BOOL)
        return true;
    if (!text.at || !text.len || text.len > 5 || span_find(text, ' ') >= 0)
        return false;
    snprintf(word, sizeof word, " %.*s ", (int)text.len, (const char *)text.at);
    bool is_true = strstr(words[1], word);
    *v = (struct value){.kind = VALUE_BOOL, .number = is_true};
    return is_true || strstr(words[0], word);
}

static bool to_ip(struct event *e, struct value *v)
{
    struct ip ip;
    if (v->kind == VALUE_IP)
        return true;
    if (!value_address(e, v, &e->scratch, &ip))
        return false;
    struct span bytes = arena_copy(&e->scratch, span_of(ip.bytes, sizeof ip.bytes));
    *v = value_ip(bytes.at, ip.family);
    return bytes.at;
}

// Gives the value its new type; false: it has no such meaning.
static bool change(struct event *e, struct value *v, enum convert_type type)
{
    switch (type) {
    case NONE:
        return true;
    case INTEGER:
        return to_whole(e, v, INT32_MIN, INT32_MAX);
    case LONG:
        return to_whole(e, v, INT64_MIN, INT64_MAX);
    case FLOAT:
    case DOUBLE:
        return to_real(e, v, type == FLOAT);
    case STRING:
        return to_text(e, v);
    case BOOLEAN:
        return to_bool(e, v);
    case IP:
        return to_ip(e, v);
    }
    return false;
}

// ── the processor ────────────────────────────────────────────────────────────────────────────────

static const char *convert_one(const struct action *a, const struct action_step *step,
                               struct event *e)
{
    const struct conversion *c = (const struct conversion *)(const void *)step;
    struct value value;
    (void)a;
    if (!event_fetch(e, &step->from, &value))
        return "there is no memory";
    if (!change(e, &value, c->type))
        return arena_printf(&e->scratch, "it is no %s", types[c->type]);
    if (c->mode == RENAME)
        event_drop_path(e, &step->from);
    event_put(e, &step->to, value);
    return NULL;
}

struct reading {
    struct action *self;
    const struct processor_place *place;
    enum convert_mode mode;
};

static bool read_type(const struct config *node, enum convert_type *type, struct error *why)
{
    const struct config *given = config_get(node, "type");
    char found[64];
    *type = NONE;
    for (int i = 1; given && types[i]; i++)
        if (given->text && !strcmp(given->text, types[i]))
            *type = (enum convert_type)i;
    return !given || *type != NONE ||
           config_refuse(given, why,
                         "found %s, expected integer, long, float, double, string, boolean or ip",
                         config_found(given, found));
}

static bool add_one(void *arg, const struct config *node, struct error *why)
{
    const struct reading *r = arg;
    const char *from = config_text(node, "from"), *to = config_text(node, "to");
    enum convert_type type;
    if (!read_type(node, &type, why))
        return false;
    if (!from || (!to && type == NONE))
        return config_refuse(node, why, "expected from, and to or type or both");
    struct conversion *c = action_add(r->self, sizeof *c, from, to, r->place, why);
    if (!c)
        return false;
    c->type = type;
    c->mode = to ? r->mode : COPY;
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct convert_settings *given = settings;
    struct action like = {.verb = "convert",
                          .run = convert_one,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = !given->action.fail_on_error};
    struct action *self = action_new(sizeof *self, like, place, why);
    struct reading r = {self, place, (enum convert_mode)given->mode};
    return self && action_each(given->fields, "conversions: from, to, type", add_one, &r, why)
               ? self
               : NULL;
}

const struct processor processor_convert = {
    .name = "convert",
    .meaning = "Gives values another type",
    .settings = settings_table,
    .settings_size = sizeof(struct convert_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
