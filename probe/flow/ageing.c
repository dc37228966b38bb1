// SPDX-License-Identifier: Apache-2.0
// A wheel of one-second slots, linked by numbers.

#include "probe/flow/ageing.h"

void ageing_start(struct ageing *a, uint32_t second)
{
    memset(a->slot, 0, sizeof a->slot);
    a->second = second;
}

void ageing_put(struct ageing *a, const struct table *t, struct flow *flow, uint32_t due)
{
    if ((int32_t)(due - a->second) <= 0)
        due = a->second + 1;
    else if (due - a->second >= AGEING_SLOTS)
        due = a->second + AGEING_SLOTS - 1;
    struct ageing_slot *slot = &a->slot[due % AGEING_SLOTS];
    uint32_t number = table_number(t, flow);
    flow->ageing = NOBODY;
    if (slot->last)
        table_flow(t, slot->last)->ageing = number;
    else
        slot->first = number;
    slot->last = number;
}

// Who comes due was last touched long ago. While a flow is reported, the memory can fetch its
// bucket, from which it will be removed, and the next one.
static struct flow *slot_take(struct ageing_slot *slot, const struct table *t)
{
    struct flow *flow = table_flow(t, slot->first);
    slot->first = flow->ageing;
    if (!slot->first)
        slot->last = NOBODY;
    table_prefetch_bucket(t, flow->hash);
    const char *next = (const char *)table_flow(t, slot->first);
    __builtin_prefetch(next);
    __builtin_prefetch(next + 64);
    return flow;
}

struct flow *ageing_take(struct ageing *a, const struct table *t, uint32_t second)
{
    if ((int32_t)(second - a->second) > AGEING_SLOTS)
        a->second = second - AGEING_SLOTS; // the last round passes every slot
    for (; (int32_t)(second - a->second) > 0; a->second++) {
        struct ageing_slot *slot = &a->slot[(a->second + 1) % AGEING_SLOTS];
        if (slot->first)
            return slot_take(slot, t);
    }
    return NULL;
}

struct flow *ageing_take_first(struct ageing *a, const struct table *t, uint32_t *due)
{
    for (uint32_t i = 1; i <= AGEING_SLOTS; i++) {
        struct ageing_slot *slot = &a->slot[(a->second + i) % AGEING_SLOTS];
        *due = a->second + i;
        if (slot->first)
            return slot_take(slot, t);
    }
    return NULL;
}
