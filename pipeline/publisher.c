// SPDX-License-Identifier: Apache-2.0
// One lane for each output: an inbox that workers fill and a thread that empties it. The thread
// alone touches the rows in flight; all that is shared lies behind the lane's gate.
//
//     wait ─▶ take a load ─▶ send a parcel of it ─▶ settle the answers ─┬─▶ load empty: wait
//                              ▲                                        └─▶ rows left: back off
//                              └────────────────────────────────────────────────┘
#include "pipeline/publisher.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"
#include "pipeline/inbox.h"

enum { ROWS_AT_MOST = 65536 }; // of a parcel

struct lane {
    const struct output *output;
    const struct queue_settings *queue;
    enum full_policy policy;
    void *self; // the output's
    char who[32];
    struct output_counters counters;
    pthread_t thread;
    struct log_limit said_full, said_waiting, said_lost, said_well;

    struct gate gate; // guards the inbox and what follows, up to the thread's own
    struct inbox inbox;
    bool draining; // the publisher stops: no long pauses any more
    bool closing;  // the deadline has passed: what is left is shed
    uint64_t left; // so many rows that was
    bool waiting;  // rows are to be sent again
    struct error cause;

    // The thread's own.
    struct inbox_load load;
    enum delivery *answers; // one a row of the load
    unsigned *tries;        // so often was each sent
    uint64_t parcel_bytes;  // what the output takes at once, as far as its answers tell
    unsigned misses;        // sendings in a row that moved nothing
    bool hurried;           // a pause was cut short by the beginning of a stop
    uint64_t draws;         // random numbers drawn
};

struct publisher {
    struct queue_settings queue;
    int count;
    struct lane lane[];
};

// ── settings ────────────────────────────────────────────────────────────────────────────────────

#define AT(member) offsetof(struct queue_settings, member)

static const struct setting flush_settings[] = {
    {.key = "min_events",
     .type = SETTING_NUMBER,
     .offset = AT(flush_min_events),
     .standard = "1600",
     .max = ROWS_AT_MOST,
     .meaning = "Documents sent at once, at most (the reference's name for it); 0 and 1: half of "
                "`events`"},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(flush_timeout),
     .standard = "1s",
     .max = 3600 * SECOND,
     .meaning = "A document waits so long for others to be sent with it"},
    {.key = "max_bytes",
     .type = SETTING_BYTES,
     .offset = AT(flush_max_bytes),
     .standard = "5MiB",
     .min = 4096,
     .max = INT64_C(1) << 30,
     .meaning = "Bytes sent at once, at most, unless a single document is larger"},
    SETTING_END,
};

static const struct setting backoff_settings[] = {
    {.key = "init",
     .type = SETTING_DURATION,
     .offset = AT(backoff_init),
     .standard = "1s",
     .min = MILLISECOND,
     .max = 3600 * SECOND,
     .meaning = "Longest pause after the first failed sending; doubled after each further one"},
    {.key = "max",
     .type = SETTING_DURATION,
     .offset = AT(backoff_max),
     .standard = "60s",
     .min = MILLISECOND,
     .max = 3600 * SECOND,
     .meaning = "Longest pause at all; the pause is drawn evenly from zero up to the limit"},
    SETTING_END,
};

static const char *const policies[] = {"drop_new", "drop_old", "block", "auto", NULL};

// 32 MiB hold some 25,000 HTTP documents or twice as many flow records (the reference: 3200) and
// keep the whole probe well below 96 MiB. All outputs share the batches they wait for.
const struct setting queue_settings[] = {
    {.key = "events",
     .type = SETTING_NUMBER,
     .offset = AT(events),
     .standard = "65536",
     .min = 32,
     .max = 1 << 30,
     .meaning = "Documents that may wait for one output"},
    {.key = "bytes",
     .type = SETTING_BYTES,
     .offset = AT(bytes),
     .standard = "32MiB",
     .min = 1 << 20,
     .max = INT64_C(1) << 40,
     .meaning = "Memory of the documents that may wait for one output; whichever of the two is "
                "reached first counts"},
    {.key = "flush", .type = SETTING_TABLE, .table = flush_settings, .meaning = "When to send"},
    {.key = "backoff",
     .type = SETTING_TABLE,
     .table = backoff_settings,
     .meaning = "Pauses before sending again"},
    {.key = "max_retries",
     .type = SETTING_NUMBER,
     .offset = AT(max_retries),
     .standard = "-1",
     .min = -1,
     .max = 1 << 30,
     .meaning = "Sendings after the first until a document is given up; -1: without end"},
    {.key = "when_full",
     .type = SETTING_CHOICE,
     .offset = AT(policy),
     .standard = "auto",
     .choices = policies,
     .meaning = "What gives way when no more may wait; auto: a capture file waits (block), live "
                "capture goes on (drop_new)"},
    SETTING_END,
};

