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

bool inbox_put(struct inbox *i, struct batch *b)
{
    if (i->end - i->first == i->slots && !ring_grow(i))
        return false;
    *held_at(i, i->end++) = (struct held){.batch = b, .left = b->rows};
    i->rows += b->rows;
    i->bytes += b->size;
    i->fresh += b->rows;
    i->fresh_bytes += b->used;
    i->hurried |= b->opened == 0;
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

uint32_t inbox_drop_oldest(struct inbox *i)
{
    if (i->next == i->end)
        return 0;
    uint64_t number = i->next++;
    const struct batch *b = held_at(i, number)->batch;
    uint32_t rows = b->rows - i->next_row;
    i->next_row = 0;
    i->fresh -= rows;
    i->fresh_bytes -= b->used;
    i->hurried &= i->next < i->end;
    held_let_go(i, number, rows);
    ring_shrink(i);
    return rows;
}
