// SPDX-License-Identifier: Apache-2.0
// `weir export`: the configuration as it was understood, the fields of the documents, the index
// template.

#include "probe/cli/command.h"

static int export_config(const struct flags *flags)
{
    struct plan *plan = command_plan(flags, NULL);
    if (!plan)
        return EXIT_FAILED;
    bool printed = config_print(plan->root, stdout);
    plan_free(plan);
    return printed ? EXIT_FINE : EXIT_FAILED;
}

static int run_export(const struct flags *flags, const char *const *words)
{
    const struct field_table *tables[FIELD_TABLES];
    int count = plan_field_tables(tables);
    const char *what = words[0] ? words[0] : "";
    if (!strcmp(what, "config"))
        return export_config(flags);
    if (!strcmp(what, "fields"))
        schema_print_reference(tables, count, stdout);
    else if (!strcmp(what, "template"))
        schema_print_template(tables, count, &(struct template_options){.pattern = "weir-*"},
                              stdout);
    else {
        fprintf(stderr, "weir: usage: weir export config|fields|template\n");
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

const struct command command_export = {"export", "config|fields|template",
                                       "print the configuration, the fields, the index template",
                                       run_export};
