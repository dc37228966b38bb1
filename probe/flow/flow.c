// SPDX-License-Identifier: Apache-2.0
// All flows of a worker: from a packet to its record, and on to what follows it.

#include "probe/flow/flow.h"

#include <assert.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "probe/flow/ageing.h"
#include "probe/flow/detect.h"
#include "probe/flow/layers.h"
#include "probe/flow/report.h"
#include "probe/flow/shed.h"
#include "probe/flow/stream.h"
#include "probe/flow/tcp.h"

enum {
    PORTION_TAKE = 256,   // flows looked at beside an array of packets
    PORTION_AGE = 16384,  // and in one call of flows_age
    LOOKS = 4,            // payloads of a flow in which a protocol is looked for
    EVICTION_CHANCES = 8, // flows found alive before one is evicted all the same
};
// Quiet for so long, a flow is forgotten that is not reported and whose ports tell who asks.
#define BRIEF SECOND
// A conn whose flow is quiet may go on for so long (prepared statements of a connection pool).
#define SLEEP (3600 * SECOND)

#define SETTING(member) offsetof(struct flow_settings, member)
const struct setting flow_settings[] = {
    {"timeout", SETTING_DURATION, SETTING(timeout), "30s", SECOND, INT64_C(31536000) * SECOND,
     .meaning = "A flow that is quiet for so long has ended"},
    {"period", SETTING_DURATION, SETTING(period), "10s",
     .meaning = "Time between two reports of a flow that goes on; 0 or less: only final reports"},
    {"enable_delta_flow_reports", SETTING_BOOL, SETTING(delta), "false",
     .meaning = "Count bytes and packets since the last report, not since the beginning"},
    {"max_flows", SETTING_NUMBER, SETTING(flows), "1000000", 1, 100000000,
     .meaning = "Flows in the table of each worker; above it the quietest one ends early"},
    {"reorder_bytes", SETTING_BYTES, SETTING(reorder_bytes), "1MiB", 4096, 1 << 30,
     .meaning = "Memory for segments out of order, of one side of a flow"},
    {"reorder_bytes_all", SETTING_BYTES, SETTING(reorder_bytes_all), "16MiB", 4096,
     INT64_C(1) << 36, .meaning = "Memory for segments out of order, in each worker"},
    {"reorder_timeout", SETTING_DURATION, SETTING(reorder_timeout), "5s", MILLISECOND,
     3600 * SECOND, .meaning = "A hole that nobody acknowledged is given up after it"},
    SETTING_END};

bool flow_settings_check(const struct flow_settings *settings, struct error *why)
{
    if (settings->period > 0 && settings->period < SECOND)
        return error_set(why, "flows.period: below one second; give at least 1s, or 0 for final "
                              "reports only");
    return true;
}

int64_t flows_memory(const struct flow_settings *s)
{
    int64_t more = sizeof(struct tcp) + sizeof(struct layers) + sizeof(struct stream);
    return table_memory(s->flows) + s->flows * more + s->reorder_bytes_all;
}

struct flows {
    struct flow_settings settings;
    struct flows_setup setup;
    struct counters *counters;
    struct table table;
    struct ageing ageing;
    struct layers_pool layers;
    struct pool tcp;
    struct streams streams;
    struct detect detect;
    struct reporter reporter;
    struct shed shed;
    uint32_t numbered; // streams that were given a number for flow.id
    bool ticking;      // the clock was started
    int64_t now;       // the packets' clock
    // Periodic reports. All of one sweep carry its time and tell what was known then: who is
    // touched before the sweep comes to him is reported first.
    int64_t next_report;
    int64_t sweep_time;
    uint32_t cursor; // the last flow that was swept
    uint8_t epoch;
    bool sweeping;
};

// ── building ──

