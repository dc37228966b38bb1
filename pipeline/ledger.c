// SPDX-License-Identifier: Apache-2.0
// Sums by column, compared and printed.
#include "pipeline/ledger.h"

static unsigned long long get(const struct stats *s, enum column column)
{
    return stats_column(s, column);
}

// ── the equations ───────────────────────────────────────────────────────────────────────────────

static bool check_packets(const struct stats *s, struct error *why)
{
    unsigned long long packets = get(s, COLUMN_PACKETS), decoded = get(s, COLUMN_DECODED),
                       undecoded = get(s, COLUMN_UNDECODED), shed = get(s, COLUMN_SHED);
    return packets == decoded + undecoded + shed ||
           error_set(why, "packets: %llu seen, but %llu decoded + %llu not decoded + %llu shed",
                     packets, decoded, undecoded, shed);
}

static bool check_events(const struct stats *s, struct error *why)
{
    unsigned long long events = get(s, COLUMN_EVENTS), written = get(s, COLUMN_WRITTEN),
                       filtered = get(s, COLUMN_FILTERED), lost = get(s, COLUMN_LOST);
    return events == written + filtered + lost ||
           error_set(why, "events: %llu made, but %llu written + %llu filtered + %llu lost", events,
                     written, filtered, lost);
}

static bool check_output(const struct stats_output *o, struct error *why)
{
    const struct output_counters *c = &o->counters;
    unsigned long long accepted = counter_get(c->accepted), recovered = counter_get(c->recovered),
                       delivered = counter_get(c->delivered), refused = counter_get(c->refused),
                       too_large = counter_get(c->too_large),
                       dead_letters = counter_get(c->dead_letters), shed = counter_get(c->shed),
                       damaged = counter_get(c->damaged), waiting = counter_get(c->waiting),
                       spooled = counter_get(c->spooled);
    return accepted + recovered == delivered + refused + too_large + dead_letters + shed + damaged +
                                       waiting + spooled ||
           error_set(why,
                     "output.%s: %llu accepted + %llu recovered, but %llu delivered + %llu refused "
                     "+ %llu too large + %llu dead letters + %llu shed + %llu damaged + %llu "
                     "waiting + %llu spooled",
                     o->name, accepted, recovered, delivered, refused, too_large, dead_letters,
                     shed, damaged, waiting, spooled);
}

static bool check_handed(const struct stats *s, const struct stats_output *o, struct error *why)
{
    unsigned long long written = get(s, COLUMN_WRITTEN),
                       accepted = counter_get(o->counters.accepted);
    return accepted == written ||
           error_set(why, "output.%s: %llu accepted, but %llu written", o->name, accepted, written);
}

bool ledger_check(const struct stats *s, bool published, struct error *why)
{
    bool holds = check_packets(s, why) && check_events(s, why);
    for (int i = 0; holds && i < s->outputs; i++)
        holds =
            check_output(&s->output[i], why) && (!published || check_handed(s, &s->output[i], why));
    return holds;
}

// ── the table ───────────────────────────────────────────────────────────────────────────────────

static void print_row(FILE *to, const char *indent, const char *name, uint64_t number,
                      const char *meaning)
{
    fprintf(to, "%s%-*s %15llu%s%s\n", indent, 28 - (int)strlen(indent), name,
            (unsigned long long)number, *meaning ? "  " : "", meaning);
}

static void print_total(FILE *to, const struct stats *s, const char *name, enum column column)
{
    uint64_t total = stats_column(s, column);
    if (total)
        print_row(to, "", name, total, "");
}

static void print_column(FILE *to, const struct stats *s, enum column column)
{
    for (enum counter c = 0; c < COUNTERS; c++)
        if (counter_infos[c].column == column && counter_at(&s->workers, c))
            print_row(to, "  ", counter_infos[c].name, counter_at(&s->workers, c),
                      counter_infos[c].meaning);
}

static void print_output(FILE *to, const struct stats_output *o)
{
    char name[32];
    snprintf(name, sizeof name, "output.%s", o->name);
    print_row(to, "", name, counter_get(o->counters.accepted), "");
    for (const struct output_counter_info *info = &output_counter_infos[1]; info->name; info++)
        if (output_counter_at(&o->counters, info))
            print_row(to, "  ", info->name, output_counter_at(&o->counters, info), info->meaning);
}

void ledger_print(const struct stats *s, FILE *to)
{
    print_total(to, s, "packets", COLUMN_PACKETS);
    print_column(to, s, COLUMN_DECODED);
    print_column(to, s, COLUMN_UNDECODED);
    print_column(to, s, COLUMN_SHED);
    print_total(to, s, "events", COLUMN_EVENTS);
    print_column(to, s, COLUMN_WRITTEN);
    print_column(to, s, COLUMN_FILTERED);
    print_column(to, s, COLUMN_LOST);
    for (int i = 0; i < s->outputs; i++)
        print_output(to, &s->output[i]);
    fputs("beside that\n", to);
    print_column(to, s, COLUMN_NOTE);
    print_column(to, s, COLUMN_GAUGE);
}
