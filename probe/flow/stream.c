// SPDX-License-Identifier: Apache-2.0
// From segments to in-order bytes.

#include "probe/flow/stream.h"

#include "pipeline/base/clock.h"
#include "probe/flow/detect.h"
#include "probe/flow/segment.h"
#include "probe/flow/tcp.h"

#define GRACE_TIME (200 * MILLISECOND)

enum {
    GRACE_PACKETS = 64,    // of the flow; the hole is given up after these or the time above
    RELIEF = 4,            // holes of others given up for the room of one segment
    HOLES_LOOKED_AT = 256, // in one call of streams_age
    BELIEVED = 1 << 20     // bytes that one acknowledgement alone may prove to be missing
};

// A part of a packet that is looking for its place.
struct part {
    uint32_t seq;
    struct span data;
    uint32_t cut;
    uint32_t ack;
    int64_t time;
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t part_len(const struct part *p)
{
    return (uint32_t)p->data.len + p->cut;
}

static void part_skip(struct part *p, uint32_t len)
{
    uint32_t bytes = smaller(len, (uint32_t)p->data.len);
    p->seq += len;
    p->data = span_skip(p->data, bytes);
    p->cut -= len - bytes;
}

// Drops what lies below `seq`.
static void part_trim(struct part *p, uint32_t seq)
{
    int32_t below = tcp_distance(seq, p->seq);
    if (below > 0)
        part_skip(p, smaller((uint32_t)below, part_len(p)));
}

// ── all streams of a worker ──

bool streams_init(struct streams *all, const struct streams_settings *settings, uint32_t flows,
                  struct conns *conns, struct counters *counters)
{
    *all = (struct streams){.settings = *settings, .conns = conns, .counters = counters};
    list_init(&all->with_hole);
    if (!pool_init(&all->streams, sizeof(struct stream), flows + 1) || !segments_init(all)) {
        streams_free(all);
        return false;
    }
    (void)pool_take(&all->streams); // nobody
    return true;
}

void streams_free(struct streams *all)
{
    pool_free(&all->streams);
    segments_free(all);
}

// ── life ──

static bool has_hole(const struct stream_side *me)
{
    return me->first || (me->has_fin && !me->finished);
}

static void release(struct stream *s)
{
    for (unsigned i = 0; i < 2; i++)
        while (s->side[i].first)
            segment_free(s, &s->side[i], segment_unlink_first(&s->side[i]));
    list_remove(&s->with_hole);
    s->flow->stream = NOBODY;
    s->flow->deaf = s->over;
    pool_give(&s->all->streams, s);
}

// True if what follows such an end may be given to a new conn.
static bool may_go_on(enum ending how)
{
    return how == ENDED_GAP || how == ENDED_AGE || how == ENDED_EVICTED;
}

static void conn_is_gone(void *owner, struct conn *c, enum ending how)
{
    struct stream *s = owner;
    (void)c;
    s->conn = NULL;
    s->late = true;
    s->over = s->over || !may_go_on(how);
    if (!s->busy)
        release(s);
}

struct stream *stream_open(struct streams *all, struct flow *flow, const struct binding *binding,
                           const struct packet *p, bool client, bool late)
{
    struct stream *s = pool_take(&all->streams);
    if (!s)
        return NULL;
    *s = (struct stream){.all = all,
                         .flow = flow,
                         .binding = binding,
                         .interface = p->frame->interface,
                         .tunnels = p->tunnels,
                         .client = client,
                         .late = late};
    list_init(&s->with_hole);
    flow->stream = pool_number(&all->streams, s);
    return s;
}

void stream_start(struct stream *s, unsigned side, uint32_t next, bool sure)
{
    struct stream_side *me = &s->side[side];
    me->next = next;
    me->started = me->seen = true;
    me->fixed = sure;
    me->has_acked = me->has_acked && tcp_is_near(me->acked, next);
}

// After all that happens to a stream: it is in the list while it has a hole, and gone when nothing
// is left to be done.
static void settle(struct stream *s, int64_t now)
{
    s->busy = false;
    bool hole = has_hole(&s->side[0]) || has_hole(&s->side[1]),
         listed = !list_is_empty(&s->with_hole);
    if (s->over || (!s->conn && !hole)) {
        release(s);
    } else if (hole && !listed) {
        s->since = now;
        list_append(&s->all->with_hole, &s->with_hole);
    } else if (!hole && listed) {
        list_remove(&s->with_hole);
        s->side[0].graced = s->side[1].graced = 0;
    }
}

// ── to the conn ──

static enum side side_of(const struct stream *s, unsigned side)
{
    return side == s->client ? CLIENT : SERVER;
}

static void open_conn(struct stream *s)
{
    struct endpoints ends = detect_ends(&s->flow->key, s->client);
    ends.interface = s->interface;
    ends.tunnels = s->tunnels;
    s->conn = conn_open(s->all->conns, s->binding, &ends, s->late, conn_is_gone, s);
}

static void deliver(struct stream *s, unsigned side, struct span data, int64_t time)
{
    s->side[side].next += (uint32_t)data.len;
    s->side[side].fixed = true;
    if (s->over || s->side[side].finished || !data.len)
        return;
    if (!s->conn)
        open_conn(s);
    struct arrival arrival = {.time = time};
    conn_feed(s->conn, side_of(s, side), data, &arrival);
}

// What is missing in front of a conn's first bytes it is told too, if it can make anything of it.
static void skip(struct stream *s, unsigned side, uint32_t missing, int64_t time)
{
    if (!missing)
        return;
    s->side[side].next += missing;
    s->side[side].fixed = true;
    s->late = s->late || !s->conn;
    if (s->over || (!s->conn && !s->binding->protocol->gap))
        return;
    if (!s->conn)
        open_conn(s);
    conn_gap(s->conn, side_of(s, side), missing, time);
}

static void finish(struct stream *s, unsigned side, int64_t time)
{
    struct stream_side *me = &s->side[side];
    if (me->finished || !me->has_fin || tcp_distance(me->next, me->fin) < 0)
        return;
    me->finished = true;
    if (s->conn)
        conn_half_end(s->conn, side_of(s, side), ENDED_FIN, time);
    if (!s->side[!side].finished)
        return;
    s->over = true;
    if (s->conn) // it was opened after the other side had finished
        conn_end(s->conn, ENDED_FIN);
    s->conn = NULL;
}

// ── what waits ──

// Bytes of `me` that its peer has, by an acknowledgement of his, and that were not handed on yet.
static uint32_t unseen(const struct stream_side *me, uint32_t ack)
{
    int32_t ahead = tcp_distance(ack, me->next);
    return me->started && !me->finished && ahead > 0 && ahead <= BELIEVED ? (uint32_t)ahead : 0;
}

// True if what was sent with `ack` waits for bytes of the peer. Nobody waits for a side of which
// the capture showed nothing yet.
static bool waits(const struct stream_side *peer, uint32_t ack)
{
    return peer->seen && unseen(peer, ack);
}

static bool is_ready(const struct stream *s, unsigned side)
{
    const struct stream_side *me = &s->side[side], *peer = &s->side[!side];
    const struct segment *first = me->first;
    return first && tcp_distance(first->seq, me->next) <= 0 && !waits(peer, first->ack);
}

// Declares all bytes below `seq` lost.
static void lose(struct stream *s, unsigned side, uint32_t seq, int64_t time)
{
    struct stream_side *me = &s->side[side];
    int32_t missing = tcp_distance(seq, me->next);
    if (missing <= 0)
        return;
    counter_add(s->all->counters->tcp_gaps, 1);
    counter_add(s->all->counters->tcp_gap_bytes, missing);
    me->lost_from = me->next;
    me->lost_to = seq;
    skip(s, side, (uint32_t)missing, time);
}

// Until something of a side is handed on, it begins where its peer saw it.
static void expect(struct stream_side *me, uint32_t ack)
{
    if (me->fixed || ack == me->next || (me->started && tcp_distance(ack, me->next) > 0))
        return;
    me->next = ack;
    me->started = true;
}

// Declares lost what is missing in front of bytes at `seq` that were sent with `ack`: what the peer
// had said by then and is not here, and what the side itself had said. Whether the peer knew of the
// latter nobody can tell.
static void make_way(struct stream *s, unsigned side, uint32_t seq, uint32_t ack, int64_t time)
{
    struct stream_side *peer = &s->side[!side];
    expect(peer, ack);
    uint32_t before = unseen(peer, ack);
    if (before && peer->first)
        before = smaller(before, peer->first->seq - peer->next);
    if (before)
        lose(s, !side, peer->next + before, time);
    lose(s, side, seq, time);
}

static void hand_on_first(struct stream *s, unsigned side)
{
    struct stream_side *me = &s->side[side];
    struct segment *seg = segment_unlink_first(me);
    struct part p = {seg->seq, span_of(seg->bytes, seg->len), seg->cut, seg->ack, seg->time};
    make_way(s, side, p.seq, p.ack, p.time);
    part_trim(&p, me->next);
    deliver(s, side, p.data, p.time);
    skip(s, side, p.cut, p.time);
    segment_free(s, me, seg);
}

// Hands on what has come to be next, each side as far as it does not know more than was handed on
// of the other.
static void drain(struct stream *s)
{
    for (unsigned side = 0, idle = 0; idle < 2; side = !side, idle++)
        while (is_ready(s, side)) {
            hand_on_first(s, side);
            idle = 0;
        }
}

// Where the hole in front ends.
static uint32_t hole_end(const struct stream_side *me)
{
    return me->first ? me->first->seq : me->fin;
}

static int64_t hole_since(const struct stream_side *me)
{
    return me->first ? me->first->time : me->fin_time;
}

// Hands on what has become ready, ends of sides too. Who waited for a FIN goes on behind it.
static void go_on(struct stream *s, int64_t time)
{
    do {
        drain(s);
        finish(s, 0, time);
        finish(s, 1, time);
    } while (is_ready(s, 0) || is_ready(s, 1));
}

// Goes on behind the hole in front of a side that waits.
static void give_up(struct stream *s, unsigned side, int64_t time)
{
    struct stream_side *me = &s->side[side];
    if (me->first)
        hand_on_first(s, side);
    else
        lose(s, side, me->fin, time);
    go_on(s, time);
}

// True if a side waits for the other one: what is in front of it was sent when its sender had what
// is in front of that. Both cannot be; who forges it is cut short.
static bool comes_after(const struct stream *s, unsigned side)
{
    const struct segment *mine = s->side[side].first, *other = s->side[!side].first;
    if (!mine || !other || tcp_distance(mine->ack, other->seq) <= 0)
        return false;
    return !side || tcp_distance(other->ack, mine->seq) <= 0;
}

// The side that waits and goes on first.
static unsigned foremost(const struct stream *s)
{
    return !has_hole(&s->side[0]) || comes_after(s, 0);
}

// True if the peer has all below `end`, and what is missing of it stayed away for the grace.
static bool is_missed(struct stream_side *me, uint32_t end, int64_t now)
{
    if (!me->has_acked || tcp_distance(me->acked, end) < 0)
        return false;
    if (!me->graced || tcp_distance(end, me->graced_to) > 0) {
        me->graced = now;
        me->graced_to = me->acked;
        me->grace = GRACE_PACKETS;
        return false;
    }
    return now - me->graced > GRACE_TIME || !me->grace || !--me->grace;
}

// True if nothing will come any more of what a side waits for.
static bool is_hopeless(struct stream *s, unsigned side, int64_t now)
{
    struct stream_side *me = &s->side[side], *peer = &s->side[!side];
    if (!has_hole(me) || comes_after(s, side))
        return false;
    if (now - hole_since(me) > s->all->settings.timeout)
        return true;
    // Asked both: one grace goes on during the other.
    bool hole = tcp_distance(hole_end(me), me->next) > 0;
    bool missed = !hole || is_missed(me, hole_end(me), now);
    bool waiting = me->first && waits(peer, me->first->ack);
    return (!waiting || is_missed(peer, me->first->ack, now)) && missed;
}

static void check_holes(struct stream *s, int64_t now)
{
    for (unsigned side = 0, idle = 0; idle < 2; side = !side, idle++)
        while (is_hopeless(s, side, now)) {
            give_up(s, side, now);
            idle = 0;
        }
}

// All-worker memory is short: the hole that is open longest elsewhere makes room.
static bool relieve(struct stream *s)
{
    struct list *oldest = s->all->with_hole.next;
    if (oldest == &s->all->with_hole || oldest == &s->with_hole)
        return false;
    struct stream *other = LIST_OF(oldest, struct stream, with_hole);
    if (other->busy)
        return false;
    other->busy = true;
    unsigned side = foremost(other);
    if (other->side[side].first)
        give_up(other, side, hole_since(&other->side[side]));
    list_remove(&other->with_hole); // others are next
    settle(other, other->since);
    return true;
}

static struct segment *segment_get(struct stream *s, struct stream_side *me, uint32_t len)
{
    struct segment *seg = segment_new(s, me, len);
    for (int i = 0; !seg && i < RELIEF && me->waiting + SEGMENT_LARGEST <= s->all->settings.bytes;
         i++)
        if (relieve(s))
            seg = segment_new(s, me, len);
    return seg;
}

// Copies the first `len` bytes of a part (captured ones, then cut ones) behind `after`; the last
// segment it made, or NULL at a ceiling. The part goes on behind what was copied.
static struct segment *store(struct stream *s, struct stream_side *me, struct part *p, uint32_t len,
                             struct segment *after)
{
    while (len) {
        uint32_t bytes = smaller(len, (uint32_t)p->data.len);
        bytes = smaller(bytes, SEGMENT_LARGEST - sizeof(struct segment));
        struct segment *seg = segment_get(s, me, bytes);
        if (!seg)
            return NULL;
        bool whole = bytes == p->data.len;
        seg->seq = p->seq;
        seg->time = p->time;
        seg->ack = p->ack;
        seg->len = bytes;
        seg->cut = whole ? len - bytes : 0;
        if (bytes)
            memcpy(seg->bytes, p->data.at, bytes);
        segment_link(me, after, seg);
        after = seg;
        len -= bytes + seg->cut;
        part_skip(p, bytes + seg->cut);
    }
    return after;
}

// Keeps a part that comes before its turn, but for what is there already. False: no room; the part
// is then what was left over.
static bool keep(struct stream *s, struct stream_side *me, struct part *p)
{
    struct segment *before;
    if (!segment_search(me, p->seq, &before))
        return false;
    for (;;) {
        if (before)
            part_trim(p, before->seq + before->len + before->cut);
        struct segment *behind = before ? before->next : me->first;
        uint32_t room = behind ? behind->seq - p->seq : UINT32_MAX;
        uint32_t len = part_len(p);
        if (!len)
            return true;
        if (room && !store(s, me, p, smaller(len, room), before))
            return false;
        before = behind;
    }
}

// ── segments ──

static bool is_next(const struct stream *s, unsigned side, const struct part *p)
{
    const struct stream_side *me = &s->side[side];
    return p->seq == me->next && !waits(&s->side[!side], p->ack) &&
           (!me->first || me->first->seq != me->next);
}

// Hands on what is next up to where a kept segment begins: that one came first.
static void hand_on(struct stream *s, unsigned side, struct part *p)
{
    struct stream_side *me = &s->side[side];
    make_way(s, side, p->seq, p->ack, p->time);
    uint32_t room = me->first ? me->first->seq - me->next : UINT32_MAX;
    struct span data = span_first(p->data, room);
    uint32_t cut = data.len < p->data.len ? 0 : smaller(p->cut, room - (uint32_t)data.len);
    int64_t time = p->time;
    part_skip(p, (uint32_t)data.len + cut);
    deliver(s, side, data, time);
    skip(s, side, cut, time);
    if (me->first || s->side[!side].first)
        drain(s);
}

// There is no room to wait: what comes before a part is given up one by one, the part last.
static void hurry(struct stream *s, unsigned side, struct part *p)
{
    const struct stream_side *me = &s->side[side], *peer = &s->side[!side];
    bool kept = me->first && tcp_distance(me->first->seq, p->seq) <= 0;
    uint32_t ack = kept ? me->first->ack : p->ack;
    counter_add(s->all->counters->tcp_waiting_ceiling, 1);
    if (peer->first && tcp_distance(ack, peer->first->seq) > 0) {
        give_up(s, !side, p->time);
    } else if (kept) {
        give_up(s, side, p->time);
    } else {
        hand_on(s, side, p);
    }
}

// The usual: it is next, and nothing waits.
static bool is_straight(const struct stream *s, unsigned side, const struct part *p)
{
    const struct stream_side *me = &s->side[side], *peer = &s->side[!side];
    return p->seq == me->next && !me->first && !peer->first && peer->fixed &&
           tcp_distance(p->ack, peer->next) <= 0;
}

static void take_bytes(struct stream *s, unsigned side, struct part p)
{
    struct stream_side *me = &s->side[side];
    uint32_t end = p.seq + part_len(&p);
    if (me->lost_to != me->lost_from && tcp_distance(p.seq, me->lost_from) >= 0 &&
        tcp_distance(end, me->lost_to) <= 0)
        counter_add(s->all->counters->tcp_late, 1);
    if (is_straight(s, side, &p)) {
        deliver(s, side, p.data, p.time);
        skip(s, side, p.cut, p.time);
        return;
    }
    for (;;) {
        part_trim(&p, me->next);
        if (!part_len(&p))
            return;
        if (is_next(s, side, &p))
            hand_on(s, side, &p);
        else if (tcp_is_near(p.seq, me->next) && keep(s, me, &p))
            return;
        else
            hurry(s, side, &p);
    }
}

static void take_ack(struct stream_side *acked, uint32_t ack)
{
    if (acked->started && !tcp_is_near(ack, acked->next))
        return;
    if (!acked->has_acked || tcp_distance(ack, acked->acked) > 0)
        acked->acked = ack;
    acked->has_acked = true;
}

static void take_fin(struct stream_side *me, uint32_t fin, int64_t time)
{
    if (!me->has_fin) {
        me->has_fin = true;
        me->fin = fin;
        me->fin_time = time;
    }
}

// The first segment of a side: it begins there, unless its peer saw it elsewhere.
static void appear(struct stream_side *me, uint32_t seq)
{
    int32_t ahead = tcp_distance(seq, me->next);
    if (!me->started || ahead > BELIEVED || ahead < -BELIEVED)
        me->next = seq;
    me->started = me->seen = true;
    me->has_acked = me->has_acked && tcp_is_near(me->acked, me->next);
}

void stream_take(struct stream *s, const struct packet *p)
{
    unsigned side = p->sender;
    int64_t now = table_time(p->time);
    struct stream_side *me = &s->side[side];
    uint32_t seq = p->seq + (p->tcp_flags & TCP_SYN ? 1 : 0);
    if (p->tcp_flags & TCP_RST) {
        stream_end(s, ENDED_RST, now);
        return;
    }
    s->busy = true;
    if (!me->seen)
        appear(me, seq);
    if (!list_is_empty(&s->with_hole))
        check_holes(s, now);
    uint32_t ack = p->tcp_flags & TCP_ACK ? p->ack : s->side[!side].next;
    struct part part = {seq, span_of(p->payload, p->payload_len), tcp_cut(p), ack, now};
    uint32_t end = seq + part_len(&part);
    if (part_len(&part) && !me->finished)
        take_bytes(s, side, part);
    if (p->tcp_flags & TCP_FIN)
        take_fin(me, end, now);
    if (me->has_fin || s->side[!side].has_fin)
        go_on(s, now);
    if (p->tcp_flags & TCP_ACK)
        take_ack(&s->side[!side], p->ack);
    settle(s, now);
}

// ── ends ──

static void flush(struct stream *s, int64_t now)
{
    while (has_hole(&s->side[0]) || has_hole(&s->side[1]))
        give_up(s, foremost(s), now);
    // What was acknowledged was sent; one byte may be a FIN that was not captured.
    for (unsigned i = 0; i < 2 && s->conn; i++) {
        struct stream_side *me = &s->side[i];
        uint32_t rest = me->has_acked ? unseen(me, me->acked) : 0;
        if (rest > 1)
            lose(s, i, me->next + rest, now);
    }
}

void stream_flush(struct stream *s, int64_t now)
{
    s->busy = true;
    flush(s, now);
    settle(s, now);
}

void stream_end(struct stream *s, enum ending how, int64_t now)
{
    s->busy = true;
    flush(s, now);
    if (s->conn)
        conn_end(s->conn, how);
    s->over = !may_go_on(how);
    release(s);
}

void streams_age(struct streams *all, int64_t now)
{
    for (int i = 0; i < HOLES_LOOKED_AT && !list_is_empty(&all->with_hole); i++) {
        struct stream *s = LIST_OF(all->with_hole.next, struct stream, with_hole);
        if (now - s->since <= all->settings.timeout)
            return;
        s->busy = true;
        check_holes(s, now);
        list_remove(&s->with_hole); // what is left of it is younger
        settle(s, now);
    }
}
