// SPDX-License-Identifier: Apache-2.0
// From values by rank to one line of JSON. The set bits come in the order of the document, so the
// encoder only closes the objects that are over and copies what opens the next field: the names of
// its objects and its own were written down at start.
//
//     set bits     … http.request.bytes        http.response.status_code …
//     written      … "bytes":78            },"response":{"status_code":  200 …
//                    key    value     closed  open from step[depth]      value

#include "pipeline/batch.h"
#include "pipeline/event.h"

// ── values ───────────────────────────────────────────────────────────────────────────────────────

// Bytes that the character with this first byte takes.
static size_t character_length(uint8_t first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool goes_on(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

// Bytes at the end that begin a character of which more may follow.
static size_t begun_at_end(struct span s)
{
    for (size_t back = 1; back <= 3 && back <= s.len; back++) {
        uint8_t byte = s.at[s.len - back];
        if (!goes_on(byte))
            return back < character_length(byte) ? back : 0;
    }
    return 0;
}

// A character that was cut between two pieces of a chain.
struct carry {
    uint8_t bytes[4];
    size_t len;
};

static void carry_write(struct carry *c, struct pen *pen)
{
    pen_text_part(pen, span_of(c->bytes, c->len));
    c->len = 0;
}

// Takes from the start of the piece what belongs to the character.
static struct span carry_take(struct carry *c, struct span piece, struct pen *pen)
{
    while (c->len && piece.len) {
        if (!goes_on(piece.at[0])) {
            carry_write(c, pen);
            break;
        }
        c->bytes[c->len++] = piece.at[0];
        piece = span_skip(piece, 1);
        if (c->len == character_length(c->bytes[0]))
            carry_write(c, pen);
    }
    return piece;
}

// The first `len` bytes of a chain as the inside of a string, characters whole across pieces.
static void write_chain(const struct chain *chain, size_t len, struct pen *pen)
{
    struct carry carry = {.len = 0};
    for (const struct piece *p = chain->first; p && len; p = p->next) {
        struct span piece = span_first(span_of(p->bytes, p->len), len);
        len -= piece.len;
        piece = carry_take(&carry, piece, pen);
        if (!piece.len)
            continue;
        size_t begun = begun_at_end(piece);
        pen_text_part(pen, span_first(piece, piece.len - begun));
        memcpy(carry.bytes, piece.at + piece.len - begun, begun);
        carry.len = begun;
    }
    carry_write(&carry, pen);
}

static void write_cut_text(const struct value *v, struct pen *pen)
{
    pen_byte(pen, '"');
    if (v->kind == VALUE_CHAIN)
        write_chain(v->at, v->len, pen);
    else
        pen_text_part(pen, span_of(v->at, v->len));
    if (v->cut)
        pen_raw(pen, (struct span)SPAN("…"));
    pen_byte(pen, '"');
}

static void write_mac(const struct value *v, struct pen *pen)
{
    if (!pen_room(pen, TEXT_MAC + 2))
        return;
    *pen->at++ = '"';
    pen->at += text_mac(pen->at, v->at);
    *pen->at++ = '"';
}

static void write_null(struct pen *pen)
{
    pen_raw(pen, (struct span)SPAN("null"));
}

static void write_json(const struct value *v, struct pen *pen)
{
    if (v->len)
        pen_raw(pen, span_of(v->at, v->len));
    else
        write_null(pen);
}

static void write_value(const struct value *v, struct pen *pen, int digits, int depth);

static void write_list(const struct value *v, struct pen *pen, int digits, int depth)
{
    if (depth >= EVENT_TREE_DEPTH) {
        write_null(pen);
        return;
    }
    pen_byte(pen, '[');
    for (const struct list_item *i = v->list; i; i = i->next) {
        if (i != v->list)
            pen_byte(pen, ',');
        write_value(&i->value, pen, digits, depth + 1);
    }
    pen_byte(pen, ']');
}

static void write_members(const struct value *v, struct pen *pen, int digits, int depth)
{
    for (const struct tree_item *i = v->tree; i; i = i->next) {
        if (i != v->tree)
            pen_byte(pen, ',');
        pen_text(pen, i->key);
        pen_byte(pen, ':');
        write_value(&i->value, pen, digits, depth + 1);
    }
}

static void write_tree(const struct value *v, struct pen *pen, int digits, int depth)
{
    if (depth >= EVENT_TREE_DEPTH) {
        write_null(pen);
        return;
    }
    pen_byte(pen, '{');
    write_members(v, pen, digits, depth);
    pen_byte(pen, '}');
}

// Each case ends with a call, so this costs no more than the jump.
static void write_value(const struct value *v, struct pen *pen, int digits, int depth)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_TEXT:
        if (v->cut)
            write_cut_text(v, pen);
        else
            pen_text(pen, span_of(v->at, v->len));
        return;
    case VALUE_CHAIN:
        write_cut_text(v, pen);
        return;
    case VALUE_SIGNED:
        pen_signed(pen, v->number);
        return;
    case VALUE_UNSIGNED:
        pen_unsigned(pen, (uint64_t)v->number);
        return;
    case VALUE_DOUBLE:
        pen_double(pen, v->real);
        return;
    case VALUE_BOOL:
        pen_bool(pen, v->number);
        return;
    case VALUE_TIME:
        pen_time(pen, v->number, digits);
        return;
    case VALUE_IP:
        pen_ip(pen, v->at, v->len == 4 ? 4 : 6);
        return;
    case VALUE_MAC:
        write_mac(v, pen);
        return;
    case VALUE_JSON:
        write_json(v, pen);
        return;
    case VALUE_LIST:
        write_list(v, pen, digits, depth);
        return;
    case VALUE_TREE:
        write_tree(v, pen, digits, depth);
        return;
    case VALUE_NULL:
        break;
    }
    write_null(pen);
}

