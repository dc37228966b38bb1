// SPDX-License-Identifier: Apache-2.0
// Packets made from the input into the flow table: any sequence numbers, flags, overlaps, holes and
// times, over four TCP flows and some others. The byte at a sequence number is always the same, so
// a protocol of our own can tell whether what it is fed is in order and whole.
//
//   kind(1) of world, then packet by packet:
//   flow(1) flags(1) step(1) ack(1) length(1) cut(1) milliseconds(1)
//   A high bit in step or ack: a whole sequence number (4) follows in its place.

#include "tests/fuzz/world.h"

// ── a protocol that knows what must come ──

struct oracle {
    bool known[2];
    uint8_t next[2]; // byte that must come next
    uint8_t left[2]; // bytes that were left unread
};

// Leaves the last bytes unread now and then, as parsers do.
static uint32_t oracle_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    struct oracle *o = conn_state(c);
    fuzz_check(seen <= data.len);
    if (data.len && !o->known[from]) {
        o->known[from] = true;
        o->next[from] = data.at[0];
    }
    for (size_t i = 0; i < data.len; i++)
        fuzz_check(data.at[i] == (uint8_t)(o->next[from] + i));
    (void)conn_time(c, from, (uint32_t)data.len);
    size_t leaves = data.len && data.len < 400 ? data.at[data.len - 1] % 8u : 0;
    size_t done = data.len > leaves ? data.len - leaves : 0;
    o->next[from] = (uint8_t)(o->next[from] + done);
    o->left[from] = (uint8_t)(data.len - done);
    if (data.len && data.at[0] == 0xfd)
        conn_done(c);
    return (uint32_t)done;
}

// What was left unread in front of a hole is gone.
static void oracle_gap(struct conn *c, enum side from, uint32_t missing)
{
    struct oracle *o = conn_state(c);
    fuzz_check(missing);
    o->next[from] = (uint8_t)(o->next[from] + o->left[from] + missing);
    o->left[from] = 0;
}

static bool oracle_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    (void)c, (void)t, (void)e;
    return false;
}

static const struct field_table oracle_table = {"oracle", &common_table, NULL, 0};
static const struct protocol oracle_protocol = {.name = "oracle",
                                                .transports = OVER_TCP,
                                                .fields = &oracle_table,
                                                .conn_size = sizeof(struct oracle),
                                                .feed = oracle_feed,
                                                .gap = oracle_gap,
                                                .publish = oracle_publish};

// ── the table ──

enum { TCP_FLOWS = 4, SIDES = 2, FLOWS_MOST = 6 };

struct run {
    struct world *world;
    struct flows *flows;
    struct reader input;
    int64_t time;
    uint32_t seq[TCP_FLOWS][SIDES]; // where each side is
};

static int64_t oracle_port[] = {4000}, dns_port[] = {53};

static void give_ports(struct world *w)
{
    for (int i = 0; i < w->protocols; i++) {
        struct binding *b = &w->binding[i];
        if (!strcmp(b->protocol->name, "oracle"))
            b->common.ports = (struct setting_numbers){oracle_port, 1};
        if (!strcmp(b->protocol->name, "dns"))
            b->common.ports = (struct setting_numbers){dns_port, 1};
    }
}

// A table for each kind, built when it is first asked for.
static struct flows *flows_of(struct world *w, unsigned kind)
{
    static struct flows *all[64];
    struct flows **f = &all[kind % 64];
    if (*f)
        return *f;
    give_ports(w);
    struct flow_settings settings = {.timeout = 30 * SECOND,
                                     .period = kind & 8 ? 10 * SECOND : 0,
                                     .delta = kind & 16,
                                     .flows = FLOWS_MOST,
                                     .reorder_bytes = kind & 32 ? 4096 : 64 << 10,
                                     .reorder_bytes_all = kind & 32 ? 8192 : 256 << 10,
                                     .reorder_timeout = 5 * SECOND};
    struct flows_setup setup = {.settings = &settings,
                                .bindings = w->bindings,
                                .binding_count = w->protocols,
                                .conns = w->conns,
                                .emit = w->emit,
                                .dataset = w->protocols,
                                .compat = kind & WORLD_COMPAT,
                                .seed = 7,
                                .counters = &w->counters};
    struct error why = {""};
    *f = flows_new(&setup, &why);
    fuzz_check(*f);
    return *f;
}

