// SPDX-License-Identifier: Apache-2.0
// A sending's numbers are touched by its own thread and by the one that takes the client's reports:
// what they share lies behind the gate, and each outcome is written before its message counts as
// reported.
#include "outputs/kafka_sending.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "outputs/kafka_outcome.h"
#include "pipeline/base/clock.h"

enum {
    FAILED_MOST = 24,      // halves of a refused batch that may fail before one gets through
    SMALLEST_BATCH = 1024, // bytes
};
static const int64_t asking_most = SECOND; // about topics, in one sending
static const int64_t full_pause = 100 * MILLISECOND;

bool kafka_room_fits(struct kafka_room *r, uint32_t count)
{
    if (count <= r->size)
        return true;
    kafka_room_free(r);
    r->tickets = calloc(count, sizeof *r->tickets);
    r->outcomes = calloc(count, sizeof *r->outcomes);
    r->picked = calloc(count, sizeof *r->picked);
    r->size = r->tickets && r->outcomes && r->picked ? count : 0;
    return r->size;
}

void kafka_room_free(struct kafka_room *r)
{
    free(r->tickets);
    free(r->outcomes);
    free(r->picked);
}

// ── reports ─────────────────────────────────────────────────────────────────────────────────────

static void note(struct kafka_sending *s, uint32_t row, enum kafka_outcome outcome,
                 rd_kafka_resp_err_t error)
{
    s->room->outcomes[row] = (uint8_t)outcome;
    s->got_through |= outcome == OUTCOME_THERE;
    s->missed |= outcome != OUTCOME_THERE;
    s->timed_out |= error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    if (error && !s->error) {
        s->error = error;
        s->error_row = row;
    }
}

// Locked. True if somebody is to be woken: all of a sending are reported, or there is room again.
bool kafka_sending_report(const rd_kafka_message_t *m)
{
    const struct kafka_ticket *t = m->_private;
    struct kafka_sending *s = t->of;
    note(s, t->row, kafka_outcome(m->err, rd_kafka_message_status(m)), m->err);
    s->out--;
    return !s->out || s->all->crowded;
}

// Waits until the client has nothing of this sending any more.
static void await(struct kafka_sending *s)
{
    struct kafka_sendings *all = s->all;
    gate_lock(&all->gate);
    while (s->out) {
        bool purge = atomic_load(&all->stopping) || s->client->dead;
        if (purge)
            kafka_client_purge(s->client);
        gate_wait(&all->gate, purge ? clock_steady() + full_pause : INT64_MAX);
    }
    gate_unlock(&all->gate);
}

// ── one message ─────────────────────────────────────────────────────────────────────────────────

static struct span row_topic(const struct kafka_sending *s, uint32_t row)
{
    return s->dead_topic ? span_text(s->dead_topic) : kafka_row_route(s->p, row, ROUTE_TOPIC);
}

// NULL: the message goes to where it belongs.
static const char *reason_of(const struct kafka_sending *s, uint32_t row)
{
    if (!s->dead_topic)
        return NULL;
    return s->p->answer[row] == TOO_LARGE ? "too large" : s->reason;
}

struct message {
    rd_kafka_topic_t *topic;
    struct kafka_ticket *ticket;
    struct span key, value;
    int64_t time; // milliseconds
};

static rd_kafka_resp_err_t produce(struct kafka_sending *s, const struct message *m)
{
    rd_kafka_headers_t *headers =
        kafka_form_headers(&s->all->form, s->p, m->ticket->row, reason_of(s, m->ticket->row));
    rd_kafka_vu_t v[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = m->topic},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)m->value.at, m->value.len}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)m->key.at, m->key.len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = m->time},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = m->ticket},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *failed =
        rd_kafka_produceva(s->client->handle, v, sizeof v / sizeof *v - !headers);
    if (!failed)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t error = rd_kafka_error_code(failed);
    rd_kafka_error_destroy(failed);
    if (headers)
        rd_kafka_headers_destroy(headers);
    return error;
}

// The client's queue is full: reports make room. False: no more.
static bool wait_for_room(struct kafka_sending *s)
{
    struct kafka_sendings *all = s->all;
    gate_lock(&all->gate);
    bool more = !atomic_load(&all->stopping) && !s->client->dead;
    all->crowded++;
    if (more)
        gate_wait(&all->gate, clock_steady() + full_pause);
    all->crowded--;
    gate_unlock(&all->gate);
    return more;
}

// Full is no failure: it waits.
static rd_kafka_resp_err_t hand_over(struct kafka_sending *s, const struct message *m)
{
    rd_kafka_resp_err_t error;
    do
        error = produce(s, m);
    while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && wait_for_room(s));
    return error;
}

