// SPDX-License-Identifier: Apache-2.0
// All counters of the program at one moment: those of the workers as one sum, those of each output.
// For the metrics line in the log, the ledger, and whoever asks from outside.
#pragma once

#include "pipeline/base/counters.h"
#include "pipeline/base/json.h"
#include "pipeline/publisher.h"

enum { STATS_OUTPUTS = 8, STATS_LINE = 16 * 1024 };

struct stats_output {
    const char *name;
    struct output_counters counters;
};

struct stats {
    int64_t time; // steady
    struct counters workers;
    int outputs;
    struct stats_output output[STATS_OUTPUTS]; // more outputs than that are left out
};

// What is known of each counter of an output.
struct output_counter_info {
    const char *name, *meaning;
    size_t offset; // in struct output_counters
    bool is_level; // not a sum
};
extern const struct output_counter_info output_counter_infos[]; // ended by a NULL name
uint64_t output_counter_at(const struct output_counters *c, const struct output_counter_info *info);

// From any thread, while everything runs; the numbers are of about the same moment. `publisher` may
// be NULL: no outputs.
void stats_take(struct stats *s, const struct counters *const *workers, int count,
                const struct publisher *publisher);

// All counters of one column of the ledger.
uint64_t stats_column(const struct stats *s, enum column column);

// JSON members for log_fields: what grew since `before` (NULL: since the start), and levels, as far
// as they are not zero.
//     "metrics":{"period_ms":30000,"packets_seen":17,…,"output":{"file":{"accepted":3,…}}}
void stats_write(const struct stats *now, const struct stats *before, struct pen *pen);
// That as one line of the log. Nothing happened: no line, but with `before` NULL always.
void stats_log(const struct stats *now, const struct stats *before);

// All names with their meanings as Markdown rows: | `name` | sum or level | meaning |
void stats_print(FILE *to);
