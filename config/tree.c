// SPDX-License-Identifier: Apache-2.0
// Trees grow here. One rule for one file: a key is written once, though it may be implied by dotted
// keys any number of times. Another for what comes later: it wins.
#include "config/tree.h"

#include <stdarg.h>
#include <stdio.h>

void *tree_refuse(const struct tree *t, int line, const char *format, ...)
{
    struct error reason;
    va_list list;
    va_start(list, format);
    vsnprintf(reason.text, sizeof reason.text, format, list);
    va_end(list);
    if (t->single)
        line = t->line;
    if (line > 0)
        error_set(t->why, "%s:%d: %.400s", t->file, line, reason.text);
    else
        error_set(t->why, "%s: %.400s", t->file, reason.text);
    return NULL;
}

static void *refuse_memory(const struct tree *t, int line)
{
    return tree_refuse(t, line, "the configuration is too large");
}

struct config *tree_node(struct tree *t, enum config_kind kind, int line)
{
    if (t->nodes == CONFIG_NODES)
        return tree_refuse(t, line, "more than %d values, aliases counted", CONFIG_NODES);
    struct config *node = arena_alloc(t->arena, sizeof *node);
    if (!node)
        return refuse_memory(t, line);
    t->nodes++;
    node->kind = kind;
    node->file = t->file;
    node->line = t->single ? t->line : line;
    return node;
}

bool tree_is_null(struct span text)
{
    static const struct span words[] = {SPAN(""), SPAN("~"), SPAN("null"), SPAN("Null"),
                                        SPAN("NULL")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_is(text, words[i]))
            return true;
    return false;
}

static bool holds_variables(const char *text)
{
    return strstr(text, "${") || strstr(text, "$}");
}

struct config *tree_scalar(struct tree *t, struct span text, bool quoted, int line)
{
    if (span_find(text, 0) >= 0)
        return tree_refuse(t, line, "found a zero byte in a text");
    if (!quoted && tree_is_null(text))
        return tree_node(t, CONFIG_NULL, line);
    struct config *node = tree_node(t, CONFIG_SCALAR, line);
    if (!node)
        return NULL;
    // The copy of an empty view may be no text at all.
    node->text = text.len ? (const char *)arena_copy(t->arena, text).at : "";
    if (!node->text)
        return refuse_memory(t, line);
    node->quoted = quoted;
    node->pending = !t->literal && holds_variables(node->text);
    return node;
}

struct config *tree_copy(struct tree *t, const struct config *node, int depth)
{
    if (depth > CONFIG_DEPTH)
        return tree_refuse(t, node->line, "nested deeper than %d", CONFIG_DEPTH);
    struct config *copy = tree_node(t, node->kind, node->line);
    if (!copy)
        return NULL;
    *copy = *node;
    copy->first = copy->last = copy->next = NULL;
    copy->count = 0;
    for (const struct config *child = node->first; child; child = child->next) {
        struct config *twin = tree_copy(t, child, depth + 1);
        if (!twin || !tree_append(t, copy, twin))
            return NULL;
    }
    return copy;
}

static struct config *item_at(const struct config *list, const char *position)
{
    uint64_t left;
    if (!span_number(span_text(position), &left))
        return NULL;
    struct config *item = list->first;
    while (item && left-- > 0)
        item = item->next;
    return item;
}

