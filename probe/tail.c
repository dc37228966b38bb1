// SPDX-License-Identifier: Apache-2.0
// The bytes that a protocol left unread, by side: one block that grows, under the ceilings of its
// conn and of all.

#include "probe/conns.h"

static void account_tail(struct conns *all, int64_t bytes)
{
    all->tail_bytes = (uint64_t)((int64_t)all->tail_bytes + bytes);
    counter_add(all->counters->conn_kept_bytes, bytes);
}

void tail_free(struct conn *c, enum side from)
{
    struct tail *t = c->tail[from];
    if (!t)
        return;
    account_tail(c->all, -(int64_t)t->room);
    list_remove(&t->in_all);
    sizes_give(&c->all->sizes, t, t->room);
    c->tail[from] = NULL;
}

// Ends the conn whose unread bytes stand still longest, but for those that are being called. False:
// there is none.
static bool relieve(struct conns *all)
{
    for (struct list *l = all->tails.next; l != &all->tails; l = l->next) {
        struct conn *other = conn_outermost(LIST_OF(l, struct tail, in_all)->conn);
        if (other->calls)
            continue;
        counter_add(all->counters->conn_kept_ceiling, 1);
        conn_leave(other, ENDED_EVICTED);
        return true;
    }
    return false;
}

// Room for one of `c`, who does not make it himself.
static bool tails_make_room(struct conn *c, size_t room)
{
    struct conns *all = c->all;
    bool found = true;
    c->calls++;
    while (found && all->tail_bytes + room > (uint64_t)all->settings.kept_bytes_all)
        found = relieve(all);
    c->calls--;
    return found;
}

// A tail with room for `len` bytes, holding what the old one held; NULL at a ceiling.
static struct tail *tail_grow(struct conn *c, enum side from, size_t len)
{
    struct tail *old = c->tail[from];
    size_t size = sizeof(struct tail) + len, room = sizes_room(size);
    if (old && old->room >= size)
        return old;
    if (len > (size_t)c->all->settings.kept_bytes)
        return NULL;
    if (!tails_make_room(c, room))
        return NULL;
    struct tail *t = sizes_take(&c->all->sizes, size);
    if (!t)
        return NULL;
    if (old)
        memcpy(t, old, sizeof *old + old->len);
    else
        *t = (struct tail){.conn = c};
    tail_free(c, from);
    list_init(&t->in_all);
    t->room = (uint32_t)room;
    account_tail(c->all, (int64_t)room);
    return c->tail[from] = t;
}

// Notes when the bytes from `offset` on came. When the marks are used up the last one moves: the
// first and the last byte of a message keep their times.
static void tail_mark(struct tail *t, uint32_t offset, int64_t time)
{
    if (t->marks && t->mark[t->marks - 1].time == time)
        return;
    if (t->marks < CONN_MARKS)
        t->marks++;
    t->mark[t->marks - 1] = (struct mark){offset, time};
}

bool tail_add(struct conn *c, enum side from, struct span data, int64_t time)
{
    uint32_t len = c->tail[from] ? c->tail[from]->len : 0;
    struct tail *t = tail_grow(c, from, len + data.len);
    if (!t)
        return false;
    if (data.len)
        memcpy(t->bytes + len, data.at, data.len);
    tail_mark(t, len, time);
    t->len = len + (uint32_t)data.len;
    list_remove(&t->in_all);
    list_append(&c->all->tails, &t->in_all);
    return true;
}

void tail_cut(struct conn *c, enum side from, uint32_t done)
{
    struct tail *t = c->tail[from];
    if (done == t->len) {
        tail_free(c, from);
        return;
    }
    t->seen = t->len - done;
    if (!done)
        return;
    memmove(t->bytes, t->bytes + done, t->len - done);
    t->len -= done;
    uint32_t first = 0;
    while (first + 1 < t->marks && t->mark[first + 1].offset <= done)
        first++;
    t->marks -= first;
    memmove(t->mark, t->mark + first, t->marks * sizeof t->mark[0]);
    for (uint32_t i = 0; i < t->marks; i++)
        t->mark[i].offset = t->mark[i].offset > done ? t->mark[i].offset - done : 0;
}
