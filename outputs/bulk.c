// SPDX-License-Identifier: Apache-2.0
// Two pieces a document.
#include "outputs/bulk.h"

#include <stdlib.h>

#include "pipeline/base/arena.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"

enum { LINES = 1 << 30, HASH_ID = 22, LINE = 64 };

// Where a document goes.
struct target {
    struct span index, pipeline, id;
    bool replaces; // op type index
};

struct bulk {
    struct span index; // of the address
    bool hash_ids;
    struct arena lines;
    struct pieces pieces;
    uint32_t *rows;
    uint32_t count, room;
    struct target last; // of the document before
    struct span last_line;
};

struct bulk *bulk_new(const char *index, bool hash_ids)
{
    struct bulk *b = calloc(1, sizeof *b);
    if (!b || !arena_init(&b->lines, LINES)) {
        free(b);
        return NULL;
    }
    b->index = span_text(index);
    b->hash_ids = hash_ids;
    return b;
}

void bulk_free(struct bulk *b)
{
    if (!b)
        return;
    arena_free(&b->lines);
    free(b->pieces.at);
    free(b->rows);
    free(b);
}

void bulk_clear(struct bulk *b)
{
    arena_reset(&b->lines);
    b->pieces.count = 0;
    b->pieces.bytes = 0;
    b->count = 0;
    b->last_line = span_of(NULL, 0);
}

static bool make_room(struct bulk *b)
{
    if (b->count < b->room)
        return true;
    uint32_t room = b->room ? 2 * b->room : 256;
    struct span *pieces = realloc(b->pieces.at, 2 * room * sizeof *pieces);
    if (pieces)
        b->pieces.at = pieces;
    uint32_t *rows = pieces ? realloc(b->rows, room * sizeof *rows) : NULL;
    if (!rows)
        return false;
    b->rows = rows;
    b->room = room;
    return true;
}

// ── the line ────────────────────────────────────────────────────────────────────────────────────

static void write_member(struct pen *pen, const char *name, struct span text)
{
    if (!text.len)
        return;
    if (pen->at[-1] != '{')
        pen_byte(pen, ',');
    pen_byte(pen, '"');
    pen_raw(pen, span_text(name));
    pen_raw(pen, (struct span)SPAN("\":"));
    pen_text(pen, text);
}

static struct span write_line(struct bulk *b, const struct target *t)
{
    size_t size = LINE + 6 * (t->index.len + t->pipeline.len + t->id.len);
    void *place = arena_alloc(&b->lines, size);
    if (!place)
        return span_of(NULL, 0);
    struct pen pen = pen_of(place, size);
    pen_raw(&pen, span_text(t->replaces ? "{\"index\":{" : "{\"create\":{"));
    if (!span_is(t->index, b->index))
        write_member(&pen, "_index", t->index);
    write_member(&pen, "pipeline", t->pipeline);
    write_member(&pen, "_id", t->id);
    pen_raw(&pen, (struct span)SPAN("}}\n{"));
    return pen_written(&pen);
}

static bool is_same(const struct target *a, const struct target *b)
{
    return span_is(a->index, b->index) && span_is(a->pipeline, b->pipeline) &&
           span_is(a->id, b->id) && a->replaces == b->replaces;
}

// The same line as for the document before, as long as nothing changes.
static struct span line_for(struct bulk *b, const struct target *t)
{
    if (!b->last_line.len || !is_same(t, &b->last)) {
        b->last = *t;
        b->last_line = write_line(b, t);
    }
    return b->last_line;
}

// ── documents ───────────────────────────────────────────────────────────────────────────────────

static enum bulk_result add(struct bulk *b, uint32_t row, const struct target *t, struct span body)
{
    struct span line = make_room(b) ? line_for(b, t) : span_of(NULL, 0);
    if (!line.len)
        return BULK_NO_MEMORY;
    b->pieces.at[b->pieces.count++] = line;
    b->pieces.at[b->pieces.count++] = body;
    b->pieces.bytes += line.len + body.len;
    b->rows[b->count++] = row;
    return BULK_ADDED;
}

static struct span body_of(const struct parcel_row *r)
{
    return span_of(r->batch->bytes + r->row->offset + r->row->body,
                   r->row->length - r->row->body + 1);
}

// 128 bits of the document itself, so that sending it again finds it there.
static struct span hash_id(struct bulk *b, struct span body)
{
    uint8_t hash[16], *text = arena_alloc(&b->lines, 2 * HASH_ID);
    if (!text)
        return span_of(NULL, 0);
    hash_128(body.at, body.len, hash);
    size_t len = text_base64(text, span_of(hash, sizeof hash), false);
    for (size_t i = 0; i < len; i++) // the alphabet of addresses
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    return span_of(text, len);
}

enum bulk_result bulk_add(struct bulk *b, const struct parcel *p, uint32_t i)
{
    static const struct span index_op = SPAN("index");
    const struct parcel_row *r = &p->rows[i];
    struct span body = body_of(r);
    struct target t = {.index = parcel_route(p, r, BULK_INDEX),
                       .pipeline = parcel_route(p, r, BULK_PIPELINE),
                       .id = parcel_route(p, r, BULK_ID),
                       .replaces = span_is(parcel_route(p, r, BULK_OP), index_op)};
    if (!t.index.len)
        return BULK_NO_INDEX;
    if (t.id.len > BULK_ID_MOST)
        return BULK_LONG_ID;
    if (!t.id.len && b->hash_ids && !(t.id = hash_id(b, body)).len)
        return BULK_NO_MEMORY;
    return add(b, i, &t, body);
}

enum bulk_result bulk_add_dead_letter(struct bulk *b, const struct parcel *p, uint32_t i,
                                      const char *index, unsigned status, struct span reason)
{
    const struct parcel_row *r = &p->rows[i];
    struct span body = body_of(r), inside = span_first(body, body.len - 1);
    size_t size = 6 * (body.len + reason.len) + 256;
    void *place = arena_alloc(&b->lines, size);
    if (!place)
        return BULK_NO_MEMORY;
    struct pen pen = pen_of(place, size);
    pen_raw(&pen, (struct span)SPAN("\"@timestamp\":"));
    pen_time(&pen, r->row->time, 3);
    pen_raw(&pen, (struct span)SPAN(",\"message\":\"{"));
    pen_text_part(&pen, inside);
    pen_raw(&pen, (struct span)SPAN("\",\"error.type\":"));
    pen_unsigned(&pen, status);
    pen_raw(&pen, (struct span)SPAN(",\"error.message\":"));
    pen_text(&pen, reason);
    pen_raw(&pen, (struct span)SPAN("}\n"));
    struct target t = {.index = span_text(index)};
    if (b->hash_ids && !(t.id = hash_id(b, body)).len)
        return BULK_NO_MEMORY;
    return add(b, i, &t, pen_written(&pen));
}

const struct pieces *bulk_pieces(const struct bulk *b)
{
    return &b->pieces;
}

uint32_t bulk_count(const struct bulk *b)
{
    return b->count;
}

uint32_t bulk_row(const struct bulk *b, uint32_t item)
{
    return b->rows[item];
}
