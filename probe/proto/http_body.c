// SPDX-License-Identifier: Apache-2.0
// One coding after the other, from bytes in pieces to one text. The memory zlib asks for is
// scratch, so nothing is allocated and nothing needs freeing.

#include "probe/proto/http_body.h"

#define ZLIB_CONST // next_in is not written to
#include <zlib.h>

#include "probe/proto/http_parse.h"

enum {
    FIRST_GUESS = 8,
    GUESS_LEAST = 2 * HTTP_GROWTH_FREE,
    WASTE = 4 << 10,
    STEP = 4 << 10, // made at once, before the growth is looked at
    BETWEEN_MOST = 4 << 20,
    BOMB_SHOWN = 1 << 10, // bytes
};

// Bytes to decode: a chain's pieces, or one view.
struct input {
    const struct piece *next;
    struct span rest;
    size_t len;
};

struct result {
    uint8_t *place;
    size_t room;
    uint64_t len;  // of the whole; what lies above `room` was only counted
    uint64_t read; // bytes it was made of
    const char *problem;
    bool bomb;
};

struct allowed {
    struct http_ceiling ceiling;
    uint64_t coded; // bytes of the body as it came
};

static const char truncated[] = "body truncated due to size limitation";
static const char unfinished[] = "unexpected EOF";

static struct input input_of_chain(const struct chain *c)
{
    return (struct input){c->first, span_of(NULL, 0), c->len};
}

static struct input input_of_span(struct span s)
{
    return (struct input){NULL, s, s.len};
}

// Makes `rest` the bytes that come next. False: there are no more.
static bool input_fill(struct input *in)
{
    while (!in->rest.len && in->next) {
        in->rest = span_of(in->next->bytes, in->next->len);
        in->next = in->next->next;
    }
    return in->rest.len > 0;
}

static size_t input_peek(const struct input *in, uint8_t *to, size_t len)
{
    struct input look = *in;
    size_t got = 0;
    while (got < len && input_fill(&look)) {
        to[got++] = look.rest.at[0];
        look.rest = span_skip(look.rest, 1);
    }
    return got;
}

// ── inflate ──

static void *scratch_alloc(void *scratch, unsigned items, unsigned size)
{
    return arena_alloc(scratch, (size_t)items * size);
}

static void scratch_free(void *scratch, void *place)
{
    (void)scratch;
    (void)place;
}

enum format { GZIP, DEFLATE };

// zlib's windowBits: 15 for its own frame, negative for none, 16 more for gzip's. Servers send
// both forms as "deflate"; the frame's first two bytes are a multiple of 31.
static int window_bits(enum format format, const struct input *in)
{
    uint8_t head[2] = {0, 1};
    if (format == GZIP)
        return MAX_WBITS + 16;
    bool framed = input_peek(in, head, 2) == 2 && (head[0] & 15) == Z_DEFLATED &&
                  (head[0] << 8 | head[1]) % 31 == 0;
    return framed ? MAX_WBITS : -MAX_WBITS;
}

static const char *problem_of(const z_stream *z, int code, struct arena *scratch)
{
    if (code != Z_DATA_ERROR)
        return z->msg ? z->msg : "no memory";
    if (!strcmp(z->msg, "incorrect header check"))
        return "gzip: invalid header";
    if (!strcmp(z->msg, "incorrect data check") || !strcmp(z->msg, "incorrect length check"))
        return "gzip: invalid checksum";
    const char *text = arena_printf(scratch, "flate: corrupt input before offset %lu", z->total_in);
    return text ? text : "flate: corrupt input";
}

// Is a gzip member followed by another one?
static bool goes_on(enum format format, struct input *in)
{
    uint8_t byte;
    return format == GZIP && input_peek(in, &byte, 1) == 1 && byte == 0x1f;
}

// True if it became more than it may. However many codings there are, together they make no more of
// a body than one may.
static bool is_over(struct result *out, const struct allowed *allowed)
{
    const struct http_ceiling ceiling = allowed->ceiling;
    uint64_t read = out->read < allowed->coded ? out->read : allowed->coded;
    out->bomb = out->len > HTTP_GROWTH_FREE + read * ceiling.growth;
    if (out->len > ceiling.most)
        out->len = ceiling.most;
    else if (!out->bomb)
        return false;
    out->problem = truncated;
    return true;
}

