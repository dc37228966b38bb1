// SPDX-License-Identifier: Apache-2.0
// Capture files built in code, in either byte order, in memory or as files of a directory that goes
// away again.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/base/arena.h"
#include "probe/frame.h"

#define MICRO   UINT32_C(0xa1b2c3d4)
#define NANO    UINT32_C(0xa1b23c4d)
#define PATCHED UINT32_C(0xa1b2cd34)

struct bytes {
    bool swapped;
    size_t len, room;
    uint8_t *at;
};

static inline void put(struct bytes *b, const void *bytes, size_t len)
{
    if (b->len + len > b->room) {
        b->room = 2 * b->room + len;
        b->at = realloc(b->at, b->room);
    }
    if (len)
        memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static inline void put16(struct bytes *b, unsigned value)
{
    uint16_t v = (uint16_t)value;
    v = b->swapped ? __builtin_bswap16(v) : v;
    put(b, &v, sizeof v);
}

static inline void put32(struct bytes *b, uint32_t value)
{
    value = b->swapped ? __builtin_bswap32(value) : value;
    put(b, &value, sizeof value);
}

static inline void put64(struct bytes *b, uint64_t value)
{
    value = b->swapped ? __builtin_bswap64(value) : value;
    put(b, &value, sizeof value);
}

static inline void put_filled(struct bytes *b, uint32_t len, unsigned fill)
{
    while (len--)
        put(b, &(uint8_t){(uint8_t)fill}, 1);
}

static inline void clear(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){0};
}

// ── pcap ──

static inline void put_header(struct bytes *b, uint32_t magic, uint32_t link)
{
    put32(b, magic);
    put16(b, 2);
    put16(b, 4);
    put32(b, 0);
    put32(b, 0);
    put32(b, 65535);
    put32(b, link);
}

// `len` bytes of `fill`, which says in the tests which frame it is.
static inline void put_record(struct bytes *b, uint32_t seconds, uint32_t fraction, uint32_t len,
                              uint32_t wire, unsigned fill)
{
    put32(b, seconds);
    put32(b, fraction);
    put32(b, len);
    put32(b, wire);
    put_filled(b, len, fill);
}

// ── pcapng ──

static inline size_t begin_block(struct bytes *b, uint32_t type)
{
    put32(b, type);
    put32(b, 0);
    return b->len;
}

static inline void end_block(struct bytes *b, size_t begin)
{
    while (b->len % 4)
        put_filled(b, 1, 0);
    uint32_t length = (uint32_t)(b->len - begin) + 12;
    put32(b, length);
    memcpy(b->at + begin - 4, b->at + b->len - 4, 4);
}

static inline void put_section(struct bytes *b)
{
    size_t block = begin_block(b, 0x0a0d0d0a);
    put32(b, 0x1a2b3c4d);
    put16(b, 1);
    put16(b, 0);
    put64(b, UINT64_MAX);
    end_block(b, block);
}

// With if_tsresol unless it is 6, and if_tsoffset unless it is 0.
static inline void put_interface(struct bytes *b, unsigned link, uint32_t snaplen,
                                 unsigned resolution, int64_t offset)
{
    size_t block = begin_block(b, 1);
    put16(b, link);
    put16(b, 0);
    put32(b, snaplen);
    put16(b, 2); // if_name
    put16(b, 3);
    put(b, "eth", 4);
    if (resolution != 6) {
        put16(b, 9);
        put16(b, 1);
        put(b, (uint8_t[4]){(uint8_t)resolution}, 4);
    }
    if (offset) {
        put16(b, 14);
        put16(b, 8);
        put64(b, (uint64_t)offset);
    }
    put32(b, 0);
    end_block(b, block);
}

static inline void put_packet(struct bytes *b, uint32_t interface, uint64_t ticks, uint32_t len,
                              uint32_t wire, unsigned fill)
{
    size_t block = begin_block(b, 6);
    put32(b, interface);
    put32(b, (uint32_t)(ticks >> 32));
    put32(b, (uint32_t)ticks);
    put32(b, len);
    put32(b, wire);
    put_filled(b, len, fill);
    end_block(b, block);
}

// ── files ──

struct place {
    char path[64];
    struct arena arena;
};

static inline void place_open(struct place *p)
{
    strcpy(p->path, "/tmp/weir-capture-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    assert_true(arena_init(&p->arena, 1 << 20));
}

static inline int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void place_close(struct place *p)
{
    nftw(p->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(&p->arena);
}

// The path lives as long as the place.
static inline const char *place_write(struct place *p, const char *name, const void *bytes,
                                      size_t len)
{
    char *path = arena_printf(&p->arena, "%s/%s", p->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
    return path;
}

// ── the source ──

extern const struct source source_file;

static inline struct source_setup usual_setup(struct place *p, const char *const *files, int count)
{
    return (struct source_setup){
        .files = files, .file_count = count, .loops = 1, .full_speed = true, .arena = &p->arena};
}

// All frames until something else happens; their fills as text ('a' + fill % 26) in `seen`.
static inline enum source_state read_all(void *source, char *seen, size_t room, struct error *why)
{
    struct frame frames[FRAMES];
    enum source_state state;
    int count;
    size_t len = 0;
    while ((state = source_file.read(source, frames, FRAMES, &count, why)) == SOURCE_FRAMES) {
        assert_in_range(count, 1, FRAMES);
        for (int i = 0; i < count; i++)
            if (len + 1 < room)
                seen[len++] = (char)('a' + (frames[i].len ? frames[i].at[0] % 26 : 25));
    }
    assert_int_equal(count, 0);
    seen[len] = 0;
    return state;
}
