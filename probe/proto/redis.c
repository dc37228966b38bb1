// SPDX-License-Identifier: Apache-2.0
// Redis, Valkey and their kin (RESP2, RESP3, questions without RESP): pairs questions with answers
// in order, also when they are pipelined, left without an answer on purpose, mixed with what the
// server pushes, or full of holes.
//
//   The n-th answer is that of the n-th question, however many of those timed out or were evicted
//   meanwhile. Not counted: questions after CLIENT REPLY OFF; what is pushed (messages of channels,
//   invalidations, lines of MONITOR). A conversation that becomes the stream of a replica is let
//   go: nobody asks there any more, however large the snapshot in front of it is.

#include "probe/proto/redis.h"

#include "pipeline/base/clock.h"
#include "probe/proto/redis_news.h"

enum {
    LOSSES_MOST = 256, // in one conn, until it is given up
};
#define UNNUMBERED (UINT64_C(1) << 63) // numbers of what is no question and no answer of one
#define SILENCE    SECOND              // after so long everything that was asked is answered

struct redis_side {
    struct redis_parser parser;
    uint64_t number; // of the transaction whose message is at hand; 0 none
    int64_t ended;   // arrival of the last byte seen
    uint32_t unread; // bytes that the last call of feed left
    uint32_t skip;   // of them nobody wants
    bool inside;     // a message is at hand
    bool counted;    // it is the answer of a question
    bool begun;      // bytes were seen
    bool lost;       // looks for the next message
};

struct redis_conn {
    struct redis_side side[2];
    struct redis_question question;
    uint64_t asked;      // number of the newest question
    uint64_t answered;   // number of the question whose answer ended last
    uint64_t unnumbered; // number of the newest thing that has none
    uint64_t waiting_bytes;
    uint64_t database;
    uint32_t channels[REDIS_CHANNEL_KINDS]; // subscribed to
    uint16_t losses;
    uint8_t skipped; // CLIENT REPLY SKIP: questions without an answer still to come
    bool silent;     // CLIENT REPLY OFF
    bool monitored;  // MONITOR was answered
    bool replicates; // SYNC or PSYNC was asked
    bool resp3;      // answers of RESP3 were seen
    bool turned;     // the sides were changed
    bool understood; // a question or an answer was seen
    bool pipelined;  // a question was asked while another one waited
    bool damaged;    // something was lost
    bool doubtful;   // nobody knows any more which answer is whose
    bool astray;     // answers may be those of questions before the loss
};

// One call of feed.
struct call {
    struct conn *c;
    struct redis_conn *h;
    struct redis_side *s;
    enum side from;
    struct transaction *t; // of the message at hand; NULL: none, or it is over already
    struct span data;
    size_t seen;
    uint32_t at, begin; // offsets: where we are; where the message's bytes in hand begin
    bool over;          // no more calls are wanted
};

static const struct redis_settings *settings_of(const struct call *f)
{
    return conn_settings(f->c);
}

static struct redis_exchange *exchange_of(const struct transaction *t)
{
    return t->state;
}

// Tells the transaction of the bytes of its message that came in this call.
static void note_bytes(struct call *f)
{
    if (f->t && f->at > f->begin) {
        enum side side = exchange_of(f->t)->pushed ? CLIENT : f->from;
        int64_t last = conn_time(f->c, f->from, f->at - 1);
        transaction_saw(f->t, side, conn_time(f->c, f->from, f->begin), last, f->at - f->begin);
    }
    f->begin = f->at;
}

static void leave(struct call *f)
{
    f->over = true;
    conn_done(f->c);
}

// ── losses ──

// All that wait end without an answer, but for one that is still being asked.
static void end_waiting(struct conn *c, struct redis_conn *h)
{
    struct transaction *t;
    h->answered = h->asked - (h->side[CLIENT].inside && h->side[CLIENT].number == h->asked);
    while ((t = transaction_answering(c)) && t->asked && t->number <= h->answered) {
        t->lossy[SERVER] = true;
        transaction_end(t);
    }
    h->waiting_bytes = 0;
}

// The message at hand of that side will not be whole.
static void tear(struct conn *c, struct redis_conn *h, enum side from)
{
    struct redis_side *s = &h->side[from];
    struct transaction *t = s->number ? transaction_find(c, s->number) : NULL;
    s->inside = false;
    s->number = 0;
    if (!t)
        return;
    if (t->unasked || exchange_of(t)->pushed) {
        transaction_drop(t);
        return;
    }
    t->lossy[from] = true;
    if (from == CLIENT) // an answer is torn with all others that are due
        transaction_asked(t);
}

