// SPDX-License-Identifier: Apache-2.0
// `weir setup`: puts on the servers what documents need there, says what it did, and ends.

#include "probe/cli/command.h"

static int set_up_all(const struct plan *plan, struct error *why)
{
    int able = 0;
    for (int i = 0; i < plan->output_count; i++) {
        const struct publisher_output *o = &plan->outputs[i];
        if (!o->output->setup)
            continue;
        able++;
        if (!o->output->setup(o->settings, &plan->world, stdout, why))
            return command_fails(EXIT_FAILED, why);
    }
    if (!able)
        printf("No output that is configured needs anything on its server\n");
    return EXIT_FINE;
}

static int run_setup(const struct flags *flags, const char *const *words)
{
    struct error why = {""};
    if (words[0]) {
        error_set(&why, "setup takes no word %s (see weir help)", words[0]);
        return command_fails(EXIT_USAGE, &why);
    }
    struct plan *plan = command_plan(flags, NULL);
    if (!plan)
        return EXIT_FAILED;
    int code = set_up_all(plan, &why);
    plan_free(plan);
    return code;
}

const struct command command_setup = {"setup", "",
                                      "put index template and lifecycle on the servers", run_setup};