// OUTCOME_OPEN: the client has it.
static enum kafka_outcome send_row(struct kafka_sending *s, uint32_t row,
                                   rd_kafka_resp_err_t *error)
{
    struct kafka_sendings *all = s->all;
    const struct kafka_form *form = &all->form;
    struct kafka_ticket *t = &s->room->tickets[row];
    struct message m = {.ticket = t, .key = kafka_row_route(s->p, row, ROUTE_KEY)};
    struct span topic = row_topic(s, row);
    bool may_cut = s->dead_topic || form->settings->oversize == OVERSIZE_TRUNCATE;
    *error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (atomic_load(&all->stopping))
        return OUTCOME_AWAY;
    *t = (struct kafka_ticket){s, row, kafka_form_draw(form, s->p, row, m.key, all->turn++)};
    if (!topic.len || (form->needs_hash && !t->draw.hashed && !s->dead_topic))
        return OUTCOME_LACKING;
    m.value = kafka_form_value(form, kafka_row_document(s->p, row), m.key.len, may_cut, &s->copies);
    if (!m.value.len)
        return OUTCOME_OVERSIZED;
    m.topic = kafka_topics_get(s->client->topics, topic, error);
    m.time = s->p->rows[row].row->time / MILLISECOND;
    if (m.topic)
        *error = hand_over(s, &m);
    return *error ? kafka_outcome(*error, RD_KAFKA_MSG_STATUS_NOT_PERSISTED) : OUTCOME_OPEN;
}

// ── some rows ───────────────────────────────────────────────────────────────────────────────────

static void not_sent(struct kafka_sending *s, uint32_t row, enum kafka_outcome outcome,
                     rd_kafka_resp_err_t error)
{
    gate_lock(&s->all->gate);
    s->out--;
    note(s, row, outcome, error);
    gate_unlock(&s->all->gate);
}

// All are counted as under way before the client has the first: its report may come at once.
static void enqueue(struct kafka_sending *s, const uint32_t *rows, uint32_t count)
{
    gate_lock(&s->all->gate);
    s->out = count;
    gate_unlock(&s->all->gate);
    pthread_mutex_lock(&s->all->order);
    kafka_topics_allow(s->client->topics, asking_most);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error;
        enum kafka_outcome outcome = send_row(s, rows[i], &error);
        if (outcome != OUTCOME_OPEN)
            not_sent(s, rows[i], outcome, error);
    }
    pthread_mutex_unlock(&s->all->order);
}

// Sends rows and waits for what becomes of them.
static void deliver(struct kafka_sending *s, const uint32_t *rows, uint32_t count)
{
    enqueue(s, rows, count);
    await(s);
}

static bool has_outcome(const struct kafka_sending *s, uint32_t row, enum kafka_outcome outcome)
{
    return s->room->outcomes[row] == outcome;
}

// Moves the rows with that outcome to the front; how many.
static uint32_t pick(const struct kafka_sending *s, uint32_t *rows, uint32_t count,
                     enum kafka_outcome outcome)
{
    uint32_t picked = 0;
    for (uint32_t i = 0; i < count; i++)
        if (has_outcome(s, rows[i], outcome))
            rows[picked++] = rows[i];
    return picked;
}

// A document is not to blame when nothing else gets through, nor a single one as long as none was
// ever taken.
static bool is_to_blame(const struct kafka_sending *s)
{
    return s->got_through || (s->p->count == 1 && atomic_load(&s->all->ever));
}

// A batch was refused for something in it. Halving finds the documents; false: not in so many
// halves.
static bool isolate(struct kafka_sending *s, uint32_t *rows, uint32_t count)
{
    s->failed++;
    if (count == 1) {
        if (!is_to_blame(s))
            s->room->outcomes[*rows] = OUTCOME_FORBIDDEN;
        return true;
    }
    if (!s->got_through && s->failed > FAILED_MOST)
        return false;
    uint32_t half = count / 2;
    for (uint32_t first = 0; first < count; first = first ? count : half) {
        uint32_t *part = rows + first, size = first ? count - half : half;
        deliver(s, part, size);
        size = pick(s, part, size, OUTCOME_POISON);
        if (size && !isolate(s, part, size))
            return false;
    }
    return true;
}

// ── a parcel ────────────────────────────────────────────────────────────────────────────────────

// Nothing of a batch fits together with it, so it was alone when it was refused.
static bool is_too_large_alone(const struct kafka_sending *s, uint32_t row)
{
    int64_t most = s->client->batch_bytes;
    return (int64_t)kafka_row_document(s->p, row).len >= most || most <= SMALLEST_BATCH;
}

static enum delivery answer_of(const struct kafka_sending *s, uint32_t row)
{
    switch ((enum kafka_outcome)s->room->outcomes[row]) {
    case OUTCOME_THERE:
        return DELIVERED;
    case OUTCOME_UNKNOWN:
        return TRY_LATER;
    case OUTCOME_POISON:
    case OUTCOME_LACKING:
        return REFUSED;
    case OUTCOME_OVERSIZED:
        return TOO_LARGE;
    case OUTCOME_LARGE:
        return is_too_large_alone(s, row) ? TOO_LARGE : BUSY;
    case OUTCOME_OPEN:
    case OUTCOME_AWAY:
    case OUTCOME_FORBIDDEN:
        break;
    }
    return BUSY;
}

