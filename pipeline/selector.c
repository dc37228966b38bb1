// SPDX-License-Identifier: Apache-2.0
// Rules as a list, and the routes of all outputs as one array of selectors.
#include "pipeline/selector.h"

#include "pipeline/condition.h"
#include "pipeline/route.h"

enum { ROUTE_TEXT = 1024 }; // bytes of a resolved route at most

struct mapping {
    struct mapping *next;
    struct span from, to;
};

struct rule {
    struct rule *next;
    struct condition *when; // NULL: always
    struct format *text;
    struct mapping *mappings; // NULL: the text itself counts
    bool mapped;
    struct span otherwise; // if the text cannot be had; empty: the next rule
};

struct selector {
    bool lower;
    bool has_field;
    struct field_path field;
    struct rule *rules;
    struct format *text;  // NULL: none, or constant
    struct span constant; // of the text
};

struct routes {
    struct selector **at;
    unsigned count;
};

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

static struct span lower(struct span s, struct arena *a)
{
    uint8_t *copy = arena_alloc(a, s.len + 1);
    for (size_t i = 0; copy && i < s.len; i++)
        copy[i] = text_lower(s.at[i]);
    return span_of(copy, copy ? s.len : 0);
}

static struct span cased(const struct selector_source *from, const char *text, struct arena *a)
{
    return from->lower ? lower(span_text(text), a) : span_text(text);
}

// The format string with what is known of the program already in it.
static const char *fold(const char *text, const struct output_world *w, struct arena *a)
{
    const struct {
        struct span name;
        const char *value;
    } facts[] = {{SPAN("%{[agent.version]}"), w ? w->version : NULL},
                 {SPAN("%{[agent.type]}"), w ? w->program : NULL},
                 {SPAN("%{[agent.name]}"), w ? w->host : NULL}};
    for (size_t i = 0; text && i < sizeof facts / sizeof *facts; i++) {
        ptrdiff_t at;
        while (facts[i].value && text && (at = span_find_span(span_text(text), facts[i].name)) >= 0)
            text = arena_printf(a, "%.*s%s%s", (int)at, text, facts[i].value,
                                text + at + facts[i].name.len);
    }
    return text;
}

static struct format *read_text(const struct selector_source *from, const char *text,
                                const struct schema *s, struct arena *a, struct error *why)
{
    const char *folded = fold(text, from->world, a);
    if (folded)
        return format_read(folded, s, a, why);
    error_set(why, "out of memory");
    return NULL;
}

static bool read_mappings(struct rule *rule, const struct selector_source *from,
                          const struct config *node, struct arena *a, struct error *why)
{
    rule->mapped = node != NULL;
    struct mapping **end = &rule->mappings;
    for (const struct config *n = node ? node->first : NULL; n; n = n->next) {
        if (!n->key || n->kind != CONFIG_SCALAR)
            return config_refuse(n, why, "expected a text for a text");
        struct mapping *m = arena_alloc(a, sizeof *m);
        if (!m)
            return error_set(why, "out of memory");
        m->from = cased(from, n->key, a);
        m->to = cased(from, n->text, a);
        *end = m;
        end = &m->next;
    }
    return true;
}

static bool check_rule(const struct selector_source *from, const struct config *node,
                       struct error *why)
{
    if (node->kind != CONFIG_MAP)
        return config_refuse(node, why, "expected a rule with %s, mappings, default, when",
                             from->key);
    for (const struct config *n = node->first; n; n = n->next)
        if (strcmp(n->key, from->key) != 0 && strcmp(n->key, "mappings") != 0 &&
            strcmp(n->key, "default") != 0 && strcmp(n->key, "when") != 0)
            return config_refuse(n, why, "a rule has %s, mappings, default, when", from->key);
    if (!config_text(node, from->key))
        return config_refuse(node, why, "a rule needs %s", from->key);
    return true;
}

