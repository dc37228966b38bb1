// SPDX-License-Identifier: Apache-2.0
// Batches with small documents, and waiting, for tests of what stands behind the workers.
#pragma once

#include <assert.h>
#include <stdio.h>

#include "pipeline/base/clock.h"
#include "pipeline/batch.h"

// Waits until something another thread does is so.
#define UNTIL(condition)                              \
    do {                                              \
        int64_t until = clock_steady() + 20 * SECOND; \
        while (!(condition)) {                        \
            assert_true(clock_steady() < until);      \
            clock_sleep(MILLISECOND / 4);             \
        }                                             \
    } while (0)

// Adds {"n":NUMBER,"pad":"…"} so that the document is at least `size` bytes long.
static inline void fill_row(struct batch *b, unsigned number, size_t size)
{
    struct pen pen = batch_pen(b);
    pen_raw(&pen, (struct span)SPAN("{\"n\":"));
    pen_unsigned(&pen, number);
    pen_raw(&pen, (struct span)SPAN(",\"pad\":\""));
    while (pen_written(&pen).len + 2 < size)
        pen_byte(&pen, 'x');
    pen_raw(&pen, (struct span)SPAN("\"}"));
    batch_commit(b, &pen, (struct row){.time = number});
}

// A batch of `rows` documents numbered from `first` on.
static inline struct batch *fill_batch(struct batch_home *home, unsigned first, unsigned rows,
                                       size_t size)
{
    struct batch *b = batch_open(home, true);
    for (unsigned i = 0; i < rows; i++)
        fill_row(b, first + i, size);
    assert(b->rows == rows);
    return b;
}
