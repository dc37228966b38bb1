// SPDX-License-Identifier: Apache-2.0
// dissect: takes a text apart at what stands between keys. "%{client} - %{method} %{path}" has
// three keys and the delimiters " - " and " ".
//
//   %{key}      the text up to the next delimiter        %{} %{?key}  passed over
//   %{+key}     joined to key by a blank, %{+key/2} as the second part
//   %{?a} %{&a} the value of ?a is the name of what &a takes
//   %{key->}    any number of the delimiter may follow    %{key#5}     so many bytes
//   %{key|long} with a type: integer, long, float, double, boolean, string, ip

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "pipeline/action.h"

enum trim { TRIM_NONE, TRIM_LEFT, TRIM_RIGHT, TRIM_ALL };

struct dissect_settings {
    const char *tokenizer, *field, *target_prefix, *trim_chars;
    int trim_values;
    bool overwrite_keys;
    struct action_settings action;
};

static const char *const trims[] = {"none", "left", "right", "all", NULL};

#define DISSECT(member) offsetof(struct dissect_settings, member)

static const struct setting settings_table[] = {
    {"tokenizer", SETTING_TEXT, DISSECT(tokenizer), .meaning = "What the text looks like",
     .required = true},
    {"field", SETTING_TEXT, DISSECT(field), "message", .meaning = "The text"},
    {"target_prefix", SETTING_TEXT, DISSECT(target_prefix), "dissect",
     .meaning = "Object that takes the keys; empty: the root"},
    {"trim_values", SETTING_CHOICE, DISSECT(trim_values), "none", .choices = trims,
     .meaning = "Where trim_chars are taken off"},
    {"trim_chars", SETTING_TEXT, DISSECT(trim_chars), " ", .meaning = "Bytes that are taken off"},
    {"overwrite_keys", SETTING_BOOL, DISSECT(overwrite_keys), "false",
     .meaning = "Whether a key may replace what is there; otherwise that is an error"},
    ACTION_IGNORE_FAILURE(struct dissect_settings),
    SETTING_END};

static const struct field fields[] = {
    {"log.flags", FIELD_KEYWORD, "What processors had to do to the document", FIELD_LIST},
};
static const struct field_table table = {"dissect", NULL, fields, 1};

enum { PARTS = 64 };

enum part_kind { PLAIN, SKIPPED, APPENDED, NAMED, OF_NAME };

enum part_type { TYPE_STRING, TYPE_WHOLE, TYPE_REAL, TYPE_BOOLEAN, TYPE_IP };

// One key and the delimiter behind it.
struct part {
    struct span key;
    enum part_kind kind;
    enum part_type type;
    uint64_t order; // of appended ones; 0: as they come
    size_t fixed;   // bytes; 0: up to the delimiter
    bool greedy;
    struct span behind;
    int target; // of targets; -1: none
};

// A key of the document, that one or several parts make.
struct target {
    struct field_path path;
    struct span key;
};

struct dissect {
    struct action action;
    struct part parts[PARTS];
    struct target targets[PARTS];
    int count, target_count;
    struct span begin; // what stands before the first key
    enum trim trim;
    const char *trim_chars;
    bool overwrite;
    struct field_path prefix, flags; // prefix: for keys that are named by values
};

// ── reading the tokenizer ────────────────────────────────────────────────────────────────────────

static bool read_type(struct span name, enum part_type *type)
{
    static const struct {
        const char *name;
        enum part_type type;
    } rows[] = {{"string", TYPE_STRING}, {"integer", TYPE_WHOLE}, {"long", TYPE_WHOLE},
                {"float", TYPE_REAL},    {"double", TYPE_REAL},   {"boolean", TYPE_BOOLEAN},
                {"ip", TYPE_IP}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_is(name, span_text(rows[i].name))) {
            *type = rows[i].type;
            return true;
        }
    return false;
}

// Cuts the kind off the front of what stands in %{…}.
static enum part_kind cut_kind(struct span *inside)
{
    static const uint8_t marks[] = {[SKIPPED] = '?', [APPENDED] = '+', [OF_NAME] = '&'};
    if (!inside->len)
        return SKIPPED;
    for (enum part_kind kind = SKIPPED; kind <= OF_NAME; kind++)
        if (marks[kind] && inside->at[0] == marks[kind]) {
            *inside = span_skip(*inside, 1);
            return kind;
        }
    return PLAIN;
}

