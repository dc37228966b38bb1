// SPDX-License-Identifier: Apache-2.0
// For tests of what a configuration holds: texts into trees.
#pragma once

#include "config/config.h"
#include "tests/unit/pipeline/kit.h"

static inline struct config *yaml(const char *text)
{
    struct config *root = config_new(&arena);
    if (!config_read_text(root, span_text(text), "x.yml", &arena, &why))
        fail_msg("%s", why.text);
    return root;
}

// What went wrong holds these words.
static inline void expect_why(const char *words)
{
    if (!strstr(why.text, words))
        fail_msg("\"%s\" does not say \"%s\"", why.text, words);
}
