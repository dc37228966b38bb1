// SPDX-License-Identifier: Apache-2.0
// One array of frames in, one of packets out. The straight path is one link header, one IP header,
// one transport header; tunnels and fragments go round in a loop that ends at the innermost headers
// which make sense:
//
//   link ─▶ IP ─┬─────────────────────────────▶ transport ─▶ key, hash
//     │     ▲   ├─ fragment ─▶ whole? ─ no ─▶ waits
//     ▼     │   │                └─ yes ─┐
//    shim ──┴───┴─ tunnel ◀──────────────┘
//
// A frame is counted where its fate is decided: here if it makes no packet, in its flow if it does.
// So the ledger balances at any moment, whatever still waits, and for any number of workers.
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "probe/decode/fragments.h"
#include "probe/decode/link.h"
#include "probe/decode/transport.h"
#include "probe/decode/tunnel.h"

enum { NONE = 0xffff, AHEAD = 4 }; // AHEAD: frames whose first bytes are fetched early

#define ROW(k, t, d, lo, hi, m)                                                             \
    {                                                                                       \
        .key = #k, .type = t, .offset = offsetof(struct decode_settings, k), .standard = d, \
        .min = lo, .max = hi, .meaning = m                                                  \
    }
#define PORTS(name, kind, d, what)                                                               \
    {                                                                                            \
        .key = "tunnel_ports." name, .type = SETTING_NUMBERS,                                    \
        .offset = offsetof(struct decode_settings, tunnel_ports[kind]), .standard = d, .min = 1, \
        .max = 65535, .meaning = "UDP ports to which " what " goes"                              \
    }
const struct setting decode_settings[] = {
    ROW(fragments, SETTING_NUMBER, "8192", 1, 1 << 20, "IP fragments that may wait, per worker"),
    ROW(fragment_bytes, SETTING_BYTES, "8MiB", 256 << 10, 1 << 30,
        "bytes of IP fragments that may wait, per worker"),
    ROW(fragment_timeout, SETTING_DURATION, "30s", SECOND, 600 * SECOND,
        "time for a fragmented datagram to become whole"),
    ROW(tunnel_depth, SETTING_NUMBER, "4", 0, 16, "tunnels inside each other that are followed"),
    ROW(vlan_depth, SETTING_NUMBER, "8", 0, 64, "VLAN tags that are followed"),
    {"tunnels", SETTING_BOOL, offsetof(struct decode_settings, tunnels), "true",
     .meaning = "look into tunnels and make flows of what is inside"},
    PORTS("vxlan", TUNNEL_VXLAN, "4789, 8472", "VXLAN"),
    PORTS("vxlan_gpe", TUNNEL_VXLAN_GPE, "4790", "VXLAN-GPE"),
    PORTS("geneve", TUNNEL_GENEVE, "6081", "Geneve"),
    PORTS("gtp", TUNNEL_GTP, "2152", "GTP-U"),
    PORTS("tzsp", TUNNEL_TZSP, "37008", "TZSP"),
    PORTS("l2tp", TUNNEL_L2TP, "1701", "L2TP"),
    PORTS("mpls", TUNNEL_MPLS, "6635", "MPLS"),
    SETTING_END,
};
#undef PORTS
#undef ROW

struct decoder {
    struct decode_settings settings;
    struct counters *counters;
    uint64_t seed;
    unsigned index, count; // of this worker, and of all
    struct fragments *fragments;
    struct tunnel_map map; // empty when none are followed
};

// What is added to the counters once for each array of frames.
struct tally {
    uint64_t seen, bytes;
};

// ── keys ──

static void set_hash(const struct decoder *d, struct packet *p, uint64_t *hash)
{
    *hash = hash_bytes(&p->key, sizeof p->key, d->seed);
    p->hash = (uint32_t)*hash;
}

