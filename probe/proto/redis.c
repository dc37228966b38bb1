// SPDX-License-Identifier: Apache-2.0
// Redis, Valkey and their kin (RESP2, RESP3, questions without RESP): pairs questions with answers
// in order, also when they are pipelined, left without an answer on purpose, mixed with what the
// server pushes, or full of holes.
//
//   The n-th answer is that of the n-th question, however many of those timed out or were evicted
//   meanwhile. Not counted: questions after CLIENT REPLY OFF; what is pushed (messages of channels,
//   invalidations, lines of MONITOR). A conversation that becomes the stream of a replica is let
//   go: nobody asks there any more, however large the snapshot in front of it is.

#include "probe/proto/redis_talk.h"

void redis_note_bytes(struct redis_call *f)
{
    if (f->t && f->at > f->begin) {
        enum side side = redis_exchange_of(f->t)->pushed ? CLIENT : f->from;
        int64_t last = conn_time(f->c, f->from, f->at - 1);
        transaction_saw(f->t, side, conn_time(f->c, f->from, f->begin), last, f->at - f->begin);
    }
    f->begin = f->at;
}

void redis_leave(struct redis_call *f)
{
    f->over = true;
    conn_done(f->c);
}

// ── the way back ──

static enum redis_guess begins_message(enum side from, struct span data)
{
    struct span name;
    return from == CLIENT ? redis_begins_question(data, &name) : redis_begins_answer(data);
}

// Looks for a message behind a line end, or where the bytes begin.
static bool find_message(struct redis_call *f)
{
    for (;;) {
        struct span rest = span_skip(f->data, f->at);
        enum redis_guess guess = begins_message(f->from, rest);
        f->s->lost = guess != REDIS_YES;
        if (guess != REDIS_NO)
            return guess == REDIS_YES;
        ptrdiff_t end = span_find(rest, '\n');
        f->at += end < 0 ? (uint32_t)rest.len : (uint32_t)end + 1;
    }
}

// Who begins with an answer is the server. False: the sides are turned, or that cannot be told.
static bool judge_sides(struct redis_call *f)
{
    struct redis_conn *h = f->h;
    bool may_be = f->from == CLIENT && !h->understood && !h->turned && f->data.at[0] != '*';
    enum redis_guess guess = may_be ? redis_begins_answer(f->data) : REDIS_NO;
    if (guess == REDIS_YES) {
        h->turned = true;
        conn_turn(f->c);
    }
    return guess == REDIS_NO;
}

// The first bytes of a side. False: they have to wait.
static bool begin_side(struct redis_call *f)
{
    if (!judge_sides(f))
        return false;
    f->s->begun = true;
    if (conn_joined_late(f->c) && begins_message(f->from, f->data) == REDIS_NO) {
        f->s->lost = f->h->damaged = true;
        counter_add(conn_counters(f->c)->conn_resyncs, 1);
    }
    return true;
}

// ── the public face ──

static bool take_one(struct redis_call *f)
{
    if (f->s->lost)
        return find_message(f);
    return f->from == CLIENT ? redis_take_question(f) : redis_take_reply(f);
}

static uint32_t redis_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    struct redis_conn *h = conn_state(c);
    struct redis_side *s = &h->side[from];
    struct redis_call f = {.c = c, .h = h, .s = s, .from = from, .data = data, .seen = seen};
    if (!data.len || (!s->begun && !begin_side(&f)))
        return 0;
    f.at = f.begin = s->skip;
    s->skip = 0;
    if (s->number)
        f.t = transaction_find(c, s->number);
    struct arena *scratch = conn_scratch(c);
    size_t used = scratch->used;
    for (bool goes_on = true; goes_on && f.at < data.len && !f.over;) {
        goes_on = take_one(&f);
        arena_rewind(scratch, used); // many may come at once
    }
    redis_note_bytes(&f);
    s->ended = conn_time(c, from, (uint32_t)data.len - 1);
    s->unread = (uint32_t)data.len - f.at;
    return f.at;
}

static void redis_hole(struct conn *c, enum side from, uint32_t missing)
{
    struct redis_conn *h = conn_state(c);
    struct redis_side *s = &h->side[from];
    s->begun = true;
    s->ended = conn_now(c);
    s->skip = s->unread = 0;
    if (s->lost)
        return;
    if (!s->inside || !redis_gap(&s->parser, missing)) {
        redis_lose(c, from);
        return;
    }
    struct transaction *t = s->number ? transaction_find(c, s->number) : NULL;
    if (t)
        t->lossy[from] = true;
}

static bool redis_looks_like(struct span first, enum side from)
{
    struct span name;
    if (from == CLIENT)
        return redis_begins_question(first, &name) == REDIS_YES && redis_command_find(name);
    return first.len && strchr("*$%~>", first.at[0]) && first.at[0] &&
           redis_begins_answer(first) == REDIS_YES;
}

#define ROW(key, type, member, standard, least, most, text)                                        \
    {                                                                                              \
        key, type, offsetof(struct redis_settings, member), standard, least, most, .meaning = text \
    }
static const struct setting redis_settings[] = {
    ROW("queue_max_bytes", SETTING_BYTES, queue_max_bytes, "1048576", -1, INT64_C(1) << 40,
        "Bytes of questions that may wait in one connection; 0 or less: as many as there are"),
    ROW("queue_max_messages", SETTING_NUMBER, queue_max_messages, "20000", -1, INT64_C(1) << 40,
        "Questions that may wait in one connection; 0 or less: as many as limits allow"),
    ROW("max_body", SETTING_BYTES, max_body, "256KiB", 16, 1 << 30,
        "Bytes of a question and of an answer that are written"),
    ROW("redact_values", SETTING_BOOL, redact_values, "false", 0, 0,
        "Write commands and keys, but xxxxx for other arguments and for data in answers"),
    ROW("include_pushed", SETTING_BOOL, include_pushed, "true", 0, 0,
        "Write what the server pushes: messages of channels, invalidated keys; not under compat"),
    SETTING_END};
#undef ROW

static const struct oddity redis_oddities[] = {
    {"few_two_word_commands", "Only CLIENT, CONFIG, DEBUG and SCRIPT have two words in method; of "
                              "others resource is the second word"},
    {"resource_is_first_argument", "resource is the first argument, not the first key"},
    {"secrets_shown", "Passwords stand in query, request and return_value"},
    {NULL, NULL}};

const struct protocol redis_protocol = {
    .name = "redis",
    .meaning = "Redis and Valkey: one document per command, and per message of a channel",
    .transports = OVER_TCP,
    .ports = "6379",
    .settings = redis_settings,
    .settings_size = sizeof(struct redis_settings),
    .fields = &redis_table,
    .conn_size = sizeof(struct redis_conn),
    .transaction_size = sizeof(struct redis_exchange),
    .oddities = redis_oddities,
    .timeout = "10s",
    .looks_like = redis_looks_like,
    .feed = redis_feed,
    .gap = redis_hole,
    .publish = redis_publish,
};