static struct rule *read_rule(const struct selector_source *from, const struct config *node,
                              const struct schema *s, struct arena *a, struct error *why)
{
    struct error inner = {""};
    if (!check_rule(from, node, why))
        return NULL;
    struct rule *rule = arena_alloc(a, sizeof *rule);
    if (!rule) {
        error_set(why, "out of memory");
        return NULL;
    }
    rule->text = read_text(from, config_text(node, from->key), s, a, &inner);
    if (!rule->text) {
        config_refuse(config_get(node, from->key), why, "%s", inner.text);
        return NULL;
    }
    rule->otherwise = cased(from, config_text(node, "default"), a);
    const struct config *when = config_get(node, "when");
    if (when && !(rule->when = condition_read(when, s, a, why)))
        return NULL;
    return read_mappings(rule, from, config_get(node, "mappings"), a, why) ? rule : NULL;
}

static bool read_rules(struct selector *sel, const struct selector_source *from,
                       const struct schema *s, struct arena *a, struct error *why)
{
    const struct config *list = from->rules;
    struct rule **end = &sel->rules;
    if (!list || list->kind == CONFIG_NULL)
        return true;
    if (list->kind != CONFIG_LIST)
        return config_refuse(list, why, "expected a list of rules with %s and when", from->key);
    for (const struct config *n = list->first; n; n = n->next) {
        *end = read_rule(from, n, s, a, why);
        if (!*end)
            return false;
        end = &(*end)->next;
    }
    return true;
}

struct selector *selector_read(const struct selector_source *from, const struct schema *s,
                               struct arena *a, struct error *why)
{
    struct selector *sel = arena_alloc(a, sizeof *sel);
    if (!sel) {
        error_set(why, "out of memory");
        return NULL;
    }
    sel->lower = from->lower;
    if (from->field) {
        sel->field = schema_path(s, from->field, a);
        sel->has_field = sel->field.first <= sel->field.last;
    }
    if (from->text && !(sel->text = read_text(from, from->text, s, a, why)))
        return NULL;
    if (sel->text && format_is_constant(sel->text, &sel->constant)) {
        sel->text = NULL;
        if (sel->lower)
            sel->constant = lower(sel->constant, a);
    }
    return read_rules(sel, from, s, a, why) ? sel : NULL;
}

bool selector_constant(const struct selector *sel, struct span *text)
{
    *text = sel->constant;
    return !sel->text;
}

// ── resolving ────────────────────────────────────────────────────────────────────────────────────

static struct span write_text(const struct selector *sel, const struct format *f, struct event *e)
{
    struct pen pen = event_pen(e, ROUTE_TEXT);
    if (!format_write(f, e, &pen))
        return span_of(NULL, 0);
    struct span text = pen_written(&pen);
    return sel->lower ? lower(text, &e->scratch) : text;
}

static struct span map_text(const struct rule *rule, struct span text)
{
    for (const struct mapping *m = rule->mappings; m; m = m->next)
        if (span_is(m->from, text))
            return m->to;
    return span_of(NULL, 0);
}

static struct span rule_resolve(const struct selector *sel, const struct rule *rule,
                                struct event *e)
{
    if (rule->when && !condition_holds(rule->when, e))
        return span_of(NULL, 0);
    struct span text = write_text(sel, rule->text, e);
    if (text.len && rule->mapped)
        text = map_text(rule, text);
    return text.len ? text : rule->otherwise;
}

static struct span field_resolve(const struct selector *sel, struct event *e)
{
    struct span text = sel->has_field ? event_to_text(e, &sel->field) : span_of(NULL, 0);
    return text.len && sel->lower ? lower(text, &e->scratch) : text;
}

struct span selector_resolve(const struct selector *sel, struct event *e)
{
    struct span text = field_resolve(sel, e);
    for (const struct rule *rule = sel->rules; rule && !text.len; rule = rule->next)
        text = rule_resolve(sel, rule, e);
    return text.len || !sel->text ? text : write_text(sel, sel->text, e);
}

// ── the routes of all outputs ────────────────────────────────────────────────────────────────────

