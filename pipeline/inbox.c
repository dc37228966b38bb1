// SPDX-License-Identifier: Apache-2.0
// A ring of batches with a number of unanswered rows each.
#include "pipeline/inbox.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS_AT_FIRST = 64 };

static struct held *held_at(const struct inbox *i, uint64_t number)
{
    return &i->ring[number & (i->slots - 1)];
}

bool inbox_init(struct inbox *i, uint64_t rows_at_most, uint64_t bytes_at_most)
{
    *i = (struct inbox){.rows_at_most = rows_at_most, .bytes_at_most = bytes_at_most};
    i->slots = SLOTS_AT_FIRST;
    i->ring = calloc(i->slots, sizeof *i->ring);
    return i->ring != NULL;
}

bool inbox_reserve(struct inbox *i, uint32_t rows)
{
    i->returned = calloc(rows, sizeof *i->returned);
    i->returned_size = i->returned ? rows : 0;
    return i->returned != NULL;
}

void inbox_free(struct inbox *i)
{
    assert(i->rows == 0);
    free(i->ring);
    free(i->returned);
    free(i->done);
    i->done = NULL;
    i->ring = NULL;
    i->returned = NULL;
}

bool inbox_fits(const struct inbox *i, const struct batch *b)
{
    return i->rows == 0 ||
           (i->rows + b->rows <= i->rows_at_most && i->bytes + b->size <= i->bytes_at_most);
}

// Twice the slots; the numbers of the batches stay.
static bool ring_grow(struct inbox *i)
{
    struct inbox larger = *i;
    larger.slots = 2 * i->slots;
    larger.ring = calloc(larger.slots, sizeof *larger.ring);
    if (!larger.ring)
        return false;
    for (uint64_t n = i->first; n < i->end; n++)
        *held_at(&larger, n) = *held_at(i, n);
    free(i->ring);
    *i = larger;
    return true;
}

// Room for the places of all batches that are here, beside those that were answered.
static bool done_grow(struct inbox *i)
{
    uint64_t size = i->done_count + 2 * i->slots;
    struct spool_place *done = realloc(i->done, size * sizeof *done);
    if (!done)
        return false;
    i->done = done;
    i->done_size = size;
    return true;
}

bool inbox_make_slot(struct inbox *i)
{
    if (i->end - i->first == i->slots && !ring_grow(i))
        return false;
    return i->done_count + (i->end - i->first) < i->done_size || done_grow(i);
}

bool inbox_put(struct inbox *i, struct batch *b)
{
    if (i->end - i->first == i->slots && !ring_grow(i))
        return false;
    inbox_put_place(i, b, (struct spool_place){0});
    return true;
}

void inbox_put_place(struct inbox *i, struct batch *b, struct spool_place place)
{
    assert(i->end - i->first < i->slots);
    *held_at(i, i->end++) = (struct held){.batch = b, .left = b->rows, .place = place};
    i->rows += b->rows;
    i->bytes += b->size;
    i->fresh += b->rows;
    i->fresh_bytes += b->used;
    i->hurried |= b->opened == 0;
}

bool inbox_take_done(struct inbox *i, struct spool_place *place)
{
    if (!i->done_count)
        return false;
    *place = i->done[--i->done_count];
    return true;
}

bool inbox_waits(const struct inbox *i)
{
    return i->returned_count || i->next < i->end;
}

int64_t inbox_oldest(const struct inbox *i)
{
    if (i->next == i->end)
        return INT64_MAX;
    return i->hurried ? 0 : held_at(i, i->next)->batch->opened;
}

// False: the load is full.
static bool load_add(struct inbox_load *load, const struct returned *r, uint64_t bytes_at_most)
{
    uint64_t bytes = r->row.row->length + 1;
    if (load->count == load->size || (load->count && load->bytes + bytes > bytes_at_most))
        return false;
    load->bytes += bytes;
    load->rows[load->count] = r->row;
    load->held[load->count] = r->held;
    load->tries[load->count++] = r->tries;
    return true;
}

