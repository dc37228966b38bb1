// SPDX-License-Identifier: Apache-2.0
// One array of frames in, one of packets out. The straight path is one link header, one IP header,
// one transport header; tunnels and fragments go round in a loop that ends at the innermost headers
// which make sense:
//
//   link ─▶ IP ─┬─────────────────────────────▶ transport ─▶ key, hash
//           ▲   ├─ fragment ─▶ whole? ─ no ─▶ waits
//           │   │                └─ yes ─┐
//           └───┴─ tunnel ◀──────────────┘
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
const struct setting decode_settings[] = {
    ROW(fragments, SETTING_NUMBER, "8192", 1, 1 << 20, "IP fragments that may wait, per worker"),
    ROW(fragment_bytes, SETTING_BYTES, "8MiB", 256 << 10, 1 << 30,
        "bytes of IP fragments that may wait, per worker"),
    ROW(fragment_timeout, SETTING_DURATION, "30s", SECOND, 600 * SECOND,
        "time for a fragmented datagram to become whole"),
    ROW(tunnel_depth, SETTING_NUMBER, "4", 0, 16, "tunnels inside each other that are followed"),
    ROW(vlan_depth, SETTING_NUMBER, "8", 0, 64, "VLAN tags that are followed"),
    ROW(tunnels, SETTING_BOOL, "true", 0, 0,
        "look into IP in IP, GRE and VXLAN, and make flows of what is inside"),
    SETTING_END,
};
#undef ROW

struct decoder {
    struct decode_settings settings;
    struct counters *counters;
    uint64_t seed;
    unsigned index, count; // of this worker, and of all
    struct fragments *fragments;
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
    p->frame = f;
    p->payload = NULL;
    p->payload_len = p->payload_cut = 0;
    p->seq = p->ack = 0;
    p->window = 0;
    p->window_scale = 0xff;
    p->vlans = 0;
    p->vlan[0] = p->vlan[1] = 0;
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

// One step into a tunnel: `h` becomes the inner header. False: there is none that makes sense.
static bool step_in(const struct decoder *d, struct ip_header *h, uint32_t *tunnel, unsigned depth,
                    unsigned *notes)
{
    struct tunnel t;
    struct ip_header inner;
    unsigned inner_notes = 0;
    enum tunnel_answer answer = tunnel_open(h, (unsigned)d->settings.vlan_depth, &t);
    if (answer == TUNNEL_NONE)
        return false;
    if (answer == TUNNEL_IP && depth >= d->settings.tunnel_depth) {
        *notes |= NOTE_TUNNEL_DEPTH;
        return false;
    }
    if (answer == TUNNEL_BAD || !ip_read(t.inside, t.type, &inner, &inner_notes)) {
        *notes |= NOTE_BAD_TUNNEL;
        return false;
    }
    if (t.has_id)
        *tunnel = t.id;
    *notes |= inner_notes | NOTE_TUNNELLED;
    *h = inner;
    return true;
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

static enum counter follow(struct decoder *d, struct ip_header *h, struct packet *p,
                           unsigned *notes)
{
    uint32_t tunnel = 0;
    for (unsigned depth = 0;; depth++) {
        if (h->is_fragment && !put_together(d, h, tunnel, p, notes))
            return COUNTER_fragments_waiting;
        const uint8_t *outer = ip_start(h);
        if (!tunnel_is_possible(h) || !d->settings.tunnels || !step_in(d, h, &tunnel, depth, notes))
            break;
        if (depth == 0) // in the frame itself, even when what it carries was put together
            p->outer_ip = (uint16_t)(outer - p->frame->at);
    }
    uint16_t port[2];
    transport_read(h, p, port, notes);
    if (h->inside.cut || p->payload_cut)
        *notes |= NOTE_TRUNCATED;
    set_key(p, h, port, tunnel);
    return COUNTER_packets_decoded;
}

// COUNTER_packets_decoded: *p is set but for its hash. COUNTER_fragments_waiting: it is kept, or
// was counted. Else the counter to which the frame belongs.
static enum counter understand(struct decoder *d, const struct frame *f, struct packet *p,
                               unsigned *notes)
{
    struct layer inside;
    struct ip_header h;
    uint16_t type = 0;
    begin(p, f);
    enum counter answer = link_read(f, (unsigned)d->settings.vlan_depth, p, &inside, &type);
    if (answer != COUNTER_packets_decoded)
        return answer;
    if (type != ETHER_IPV4 && type != ETHER_IPV6)
        return settle_for_macs(p, NOTE_OTHER_ETHER_TYPE, COUNTER_undecoded_not_ip, notes);
    if (!ip_read(inside, type, &h, notes))
        return settle_for_macs(p, NOTE_BAD_IP, COUNTER_undecoded_ip_header, notes);
    return follow(d, &h, p, notes);
}

// ── counting ──

static void add_to(struct counters *c, enum counter which, uint64_t number)
{
    _Atomic uint64_t *all = (_Atomic uint64_t *)(void *)c;
    counter_add(all[which], number);
}

static void count_notes(struct counters *c, unsigned notes)
{
    static const enum counter counter_of[] = {
        COUNTER_decode_other_ether_type, COUNTER_decode_bad_ip,     COUNTER_decode_bad_extension,
        COUNTER_decode_bad_transport,    COUNTER_decode_bad_tunnel, COUNTER_decode_tunnel_depth,
        COUNTER_decode_truncated,        COUNTER_decode_tunnelled,
    };
    for (; notes; notes &= notes - 1)
        add_to(c, counter_of[__builtin_ctz(notes)], 1);
}

static void count_undecoded(struct decoder *d, const struct frame *f, enum counter why)
{
    if (why == COUNTER_fragments_waiting || d->index != 0)
        return;
    counter_add(d->counters->packets_seen, 1);
    counter_add(d->counters->packets_bytes, f->wire);
    add_to(d->counters, why, 1);
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
    *d = (struct decoder){
        .settings = *settings, .counters = counters, .seed = seed, .index = 0, .count = 1};
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
