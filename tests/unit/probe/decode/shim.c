// SPDX-License-Identifier: Apache-2.0
// MPLS with what its payload may be, PPPoE and PPP, PBB, and all of them inside each other.
#include "probe/decode/tunnel.h"
#include "tests/unit/probe/decode/build.h"

static struct bytes b;

static void torture(struct bench *t, uint32_t outer, uint32_t header)
{
    assert_cuts_count(t, &b, outer, header + 20);
    assert_lies_are_harmless(t, &b);
}

static void put_label(unsigned label, bool last)
{
    put32(&b, label << 12 | last << 8 | 64);
}

static void put_stack(unsigned labels)
{
    b.len = 0;
    put_ethernet(&b, labels % 2 ? ETHER_MPLS : ETHER_MPLS_MULTICAST);
    for (unsigned i = 1; i <= labels; i++)
        put_label(100 + i, i == labels);
}

static void mpls_stacks(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned labels = 1; labels < 20; labels++) {
        put_stack(labels);
        put_inner(&b);
        assert_true(decode_all(&t, &b, LINK_ETHERNET));
        if (labels > 16) {
            assert_outside(&t, PROTO_NONE);
            continue;
        }
        assert_inside(&t, TUNNEL_MPLS, 0);
        assert_int_equal(t.packet.tunnels.count, 1);
        assert_int_equal(t.packet.tunnels.id, 100 + labels);
        assert_int_equal(t.packet.outer_ip, 0xffff);
        if (labels < 4)
            torture(&t, 14, 14 + labels * 4);
    }
    b.len = 0; // an entropy label names nobody
    put_ethernet(&b, ETHER_MPLS);
    put_label(100, false);
    put_label(7, false);
    put_label(0xfffff, true);
    put_inner(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_MPLS, 0);
    assert_int_equal(t.packet.tunnels.id, 100);
    bench_close(&t);
}

static void mpls_payloads(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    put_stack(1); // IPv6
    uint32_t ip = put_ipv6(&b, PROTO_TCP, 8, 9);
    put_tcp(&b, 40000, 80, TCP_ACK);
    end_ipv6(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.family, 6);

    put_stack(2); // an Ethernet frame behind a control word
    put32(&b, 0x0000002a);
    put_inner_frame(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_MPLS, 0);
    torture(&t, 14, 14 + 8 + 4 + 14);

    static const uint8_t first[] = {0x02, 0x45, 0x46, 0x60, 0x10, 0xf0}; // of a hardware address
    for (size_t i = 0; i < sizeof first; i++) {
        put_stack(2); // and without one, whatever its first nibble
        put_inner_frame(&b);
        b.at[14 + 8] = first[i];
        assert_true(decode_all(&t, &b, LINK_ETHERNET));
        assert_inside(&t, TUNNEL_MPLS, 0);
    }
    put_stack(1); // an associated channel
    put32(&b, 0x10000021);
    put_zeros(&b, 40);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_outside(&t, PROTO_NONE);
    bench_close(&t);
}

static void mpls_over_others(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    begin_outer_udp(&b, 6635);
    put_label(55, true);
    put_inner(&b);
    end_outer(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_MPLS, 0);
    assert_int_equal(t.packet.outer_ip, 14);
    torture(&t, 42, 46);

    begin_outer(&b, PROTO_MPLS);
    put_label(55, true);
    put_inner(&b);
    end_outer(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_MPLS, 0);
    torture(&t, 34, 38);

    begin_outer(&b, PROTO_GRE);
    put32(&b, 0x20000000 | ETHER_MPLS);
    put32(&b, 9);
    put_label(55, true);
    put_inner(&b);
    end_outer(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_MPLS, 9);
    assert_int_equal(t.packet.tunnels.count, 2);
    assert_int_equal(t.packet.tunnels.kind[0], TUNNEL_GRE);
    assert_int_equal(t.packet.tunnels.id, 55);
    torture(&t, 34, 46);
    bench_close(&t);
}

static void put_session(unsigned code, unsigned len)
{
    b.len = 0;
    put_ethernet(&b, ETHER_PPPOE);
    put8(&b, 0x11);
    put8(&b, code);
    put16(&b, 0x1234);
    put16(&b, len);
}

