// SPDX-License-Identifier: Apache-2.0
// A worker's surroundings for tests of the flow code: conns that write down what they are told, an
// emit that keeps its documents as text, and packets made by hand. One client, 10.0.0.1:40000, and
// one server, 10.0.0.2:80, unless a test says otherwise.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/batch.h"
#include "probe/flow/flow.h"
#include "probe/flow/report.h"
#include "probe/flow/tcp.h"

#define BEGIN (INT64_C(1700000000) * SECOND)

enum { TOLD = 1 << 20, ORDER = 4096, DOCUMENTS = 256, DOCUMENT = 4096, OPEN_CONNS = 64 };

// ── conns ──

struct conn {
    conn_ended *ended;
    void *owner;
    struct endpoints ends;
    bool late;
};

// What conns were told, in order, one text for each side: bytes as they are, "[n]" a gap, "." a
// FIN, "|" a new conn. And how they shall behave.
static struct {
    char told[2][TOLD];
    size_t len[2];
    char order[ORDER];          // the beginning of all of it: ">" before what a client said, "<"
    char ends[256];             // a word for each conn that ended: "fin", "rst", …
    int64_t last_time;          // of the last bytes
    int opened, late, open;     // conns
    int fed;                    // calls
    struct endpoints endpoints; // of the last one opened
    struct conn *conns[OPEN_CONNS];
    bool no_gaps; // a gap ends the conn
    bool waiting; // conn_is_waiting
    char done_at; // a byte that makes the protocol say it is done; 0 none
} fake;

static const char *const ending_names[] = {"fin", "rst", "age", "file", "gap", "evicted", "done"};

__attribute__((format(printf, 2, 3))) static void tell(enum side side, const char *format, ...)
{
    char *text = fake.told[side] + fake.len[side];
    size_t order = strlen(fake.order);
    va_list list;
    va_start(list, format);
    fake.len[side] += (size_t)vsnprintf(text, TOLD - fake.len[side], format, list);
    va_end(list);
    snprintf(fake.order + order, ORDER - order, "%c%s", "><"[side], text);
}

static void close_conn(struct conn *c, enum ending how)
{
    size_t len = strlen(fake.ends);
    snprintf(fake.ends + len, sizeof fake.ends - len, "%s ", ending_names[how]);
    fake.open--;
    for (int i = 0; i < OPEN_CONNS; i++)
        if (fake.conns[i] == c)
            fake.conns[i] = NULL;
    free(c);
}

static void leave(struct conn *c, enum ending how)
{
    c->ended(c->owner, c, how);
    close_conn(c, how);
}

struct conn *conn_open(struct conns *all, const struct binding *binding,
                       const struct endpoints *ends, bool joined_late, conn_ended *ended,
                       void *owner)
{
    (void)all, (void)binding;
    struct conn *c = malloc(sizeof *c);
    assert_non_null(c);
    *c = (struct conn){ended, owner, *ends, joined_late};
    int free_place = 0;
    while (fake.conns[free_place])
        assert_true(++free_place < OPEN_CONNS);
    fake.conns[free_place] = c;
    if (fake.opened++) {
        tell(CLIENT, "|");
        tell(SERVER, "|");
    }
    fake.late += joined_late;
    fake.open++;
    fake.endpoints = *ends;
    return c;
}

bool conn_feed(struct conn *c, enum side from, struct span data, const struct arrival *arrival)
{
    tell(from, "%.*s", (int)data.len, (const char *)data.at);
    fake.last_time = arrival->time;
    fake.fed++;
    if (!fake.done_at || span_find(data, (uint8_t)fake.done_at) < 0)
        return true;
    leave(c, ENDED_DONE);
    return false;
}

bool conn_gap(struct conn *c, enum side from, uint32_t missing, int64_t time)
{
    (void)time;
    tell(from, "[%u]", missing);
    if (!fake.no_gaps)
        return true;
    leave(c, ENDED_GAP);
    return false;
}

bool conn_half_end(struct conn *c, enum side from, enum ending how, int64_t time)
{
    (void)how, (void)time;
    tell(from, ".");
    size_t other = fake.len[side_other(from)];
    if (!other || fake.told[side_other(from)][other - 1] != '.')
        return true;
    leave(c, ENDED_FIN);
    return false;
}

