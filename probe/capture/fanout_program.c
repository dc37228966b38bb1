// SPDX-License-Identifier: Apache-2.0
// A tiny assembler, and what is written with it: VLAN tags are passed, both addresses are hashed
// each by itself and summed (so that both directions agree), and where a tunnel begins the same is
// done over for what is inside. Classic BPF has no loops: each depth has its own copy.
//
//   start ─▶ TYPED ─┬▶ MPLS, PPPoE ─┬▶ V4 ─┬▶ NEXT ─┬▶ UDP ─▶ VXLAN ─┐
//            tags   ├───────────────┴▶ V6 ─┘        ├▶ GRE ──────────┼─▶ TYPED of the next depth
//                   └▶ hardware addresses           └▶ IP in IP ─────┘
//
// A fragment tells no ports, so what may be fragmented goes by addresses alone. Loads are relative
// to the network header (SKF_NET_OFF), the only place that is the same for packets that come and
// that go. One beyond the end lets the kernel choose the first worker.
#include "probe/capture/fanout_program.h"

#include <assert.h>

enum {
    TAGS = 4,        // VLAN tags passed at each depth
    LABELS_MPLS = 4, // of MPLS passed
    EXTENSIONS = 4,  // extension headers of IPv6 passed
    DEPTHS = FANOUT_DEPTH + 1,
    JUMPS = 1024,
    NET = SKF_NET_OFF,
    LINK = SKF_LL_OFF,
};

// Scratch words of the program.
enum { BASE, SUM, KEPT };

// Places that are jumped to; most of them once for each depth.
enum label {
    TYPED,       // X: where a header begins, A: its Ethernet type
    BEHIND_TAGS, // as TYPED, but not a tag
    MPLS,        // X: where a stack of labels begins
    BEHIND_LABELS,
    PPPOE,
    V4, // BASE, X: where the IP header begins
    V6,
    NEXT, // X: behind the IP header, A: protocol
    UDP,
    VXLAN,
    GRE,
    GRE_INSIDE,
    PORTS,
    LABELS, // of a depth
};
enum { DONE = DEPTHS * LABELS, FIRST, ALL_LABELS };

struct assembler {
    struct sock_filter *at;
    int count;
    const struct fanout_setup *setup;
    int depths;
    uint32_t seed;
    int place[ALL_LABELS];
    struct {
        int from, label;
    } jump[JUMPS];
    int jumps;
};

static void emit(struct assembler *a, uint16_t code, uint32_t k)
{
    assert(a->count < FANOUT_PROGRAM);
    a->at[a->count++] = (struct sock_filter){.code = code, .k = k};
}

static void here(struct assembler *a, int label)
{
    a->place[label] = a->count;
}

static void go(struct assembler *a, int label)
{
    assert(a->jumps < JUMPS);
    a->jump[a->jumps].from = a->count;
    a->jump[a->jumps++].label = label;
    emit(a, BPF_JMP | BPF_JA, 0);
}

// Conditional jumps reach only 255 instructions far: they step over an unconditional one.
static void test(struct assembler *a, uint16_t how, uint32_t k, int label)
{
    emit(a, BPF_JMP | how | BPF_K, k);
    a->at[a->count - 1].jf = 1;
    go(a, label);
}

static void equal(struct assembler *a, uint32_t k, int label)
{
    test(a, BPF_JEQ, k, label);
}

static void load(struct assembler *a, uint16_t size, uint32_t offset) // A = [X + offset]
{
    emit(a, BPF_LD | size | BPF_IND, (uint32_t)NET + offset);
}

static void set_base(struct assembler *a) // X = A, and so it stays known
{
    emit(a, BPF_MISC | BPF_TAX, 0);
    emit(a, BPF_STX, BASE);
}

static void skip(struct assembler *a, uint32_t bytes) // X += bytes; A is lost
{
    emit(a, BPF_MISC | BPF_TXA, 0);
    emit(a, BPF_ALU | BPF_ADD, bytes);
    set_base(a);
}

