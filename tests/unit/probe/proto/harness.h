// SPDX-License-Identifier: Apache-2.0
// A protocol alone in the world: settings from YAML, bytes fed by hand, published documents as JSON
// texts. The real conns, transactions, events and emit stand behind it; only the publisher is
// replaced, by a list of texts.
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

enum { HARNESS_DOCUMENTS = 4096 };

struct harness {
    struct arena arena;
    struct binding binding;
    const struct binding *bindings[1];
    struct emit_dataset dataset;
    struct identity identity;
    struct counters counters;
    struct emit *emit;
    struct conns *conns;
    struct conn *conn; // NULL once it ended
    int64_t time;      // of the next bytes; moves on by a millisecond with each feed
    enum ending ended; // why the conn went away by itself
    char *documents[HARNESS_DOCUMENTS];
    int count;
};

// The publisher of these tests: keeps the texts. There is one harness at a time.
static struct harness *harness_now;

static void harness_collect(struct batch *b)
{
    for (uint32_t i = 0; i < b->rows && harness_now; i++) {
        struct span text = batch_document(b, batch_row(b, i));
        assert_true(harness_now->count < HARNESS_DOCUMENTS);
        harness_now->documents[harness_now->count++] = strndup((const char *)text.at, text.len);
    }
    batch_release(b);
}

void publisher_hand(struct publisher *p, struct batch *b);
void publisher_hand(struct publisher *p, struct batch *b)
{
    (void)p;
    harness_collect(b);
}

static void harness_ended(void *owner, struct conn *c, enum ending how)
{
    struct harness *h = owner;
    (void)c;
    h->conn = NULL;
    h->ended = how;
}

// A conn of `protocol` over `transport`; `yaml` holds the protocol's settings ("" for defaults).
// The client is 10.0.0.1:40000, the server 10.0.0.2:80. The first byte comes at 1,700,000,000 s.
static void harness_open(struct harness *h, const struct protocol *protocol,
                         enum transport transport, const char *yaml, bool compat)
{
    memset(h, 0, sizeof *h);
    harness_now = h;
    h->time = INT64_C(1700000000) * SECOND;
    struct error why = {""};
    assert_true(arena_init(&h->arena, 64 << 20));
    struct config *root = config_new(&h->arena);
    if (*yaml && !config_read_text(root, span_text(yaml), "test", &h->arena, &why))
        fail_msg("%s", why.text);
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = &h->arena};
    static const struct setting none[] = {SETTING_END};
    const struct setting *own = protocol->settings ? protocol->settings : none;
    void *settings = arena_alloc(&h->arena, protocol->settings_size + 1);
    if (!setting_fill(common_settings, root, &h->binding.common, own, &reader, &why) ||
        !setting_fill(own, root, settings, common_settings, &reader, &why) ||
        (protocol->check && !protocol->check(settings, &why)))
        fail_msg("%s", why.text);
    h->binding.protocol = protocol;
    h->binding.settings = settings;
    h->binding.compat = compat;
    h->bindings[0] = &h->binding;
    h->identity = (struct identity){.type = "weir",
                                    .version = "0",
                                    .id = "id",
                                    .ephemeral_id = "ephemeral",
                                    .name = "probe",
                                    .ecs_version = "8.0.0"};
    h->dataset = (struct emit_dataset){.name = protocol->name,
                                       .fields = protocol->fields,
                                       .protocol = protocol,
                                       .settings = &h->binding.common};
    const struct field_table *tables[] = {&common_table, protocol->fields};
    const struct schema *schema = schema_build(tables, 2, NULL, 0, compat, &h->arena, &why);
    if (!schema)
        fail_msg("%s", why.text);
    struct emit_setup setup = {.schema = schema,
                               .datasets = &h->dataset,
                               .dataset_count = 1,
                               .identity = &h->identity,
                               .compat = compat,
                               .publish = true,
                               .arena = &h->arena};
    const struct emit_plan *plan = emit_plan_new(&setup, &why);
    if (!plan)
        fail_msg("%s", why.text);
    struct emit_settings emit_limits = {0};
    struct conns_settings limits;
    assert_true(setting_fill(emit_settings, NULL, &emit_limits, NULL, &reader, &why));
    assert_true(setting_fill(conns_settings, NULL, &limits, NULL, &reader, &why));
    limits.conns = 64;
    limits.transactions = 1024;
    emit_limits.flush_timeout = SECOND;
    h->emit = emit_new(plan, &emit_limits, (struct publisher *)(void *)h, true, &h->counters, &why);
    assert_non_null(h->emit);
    h->conns = conns_new(&limits, h->emit, 1, &h->counters, &why);
    assert_non_null(h->conns);
    conns_offer(h->conns, h->bindings, 1);
    struct endpoints ends = {.ip = {{4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}}, .port = {40000, 80}};
    ends.protocol = transport == OVER_TCP   ? PROTO_TCP
                    : transport == OVER_UDP ? PROTO_UDP
                                            : PROTO_ICMP;
    if (transport == OVER_ICMP)
        ends.port[0] = ends.port[1] = 0;
    h->conn = conn_open(h->conns, &h->binding, &ends, false, harness_ended, h);
}

