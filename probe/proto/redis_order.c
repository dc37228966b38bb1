// SPDX-License-Identifier: Apache-2.0
// What becomes of the order of questions and answers when bytes are lost.

#include "pipeline/base/clock.h"
#include "probe/proto/redis_talk.h"

enum { LOSSES_MOST = 256 }; // in one conn, until it is given up
#define SILENCE SECOND      // after so long everything that was asked is answered

void redis_end_waiting(struct conn *c, struct redis_conn *h)
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
    if (t->unasked || redis_exchange_of(t)->pushed) {
        transaction_drop(t);
        return;
    }
    t->lossy[from] = true;
    if (from == CLIENT) // an answer is torn with all others that are due
        transaction_asked(t);
}

// A side lost its thread. Who never asked before he had all answers is taken to go on so: then the
// next answer is that of the next question. Else nobody knows, until both were silent for long.
void redis_lose(struct conn *c, enum side from)
{
    struct redis_conn *h = conn_state(c);
    counter_add(conn_counters(c)->conn_resyncs, 1);
    bool waiting = h->asked > h->answered;
    tear(c, h, from);
    h->side[from].parser = (struct redis_parser){0};
    h->side[from].lost = true;
    h->damaged = true;
    h->doubtful |= h->pipelined && (waiting || from == CLIENT);
    if (from == SERVER || h->doubtful)
        redis_end_waiting(c, h);
    h->astray |= from == SERVER;
    if (h->losses++ == LOSSES_MOST)
        conn_give_up(c);
}

void redis_lose_here(struct redis_call *f)
{
    redis_note_bytes(f);
    f->t = NULL;
    if (!f->h->understood) {
        f->over = true;
        conn_give_up(f->c);
        return;
    }
    struct span rest = span_skip(f->data, f->at);
    ptrdiff_t end = span_find(rest, '\n');
    f->at += end < 0 ? (uint32_t)rest.len : (uint32_t)end + 1;
    redis_lose(f->c, f->from);
    f->over = f->h->losses > LOSSES_MOST;
}

bool redis_was_silent(const struct redis_call *f)
{
    const struct redis_side *s = f->h->side;
    int64_t last = s[CLIENT].ended > s[SERVER].ended ? s[CLIENT].ended : s[SERVER].ended;
    return last && conn_time(f->c, f->from, f->at) - last > SILENCE;
}

void redis_settle(struct redis_conn *h)
{
    struct redis_side *server = &h->side[SERVER];
    h->answered = h->asked;
    h->astray = false;
    if (!server->lost)
        return;
    server->lost = false;
    server->skip = server->unread;
}
