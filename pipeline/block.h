// SPDX-License-Identifier: Apache-2.0
// Rows of documents as one block of bytes that proves itself: the unit in which the spool writes,
// reads and is acknowledged. Knows no files.
//
//   head      0  89 'W' 'B' 0A    no document holds that: it is UTF-8 without line feeds
//             4  length           of the payload
//             8  rows
//            12  zero
//            16  hash             of the payload
//            24  hash             of the 24 bytes before, under segment and offset: a block counts
//                                 only where it was written
//            32  mark             zero: waits; the second hash, inverted: answered
//   payload   count (1 byte) and texts: the routes of a row that has none of its own
//             rows: length (4), body (4), time (8), own (1), if own is 1 as many texts, document
//   text      length (2), bytes
//
// Numbers are big endian. Hashes are XXH3: against accidents, not against forgers.
#pragma once

#include "pipeline/output.h"

enum {
    BLOCK_HEAD = 40,
    BLOCK_MARK = 32,        // offset of the mark
    BLOCK_MOST = 768 << 10, // bytes of a block: the rows of a batch always fit
    BLOCK_ROUTES = 96,      // of one output
};
extern const uint8_t block_magic[4];

// A block that is being filled, and which routes its rows have.
struct block {
    uint8_t *bytes; // BLOCK_MOST
    uint32_t used, rows;
    unsigned route, route_count;  // of the output: see struct parcel
    const struct span *constants; // one a route, or NULL
};

struct block_head {
    uint32_t length, rows;
    uint64_t payload, self; // hashes
    bool is_answered;
};

// False: no memory, or routes of more bytes or a larger number than anybody has.
bool block_init(struct block *k, unsigned route, unsigned route_count,
                const struct span *constants);
void block_free(struct block *k);

void block_begin(struct block *k);
// False: no room; a block that was just begun always has room.
bool block_add(struct block *k, const struct parcel_row *row);
// The whole block, for that place; valid until the next call.
struct span block_finish(struct block *k, uint64_t segment, uint64_t offset);

// False: no block begins here.
bool block_head_read(struct block_head *h, const uint8_t head[BLOCK_HEAD], uint64_t segment,
                     uint64_t offset);
bool block_is_whole(const struct block_head *h, struct span payload);
// The rows as a batch of its own, with one reference; `k` says what the routes are now. NULL: they
// make no sense, or, with *no_memory, come again.
struct batch *block_batch(const struct block *k, const struct block_head *h, struct span payload,
                          bool *no_memory);