bool queue_check(const struct queue_settings *queue, struct error *why)
{
    if (queue->flush_min_events > queue->events)
        return error_set(why,
                         "queue.mem.flush.min_events (%lld) is larger than queue.mem.events (%lld)",
                         (long long)queue->flush_min_events, (long long)queue->events);
    if (queue->backoff_init > queue->backoff_max)
        return error_set(why, "queue.mem.backoff.init is larger than queue.mem.backoff.max");
    return true;
}

// ── counting ────────────────────────────────────────────────────────────────────────────────────

// Several threads count here, but once a batch or a parcel, not once a row.
static void count(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_fetch_add_explicit(counter, number, memory_order_relaxed);
}

// Rows that waited leave into another column.
static void count_off(struct lane *l, _Atomic uint64_t *column, uint64_t rows)
{
    count(column, rows);
    atomic_fetch_sub_explicit(&l->counters.waiting, rows, memory_order_relaxed);
}

// ── handing over ────────────────────────────────────────────────────────────────────────────────

// Locked. False: the batch finds no room. Adds to *lost the rows that made room.
static bool lane_make_room(struct lane *l, const struct batch *b, uint64_t *lost)
{
    while (!l->closing && !inbox_fits(&l->inbox, b)) {
        if (l->policy == FULL_BLOCK) {
            gate_wait(&l->gate, INT64_MAX);
            continue;
        }
        uint32_t dropped = l->policy == FULL_DROP_OLD ? inbox_drop_oldest(&l->inbox) : 0;
        if (!dropped)
            return false;
        count_off(l, &l->counters.shed, dropped);
        *lost += dropped;
    }
    return !l->closing;
}

// Takes over one reference.
static void lane_accept(struct lane *l, struct batch *b)
{
    uint64_t rows = b->rows, lost = 0;
    gate_lock(&l->gate);
    count(&l->counters.accepted, rows);
    bool kept = lane_make_room(l, b, &lost) && inbox_put(&l->inbox, b);
    count(kept ? &l->counters.waiting : &l->counters.shed, rows);
    bool closing = l->closing;
    gate_wake(&l->gate);
    gate_unlock(&l->gate);

    if (!kept) {
        batch_release(b);
        lost += rows;
    }
    if (lost && !closing)
        log_seldom(&l->said_full, LOG_WARNING, l->who,
                   "the queue is full (queue.mem.events, queue.mem.bytes): %llu documents are lost "
                   "to this output, all in all %llu",
                   (unsigned long long)lost, (unsigned long long)counter_get(l->counters.shed));
}

void publisher_hand(struct publisher *p, struct batch *b)
{
    if (b->rows) {
        batch_hold(b, (uint32_t)p->count);
        for (int i = 0; i < p->count; i++)
            lane_accept(&p->lane[i], b);
    }
    batch_release(b);
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────────

// As many rows of the load as the output takes at once; at least one.
static struct parcel lane_parcel(const struct lane *l)
{
    struct parcel p = {.rows = l->load.rows, .answer = l->answers, .attempt = l->tries[0]};
    for (; p.count < l->load.count; p.count++) {
        uint64_t bytes = p.bytes + l->load.rows[p.count].row->length + 1;
        if (p.count && bytes > l->parcel_bytes)
            break;
        p.bytes = bytes;
    }
    return p;
}

static uint64_t lane_bytes_at_most(const struct lane *l)
{
    uint64_t own = l->output->bytes_at_most, asked = (uint64_t)l->queue->flush_max_bytes;
    return own && own < asked ? own : asked;
}

// When all rows of a parcel are too large for the output, the parcel is: half of it is tried next,
// and after what gets through a little more again.
static bool lane_split(struct lane *l, const struct parcel *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->answer[i] != TOO_LARGE)
            return false;
    if (p->count == 1)
        return false;
    l->parcel_bytes = p->bytes / 2;
    count(&l->counters.errors, 1);
    count(&l->counters.retries, p->count);
    return true;
}