// ── hashing ──

static void mix(struct assembler *a) // A; X is lost
{
    emit(a, BPF_ALU | BPF_XOR | BPF_K, a->seed);
    emit(a, BPF_ALU | BPF_MUL | BPF_K, 0x85ebca6b);
    emit(a, BPF_MISC | BPF_TAX, 0);
    emit(a, BPF_ALU | BPF_RSH | BPF_K, 15);
    emit(a, BPF_ALU | BPF_XOR | BPF_X, 0);
    emit(a, BPF_ALU | BPF_MUL | BPF_K, 0xc2b2ae35);
}

static void add_to_sum(struct assembler *a) // SUM += A; X becomes BASE again
{
    emit(a, BPF_LDX | BPF_MEM, SUM);
    emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
    emit(a, BPF_ST, SUM);
    emit(a, BPF_LDX | BPF_MEM, BASE);
}

static void forget_sum(struct assembler *a)
{
    emit(a, BPF_LD | BPF_IMM, 0);
    emit(a, BPF_ST, SUM);
}

static void add_half(struct assembler *a, uint32_t offset)
{
    load(a, BPF_H, offset);
    mix(a);
    add_to_sum(a);
}

// An address of so many words.
static void add_address(struct assembler *a, uint32_t offset, uint32_t words)
{
    load(a, BPF_W, offset);
    mix(a);
    for (uint32_t i = 1; i < words; i++) {
        emit(a, BPF_ST, KEPT);
        emit(a, BPF_LDX | BPF_MEM, BASE);
        load(a, BPF_W, offset + 4 * i);
        emit(a, BPF_LDX | BPF_MEM, KEPT);
        emit(a, BPF_ALU | BPF_XOR | BPF_X, 0);
        mix(a);
    }
    add_to_sum(a);
}

// ── headers ──

// No IP: inside a tunnel the outer header is what makes the flow, else the hardware addresses.
static void write_macs(struct assembler *a, int depth)
{
    if (depth) {
        go(a, DONE);
        return;
    }
    emit(a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)LINK + 2);
    mix(a);
    add_to_sum(a);
    emit(a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)LINK + 8);
    mix(a);
    add_to_sum(a);
    go(a, DONE);
}

static void write_typed(struct assembler *a, int depth)
{
    static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100, 0x9200};
    int at = depth * LABELS;
    here(a, at + TYPED);
    for (int i = 0; i < TAGS; i++) {
        // one of the tags: on to its body, a few instructions ahead; else it is the type
        for (int t = 0; t < 4; t++) {
            emit(a, BPF_JMP | BPF_JEQ | BPF_K, tags[t]);
            a->at[a->count - 1].jt = (uint8_t)(4 - t);
        }
        go(a, at + BEHIND_TAGS);
        load(a, BPF_H, 2);
        emit(a, BPF_ST, KEPT);
        skip(a, 4);
        emit(a, BPF_LD | BPF_MEM, KEPT);
    }
    here(a, at + BEHIND_TAGS);
    emit(a, BPF_STX, BASE);
    equal(a, 0x0800, at + V4);
    equal(a, 0x86dd, at + V6);
    equal(a, 0x8847, at + MPLS);
    equal(a, 0x8864, at + PPPOE);
    write_macs(a, depth);
}

// What lies behind the last label is told by its first four bits alone.
static void write_mpls(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    here(a, at + MPLS);
    for (int i = 0; i < LABELS_MPLS; i++) {
        load(a, BPF_B, 2);
        emit(a, BPF_ST, KEPT);
        skip(a, 4);
        emit(a, BPF_LD | BPF_MEM, KEPT);
        test(a, BPF_JSET, 1, at + BEHIND_LABELS); // the bottom of the stack
    }
    here(a, at + BEHIND_LABELS);
    load(a, BPF_B, 0);
    emit(a, BPF_ALU | BPF_AND | BPF_K, 0xf0);
    equal(a, 0x40, at + V4);
    equal(a, 0x60, at + V6);
    write_macs(a, depth);
}

