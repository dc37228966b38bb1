// SPDX-License-Identifier: Apache-2.0
// The event: values by rank. Here is what needs more than the two stores of the header: lists and
// trees that grow, objects as intervals of ranks, values named at run time. How a value is written
// is in encode.c, how it reads as text in value.c.

#include "pipeline/event.h"

#include "pipeline/regexp.h"
#include "pipeline/shape.h"

#include <stdlib.h>

// The first item of a grown list or tree knows the last one, so that adding is two stores.
struct list_head {
    struct list_item first;
    struct list_item *last;
};

struct tree_head {
    struct tree_item first;
    struct tree_item *last;
};

struct event_copy {
    uint64_t *set;
    struct value *values;
    struct value loose;
};

struct kept {
    struct kept *next;
    const void *owner;
    void (*end)(void *kept);
    _Alignas(16) uint8_t place[];
};

static unsigned words(const struct event *e)
{
    return (e->size + 63) / 64;
}

static unsigned never(const struct event *e)
{
    return e->size - 1;
}

bool event_init(struct event *e, const struct schema *s, size_t scratch, struct counters *counters,
                int digits)
{
    *e =
        (struct event){.schema = s, .size = schema_size(s), .counters = counters, .digits = digits};
    e->set = calloc(words(e), sizeof *e->set);
    e->values = calloc(e->size, sizeof *e->values);
    e->shapes = shapes_new(s);
    if (e->set && e->values && e->shapes && arena_init(&e->scratch, scratch))
        return true;
    event_free(e);
    return false;
}

static void let_go(struct kept *kept)
{
    while (kept) {
        struct kept *next = kept->next;
        if (kept->end)
            kept->end(kept->place);
        free(kept);
        kept = next;
    }
}

void event_free(struct event *e)
{
    let_go(e->kept);
    free(e->set);
    free(e->values);
    shapes_free(e->shapes);
    arena_free(&e->scratch);
    regexp_room_free(e->room);
    *e = (struct event){0};
}

void event_begin(struct event *e, const uint16_t *ranks)
{
    e->ranks = ranks;
    memset(e->set, 0, words(e) * sizeof *e->set);
    memset(e->seen, 0, sizeof e->seen);
    arena_reset(&e->scratch);
    e->lost = false;
    e->route_count = 0;
    e->loose = (struct value){.kind = VALUE_NULL};
}

static void *scratch(struct event *e, size_t size)
{
    void *place = arena_alloc(&e->scratch, size);
    e->lost |= !place;
    return place;
}

void event_text_copy(struct event *e, int field, struct span text)
{
    struct span copy = arena_copy(&e->scratch, text);
    if (copy.at)
        event_text(e, field, copy);
    else
        e->lost = true;
}

struct pen event_pen(struct event *e, size_t size)
{
    uint8_t *place = scratch(e, size);
    struct pen pen = pen_of(place, place ? size : 0);
    pen.full = !place;
    return pen;
}

// ── bits ─────────────────────────────────────────────────────────────────────────────────────────

static bool is_set(const struct event *e, unsigned rank)
{
    return e->set[rank >> 6] >> (rank & 63) & 1;
}

static struct value *slot(struct event *e, unsigned rank)
{
    e->set[rank >> 6] |= UINT64_C(1) << (rank & 63);
    return &e->values[rank];
}

// The bits of word `word` that lie in [first, last].
static uint64_t bits_in(unsigned word, unsigned first, unsigned last)
{
    uint64_t bits = ~UINT64_C(0);
    if (word == first >> 6)
        bits &= ~UINT64_C(0) << (first & 63);
    if (word == last >> 6)
        bits &= ~UINT64_C(0) >> (63 - (last & 63));
    return bits;
}

static bool any_set(const struct event *e, unsigned first, unsigned last)
{
    for (unsigned w = first >> 6; w <= last >> 6; w++)
        if (e->set[w] & bits_in(w, first, last))
            return true;
    return false;
}

static void clear(struct event *e, unsigned first, unsigned last)
{
    for (unsigned w = first >> 6; w <= last >> 6; w++)
        e->set[w] &= ~bits_in(w, first, last);
}

// The last rank inside a field.
static unsigned last_inside(const struct event *e, unsigned rank)
{
    return schema_keys(e->schema)[rank].last;
}

// ── lists ────────────────────────────────────────────────────────────────────────────────────────

