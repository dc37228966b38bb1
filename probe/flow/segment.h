// SPDX-License-Identifier: Apache-2.0
// What came before its turn on one side of a stream: pieces of the sequence in order, none of which
// overlaps another, and the memory they lie in. Which of them may go on is the stream's matter.
#pragma once

#include "probe/flow/stream.h"

enum { SEGMENT_LARGEST = 1536 }; // bytes with its header: a frame of 1500 bytes fits

struct segment {
    struct segment *next, *prev;
    int64_t time;
    uint32_t seq, len;
    uint32_t cut; // bytes behind it that were not captured
    uint32_t ack;
    bool large;
    uint8_t bytes[];
};

// False: no address space.
bool segments_init(struct streams *all);
void segments_free(struct streams *all);

// One with room for `len` bytes, which are set by the caller; NULL: a ceiling.
struct segment *segment_new(struct stream *s, struct stream_side *me, uint32_t len);
void segment_free(struct stream *s, struct stream_side *me, struct segment *seg);

// Puts it behind `after`; NULL: in front of all.
void segment_link(struct stream_side *me, struct segment *after, struct segment *seg);
struct segment *segment_unlink_first(struct stream_side *me);

// Finds the last segment that begins at or before `seq` (NULL: all begin behind it). False: it is
// too far from either end.
bool segment_search(const struct stream_side *me, uint32_t seq, struct segment **found);
