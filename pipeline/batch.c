// SPDX-License-Identifier: Apache-2.0
// Batches and the home they come back to: a stack under a lock, taken and given once for some
// hundred documents. What a batch holds is written by one thread and afterwards only read; the
// reference count orders the last read before the next write.

#include "pipeline/batch.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"

#include <assert.h>
#include <stdlib.h>

struct batch_home {
    struct gate gate;
    struct batch *free; // newest first: still in the cache
    unsigned made, out, ceiling;
};

// ── home ─────────────────────────────────────────────────────────────────────────────────────────

struct batch_home *batch_home_new(unsigned ceiling)
{
    struct batch_home *home = calloc(1, sizeof *home);
    if (!home)
        return NULL;
    gate_init(&home->gate);
    home->ceiling = ceiling;
    return home;
}

void batch_home_free(struct batch_home *home)
{
    if (!home)
        return;
    assert(home->out == 0);
    while (home->free) {
        struct batch *b = home->free;
        home->free = b->next;
        free(b);
    }
    gate_free(&home->gate);
    free(home);
}

// The bytes lie behind the batch itself, in one allocation; rows need the alignment of their times.
static struct batch *make(uint32_t size)
{
    _Static_assert(sizeof(struct batch) % 8 == 0, "rows are aligned by the end of the bytes");
    struct batch *b = malloc(sizeof *b + size);
    if (b)
        *b = (struct batch){.size = size, .bytes = (uint8_t *)(b + 1)};
    return b;
}

// With the gate locked. NULL: all are out, or no memory.
static struct batch *take(struct batch_home *home)
{
    struct batch *b = home->free;
    if (b) {
        home->free = b->next;
    } else if (home->made < home->ceiling && (b = make(BATCH_SIZE))) {
        home->made++;
        b->home = home;
    }
    home->out += b != NULL;
    return b;
}

struct batch *batch_open(struct batch_home *home, bool wait)
{
    gate_lock(&home->gate);
    struct batch *b = take(home);
    while (!b && wait) {
        gate_wait(&home->gate, clock_steady() + SECOND);
        b = take(home);
    }
    gate_unlock(&home->gate);
    if (b) {
        b->references = 1;
        b->rows = b->used = 0;
        b->next = NULL;
        b->opened = 0;
    }
    return b;
}

struct batch *batch_alone(uint32_t size)
{
    struct batch *b = make((size + 7U) & ~7U);
    if (b)
        b->references = 1;
    return b;
}

static void go_home(struct batch *b)
{
    struct batch_home *home = b->home;
    if (!home) {
        free(b);
        return;
    }
    gate_lock(&home->gate);
    b->next = home->free;
    home->free = b;
    home->out--;
    gate_wake(&home->gate);
    gate_unlock(&home->gate);
}

void batch_hold(struct batch *b, uint32_t references)
{
    __atomic_fetch_add((uint32_t *)&b->references, references, __ATOMIC_RELAXED);
}

void batch_release(struct batch *b)
{
    uint32_t before = __atomic_fetch_sub((uint32_t *)&b->references, 1, __ATOMIC_ACQ_REL);
    assert(before > 0);
    if (before == 1)
        go_home(b);
}

// ── rows ─────────────────────────────────────────────────────────────────────────────────────────

size_t batch_room(const struct batch *b)
{
    size_t taken = b->used + (b->rows + 1) * sizeof(struct row) + 1;
    return taken < b->size ? b->size - taken : 0;
}

struct pen batch_pen(struct batch *b)
{
    return pen_of(b->bytes + b->used, batch_room(b));
}

static struct row *row_at(struct batch *b, uint32_t index)
{
    return (struct row *)(void *)(b->bytes + b->size) - 1 - index;
}

void batch_commit(struct batch *b, const struct pen *pen, struct row row)
{
    struct span document = pen_written(pen);
    assert(!pen->full && document.at == b->bytes + b->used && document.len <= batch_room(b));
    row.offset = b->used;
    row.length = (uint32_t)document.len;
    b->bytes[b->used + row.length] = '\n';
    b->used += row.length + 1;
    if (!b->rows)
        b->opened = clock_steady();
    *row_at(b, b->rows++) = row;
}

// Each route is its length in two bytes and its text; the last length has the top bit set.
enum { ROUTE_LENGTH = 0x7fff, ROUTE_LAST = 0x8000 };

static size_t route_length(struct span route)
{
    return route.len < ROUTE_LENGTH ? route.len : ROUTE_LENGTH;
}

size_t batch_routes_size(const struct span *routes, unsigned count)
{
    size_t size = 0;
    for (unsigned i = 0; i < count; i++)
        size += 2 + route_length(routes[i]);
    return size;
}

void batch_add_routes(struct batch *b, const struct span *routes, unsigned count)
{
    if (!count)
        return;
    size_t rows = b->rows * sizeof(struct row);
    assert(b->rows && b->used + batch_routes_size(routes, count) <= b->size - rows);
    (void)rows;
    row_at(b, b->rows - 1)->routes = b->used;
    for (unsigned i = 0; i < count; i++) {
        size_t len = route_length(routes[i]), mark = i + 1 == count ? len | ROUTE_LAST : len;
        b->bytes[b->used++] = (uint8_t)(mark >> 8);
        b->bytes[b->used++] = (uint8_t)mark;
        if (len)
            memcpy(b->bytes + b->used, routes[i].at, len);
        b->used += (uint32_t)len;
    }
}

struct span batch_route(const struct batch *b, const struct row *row, unsigned which)
{
    const uint8_t *at = b->bytes + row->routes;
    if (!row->routes)
        return span_of(NULL, 0);
    for (unsigned i = 0;; i++) {
        unsigned mark = (unsigned)at[0] << 8 | at[1], len = mark & ROUTE_LENGTH;
        if (i == which)
            return span_of(at + 2, len);
        if (mark & ROUTE_LAST)
            return span_of(NULL, 0);
        at += 2 + len;
    }
}

struct batch *batch_settle(struct batch *b)
{
    size_t rows = b->rows * sizeof(struct row), bytes = (b->used + 7U) & ~(size_t)7;
    if (bytes + rows > b->size / 2)
        return b;
    struct batch *copy = batch_alone((uint32_t)(bytes + rows));
    if (!copy)
        return b;
    copy->rows = b->rows;
    copy->used = b->used;
    copy->opened = b->opened;
    memcpy(copy->bytes, b->bytes, b->used);
    memcpy(copy->bytes + bytes, b->bytes + b->size - rows, rows);
    batch_release(b);
    return copy;
}