static void list_append_item(struct event *e, struct value *list, struct value value)
{
    if (list->len >= EVENT_LIST_ITEMS) {
        e->lost = true;
        return;
    }
    struct list_head *head = (struct list_head *)(void *)list->list;
    struct list_item *item = scratch(e, head ? sizeof *item : sizeof *head);
    if (!item)
        return;
    *item = (struct list_item){NULL, value};
    if (head) {
        head->last->next = item;
    } else {
        head = (struct list_head *)(void *)item;
        list->list = item;
    }
    head->last = item;
    list->len++;
}

static bool is_json_list(const struct value *v)
{
    return v->kind == VALUE_JSON && v->len >= 2 && *(const char *)v->at == '[';
}

// The value becomes a list that can grow, of what it was.
static void make_list(struct event *e, struct value *v)
{
    struct value old = *v;
    *v = (struct value){.kind = VALUE_LIST, .grown = 1};
    if (old.kind == VALUE_LIST) {
        for (const struct list_item *i = old.list; i; i = i->next)
            list_append_item(e, v, i->value);
    } else if (is_json_list(&old)) {
        struct span rest = span_of((const uint8_t *)old.at + 1, old.len - 2), element;
        while ((element = json_element(&rest)).len)
            list_append_item(
                e, v,
                (struct value){.kind = VALUE_JSON, .len = (uint32_t)element.len, .at = element.at});
    } else if (old.kind != VALUE_NULL) {
        list_append_item(e, v, old);
    }
}

void value_add(struct event *e, struct value *list, struct value item)
{
    if (list->kind != VALUE_LIST || !list->grown)
        make_list(e, list);
    list_append_item(e, list, item);
}

void event_add_at(struct event *e, unsigned rank, struct value value)
{
    if (rank == never(e))
        return;
    bool begins = !is_set(e, rank);
    struct value *v = slot(e, rank);
    if (begins)
        *v = (struct value){.kind = VALUE_LIST, .grown = 1};
    else if (v->kind != VALUE_LIST || !v->grown)
        make_list(e, v);
    list_append_item(e, v, value);
}

void event_add(struct event *e, int field, struct value value)
{
    event_add_at(e, e->ranks[field], value);
}

void event_add_new(struct event *e, int field, struct value value)
{
    unsigned rank = e->ranks[field];
    if (value_is_empty(&value))
        return;
    if (is_set(e, rank)) {
        struct value *v = &e->values[rank];
        if (v->kind != VALUE_LIST || !v->grown)
            make_list(e, v);
        for (const struct list_item *i = v->list; i; i = i->next)
            if (value_is_same(&i->value, &value))
                return;
    }
    event_add_at(e, rank, value);
}

void event_list(struct event *e, int field)
{
    *event_slot(e, field) = (struct value){.kind = VALUE_LIST, .grown = 1};
}

// ── trees ────────────────────────────────────────────────────────────────────────────────────────

static void tree_append(struct event *e, struct value *tree, struct span key, struct value value)
{
    if (tree->len >= EVENT_LIST_ITEMS) {
        e->lost = true;
        return;
    }
    struct tree_head *head = (struct tree_head *)(void *)tree->tree;
    struct tree_item *item = scratch(e, head ? sizeof *item : sizeof *head);
    if (!item)
        return;
    *item = (struct tree_item){NULL, key, value};
    if (head) {
        head->last->next = item;
    } else {
        head = (struct tree_head *)(void *)item;
        tree->tree = item;
    }
    head->last = item;
    tree->len++;
}

void value_member(struct event *e, struct value *tree, struct span key, struct value item)
{
    if (tree->kind != VALUE_TREE || !tree->grown)
        *tree = (struct value){.kind = VALUE_TREE, .grown = 1};
    tree_append(e, tree, key, item);
}

static struct tree_item *tree_member(const struct value *tree, struct span key)
{
    for (struct tree_item *i = tree->tree; i; i = i->next)
        if (span_is(i->key, key))
            return i;
    return NULL;
}

// True if a member of that name may have been added before; remembers it.
static bool may_be_seen(struct event *e, unsigned rank, struct span key)
{
    unsigned mix = rank * 29 + (unsigned)key.len * 7;
    if (key.len)
        mix += key.at[0] * 5U + key.at[key.len - 1] * 3U + key.at[key.len / 2];
    uint64_t bit = UINT64_C(1) << (mix & 63), *word = &e->seen[mix >> 6 & 3];
    bool before = *word & bit;
    *word |= bit;
    return before;
}

