// SPDX-License-Identifier: Apache-2.0
// Writing is a cursor over a buffer that is large enough; reading trusts nothing, though the hash
// was right.
#include "pipeline/block.h"

#include <stdlib.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/reader.h"

enum {
    ROW_HEAD = 4 + 4 + 8 + 1,
    CONSTANTS_MOST = 128 << 10,
    BATCH_MOST = 64 << 20, // of a batch that is made of a block
    TEXT_MOST = 0x7fff,    // as in a batch
    ROUTES_MOST = 256,     // of all outputs
};

const uint8_t block_magic[4] = {0x89, 'W', 'B', '\n'};

static uint64_t hash(struct span s, uint64_t seed)
{
    return hash_bytes(s.at, s.len, seed);
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────

static void put(struct block *k, uint64_t number, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        k->bytes[k->used++] = (uint8_t)(number >> shift);
}

static void put_bytes(struct block *k, struct span s)
{
    if (s.len)
        memcpy(k->bytes + k->used, s.at, s.len);
    k->used += (uint32_t)s.len;
}

static void put_text(struct block *k, struct span s)
{
    s = span_first(s, TEXT_MOST);
    put(k, s.len, 2);
    put_bytes(k, s);
}

static struct span constant(const struct block *k, unsigned which)
{
    return k->constants ? span_first(k->constants[which], TEXT_MOST) : span_of(NULL, 0);
}

bool block_init(struct block *k, unsigned route, unsigned route_count, const struct span *constants)
{
    *k = (struct block){.route = route, .route_count = route_count, .constants = constants};
    size_t bytes = 0;
    for (unsigned i = 0; i < route_count; i++)
        bytes += 2 + constant(k, i).len;
    if (route_count > BLOCK_ROUTES || route + route_count > ROUTES_MOST || bytes > CONSTANTS_MOST)
        return false;
    k->bytes = malloc(BLOCK_MOST);
    return k->bytes != NULL;
}

void block_free(struct block *k)
{
    free(k->bytes);
    k->bytes = NULL;
}

void block_begin(struct block *k)
{
    k->used = BLOCK_HEAD;
    k->rows = 0;
    put(k, k->route_count, 1);
    for (unsigned i = 0; i < k->route_count; i++)
        put_text(k, constant(k, i));
}

// What a row says of its routes. Their bytes; 0: only what the constants say, too.
static size_t own_routes(const struct block *k, const struct parcel_row *row, struct span *own)
{
    size_t bytes = 0;
    bool is_own = false;
    for (unsigned i = 0; i < k->route_count; i++) {
        own[i] = batch_route(row->batch, row->row, k->route + i);
        is_own |= own[i].len && !span_is(own[i], constant(k, i));
        bytes += 2 + own[i].len;
    }
    return is_own ? bytes : 0;
}

bool block_add(struct block *k, const struct parcel_row *row)
{
    struct span own[BLOCK_ROUTES], document = batch_document(row->batch, row->row);
    size_t routes = own_routes(k, row, own);
    if (k->used + ROW_HEAD + routes + document.len > BLOCK_MOST)
        return false;
    put(k, document.len, 4);
    put(k, row->row->body, 4);
    put(k, (uint64_t)row->row->time, 8);
    put(k, routes > 0, 1);
    for (unsigned i = 0; routes && i < k->route_count; i++)
        put_text(k, own[i]);
    put_bytes(k, document);
    k->rows++;
    return true;
}

// ── the head ─────────────────────────────────────────────────────────────────────────────────────

static uint64_t head_hash(const uint8_t *head, uint64_t segment, uint64_t offset)
{
    return hash(span_of(head, 24), hash_bytes(&offset, sizeof offset, segment));
}

struct span block_finish(struct block *k, uint64_t segment, uint64_t offset)
{
    struct span whole = span_of(k->bytes, k->used);
    uint64_t payload = hash(span_skip(whole, BLOCK_HEAD), 0);
    k->used = 0;
    put_bytes(k, span_of(block_magic, sizeof block_magic));
    put(k, whole.len - BLOCK_HEAD, 4);
    put(k, k->rows, 4);
    put(k, 0, 4);
    put(k, payload, 8);
    put(k, head_hash(k->bytes, segment, offset), 8);
    put(k, 0, 8);
    k->used = (uint32_t)whole.len;
    return whole;
}

bool block_head_read(struct block_head *h, const uint8_t head[BLOCK_HEAD], uint64_t segment,
                     uint64_t offset)
{
    struct reader r = reader_of(span_of(head, BLOCK_HEAD));
    struct span magic = reader_bytes(&r, sizeof block_magic);
    *h = (struct block_head){.length = reader_be32(&r), .rows = reader_be32(&r)};
    reader_skip(&r, 4);
    h->payload = reader_be64(&r);
    h->self = reader_be64(&r);
    h->is_answered = reader_be64(&r) == ~h->self;
    return span_is(magic, span_of(block_magic, sizeof block_magic)) &&
           h->self == head_hash(head, segment, offset) && h->length <= BLOCK_MOST - BLOCK_HEAD;
}

bool block_is_whole(const struct block_head *h, struct span payload)
{
    return payload.len == h->length && hash(payload, 0) == h->payload;
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

struct block_row {
    struct span document;
    uint32_t body;
    int64_t time;
    struct span route[BLOCK_ROUTES]; // as it was written: its own or the block's
    bool is_plain;                   // all of them are what the constants say now
};

// The block's own routes may be fewer or more than there are now: another configuration. What is
// missing is empty, what is too much is passed by.
struct block_reader {
    struct reader r;
    unsigned count;
    struct span constant[BLOCK_ROUTES];
    bool same; // routes of rows without own ones are the constants of now
};

static struct span read_text(struct reader *r)
{
    return reader_bytes(r, reader_be16(r) & TEXT_MOST);
}

static bool begin_reading(struct block_reader *b, const struct block *k, struct span payload)
{
    *b = (struct block_reader){.r = reader_of(payload)};
    b->count = reader_u8(&b->r);
    if (b->count > BLOCK_ROUTES)
        return false;
    for (unsigned i = 0; i < b->count; i++)
        b->constant[i] = read_text(&b->r);
    b->same = true;
    for (unsigned i = 0; i < k->route_count; i++)
        b->same &= span_is(b->constant[i], constant(k, i));
    return reader_ok(&b->r);
}

// Routes that the block does not have stay as they are in `row`: empty.
static bool read_row(struct block_reader *b, struct block_row *row)
{
    uint32_t length = reader_be32(&b->r);
    row->body = reader_be32(&b->r);
    row->time = (int64_t)reader_be64(&b->r);
    uint8_t own = reader_u8(&b->r);
    row->is_plain = !own && b->same;
    for (unsigned i = 0; i < b->count; i++) {
        struct span given = own ? read_text(&b->r) : span_of(NULL, 0);
        row->route[i] = given.len ? given : b->constant[i];
    }
    row->document = reader_bytes(&b->r, length);
    return reader_ok(&b->r) && own <= 1 && length && row->body < length;
}

// Routes of the outputs before this one are empty.
static size_t routes_size(const struct block *k, const struct block_row *row)
{
    return row->is_plain ? 0 : 2 * k->route + batch_routes_size(row->route, k->route_count);
}

// Bytes that a batch of these rows takes; 0: they make no sense.
static size_t measure(const struct block *k, const struct block_head *h, struct span payload)
{
    struct block_reader b;
    struct block_row row = {.body = 0};
    size_t bytes = 0;
    if (!begin_reading(&b, k, payload))
        return 0;
    for (uint32_t i = 0; i < h->rows; i++) {
        if (!read_row(&b, &row) || bytes > BATCH_MOST)
            return 0;
        bytes += row.document.len + 1 + routes_size(k, &row) + sizeof(struct row);
    }
    return reader_left(&b.r) == 0 ? bytes : 0;
}

static void add_row(struct batch *to, const struct block *k, const struct block_row *row)
{
    struct span routes[ROUTES_MOST];
    struct pen pen = batch_pen(to);
    pen_raw(&pen, row->document);
    batch_commit(to, &pen, (struct row){.body = row->body, .time = row->time});
    if (row->is_plain)
        return;
    for (unsigned i = 0; i < k->route + k->route_count; i++)
        routes[i] = i < k->route ? span_of(NULL, 0) : row->route[i - k->route];
    batch_add_routes(to, routes, k->route + k->route_count);
}

struct batch *block_batch(const struct block *k, const struct block_head *h, struct span payload,
                          bool *no_memory)
{
    size_t bytes = measure(k, h, payload);
    struct block_reader b;
    struct block_row row = {.body = 0};
    *no_memory = false;
    if (!bytes)
        return NULL;
    struct batch *batch = batch_alone((uint32_t)bytes);
    *no_memory = !batch;
    if (!batch || !begin_reading(&b, k, payload))
        return NULL;
    for (uint32_t i = 0; i < h->rows && read_row(&b, &row); i++)
        add_row(batch, k, &row);
    batch->opened = 0; // it has waited long enough
    return batch;
}
