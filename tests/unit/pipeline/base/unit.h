// SPDX-License-Identifier: Apache-2.0
// What the tests of the bricks share: cmocka with the headers it wants before it, and a comparison
// of views with texts.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/base/span.h"

static inline void assert_span(struct span got, const char *text)
{
    assert_int_equal(got.len, strlen(text));
    if (got.len)
        assert_memory_equal(got.at, text, got.len);
}

// Numbers that look random and are the same in every run (Marsaglia's xorshift64).
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