static bool reserve(struct flows *f)
{
    const struct flow_settings *s = &f->settings;
    struct streams_settings streams = {s->reorder_bytes, s->reorder_bytes_all, s->reorder_timeout};
    uint32_t flows = (uint32_t)s->flows;
    if (!table_init(&f->table, flows) || !layers_init(&f->layers, flows, f->setup.seed) ||
        !pool_init(&f->tcp, sizeof(struct tcp), flows + 1) ||
        !streams_init(&f->streams, &streams, flows, f->setup.conns, f->counters))
        return false;
    (void)pool_take(&f->tcp); // nobody
    return true;
}

struct flows *flows_new(const struct flows_setup *setup, struct error *why)
{
    if (!flow_settings_check(setup->settings, why))
        return NULL;
    struct flows *f = calloc(1, sizeof *f);
    if (!f) {
        error_set(why, "out of memory");
        return NULL;
    }
    f->settings = *setup->settings;
    f->setup = *setup;
    f->counters = setup->counters;
    f->shed.seed = (uint32_t)setup->seed;
    f->reporter = (struct reporter){setup->emit, setup->dataset, setup->compat};
    if (!detect_init(&f->detect, setup->bindings, setup->binding_count, why)) {
        flows_free(f);
        return NULL;
    }
    if (!reserve(f)) {
        flows_free(f);
        error_set(why, "cannot reserve memory for %lld flows: lower flows.max_flows",
                  (long long)setup->settings->flows);
        return NULL;
    }
    return f;
}

void flows_free(struct flows *f)
{
    if (!f)
        return;
    detect_free(&f->detect);
    table_free(&f->table);
    layers_free(&f->layers);
    pool_free(&f->tcp);
    streams_free(&f->streams);
    free(f);
}

int64_t flows_longest(const struct flows *f)
{
    int64_t longest = f->settings.timeout;
    if (f->settings.reorder_timeout > longest)
        longest = f->settings.reorder_timeout;
    for (int i = 0; i < f->setup.binding_count; i++)
        if (f->setup.bindings[i]->common.transaction_timeout > longest)
            longest = f->setup.bindings[i]->common.transaction_timeout;
    return longest;
}

// ── records ──

static bool is_tcp(const struct flow *flow)
{
    return flow->key.protocol == PROTO_TCP;
}

static struct tcp *tcp_of(const struct flows *f, const struct flow *flow)
{
    return is_tcp(flow) ? pool_at(&f->tcp, flow->tcp) : NULL;
}

static struct stream *stream_of(const struct flows *f, const struct flow *flow)
{
    return pool_at(&f->streams.streams, flow->stream);
}

static bool is_followed(const struct flow *flow)
{
    return is_tcp(flow) ? flow->stream != NOBODY : flow->conn != NULL;
}

// Whole seconds that a packet's time lies behind the clock; less than two are the usual disorder.
// All workers see the same, for their clocks have the same second.
static uint32_t seconds_late(const struct flows *f, const struct packet *p)
{
    if (f->now - table_time(p->time) <= SECOND)
        return 0;
    uint32_t late = clock_second(f->now) - clock_second(table_time(p->time));
    return late < 2 ? 0 : late;
}

// A packet keeps its flow alive by when it came. Its own time may lie far back (a ring that was
// read twice): documents show that one.
static void note_time(struct flow *flow, const struct packet *p, uint32_t late)
{
    if (table_time(p->time) > flow->last) {
        flow->last = table_time(p->time);
        flow->lag = 0;
    }
    if (!late)
        return;
    int64_t lag = (table_time(p->time) - flow->last) / SECOND + late;
    if (lag > flow->lag)
        flow->lag = lag > UINT16_MAX ? UINT16_MAX : (uint16_t)lag;
}

// The table stays small, and in the cache, where only questions and answers are wanted.
static bool is_brief(const struct flows *f, const struct flow *flow)
{
    if (f->reporter.dataset >= 0)
        return false;
    return flow->binding == DETECT_NONE ||
           (!is_tcp(flow) && detect_client(&f->detect, &flow->key, flow->binding, 0) ==
                                 detect_client(&f->detect, &flow->key, flow->binding, 1));
}

// How long a flow may be quiet.
static int64_t patience(const struct flows *f, const struct flow *flow)
{
    return flow->brief && BRIEF < f->settings.timeout ? BRIEF : f->settings.timeout;
}