// A side lost its thread. Who never asked before he had all answers is taken to go on so: then the
// next answer is that of the next question. Else nobody knows, until both were silent for long.
static void lose(struct conn *c, enum side from)
{
    struct redis_conn *h = conn_state(c);
    counter_add(conn_counters(c)->conn_resyncs, 1);
    bool waiting = h->asked > h->answered;
    tear(c, h, from);
    h->side[from].parser = (struct redis_parser){0};
    h->side[from].lost = true;
    h->damaged = true;
    h->doubtful |= waiting && h->pipelined;
    if (from == SERVER || h->doubtful)
        end_waiting(c, h);
    h->astray |= from == SERVER;
    if (h->losses++ == LOSSES_MOST)
        conn_give_up(c);
}

// What is at hand makes no sense, to the end of its line at least.
static void lose_here(struct call *f)
{
    note_bytes(f);
    f->t = NULL;
    if (!f->h->understood) {
        f->over = true;
        conn_give_up(f->c);
        return;
    }
    struct span rest = span_skip(f->data, f->at);
    ptrdiff_t end = span_find(rest, '\n');
    f->at += end < 0 ? (uint32_t)rest.len : (uint32_t)end + 1;
    lose(f->c, f->from);
    f->over = f->h->losses > LOSSES_MOST;
}

static bool was_silent(const struct call *f)
{
    const struct redis_side *s = f->h->side;
    int64_t last = s[CLIENT].ended > s[SERVER].ended ? s[CLIENT].ended : s[SERVER].ended;
    return last && conn_time(f->c, f->from, f->at) - last > SILENCE;
}

// Whatever was lost, from here on answers are known again.
static void settle(struct redis_conn *h)
{
    struct redis_side *server = &h->side[SERVER];
    h->answered = h->asked;
    h->astray = false;
    if (!server->lost)
        return;
    server->lost = false;
    server->skip = server->unread;
}

// ── questions ──

