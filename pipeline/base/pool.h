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

// Everything was given back: the memory goes back to the system, the address space stays.
void pool_rest(struct pool *p);