static void tree_set(struct event *e, unsigned rank, struct span key, struct value value)
{
    struct value *tree = &e->values[rank];
    struct tree_item *old = may_be_seen(e, rank, key) ? tree_member(tree, key) : NULL;
    if (old)
        old->value = value;
    else
        tree_append(e, tree, key, value);
}

// The value of a rank becomes a tree that can grow; one that a caller made is taken over.
static void make_tree(struct event *e, unsigned rank)
{
    bool begins = !is_set(e, rank);
    struct value *v = slot(e, rank), old = *v;
    if (!begins && old.kind == VALUE_TREE && old.grown)
        return;
    *v = (struct value){.kind = VALUE_TREE, .grown = 1};
    if (begins || old.kind != VALUE_TREE)
        return;
    for (const struct tree_item *i = old.tree; i; i = i->next)
        tree_set(e, rank, i->key, i->value);
}

// A value for a rank: on an object a tree is taken apart, so that no declared child comes twice;
// anything else stands for the whole object.
static void put(struct event *e, unsigned rank, struct value value)
{
    unsigned last = last_inside(e, rank);
    if (last == rank) {
        *slot(e, rank) = value;
    } else if (value.kind != VALUE_TREE) {
        clear(e, rank, last);
        *slot(e, rank) = value;
    } else {
        make_tree(e, rank);
        for (const struct tree_item *i = value.tree; i; i = i->next)
            event_member_at(e, rank, i->key, i->value);
    }
}

// A name as the pen writes it, with U+FFFD for what is no UTF-8: two names that differ only there
// would become one key twice.
static struct span repaired(struct event *e, struct span name)
{
    uint8_t *place = scratch(e, 3 * name.len), *to = place;
    if (!place)
        return span_of(NULL, 0);
    while (name.len) {
        size_t whole = text_utf8_whole(name);
        memcpy(to, name.at, whole);
        to += whole;
        name = span_skip(name, whole);
        if (!name.len)
            break;
        bool fine;
        name = span_skip(name, text_utf8_character(name, &fine));
        memcpy(to, "\xef\xbf\xbd", 3);
        to += 3;
    }
    return span_of(place, (size_t)(to - place));
}

void event_member_at(struct event *e, unsigned rank, struct span key, struct value value)
{
    if (rank == never(e))
        return;
    if (text_utf8_whole(key) < key.len && !(key = repaired(e, key)).at)
        return;
    unsigned child = schema_child(e->schema, rank, key);
    if (child != never(e)) {
        put(e, child, value);
        return;
    }
    make_tree(e, rank);
    tree_set(e, rank, key, value);
}

void event_root_member(struct event *e, struct span key, struct value value)
{
    unsigned child = schema_child(e->schema, never(e), key);
    struct tree_item *old = e->loose.kind == VALUE_TREE ? tree_member(&e->loose, key) : NULL;
    if (child != never(e))
        put(e, child, value);
    else if (old)
        old->value = value;
    else
        value_member(e, &e->loose, key, value);
}

void event_member(struct event *e, int field, struct span key, struct value value)
{
    event_member_at(e, e->ranks[field], key, value);
}

// ── paths ────────────────────────────────────────────────────────────────────────────────────────

// The part of `path` behind the member `key` and its dot; false: it does not lead there.
static bool leads_into(struct span path, struct span key, struct span *rest)
{
    if (path.len <= key.len || path.at[key.len] != '.' || !span_starts(path, key))
        return false;
    *rest = span_skip(path, key.len + 1);
    return true;
}

// Names in a tree may hold dots themselves, so each member is tried whole.
static const struct value *tree_find(const struct value *tree, struct span path, int depth)
{
    if (tree->kind != VALUE_TREE || depth == EVENT_TREE_DEPTH)
        return NULL;
    for (const struct tree_item *i = tree->tree; i; i = i->next) {
        struct span rest;
        const struct value *inside = NULL;
        if (span_is(i->key, path))
            return &i->value;
        if (leads_into(path, i->key, &rest))
            inside = tree_find(&i->value, rest, depth + 1);
        if (inside)
            return inside;
    }
    return NULL;
}

// A copy of the tree without what lies at `path`; texts are shared. The old tree stays as it is.
static struct value tree_without(struct event *e, const struct value *tree, struct span path,
                                 int depth)
{
    struct value copy = {.kind = VALUE_TREE, .grown = 1};
    for (const struct tree_item *i = tree->tree; i; i = i->next) {
        struct span rest;
        if (path.len && span_is(i->key, path))
            continue;
        struct value member = i->value;
        if (member.kind == VALUE_TREE && depth < EVENT_TREE_DEPTH) {
            if (!leads_into(path, i->key, &rest))
                rest = span_of(NULL, 0);
            member = tree_without(e, &member, rest, depth + 1);
        }
        tree_append(e, &copy, i->key, member);
    }
    return copy;
}

