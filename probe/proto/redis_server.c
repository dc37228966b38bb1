// SPDX-License-Identifier: Apache-2.0
// What a Redis server says: answers, and what it pushes between them.

#include "probe/proto/redis_talk.h"

// ── what the server pushes ──

static bool waits_for_confirmation(struct redis_call *f)
{
    const struct transaction *t = transaction_answering(f->c);
    return t && redis_exchange_of(t)->confirmations;
}

static bool has_channels(const struct redis_conn *h)
{
    return h->channels[0] || h->channels[1] || h->channels[2];
}

// May this be something other than an answer? In RESP2 nothing but what is about channels is
// answered with a list where there are any.
static bool may_be_news(struct redis_call *f, struct span data)
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

static void begin_news(struct redis_call *f, const struct redis_news *news)
{
    bool shown = news && news->kind == REDIS_NEWS_MESSAGE && redis_settings_of(f)->include_pushed &&
                 !conn_is_compat(f->c);
    f->s->counted = false;
    f->t = transaction_open(f->c, REDIS_UNNUMBERED | ++f->h->unnumbered);
    f->s->number = f->t->number;
    if (!shown) {
        transaction_drop(f->t);
        f->t = NULL;
        return;
    }
    struct redis_exchange *x = redis_exchange_of(f->t);
    f->t->turned = x->pushed = true;
    x->channel = news->channel;
    if (!f->h->resp3 && !has_channels(f->h)) // we came too late to see them
        f->h->channels[0] = 1;
}

// ── answers ──

static void begin_answer(struct redis_call *f)
{
    struct redis_conn *h = f->h;
    uint64_t next = h->answered + 1;
    struct transaction *t = transaction_answering(f->c);
    f->s->counted = next <= h->asked;
    f->t = t && t->number == next ? t : NULL;
    if (!f->s->counted) {
        f->t = transaction_unasked(f->c, REDIS_UNNUMBERED | ++h->unnumbered);
        if (conn_is_compat(f->c) || h->astray || h->doubtful) {
            transaction_drop(f->t);
            f->t = NULL;
        }
    }
    f->s->number = f->t ? f->t->number : 0;
}

static void begin_confirmation(struct redis_call *f, const struct redis_news *news)
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

static void begin_plain_answer(struct redis_call *f)
{
    begin_answer(f);
    if (f->t)
        redis_exchange_of(f->t)->confirmations = 0; // an error, or queued
}

// The first bytes of a message of the server. False: there are too few.
static bool begin_reply(struct redis_call *f)
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

static void end_reply(struct redis_call *f)
{
    struct redis_conn *h = f->h;
    struct transaction *t = f->t;
    redis_note_bytes(f);
    f->s->inside = false;
    f->s->number = 0;
    f->t = NULL;
    struct redis_exchange *x = t ? redis_exchange_of(t) : NULL;
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
        redis_leave(f);
}

// Of a replica's question: the server is at work (an empty line), or a snapshot follows, and the
// stream of changes behind it. False: it is neither.
static bool take_snapshot(struct redis_call *f)
{
    struct transaction *t = transaction_answering(f->c);
    if (f->data.at[f->at] == '\n') {
        f->at++;
        return true;
    }
    if (f->data.at[f->at] != '$' || !t || t->number != f->h->answered + 1 ||
        !is_followed(redis_exchange_of(t), REDIS_SYNC))
        return false;
    f->t = t;
    f->begin = f->at++;
    redis_note_bytes(f);
    f->t = NULL;
    redis_exchange_of(t)->lone = true;
    transaction_answered(t);
    redis_leave(f);
    return true;
}

bool redis_take_reply(struct redis_call *f)
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
        redis_lose_here(f);
        return !f->over;
    }
    if (f->t)
        redis_keep_reply(f->t, p, &token);
    f->at += token.bytes;
    if (token.last)
        end_reply(f);
    return !f->over;
}
