// SPDX-License-Identifier: Apache-2.0
// ${…} in values: other settings, then what the caller looks up, then the default.
//
//   "http://${HOST:localhost}:${PORT}/"     a mix: pieces of text, joined
//   "${HOSTS:a,b}"                          one whole variable: its value, whatever its kind
//
// A value that is needed by another is resolved first, on the way; who is on the way already is a
// loop. What came out of a variable is never looked at again, so nobody can smuggle one in.
#include "config/tree.h"
#include "config/yaml.h"

// A value on its way to being resolved.
struct visit {
    const struct config *node;
    const struct visit *up;
    int depth;
};

struct substitution {
    struct config *root;
    config_lookup *lookup;
    void *arg;
    struct tree tree;
};

// ${name}, ${name:rest}; `end` is the byte behind it in the text it stands in.
struct variable {
    const char *name;
    struct span rest;
    bool has_rest;
    size_t end;
};

// Text in pieces, joined when all are known.
struct piece {
    struct span text;
    struct piece *next;
};

struct pieces {
    struct piece *first, **end;
    size_t len;
    bool secret; // one of them is
};

static bool resolve(struct substitution *s, struct config *node, int depth, const struct visit *up);
static const struct config *value_of(struct substitution *s, struct span text,
                                     const struct visit *at);

static const struct span OPEN = SPAN("${"), ESCAPED_OPEN = SPAN("$${"), ESCAPED_CLOSE = SPAN("$}");

static void *refuse_memory(const struct visit *at, struct error *why)
{
    config_refuse(at->node, why, "the configuration is too large");
    return NULL;
}

// The length of what stands at the start of `text` and must not be taken apart.
static size_t token(struct span text)
{
    if (span_starts(text, ESCAPED_OPEN))
        return ESCAPED_OPEN.len;
    if (span_starts(text, ESCAPED_CLOSE) || span_starts(text, OPEN))
        return OPEN.len;
    return 1;
}

// Where the variable that `text` begins with ends: behind its closing brace; 0 if there is none.
static size_t variable_len(struct span text)
{
    int open = 0;
    for (size_t i = 0; i < text.len; i += token(span_skip(text, i))) {
        struct span here = span_skip(text, i);
        if (span_starts(here, OPEN))
            open++;
        else if (here.at[0] == '}' && --open == 0)
            return i + 1;
    }
    return 0;
}

static bool read_variable(struct substitution *s, struct span text, struct variable *v,
                          const struct visit *at)
{
    v->end = variable_len(text);
    if (v->end == 0)
        return config_refuse(at->node, s->tree.why,
                             "found ${ without }; write $${ if no variable is meant");
    v->rest = span_of(text.at + OPEN.len, v->end - OPEN.len - 1);
    v->has_rest = span_find(v->rest, ':') >= 0;
    struct span name = span_cut(&v->rest, ':');
    if (name.len == 0 || span_find(name, '$') >= 0)
        return config_refuse(at->node, s->tree.why, "expected a name in ${…}, found \"%.*s\"",
                             (int)(name.len < 40 ? name.len : 40), (const char *)name.at);
    v->name = (const char *)arena_copy(s->tree.arena, name).at;
    return v->name || refuse_memory(at, s->tree.why);
}

static bool is_on_the_way(const struct config *node, const struct visit *at)
{
    while (at && at->node != node)
        at = at->up;
    return at != NULL;
}

// One step deeper: to another value, or to a variable inside a default.
static bool enter(struct substitution *s, struct visit *here, const struct config *node,
                  const struct visit *up)
{
    *here = (struct visit){node, up, up ? up->depth + 1 : 1};
    if (here->depth > CONFIG_DEPTH)
        return config_refuse(node, s->tree.why, "${…} leads on more than %d times", CONFIG_DEPTH);
    return true;
}

// What the tree grows from here on stands where `node` stands.
static struct tree *tree_at(struct substitution *s, const struct config *node)
{
    s->tree.file = node->file;
    s->tree.line = node->line;
    return &s->tree;
}

// Neither a setting nor the caller knows the name.
static const struct config *default_value(struct substitution *s, const struct variable *v,
                                          const struct visit *at)
{
    static const struct config nothing = {.kind = CONFIG_NULL};
    if (!v->has_rest)
        return &nothing;
    struct visit inside;
    if (!span_starts(v->rest, (struct span)SPAN("?")))
        return enter(s, &inside, at->node, at) ? value_of(s, v->rest, &inside) : NULL;
    struct span text = span_skip(v->rest, 1);
    config_refuse(at->node, s->tree.why, "${%.60s} is not set: %.*s", v->name,
                  (int)(text.len < 200 ? text.len : 200), (const char *)text.at);
    return NULL;
}

// A text, and never anything else.
static const struct config *secret_value(struct substitution *s, const char *text,
                                         const struct visit *at)
{
    struct config *value = tree_scalar(tree_at(s, at->node), span_text(text), true, at->node->line);
    if (value)
        value->secret = true;
    return value;
}

