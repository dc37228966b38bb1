// SPDX-License-Identifier: Apache-2.0
// What a Redis client says: questions, in RESP or as plain lines, and what they change.

#include "probe/proto/redis_talk.h"

// ── questions ──

// Too many wait, or too much: the oldest is published as it is.
static void make_room(struct redis_call *f)
{
    const struct redis_settings *s = redis_settings_of(f);
    struct redis_conn *h = f->h;
    struct transaction *oldest;
    bool many =
        s->queue_max_messages > 0 && h->asked - h->answered > (uint64_t)s->queue_max_messages;
    while ((many || (s->queue_max_bytes > 0 && h->waiting_bytes > (uint64_t)s->queue_max_bytes)) &&
           (oldest = transaction_answering(f->c)) && oldest != f->t) {
        uint64_t bytes = oldest->message[CLIENT].bytes;
        h->waiting_bytes -= bytes < h->waiting_bytes ? bytes : h->waiting_bytes;
        counter_add(conn_counters(f->c)->transactions_evicted, 1);
        transaction_end(oldest);
        many = false;
    }
}

static void begin_question(struct redis_call *f, uint64_t arguments)
{
    struct redis_conn *h = f->h;
    bool waiting = h->asked > h->answered;
    if (h->damaged && redis_was_silent(f)) {
        redis_end_waiting(f->c, h);
        redis_settle(h);
        h->damaged = h->doubtful = waiting = false;
    }
    if (waiting && h->damaged && !h->doubtful) { // the one that waits may not have been the first
        h->doubtful = true;
        redis_end_waiting(f->c, h);
    }
    h->pipelined |= waiting;
    if (!waiting && h->damaged && !h->doubtful)
        redis_settle(h);
    if (!waiting)
        h->waiting_bytes = 0;
    h->understood = true;
    f->s->inside = true;
    f->s->number = ++h->asked;
    f->t = transaction_open(f->c, f->s->number);
    redis_exchange_of(f->t)->database = h->database;
    redis_keep_begin(&h->question, arguments);
    make_room(f);
}

static bool word_is(const struct redis_question *q, const char *word)
{
    return span_is(span_of(q->word, q->word_len), span_text(word));
}

// Which of the three kinds of channels a command is about.
static int kind_of(enum redis_role role)
{
    return (int)(role - REDIS_SUBSCRIBE) % 3;
}

static bool is_subscription(enum redis_role role)
{
    return role >= REDIS_SUBSCRIBE && role <= REDIS_SUNSUBSCRIBE;
}

// One answer for each channel; without any, for each that was subscribed to.
static uint32_t confirmations(const struct redis_conn *h, enum redis_role role)
{
    uint64_t named = h->question.count - 1;
    uint32_t all = h->channels[kind_of(role)];
    if (named)
        return named < UINT32_MAX ? (uint32_t)named : UINT32_MAX;
    return role >= REDIS_UNSUBSCRIBE && all ? all : 1;
}

static void forget_state(struct redis_conn *h)
{
    memset(h->channels, 0, sizeof h->channels);
    h->database = 0;
    h->silent = h->monitored = false;
}

static void obey_client_reply(struct redis_conn *h)
{
    if (word_is(&h->question, "OFF"))
        h->silent = true;
    else if (word_is(&h->question, "ON"))
        h->silent = false;
    else if (word_is(&h->question, "SKIP") && !h->silent)
        h->skipped = 2;
}

// What a question changes for those that follow, answered or not: they are asked without waiting.
static void obey_question(struct redis_call *f, enum redis_role role)
{
    struct redis_conn *h = f->h;
    uint64_t number;
    if (is_subscription(role))
        redis_exchange_of(f->t)->confirmations = confirmations(h, role);
    else if (role == REDIS_BLOCKING)
        f->t->patient = true;
    else if (role == REDIS_CLIENT_REPLY)
        obey_client_reply(h);
    else if (role == REDIS_RESET)
        forget_state(h);
    else if (role == REDIS_PSYNC || role == REDIS_SYNC)
        h->replicates = true;
    else if (role == REDIS_SELECT &&
             span_number(span_of(h->question.word, h->question.word_len), &number))
        h->database = number;
}

// No answer comes: the next question has this one's number.
static void finish_lone(struct redis_call *f)
{
    if (f->h->asked == f->t->number)
        f->h->asked--;
    redis_exchange_of(f->t)->lone = true;
    struct transaction *t = f->t;
    t->answered = true;
    transaction_asked(t);
}

