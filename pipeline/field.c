// SPDX-License-Identifier: Apache-2.0
// From tables of fields to ranks: all names are sorted by their parts, objects get a rank in front
// of their children, and what opens each of them in a document is written down once. Happens at
// start; afterwards a schema is constant. What is printed from the tables is in template.c.

#include "pipeline/field.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"

#include <assert.h>
#include <stdlib.h>

// A name on its way to a rank.
struct entry {
    const char *name;
    const struct field *field; // NULL: only a configuration brings it in
    bool literal;              // one key whatever dots it holds
};

struct node {
    struct span part;
    uint16_t parent; // the last rank: none
};

struct map {
    const struct field_table *table;
    uint16_t *ranks;
};

struct schema {
    const struct field **fields; // by rank, as the next two
    struct field_key *keys;
    struct node *nodes;
    unsigned size, body;
    uint16_t *children; // hash table of (parent, part); holds rank + 1
    uint32_t mask;
    struct map *maps;
    int map_count;
};

// What is in hand while a schema is built.
struct build {
    struct schema *s;
    struct arena *arena;
    struct error *why;
    bool compat;
    struct entry *entries;
    size_t count, parts; // parts of all names: no more ranks than these can come
};

static const char *const type_names[] = {"keyword", "text", "long",   "double", "boolean",
                                         "date",    "ip",   "object", "nested"};

static const char undeclared[] = ""; // meaning of a field that no table declares

static bool no_memory(struct error *why)
{
    return error_set(why, "no memory for the fields of the documents");
}

// ── names ────────────────────────────────────────────────────────────────────────────────────────

// '@metadata' stands first, since every row begins with it, then '@timestamp'.
static int root_class(const struct entry *e)
{
    if (span_starts(span_text(e->name), (struct span)SPAN("@metadata")) &&
        (e->name[9] == '.' || !e->name[9]))
        return 0;
    return strcmp(e->name, "@timestamp") == 0 ? 1 : 2;
}

// A dot between parts sorts before every byte of a part, so that a name stands directly before
// those inside it.
static int symbol(const struct entry *e, size_t i)
{
    unsigned char byte = (unsigned char)e->name[i];
    return !byte ? 0 : byte == '.' && !e->literal ? 1 : byte + 2;
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int class = root_class(x) - root_class(y);
    if (class)
        return class;
    for (size_t i = 0;; i++) {
        int left = symbol(x, i), right = symbol(y, i);
        if (left != right || !left)
            return left - right;
    }
}

// The parts of a name; 0: an empty part, too many of them, or too long.
static int split(const struct entry *e, struct span parts[FIELD_DEPTH])
{
    struct span rest = span_text(e->name);
    if (!rest.len || rest.len > FIELD_LENGTH)
        return 0;
    if (e->literal) {
        parts[0] = rest;
        return 1;
    }
    if (rest.at[rest.len - 1] == '.')
        return 0;
    int count = 0;
    while (rest.len) {
        struct span part = span_cut(&rest, '.');
        if (!part.len || count == FIELD_DEPTH)
            return 0;
        parts[count++] = part;
    }
    return count;
}

static bool add_entry(struct build *b, struct entry entry)
{
    struct span parts[FIELD_DEPTH];
    int count = split(&entry, parts);
    if (!count)
        return error_set(
            b->why,
            "\"%.100s\" is no name of a field: parts between dots, none of them empty, "
            "at most %d of them and %d bytes in all",
            entry.name, FIELD_DEPTH, FIELD_LENGTH);
    b->parts += (size_t)count;
    b->entries[b->count++] = entry;
    return true;
}

static bool may_hold(const struct field *field)
{
    return field->type == FIELD_OBJECT || field->type == FIELD_NESTED;
}

// One entry of each name is left. False: declared with two types.
static bool merge_entries(struct build *b)
{
    qsort(b->entries, b->count, sizeof *b->entries, entry_order);
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        struct entry *last = kept ? &b->entries[kept - 1] : NULL, *next = &b->entries[i];
        if (!last || entry_order(last, next) != 0) {
            b->entries[kept++] = *next;
            continue;
        }
        if (last->field && next->field && last->field->type != next->field->type)
            return error_set(b->why, "field %s is declared as %s and as %s", last->name,
                             type_names[last->field->type], type_names[next->field->type]);
        if (!last->field)
            last->field = next->field;
    }
    b->count = kept;
    return true;
}

// ── tables ───────────────────────────────────────────────────────────────────────────────────────