// When a flow ends if nothing comes.
static int64_t end_of(const struct flows *f, const struct flow *flow)
{
    return flow->last + flow->lag * SECOND + patience(f, flow);
}

static void report(struct flows *f, struct flow *flow, enum occasion occasion, int64_t time)
{
    report_flow(&f->reporter, flow, layers_at(&f->layers, flow->layers), tcp_of(f, flow), occasion,
                time);
    if (f->settings.delta) {
        memset(flow->bytes, 0, sizeof flow->bytes);
        memset(flow->packets, 0, sizeof flow->packets);
    }
}

static void begin_record(struct flows *f, struct flow *flow, const struct packet *p)
{
    flow->layers = f->reporter.dataset < 0 ? LAYERS_NONE : layers_of(&f->layers, p);
    memset(flow->bytes, 0, sizeof flow->bytes);
    memset(flow->packets, 0, sizeof flow->packets);
    flow->first = flow->last = table_time(p->time);
    flow->lag = 0;
    flow->epoch = f->epoch;
    flow->source = p->sender;
    flow->asleep = flow->answered = flow->icmp_seen = false;
    flow->icmp_type = flow->icmp_code = 0;
    flow->syn_first = is_tcp(flow) && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (is_tcp(flow))
        flow->extra = f->setup.compat && flow->binding != DETECT_NONE ? ++f->numbered : 0;
    counter_add(f->counters->flows_opened, 1);
}

static void end_record(struct flows *f, struct flow *flow, enum occasion occasion, int64_t time)
{
    report(f, flow, occasion, time);
    layers_drop(&f->layers, flow->layers);
    if (occasion == FLOW_EVICTED)
        counter_add(f->counters->flows_evicted, 1);
    else
        counter_add(f->counters->flows_ended, 1);
}

// The periodic report of a flow that the sweep has not come to yet, unless it had ended by then.
static void settle_period(struct flows *f, struct flow *flow)
{
    if (flow->epoch == f->epoch)
        return;
    flow->epoch = f->epoch;
    if (!flow->asleep && end_of(f, flow) > f->sweep_time)
        report(f, flow, FLOW_GOES_ON, f->sweep_time);
}

static bool is_waiting(const struct flows *f, const struct flow *flow)
{
    if (!is_followed(flow))
        return false;
    const struct conn *c = is_tcp(flow) ? stream_of(f, flow)->conn : flow->conn;
    return c && conn_is_waiting(c);
}

static void note_waiting(struct flows *f, struct flow *flow, bool waits)
{
    shed_note(&f->shed, &flow->key, flow->waits, waits, f->now);
    flow->waits = waits;
}

static void unfollow(struct flows *f, struct flow *flow, enum ending how)
{
    if (flow->waits)
        note_waiting(f, flow, false);
    if (!is_followed(flow))
        return;
    if (is_tcp(flow)) {
        stream_end(stream_of(f, flow), how, f->now);
    } else {
        conn_end(flow->conn, how);
        flow->conn = NULL;
    }
}

// Takes a flow, whose record has ended, out of the table. It must not be in the wheel.
static void forget(struct flows *f, struct flow *flow, enum ending how)
{
    unfollow(f, flow, how);
    if (is_tcp(flow))
        pool_give(&f->tcp, tcp_of(f, flow));
    table_remove(&f->table, flow);
    counter_add(f->counters->flows_now, -1);
}

// ── age ──

static uint32_t due_second(int64_t time)
{
    return clock_second(time) + 1;
}

static void put_back(struct flows *f, struct flow *flow, int64_t due)
{
    ageing_put(&f->ageing, &f->table, flow, due_second(due));
}

// A conn of datagrams is kept only while it waits; that of a stream may know what later bytes need.
static bool is_worth_keeping(struct flow *flow, int64_t now)
{
    if (!is_followed(flow) || now - flow->last > SLEEP)
        return false;
    if (is_tcp(flow) || conn_is_waiting(flow->conn))
        return true;
    conn_release(flow->conn);
    flow->conn = NULL;
    return false;
}

