// SPDX-License-Identifier: Apache-2.0
// Documents to Kafka, through one client of librdkafka for all sending threads. A message's value
// is the document where it lies in its batch; `send` returns once every message has been reported,
// so no batch goes home while librdkafka may still read it. Only what brokers have confirmed counts
// as delivered.
#include <stdatomic.h>
#include <stdlib.h>

#include "outputs/kafka_client.h"
#include "outputs/kafka_cut.h"
#include "outputs/kafka_outcome.h"
#include "outputs/kafka_settings.h"
#include "outputs/kafka_test.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"

enum {
    FAILED_MOST = 24,           // halves of a refused batch that may fail before one gets through
    SMALLEST_BATCH = 1024,      // bytes
    HASHED = KAFKA_LIST * 1024, // bytes of the fields that a hash is made of
};
static const int64_t asking_most = SECOND; // about topics, in one sending
static const int64_t full_pause = 100 * MILLISECOND;

struct copy { // of a document that was cut
    struct copy *next;
    uint8_t bytes[];
};

struct ticket { // what a message carries
    struct sending *of;
    uint32_t row;
    struct kafka_draw draw;
};

// What one thread uses again for each parcel.
struct room {
    struct ticket *tickets;
    uint8_t *outcomes; // enum kafka_outcome of each row
    uint32_t *picked;  // rows, to be sent at once
    uint32_t size;
};

struct kafka {
    const struct kafka_settings *settings;
    const struct output_world *world;
    struct kafka_partitioning how;
    struct tls *tls; // NULL: none
    rd_kafka_conf_t *properties;
    int hash_count, header_count;
    bool needs_hash;
    bool is_number[KAFKA_LIST]; // which of the hashed fields are
    const char *headers[KAFKA_LIST];
    struct room room[PARCEL_THREADS];

    struct gate gate; // guards what follows, and all sendings
    struct kafka_client *client;
    unsigned users;      // sendings through it
    int64_t batch_bytes; // of a batch at most: it shrinks if brokers take less
    unsigned crowded;    // sendings that wait for room in the client's queue
    bool spent;          // the client is to be replaced once nobody uses it
    _Atomic bool ever;   // a document was taken once
    _Atomic bool stopping;

    pthread_mutex_t order; // parcels are put into the client's queue one after the other
    uint64_t turn;         // guarded by it
};

// One parcel on its way.
struct sending {
    struct kafka *k;
    struct kafka_client *client;
    struct parcel *p;
    struct room *room;
    struct copy *copies;
    const char *dead_topic; // messages go there now; NULL: to where they belong
    const char *reason;     // for that
    unsigned failed;        // batches that were refused

    // Guarded by the gate.
    uint32_t out;                // messages that are not reported yet
    bool got_through, timed_out; // some were confirmed; some not in time
    rd_kafka_resp_err_t error;   // the first
    uint32_t error_row;
};

// ── reports ─────────────────────────────────────────────────────────────────────────────────────

static void note(struct sending *s, uint32_t row, enum kafka_outcome outcome,
                 rd_kafka_resp_err_t error)
{
    s->room->outcomes[row] = (uint8_t)outcome;
    s->got_through |= outcome == OUTCOME_THERE;
    s->timed_out |= error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    if (error && !s->error) {
        s->error = error;
        s->error_row = row;
    }
}

// Locked. True if somebody is to be woken: all of a sending are reported, or there is room again.
static bool report(const rd_kafka_message_t *m)
{
    const struct ticket *t = m->_private;
    struct sending *s = t->of;
    note(s, t->row, kafka_outcome(m->err, rd_kafka_message_status(m)), m->err);
    s->out--;
    return !s->out || s->k->crowded;
}

// Waits until the client has nothing of this sending any more.
static void await(struct sending *s)
{
    struct kafka *k = s->k;
    gate_lock(&k->gate);
    while (s->out) {
        bool purge = atomic_load(&k->stopping) || s->client->dead;
        if (purge)
            kafka_client_purge(s->client);
        gate_wait(&k->gate, purge ? clock_steady() + full_pause : INT64_MAX);
    }
    gate_unlock(&k->gate);
}

