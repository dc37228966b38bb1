// SPDX-License-Identifier: Apache-2.0
// When to look at a flow again: a wheel of one-second slots that costs a flow four bytes (a timer
// of pipeline/base/wheel.h has 24, a tenth of what a flow may cost in all). It can be that small
// because nobody leaves early: a packet only stores when the flow was seen, who comes due is looked
// at, and put back if he was seen since. Slots are kept in order of arrival.
#pragma once

#include "probe/flow/table.h"

enum { AGEING_SLOTS = 1024 }; // who is due later than that is looked at once a round

struct ageing {
    struct ageing_slot {
        uint32_t first, last;
    } slot[AGEING_SLOTS];
    uint32_t second; // all slots up to here are empty
};

// Starts (or starts anew, empty) at a second.
void ageing_start(struct ageing *a, uint32_t second);

// To be looked at in second `due`, or before.
void ageing_put(struct ageing *a, const struct table *t, struct flow *flow, uint32_t due);

// Takes out one that is due in `second` or before; NULL: nobody is. At most AGEING_SLOTS empty
// slots are walked however far the clock jumped.
struct flow *ageing_take(struct ageing *a, const struct table *t, uint32_t second);
// Takes out who is due first, whenever that is (told in `due`); NULL: the wheel is empty.
struct flow *ageing_take_first(struct ageing *a, const struct table *t, uint32_t *due);
