// SPDX-License-Identifier: Apache-2.0
// The counters of one worker: plain numbers that one thread writes and any thread may read. The
// list, with columns and meanings, is counters.def.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum column {
    COLUMN_NOTE,
    COLUMN_GAUGE,
    COLUMN_PACKETS,
    COLUMN_DECODED,
    COLUMN_UNDECODED,
    COLUMN_SHED,
    COLUMN_EVENTS,
    COLUMN_WRITTEN,
    COLUMN_FILTERED,
    COLUMN_LOST
};

enum { COUNTER_KINDS = 64 }; // kinds of documents that are counted apart

struct counters {
#define COUNTER(name, column, meaning) _Atomic uint64_t name;
#include "pipeline/base/counters.def"
#undef COUNTER
    // Of transactions_unanswered and transactions_unasked, by number of their dataset (emit's).
    _Atomic uint64_t unanswered_of[COUNTER_KINDS], unasked_of[COUNTER_KINDS];
};

enum counter {
#define COUNTER(name, column, meaning) COUNTER_##name,
#include "pipeline/base/counters.def"
#undef COUNTER
    COUNTERS
};

// What is known of each, in the order of counters.def.
struct counter_info {
    const char *name, *meaning;
    enum column column;
};
extern const struct counter_info counter_infos[COUNTERS];

// A relaxed load and a store, not a locked instruction: only the owner writes.
#define counter_add(counter, number)                                             \
    __atomic_store_n((uint64_t *)&(counter),                                     \
                     __atomic_load_n((uint64_t *)&(counter), __ATOMIC_RELAXED) + \
                         (uint64_t)(number),                                     \
                     __ATOMIC_RELAXED)
#define counter_get(counter) __atomic_load_n((const uint64_t *)&(counter), __ATOMIC_RELAXED)

// The same where a number says which.
static inline void counter_add_at(struct counters *c, enum counter which, uint64_t number)
{
    counter_add(((_Atomic uint64_t *)(void *)c)[which], number);
}
static inline uint64_t counter_at(const struct counters *c, enum counter which)
{
    return __atomic_load_n((const uint64_t *)c + which, __ATOMIC_RELAXED);
}

// Adds `from` to `into`, counter by counter (`into` belongs to the caller).
void counters_sum(struct counters *into, const struct counters *from);
