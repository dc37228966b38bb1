// SPDX-License-Identifier: Apache-2.0
// Frames into packets: keys, sides, ledger, sharing between workers, and every prefix of a frame.
#include "tests/unit/probe/decode/build.h"

#include "probe/decode/link.h"

static void put_tcp_frame(struct bytes *b, unsigned from, unsigned to, unsigned from_port,
                          unsigned to_port)
{
    b->len = 0;
    put_ethernet(b, ETHER_IPV4);
    uint32_t ip = put_ipv4(b, PROTO_TCP, from, to);
    put_tcp(b, from_port, to_port, TCP_ACK | TCP_PSH);
    put(b, "hello", 5);
    end_ipv4(b, ip);
}

static void tcp_over_ipv4(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    put_tcp_frame(&b, 1, 2, 40000, 80);
    put_zeros(&b, 9); // Ethernet pads short frames
    t.time = 77;
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    const struct packet *p = &t.packet;
    assert_int_equal(p->key.family, 4);
    assert_int_equal(p->key.protocol, PROTO_TCP);
    assert_int_equal(p->sender, 0);
    assert_int_equal(p->key.port[0], 40000);
    assert_int_equal(p->key.port[1], 80);
    assert_memory_equal(packet_address(p, 0), "\x0a\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_memory_equal(packet_address(p, 1), "\x0a\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(p->seq, 1000);
    assert_int_equal(p->ack, 2000);
    assert_int_equal(p->window, 512);
    assert_int_equal(p->tcp_flags, TCP_ACK | TCP_PSH);
    assert_int_equal(p->payload_len, 5);
    assert_int_equal(p->payload_cut, 0);
    assert_memory_equal(p->payload, "hello", 5);
    assert_int_equal(p->mac, 0);
    assert_int_equal(p->outer_ip, 0xffff);
    assert_int_equal(p->frames, 1);
    assert_int_equal(p->wire, b.len);
    assert_int_equal(p->time, 77);
    assert_ptr_equal(p->frame, &t.frame);
    assert_int_equal(t.decoded, 1);
    assert_int_equal(counter_get(t.counters.packets_bytes), b.len);
    bench_close(&t);
}

static void both_directions_have_one_key(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    put_tcp_frame(&b, 9, 2, 80, 40000);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    struct packet one = t.packet;
    put_tcp_frame(&b, 2, 9, 40000, 80);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_memory_equal(&one.key, &t.packet.key, sizeof one.key);
    assert_int_equal(one.hash, t.packet.hash);
    assert_int_equal(one.sender, 1);
    assert_int_equal(t.packet.sender, 0);
    assert_int_equal(t.packet.key.address[0][3], 2);

    put_tcp_frame(&b, 2, 2, 81, 80); // a host that talks to itself: the ports decide
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.sender, 1);
    assert_int_equal(t.packet.key.port[0], 80);
    bench_close(&t);
}

static void udp_over_ipv6(void **state)
{
    (void)state;
    static struct bytes b = {0};
    struct bench t;
    bench_open(&t);
    put_ethernet(&b, ETHER_IPV6);
    uint32_t ip = put_ipv6(&b, PROTO_UDP, 5, 3), udp = put_udp(&b, 53, 1024);
    put(&b, "answer", 6);
    end_udp(&b, udp);
    end_ipv6(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.family, 6);
    assert_int_equal(t.packet.sender, 1);
    assert_int_equal(t.packet.key.port[1], 53);
    assert_int_equal(packet_address(&t.packet, 0)[15], 5);
    assert_int_equal(packet_address(&t.packet, 1)[15], 3);
    assert_int_equal(t.packet.payload_len, 6);
    b.at[ip + 23] = 3; // a host that talks to itself
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.sender, 0);
    assert_int_equal(t.packet.key.port[0], 53);
    set16(&b, udp, 5353);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.sender, 1);
    assert_int_equal(t.packet.key.port[0], 1024);
    bench_close(&t);
}

static void without_ip_the_hardware_addresses_count(void **state)
{
    (void)state;
    static struct bytes b = {0};
    struct bench t;
    bench_open(&t);
    put_ethernet_between(&b, 9, 3, 0x0806);
    put_zeros(&b, 28);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.family, 0);
    assert_int_equal(t.packet.key.protocol, PROTO_NONE);
    assert_int_equal(t.packet.sender, 1);
    assert_memory_equal(packet_address(&t.packet, 0), "\2\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(t.packet.payload_len, 0);
    assert_int_equal(counter_get(t.counters.decode_other_ether_type), 1);

    b.len = 0;
    put_ethernet(&b, ETHER_IPV4);
    uint32_t ip = put_ipv4(&b, PROTO_TCP, 1, 2);
    end_ipv4(&b, ip);
    b.at[ip] = 0x44; // a header of 16 bytes
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.family, 0);
    assert_int_equal(counter_get(t.counters.decode_bad_ip), 1);

    memmove(b.at, b.at + ip, b.len - ip);
    b.len -= ip;
    assert_false(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(counter_get(t.counters.undecoded_ip_header), 1);
    bench_close(&t);
}

