// SPDX-License-Identifier: Apache-2.0
// Conversations: from in-order bytes to calls into a protocol and back. Keeps what a protocol did
// not finish with, carries out its verbs when its call returns, and ends it. Knows no flow table
// and no stream.

#include <assert.h>
#include <stdlib.h>

#include "pipeline/base/hash.h"
#include "probe/conns.h"

const struct setting conns_settings[] = {
    {"conns", SETTING_NUMBER, offsetof(struct conns_settings, conns), "65536", 16, 1 << 24,
     .meaning = "Conversations followed by a protocol at once, in each worker"},
    {"transactions", SETTING_NUMBER, offsetof(struct conns_settings, transactions), "65536", 16,
     1 << 24, .meaning = "Transactions open at once, in each worker"},
    {"transactions_per_conn", SETTING_NUMBER, offsetof(struct conns_settings, transactions_a_conn),
     "4096", 2, 1 << 20, .meaning = "Questions that may wait in one conversation"},
    {"transaction_bytes", SETTING_BYTES, offsetof(struct conns_settings, transaction_bytes),
     "11MiB", 4096, 1 << 30, .meaning = "Bytes kept for one transaction (texts, headers, bodies)"},
    {"kept_bytes", SETTING_BYTES, offsetof(struct conns_settings, kept_bytes), "1MiB", 4096,
     2 << 20, .meaning = "Unread bytes kept for one side of a conversation"},
    {"kept_bytes_all", SETTING_BYTES, offsetof(struct conns_settings, kept_bytes_all), "64MiB",
     1 << 20, INT64_C(1) << 36,
     .meaning = "Bytes kept for unread data and for transactions, in each worker"},
    {"remembered", SETTING_NUMBER, offsetof(struct conns_settings, remembered), "1024", 1, 1 << 20,
     .meaning = "Prepared statements and the like remembered in one conversation"},
    SETTING_END};

// ── blocks of a few sizes ──

static unsigned size_class(size_t size)
{
    unsigned bits = SIZE_SMALLEST;
    while (((size_t)1 << bits) < size)
        bits++;
    return bits - SIZE_SMALLEST;
}

size_t sizes_room(size_t size)
{
    return (size_t)1 << (size_class(size) + SIZE_SMALLEST);
}

void *sizes_take(struct sizes *s, size_t size)
{
    unsigned class = size_class(size);
    return class > SIZE_LARGEST - SIZE_SMALLEST ? NULL : pool_take(&s->pool[class]);
}

void sizes_give(struct sizes *s, void *block, size_t size)
{
    pool_give(&s->pool[size_class(size)], block);
}

// Small classes may hold every conn and transaction at its ceiling; large ones share what may be
// kept.
static bool sizes_init(struct sizes *s, const struct conns_settings *settings)
{
    int64_t things = settings->conns + settings->transactions + settings->remembered;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++) {
        int64_t size = INT64_C(1) << (i + SIZE_SMALLEST);
        int64_t ceiling = settings->kept_bytes_all / size + 2;
        if (size <= 4096)
            ceiling += things;
        if (!pool_init(&s->pool[i], (size_t)size, (uint32_t)ceiling))
            return false;
    }
    return true;
}

// ── all conns of a worker ──

static bool conns_reserve(struct conns *all)
{
    const struct conns_settings *s = &all->settings;
    uint32_t buckets = 64;
    while (buckets < s->transactions)
        buckets *= 2;
    all->hash_mask = buckets - 1;
    all->transaction_hash = calloc(buckets, sizeof(*all->transaction_hash));
    all->memory_hash = calloc(buckets, sizeof(*all->memory_hash));
    return all->transaction_hash && all->memory_hash && sizes_init(&all->sizes, s) &&
           pool_init(&all->blocks, CHAIN_BLOCK, (uint32_t)(s->kept_bytes_all / CHAIN_BLOCK + 64)) &&
           arena_init(&all->scratch, 1 << 20);
}