// Version, type, code(1), session(2), length(2), then PPP's protocol.
static void write_pppoe(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    here(a, at + PPPOE);
    skip(a, 8);
    load(a, BPF_H, (uint32_t)-2);
    equal(a, 0x0021, at + V4);
    equal(a, 0x0057, at + V6);
    write_macs(a, depth);
}

static void write_v4(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    here(a, at + V4);
    forget_sum(a);
    add_address(a, 12, 1);
    add_address(a, 16, 1);
    load(a, BPF_H, 6);
    test(a, BPF_JSET, 0x3fff, DONE); // a fragment
    load(a, BPF_B, 9);
    emit(a, BPF_ST, KEPT);
    load(a, BPF_B, 0);
    emit(a, BPF_ALU | BPF_AND | BPF_K, 15);
    emit(a, BPF_ALU | BPF_LSH | BPF_K, 2);
    emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
    set_base(a);
    emit(a, BPF_LD | BPF_MEM, KEPT);
    go(a, at + NEXT);
}

// Hop-by-hop, routing and destination options are passed; whatever else is the protocol.
static void write_v6(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    here(a, at + V6);
    forget_sum(a);
    add_address(a, 8, 4);
    add_address(a, 24, 4);
    load(a, BPF_B, 6);
    emit(a, BPF_ST, KEPT);
    skip(a, 40);
    emit(a, BPF_LD | BPF_MEM, KEPT);
    for (int i = 0; i < EXTENSIONS; i++) {
        static const uint8_t extensions[] = {0, 43, 60};
        for (int e = 0; e < 3; e++) {
            emit(a, BPF_JMP | BPF_JEQ | BPF_K, extensions[e]);
            a->at[a->count - 1].jt = (uint8_t)(3 - e);
        }
        go(a, at + NEXT);
        load(a, BPF_B, 0);
        emit(a, BPF_ST, KEPT);
        load(a, BPF_B, 1);
        emit(a, BPF_ALU | BPF_ADD, 1);
        emit(a, BPF_ALU | BPF_LSH | BPF_K, 3);
        emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
        set_base(a);
        emit(a, BPF_LD | BPF_MEM, KEPT);
    }
    go(a, at + NEXT);
}

static void write_next(struct assembler *a, int depth)
{
    int at = depth * LABELS, inside = at + LABELS;
    here(a, at + NEXT);
    if (a->setup->by == FANOUT_PORTS) {
        equal(a, 6, at + PORTS);
        equal(a, 132, at + PORTS);
    }
    equal(a, 17, at + UDP);
    if (depth + 1 < a->depths) {
        equal(a, 47, at + GRE);
        equal(a, 4, inside + V4);
        equal(a, 41, inside + V6);
    }
    go(a, DONE);
    if (a->setup->by == FANOUT_PORTS) {
        here(a, at + PORTS);
        add_half(a, 0);
        add_half(a, 2);
        go(a, DONE);
    }
}

// UDP(8) flags(1) …(7), then an Ethernet frame.
static void write_vxlan(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    here(a, at + VXLAN);
    load(a, BPF_B, 8);
    emit(a, BPF_JMP | BPF_JSET | BPF_K, 0x08); // its number is valid
    a->at[a->count - 1].jt = 1;
    go(a, DONE);
    load(a, BPF_H, 8 + 8 + 12);
    emit(a, BPF_ST, KEPT);
    skip(a, 8 + 8 + 14);
    emit(a, BPF_LD | BPF_MEM, KEPT);
    go(a, at + LABELS + TYPED);
}

// The answers of DHCP go to an address that has not asked: all of it meets in the first worker.
static void write_udp(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    here(a, at + UDP);
    load(a, BPF_H, 2);
    for (const uint32_t *dhcp = (const uint32_t[]){67, 68, 546, 547, 0}; *dhcp; dhcp++)
        equal(a, *dhcp, FIRST);
    if (depth + 1 == a->depths) {
        go(a, DONE);
        return;
    }
    const struct setting_numbers *vxlan = a->setup->vxlan;
    for (int i = 0; i < vxlan->count && i < FANOUT_VXLAN; i++)
        equal(a, (uint32_t)vxlan->at[i], at + VXLAN);
    go(a, DONE);
    if (vxlan->count)
        write_vxlan(a, depth);
}

