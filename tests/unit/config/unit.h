// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: an arena, texts into trees, and trees as short texts.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"

static struct arena arena;
static struct error why;

static int set_up(void **state)
{
    (void)state;
    why.text[0] = 0;
    return !arena_init(&arena, 64 << 20);
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

// A file of this text, merged over `root`; false as config_read_text.
static inline bool read_over(struct config *root, const char *text)
{
    return config_read_text(root, span_text(text), "x.yml", &arena, &why);
}

static inline struct config *read_yaml(const char *text)
{
    struct config *root = config_new(&arena);
    if (!read_over(root, text))
        fail_msg("%s", why.text);
    return root;
}

static inline void put_flat(const struct config *node, FILE *to)
{
    if (node->key)
        fprintf(to, "%s:", node->key);
    if (node->kind == CONFIG_NULL)
        fputs("~", to);
    if (node->kind == CONFIG_SCALAR)
        fprintf(to, node->quoted ? "'%s'" : "%s", node->text);
    if (node->kind == CONFIG_SCALAR || node->kind == CONFIG_NULL)
        return;
    int count = 0;
    fputs(node->kind == CONFIG_MAP ? "{" : "[", to);
    for (const struct config *child = node->first; child; child = child->next, count++) {
        fputs(count ? " " : "", to);
        put_flat(child, to);
        assert_true((child->key != NULL) == (node->kind == CONFIG_MAP));
        assert_true(child->next || child == node->last);
    }
    assert_int_equal(count, node->count);
    fputs(node->kind == CONFIG_MAP ? "}" : "]", to);
}

// The tree in one line: {key:value list:[1 '2' ~]}, quoted scalars in quotes.
static inline const char *flat(const struct config *node)
{
    char *text, *copy;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    put_flat(node, to);
    fclose(to);
    copy = arena_text(&arena, text);
    free(text);
    return copy;
}

// The text is this tree.
#define assert_reads(yaml, wanted) assert_string_equal(flat(read_yaml(yaml)), wanted)

// The text is refused with exactly these words.
#define assert_refused(yaml, wanted)                       \
    do {                                                   \
        assert_false(read_over(config_new(&arena), yaml)); \
        assert_string_equal(why.text, wanted);             \
    } while (0)

// `count` times `text`, in the arena.
static inline char *repeat(const char *text, int count)
{
    size_t len = strlen(text);
    char *all = arena_alloc(&arena, len * (size_t)count + 1);
    for (int i = 0; i < count; i++)
        memcpy(all + len * (size_t)i, text, len);
    return all;
}