// Bytes of one side, in order, at h->time. The bytes are copied to a place of exactly their size,
// so that reading too far is seen.
static void harness_feed_arrival(struct harness *h, enum side from, const void *bytes, size_t len,
                                 struct arrival arrival)
{
    if (!h->conn)
        return;
    uint8_t *exact = malloc(len ? len : 1);
    memcpy(exact, bytes, len);
    conn_feed(h->conn, from, span_of(exact, len), &arrival);
    free(exact);
    h->time += MILLISECOND;
}

static inline void harness_feed(struct harness *h, enum side from, const void *bytes, size_t len)
{
    harness_feed_arrival(h, from, bytes, len, (struct arrival){.time = h->time});
}

static inline void harness_text(struct harness *h, enum side from, const char *text)
{
    harness_feed(h, from, text, strlen(text));
}

// An ICMP message: what stands behind type, code and checksum.
static inline void harness_icmp(struct harness *h, enum side from, uint8_t type, uint8_t code,
                                const void *bytes, size_t len)
{
    harness_feed_arrival(h, from, bytes, len,
                         (struct arrival){.time = h->time, .icmp_type = type, .icmp_code = code});
}

static inline void harness_gap(struct harness *h, enum side from, uint32_t missing)
{
    if (h->conn)
        conn_gap(h->conn, from, missing, h->time);
}

static inline void harness_fin(struct harness *h, enum side from)
{
    if (h->conn)
        conn_half_end(h->conn, from, ENDED_FIN, h->time);
}

// Moves the clock, so that what is due ends.
static inline void harness_wait(struct harness *h, int64_t duration)
{
    h->time += duration;
    conns_age(h->conns, h->time);
}

// What was published so far comes into h->documents.
static inline void harness_flush(struct harness *h)
{
    emit_flush(h->emit, true);
}

// Ends the conn as at the end of a file, and flushes.
static inline void harness_end(struct harness *h)
{
    conns_end_all(h->conns, ENDED_FILE);
    h->conn = NULL;
    harness_flush(h);
    // The ledger of the worker balances, whatever came.
    assert_int_equal(h->counters.events_made,
                     h->counters.events_written + h->counters.events_filtered +
                         h->counters.events_lost_batch + h->counters.events_lost_size);
    assert_int_equal(h->counters.transactions_now, 0);
    assert_int_equal(h->counters.conn_kept_bytes, 0);
}

static void harness_close(struct harness *h)
{
    conns_free(h->conns);
    emit_free(h->emit);
    for (int i = 0; i < h->count; i++)
        free(h->documents[i]);
    arena_free(&h->arena);
    harness_now = NULL;
}

// How many documents there are by now.
static inline int harness_documents(struct harness *h)
{
    harness_flush(h);
    return h->count;
}

// Ends and closes; there were `count` documents.
static inline void harness_finish(struct harness *h, int count)
{
    harness_end(h);
    for (int i = 0; i < h->count && h->count != count; i++)
        print_error("%s\n", h->documents[i]);
    assert_int_equal(h->count, count);
    harness_close(h);
}

// The document `index` has this text somewhere.
static inline bool harness_has(const struct harness *h, int index, const char *text)
{
    return index < h->count && strstr(h->documents[index], text) != NULL;
}

#define assert_document_has(h, index, text)                                       \
    do {                                                                          \
        if (!harness_has(h, index, text))                                         \
            fail_msg("document %d of %d lacks %s: %s", index, (h)->count, text,   \
                     index < (h)->count ? (h)->documents[index] : "(not there)"); \
    } while (0)
#define assert_document_lacks(h, index, text)                                       \
    do {                                                                            \
        if (harness_has(h, index, text))                                            \
            fail_msg("document %d has %s: %s", index, text, (h)->documents[index]); \
    } while (0)
