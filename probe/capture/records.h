// SPDX-License-Identifier: Apache-2.0
// Where the file source and the readers of its formats meet: one turn over the bytes at hand. A
// reader takes whole records from the front, makes frames of them that point into the bytes, and
// says what it would need to go on. It never sees the file.
#pragma once

#include "probe/frame.h"

enum {
    RECORD_FRAME = 256 * 1024,       // bytes of one frame at most; more is damage
    RECORD_BLOCK = 2 * RECORD_FRAME, // bytes that a reader may ask for at once
};

struct records {
    struct span bytes;    // in: not yet read
    struct frame *frames; // in: `max` places, of which the first `count` are taken
    int max;
    int count;          // out: frames in all
    size_t used;        // out: bytes of the records that are done with
    size_t need;        // out: bytes behind `used` that the next record needs; 0: no place left
    const char *damage; // out: what is wrong behind `used`, a constant text; NULL nothing
};

// What is left behind the records already taken.
static inline struct span records_rest(const struct records *r)
{
    return span_of(r->bytes.at + r->used, r->bytes.len - r->used);
}
