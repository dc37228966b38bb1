// SPDX-License-Identifier: Apache-2.0
// A machine that runs classic BPF as the kernel would on a frame, so far as the probe's programs
// need it: any other operation fails the test.
#pragma once

#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAC = 14 }; // bytes of the link header

struct skb {
    uint8_t bytes[2048]; // from the link header on
    uint32_t len;
    uint16_t protocol; // as the kernel has it, behind the tag that it took off
};

// What the kernel's loads see; false: beyond the end.
static inline bool bpf_load(const struct skb *s, uint32_t k, unsigned size, uint32_t *value)
{
    int32_t offset = (int32_t)k;
    if (offset == SKF_AD_OFF + SKF_AD_PROTOCOL) {
        *value = s->protocol;
        return true;
    }
    int64_t at =
        offset >= SKF_NET_OFF ? (int64_t)offset - SKF_NET_OFF + MAC : (int64_t)offset - SKF_LL_OFF;
    if (at < 0 || at + size > s->len)
        return false;
    *value = 0;
    for (unsigned i = 0; i < size; i++)
        *value = *value << 8 | s->bytes[at + i];
    return true;
}

static inline unsigned bpf_size(uint16_t code)
{
    return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static inline uint32_t bpf_compute(uint16_t code, uint32_t a, uint32_t operand)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + operand;
    case BPF_SUB:
        return a - operand;
    case BPF_MUL:
        return a * operand;
    case BPF_XOR:
        return a ^ operand;
    case BPF_AND:
        return a & operand;
    case BPF_LSH:
        assert_true(operand < 32);
        return a << operand;
    case BPF_RSH:
        assert_true(operand < 32);
        return a >> operand;
    default:
        fail_msg("an operation that the program should not need");
        return 0;
    }
}

static inline bool bpf_holds(const struct sock_filter *i, uint32_t a)
{
    switch (BPF_OP(i->code)) {
    case BPF_JEQ:
        return a == i->k;
    case BPF_JGE:
        return a >= i->k;
    case BPF_JSET:
        return a & i->k;
    default:
        fail_msg("a jump that the program should not need");
        return false;
    }
}

// What the program returns for the frame; 0, too, where it loads beyond the end.
static inline uint32_t bpf_run(const struct sock_filter *program, int count, const struct skb *s)
{
    uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {0};
    for (int at = 0; at < count; at++) {
        const struct sock_filter *i = &program[at];
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            if (BPF_MODE(i->code) == BPF_IMM)
                a = i->k;
            else if (BPF_MODE(i->code) == BPF_LEN)
                a = s->len;
            else if (BPF_MODE(i->code) == BPF_MEM)
                a = memory[i->k];
            else if (!bpf_load(s, i->k + (BPF_MODE(i->code) == BPF_IND ? x : 0), bpf_size(i->code),
                               &a))
                return 0;
            break;
        case BPF_LDX:
            x = BPF_MODE(i->code) == BPF_IMM ? i->k : memory[i->k];
            break;
        case BPF_ST:
            memory[i->k] = a;
            break;
        case BPF_STX:
            memory[i->k] = x;
            break;
        case BPF_ALU:
            a = bpf_compute(i->code, a, BPF_SRC(i->code) == BPF_X ? x : i->k);
            break;
        case BPF_JMP:
            at += BPF_OP(i->code) == BPF_JA ? (int)i->k : bpf_holds(i, a) ? i->jt : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        default:
            if (BPF_MISCOP(i->code) == BPF_TAX)
                x = a;
            else
                a = x;
        }
    }
    fail_msg("the program runs past its end");
    return 0;
}