// ── one message ─────────────────────────────────────────────────────────────────────────────────

static struct span row_document(const struct sending *s, uint32_t row)
{
    const struct parcel_row *r = &s->p->rows[row];
    return batch_document(r->batch, r->row);
}

static struct span row_route(const struct sending *s, uint32_t row, unsigned which)
{
    return parcel_route(s->p, &s->p->rows[row], which);
}

static struct span row_topic(const struct sending *s, uint32_t row)
{
    return s->dead_topic ? span_text(s->dead_topic) : row_route(s, row, ROUTE_TOPIC);
}

// A copy that is not too large; empty: it cannot be made so small.
static struct span cut_copy(struct sending *s, struct span document, size_t most)
{
    struct copy *copy = malloc(sizeof *copy + most);
    if (!copy)
        return span_of(NULL, 0);
    copy->next = s->copies;
    s->copies = copy;
    return span_of(copy->bytes, kafka_cut(document, copy->bytes, most));
}

// The message's value: the document as it lies in its batch, unless it is too large.
static struct span value_of(struct sending *s, uint32_t row, size_t key)
{
    struct span document = row_document(s, row);
    size_t most = (size_t)s->k->settings->max_message_bytes;
    bool cut = s->dead_topic || s->k->settings->oversize == OVERSIZE_TRUNCATE;
    if (document.len + key <= most)
        return document;
    return cut && key < most ? cut_copy(s, document, most - key) : span_of(NULL, 0);
}

// As the reference writes values: texts as they are, whole numbers as eight bytes.
static size_t hashed_field(const struct kafka *k, int which, struct span text, uint8_t *to)
{
    if (!k->is_number[which]) {
        memcpy(to, text.at, text.len);
        return text.len;
    }
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)text.len, (const char *)text.at);
    int64_t number = strtoll(digits, NULL, 10);
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)((uint64_t)number >> 8 * i);
    return 8;
}

// False: a field is missing.
static bool fields_hash(const struct sending *s, uint32_t row, uint32_t *hash)
{
    uint8_t bytes[HASHED];
    size_t used = 0;
    for (int i = 0; i < s->k->hash_count; i++) {
        struct span text = row_route(s, row, ROUTE_MORE + (unsigned)i);
        if (!text.len || used + text.len + 8 > sizeof bytes)
            return false;
        used += hashed_field(s->k, i, text, bytes + used);
    }
    *hash = hash_fnv1a(span_of(bytes, used));
    return true;
}

static struct kafka_draw draw(struct sending *s, uint32_t row, struct span key)
{
    struct kafka *k = s->k;
    struct kafka_draw d = {.turn = k->turn++};
    if (k->how.way != KAFKA_HASH)
        return d;
    if (k->hash_count) {
        d.hashed = fields_hash(s, row, &d.hash);
    } else if (key.len) {
        d.hash = hash_fnv1a(key);
        d.hashed = true;
    }
    return d;
}

static void add_header(rd_kafka_headers_t *list, const char *name, struct span value)
{
    if (value.len)
        rd_kafka_header_add(list, name, -1, value.at, (ssize_t)value.len);
}

static void add_reason(const struct sending *s, uint32_t row, rd_kafka_headers_t *list)
{
    const char *words = s->p->answer[row] == TOO_LARGE ? "too large" : s->reason;
    add_header(list, "error", span_text(words));
    add_header(list, "topic", row_route(s, row, ROUTE_TOPIC));
}

// NULL: none.
static rd_kafka_headers_t *headers_of(const struct sending *s, uint32_t row)
{
    const struct kafka *k = s->k;
    if (!k->header_count && !s->dead_topic)
        return NULL;
    rd_kafka_headers_t *list = rd_kafka_headers_new((size_t)k->header_count + 2);
    unsigned first = ROUTE_MORE + (unsigned)k->hash_count;
    for (int i = 0; i < k->header_count; i++)
        add_header(list, k->headers[i], row_route(s, row, first + (unsigned)i));
    if (s->dead_topic)
        add_reason(s, row, list);
    return list;
}

