// SPDX-License-Identifier: Apache-2.0
// Fragments in every order, twice, overlapping, lying, too many, too old, in tunnels.
#include "probe/decode/fragments.h"

#include "probe/decode/link.h"
#include "tests/unit/probe/decode/build.h"

enum { MORE = 0x2000, PAYLOAD = 4000, PART = 1000 };

// A UDP datagram from port 53 to 1000, whose payload counts up: what is to be cut into parts.
static struct bytes make_datagram(uint32_t payload)
{
    static struct bytes b;
    b.len = 0;
    uint32_t udp = put_udp(&b, 53, 1000);
    for (uint32_t i = 0; i < payload; i++)
        put8(&b, i * 7 + (i >> 8));
    end_udp(&b, udp);
    return b;
}

static bool is_whole(const struct packet *p, uint32_t payload)
{
    if (p->payload_len != payload || p->key.protocol != PROTO_UDP)
        return false;
    for (uint32_t i = 0; i < payload; i++)
        if (p->payload[i] != (uint8_t)(i * 7 + (i >> 8)))
            return false;
    return true;
}

// One part of a datagram, as IPv4 from 10.0.0.1 to 10.0.0.2.
static bool send4(struct bench *t, const struct bytes *datagram, unsigned id, uint32_t offset,
                  uint32_t len)
{
    static struct bytes b;
    b.len = 0;
    put_ethernet(&b, ETHER_IPV4);
    bool more = offset + len < datagram->len;
    uint32_t ip = put_ipv4_part(&b, PROTO_UDP, 1, 2, id, offset / 8 | (more ? MORE : 0));
    put(&b, datagram->at + offset, len);
    end_ipv4(&b, ip);
    return decode_all(t, &b, LINK_ETHERNET);
}

// The same as IPv6, the fragment header behind destination options.
static bool send6(struct bench *t, const struct bytes *datagram, uint32_t id, uint32_t offset,
                  uint32_t len)
{
    static struct bytes b;
    b.len = 0;
    put_ethernet(&b, ETHER_IPV6);
    uint32_t ip = put_ipv6(&b, 60, 1, 2);
    put(&b, (uint8_t[]){44, 0, 1, 4, 0, 0, 0, 0}, 8);
    put8(&b, PROTO_UDP);
    put8(&b, 0);
    put16(&b, offset | (offset + len < datagram->len));
    put32(&b, id);
    put(&b, datagram->at + offset, len);
    end_ipv6(&b, ip);
    return decode_all(t, &b, LINK_ETHERNET);
}

typedef bool send_part(struct bench *, const struct bytes *, unsigned, uint32_t, uint32_t);

static void in_every_order(void **state)
{
    (void)state;
    static send_part *const senders[] = {send4, send6};
    struct bytes d = make_datagram(PAYLOAD - 8);
    struct bench t;
    bench_open(&t);
    unsigned whole = 0;
    for (unsigned s = 0; s < 2; s++)
        for (unsigned order = 0; order < 256; order++) {
            unsigned seen = 0, id = order * 2 + s;
            for (unsigned i = 0; i < 4; i++)
                seen |= 1u << (order >> 2 * i & 3);
            if (seen != 15)
                continue;
            for (unsigned i = 0; i < 4; i++) {
                uint32_t offset = (order >> 2 * i & 3) * PART;
                assert_int_equal(senders[s](&t, &d, id, offset, PART), i == 3);
                assert_int_equal(counter_get(t.counters.fragments_waiting), (i + 1) % 4);
            }
            whole++;
            assert_true(is_whole(&t.packet, PAYLOAD - 8));
            assert_int_equal(t.packet.frames, 4);
            assert_int_equal(t.packet.wire, PAYLOAD + 4 * (s ? 14 + 40 + 16 : 14 + 20));
            assert_int_equal(t.packet.key.port[0], 53);
        }
    assert_int_equal(whole, 48);
    assert_int_equal(counter_get(t.counters.fragments_whole), 48);
    assert_int_equal(counter_get(t.counters.fragments_seen), 48 * 4);
    assert_int_equal(t.decoded, 48 * 4);
    bench_close(&t);
}