static int table_size(const struct field_table *t)
{
    return t ? table_size(t->base) + t->count : 0;
}

static bool has_map(const struct schema *s, const struct field_table *t)
{
    for (int i = 0; i < s->map_count; i++)
        if (s->maps[i].table == t)
            return true;
    return false;
}

// All tables and their bases, each once.
static bool collect_maps(struct build *b, const struct field_table *const *tables, int count)
{
    struct schema *s = b->s;
    int most = 0;
    for (int i = 0; i < count; i++)
        for (const struct field_table *t = tables[i]; t; t = t->base)
            most++;
    s->maps = arena_alloc(b->arena, (size_t)most * sizeof *s->maps);
    if (!s->maps)
        return no_memory(b->why);
    for (int i = 0; i < count; i++)
        for (const struct field_table *t = tables[i]; t; t = t->base)
            if (!has_map(s, t))
                s->maps[s->map_count++].table = t;
    return true;
}

static bool is_written(const struct build *b, const struct field *field)
{
    return !(b->compat && field->flags & FIELD_ADDED);
}

static bool collect_entries(struct build *b, const char *const *extra, int extra_count)
{
    const struct schema *s = b->s;
    size_t most = (size_t)extra_count;
    for (int i = 0; i < s->map_count; i++)
        most += (size_t)s->maps[i].table->count;
    b->entries = arena_alloc(b->arena, most * sizeof *b->entries);
    if (!b->entries)
        return no_memory(b->why);
    for (int i = 0; i < s->map_count; i++)
        for (int f = 0; f < s->maps[i].table->count; f++) {
            const struct field *field = &s->maps[i].table->fields[f];
            bool literal = field->flags & FIELD_DOTTED;
            if (is_written(b, field) && !add_entry(b, (struct entry){field->name, field, literal}))
                return false;
        }
    for (int i = 0; i < extra_count; i++)
        if (!add_entry(b, (struct entry){extra[i], NULL, false}))
            return false;
    return true;
}

// ── ranks ────────────────────────────────────────────────────────────────────────────────────────

// A declaration for a name that no table declares.
static const struct field *make_field(struct build *b, struct span name, enum field_type type)
{
    struct field *field = arena_alloc(b->arena, sizeof *field);
    const char *text = (const char *)arena_copy(b->arena, name).at;
    if (!field || !text)
        return NULL;
    *field = (struct field){.name = text, .type = type, .meaning = undeclared};
    return field;
}

// The objects around the name that is ranked now: their ranks, outermost first.
struct around {
    unsigned rank[FIELD_DEPTH];
    int depth;
};

static bool add_rank(struct build *b, struct around *around, struct span part,
                     const struct field *field)
{
    struct schema *s = b->s;
    if (s->size == FIELD_RANKS)
        return error_set(b->why, "the documents would have more than %d fields", FIELD_RANKS);
    if (!field)
        return no_memory(b->why);
    s->fields[s->size] = field;
    s->nodes[s->size].part = part;
    s->nodes[s->size].parent =
        around->depth ? (uint16_t)around->rank[around->depth - 1] : UINT16_MAX;
    around->rank[around->depth++] = s->size++;
    return true;
}

// The innermost object around gets a child: an extra name becomes an object, a value is refused.
static bool open_object(struct build *b, const struct around *around, const char *child)
{
    if (!around->depth)
        return true;
    const struct field **field = &b->s->fields[around->rank[around->depth - 1]];
    assert(*field);
    if (may_hold(*field))
        return true;
    if ((*field)->meaning != undeclared)
        return error_set(b->why, "%s would be inside %s, which is a value (%s), not an object",
                         child, (*field)->name, type_names[(*field)->type]);
    *field = make_field(b, span_text((*field)->name), FIELD_OBJECT);
    return *field ? true : no_memory(b->why);
}

static bool rank_entry(struct build *b, struct around *around, const struct entry *e)
{
    struct span parts[FIELD_DEPTH];
    int count = split(e, parts), common = 0;
    while (common < around->depth && common < count - 1 && !e->literal &&
           span_is(parts[common], b->s->nodes[around->rank[common]].part))
        common++;
    around->depth = common;
    for (int d = common; d < count; d++) {
        if (!open_object(b, around, e->name))
            return false;
        size_t len = (size_t)(parts[d].at + parts[d].len - (const uint8_t *)e->name);
        struct span name = span_of(e->name, len);
        const struct field *field = d < count - 1 ? make_field(b, name, FIELD_OBJECT)
                                    : e->field    ? e->field
                                                  : make_field(b, name, FIELD_KEYWORD);
        if (!add_rank(b, around, parts[d], field))
            return false;
    }
    return true;
}

