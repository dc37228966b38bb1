// SPDX-License-Identifier: Apache-2.0
// The page for Prometheus, text format 0.0.4. Names and meanings are those of counters.def; sums
// end in _total, and what is counted in bytes or seconds says so in its name.

#include <string.h>

#include "pipeline/base/clock.h"
#include "pipeline/endpoint_pages.h"

static void put(struct pen *pen, const char *text)
{
    pen_raw(pen, span_text(text));
}

// The two lines before the samples of one name.
static void put_head(struct pen *pen, const char *name, const char *end, bool is_level,
                     const char *meaning)
{
    put(pen, "# HELP ");
    put(pen, name);
    put(pen, end);
    put(pen, " ");
    for (const char *c = meaning; *c; c++)
        if (*c == '\\' || *c == '\n')
            put(pen, *c == '\n' ? "\\n" : "\\\\");
        else
            pen_byte(pen, (uint8_t)*c);
    put(pen, "\n# TYPE ");
    put(pen, name);
    put(pen, end);
    put(pen, is_level ? " gauge\n" : " counter\n");
}

// One sample; the label may be NULL.
static void put_sample(struct pen *pen, const char *name, const char *end, const char *label,
                       const char *value)
{
    put(pen, name);
    put(pen, end);
    if (label) {
        put(pen, "{");
        put(pen, label);
        put(pen, "=");
        pen_text(pen, span_text(value)); // its escapes are JSON's
        put(pen, "}");
    }
    put(pen, " ");
}

static void put_number(struct pen *pen, uint64_t number)
{
    pen_unsigned(pen, number);
    put(pen, "\n");
}

static void put_real(struct pen *pen, double real)
{
    pen_double(pen, real);
    put(pen, "\n");
}

static void put_counters(struct pen *pen, const struct counters *counters)
{
    for (enum counter c = 0; c < COUNTERS; c++) {
        char name[128];
        bool is_level = counter_infos[c].column == COLUMN_GAUGE;
        const char *end = is_level ? "" : "_total";
        snprintf(name, sizeof name, "weir_%s", counter_infos[c].name);
        put_head(pen, name, end, is_level, counter_infos[c].meaning);
        put_sample(pen, name, end, NULL, NULL);
        put_number(pen, counter_at(counters, c));
    }
}

static void put_outputs(struct pen *pen, const struct stats *s)
{
    for (const struct output_counter_info *info = output_counter_infos; s->outputs && info->name;
         info++) {
        char name[128];
        const char *end = info->is_level ? "" : "_total";
        snprintf(name, sizeof name, "weir_output_%s", info->name);
        put_head(pen, name, end, info->is_level, info->meaning);
        for (int i = 0; i < s->outputs; i++) {
            put_sample(pen, name, end, "output", s->output[i].name);
            put_number(pen, output_counter_at(&s->output[i].counters, info));
        }
    }
}

// What every program has, by the names that Prometheus' own clients use.
static void put_process(struct pen *pen, const struct endpoint_view *v)
{
    const struct usage *u = &v->usage;
    const struct {
        const char *name, *end, *meaning;
        double value;
    } rows[] = {
        {"process_cpu_seconds", "_total", "CPU time of user and system, in seconds",
         (double)(u->user + u->system) / 1e9},
        {"process_resident_memory_bytes", "", "memory in use, in bytes", (double)u->resident},
        {"process_virtual_memory_bytes", "", "address space, in bytes", (double)u->total},
        {"process_open_fds", "", "open file descriptors", (double)u->descriptors},
        {"process_max_fds", "", "file descriptors at most", (double)u->descriptors_soft},
        {"process_threads", "", "threads", (double)u->threads},
        {"process_start_time_seconds", "", "when the program was started, in seconds since 1970",
         (double)v->started / 1e9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put_head(pen, rows[i].name, rows[i].end, !*rows[i].end, rows[i].meaning);
        put_sample(pen, rows[i].name, rows[i].end, NULL, NULL);
        put_real(pen, rows[i].value);
    }
}

unsigned endpoint_metrics(const struct endpoint_view *v, struct pen *pen)
{
    put_head(pen, "weir_build_info", "", true, "the version that runs; always 1");
    put_sample(pen, "weir_build_info", "", "version", WEIR_VERSION);
    put_number(pen, 1);
    put_counters(pen, &v->stats.workers);
    put_outputs(pen, &v->stats);
    put_process(pen, v);
    return 200;
}