// Adds four to where GRE's content begins if the flag is set.
static void add_if(struct assembler *a, uint32_t flag)
{
    load(a, BPF_H, 0);
    emit(a, BPF_ALU | BPF_AND | BPF_K, flag);
    emit(a, BPF_ALU | BPF_RSH | BPF_K, (uint32_t)__builtin_ctz(flag) - 2);
    emit(a, BPF_LDX | BPF_MEM, KEPT);
    emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
    emit(a, BPF_ST, KEPT);
    emit(a, BPF_LDX | BPF_MEM, BASE);
}

static void write_gre(struct assembler *a, int depth)
{
    int at = depth * LABELS;
    if (depth + 1 == a->depths)
        return;
    here(a, at + GRE);
    load(a, BPF_H, 0);
    test(a, BPF_JSET, 0x4007, DONE); // PPTP, source routing
    emit(a, BPF_LD | BPF_IMM, 4);
    emit(a, BPF_ST, KEPT);
    add_if(a, 0x8000);
    add_if(a, 0x2000);
    add_if(a, 0x1000);
    load(a, BPF_H, 2);
    emit(a, BPF_JMP | BPF_JEQ | BPF_K, 0x6558); // a whole frame
    a->at[a->count - 1].jf = 7;
    emit(a, BPF_LD | BPF_MEM, KEPT);
    emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
    emit(a, BPF_ALU | BPF_ADD, 14);
    set_base(a);
    load(a, BPF_H, (uint32_t)-2);
    go(a, at + LABELS + TYPED);
    emit(a, BPF_LD | BPF_MEM, KEPT);
    emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
    emit(a, BPF_ST, KEPT);
    load(a, BPF_H, 2);
    emit(a, BPF_LDX | BPF_MEM, KEPT);
    go(a, at + LABELS + TYPED);
}

static void patch(struct assembler *a)
{
    for (int i = 0; i < a->jumps; i++) {
        int from = a->jump[i].from, to = a->place[a->jump[i].label];
        assert(to > from);
        a->at[from].k = (uint32_t)(to - from - 1);
    }
}

static int depth_of(const struct fanout_setup *setup)
{
    if (setup->by == FANOUT_OUTER)
        return 0;
    return setup->tunnel_depth < FANOUT_DEPTH ? setup->tunnel_depth : FANOUT_DEPTH;
}

int fanout_program(struct sock_filter into[FANOUT_PROGRAM], const struct fanout_setup *setup,
                   uint32_t seed)
{
    struct assembler a = {.at = into, .setup = setup, .seed = seed};
    a.depths = 1 + depth_of(setup);
    forget_sum(&a);
    emit(&a, BPF_LDX | BPF_IMM, 0);
    emit(&a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    for (int depth = 0; depth < a.depths; depth++) {
        write_typed(&a, depth);
        write_mpls(&a, depth);
        write_pppoe(&a, depth);
        write_v4(&a, depth);
        write_v6(&a, depth);
        write_next(&a, depth);
        write_udp(&a, depth);
        write_gre(&a, depth);
    }
    here(&a, DONE);
    emit(&a, BPF_LD | BPF_MEM, SUM);
    mix(&a);
    emit(&a, BPF_MISC | BPF_TAX, 0);
    emit(&a, BPF_ALU | BPF_RSH | BPF_K, 16);
    emit(&a, BPF_ALU | BPF_XOR | BPF_X, 0);
    emit(&a, BPF_RET | BPF_A, 0);
    here(&a, FIRST);
    emit(&a, BPF_RET | BPF_K, 0);
    patch(&a);
    return a.count;
}
