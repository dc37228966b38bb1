// SPDX-License-Identifier: Apache-2.0
// `weir test config`: reads and checks a configuration as `run` would, and opens nothing.

#include "probe/cli/command.h"

static int test_config(const struct flags *flags)
{
    struct error why = {""};
    struct arena arena;
    if (!arena_init(&arena, 1 << 20)) {
        error_set(&why, "out of memory");
        return command_fails(EXIT_FAILED, &why);
    }
    struct plan_sources from = command_sources(flags, &arena);
    struct plan *plan = plan_new(&from, &why);
    arena_free(&arena);
    if (!plan)
        return command_fails(EXIT_FAILED, &why);
    plan_free(plan);
    printf("Config OK\n");
    return EXIT_FINE;
}

static int run_test(const struct flags *flags, const char *const *words)
{
    if (words[0] && !strcmp(words[0], "config"))
        return test_config(flags);
    fprintf(stderr, "weir: usage: weir test config\n");
    return EXIT_USAGE;
}

const struct command command_test = {"test", "config", "check the configuration", run_test};
