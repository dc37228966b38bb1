// SPDX-License-Identifier: Apache-2.0
// From nodes of a configuration to values of an event.

#include "pipeline/constant.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static bool read_integer(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && !errno;
}

static bool read_real(const char *text, double *out)
{
    char *end;
    if (!strpbrk(text, "0123456789") || strpbrk(text, "xXnN"))
        return false;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

static struct value scalar(const struct config *node)
{
    int64_t number;
    double real;
    if (node->quoted)
        return value_text(span_text(node->text));
    if (!strcmp(node->text, "true") || !strcmp(node->text, "false"))
        return (struct value){.kind = VALUE_BOOL, .number = node->text[0] == 't'};
    if (read_integer(node->text, &number))
        return value_number(number);
    if (read_real(node->text, &real))
        return (struct value){.kind = VALUE_DOUBLE, .real = real};
    return value_text(span_text(node->text));
}

static bool read_list(const struct config *node, struct arena *a, struct value *out)
{
    *out = (struct value){.kind = VALUE_LIST};
    struct list_item **link = &out->list;
    for (const struct config *child = node->first; child; child = child->next) {
        struct list_item *item = arena_alloc(a, sizeof *item);
        if (!item || !constant_read(child, a, &item->value))
            return false;
        *link = item;
        link = &item->next;
    }
    return true;
}

static bool read_tree(const struct config *node, struct arena *a, struct value *out)
{
    *out = (struct value){.kind = VALUE_TREE};
    struct tree_item **link = &out->tree;
    for (const struct config *child = node->first; child; child = child->next) {
        struct tree_item *item = arena_alloc(a, sizeof *item);
        if (!item || !constant_read(child, a, &item->value))
            return false;
        item->key = span_text(child->key);
        *link = item;
        link = &item->next;
    }
    return true;
}

bool constant_read(const struct config *node, struct arena *a, struct value *out)
{
    switch (node->kind) {
    case CONFIG_NULL:
        *out = (struct value){.kind = VALUE_NULL};
        return true;
    case CONFIG_SCALAR:
        *out = scalar(node);
        return true;
    case CONFIG_LIST:
        return read_list(node, a, out);
    case CONFIG_MAP:
        return read_tree(node, a, out);
    }
    return false;
}

bool constants_walk(const struct config *map, const char *prefix, struct arena *a,
                    constant_told *tell, void *arg)
{
    for (const struct config *child = map->first; child; child = child->next) {
        const char *name = *prefix ? arena_printf(a, "%s.%s", prefix, child->key) : child->key;
        if (!name)
            return false;
        bool inner = child->kind == CONFIG_MAP && child->first;
        if (inner ? !constants_walk(child, name, a, tell, arg) : !tell(arg, name, child))
            return false;
    }
    return true;
}
