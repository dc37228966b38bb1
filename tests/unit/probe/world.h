// SPDX-License-Identifier: Apache-2.0
// A worker's conns, transactions and documents with a protocol that does what the test says. What
// happens is told in one text, a word for each call:
//
//     C:abc/0     feed of the client's bytes, of which 0 were shown before
//     S-5         gap of five bytes of the server
//     C.fin       end of a side
//     #7          publish of the transaction number 7: #7? without question, #7! without answer
//     (done)      the owner is told that the conn ended
#pragma once

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "pipeline/base/clock.h"
#include "pipeline/identity.h"
#include "probe/conn.h"
#include "probe/emit.h"
#include "probe/packet.h"

enum { WORLD_TOLD = 1 << 16, WORLD_DOCUMENTS = 1 << 14, WORLD_PROTOCOLS = 3 };

#define START     (INT64_C(1700000000) * SECOND)
#define TIMEOUT   (10 * SECOND)
#define text(lit) ((struct span)SPAN(lit))

// What the protocols do; a test sets what it needs.
struct play {
    uint32_t (*feed)(struct conn *c, enum side from, struct span data, uint32_t seen);
    void (*gap)(struct conn *c, enum side from, uint32_t missing);
    void (*end)(struct conn *c, enum side from, enum ending how);
    bool (*publish)(const struct conn *c, const struct transaction *t, struct event *e);
};

struct world {
    struct play play;
    // How documents are made: settings for all of them and for those of `talk`, as YAML, and what
    // else a test wants changed before the plan is made.
    const char *all, *own;
    void (*adjust)(struct emit_setup *setup);
    struct emit_settings documents_limits;
    bool compat;
    bool drops; // documents, instead of waiting for a batch
    bool holds; // batches: they do not come home before the end
    struct batch *held;
    bool forgets; // documents, once they are counted
    struct common_settings settings;
    struct arena arena;
    struct counters counters;
    struct identity identity;
    struct error why; // if there is no plan
    struct binding binding[WORLD_PROTOCOLS];
    const struct binding *bindings[WORLD_PROTOCOLS];
    struct emit_dataset dataset[WORLD_PROTOCOLS];
    struct conns_settings limits;
    struct emit *emit;
    struct conns *conns;
    struct conn *conn;     // of world_open; NULL once its end was told
    struct conn *many[64]; // for tests with more of them
    int64_t time;          // of the next bytes; moves on by a millisecond with each feed
    bool quiet;            // tells nothing
    char told[WORLD_TOLD];
    char *documents[WORLD_DOCUMENTS];
    int count;
    uint64_t unread; // documents that are not expected to come here
};

static struct world world;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    size_t len = strlen(world.told);
    va_list list;
    if (world.quiet)
        return;
    va_start(list, format);
    len += (size_t)vsnprintf(world.told + len, WORLD_TOLD - len, format, list);
    va_end(list);
    assert_true(len + 2 < WORLD_TOLD);
    memcpy(world.told + len, " ", 2);
}

// What was told since the last time.
#define assert_told(expected)                      \
    do {                                           \
        size_t told_len = strlen(world.told);      \
        if (told_len)                              \
            world.told[told_len - 1] = 0;          \
        assert_string_equal(world.told, expected); \
        world.told[0] = 0;                         \
    } while (0)
#define assert_counted(name, number) assert_int_equal(counter_get(world.counters.name), number)

// ── the protocols ──

static char letter(enum side side)
{
    return side == CLIENT ? 'C' : 'S';
}

static const char *ending_name(enum ending how)
{
    static const char *const names[] = {"fin", "rst", "age", "file", "gap", "evicted", "done"};
    return names[how];
}

static uint32_t talk_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    tell("%c:%.*s/%u", letter(from), (int)data.len, data.len ? (const char *)data.at : "", seen);
    return world.play.feed ? world.play.feed(c, from, data, seen) : (uint32_t)data.len;
}

static void talk_gap(struct conn *c, enum side from, uint32_t missing)
{
    tell("%c-%u", letter(from), missing);
    if (world.play.gap)
        world.play.gap(c, from, missing);
}

static void talk_end(struct conn *c, enum side from, enum ending how)
{
    tell("%c.%s", letter(from), ending_name(how));
    if (world.play.end)
        world.play.end(c, from, how);
}

static bool talk_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    tell("#%llu%s%s", (unsigned long long)t->number, t->unasked || !t->asked ? "?" : "",
         t->answered ? "" : "!");
    return !world.play.publish || world.play.publish(c, t, e);
}