static void lane_widen(struct lane *l)
{
    uint64_t most = lane_bytes_at_most(l);
    l->parcel_bytes += l->parcel_bytes / 8 + 1;
    if (l->parcel_bytes > most)
        l->parcel_bytes = most;
}

// What became of the rows of one parcel.
struct tally {
    uint64_t delivered, refused, too_large, given_up;
    uint64_t again; // rows that stay in the load
    uint64_t bytes; // of those delivered
};

// Counts one row. True: it is to be sent again.
static bool tally_row(struct tally *t, const struct lane *l, uint32_t i)
{
    switch (l->answers[i]) {
    case DELIVERED:
        t->delivered++;
        t->bytes += l->load.rows[i].row->length + 1;
        return false;
    case REFUSED:
        t->refused++;
        return false;
    case TOO_LARGE:
        t->too_large++;
        return false;
    case TRY_LATER:
        break;
    }
    bool again = l->queue->max_retries < 0 || l->tries[i] <= l->queue->max_retries;
    t->again += again;
    t->given_up += !again;
    return again;
}

// Locked. Lets the rows go that are done with and moves the others to the front of the load.
static struct tally lane_settle(struct lane *l, uint32_t sent)
{
    struct inbox_load *load = &l->load;
    struct tally t = {.bytes = 0};
    uint32_t to = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        bool keep = i >= sent;
        if (!keep) {
            l->tries[i]++;
            keep = tally_row(&t, l, i);
        }
        if (!keep) {
            load->bytes -= load->rows[i].row->length + 1;
            inbox_answer(&l->inbox, load->held[i]);
            continue;
        }
        load->rows[to] = load->rows[i];
        load->held[to] = load->held[i];
        l->tries[to++] = l->tries[i];
    }
    load->count = to;
    return t;
}

static void lane_count(struct lane *l, const struct tally *t)
{
    count_off(l, &l->counters.delivered, t->delivered);
    count_off(l, &l->counters.refused, t->refused);
    count_off(l, &l->counters.too_large, t->too_large);
    count_off(l, &l->counters.shed, t->given_up);
    count(&l->counters.bytes, t->bytes);
    count(&l->counters.retries, t->again);
    if (t->refused || t->too_large || t->given_up || t->again)
        count(&l->counters.errors, 1);
}

// In the log: what must wait, what is lost, and when all is well again.
static void lane_tell(struct lane *l, const struct tally *t, const struct error *cause,
                      bool recovered)
{
    const char *words = cause->text[0] ? cause->text : "no reason given";
    uint64_t lost = t->refused + t->too_large + t->given_up;
    if (t->again)
        log_seldom(&l->said_waiting, LOG_WARNING, l->who, "%s; documents wait and are sent again",
                   words);
    if (lost)
        log_seldom(&l->said_lost, LOG_WARNING, l->who, "%s; %llu documents are lost to this output",
                   words, (unsigned long long)lost);
    if (recovered)
        log_seldom(&l->said_well, LOG_INFO, l->who, "delivers again");
}

static void lane_answered(struct lane *l, const struct parcel *p)
{
    gate_lock(&l->gate);
    struct tally t = lane_settle(l, p->count);
    lane_count(l, &t);
    bool recovered = l->waiting && !t.again && t.delivered;
    l->misses = t.again == p->count ? l->misses + 1 : 0;
    l->waiting = t.again > 0;
    l->cause = *p->cause;
    gate_wake(&l->gate); // for those who wait for room, or for the inbox to be empty
    gate_unlock(&l->gate);

    if (t.delivered == p->count)
        lane_widen(l);
    lane_tell(l, &t, p->cause, recovered);
}