// Looks at a flow that came due.
static void look_at(struct flows *f, struct flow *flow)
{
    int64_t end = end_of(f, flow);
    settle_period(f, flow);
    if (end > f->now) {
        put_back(f, flow, end);
        return;
    }
    if (!flow->asleep)
        end_record(f, flow, FLOW_IDLE, end);
    flow->asleep = true;
    if (is_worth_keeping(flow, f->now))
        put_back(f, flow, f->now + patience(f, flow));
    else
        forget(f, flow, ENDED_AGE);
}

static void age_some(struct flows *f, int portion)
{
    uint32_t second = clock_second(f->now);
    for (struct flow *flow; portion-- && (flow = ageing_take(&f->ageing, &f->table, second));)
        look_at(f, flow);
}

// The flow that was quiet longest makes room; who was seen since he was put there gets a chance.
static void evict(struct flows *f)
{
    uint32_t due;
    struct flow *flow = ageing_take_first(&f->ageing, &f->table, &due);
    for (int i = 0; i < EVICTION_CHANCES && due_second(end_of(f, flow)) > due; i++) {
        put_back(f, flow, end_of(f, flow));
        flow = ageing_take_first(&f->ageing, &f->table, &due);
    }
    settle_period(f, flow);
    if (!flow->asleep)
        end_record(f, flow, FLOW_EVICTED, f->now);
    forget(f, flow, ENDED_EVICTED);
}

// ── the clock and periodic reports ──

static void sweep(struct flows *f, uint32_t portion)
{
    while (f->sweeping && portion--) {
        struct flow *flow = table_next(&f->table, f->cursor);
        if (flow) {
            f->cursor = table_number(&f->table, flow);
            settle_period(f, flow);
        }
        f->sweeping = flow != NULL;
    }
}

static int64_t report_after(const struct flows *f, int64_t now)
{
    int64_t period = f->settings.period;
    return f->reporter.dataset >= 0 && period > 0 ? (now / period + 1) * period : INT64_MAX;
}

// Begins the sweeps whose time has come; the rest of the last one first. Behind the time-out of all
// flows there is nothing to report.
static void begin_sweeps(struct flows *f, int64_t now)
{
    while (f->next_report <= now) {
        sweep(f, UINT32_MAX);
        f->epoch++;
        f->cursor = NOBODY;
        f->sweeping = true;
        f->sweep_time = f->next_report;
        bool all_ended = f->sweep_time - f->now >= f->settings.timeout;
        f->next_report = report_after(f, all_ended || !f->table.held ? now : f->sweep_time);
    }
}

static void advance(struct flows *f, int64_t now)
{
    now = table_time(now);
    if (!f->ticking) {
        f->ticking = true;
        f->now = now;
        f->next_report = report_after(f, now);
        ageing_start(&f->ageing, clock_second(now));
    } else if (now > f->now) {
        if (now >= f->next_report)
            begin_sweeps(f, now);
        f->now = now;
    }
}

// ── what follows a flow ──

// Position in the key of who asks: who sent the SYN, or got the answer to it; else the ports tell.
static unsigned client_of(const struct flows *f, const struct flow *flow, const struct tcp *t)
{
    for (unsigned i = 0; i < 2; i++) {
        if (t->side[i].marks & TCP_AGREED)
            return !i;
        if ((t->side[i].marks & TCP_SAID_SYN) && !(t->side[!i].marks & TCP_SAID_SYN))
            return i;
    }
    if (flow->guessed)
        return flow->client;
    return detect_client(&f->detect, &flow->key, flow->binding, flow->source);
}

