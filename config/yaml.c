// SPDX-License-Identifier: Apache-2.0
// libyaml's events into a tree. The grammar is libyaml's; what a key is, what an alias costs and
// how deep things may lie is decided here. Tags are ignored, except `!!str`, which is as good as
// quotes.
#include "config/yaml.h"

#include <yaml.h>

struct anchor {
    const char *name;
    const struct config *node;
    const struct anchor *older;
};

struct reading {
    yaml_parser_t parser;
    yaml_event_t event; // the one looked at; without type after a failure
    struct tree *tree;
    const struct anchor *anchors; // the newest first: a name may be given again
    int anchor_count;
};

static struct config *read_node(struct reading *r, int depth);

static int line_of(const struct reading *r)
{
    return (int)r->event.start_mark.line + 1;
}

// The reader of bytes knows an offset only.
static int line_at(struct span text, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset && i < text.len; i++)
        line += text.at[i] == '\n';
    return line;
}

static bool refuse_syntax(const struct reading *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return tree_refuse(r->tree, 0, "out of memory");
    if (p->error == YAML_READER_ERROR) {
        struct span text =
            span_of(p->input.string.start, (size_t)(p->input.string.end - p->input.string.start));
        return tree_refuse(r->tree, line_at(text, p->problem_offset),
                           "not YAML: %s (byte %zu of the file)", p->problem, p->problem_offset);
    }
    return tree_refuse(r->tree, (int)p->problem_mark.line + 1, "not YAML: %s (column %d)%s%s",
                       p->problem, (int)p->problem_mark.column + 1, p->context ? ", " : "",
                       p->context ? p->context : "");
}

static bool next(struct reading *r)
{
    yaml_event_delete(&r->event);
    return yaml_parser_parse(&r->parser, &r->event) || refuse_syntax(r);
}

static struct span scalar_of(const struct reading *r)
{
    return span_of(r->event.data.scalar.value, r->event.data.scalar.length);
}

// The anchor's name is libyaml's until the next event, so it is copied before the children are
// read.
static bool copy_name(struct reading *r, const yaml_char_t *name, const char **copy)
{
    *copy = name ? arena_text(r->tree->arena, (const char *)name) : NULL;
    if (name && !*copy)
        return tree_refuse(r->tree, line_of(r), "the configuration is too large");
    return true;
}

// Makes a finished node known under its anchor. Only then: so no alias can lie inside what it
// means.
static struct config *anchored(struct reading *r, const char *name, struct config *node)
{
    if (!name || !node)
        return node;
    if (r->anchor_count++ == CONFIG_ANCHORS)
        return tree_refuse(r->tree, node->line, "more than %d anchors", CONFIG_ANCHORS);
    struct anchor *anchor = arena_alloc(r->tree->arena, sizeof *anchor);
    if (!anchor)
        return tree_refuse(r->tree, node->line, "the configuration is too large");
    *anchor = (struct anchor){name, node, r->anchors};
    r->anchors = anchor;
    return node;
}

static struct config *read_alias(struct reading *r, int depth)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    for (const struct anchor *a = r->anchors; a; a = a->older)
        if (strcmp(a->name, name) == 0)
            return tree_copy(r->tree, a->node, depth);
    return tree_refuse(r->tree, line_of(r), "*%.100s: no anchor of this name ends above", name);
}

static struct config *read_scalar(struct reading *r)
{
    const char *name, *tag = (const char *)r->event.data.scalar.tag;
    if (!copy_name(r, r->event.data.scalar.anchor, &name))
        return NULL;
    bool quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                  (tag && strcmp(tag, YAML_STR_TAG) == 0);
    return anchored(r, name, tree_scalar(r->tree, scalar_of(r), quoted, line_of(r)));
}

static struct config *read_list(struct reading *r, int depth)
{
    const char *name;
    struct config *list = tree_node(r->tree, CONFIG_LIST, line_of(r));
    if (!list || !copy_name(r, r->event.data.sequence_start.anchor, &name))
        return NULL;
    while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        struct config *item = read_node(r, depth + 1);
        if (!item || !tree_append(r->tree, list, item))
            return NULL;
    }
    if (r->event.type != YAML_SEQUENCE_END_EVENT)
        return NULL;
    return anchored(r, name, list);
}

static bool is_merge_key(const struct reading *r)
{
    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           span_is(scalar_of(r), (struct span)SPAN("<<"));
}