// Datagrams are told apart by id, addresses, protocol and version; here two by their ids.
static void datagrams_do_not_mix(void **state)
{
    (void)state;
    struct bytes d = make_datagram(1992);
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, 0, PART));
    assert_false(send4(&t, &d, 2, PART, PART));
    assert_false(send6(&t, &d, 1, PART, PART));
    assert_int_equal(counter_get(t.counters.fragments_waiting), 3);
    assert_true(send4(&t, &d, 1, PART, PART));
    assert_true(send4(&t, &d, 2, 0, PART));
    assert_true(send6(&t, &d, 1, 0, PART));
    assert_true(is_whole(&t.packet, 1992));
    bench_close(&t);
}

static void repeated_parts_do_no_harm(void **state)
{
    (void)state;
    struct bytes d = make_datagram(2992);
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, PART, PART));
    assert_false(send4(&t, &d, 1, PART, PART));
    assert_false(send4(&t, &d, 1, 2 * PART, PART));
    assert_false(send4(&t, &d, 1, 2 * PART, PART));
    assert_true(send4(&t, &d, 1, 0, PART));
    assert_true(is_whole(&t.packet, 2992));
    assert_int_equal(t.packet.frames, 5);
    bench_close(&t);
}

// Any other overlap gives up the datagram with all that is still to come of it.
static void overlaps_give_up(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset, len;
    } rows[] = {{504, PART}, {1496, PART}, {PART, PART - 8}, {PART + 8, 8}, {0, 3 * PART}};
    struct bytes d = make_datagram(3992);
    struct bench t;
    bench_open(&t);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(send4(&t, &d, i, PART, PART));
        assert_false(send4(&t, &d, i, rows[i].offset, rows[i].len));
        assert_int_equal(counter_get(t.counters.fragments_waiting), 0);
        assert_false(send4(&t, &d, i, 0, PART));
        assert_false(send4(&t, &d, i, 2 * PART, PART));
        assert_false(send4(&t, &d, i, 3 * PART, PART));
        assert_int_equal(counter_get(t.counters.undecoded_fragment_overlap), 5 * (i + 1));
    }
    bench_close(&t);
}

static void other_bytes_in_the_same_place_give_up(void **state)
{
    (void)state;
    struct bytes d = make_datagram(1992);
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, PART, PART));
    d.at[PART + 999] ^= 1;
    assert_false(send4(&t, &d, 1, PART, PART));
    assert_false(send4(&t, &d, 1, 0, PART));
    assert_int_equal(counter_get(t.counters.undecoded_fragment_overlap), 3);
    bench_close(&t);
}

// Two last parts that end in different places, and a part behind the last.
static void contradicting_ends_give_up(void **state)
{
    (void)state;
    struct bytes d = make_datagram(2992), shorter = d;
    shorter.len = 2000;
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, 2 * PART, PART));
    assert_false(send4(&t, &shorter, 1, PART, PART));
    assert_int_equal(counter_get(t.counters.undecoded_fragment_overlap), 2);
    assert_false(send4(&t, &shorter, 2, PART, PART));
    assert_false(send4(&t, &d, 2, 2 * PART, PART));
    assert_int_equal(counter_get(t.counters.undecoded_fragment_overlap), 4);
    struct bytes longer = make_datagram(3992);
    assert_false(send4(&t, &longer, 3, 2 * PART, PART));
    assert_false(send4(&t, &shorter, 3, PART, PART));
    assert_int_equal(counter_get(t.counters.undecoded_fragment_overlap), 6);
    bench_close(&t);
}

