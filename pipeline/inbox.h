// SPDX-License-Identifier: Apache-2.0
// The batches that wait for one output, bounded in rows and in bytes. Rows are taken in order, a
// parcel at a time, and answered one by one, or come back to be taken again before all others; a
// batch goes home with its last answered row. Rows that were taken still count against the bounds.
// Knows no threads: the lane locks.
//
//     first             next (next_row)            end        numbers of batches, never reused
//       ├── taken, some answered ──┼── waits untouched ──┤
#pragma once

#include "pipeline/spool.h"

struct held {
    struct batch *batch; // NULL: its last row was answered
    uint32_t left;       // rows not answered yet
    struct spool_place place;
};

// A row that came back.
struct returned {
    struct parcel_row row;
    uint64_t held;
    unsigned tries;
};

struct inbox {
    struct held *ring;
    uint64_t slots; // of the ring, a power of two; it grows with the number of batches
    uint64_t first, next, end;
    uint32_t next_row;
    uint64_t rows, bytes; // not answered yet; memory of the batches they lie in
    uint64_t rows_at_most, bytes_at_most;
    uint64_t fresh, fresh_bytes; // rows and bytes that wait untouched
    bool hurried;                // one of them is not to wait for more
    struct returned *returned;   // a stack: the last is the first to be taken
    uint32_t returned_count, returned_size;
    struct spool_place *done; // of batches that were answered and lie in the spool, too
    uint64_t done_count, done_size;
};

// Where rows taken go: parallel arrays with room for `size` rows.
struct inbox_load {
    struct parcel_row *rows;
    uint64_t *held;  // number of the batch, for inbox_answer
    unsigned *tries; // so often was each sent
    uint32_t size, count;
    uint64_t bytes; // of the rows, with their line feeds
};

bool inbox_init(struct inbox *i, uint64_t rows_at_most, uint64_t bytes_at_most);
// Room for so many rows to come back: as many as may be out at once. False: no memory.
bool inbox_reserve(struct inbox *i, uint32_t rows);
void inbox_free(struct inbox *i); // must be empty

// True if the batch fits. An empty inbox takes any batch: else a large one would never get through.
bool inbox_fits(const struct inbox *i, const struct batch *b);
// Takes over one reference. False: no memory, nothing happened.
bool inbox_put(struct inbox *i, struct batch *b);

// Sees to it that the next call of inbox_put_place does not fail. False: no memory.
bool inbox_make_slot(struct inbox *i);
// As inbox_put, for a batch that also lies in the spool, or (a place without segment) does not.
void inbox_put_place(struct inbox *i, struct batch *b, struct spool_place place);
// The place of a batch of the spool all of whose rows are answered, each once. False: there is
// none.
bool inbox_take_done(struct inbox *i, struct spool_place *place);
// Takes the oldest batch out, and hands its reference over: only of an inbox that no rows were
// taken from. NULL: it is empty.
struct batch *inbox_pull(struct inbox *i);

// True if there are rows to take.
bool inbox_waits(const struct inbox *i);
// Steady time when the oldest of the untouched rows was written; 0: one of them is not to wait for
// more; INT64_MAX: there are none.
int64_t inbox_oldest(const struct inbox *i);
// Adds the oldest rows that are to be taken, those that came back first, until the load is at its
// size or would hold more than `bytes_at_most`. An empty load gets one row at least.
void inbox_take(struct inbox *i, struct inbox_load *load, uint64_t bytes_at_most);
// One row of that batch needs no more sending.
void inbox_answer(struct inbox *i, uint64_t held);
// The row is to be taken again, before all others: return a load from its last row to its first.
// There must be room for it (inbox_reserve).
void inbox_return(struct inbox *i, struct returned row);

// Lets the oldest batch go that has untouched rows, or those rows. How many they were; 0: none.
uint32_t inbox_drop_oldest(struct inbox *i);

// A batch that is left at the end, when no rows are out.
struct inbox_rest {
    uint64_t number;
    const struct batch *batch;
    struct spool_place place;
    uint32_t left;      // rows: those of it in `returned`
    uint32_t untouched; // and those from here on
};

// The batches that are left, from the oldest: begin with a number of 0. False: no more.
bool inbox_rest(const struct inbox *i, struct inbox_rest *rest);
// The whole batch goes home; `answered`: what the spool has of it need not come again. Only the
// calls here may follow, and inbox_free when all are gone.
void inbox_forget(struct inbox *i, const struct inbox_rest *rest, bool answered);
