// SPDX-License-Identifier: Apache-2.0
// Conditions as a tree of tests on values. Dotted keys were nested when the configuration was read,
// so a field's name is the path of maps that leads to what it is held against. A field that is
// missing, or of another type than what it is held against, does not meet the condition.

#include "pipeline/condition.h"

#include "config/setting.h"
#include "pipeline/cidr.h"
#include "pipeline/constant.h"
#include "pipeline/regexp.h"

#include <stdlib.h>

struct bounds {
    double above, below;           // gt or gte, lt or lte; infinite: none
    bool above_is_in, below_is_in; // gte, lte
};

struct condition {
    struct condition *next; // in a list of its parent
    bool (*holds)(const struct condition *c, struct event *e);
    struct condition *parts; // of and, or, not
    struct field_path path;
    union {
        struct value value; // equals
        struct span text;   // contains
        struct regexp *regexp;
        struct bounds bounds;
        struct cidr_set network;
    };
};

// ── values ───────────────────────────────────────────────────────────────────────────────────────

// An element of a finished fragment, or the fragment itself, by its look.
static struct value json_value(struct span s)
{
    struct value v = {.kind = VALUE_JSON, .len = (uint32_t)s.len, .at = s.at};
    uint8_t place[64];
    double real;
    char *end;
    if (!s.len || s.len >= sizeof place || s.at[0] == '"' || s.at[0] == '{' || s.at[0] == '[')
        return v;
    if (span_is(s, (struct span)SPAN("true")) || span_is(s, (struct span)SPAN("false")))
        return (struct value){.kind = VALUE_BOOL, .number = s.at[0] == 't'};
    memcpy(place, s.at, s.len);
    place[s.len] = 0;
    real = strtod((const char *)place, &end);
    return *end ? v : (struct value){.kind = VALUE_DOUBLE, .real = real};
}

typedef bool value_test(const struct condition *c, struct event *e, const struct value *v);

static bool any_json(const struct condition *c, struct event *e, struct span s, value_test *test)
{
    struct value v = json_value(s);
    if (s.len < 2 || s.at[0] != '[')
        return test(c, e, &v);
    struct span rest = span_of(s.at + 1, s.len - 2), element;
    while ((element = json_element(&rest)).len) {
        v = json_value(element);
        if (test(c, e, &v))
            return true;
    }
    return false;
}

// True if the field's value, or one element of it, passes.
static bool any_value(const struct condition *c, struct event *e, value_test *test)
{
    const struct value *v = event_value(e, &c->path);
    if (!v)
        return false;
    if (v->kind == VALUE_JSON)
        return any_json(c, e, span_of(v->at, v->len), test);
    if (v->kind != VALUE_LIST)
        return test(c, e, v);
    for (const struct list_item *i = v->list; i; i = i->next)
        if (i->value.kind == VALUE_JSON ? any_json(c, e, span_of(i->value.at, i->value.len), test)
                                        : test(c, e, &i->value))
            return true;
    return false;
}

static bool is_number(const struct value *v)
{
    return v->kind == VALUE_SIGNED || v->kind == VALUE_UNSIGNED || v->kind == VALUE_DOUBLE;
}

static double real_of(const struct value *v)
{
    return v->kind == VALUE_DOUBLE     ? v->real
           : v->kind == VALUE_UNSIGNED ? (double)(uint64_t)v->number
                                       : (double)v->number;
}

// ── tests ────────────────────────────────────────────────────────────────────────────────────────

static bool all_hold(const struct condition *c, struct event *e)
{
    for (const struct condition *part = c->parts; part; part = part->next)
        if (!part->holds(part, e))
            return false;
    return true;
}

static bool one_holds(const struct condition *c, struct event *e)
{
    for (const struct condition *part = c->parts; part; part = part->next)
        if (part->holds(part, e))
            return true;
    return false;
}

static bool none_holds(const struct condition *c, struct event *e)
{
    return !all_hold(c, e);
}