// One `key: value`; what `<<` brings is kept in `merges` until the map's own keys are known.
static bool read_entry(struct reading *r, struct config *map, struct config *merges, int depth)
{
    int line = line_of(r);
    if (r->event.type != YAML_SCALAR_EVENT)
        return tree_refuse(r->tree, line, "expected a text as key, found something else");
    if (span_find(scalar_of(r), 0) >= 0)
        return tree_refuse(r->tree, line, "found a zero byte in a key");
    bool is_merge = is_merge_key(r);
    struct span text = scalar_of(r);
    const char *key = text.len ? (const char *)arena_copy(r->tree->arena, text).at : "";
    if (!key)
        return tree_refuse(r->tree, line, "the configuration is too large");
    struct config *value = next(r) ? read_node(r, depth + tree_parts(key)) : NULL;
    if (!value)
        return false;
    if (is_merge)
        return tree_append(r->tree, merges, value);
    value->line = r->tree->single ? r->tree->line : line;
    return tree_put(r->tree, map, key, value);
}

// YAML's merge key: a map, or a list of maps of which the earlier win.
static bool merge_in(struct reading *r, struct config *map, struct config *from)
{
    if (from->kind == CONFIG_MAP)
        return tree_fill(r->tree, map, from);
    bool are_maps = from->kind == CONFIG_LIST;
    for (struct config *item = from->first; item && are_maps; item = item->next) {
        are_maps = item->kind == CONFIG_MAP;
        if (are_maps && !tree_fill(r->tree, map, item))
            return false;
    }
    return are_maps || tree_refuse(r->tree, from->line, "<<: expected a map or a list of maps");
}

static struct config *read_map(struct reading *r, int depth)
{
    const char *name;
    struct config *map = tree_node(r->tree, CONFIG_MAP, line_of(r));
    struct config merges = {.kind = CONFIG_LIST};
    if (!map || !copy_name(r, r->event.data.mapping_start.anchor, &name))
        return NULL;
    while (next(r) && r->event.type != YAML_MAPPING_END_EVENT)
        if (!read_entry(r, map, &merges, depth))
            return NULL;
    if (r->event.type != YAML_MAPPING_END_EVENT)
        return NULL;
    for (struct config *from = merges.first, *after; from; from = after) {
        after = from->next;
        if (!merge_in(r, map, from))
            return NULL;
    }
    return anchored(r, name, map);
}

// `depth` is that of the node: 0 for the root.
static struct config *read_node(struct reading *r, int depth)
{
    if (depth > CONFIG_DEPTH)
        return tree_refuse(r->tree, line_of(r), "nested deeper than %d", CONFIG_DEPTH);
    switch (r->event.type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, depth);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, depth);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, depth);
    default:
        return read_scalar(r);
    }
}

static bool go_on(struct reading *r, int events)
{
    while (events-- > 0)
        if (!next(r))
            return false;
    return true;
}

// The root of the first document, with nothing behind it.
static struct config *read_root(struct reading *r)
{
    if (!go_on(r, 2)) // the stream begins; a document begins, or nothing does
        return NULL;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return tree_node(r->tree, CONFIG_NULL, 1);
    struct config *root = next(r) ? read_node(r, r->tree->depth) : NULL;
    if (!root || !go_on(r, 2)) // the document ends; the stream ends, or another begins
        return NULL;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return tree_refuse(r->tree, line_of(r), "found a second document, expected one");
    return root;
}

static struct config *parse(struct tree *t, struct span text)
{
    struct reading r = {.tree = t};
    if (!yaml_parser_initialize(&r.parser))
        return tree_refuse(t, 0, "out of memory");
    yaml_parser_set_input_string(&r.parser, text.at ? text.at : (const uint8_t *)"", text.len);
    struct config *root = read_root(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return root;
}

struct config *yaml_document(struct tree *t, struct span text)
{
    struct config *root = parse(t, text);
    if (!root || root->kind == CONFIG_MAP)
        return root;
    if (root->kind == CONFIG_NULL)
        return tree_node(t, CONFIG_MAP, root->line);
    char found[64];
    return tree_refuse(t, root->line, "expected settings as `key: value`, found %s",
                       config_found(root, found));
}

// Reads `text` between two brackets as YAML; NULL if it is not.
static struct config *try_flow(struct tree *t, const char *open, struct span text,
                               const char *close)
{
    const char *whole =
        arena_printf(t->arena, "%s%.*s%s", open, (int)text.len, (const char *)text.at, close);
    struct error unheard, *why = t->why;
    t->why = &unheard;
    struct config *node = whole ? parse(t, span_text(whole)) : NULL;
    t->why = why;
    return node;
}

struct config *yaml_value(struct tree *t, const char *text)
{
    struct span s = span_trim(span_text(text));
    struct config *node = NULL;
    bool opens = s.len && strchr("[{\"'", s.at[0]);
    if (opens && s.len < CONFIG_FILE)
        node = try_flow(t, "", s, "");
    else if (s.len < CONFIG_FILE && span_find(s, ',') >= 0)
        node = try_flow(t, "[", s, "]");
    if (!node)
        return tree_scalar(t, span_text(text), false, t->line);
    if (node->kind == CONFIG_LIST || node->kind == CONFIG_MAP)
        node->text = arena_text(t->arena, text);
    return node;
}
