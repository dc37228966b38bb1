// SPDX-License-Identifier: Apache-2.0
// What the kernel is told to cut, run as the kernel would: exactly the conversations in the
// slices of slice_of(), both directions of them, and nothing that is unusual.
#include "probe/capture/af_packet_cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/slice.h"
#include "tests/unit/probe/capture/bpf.h"

enum { WHOLE = 65535 };

// ── frames ──

static void put_port(struct skb *s, uint32_t at, uint16_t port)
{
    s->bytes[at] = (uint8_t)(port >> 8);
    s->bytes[at + 1] = (uint8_t)port;
}

static struct skb frame(const struct flow_key *k, unsigned sender)
{
    struct skb s = {.protocol = k->family == 4 ? 0x0800 : 0x86dd};
    uint32_t from = k->family == 4 ? 12 : 8, size = k->family == 4 ? 4 : 16,
             ports = MAC + from + 2 * size;
    s.len = ports + 8;
    s.bytes[MAC] = k->family == 4 ? 0x45 : 0x60;
    s.bytes[MAC + (k->family == 4 ? 9 : 6)] = k->protocol;
    memcpy(s.bytes + MAC + from, k->address[sender], size);
    memcpy(s.bytes + MAC + from + size, k->address[!sender], size);
    put_port(&s, ports, k->port[sender]);
    put_port(&s, ports + 2, k->port[!sender]);
    return s;
}

static uint32_t random_state = 1;

static uint8_t random_byte(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint8_t)(random_state >> 24);
}

static struct flow_key random_key(uint8_t family, uint8_t protocol)
{
    struct flow_key k = {.family = family, .protocol = protocol};
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < (family == 4 ? 4 : 16); i++)
            k.address[side][i] = random_byte();
        k.port[side] = (uint16_t)(random_byte() << 8 | random_byte());
    }
    return k;
}

static struct sock_filter program[CUT_PROGRAM];

static uint32_t kept(const struct cut *cut, const struct skb *s)
{
    return bpf_run(program, cut_program(program, cut, WHOLE), s);
}

// ── tests ──

static void what_is_cut_is_what_the_flows_think(void **state)
{
    (void)state;
    struct cut cut = {.slices = 0x8000000180000003, .seed = 0x12345678};
    int cuts = 0;
    for (int i = 0; i < 4000; i++) {
        struct flow_key k = random_key(i & 1 ? 4 : 6, i & 2 ? PROTO_TCP : PROTO_UDP);
        bool wanted = cut.slices >> slice_of(&k, cut.seed) & 1;
        for (unsigned sender = 0; sender < 2; sender++) {
            struct skb s = frame(&k, sender);
            assert_int_equal(kept(&cut, &s), wanted ? CUT_SNAPLEN : WHOLE);
        }
        cuts += wanted;
    }
    assert_true(cuts > 4000 * 6 / SLICES / 2 && cuts < 4000 * 6 / SLICES * 2);
}

static void slices_are_equal(void **state)
{
    (void)state;
    unsigned held[SLICES] = {0};
    struct flow_key k = {.address = {{10, 0, 0, 1}, {10, 0, 0, 2}},
                         .port = {1024, 80},
                         .family = 4,
                         .protocol = PROTO_TCP};
    for (int i = 0; i < SLICES * 500; i++, k.port[0]++)
        held[slice_of(&k, 77)]++;
    for (int i = 0; i < SLICES; i++)
        assert_in_range(held[i], 250, 1000);
}

static void the_unusual_is_left_whole(void **state)
{
    (void)state;
    struct cut all = {.slices = UINT64_MAX, .tunnels = {4789, 6081}, .tunnel_count = 2};
    struct flow_key k = random_key(4, PROTO_UDP);
    struct skb s = frame(&k, 0);
    assert_int_equal(kept(&all, &s), CUT_SNAPLEN);
    s.bytes[MAC + 6] = 0x20; // the first of several fragments
    assert_int_equal(kept(&all, &s), WHOLE);
    s = frame(&k, 0);
    s.bytes[MAC + 7] = 1; // a later one
    assert_int_equal(kept(&all, &s), WHOLE);
    s = frame(&k, 0);
    s.bytes[MAC] = 0x46; // options
    assert_int_equal(kept(&all, &s), WHOLE);
    s = frame(&k, 0);
    s.protocol = 0x8100; // a tag inside a tag
    assert_int_equal(kept(&all, &s), WHOLE);
    for (unsigned sender = 0; sender < 2; sender++) {
        struct flow_key tunnel = k;
        tunnel.port[1] = 4789;
        s = frame(&tunnel, sender);
        assert_int_equal(kept(&all, &s), WHOLE);
    }
    for (int family = 4; family <= 6; family += 2) {
        k = random_key((uint8_t)family, PROTO_GRE);
        s = frame(&k, 0);
        assert_int_equal(kept(&all, &s), WHOLE);
    }
}

// Never 0, which would lose the frame without a count.
static void short_frames_are_not_lost(void **state)
{
    (void)state;
    struct cut all = {.slices = UINT64_MAX};
    for (int family = 4; family <= 6; family += 2) {
        struct flow_key k = random_key((uint8_t)family, PROTO_TCP);
        struct skb s = frame(&k, 0);
        for (uint32_t whole = s.len; s.len >= MAC; s.len--)
            assert_true(kept(&all, &s) == WHOLE || s.len > whole - 8);
    }
}

static void many_tunnels_find_room(void **state)
{
    (void)state;
    struct cut all = {.slices = UINT64_MAX, .tunnel_count = CUT_TUNNELS};
    for (int i = 0; i < CUT_TUNNELS; i++)
        all.tunnels[i] = (uint16_t)(5000 + i);
    assert_true(cut_program(program, &all, WHOLE) < CUT_PROGRAM);
    struct flow_key k = random_key(6, PROTO_UDP);
    k.port[0] = 5000 + CUT_TUNNELS - 1;
    struct skb s = frame(&k, 1);
    assert_int_equal(kept(&all, &s), WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cut_is_what_the_flows_think),
        cmocka_unit_test(slices_are_equal),
        cmocka_unit_test(the_unusual_is_left_whole),
        cmocka_unit_test(short_frames_are_not_lost),
        cmocka_unit_test(many_tunnels_find_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
