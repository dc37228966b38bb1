// SPDX-License-Identifier: Apache-2.0
// TCP, UDP and ICMP headers that are whole, cut, or contradict themselves.
#include "probe/decode/transport.h"

#include "tests/unit/probe/decode/build.h"

// A SYN with `len` bytes of options, which are a multiple of four.
static uint8_t scale_of(struct bench *t, const char *options, uint32_t len)
{
    static struct bytes b;
    b.len = 0;
    uint32_t ip = put_ipv4(&b, PROTO_TCP, 1, 2);
    put_tcp(&b, 1, 2, TCP_SYN);
    b.at[b.len - 8] = (uint8_t)((20 + len) / 4 << 4);
    put(&b, options, len);
    end_ipv4(&b, ip);
    assert_true(decode_all(t, &b, LINK_RAW));
    assert_non_null(t->packet.payload);
    assert_int_equal(t->packet.payload_len, 0);
    return t->packet.window_scale;
}

static void window_scale_of_a_syn(void **state)
{
    (void)state;
    struct bench t;
    bench_open(&t);
    assert_int_equal(scale_of(&t, "", 0), 0xff);
    assert_int_equal(scale_of(&t, "\3\3\7\0", 4), 7);
    assert_int_equal(scale_of(&t, "\1\3\3\x0e", 4), 14);
    assert_int_equal(scale_of(&t, "\1\3\3\xff", 4), 14); // RFC 7323, 2.3
    assert_int_equal(scale_of(&t, "\2\4\5\xb4\1\3\3\2", 8), 2);
    assert_int_equal(scale_of(&t, "\0\3\3\7", 4), 0xff);         // behind the end of options
    assert_int_equal(scale_of(&t, "\5\0\3\3\7\0\0\0", 8), 0xff); // a length of nothing
    assert_int_equal(scale_of(&t, "\5\x63\3\3", 4), 0xff);
    assert_int_equal(scale_of(&t, "\1\1\3\3", 4), 0xff);
    assert_int_equal(scale_of(&t, "\1\1\1\3", 4), 0xff);
    bench_close(&t);
}

static void tcp_that_makes_no_sense(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    uint32_t ip = put_ipv4(&b, PROTO_TCP, 1, 2), tcp = b.len;
    put_tcp(&b, 7, 8, TCP_ACK);
    put(&b, "abcd", 4);
    end_ipv4(&b, ip);
    b.at[tcp + 12] = 0x40; // a header of 16 bytes
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_null(t.packet.payload);
    assert_int_equal(t.packet.key.port[0], 7); // it counts in the flow it names
    assert_int_equal(t.packet.tcp_flags, 0);
    b.at[tcp + 12] = 0x70; // longer than the packet
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_null(t.packet.payload);
    assert_int_equal(counter_get(t.counters.decode_bad_transport), 2);

    b.at[tcp + 12] = 0x60; // the snap length took the options
    assert_true(decode_first(&t, &b, tcp + 20, LINK_RAW));
    assert_non_null(t.packet.payload);
    assert_int_equal(t.packet.seq, 1000);
    assert_int_equal(t.packet.payload_len, 0);
    assert_int_equal(t.packet.payload_cut, 0);
    assert_true(decode_first(&t, &b, tcp + 12, LINK_RAW)); // or half of the header
    assert_null(t.packet.payload);
    assert_int_equal(t.packet.key.port[1], 8);
    assert_true(decode_first(&t, &b, tcp + 3, LINK_RAW)); // or the ports
    assert_int_equal(t.packet.key.port[0], 0);
    assert_int_equal(t.packet.key.protocol, PROTO_TCP);
    bench_close(&t);
}

static void lengths_of_udp(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    uint32_t ip = put_ipv4(&b, PROTO_UDP, 1, 2), udp = put_udp(&b, 5, 6);
    put(&b, "abcdef", 6);
    end_ipv4(&b, ip);
    static const struct {
        unsigned length, payload, cut;
    } rows[] = {{14, 6, 0}, {11, 3, 0}, {8, 0, 0}, {0, 6, 0}, {20, 6, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set16(&b, udp + 4, rows[i].length);
        assert_true(decode_all(&t, &b, LINK_RAW));
        assert_non_null(t.packet.payload);
        assert_int_equal(t.packet.payload_len, rows[i].payload);
        assert_int_equal(t.packet.payload_cut, rows[i].cut);
    }
    assert_int_equal(counter_get(t.counters.decode_bad_transport), 0);
    set16(&b, udp + 4, 7);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_null(t.packet.payload);
    assert_int_equal(t.packet.key.port[0], 5);
    assert_int_equal(counter_get(t.counters.decode_bad_transport), 1);
    bench_close(&t);
}

static void icmp_belongs_to_its_version(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    b.len = 0;
    uint32_t ip = put_ipv4(&b, PROTO_ICMP, 1, 2);
    put32(&b, 0x03010000);
    put_zeros(&b, 28);
    end_ipv4(&b, ip);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.icmp_type, 3);
    assert_int_equal(t.packet.icmp_code, 1);
    assert_int_equal(t.packet.payload_len, 28);
    b.at[ip + 9] = PROTO_ICMPV6;
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.icmp_type, 0);
    b.at[ip + 9] = PROTO_ICMP;
    assert_true(decode_first(&t, &b, 23, LINK_RAW));
    assert_null(t.packet.payload);
    assert_int_equal(counter_get(t.counters.decode_bad_transport), 1);
    bench_close(&t);
}

// Chunks are counted, padded or not; what lies behind a contradictory one is not.
static void sctp(void **state)
{
    (void)state;
    static struct bytes b;
    static const struct {
        uint8_t chunks[24];
        uint32_t len, count;
    } rows[] = {
        {{0}, 0, 0},
        {{1, 0, 0, 4}, 4, 1},
        {{0, 3, 0, 5, 9, 0, 0, 0, 3, 0, 0, 8, 1, 2, 3, 4}, 16, 2},
        {{0, 3, 0, 3, 1, 0, 0, 4}, 8, 1},
        {{0, 3, 0xff, 0xff, 1, 0, 0, 4}, 8, 1},
        {{10, 0, 0, 4, 11}, 5, 1},
    };
    for (int compat = 0; compat < 2; compat++) {
        struct bench t;
        struct decode_settings settings = usual_settings();
        settings.compat = compat;
        bench_open_with(&t, settings);
        uint64_t count = 0;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            b.len = 0;
            put_ethernet(&b, ETHER_IPV4);
            uint32_t ip = put_ipv4(&b, PROTO_SCTP, 1, 2);
            put16(&b, 36412);
            put16(&b, 2905);
            put_zeros(&b, 8);
            put(&b, rows[i].chunks, rows[i].len);
            end_ipv4(&b, ip);
            for (uint32_t len = 34; len < 34 + 12; len++) {
                assert_true(decode_first(&t, &b, len, LINK_ETHERNET));
                assert_true(compat || !t.packet.payload);
            }
            assert_true(decode_all(&t, &b, LINK_ETHERNET));
            count += compat ? 0 : rows[i].count;
            assert_int_equal(counter_get(t.counters.sctp_chunks), count);
            assert_int_equal(t.packet.key.port[0], compat ? 0 : 36412);
            assert_int_equal(t.packet.payload_len, rows[i].len + (compat ? 12 : 0));
        }
        bench_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sctp),
        cmocka_unit_test(window_scale_of_a_syn),
        cmocka_unit_test(tcp_that_makes_no_sense),
        cmocka_unit_test(lengths_of_udp),
        cmocka_unit_test(icmp_belongs_to_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