static bool has_no_answer(struct redis_conn *h)
{
    if (h->skipped) {
        h->skipped--;
        return true;
    }
    return h->silent;
}

static void end_question(struct redis_call *f)
{
    struct redis_conn *h = f->h;
    redis_note_bytes(f);
    struct transaction *t = f->t;
    f->s->inside = false;
    f->s->number = 0;
    if (!t)
        return;
    const struct redis_command *command = redis_exchange_of(t)->command;
    enum redis_role role = command ? command->role : REDIS_PLAIN;
    if (role == REDIS_REPLCONF && word_is(&h->question, "ACK")) {
        transaction_drop(t);
        redis_leave(f);
    } else {
        if (role)
            obey_question(f, role);
        h->waiting_bytes += t->message[CLIENT].bytes;
        if (has_no_answer(h)) {
            finish_lone(f);
        } else if (h->doubtful) {
            t->lossy[SERVER] = true;
            h->answered = h->asked;
            t->asked = true;
            transaction_end(t);
        } else {
            transaction_asked(t);
        }
    }
    f->t = NULL;
}

// ── questions without RESP ──

static struct span without_return(struct span line)
{
    return span_first(line, line.len - (line.len && line.at[line.len - 1] == '\r'));
}

static bool is_printable(struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 0x7f)
            return false;
    return true;
}

// Words of the line; each goes to the question if there is one. False: the quotes are not balanced.
static bool split_line(struct redis_call *f, struct span line, uint64_t *count)
{
    uint8_t *place = arena_alloc(conn_scratch(f->c), line.len + 1);
    struct span word;
    bool bad = false;
    for (*count = 0; place && redis_word(&line, place, &word, &bad); ++*count)
        if (f->t)
            redis_keep_argument(f->t, &f->h->question, word, true, true);
    return !bad;
}

static bool take_line(struct redis_call *f)
{
    struct span rest = span_skip(f->data, f->at);
    size_t known = f->seen > f->at ? f->seen - f->at : 0;
    ptrdiff_t found = span_find(span_skip(rest, known < rest.len ? known : rest.len), '\n');
    if (found < 0) {
        if (rest.len > REDIS_INLINE || !is_printable(without_return(span_first(rest, 64))))
            redis_lose_here(f);
        return false;
    }
    struct span line = without_return(span_first(rest, known + (size_t)found));
    uint64_t count;
    if (!is_printable(line) || !split_line(f, line, &count)) {
        redis_lose_here(f);
        return !f->over;
    }
    uint32_t end = f->at + (uint32_t)(known + (size_t)found) + 1;
    if (count) {
        f->begin = f->at;
        begin_question(f, count);
        split_line(f, line, &count);
    }
    f->at = end;
    if (count)
        end_question(f);
    f->begin = f->at;
    return true;
}

// ── what the client says ──

static bool take_argument(struct redis_call *f)
{
    struct redis_token token;
    struct redis_parser *p = &f->s->parser;
    size_t seen = f->seen > f->at ? f->seen - f->at : 0;
    enum redis_step step = redis_next(p, span_skip(f->data, f->at), seen, &token);
    if (step == REDIS_MORE)
        return false;
    if (step != REDIS_VALUE || token.type != '$') {
        redis_lose_here(f);
        return !f->over;
    }
    if (f->t)
        redis_keep_argument(f->t, &f->h->question, token.text, token.begins, token.ends);
    f->at += token.bytes;
    if (token.last)
        end_question(f);
    return true;
}

bool redis_take_question(struct redis_call *f)
{
    struct redis_token token;
    if (f->s->inside)
        return take_argument(f);
    if (f->data.at[f->at] != '*')
        return take_line(f);
    enum redis_step step = redis_next(&f->s->parser, span_skip(f->data, f->at), 0, &token);
    if (step == REDIS_MORE)
        return false;
    bool nothing = step == REDIS_VALUE || !token.count; // "*0", "*-1"
    f->begin = f->at;
    if (step == REDIS_BROKEN || (!nothing && token.count > REDIS_ARGUMENTS)) {
        redis_lose_here(f);
        return !f->over;
    }
    if (!nothing)
        begin_question(f, token.count);
    f->at += token.bytes;
    return true;
}