static void other_protocols_have_no_ports(void **state)
{
    (void)state;
    static struct bytes b = {0};
    struct bench t;
    bench_open(&t);
    put_ethernet(&b, ETHER_IPV4);
    uint32_t ip = put_ipv4(&b, 50, 1, 2); // ESP
    put(&b, "\1\2\3\4sealed", 10);
    end_ipv4(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.protocol, 50);
    assert_int_equal(t.packet.key.port[0], 0);
    assert_int_equal(t.packet.key.port[1], 0);
    assert_int_equal(t.packet.payload_len, 10);
    bench_close(&t);
}

// Each of many flows is kept by exactly one of three workers, both directions by the same.
static void workers_share_flows(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench worker[3];
    for (unsigned i = 0; i < 3; i++) {
        bench_open(&worker[i]);
        decoder_share(worker[i].decoder, i, 3);
    }
    for (unsigned port = 1; port <= 300; port++) {
        unsigned kept = 0, kept_back = 0;
        put_tcp_frame(&b, 1, 2, port, 80);
        for (unsigned i = 0; i < 3; i++)
            kept |= (unsigned)decode_all(&worker[i], &b, LINK_ETHERNET) << i;
        put_tcp_frame(&b, 2, 1, 80, port);
        for (unsigned i = 0; i < 3; i++)
            kept_back |= (unsigned)decode_all(&worker[i], &b, LINK_ETHERNET) << i;
        assert_true(kept == 1 || kept == 2 || kept == 4);
        assert_int_equal(kept, kept_back);
    }
    uint64_t seen = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(decode_all(&worker[i], &b, 999));
        assert_int_equal(counter_get(worker[i].counters.undecoded_link_type), i == 0);
        assert_true(counter_get(worker[i].counters.packets_seen) > 100);
        seen += counter_get(worker[i].counters.packets_seen);
        bench_close(&worker[i]);
    }
    assert_int_equal(seen, 601);
}

// An array of frames goes through in order, and leaves out what makes no packet.
static void arrays_keep_their_order(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    struct frame frames[FRAMES];
    struct packet packets[FRAMES];
    bench_open(&t);
    put_tcp_frame(&b, 1, 2, 40000, 80);
    for (int i = 0; i < FRAMES; i++)
        frames[i] = (struct frame){.at = b.at,
                                   .len = b.len,
                                   .wire = b.len,
                                   .time = i,
                                   .link = i % 3 == 2 ? 999 : LINK_ETHERNET};
    int count = decode(t.decoder, frames, FRAMES, packets);
    assert_int_equal(count, FRAMES - FRAMES / 3);
    for (int i = 0; i < count; i++)
        assert_int_equal(packets[i].time, i / 2 * 3 + i % 2);
    assert_int_equal(counter_get(t.counters.packets_seen), FRAMES);
    t.decoded = (uint64_t)count;
    bench_close(&t);
}

// One frame with nearly everything in it.
static void put_crowded_frame(struct bytes *b)
{
    b->len = 0;
    put_ethernet(b, 0x88a8);
    put_tag(b, 5, 0x8100);
    put_tag(b, 6, ETHER_IPV6);
    uint32_t outer = put_ipv6(b, 0, 1, 2); // hop-by-hop options, then routing, then GRE
    put(b, (uint8_t[]){43, 0, 1, 4, 0, 0, 0, 0}, 8);
    put(b, (uint8_t[]){PROTO_GRE, 0, 0, 0, 0, 0, 0, 0}, 8);
    put32(b, 0xb0000000 | ETHER_BRIDGED); // sum, key, sequence
    put_zeros(b, 4);
    put32(b, 1234);
    put_zeros(b, 4);
    put_ethernet(b, 0x8100);
    put_tag(b, 7, ETHER_IPV4);
    uint32_t middle = put_ipv4(b, PROTO_UDP, 3, 4), vxlan = put_udp(b, 50000, 4789);
    put(b, (uint8_t[]){8, 0, 0, 0, 0, 0, 99, 0}, 8);
    put_ethernet(b, ETHER_IPV4);
    uint32_t inner = put_ipv4(b, PROTO_TCP, 5, 6);
    put_tcp(b, 40000, 80, TCP_SYN);
    b->at[b->len - 8] = 0x70;
    put(b, (uint8_t[]){2, 4, 5, 0xb4, 1, 3, 3, 7}, 8);
    put(b, "GET / HTTP/1.1\r\n\r\n", 18);
    end_ipv4(b, inner);
    end_udp(b, vxlan);
    end_ipv4(b, middle);
    end_ipv6(b, outer);
}

