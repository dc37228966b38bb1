// SPDX-License-Identifier: Apache-2.0
// Frames built in code, header behind header, and a decoder to try them on. Headers that hold a
// length are opened, and closed when what is inside has been put.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "probe/decode/link.h"

enum { SEED = 42, BYTES = 70000 };

struct bytes {
    uint32_t len;
    uint8_t at[BYTES];
};

static inline void put(struct bytes *b, const void *bytes, uint32_t len)
{
    assert_true(b->len + len <= BYTES);
    if (len)
        memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static inline void put8(struct bytes *b, unsigned value)
{
    put(b, &(uint8_t){(uint8_t)value}, 1);
}

static inline void put16(struct bytes *b, unsigned value)
{
    put8(b, value >> 8 & 255);
    put8(b, value & 255);
}

static inline void put32(struct bytes *b, uint32_t value)
{
    put16(b, value >> 16);
    put16(b, value & 0xffff);
}

static inline void put_zeros(struct bytes *b, uint32_t len)
{
    while (len--)
        put8(b, 0);
}

static inline void set16(struct bytes *b, uint32_t offset, unsigned value)
{
    b->at[offset] = (uint8_t)(value >> 8);
    b->at[offset + 1] = (uint8_t)value;
}

// From 02:00:00:00:00:0{from} to 02:00:00:00:00:0{to}.
static inline void put_ethernet_between(struct bytes *b, unsigned from, unsigned to, unsigned type)
{
    put(b, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)to, 2, 0, 0, 0, 0, (uint8_t)from}, 12);
    put16(b, type);
}

static inline void put_ethernet(struct bytes *b, unsigned type)
{
    put_ethernet_between(b, 1, 2, type);
}

static inline void put_tag(struct bytes *b, unsigned id, unsigned type)
{
    put16(b, id);
    put16(b, type);
}

// From 10.0.0.{from} to 10.0.0.{to}. `fragment` is the word of flags and offset. Returns where it
// begins, for end_ipv4.
static inline uint32_t put_ipv4_part(struct bytes *b, unsigned protocol, unsigned from, unsigned to,
                                     unsigned id, unsigned fragment)
{
    uint32_t begin = b->len;
    put16(b, 0x4500);
    put16(b, 0);
    put16(b, id);
    put16(b, fragment);
    put8(b, 64);
    put8(b, protocol);
    put16(b, 0);
    put(b, (uint8_t[]){10, 0, 0, (uint8_t)from, 10, 0, 0, (uint8_t)to}, 8);
    return begin;
}

static inline uint32_t put_ipv4(struct bytes *b, unsigned protocol, unsigned from, unsigned to)
{
    return put_ipv4_part(b, protocol, from, to, 7, 0x4000);
}

static inline void end_ipv4(struct bytes *b, uint32_t begin)
{
    set16(b, begin + 2, b->len - begin);
}

// From fd00::{from} to fd00::{to}.
static inline uint32_t put_ipv6(struct bytes *b, unsigned next, unsigned from, unsigned to)
{
    uint32_t begin = b->len;
    put32(b, 0x60000000);
    put16(b, 0);
    put8(b, next);
    put8(b, 64);
    put(b, (uint8_t[16]){0xfd, [15] = (uint8_t)from}, 16);
    put(b, (uint8_t[16]){0xfd, [15] = (uint8_t)to}, 16);
    return begin;
}

static inline void end_ipv6(struct bytes *b, uint32_t begin)
{
    set16(b, begin + 4, b->len - begin - 40);
}

static inline void put_tcp(struct bytes *b, unsigned from, unsigned to, unsigned flags)
{
    put16(b, from);
    put16(b, to);
    put32(b, 1000);
    put32(b, 2000);
    put8(b, 0x50);
    put8(b, flags);
    put16(b, 512);
    put32(b, 0);
}

static inline uint32_t put_udp(struct bytes *b, unsigned from, unsigned to)
{
    uint32_t begin = b->len;
    put16(b, from);
    put16(b, to);
    put32(b, 0);
    return begin;
}

static inline void end_udp(struct bytes *b, uint32_t begin)
{
    set16(b, begin + 4, b->len - begin);
}

// ── what tunnels carry ──

// From 10.0.0.8:40000 to 10.0.0.9:80, two bytes.
static inline void put_inner(struct bytes *b)
{
    uint32_t ip = put_ipv4(b, PROTO_TCP, 8, 9);
    put_tcp(b, 40000, 80, TCP_ACK);
    put(b, "in", 2);
    end_ipv4(b, ip);
}

static inline void put_inner_frame(struct bytes *b)
{
    put_ethernet_between(b, 7, 8, ETHER_IPV4);
    put_inner(b);
}

// Outer headers of IPv4 from 10.0.0.1 to 10.0.0.2, begun anew; end_outer closes them.
static inline void begin_outer(struct bytes *b, unsigned protocol)
{
    b->len = 0;
    put_ethernet(b, ETHER_IPV4);
    put_ipv4(b, protocol, 1, 2);
}

static inline void begin_outer_udp(struct bytes *b, unsigned port)
{
    begin_outer(b, PROTO_UDP);
    put_udp(b, 55555, port);
}

static inline void end_outer(struct bytes *b)
{
    if (b->at[14 + 9] == PROTO_UDP)
        end_udp(b, 34);
    end_ipv4(b, 14);
}

// ── a decoder and its counters ──

struct bench {
    struct counters counters;
    struct decode_settings settings;
    struct decoder *decoder;
    struct frame frame;
    uint8_t *copy; // exactly as long as the frame: reading beyond it is seen
    int64_t time;
    struct packet packet;
    uint64_t decoded; // frames in packets: counted by the flow code, which is not here
};