static void set_key_ipv4(struct packet *p, const struct ip_header *h, const uint16_t port[2])
{
    uint64_t source = (uint64_t)layer_be32(h->source) << 16 | port[0];
    uint64_t destination = (uint64_t)layer_be32(h->destination) << 16 | port[1];
    p->sender = source > destination;
    memcpy(p->key.address[p->sender], h->source, 4);
    memcpy(p->key.address[!p->sender], h->destination, 4);
}

static void set_key_ipv6(struct packet *p, const struct ip_header *h, const uint16_t port[2])
{
    int order = memcmp(h->source, h->destination, 16);
    p->sender = order > 0 || (order == 0 && port[0] > port[1]);
    memcpy(p->key.address[p->sender], h->source, 16);
    memcpy(p->key.address[!p->sender], h->destination, 16);
}

static void set_key(struct packet *p, const struct ip_header *h, const uint16_t port[2],
                    uint32_t tunnel)
{
    p->key = (struct flow_key){.family = h->family, .protocol = h->protocol, .tunnel = tunnel};
    if (h->family == 4)
        set_key_ipv4(p, h, port);
    else
        set_key_ipv6(p, h, port);
    p->key.port[p->sender] = port[0];
    p->key.port[!p->sender] = port[1];
}

static void set_key_mac(struct packet *p)
{
    const uint8_t *destination = p->frame->at + p->mac, *source = destination + 6;
    p->key = (struct flow_key){.protocol = PROTO_NONE};
    p->sender = memcmp(source, destination, 6) > 0;
    memcpy(p->key.address[p->sender], source, 6);
    memcpy(p->key.address[!p->sender], destination, 6);
}

// ── one frame ──

static void begin(struct packet *p, const struct frame *f)
{
    p->sender = p->tcp_flags = p->icmp_type = p->icmp_code = 0;
    p->tunnels = (struct tunnels){.count = 0};
    p->frame = f;
    p->payload = NULL;
    p->payload_len = p->payload_cut = 0;
    p->seq = p->ack = 0;
    p->window = 0;
    p->window_scale = 0xff;
    p->vlans = 0;
    p->mac = p->outer_ip = NONE;
    p->frames = 1;
    p->wire = f->wire;
    p->time = f->time;
}

// No IP that makes sense: the hardware addresses are all there is to go by.
static enum counter settle_for_macs(struct packet *p, enum note note, enum counter otherwise,
                                    unsigned *notes)
{
    if (p->mac == NONE)
        return otherwise;
    *notes |= note;
    set_key_mac(p);
    return COUNTER_packets_decoded;
}

// ── tunnels ──

// How far in we are.
struct way {
    unsigned depth;  // tunnels opened
    uint32_t tunnel; // for the key
};

static unsigned note_of(enum tunnel_answer answer)
{
    return answer == TUNNEL_BAD ? NOTE_BAD_TUNNEL : NOTE_OTHER_IN_TUNNEL;
}

static void enter(struct packet *p, struct way *way, const struct tunnel *t)
{
    way->depth++;
    if (t->in_key)
        way->tunnel = t->id;
    struct tunnels *in = &p->tunnels;
    in->kind[in->count > 0] = t->kind;
    in->count++;
    if (t->has_id) {
        in->has_id = true;
        in->id = t->id;
    }
}

// From what `t` leads to on to an IP header, through all that lies between.
static bool reach_ip(const struct decoder *d, struct tunnel *t, struct packet *p, struct way *way,
                     struct ip_header *h, unsigned *notes)
{
    for (;;) {
        if (way->depth >= d->settings.tunnel_depth) {
            *notes |= NOTE_TUNNEL_DEPTH;
            return false;
        }
        enter(p, way, t);
        if (tunnel_is_ip(t->type))
            break;
        struct layer inside = t->inside;
        enum tunnel_answer answer = tunnel_open_shim(inside, t->type, t);
        if (answer != TUNNEL_OPENED) {
            *notes |= note_of(answer);
            return false;
        }
    }
    unsigned inner = 0;
    if (!ip_read(t->inside, t->type, h, &inner)) {
        *notes |= NOTE_BAD_TUNNEL;
        return false;
    }
    *notes |= inner | NOTE_TUNNELLED;
    return true;
}