static void crowded_frame_is_understood(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    put_crowded_frame(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.port[0], 40000);
    assert_int_equal(t.packet.key.tunnel, 99);
    assert_int_equal(t.packet.vlans, 2);
    assert_int_equal(t.packet.vlan[0], 5);
    assert_int_equal(t.packet.vlan[1], 6);
    assert_int_equal(t.packet.outer_ip, 22);
    assert_int_equal(t.packet.window_scale, 7);
    assert_int_equal(t.packet.payload_len, 18);
    assert_int_equal(counter_get(t.counters.decode_tunnelled), 1);
    bench_close(&t);
}

// Every prefix is counted somewhere, and none is read beyond its end (the sanitizers watch).
static void every_prefix_is_harmless(void **state)
{
    (void)state;
    static struct bytes b;
    static const unsigned links[] = {LINK_ETHERNET, LINK_SLL, LINK_SLL2, LINK_NULL,
                                     LINK_LOOP,     LINK_RAW, LINK_IPV4, LINK_IPV6};
    struct bench t;
    bench_open(&t);
    put_crowded_frame(&b);
    uint32_t whole = b.len, frames = 0;
    for (uint32_t len = 0; len <= whole; len++, frames += 2) {
        b.len = whole; // cut by the snap length
        decode_first(&t, &b, len, LINK_ETHERNET);
        b.len = len; // or on the wire already
        decode_all(&t, &b, LINK_ETHERNET);
    }
    for (uint32_t start = 0; start < whole; start++) // headers in the wrong place
        for (unsigned i = 0; i < sizeof links / sizeof *links; i++, frames++) {
            struct bytes *tail = malloc(sizeof *tail);
            tail->len = 0;
            put(tail, b.at + start, whole - start);
            decode_all(&t, tail, links[i]);
            free(tail);
        }
    decoder_forget(t.decoder);
    assert_int_equal(counter_get(t.counters.packets_seen), frames);
    bench_close(&t);
}

// Each byte of the headers takes hostile values, one at a time.
static void every_byte_may_lie(void **state)
{
    (void)state;
    static struct bytes b;
    static const uint8_t lies[] = {0x00, 0x01, 0x04, 0x0f, 0x2c, 0x40, 0x45, 0x7f, 0x80, 0xff};
    struct bench t;
    bench_open(&t);
    put_crowded_frame(&b);
    for (uint32_t i = 0; i < b.len; i++) {
        uint8_t truth = b.at[i];
        for (size_t lie = 0; lie < sizeof lies; lie++) {
            b.at[i] = lies[lie];
            if (decode_all(&t, &b, LINK_ETHERNET))
                assert_true(t.packet.payload_len <= b.len);
        }
        b.at[i] = truth;
    }
    bench_close(&t);
}

static void settings_have_defaults(void **state)
{
    (void)state;
    struct decode_settings settings;
    struct error why = {0};
    struct arena arena;
    assert_true(arena_init(&arena, 1 << 16));
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = &arena};
    assert_true(setting_fill(decode_settings, NULL, &settings, NULL, &reader, &why));
    assert_int_equal(settings.fragments, 8192);
    assert_int_equal(settings.fragment_bytes, 8 << 20);
    assert_true(settings.fragment_timeout == INT64_C(30000000000));
    assert_int_equal(settings.tunnel_depth, 4);
    assert_int_equal(settings.vlan_depth, 8);
    assert_true(settings.tunnels);
    assert_int_equal(settings.tunnel_ports[TUNNEL_VXLAN].count, 2);
    assert_int_equal(settings.tunnel_ports[TUNNEL_VXLAN].at[1], 8472);
    assert_int_equal(settings.tunnel_ports[TUNNEL_MPLS].at[0], 6635);
    struct bench t;
    bench_open_with(&t, settings);
    bench_close(&t);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_over_ipv4),
        cmocka_unit_test(both_directions_have_one_key),
        cmocka_unit_test(udp_over_ipv6),
        cmocka_unit_test(without_ip_the_hardware_addresses_count),
        cmocka_unit_test(other_protocols_have_no_ports),
        cmocka_unit_test(workers_share_flows),
        cmocka_unit_test(arrays_keep_their_order),
        cmocka_unit_test(crowded_frame_is_understood),
        cmocka_unit_test(every_prefix_is_harmless),
        cmocka_unit_test(every_byte_may_lie),
        cmocka_unit_test(settings_have_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
