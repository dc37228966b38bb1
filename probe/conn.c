// SPDX-License-Identifier: Apache-2.0
// Conversations: from in-order bytes to calls into a protocol and back. Shows again what a protocol
// did not finish with, carries out its verbs when its call returns, and ends it. Knows no flow
// table and no stream.

#include <assert.h>

#include "probe/conns.h"
#include "probe/packet.h"

enum {
    CHANGES = 4,        // of the protocol within one feed
    DETECT_ENOUGH = 16, // bytes that nobody recognises: nobody will
    DEPTH = 8,          // conns inside each other
};
_Static_assert(DEPTH < 16, "fewer can be called at once than the least ceiling of conns");

// ── the face towards protocols ──

const struct endpoints *conn_ends(const struct conn *c)
{
    return &c->ends;
}

bool conn_is_datagram(const struct conn *c)
{
    return c->ends.protocol != PROTO_TCP;
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
    for (uint32_t i = 0; i < c->marks && c->mark[i].offset <= c->begin + offset; i++)
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
    c->next = *protocol ? conns_offered(c->all, protocol) : NULL;
    if (conn_is_compat(c) || (*protocol && !c->next))
        c->done = 1;
}

static enum transport transport_of(const struct conn *c)
{
    return c->ends.protocol == PROTO_TCP   ? OVER_TCP
           : c->ends.protocol == PROTO_UDP ? OVER_UDP
                                           : OVER_ICMP;
}

static void inner_ended(void *owner, struct conn *inner, enum ending how)
{
    struct conn *c = owner;
    (void)inner;
    c->inner = NULL;
    c->inner_late = 1;
    c->inner_over = how != ENDED_GAP && how != ENDED_EVICTED;
}

void conn_inner(struct conn *c, enum side from, struct span data)
{
    if (!c->inner && !c->inner_over && !c->closing && c->depth < DEPTH) {
        const struct binding *b = conns_detect(c->all, transport_of(c), data, from);
        if (!b)
            return;
        bool late = c->joined_late || c->inner_late;
        c->inner = conn_open(c->all, b, &c->ends, late, inner_ended, c);
        c->inner->depth = (uint8_t)(c->depth + 1);
    }
    if (c->inner)
        conn_feed(c->inner, from, data, &c->arrival);
}

// ── life ──

struct conn *conn_open(struct conns *all, const struct binding *binding,
                       const struct endpoints *ends, bool joined_late, conn_ended *ended,
                       void *owner)
{
    uint32_t state_size = (uint32_t)binding->protocol->conn_size;
    uint32_t size = (uint32_t)sizeof(struct conn) + state_size;
    assert(size <= CONN_LARGEST);
    if (all->conn_count >= all->settings.conns)
        conns_evict(all);
    struct conn *c = sizes_take(&all->sizes, size);
    assert(c); // there is a block for each
    memset(c, 0, size);
    c->all = all;
    c->binding = binding;
    c->ends = *ends;
    c->ended = ended;
    c->owner = owner;
    c->joined_late = joined_late;
    c->size = size;
    c->state = c->place;
    c->state_size = state_size;
    list_init(&c->transactions);
    list_init(&c->memories);
    list_append(&all->conns, &c->in_all);
    all->conn_count++;
    counter_add(all->counters->conns_opened, 1);
    counter_add(all->counters->conns_now, 1);
    return c;
}

static void state_free(struct conn *c)
{
    if (c->state != c->place)
        sizes_give(&c->all->sizes, c->state, c->state_size);
}

static void conn_free(struct conn *c)
{
    struct conns *all = c->all;
    tail_free(c, CLIENT);
    tail_free(c, SERVER);
    if (c->memory_count)
        memories_free(c);
    state_free(c);
    list_remove(&c->in_all);
    all->conn_count--;
    counter_add(all->counters->conns_now, -1);
    sizes_give(&all->sizes, c, c->size);
}

// Around each call into a protocol. Scratch is void when the outermost call begins.
static void call_begins(struct conn *c)
{
    if (!c->all->calls++)
        arena_reset(&c->all->scratch);
    c->calls++;
}

