// SPDX-License-Identifier: Apache-2.0
// From values by rank to one line of JSON: pieces of text that the shape of the document holds
// ready, and the values between them.

#include "pipeline/batch.h"
#include "pipeline/event.h"
#include "pipeline/shape.h"

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

static uint8_t *quoted(uint8_t *to, size_t len)
{
    to[0] = to[len + 1] = '"';
    return to + len + 2;
}

static uint8_t *write_flag(uint8_t *to, bool flag)
{
    memcpy(to, flag ? "true " : "false", 5);
    return to + (flag ? 4 : 5);
}

// Room that every scalar finds enough, but for texts and fragments, and what copying goes too far.
enum { SCALAR = 64 + SHAPE_BLOCK };

// The value behind a piece, if it has no parts and `room` (at least SCALAR) is enough for the worst
// case; where it ends, or NULL: nothing was written. The place stays in a register all the way, so
// that one field need not wait for the one before.
static inline uint8_t *write_scalar(uint8_t *to, size_t room, const struct event *e,
                                    const struct shape_piece *piece, struct text_second *second)
{
    const struct value *v = &e->values[piece->rank];
    if (piece->kind != PIECE_VALUE)
        return NULL;
    switch ((enum value_kind)v->kind) {
    case VALUE_TEXT:
        return v->cut || JSON_TEXT((size_t)v->len) > room ? NULL
                                                          : json_text(to, span_of(v->at, v->len));
    case VALUE_SIGNED:
        return to + text_signed(to, v->number);
    case VALUE_UNSIGNED:
        return to + text_unsigned(to, (uint64_t)v->number);
    case VALUE_BOOL:
        return write_flag(to, v->number);
    case VALUE_TIME:
        return quoted(to, text_time_near(to + 1, v->number, e->digits, second));
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

// Copies whole blocks, so that nothing depends on the length but how many.
static inline uint8_t *copy_text(uint8_t *to, const uint8_t *text, size_t len)
{
    for (size_t done = 0; done < len; done += SHAPE_BLOCK)
        memcpy(to + done, text + done, SHAPE_BLOCK);
    return to + len;
}

// What stands behind the text of a piece, whatever it is.
static void write_behind(const struct event *e, const struct shape_piece *piece, struct pen *pen)
{
    const struct value *v = &e->values[piece->rank];
    if (piece->kind == PIECE_VALUE) {
        write_value(v, pen, e->digits, 0);
    } else if (piece->kind == PIECE_OBJECT) {
        pen_byte(pen, '{');
        write_members(v, pen, e->digits, 0);
    }
}

// The text of a piece where room is short or its comma depends.
static void write_text(const struct event *e, const struct shape_piece *piece, const uint8_t *text,
                       struct pen *pen)
{
    if (piece->comma && e->values[piece[-1].rank].tree)
        pen_byte(pen, ',');
    pen_raw(pen, span_of(text, piece->len));
}

// The pieces of a shape from `piece` to `end`; returns the text behind theirs. Where the next byte
// goes is kept out of the pen while it is clear that there is room, as the pen lies in memory.
static const uint8_t *write_pieces(const struct event *e, struct shape *s,
                                   const struct shape_piece *piece, const struct shape_piece *end,
                                   const uint8_t *text, struct pen *pen)
{
    uint8_t *at = pen->at;
    for (; piece < end; text += piece->len, piece++) {
        size_t room = (size_t)(pen->end - at);
        if (room >= piece->len + (size_t)SCALAR && !piece->comma) {
            at = copy_text(at, text, piece->len);
            uint8_t *next = write_scalar(at, room - piece->len, e, piece, &s->second);
            if (next) {
                at = next;
                continue;
            }
            pen->at = at;
        } else {
            pen->at = at;
            write_text(e, piece, text, pen);
        }
        write_behind(e, piece, pen);
        at = pen->at;
    }
    pen->at = at;
    return text;
}

// Members of the root that are no fields, before the brace that closes the document. What they
// follow decides over the comma, and where the body begins if there was none.
static void write_loose(const struct event *e, struct pen *pen, uint32_t *body)
{
    if (pen->full)
        return;
    pen->at--;
    bool bodiless = pen_written(pen).len == *body;
    if (pen->at[-1] != '{')
        pen_byte(pen, ',');
    if (bodiless)
        *body = (uint32_t)pen_written(pen).len;
    write_members(&e->loose, pen, e->digits, 0);
    pen_byte(pen, '}');
}

bool event_write(const struct event *e, struct batch *b)
{
    struct shape *s = shape_of(e);
    struct pen pen = batch_pen(b);
    size_t routes = batch_routes_size(e->routes, e->route_count);
    if (!pen_room(&pen, routes))
        return false;
    pen.end -= routes;
    const struct shape_piece *body = s->piece + s->body;
    const uint8_t *text = write_pieces(e, s, s->piece, body, s->text, &pen);
    struct row row = {
        .body = (uint32_t)pen_written(&pen).len, .time = e->time, .dataset = e->dataset};
    write_pieces(e, s, body, s->piece + s->pieces, text, &pen);
    if (e->loose.kind == VALUE_TREE)
        write_loose(e, &pen, &row.body);
    if (pen.full)
        return false;
    batch_commit(b, &pen, row);
    batch_add_routes(b, e->routes, e->route_count);
    return true;
}
