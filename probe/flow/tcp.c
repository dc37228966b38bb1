// SPDX-License-Identifier: Apache-2.0
// What TCP itself tells about a flow.

#include "probe/flow/tcp.h"

static bool is_syn(const struct packet *p)
{
    return (p->tcp_flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
}

static uint32_t bytes_of(const struct packet *p)
{
    return p->payload_len + tcp_cut(p);
}

// The SYN of a side that has spoken: the same one again, one that was captured behind the first
// segment after it, or another.
static bool is_other_syn(const struct tcp_side *me, uint32_t seq)
{
    return seq != me->isn && ((me->marks & TCP_SAID_SYN) || seq + 1 != me->isn);
}

bool tcp_begins_anew(const struct tcp *t, const struct packet *p)
{
    const struct tcp_side *me = &t->side[p->sender], *peer = &t->side[!p->sender];
    if (!is_syn(p))
        return false;
    if (me->marks & TCP_STARTED)
        return is_other_syn(me, p->seq);
    if (!(peer->marks & TCP_STARTED))
        return false;
    if (p->tcp_flags & TCP_ACK) // it answers what the peer is known to have sent, or somebody else
        return tcp_distance(p->ack, peer->isn) < 0 || tcp_distance(p->ack, peer->next) > 0;
    return !(peer->marks & TCP_SAID_SYN);
}

static void note_window(struct tcp_side *me, const struct packet *p)
{
    if (p->window || (p->tcp_flags & (TCP_SYN | TCP_RST))) {
        me->marks &= (uint8_t)~TCP_CLOSED;
        return;
    }
    if (!(me->marks & TCP_CLOSED) && me->zero_windows != UINT16_MAX)
        me->zero_windows++;
    me->marks |= TCP_CLOSED;
}

static void note_flags(struct tcp_side *me, const struct tcp_side *peer, const struct packet *p)
{
    if (p->tcp_flags & TCP_FIN)
        me->marks |= TCP_SAID_FIN;
    if (is_syn(p)) {
        me->marks |= TCP_SAID_SYN | (p->tcp_flags & TCP_ACK ? TCP_AGREED : 0);
        return;
    }
    bool first = !(me->marks & TCP_WENT_ON);
    me->marks |= TCP_WENT_ON;
    if (first && (me->marks & TCP_SAID_SYN) && (peer->marks & TCP_AGREED) &&
        (p->tcp_flags & TCP_ACK))
        me->marks |= TCP_SHOOK;
}

static enum tcp_place note_stray(struct tcp_side *me, uint32_t end, struct counters *counters)
{
    counter_add(counters->tcp_out_of_window, 1);
    if (++me->strays < TCP_STRAYS)
        return TCP_STRAY;
    me->strays = 0;
    me->missing = 0;
    me->next = end;
    return TCP_JUMPED;
}

static void note_again(struct tcp_side *me, struct counters *counters)
{
    me->retransmitted++;
    counter_add(counters->tcp_retransmitted, 1);
}

// A segment all of whose bytes lie below `next`: it came late, or it came twice. Which of the two
// only he could tell who kept every hole; here holes are a sum, used up in any order.
static void note_below(struct tcp_side *me, uint32_t len, struct counters *counters)
{
    if (!me->missing)
        note_again(me, counters);
    else
        me->missing -= len < me->missing ? len : me->missing;
}

static enum tcp_place note_segment(struct tcp_side *me, const struct packet *p,
                                   struct counters *counters)
{
    uint32_t len = bytes_of(p);
    uint32_t end = p->seq + len + (p->tcp_flags & TCP_FIN ? 1 : 0);
    int32_t ahead = tcp_distance(p->seq, me->next);
    if (!tcp_is_near(p->seq, me->next))
        return note_stray(me, end, counters);
    me->strays = 0;
    if (ahead == -1 && len <= 1 && end == p->seq + len && !me->missing) {
        counter_add(counters->tcp_keepalives, 1);
        return TCP_PLACED;
    }
    if (end == p->seq)
        return TCP_PLACED;
    if (tcp_distance(end, me->next) <= 0) {
        note_below(me, end - p->seq, counters);
        return TCP_PLACED;
    }
    if (ahead > 0) {
        me->out_of_order++;
        me->missing += (uint32_t)ahead;
        counter_add(counters->tcp_out_of_order, 1);
    } else if (ahead < 0) {
        counter_add(counters->tcp_overlaps, 1);
    }
    me->next = end;
    return TCP_PLACED;
}

static void start(struct tcp_side *me, const struct packet *p)
{
    me->isn = p->seq;
    me->next = p->seq + (is_syn(p) ? 1 : 0) + bytes_of(p) + (p->tcp_flags & TCP_FIN ? 1 : 0);
    me->marks |= TCP_STARTED;
}

static enum tcp_place place(struct tcp_side *me, const struct packet *p, struct counters *counters)
{
    if (!(me->marks & TCP_STARTED)) {
        start(me, p);
        return TCP_PLACED;
    }
    if (!is_syn(p))
        return note_segment(me, p, counters);
    if (me->marks & TCP_SAID_SYN)
        note_again(me, counters);
    return TCP_PLACED;
}

static enum tcp_place note_reset(struct tcp_side *me, const struct packet *p,
                                 struct counters *counters)
{
    if ((me->marks & TCP_STARTED) && !tcp_is_near(p->seq, me->next)) {
        counter_add(counters->tcp_out_of_window, 1);
        return TCP_STRAY;
    }
    me->marks |= TCP_SAID_RST;
    return TCP_PLACED;
}

enum tcp_place tcp_note(struct tcp *t, const struct packet *p, struct counters *counters)
{
    struct tcp_side *me = &t->side[p->sender];
    if (p->tcp_flags & TCP_RST)
        return note_reset(me, p, counters);
    enum tcp_place where = place(me, p, counters);
    if (where == TCP_STRAY)
        return where;
    note_window(me, p);
    note_flags(me, &t->side[!p->sender], p);
    return where;
}

void tcp_recount(struct tcp *t)
{
    for (unsigned i = 0; i < 2; i++) {
        t->side[i].retransmitted = t->side[i].out_of_order = 0;
        t->side[i].zero_windows = 0;
    }
}

const char *tcp_state(const struct tcp *t)
{
    unsigned one = t->side[0].marks, other = t->side[1].marks;
    if ((one | other) & TCP_SAID_RST)
        return "reset";
    if (one & other & TCP_SAID_FIN)
        return "closed";
    if ((one | other) & TCP_SAID_FIN)
        return "closing";
    if ((one | other) & TCP_WENT_ON)
        return "established";
    return (one | other) & TCP_AGREED ? "syn_received" : "syn_sent";
}