// As talk, but everything it is fed stands between < and >.
static uint32_t guest_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    tell("<");
    uint32_t done = talk_feed(c, from, data, seen);
    tell(">");
    return done;
}

static bool guest_looks_like(struct span first, enum side from)
{
    (void)from;
    return span_starts(first, text("guest"));
}

enum world_field { WORLD_WORD = COMMON_FIELDS, WORLD_MORE, WORLD_ADDED, WORLD_END };
static const struct field world_fields[] = {
    {"talk.word", FIELD_KEYWORD, "A word", 0},
    {"talk.more", FIELD_TEXT, "More words", 0},
    {"talk.added", FIELD_LONG, "A number that the reference lacks", FIELD_ADDED},
};
static const struct field_table world_table = {"talk", &common_table, world_fields,
                                               WORLD_END - COMMON_FIELDS};

// What the tests keep in conns and transactions, to see that it comes zeroed and stays.
struct talk_conn {
    uint64_t number;
    uint8_t zero[56];
};
struct talk_transaction {
    uint8_t zero[40];
};

static const struct protocol talk = {.name = "talk",
                                     .transports = OVER_TCP | OVER_UDP,
                                     .fields = &world_table,
                                     .conn_size = sizeof(struct talk_conn),
                                     .transaction_size = sizeof(struct talk_transaction),
                                     .feed = talk_feed,
                                     .gap = talk_gap,
                                     .end = talk_end,
                                     .publish = talk_publish};
// Neither holes nor ends are any of its business.
static const struct protocol deaf = {.name = "deaf",
                                     .transports = OVER_TCP | OVER_UDP,
                                     .fields = &world_table,
                                     .feed = talk_feed,
                                     .publish = talk_publish};
// Found by its first bytes; its state is larger than that of the others.
static const struct protocol guest = {.name = "guest",
                                      .transports = OVER_TCP,
                                      .fields = &world_table,
                                      .conn_size = 3000,
                                      .looks_like = guest_looks_like,
                                      .feed = guest_feed,
                                      .gap = talk_gap,
                                      .end = talk_end,
                                      .publish = talk_publish};

static const struct protocol *const world_protocols[WORLD_PROTOCOLS] = {&talk, &deaf, &guest};

// ── the publisher: keeps the texts ──

static void let_batches_go(void)
{
    while (world.held) {
        struct batch *home = world.held;
        world.held = home->next;
        batch_release(home);
    }
}

void publisher_hand(struct publisher *p, struct batch *b);
void publisher_hand(struct publisher *p, struct batch *b)
{
    (void)p;
    for (uint32_t i = 0; i < b->rows && !world.forgets; i++) {
        struct span document = batch_document(b, batch_row(b, i));
        assert_true(world.count < WORLD_DOCUMENTS);
        world.documents[world.count++] = strndup((const char *)document.at, document.len);
    }
    b->next = world.held;
    world.held = b;
    if (!world.holds)
        let_batches_go();
}

// ── life ──

static void world_read(const char *yaml, struct common_settings *into)
{
    struct config *root = config_new(&world.arena);
    struct setting_reader reader = {.arena = &world.arena};
    if ((yaml && !config_read_text(root, span_text(yaml), "test", &world.arena, &world.why)) ||
        !setting_fill(common_settings, root, into, NULL, &reader, &world.why))
        fail_msg("%s", world.why.text);
}

static void world_bind(void)
{
    for (int i = 0; i < WORLD_PROTOCOLS; i++) {
        struct binding *b = &world.binding[i];
        *b = (struct binding){.protocol = world_protocols[i], .dataset = i, .compat = world.compat};
        world_read(i ? NULL : world.own, &b->common);
        world.bindings[i] = b;
        world.dataset[i] = (struct emit_dataset){.name = world_protocols[i]->name,
                                                 .fields = &world_table,
                                                 .protocol = world_protocols[i],
                                                 .settings = &b->common};
    }
}

// NULL: refused, see world.why.
static const struct emit_plan *world_plan(void)
{
    const struct field_table *tables[] = {&common_table, &world_table};
    const char **names;
    world_bind();
    world_read(world.all, &world.settings);
    int count =
        emit_extra_names(&world.settings, world.dataset, WORLD_PROTOCOLS, &names, &world.arena);
    const struct schema *schema =
        schema_build(tables, 2, names, count, world.compat, &world.arena, &world.why);
    if (!schema)
        return NULL;
    world.identity = (struct identity){.type = "weir",
                                       .id = "id",
                                       .ephemeral_id = "ephemeral",
                                       .version = "0",
                                       .name = "probe",
                                       .ecs_version = "8"};
    struct emit_setup setup = {.schema = schema,
                               .all = &world.settings,
                               .datasets = world.dataset,
                               .dataset_count = WORLD_PROTOCOLS,
                               .identity = &world.identity,
                               .compat = world.compat,
                               .publish = true,
                               .arena = &world.arena};
    if (world.adjust)
        world.adjust(&setup);
    return emit_plan_new(&setup, &world.why);
}

