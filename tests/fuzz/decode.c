// SPDX-License-Identifier: Apache-2.0
// Frames of arbitrary bytes and link types into the decoder, fragments and tunnels included.
//
//   kind(1) of decoder, then frame by frame:
//   link(1) flags(1) milliseconds(1) bytes cut(1) length(2) bytes
//   flags: 1 tagged by the card, 2 the end of an array, 4 time passes, 8 all fragments are
//   forgotten

#include "pipeline/base/clock.h"
#include "probe/packet.h"
#include "tests/fuzz/fuzz.h"

enum { TAGGED = 1, ARRAY_ENDS = 2, TIME_PASSES = 4, FORGET = 8 };

static const uint16_t links[] = {LINK_ETHERNET, LINK_NULL, LINK_RAW_BSD, LINK_RAW_OPENBSD,
                                 LINK_RAW,      LINK_LOOP, LINK_SLL,     LINK_IPV4,
                                 LINK_IPV6,     LINK_SLL2, 147,          LINK_PPP,
                                 LINK_PPP_ETHER};

struct run {
    struct decoder *decoder;
    struct counters counters;
    struct frame frames[FRAMES];
    uint8_t *bytes[FRAMES];
    int count;
    int64_t time;
    uint64_t decoded; // frames in the packets that came out
};

static struct decoder *decoder_of(unsigned kind, struct counters *counters)
{
    bool tight = kind & 1;
    struct decode_settings settings = {.fragments = tight ? 3 : 1024,
                                       .fragment_bytes = tight ? 4096 : 1 << 20,
                                       .fragment_timeout = 30 * SECOND,
                                       .tunnel_depth = tight ? 1 : 4,
                                       .vlan_depth = tight ? 1 : 2,
                                       .tunnels = !(kind & 2)};
    static int64_t ports[TUNNELS] = {
        [TUNNEL_VXLAN] = 4789, [TUNNEL_VXLAN_GPE] = 4790, [TUNNEL_GENEVE] = 6081,
        [TUNNEL_GTP] = 2152,   [TUNNEL_TZSP] = 37008,     [TUNNEL_L2TP] = 1701,
        [TUNNEL_MPLS] = 6635};
    for (int i = 0; i < TUNNELS; i++)
        settings.tunnel_ports[i] = (struct setting_numbers){&ports[i], ports[i] != 0};
    struct decoder *d = decoder_new(&settings, 1, counters);
    fuzz_check(d);
    if (kind & 4)
        decoder_share(d, kind >> 3 & 1, 2);
    return d;
}

static bool is_packet_sound(const struct run *r, const struct packet *p)
{
    const struct frame *f = p->frame;
    return f >= r->frames && f < r->frames + r->count && p->sender < 2 && p->frames > 0 &&
           !p->key.zero && (p->key.family == 4 || p->key.family == 6 || p->key.family == 0) &&
           (p->mac == 0xffff || p->mac + 12u <= f->len) &&
           (p->outer_ip == 0xffff || p->outer_ip < f->len) &&
           (!p->tunnels.count || (p->tunnels.kind[0] < TUNNELS && p->tunnels.kind[1] < TUNNELS)) &&
           (p->payload || (!p->payload_len && !p->payload_cut));
}

static void decode_array(struct run *r)
{
    struct packet packets[FRAMES];
    int count = decode(r->decoder, r->frames, r->count, packets);
    fuzz_check(count <= r->count);
    for (int i = 0; i < count; i++) {
        fuzz_check(is_packet_sound(r, &packets[i]));
        fuzz_touch(span_of(packets[i].payload, packets[i].payload_len));
        r->decoded += packets[i].frames;
    }
    for (int i = 0; i < r->count; i++)
        free(r->bytes[i]);
    r->count = 0;
}

static void add_frame(struct run *r, struct reader *input)
{
    uint16_t link = links[reader_u8(input) % (sizeof links / sizeof *links)];
    unsigned flags = reader_u8(input);
    r->time += reader_u8(input) * MILLISECOND;
    uint32_t cut = reader_u8(input);
    struct span bytes = fuzz_take(input, reader_be16(input));
    uint8_t *exact = r->bytes[r->count] = fuzz_exact(bytes);
    r->frames[r->count++] = (struct frame){.at = exact,
                                           .len = (uint32_t)bytes.len,
                                           .wire = (uint32_t)bytes.len + cut,
                                           .time = r->time,
                                           .link = link,
                                           .vlan = 0xfff,
                                           .has_vlan = flags & TAGGED};
    if ((flags & ARRAY_ENDS) || r->count == FRAMES)
        decode_array(r);
    if (flags & TIME_PASSES)
        decoder_age(r->decoder, r->time += 10 * SECOND);
    if (flags & FORGET)
        decoder_forget(r->decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run r;
    struct reader input = reader_of(span_of(data, size));
    r = (struct run){.time = INT64_C(1700000000) * SECOND};
    r.decoder = decoder_of(reader_u8(&input), &r.counters);
    while (reader_left(&input))
        add_frame(&r, &input);
    decode_array(&r);
    decoder_forget(r.decoder);
    uint64_t undecoded = 0;
    for (enum counter c = 0; c < COUNTERS; c++)
        if (counter_infos[c].column == COLUMN_UNDECODED)
            undecoded += counter_at(&r.counters, c);
    fuzz_check(r.counters.packets_seen == r.decoded + undecoded);
    fuzz_check(r.counters.fragments_waiting == 0);
    decoder_free(r.decoder);
    return 0;
}