// Where messages failed, who leads what is asked anew before the next: the client may have it
// wrong.
static void doubt_topics(struct kafka_sending *s)
{
    pthread_mutex_lock(&s->all->order);
    for (uint32_t i = 0; i < s->p->count; i++)
        if (has_outcome(s, i, OUTCOME_FORBIDDEN) || has_outcome(s, i, OUTCOME_AWAY) ||
            has_outcome(s, i, OUTCOME_UNKNOWN))
            kafka_topics_doubt(s->client->topics, row_topic(s, i));
    pthread_mutex_unlock(&s->all->order);
}

static void acquit(struct kafka_sending *s)
{
    for (uint32_t i = 0; i < s->p->count && !is_to_blame(s); i++)
        if (has_outcome(s, i, OUTCOME_POISON))
            s->room->outcomes[i] = OUTCOME_FORBIDDEN;
}

// In the log: errors, names of settings and topics, nothing of a document.
static void say_why(struct kafka_sending *s)
{
    struct error *cause = s->p->cause;
    uint32_t lacking = 0, oversized = 0;
    for (uint32_t i = 0; i < s->p->count; i++) {
        lacking += has_outcome(s, i, OUTCOME_LACKING);
        oversized += has_outcome(s, i, OUTCOME_OVERSIZED);
    }
    if (s->error) {
        const char *hint = kafka_hint(s->error);
        struct span topic =
            span_first(kafka_row_route(s->p, s->error_row, ROUTE_TOPIC), KAFKA_TOPIC);
        gate_lock(&s->all->gate);
        bool local = s->error < 0 && s->client->trouble.text[0];
        error_set(cause, "topic %.*s: %s%s%.150s%s%s", kafka_is_topic(topic) ? (int)topic.len : 1,
                  kafka_is_topic(topic) ? (const char *)topic.at : "?", rd_kafka_err2str(s->error),
                  local ? ", " : "", local ? s->client->trouble.text : "", *hint ? ": " : "", hint);
        gate_unlock(&s->all->gate);
    } else if (oversized) {
        error_set(cause, "%u documents are larger than %lld bytes: see max_message_bytes, oversize",
                  oversized, (long long)s->all->form.settings->max_message_bytes);
    } else if (lacking) {
        error_set(cause,
                  "%u documents lack a field that their topic or hash is made of: see "
                  "topic, partition.hash",
                  lacking);
    }
}

// What is refused goes to the topic for it.
static void send_letters(struct kafka_sending *s)
{
    uint32_t count = 0, *rows = s->room->picked;
    for (uint32_t i = 0; i < s->p->count; i++)
        if (s->p->answer[i] == REFUSED || s->p->answer[i] == TOO_LARGE)
            rows[count++] = i;
    if (!count)
        return;
    s->reason = s->error ? rd_kafka_err2str(s->error) : "no topic or nothing to hash";
    s->dead_topic = s->all->form.settings->dead_letter_topic;
    deliver(s, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        enum delivery answer = answer_of(s, rows[i]);
        if (answer == DELIVERED)
            answer = DEAD_LETTER;
        s->p->answer[rows[i]] = answer;
    }
}

static void answer_all(struct parcel *p, enum delivery answer)
{
    for (uint32_t i = 0; i < p->count; i++)
        p->answer[i] = answer;
}

static void answer_each(struct kafka_sending *s)
{
    for (uint32_t i = 0; i < s->p->count; i++) {
        s->p->answer[i] = answer_of(s, i);
        s->batches_too_large |= has_outcome(s, i, OUTCOME_LARGE) && s->p->answer[i] == BUSY;
    }
}

// Some were not confirmed at once.
static void pursue(struct kafka_sending *s)
{
    uint32_t *rows = s->room->picked;
    uint32_t poisoned = pick(s, rows, s->p->count, OUTCOME_POISON);
    if (poisoned)
        isolate(s, rows, poisoned);
    acquit(s);
    answer_each(s);
    doubt_topics(s);
    say_why(s);
    if (s->all->form.settings->dead_letter_topic)
        send_letters(s);
}

void kafka_sending_run(struct kafka_sending *s)
{
    for (uint32_t i = 0; i < s->p->count; i++)
        s->room->picked[i] = i;
    deliver(s, s->room->picked, s->p->count);
    if (s->missed)
        pursue(s);
    else
        answer_all(s->p, DELIVERED);
    if (s->got_through)
        atomic_store(&s->all->ever, true);
    kafka_copies_free(s->copies);
}