struct message {
    rd_kafka_topic_t *topic;
    struct ticket *ticket;
    struct span key, value;
    int64_t time; // milliseconds
};

static rd_kafka_resp_err_t produce(struct sending *s, const struct message *m)
{
    rd_kafka_headers_t *headers = headers_of(s, m->ticket->row);
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
static bool wait_for_room(struct sending *s)
{
    struct kafka *k = s->k;
    gate_lock(&k->gate);
    bool more = !atomic_load(&k->stopping) && !s->client->dead;
    k->crowded++;
    if (more)
        gate_wait(&k->gate, clock_steady() + full_pause);
    k->crowded--;
    gate_unlock(&k->gate);
    return more;
}

// Full is no failure: it waits.
static rd_kafka_resp_err_t hand_over(struct sending *s, const struct message *m)
{
    rd_kafka_resp_err_t error;
    do
        error = produce(s, m);
    while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && wait_for_room(s));
    return error;
}

// OUTCOME_OPEN: the client has it.
static enum kafka_outcome send_row(struct sending *s, uint32_t row, rd_kafka_resp_err_t *error)
{
    struct kafka *k = s->k;
    struct ticket *t = &s->room->tickets[row];
    struct message m = {.ticket = t, .key = row_route(s, row, ROUTE_KEY)};
    struct span topic = row_topic(s, row);
    *error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (atomic_load(&k->stopping))
        return OUTCOME_AWAY;
    *t = (struct ticket){s, row, draw(s, row, m.key)};
    if (!topic.len || (k->needs_hash && !t->draw.hashed && !s->dead_topic))
        return OUTCOME_LACKING;
    m.value = value_of(s, row, m.key.len);
    if (!m.value.len)
        return OUTCOME_OVERSIZED;
    m.topic = kafka_topics_get(s->client->topics, topic, error);
    m.time = s->p->rows[row].row->time / MILLISECOND;
    if (m.topic)
        *error = hand_over(s, &m);
    return *error ? kafka_outcome(*error, RD_KAFKA_MSG_STATUS_NOT_PERSISTED) : OUTCOME_OPEN;
}

// ── some rows ───────────────────────────────────────────────────────────────────────────────────

static void not_sent(struct sending *s, uint32_t row, enum kafka_outcome outcome,
                     rd_kafka_resp_err_t error)
{
    gate_lock(&s->k->gate);
    s->out--;
    note(s, row, outcome, error);
    gate_unlock(&s->k->gate);
}

// All are counted as under way before the client has the first: its report may come at once.
static void enqueue(struct sending *s, const uint32_t *rows, uint32_t count)
{
    gate_lock(&s->k->gate);
    s->out = count;
    gate_unlock(&s->k->gate);
    pthread_mutex_lock(&s->k->order);
    kafka_topics_allow(s->client->topics, asking_most);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error;
        enum kafka_outcome outcome = send_row(s, rows[i], &error);
        if (outcome != OUTCOME_OPEN)
            not_sent(s, rows[i], outcome, error);
    }
    pthread_mutex_unlock(&s->k->order);
}

// Sends rows and waits for what becomes of them.
static void deliver(struct sending *s, const uint32_t *rows, uint32_t count)
{
    enqueue(s, rows, count);
    await(s);
}

static bool has_outcome(const struct sending *s, uint32_t row, enum kafka_outcome outcome)
{
    return s->room->outcomes[row] == outcome;
}