// What stands in %{…}; false: it makes no sense.
static bool read_key(struct span inside, struct part *p)
{
    uint64_t fixed = 0;
    p->target = -1;
    p->kind = cut_kind(&inside);
    p->greedy = span_ends(inside, (struct span)SPAN("->"));
    inside.len -= p->greedy ? 2 : 0;
    ptrdiff_t bar = span_find(inside, '|');
    if (bar >= 0 && !read_type(span_skip(inside, (size_t)bar + 1), &p->type))
        return false;
    inside = bar >= 0 ? span_first(inside, (size_t)bar) : inside;
    ptrdiff_t mark = span_find(inside, p->kind == APPENDED ? '/' : '#');
    struct span number = mark >= 0 ? span_skip(inside, (size_t)mark + 1) : span_of(NULL, 0);
    if (mark >= 0 && (!span_number(number, &fixed) || !fixed || fixed > UINT32_MAX))
        return false;
    p->key = mark >= 0 ? span_first(inside, (size_t)mark) : inside;
    if (p->kind == APPENDED)
        p->order = fixed;
    else
        p->fixed = (size_t)fixed;
    return p->key.len || p->kind == SKIPPED;
}

// A named one whose value names another is no longer passed over.
static void pair_names(struct part *parts, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; parts[i].kind == OF_NAME && j < count; j++)
            if (parts[j].kind == SKIPPED && span_is(parts[i].key, parts[j].key))
                parts[j].kind = NAMED;
}

// Takes the tokenizer apart. How many keys; 0: `*wrong` says why not.
static int read_tokenizer(struct span rest, struct part parts[PARTS], struct span *begin,
                          const char **wrong)
{
    int count = 0;
    ptrdiff_t open = span_find_span(rest, (struct span)SPAN("%{"));
    *wrong = "expected a key, %{name}, at least";
    if (open < 0)
        return 0;
    *begin = span_first(rest, (size_t)open);
    rest = span_skip(rest, (size_t)open);
    while (rest.len) {
        ptrdiff_t close = span_find(rest, '}');
        *wrong = close < 0 ? "a %{ without its }" : "more than 64 keys";
        if (close < 0 || count == PARTS)
            return 0;
        struct part *p = &parts[count++];
        *p = (struct part){.kind = PLAIN};
        *wrong = "a key that makes no sense";
        if (!read_key(span_of(rest.at + 2, (size_t)close - 2), p))
            return 0;
        rest = span_skip(rest, (size_t)close + 1);
        open = span_find_span(rest, (struct span)SPAN("%{"));
        p->behind = open < 0 ? rest : span_first(rest, (size_t)open);
        rest = span_skip(rest, p->behind.len);
        *wrong = "two keys without anything between them";
        if (rest.len && !p->behind.len && !p->fixed)
            return 0;
    }
    pair_names(parts, count);
    return count;
}

// ── names ────────────────────────────────────────────────────────────────────────────────────────

static bool is_written(const struct part *p)
{
    return p->kind == PLAIN || p->kind == APPENDED;
}

static const char *full_name(const char *prefix, struct span key, struct arena *a)
{
    bool inside = prefix && *prefix;
    return arena_printf(a, "%s%s%.*s", inside ? prefix : "", inside ? "." : "", (int)key.len,
                        (const char *)key.at);
}

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct dissect_settings *given = settings;
    struct part parts[PARTS];
    struct span begin;
    const char *wrong;
    int count =
        given->tokenizer ? read_tokenizer(span_text(given->tokenizer), parts, &begin, &wrong) : 0;
    for (int i = 0; i < count; i++) {
        const char *name = is_written(&parts[i]) ? full_name(given->target_prefix, parts[i].key, a)
                           : parts[i].kind == OF_NAME ? given->target_prefix
                                                      : NULL;
        if (name && *name)
            tell(arg, name);
    }
}

// ── taking apart ─────────────────────────────────────────────────────────────────────────────────

