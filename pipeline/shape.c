// SPDX-License-Identifier: Apache-2.0
// Shapes of documents: found by the set bits and the dataset, made by walking the bits, which come
// in the order of the document.
//
//     set bits     … http.request.bytes        http.response.status_code …
//     text         … "bytes":              },"response":{"status_code":
//                                        closed  open from step[depth]

#include "pipeline/shape.h"

#include <stdlib.h>

enum {
    SHAPES = 64,         // kept; a new one takes the place of another
    PLACES = 8,          // of a shape: a power of two
    CONSTANTS = 64,      // in a shape
    CONSTANT_TEXT = 2048 // bytes of their texts and addresses as JSON; above it they are values
};

struct shapes {
    struct shape shape[SHAPES];
    unsigned size, words; // ranks, and words of their bits
    const struct field_key *keys;
    size_t text; // room of a text
    struct arena memory;
};

// ── building ─────────────────────────────────────────────────────────────────────────────────────

static size_t padded(size_t size)
{
    return (size + 63) / 64 * 64;
}

static unsigned objects_in(const struct shapes *all)
{
    unsigned count = 0;
    for (unsigned rank = 0; rank + 1 < all->size; rank++)
        count += all->keys[rank].last != rank;
    return count;
}

// Bytes of text at most: for each rank all that opens it, a comma, and what closes it.
static size_t text_room(const struct shapes *all)
{
    size_t room = CONSTANT_TEXT + 2 * FIELD_DEPTH + SHAPE_BLOCK;
    for (unsigned rank = 0; rank + 1 < all->size; rank++)
        room += (size_t)all->keys[rank].open_len + all->keys[rank].depth + 1;
    return room;
}

// Address space is reserved at once and touched as shapes are made: a program has few.
static bool reserve(struct shapes *all)
{
    size_t set = padded(all->words * sizeof(uint64_t));
    size_t pieces = padded((all->size + 2) * sizeof(struct shape_piece));
    size_t constants = padded(CONSTANTS * sizeof(struct expected));
    size_t objects = padded(objects_in(all) * sizeof(struct expected));
    size_t text = padded(all->text);
    if (!arena_init(&all->memory, SHAPES * (2 * set + pieces + constants + objects + text)))
        return false;
    for (struct shape *s = all->shape; s < all->shape + SHAPES; s++) {
        s->set = arena_alloc(&all->memory, set);
        s->loose = arena_alloc(&all->memory, set);
        s->piece = arena_alloc(&all->memory, pieces);
        s->constant = arena_alloc(&all->memory, constants);
        s->object = arena_alloc(&all->memory, objects);
        s->text = arena_alloc(&all->memory, text);
    }
    return true;
}

struct shapes *shapes_new(const struct schema *schema)
{
    struct shapes *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->size = schema_size(schema);
    all->words = (all->size + 63) / 64;
    all->keys = schema_keys(schema);
    all->text = text_room(all);
    if (reserve(all))
        return all;
    shapes_free(all);
    return NULL;
}

void shapes_free(struct shapes *all)
{
    if (!all)
        return;
    arena_free(&all->memory);
    free(all);
}

// ── making one ───────────────────────────────────────────────────────────────────────────────────

enum { AT_START = UINT16_MAX }; // instead of a rank: at the start of the document or its body

struct maker {
    const struct event *e;
    struct shapes *all;
    struct shape *shape;
    struct pen pen;
    const uint8_t *start; // of the piece that is begun
    unsigned behind;      // rank of the field before
    bool inside;          // it is an object that is open
    bool comma;           // of the piece that is begun
    size_t constants;     // bytes of their texts so far
};

static void add_piece(struct maker *m, enum piece_kind kind, unsigned rank)
{
    m->shape->piece[m->shape->pieces++] =
        (struct shape_piece){.len = (uint32_t)(m->pen.at - m->start),
                             .rank = (uint16_t)rank,
                             .kind = (uint8_t)kind,
                             .comma = m->comma};
    m->start = m->pen.at;
    m->comma = false;
}

// How many objects are open, and the last ranks inside them.
static unsigned open_objects(const struct maker *m, const uint16_t **until)
{
    if (m->behind == AT_START)
        return 0;
    *until = m->all->keys[m->behind].until;
    return m->all->keys[m->behind].depth + (m->inside ? 1U : 0U);
}

// What stands between the field before and this one: objects closed, a comma, objects opened, the
// key. Whether the first member of an open object needs a comma depends on its tree.
static void put_joint(struct maker *m, unsigned rank)
{
    const struct field_key *key = &m->all->keys[rank];
    const uint16_t *until = NULL;
    unsigned open = open_objects(m, &until), depth = open;
    for (; depth && until[depth - 1] < rank; depth--)
        pen_byte(&m->pen, '}');
    if (m->inside && depth == open)
        m->comma = true;
    else if (m->behind != AT_START)
        pen_byte(&m->pen, ',');
    pen_raw(&m->pen, span_skip(span_of(key->open, key->open_len), key->step[depth]));
}

static void close_all(struct maker *m)
{
    const uint16_t *until = NULL;
    for (unsigned depth = open_objects(m, &until); depth; depth--)
        pen_byte(&m->pen, '}');
}

