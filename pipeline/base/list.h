// SPDX-License-Identifier: Apache-2.0
// A doubly linked ring whose links live inside the things it links; the list itself is a link too.
// Used where the oldest of a kind must be found at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

// The thing of `type` that holds the link `node` as its `member`.
#define LIST_OF(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

// Puts `node` at the end (the newest place).
static inline void list_append(struct list *l, struct list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

// Puts `node` at the front (the oldest place).
static inline void list_prepend(struct list *l, struct list *node)
{
    list_append(l->next, node);
}

// Takes `node` out; it is then a list of its own, so taking it out again does no harm.
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
