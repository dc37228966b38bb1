// SPDX-License-Identifier: Apache-2.0
// All that lies between bytes and documents, for targets that make documents: every protocol of the
// list with its settings, the real conns, transactions, events and emit; only the publisher is
// replaced, by a judge of JSON. A world is built once and used for every input, so what one input
// leaves behind is seen: nothing may be left.
#pragma once

#include "pipeline/base/clock.h"
#include "pipeline/identity.h"
#include "probe/conn.h"
#include "probe/emit.h"
#include "probe/flow/flow.h"
#include "probe/flow/report.h"
#include "probe/packet.h"
#include "tests/fuzz/json.h"

#define WORLD_BEGIN (INT64_C(1700000000) * SECOND)

enum { WORLD_PROTOCOLS = 64 };

// How a world differs from the usual one.
enum world_kind {
    WORLD_COMPAT = 1, // the reference's documents
    WORLD_FULL = 2,   // every setting that is a switch is on, every list holds something
    WORLD_TIGHT = 4,  // ceilings that a small input reaches
    WORLD_KINDS = 8
};

struct world {
    struct arena arena;
    struct binding binding[WORLD_PROTOCOLS];
    const struct binding *bindings[WORLD_PROTOCOLS];
    struct emit_dataset dataset[WORLD_PROTOCOLS + 1]; // the last one: flows
    int protocols;
    struct common_settings flow_common;
    struct identity identity;
    struct counters counters;
    struct emit *emit;
    struct conns *conns;
};

// ── instead of the publisher ──

// Documents, a line each, if somebody listens.
struct world_text {
    char *at;
    size_t len;
    FILE *to;
};
static struct world_text world_text;

static inline void world_listen(void)
{
    world_text.to = open_memstream(&world_text.at, &world_text.len);
    fuzz_check(world_text.to);
}

// What was written since; its text is to be freed.
static inline struct world_text world_heard(void)
{
    fclose(world_text.to);
    struct world_text heard = world_text;
    world_text.to = NULL;
    return heard;
}

static inline void world_judge(const struct batch *b, const struct row *row)
{
    struct span text = batch_document(b, row);
    json_check(text);
    // What stands in front of the body is an object of its own once it is closed; then the body is
    // one, too. That is what Elasticsearch gets.
    fuzz_check(row->body > 1 && row->body < text.len && text.at[row->body - 1] == ',');
    uint8_t *front = fuzz_exact(span_first(text, row->body));
    front[row->body - 1] = '}';
    json_check(span_of(front, row->body));
    free(front);
    if (world_text.to)
        fprintf(world_text.to, "%.*s\n", (int)text.len, (const char *)text.at);
}

void publisher_hand(struct publisher *p, struct batch *b);
void publisher_hand(struct publisher *p, struct batch *b)
{
    (void)p;
    for (uint32_t i = 0; i < b->rows; i++)
        world_judge(b, batch_row(b, i));
    batch_release(b);
}

// ── building ──

// A setting that is not its default, as a user would write it; NULL: the default. Where a list
// takes some words only, they stand here.
static inline const char *world_unusual(const struct setting *row)
{
    switch (row->type) {
    case SETTING_BOOL:
        return "true";
    case SETTING_TEXT:
        return "host";
    case SETTING_TEXTS:
        return strcmp(row->key, "fingerprints") ? "[a, host, cookie, text/]"
                                                : "[md5, sha1, sha256]";
    default:
        return NULL;
    }
}

static inline const struct config *world_settings(struct world *w, const struct protocol *p)
{
    struct config *root = config_new(&w->arena);
    struct error why = {""};
    fuzz_check(config_override(root, "send_request=true", &w->arena, &why));
    fuzz_check(config_override(root, "send_response=true", &w->arena, &why));
    for (const struct setting *row = p->settings; row && row->key; row++)
        if (world_unusual(row)) {
            const char *text = arena_printf(&w->arena, "%s=%s", row->key, world_unusual(row));
            fuzz_check(config_override(root, text, &w->arena, &why));
        }
    return root;
}

static inline void world_bind(struct world *w, const struct protocol *p, unsigned kind)
{
    static const struct setting none[] = {SETTING_END};
    struct binding *b = &w->binding[w->protocols];
    const struct setting *own = p->settings ? p->settings : none;
    const struct config *node = kind & WORLD_FULL ? world_settings(w, p) : NULL;
    void *settings = arena_alloc(&w->arena, p->settings_size + 1);
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = &w->arena};
    struct error why = {""};
    bool fine = setting_fill(common_settings, node, &b->common, own, &reader, &why) &&
                setting_fill(own, node, settings, common_settings, &reader, &why) &&
                (!p->check || p->check(settings, &why));
    if (!fine)
        fprintf(stderr, "%s: %s\n", p->name, why.text);
    fuzz_check(fine);
    b->protocol = p;
    b->settings = settings;
    b->compat = kind & WORLD_COMPAT;
    b->dataset = w->protocols;
    w->bindings[w->protocols] = b;
    w->dataset[w->protocols++] = (struct emit_dataset){
        .name = p->name, .fields = p->fields, .protocol = p, .settings = &b->common};
}