// Too many wait, or too much: the oldest is published as it is.
static void make_room(struct call *f)
{
    const struct redis_settings *s = settings_of(f);
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

static void begin_question(struct call *f, uint64_t arguments)
{
    struct redis_conn *h = f->h;
    bool waiting = h->asked > h->answered;
    if (h->damaged && was_silent(f)) {
        end_waiting(f->c, h);
        settle(h);
        h->damaged = h->doubtful = waiting = false;
    }
    h->doubtful |= waiting && h->damaged;
    h->pipelined |= waiting;
    if (!waiting && h->damaged && !h->doubtful)
        settle(h);
    if (!waiting)
        h->waiting_bytes = 0;
    h->understood = true;
    f->s->inside = true;
    f->s->number = ++h->asked;
    f->t = transaction_open(f->c, f->s->number);
    exchange_of(f->t)->database = h->database;
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
static void obey_question(struct call *f, enum redis_role role)
{
    struct redis_conn *h = f->h;
    uint64_t number;
    if (is_subscription(role))
        exchange_of(f->t)->confirmations = confirmations(h, role);
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
static void finish_lone(struct call *f)
{
    if (f->h->asked == f->t->number)
        f->h->asked--;
    exchange_of(f->t)->lone = true;
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

static void end_question(struct call *f)
{
    struct redis_conn *h = f->h;
    note_bytes(f);
    struct transaction *t = f->t;
    f->s->inside = false;
    f->s->number = 0;
    if (!t)
        return;
    const struct redis_command *command = exchange_of(t)->command;
    enum redis_role role = command ? command->role : REDIS_PLAIN;
    if (role == REDIS_REPLCONF && word_is(&h->question, "ACK")) {
        transaction_drop(t);
        leave(f);
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
static bool split_line(struct call *f, struct span line, uint64_t *count)
{
    uint8_t *place = arena_alloc(conn_scratch(f->c), line.len + 1);
    struct span word;
    bool bad = false;
    for (*count = 0; place && redis_word(&line, place, &word, &bad); ++*count)
        if (f->t)
            redis_keep_argument(f->t, &f->h->question, word, true, true);
    return !bad;
}

static bool take_line(struct call *f)
{
    struct span rest = span_skip(f->data, f->at);
    size_t known = f->seen > f->at ? f->seen - f->at : 0;
    ptrdiff_t found = span_find(span_skip(rest, known < rest.len ? known : rest.len), '\n');
    if (found < 0) {
        if (rest.len > REDIS_INLINE || !is_printable(without_return(span_first(rest, 64))))
            lose_here(f);
        return false;
    }
    struct span line = without_return(span_first(rest, known + (size_t)found));
    uint64_t count;
    if (!is_printable(line) || !split_line(f, line, &count)) {
        lose_here(f);
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

static bool take_argument(struct call *f)
{
    struct redis_token token;
    struct redis_parser *p = &f->s->parser;
    size_t seen = f->seen > f->at ? f->seen - f->at : 0;
    enum redis_step step = redis_next(p, span_skip(f->data, f->at), seen, &token);
    if (step == REDIS_MORE)
        return false;
    if (step != REDIS_VALUE || token.type != '$') {
        lose_here(f);
        return !f->over;
    }
    if (f->t)
        redis_keep_argument(f->t, &f->h->question, token.text, token.begins, token.ends);
    f->at += token.bytes;
    if (token.last)
        end_question(f);
    return true;
}

static bool take_question(struct call *f)
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
        lose_here(f);
        return !f->over;
    }
    if (!nothing)
        begin_question(f, token.count);
    f->at += token.bytes;
    return true;
}

// ── what the server pushes ──

static bool waits_for_confirmation(struct call *f)
{
    const struct transaction *t = transaction_answering(f->c);
    return t && exchange_of(t)->confirmations;
}

static bool has_channels(const struct redis_conn *h)
{
    return h->channels[0] || h->channels[1] || h->channels[2];
}

// May this be something other than an answer? In RESP2 nothing but what is about channels is
// answered with a list where there are any.
static bool may_be_news(struct call *f, struct span data)
{
    const struct redis_conn *h = f->h;
    if (data.at[0] != '*' || h->resp3)
        return data.at[0] == '>';
    return h->asked == h->answered || has_channels(h) || waits_for_confirmation(f);
}

static bool is_monitor_line(const struct redis_conn *h, struct span data)
{
    return h->monitored && data.at[0] == '+' && data.at[1] >= '0' && data.at[1] <= '9';
}

static void begin_news(struct call *f, const struct redis_news *news)
{
    bool shown = news && news->kind == REDIS_NEWS_MESSAGE && settings_of(f)->include_pushed &&
                 !conn_is_compat(f->c);
    f->s->counted = false;
    f->t = transaction_open(f->c, UNNUMBERED | ++f->h->unnumbered);
    f->s->number = f->t->number;
    if (!shown) {
        transaction_drop(f->t);
        f->t = NULL;
        return;
    }
    struct redis_exchange *x = exchange_of(f->t);
    f->t->turned = x->pushed = true;
    x->channel = news->channel;
}

// ── answers ──

static void begin_answer(struct call *f)
{
    struct redis_conn *h = f->h;
    uint64_t next = h->answered + 1;
    struct transaction *t = transaction_answering(f->c);
    f->s->counted = next <= h->asked;
    f->t = t && t->number == next ? t : NULL;
    if (!f->s->counted) {
        f->t = transaction_unasked(f->c, UNNUMBERED | ++h->unnumbered);
        if (conn_is_compat(f->c) || h->astray || h->doubtful) {
            transaction_drop(f->t);
            f->t = NULL;
        }
    }
    f->s->number = f->t ? f->t->number : 0;
}

static void begin_confirmation(struct call *f, const struct redis_news *news)
{
    uint32_t *channels = &f->h->channels[news->which];
    if (news->more > 0)
        ++*channels;
    else if (*channels)
        --*channels;
    if (waits_for_confirmation(f))
        begin_answer(f);
    else
        begin_news(f, news);
}

static void begin_plain_answer(struct call *f)
{
    begin_answer(f);
    if (f->t)
        exchange_of(f->t)->confirmations = 0; // an error, or queued
}

// The first bytes of a message of the server. False: there are too few.
static bool begin_reply(struct call *f)
{
    struct span rest = span_skip(f->data, f->at);
    const struct redis_news *news = may_be_news(f, rest) ? redis_news_of(rest) : NULL;
    if ((news && news->kind == REDIS_NEWS_UNKNOWN) || (f->h->monitored && rest.len < 2))
        return false;
    f->begin = f->at;
    f->t = NULL;
    f->h->resp3 |= rest.at[0] == '>' || rest.at[0] == '%';
    if (news && news->kind == REDIS_NEWS_CONFIRMS)
        begin_confirmation(f, news);
    else if (is_monitor_line(f->h, rest) ||
             (news && (rest.at[0] == '>' || news->kind == REDIS_NEWS_MESSAGE)))
        begin_news(f, news);
    else
        begin_plain_answer(f);
    f->s->inside = true;
    f->h->understood = true;
    return true;
}

// The role of a question whose answer changes the conversation.
static bool is_followed(const struct redis_exchange *x, enum redis_role role)
{
    return x->command && x->command->role == role && !x->error;
}

static void end_reply(struct call *f)
{
    struct redis_conn *h = f->h;
    struct transaction *t = f->t;
    note_bytes(f);
    f->s->inside = false;
    f->s->number = 0;
    f->t = NULL;
    struct redis_exchange *x = t ? exchange_of(t) : NULL;
    if (x && x->pushed) {
        t->answered = true;
        transaction_asked(t);
        return;
    }
    if (x && x->confirmations > 1) {
        x->confirmations--;
        return;
    }
    if (f->s->counted)
        h->answered++;
    if (!t)
        return;
    uint64_t bytes = t->message[CLIENT].bytes;
    h->waiting_bytes -= bytes < h->waiting_bytes ? bytes : h->waiting_bytes;
    h->monitored |= is_followed(x, REDIS_MONITOR);
    bool replicates = is_followed(x, REDIS_PSYNC);
    transaction_answered(t);
    if (replicates)
        leave(f);
}

// Of a replica's question: the server is at work (an empty line), or a snapshot follows, and the
// stream of changes behind it. False: it is neither.
static bool take_snapshot(struct call *f)
{
    struct transaction *t = transaction_answering(f->c);
    if (f->data.at[f->at] == '\n') {
        f->at++;
        return true;
    }
    if (f->data.at[f->at] != '$' || !t || t->number != f->h->answered + 1 ||
        !is_followed(exchange_of(t), REDIS_SYNC))
        return false;
    f->t = t;
    f->begin = f->at++;
    note_bytes(f);
    f->t = NULL;
    exchange_of(t)->lone = true;
    transaction_answered(t);
    leave(f);
    return true;
}

static bool take_reply(struct call *f)
{
    struct redis_token token;
    struct redis_parser *p = &f->s->parser;
    if (!f->s->inside && f->h->replicates && take_snapshot(f))
        return !f->over;
    if (!f->s->inside && !begin_reply(f))
        return false;
    size_t seen = f->seen > f->at ? f->seen - f->at : 0;
    enum redis_step step = redis_next(p, span_skip(f->data, f->at), seen, &token);
    if (step == REDIS_MORE)
        return false;
    if (step == REDIS_BROKEN) {
        lose_here(f);
        return !f->over;
    }
    if (f->t)
        redis_keep_reply(f->t, p, &token);
    f->at += token.bytes;
    if (token.last)
        end_reply(f);
    return !f->over;
}

// ── the way back ──

static enum redis_guess begins_message(enum side from, struct span data)
{
    struct span name;
    return from == CLIENT ? redis_begins_question(data, &name) : redis_begins_answer(data);
}

// Looks for a message behind a line end, or where the bytes begin.
static bool find_message(struct call *f)
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
static bool judge_sides(struct call *f)
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
static bool begin_side(struct call *f)
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

static bool take_one(struct call *f)
{
    if (f->s->lost)
        return find_message(f);
    return f->from == CLIENT ? take_question(f) : take_reply(f);
}

static uint32_t redis_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    struct redis_conn *h = conn_state(c);
    struct redis_side *s = &h->side[from];
    struct call f = {.c = c, .h = h, .s = s, .from = from, .data = data, .seen = seen};
    if (!data.len || (!s->begun && !begin_side(&f)))
        return 0;
    f.at = f.begin = s->skip;
    s->skip = 0;
    if (s->number)
        f.t = transaction_find(c, s->number);
    while (f.at < data.len && !f.over && take_one(&f))
        ;
    note_bytes(&f);
    s->ended = conn_time(c, from, (uint32_t)data.len - 1);
    s->unread = (uint32_t)data.len - f.at;
    return f.at;
}

static void redis_hole(struct conn *c, enum side from, uint32_t missing)
{
    struct redis_conn *h = conn_state(c);
    struct redis_side *s = &h->side[from];
    s->begun = true;
    s->skip = s->unread = 0;
    if (s->lost)
        return;
    if (!s->inside || !redis_gap(&s->parser, missing)) {
        lose(c, from);
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