// True: all rows that came back were taken.
static bool take_returned(struct inbox *i, struct inbox_load *load, uint64_t bytes_at_most)
{
    while (i->returned_count && load_add(load, &i->returned[i->returned_count - 1], bytes_at_most))
        i->returned_count--;
    return i->returned_count == 0;
}

void inbox_take(struct inbox *i, struct inbox_load *load, uint64_t bytes_at_most)
{
    if (!take_returned(i, load, bytes_at_most))
        return;
    while (i->next < i->end) {
        const struct batch *b = held_at(i, i->next)->batch;
        struct returned r = {.row = {b, batch_row(b, i->next_row)}, .held = i->next};
        if (!load_add(load, &r, bytes_at_most))
            return;
        i->fresh--;
        if (++i->next_row == b->rows) {
            i->next++;
            i->next_row = 0;
            i->fresh_bytes -= b->used;
            i->hurried &= i->next < i->end;
        }
    }
}

void inbox_return(struct inbox *i, struct returned row)
{
    assert(i->returned_count < i->returned_size);
    i->returned[i->returned_count++] = row;
}

// `rows` of a batch need no more: the batch goes home with the last one.
static void held_let_go(struct inbox *i, uint64_t number, uint32_t rows)
{
    struct held *h = held_at(i, number);
    assert(h->batch && rows && rows <= h->left);
    h->left -= rows;
    i->rows -= rows;
    if (h->left)
        return;
    i->bytes -= h->batch->size;
    batch_release(h->batch);
    h->batch = NULL;
    if (h->place.segment) {
        assert(i->done_count < i->done_size);
        i->done[i->done_count++] = h->place;
    }
}

// Forgets the oldest batches all of whose rows were answered.
static void ring_shrink(struct inbox *i)
{
    while (i->first < i->next && !held_at(i, i->first)->batch)
        i->first++;
}

void inbox_answer(struct inbox *i, uint64_t held)
{
    held_let_go(i, held, 1);
    ring_shrink(i);
}

// The oldest batch with untouched rows is taken as a whole: how many rows that are.
static uint32_t skip_oldest(struct inbox *i)
{
    const struct batch *b = held_at(i, i->next++)->batch;
    uint32_t rows = b->rows - i->next_row;
    i->next_row = 0;
    i->fresh -= rows;
    i->fresh_bytes -= b->used;
    i->hurried &= i->next < i->end;
    return rows;
}

uint32_t inbox_drop_oldest(struct inbox *i)
{
    if (i->next == i->end)
        return 0;
    uint64_t number = i->next;
    uint32_t rows = skip_oldest(i);
    held_let_go(i, number, rows);
    ring_shrink(i);
    return rows;
}

struct batch *inbox_pull(struct inbox *i)
{
    if (i->next == i->end)
        return NULL;
    assert(!i->next_row);
    uint64_t number = i->next;
    struct batch *b = held_at(i, number)->batch;
    uint32_t rows = skip_oldest(i);
    batch_hold(b, 1);
    held_let_go(i, number, rows);
    ring_shrink(i);
    return b;
}

// ── the end ──────────────────────────────────────────────────────────────────────────────────────

bool inbox_rest(const struct inbox *i, struct inbox_rest *rest)
{
    uint64_t number = rest->batch ? rest->number + 1 : i->first;
    while (number < i->end && !held_at(i, number)->batch)
        number++;
    if (number == i->end)
        return false;
    const struct held *h = held_at(i, number);
    uint32_t untouched = number < i->next ? h->batch->rows : number == i->next ? i->next_row : 0;
    *rest = (struct inbox_rest){number, h->batch, h->place, h->left, untouched};
    return true;
}

void inbox_forget(struct inbox *i, const struct inbox_rest *rest, bool answered)
{
    struct held *h = held_at(i, rest->number);
    if (!answered)
        h->place.segment = 0;
    held_let_go(i, rest->number, h->left);
    i->returned_count = i->rows ? i->returned_count : 0;
    i->next = i->rows ? i->next : i->end;
}