// Writes the value of a rank into the text, if it is the same in all documents.
static bool put_constant(struct maker *m, unsigned rank)
{
    struct shape *s = m->shape;
    const struct value *v = &m->e->values[rank];
    uint8_t text[CONSTANT_TEXT];
    struct pen pen = pen_of(text, sizeof text);
    if (!v->fixed || s->constants == CONSTANTS || (s->loose[rank >> 6] >> (rank & 63) & 1))
        return false;
    value_write(v, &pen, m->e->digits);
    size_t len = pen_written(&pen).len;
    if (pen.full || m->constants + len > CONSTANT_TEXT)
        return false;
    m->constants += len;
    pen_raw(&m->pen, pen_written(&pen));
    s->constant[s->constants++] = (struct expected){(uint16_t)rank, *v};
    return true;
}

// The last rank that is done with: anything but a tree stands for the whole object.
static unsigned put_object(struct maker *m, unsigned rank)
{
    struct shape *s = m->shape;
    bool tree = m->e->values[rank].kind == VALUE_TREE;
    s->object[s->objects++] = (struct expected){(uint16_t)rank, m->e->values[rank]};
    add_piece(m, tree ? PIECE_OBJECT : PIECE_VALUE, rank);
    m->inside = tree;
    return tree ? rank : m->all->keys[rank].last;
}

static unsigned put_field(struct maker *m, unsigned rank)
{
    put_joint(m, rank);
    m->behind = rank;
    m->inside = false;
    if (m->all->keys[rank].last != rank)
        return put_object(m, rank);
    if (!put_constant(m, rank))
        add_piece(m, PIECE_VALUE, rank);
    return rank;
}

// The first set rank from `rank` on, or `to`.
static unsigned next_rank(const struct event *e, unsigned rank, unsigned to)
{
    for (; rank < to; rank = (rank | 63) + 1) {
        uint64_t bits = e->set[rank >> 6] >> (rank & 63);
        if (bits) {
            rank += (unsigned)__builtin_ctzll(bits);
            return rank < to ? rank : to;
        }
    }
    return to;
}

// The fields in [from, to), which begin and end with no object open.
static void put_fields(struct maker *m, unsigned from, unsigned to)
{
    m->behind = AT_START;
    m->inside = false;
    for (unsigned rank = next_rank(m->e, from, to); rank < to;
         rank = next_rank(m->e, put_field(m, rank) + 1, to))
        ;
    close_all(m);
}

static void make(struct shapes *all, struct shape *s, const struct event *e)
{
    struct maker m = {.e = e, .all = all, .shape = s, .pen = pen_of(s->text, all->text)};
    unsigned body = schema_body(e->schema), never = all->size - 1;
    s->pieces = s->constants = s->objects = 0;
    m.start = m.pen.at;
    pen_byte(&m.pen, '{');
    put_fields(&m, 0, body);
    if (m.behind != AT_START && next_rank(e, body, never) < never)
        pen_byte(&m.pen, ',');
    add_piece(&m, PIECE_TEXT, 0);
    s->body = s->pieces;
    put_fields(&m, body, never);
    pen_byte(&m.pen, '}');
    add_piece(&m, PIECE_TEXT, 0);
    s->made = true;
}

// ── finding ──────────────────────────────────────────────────────────────────────────────────────

static bool is_for(const struct shapes *all, const struct shape *s, const struct event *e)
{
    return s->made && s->dataset == e->dataset &&
           memcmp(s->set, e->set, all->words * sizeof *s->set) == 0;
}

// The shape for this event, or a place for it. Shapes that meet at one place by chance take turns
// there with every other document, so there are a few places for each.
static struct shape *place_of(struct shapes *all, const struct event *e)
{
    uint64_t hash = e->dataset;
    for (unsigned w = 0; w < all->words; w++)
        hash = (hash ^ e->set[w]) * UINT64_C(0x9e3779b97f4a7c15);
    unsigned first = (hash ^ hash >> 32) % SHAPES;
    struct shape *free = NULL;
    for (unsigned i = 0; i < PLACES; i++) {
        struct shape *s = &all->shape[first ^ i];
        if (is_for(all, s, e))
            return s;
        if (!free && !s->made)
            free = s;
    }
    return free ? free : &all->shape[first];
}

// Also false for equal texts at two places: what stays as it is has one.
static bool is_same(const struct value *a, const struct value *b)
{
    uint64_t words[4];
    memcpy(words, a, sizeof *a);
    memcpy(words + 2, b, sizeof *b);
    return words[0] == words[2] && words[1] == words[3];
}

static bool are_as_expected(const struct shape *s, const struct event *e)
{
    bool same = true;
    for (const struct expected *c = s->constant; c < s->constant + s->constants; c++)
        if (!is_same(&e->values[c->rank], &c->value)) {
            s->loose[c->rank >> 6] |= UINT64_C(1) << (c->rank & 63);
            same = false;
        }
    for (const struct expected *o = s->object; o < s->object + s->objects; o++)
        same &= (e->values[o->rank].kind == VALUE_TREE) == (o->value.kind == VALUE_TREE);
    return same;
}

static void begin(const struct shapes *all, struct shape *s, const struct event *e)
{
    memcpy(s->set, e->set, all->words * sizeof *s->set);
    memset(s->loose, 0, all->words * sizeof *s->loose);
    s->dataset = e->dataset;
}

struct shape *shape_of(const struct event *e)
{
    struct shapes *all = e->shapes;
    struct shape *s = place_of(all, e);
    if (!is_for(all, s, e))
        begin(all, s, e);
    else if (are_as_expected(s, e))
        return s;
    make(all, s, e);
    return s;
}
