// SPDX-License-Identifier: Apache-2.0
// Where packets are cut makes no difference: a talk of one protocol over TCP is fed twice, once as
// it comes and once in pieces, and the documents are the same. Unless bytes of no message are in
// it: where the next message begins then is a guess, to which the beginning of a packet adds.
//
//   name of the protocol, a line; kind(1) of world, longest piece(1), then turn by turn:
//   verb(1) length(2) bytes        bit 0: who speaks; 2: a hole behind it; 4: this side ends

#include "tests/fuzz/world.h"

enum { SERVER_SPEAKS = 1, HOLE = 2, ENDS = 4 };

struct talk {
    struct world *world;
    const struct binding *binding;
    struct conn *conn; // NULL: it ended
    struct pieces {
        size_t longest;  // of a piece; 0: all at once
        uint32_t random; // for the next length
    } pieces;
};

static void ended(void *owner, struct conn *c, enum ending how)
{
    (void)c, (void)how;
    ((struct talk *)owner)->conn = NULL;
}

static size_t next_length(struct pieces *p)
{
    if (!p->longest)
        return SIZE_MAX;
    p->random = p->random * 1664525 + 1013904223;
    return 1 + (p->random >> 16) % p->longest;
}

static void feed(struct talk *t, enum side from, struct span bytes)
{
    const struct arrival arrival = {.time = WORLD_BEGIN};
    while (bytes.len && t->conn) {
        struct span some = span_first(bytes, next_length(&t->pieces));
        bytes = span_skip(bytes, some.len);
        uint8_t *exact = fuzz_exact(some);
        conn_feed(t->conn, from, span_of(exact, some.len), &arrival);
        free(exact);
    }
}

static void turn(struct talk *t, struct reader *input)
{
    unsigned verb = reader_u8(input);
    enum side from = verb & SERVER_SPEAKS ? SERVER : CLIENT;
    feed(t, from, fuzz_take(input, reader_be16(input)));
    if ((verb & HOLE) && t->conn)
        conn_gap(t->conn, from, 100, WORLD_BEGIN);
    if ((verb & ENDS) && t->conn)
        conn_half_end(t->conn, from, ENDED_FIN, WORLD_BEGIN);
}

// The documents of the talk.
static struct world_text run(struct talk *t, struct reader input)
{
    static const struct endpoints ends = {
        .ip = {{4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}}, .port = {40000, 80}, .protocol = PROTO_TCP};
    conns_offer(t->world->conns, t->world->bindings, 0); // who comes behind it is a guess, too
    world_listen();
    t->conn = conn_open(t->world->conns, t->binding, &ends, false, ended, t);
    while (reader_left(&input) && t->conn)
        turn(t, &input);
    conns_end_all(t->world->conns, ENDED_FILE);
    world_check(t->world);
    return world_heard();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of(span_of(data, size));
    char *name = fuzz_text(fuzz_line(&input));
    struct talk t = {.world = world_of(reader_u8(&input) & (WORLD_COMPAT | WORLD_FULL), NULL)};
    t.binding = world_binding(t.world, name);
    free(name);
    if (!t.binding || !(t.binding->protocol->transports & OVER_TCP))
        return 0;
    struct pieces pieces = {.longest = 1u + reader_u8(&input), .random = (uint32_t)size};
    uint64_t guesses = t.world->counters.conn_resyncs;
    struct world_text whole = run(&t, input);
    bool guessed = t.world->counters.conn_resyncs != guesses;
    t.pieces = pieces;
    struct world_text cut = run(&t, input);
    bool same = whole.len == cut.len && memcmp(whole.at, cut.at, cut.len) == 0;
    if (!same && !guessed)
        fprintf(stderr, "whole:\n%s\nin pieces:\n%s\n", whole.at, cut.at);
    fuzz_check(same || guessed);
    free(whole.at);
    free(cut.at);
    return 0;
}