static bool rank_entries(struct build *b)
{
    struct schema *s = b->s;
    s->fields = arena_alloc(b->arena, (b->parts + 1) * sizeof *s->fields);
    s->nodes = arena_alloc(b->arena, (b->parts + 1) * sizeof *s->nodes);
    if (!s->fields || !s->nodes)
        return no_memory(b->why);
    struct around around = {.depth = 0};
    for (size_t i = 0; i < b->count; i++)
        if (!rank_entry(b, &around, &b->entries[i]))
            return false;
    unsigned never = s->size++;
    for (unsigned r = 0; r <= never; r++)
        if (r == never || s->nodes[r].parent == UINT16_MAX)
            s->nodes[r].parent = (uint16_t)never;
    return true;
}

// ── keys ─────────────────────────────────────────────────────────────────────────────────────────

// One key: the names of all objects around it and its own, as they stand in a document.
static bool write_key(struct build *b, unsigned rank, const uint16_t *last)
{
    struct schema *s = b->s;
    unsigned never = s->size - 1, chain[FIELD_DEPTH], depth = 0;
    for (unsigned r = rank; s->nodes[r].parent != never; r = s->nodes[r].parent)
        chain[depth++] = s->nodes[r].parent;
    uint16_t *step = arena_alloc(b->arena, (depth + 1) * sizeof *step);
    uint16_t *until = arena_alloc(b->arena, (depth + 1) * sizeof *until);
    if (!step || !until)
        return no_memory(b->why);
    uint8_t place[6 * FIELD_LENGTH + 4 * FIELD_DEPTH];
    struct pen pen = pen_of(place, sizeof place);
    for (unsigned d = 0; d <= depth; d++) {
        unsigned r = d < depth ? chain[depth - 1 - d] : rank;
        step[d] = (uint16_t)pen_written(&pen).len;
        until[d] = last[r];
        pen_text(&pen, s->nodes[r].part);
        pen_raw(&pen, d < depth ? (struct span)SPAN(":{") : (struct span)SPAN(":"));
    }
    struct span open = arena_copy(b->arena, pen_written(&pen));
    s->keys[rank] = (struct field_key){
        (const char *)open.at, (uint16_t)open.len, last[rank], (uint8_t)depth, step, until};
    return open.at ? true : no_memory(b->why);
}

static bool write_keys(struct build *b)
{
    struct schema *s = b->s;
    unsigned never = s->size - 1;
    uint16_t *last = arena_alloc(b->arena, s->size * sizeof *last);
    static const uint16_t zero[1] = {0};
    s->keys = arena_alloc(b->arena, s->size * sizeof *s->keys);
    if (!last || !s->keys)
        return no_memory(b->why);
    for (unsigned r = 0; r < s->size; r++)
        last[r] = (uint16_t)r;
    for (unsigned r = never; r-- > 0;) {
        unsigned parent = s->nodes[r].parent;
        if (parent != never && last[parent] < last[r])
            last[parent] = last[r];
    }
    for (unsigned r = 0; r < never; r++)
        if (!write_key(b, r, last))
            return false;
    s->keys[never] = (struct field_key){"", 0, last[never], 0, zero, last + never};
    return true;
}

// ── look-up ──────────────────────────────────────────────────────────────────────────────────────

static uint32_t child_slot(const struct schema *s, unsigned parent, struct span part)
{
    return (uint32_t)hash_bytes(part.at, part.len, parent) & s->mask;
}

static bool index_children(struct build *b)
{
    struct schema *s = b->s;
    uint32_t slots = 16;
    while (slots < 4 * s->size)
        slots *= 2;
    s->children = arena_alloc(b->arena, slots * sizeof *s->children);
    if (!s->children)
        return no_memory(b->why);
    s->mask = slots - 1;
    for (unsigned r = 0; r < s->size - 1; r++) {
        uint32_t slot = child_slot(s, s->nodes[r].parent, s->nodes[r].part);
        while (s->children[slot])
            slot = (slot + 1) & s->mask;
        s->children[slot] = (uint16_t)(r + 1);
    }
    return true;
}