struct conns *conns_new(const struct conns_settings *settings, struct emit *emit, uint64_t seed,
                        struct counters *counters, struct error *why)
{
    struct conns *all = calloc(1, sizeof(*all));
    if (!all) {
        error_set(why, "out of memory");
        return NULL;
    }
    all->settings = *settings;
    all->emit = emit;
    all->seed = seed;
    all->counters = counters;
    list_init(&all->conns);
    list_init(&all->transactions);
    wheel_init(&all->wheel);
    if (conns_reserve(all))
        return all;
    conns_free(all);
    error_set(why, "cannot reserve memory for conversations: lower limits.kept_bytes_all or "
                   "limits.transactions");
    return NULL;
}

void conns_free(struct conns *all)
{
    if (!all)
        return;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++)
        pool_free(&all->sizes.pool[i]);
    pool_free(&all->blocks);
    arena_free(&all->scratch);
    free(all->transaction_hash);
    free(all->memory_hash);
    free(all);
}

void conns_offer(struct conns *all, const struct binding *const *bindings, int count)
{
    all->offered = bindings;
    all->offered_count = count;
}

const struct binding *conns_detect(const struct conns *all, enum transport transport,
                                   struct span first, enum side from)
{
    for (int i = 0; i < all->offered_count; i++) {
        const struct protocol *p = all->offered[i]->protocol;
        if ((p->transports & transport) && p->looks_like && p->looks_like(first, from))
            return all->offered[i];
    }
    return NULL;
}

static const struct binding *offered_by_name(const struct conns *all, const char *name)
{
    for (int i = 0; i < all->offered_count; i++)
        if (!strcmp(all->offered[i]->protocol->name, name))
            return all->offered[i];
    return NULL;
}

// ── the face towards protocols ──

const struct endpoints *conn_ends(const struct conn *c)
{
    return &c->ends;
}

bool conn_is_datagram(const struct conn *c)
{
    return c->ends.protocol != 6;
}

bool conn_joined_late(const struct conn *c)
{
    return c->joined_late;
}

bool conn_is_compat(const struct conn *c)
{
    return c->binding->compat;
}

void *conn_state(struct conn *c)
{
    return c->state;
}

const void *conn_settings(const struct conn *c)
{
    return c->binding->settings;
}

const struct common_settings *conn_common(const struct conn *c)
{
    return &c->binding->common;
}

struct counters *conn_counters(struct conn *c)
{
    return c->all->counters;
}

uint8_t conn_icmp_type(const struct conn *c)
{
    return c->arrival.icmp_type;
}

uint8_t conn_icmp_code(const struct conn *c)
{
    return c->arrival.icmp_code;
}

int64_t conn_time(const struct conn *c, enum side from, uint32_t offset)
{
    (void)from; // the bytes in hand are of one side only
    int64_t time = c->arrival.time;
    for (uint32_t i = 0; i < c->marks && c->mark[i].offset <= offset; i++)
        time = c->mark[i].time;
    return time;
}

int64_t conn_now(const struct conn *c)
{
    return c->all->now;
}

uint32_t conn_cut(const struct conn *c)
{
    return c->arrival.cut;
}

struct arena *conn_scratch(struct conn *c)
{
    return &c->all->scratch;
}

void conn_done(struct conn *c)
{
    c->done = 1;
}

void conn_give_up(struct conn *c)
{
    c->done = c->given_up = 1;
}

void conn_turn(struct conn *c)
{
    c->turn = !c->turn;
}

void conn_become(struct conn *c, const char *protocol)
{
    c->become = 1;
    c->next = *protocol ? offered_by_name(c->all, protocol) : NULL;
    if (*protocol && !c->next)
        c->done = 1;
}

static void inner_ended(void *owner, struct conn *c, enum ending how)
{
    (void)c, (void)how;
    ((struct conn *)owner)->inner = NULL;
}

void conn_inner(struct conn *c, enum side from, struct span data)
{
    if (!c->inner) {
        const struct binding *binding = conns_detect(c->all, OVER_TCP, data, from);
        if (!binding)
            return;
        c->inner = conn_open(c->all, binding, &c->ends, c->joined_late, inner_ended, c);
        c->inner->outer = c;
    }
    conn_feed(c->inner, from, data, &c->arrival);
}

// ── unread bytes ──