// The next value off the front of `*text`; false: its delimiter is not there.
static bool cut_value(const struct part *p, struct span *text, struct span *value)
{
    if (p->fixed) {
        *value = span_first(*text, p->fixed);
        *text = span_skip(*text, p->fixed);
        bool good = value->len == p->fixed && span_starts(*text, p->behind);
        *text = span_skip(*text, p->behind.len);
        return good;
    }
    ptrdiff_t end = p->behind.len ? span_find_span(*text, p->behind) : (ptrdiff_t)text->len;
    if (end < 0)
        return false;
    *value = span_first(*text, (size_t)end);
    *text = span_skip(*text, (size_t)end + p->behind.len);
    while (p->greedy && p->behind.len && span_starts(*text, p->behind))
        *text = span_skip(*text, p->behind.len);
    return true;
}

static bool cut_all(const struct dissect *self, struct span text, struct span values[PARTS])
{
    if (!span_starts(text, self->begin))
        return false;
    text = span_skip(text, self->begin.len);
    for (int i = 0; i < self->count; i++)
        if (!cut_value(&self->parts[i], &text, &values[i]))
            return false;
    return true; // what is left behind the last delimiter does not matter
}

static struct span trimmed(const struct dissect *self, struct span s)
{
    bool left = self->trim == TRIM_LEFT || self->trim == TRIM_ALL;
    bool right = self->trim == TRIM_RIGHT || self->trim == TRIM_ALL;
    while (left && s.len && s.at[0] && strchr(self->trim_chars, s.at[0]))
        s = span_skip(s, 1);
    while (right && s.len && s.at[s.len - 1] && strchr(self->trim_chars, s.at[s.len - 1]))
        s.len--;
    return s;
}

// The value with its type; false: it has no such meaning.
static bool typed(struct event *e, enum part_type type, struct span text, struct value *out)
{
    char place[64], *end = place;
    struct ip ip;
    *out = value_text(text);
    if (type == TYPE_STRING)
        return true;
    if (type == TYPE_BOOLEAN) {
        bool is_true = span_is_nocase(text, (struct span)SPAN("true"));
        *out = (struct value){.kind = VALUE_BOOL, .number = is_true};
        return is_true || span_is_nocase(text, (struct span)SPAN("false"));
    }
    if (type == TYPE_IP) {
        struct span bytes = span_of(NULL, 0);
        if (text_to_ip(text, &ip))
            bytes = arena_copy(&e->scratch, span_of(ip.bytes, sizeof ip.bytes));
        *out = value_ip(bytes.at, ip.family);
        return bytes.at;
    }
    if (!text.len || text.len >= sizeof place || text.at[0] <= ' ')
        return false;
    memcpy(place, text.at, text.len);
    place[text.len] = 0;
    errno = 0;
    if (type == TYPE_WHOLE)
        *out = value_number(strtoll(place, &end, 10));
    else
        *out = (struct value){.kind = VALUE_DOUBLE, .real = strtod(place, &end)};
    return !*end && !errno && (type == TYPE_WHOLE || isfinite(out->real));
}

// The parts of one key in their order, joined by blanks.
static struct span joined(const struct dissect *self, struct event *e, int target,
                          const struct span values[PARTS])
{
    size_t len = 0;
    for (int i = 0; i < self->count; i++)
        if (self->parts[i].target == target)
            len += values[i].len + 1;
    struct pen pen = event_pen(e, len + 1);
    uint64_t done = 0; // bits of parts
    for (;;) {
        int next = -1;
        for (int i = 0; i < self->count; i++)
            if (self->parts[i].target == target && !(done >> i & 1) &&
                (next < 0 || self->parts[i].order < self->parts[next].order))
                next = i;
        if (next < 0)
            return pen_written(&pen);
        if (done)
            pen_byte(&pen, ' ');
        pen_raw(&pen, values[next]);
        done |= UINT64_C(1) << next;
    }
}