// Moves the rows with that outcome to the front; how many.
static uint32_t pick(const struct sending *s, uint32_t *rows, uint32_t count,
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
static bool is_to_blame(const struct sending *s)
{
    return s->got_through || (s->p->count == 1 && atomic_load(&s->k->ever));
}

// A batch was refused for something in it. Halving finds the documents; false: not in so many
// halves.
static bool isolate(struct sending *s, uint32_t *rows, uint32_t count)
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
static bool is_too_large_alone(const struct sending *s, uint32_t row)
{
    int64_t most = s->client->batch_bytes;
    return (int64_t)row_document(s, row).len >= most || most <= SMALLEST_BATCH;
}

static enum delivery answer_of(const struct sending *s, uint32_t row)
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

// Batches were larger than the brokers take: from now on they are smaller, which takes a new
// client.
static void shrink_batches(struct sending *s)
{
    struct kafka *k = s->k;
    bool shrink = false;
    for (uint32_t i = 0; i < s->p->count; i++)
        shrink |= has_outcome(s, i, OUTCOME_LARGE) && s->p->answer[i] == BUSY;
    gate_lock(&k->gate);
    if (shrink && !k->spent) {
        k->batch_bytes = s->client->batch_bytes / 2;
        k->spent = true;
    }
    gate_unlock(&k->gate);
}

// While some messages get through others never do: the client may have lost sight of who leads
// their partition, which was seen with librdkafka 2.0.2 where a new one had no trouble.
static void retire_client(struct sending *s)
{
    gate_lock(&s->k->gate);
    if (s->timed_out && s->got_through && s->client == s->k->client)
        s->k->spent = true;
    gate_unlock(&s->k->gate);
}

// Where messages failed, who leads what is asked anew before the next: the client may have it
// wrong.
static void doubt_topics(struct sending *s)
{
    pthread_mutex_lock(&s->k->order);
    for (uint32_t i = 0; i < s->p->count; i++)
        if (has_outcome(s, i, OUTCOME_FORBIDDEN) || has_outcome(s, i, OUTCOME_AWAY) ||
            has_outcome(s, i, OUTCOME_UNKNOWN))
            kafka_topics_doubt(s->client->topics, row_topic(s, i));
    pthread_mutex_unlock(&s->k->order);
}

static void acquit(struct sending *s)
{
    for (uint32_t i = 0; i < s->p->count && !is_to_blame(s); i++)
        if (has_outcome(s, i, OUTCOME_POISON))
            s->room->outcomes[i] = OUTCOME_FORBIDDEN;
}

// In the log: errors, names of settings and topics, nothing of a document.
static void say_why(struct sending *s)
{
    struct error *cause = s->p->cause;
    uint32_t lacking = 0, oversized = 0;
    for (uint32_t i = 0; i < s->p->count; i++) {
        lacking += has_outcome(s, i, OUTCOME_LACKING);
        oversized += has_outcome(s, i, OUTCOME_OVERSIZED);
    }
    if (s->error) {
        const char *hint = kafka_hint(s->error);
        struct span topic = span_first(row_route(s, s->error_row, ROUTE_TOPIC), KAFKA_TOPIC);
        gate_lock(&s->k->gate);
        bool local = s->error < 0 && s->client->trouble.text[0];
        error_set(cause, "topic %.*s: %s%s%.150s%s%s", kafka_is_topic(topic) ? (int)topic.len : 1,
                  kafka_is_topic(topic) ? (const char *)topic.at : "?", rd_kafka_err2str(s->error),
                  local ? ", " : "", local ? s->client->trouble.text : "", *hint ? ": " : "", hint);
        gate_unlock(&s->k->gate);
    } else if (oversized) {
        error_set(cause, "%u documents are larger than %lld bytes: see max_message_bytes, oversize",
                  oversized, (long long)s->k->settings->max_message_bytes);
    } else if (lacking) {
        error_set(cause,
                  "%u documents lack a field that their topic or hash is made of: see "
                  "topic, partition.hash",
                  lacking);
    }
}

// What is refused goes to the topic for it.
static void send_letters(struct sending *s)
{
    uint32_t count = 0, *rows = s->room->picked;
    for (uint32_t i = 0; i < s->p->count; i++)
        if (s->p->answer[i] == REFUSED || s->p->answer[i] == TOO_LARGE)
            rows[count++] = i;
    if (!count)
        return;
    s->reason = s->error ? rd_kafka_err2str(s->error) : "no topic or nothing to hash";
    s->dead_topic = s->k->settings->dead_letter_topic;
    deliver(s, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        enum delivery answer = answer_of(s, rows[i]);
        if (answer == DELIVERED)
            answer = DEAD_LETTER;
        s->p->answer[rows[i]] = answer;
    }
}

static void send_all(struct sending *s)
{
    struct parcel *p = s->p;
    uint32_t *rows = s->room->picked;
    for (uint32_t i = 0; i < p->count; i++)
        rows[i] = i;
    deliver(s, rows, p->count);
    uint32_t poisoned = pick(s, rows, p->count, OUTCOME_POISON);
    if (poisoned)
        isolate(s, rows, poisoned);
    acquit(s);
    for (uint32_t i = 0; i < p->count; i++)
        p->answer[i] = answer_of(s, i);
    shrink_batches(s);
    retire_client(s);
    doubt_topics(s);
    say_why(s);
    if (s->k->settings->dead_letter_topic)
        send_letters(s);
}

// ── the client ──────────────────────────────────────────────────────────────────────────────────

static int32_t choose(const rd_kafka_topic_t *topic, const void *key, size_t len, int32_t count,
                      void *arg, void *ticket)
{
    const struct kafka *k = arg;
    const struct kafka_draw *d = &((const struct ticket *)ticket)->draw;
    (void)key, (void)len;
    if (!k->how.reachable_only)
        return (int32_t)kafka_partition(&k->how, d, (uint32_t)count);
    uint32_t reachable = 0;
    for (int32_t i = 0; i < count; i++)
        reachable += rd_kafka_topic_partition_available(topic, i) != 0;
    if (!reachable)
        return (int32_t)kafka_partition(&k->how, d, (uint32_t)count);
    uint32_t which = kafka_partition(&k->how, d, reachable);
    for (int32_t i = 0; i < count; i++)
        if (rd_kafka_topic_partition_available(topic, i) && which-- == 0)
            return i;
    return count - 1; // one of them was lost while they were counted
}

static struct kafka_client *client_new(struct kafka *k, struct error *why)
{
    struct kafka_client_setup setup = {.properties = k->properties,
                                       .batch_bytes = k->batch_bytes,
                                       .tls = k->tls,
                                       .partitioner =
                                           kafka_leaves_partition(k->settings) ? NULL : choose,
                                       .arg = k,
                                       .gate = &k->gate,
                                       .report = report};
    return kafka_client_open(&setup, why);
}

// By the only one who uses it.
static bool client_renew(struct kafka *k, struct error *why)
{
    struct kafka_client *fresh = client_new(k, why), *old = k->client;
    if (!fresh)
        return false;
    gate_lock(&k->gate);
    k->client = fresh;
    k->spent = false;
    gate_unlock(&k->gate);
    kafka_client_close(old);
    return true;
}

static void client_leave(struct kafka *k)
{
    gate_lock(&k->gate);
    k->users--;
    gate_wake(&k->gate);
    gate_unlock(&k->gate);
}

// Another client takes the place of one that is dead or spent once nobody uses that any more. NULL:
// there is none.
static struct kafka_client *client_take(struct kafka *k, struct error *why)
{
    gate_lock(&k->gate);
    while ((k->spent || k->client->dead) && k->users)
        gate_wait(&k->gate, INT64_MAX);
    bool renew = k->spent || k->client->dead;
    k->users++;
    gate_unlock(&k->gate);
    if (!renew || client_renew(k, why))
        return k->client;
    client_leave(k);
    return NULL;
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────────

static bool room_fits(struct room *r, uint32_t count)
{
    if (count <= r->size)
        return true;
    free(r->tickets);
    free(r->outcomes);
    free(r->picked);
    r->tickets = calloc(count, sizeof *r->tickets);
    r->outcomes = calloc(count, sizeof *r->outcomes);
    r->picked = calloc(count, sizeof *r->picked);
    r->size = r->tickets && r->outcomes && r->picked ? count : 0;
    return r->size;
}

static void answer_all(struct parcel *p, enum delivery answer)
{
    for (uint32_t i = 0; i < p->count; i++)
        p->answer[i] = answer;
}

static void kafka_send(void *self, struct parcel *p)
{
    struct kafka *k = self;
    struct sending s = {.k = k, .p = p, .room = &k->room[p->thread]};
    answer_all(p, BUSY);
    if (!room_fits(s.room, p->count)) {
        error_set(p->cause, "no memory");
        return;
    }
    s.client = client_take(k, p->cause);
    if (!s.client)
        return;
    send_all(&s);
    if (s.got_through)
        atomic_store(&k->ever, true);
    client_leave(k);
    for (struct copy *next; s.copies; s.copies = next) {
        next = s.copies->next;
        free(s.copies);
    }
}

static void kafka_stop(void *self)
{
    struct kafka *k = self;
    atomic_store(&k->stopping, true);
    gate_lock(&k->gate);
    gate_wake(&k->gate);
    gate_unlock(&k->gate);
}

// ── opening ─────────────────────────────────────────────────────────────────────────────────────

static void kafka_close(void *self)
{
    struct kafka *k = self;
    if (k->client)
        kafka_client_close(k->client);
    if (k->properties)
        rd_kafka_conf_destroy(k->properties);
    if (k->tls)
        tls_close(k->tls);
    for (int i = 0; i < PARCEL_THREADS; i++) {
        free(k->room[i].tickets);
        free(k->room[i].outcomes);
        free(k->room[i].picked);
    }
    pthread_mutex_destroy(&k->order);
    gate_free(&k->gate);
    free(k);
}

static bool is_number(const struct output_world *world, const char *name)
{
    for (int t = 0; t < world->table_count; t++)
        for (int i = 0; i < world->tables[t]->count; i++)
            if (!strcmp(world->tables[t]->fields[i].name, name))
                return world->tables[t]->fields[i].type == FIELD_LONG;
    return false;
}

static void read_lists(struct kafka *k)
{
    const char *fields[KAFKA_LIST];
    k->how = kafka_partitioning(k->settings);
    k->needs_hash = kafka_needs_hash(k->settings);
    k->hash_count = kafka_hash_fields(k->settings, fields);
    for (int i = 0; i < k->hash_count; i++)
        k->is_number[i] = is_number(k->world, fields[i]);
    k->header_count = kafka_headers(k->settings, k->headers);
}

static bool begin(struct kafka *k, struct error *why)
{
    char bytes[24];
    size_t size = sizeof bytes;
    if (kafka_is_secure(k->settings) && !(k->tls = tls_open(&k->settings->tls, why)))
        return false;
    k->properties = kafka_properties(k->settings, k->world, k->tls, why);
    if (!k->properties)
        return false;
    rd_kafka_conf_get(k->properties, "batch.size", bytes, &size);
    k->batch_bytes = strtoll(bytes, NULL, 10);
    k->client = client_new(k, why);
    return k->client;
}

static void *kafka_open(const void *settings, const struct output_world *world, struct error *why)
{
    struct kafka *k = kafka_check(settings, why) ? calloc(1, sizeof *k) : NULL;
    if (!k)
        return NULL;
    k->settings = settings;
    k->world = world;
    gate_init(&k->gate);
    pthread_mutex_init(&k->order, NULL);
    k->turn = hash_seed() >> 16; // where the first goes is a matter of chance
    read_lists(k);
    if (begin(k, why))
        return k;
    kafka_close(k);
    return NULL;
}

static const struct output_route routes[] = {
    [ROUTE_TOPIC] = {"topic", "topics", "@metadata.topic", false},
    [ROUTE_KEY] = {"key", NULL, NULL, false},
    {.name = NULL},
};

const struct output output_kafka = {
    .name = "kafka",
    .meaning = "Apache Kafka, a message for each document",
    .settings = kafka_settings,
    .settings_size = sizeof(struct kafka_settings),
    .routes = routes,
    .more_routes = kafka_more_routes,
    .one_way = true,
    .check = kafka_check,
    .serve = kafka_serve,
    .test = kafka_test,
    .open = kafka_open,
    .send = kafka_send,
    .stop = kafka_stop,
    .close = kafka_close,
};
