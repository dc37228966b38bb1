// SPDX-License-Identifier: Apache-2.0
// Bodies as they were before their codings: gzip, x-gzip, deflate and x-deflate (with or without
// zlib's frame), identity. By zlib (RFC 1950 to 1952), with ceilings for what small bodies can
// become.
#pragma once

#include "pipeline/base/arena.h"
#include "pipeline/base/chain.h"

enum {
    HTTP_CODINGS_MOST = 4,
    HTTP_TEXT_MOST = 256 << 10, // bytes of one text that are handed on; no document holds more
};

struct http_decoded {
    struct span body;    // in scratch; at most HTTP_TEXT_MOST bytes
    uint64_t len;        // of the whole
    struct span coding;  // that could not be undone; empty: all could
    const char *problem; // why
};

// Undoes the codings of a Content-Encoding and a Transfer-Encoding, the last one first; `most`
// bytes at most are made by each, and not more than a document holds out of what is much smaller (a
// bomb): the rest is left away, and said in `problem`.
struct http_decoded http_decode(const struct chain *body, struct span content, struct span transfer,
                                uint64_t most, struct arena *scratch);

// True if there is any coding to undo.
bool http_is_coded(struct span content, struct span transfer);