static void tail_free(struct conn *c, enum side from)
{
    struct tail *t = c->tail[from];
    if (!t)
        return;
    c->all->kept -= t->room;
    counter_add(c->all->counters->conn_kept_bytes, -(int64_t)t->room);
    sizes_give(&c->all->sizes, t, t->room);
    c->tail[from] = NULL;
}

// A tail with room for `len` bytes, holding what the old one held; NULL at a ceiling.
static struct tail *tail_grow(struct conn *c, enum side from, size_t len)
{
    struct tail *old = c->tail[from];
    size_t size = sizeof(struct tail) + len;
    if (old && old->room >= size)
        return old;
    size_t room = sizes_room(size);
    if (len > (size_t)c->all->settings.kept_bytes ||
        c->all->kept + room > (uint64_t)c->all->settings.kept_bytes_all)
        return NULL;
    struct tail *t = sizes_take(&c->all->sizes, size);
    if (!t)
        return NULL;
    if (old) {
        memcpy(t, old, sizeof(*old) + old->len);
        tail_free(c, from);
    } else {
        t->len = t->seen = t->marks = 0;
    }
    t->room = (uint32_t)room;
    c->all->kept += room;
    counter_add(c->all->counters->conn_kept_bytes, room);
    return c->tail[from] = t;
}

// Notes when the bytes from `offset` on came. When the marks are used up the newest but one goes:
// the first and the last byte of a message keep their times.
static void tail_mark(struct tail *t, uint32_t offset, int64_t time)
{
    if (t->marks && t->mark[t->marks - 1].time == time)
        return;
    if (t->marks == CONN_MARKS)
        t->mark[CONN_MARKS - 1] = (struct mark){offset, time};
    else
        t->mark[t->marks++] = (struct mark){offset, time};
}

static bool tail_add(struct conn *c, enum side from, struct span data, int64_t time)
{
    uint32_t len = c->tail[from] ? c->tail[from]->len : 0;
    struct tail *t = tail_grow(c, from, len + data.len);
    if (!t)
        return false;
    memcpy(t->bytes + len, data.at, data.len);
    tail_mark(t, len, time);
    t->len = len + (uint32_t)data.len;
    return true;
}

// Drops the first `done` bytes.
static void tail_cut(struct conn *c, enum side from, uint32_t done)
{
    struct tail *t = c->tail[from];
    if (done == t->len) {
        tail_free(c, from);
        return;
    }
    t->seen = t->len - done;
    if (!done)
        return;
    memmove(t->bytes, t->bytes + done, t->len - done);
    t->len -= done;
    uint32_t first = 0;
    while (first + 1 < t->marks && t->mark[first + 1].offset <= done)
        first++;
    t->marks -= first;
    memmove(t->mark, t->mark + first, t->marks * sizeof(t->mark[0]));
    for (uint32_t i = 0; i < t->marks; i++)
        t->mark[i].offset = t->mark[i].offset > done ? t->mark[i].offset - done : 0;
}

// ── life ──

static void conn_unlink(struct conn *c)
{
    struct conns *all = c->all;
    tail_free(c, CLIENT);
    tail_free(c, SERVER);
    if (c->memory_count)
        memories_free(c);
    list_remove(&c->in_all);
    all->conn_count--;
    counter_add(all->counters->conns_now, -1);
    sizes_give(&all->sizes, c, c->size);
}

// Tells the protocol that a side is finished, once.
static void conn_tell_end(struct conn *c, enum side side, enum ending how)
{
    if (c->half_ended >> side & 1)
        return;
    c->half_ended = (c->half_ended | (side == CLIENT ? 1u : 2u)) & 3u;
    if (c->binding->protocol->end && !c->done) {
        c->calls++;
        c->binding->protocol->end(c, side, how);
        c->calls--;
    }
}

static void conn_close(struct conn *c, enum ending how)
{
    if (c->given_up)
        counter_add(c->all->counters->conns_given_up, 1);
    if (c->inner)
        conn_end(c->inner, how);
    conn_tell_end(c, CLIENT, how);
    conn_tell_end(c, SERVER, how);
    transactions_end_all(c);
}

