// SPDX-License-Identifier: Apache-2.0
// Bodies as they were before their codings: gzip, x-gzip, deflate and x-deflate (with or without
// zlib's frame), identity. By zlib (RFC 1950 to 1952), with ceilings for what small bodies can
// become.
//
// A body that grows by more than its ceiling allows is a bomb: made to cost whoever unfolds it. The
// ceiling rises with the coded bytes that were read, so a bomb is known by its beginning.
#pragma once

#include "pipeline/base/arena.h"
#include "pipeline/base/chain.h"

enum {
    HTTP_CODINGS_MOST = 4,
    HTTP_TEXT_MOST = 256 << 10,  // bytes of one text that are handed on; no document holds more
    HTTP_GROWTH_FREE = 16 << 10, // bytes that any body may become
};

struct http_decoded {
    struct span body;    // in scratch; at most HTTP_TEXT_MOST bytes
    uint64_t len;        // of the whole
    struct span coding;  // that could not be undone; empty: all could
    const char *problem; // why
    bool bomb;           // it was cut for what it grew to, and little is shown of it
};

// What each coding may make of a body: so many bytes, and so many for each that it reads, above
// HTTP_GROWTH_FREE.
struct http_ceiling {
    uint64_t most, growth;
};

// Undoes the codings of a Content-Encoding and a Transfer-Encoding, the last one first. What lies
// above the ceiling is left away, and that is said in `problem`.
struct http_decoded http_decode(const struct chain *body, struct span content, struct span transfer,
                                struct http_ceiling ceiling, struct arena *scratch);

// True if there is any coding to undo.
bool http_is_coded(struct span content, struct span transfer);
