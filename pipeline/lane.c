// SPDX-License-Identifier: Apache-2.0
// Handing over, sending, settling and pausing for one output.
#include "pipeline/lane.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/base/hash.h"

enum {
    ENOUGH_BYTES = 512 * 1024, // of documents that are worth a sending of their own
    FEWEST_ROWS = 16,          // of a parcel for a receiver that has too much to do
    REFUSED_FOR = 256,         // parcels for which a size found too large is remembered
};
static const int64_t longest_pause_asked = 300 * SECOND;

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

// Where workers lay their batches.
static struct inbox *entrance(struct lane *l)
{
    return l->clerk.spool ? &l->clerk.desk : &l->inbox;
}

// Locked. False: the batch finds no room. Adds to *lost the rows that made room.
static bool make_room(struct lane *l, const struct batch *b, uint64_t *lost)
{
    while (!l->closing && !inbox_fits(entrance(l), b)) {
        if (l->policy == FULL_BLOCK) {
            gate_wait(&l->gate, INT64_MAX);
            continue;
        }
        uint32_t dropped = l->policy == FULL_DROP_OLD ? inbox_drop_oldest(entrance(l)) : 0;
        if (!dropped)
            return false;
        count_off(l, &l->counters.shed, dropped);
        *lost += dropped;
    }
    return !l->closing;
}

void lane_accept(struct lane *l, struct batch *b)
{
    uint64_t rows = b->rows, lost = 0;
    gate_lock(&l->gate);
    count(&l->counters.accepted, rows);
    bool kept = make_room(l, b, &lost) && inbox_put(entrance(l), b);
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

// ── how much at once ────────────────────────────────────────────────────────────────────────────

static uint64_t bytes_at_most(const struct lane *l)
{
    uint64_t own = l->output->bytes_at_most, asked = (uint64_t)l->queue.flush_max_bytes;
    return own && own < asked ? own : asked;
}

static uint32_t rows_at_most(const struct lane *l)
{
    const struct queue_settings *q = &l->queue;
    int64_t rows = q->flush_min_events > 1 ? q->flush_min_events : q->events / 2;
    if (rows > PARCEL_ROWS)
        rows = PARCEL_ROWS;
    uint32_t own = l->output->rows_at_most;
    return own && own < rows ? own : (uint32_t)rows;
}

// Locked. The receiver takes no parcel of that size.
static void take_smaller(struct lane *l, uint64_t bytes)
{
    if (!l->refused_bytes || bytes < l->refused_bytes)
        l->refused_bytes = bytes;
    l->since_refused = 0;
    if (bytes / 2 < l->bytes_most)
        l->bytes_most = bytes / 2;
}

// Locked. The receiver has too much to do: fewer senders, and when there is only one, less at once.
static void take_less(struct lane *l)
{
    l->credits = 0;
    if (l->at_work_most > 1)
        l->at_work_most = (l->at_work_most + 1) / 2;
    else if (l->rows_most > FEWEST_ROWS)
        l->rows_most = l->rows_most / 2 > FEWEST_ROWS ? l->rows_most / 2 : FEWEST_ROWS;
}

// Locked. A whole parcel got through: a little more next time, but stay below what was too large.
static void take_more(struct lane *l)
{
    if (l->refused_bytes && ++l->since_refused > REFUSED_FOR)
        l->refused_bytes = 0;
    uint64_t most = bytes_at_most(l), refused = l->refused_bytes - l->refused_bytes / 10;
    if (l->refused_bytes && refused < most)
        most = refused;
    uint64_t bytes = l->bytes_most + l->bytes_most / 8 + 1;
    if (l->bytes_most < most)
        l->bytes_most = bytes < most ? bytes : most;

    uint32_t rows = rows_at_most(l);
    if (l->rows_most < rows) {
        uint32_t more = l->rows_most + l->rows_most / 8 + 1;
        l->rows_most = more < rows ? more : rows;
    } else if (l->at_work_most < l->sender_count && ++l->credits >= l->at_work_most) {
        l->credits = 0;
        l->at_work_most++;
    }
}

// ── settling ────────────────────────────────────────────────────────────────────────────────────

// What became of the rows of one parcel.
struct tally {
    uint64_t delivered, refused, too_large, dead_letters, given_up;
    uint64_t again; // rows that go back into the inbox
    uint64_t busy;  // of those
    uint64_t bytes; // of those delivered
    bool split;     // the parcel was too large as a whole
};

// Counts one row. True: it is to be sent again.
static bool tally_row(struct tally *t, const struct sender *s, uint32_t i)
{
    int64_t most = s->lane->queue.max_retries;
    switch (s->answers[i]) {
    case DELIVERED:
        t->delivered++;
        t->bytes += s->load.rows[i].row->length + 1;
        return false;
    case REFUSED:
        t->refused++;
        return false;
    case TOO_LARGE:
        t->too_large++;
        return false;
    case DEAD_LETTER:
        t->dead_letters++;
        return false;
    case BUSY:
        t->busy++;
        t->again++;
        return true;
    case TRY_LATER:
        break;
    }
    unsigned tries = ++s->load.tries[i];
    bool again = most < 0 || tries <= most;
    t->again += again;
    t->given_up += !again;
    return again;
}

// When all rows of a parcel are too large, the parcel is.
static bool is_too_large(const struct parcel *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->answer[i] != TOO_LARGE)
            return false;
    return p->count > 1;
}