// Looks for whose a flow is in its first payloads, until one is found or they say nothing. A flow
// on somebody's port gets a single look.
static void recognise(struct flows *f, struct flow *flow, const struct packet *p, unsigned client,
                      bool sure)
{
    if (flow->looks == LOOKS || !p->payload_len)
        return;
    enum side guess = p->sender == client ? CLIENT : SERVER, from = guess;
    uint8_t found = detect_by_content(&f->detect, flow->binding, is_tcp(flow),
                                      span_of(p->payload, p->payload_len), &from, sure);
    if (found < DETECT_OPEN)
        flow->looks = LOOKS;
    else if (++flow->looks == LOOKS)
        found = DETECT_NONE;
    if (found == flow->binding)
        return;
    flow->binding = found;
    flow->brief = is_brief(f, flow);
    flow->guessed = true;
    flow->client = from == guess ? client : !client;
}

// True if nothing of the side's bytes was seen or missed before.
static bool is_at_start(const struct tcp_side *side)
{
    return (side->marks & TCP_SAID_SYN) && side->next == side->isn + 1;
}

// True if something of it was seen that counts, be it a SYN.
static bool has_spoken(const struct tcp_side *side)
{
    return side->next != side->isn;
}

// A stream for the first payload since the last one ended. `before` is the sender's side as it was
// before this packet.
static void follow(struct flows *f, struct flow *flow, const struct tcp *t, const struct packet *p,
                   const struct tcp_side *before)
{
    const struct tcp_side *peer = &t->side[!p->sender];
    bool known = before->marks & TCP_STARTED, peer_known = peer->marks & TCP_STARTED;
    bool begins = known ? is_at_start(before) : (p->tcp_flags & TCP_SYN) != 0;
    bool late = !begins || (peer_known && !is_at_start(peer));
    struct stream *s = stream_open(&f->streams, flow, f->setup.bindings[flow->binding], p,
                                   client_of(f, flow, t), late);
    if (!s)
        return;
    if (known)
        stream_start(s, p->sender, before->next, has_spoken(before));
    if (peer_known)
        stream_start(s, !p->sender, peer->next, has_spoken(peer));
}

static void note_handshake(struct flows *f, struct flow *flow, const struct packet *p)
{
    int64_t took = (table_time(p->time) - flow->first) / MICROSECOND;
    if (flow->syn_first && !f->setup.compat)
        flow->extra = took < 1 ? 1 : took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}

static void take_tcp(struct flows *f, struct flow *flow, const struct packet *p)
{
    struct tcp *t = tcp_of(f, flow);
    struct tcp_side *me = &t->side[p->sender], before = *me;
    enum tcp_place place = tcp_note(t, p, f->counters);
    if ((me->marks ^ before.marks) & TCP_SHOOK)
        note_handshake(f, flow, p);
    if (flow->binding == DETECT_NONE || flow->deaf || place == TCP_STRAY)
        return;
    if (place == TCP_JUMPED) {
        unfollow(f, flow, ENDED_GAP);
        before.marks = 0;
    }
    if (!flow->stream && (p->payload_len || p->payload_cut)) {
        if (me->next != before.next) // not what was looked at already
            recognise(f, flow, p, client_of(f, flow, t),
                      (me->marks | t->side[!p->sender].marks) & TCP_SAID_SYN);
        if (flow->binding < DETECT_OPEN)
            follow(f, flow, t, p, &before);
    }
    if (flow->stream)
        stream_take(stream_of(f, flow), p);
}

static void datagrams_ended(void *owner, struct conn *c, enum ending how)
{
    struct flow *flow = owner;
    (void)c, (void)how; // the next datagram stands for itself
    flow->conn = NULL;
}

static bool is_icmp(const struct flow *flow)
{
    return flow->key.protocol == PROTO_ICMP || flow->key.protocol == PROTO_ICMPV6;
}

// Messages that answer one: echo, time stamp, information and mask replies.
static bool is_icmp_answer(const struct packet *p)
{
    if (p->key.protocol == PROTO_ICMPV6)
        return p->icmp_type == 129;
    return p->icmp_type == 0 || p->icmp_type == 14 || p->icmp_type == 16 || p->icmp_type == 18;
}

