// SPDX-License-Identifier: Apache-2.0
// Nothing but sums and differences; what counts what is said by counters.def and the table here.
#include "pipeline/stats.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

#define INFO(member, level, text)                                      \
    {                                                                  \
#member, text, offsetof(struct output_counters, member), level \
    }

const struct output_counter_info output_counter_infos[] = {
    INFO(accepted, false, "documents handed to the output"),
    INFO(delivered, false, "documents delivered"),
    INFO(refused, false, "documents that the output will never take"),
    INFO(too_large, false, "documents too large for the output"),
    INFO(dead_letters, false, "documents refused and kept where dead letters go"),
    INFO(shed, false, "documents lost to a full queue, to max_retries or to the end of a stop"),
    INFO(waiting, true, "documents in memory, not delivered yet"),
    INFO(recovered, false, "documents found in the disk queue at the start"),
    INFO(spooled, true, "documents on disk only, not delivered yet"),
    INFO(damaged, false, "documents that could not be read from the disk queue any more"),
    INFO(damaged_bytes, false,
         "bytes of the disk queue that were passed by: damaged or unfinished"),
    INFO(disk_written, false, "documents written to the disk queue"),
    INFO(disk_errors, false, "writings to the disk queue that the disk refused"),
    INFO(duplicates, false, "documents delivered that had been there before"),
    INFO(bytes, false, "bytes of the documents delivered"),
    INFO(parcels, false, "sendings"),
    INFO(retries, false, "documents to be sent again, each time"),
    INFO(busy, false, "of those, documents that the receiver had no time for"),
    INFO(splits, false, "sendings that were too large as a whole and were halved"),
    INFO(errors, false, "sendings that did not deliver all their documents"),
    {NULL, NULL, 0, false},
};

uint64_t output_counter_at(const struct output_counters *c, const struct output_counter_info *info)
{
    const uint64_t *at = (const void *)((const char *)c + info->offset);
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void output_copy(struct output_counters *to, const struct output_counters *from)
{
    for (const struct output_counter_info *info = output_counter_infos; info->name; info++) {
        uint64_t *at = (void *)((char *)to + info->offset);
        *at = output_counter_at(from, info);
    }
}

void stats_take(struct stats *s, const struct counters *const *workers, int count,
                const struct publisher *publisher)
{
    memset(s, 0, sizeof *s);
    s->time = clock_steady();
    for (int i = 0; i < count; i++)
        counters_sum(&s->workers, workers[i]);
    while (publisher && s->outputs < publisher_outputs(publisher) && s->outputs < STATS_OUTPUTS) {
        struct stats_output *o = &s->output[s->outputs];
        o->name = publisher_output_name(publisher, s->outputs);
        output_copy(&o->counters, publisher_counters(publisher, s->outputs++));
    }
}

uint64_t stats_column(const struct stats *s, enum column column)
{
    uint64_t sum = 0;
    for (enum counter c = 0; c < COUNTERS; c++)
        if (counter_infos[c].column == column)
            sum += counter_at(&s->workers, c);
    return sum;
}

// ── the metrics line ────────────────────────────────────────────────────────────────────────────

static void write_name(struct pen *pen, const char *name)
{
    if (pen->at > pen->start && pen->at[-1] != '{')
        pen_byte(pen, ',');
    pen_text(pen, span_text(name));
    pen_byte(pen, ':');
}

static void write_member(struct pen *pen, const char *name, uint64_t number)
{
    if (number == 0)
        return;
    write_name(pen, name);
    pen_unsigned(pen, number);
}

static void write_workers(const struct stats *now, const struct stats *before, struct pen *pen)
{
    for (enum counter c = 0; c < COUNTERS; c++) {
        bool level = counter_infos[c].column == COLUMN_GAUGE;
        uint64_t earlier = before && !level ? counter_at(&before->workers, c) : 0;
        write_member(pen, counter_infos[c].name, counter_at(&now->workers, c) - earlier);
    }
}

static void write_output(const struct stats *now, const struct stats *before, int i,
                         struct pen *pen)
{
    write_name(pen, now->output[i].name);
    pen_byte(pen, '{');
    for (const struct output_counter_info *info = output_counter_infos; info->name; info++) {
        bool since = before && i < before->outputs && !info->is_level;
        uint64_t earlier = since ? output_counter_at(&before->output[i].counters, info) : 0;
        write_member(pen, info->name, output_counter_at(&now->output[i].counters, info) - earlier);
    }
    pen_byte(pen, '}');
}

void stats_write(const struct stats *now, const struct stats *before, struct pen *pen)
{
    write_name(pen, "metrics");
    pen_byte(pen, '{');
    if (before)
        write_member(pen, "period_ms", (uint64_t)((now->time - before->time) / MILLISECOND));
    write_workers(now, before, pen);
    if (now->outputs) {
        write_name(pen, "output");
        pen_byte(pen, '{');
        for (int i = 0; i < now->outputs; i++)
            write_output(now, before, i, pen);
        pen_byte(pen, '}');
    }
    pen_byte(pen, '}');
}

static bool output_is_quiet(const struct output_counters *now, const struct output_counters *before)
{
    return counter_get(now->parcels) == counter_get(before->parcels) &&
           counter_get(now->accepted) == counter_get(before->accepted);
}

static bool stats_are_quiet(const struct stats *now, const struct stats *before)
{
    for (int i = 0; i < now->outputs && i < before->outputs; i++)
        if (!output_is_quiet(&now->output[i].counters, &before->output[i].counters))
            return false;
    return counter_get(now->workers.packets_seen) == counter_get(before->workers.packets_seen) &&
           counter_get(now->workers.events_made) == counter_get(before->workers.events_made);
}

void stats_log(const struct stats *now, const struct stats *before)
{
    char line[STATS_LINE];
    struct pen pen = pen_of(line, sizeof line - 1);
    if (before && stats_are_quiet(now, before))
        return;
    stats_write(now, before, &pen);
    if (pen.full)
        return;
    *pen.at = '\0';
    log_fields(LOG_INFO, "pipeline.stats", before ? "metrics" : "metrics since the start", line);
}

void stats_print(FILE *to)
{
    for (enum counter c = 0; c < COUNTERS; c++)
        fprintf(to, "| `%s` | %s | %s |\n", counter_infos[c].name,
                counter_infos[c].column == COLUMN_GAUGE ? "level" : "sum",
                counter_infos[c].meaning);
    for (const struct output_counter_info *info = output_counter_infos; info->name; info++)
        fprintf(to, "| `output.NAME.%s` | %s | %s |\n", info->name,
                info->is_level ? "level" : "sum", info->meaning);
}
