// SPDX-License-Identifier: Apache-2.0
// Link types and VLAN tags.
#include "probe/decode/link.h"

#include "tests/unit/probe/decode/build.h"

static void put_ping(struct bytes *b)
{
    uint32_t ip = put_ipv4(b, PROTO_ICMP, 1, 2);
    put32(b, 0x08000000);
    put32(b, 0x00010001);
    end_ipv4(b, ip);
}

static void put_ping6(struct bytes *b)
{
    uint32_t ip = put_ipv6(b, PROTO_ICMPV6, 1, 2);
    put32(b, 0x80000000);
    put32(b, 0x00010001);
    end_ipv6(b, ip);
}

static void assert_ping(struct bench *t, const struct bytes *b, unsigned link, unsigned family)
{
    assert_true(decode_all(t, b, link));
    assert_int_equal(t->packet.key.family, family);
    assert_int_equal(t->packet.icmp_type, family == 4 ? 8 : 128);
    assert_int_equal(t->packet.payload_len, 4);
}

static void cooked_headers_have_no_mac(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    put(&b, (uint8_t[]){0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, 14);
    put16(&b, ETHER_IPV4);
    put_ping(&b);
    assert_ping(&t, &b, LINK_SLL, 4);
    assert_int_equal(t.packet.mac, 0xffff);

    b.len = 0;
    put16(&b, 0x8100);
    put_zeros(&b, 18);
    put_tag(&b, 12, ETHER_IPV6);
    put_ping6(&b);
    assert_ping(&t, &b, LINK_SLL2, 6);
    assert_int_equal(t.packet.vlans, 1);
    assert_int_equal(t.packet.vlan[0], 12);

    b.len = 0;
    put16(&b, 0x0806);
    put_zeros(&b, 40);
    assert_false(decode_all(&t, &b, LINK_SLL2));
    assert_int_equal(counter_get(t.counters.undecoded_not_ip), 1);
    bench_close(&t);
}

static void loopback_comes_in_both_orders(void **state)
{
    (void)state;
    static const struct {
        uint32_t family;
        unsigned version;
    } rows[] = {{2, 4},  {0x02000000, 4}, {10, 6},         {24, 6},        {28, 6},
                {30, 6}, {0x1e000000, 6}, {0x18000000, 6}, {0x1c000000, 6}};
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        b.len = 0;
        put32(&b, rows[i].family);
        rows[i].version == 4 ? put_ping(&b) : put_ping6(&b);
        assert_ping(&t, &b, i % 2 ? LINK_NULL : LINK_LOOP, rows[i].version);
    }
    b.len = 0;
    put32(&b, 7);
    put_ping(&b);
    assert_false(decode_all(&t, &b, LINK_NULL));
    assert_int_equal(counter_get(t.counters.undecoded_not_ip), 1);
    bench_close(&t);
}

static void raw_goes_by_the_version(void **state)
{
    (void)state;
    static const unsigned links[] = {LINK_RAW, LINK_RAW_BSD, LINK_RAW_OPENBSD, LINK_IPV4,
                                     LINK_IPV6};
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        b.len = 0;
        put_ping(&b);
        assert_ping(&t, &b, links[i], 4);
        b.len = 0;
        put_ping6(&b);
        assert_ping(&t, &b, links[i], 6);
    }
    b.at[0] = 0x50;
    assert_false(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(counter_get(t.counters.undecoded_ip_header), 1);
    bench_close(&t);
}

static void tags_nest_up_to_the_ceiling(void **state)
{
    (void)state;
    static const unsigned types[] = {0x88a8, 0x9100, 0x9200, 0x8100};
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    for (unsigned tags = 0; tags <= 5; tags++) {
        b.len = 0;
        put_ethernet(&b, tags ? types[0] : ETHER_IPV4);
        for (unsigned i = 1; i <= tags; i++)
            put_tag(&b, 0xe000 + i, i == tags ? ETHER_IPV4 : types[i % 4]);
        put_ping(&b);
        if (tags == 5) {
            assert_false(decode_all(&t, &b, LINK_ETHERNET));
            break;
        }
        assert_ping(&t, &b, LINK_ETHERNET, 4);
        assert_int_equal(t.packet.vlans, tags);
        assert_int_equal(t.packet.vlan[0], tags >= 1 ? 1 : 0);
        assert_int_equal(t.packet.vlan[1], tags >= 2 ? 2 : 0);
    }
    assert_int_equal(counter_get(t.counters.undecoded_vlan_depth), 1);
    bench_close(&t);
}

// The kernel takes the outermost tag off and tells it beside the frame.
static void tag_beside_the_frame_is_outermost(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    struct packet p;
    bench_open(&t);
    b.len = 0;
    put_ethernet(&b, 0x8100);
    put_tag(&b, 22, ETHER_IPV4);
    put_ping(&b);
    struct frame f = {.at = b.at,
                      .len = b.len,
                      .wire = b.len,
                      .link = LINK_ETHERNET,
                      .has_vlan = true,
                      .vlan = 11};
    assert_int_equal(decode(t.decoder, &f, 1, &p), 1);
    t.decoded = 1;
    assert_int_equal(p.vlans, 2);
    assert_int_equal(p.vlan[0], 11);
    assert_int_equal(p.vlan[1], 22);
    bench_close(&t);
}

static void short_frames_are_counted(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    put_ethernet(&b, 0x8100);
    put_tag(&b, 1, ETHER_IPV4);
    assert_false(decode_first(&t, &b, 0, LINK_ETHERNET));
    assert_false(decode_first(&t, &b, 13, LINK_ETHERNET));
    assert_false(decode_first(&t, &b, 17, LINK_ETHERNET));
    assert_false(decode_first(&t, &b, 15, LINK_SLL));
    assert_false(decode_first(&t, &b, 3, LINK_NULL));
    assert_int_equal(counter_get(t.counters.undecoded_link_header), 5);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cooked_headers_have_no_mac),
        cmocka_unit_test(loopback_comes_in_both_orders),
        cmocka_unit_test(raw_goes_by_the_version),
        cmocka_unit_test(tags_nest_up_to_the_ceiling),
        cmocka_unit_test(tag_beside_the_frame_is_outermost),
        cmocka_unit_test(short_frames_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
