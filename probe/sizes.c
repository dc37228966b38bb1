// SPDX-License-Identifier: Apache-2.0
// Blocks for conns, transactions, unread bytes and what is remembered: by powers of two, a pool for
// each power.

#include "probe/conns.h"

static unsigned class_of(size_t size)
{
    unsigned bits = SIZE_SMALLEST;
    while (((size_t)1 << bits) < size)
        bits++;
    return bits - SIZE_SMALLEST;
}

size_t sizes_room(size_t size)
{
    return (size_t)1 << (class_of(size) + SIZE_SMALLEST);
}

// What was handed out stays in memory, in the pool of its size. Traffic that goes through the sizes
// one by one would have the ceiling of each: those that nobody uses any more make room.
static void make_place(struct sizes *s)
{
    uint64_t touched = 0;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++)
        touched += s->pool[i].size * s->pool[i].touched;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST && touched > s->warm; i++)
        if (!s->pool[i].taken) {
            touched -= s->pool[i].size * s->pool[i].touched;
            pool_rest(&s->pool[i]);
        }
}

void *sizes_take(struct sizes *s, size_t size)
{
    unsigned class = class_of(size);
    if (class > SIZE_LARGEST - SIZE_SMALLEST)
        return NULL;
    if (!s->pool[class].free)
        make_place(s);
    return pool_take(&s->pool[class]);
}

void sizes_give(struct sizes *s, void *block, size_t size)
{
    pool_give(&s->pool[class_of(size)], block);
}

// Unread bytes and what is remembered may all be of one size; a conn may need a second block for
// its state.
bool sizes_init(struct sizes *s, const struct conns_settings *settings)
{
    s->warm = (uint64_t)settings->kept_bytes_all;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++) {
        int64_t size = INT64_C(1) << (i + SIZE_SMALLEST);
        int64_t ceiling = 2 * (settings->kept_bytes_all / size);
        if (size <= CONN_LARGEST)
            ceiling += 2 * settings->conns;
        if (size <= TRANSACTION_LARGEST)
            ceiling += settings->transactions;
        if (!pool_init(&s->pool[i], (size_t)size, (uint32_t)ceiling))
            return false;
    }
    return true;
}

void sizes_free(struct sizes *s)
{
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++)
        pool_free(&s->pool[i]);
}
