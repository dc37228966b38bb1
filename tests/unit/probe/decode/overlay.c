// SPDX-License-Identifier: Apache-2.0
// Tunnels over UDP: VXLAN-GPE, Geneve, GTP-U, TZSP (VXLAN itself is with the tunnels).
#include "probe/decode/tunnel.h"
#include "tests/unit/probe/decode/build.h"

static struct bytes b;

static void decode_it(struct bench *t)
{
    end_outer(&b);
    assert_true(decode_all(t, &b, LINK_ETHERNET));
}

static void torture(struct bench *t, uint32_t header)
{
    assert_cuts_count(t, &b, 42, header + 20);
    assert_lies_are_harmless(t, &b);
}

static void put_gpe(unsigned flags, unsigned next)
{
    begin_outer_udp(&b, 4790);
    put32(&b, flags << 24 | next);
    put32(&b, 5000 << 8);
}

static void vxlan_gpe(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    put_gpe(0x0c, 1);
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_VXLAN_GPE, 5000);
    torture(&t, 42 + 8);
    put_gpe(0x0c, 3);
    put_inner_frame(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_VXLAN_GPE, 5000);
    put_gpe(0x08, 1); // without the flag the next byte says nothing
    put_inner_frame(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_VXLAN_GPE, 5000);
    put_gpe(0x0c, 5);
    put32(&b, 16 << 12 | 0x100 | 64);
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_MPLS, 5000);
    assert_int_equal(t.packet.tunnels.kind[0], TUNNEL_VXLAN_GPE);
    static const struct {
        unsigned flags, next;
        bool bad;
    } rows[] = {
        {0x04, 1, true}, {0x1c, 1, true}, {0x0d, 1, false}, {0x0c, 4, false}, {0x0c, 255, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t bad = counter_get(t.counters.decode_bad_tunnel);
        put_gpe(rows[i].flags, rows[i].next);
        put_inner(&b);
        decode_it(&t);
        assert_outside(&t, PROTO_UDP);
        assert_int_equal(counter_get(t.counters.decode_bad_tunnel), bad + rows[i].bad);
    }
    bench_close(&t);
}

static void put_geneve(unsigned options, unsigned flags, unsigned type)
{
    begin_outer_udp(&b, 6081);
    put8(&b, options);
    put8(&b, flags);
    put16(&b, type);
    put32(&b, 0xabcdef00);
    for (unsigned i = 0; i < (options & 0x3f); i++)
        put32(&b, i % 2 ? 0xffffffff : 0x01028001); // options of one word and its value
}

static void geneve(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    static const unsigned options[] = {0, 2, 62};
    for (size_t i = 0; i < 3; i++) {
        put_geneve(options[i], 0x40, ETHER_BRIDGED); // critical ones too
        put_inner_frame(&b);
        decode_it(&t);
        assert_inside(&t, TUNNEL_GENEVE, 0xabcdef);
        assert_int_equal(t.packet.tunnels.id, 0xabcdef);
        if (options[i] < 62)
            torture(&t, 42 + 8 + options[i] * 4 + 14);
    }
    put_geneve(2, 0, ETHER_IPV4);
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GENEVE, 0xabcdef);
    put_geneve(0, 0x80, ETHER_IPV4); // control
    put_inner(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    put_geneve(0x40, 0, ETHER_IPV4); // a version of the future
    put_inner(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    bench_close(&t);
}

static void put_gtp(unsigned flags, unsigned message, uint32_t len)
{
    begin_outer_udp(&b, 2152);
    put8(&b, 0x30 | flags);
    put8(&b, message);
    put16(&b, len);
    put32(&b, 0xdeadbeef);
}

static void gtp(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    put_gtp(0, 255, 42);
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GTP, 0); // the TEID is no part of the key: the way back has another
    assert_int_equal(t.packet.tunnels.id, 0xdeadbeef);
    torture(&t, 42 + 8);

    put_gtp(2, 255, 46); // sequence number
    put32(&b, 0x00010085);
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GTP, 0);

    put_gtp(4, 255, 42 + 4 + 4 + 8); // PDU session container, then one of two words
    put32(&b, 0x00000085);
    put32(&b, 0x01100940);
    put(&b, (uint8_t[]){2, 1, 2, 3, 4, 5, 6, 0}, 8);
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GTP, 0);
    torture(&t, 42 + 8 + 16);

    put_gtp(0, 255, 56); // Ethernet of a private network
    put_inner_frame(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GTP, 0);
    bench_close(&t);
}

static void gtp_that_is_not_followed(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    put_gtp(2, 1, 4); // echo
    put_zeros(&b, 4);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    assert_int_equal(counter_get(t.counters.decode_other_in_tunnel), 1);
    put_gtp(4, 255, 60); // an extension without length, and a chain without end
    put32(&b, 0x00000085);
    put_zeros(&b, 4);
    put_inner(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    put_gtp(4, 255, 1000);
    put32(&b, 0x00000085);
    for (int i = 0; i < 100; i++)
        put32(&b, 0x01000085);
    put_inner(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    put_gtp(0, 255, 42); // GTP'
    b.at[42] = 0x20;
    put_inner(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    assert_int_equal(counter_get(t.counters.decode_bad_tunnel), 3);
    bench_close(&t);
}

static void put_tzsp(unsigned message, unsigned protocol)
{
    begin_outer_udp(&b, 37008);
    put8(&b, 1);
    put8(&b, message);
    put16(&b, protocol);
}

static void tzsp(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned message = 0; message < 2; message++) {
        put_tzsp(message, 1);
        put(&b, (uint8_t[]){0, 10, 1, 0xc3, 0, 40, 2, 1, 2, 1}, 10); // padding, signal, count, end
        put_inner_frame(&b);
        decode_it(&t);
        assert_inside(&t, TUNNEL_TZSP, 0);
        assert_false(t.packet.tunnels.has_id);
    }
    torture(&t, 42 + 4 + 10 + 14);
    static const struct {
        unsigned message, protocol;
    } rows[] = {{4, 1}, {0, 18}, {3, 1}, {255, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put_tzsp(rows[i].message, rows[i].protocol);
        put8(&b, 1);
        put_inner_frame(&b);
        decode_it(&t);
        assert_outside(&t, PROTO_UDP);
    }
    put_tzsp(0, 1); // tags that do not end
    put_zeros(&b, 100);
    put_inner_frame(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vxlan_gpe), cmocka_unit_test(geneve),
        cmocka_unit_test(gtp),       cmocka_unit_test(gtp_that_is_not_followed),
        cmocka_unit_test(tzsp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
