// SPDX-License-Identifier: Apache-2.0
// Tunnels: what is inside makes the key, and what is no tunnel stays the flow it looks like.
#include "probe/decode/tunnel.h"

#include "probe/decode/link.h"
#include "tests/unit/probe/decode/build.h"

static void assert_inner(const struct bench *t, uint32_t tunnel)
{
    assert_int_equal(t->packet.key.address[0][3], 8);
    assert_int_equal(t->packet.key.port[0], 40000);
    assert_int_equal(t->packet.key.tunnel, tunnel);
    assert_int_equal(t->packet.outer_ip, 14);
    assert_int_equal(t->packet.payload_len, 2);
    assert_memory_equal(t->packet.payload, "in", 2);
}

static void ip_in_ip(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    put_ethernet(&b, ETHER_IPV4);
    uint32_t ip = put_ipv4(&b, PROTO_IPIP, 1, 2);
    put_inner(&b);
    end_ipv4(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inner(&t, 0);

    b.len = 0; // 4in6
    put_ethernet(&b, ETHER_IPV6);
    ip = put_ipv6(&b, PROTO_IPIP, 1, 2);
    put_inner(&b);
    end_ipv6(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inner(&t, 0);

    b.len = 0; // 6in4
    put_ethernet(&b, ETHER_IPV4);
    ip = put_ipv4(&b, PROTO_IPV6, 1, 2);
    uint32_t inner = put_ipv6(&b, PROTO_TCP, 8, 9);
    put_tcp(&b, 1, 2, TCP_ACK);
    end_ipv6(&b, inner);
    end_ipv4(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.family, 6);
    assert_int_equal(t.packet.key.address[1][15], 9);
    assert_int_equal(counter_get(t.counters.decode_tunnelled), 3);
    bench_close(&t);
}

static uint32_t begin_gre(struct bytes *b, unsigned flags, unsigned type)
{
    b->len = 0;
    put_ethernet(b, ETHER_IPV4);
    uint32_t ip = put_ipv4(b, PROTO_GRE, 1, 2);
    put16(b, flags);
    put16(b, type);
    return ip;
}

static void gre_with_and_without_options(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    for (unsigned flags = 0; flags < 8; flags++) {
        bool sum = flags & 1, key = flags & 2, sequence = flags & 4;
        uint32_t ip = begin_gre(&b, sum << 15 | key << 13 | sequence << 12, ETHER_IPV4);
        put_zeros(&b, sum ? 4 : 0);
        if (key)
            put32(&b, 0xfeedbeef);
        put_zeros(&b, sequence ? 4 : 0);
        put_inner(&b);
        end_ipv4(&b, ip);
        assert_true(decode_all(&t, &b, LINK_ETHERNET));
        assert_inner(&t, key ? 0xfeedbeef : 0);
    }
    uint32_t ip = begin_gre(&b, 0, ETHER_BRIDGED);
    put_ethernet(&b, 0x8100);
    put_tag(&b, 44, ETHER_IPV4);
    put_inner(&b);
    end_ipv4(&b, ip);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inner(&t, 0);
    assert_int_equal(t.packet.vlans, 0); // those of the frame only
    bench_close(&t);
}

static void gre_that_is_not_followed(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    static const struct {
        unsigned flags, type, bad;
    } rows[] = {
        {0x0001, 0x880b, 1},        {0x0002, ETHER_IPV4, 0}, // PPTP without a call, no version
        {0x4000, ETHER_IPV4, 1},                             // source routes that do not end
        {0x0000, 0x0806, 0},        {0x0000, ETHER_IPV6, 1}, // not what is inside
        {0x0000, ETHER_BRIDGED, 0},                          // neither, but nobody can tell
    };
    unsigned bad = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t ip = begin_gre(&b, rows[i].flags, rows[i].type);
        put_inner(&b);
        end_ipv4(&b, ip);
        assert_true(decode_all(&t, &b, LINK_ETHERNET));
        assert_int_equal(t.packet.key.protocol, PROTO_GRE);
        assert_int_equal(t.packet.key.address[0][3], 1);
        assert_int_equal(t.packet.key.tunnel, 0);
        assert_int_equal(t.packet.outer_ip, 0xffff);
        bad += rows[i].bad;
        assert_int_equal(counter_get(t.counters.decode_bad_tunnel), bad);
    }
    bench_close(&t);
}

static void put_vxlan(struct bytes *b, unsigned port, unsigned flags, unsigned id)
{
    b->len = 0;
    put_ethernet(b, ETHER_IPV4);
    uint32_t ip = put_ipv4(b, PROTO_UDP, 1, 2), udp = put_udp(b, 55555, port);
    put32(b, flags << 24);
    put32(b, id << 8);
    put_ethernet_between(b, 7, 8, ETHER_IPV4);
    put_inner(b);
    end_udp(b, udp);
    end_ipv4(b, ip);
}

static void vxlan(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    put_vxlan(&b, 4789, 8, 0xabcdef);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_inner(&t, 0xabcdef);
    assert_int_equal(t.packet.mac, 0); // the frame's own

    put_vxlan(&b, 4789, 0, 1); // without the flag that there is an id
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.protocol, PROTO_UDP);
    assert_int_equal(t.packet.key.port[1], 4789);
    assert_int_equal(counter_get(t.counters.decode_bad_tunnel), 1);
    put_vxlan(&b, 4791, 8, 1);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.protocol, PROTO_UDP);
    assert_int_equal(counter_get(t.counters.decode_bad_tunnel), 1);
    bench_close(&t);

    struct decode_settings blind = usual_settings();
    blind.tunnels = false;
    bench_open_with(&t, blind);
    put_vxlan(&b, 4789, 8, 1);
    assert_true(decode_all(&t, &b, LINK_ETHERNET));
    assert_int_equal(t.packet.key.port[1], 4789);
    assert_int_equal(counter_get(t.counters.decode_tunnelled), 0);
    bench_close(&t);
}

// What was cut inside leaves the packet to the outer flow.
static void broken_inside_counts_outside(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    put_vxlan(&b, 4789, 8, 5);
    for (uint32_t len = 14 + 20 + 8; len < 14 + 20 + 8 + 8 + 14 + 20; len++) {
        assert_true(decode_first(&t, &b, len, LINK_ETHERNET));
        assert_int_equal(t.packet.key.port[1], 4789);
        assert_int_equal(t.packet.key.address[0][3], 1);
        assert_int_equal(t.packet.key.tunnel, 0);
    }
    assert_int_equal(counter_get(t.counters.decode_bad_tunnel), 42);
    bench_close(&t);
}

static void depth_has_a_ceiling(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    for (int i = 0; i < 3000; i++)
        put_ipv4(&b, PROTO_IPIP, 1, 2);
    for (int i = 0; i < 3000; i++)
        set16(&b, (uint32_t)i * 20 + 2, b.len - (uint32_t)i * 20);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.key.protocol, PROTO_IPIP);
    assert_int_equal(t.packet.payload_len, b.len - 5 * 20);
    assert_int_equal(counter_get(t.counters.decode_tunnel_depth), 1);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_in_ip),
        cmocka_unit_test(gre_with_and_without_options),
        cmocka_unit_test(gre_that_is_not_followed),
        cmocka_unit_test(vxlan),
        cmocka_unit_test(broken_inside_counts_outside),
        cmocka_unit_test(depth_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
