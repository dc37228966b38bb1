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

void inbox_free(struct inbox *i)
{
    assert(i->rows == 0);
    free(i->ring);
    i->ring = NULL;
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
    return true;
}

bool inbox_waits(const struct inbox *i)
{
    return i->next < i->end;
}

void inbox_take(struct inbox *i, struct inbox_load *load, uint64_t bytes_at_most)
{
    while (i->next < i->end && load->count < load->size) {
        const struct batch *b = held_at(i, i->next)->batch;
        const struct row *row = batch_row(b, i->next_row);
        if (load->count && load->bytes + row->length + 1 > bytes_at_most)
            return;
        load->bytes += row->length + 1;
        load->rows[load->count] = (struct parcel_row){b, row};
        load->held[load->count++] = i->next;
        if (++i->next_row == b->rows) {
            i->next++;
            i->next_row = 0;
        }
    }
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
    if (!inbox_waits(i))
        return 0;
    uint64_t number = i->next++;
    uint32_t rows = held_at(i, number)->batch->rows - i->next_row;
    i->next_row = 0;
    held_let_go(i, number, rows);
    ring_shrink(i);
    return rows;
}