// A member of an output's settings, by its key.
static const void *member(const struct publisher_output *o, const char *key, enum setting_type type)
{
    for (const struct setting *row = o->output->settings; key && row && row->key; row++)
        if (!strcmp(row->key, key) && row->type == type)
            return (const char *)o->settings + row->offset;
    return NULL;
}

// Route `which` of an output: one of those it always has, or one of the format strings behind them.
static struct selector_source route_source(const struct publisher_output *o, unsigned which,
                                           unsigned own, const char *const *more)
{
    if (which >= own)
        return (struct selector_source){.text = more[which - own], .key = more[which - own]};
    const struct output_route *r = &o->output->routes[which];
    const char *const *text = member(o, r->name, SETTING_TEXT);
    const struct config *const *rules = member(o, r->rules, SETTING_NODE);
    return (struct selector_source){.text = text ? *text : NULL,
                                    .rules = rules ? *rules : NULL,
                                    .key = r->name,
                                    .field = r->field,
                                    .lower = r->lower};
}

static struct selector *route_read(const struct publisher_output *o,
                                   const struct selector_source *from, const struct schema *s,
                                   struct arena *a, struct error *why)
{
    struct error inner = {""};
    struct selector *sel = selector_read(from, s, a, &inner);
    if (!sel)
        error_set(why, "output.%s.%s: %.400s", o->output->name, from->key, inner.text);
    return sel;
}

// How many routes an output has of its own, and how many format strings follow.
struct route_count {
    unsigned own, more;
    const char *const *texts;
};

static struct route_count routes_of(const struct publisher_output *o, struct arena *a)
{
    const struct output *output = o->output;
    struct route_count c = {0, 0, NULL};
    while (output->routes && output->routes[c.own].name)
        c.own++;
    if (output->more_routes)
        c.texts = output->more_routes(o->settings, a);
    while (c.texts && c.texts[c.more])
        c.more++;
    return c;
}

static bool output_read(struct routes *all, struct publisher_output *o, struct route_count routes,
                        const struct output_world *world, const struct schema *s, struct arena *a,
                        struct error *why)
{
    unsigned count = routes.own + routes.more;
    struct span *constants = arena_alloc(a, (count + 1) * sizeof *constants);
    if (!constants)
        return error_set(why, "out of memory");
    o->route = all->count;
    o->route_count = count;
    o->constants = constants;
    for (unsigned i = 0; i < count; i++) {
        struct selector_source from = route_source(o, i, routes.own, routes.texts);
        from.world = world;
        struct selector *sel = route_read(o, &from, s, a, why);
        if (!sel)
            return false;
        selector_constant(sel, &constants[i]);
        all->at[all->count++] = sel;
    }
    return true;
}

struct routes *routes_read(struct publisher_output *list, int count,
                           const struct output_world *world, const struct schema *s,
                           struct arena *a, struct error *why)
{
    unsigned total = 1;
    struct routes *all = arena_alloc(a, sizeof *all);
    struct route_count *counts = arena_alloc(a, ((size_t)count + 1) * sizeof *counts);
    for (int i = 0; counts && i < count; i++) {
        counts[i] = routes_of(&list[i], a);
        total += counts[i].own + counts[i].more;
    }
    if (all)
        all->at = arena_alloc(a, total * sizeof(struct selector *));
    if (!all || !all->at || !counts) {
        error_set(why, "out of memory");
        return NULL;
    }
    for (int i = 0; i < count; i++)
        if (!output_read(all, &list[i], counts[i], world, s, a, why))
            return NULL;
    return all;
}

void routes_resolve(const struct routes *r, struct event *e)
{
    struct span *texts = NULL;
    e->route_count = 0;
    for (unsigned i = 0; i < r->count; i++) {
        struct span text = selector_resolve(r->at[i], e);
        if (!text.len)
            continue;
        if (!texts && !(texts = arena_alloc(&e->scratch, r->count * sizeof *texts))) {
            e->lost = true;
            return;
        }
        texts[i] = text;
        e->routes = texts;
        e->route_count = (uint16_t)r->count;
    }
}
