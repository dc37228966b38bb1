// SPDX-License-Identifier: Apache-2.0
// The fan-out program, run as the kernel would: what belongs together gets one number, what
// does not is spread.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/capture/fanout_program.h"
#include "tests/unit/probe/capture/bpf.h"

enum { ETH_IPV4 = 0x0800, ETH_IPV6 = 0x86dd };

// ── packets ──

static struct skb begin(uint16_t protocol)
{
    struct skb s = {.len = MAC, .protocol = protocol};
    memcpy(s.bytes, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
    return s;
}

static void put(struct skb *s, const void *bytes, uint32_t len)
{
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
}

static void put_half(struct skb *s, unsigned value)
{
    put(s, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_ipv4(struct skb *s, uint32_t from, uint32_t to, uint8_t protocol, unsigned fragment)
{
    uint8_t h[20] = {0x45, 0,       0, 0, 0, 0, (uint8_t)(fragment >> 8), (uint8_t)fragment,
                     64,   protocol};
    for (int i = 0; i < 4; i++) {
        h[12 + i] = (uint8_t)(from >> (24 - 8 * i));
        h[16 + i] = (uint8_t)(to >> (24 - 8 * i));
    }
    put(s, h, sizeof h);
}

static void put_ipv6(struct skb *s, uint32_t from, uint32_t to, uint8_t next)
{
    uint8_t h[40] = {0x60, 0, 0, 0, 0, 0, next, 64, [8] = 0xfd, [24] = 0xfd};
    for (int i = 0; i < 4; i++) {
        h[20 + i] = (uint8_t)(from >> (24 - 8 * i));
        h[36 + i] = (uint8_t)(to >> (24 - 8 * i));
    }
    put(s, h, sizeof h);
}

static void put_ports(struct skb *s, unsigned from, unsigned to)
{
    put_half(s, from);
    put_half(s, to);
    put(s, (uint8_t[16]){0}, 16);
}

static struct skb tcp(uint32_t from, uint32_t to, unsigned port, unsigned to_port)
{
    struct skb s = begin(ETH_IPV4);
    put_ipv4(&s, from, to, 6, 0x4000);
    put_ports(&s, port, to_port);
    return s;
}

static struct sock_filter program[FANOUT_PROGRAM];

static struct setting_numbers vxlan = {.at = (int64_t[]){8472, 4789}, .count = 2};

static uint32_t number_by(enum fanout_by by, int depth, const struct skb *s)
{
    struct fanout_setup setup = {by, depth, &vxlan};
    return bpf_run(program, fanout_program(program, &setup, 0x12345678), s);
}

static uint32_t number(const struct skb *s)
{
    return number_by(FANOUT_ADDRESSES, 4, s);
}

// ── what belongs together ──

static void both_directions_meet(void **state)
{
    (void)state;
    struct skb there = tcp(0x0a000001, 0x0a000002, 40000, 80);
    struct skb back = tcp(0x0a000002, 0x0a000001, 80, 40000);
    assert_int_equal(number(&there), number(&back));
    assert_int_equal(number_by(FANOUT_PORTS, 4, &there), number_by(FANOUT_PORTS, 4, &back));
    struct skb other = tcp(0x0a000001, 0x0a000002, 40001, 80);
    assert_int_equal(number(&there), number(&other));
    assert_int_not_equal(number_by(FANOUT_PORTS, 4, &there), number_by(FANOUT_PORTS, 4, &other));
}

static void ipv6_directions_and_extensions_meet(void **state)
{
    (void)state;
    struct skb there = begin(ETH_IPV6), back = begin(ETH_IPV6), more = begin(ETH_IPV6);
    put_ipv6(&there, 1, 2, 6);
    put_ports(&there, 40000, 80);
    put_ipv6(&back, 2, 1, 6);
    put_ports(&back, 80, 40000);
    put_ipv6(&more, 1, 2, 0);
    put(&more, (uint8_t[8]){60}, 8);
    put(&more, (uint8_t[16]){6, 1}, 16);
    put_ports(&more, 40000, 80);
    assert_int_equal(number(&there), number(&back));
    assert_int_equal(number_by(FANOUT_PORTS, 4, &there), number_by(FANOUT_PORTS, 4, &back));
    assert_int_equal(number_by(FANOUT_PORTS, 4, &there), number_by(FANOUT_PORTS, 4, &more));
}

// A datagram whole, its first fragment and its last.
static void fragments_meet(void **state)
{
    (void)state;
    struct skb whole = begin(ETH_IPV4), first = whole, last = whole;
    put_ipv4(&whole, 1, 2, 17, 0);
    put_ports(&whole, 53, 5000);
    put_ipv4(&first, 1, 2, 17, 0x2000);
    put_ports(&first, 53, 5000);
    put_ipv4(&last, 1, 2, 17, 0x00b9);
    put(&last, "anything", 8);
    for (enum fanout_by by = FANOUT_ADDRESSES; by <= FANOUT_PORTS; by++) {
        assert_int_equal(number_by(by, 4, &whole), number_by(by, 4, &first));
        assert_int_equal(number_by(by, 4, &whole), number_by(by, 4, &last));
    }
}

static void ipv6_fragments_meet(void **state)
{
    (void)state;
    struct skb whole = begin(ETH_IPV6), last = whole;
    put_ipv6(&whole, 1, 2, 17);
    put_ports(&whole, 53, 5000);
    put_ipv6(&last, 1, 2, 44);
    put(&last, (uint8_t[8]){17, 0, 0, 0x81}, 8);
    assert_int_equal(number(&whole), number(&last));
}

// Two tags that the kernel left in the frame.
static void tags_are_passed(void **state)
{
    (void)state;
    struct skb plain = tcp(1, 2, 40000, 80), tagged = begin(0x88a8);
    put_half(&tagged, 7);
    put_half(&tagged, 0x8100);
    put_half(&tagged, 9);
    put_half(&tagged, ETH_IPV4);
    put(&tagged, plain.bytes + MAC, plain.len - MAC);
    assert_int_equal(number(&plain), number(&tagged));
    assert_int_equal(number_by(FANOUT_PORTS, 4, &plain), number_by(FANOUT_PORTS, 4, &tagged));
}

// One way a router adds labels, the other way the last one has taken them off.
static void labels_and_sessions_are_passed(void **state)
{
    (void)state;
    struct skb plain = tcp(1, 2, 40000, 80), labelled = begin(0x8847), session = begin(0x8864);
    put(&labelled, (uint8_t[8]){0, 1, 0, 64, 0, 2, 0x01, 64}, 8);
    put(&labelled, plain.bytes + MAC, plain.len - MAC);
    put(&session, (uint8_t[8]){0x11, 0, 0, 7, 0, 0, 0x00, 0x21}, 8);
    put(&session, plain.bytes + MAC, plain.len - MAC);
    assert_int_equal(number(&plain), number(&labelled));
    assert_int_equal(number(&plain), number(&session));
}

// ── tunnels ──

static struct skb in_vxlan_at(unsigned port, const struct skb *inner, uint32_t from, uint32_t to)
{
    struct skb s = begin(ETH_IPV4);
    put_ipv4(&s, from, to, 17, 0);
    put_half(&s, 50000);
    put_half(&s, port);
    put(&s, (uint8_t[4]){0}, 4);
    put(&s, (uint8_t[8]){0x08, [6] = 42}, 8);
    uint32_t at = s.len;
    put(&s, inner->bytes, inner->len);
    s.bytes[at + 12] = (uint8_t)(inner->protocol >> 8);
    s.bytes[at + 13] = (uint8_t)inner->protocol;
    return s;
}

static struct skb in_vxlan(const struct skb *inner, uint32_t from, uint32_t to)
{
    return in_vxlan_at(4789, inner, from, to);
}

static struct skb in_gre(const struct skb *inner, unsigned flags, bool bridged)
{
    struct skb s = begin(ETH_IPV6);
    put_ipv6(&s, 100, 200, 47);
    put_half(&s, flags);
    put_half(&s, bridged ? 0x6558 : inner->protocol);
    for (unsigned flag = 0x8000; flag; flag >>= 1)
        if (flags & flag & 0xb000)
            put(&s, "key!", 4);
    if (bridged) {
        put(&s, inner->bytes, 12);
        put_half(&s, inner->protocol);
    }
    put(&s, inner->bytes + MAC, inner->len - MAC);
    return s;
}

static void what_comes_in_a_tunnel_meets(void **state)
{
    (void)state;
    struct skb plain = tcp(1, 2, 40000, 80), back = tcp(2, 1, 80, 40000);
    struct skb once = in_vxlan(&plain, 7, 8), other = in_vxlan(&back, 7, 9);
    assert_int_equal(number(&plain), number(&once));
    assert_int_equal(number(&plain), number(&other));
    static const unsigned flags[] = {0, 0x2000, 0x8000, 0x1000, 0xb000};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        for (int bridged = 0; bridged < 2; bridged++) {
            struct skb gre = in_gre(&back, flags[i], bridged);
            assert_int_equal(number_by(FANOUT_PORTS, 4, &plain), number_by(FANOUT_PORTS, 4, &gre));
        }
    struct skb twice = in_gre(&once, 0, true);
    assert_int_equal(number(&plain), number(&twice));
}

static void ip_in_ip_is_opened(void **state)
{
    (void)state;
    struct skb plain = tcp(1, 2, 40000, 80), in4 = begin(ETH_IPV4), in6 = begin(ETH_IPV6);
    put_ipv4(&in4, 5, 6, 4, 0);
    put(&in4, plain.bytes + MAC, plain.len - MAC);
    put_ipv6(&in6, 5, 6, 4);
    put(&in6, plain.bytes + MAC, plain.len - MAC);
    assert_int_equal(number(&plain), number(&in4));
    assert_int_equal(number(&plain), number(&in6));
}

// Where the decoder does not look into tunnels the outer addresses make the flow.
static void tunnels_stay_shut_when_they_are_to(void **state)
{
    (void)state;
    struct skb one = tcp(1, 2, 40000, 80), two = tcp(3, 4, 40000, 80);
    struct skb a = in_vxlan(&one, 7, 8), b = in_vxlan(&two, 8, 7);
    assert_int_equal(number_by(FANOUT_ADDRESSES, 0, &a), number_by(FANOUT_ADDRESSES, 0, &b));
    assert_int_not_equal(number(&a), number(&b));
}

// The decoder looks into those of the ports that the settings give.
static void vxlan_is_where_the_settings_say(void **state)
{
    (void)state;
    struct skb one = tcp(1, 2, 40000, 80), two = tcp(3, 4, 40000, 80);
    struct skb a = in_vxlan_at(8472, &one, 7, 8), b = in_vxlan_at(4790, &one, 8, 7),
               c = in_vxlan_at(4790, &two, 7, 8);
    assert_int_equal(number(&one), number(&a));
    assert_int_not_equal(number(&one), number(&b));
    assert_int_equal(number(&b), number(&c));
    vxlan.count = 0;
    struct skb d = in_vxlan(&one, 7, 8), e = in_vxlan(&two, 7, 8);
    assert_int_equal(number(&d), number(&e));
    vxlan.count = 2;
}

static void without_ip_the_outer_header_counts(void **state)
{
    (void)state;
    struct skb arp = begin(0x0806), a = in_vxlan(&arp, 7, 8), b = in_vxlan(&arp, 8, 7);
    assert_int_equal(number(&a), number(&b));
    struct skb there = begin(0x0806), back = begin(0x0806);
    memcpy(back.bytes, there.bytes + 6, 6);
    memcpy(back.bytes + 6, there.bytes, 6);
    put(&there, "who has", 7);
    put(&back, "is at", 5);
    assert_int_equal(number(&there), number(&back));
}

static void dhcp_goes_to_the_first(void **state)
{
    (void)state;
    struct skb s = begin(ETH_IPV4);
    put_ipv4(&s, 0, 0xffffffff, 17, 0);
    put_ports(&s, 68, 67);
    assert_int_equal(number(&s), 0);
}

// Only the first fragment of a tunnel's packet shows what is inside.
static void fragments_of_a_tunnel_meet_by_its_ends(void **state)
{
    (void)state;
    struct skb inner = tcp(0x0a000001, 0x0a000002, 40000, 80);
    struct skb whole = in_vxlan(&inner, 7, 8), last = begin(ETH_IPV4);
    put_ipv4(&last, 8, 7, 17, 100);
    put(&last, "the end", 7);
    assert_int_equal(number_by(FANOUT_OUTER, 4, &whole), number_by(FANOUT_OUTER, 4, &last));
    assert_int_not_equal(number(&whole), number(&last));
}

// ── the rest ──

static void addresses_are_spread(void **state)
{
    (void)state;
    unsigned count[8] = {0};
    for (uint32_t client = 0; client < 8000; client++) {
        struct skb s = tcp(0x0a000000 + client, 0xc0a80001, 40000, 80);
        count[number(&s) % 8]++;
    }
    for (int i = 0; i < 8; i++)
        assert_in_range(count[i], 800, 1200);
}

// However a packet is cut, the program ends and only looks at what is there.
static void cut_packets_are_taken(void **state)
{
    (void)state;
    struct skb plain = tcp(1, 2, 40000, 80), deep = in_vxlan(&plain, 7, 8);
    deep = in_gre(&deep, 0xb000, true);
    for (uint32_t len = 0; len <= deep.len; len++) {
        struct skb cut = deep;
        cut.len = len;
        number(&cut);
        number_by(FANOUT_PORTS, 4, &cut);
    }
}

static void the_program_fits(void **state)
{
    (void)state;
    int64_t ports[100];
    for (int i = 0; i < 100; i++)
        ports[i] = 5000 + i;
    struct setting_numbers many = {ports, 100};
    for (int depth = 0; depth < 20; depth++) {
        struct fanout_setup setup = {FANOUT_PORTS, depth, &many};
        assert_in_range(fanout_program(program, &setup, 1), 1, FANOUT_PROGRAM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_meet),
        cmocka_unit_test(ipv6_directions_and_extensions_meet),
        cmocka_unit_test(fragments_meet),
        cmocka_unit_test(ipv6_fragments_meet),
        cmocka_unit_test(tags_are_passed),
        cmocka_unit_test(labels_and_sessions_are_passed),
        cmocka_unit_test(what_comes_in_a_tunnel_meets),
        cmocka_unit_test(ip_in_ip_is_opened),
        cmocka_unit_test(tunnels_stay_shut_when_they_are_to),
        cmocka_unit_test(vxlan_is_where_the_settings_say),
        cmocka_unit_test(without_ip_the_outer_header_counts),
        cmocka_unit_test(fragments_of_a_tunnel_meet_by_its_ends),
        cmocka_unit_test(dhcp_goes_to_the_first),
        cmocka_unit_test(addresses_are_spread),
        cmocka_unit_test(cut_packets_are_taken),
        cmocka_unit_test(the_program_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