// A value that may be changed without changing this one. Texts are shared.
static struct value alone(struct event *e, const struct value *v, int depth)
{
    if (v->kind == VALUE_TREE)
        return tree_without(e, v, span_of(NULL, 0), depth);
    if (v->kind != VALUE_LIST)
        return *v;
    struct value copy = *v;
    make_list(e, &copy);
    return copy;
}

static bool is_bound(const struct field_path *path)
{
    return path->first <= path->last;
}

const struct value *event_value(const struct event *e, const struct field_path *path)
{
    if (is_bound(path)) {
        if (is_set(e, path->first))
            return &e->values[path->first];
        if (path->literal != never(e) && is_set(e, path->literal))
            return &e->values[path->literal];
        return NULL;
    }
    if (path->holder == never(e) || !is_set(e, path->holder))
        return NULL;
    return tree_find(&e->values[path->holder], span_text(path->inside), 0);
}

bool event_has_path(const struct event *e, const struct field_path *path)
{
    if (!is_bound(path))
        return event_value(e, path);
    return any_set(e, path->first, path->last) ||
           (path->literal != never(e) && is_set(e, path->literal));
}

void event_drop_path(struct event *e, const struct field_path *path)
{
    if (is_bound(path)) {
        clear(e, path->first, path->last);
        if (path->literal != never(e))
            clear(e, path->literal, path->literal);
    } else if (event_value(e, path)) {
        struct value *tree = &e->values[path->holder];
        *tree = tree_without(e, tree, span_text(path->inside), 0);
    }
}

void event_put(struct event *e, const struct field_path *path, struct value value)
{
    if (is_bound(path)) {
        event_drop_path(e, path);
        put(e, path->first, value);
    } else if (path->holder != never(e)) {
        event_drop_path(e, path);
        event_member_at(e, path->holder, span_text(path->inside), value);
    }
}

// All that is set in [rank, last inside it], as one value on its own.
static struct value fetch(struct event *e, unsigned rank, int depth)
{
    unsigned last = last_inside(e, rank);
    const struct value *own = is_set(e, rank) ? &e->values[rank] : NULL;
    if (own && own->kind != VALUE_TREE)
        return alone(e, own, depth);
    struct value tree = {.kind = VALUE_TREE, .grown = 1};
    if (own)
        tree = alone(e, own, depth);
    for (unsigned r = rank + 1; r <= last; r = last_inside(e, r) + 1)
        if (any_set(e, r, last_inside(e, r)))
            tree_append(e, &tree, schema_part(e->schema, r), fetch(e, r, depth + 1));
    return tree;
}

bool event_fetch(struct event *e, const struct field_path *path, struct value *out)
{
    bool lost = e->lost;
    e->lost = false;
    const struct value *v = event_value(e, path);
    if (is_bound(path) && any_set(e, path->first, path->last))
        *out = fetch(e, path->first, 0);
    else if (v)
        *out = alone(e, v, 0);
    bool failed = e->lost;
    e->lost |= lost;
    return !failed && (v || is_bound(path)) && event_has_path(e, path);
}

struct event_copy *event_save(struct event *e)
{
    struct event_copy *copy = scratch(e, sizeof *copy);
    uint64_t *set = scratch(e, words(e) * sizeof *set);
    struct value *values = scratch(e, e->size * sizeof *values);
    if (!copy || !set || !values)
        return NULL;
    memcpy(set, e->set, words(e) * sizeof *set);
    memcpy(values, e->values, e->size * sizeof *values);
    *copy = (struct event_copy){set, values, alone(e, &e->loose, 0)};
    return copy;
}

void event_restore(struct event *e, const struct event_copy *copy)
{
    memcpy(e->set, copy->set, words(e) * sizeof *e->set);
    memcpy(e->values, copy->values, e->size * sizeof *e->values);
    e->loose = copy->loose;
}

void *event_keep(struct event *e, const void *owner, size_t size, void (*end)(void *kept))
{
    struct kept *kept = e->kept;
    while (kept && kept->owner != owner)
        kept = kept->next;
    if (kept)
        return kept->place;
    kept = calloc(1, sizeof *kept + size);
    if (!kept)
        return NULL;
    kept->owner = owner;
    kept->end = end;
    kept->next = e->kept;
    e->kept = kept;
    return kept->place;
}