static void call_ends(struct conn *c)
{
    c->all->calls--;
    c->calls--;
}

// True if nobody wants to hear: it said so, or the next protocol has not begun.
static bool is_deaf(const struct conn *c)
{
    return c->done || c->become;
}

// Tells the protocol, and the conn inside, that a side is finished, once.
static void tell_end(struct conn *c, enum side side, enum ending how)
{
    unsigned bit = 1U << side;
    if (c->half_ended & bit)
        return;
    c->half_ended = (c->half_ended | bit) & 3U;
    call_begins(c);
    if (c->binding->protocol->end && !is_deaf(c))
        c->binding->protocol->end(c, side, how);
    if (c->inner)
        conn_half_end(c->inner, side, how, c->arrival.time);
    call_ends(c);
}

// The last words: of the protocol, of the conn inside, of open transactions.
static void conn_close(struct conn *c, enum ending how)
{
    assert(!c->closing);
    c->closing = 1;
    c->calls++; // for good
    tell_end(c, CLIENT, how);
    tell_end(c, SERVER, how);
    if (c->inner)
        conn_leave(c->inner, how);
    transactions_end_all(c);
    if (c->given_up)
        counter_add(c->all->counters->conns_given_up, 1);
}

void conn_leave(struct conn *c, enum ending how)
{
    conn_close(c, how);
    if (c->ended)
        c->ended(c->owner, c, how);
    conn_free(c);
}

void conn_end(struct conn *c, enum ending how)
{
    conn_close(c, how);
    conn_free(c);
}

bool conn_is_waiting(const struct conn *c)
{
    return c->transaction_count || c->memory_count || c->tail[CLIENT] || c->tail[SERVER] ||
           c->inner;
}

void conn_release(struct conn *c)
{
    assert(!c->transaction_count && !c->inner);
    conn_free(c);
}

// ── another protocol from here on ──

// Zeroed state of another size. False: no room.
static bool state_renew(struct conn *c, size_t size)
{
    size_t room =
        c->state == c->place ? sizes_room(c->size) - sizeof *c : sizes_room(c->state_size);
    if (size > room) {
        void *larger = sizes_take(&c->all->sizes, size);
        if (!larger)
            return false;
        state_free(c);
        c->state = larger;
        c->state_size = (uint32_t)size;
    }
    memset(c->state, 0, size);
    return true;
}

static void show_again(struct tail *t)
{
    if (t)
        t->seen = 0;
}

// The protocol that conn_become asked for takes over before `rest`. False: nobody is known yet, or,
// when the conn is done, at all.
static bool change(struct conn *c, enum side from, struct span rest)
{
    const struct binding *next = c->next;
    if (!next)
        next = conns_detect(c->all, transport_of(c), rest, from);
    if (!next && rest.len < DETECT_ENOUGH && !conn_is_datagram(c))
        return false;
    transactions_end_all(c);
    c->become = 0;
    if (!next || !state_renew(c, next->protocol->conn_size)) {
        c->done = 1;
        return false;
    }
    c->binding = next;
    show_again(c->tail[side_other(from)]);
    return true;
}

// ── feeding ──

static uint32_t call_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    call_begins(c);
    uint32_t done = c->binding->protocol->feed(c, from, data, seen);
    call_ends(c);
    assert(done <= data.len);
    return done;
}

// Shows what is in hand to the protocol and to those it becomes; how many bytes are done with.
static uint32_t show(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    uint32_t done = 0;
    for (int changes = 0; !c->done; changes++) {
        if (c->become) {
            if (!change(c, from, span_skip(data, done)))
                break;
            seen = 0;
        }
        c->begin = done;
        done += call_feed(c, from, span_skip(data, done), seen);
        if (!c->become || done == data.len)
            break;
        if (changes == CHANGES)
            conn_give_up(c);
    }
    c->begin = 0;
    return c->done ? (uint32_t)data.len : done;
}