static void pppoe(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    put_session(0, 44);
    put16(&b, 0x0021);
    put_inner(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_PPPOE, 0x1234);
    torture(&t, 14, 22);
    put_session(0, 43);
    put8(&b, 0x21); // a compressed protocol field
    put_inner(&b);
    put_zeros(&b, 9); // a short frame is padded
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_PPPOE, 0x1234);
    put_session(0, 48);
    put16(&b, 0x0281);
    put_label(77, true);
    put_inner(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_MPLS, 0x1234);
    assert_int_equal(t.packet.tunnels.id, 77);
    put_session(0, 10);
    put16(&b, 0xc021); // LCP
    put_zeros(&b, 40);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_outside(&t, PROTO_NONE);
    assert_int_equal(t.packet.key.address[0][5], 1);
    put_session(9, 0); // discovery has a type of its own
    put_zeros(&b, 46);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_outside(&t, PROTO_NONE);
    bench_close(&t);
}

static void ppp_links(void **state)
{
    (void)state;
    static const struct {
        unsigned link, len;
        uint8_t head[4];
        bool fine;
    } rows[] = {
        {LINK_PPP, 4, {0xff, 0x03, 0x00, 0x21}, true},
        {LINK_PPP, 2, {0x00, 0x21}, true},
        {LINK_PPP, 1, {0x21}, true},
        {LINK_PPP_SERIAL, 3, {0xff, 0x03, 0x21}, true},
        {LINK_PPP, 4, {0xff, 0x03, 0xc0, 0x21}, false},
        {LINK_PPP, 1, {0x57}, false}, // what is inside is not IPv6
    };
    struct bench t;
    bench_open(&t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        b.len = 0;
        put(&b, rows[i].head, rows[i].len);
        put_inner(&b);
        assert_int_equal(decode_all(&t, &b, rows[i].link), rows[i].fine);
        for (uint32_t len = 0; len < rows[i].len + 20; len++)
            assert_false(decode_first(&t, &b, len, rows[i].link));
    }
    b.len = 0;
    put(&b, (uint8_t[]){0x11, 0, 0, 9, 0, 44, 0, 0x21}, 8);
    put_inner(&b);
    assert_true(decode_all(&t, &b, LINK_PPP_ETHER));
    assert_inside(&t, TUNNEL_PPPOE, 9);
    bench_close(&t);
}

static void provider_bridges(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    put_ethernet(&b, 0x88a8);
    put_tag(&b, 11, ETHER_PBB);
    put32(&b, 0x7f00beef);
    put_ethernet_between(&b, 7, 8, 0x88a8);
    put_tag(&b, 12, ETHER_TAG);
    put_tag(&b, 13, ETHER_IPV4);
    put_inner(&b);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inside(&t, TUNNEL_PBB, 0x00beef);
    assert_int_equal(t.packet.vlans, 1);
    assert_int_equal(t.packet.vlan[0], 11);
    torture(&t, 18, 18 + 4 + 14 + 8);
    bench_close(&t);
}

// Each kind inside another, up to the ceiling and one further.
static void nested_to_the_ceiling(void **state)
{
    (void)state;
    struct bench t;
    struct decode_settings settings = usual_settings();
    for (unsigned ceiling = 0; ceiling <= 5; ceiling++) {
        settings.tunnel_depth = ceiling;
        bench_open_with(&t, settings);
        b.len = 0;
        put_ethernet(&b, ETHER_MPLS);
        put_label(1, true);
        uint32_t ip[3], udp;
        ip[0] = put_ipv4(&b, PROTO_GRE, 1, 2);
        put32(&b, ETHER_BRIDGED);
        put_ethernet(&b, ETHER_PPPOE);
        put(&b, (uint8_t[]){0x11, 0, 0, 5, 4, 0, 0, 0x21}, 8);
        ip[1] = put_ipv4(&b, PROTO_UDP, 3, 4);
        udp = put_udp(&b, 5, 2152);
        put(&b, (uint8_t[]){0x30, 255, 1, 0, 0, 0, 0, 9}, 8);
        ip[2] = put_ipv4(&b, PROTO_IPIP, 5, 6);
        put_inner(&b);
        end_ipv4(&b, ip[2]);
        end_udp(&b, udp);
        end_ipv4(&b, ip[1]);
        end_ipv4(&b, ip[0]);
        assert_true(decode_all(&t, &b, LINK_ETHERNET));
        static const uint8_t last[] = {0, 1, 1, 3, 5, 8}; // of the lower address
        if (ceiling == 5)
            assert_inside(&t, TUNNEL_IP, 5);
        else
            assert_int_equal(t.packet.key.address[0][ceiling ? 3 : 5], last[ceiling] + !ceiling);
        assert_int_equal(counter_get(t.counters.decode_tunnel_depth), ceiling < 5);
        // GRE opens nothing unless what it carries is opened too
        assert_int_equal(t.packet.tunnels.count, ceiling == 2 ? 1 : ceiling);
        assert_int_equal(t.packet.outer_ip, ceiling < 3 ? 0xffff : 18);
        if (ceiling == 5)
            assert_lies_are_harmless(&t, &b);
        bench_close(&t);
    }
}

