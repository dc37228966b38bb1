// SPDX-License-Identifier: Apache-2.0
// `weir help`: what can be done, and what can be followed, sent and set.

#include "pipeline/stats.h"
#include "probe/cli/command.h"

static void print_commands(void)
{
    printf("Weir sees packets and writes a document for each transaction and each flow.\n\n"
           "usage: weir [command] [flags]\n\ncommands:\n");
    for (const struct command *const *c = commands; *c; c++)
        printf("  %-8s %-38s %s\n", (*c)->name, (*c)->words, (*c)->meaning);
    printf("\nflags:\n");
    flags_help(command_flags, stdout);
    printf("\nexamples:\n"
           "  weir -I capture.pcap -t                  documents of a capture to standard output\n"
           "  weir -c weir.yml -e                      run as configured, log to the terminal\n"
           "  weir test config -c weir.yml             check a configuration\n"
           "  weir help protocols                      what can be followed\n");
}

static int print_protocols(void)
{
    for (const struct protocol *const *p = protocols; *p; p++)
        printf("  %-7s %s%s%s\n", (*p)->name, (*p)->meaning, *(*p)->ports ? "; ports " : "",
               (*p)->ports);
    return EXIT_FINE;
}

static int print_outputs(void)
{
    for (const struct output *const *o = outputs; *o; o++)
        printf("  %-14s %s\n", (*o)->name, (*o)->meaning);
    return EXIT_FINE;
}

static void print_counters(void)
{
    printf(
        "# Counters\n\nPrinted by `weir help counters`. Every packet, document and delivery is "
        "in exactly one "
        "column; the sums are checked at the end of each run.\n\n"
        "    packets = decoded + undecoded + shed\n"
        "    events = written + filtered + lost\n"
        "    per output: accepted + recovered = delivered + refused + too_large + dead_letters + "
        "shed + damaged + waiting + spooled\n\n"
        "| counter | kind | meaning |\n|---|---|---|\n");
    stats_print(stdout);
}

static int run_help(const struct flags *flags, const char *const *words)
{
    (void)flags;
    if (!words[0]) {
        print_commands();
        return EXIT_FINE;
    }
    if (!strcmp(words[0], "protocols"))
        return print_protocols();
    if (!strcmp(words[0], "outputs"))
        return print_outputs();
    if (!strcmp(words[0], "settings")) {
        plan_print_settings(stdout);
        return EXIT_FINE;
    }
    if (!strcmp(words[0], "counters")) {
        print_counters();
        return EXIT_FINE;
    }
    fprintf(stderr, "weir: no help on %s (there is: protocols, outputs, settings, counters)\n",
            words[0]);
    return EXIT_USAGE;
}

const struct command command_help = {"help", "[protocols|outputs|settings|counters]",
                                     "show this, or what can be followed, sent and set", run_help};