struct config *tree_child(const struct config *parent, const char *key)
{
    if (parent->kind == CONFIG_LIST)
        return item_at(parent, key);
    for (struct config *child = parent->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

bool tree_append(struct tree *t, struct config *parent, struct config *child)
{
    if (parent->kind == CONFIG_MAP && parent->count >= CONFIG_KEYS)
        return tree_refuse(t, child->line, "more than %d keys in one map", CONFIG_KEYS);
    if (parent->kind == CONFIG_LIST)
        child->key = NULL;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
    return true;
}

int tree_parts(const char *key)
{
    int parts = 1;
    for (; *key; key++)
        parts += *key == '.';
    return parts;
}

struct config *tree_wrap(struct tree *t, const char *key, struct config *value)
{
    struct span rest = span_text(key);
    struct config *outermost = NULL, *above = NULL;
    while (rest.len) {
        struct span part = span_cut(&rest, '.');
        bool is_last = part.at + part.len == (const uint8_t *)key + strlen(key);
        if (part.len == 0 || (!is_last && rest.len == 0))
            return tree_refuse(t, value->line, "the key \"%.100s\" has an empty part", key);
        struct config *node = is_last ? value : tree_node(t, CONFIG_MAP, value->line);
        const char *name = (const char *)arena_copy(t->arena, part).at;
        if (!node || !name)
            return node ? refuse_memory(t, value->line) : NULL;
        node->key = name;
        node->implied = !is_last;
        if (above)
            tree_append(t, above, node);
        else
            outermost = node;
        above = node;
    }
    return outermost ? outermost : tree_refuse(t, value->line, "found an empty key");
}

// Joins a child to a map of the same file.
static bool join(struct tree *t, struct config *map, struct config *child)
{
    struct config *old = tree_child(map, child->key);
    if (!old)
        return tree_append(t, map, child);
    bool both_maps = old->kind == CONFIG_MAP && child->kind == CONFIG_MAP;
    if (!both_maps || !(old->implied || child->implied))
        return tree_refuse(t, child->line, "%.100s: given twice, first in line %d", child->key,
                           old->line);
    for (struct config *c = child->first, *next; c; c = next) {
        next = c->next;
        if (!join(t, old, c))
            return false;
    }
    old->implied = old->implied && child->implied;
    return true;
}

bool tree_put(struct tree *t, struct config *map, const char *key, struct config *value)
{
    struct config *child = tree_wrap(t, key, value);
    return child && join(t, map, child);
}

bool tree_fill(struct tree *t, struct config *map, struct config *from)
{
    for (struct config *c = from->first, *next; c; c = next) {
        next = c->next;
        struct config *old = tree_child(map, c->key);
        if (!old) {
            if (!tree_append(t, map, c))
                return false;
        } else if (old->implied && c->kind == CONFIG_MAP && !tree_fill(t, old, c)) {
            return false;
        }
    }
    return true;
}

void tree_become(struct config *node, const struct config *value)
{
    struct config self = *node;
    *node = *value;
    node->key = self.key;
    node->next = self.next;
    node->file = self.file;
    node->line = self.line;
}

static void stand_where(struct config *node, const struct config *other)
{
    node->file = other->file;
    node->line = other->line;
}

// True if every key of the map is a position in the list, or goes on right behind its end.
static bool are_positions(const struct config *map, const struct config *list)
{
    uint64_t end = (uint64_t)list->count, position;
    for (const struct config *child = map->first; child; child = child->next) {
        if (!span_number(span_text(child->key), &position) || position > end)
            return false;
        end += position == end;
    }
    return map->count > 0;
}

static bool goes_into(const struct config *child, const struct config *old)
{
    return child->kind == CONFIG_MAP &&
           (old->kind == CONFIG_MAP || (old->kind == CONFIG_LIST && are_positions(child, old)));
}

bool tree_merge(struct tree *t, struct config *into, struct config *from)
{
    for (struct config *child = from->first, *next; child; child = next) {
        next = child->next;
        struct config *old = tree_child(into, child->key);
        if (!old) {
            if (!tree_append(t, into, child))
                return false;
            continue;
        }
        if (!goes_into(child, old)) {
            tree_become(old, child);
            stand_where(old, child);
            continue;
        }
        if (!tree_merge(t, old, child))
            return false;
        old->text = NULL;
        if (old->implied && !child->implied)
            stand_where(old, child);
        old->implied = old->implied && child->implied;
    }
    return true;
}