// Into the tunnel that was found, up to the next IP header: *h. False: there is none that makes
// sense, and it is as if nobody had looked.
static bool step_into(const struct decoder *d, struct tunnel *t, enum tunnel_answer answer,
                      struct packet *p, struct way *way, struct ip_header *h, unsigned *notes)
{
    struct tunnels tunnels = p->tunnels;
    struct way before = *way;
    struct ip_header inner;
    if (answer != TUNNEL_OPENED) {
        *notes |= note_of(answer);
        return false;
    }
    if (!reach_ip(d, t, p, way, &inner, notes)) {
        p->tunnels = tunnels;
        *way = before;
        return false;
    }
    *h = inner;
    return true;
}

// One step behind an IP header.
static bool step_in(const struct decoder *d, struct packet *p, struct way *way, struct ip_header *h,
                    unsigned *notes)
{
    struct tunnel t = {.vlan_depth = (unsigned)d->settings.vlan_depth};
    enum tunnel_answer answer = tunnel_open(h, &d->map, &t);
    return step_into(d, &t, answer, p, way, h, notes);
}

// True: the datagram is whole, and its IPv6 extension headers are passed.
static bool put_together(struct decoder *d, struct ip_header *h, uint32_t tunnel, struct packet *p,
                         unsigned *notes)
{
    if (!fragments_add(d->fragments, h, tunnel, p))
        return false;
    if (h->family == 6)
        ip_read_extensions(h, notes);
    return true;
}

// Through fragments and tunnels to the innermost IP header.
static enum counter follow(struct decoder *d, struct ip_header *h, struct packet *p,
                           struct way *way, unsigned *notes)
{
    for (;;) {
        if (h->is_fragment && !put_together(d, h, way->tunnel, p, notes))
            return COUNTER_fragments_waiting;
        const uint8_t *outer = ip_start(h);
        if (!tunnel_is_possible(h, &d->map) || !d->settings.tunnels ||
            !step_in(d, p, way, h, notes))
            return COUNTER_packets_decoded;
        if (p->outer_ip == NONE) // the first is in the frame, even if the rest was put together
            p->outer_ip = (uint16_t)(outer - p->frame->at);
    }
}

// Behind an Ethernet type that is not IP's. False: there is no IP header that makes sense.
static bool follow_shims(const struct decoder *d, struct layer l, uint16_t type, struct packet *p,
                         struct way *way, struct ip_header *h, unsigned *notes)
{
    struct tunnel t = {.vlan_depth = (unsigned)d->settings.vlan_depth};
    if (!d->settings.tunnels || !tunnel_is_shim(type))
        return false;
    enum tunnel_answer answer = tunnel_open_shim(l, type, &t);
    return step_into(d, &t, answer, p, way, h, notes);
}

// COUNTER_packets_decoded: *p is set but for its hash. COUNTER_fragments_waiting: it is kept, or
// was counted. Else the counter to which the frame belongs.
static enum counter understand(struct decoder *d, const struct frame *f, struct packet *p,
                               unsigned *notes)
{
    struct layer inside;
    struct ip_header h;
    struct way way = {0};
    uint16_t type = 0, port[2];
    begin(p, f);
    enum counter answer = link_read(f, (unsigned)d->settings.vlan_depth, p, &inside, &type);
    if (answer != COUNTER_packets_decoded)
        return answer;
    if (!tunnel_is_ip(type)) {
        if (!follow_shims(d, inside, type, p, &way, &h, notes))
            return settle_for_macs(p, NOTE_OTHER_ETHER_TYPE, COUNTER_undecoded_not_ip, notes);
    } else if (!ip_read(inside, type, &h, notes)) {
        return settle_for_macs(p, NOTE_BAD_IP, COUNTER_undecoded_ip_header, notes);
    }
    if (h.is_fragment || tunnel_is_possible(&h, &d->map)) {
        answer = follow(d, &h, p, &way, notes);
        if (answer != COUNTER_packets_decoded)
            return answer;
    }
    transport_read(&h, p, port, d->settings.compat, notes);
    if (h.inside.cut || p->payload_cut)
        *notes |= NOTE_TRUNCATED;
    set_key(p, &h, port, way.tunnel);
    return COUNTER_packets_decoded;
}

