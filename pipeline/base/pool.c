// SPDX-License-Identifier: Apache-2.0
// Pool: one reservation of address space; new things from its untouched end, used ones from a list
// linked through their first words.
#include "pipeline/base/pool.h"

#include "pipeline/base/poison.h"

#include <assert.h>
#include <sys/mman.h>

enum { ALIGNMENT = 16 };

static size_t reserved(const struct pool *p)
{
    size_t bytes = p->size * p->ceiling;
    return bytes ? bytes : 1;
}

bool pool_init(struct pool *p, size_t size, uint32_t ceiling)
{
    *p = (struct pool){0};
    if (size > SIZE_MAX / 2 / (ceiling ? ceiling : 1))
        return false;
    p->size = size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    p->ceiling = ceiling;
    void *place = mmap(NULL, reserved(p), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) {
        *p = (struct pool){0};
        return false;
    }
    p->base = place;
    return true;
}

void pool_free(struct pool *p)
{
    if (p->base) {
        unpoison(p->base, p->size * p->touched);
        munmap(p->base, reserved(p));
    }
    *p = (struct pool){0};
}

void *pool_take(struct pool *p)
{
    uint8_t *thing = p->free;
    if (thing) {
        unpoison(thing, p->size);
        p->free = *(void **)(void *)thing;
    } else if (p->touched < p->ceiling) {
        thing = p->base + p->size * p->touched++;
    } else {
        return NULL;
    }
    p->taken++;
    return thing;
}

void pool_give(struct pool *p, void *thing)
{
    assert(p->taken && (uint8_t *)thing >= p->base &&
           (uint8_t *)thing < p->base + p->size * p->touched);
    *(void **)thing = p->free;
    p->free = thing;
    p->taken--;
    poison(thing, p->size);
}

void pool_rest(struct pool *p)
{
    assert(!p->taken);
    unpoison(p->base, p->size * p->touched);
    if (p->touched)
        madvise(p->base, p->size * p->touched, MADV_DONTNEED);
    p->free = NULL;
    p->touched = 0;
}