static void inflate_all(z_stream *z, enum format format, struct input in,
                        const struct allowed *allowed, struct result *out, struct arena *scratch)
{
    uint8_t waste[WASTE];
    bool whole = false, pending = false; // pending: zlib holds output that found no room
    while (!whole && (input_fill(&in) || pending)) {
        uint8_t *to = out->len < out->room ? out->place + out->len : waste;
        size_t room = out->len < out->room ? out->room - (size_t)out->len : sizeof waste;
        room = room < STEP ? room : STEP;
        z->next_in = in.rest.at;
        z->avail_in = (unsigned)in.rest.len;
        z->next_out = to;
        z->avail_out = (unsigned)room;
        int code = inflate(z, Z_NO_FLUSH);
        out->read += in.rest.len - z->avail_in;
        in.rest = span_skip(in.rest, in.rest.len - z->avail_in);
        out->len += room - z->avail_out;
        pending = !z->avail_out;
        if (is_over(out, allowed))
            return;
        if (code == Z_STREAM_END) {
            whole = !goes_on(format, &in);
            if (!whole)
                inflateReset(z);
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            out->problem = problem_of(z, code, scratch);
            return;
        }
    }
    if (!whole)
        out->problem = unfinished;
}

static struct result decode_into(enum format format, struct input in, size_t room,
                                 const struct allowed *allowed, struct arena *scratch)
{
    struct result out = {.place = arena_alloc(scratch, room), .room = room};
    z_stream z = {.zalloc = scratch_alloc, .zfree = scratch_free, .opaque = scratch};
    if (!out.place || inflateInit2(&z, window_bits(format, &in)) != Z_OK) {
        out.problem = "no memory";
        out.room = 0;
        return out;
    }
    inflate_all(&z, format, in, allowed, &out, scratch);
    return out;
}

// Decodes into a place that most bodies fit; the rare others are done again, their size known.
static struct result decode_one(enum format format, struct input in, size_t keep,
                                const struct allowed *allowed, struct arena *scratch)
{
    size_t guess = in.len < SIZE_MAX / FIRST_GUESS ? in.len * FIRST_GUESS : SIZE_MAX;
    guess = guess < GUESS_LEAST ? GUESS_LEAST : guess;
    struct result out = decode_into(format, in, guess < keep ? guess : keep, allowed, scratch);
    if (out.len > out.room && out.room < keep && !out.bomb)
        out = decode_into(format, in, out.len < keep ? (size_t)out.len : keep, allowed, scratch);
    return out;
}

// ── the codings in their order ──

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_UNKNOWN };

static enum coding coding_of(struct span name)
{
    static const struct {
        struct span name;
        enum coding coding;
    } known[] = {
        {SPAN("gzip"), CODING_GZIP},       {SPAN("x-gzip"), CODING_GZIP},
        {SPAN("deflate"), CODING_DEFLATE}, {SPAN("x-deflate"), CODING_DEFLATE},
        {SPAN("identity"), CODING_NONE},   {SPAN("chunked"), CODING_NONE},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is_nocase(name, known[i].name))
            return known[i].coding;
    return CODING_UNKNOWN;
}

// Adds those of a list that need undoing; how many there are in all.
static int list_codings(struct span list, struct span *codings, int count)
{
    struct span element;
    while (count < HTTP_CODINGS_MOST && http_list_next(&list, &element))
        if (coding_of(element) != CODING_NONE)
            codings[count++] = element;
    return count;
}

bool http_is_coded(struct span content, struct span transfer)
{
    struct span codings[HTTP_CODINGS_MOST];
    return list_codings(transfer, codings, list_codings(content, codings, 0)) > 0;
}

struct http_decoded http_decode(const struct chain *body, struct span content, struct span transfer,
                                struct http_ceiling ceiling, struct arena *scratch)
{
    struct span codings[HTTP_CODINGS_MOST];
    int count = list_codings(transfer, codings, list_codings(content, codings, 0));
    struct input in = input_of_chain(body);
    struct http_decoded out = {.len = body->len};
    struct allowed allowed = {ceiling, body->len};
    for (int i = count - 1; i >= 0; i--) {
        enum coding coding = coding_of(codings[i]);
        struct result r = {.problem = "decoder not found"};
        if (coding != CODING_UNKNOWN)
            r = decode_one(coding == CODING_GZIP ? GZIP : DEFLATE, in,
                           i ? BETWEEN_MOST : HTTP_TEXT_MOST, &allowed, scratch);
        if (i && r.len > r.room && !r.problem)
            r.problem = truncated;
        out.body = span_of(r.place, r.len < r.room ? (size_t)r.len : r.room);
        out.len = r.len;
        out.problem = r.problem;
        out.bomb = r.bomb;
        if (r.bomb)
            out.body = span_first(out.body, BOMB_SHOWN);
        out.coding = codings[i];
        in = input_of_span(out.body);
        if (r.problem) {
            // Half of something that is still coded is of no use.
            if (i)
                out.body.len = out.len = 0;
            return out;
        }
    }
    out.coding.len = 0;
    return out;
}
