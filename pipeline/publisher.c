// SPDX-License-Identifier: Apache-2.0
// The lanes of all outputs, side by side.
#include "pipeline/publisher.h"

#include <stdlib.h>

#include "pipeline/base/counters.h"
#include "pipeline/lane.h"

struct publisher {
    int count;
    struct lane lane[];
};

struct publisher *publisher_start(const struct publisher_output *list, int count,
                                  const struct queue_settings *queue, bool file_replay,
                                  const struct output_world *world, struct error *why)
{
    struct publisher *p = calloc(1, sizeof *p + (size_t)count * sizeof p->lane[0]);
    if (!p) {
        error_set(why, "no memory for the queues of %d outputs", count);
        return NULL;
    }
    while (p->count < count) {
        int i = p->count++;
        if (!lane_open(&p->lane[i], &list[i], queue, file_replay, world, why)) {
            publisher_free(p);
            return NULL;
        }
    }
    for (int i = 0; i < count; i++)
        lane_start(&p->lane[i]);
    return p;
}

void publisher_hand(struct publisher *p, struct batch *b)
{
    if (b->rows) {
        batch_hold(b, (uint32_t)p->count);
        for (int i = 0; i < p->count; i++)
            lane_accept(&p->lane[i], b);
    }
    batch_release(b);
}

void publisher_reopen(struct publisher *p)
{
    for (int i = 0; i < p->count; i++)
        lane_reopen(&p->lane[i]);
}

uint64_t publisher_stop(struct publisher *p, int64_t deadline)
{
    uint64_t left = 0;
    for (int i = 0; i < p->count; i++)
        lane_begin_stop(&p->lane[i]);
    for (int i = 0; i < p->count; i++)
        lane_drain(&p->lane[i], deadline);
    for (int i = 0; i < p->count; i++)
        lane_close(&p->lane[i]);
    for (int i = 0; i < p->count; i++)
        left += lane_join(&p->lane[i]);
    return left;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->count; i++)
        lane_free(&p->lane[i]);
    free(p);
}

// ── looking in ──────────────────────────────────────────────────────────────────────────────────

bool publisher_is_empty(const struct publisher *p)
{
    for (int i = 0; i < p->count; i++)
        if (counter_get(p->lane[i].counters.waiting) || counter_get(p->lane[i].counters.spooled))
            return false;
    return true;
}

int publisher_outputs(const struct publisher *p)
{
    return p->count;
}

const char *publisher_output_name(const struct publisher *p, int index)
{
    return p->lane[index].output->name;
}

const struct output_counters *publisher_counters(const struct publisher *p, int index)
{
    return &p->lane[index].counters;
}

bool publisher_is_waiting(const struct publisher *p, struct error *cause)
{
    for (int i = 0; i < p->count; i++)
        if (lane_is_waiting((struct lane *)&p->lane[i], cause)) // not const only to lock it
            return true;
    return false;
}
