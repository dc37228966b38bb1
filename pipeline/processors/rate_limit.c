// SPDX-License-Identifier: Apache-2.0
// rate_limit: drops documents beyond so many a second, minute or hour, in all or for each
// combination of some fields' values. The time is that of the documents.
//
// A limit is one for all workers, so its state is shared: one atomic number a key, the time at
// which its bucket of tokens would be full again (the generic cell rate algorithm). Every document
// pushes that time on by the interval between two tokens; one that would push it further ahead than
// the bucket is deep is dropped. Keys live in a table of fixed size; a new one takes the place of
// the one whose bucket fills first.

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/processor.h"

enum {
    KEYS = 16384, // of the table, 256 KiB
    PROBES = 8    // places a key may be at
};

struct rate_limit_settings {
    const char *limit, *burst;
    struct setting_texts fields;
};

#define LIMIT(member) offsetof(struct rate_limit_settings, member)

static const struct setting settings_table[] = {
    {"limit", SETTING_TEXT, LIMIT(limit), .meaning = "Documents that pass: 10/s, 5/m, 100/h",
     .required = true},
    {"fields", SETTING_TEXTS, LIMIT(fields),
     .meaning = "Each combination of their values has the limit for itself"},
    {"algorithm.token_bucket.burst_multiplier", SETTING_TEXT, LIMIT(burst), "1.0",
     .meaning = "The bucket holds the limit's number times this, at least one"},
    SETTING_END};

// A key's hash and the time its bucket is full again; hash 0: free.
struct bucket {
    _Atomic uint64_t hash;
    _Atomic int64_t full;
};

struct rate_limit {
    struct field_path *fields;
    int count;
    int64_t interval; // between two tokens
    int64_t depth;    // the whole bucket, as time
    struct bucket *buckets;
};

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

// "10/s": how many, and in how long.
static bool read_limit(const char *text, double *number, int64_t *period)
{
    static const struct {
        const char *unit;
        int64_t period;
    } units[] = {{"s", SECOND}, {"m", 60 * SECOND}, {"h", 3600 * SECOND}};
    char *end;
    *number = strtod(text, &end);
    if (end == text || *end != '/' || !(*number > 0 && *number <= 1e9))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(end + 1, units[i].unit)) {
            *period = units[i].period;
            return true;
        }
    return false;
}

static bool read_rate(struct rate_limit *self, const struct rate_limit_settings *given,
                      const struct processor_place *place, struct error *why)
{
    double number, burst;
    int64_t period;
    char *end;
    if (!read_limit(given->limit, &number, &period))
        return config_refuse(place->node, why,
                             "limit: found \"%.40s\", expected one like 10/s, "
                             "5/m or 100/h",
                             given->limit);
    burst = strtod(given->burst, &end);
    if (end == given->burst || *end || !(burst > 0 && burst <= 1e6))
        return config_refuse(place->node, why,
                             "burst_multiplier: found \"%.40s\", expected a number above zero",
                             given->burst);
    self->interval = (int64_t)((double)period / number);
    self->depth = (int64_t)(fmax(floor(number * burst), 1) * (double)self->interval);
    return true;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct rate_limit_settings *given = settings;
    size_t count = (size_t)given->fields.count;
    struct rate_limit *self = arena_alloc(place->arena, sizeof *self);
    struct field_path *fields = arena_alloc(place->arena, (count + 1) * sizeof *fields);
    struct bucket *buckets = arena_alloc(place->arena, KEYS * sizeof *buckets);
    if (!self || !fields || !buckets) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        fields[i] = schema_path(place->schema, given->fields.at[i], place->arena);
    self->fields = fields;
    self->count = (int)count;
    self->buckets = buckets;
    return read_rate(self, given, place, why) ? self : NULL;
}

// ── running ──────────────────────────────────────────────────────────────────────────────────────

// Of the values' texts; a missing one is as good as an empty one.
static uint64_t key_of(const struct rate_limit *self, struct event *e)
{
    uint64_t hash = hash_seed();
    for (int i = 0; i < self->count; i++) {
        struct span text = event_to_text(e, &self->fields[i]);
        hash = hash_bytes(text.at ? (const void *)text.at : "", text.len, hash);
    }
    return hash | 1; // never 0
}

// The bucket of a key. Two workers that bring a new one at once may each take a place; that costs
// a token, no more.
static struct bucket *find(const struct rate_limit *self, uint64_t hash)
{
    struct bucket *oldest = NULL;
    for (unsigned i = 0; i < PROBES; i++) {
        struct bucket *b = &self->buckets[((hash >> 1) + i) % KEYS];
        uint64_t found = atomic_load_explicit(&b->hash, memory_order_relaxed);
        if (found == hash)
            return b;
        if (!oldest || atomic_load_explicit(&b->full, memory_order_relaxed) <
                           atomic_load_explicit(&oldest->full, memory_order_relaxed))
            oldest = b;
    }
    atomic_store_explicit(&oldest->hash, hash, memory_order_relaxed);
    atomic_store_explicit(&oldest->full, INT64_MIN, memory_order_relaxed);
    return oldest;
}

// Takes a token. A bucket that would be full later than any can be is from before the clock was set
// back, and begins anew.
static bool take(const struct rate_limit *self, struct bucket *b, int64_t now)
{
    int64_t full = atomic_load_explicit(&b->full, memory_order_relaxed), next;
    do {
        bool is_past = full < now || full > now + self->depth + 60 * SECOND;
        next = (is_past ? now : full) + self->interval;
        if (next > now + self->depth)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&b->full, &full, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static bool run(const void *self, struct event *e)
{
    const struct rate_limit *limit = self;
    return take(limit, find(limit, key_of(limit, e)), e->time);
}

const struct processor processor_rate_limit = {
    .name = "rate_limit",
    .meaning = "Drops documents beyond so many in a time",
    .settings = settings_table,
    .settings_size = sizeof(struct rate_limit_settings),
    .create = create,
    .run = run,
};
