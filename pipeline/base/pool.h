// SPDX-License-Identifier: Apache-2.0
// Things of one size, out of address space reserved at start and touched on demand. Taking and
// giving back cost a few nanoseconds; what was given back last is handed out first. A pool belongs
// to one thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    uint8_t *base;
    void *free;       // given back, linked through their first word
    size_t size;      // of one thing, rounded up to 16
    uint32_t ceiling; // things at most
    uint32_t touched; // things ever handed out: what lies above was never used
    uint32_t taken;   // things in use now
};

// False: the system refuses the address space.
bool pool_init(struct pool *p, size_t size, uint32_t ceiling);
void pool_free(struct pool *p);

// One thing, its bytes undefined (the caller sets what it uses); NULL at the ceiling: the caller
// makes room by ending its oldest, and counts that.
void *pool_take(struct pool *p);
void pool_give(struct pool *p, void *thing);

// Things by number, four bytes instead of eight: from 0, as they were handed out for the first
// time.
static inline void *pool_at(const struct pool *p, uint32_t number)
{
    return p->base + (size_t)number * p->size;
}
static inline uint32_t pool_number(const struct pool *p, const void *thing)
{
    return (uint32_t)((size_t)((const uint8_t *)thing - p->base) / p->size);
}

// Everything was given back: the memory goes back to the system, the address space stays.
void pool_rest(struct pool *p);
