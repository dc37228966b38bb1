// SPDX-License-Identifier: Apache-2.0
// Memory for tests of an output's settings, and what must be refused.
#pragma once

#include "tests/unit/outputs/harness.h"

static struct arena arena;
static struct error why;

static inline int set_up(void **state)
{
    (void)state;
    why.text[0] = 0;
    return !arena_init(&arena, 1 << 20);
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

// Each row: settings, and words of why they are refused.
static inline void assert_refused(bool (*read)(const char *yaml), const char *const (*rows)[2],
                                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        why.text[0] = 0;
        if (read(rows[i][0]))
            fail_msg("%s was taken", rows[i][0]);
        if (!strstr(why.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], why.text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
