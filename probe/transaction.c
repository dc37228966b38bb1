// SPDX-License-Identifier: Apache-2.0
// Questions and answers: kept in order and by number, ended by both halves, by age, at a ceiling or
// with their conn.

#include <assert.h>

#include "pipeline/base/hash.h"
#include "probe/conns.h"
#include "probe/emit.h"

// ── by number ──

static struct transaction **bucket(struct conns *all, const struct conn *c, uint64_t number)
{
    uint64_t key[2] = {(uintptr_t)c, number};
    return &all->transaction_hash[hash_bytes(key, sizeof key, all->seed) & all->hash_mask];
}

static void hash_insert(struct transaction **head, struct transaction *t)
{
    t->same_hash = *head;
    t->hash_link = head;
    if (*head)
        (*head)->hash_link = &t->same_hash;
    *head = t;
}

// ── its end ──

static size_t size_of(const struct conn *c)
{
    return sizeof(struct transaction) + c->binding->protocol->transaction_size;
}

// Gives everything back. The transaction is void afterwards.
static void transaction_free(struct transaction *t)
{
    struct conn *c = t->conn;
    struct conns *all = c->all;
    wheel_clear(&all->wheel, &t->timer);
    *t->hash_link = t->same_hash;
    if (t->same_hash)
        t->same_hash->hash_link = t->hash_link;
    list_remove(&t->in_conn);
    list_remove(&t->in_all);
    store_free(&t->store);
    c->transaction_count--;
    all->transaction_count--;
    counter_add(all->counters->transactions_now, -1);
    sizes_give(&all->sizes, t, size_of(c));
}

// ── halves ──

// An allowance for what is published unpaired. Every transaction takes its share when it is opened,
// so that packets pay for their own, however long those wait and however many do; who is paired
// gives it back.

void transactions_allow(struct conns *all, int64_t halves)
{
    int64_t reserve = all->settings.halves_reserve + all->settings.halves_a_packet;
    all->halves = all->halves + halves < reserve ? all->halves + halves : reserve;
}

// A stream in which nothing but such halves comes is not worth being read any further.
static void pay(struct transaction *t)
{
    struct conn *c = t->conn;
    t->unpaid = !c->all->halves;
    c->all->halves -= !t->unpaid;
    c->unpaid += t->unpaid;
    if (c->unpaid > c->all->settings.unpaid_a_conn && !conn_is_datagram(c))
        conn_give_up(c);
}

static void pay_back(const struct transaction *t)
{
    t->conn->unpaid = 0;
    if (!t->unpaid)
        transactions_allow(t->conn->all, 1);
}

static bool is_half(const struct transaction *t)
{
    return t->unasked || !t->answered;
}

// How it ended, for its protocol, too.
static void count_end(const struct transaction *t, struct counters *counters)
{
    unsigned kind = (unsigned)t->conn->binding->dataset;
    if (t->unasked) {
        counter_add(counters->transactions_unasked, 1);
        if (kind < COUNTER_KINDS)
            counter_add(counters->unasked_of[kind], 1);
    } else if (t->answered) {
        counter_add(counters->transactions_answered, 1);
    } else {
        counter_add(counters->transactions_unanswered, 1);
        if (kind < COUNTER_KINDS)
            counter_add(counters->unanswered_of[kind], 1);
    }
}

void transaction_end(struct transaction *t)
{
    struct conns *all = t->conn->all;
    if (!is_half(t)) {
        pay_back(t);
    } else if (t->unpaid) {
        counter_add(all->counters->transactions_withheld, 1);
        transaction_free(t);
        return;
    }
    count_end(t, all->counters);
    emit_transaction(all->emit, t->conn->binding, t->conn, &t->conn->ends, t);
    transaction_free(t);
}

void transaction_drop(struct transaction *t)
{
    pay_back(t);
    counter_add(t->conn->all->counters->transactions_dropped, 1);
    transaction_free(t);
}

void transactions_end_all(struct conn *c)
{
    while (!list_is_empty(&c->transactions))
        transaction_end(LIST_OF(c->transactions.next, struct transaction, in_conn));
}

// ── age ──

// The second after which a transaction that was touched last at `time` is over.
static uint32_t due_second(const struct conn *c, int64_t time)
{
    int64_t due;
    if (__builtin_add_overflow(time, c->binding->common.transaction_timeout, &due))
        due = INT64_MAX;
    uint32_t second = clock_second(due);
    return second < UINT32_MAX ? second + 1 : second;
}

// Time stamps step back, by more than any time-out where a ring was read twice. What came with such
// a stamp still came now: in the present second, which is the same in all workers.
static int64_t came_at(const struct conn *c)
{
    int64_t second = c->all->now - c->all->now % SECOND;
    return c->arrival.time > second ? c->arrival.time : second;
}