// Locked. Every row leaves the load: out of the inbox, or back into it.
static struct tally settle(struct sender *s, const struct parcel *p)
{
    struct inbox_load *load = &s->load;
    struct inbox *inbox = &s->lane->inbox;
    struct tally t = {.split = is_too_large(p)};
    for (uint32_t i = load->count; i-- > 0;)
        if (t.split || tally_row(&t, s, i))
            inbox_return(inbox, (struct returned){load->rows[i], load->held[i], load->tries[i]});
        else
            inbox_answer(inbox, load->held[i]);
    if (t.split)
        t.again = load->count;
    load->count = 0;
    load->bytes = 0;
    return t;
}

static void count_tally(struct lane *l, const struct tally *t, uint32_t duplicates)
{
    count_off(l, &l->counters.delivered, t->delivered);
    count_off(l, &l->counters.refused, t->refused);
    count_off(l, &l->counters.too_large, t->too_large);
    count_off(l, &l->counters.dead_letters, t->dead_letters);
    count_off(l, &l->counters.shed, t->given_up);
    count(&l->counters.duplicates, duplicates);
    count(&l->counters.bytes, t->bytes);
    count(&l->counters.retries, t->again);
    count(&l->counters.busy, t->busy);
    count(&l->counters.splits, t->split);
    if (t->refused || t->too_large || t->dead_letters || t->given_up || t->again)
        count(&l->counters.errors, 1);
}

// In the log: what must wait, what is lost or put aside, and when all is well again.
static void tell(struct lane *l, const struct tally *t, const struct error *cause, bool recovered)
{
    const char *words = cause->text[0] ? cause->text : "no reason given";
    uint64_t lost = t->refused + t->too_large + t->given_up;
    if (t->again && !t->split)
        log_seldom(&l->said_waiting, LOG_WARNING, l->who, "%s; documents wait and are sent again",
                   words);
    if (lost)
        log_seldom(&l->said_lost, LOG_WARNING, l->who, "%s; %llu documents are lost to this output",
                   words, (unsigned long long)lost);
    if (t->dead_letters)
        log_seldom(&l->said_dead, LOG_WARNING, l->who, "%s; %llu documents became dead letters",
                   words, (unsigned long long)t->dead_letters);
    if (recovered)
        log_seldom(&l->said_well, LOG_INFO, l->who, "delivers again");
}

// ── pausing ─────────────────────────────────────────────────────────────────────────────────────

