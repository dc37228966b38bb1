// SPDX-License-Identifier: Apache-2.0
// `weir test config` reads and checks a configuration as `run` would, and opens nothing. `weir test
// output` tries the way to each server step by step.

#include "probe/cli/command.h"

static int test_config(const struct plan *plan)
{
    (void)plan;
    printf("Config OK\n");
    return EXIT_FINE;
}

static int test_output(const struct plan *plan)
{
    bool fine = true;
    for (int i = 0; i < plan->output_count; i++) {
        const struct publisher_output *o = &plan->outputs[i];
        struct error why = {""};
        if (!o->output->test)
            printf("%s: OK, there is nothing to connect to\n", o->output->name);
        else if (!o->output->test(o->settings, &plan->world, stdout, &why))
            fine = false;
    }
    return fine ? EXIT_FINE : EXIT_FAILED;
}

static int run_test(const struct flags *flags, const char *const *words)
{
    const char *what = words[0] ? words[0] : "";
    int (*test)(const struct plan *) = !strcmp(what, "config")   ? test_config
                                       : !strcmp(what, "output") ? test_output
                                                                 : NULL;
    if (!test) {
        fprintf(stderr, "weir: usage: weir test config|output\n");
        return EXIT_USAGE;
    }
    struct plan *plan = command_plan(flags, NULL);
    if (!plan)
        return EXIT_FAILED;
    int code = test(plan);
    plan_free(plan);
    return code;
}

const struct command command_test = {
    "test", "config|output", "check the configuration, try the way to the servers", run_test};
