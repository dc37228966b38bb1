// SPDX-License-Identifier: Apache-2.0
// A text that grows in blocks of a pool: bodies, header lists, raw requests. Never moved, never
// resized; freed as a whole. Several chains may share the blocks of one store (a transaction's).
//
//   store ─▶ block ─▶ block ─▶ block        what one owner keeps, under one ceiling
//              ├ piece ─┐   ┌─ piece        chain = pieces in order, each inside a block
//              └ view   └──▶┘               view  = one contiguous copy (a header value)
#pragma once

#include "pipeline/base/pool.h"
#include "pipeline/base/span.h"

enum { CHAIN_BLOCK = 2048 }; // bytes of one block, its header included

struct store {
    struct pool *blocks;  // of CHAIN_BLOCK bytes each; shared by all stores of a worker
    struct block *newest; // linked to the older ones
    uint32_t used;        // bytes of all its blocks
    uint32_t ceiling;     // no further block once they are so many: a ceiling counts whole blocks
};

struct piece {
    struct piece *next;
    uint32_t len;
    uint8_t bytes[];
};

struct chain {
    struct piece *first, *last;
    uint32_t len;  // bytes kept
    uint32_t lost; // bytes that found no room
};

void store_init(struct store *s, struct pool *blocks, uint32_t ceiling);
// Gives all blocks back; every chain and view of this store is void then.
void store_free(struct store *s);

// One contiguous, uninitialised place of at most CHAIN_BLOCK - 64 bytes, aligned to 8; NULL: no
// room.
void *store_alloc(struct store *s, size_t size);
// A contiguous copy of at most CHAIN_BLOCK - 64 bytes (cut there); empty if there is no room.
struct span store_copy(struct store *s, struct span bytes);

// Adds bytes at the end. What finds no room is counted in chain->lost; false then.
bool chain_add(struct chain *c, struct store *s, struct span bytes);

// Copies the bytes from `offset` on into `to`, at most `len`; how many there were.
size_t chain_copy(const struct chain *c, size_t offset, void *to, size_t len);
// The whole as one view: the only piece itself, or a copy in `scratch` (empty if that is full).
struct arena;
struct span chain_view(const struct chain *c, struct arena *scratch);
