// SPDX-License-Identifier: Apache-2.0
// The table of all counters, made of the same list as the struct, and their sum.
#include "pipeline/base/counters.h"

const struct counter_info counter_infos[COUNTERS] = {
#define COUNTER(name, column, meaning) {#name, meaning, COLUMN_##column},
#include "pipeline/base/counters.def"
#undef COUNTER
};

enum { ALL = COUNTERS + 2 * COUNTER_KINDS };

_Static_assert(sizeof(struct counters) == ALL * sizeof(uint64_t),
               "counter_at indexes the struct as an array");

void counters_sum(struct counters *into, const struct counters *from)
{
    _Atomic uint64_t *sums = (_Atomic uint64_t *)into;
    for (unsigned which = 0; which < ALL; which++)
        counter_add(sums[which], counter_at(from, (enum counter)which));
}
