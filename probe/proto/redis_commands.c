// SPDX-License-Identifier: Apache-2.0
// The table of redis_commands.def, searched by halves.

#include "probe/proto/redis_commands.h"

#include "pipeline/base/text.h"

#define RANGE(begin, end, every, part)                                                 \
    {                                                                                  \
        .find = REDIS_RANGE, .first = begin, .last = end, .step = every, .limit = part \
    }
#define COUNTED(count, begin, every)                                        \
    {                                                                       \
        .find = REDIS_COUNTED, .first = count, .last = begin, .step = every \
    }
#define BEHIND(word, end, every, part)                                                   \
    {                                                                                    \
        .find = REDIS_BEHIND, .last = end, .step = every, .limit = part, .keyword = word \
    }
#define NO_KEYS               \
    {                         \
        .find = REDIS_NO_KEYS \
    }
#define COMMAND(name, action, role, ...) {SPAN(name), SPAN(action), REDIS_##role, {__VA_ARGS__}},

static const struct redis_command commands[] = {
#include "probe/proto/redis_commands.def"
};

const struct redis_command *redis_command_find(struct span name)
{
    uint8_t wanted[REDIS_NAME];
    if (!name.len || name.len > sizeof wanted)
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        wanted[i] = text_upper(name.at[i]);
    size_t low = 0, high = sizeof commands / sizeof *commands;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct span there = commands[middle].name;
        size_t shorter = name.len < there.len ? name.len : there.len;
        int order = memcmp(wanted, there.at, shorter);
        if (!order && name.len == there.len)
            return &commands[middle];
        if (order < 0 || (!order && name.len < there.len))
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