static const struct frame some_frame = {.link = LINK_ETHERNET};

// Flows 0 to 3: TCP; 4 and 5: DNS over UDP; 6: ICMP; 7: hardware addresses only.
static struct packet make_packet(unsigned flow, unsigned sender, int64_t time)
{
    struct packet p = {.sender = (uint8_t)sender,
                       .frame = &some_frame,
                       .window_scale = 0xff,
                       .mac = 0xffff,
                       .outer_ip = 0xffff,
                       .frames = 1,
                       .time = time};
    p.key.family = flow == 7 ? 0 : flow & 1 ? 6 : 4;
    p.key.protocol = flow < 4    ? PROTO_TCP
                     : flow < 6  ? PROTO_UDP
                     : flow == 6 ? PROTO_ICMP
                                 : PROTO_NONE;
    p.key.address[0][0] = 10;
    p.key.address[1][0] = 11;
    if (flow < 6) {
        p.key.port[0] = flow < 4 ? 4000 : 53;
        p.key.port[1] = (uint16_t)(40000 + flow);
    }
    return p;
}

static uint32_t sequence(struct run *r, uint32_t near)
{
    uint8_t step = reader_u8(&r->input);
    return step & 128 ? reader_be32(&r->input) : near + (uint32_t)(int32_t)((step & 127) - 32);
}

static void set_segment(struct run *r, struct packet *p, unsigned flow)
{
    uint32_t *mine = &r->seq[flow][p->sender];
    p->tcp_flags = reader_u8(&r->input) & 63;
    p->seq = sequence(r, *mine);
    p->ack = sequence(r, r->seq[flow][!p->sender]);
    p->window = (uint16_t)(p->ack << 8);
}

// The bytes at a sequence number are always the same; a SYN takes the first number itself.
static uint8_t *fill(struct packet *p, uint32_t len)
{
    uint8_t *bytes = malloc(len + 1u);
    fuzz_check(bytes);
    uint32_t first = p->seq + (p->tcp_flags & TCP_SYN ? 1 : 0);
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(first + i);
    return bytes;
}

static void take_one(struct run *r)
{
    unsigned which = reader_u8(&r->input), flow = which & 7, sender = which >> 3 & 1;
    struct packet p = make_packet(flow, sender, r->time);
    if (flow < TCP_FLOWS)
        set_segment(r, &p, flow);
    uint32_t len = reader_u8(&r->input) * (which & 16 ? 16u : 1u);
    p.payload_cut = which & 32 ? reader_u8(&r->input) : 0;
    r->time += reader_u8(&r->input) * (which & 64 ? SECOND : MILLISECOND) * (which & 128 ? -1 : 1);
    uint8_t *bytes = fill(&p, len);
    p.payload = bytes;
    p.payload_len = len;
    p.wire = 54u + len + p.payload_cut;
    p.hash = flow * 77;
    if (flow < TCP_FLOWS)
        r->seq[flow][sender] = p.seq + len + p.payload_cut + (p.tcp_flags & TCP_SYN) / TCP_SYN +
                               (p.tcp_flags & TCP_FIN);
    counter_add(r->world->counters.packets_seen, 1);
    flows_take(r->flows, &p, 1);
    free(bytes);
    if (which & 64) {
        conns_age(r->world->conns, r->time);
        flows_age(r->flows, r->time);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = {.input = reader_of(span_of(data, size)), .time = WORLD_BEGIN};
    unsigned kind = reader_u8(&r.input);
    r.world = world_of(kind, &oracle_protocol);
    r.flows = flows_of(r.world, kind);
    struct counters *c = &r.world->counters;
    uint64_t open = c->flows_opened - c->flows_ended - c->flows_evicted;
    while (reader_left(&r.input)) {
        take_one(&r);
        fuzz_check(c->flows_now <= FLOWS_MOST);
    }
    flows_end_all(r.flows, ENDED_FILE);
    flows_restart(r.flows);
    fuzz_check(c->flows_opened == c->flows_ended + c->flows_evicted + open);
    world_check(r.world);
    return 0;
}
