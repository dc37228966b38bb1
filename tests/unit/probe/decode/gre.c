// SPDX-License-Identifier: Apache-2.0
// GRE's relatives: NVGRE, PPTP, ERSPAN of three types; source routes.
#include "probe/decode/tunnel.h"
#include "tests/unit/probe/decode/build.h"

static struct bytes b;

static void begin(unsigned flags, unsigned type)
{
    begin_outer(&b, PROTO_GRE);
    put16(&b, flags);
    put16(&b, type);
}

static void decode_it(struct bench *t)
{
    end_outer(&b);
    assert_true(decode_all(t, &b, LINK_ETHERNET));
}

// Cut at every byte, and with lies; `header` is where the inner IP header begins.
static void torture(struct bench *t, uint32_t header)
{
    assert_cuts_count(t, &b, 34, header + 20);
    assert_lies_are_harmless(t, &b);
}

// Networks from 0x1000 on are NVGRE's, and the number of the flow is no part of the key.
static void nvgre_and_gre_with_a_key(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned flow = 0; flow < 3; flow++) {
        begin(0x2000, ETHER_BRIDGED);
        put32(&b, 0x12345600 | flow);
        put_inner_frame(&b);
        decode_it(&t);
        assert_inside(&t, TUNNEL_NVGRE, 0x123456);
        assert_int_equal(t.packet.tunnels.id, 0x123456);
    }
    torture(&t, 34 + 8 + 14);

    begin(0x2000, ETHER_BRIDGED);
    put32(&b, 0x000fffff);
    put_inner_frame(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GRE, 0x000fffff);

    begin(0x3000, ETHER_BRIDGED); // NVGRE has no sequence
    put32(&b, 0x12345601);
    put_zeros(&b, 4);
    put_inner_frame(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_GRE, 0x12345601);
    bench_close(&t);
}

static void source_routes(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned routes = 0; routes < 20; routes++) {
        begin(0x7000, ETHER_IPV4); // with key and sequence, and the offset that comes with routes
        put_zeros(&b, 4);
        put32(&b, 77);
        put_zeros(&b, 4);
        for (unsigned i = 0; i < routes; i++)
            put(&b, (uint8_t[]){8, 0, 0, 4, 10, 0, 0, 1}, 8);
        put_zeros(&b, 4);
        put_inner(&b);
        decode_it(&t);
        if (routes < 16)
            assert_inside(&t, TUNNEL_GRE, 77);
        else
            assert_outside(&t, PROTO_GRE);
        if (routes == 2)
            torture(&t, 34 + 16 + 20);
    }
    bench_close(&t);
}

static void put_call(unsigned flags, unsigned payload)
{
    begin(flags, ETHER_PPP);
    put16(&b, payload);
    put16(&b, 4711);
    put_zeros(&b, flags & 0x1000 ? 4 : 0);
    put_zeros(&b, flags & 0x0080 ? 4 : 0);
}

static void pptp(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned options = 0; options < 4; options++) {
        put_call(0x2001 | (options & 1) << 12 | (options & 2) << 6, 46);
        put(&b, (uint8_t[]){0xff, 0x03, 0x00, 0x21}, 4);
        put_inner(&b);
        decode_it(&t);
        assert_inside(&t, TUNNEL_PPTP, 0);
        assert_int_equal(t.packet.tunnels.id, 4711);
    }
    torture(&t, 34 + 16 + 4);
    put_call(0x2081, 0); // an acknowledgement
    decode_it(&t);
    assert_outside(&t, PROTO_GRE);
    uint64_t other = counter_get(t.counters.decode_other_in_tunnel);
    put_call(0x3001, 4); // LCP
    put(&b, (uint8_t[]){0xff, 0x03, 0xc0, 0x21}, 4);
    decode_it(&t);
    assert_outside(&t, PROTO_GRE);
    assert_int_equal(counter_get(t.counters.decode_other_in_tunnel), other + 1);
    bench_close(&t);
}

static void put_erspan_2(unsigned session)
{
    begin(0x1000, ETHER_ERSPAN);
    put32(&b, 99); // sequence
    put16(&b, 0x1000 | 44);
    put16(&b, 0x1800 | session);
    put32(&b, 7);
    put_inner_frame(&b);
}

static void put_erspan_3(unsigned session, unsigned flags)
{
    begin(0x1000, ETHER_ERSPAN_3);
    put32(&b, 99);
    put16(&b, 0x2000 | 44);
    put16(&b, session);
    put32(&b, 123456);
    put16(&b, 0);
    put16(&b, flags);
    put_zeros(&b, flags & 1 ? 8 : 0);
}

static void erspan(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    begin(0, ETHER_ERSPAN); // type I
    put_inner_frame(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_ERSPAN, 0);
    assert_false(t.packet.tunnels.has_id);
    torture(&t, 34 + 4 + 14);

    put_erspan_2(0x3ff);
    decode_it(&t);
    assert_inside(&t, TUNNEL_ERSPAN, 0);
    assert_int_equal(t.packet.tunnels.id, 0x3ff);
    torture(&t, 34 + 8 + 8 + 14);

    for (unsigned platform = 0; platform < 2; platform++) {
        put_erspan_3(12, platform);
        put_inner_frame(&b);
        decode_it(&t);
        assert_inside(&t, TUNNEL_ERSPAN, 0);
        assert_int_equal(t.packet.tunnels.id, 12);
        torture(&t, 34 + 8 + 12 + platform * 8 + 14);
    }
    put_erspan_3(12, 2 << 10); // an IP packet without its frame
    put_inner(&b);
    decode_it(&t);
    assert_inside(&t, TUNNEL_ERSPAN, 0);
    put_erspan_2(1);
    b.at[34 + 8] = 0x30; // another version
    decode_it(&t);
    assert_outside(&t, PROTO_GRE);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nvgre_and_gre_with_a_key),
        cmocka_unit_test(source_routes),
        cmocka_unit_test(pptp),
        cmocka_unit_test(erspan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