static void lane_send(struct lane *l)
{
    struct error cause = {.text = ""};
    struct parcel p = lane_parcel(l);
    p.cause = &cause;
    for (uint32_t i = 0; i < p.count; i++)
        p.answer[i] = TRY_LATER;
    count(&l->counters.parcels, 1);
    l->output->send(l->self, &p);
    if (!lane_split(l, &p))
        lane_answered(l, &p);
}

// Exponential with full jitter: evenly from zero up to a limit that doubles with each miss.
static int64_t lane_pause(struct lane *l)
{
    int64_t limit = l->queue->backoff_init;
    for (unsigned i = 1; i < l->misses && limit < l->queue->backoff_max; i++)
        limit *= 2;
    if (limit > l->queue->backoff_max)
        limit = l->queue->backoff_max;
    l->draws++;
    uint64_t drawn = hash_bytes(&l->draws, sizeof l->draws, hash_seed() ^ (uintptr_t)l);
    return (int64_t)(drawn % ((uint64_t)limit + 1));
}

// Locked. The beginning of a stop cuts the pause short, so that there is one more try at least.
static void lane_back_off(struct lane *l)
{
    int64_t until = clock_steady() + lane_pause(l);
    while (!l->closing && l->draining == l->hurried && gate_wait(&l->gate, until))
        ;
    if (l->draining && !l->hurried)
        l->misses = 0;
    l->hurried = l->draining;
}

// Locked. Rows that are to be sent again are joined by new ones, so that one that nobody takes does
// not hold up the rest.
static void lane_take(struct lane *l)
{
    uint32_t before = l->load.count;
    inbox_take(&l->inbox, &l->load, lane_bytes_at_most(l));
    memset(l->tries + before, 0, (l->load.count - before) * sizeof *l->tries);
}

// Waits until there is something to send. False: the lane is closing.
static bool lane_wait(struct lane *l)
{
    gate_lock(&l->gate);
    if (l->waiting)
        lane_back_off(l);
    while (!l->closing && !l->load.count && !inbox_waits(&l->inbox))
        gate_wait(&l->gate, INT64_MAX);
    bool open = !l->closing;
    if (open)
        lane_take(l);
    gate_unlock(&l->gate);
    return open;
}

// The deadline has passed: whatever is here is shed, and every batch goes home.
static void lane_shed(struct lane *l)
{
    gate_lock(&l->gate);
    for (uint32_t i = 0; i < l->load.count; i++)
        inbox_answer(&l->inbox, l->load.held[i]);
    uint64_t rows = l->load.count;
    l->load.count = 0;
    l->load.bytes = 0;
    for (uint32_t n; (n = inbox_drop_oldest(&l->inbox)) > 0;)
        rows += n;
    count_off(l, &l->counters.shed, rows);
    l->left = rows;
    l->waiting = false;
    gate_wake(&l->gate);
    gate_unlock(&l->gate);
}

static void *lane_run(void *argument)
{
    struct lane *l = argument;
    while (lane_wait(l))
        lane_send(l);
    lane_shed(l);
    return NULL;
}

// ── start and stop ──────────────────────────────────────────────────────────────────────────────

static uint32_t lane_rows_at_most(const struct output *o, const struct queue_settings *queue)
{
    int64_t rows = queue->flush_min_events > 1 ? queue->flush_min_events : queue->events / 2;
    if (rows > ROWS_AT_MOST)
        rows = ROWS_AT_MOST;
    return o->rows_at_most && o->rows_at_most < rows ? o->rows_at_most : (uint32_t)rows;
}

static bool lane_memory(struct lane *l)
{
    uint32_t rows = lane_rows_at_most(l->output, l->queue);
    l->load.size = rows;
    l->load.rows = calloc(rows, sizeof *l->load.rows);
    l->load.held = calloc(rows, sizeof *l->load.held);
    l->answers = calloc(rows, sizeof *l->answers);
    l->tries = calloc(rows, sizeof *l->tries);
    bool inbox = inbox_init(&l->inbox, (uint64_t)l->queue->events, (uint64_t)l->queue->bytes);
    return inbox && l->load.rows && l->load.held && l->answers && l->tries;
}