// ── counting ──

static void count_notes(struct counters *c, unsigned notes)
{
    static const enum counter counter_of[] = {
        COUNTER_decode_other_ether_type, COUNTER_decode_bad_ip,     COUNTER_decode_bad_extension,
        COUNTER_decode_bad_transport,    COUNTER_decode_bad_tunnel, COUNTER_decode_tunnel_depth,
        COUNTER_decode_truncated,        COUNTER_decode_tunnelled,  COUNTER_decode_other_in_tunnel,
    };
    if (notes >= NOTE_SCTP_CHUNK)
        counter_add(c->sctp_chunks, notes / NOTE_SCTP_CHUNK);
    for (notes %= NOTE_SCTP_CHUNK; notes; notes &= notes - 1)
        counter_add_at(c, counter_of[__builtin_ctz(notes)], 1);
}

static void count_undecoded(struct decoder *d, const struct frame *f, enum counter why)
{
    if (why == COUNTER_fragments_waiting || d->index != 0)
        return;
    counter_add(d->counters->packets_seen, 1);
    counter_add(d->counters->packets_bytes, f->wire);
    counter_add_at(d->counters, why, 1);
}

// The upper half of the hash shares out, so that each worker's table has the lower half to itself.
static bool is_kept(const struct decoder *d, uint64_t hash)
{
    return d->count == 1 || ((hash >> 32) * d->count) >> 32 == d->index;
}

static void keep(struct decoder *d, const struct packet *p, unsigned notes, struct tally *t)
{
    t->seen += p->frames;
    t->bytes += p->wire;
    if (notes)
        count_notes(d->counters, notes);
    if (p->frames > 1)
        counter_add(d->counters->fragments_whole, 1);
}

// ── the public face ──

int decode(struct decoder *d, const struct frame *frames, int count, struct packet *packets)
{
    struct tally tally = {0};
    int made = 0;
    fragments_turn(d->fragments);
    for (int i = 0; i < count; i++) {
        if (i + AHEAD < count)
            __builtin_prefetch(frames[i + AHEAD].at);
        struct packet *p = &packets[made];
        unsigned notes = 0;
        enum counter answer = understand(d, &frames[i], p, &notes);
        if (answer != COUNTER_packets_decoded) {
            count_undecoded(d, &frames[i], answer);
            continue;
        }
        uint64_t hash;
        set_hash(d, p, &hash);
        if (!is_kept(d, hash))
            continue;
        keep(d, p, notes, &tally);
        made++;
    }
    counter_add(d->counters->packets_seen, tally.seen);
    counter_add(d->counters->packets_bytes, tally.bytes);
    return made;
}

struct decoder *decoder_new(const struct decode_settings *settings, uint64_t seed,
                            struct counters *counters)
{
    struct decoder *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->settings = *settings;
    d->counters = counters;
    d->seed = seed;
    d->count = 1;
    if (settings->tunnels)
        tunnel_map_fill(&d->map, settings->tunnel_ports);
    d->fragments = fragments_new(settings, seed, counters);
    if (d->fragments)
        return d;
    free(d);
    return NULL;
}

void decoder_free(struct decoder *d)
{
    if (d)
        fragments_free(d->fragments);
    free(d);
}

void decoder_share(struct decoder *d, unsigned index, unsigned count)
{
    d->index = index;
    d->count = count;
    fragments_count(d->fragments, index == 0);
}

void decoder_age(struct decoder *d, int64_t now)
{
    fragments_age(d->fragments, now);
}

void decoder_forget(struct decoder *d)
{
    fragments_forget(d->fragments);
}
