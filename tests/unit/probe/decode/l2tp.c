// SPDX-License-Identifier: Apache-2.0
// L2TP: version 2 with all its options, version 3 with cookies of every length.
#include "probe/decode/tunnel.h"
#include "tests/unit/probe/decode/build.h"

static struct bytes b;

static void decode_it(struct bench *t)
{
    end_outer(&b);
    assert_true(decode_all(t, &b, LINK_ETHERNET));
}

static void torture(struct bench *t, uint32_t outer, uint32_t header)
{
    assert_cuts_count(t, &b, outer, header + 20);
    assert_lies_are_harmless(t, &b);
}

static void version_2(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned options = 0; options < 8; options++) {
        bool length = options & 1, sequence = options & 2, offset = options & 4;
        begin_outer_udp(&b, 1701);
        put16(&b, 2 | length << 14 | sequence << 11 | offset << 9);
        if (length)
            put16(&b, 60);
        put16(&b, 17);
        put16(&b, 18);
        put_zeros(&b, sequence ? 4 : 0);
        if (offset) {
            put16(&b, 3);
            put_zeros(&b, 3);
        }
        put(&b, (uint8_t[]){0xff, 0x03, 0x21}, 3); // a compressed protocol field
        uint32_t header = b.len;
        put_inner(&b);
        decode_it(&t);
        assert_inside(&t, TUNNEL_L2TP, 0);
        assert_int_equal(t.packet.tunnels.id, 18);
        torture(&t, 42, header);
    }
    begin_outer_udp(&b, 1701);
    put16(&b, 0xc802); // control
    put_zeros(&b, 10);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    begin_outer_udp(&b, 1701);
    put16(&b, 0x0202);
    put_zeros(&b, 4);
    put16(&b, 0xffff); // an offset beyond the end
    put_inner(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_UDP);
    bench_close(&t);
}

static void version_3(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    for (unsigned over_ip = 0; over_ip < 2; over_ip++)
        for (unsigned words = 0; words < 4; words++) {
            if (over_ip)
                begin_outer(&b, PROTO_L2TP);
            else
                begin_outer_udp(&b, 1701);
            if (!over_ip)
                put32(&b, 0x00030000);
            uint32_t outer = b.len;
            put32(&b, 0x01020304);
            for (unsigned i = 0; i < words; i++)
                put32(&b, 0xc00c1e00 + i);
            put_inner_frame(&b);
            uint32_t header = outer + 4 + words * 4 + 14;
            decode_it(&t);
            assert_inside(&t, TUNNEL_L2TP, 0);
            assert_int_equal(t.packet.tunnels.id, 0x01020304);
            torture(&t, over_ip ? 34 : 42, header);
        }
    begin_outer(&b, PROTO_L2TP);
    put32(&b, 0); // control
    put_inner_frame(&b);
    decode_it(&t);
    assert_outside(&t, PROTO_L2TP);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2),
        cmocka_unit_test(version_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