static bool has_field(const struct condition *c, struct event *e)
{
    return event_has_path(e, &c->path);
}

static bool is_equal(const struct condition *c, struct event *e, const struct value *v)
{
    const struct value *to = &c->value;
    if (to->kind == VALUE_BOOL)
        return v->kind == VALUE_BOOL && v->number == to->number;
    if (to->kind == VALUE_SIGNED && v->kind == VALUE_SIGNED)
        return v->number == to->number;
    if (is_number(to))
        return is_number(v) && real_of(v) == real_of(to);
    struct span text = value_string(e, v, &e->scratch);
    return text.at && span_is(text, span_of(to->at, to->len));
}

// A list equals nothing, as it is not one value.
static bool equals(const struct condition *c, struct event *e)
{
    const struct value *v = event_value(e, &c->path);
    if (!v || v->kind == VALUE_LIST || v->kind == VALUE_TREE)
        return false;
    struct value one = v->kind == VALUE_JSON ? json_value(span_of(v->at, v->len)) : *v;
    return is_equal(c, e, &one);
}

static bool has_text(const struct condition *c, struct event *e, const struct value *v)
{
    struct span text = value_string(e, v, &e->scratch);
    return text.at && (!c->text.len || span_find_span(text, c->text) >= 0);
}

static bool contains(const struct condition *c, struct event *e)
{
    return any_value(c, e, has_text);
}

static bool matches_one(const struct condition *c, struct event *e, const struct value *v)
{
    struct span text = value_string(e, v, &e->scratch);
    return text.at && regexp_matches(c->regexp, text, &e->room);
}

static bool matches(const struct condition *c, struct event *e)
{
    return any_value(c, e, matches_one);
}

static bool is_within(const struct condition *c, struct event *e, const struct value *v)
{
    (void)e;
    const struct bounds *b = &c->bounds;
    if (!is_number(v))
        return false;
    double real = real_of(v);
    return (b->above_is_in ? real >= b->above : real > b->above) &&
           (b->below_is_in ? real <= b->below : real < b->below);
}

static bool in_range(const struct condition *c, struct event *e)
{
    return any_value(c, e, is_within);
}

static bool is_in_network(const struct condition *c, struct event *e, const struct value *v)
{
    struct ip ip;
    return value_address(e, v, &e->scratch, &ip) && cidr_has(&c->network, &ip);
}