void conn_end(struct conn *c, enum ending how)
{
    close_conn(c, how);
}

bool conn_is_waiting(const struct conn *c)
{
    (void)c;
    return fake.waiting;
}

void conn_release(struct conn *c)
{
    fake.open--;
    for (int i = 0; i < OPEN_CONNS; i++)
        if (fake.conns[i] == c)
            fake.conns[i] = NULL;
    free(c);
}

void conns_end_all(struct conns *all, enum ending how)
{
    (void)all;
    for (int i = 0; i < OPEN_CONNS; i++)
        if (fake.conns[i])
            leave(fake.conns[i], how);
}

// ── emit ──

static struct {
    struct event event;
    struct arena arena;
    const struct schema *schema;
    char text[DOCUMENTS][DOCUMENT];
    int count;
} documents;

struct event *emit_begin(struct emit *e, int dataset, int64_t time)
{
    (void)e, (void)dataset;
    event_begin(&documents.event, schema_ranks(documents.schema, &flow_table));
    event_time(&documents.event, F_TIMESTAMP, time);
    documents.event.time = time;
    return &documents.event;
}

void emit_interface(struct emit *e, uint32_t interface)
{
    (void)e, (void)interface;
}

void emit_finish(struct emit *e)
{
    (void)e;
    struct batch_home *home = batch_home_new(1);
    struct batch *b = batch_open(home, false);
    assert_true(event_write(&documents.event, b));
    struct span text = batch_document(b, batch_row(b, 0));
    assert_true(documents.count < DOCUMENTS && text.len < DOCUMENT);
    memcpy(documents.text[documents.count], text.at, text.len);
    documents.text[documents.count++][text.len] = 0;
    batch_release(b);
    batch_home_free(home);
}

static inline bool says(int document, const char *text)
{
    assert_true(document < documents.count);
    bool found = strstr(documents.text[document], text) != NULL;
    if (!found)
        print_error("%s\nis not in\n%s\n", text, documents.text[document]);
    return found;
}

static inline bool is_silent_of(int document, const char *text)
{
    assert_true(document < documents.count);
    return strstr(documents.text[document], text) == NULL;
}

// ── a worker ──

static struct {
    struct flow_settings settings;
    struct counters counters;
    struct flows *flows;
    int64_t now;
    uint16_t client_port;
    bool compat;
} world;

static struct protocol fake_tcp = {.name = "fake_tcp", .transports = OVER_TCP};
static const struct protocol fake_udp = {.name = "fake_udp", .transports = OVER_UDP};
static const struct protocol fake_icmp = {.name = "fake_icmp", .transports = OVER_ICMP};
static int64_t tcp_ports[] = {80}, udp_ports[] = {53};
static const struct binding fake_bindings[] = {
    {.protocol = &fake_tcp,
     .common = {.enabled = true, .ports = {tcp_ports, 1}, .transaction_timeout = 10 * SECOND}},
    {.protocol = &fake_udp,
     .common = {.enabled = true, .ports = {udp_ports, 1}, .transaction_timeout = 10 * SECOND}},
    {.protocol = &fake_icmp, .common = {.enabled = true, .transaction_timeout = 10 * SECOND}},
};
static const struct binding *const fake_binding_list[] = {&fake_bindings[0], &fake_bindings[1],
                                                          &fake_bindings[2]};

static inline void prepare_documents(bool compat)
{
    const struct field_table *tables[] = {&common_table, &flow_table};
    struct error why;
    assert_true(arena_init(&documents.arena, 4 << 20));
    documents.schema = schema_build(tables, 2, NULL, 0, compat, &documents.arena, &why);
    assert_non_null(documents.schema);
    assert_true(event_init(&documents.event, documents.schema, 1 << 16, &world.counters, 3));
    documents.count = 0;
}