static const struct part *only_part(const struct dissect *self, int target, int *which)
{
    int found = 0;
    for (int i = 0; i < self->count; i++)
        if (self->parts[i].target == target) {
            *which = i;
            found++;
        }
    return found == 1 ? &self->parts[*which] : NULL;
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────

static const char *write_target(const struct dissect *self, struct event *e, int target,
                                const struct span values[PARTS])
{
    const struct target *t = &self->targets[target];
    struct value value;
    int which;
    const struct part *only = only_part(self, target, &which);
    if (!self->overwrite && event_has_path(e, &t->path))
        return arena_printf(&e->scratch, "%s is there already", t->path.name);
    if (!only)
        value = value_text(joined(self, e, target, values));
    else if (!typed(e, only->type, values[which], &value))
        return arena_printf(&e->scratch, "%s has not its type", t->path.name);
    event_put(e, &t->path, value);
    return NULL;
}

// Keys that are named by the values of others.
static void write_named(const struct dissect *self, struct event *e,
                        const struct span values[PARTS])
{
    for (int i = 0; i < self->count; i++)
        for (int j = 0; self->parts[i].kind == OF_NAME && j < self->count; j++)
            if (self->parts[j].kind == NAMED && values[j].len &&
                span_is(self->parts[i].key, self->parts[j].key))
                event_member_at(e, self->prefix.first, values[j], value_text(values[i]));
}

static const char *take_apart(const struct dissect *self, const struct action_step *step,
                              struct event *e)
{
    struct span text = event_string(e, &step->from), values[PARTS];
    if (!text.at)
        return "it is no text";
    if (!cut_all(self, text, values))
        return "it does not look like the tokenizer";
    for (int i = 0; i < self->count; i++)
        values[i] = trimmed(self, values[i]);
    for (int t = 0; t < self->target_count; t++) {
        const char *reason = write_target(self, e, t, values);
        if (reason)
            return reason;
    }
    write_named(self, e, values);
    return NULL;
}

static const char *dissect_one(const struct action *a, const struct action_step *step,
                               struct event *e)
{
    const struct dissect *self = (const struct dissect *)(const void *)a;
    struct event_copy *before = self->target_count > 1 ? event_save(e) : NULL;
    const char *reason = take_apart(self, step, e);
    if (reason && before)
        event_restore(e, before);
    if (reason)
        action_flag(e, &self->flags, "dissect_parsing_error");
    return reason;
}

// ── creating ─────────────────────────────────────────────────────────────────────────────────────

static bool add_target(struct dissect *self, struct part *p, const char *prefix,
                       const struct processor_place *place)
{
    for (int t = 0; t < self->target_count; t++)
        if (span_is(self->targets[t].key, p->key)) {
            p->target = t;
            return true;
        }
    const char *name = full_name(prefix, p->key, place->arena);
    p->target = self->target_count++;
    self->targets[p->target] =
        (struct target){schema_path(place->schema, name ? name : "", place->arena), p->key};
    return name;
}

static bool bind(struct dissect *self, const struct dissect_settings *given,
                 const struct processor_place *place, struct error *why)
{
    const char *wrong = "";
    self->count = read_tokenizer(span_text(given->tokenizer), self->parts, &self->begin, &wrong);
    if (!self->count)
        return config_refuse(place->node, why, "tokenizer: %s", wrong);
    for (int i = 0; i < self->count; i++) {
        struct part *p = &self->parts[i];
        if (is_written(p) && !add_target(self, p, given->target_prefix, place))
            return error_set(why, "no memory for a processor");
        if (p->kind == OF_NAME && self->prefix.first > self->prefix.last)
            return config_refuse(place->node, why,
                                 "tokenizer: %%{&key} needs a target_prefix that takes it");
    }
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct dissect_settings *given = settings;
    struct action like = {
        .verb = "dissect", .run = dissect_one, .ignore_failure = given->action.ignore_failure};
    struct dissect *self = action_new(sizeof *self, like, place, why);
    if (!self || !action_add(self, sizeof(struct action_step), given->field, NULL, place, why))
        return NULL;
    self->trim = (enum trim)given->trim_values;
    self->trim_chars = given->trim_chars ? given->trim_chars : "";
    self->overwrite = given->overwrite_keys;
    self->flags = schema_path(place->schema, fields[0].name, place->arena);
    self->prefix =
        schema_path(place->schema, given->target_prefix ? given->target_prefix : "", place->arena);
    return bind(self, given, place, why) ? self : NULL;
}

const struct processor processor_dissect = {
    .name = "dissect",
    .meaning = "Takes a text apart at what stands between keys",
    .settings = settings_table,
    .settings_size = sizeof(struct dissect_settings),
    .fields = &table,
    .names = names,
    .create = create,
    .run = action_run,
};
