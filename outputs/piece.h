// SPDX-License-Identifier: Apache-2.0
// A body in pieces: documents lie in their batches, what goes between them elsewhere, and nothing
// is put together before libcurl or a compressor reads it.
#pragma once

#include "pipeline/base/span.h"

struct pieces {
    struct span *at;
    size_t count;
    uint64_t bytes; // of all
};

// Where reading has got to.
struct pieces_place {
    size_t piece, offset;
};

// The next bytes, at most `size`; 0 at the end.
static inline size_t pieces_read(const struct pieces *p, struct pieces_place *place, uint8_t *to,
                                 size_t size)
{
    size_t done = 0;
    while (done < size && place->piece < p->count) {
        struct span left = span_skip(p->at[place->piece], place->offset);
        struct span part = span_first(left, size - done);
        if (part.len)
            memcpy(to + done, part.at, part.len);
        done += part.len;
        place->offset += part.len;
        if (part.len == left.len)
            *place = (struct pieces_place){place->piece + 1, 0};
    }
    return done;
}