// Locked. Exponential with full jitter: evenly from zero up to a limit that doubles with each miss.
static int64_t draw_pause(struct lane *l, unsigned misses)
{
    int64_t limit = l->queue.backoff_init;
    for (unsigned i = 1; i < misses && limit < l->queue.backoff_max; i++)
        limit *= 2;
    if (limit > l->queue.backoff_max)
        limit = l->queue.backoff_max;
    l->draws++;
    uint64_t drawn = hash_bytes(&l->draws, sizeof l->draws, hash_seed() ^ (uintptr_t)l);
    return (int64_t)(drawn % ((uint64_t)limit + 1));
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// Locked. Who could not deliver at all waits by itself, for others may reach another host, unless
// there is one way only. What the receiver said of single rows, or of its load, holds for all.
static void plan_pause(struct sender *s, const struct parcel *p, const struct tally *t)
{
    struct lane *l = s->lane;
    if (t->split || !t->again) {
        s->misses = 0;
        return;
    }
    bool everybody = t->again < p->count || p->overloaded || l->output->one_way;
    s->misses = t->again == p->count || p->overloaded ? s->misses + 1 : 0;
    int64_t asked = p->pause < longest_pause_asked ? p->pause : longest_pause_asked;
    int64_t until = clock_steady() + later(draw_pause(l, s->misses), asked);
    if (everybody)
        l->until = later(l->until, until);
    else
        s->until = until;
}

// Locked. When it may send: 0, now. The beginning of a stop cuts a pause short, once, so that there
// is one more try at least.
static int64_t pause_end(struct sender *s)
{
    struct lane *l = s->lane;
    int64_t until = later(s->until, l->until);
    if (until && l->draining && !s->hurried) {
        s->hurried = true;
        s->misses = 0;
        s->until = l->until = 0;
        return 0;
    }
    if (until > clock_steady())
        return until;
    s->until = 0;
    return 0;
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────────

// Locked. When there is enough to send: 0, now. Little is worth waiting for more, but not beyond
// the age at which a worker, too, would hand it over.
static int64_t enough_at(const struct lane *l)
{
    const struct inbox *i = &l->inbox;
    if (!inbox_waits(i))
        return INT64_MAX;
    bool enough = i->returned_count || l->draining || l->queue.flush_timeout == 0 ||
                  i->fresh >= l->rows_most || i->fresh_bytes >= ENOUGH_BYTES ||
                  i->rows >= i->rows_at_most / 2 || i->bytes >= i->bytes_at_most / 2;
    int64_t due = enough ? 0 : inbox_oldest(i) + l->queue.flush_timeout;
    return due > clock_steady() ? due : 0;
}

// Waits until there is something to send and takes it. False: the lane is closing.
static bool sender_wait(struct sender *s)
{
    struct lane *l = s->lane;
    gate_lock(&l->gate);
    while (!l->closing) {
        int64_t until = later(pause_end(s), enough_at(l));
        if (!until && l->at_work >= l->at_work_most)
            until = INT64_MAX;
        if (!until)
            break;
        gate_wait(&l->gate, until);
    }
    bool open = !l->closing;
    if (open) {
        s->load.size = l->rows_most;
        inbox_take(&l->inbox, &s->load, l->bytes_most);
        l->at_work++;
    }
    gate_unlock(&l->gate);
    return open;
}

static void sender_settle(struct sender *s, const struct parcel *p)
{
    struct lane *l = s->lane;
    gate_lock(&l->gate);
    struct tally t = settle(s, p);
    count_tally(l, &t, p->duplicates);
    l->at_work--;
    if (t.split)
        take_smaller(l, p->bytes);
    else if (p->overloaded)
        take_less(l);
    else if (t.delivered == p->count)
        take_more(l);
    plan_pause(s, p, &t);
    bool recovered = l->waiting && !t.again && t.delivered;
    l->waiting = t.again && !t.split;
    l->cause = *p->cause;
    gate_wake(&l->gate); // for those who wait for room, for their turn, or for the end
    gate_unlock(&l->gate);
    tell(l, &t, p->cause, recovered);
}

// What is refused for good is kept, if somebody wants it.
static void keep_refused(const struct sender *s, struct parcel *p)
{
    struct dead_letters *d = s->lane->dead_letters;
    if (!d || is_too_large(p))
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if ((p->answer[i] == REFUSED || p->answer[i] == TOO_LARGE) &&
            dead_letters_add(d, batch_document(p->rows[i].batch, p->rows[i].row), p->cause))
            p->answer[i] = DEAD_LETTER;
}

static void sender_send(struct sender *s)
{
    struct lane *l = s->lane;
    struct error cause = {.text = ""};
    struct parcel p = {.rows = s->load.rows,
                       .count = s->load.count,
                       .bytes = s->load.bytes,
                       .answer = s->answers,
                       .cause = &cause,
                       .attempt = s->load.tries[0],
                       .thread = s->index,
                       .route = l->route,
                       .constants = l->constants};
    for (uint32_t i = 0; i < p.count; i++)
        p.answer[i] = TRY_LATER;
    count(&l->counters.parcels, 1);
    l->output->send(l->self, &p);
    keep_refused(s, &p);
    sender_settle(s, &p);
}

static void *sender_run(void *argument)
{
    struct sender *s = argument;
    while (sender_wait(s))
        sender_send(s);
    return NULL;
}

// ── start and stop ──────────────────────────────────────────────────────────────────────────────

static bool sender_init(struct sender *s, struct lane *l, unsigned index)
{
    uint32_t rows = rows_at_most(l);
    s->lane = l;
    s->index = index;
    s->load.rows = calloc(rows, sizeof *s->load.rows);
    s->load.held = calloc(rows, sizeof *s->load.held);
    s->load.tries = calloc(rows, sizeof *s->load.tries);
    s->answers = calloc(rows, sizeof *s->answers);
    return s->load.rows && s->load.held && s->load.tries && s->answers;
}

static bool lane_memory(struct lane *l)
{
    unsigned threads = l->queue.threads > 0 ? (unsigned)l->queue.threads : 1;
    l->senders = calloc(threads, sizeof *l->senders);
    uint64_t share = l->clerk.spool ? 2 : 1; // the desk has the other half
    bool fine = l->senders != NULL &&
                inbox_init(&l->inbox, (uint64_t)l->queue.events / share,
                           (uint64_t)l->queue.bytes / share) &&
                inbox_reserve(&l->inbox, threads * rows_at_most(l));
    while (fine && l->sender_count < threads) {
        fine = sender_init(&l->senders[l->sender_count], l, l->sender_count);
        l->sender_count++;
    }
    l->at_work_most = threads;
    l->bytes_most = bytes_at_most(l);
    l->rows_most = rows_at_most(l);
    return fine;
}

static void lane_serve(struct lane *l, const struct publisher_output *o,
                       const struct queue_settings *queue, bool file_replay,
                       const struct output_world *world)
{
    l->queue = o->queue ? *o->queue : *queue;
    if (l->output->serve)
        l->output->serve(o->settings, world, &l->queue);
    if (l->queue.threads > PARCEL_THREADS)
        l->queue.threads = PARCEL_THREADS;
    l->policy = (enum full_policy)l->queue.policy;
    if (l->policy == FULL_AUTO || l->policy == FULL_SPOOL)
        l->policy = file_replay ? FULL_BLOCK : FULL_DROP_NEW;
}

static bool open_letters(struct lane *l, const char *path, struct error *why)
{
    if (path)
        l->dead_letters = dead_letters_open(path, l->output->name, why);
    return !path || l->dead_letters;
}

bool lane_open(struct lane *l, const struct publisher_output *o, const struct queue_settings *queue,
               bool file_replay, const struct output_world *world, struct error *why)
{
    snprintf(l->who, sizeof l->who, "outputs.%s", o->output->name);
    l->output = o->output;
    l->route = o->route;
    l->constants = o->constants;
    gate_init(&l->gate);
    lane_serve(l, o, queue, file_replay, world);
    struct error inner = {.text = "no memory for its queue"};
    if (queue_check(&l->queue, &inner) && clerk_open(l, o, world, &inner) && lane_memory(l) &&
        open_letters(l, o->dead_letter_file, &inner))
        l->self = o->output->open(o->settings, world, &inner);
    return l->self || error_set(why, "output.%s: %.480s", o->output->name, inner.text);
}

void lane_start(struct lane *l)
{
    clerk_start(l);
    for (unsigned i = 0; i < l->sender_count; i++)
        l->senders[i].thread = thread_start(l->output->name, sender_run, &l->senders[i]);
}

void lane_reopen(struct lane *l)
{
    if (l->output->reopen)
        l->output->reopen(l->self);
    if (l->dead_letters)
        dead_letters_reopen(l->dead_letters);
}

static void lane_set(struct lane *l, bool *flag)
{
    gate_lock(&l->gate);
    *flag = true;
    gate_wake(&l->gate);
    gate_unlock(&l->gate);
}

void lane_begin_stop(struct lane *l)
{
    lane_set(l, &l->draining);
}

void lane_drain(struct lane *l, int64_t deadline)
{
    gate_lock(&l->gate);
    while ((l->inbox.rows || clerk_is_busy(l)) && gate_wait(&l->gate, deadline))
        ;
    gate_unlock(&l->gate);
}

void lane_close(struct lane *l)
{
    lane_set(l, &l->closing);
    if (l->output->stop)
        l->output->stop(l->self);
}

// The deadline has passed: whatever is here is shed, and every batch goes home.
static uint64_t lane_shed(struct lane *l)
{
    gate_lock(&l->gate);
    uint64_t rows = l->inbox.returned_count;
    for (uint32_t i = 0; i < l->inbox.returned_count; i++)
        inbox_answer(&l->inbox, l->inbox.returned[i].held);
    l->inbox.returned_count = 0;
    for (uint32_t n; (n = inbox_drop_oldest(&l->inbox)) > 0;)
        rows += n;
    count_off(l, &l->counters.shed, rows);
    l->waiting = false;
    gate_wake(&l->gate);
    gate_unlock(&l->gate);
    return rows;
}

uint64_t lane_join(struct lane *l)
{
    for (unsigned i = 0; i < l->sender_count; i++)
        thread_join(l->senders[i].thread);
    uint64_t left = clerk_end(l);
    left += lane_shed(l);
    if (l->output->close)
        l->output->close(l->self);
    l->self = NULL;
    return left;
}

void lane_free(struct lane *l)
{
    if (l->self && l->output->close)
        l->output->close(l->self);
    if (l->inbox.ring)
        inbox_free(&l->inbox);
    clerk_free(l);
    dead_letters_close(l->dead_letters);
    gate_free(&l->gate);
    for (unsigned i = 0; i < l->sender_count; i++) {
        free(l->senders[i].load.rows);
        free(l->senders[i].load.held);
        free(l->senders[i].load.tries);
        free(l->senders[i].answers);
    }
    free(l->senders);
}

bool lane_is_waiting(struct lane *l, struct error *cause)
{
    gate_lock(&l->gate);
    bool waiting = l->waiting;
    if (waiting)
        error_set(cause, "output.%s: %s", l->output->name, l->cause.text);
    gate_unlock(&l->gate);
    return waiting;
}
