// SPDX-License-Identifier: Apache-2.0
// Stores and chains: things are laid one behind the other into the newest block of a store. A chain
// whose last piece is the newest thing there makes that piece longer instead of beginning another,
// so bytes that come one by one still make few pieces.
#include "pipeline/base/chain.h"

#include "pipeline/base/arena.h"

struct block {
    struct block *older;
    uint32_t used; // of bytes
    uint32_t unused_padding;
    uint8_t bytes[];
};

enum {
    BLOCK_BYTES = CHAIN_BLOCK - sizeof(struct block),
    LARGEST = CHAIN_BLOCK - 64, // thing that the header promises
    SMALLEST_PIECE = 64, // with its header: less room than that at a block's end is left alone
};
_Static_assert(LARGEST <= BLOCK_BYTES, "the largest thing must fit an empty block");

void store_init(struct store *s, struct pool *blocks, uint32_t ceiling)
{
    if (ceiling > UINT32_MAX - CHAIN_BLOCK)
        ceiling = UINT32_MAX - CHAIN_BLOCK;
    *s = (struct store){.blocks = blocks, .ceiling = ceiling};
}

void store_free(struct store *s)
{
    for (struct block *b = s->newest, *older; b; b = older) {
        older = b->older;
        pool_give(s->blocks, b);
    }
    s->newest = NULL;
    s->used = 0;
}

static bool add_block(struct store *s)
{
    struct block *b = s->used < s->ceiling ? pool_take(s->blocks) : NULL;
    if (!b)
        return false;
    b->older = s->newest;
    b->used = 0;
    s->newest = b;
    s->used += CHAIN_BLOCK;
    return true;
}

static inline uint32_t aligned(uint32_t used)
{
    return (used + 7) & ~7u;
}

// Where, in the newest block, a thing of `size` bytes can begin; a new block if need be. NULL: no
// room.
static uint8_t *place(struct store *s, size_t size)
{
    struct block *b = s->newest;
    if (!b || aligned(b->used) + size > BLOCK_BYTES) {
        if (!add_block(s))
            return NULL;
        b = s->newest;
    }
    b->used = aligned(b->used);
    return b->bytes + b->used;
}

void *store_alloc(struct store *s, size_t size)
{
    uint8_t *thing = size <= LARGEST ? place(s, size) : NULL;
    if (thing)
        s->newest->used += (uint32_t)size;
    return thing;
}

struct span store_copy(struct store *s, struct span bytes)
{
    bytes = span_first(bytes, LARGEST);
    void *copy = bytes.len ? store_alloc(s, bytes.len) : NULL;
    if (!copy)
        return span_of(NULL, 0);
    memcpy(copy, bytes.at, bytes.len);
    return span_of(copy, bytes.len);
}

// Makes the last piece longer if it is the newest thing of the store; how many bytes that took.
static size_t add_to_last(struct chain *c, struct store *s, struct span bytes)
{
    struct block *b = s->newest;
    if (!c->last || !b || c->last->bytes + c->last->len != b->bytes + b->used)
        return 0;
    struct span now = span_first(bytes, BLOCK_BYTES - b->used);
    memcpy(b->bytes + b->used, now.at, now.len);
    b->used += (uint32_t)now.len;
    c->last->len += (uint32_t)now.len;
    return now.len;
}

static bool add_piece(struct chain *c, struct store *s)
{
    struct piece *piece = (void *)place(s, SMALLEST_PIECE);
    if (!piece)
        return false;
    piece->next = NULL;
    piece->len = 0;
    s->newest->used += (uint32_t)offsetof(struct piece, bytes);
    if (c->last)
        c->last->next = piece;
    else
        c->first = piece;
    c->last = piece;
    return true;
}

static uint32_t add_saturated(uint32_t number, size_t more)
{
    return more > UINT32_MAX - number ? UINT32_MAX : number + (uint32_t)more;
}

bool chain_add(struct chain *c, struct store *s, struct span bytes)
{
    while (bytes.len) {
        size_t added = add_to_last(c, s, bytes);
        c->len += (uint32_t)added;
        bytes = span_skip(bytes, added);
        if (bytes.len && !add_piece(c, s)) {
            c->lost = add_saturated(c->lost, bytes.len);
            return false;
        }
    }
    return true;
}

size_t chain_copy(const struct chain *c, size_t offset, void *to, size_t len)
{
    size_t copied = 0;
    for (const struct piece *piece = c->first; piece && copied < len; piece = piece->next) {
        struct span part = span_skip(span_of(piece->bytes, piece->len), offset);
        offset -= piece->len - part.len;
        part = span_first(part, len - copied);
        if (part.len)
            memcpy((uint8_t *)to + copied, part.at, part.len);
        copied += part.len;
    }
    return copied;
}

struct span chain_view(const struct chain *c, struct arena *scratch)
{
    if (c->first == c->last)
        return c->first ? span_of(c->first->bytes, c->first->len) : span_of(NULL, 0);
    uint8_t *copy = arena_alloc(scratch, c->len);
    return copy ? span_of(copy, chain_copy(c, 0, copy, c->len)) : span_of(NULL, 0);
}