void value_write(const struct value *v, struct pen *pen, int digits)
{
    write_value(v, pen, digits, 0);
}

// ── documents ────────────────────────────────────────────────────────────────────────────────────

// What stands between one field and the next: objects closed, the comma, objects opened, the key.
// Documents of a kind have the same fields nearly always, so it is kept from the document before,
// and then a field costs one cache line and one copy.
struct joint {
    uint16_t behind; // rank + 1 of the field before; 0: nothing is kept
    uint8_t len;
    uint8_t text[61];
};

_Static_assert(sizeof(struct joint) == EVENT_JOINT, "one cache line");

// Instead of a rank + 1: at the start of a document, inside an object that is still open.
enum { AT_START = UINT16_MAX, INSIDE = UINT16_MAX - 1 };

// Where the encoder stands.
struct place {
    struct pen pen;
    const struct field_key *keys;
    struct joint *joints;
    unsigned behind; // rank + 1 of the field before, or one of the above
    unsigned object; // INSIDE: the rank of that object
    bool comma;      // INSIDE: it has members
};

// How many objects are open, and the last ranks inside them.
static unsigned open_objects(const struct place *p, const uint16_t **until)
{
    if (p->behind == AT_START)
        return 0;
    const struct field_key *key = &p->keys[p->behind == INSIDE ? p->object : p->behind - 1];
    *until = key->until;
    return key->depth + (p->behind == INSIDE ? 1U : 0U);
}

static void write_joint(struct place *p, unsigned rank)
{
    const struct field_key *key = &p->keys[rank];
    const uint16_t *until = NULL;
    unsigned depth = open_objects(p, &until);
    bool comma = p->behind == INSIDE ? p->comma : p->behind != AT_START;
    for (; depth && until[depth - 1] < rank; depth--, comma = true)
        pen_byte(&p->pen, '}');
    if (comma)
        pen_byte(&p->pen, ',');
    pen_raw(&p->pen, span_skip(span_of(key->open, key->open_len), key->step[depth]));
}

// As write_joint, and keeps it.
static void make_joint(struct place *p, unsigned rank)
{
    struct joint *j = &p->joints[rank];
    const uint8_t *start = p->pen.at;
    write_joint(p, rank);
    size_t len = (size_t)(p->pen.at - start);
    if (p->pen.full || p->behind == INSIDE || len > sizeof j->text)
        return;
    memcpy(j->text, start, len);
    j->len = (uint8_t)len;
    j->behind = (uint16_t)p->behind;
}

static void close_all(struct place *p)
{
    const uint16_t *until = NULL;
    for (unsigned depth = open_objects(p, &until); depth; depth--)
        pen_byte(&p->pen, '}');
}

// A field with ranks inside it: a tree stays open for them, and they are the next to come. Anything
// else stands for the whole object. The last rank that is done with.
static unsigned write_object(const struct event *e, struct place *p, unsigned rank)
{
    const struct value *v = &e->values[rank];
    if (v->kind != VALUE_TREE) {
        value_write(v, &p->pen, e->digits);
        return p->keys[rank].last;
    }
    pen_byte(&p->pen, '{');
    write_members(v, &p->pen, e->digits, 0);
    p->behind = INSIDE;
    p->object = rank;
    p->comma = v->tree;
    return rank;
}

static uint8_t *quoted(uint8_t *to, size_t len)
{
    to[0] = to[len + 1] = '"';
    return to + len + 2;
}

