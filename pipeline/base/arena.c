// SPDX-License-Identifier: Apache-2.0
// Arena: one reservation of address space and a mark that moves up. Only what was handed out before
// is cleared again; pages that are new come zeroed from the kernel.
#include "pipeline/base/arena.h"

#include "pipeline/base/poison.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

enum { ALIGNMENT = 16 };

bool arena_init(struct arena *a, size_t ceiling)
{
    *a = (struct arena){.ceiling = ceiling};
    void *place = mmap(NULL, ceiling ? ceiling : 1, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) {
        a->ceiling = 0;
        return false;
    }
    a->base = place;
    return true;
}

void arena_free(struct arena *a)
{
    if (a->base) {
        unpoison(a->base, a->touched);
        munmap(a->base, a->ceiling ? a->ceiling : 1);
    }
    *a = (struct arena){0};
}

// A place whose bytes up to *dirty may hold what was there before; the rest is zero.
static uint8_t *take(struct arena *a, size_t size, size_t *dirty)
{
    size_t start = (a->used + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!a->base || start > a->ceiling || size > a->ceiling - start)
        return NULL;
    size_t old = a->touched > start ? a->touched - start : 0;
    *dirty = old < size ? old : size;
    a->used = start + size;
    if (a->touched < a->used)
        a->touched = a->used;
    unpoison(a->base + start, size);
    return a->base + start;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t dirty;
    uint8_t *place = take(a, size, &dirty);
    if (place && dirty)
        memset(place, 0, dirty);
    return place;
}

struct span arena_copy(struct arena *a, struct span s)
{
    size_t dirty;
    uint8_t *place = s.len < SIZE_MAX ? take(a, s.len + 1, &dirty) : NULL;
    if (!place)
        return span_of(NULL, 0);
    if (s.len)
        memcpy(place, s.at, s.len);
    place[s.len] = 0;
    return span_of(place, s.len);
}

char *arena_text(struct arena *a, const char *text)
{
    return (char *)arena_copy(a, span_text(text)).at;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    size_t dirty;
    char *place = len < 0 ? NULL : (char *)take(a, (size_t)len + 1, &dirty);
    if (!place)
        return NULL;
    va_start(list, format);
    vsnprintf(place, (size_t)len + 1, format, list);
    va_end(list);
    return place;
}

void arena_reset(struct arena *a)
{
    arena_rewind(a, 0);
}

void arena_rewind(struct arena *a, size_t used)
{
    poison(a->base + used, a->used - used);
    a->used = used;
}
