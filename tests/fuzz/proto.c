// SPDX-License-Identifier: Apache-2.0
// One protocol of the list (FUZZ_PROTOCOL, by name) as a conn sees it: bytes of both sides cut
// anywhere, holes, ends and the passing of time, all taken from the input.
//
//   kind(1) of world and conn, then one after the other:
//   verb(1) …      feed   length(2) bytes            bit 0 of every verb: who speaks
//                  datagram   type(1) code(1) cut(1) length(2) bytes
//                  hole   length(2)      wait   milliseconds(2)      end, age, open again

#include "tests/fuzz/world.h"

enum verb { FEED, FEED_MORE, FEED_REST, DATAGRAM, HOLE, END, WAIT, AGAIN, VERBS };

struct talk {
    struct world *world;
    struct reader input;
    const struct binding *binding;
    struct endpoints ends;
    struct conn *conn; // NULL: it ended
    int64_t time;
    bool late;
};

static void ended(void *owner, struct conn *c, enum ending how)
{
    (void)c, (void)how;
    ((struct talk *)owner)->conn = NULL;
}

// The transport that this protocol has at the number `wish`.
static uint8_t transport_of(const struct protocol *p, unsigned wish)
{
    static const uint8_t numbers[] = {PROTO_TCP, PROTO_UDP, PROTO_ICMP};
    unsigned which = wish % 3;
    while (!(p->transports >> which & 1))
        which = (which + 1) % 3;
    return numbers[which];
}

static void meet(struct talk *t, unsigned kind)
{
    unsigned family = kind & 64 ? 6 : 4;
    t->ends = (struct endpoints){
        .ip = {{(uint8_t)family, {10, 0, 0, 1}}, {(uint8_t)family, {10, 0, 0, 2}}},
        .port = {40000, 80},
        .protocol = transport_of(t->binding->protocol, kind >> 3 & 3)};
    if (t->ends.protocol != PROTO_ICMP)
        return;
    t->ends.port[0] = t->ends.port[1] = 0;
    t->ends.protocol = family == 4 ? PROTO_ICMP : PROTO_ICMPV6;
}

static void feed(struct talk *t, enum side from, struct span bytes, struct arrival arrival)
{
    if (!t->conn)
        t->conn = conn_open(t->world->conns, t->binding, &t->ends, t->late, ended, t);
    t->late = true;
    arrival.time = t->time;
    uint8_t *exact = fuzz_exact(bytes);
    conn_feed(t->conn, from, span_of(exact, bytes.len), &arrival);
    free(exact);
    // As the flow code does with datagrams.
    if (t->conn && conn_is_datagram(t->conn) && !conn_is_waiting(t->conn)) {
        conn_release(t->conn);
        t->conn = NULL;
    }
}

static void feed_datagram(struct talk *t, enum side from)
{
    struct arrival a = {.icmp_type = reader_u8(&t->input), .icmp_code = reader_u8(&t->input)};
    if (t->ends.protocol != PROTO_TCP)
        a.cut = reader_u8(&t->input);
    feed(t, from, fuzz_take(&t->input, reader_be16(&t->input)), a);
}

static void turn(struct talk *t)
{
    unsigned what = reader_u8(&t->input);
    enum side from = what & 1;
    const struct arrival none = {0};
    bool stream = t->ends.protocol == PROTO_TCP;
    t->time += MILLISECOND;
    switch ((what >> 1) % VERBS) {
    case FEED:
    case FEED_MORE:
        feed(t, from, fuzz_take(&t->input, reader_be16(&t->input)), none);
        break;
    case FEED_REST:
        feed(t, from, reader_rest(&t->input), none);
        break;
    case DATAGRAM:
        feed_datagram(t, from);
        break;
    case HOLE:
        if (t->conn && stream)
            conn_gap(t->conn, from, 1u + reader_be16(&t->input), t->time);
        break;
    case END:
        if (t->conn && stream)
            conn_half_end(t->conn, from, what & 128 ? ENDED_RST : ENDED_FIN, t->time);
        break;
    case WAIT:
        t->time += reader_be16(&t->input) * MILLISECOND;
        conns_age(t->world->conns, t->time);
        break;
    case AGAIN:
        if (t->conn)
            conn_end(t->conn, ENDED_AGE);
        t->conn = NULL;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct talk t = {.input = reader_of(span_of(data, size)), .time = WORLD_BEGIN};
    unsigned kind = reader_u8(&t.input);
    t.world = world_of(kind, NULL);
    t.binding = world_binding(t.world, FUZZ_PROTOCOL);
    t.late = kind & 32;
    fuzz_check(t.binding);
    meet(&t, kind);
    while (reader_left(&t.input))
        turn(&t);
    conns_end_all(t.world->conns, ENDED_FILE);
    fuzz_check(!t.conn);
    world_check(t.world);
    return 0;
}