static void open_datagrams(struct flows *f, struct flow *flow, const struct packet *p)
{
    if (is_icmp(flow))
        flow->client = p->sender != is_icmp_answer(p);
    else if (!flow->guessed)
        flow->client = detect_client(&f->detect, &flow->key, flow->binding, flow->source);
    struct endpoints ends = detect_ends(&flow->key, flow->client);
    ends.interface = p->frame->interface;
    ends.tunnels = p->tunnels;
    enum side from = p->sender == flow->client ? CLIENT : SERVER;
    if (is_icmp(flow)) {
        ends.icmp_type[from] = p->icmp_type;
        ends.icmp_code = p->icmp_code;
        ends.icmp_seen[from] = true;
    }
    flow->conn = conn_open(f->setup.conns, f->setup.bindings[flow->binding], &ends, false,
                           datagrams_ended, flow);
}

// A conn of datagrams that waits for nothing is let go at once: the usual question and answer leave
// nothing behind.
static void take_datagram(struct flows *f, struct flow *flow, const struct packet *p)
{
    if (is_icmp(flow) && p->sender == flow->source) {
        flow->icmp_type = p->icmp_type;
        flow->icmp_code = p->icmp_code;
        flow->icmp_seen = true;
    }
    if (flow->binding == DETECT_NONE || (!p->payload_len && !is_icmp(flow)))
        return;
    if (!is_icmp(flow) && !flow->conn)
        recognise(f, flow, p, flow->source, false);
    if (flow->binding >= DETECT_OPEN)
        return;
    if (!flow->conn)
        open_datagrams(f, flow, p);
    struct arrival arrival = {table_time(p->time), p->payload_cut, p->icmp_type, p->icmp_code};
    enum side from = p->sender == flow->client ? CLIENT : SERVER;
    if (conn_feed(flow->conn, from, span_of(p->payload, p->payload_len), &arrival) &&
        !conn_is_waiting(flow->conn)) {
        conn_release(flow->conn);
        flow->conn = NULL;
    }
}

// ── packets ──

// The protocol by the first packet; nobody's where conversations like this one are shed.
static void choose_protocol(struct flows *f, struct flow *flow, const struct packet *p)
{
    flow->binding = detect_by_port(&f->detect, p);
    flow->shed = flow->binding != DETECT_NONE && shed_refuses(&f->shed, p, f->now);
    if (flow->shed) {
        flow->binding = DETECT_NONE;
        counter_add(f->counters->shed_flows, 1);
    }
    flow->brief = is_brief(f, flow);
}

static struct flow *open_flow(struct flows *f, const struct packet *p, uint32_t hash, uint32_t late)
{
    struct flow *flow;
    while (!(flow = table_add(&f->table, &p->key, hash)))
        evict(f);
    if (is_tcp(flow)) {
        struct tcp *t = pool_take(&f->tcp);
        assert(t); // one for each flow
        memset(t, 0, sizeof *t);
        flow->tcp = pool_number(&f->tcp, t);
    }
    choose_protocol(f, flow, p);
    begin_record(f, flow, p);
    note_time(flow, p, late);
    put_back(f, flow, end_of(f, flow));
    counter_add(f->counters->flows_now, 1);
    return flow;
}

// A record that is over when a packet comes gives way to a new one in its place. Ports that are
// used again make a new record too, but under compat, where only the stream begins afresh.
static void renew(struct flows *f, struct flow *flow, const struct packet *p, uint32_t late)
{
    struct tcp *t = tcp_of(f, flow);
    int64_t end = end_of(f, flow);
    bool anew = t && (p->tcp_flags & TCP_SYN) && tcp_begins_anew(t, p);
    bool over = flow->asleep || table_time(p->time) + late * SECOND > end;
    bool split = over || (anew && !f->setup.compat);
    if (split && !flow->asleep)
        end_record(f, flow, over ? FLOW_IDLE : FLOW_REUSED, over ? end : table_time(p->time));
    if (anew) {
        unfollow(f, flow, ENDED_RST);
        memset(t, 0, sizeof *t);
        flow->deaf = flow->guessed = false;
        flow->looks = 0;
        choose_protocol(f, flow, p);
    }
    if (!split)
        return;
    if (t)
        tcp_recount(t);
    begin_record(f, flow, p);
}