static int world_begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.time = START;
    world.limits = (struct conns_settings){.conns = 64,
                                           .transactions = 256,
                                           .transactions_a_conn = 128,
                                           .transaction_bytes = 64 << 10,
                                           .kept_bytes = 8192,
                                           .kept_bytes_all = 1 << 20,
                                           .remembered = 16,
                                           .halves_a_packet = 2,
                                           .halves_reserve = 1000,
                                           .unpaid_a_conn = 16};
    world.documents_limits =
        (struct emit_settings){.scratch = 1 << 20, .batches = 4, .flush_timeout = SECOND};
    return !arena_init(&world.arena, 64 << 20);
}

// The conns, with the limits as the test left them. A test that does not call it gets it with its
// first world_open.
static void world_start(void)
{
    const struct emit_plan *plan = world_plan();
    if (!plan)
        fail_msg("%s", world.why.text);
    world.emit = emit_new(plan, &world.documents_limits, (struct publisher *)(void *)&world,
                          !world.drops, &world.counters, &world.why);
    assert_non_null(world.emit);
    world.conns = conns_new(&world.limits, world.emit, 1, &world.counters, &world.why);
    assert_non_null(world.conns);
    conns_offer(world.conns, world.bindings, WORLD_PROTOCOLS);
}

static void world_ended(void *owner, struct conn *c, enum ending how)
{
    struct conn **place = owner;
    tell("(%s)", ending_name(how));
    assert_ptr_equal(*place, c);
    *place = NULL;
}

// A conn whose owner is the pointer to it, so that a test sees when it is gone. Its client is
// 10.0.0.1:40000 and more, its server 10.0.0.2:80.
static struct conn *world_open_at(struct conn **place, const struct protocol *protocol,
                                  uint8_t transport)
{
    static uint16_t port = 40000;
    if (!world.conns)
        world_start();
    struct endpoints ends = {.ip = {{4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}},
                             .port = {port++, 80},
                             .protocol = transport};
    int which = 0;
    while (world_protocols[which] != protocol)
        which++;
    return *place = conn_open(world.conns, &world.binding[which], &ends, false, world_ended, place);
}

static struct conn *world_open(const struct protocol *protocol)
{
    return world_open_at(&world.conn, protocol, PROTO_TCP);
}

// Bytes at a place of exactly their size, so that reading too far is seen.
static bool world_feed_to(struct conn *c, enum side from, struct span bytes, int64_t time)
{
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(exact, bytes.at, bytes.len);
    bool alive = conn_feed(c, from, span_of(exact, bytes.len), &(struct arrival){.time = time});
    free(exact);
    return alive;
}

static inline bool world_feed(enum side from, const char *bytes)
{
    bool alive = world_feed_to(world.conn, from, span_text(bytes), world.time);
    world.time += MILLISECOND;
    return alive;
}

static inline void world_age(int64_t duration)
{
    world.time += duration;
    conns_age(world.conns, world.time);
}

// Whatever happened: the ledger balances and nothing is left behind.
static void world_settle(void)
{
    conns_end_all(world.conns, ENDED_FILE);
    emit_flush(world.emit, true);
    const struct counters *n = &world.counters;
    assert_int_equal(n->events_made, n->events_written + n->events_filtered + n->events_lost_batch +
                                         n->events_lost_size);
    assert_int_equal(n->transactions_opened, n->transactions_answered + n->transactions_unanswered +
                                                 n->transactions_unasked +
                                                 n->transactions_withheld +
                                                 n->transactions_dropped);
    assert_int_equal(n->events_written, world.count + world.unread);
    assert_int_equal(n->conns_now, 0);
    assert_int_equal(n->transactions_now, 0);
    assert_int_equal(n->conn_kept_bytes, 0);
}

static int world_close(void **state)
{
    (void)state;
    world.holds = false;
    if (world.conns)
        world_settle();
    let_batches_go();
    conns_free(world.conns);
    emit_free(world.emit);
    for (int i = 0; i < world.count; i++)
        free(world.documents[i]);
    arena_free(&world.arena);
    return 0;
}

#define test(function) cmocka_unit_test_setup_teardown(function, world_begin, world_close)