static void garbage(void **state)
{
    (void)state;
    static const struct {
        uint8_t protocol;
        uint16_t port;
    } rows[] = {{PROTO_GRE, 0},    {PROTO_L2TP, 0},   {PROTO_MPLS, 0},   {PROTO_UDP, 4789},
                {PROTO_UDP, 4790}, {PROTO_UDP, 6081}, {PROTO_UDP, 2152}, {PROTO_UDP, 37008},
                {PROTO_UDP, 1701}, {PROTO_UDP, 6635}, {PROTO_IPIP, 0},   {PROTO_IPV6, 0}};
    struct bench t;
    uint32_t random = 1;
    bench_open(&t);
    for (unsigned i = 0; i < 20000; i++) {
        size_t row = i % (sizeof rows / sizeof *rows + 1);
        if (row == sizeof rows / sizeof *rows) {
            b.len = 0;
            put_ethernet(&b, i & 1 ? ETHER_MPLS : i & 2 ? ETHER_PPPOE : ETHER_PBB);
        } else if (rows[row].port) {
            begin_outer_udp(&b, rows[row].port);
        } else {
            begin_outer(&b, rows[row].protocol);
        }
        for (unsigned n = 0; n < i % 97; n++)
            put8(&b, (random = random * 1103515245 + 12345) >> 16);
        if (row < sizeof rows / sizeof *rows)
            end_outer(&b);
        assert_true(decode_all(&t, &b, LINK_ETHERNET) ||
                    counter_get(t.counters.fragments_seen) > 0);
    }
    bench_close(&t);
}

// Without the setting a tunnel is the flow of its outer headers, or nobody's.
static void not_wanted(void **state)
{
    (void)state;
    struct decode_settings settings = usual_settings();
    for (int tunnels = 0; tunnels <= 1; tunnels++) {
        struct bench t;
        settings.tunnels = tunnels;
        bench_open_with(&t, settings);
        put_stack(1);
        put_inner(&b);
        assert_true(decode_all(&t, &b, LINK_ETHERNET));
        assert_int_equal(t.packet.key.family, tunnels ? 4 : 0);
        static const uint8_t protocols[] = {PROTO_GRE, PROTO_IPIP};
        for (size_t i = 0; i < sizeof protocols; i++) {
            begin_outer(&b, protocols[i]);
            if (protocols[i] == PROTO_GRE)
                put32(&b, ETHER_IPV4);
            put_inner(&b);
            end_outer(&b);
            assert_true(decode_all(&t, &b, LINK_ETHERNET));
            assert_int_equal(t.packet.tunnels.count, tunnels);
        }
        assert_int_equal(counter_get(t.counters.decode_other_in_tunnel), 0);
        assert_int_equal(counter_get(t.counters.decode_bad_tunnel), 0);
        bench_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mpls_stacks),
        cmocka_unit_test(mpls_payloads),
        cmocka_unit_test(mpls_over_others),
        cmocka_unit_test(pppoe),
        cmocka_unit_test(ppp_links),
        cmocka_unit_test(provider_bridges),
        cmocka_unit_test(nested_to_the_ceiling),
        cmocka_unit_test(garbage),
        cmocka_unit_test(not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
