// SPDX-License-Identifier: Apache-2.0
// The timer wheel: a slot is a list in which every timer knows the pointer that points at it, so
// clearing needs no search. A sweep moves what is due to one list, oldest slot first and within a
// slot in the order of setting; from there wheel_due hands it out.
#include "pipeline/base/wheel.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void wheel_init(struct wheel *w)
{
    memset(w, 0, sizeof *w);
}

void timer_init(struct timer *t)
{
    *t = (struct timer){0};
}

static void insert(struct timer **at, struct timer *t)
{
    t->next = *at;
    if (t->next)
        t->next->link = &t->next;
    t->link = at;
    *at = t;
}

static void take_out(struct timer *t)
{
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->next = NULL;
    t->link = NULL;
}

void wheel_set(struct wheel *w, struct timer *t, uint32_t due)
{
    wheel_clear(w, t);
    t->due = due;
    // What is past waits in the slot that is swept next.
    uint32_t slot = due > w->now ? due : w->now + 1;
    insert(&w->slot[slot % WHEEL_SLOTS], t);
    w->set++;
}

void wheel_clear(struct wheel *w, struct timer *t)
{
    if (!t->link)
        return;
    take_out(t);
    w->set--;
}

// Moves what is due in one slot to `tail`, the end of the list of due timers; the new end. Newest
// come first in a slot, so each goes in front of those moved before it.
static struct timer **sweep(struct timer **slot, struct timer **tail, uint32_t now)
{
    struct timer **end = tail;
    for (struct timer *t = *slot, *next; t; t = next) {
        next = t->next;
        if (t->due > now)
            continue; // its round has not come
        take_out(t);
        insert(tail, t);
        if (end == tail)
            end = &t->next;
    }
    return end;
}

void wheel_advance(struct wheel *w, uint32_t second)
{
    if (second <= w->now)
        return;
    uint32_t slots = second - w->now < WHEEL_SLOTS ? second - w->now : WHEEL_SLOTS;
    w->now = second;
    if (!w->set)
        return;
    struct timer **tail = &w->due;
    while (*tail)
        tail = &(*tail)->next;
    for (uint32_t s = second - slots + 1; slots--; s++)
        tail = sweep(&w->slot[s % WHEEL_SLOTS], tail, second);
}

struct timer *wheel_due(struct wheel *w)
{
    struct timer *t = w->due;
    if (t)
        wheel_clear(w, t);
    return t;
}

void wheel_restart(struct wheel *w, uint32_t second)
{
    assert(w->set == 0);
    w->now = second;
}
