// SPDX-License-Identifier: Apache-2.0
// A block of finished events; the only thing that changes threads. Written by one worker, read-only
// once handed over, shared by any number of outputs, and back in its worker's home with the last
// reference.
//
//   ┌ bytes: {"@metadata":{…},"@timestamp":…}\n … routes … ──▶        ◀── rows ┐
//   └──────────────────────────── BATCH_SIZE ──────────────────────────────────┘
#pragma once

#include "pipeline/base/json.h"
#include "pipeline/base/span.h"

enum { BATCH_SIZE = 256 * 1024 }; // measured better than 1 MiB: it stays in the cache

struct row {
    uint32_t offset, length; // of the document, without the line feed that follows it
    uint32_t body; // where, in the document, the member behind "@metadata" begins: `{` and this is
                   // the body
    uint32_t routes;  // offset of its resolved routes; 0: all routes are constant
    int64_t time;     // @timestamp
    uint16_t dataset; // number of its dataset (emit's), for counting
    uint16_t flags;
};

struct batch_home; // the pool of one worker: batches come back from any thread

struct batch {
    _Atomic uint32_t references;
    uint32_t rows; // written so far
    uint32_t used; // bytes from the front
    uint32_t size; // of `bytes`: rows lie at its end, newest lowest
    struct batch_home *home;
    struct batch *next; // in a list of whoever owns it
    int64_t opened;     // steady time of its first row; 0: to be sent without waiting for more
    uint8_t *bytes;
};

// At most `ceiling` batches exist at once.
struct batch_home *batch_home_new(unsigned ceiling);
// Frees it once all its batches are back (asserts that).
void batch_home_free(struct batch_home *home);

// An empty batch with one reference. NULL: all are out, and `wait` is false. With `wait` it blocks
// until one is back.
struct batch *batch_open(struct batch_home *home, bool wait);

// One without a home, of so many bytes for documents, routes and rows; freed with its last
// reference. NULL: no memory.
struct batch *batch_alone(uint32_t size);

// Room left for one document (and the routes of its row): the line feed and the row are taken off.
size_t batch_room(const struct batch *b);
// A pen on that room; the document is kept by batch_commit (one line feed is added), else nothing
// was written.
struct pen batch_pen(struct batch *b);
void batch_commit(struct batch *b, const struct pen *pen, struct row row);

static inline const struct row *batch_row(const struct batch *b, uint32_t index)
{
    return (const struct row *)(const void *)(b->bytes + b->size) - 1 - index;
}
static inline struct span batch_document(const struct batch *b, const struct row *row)
{
    return span_of(b->bytes + row->offset, row->length);
}

// Routes of the newest row, behind its document: bytes they take, and adding them. A route without
// bytes is none. The room must be there (batch_room before the document was begun).
size_t batch_routes_size(const struct span *routes, unsigned count);
void batch_add_routes(struct batch *b, const struct span *routes, unsigned count);
// The resolved route `which` of a row (empty: none).
struct span batch_route(const struct batch *b, const struct row *row, unsigned which);

// A copy of exactly its bytes for a sparse batch, the original going home at once; the batch itself
// if it is more than half full or the copy cannot be had.
struct batch *batch_settle(struct batch *b);

void batch_hold(struct batch *b, uint32_t references);
void batch_release(struct batch *b);