enum { SCALAR = 64 }; // room that every scalar finds enough, but for texts and fragments

// Writes what has no parts, if `room` (at least SCALAR) is enough for the worst case; where it
// ends, or NULL: nothing was written. The place stays in a register all the way, so that one field
// need not wait for the one before.
static inline uint8_t *write_scalar(uint8_t *to, size_t room, const struct value *v, int digits)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_TEXT:
        return v->cut || JSON_TEXT((size_t)v->len) > room ? NULL
                                                          : json_text(to, span_of(v->at, v->len));
    case VALUE_SIGNED:
        return to + text_signed(to, v->number);
    case VALUE_UNSIGNED:
        return to + text_unsigned(to, (uint64_t)v->number);
    case VALUE_TIME:
        return quoted(to, text_time(to + 1, v->number, digits));
    case VALUE_IP:
        return quoted(to, text_ip(to + 1, v->at, v->len == 4 ? 4 : 6));
    case VALUE_MAC:
        return quoted(to, text_mac(to + 1, v->at));
    case VALUE_JSON:
        if (!v->len || v->len > room)
            return NULL;
        memcpy(to, v->at, v->len);
        return to + v->len;
    default:
        return NULL;
    }
}

// A field as nearly all are: it stands behind the same one as in the document before, has nothing
// inside, is a scalar, and finds room. Where it ends, or NULL: nothing was written.
static inline uint8_t *write_usual(const struct event *e, const struct place *p, unsigned behind,
                                   uint8_t *at, size_t room, unsigned rank)
{
    const struct joint *j = &p->joints[rank];
    if (j->behind != behind || p->keys[rank].last != rank || room < sizeof j->text + SCALAR)
        return NULL;
    memcpy(at, j->text, sizeof j->text); // all of it: its length is known then
    return write_scalar(at + j->len, room - j->len, &e->values[rank], e->digits);
}

// Any field. The last rank that is done with.
static unsigned write_field(const struct event *e, struct place *p, unsigned rank)
{
    make_joint(p, rank);
    p->behind = rank + 1;
    if (p->keys[rank].last != rank)
        return write_object(e, p, rank);
    write_value(&e->values[rank], &p->pen, e->digits, 0);
    return rank;
}

// The set ranks in [from, to). Where the next byte goes is kept out of the place while the usual
// fields come, as the place has an address and so lies in memory.
static void write_ranks(const struct event *e, struct place *p, unsigned from, unsigned to)
{
    uint8_t *at = p->pen.at;
    const uint8_t *room_end = p->pen.end;
    unsigned behind = p->behind;
    for (unsigned w = from >> 6; w << 6 < to; w++) {
        for (uint64_t bits = e->set[w]; bits; bits &= bits - 1) {
            unsigned rank = w << 6 | (unsigned)__builtin_ctzll(bits);
            if (rank < from)
                continue;
            if (rank >= to)
                break;
            uint8_t *end = write_usual(e, p, behind, at, (size_t)(room_end - at), rank);
            if (end) {
                at = end;
                behind = rank + 1;
                continue;
            }
            p->pen.at = at;
            p->behind = behind;
            from = write_field(e, p, rank) + 1;
            at = p->pen.at;
            behind = p->behind;
        }
    }
    p->pen.at = at;
    p->behind = behind;
}

static bool any_rank(const struct event *e, unsigned from, unsigned to)
{
    for (unsigned rank = from; rank < to; rank++)
        if (e->set[rank >> 6] >> (rank & 63) & 1)
            return true;
    return false;
}

// Writes the document; returns where its body begins.
static uint32_t write_document(const struct event *e, struct place *p)
{
    unsigned body = schema_body(e->schema), never = e->size - 1;
    pen_byte(&p->pen, '{');
    write_ranks(e, p, 0, body);
    close_all(p);
    if (p->behind != AT_START && any_rank(e, body, never))
        pen_byte(&p->pen, ',');
    uint32_t at = (uint32_t)pen_written(&p->pen).len;
    p->behind = AT_START;
    write_ranks(e, p, body, never);
    close_all(p);
    pen_byte(&p->pen, '}');
    return at;
}

bool event_write(const struct event *e, struct batch *b)
{
    struct place p = {batch_pen(b), schema_keys(e->schema), e->joints, AT_START, 0, false};
    size_t routes = batch_routes_size(e->routes, e->route_count);
    if (!pen_room(&p.pen, routes))
        return false;
    p.pen.end -= routes;
    struct row row = {.body = write_document(e, &p), .time = e->time, .dataset = e->dataset};
    if (p.pen.full)
        return false;
    batch_commit(b, &p.pen, row);
    batch_add_routes(b, e->routes, e->route_count);
    return true;
}
