// SPDX-License-Identifier: Apache-2.0
// The documents of one output on disk: segments in a directory, written at the end, read from the
// beginning, answered block by block in any order. Whatever was written and not answered is there
// at the next start, after a kill always, after a power cut as far as it was synced; damage costs
// the blocks it hits and is said. Knows no threads: one at a time may use it.
//
//   DIRECTORY/0000000000000007.seg    "WEIRSEG1" number (8) │ block │ block │ …       (block.h)
//
//        oldest                         cursor                        newest
//          ├─ read or passed, some answered ─┼─ waits to be read ───────┤
//
// A segment goes once all its blocks have been read or passed, and answered.
#pragma once

#include "pipeline/block.h"

// Where a block lies; segment 0: nowhere.
struct spool_place {
    uint64_t segment, offset, mark;
};

enum spool_result {
    SPOOL_WRITTEN,
    SPOOL_FULL,   // max_size is reached
    SPOOL_FAILED, // the disk refuses
};

struct spool;

// Makes the directory if need be and looks at every head that is there. `max_size` 0: no limit.
// `like` says which routes documents have; its buffer is taken over. NULL: `why`.
struct spool *spool_open(const char *directory, uint64_t max_size, uint64_t segment_size,
                         const struct block *like, struct error *why);
// Removes segments that nobody needs. What was not answered comes again in the next life.
void spool_close(struct spool *s);

uint64_t spool_rows(const struct spool *s);     // that wait to be read
bool spool_is_read(const struct spool *s);      // nothing waits behind the cursor, not even damage
uint64_t spool_bytes(const struct spool *s);    // of all segments
uint64_t spool_segments(const struct spool *s); // how many there are

// The block that is to be written next; fill it (block_begin, block_add), then write it. With
// `passed` it is not to be read again in this life, for its rows are at hand: spool_is_read must
// hold. `why` is filled for SPOOL_FAILED. Nothing is left of a block that was not written.
struct block *spool_block(struct spool *s);
enum spool_result spool_write(struct spool *s, bool passed, struct spool_place *place,
                              struct error *why);
// What was written is on the disk itself. False: `why`.
bool spool_sync(struct spool *s, struct error *why);

// The next block as a batch with one reference. NULL: there is none (spool_is_read), or no memory.
// Adds to *skipped the bytes it had to pass by on the way: damaged, or left unfinished by a kill;
// rows that waited and are not in the batch are lost.
struct batch *spool_read(struct spool *s, struct spool_place *place, uint64_t *skipped);
// All rows of that block, read or passed, are answered. A block that never is comes again in the
// next life.
void spool_answer(struct spool *s, struct spool_place place);