// What ${name} stands for, to be copied by who keeps it. A setting that asks for its own name means
// the environment's (`name: ${name}`), if there is one.
static const struct config *variable_value(struct substitution *s, const struct variable *v,
                                           const struct visit *at)
{
    struct config *setting = (struct config *)config_get(s->root, v->name);
    bool loops = setting && is_on_the_way(setting, at);
    if (setting && setting->kind != CONFIG_NULL && !loops)
        return resolve(s, setting, tree_parts(v->name), at) ? setting : NULL;
    bool secret = false;
    const char *found = s->lookup ? s->lookup(s->arg, v->name, &secret) : NULL;
    if (found)
        return secret ? secret_value(s, found, at) : yaml_value(tree_at(s, at->node), found);
    if (loops && !v->has_rest) {
        config_refuse(at->node, s->tree.why, "${%.60s} leads back to itself", v->name);
        return NULL;
    }
    return default_value(s, v, at);
}

static bool add(struct substitution *s, struct pieces *p, struct span text, const struct visit *at)
{
    struct piece *piece = arena_alloc(s->tree.arena, sizeof *piece);
    if (!piece)
        return refuse_memory(at, s->tree.why);
    p->len += text.len;
    if (p->len > CONFIG_RESOLVED)
        return config_refuse(at->node, s->tree.why, "longer than %d bytes with its variables",
                             CONFIG_RESOLVED);
    piece->text = text;
    *p->end = piece;
    p->end = &piece->next;
    return true;
}

static bool add_variable(struct substitution *s, struct pieces *p, struct span text, size_t *end,
                         const struct visit *at)
{
    struct variable v = {.name = NULL};
    if (!read_variable(s, text, &v, at))
        return false;
    *end = v.end;
    const struct config *value = variable_value(s, &v, at);
    if (!value)
        return false;
    if (value->kind != CONFIG_NULL && !value->text)
        return config_refuse(at->node, s->tree.why, "${%.60s} is %s, expected a text", v.name,
                             value->kind == CONFIG_LIST ? "a list" : "a map");
    p->secret |= value->secret;
    return add(s, p, span_text(value->text), at);
}

static const char *join(struct substitution *s, const struct pieces *p, const struct visit *at)
{
    char *text = arena_alloc(s->tree.arena, p->len + 1), *end = text;
    if (!text)
        return refuse_memory(at, s->tree.why);
    for (const struct piece *piece = p->first; piece; piece = piece->next) {
        if (piece->text.len)
            memcpy(end, piece->text.at, piece->text.len);
        end += piece->text.len;
    }
    return text;
}

// The text with all its variables replaced and escapes undone; `*secret`: one of them was.
static const char *expand(struct substitution *s, struct span text, const struct visit *at,
                          bool *secret)
{
    struct pieces p = {.first = NULL, .end = &p.first};
    while (text.len) {
        size_t plain = 0;
        while (plain < text.len && token(span_skip(text, plain)) == 1)
            plain++;
        if (plain && !add(s, &p, span_first(text, plain), at))
            return NULL;
        text = span_skip(text, plain);
        size_t len = token(text);
        if (span_starts(text, OPEN) ? !add_variable(s, &p, text, &len, at)
                                    : text.len && !add(s, &p, span_of(text.at + 1, len - 1), at))
            return NULL;
        text = span_skip(text, len);
    }
    *secret = p.secret;
    return join(s, &p, at);
}

static bool is_whole_variable(struct span text)
{
    return span_starts(text, OPEN) && variable_len(text) == text.len;
}

// What a text with variables stands for, to be copied by who keeps it.
static const struct config *value_of(struct substitution *s, struct span text,
                                     const struct visit *at)
{
    if (is_whole_variable(text)) {
        struct variable v = {.name = NULL};
        return read_variable(s, text, &v, at) ? variable_value(s, &v, at) : NULL;
    }
    bool secret = false;
    const char *expanded = expand(s, text, at, &secret);
    if (!expanded || secret)
        return expanded ? secret_value(s, expanded, at) : NULL;
    return yaml_value(tree_at(s, at->node), expanded);
}

static bool resolve_scalar(struct substitution *s, struct config *node, int depth,
                           const struct visit *up)
{
    struct visit here;
    if (is_on_the_way(node, up))
        return config_refuse(node, s->tree.why, "leads back to itself");
    if (!enter(s, &here, node, up))
        return false;
    struct span text = span_text(node->text);
    if (!is_whole_variable(text)) {
        const char *expanded = expand(s, text, &here, &node->secret);
        if (!expanded)
            return false;
        node->text = expanded;
        node->pending = false;
        return true;
    }
    const struct config *value = value_of(s, text, &here);
    const struct config *copy = value ? tree_copy(tree_at(s, node), value, depth) : NULL;
    if (copy)
        tree_become(node, copy);
    return copy;
}

// Resolves all that lies in `node`, which is `depth` below the root.
static bool resolve(struct substitution *s, struct config *node, int depth, const struct visit *up)
{
    if (node->pending)
        return resolve_scalar(s, node, depth, up);
    for (struct config *child = node->first; child; child = child->next)
        if (!resolve(s, child, depth + 1, up))
            return false;
    return true;
}

bool config_resolve(struct config *root, config_lookup *lookup, void *arg, struct arena *a,
                    struct error *why)
{
    struct substitution s = {
        root, lookup, arg, {.arena = a, .why = why, .file = "", .single = true, .literal = true}};
    return resolve(&s, root, 0, NULL);
}
