// SPDX-License-Identifier: Apache-2.0
// Mirrors slice_of() for TCP and UDP over plain IPv4 and IPv6. Whatever is unusual leaves at once
// with the full length: a test is a jump over such an end.
#include "probe/capture/af_packet_cut.h"

#include <assert.h>

enum { NET = SKF_NET_OFF, SUM = 0, PORTS = 1 };

struct program {
    struct sock_filter *at;
    int count;
    uint32_t snaplen;
};

static void put(struct program *p, uint16_t code, uint32_t k)
{
    assert(p->count < CUT_PROGRAM);
    p->at[p->count++] = (struct sock_filter){.code = code, .k = k};
}

static void load(struct program *p, uint16_t size, uint32_t offset) // A = [offset]
{
    put(p, BPF_LD | BPF_ABS | size, (uint32_t)NET + offset);
}

static void keep(struct program *p)
{
    put(p, BPF_RET | BPF_K, p->snaplen);
}

static void keep_if(struct program *p, uint16_t how, uint32_t k)
{
    put(p, BPF_JMP | how | BPF_K, k);
    p->at[p->count - 1].jf = 1;
    keep(p);
}

static void keep_unless(struct program *p, uint16_t how, uint32_t k)
{
    put(p, BPF_JMP | how | BPF_K, k);
    p->at[p->count - 1].jt = 1;
    keep(p);
}

// A load beyond the end would lose the frame without a word.
static void keep_short(struct program *p, uint32_t least)
{
    put(p, BPF_LD | BPF_W | BPF_LEN, 0);
    keep_unless(p, BPF_JGE, least);
}

static void keep_other_transports(struct program *p, uint32_t offset)
{
    load(p, BPF_B, offset);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 6);
    p->at[p->count - 1].jt = 2;
    keep_unless(p, BPF_JEQ, 17);
}

static void keep_tunnels(struct program *p, const struct cut *cut)
{
    for (int i = 0; i < cut->tunnel_count; i++)
        keep_if(p, BPF_JEQ, cut->tunnels[i]);
}

static void sum_addresses(struct program *p, uint32_t offset, uint32_t bytes)
{
    put(p, BPF_LD | BPF_IMM, 0);
    for (uint32_t i = 0; i < bytes; i += 4) {
        put(p, BPF_ST, SUM);
        load(p, BPF_W, offset + i);
        put(p, BPF_LDX | BPF_MEM, SUM);
        put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    }
    put(p, BPF_ST, SUM);
}

static void sum_ports(struct program *p, uint32_t offset, const struct cut *cut)
{
    load(p, BPF_H, offset);
    keep_tunnels(p, cut);
    put(p, BPF_ST, PORTS);
    load(p, BPF_H, offset + 2);
    keep_tunnels(p, cut);
    put(p, BPF_LDX | BPF_MEM, PORTS);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    put(p, BPF_ST, PORTS);
}

// A = the slice.
static void hash(struct program *p, uint32_t seed)
{
    put(p, BPF_LD | BPF_MEM, SUM);
    put(p, BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1);
    put(p, BPF_LDX | BPF_MEM, PORTS);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    put(p, BPF_ALU | BPF_XOR | BPF_K, seed);
    put(p, BPF_ALU | BPF_MUL | BPF_K, 0x85ebca6b);
    put(p, BPF_MISC | BPF_TAX, 0);
    put(p, BPF_ALU | BPF_RSH | BPF_K, 15);
    put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
    put(p, BPF_ALU | BPF_MUL | BPF_K, 0xc2b2ae35);
    put(p, BPF_ALU | BPF_RSH | BPF_K, 26);
}

// X is the slice: is its bit set in this half?
static void test_half(struct program *p, uint32_t half)
{
    put(p, BPF_LD | BPF_IMM, half);
    put(p, BPF_ALU | BPF_RSH | BPF_X, 0);
    keep_unless(p, BPF_JSET, 1);
    put(p, BPF_RET | BPF_K, CUT_SNAPLEN);
}

enum { HALF = 5 }; // instructions of test_half

static void choose(struct program *p, uint64_t slices)
{
    put(p, BPF_JMP | BPF_JGE | BPF_K, 32);
    p->at[p->count - 1].jf = 1 + 1 + HALF;
    put(p, BPF_ALU | BPF_SUB | BPF_K, 32);
    put(p, BPF_MISC | BPF_TAX, 0);
    test_half(p, (uint32_t)(slices >> 32));
    put(p, BPF_MISC | BPF_TAX, 0);
    test_half(p, (uint32_t)slices);
}

static void write_v4(struct program *p, const struct cut *cut)
{
    keep_short(p, 14 + 20 + 4);
    load(p, BPF_B, 0);
    keep_unless(p, BPF_JEQ, 0x45); // no options
    load(p, BPF_H, 6);
    keep_if(p, BPF_JSET, 0x3fff); // fragments
    keep_other_transports(p, 9);
    sum_addresses(p, 12, 8);
    sum_ports(p, 20, cut);
    hash(p, cut->seed);
    choose(p, cut->slices);
}

static void write_v6(struct program *p, const struct cut *cut)
{
    keep_short(p, 14 + 40 + 4);
    keep_other_transports(p, 6);
    sum_addresses(p, 8, 32);
    sum_ports(p, 40, cut);
    hash(p, cut->seed);
    choose(p, cut->slices);
}

int cut_program(struct sock_filter into[CUT_PROGRAM], const struct cut *cut, uint32_t snaplen)
{
    struct program p = {.at = into, .snaplen = snaplen};
    put(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    put(&p, BPF_JMP | BPF_JEQ | BPF_K, 0x0800);
    into[1].jf = 1;
    put(&p, BPF_JMP | BPF_JA, 1);
    put(&p, BPF_JMP | BPF_JA, 0);
    write_v4(&p, cut);
    into[3].k = (uint32_t)(p.count - 4);
    keep_unless(&p, BPF_JEQ, 0x86dd);
    write_v6(&p, cut);
    return p.count;
}