static inline void bench_open_with(struct bench *t, struct decode_settings settings)
{
    memset(t, 0, sizeof *t);
    t->settings = settings;
    t->decoder = decoder_new(&t->settings, SEED, &t->counters);
    assert_non_null(t->decoder);
}

static inline struct setting_numbers port(int64_t number)
{
    static int64_t ports[8];
    static int count;
    for (int i = 0; i < count; i++)
        if (ports[i] == number)
            return (struct setting_numbers){&ports[i], 1};
    assert_true(count < 8);
    ports[count] = number;
    return (struct setting_numbers){&ports[count++], 1};
}

static inline struct decode_settings usual_settings(void)
{
    return (struct decode_settings){.fragments = 1000,
                                    .fragment_bytes = 1 << 20,
                                    .fragment_timeout = INT64_C(30000000000),
                                    .tunnel_depth = 4,
                                    .vlan_depth = 4,
                                    .tunnels = true,
                                    .tunnel_ports = {[TUNNEL_VXLAN] = port(4789),
                                                     [TUNNEL_VXLAN_GPE] = port(4790),
                                                     [TUNNEL_GENEVE] = port(6081),
                                                     [TUNNEL_GTP] = port(2152),
                                                     [TUNNEL_TZSP] = port(37008),
                                                     [TUNNEL_L2TP] = port(1701),
                                                     [TUNNEL_MPLS] = port(6635)}};
}

static inline void bench_open(struct bench *t)
{
    bench_open_with(t, usual_settings());
}

// Frames are in one column each, now that nothing waits.
static inline void bench_close(struct bench *t)
{
    decoder_forget(t->decoder);
    uint64_t sum = t->decoded;
    for (int i = 0; i < COUNTERS; i++)
        if (counter_infos[i].column == COLUMN_DECODED ||
            counter_infos[i].column == COLUMN_UNDECODED)
            sum += counter_at(&t->counters, (enum counter)i);
    assert_int_equal(counter_get(t->counters.packets_seen), sum);
    assert_int_equal(counter_get(t->counters.fragments_waiting), 0);
    decoder_free(t->decoder);
    free(t->copy);
}

// The first `len` bytes as a frame of that link type; true if it became bench->packet.
static inline bool decode_first(struct bench *t, const struct bytes *b, uint32_t len, unsigned link)
{
    free(t->copy);
    t->copy = malloc(len ? len : 1);
    memcpy(t->copy, b->at, len);
    t->frame = (struct frame){
        .at = t->copy, .len = len, .wire = b->len, .time = t->time, .link = (uint16_t)link};
    if (decode(t->decoder, &t->frame, 1, &t->packet) != 1)
        return false;
    t->decoded += t->packet.frames;
    return true;
}

static inline bool decode_all(struct bench *t, const struct bytes *b, unsigned link)
{
    return decode_first(t, b, b->len, link);
}

// The packet is put_inner's, came in tunnels of which the last is of that kind, and its key has
// that id.
static inline void assert_inside(const struct bench *t, enum tunnel_kind kind, uint32_t in_key)
{
    const struct packet *p = &t->packet;
    assert_int_equal(p->key.protocol, PROTO_TCP);
    assert_int_equal(p->key.address[0][3], 8);
    assert_int_equal(p->key.port[0], 40000);
    assert_int_equal(p->key.tunnel, in_key);
    assert_int_equal(p->payload_len, 2);
    assert_memory_equal(p->payload, "in", 2);
    assert_true(p->tunnels.count > 0);
    assert_int_equal(p->tunnels.kind[p->tunnels.count > 1], kind);
}

// It is the flow of its outer headers, as if nobody had looked.
static inline void assert_outside(const struct bench *t, unsigned protocol)
{
    const struct packet *p = &t->packet;
    assert_int_equal(p->key.protocol, protocol);
    assert_int_equal(p->key.tunnel, 0);
    assert_int_equal(p->tunnels.count, 0);
    assert_int_equal(p->outer_ip, 0xffff);
}

// Every prefix of a frame, cut by the snap length and on the wire: it is counted, and until the
// innermost header can be read it is the outer flow's (or nobody's), with a note why.
static inline void assert_cuts_count(struct bench *t, struct bytes *b, uint32_t outer,
                                     uint32_t inner)
{
    uint32_t whole = b->len;
    for (uint32_t len = 0; len <= whole; len++)
        for (int on_wire = 0; on_wire < 2; on_wire++) {
            uint64_t noted = counter_get(t->counters.decode_bad_tunnel) +
                             counter_get(t->counters.decode_other_in_tunnel);
            b->len = on_wire ? len : whole;
            bool made = decode_first(t, b, len, LINK_ETHERNET);
            assert_true(len < outer || made);
            if (made && len < inner)
                assert_int_equal(t->packet.tunnels.count, 0);
            if (len >= outer && len < inner)
                assert_true(counter_get(t->counters.decode_bad_tunnel) +
                                counter_get(t->counters.decode_other_in_tunnel) ==
                            noted + 1);
            if (len >= inner)
                assert_true(t->packet.tunnels.count > 0);
        }
    b->len = whole;
}

// Every byte lies, one at a time.
static inline void assert_lies_are_harmless(struct bench *t, struct bytes *b)
{
    static const uint8_t lies[] = {0x00, 0x01, 0x0f, 0x45, 0x60, 0x7f, 0x80, 0xff};
    for (uint32_t i = 0; i < b->len; i++) {
        uint8_t truth = b->at[i];
        for (size_t lie = 0; lie < sizeof lies; lie++) {
            b->at[i] = lies[lie];
            if (decode_all(t, b, LINK_ETHERNET))
                assert_true(t->packet.payload_len <= b->len);
        }
        b->at[i] = truth;
    }
}
