// SPDX-License-Identifier: Apache-2.0
// HTTP bodies under codings and forms with parameters, in both directions, through a whole
// exchange.
//
//   kind(1) of world, codings(1), framing(1), then the body

#include "tests/fuzz/world.h"

enum { HEAD = 512, CHUNKED = 1, ASKED = 2, FORM = 4, PIECES = 8, TRANSFER = 16 };

static const char *const codings[] = {"gzip",        "deflate", "x-gzip",   "gzip, gzip",
                                      "deflate, br", "",        "identity", "gzip, deflate, gzip"};

static void ended(void *owner, struct conn *c, enum ending how)
{
    (void)c, (void)how;
    *(struct conn **)owner = NULL;
}

static void feed(struct conn **c, enum side from, struct span bytes, size_t piece)
{
    static int64_t time = WORLD_BEGIN;
    struct arrival arrival = {.time = ++time};
    while (bytes.len && *c) {
        struct span some = span_first(bytes, piece);
        bytes = span_skip(bytes, piece);
        uint8_t *exact = fuzz_exact(some);
        conn_feed(*c, from, span_of(exact, some.len), &arrival);
        free(exact);
    }
}

// The head of a message with this body; how long it is.
static size_t write_head(char head[HEAD], unsigned framing, const char *coding, size_t len)
{
    const char *first = framing & ASKED ? "POST /a?b=c&d HTTP/1.1\r\nHost: a" : "HTTP/1.1 200 OK";
    const char *type = framing & FORM ? "application/x-www-form-urlencoded" : "text/plain";
    int n = snprintf(head, HEAD, "%s\r\nContent-Type: %s\r\n%s: %s\r\n", first, type,
                     framing & TRANSFER ? "Transfer-Encoding" : "Content-Encoding", coding);
    if (framing & CHUNKED)
        n += snprintf(head + n, HEAD - (size_t)n, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
    else
        n += snprintf(head + n, HEAD - (size_t)n, "Content-Length: %zu\r\n\r\n", len);
    return (size_t)n;
}

static void send_body(struct conn **c, unsigned framing, const char *coding, struct span body)
{
    char head[HEAD];
    enum side from = framing & ASKED ? CLIENT : SERVER;
    feed(c, from, span_of(head, write_head(head, framing, coding, body.len)), HEAD);
    feed(c, from, body, framing & PIECES ? 7 : 1 << 20);
    if (framing & CHUNKED)
        feed(c, from, span_text("\r\n0\r\n\r\n"), HEAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of(span_of(data, size));
    struct world *w = world_of(reader_u8(&input) | WORLD_FULL, NULL);
    const char *coding = codings[reader_u8(&input) % (sizeof codings / sizeof *codings)];
    unsigned framing = reader_u8(&input);
    struct endpoints ends = {
        .ip = {{4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}}, .port = {40000, 80}, .protocol = PROTO_TCP};
    struct conn *c = NULL;
    c = conn_open(w->conns, world_binding(w, "http"), &ends, false, ended, &c);
    if (!(framing & ASKED))
        feed(&c, CLIENT, span_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), HEAD);
    send_body(&c, framing, coding, reader_rest(&input));
    if (framing & ASKED)
        feed(&c, SERVER, span_text("HTTP/1.1 204 No Content\r\n\r\n"), HEAD);
    conns_end_all(w->conns, ENDED_FILE);
    world_check(w);
    return 0;
}
