// SPDX-License-Identifier: Apache-2.0
// One compressor, used again for each body. Both libraries are fed in the same steps: fill the
// input, make room, let it run.
#include "outputs/gzip.h"

#include <stdlib.h>

#include <zlib.h>
#ifdef WEIR_ISAL
#include <isa-l/igzip_lib.h>
#endif

enum { INPUT = 64 * 1024, ROOM = 64 * 1024, GZIP_WINDOW = 15 + 16, MEMORY = 8 };

struct gzip {
    int level;
    uint8_t *out;
    size_t used, size;
    z_stream zlib;
#ifdef WEIR_ISAL
    bool isal;
    struct isal_zstream fast;
    uint8_t *level_buffer;
#endif
    uint8_t in[INPUT];
};

static bool make_room(struct gzip *g)
{
    if (g->size - g->used >= ROOM)
        return true;
    size_t size = g->size * 2 > g->used + ROOM ? g->size * 2 : g->used + ROOM;
    uint8_t *larger = realloc(g->out, size);
    if (!larger)
        return false;
    g->out = larger;
    g->size = size;
    return true;
}

// ── zlib ────────────────────────────────────────────────────────────────────────────────────────

static bool zlib_step(struct gzip *g, size_t input, bool last)
{
    z_stream *z = &g->zlib;
    z->next_in = g->in;
    z->avail_in = (uInt)input;
    for (;;) {
        if (!make_room(g))
            return false;
        size_t room = g->size - g->used < UINT32_MAX ? g->size - g->used : UINT32_MAX;
        z->next_out = g->out + g->used;
        z->avail_out = (uInt)room;
        int result = deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
        g->used += room - z->avail_out;
        if (result == Z_STREAM_END || (!last && z->avail_in == 0 && z->avail_out > 0))
            return true;
        if (result != Z_OK && result != Z_BUF_ERROR)
            return false;
    }
}

// ── ISA-L ───────────────────────────────────────────────────────────────────────────────────────

#ifdef WEIR_ISAL
static void isal_begin(struct gzip *g)
{
    isal_deflate_init(&g->fast);
    g->fast.level = 1;
    g->fast.level_buf = g->level_buffer;
    g->fast.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    g->fast.gzip_flag = IGZIP_GZIP;
    g->fast.flush = NO_FLUSH;
}

static bool isal_step(struct gzip *g, size_t input, bool last)
{
    struct isal_zstream *z = &g->fast;
    z->next_in = g->in;
    z->avail_in = (uint32_t)input;
    z->end_of_stream = last;
    do {
        if (!make_room(g))
            return false;
        size_t room = g->size - g->used < UINT32_MAX ? g->size - g->used : UINT32_MAX;
        z->next_out = g->out + g->used;
        z->avail_out = (uint32_t)room;
        if (isal_deflate(z) != COMP_OK)
            return false;
        g->used += room - z->avail_out;
    } while (z->avail_out == 0 || z->avail_in > 0);
    return !last || z->internal_state.state == ZSTATE_END;
}
#endif

// ── either ──────────────────────────────────────────────────────────────────────────────────────

static bool begin(struct gzip *g)
{
    g->used = 0;
#ifdef WEIR_ISAL
    if (g->isal) {
        isal_begin(g);
        return true;
    }
#endif
    return deflateReset(&g->zlib) == Z_OK;
}

static bool step(struct gzip *g, size_t input, bool last)
{
#ifdef WEIR_ISAL
    if (g->isal)
        return isal_step(g, input, last);
#endif
    return zlib_step(g, input, last);
}

bool gzip_pack(struct gzip *g, const struct pieces *body, struct span *packed)
{
    struct pieces_place place = {0, 0};
    size_t input;
    if (!begin(g))
        return false;
    do {
        input = pieces_read(body, &place, g->in, INPUT);
        if (!step(g, input, input < INPUT))
            return false;
    } while (input == INPUT);
    *packed = span_of(g->out, g->used);
    return true;
}

struct gzip *gzip_new(int level)
{
    struct gzip *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->level = level;
#ifdef WEIR_ISAL
    g->isal = level <= 2 && (g->level_buffer = malloc(ISAL_DEF_LVL1_DEFAULT)) != NULL;
    if (g->isal)
        return g;
#endif
    if (deflateInit2(&g->zlib, level, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
        return g;
    free(g);
    return NULL;
}

void gzip_free(struct gzip *g)
{
    if (!g)
        return;
    deflateEnd(&g->zlib); // harmless if it never began
#ifdef WEIR_ISAL
    free(g->level_buffer);
#endif
    free(g->out);
    free(g);
}
