// SPDX-License-Identifier: Apache-2.0
// Memory that only grows and is given back all at once: for what lives from start to exit, and for
// scratch that lives as long as one event. Address space is reserved at once, pages are touched on
// demand.
#pragma once

#include "pipeline/base/span.h"

struct arena {
    uint8_t *base;
    size_t used, ceiling;
    size_t touched; // bytes ever handed out: what lies above is still zero
};

// Reserves `ceiling` bytes of address space. False: the system refuses (out of memory).
bool arena_init(struct arena *a, size_t ceiling);
void arena_free(struct arena *a);

// Zeroed memory, aligned to 16; NULL once the ceiling is reached. Lives until the next reset.
void *arena_alloc(struct arena *a, size_t size);

// Copies of a view (ended by a zero byte that is not counted) and of a C string. Empty/NULL at the
// ceiling.
struct span arena_copy(struct arena *a, struct span s);
char *arena_text(struct arena *a, const char *text);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *format, ...);

// Forgets everything; what was touched stays mapped.
void arena_reset(struct arena *a);
// Forgets what was handed out since `used` had this value.
void arena_rewind(struct arena *a, size_t used);