unsigned schema_child(const struct schema *s, unsigned parent, struct span part)
{
    unsigned never = s->size - 1;
    if (parent != never && s->keys[parent].last == parent)
        return never; // it has none
    for (uint32_t slot = child_slot(s, parent, part); s->children[slot];
         slot = (slot + 1) & s->mask) {
        unsigned rank = s->children[slot] - 1U;
        if (s->nodes[rank].parent == parent && span_is(s->nodes[rank].part, part))
            return rank;
    }
    return never;
}

// Walks down the parts of `*rest` as far as they are ranked; the last rank: not even the first is.
static unsigned walk(const struct schema *s, struct span *rest)
{
    unsigned at = s->size - 1;
    while (rest->len) {
        struct span behind = *rest, part = span_cut(&behind, '.');
        unsigned next = schema_child(s, at, part);
        if (next == s->size - 1)
            break;
        at = next;
        *rest = behind;
    }
    return at;
}

static unsigned find_literal(const struct schema *s, struct span name)
{
    return span_find(name, '.') < 0 ? s->size - 1 : schema_child(s, s->size - 1, name);
}

struct field_path schema_path(const struct schema *s, const char *name, struct arena *a)
{
    uint16_t never = (uint16_t)(s->size - 1);
    const char *kept = arena_text(a, name);
    struct field_path path = {1, 0, never, never, NULL, kept ? kept : ""};
    struct span rest = span_text(path.name);
    unsigned literal = find_literal(s, rest), at = walk(s, &rest);
    if (rest.len == 0 && at != never) {
        path.first = (uint16_t)at;
        path.last = s->keys[at].last;
        path.literal = (uint16_t)literal;
    } else if (literal != never) {
        path.first = path.last = (uint16_t)literal;
    } else if (at != never) {
        path.holder = (uint16_t)at;
        path.inside = (const char *)rest.at;
    }
    return path;
}

// ── schema ───────────────────────────────────────────────────────────────────────────────────────

static unsigned rank_of(const struct schema *s, const struct field *field)
{
    struct span name = span_text(field->name);
    if (field->flags & FIELD_DOTTED)
        return schema_child(s, s->size - 1, name);
    return walk(s, &name);
}

static void fill_map(const struct build *b, uint16_t *ranks, const struct field_table *t)
{
    if (!t)
        return;
    fill_map(b, ranks, t->base);
    for (int f = 0; f < t->count; f++)
        ranks[table_size(t->base) + f] =
            (uint16_t)(is_written(b, &t->fields[f]) ? rank_of(b->s, &t->fields[f])
                                                    : b->s->size - 1);
}

static bool fill_maps(const struct build *b)
{
    for (int i = 0; i < b->s->map_count; i++) {
        struct map *map = &b->s->maps[i];
        map->ranks = arena_alloc(b->arena, ((size_t)table_size(map->table) + 1) * sizeof(uint16_t));
        if (!map->ranks)
            return no_memory(b->why);
        fill_map(b, map->ranks, map->table);
    }
    return true;
}

static unsigned first_behind_metadata(const struct schema *s)
{
    unsigned rank = schema_child(s, s->size - 1, (struct span)SPAN("@metadata"));
    return rank == s->size - 1 ? 0 : s->keys[rank].last + 1U;
}

struct schema *schema_build(const struct field_table *const *tables, int table_count,
                            const char *const *extra, int extra_count, bool compat, struct arena *a,
                            struct error *why)
{
    struct schema *s = arena_alloc(a, sizeof *s);
    struct build b = {.s = s, .arena = a, .why = why, .compat = compat};
    if (!s) {
        no_memory(why);
        return NULL;
    }
    if (!collect_maps(&b, tables, table_count) || !collect_entries(&b, extra, extra_count) ||
        !merge_entries(&b) || !rank_entries(&b) || !write_keys(&b) || !index_children(&b) ||
        !fill_maps(&b))
        return NULL;
    s->body = first_behind_metadata(s);
    return s;
}

const uint16_t *schema_ranks(const struct schema *s, const struct field_table *table)
{
    for (int i = 0; i < s->map_count; i++)
        if (s->maps[i].table == table)
            return s->maps[i].ranks;
    return NULL;
}

unsigned schema_size(const struct schema *s)
{
    return s->size;
}

const struct field *schema_field(const struct schema *s, unsigned rank)
{
    return rank < s->size ? s->fields[rank] : NULL;
}

unsigned schema_body(const struct schema *s)
{
    return s->body;
}

struct span schema_part(const struct schema *s, unsigned rank)
{
    return s->nodes[rank].part;
}

const struct field_key *schema_keys(const struct schema *s)
{
    return s->keys;
}