static inline void begin_world(struct flow_settings settings, bool compat)
{
    memset(&fake, 0, sizeof fake);
    memset(&world, 0, sizeof world);
    fake_tcp.gap = NULL;
    world.settings = settings;
    world.now = BEGIN;
    world.client_port = 40000;
    world.compat = compat;
    prepare_documents(compat);
    struct flows_setup setup = {.settings = &world.settings,
                                .bindings = fake_binding_list,
                                .binding_count = 3,
                                .compat = compat,
                                .seed = 7,
                                .counters = &world.counters};
    struct error why = {{0}};
    world.flows = flows_new(&setup, &why);
    if (!world.flows)
        fail_msg("%s", why.text);
}

static inline struct flow_settings usual_settings(void)
{
    return (struct flow_settings){.timeout = 30 * SECOND,
                                  .period = 0,
                                  .flows = 1000,
                                  .reorder_bytes = 64 << 10,
                                  .reorder_bytes_all = 256 << 10,
                                  .reorder_timeout = 5 * SECOND};
}

static inline void end_world(void)
{
    flows_end_all(world.flows, ENDED_FILE);
    assert_int_equal(fake.open, 0);
    assert_int_equal(counter_get(world.counters.flows_now), 0);
    assert_int_equal(counter_get(world.counters.tcp_waiting_bytes), 0);
    assert_int_equal(counter_get(world.counters.flows_opened),
                     counter_get(world.counters.flows_ended) +
                         counter_get(world.counters.flows_evicted));
    flows_free(world.flows);
    event_free(&documents.event);
    arena_free(&documents.arena);
}

// ── packets ──

enum { FROM_CLIENT, FROM_SERVER }; // position in the key: the client's address is the smaller

static const struct frame some_frame = {.link = LINK_ETHERNET};

static inline struct packet make_packet(uint8_t protocol, unsigned sender, const char *payload)
{
    struct packet p = {.sender = (uint8_t)sender,
                       .frame = &some_frame,
                       .payload = (const uint8_t *)payload,
                       .payload_len = (uint32_t)strlen(payload),
                       .window = 1000,
                       .window_scale = 0xff,
                       .mac = 0xffff,
                       .outer_ip = 0xffff,
                       .frames = 1,
                       .wire = 54 + strlen(payload),
                       .time = world.now};
    memcpy(p.key.address[0], (uint8_t[]){10, 0, 0, 1}, 4);
    memcpy(p.key.address[1], (uint8_t[]){10, 0, 0, 2}, 4);
    p.key.family = 4;
    p.key.protocol = protocol;
    if (protocol == PROTO_TCP || protocol == PROTO_UDP) {
        p.key.port[0] = world.client_port;
        p.key.port[1] = protocol == PROTO_TCP ? 80 : 53;
    }
    return p;
}

static inline void take(struct packet p)
{
    p.hash = (uint32_t)hash_bytes(&p.key, sizeof p.key, 1);
    flows_take(world.flows, &p, 1);
}

static inline struct packet segment(unsigned sender, uint32_t seq, uint8_t flags,
                                    const char *payload)
{
    struct packet p = make_packet(PROTO_TCP, sender, payload);
    p.seq = seq;
    p.tcp_flags = flags;
    return p;
}

// A segment without acknowledgement of anything.
static inline void say(unsigned sender, uint32_t seq, const char *payload)
{
    take(segment(sender, seq, TCP_PSH, payload));
}

static inline void say_ack(unsigned sender, uint32_t seq, uint32_t ack, const char *payload)
{
    struct packet p = segment(sender, seq, TCP_ACK, payload);
    p.ack = ack;
    take(p);
}

static inline void say_syn(unsigned sender, uint32_t seq)
{
    take(segment(sender, seq, TCP_SYN, ""));
}

static inline void say_fin(unsigned sender, uint32_t seq, const char *payload)
{
    take(segment(sender, seq, TCP_FIN, payload));
}

static inline void shake_hands(uint32_t client_isn, uint32_t server_isn)
{
    say_syn(FROM_CLIENT, client_isn);
    struct packet p = segment(FROM_SERVER, server_isn, TCP_SYN | TCP_ACK, "");
    p.ack = client_isn + 1;
    take(p);
    say_ack(FROM_CLIENT, client_isn + 1, server_isn + 1, "");
}