static void age(struct conns *all, struct transaction *t)
{
    const struct message *m = t->message;
    int64_t last = m[CLIENT].last > m[SERVER].last ? m[CLIENT].last : m[SERVER].last;
    uint32_t due = due_second(t->conn, t->patient ? all->now : last);
    if (due > clock_second(all->now))
        wheel_set(&all->wheel, &t->timer, due);
    else
        transaction_end(t);
}

void transactions_age(struct conns *all)
{
    struct timer *due;
    wheel_advance(&all->wheel, clock_second(all->now));
    while ((due = wheel_due(&all->wheel)))
        age(all, LIST_OF(due, struct transaction, timer));
}

// ── a new one ──

static void evict(struct conns *all, struct transaction *oldest)
{
    counter_add(all->counters->transactions_evicted, 1);
    transaction_end(oldest);
}

static void make_room(struct conn *c)
{
    struct conns *all = c->all;
    if (c->transaction_count >= all->settings.transactions_a_conn)
        evict(all, LIST_OF(c->transactions.next, struct transaction, in_conn));
    if (all->transaction_count >= all->settings.transactions)
        evict(all, LIST_OF(all->transactions.next, struct transaction, in_all));
}

// All but its place among the transactions of its conn.
static struct transaction *transaction_new(struct conn *c, uint64_t number)
{
    struct conns *all = c->all;
    size_t size = size_of(c);
    assert(size <= TRANSACTION_LARGEST);
    make_room(c);
    struct transaction *t = sizes_take(&all->sizes, size);
    assert(t); // there is a block for each
    memset(t, 0, size);
    t->conn = c;
    t->number = number;
    t->state = t + 1;
    pay(t);
    store_init(&t->store, &all->blocks, (uint32_t)all->settings.transaction_bytes);
    hash_insert(bucket(all, c, number), t);
    list_append(&all->transactions, &t->in_all);
    wheel_set(&all->wheel, &t->timer, due_second(c, came_at(c)));
    all->transaction_count++;
    c->transaction_count++;
    counter_add(all->counters->transactions_opened, 1);
    counter_add(all->counters->transactions_now, 1);
    return t;
}

struct transaction *transaction_open(struct conn *c, uint64_t number)
{
    struct transaction *t = transaction_new(c, number);
    list_append(&c->transactions, &t->in_conn);
    return t;
}

struct transaction *transaction_unasked(struct conn *c, uint64_t number)
{
    struct transaction *t = transaction_new(c, number);
    t->unasked = t->asked = true;
    if (t->unpaid)
        t->store.ceiling = 0; // it will not be published
    list_prepend(&c->transactions, &t->in_conn);
    return t;
}

// ── which one ──

struct transaction *transaction_asking(struct conn *c)
{
    if (list_is_empty(&c->transactions))
        return NULL;
    struct transaction *newest = LIST_OF(c->transactions.prev, struct transaction, in_conn);
    return newest->asked ? NULL : newest;
}

struct transaction *transaction_answering(struct conn *c)
{
    for (struct list *l = c->transactions.next; l != &c->transactions; l = l->next) {
        struct transaction *t = LIST_OF(l, struct transaction, in_conn);
        if (!t->answered)
            return t;
    }
    return NULL;
}

struct transaction *transaction_find(struct conn *c, uint64_t number)
{
    struct transaction *oldest = NULL; // the bucket holds the newest first
    if (!c->transaction_count)
        return NULL;
    for (struct transaction *t = *bucket(c->all, c, number); t; t = t->same_hash)
        if (t->conn == c && t->number == number)
            oldest = t;
    return oldest;
}

// ── what becomes of it ──

void transaction_asked(struct transaction *t)
{
    t->asked = true;
    if (t->answered)
        transaction_end(t);
}

void transaction_answered(struct transaction *t)
{
    t->answered = true;
    if (t->asked)
        transaction_end(t);
}

void transaction_saw(struct transaction *t, enum side from, int64_t first, int64_t last,
                     uint64_t bytes)
{
    struct message *m = &t->message[from];
    if (!m->first)
        m->first = first;
    m->last = last;
    m->bytes += bytes;
}

void transaction_note(struct transaction *t, struct span text)
{
    for (int i = 0; i < t->notes; i++)
        if (span_is(t->note[i], text))
            return;
    if (t->notes < TRANSACTION_NOTES)
        t->note[t->notes++] = text;
}

struct span transaction_keep(struct transaction *t, struct span bytes)
{
    struct span kept = store_copy(&t->store, bytes);
    if (kept.len < bytes.len)
        counter_add(t->conn->all->counters->transaction_cut_bytes, bytes.len - kept.len);
    return kept;
}

void *transaction_alloc(struct transaction *t, size_t size)
{
    void *place = store_alloc(&t->store, size);
    if (!place)
        counter_add(t->conn->all->counters->transaction_cut_bytes, size);
    return place;
}

bool transaction_append(struct transaction *t, struct chain *to, struct span bytes)
{
    uint32_t lost = to->lost;
    bool kept = chain_add(to, &t->store, bytes);
    counter_add(t->conn->all->counters->transaction_cut_bytes, to->lost - lost);
    return kept;
}