// Ends a conn of its own accord: the owner is told.
static void conn_leave(struct conn *c, enum ending how)
{
    conn_close(c, how);
    if (c->ended)
        c->ended(c->owner, c, how);
    conn_unlink(c);
}

void conn_end(struct conn *c, enum ending how)
{
    conn_close(c, how);
    conn_unlink(c);
}

void conn_release(struct conn *c)
{
    assert(!c->transaction_count);
    conn_unlink(c);
}

bool conn_is_waiting(const struct conn *c)
{
    return c->transaction_count || c->tail[CLIENT] || c->tail[SERVER] || c->inner;
}

// Makes room by ending the conn that was quiet longest: a second chance for who was used since.
static void conns_evict(struct conns *all)
{
    for (uint32_t tries = 2 * all->conn_count; tries > 1; tries--) {
        struct conn *c = LIST_OF(all->conns.next, struct conn, in_all);
        if (!c->used && !c->calls)
            break;
        c->used = 0;
        list_remove(&c->in_all);
        list_append(&all->conns, &c->in_all);
    }
    counter_add(all->counters->conns_evicted, 1);
    conn_leave(LIST_OF(all->conns.next, struct conn, in_all), ENDED_EVICTED);
}

struct conn *conn_open(struct conns *all, const struct binding *binding,
                       const struct endpoints *ends, bool joined_late, conn_ended *ended,
                       void *owner)
{
    size_t size = sizeof(struct conn) + binding->protocol->conn_size;
    struct conn *c;
    while (all->conn_count >= all->settings.conns || !(c = sizes_take(&all->sizes, size)))
        conns_evict(all);
    memset(c, 0, size);
    c->all = all;
    c->binding = binding;
    c->ends = *ends;
    c->ended = ended;
    c->owner = owner;
    c->joined_late = joined_late;
    c->size = size;
    list_init(&c->transactions);
    list_init(&c->memories);
    list_append(&all->conns, &c->in_all);
    all->conn_count++;
    counter_add(all->counters->conns_opened, 1);
    counter_add(all->counters->conns_now, 1);
    return c;
}

// The protocol changes from the next byte on. The state of the new one takes the place of the old,
// or the conn ends when it does not fit or nobody is found.
static bool conn_change(struct conn *c, enum side from, struct span rest)
{
    const struct binding *next = c->next ? c->next : conns_detect(c->all, OVER_TCP, rest, from);
    c->become = 0;
    transactions_end_all(c);
    if (!next || sizeof(*c) + next->protocol->conn_size > sizes_room(c->size)) {
        c->done = 1;
        return false;
    }
    c->binding = next;
    memset(c->state, 0, next->protocol->conn_size);
    return true;
}

// One call of feed on what is in hand; how many bytes are done with.
static uint32_t conn_call(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    arena_reset(&c->all->scratch);
    c->calls++;
    uint32_t done = c->binding->protocol->feed(c, from, data, seen);
    c->calls--;
    assert(done <= data.len);
    if (c->become && done < data.len) {
        if (!conn_change(c, from, span_skip(data, done)))
            return (uint32_t)data.len;
        c->calls++;
        done += c->binding->protocol->feed(c, from, span_skip(data, done), 0);
        c->calls--;
    }
    return c->done ? (uint32_t)data.len : done;
}

static bool feed_view(struct conn *c, enum side from, struct span data)
{
    struct mark mark = {0, c->arrival.time};
    c->mark = &mark;
    c->marks = 1;
    uint32_t done = conn_call(c, from, data, 0);
    c->marks = 0;
    if (done == data.len)
        return true;
    if (conn_is_datagram(c)) {
        counter_add(c->all->counters->conn_trailing_bytes, data.len - done);
        return true;
    }
    if (!tail_add(c, from, span_skip(data, done), c->arrival.time))
        return false;
    c->tail[from]->seen = c->tail[from]->len;
    return true;
}

// Shows the kept bytes of a side, of which `seen` were shown before.
static void feed_kept(struct conn *c, enum side from, uint32_t seen)
{
    struct tail *t = c->tail[from];
    c->mark = t->mark;
    c->marks = t->marks;
    uint32_t done = conn_call(c, from, span_of(t->bytes, t->len), seen);
    c->marks = 0;
    tail_cut(c, from, done);
}