// What the packet carries goes to its protocol.
static void follow_packet(struct flows *f, struct flow *flow, const struct packet *p)
{
    if (is_tcp(flow))
        take_tcp(f, flow, p);
    else
        take_datagram(f, flow, p);
    if (f->shed.on && (flow->waits || is_followed(flow)))
        note_waiting(f, flow, is_waiting(f, flow));
    if (flow->shed)
        counter_add(f->counters->shed_unparsed, p->frames);
}

// False: it was shed.
static bool take_packet(struct flows *f, const struct packet *p, uint32_t hash)
{
    advance(f, table_time(p->time));
    uint32_t late = seconds_late(f, p);
    struct flow *flow = table_find(&f->table, &p->key, hash);
    if (flow) {
        settle_period(f, flow);
        renew(f, flow, p, late);
        note_time(flow, p, late);
    } else if (shed_leaves_out(&f->shed, p)) {
        counter_add(f->counters->shed_uncounted, p->frames);
        return false;
    } else {
        flow = open_flow(f, p, hash, late);
    }
    flow->bytes[p->sender] += p->wire;
    flow->packets[p->sender] += p->frames;
    flow->answered |= p->sender != flow->source;
    if (p->payload) // else its transport header was cut or contradicts itself
        follow_packet(f, flow, p);
    return true;
}

// Three passes ask the memory for the buckets, the records and the TCP state of the whole array, so
// that the fourth does not wait for them one by one.
static uint64_t take_array(struct flows *f, const struct packet *packets, int count)
{
    uint32_t hash[FRAMES];
    const struct flow *flow[FRAMES];
    uint64_t frames = 0;
    for (int i = 0; i < count; i++) {
        hash[i] = table_hash(packets[i].hash);
        table_prefetch_bucket(&f->table, hash[i]);
    }
    for (int i = 0; i < count; i++)
        flow[i] = table_prefetch_flow(&f->table, hash[i]);
    for (int i = 0; i < count; i++)
        if (flow[i])
            __builtin_prefetch(pool_at(&f->tcp, flow[i]->tcp), 1);
    for (int i = 0; i < count; i++)
        if (take_packet(f, &packets[i], hash[i]))
            frames += packets[i].frames;
    return frames;
}

void flows_take(struct flows *f, const struct packet *packets, int count)
{
    for (int done = 0; done < count; done += FRAMES) {
        int some = count - done < FRAMES ? count - done : FRAMES;
        counter_add(f->counters->packets_decoded, take_array(f, packets + done, some));
    }
    age_some(f, PORTION_TAKE);
    sweep(f, PORTION_TAKE);
}

void flows_age(struct flows *f, int64_t now)
{
    advance(f, now);
    streams_age(&f->streams, f->now);
    age_some(f, PORTION_AGE);
    sweep(f, PORTION_AGE);
}

void flows_shed(struct flows *f, unsigned unparsed, unsigned uncounted)
{
    shed_set(&f->shed, unparsed, uncounted, f->now);
}

uint64_t flows_idle_slices(const struct flows *f)
{
    return shed_idle(&f->shed, f->now);
}

void flows_end_all(struct flows *f, enum ending how)
{
    uint32_t due;
    for (struct flow *flow = table_next(&f->table, NOBODY); flow;
         flow = table_next(&f->table, table_number(&f->table, flow)))
        if (is_tcp(flow) && flow->stream)
            stream_flush(stream_of(f, flow), f->now);
    conns_end_all(f->setup.conns, how);
    for (struct flow *flow; (flow = ageing_take_first(&f->ageing, &f->table, &due));) {
        int64_t end = end_of(f, flow);
        settle_period(f, flow);
        if (!flow->asleep)
            end_record(f, flow, end <= f->now ? FLOW_IDLE : FLOW_STOPPED,
                       end <= f->now ? end : f->now);
        forget(f, flow, how);
    }
    f->sweeping = false;
}

void flows_restart(struct flows *f)
{
    assert(!f->table.held);
    f->ticking = false;
    f->now = 0;
}