static inline const struct emit_plan *world_plan(struct world *w, unsigned kind)
{
    const struct field_table *tables[WORLD_PROTOCOLS + 2] = {&common_table, &flow_table};
    struct error why = {""};
    for (int i = 0; i < w->protocols; i++)
        tables[i + 2] = w->dataset[i].fields;
    w->dataset[w->protocols] =
        (struct emit_dataset){.name = "flow", .fields = &flow_table, .settings = &w->flow_common};
    w->identity = (struct identity){.type = "weir",
                                    .version = "0",
                                    .id = "id",
                                    .ephemeral_id = "ephemeral",
                                    .name = "probe",
                                    .ecs_version = "8.0.0"};
    const struct schema *schema =
        schema_build(tables, w->protocols + 2, NULL, 0, kind & WORLD_COMPAT, &w->arena, &why);
    fuzz_check(schema);
    struct emit_setup setup = {.schema = schema,
                               .datasets = w->dataset,
                               .dataset_count = w->protocols + 1,
                               .identity = &w->identity,
                               .compat = kind & WORLD_COMPAT,
                               .publish = true,
                               .arena = &w->arena};
    return emit_plan_new(&setup, &why);
}

// With one more protocol than those of the list, which comes last; `extra` NULL: none.
static inline void world_open(struct world *w, unsigned kind, const struct protocol *extra)
{
    bool tight = kind & WORLD_TIGHT;
    struct conns_settings limits = {.conns = tight ? 3 : 64,
                                    .transactions = tight ? 8 : 1024,
                                    .transactions_a_conn = tight ? 4 : 256,
                                    .transaction_bytes = tight ? 8 << 10 : 11 << 20,
                                    .kept_bytes = tight ? 512 : 1 << 20,
                                    .kept_bytes_all = tight ? 64 << 10 : 64 << 20,
                                    .remembered = tight ? 2 : 1024,
                                    .halves_a_packet = tight ? 1 : 2,
                                    .halves_reserve = tight ? 3 : 1 << 20,
                                    .unpaid_a_conn = tight ? 4 : 256};
    struct emit_settings events = {
        .scratch = tight ? 16 << 10 : 24 << 20, .batches = 4, .flush_timeout = SECOND};
    struct error why = {""};
    fuzz_check(arena_init(&w->arena, 64 << 20));
    for (const struct protocol *const *p = protocols; *p; p++)
        world_bind(w, *p, kind);
    if (extra)
        world_bind(w, extra, kind);
    const struct emit_plan *plan = world_plan(w, kind);
    fuzz_check(plan);
    w->emit = emit_new(plan, &events, (struct publisher *)(void *)w, true, &w->counters, &why);
    fuzz_check(w->emit);
    w->conns = conns_new(&limits, w->emit, 1, &w->counters, &why);
    fuzz_check(w->conns);
    conns_offer(w->conns, w->bindings, w->protocols);
}

// The world of that kind, built when it is first asked for.
static inline struct world *world_of(unsigned kind, const struct protocol *extra)
{
    static struct world worlds[WORLD_KINDS];
    struct world *w = &worlds[kind % WORLD_KINDS];
    if (!w->conns)
        world_open(w, kind % WORLD_KINDS, extra);
    return w;
}

static inline const struct binding *world_binding(const struct world *w, const char *protocol)
{
    for (int i = 0; i < w->protocols; i++)
        if (!strcmp(w->binding[i].protocol->name, protocol))
            return &w->binding[i];
    return NULL;
}

// ── at the end of an input ──

static inline uint64_t world_sum(const struct world *w, enum column column)
{
    uint64_t sum = 0;
    for (enum counter c = 0; c < COUNTERS; c++)
        if (counter_infos[c].column == column)
            sum += counter_at(&w->counters, c);
    return sum;
}

// Nothing is open any more: the ledger balances and every level is back at zero.
static inline void world_check(struct world *w)
{
    emit_flush(w->emit, true);
    for (enum counter c = 0; c < COUNTERS; c++)
        if (counter_infos[c].column == COLUMN_GAUGE && counter_at(&w->counters, c)) {
            fprintf(stderr, "%s is %lld at the end\n", counter_infos[c].name,
                    (long long)counter_at(&w->counters, c));
            abort();
        }
    fuzz_check(world_sum(w, COLUMN_EVENTS) == world_sum(w, COLUMN_WRITTEN) +
                                                  world_sum(w, COLUMN_FILTERED) +
                                                  world_sum(w, COLUMN_LOST));
    fuzz_check(world_sum(w, COLUMN_PACKETS) ==
               world_sum(w, COLUMN_DECODED) + world_sum(w, COLUMN_UNDECODED));
    fuzz_check(w->counters.transactions_opened ==
               w->counters.transactions_answered + w->counters.transactions_unanswered +
                   w->counters.transactions_unasked + w->counters.transactions_withheld +
                   w->counters.transactions_dropped);
}