// Straight from the packet; what stays unread is kept, or, of a datagram, counted. False: no room.
static bool feed_view(struct conn *c, enum side from, struct span data)
{
    uint32_t done = show(c, from, data, 0);
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

static void feed_tail(struct conn *c, enum side from)
{
    struct tail *t = c->tail[from];
    c->mark = t->mark;
    c->marks = t->marks;
    uint32_t done = show(c, from, span_of(t->bytes, t->len), t->seen);
    c->marks = 0;
    tail_cut(c, from, done);
}

// Feeds what came, behind what is unread: as much of it as the ceiling leaves room for, which is
// cut off. False: no room.
static bool feed_some(struct conn *c, enum side from, struct span *data)
{
    struct span some = *data;
    if (!c->tail[from]) {
        *data = span_of(NULL, 0);
        return feed_view(c, from, some);
    }
    some = span_first(some, (size_t)c->all->settings.kept_bytes - c->tail[from]->len);
    *data = span_skip(*data, some.len);
    if (!some.len || !tail_add(c, from, some, c->arrival.time))
        return false;
    feed_tail(c, from);
    return true;
}

// ── turned sides ──

// The flow's name for a side, as this conn has it: they differ once it was turned.
static enum side side_here(const struct conn *c, enum side from)
{
    return c->turned ? side_other(from) : from;
}

static void turn_sides(struct conn *c)
{
    struct endpoints e = c->ends;
    struct tail *t = c->tail[CLIENT];
    for (int side = CLIENT; side <= SERVER; side++) {
        c->ends.ip[side] = e.ip[!side];
        c->ends.port[side] = e.port[!side];
        c->ends.direction[side] = e.direction[!side];
        c->ends.icmp_type[side] = e.icmp_type[!side];
        c->ends.icmp_seen[side] = e.icmp_seen[!side];
    }
    c->tail[CLIENT] = c->tail[SERVER];
    c->tail[SERVER] = t;
    c->half_ended = (c->half_ended >> 1 | c->half_ended << 1) & 3U;
    c->turned = !c->turned;
}

// ── the face towards the flow ──

static void arrive(struct conn *c, const struct arrival *arrival)
{
    c->used = 1;
    c->arrival = *arrival;
    if (arrival->time > c->all->now)
        c->all->now = arrival->time;
}

// Carries out what the protocol asked for in a call about a side, as the flow names it. What it
// left unread is shown again at once when the sides were turned. False: the conn is gone.
static bool obey(struct conn *c, enum side from)
{
    if (c->turn) {
        turn_sides(c);
        struct tail *t = c->tail[side_here(c, from)];
        show_again(t);
        if (t && !c->done)
            feed_tail(c, side_here(c, from));
        c->turn = 0; // once is enough
    }
    if (!c->done)
        return true;
    conn_leave(c, ENDED_DONE);
    return false;
}

bool conn_feed(struct conn *c, enum side from, struct span data, const struct arrival *arrival)
{
    arrive(c, arrival);
    if (!c->depth)
        transactions_allow(c->all, c->all->settings.halves_a_packet);
    do {
        if (!feed_some(c, side_here(c, from), &data)) {
            counter_add(c->all->counters->conn_kept_ceiling, 1);
            conn_leave(c, ENDED_GAP);
            return false;
        }
        if (!obey(c, from))
            return false;
    } while (data.len);
    return true;
}

bool conn_gap(struct conn *c, enum side from, uint32_t missing, int64_t time)
{
    arrive(c, &(struct arrival){.time = time});
    tail_free(c, side_here(c, from));
    if (is_deaf(c))
        return true;
    if (!c->binding->protocol->gap) {
        conn_leave(c, ENDED_GAP);
        return false;
    }
    call_begins(c);
    c->binding->protocol->gap(c, side_here(c, from), missing);
    call_ends(c);
    return obey(c, from);
}

bool conn_half_end(struct conn *c, enum side from, enum ending how, int64_t time)
{
    arrive(c, &(struct arrival){.time = time});
    tell_end(c, side_here(c, from), how);
    if (c->half_ended == 3) {
        conn_leave(c, how);
        return false;
    }
    return obey(c, from);
}
