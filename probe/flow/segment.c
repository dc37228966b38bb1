// SPDX-License-Identifier: Apache-2.0
// Segments in two sizes: most that wait are of full frames, or of a few bytes.

#include "probe/flow/segment.h"

#include "probe/flow/tcp.h"

enum {
    SMALL = 192, // bytes of a small segment, header included
    LARGE = SEGMENT_LARGEST,
    SEARCH = 64, // steps from either end to the place of a segment
};

// ── memory ──

bool segments_init(struct streams *all)
{
    int64_t bytes = all->settings.bytes_all;
    return pool_init(&all->small, SMALL, (uint32_t)(bytes / SMALL + 1)) &&
           pool_init(&all->large, LARGE, (uint32_t)(bytes / LARGE + 1));
}

void segments_free(struct streams *all)
{
    pool_free(&all->small);
    pool_free(&all->large);
}

static void account(struct stream *s, struct stream_side *me, int64_t bytes)
{
    me->waiting = (uint32_t)(me->waiting + bytes);
    s->all->waiting = (uint64_t)((int64_t)s->all->waiting + bytes);
    counter_add(s->all->counters->tcp_waiting_bytes, bytes);
}

void segment_free(struct stream *s, struct stream_side *me, struct segment *seg)
{
    account(s, me, seg->large ? -LARGE : -SMALL);
    pool_give(seg->large ? &s->all->large : &s->all->small, seg);
}

struct segment *segment_new(struct stream *s, struct stream_side *me, uint32_t len)
{
    bool large = len > SMALL - sizeof(struct segment);
    uint32_t size = large ? LARGE : SMALL;
    if (me->waiting + size > s->all->settings.bytes ||
        s->all->waiting + size > (uint64_t)s->all->settings.bytes_all)
        return NULL;
    struct segment *seg = pool_take(large ? &s->all->large : &s->all->small);
    if (seg) {
        seg->large = large;
        account(s, me, size);
    }
    return seg;
}

// ── order ──

void segment_link(struct stream_side *me, struct segment *after, struct segment *seg)
{
    seg->prev = after;
    seg->next = after ? after->next : me->first;
    *(after ? &after->next : &me->first) = seg;
    *(seg->next ? &seg->next->prev : &me->last) = seg;
}

struct segment *segment_unlink_first(struct stream_side *me)
{
    struct segment *seg = me->first;
    me->first = seg->next;
    *(me->first ? &me->first->prev : &me->last) = NULL;
    return seg;
}

// From both ends at once.
bool segment_search(const struct stream_side *me, uint32_t seq, struct segment **found)
{
    struct segment *back = me->last, *front = me->first;
    for (int i = 0; i < SEARCH; i++) {
        if (!back || tcp_distance(back->seq, seq) <= 0) {
            *found = back;
            return true;
        }
        if (tcp_distance(front->seq, seq) > 0) {
            *found = front->prev;
            return true;
        }
        back = back->prev;
        front = front->next;
    }
    return false;
}