static void impossible_parts_are_let_go(void **state)
{
    (void)state;
    struct bytes d = make_datagram(60000);
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, 0, 1001)); // breaks the grid of 8 bytes
    assert_false(send4(&t, &d, 1, 8, 0));
    struct bytes end = d;
    end.len = 65528;
    assert_false(send4(&t, &end, 1, 65520, 8));
    end.len = 65600; // "ping of death"
    assert_false(send4(&t, &end, 1, 65520, 80));
    assert_int_equal(counter_get(t.counters.undecoded_fragment_lost), 3);
    assert_int_equal(counter_get(t.counters.fragments_waiting), 1);
    bench_close(&t);
    // what waited at the end is counted, too: bench_close checks the sum
}

static void old_datagrams_leave(void **state)
{
    (void)state;
    struct bytes d = make_datagram(1992);
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, 0, PART));
    t.time = t.settings.fragment_timeout;
    assert_false(send4(&t, &d, 2, 0, PART)); // just in time
    assert_int_equal(counter_get(t.counters.fragments_waiting), 2);
    t.time++;
    assert_false(send4(&t, &d, 1, PART, PART)); // too late: begins anew
    assert_int_equal(counter_get(t.counters.undecoded_fragment_lost), 1);
    decoder_age(t.decoder, INT64_MAX);
    assert_int_equal(counter_get(t.counters.undecoded_fragment_lost), 3);
    t.time = INT64_MIN; // times of a file may be anything
    assert_false(send4(&t, &d, 3, 0, PART));
    decoder_age(t.decoder, INT64_MAX);
    assert_int_equal(counter_get(t.counters.undecoded_fragment_lost), 4);
    bench_close(&t);
}

static void ceilings_hold(void **state)
{
    (void)state;
    struct bytes d = make_datagram(60000);
    struct decode_settings few = usual_settings();
    struct bench t;
    few.fragments = 10;
    bench_open_with(&t, few);
    for (unsigned id = 0; id < 100; id++)
        assert_false(send4(&t, &d, id, 0, PART));
    assert_int_equal(counter_get(t.counters.fragments_waiting), 10);
    assert_int_equal(counter_get(t.counters.undecoded_fragment_ceiling), 90);
    assert_false(send4(&t, &d, 95, PART, 60008 - 2 * PART)); // 90 makes room
    assert_true(send4(&t, &d, 95, 60008 - PART, PART));      // and so does 91
    assert_int_equal(counter_get(t.counters.fragments_waiting), 7);
    bench_close(&t);

    few = usual_settings();
    few.fragment_bytes = 256 << 10;
    bench_open_with(&t, few);
    for (unsigned id = 0; id < 20; id++)
        assert_false(send4(&t, &d, id, 0, 40000));
    assert_int_equal(counter_get(t.counters.fragments_waiting) +
                         counter_get(t.counters.undecoded_fragment_ceiling),
                     20);
    assert_in_range(counter_get(t.counters.fragments_waiting), 4, 6);
    bench_close(&t);
}

// Thousands of tiny parts of one datagram: each costs little, and there is an end to it.
static void tiny_parts_have_a_ceiling(void **state)
{
    (void)state;
    struct bytes d = make_datagram(60000);
    struct bench t;
    bench_open(&t);
    for (uint32_t offset = 0; offset < 16000; offset += 16)
        assert_false(send4(&t, &d, 1, offset, 8));
    assert_int_equal(counter_get(t.counters.fragments_waiting), 0);
    assert_int_equal(counter_get(t.counters.undecoded_fragment_ceiling), 1000);
    bench_close(&t);
}

// The longest datagram, in parts of the usual size, last part first.
static void longest_datagram(void **state)
{
    (void)state;
    struct bytes d = make_datagram(65535 - 8);
    struct bench t;
    bench_open(&t);
    uint32_t offset = 65535 / 1480 * 1480;
    assert_false(send4(&t, &d, 1, offset, 65535 - offset));
    for (; offset > 1480; offset -= 1480)
        assert_false(send4(&t, &d, 1, offset - 1480, 1480));
    assert_true(send4(&t, &d, 1, 0, 1480));
    assert_true(is_whole(&t.packet, 65535 - 8));
    assert_int_equal(t.packet.frames, 45);
    bench_close(&t);
}

