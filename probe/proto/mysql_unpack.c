// SPDX-License-Identifier: Apache-2.0
// Compressed MySQL packets: each stands for itself, and holds any bytes of plain ones.
//
//   │ length 3 │ sequence 1 │ unpacked length 3, or 0: it is not compressed │ zlib's or zstd's │
//
// One is unpacked once all of it is there, into memory that is void afterwards; what is left of a
// plain packet is remembered until the next one comes. Those too large are holes whose size is
// known.

#define ZLIB_CONST               // next_in is not written to
#define ZSTD_STATIC_LINKING_ONLY // decoders in memory of ours
#include <zlib.h>
#include <zstd.h>

#include "probe/proto/mysql.h"

enum { HEADER = 7, CODED_MOST = 256 << 10, PLAIN_MOST = 320 << 10 };

struct coded {
    uint32_t len, plain_len; // 0: as it is
    struct span body;        // as much of it as we look at
};

void mysql_forget_rest(struct mysql_call *f)
{
    if (f->s->has_rest)
        conn_forget(f->c, mysql_key(MYSQL_KEEPS_REST, f->from));
    f->s->has_rest = false;
}

static struct coded header_of(struct reader *r, uint8_t *sequence)
{
    struct coded p = {.len = mysql_le24(r)};
    *sequence = reader_u8(r);
    p.plain_len = mysql_le24(r);
    return p;
}

bool mysql_is_packed_command(struct span data)
{
    uint8_t sequence;
    struct reader r = reader_of(data);
    struct coded p = header_of(&r, &sequence);
    struct span body = reader_rest(&r);
    if (!reader_ok(&r) || sequence || !p.len)
        return false;
    if (p.plain_len == 0)
        return body.len == p.len && mysql_is_command(body);
    bool zlib = body.len > 2 && body.at[0] == 0x78 && (body.at[0] << 8 | body.at[1]) % 31 == 0;
    bool zstd = span_starts(body, (struct span)SPAN("\x28\xb5\x2f\xfd"));
    return (zlib || zstd) && p.plain_len >= p.len / 2;
}

// ── unpacking ──

static void *take_memory(void *scratch, unsigned items, unsigned size)
{
    return arena_alloc(scratch, (size_t)items * size);
}

static void give_memory(void *scratch, void *place)
{
    (void)scratch;
    (void)place;
}

// As much as has room; the rest is a hole.
static size_t inflate_into(uint8_t *to, size_t room, struct span body, struct arena *scratch)
{
    z_stream z = {.zalloc = take_memory, .zfree = give_memory, .opaque = scratch};
    if (inflateInit(&z) != Z_OK)
        return 0;
    z.next_in = body.at;
    z.avail_in = (unsigned)body.len;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    int code = inflate(&z, Z_SYNC_FLUSH);
    return code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR ? room - z.avail_out : 0;
}

// All of it or nothing.
static size_t decompress_into(uint8_t *to, size_t room, struct span body, struct arena *scratch)
{
    size_t size = ZSTD_estimateDCtxSize();
    void *place = arena_alloc(scratch, size);
    ZSTD_DCtx *d = place ? ZSTD_initStaticDCtx(place, size) : NULL;
    size_t got = d ? ZSTD_decompressDCtx(d, to, room, body.at, body.len) : 0;
    return ZSTD_isError(got) ? 0 : got;
}

// What a packet holds; empty: it cannot be unpacked.
static struct span plain_of(struct mysql_call *f, const struct coded *p)
{
    struct arena *scratch = conn_scratch(f->c);
    if (!p->plain_len)
        return p->body;
    size_t room = p->plain_len < PLAIN_MOST ? p->plain_len : PLAIN_MOST;
    uint8_t *to = arena_alloc(scratch, room);
    if (!to)
        return span_of(NULL, 0);
    f->h->zstd = span_starts(p->body, (struct span)SPAN("\x28\xb5\x2f\xfd"));
    return span_of(to, f->h->zstd ? decompress_into(to, room, p->body, scratch)
                                  : inflate_into(to, room, p->body, scratch));
}

// ── plain packets out of it ──

// What is left of the packet before, and this.
static struct span joined(struct mysql_call *f, struct span plain)
{
    if (!f->s->has_rest)
        return plain;
    struct span rest = conn_recall(f->c, mysql_key(MYSQL_KEEPS_REST, f->from));
    if (!rest.len) { // it made room for others
        mysql_lose(f);
        return plain;
    }
    size_t size = rest.len + plain.len;
    struct pen pen = mysql_pen(f, size);
    if (!pen.start) {
        mysql_lose(f);
        return plain;
    }
    pen_raw(&pen, rest);
    pen_raw(&pen, plain);
    return pen_written(&pen);
}

static void show(struct mysql_call *f, struct span plain, int64_t time)
{
    struct mysql_call inner = {.c = f->c, .h = f->h, .s = f->s, .from = f->from, .time = time};
    inner.unpacked = true;
    inner.data = joined(f, plain);
    mysql_take(&inner);
    struct span left = span_skip(inner.data, inner.at);
    mysql_forget_rest(f);
    if (!left.len)
        return;
    conn_remember(f->c, mysql_key(MYSQL_KEEPS_REST, f->from), left);
    f->s->has_rest = true;
}

static void unpack(struct mysql_call *f, const struct coded *p, int64_t time)
{
    uint32_t whole = p->plain_len ? p->plain_len : p->len;
    struct span plain = plain_of(f, p);
    if (plain.len)
        show(f, plain, time);
    if (plain.len >= whole || f->s->lost)
        return;
    struct mysql_call inner = {.c = f->c, .h = f->h, .s = f->s, .from = f->from, .time = time};
    inner.unpacked = true;
    mysql_miss(&inner, whole - (uint32_t)plain.len, !f->s->has_rest);
}

// ── packets ──

static void skip_coded(struct mysql_call *f, uint32_t *at, uint32_t most)
{
    uint32_t len = f->s->coded_left < most ? f->s->coded_left : most;
    f->s->coded_left -= len;
    *at += len;
}

// The next packet. False: more bytes are needed.
static bool next(struct mysql_call *f, struct span data, uint32_t *at)
{
    uint8_t sequence;
    struct span rest = span_skip(data, *at);
    struct reader r = reader_of(rest);
    struct coded p = header_of(&r, &sequence);
    p.body = reader_bytes(&r, p.len < CODED_MOST ? p.len : CODED_MOST);
    if (!reader_ok(&r))
        return false;
    struct arena *scratch = conn_scratch(f->c);
    size_t used = scratch->used;
    if (!f->s->lost || f->from == CLIENT)
        unpack(f, &p, mysql_time(f, f->at + *at + HEADER - 1 + (uint32_t)p.body.len));
    arena_rewind(scratch, used); // many may come at once
    f->s->coded_left = p.len - (uint32_t)p.body.len;
    *at += HEADER + (uint32_t)p.body.len;
    return true;
}

uint32_t mysql_unpack(struct mysql_call *f, struct span data)
{
    uint32_t at = 0;
    bool goes_on = true;
    if (f->s->lost && (f->from == SERVER || !mysql_is_packed_command(data)))
        return (uint32_t)data.len;
    while (goes_on && at < data.len && !f->h->over) {
        if (f->s->coded_left)
            skip_coded(f, &at, (uint32_t)data.len - at);
        else
            goes_on = next(f, data, &at);
        if (f->s->lost)
            return (uint32_t)data.len;
    }
    return f->h->over ? (uint32_t)data.len : at;
}
