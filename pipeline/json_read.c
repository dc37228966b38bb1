// SPDX-License-Identifier: Apache-2.0
// yajl reads, its callbacks build. What lies deeper than a tree may be is left out; of two members
// of one name the last one counts. yajl's own memory is its own; it is small and lives for one
// text.

#include "pipeline/json_read.h"

#include <errno.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "pipeline/base/hash.h"

enum { SEEN = 64 }; // words of a filter: members that are not there need no search

struct level {
    struct value value; // the list or tree being built
    struct span key;    // of the member to come
    uint64_t seen[SEEN];
};

struct building {
    struct event *event;
    struct level levels[EVENT_TREE_DEPTH];
    int depth; // of yajl; levels above the ceiling are not kept
    struct value root;
};

static struct level *top(struct building *b)
{
    return b->depth && b->depth <= EVENT_TREE_DEPTH ? &b->levels[b->depth - 1] : NULL;
}

static struct tree_item *find_member(struct level *l, struct span key)
{
    uint64_t hash = hash_bytes(key.at, key.len, hash_seed()), bit = UINT64_C(1) << (hash & 63);
    uint64_t *word = &l->seen[(hash >> 6) % SEEN];
    bool before = *word & bit;
    *word |= bit;
    for (struct tree_item *i = before ? l->value.tree : NULL; i; i = i->next)
        if (span_is(i->key, key))
            return i;
    return NULL;
}

// Puts a finished value where it belongs.
static int put(struct building *b, struct value v)
{
    struct level *l = top(b);
    if (!b->depth) {
        b->root = v;
    } else if (l && l->value.kind == VALUE_LIST) {
        value_add(b->event, &l->value, v);
    } else if (l) {
        struct tree_item *old = find_member(l, l->key);
        if (old)
            old->value = v;
        else
            value_member(b->event, &l->value, l->key, v);
    }
    return 1;
}

static struct span copy(struct building *b, const unsigned char *text, size_t len)
{
    struct span kept = arena_copy(&b->event->scratch, span_of(text, len));
    b->event->lost |= !kept.at;
    return kept;
}

static int on_null(void *arg)
{
    return put(arg, (struct value){.kind = VALUE_NULL});
}

static int on_bool(void *arg, int flag)
{
    return put(arg, (struct value){.kind = VALUE_BOOL, .number = flag});
}

static int on_number(void *arg, const char *text, size_t len)
{
    char number[64], *end;
    if (len >= sizeof number)
        return put(arg, value_text(copy(arg, (const unsigned char *)text, len)));
    memcpy(number, text, len);
    number[len] = 0;
    errno = 0;
    long long whole = strtoll(number, &end, 10);
    if (!*end && !errno)
        return put(arg, value_number(whole));
    return put(arg, (struct value){.kind = VALUE_DOUBLE, .real = strtod(number, NULL)});
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
    return put(arg, value_text(copy(arg, text, len)));
}

static int on_key(void *arg, const unsigned char *text, size_t len)
{
    struct level *l = top(arg);
    if (l)
        l->key = copy(arg, text, len);
    return 1;
}

static int begin(struct building *b, enum value_kind kind)
{
    b->depth++;
    struct level *l = top(b);
    if (!l)
        return 1;
    l->value = (struct value){.kind = (uint8_t)kind, .grown = 1};
    memset(l->seen, 0, sizeof l->seen);
    return 1;
}

static int on_map(void *arg)
{
    return begin(arg, VALUE_TREE);
}

static int on_list(void *arg)
{
    return begin(arg, VALUE_LIST);
}

static int on_end(void *arg)
{
    struct building *b = arg;
    struct level *l = top(b);
    b->depth--;
    b->event->lost |= !l;
    return put(b, l ? l->value : (struct value){.kind = VALUE_NULL});
}

static const yajl_callbacks callbacks = {.yajl_null = on_null,
                                         .yajl_boolean = on_bool,
                                         .yajl_number = on_number,
                                         .yajl_string = on_string,
                                         .yajl_start_map = on_map,
                                         .yajl_map_key = on_key,
                                         .yajl_end_map = on_end,
                                         .yajl_start_array = on_list,
                                         .yajl_end_array = on_end};

const char *json_read(struct event *e, struct span text, struct value *out)
{
    struct building b = {.event = e, .root = {.kind = VALUE_NULL}};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &b);
    if (!parser)
        return "there is no memory";
    yajl_config(parser, yajl_dont_validate_strings, 1); // the pen repairs what is not UTF-8
    bool good = yajl_parse(parser, text.at, text.len) == yajl_status_ok &&
                yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    *out = b.root;
    return good && text.len ? NULL : "it is not JSON";
}