// A snap length cut the second part: the datagram ends there, and the rest is told.
static void cut_parts_are_told(void **state)
{
    (void)state;
    struct bytes d = make_datagram(2992);
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    assert_false(send4(&t, &d, 1, 2 * PART, PART));
    b.len = 0;
    put_ethernet(&b, ETHER_IPV4);
    uint32_t ip = put_ipv4_part(&b, PROTO_UDP, 1, 2, 1, MORE | PART / 8);
    put(&b, d.at + PART, PART);
    end_ipv4(&b, ip);
    assert_false(decode_first(&t, &b, 14 + 20 + 600, LINK_ETHERNET));
    assert_true(send4(&t, &d, 1, 0, PART));
    assert_true(is_whole(&t.packet, 1592));
    assert_int_equal(t.packet.payload_cut, 1400);
    assert_int_equal(counter_get(t.counters.decode_truncated), 1);
    bench_close(&t);
}

// A VXLAN packet in fragments, inside which there is a fragment.
static void tunnels_in_fragments_in_tunnels(void **state)
{
    (void)state;
    struct bytes d = make_datagram(1992);
    static struct bytes outer;
    struct bench t;
    bench_open(&t);
    for (uint32_t part = 0; part < 2; part++) {
        outer.len = 0;
        uint32_t udp = put_udp(&outer, 5555, 4789);
        put32(&outer, 0x08000000);
        put32(&outer, 77 << 8);
        put_ethernet(&outer, ETHER_IPV4);
        uint32_t ip =
            put_ipv4_part(&outer, PROTO_UDP, 8, 9, 3, part * PART / 8 | (part ? 0 : MORE));
        put(&outer, d.at + part * PART, PART);
        end_ipv4(&outer, ip);
        end_udp(&outer, udp);
        assert_false(send4(&t, &outer, 50 + part, 504, outer.len - 504));
        assert_int_equal(send4(&t, &outer, 50 + part, 0, 504), part == 1);
        assert_int_equal(counter_get(t.counters.fragments_waiting), part ? 0 : 2);
    }
    assert_true(is_whole(&t.packet, 1992));
    assert_int_equal(t.packet.key.tunnel, 77);
    assert_int_equal(t.packet.key.address[0][3], 8);
    assert_int_equal(t.packet.outer_ip, 14);
    assert_int_equal(t.packet.frames, 4);
    bench_close(&t);
}

// The same fragment in two tunnels belongs to two datagrams.
static void tunnels_do_not_mix(void **state)
{
    (void)state;
    struct bytes d = make_datagram(1992);
    static struct bytes b;
    struct bench t;
    bench_open(&t);
    for (uint32_t i = 0; i < 4; i++) {
        bool second = i >= 2;
        b.len = 0;
        uint32_t outer = put_ipv4(&b, PROTO_GRE, 1, 2);
        put32(&b, 0x20000000 | ETHER_IPV4);
        put32(&b, i % 2);
        uint32_t ip = put_ipv4_part(&b, PROTO_UDP, 8, 9, 3, second ? PART / 8 : MORE);
        put(&b, d.at + (second ? PART : 0), PART);
        end_ipv4(&b, ip);
        end_ipv4(&b, outer);
        assert_int_equal(decode_all(&t, &b, LINK_RAW), second);
        if (second)
            assert_int_equal(t.packet.key.tunnel, i % 2);
    }
    assert_int_equal(counter_get(t.counters.fragments_whole), 2);
    bench_close(&t);
}