static void lane_free(struct lane *l)
{
    if (l->self && l->output->close)
        l->output->close(l->self);
    inbox_free(&l->inbox);
    gate_free(&l->gate);
    free(l->load.rows);
    free(l->load.held);
    free(l->answers);
    free(l->tries);
}

static bool lane_open(struct lane *l, const struct publisher_output *o,
                      const struct output_world *world, struct error *why)
{
    snprintf(l->who, sizeof l->who, "outputs.%s", o->output->name);
    l->output = o->output;
    l->parcel_bytes = lane_bytes_at_most(l);
    gate_init(&l->gate);
    struct error inner = {.text = "no memory for its queue"};
    if (lane_memory(l))
        l->self = o->output->open(o->settings, world, &inner);
    return l->self || error_set(why, "output.%s: %.480s", o->output->name, inner.text);
}

struct publisher *publisher_start(const struct publisher_output *list, int count,
                                  const struct queue_settings *queue, bool file_replay,
                                  const struct output_world *world, struct error *why)
{
    if (!queue_check(queue, why))
        return NULL;
    struct publisher *p = calloc(1, sizeof *p + (size_t)count * sizeof p->lane[0]);
    if (!p) {
        error_set(why, "no memory for the queues of %d outputs", count);
        return NULL;
    }
    p->queue = *queue;
    for (; p->count < count; p->count++) {
        struct lane *l = &p->lane[p->count];
        l->queue = &p->queue;
        l->policy = (enum full_policy)queue->policy;
        if (l->policy == FULL_AUTO)
            l->policy = file_replay ? FULL_BLOCK : FULL_DROP_NEW;
        if (!lane_open(l, &list[p->count], world, why)) {
            p->count++;
            publisher_free(p);
            return NULL;
        }
    }
    for (int i = 0; i < count; i++)
        p->lane[i].thread = thread_start(p->lane[i].output->name, lane_run, &p->lane[i]);
    return p;
}

void publisher_reopen(struct publisher *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->lane[i].output->reopen)
            p->lane[i].output->reopen(p->lane[i].self);
}

static void lane_drain(struct lane *l, int64_t deadline)
{
    gate_lock(&l->gate);
    while (l->inbox.rows && gate_wait(&l->gate, deadline))
        ;
    gate_unlock(&l->gate);
}

static void lane_set(struct lane *l, bool *flag)
{
    gate_lock(&l->gate);
    *flag = true;
    gate_wake(&l->gate);
    gate_unlock(&l->gate);
}

uint64_t publisher_stop(struct publisher *p, int64_t deadline)
{
    uint64_t left = 0;
    for (int i = 0; i < p->count; i++)
        lane_set(&p->lane[i], &p->lane[i].draining);
    for (int i = 0; i < p->count; i++)
        lane_drain(&p->lane[i], deadline);
    for (int i = 0; i < p->count; i++) {
        struct lane *l = &p->lane[i];
        lane_set(l, &l->closing);
        if (l->output->stop)
            l->output->stop(l->self);
    }
    for (int i = 0; i < p->count; i++) {
        struct lane *l = &p->lane[i];
        thread_join(l->thread);
        left += l->left;
        if (l->output->close)
            l->output->close(l->self);
        l->self = NULL;
    }
    return left;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->count; i++)
        lane_free(&p->lane[i]);
    free(p);
}

// ── looking in ──────────────────────────────────────────────────────────────────────────────────

int publisher_outputs(const struct publisher *p)
{
    return p->count;
}

const char *publisher_output_name(const struct publisher *p, int index)
{
    return p->lane[index].output->name;
}

const struct output_counters *publisher_counters(const struct publisher *p, int index)
{
    return &p->lane[index].counters;
}

bool publisher_is_waiting(const struct publisher *p, struct error *cause)
{
    for (int i = 0; i < p->count; i++) {
        struct lane *l = (struct lane *)&p->lane[i]; // only to lock it
        gate_lock(&l->gate);
        bool waiting = l->waiting;
        if (waiting)
            error_set(cause, "output.%s: %s", l->output->name, l->cause.text);
        gate_unlock(&l->gate);
        if (waiting)
            return true;
    }
    return false;
}
