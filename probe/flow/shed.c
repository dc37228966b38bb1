// SPDX-License-Identifier: Apache-2.0
#include "probe/flow/shed.h"

void shed_set(struct shed *s, unsigned unparsed, unsigned uncounted, int64_t now)
{
    s->on = true;
    if (s->unparsed)
        s->after = now + SHED_MEMORY;
    s->unparsed = unparsed;
    s->uncounted = uncounted;
}

void shed_note(struct shed *s, const struct flow_key *key, bool before, bool waits, int64_t now)
{
    if (!s->on || (before == waits && !s->unparsed))
        return;
    unsigned slice = shed_slice(s, key);
    s->spoke[slice] = now;
    s->waiting[slice] += (uint32_t)waits - (uint32_t)before;
}

uint64_t shed_idle(const struct shed *s, int64_t now)
{
    uint64_t idle = 0;
    for (unsigned i = 0; i < s->uncounted; i++) {
        int64_t quiet = now - s->spoke[i];
        if (quiet > SHED_SILENCE || (quiet > SHED_PAUSE && !s->waiting[i]))
            idle |= UINT64_C(1) << i;
    }
    return idle;
}