// Inside what was put together from IPv6 fragments, a fragment header is a broken chain.
static void fragments_of_fragments_end(void **state)
{
    (void)state;
    static struct bytes d, b;
    struct bench t;
    bench_open(&t);
    d.len = 0;
    put(&d, (uint8_t[]){44, 0, 0, 9, 0, 0, 0, 1}, 8);
    put_zeros(&d, 24);
    for (uint32_t part = 0; part < 2; part++) {
        b.len = 0;
        uint32_t ip = put_ipv6(&b, 44, 1, 2);
        put(&b, (uint8_t[]){44, 0, 0, (uint8_t)(part ? 16 : 1), 0, 0, 0, 9}, 8);
        put(&b, d.at + part * 16, 16);
        end_ipv6(&b, ip);
        assert_int_equal(decode_all(&t, &b, LINK_RAW), part == 1);
    }
    assert_int_equal(t.packet.key.protocol, 44);
    assert_int_equal(t.packet.frames, 2);
    assert_int_equal(counter_get(t.counters.decode_bad_extension), 1);
    bench_close(&t);
}

// Every worker puts every datagram together; one keeps it, and the first counts what is lost.
static void workers_share_datagrams(void **state)
{
    (void)state;
    struct bytes d = make_datagram(1992);
    struct bench worker[3];
    unsigned kept = 0;
    for (unsigned i = 0; i < 3; i++) {
        bench_open(&worker[i]);
        decoder_share(worker[i].decoder, i, 3);
        assert_false(send4(&worker[i], &d, 1, 0, PART));
        assert_false(send4(&worker[i], &d, 2, 0, PART));
    }
    for (unsigned i = 0; i < 3; i++)
        kept += send4(&worker[i], &d, 1, PART, PART);
    assert_int_equal(kept, 1);
    assert_int_equal(counter_get(worker[0].counters.fragments_waiting), 1);
    uint64_t seen = 0;
    for (unsigned i = 0; i < 3; i++) {
        decoder_forget(worker[i].decoder);
        seen += counter_get(worker[i].counters.packets_seen);
        assert_int_equal(counter_get(worker[i].counters.undecoded_fragment_lost), i == 0);
        assert_int_equal(counter_get(worker[i].counters.fragments_seen), i == 0 ? 3 : 0);
        bench_close(&worker[i]);
    }
    assert_int_equal(seen, 3);
}

// A flood of parts with chosen, wild numbers: everything is in one column, and memory has an end.
static void wild_parts(void **state)
{
    (void)state;
    struct bytes d = make_datagram(60000);
    struct decode_settings few = usual_settings();
    struct bench t;
    few.fragments = 50;
    bench_open_with(&t, few);
    uint64_t number = 1, frames = 0;
    for (; frames < 20000; frames++) {
        number = number * 6364136223846793005u + 1442695040888963407u;
        uint32_t offset = (uint32_t)(number >> 33) % 40 * 8,
                 len = (uint32_t)(number >> 45) % 20 * 8;
        d.len = 100 + (uint32_t)(number >> 55) % 3 * 80;
        (number >> 60 & 1 ? send4 : send6)(&t, &d, (unsigned)(number >> 61), offset, len);
        t.time += INT64_C(100000000) * (int64_t)(number >> 40 & 3);
    }
    decoder_forget(t.decoder);
    assert_int_equal(counter_get(t.counters.packets_seen), frames);
    bench_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_every_order),
        cmocka_unit_test(datagrams_do_not_mix),
        cmocka_unit_test(repeated_parts_do_no_harm),
        cmocka_unit_test(overlaps_give_up),
        cmocka_unit_test(other_bytes_in_the_same_place_give_up),
        cmocka_unit_test(contradicting_ends_give_up),
        cmocka_unit_test(impossible_parts_are_let_go),
        cmocka_unit_test(old_datagrams_leave),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(tiny_parts_have_a_ceiling),
        cmocka_unit_test(longest_datagram),
        cmocka_unit_test(cut_parts_are_told),
        cmocka_unit_test(tunnels_in_fragments_in_tunnels),
        cmocka_unit_test(tunnels_do_not_mix),
        cmocka_unit_test(fragments_of_fragments_end),
        cmocka_unit_test(workers_share_datagrams),
        cmocka_unit_test(wild_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
