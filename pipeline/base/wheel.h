// SPDX-License-Identifier: Apache-2.0
// One timer wheel of one-second slots (Varghese and Lauck, scheme 6): setting and clearing cost a
// few stores, and only what is due is touched. Seconds are those of the packets' clock, which steps
// back at times: the wheel's own time never does.
//
//   Lazy ageing: who is seen often does not move his timer, he only notes when he was seen; when
//   the timer comes due he looks, and is set again if he was seen since.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_SLOTS = 4096 }; // a later deadline waits for its round

struct timer {
    struct timer *next, **link; // link == NULL: not set
    uint32_t due;               // second at which it comes due
};

struct wheel {
    struct timer *slot[WHEEL_SLOTS];
    struct timer *due; // swept, not yet handed out
    uint32_t now;      // the last second that was swept; 0: not started
    uint32_t set;      // timers in the wheel
};

void wheel_init(struct wheel *w);
void timer_init(struct timer *t);

// Sets (or moves) a timer. A second that is past comes due at the next sweep.
void wheel_set(struct wheel *w, struct timer *t, uint32_t due);
void wheel_clear(struct wheel *w, struct timer *t);

// Moves the wheel to `second` (never back); then wheel_due hands out, one by one and already
// cleared, what is due, NULL when there is no more. At most `WHEEL_SLOTS` slots are walked however
// large the jump.
void wheel_advance(struct wheel *w, uint32_t second);
struct timer *wheel_due(struct wheel *w);

// Starts the clock afresh at `second`; all timers must have been cleared before.
void wheel_restart(struct wheel *w, uint32_t second);