static bool in_network(const struct condition *c, struct event *e)
{
    return any_value(c, e, is_in_network);
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

struct reading {
    const struct schema *schema;
    struct arena *arena;
    struct error *why;
};

typedef bool condition_reader(struct reading *r, const struct config *node, const char *name,
                              struct condition ***link);

static struct condition *add(struct reading *r, struct condition ***link,
                             bool (*holds)(const struct condition *, struct event *))
{
    struct condition *c = arena_alloc(r->arena, sizeof *c);
    if (!c) {
        error_set(r->why, "no memory for a condition");
        return NULL;
    }
    c->holds = holds;
    **link = c;
    *link = &c->next;
    return c;
}

static struct condition *add_field(struct reading *r, const char *name, struct condition ***link,
                                   bool (*holds)(const struct condition *, struct event *))
{
    struct condition *c = add(r, link, holds);
    if (c)
        c->path = schema_path(r->schema, name, r->arena);
    return c;
}

static bool refuse(const struct reading *r, const struct config *node, const char *expected)
{
    char found[64];
    return config_refuse(node, r->why, "found %s, expected %s", config_found(node, found),
                         expected);
}

static bool read_equals(struct reading *r, const struct config *node, const char *name,
                        struct condition ***link)
{
    if (node->kind != CONFIG_SCALAR)
        return refuse(r, node, "a text, a number, true or false");
    struct condition *c = add_field(r, name, link, equals);
    return c && constant_read(node, r->arena, &c->value);
}

static bool read_contains(struct reading *r, const struct config *node, const char *name,
                          struct condition ***link)
{
    if (node->kind != CONFIG_SCALAR)
        return refuse(r, node, "a text");
    struct condition *c = add_field(r, name, link, contains);
    if (c)
        c->text = span_text(node->text);
    return c;
}

static bool read_regexp(struct reading *r, const struct config *node, const char *name,
                        struct condition ***link)
{
    struct error inner = {""};
    if (node->kind != CONFIG_SCALAR)
        return refuse(r, node, "a regular expression");
    struct condition *c = add_field(r, name, link, matches);
    if (!c)
        return false;
    c->regexp = regexp_compile(node->text, r->arena, &inner);
    return c->regexp || config_refuse(node, r->why, "%s", inner.text);
}

static bool is_bound_name(const char *key)
{
    return !strcmp(key, "lt") || !strcmp(key, "lte") || !strcmp(key, "gt") || !strcmp(key, "gte");
}

static bool are_bounds(const struct config *node)
{
    for (const struct config *child = node->first; child; child = child->next)
        if (!is_bound_name(child->key) || child->kind == CONFIG_MAP)
            return false;
    return node->first;
}

static bool read_range(struct reading *r, const struct config *node, const char *name,
                       struct condition ***link)
{
    if (node->kind != CONFIG_MAP || !are_bounds(node))
        return refuse(r, node, "lt, lte, gt or gte and a number");
    struct condition *c = add_field(r, name, link, in_range);
    if (!c)
        return false;
    c->bounds = (struct bounds){-__builtin_inf(), __builtin_inf(), true, true};
    for (const struct config *bound = node->first; bound; bound = bound->next) {
        struct value v = {.kind = VALUE_NULL};
        if (bound->kind != CONFIG_SCALAR || !constant_read(bound, r->arena, &v) || !is_number(&v))
            return refuse(r, bound, "a number");
        bool is_in = bound->key[2] == 'e';
        if (bound->key[0] == 'g') {
            c->bounds.above = real_of(&v);
            c->bounds.above_is_in = is_in;
        } else {
            c->bounds.below = real_of(&v);
            c->bounds.below_is_in = is_in;
        }
    }
    return true;
}

static bool read_one_network(struct reading *r, const struct config *node, const char *name,
                             struct condition ***link)
{
    struct condition *c = add_field(r, name, link, in_network);
    if (!c)
        return false;
    if (node->kind != CONFIG_SCALAR || !cidr_read(node->text, r->arena, &c->network))
        return refuse(r, node, "a network like 10.0.0.0/8 or a name like private");
    return true;
}

// One of several networks is enough.
static bool read_network(struct reading *r, const struct config *node, const char *name,
                         struct condition ***link)
{
    if (node->kind != CONFIG_LIST)
        return read_one_network(r, node, name, link);
    struct condition *any = add(r, link, one_holds);
    if (!any)
        return false;
    struct condition **inner = &any->parts;
    for (const struct config *one = node->first; one; one = one->next)
        if (!read_one_network(r, one, name, &inner))
            return false;
    return true;
}

// Every field below a map, with the name its path spells.
static bool read_fields(struct reading *r, const struct config *node, const char *prefix,
                        condition_reader *read, struct condition ***link)
{
    if (!node->first)
        return refuse(r, node, "fields and what they are held against");
    for (const struct config *child = node->first; child; child = child->next) {
        const char *name =
            *prefix ? arena_printf(r->arena, "%s.%s", prefix, child->key) : child->key;
        if (!name)
            return error_set(r->why, "no memory for a condition");
        bool inner = child->kind == CONFIG_MAP && !(read == read_range && are_bounds(child));
        if (inner ? !read_fields(r, child, name, read, link) : !read(r, child, name, link))
            return false;
    }
    return true;
}

static bool read_has_fields(struct reading *r, const struct config *node, const char *name,
                            struct condition ***link)
{
    (void)name;
    if (node->kind != CONFIG_LIST)
        return refuse(r, node, "a list of names");
    for (const struct config *one = node->first; one; one = one->next) {
        if (one->kind != CONFIG_SCALAR)
            return refuse(r, one, "the name of a field");
        if (!add_field(r, one->text, link, has_field))
            return false;
    }
    return true;
}

static bool read_all(struct reading *r, const struct config *node, struct condition ***link);

static bool read_list(struct reading *r, const struct config *node, struct condition ***link,
                      bool (*holds)(const struct condition *, struct event *))
{
    if (node->kind != CONFIG_LIST || !node->first)
        return refuse(r, node, "a list of conditions");
    struct condition *c = add(r, link, holds);
    if (!c)
        return false;
    struct condition **inner = &c->parts;
    for (const struct config *one = node->first; one; one = one->next) {
        struct condition *all = add(r, &inner, all_hold);
        struct condition **parts = all ? &all->parts : NULL;
        if (!all || !read_all(r, one, &parts))
            return false;
    }
    return true;
}

static bool read_and(struct reading *r, const struct config *node, const char *name,
                     struct condition ***link)
{
    (void)name;
    return read_list(r, node, link, all_hold);
}

static bool read_or(struct reading *r, const struct config *node, const char *name,
                    struct condition ***link)
{
    (void)name;
    return read_list(r, node, link, one_holds);
}

static bool read_not(struct reading *r, const struct config *node, const char *name,
                     struct condition ***link)
{
    (void)name;
    struct condition *c = add(r, link, none_holds);
    struct condition **parts = c ? &c->parts : NULL;
    return c && read_all(r, node, &parts);
}

// What may stand in a condition; `fields`: a map of fields, each read by `read`.
static const struct kind {
    const char *name;
    condition_reader *read;
    bool fields;
} kinds[] = {
    {"equals", read_equals, true},   {"contains", read_contains, true},
    {"regexp", read_regexp, true},   {"range", read_range, true},
    {"network", read_network, true}, {"has_fields", read_has_fields, false},
    {"and", read_and, false},        {"or", read_or, false},
    {"not", read_not, false},
};

// For the nearest name to a mistyped one.
static const struct setting names[] = {{.key = "equals"},  {.key = "contains"},
                                       {.key = "regexp"},  {.key = "range"},
                                       {.key = "network"}, {.key = "has_fields"},
                                       {.key = "and"},     {.key = "or"},
                                       {.key = "not"},     SETTING_END};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static bool unknown(const struct reading *r, const struct config *node)
{
    const char *near = setting_nearest(names, node->key);
    if (near)
        return config_refuse(node, r->why, "no such condition; did you mean %s?", near);
    return config_refuse(node, r->why,
                         "no such condition; known are equals, contains, regexp, range, network, "
                         "has_fields, and, or, not");
}

// All conditions of one map, added one after the other.
static bool read_all(struct reading *r, const struct config *node, struct condition ***link)
{
    if (node->kind != CONFIG_MAP || !node->first)
        return refuse(r, node, "a condition");
    for (const struct config *child = node->first; child; child = child->next) {
        const struct kind *kind = find_kind(child->key);
        if (!kind)
            return unknown(r, child);
        if (kind->fields && child->kind != CONFIG_MAP)
            return refuse(r, child, "fields and what they are held against");
        if (kind->fields ? !read_fields(r, child, "", kind->read, link)
                         : !kind->read(r, child, NULL, link))
            return false;
    }
    return true;
}

struct condition *condition_read(const struct config *node, const struct schema *s, struct arena *a,
                                 struct error *why)
{
    struct reading r = {s, a, why};
    struct condition *first = NULL, **link = &first, *c = add(&r, &link, all_hold);
    link = c ? &c->parts : NULL;
    return c && read_all(&r, node, &link) ? c : NULL;
}

bool condition_holds(const struct condition *c, struct event *e)
{
    return c->holds(c, e);
}
