// SPDX-License-Identifier: Apache-2.0
// IPv4 lengths, and the chains of IPv6 extension headers.
#include "probe/decode/ip.h"

#include "tests/unit/probe/decode/build.h"

static void put_ipv4_udp(struct bytes *b, uint32_t *ip)
{
    b->len = 0;
    *ip = put_ipv4(b, PROTO_UDP, 1, 2);
    uint32_t udp = put_udp(b, 1000, 2000);
    put(b, "0123456789", 10);
    end_udp(b, udp);
    end_ipv4(b, *ip);
}

static void lengths_of_ipv4(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    uint32_t ip;
    bench_open(&t);
    put_ipv4_udp(&b, &ip);
    set16(&b, ip + 2, 0); // an offload giant: the length did not fit
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.payload_len, 10);
    set16(&b, ip + 2, 19); // shorter than its own header
    assert_false(decode_all(&t, &b, LINK_RAW));
    put_ipv4_udp(&b, &ip);
    b.at[ip] = 0x4f; // options that are not there
    b.at[ip + 2] = 0xff;
    assert_false(decode_first(&t, &b, 38, LINK_RAW));
    assert_int_equal(counter_get(t.counters.undecoded_ip_header), 2);
    bench_close(&t);
}

static void options_of_ipv4_are_passed(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    uint32_t ip = put_ipv4(&b, PROTO_UDP, 1, 2);
    b.at[ip] = 0x46;
    put32(&b, 0x94040000); // router alert
    uint32_t udp = put_udp(&b, 1000, 2000);
    put8(&b, 'x');
    end_udp(&b, udp);
    end_ipv4(&b, ip);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.key.port[0], 1000);
    assert_int_equal(t.packet.payload_len, 1);
    bench_close(&t);
}

// What the snap length cut off is told, but not what padding or a wrong length would add.
static void cut_bytes_are_told(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    uint32_t ip;
    bench_open(&t);
    put_ipv4_udp(&b, &ip);
    put_zeros(&b, 20);
    assert_true(decode_first(&t, &b, 20 + 8 + 4, LINK_RAW));
    assert_int_equal(t.packet.payload_len, 4);
    assert_int_equal(t.packet.payload_cut, 6);
    assert_int_equal(counter_get(t.counters.decode_truncated), 1);
    assert_true(decode_first(&t, &b, 20 + 8 + 10, LINK_RAW)); // only padding is missing
    assert_int_equal(t.packet.payload_len, 10);
    assert_int_equal(t.packet.payload_cut, 0);
    assert_int_equal(counter_get(t.counters.decode_truncated), 1);

    b.len = 0;
    ip = put_ipv4(&b, PROTO_TCP, 1, 2);
    put_tcp(&b, 1, 2, TCP_ACK);
    put(&b, "abc", 3);
    set16(&b, ip + 2, 60000); // claims more than was on the wire
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.payload_len, 3);
    assert_int_equal(t.packet.payload_cut, 0);
    bench_close(&t);
}

// One extension header of each kind, `next` behind it.
static void put_extension(struct bytes *b, unsigned kind, unsigned next)
{
    put8(b, next);
    put8(b, kind == 51 ? 6 : kind == 44 ? 0 : 1);
    put_zeros(b, 6);
    if (kind == 51)
        put_zeros(b, 24);
    else if (kind != 44)
        put_zeros(b, 8);
}

static void all_extensions_are_passed(void **state)
{
    (void)state;
    static const unsigned kinds[] = {0, 60, 43, 44, 135, 139, 140, 51, PROTO_UDP};
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    uint32_t ip = put_ipv6(&b, kinds[0], 1, 2);
    for (size_t i = 0; kinds[i] != PROTO_UDP; i++)
        put_extension(&b, kinds[i], kinds[i + 1]);
    uint32_t udp = put_udp(&b, 1000, 2000);
    put(&b, "ok", 2);
    end_udp(&b, udp);
    end_ipv6(&b, ip);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.key.protocol, PROTO_UDP);
    assert_int_equal(t.packet.key.port[1], 2000);
    assert_int_equal(t.packet.payload_len, 2);
    assert_int_equal(counter_get(t.counters.decode_bad_extension), 0);
    assert_int_equal(counter_get(t.counters.fragments_seen), 0); // a fragment of one is none
    bench_close(&t);
}

static void endless_chains_end(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    uint32_t ip = put_ipv6(&b, 60, 1, 2);
    for (int i = 1; i < 1000; i++)
        put_extension(&b, 60, 60);
    put_extension(&b, 60, PROTO_UDP); // where nobody goes
    put_udp(&b, 1, 2);
    end_ipv6(&b, ip);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.key.family, 6);
    assert_int_equal(t.packet.key.protocol, 60);
    assert_int_equal(t.packet.key.port[0], 0);
    assert_int_equal(counter_get(t.counters.decode_bad_extension), 1);

    b.len = 0;
    ip = put_ipv6(&b, 43, 1, 2);
    put(&b, (uint8_t[]){PROTO_TCP, 200, 0, 0, 0, 0, 0, 0}, 8); // longer than all there is
    end_ipv6(&b, ip);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.key.protocol, 43);
    assert_int_equal(counter_get(t.counters.decode_bad_extension), 2);
    bench_close(&t);
}

static void zero_length_of_ipv6_means_all(void **state)
{
    (void)state;
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    put_ipv6(&b, PROTO_TCP, 1, 2);
    put_tcp(&b, 1, 2, TCP_ACK);
    put_zeros(&b, 66000);
    assert_true(decode_all(&t, &b, LINK_RAW));
    assert_int_equal(t.packet.payload_len, 66000);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_of_ipv4),    cmocka_unit_test(options_of_ipv4_are_passed),
        cmocka_unit_test(cut_bytes_are_told), cmocka_unit_test(all_extensions_are_passed),
        cmocka_unit_test(endless_chains_end), cmocka_unit_test(zero_length_of_ipv6_means_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