static bool feed_tail(struct conn *c, enum side from, struct span data)
{
    if (!tail_add(c, from, data, c->arrival.time))
        return false;
    feed_kept(c, from, c->tail[from]->seen);
    return true;
}

// The flow's name for a side, as this conn has it: they differ once it was turned.
static enum side side_here(const struct conn *c, enum side from)
{
    return c->turned ? side_other(from) : from;
}

static void turn_ends(struct conn *c)
{
    struct endpoints e = c->ends;
    struct tail *t = c->tail[CLIENT];
    for (int side = CLIENT; side <= SERVER; side++) {
        c->ends.ip[side] = e.ip[!side];
        c->ends.port[side] = e.port[!side];
        c->ends.icmp_type[side] = e.icmp_type[!side];
        c->ends.icmp_seen[side] = e.icmp_seen[!side];
    }
    c->tail[CLIENT] = c->tail[SERVER];
    c->tail[SERVER] = t;
    c->half_ended = (c->half_ended >> 1 | c->half_ended << 1) & 3u;
    c->turned = !c->turned;
}

// Carries out what the protocol asked for in its call about a side's bytes. What it left unread is
// shown again at once when the sides were turned. False: the conn is gone.
static bool conn_obey(struct conn *c, enum side from)
{
    if (c->turn) {
        c->turn = 0;
        turn_ends(c);
        from = side_other(from);
        struct tail *t = c->tail[from];
        if (t && !c->done)
            feed_kept(c, from, 0);
        c->turn = 0; // once is enough
    }
    if (!c->done)
        return true;
    conn_leave(c, ENDED_DONE);
    return false;
}

bool conn_feed(struct conn *c, enum side from, struct span data, const struct arrival *arrival)
{
    c->used = 1;
    from = side_here(c, from);
    c->arrival = *arrival;
    if (arrival->time > c->all->now)
        c->all->now = arrival->time;
    bool room = c->tail[from] ? feed_tail(c, from, data) : feed_view(c, from, data);
    if (!room) {
        counter_add(c->all->counters->conn_kept_ceiling, 1);
        conn_leave(c, ENDED_GAP);
        return false;
    }
    return conn_obey(c, from);
}

bool conn_gap(struct conn *c, enum side from, uint32_t missing, int64_t time)
{
    c->used = 1;
    from = side_here(c, from);
    c->arrival = (struct arrival){.time = time};
    tail_free(c, from);
    if (!c->binding->protocol->gap) {
        conn_leave(c, ENDED_GAP);
        return false;
    }
    arena_reset(&c->all->scratch);
    c->calls++;
    c->binding->protocol->gap(c, from, missing);
    c->calls--;
    return conn_obey(c, from);
}

bool conn_half_end(struct conn *c, enum side from, enum ending how, int64_t time)
{
    c->used = 1;
    from = side_here(c, from);
    c->arrival = (struct arrival){.time = time};
    arena_reset(&c->all->scratch);
    conn_tell_end(c, from, how);
    if (c->half_ended == 3) {
        conn_leave(c, how);
        return false;
    }
    return conn_obey(c, from);
}

static void age_transaction(struct conns *all, struct transaction *t)
{
    int64_t seen = t->message[CLIENT].last > t->message[SERVER].last ? t->message[CLIENT].last
                                                                     : t->message[SERVER].last;
    int64_t due = seen + t->conn->binding->common.transaction_timeout;
    if (due > all->now)
        wheel_set(&all->wheel, &t->timer, clock_second(due) + 1);
    else
        transaction_end(t);
}

void conns_age(struct conns *all, int64_t now)
{
    all->now = now;
    wheel_advance(&all->wheel, clock_second(now));
    struct timer *due;
    while ((due = wheel_due(&all->wheel)))
        age_transaction(all, LIST_OF(due, struct transaction, timer));
}

void conns_end_all(struct conns *all, enum ending how)
{
    while (!list_is_empty(&all->conns))
        conn_leave(LIST_OF(all->conns.next, struct conn, in_all), how);
    wheel_restart(&all->wheel, 0);
    all->now = 0;
}
