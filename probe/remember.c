// SPDX-License-Identifier: Apache-2.0
// What is kept for conns: blocks of a few sizes, the bytes that a protocol left unread, and what it
// wants remembered beyond its transactions. Each under a ceiling, where the oldest makes room.

#include <assert.h>

#include "pipeline/base/hash.h"
#include "probe/conns.h"

// ── blocks by powers of two, a pool for each power ──

static unsigned class_of(size_t size)
{
    unsigned bits = SIZE_SMALLEST;
    while (((size_t)1 << bits) < size)
        bits++;
    return bits - SIZE_SMALLEST;
}

size_t sizes_room(size_t size)
{
    return (size_t)1 << (class_of(size) + SIZE_SMALLEST);
}

// What was handed out stays in memory, in the pool of its size. Traffic that goes through the sizes
// one by one would have the ceiling of each: those that nobody uses any more make room.
static void make_place(struct sizes *s)
{
    uint64_t touched = 0;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++)
        touched += s->pool[i].size * s->pool[i].touched;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST && touched > s->warm; i++)
        if (!s->pool[i].taken) {
            touched -= s->pool[i].size * s->pool[i].touched;
            pool_rest(&s->pool[i]);
        }
}

void *sizes_take(struct sizes *s, size_t size)
{
    unsigned class = class_of(size);
    if (class > SIZE_LARGEST - SIZE_SMALLEST)
        return NULL;
    if (!s->pool[class].free)
        make_place(s);
    return pool_take(&s->pool[class]);
}

void sizes_give(struct sizes *s, void *block, size_t size)
{
    pool_give(&s->pool[class_of(size)], block);
}

// Unread bytes and what is remembered may all be of one size; a conn may need a second block for
// its state.
bool sizes_init(struct sizes *s, const struct conns_settings *settings)
{
    s->warm = (uint64_t)settings->kept_bytes_all;
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++) {
        int64_t size = INT64_C(1) << (i + SIZE_SMALLEST);
        int64_t ceiling = 2 * (settings->kept_bytes_all / size);
        if (size <= CONN_LARGEST)
            ceiling += 2 * settings->conns;
        if (size <= TRANSACTION_LARGEST)
            ceiling += settings->transactions;
        if (!pool_init(&s->pool[i], (size_t)size, (uint32_t)ceiling))
            return false;
    }
    return true;
}

void sizes_free(struct sizes *s)
{
    for (unsigned i = 0; i <= SIZE_LARGEST - SIZE_SMALLEST; i++)
        pool_free(&s->pool[i]);
}

// ── unread bytes, by side: one block that grows ──

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

// ── what is remembered, by conn and key ──

static struct memory **bucket(const struct conn *c, uint64_t key)
{
    uint64_t both[2] = {(uintptr_t)c, key};
    return &c->all->memory_hash[hash_bytes(both, sizeof both, c->all->seed) & c->all->hash_mask];
}

static struct memory *find(const struct conn *c, uint64_t key)
{
    struct memory *m = c->memory_count ? *bucket(c, key) : NULL;
    while (m && (m->conn != c || m->key != key))
        m = m->next;
    return m;
}

static size_t room_of(const struct memory *m)
{
    return sizes_room(sizeof *m + m->len);
}

static void memory_free(struct memory *m)
{
    struct conn *c = m->conn;
    *m->link = m->next;
    if (m->next)
        m->next->link = m->link;
    list_remove(&m->in_conn);
    list_remove(&m->in_all);
    c->memory_count--;
    c->all->memory_bytes -= room_of(m);
    sizes_give(&c->all->sizes, m, room_of(m));
}

static void memory_link(struct memory *m)
{
    struct conn *c = m->conn;
    struct memory **head = bucket(c, m->key);
    m->next = *head;
    m->link = head;
    if (*head)
        (*head)->link = &m->next;
    *head = m;
    list_append(&c->memories, &m->in_conn);
    list_append(&c->all->memories, &m->in_all);
    c->memory_count++;
    c->all->memory_bytes += room_of(m);
}

// A copy that nobody knows of yet; NULL: it is too large.
static struct memory *memory_new(struct conn *c, uint64_t key, struct span bytes)
{
    if (bytes.len > (size_t)c->all->settings.kept_bytes)
        return NULL;
    struct memory *m = sizes_take(&c->all->sizes, sizeof *m + bytes.len);
    assert(m); // there is room for one above the ceiling
    m->conn = c;
    m->key = key;
    m->len = (uint32_t)bytes.len;
    if (bytes.len)
        memcpy(m->bytes, bytes.at, bytes.len);
    return m;
}

static void forget_oldest(struct conns *all, struct memory *oldest)
{
    counter_add(all->counters->conn_forgotten, 1);
    memory_free(oldest);
}

static void make_memory_room(struct conn *c, size_t room)
{
    struct conns *all = c->all;
    if (c->memory_count >= all->settings.remembered)
        forget_oldest(all, LIST_OF(c->memories.next, struct memory, in_conn));
    while (!list_is_empty(&all->memories) &&
           all->memory_bytes + room > (size_t)all->settings.kept_bytes_all / 2)
        forget_oldest(all, LIST_OF(all->memories.next, struct memory, in_all));
}

void conn_remember(struct conn *c, uint64_t key, struct span bytes)
{
    struct memory *m = memory_new(c, key, bytes); // first: the bytes may be those of an old one
    conn_forget(c, key);
    if (!m) {
        counter_add(c->all->counters->conn_forgotten, 1);
        return;
    }
    make_memory_room(c, room_of(m));
    memory_link(m);
}

struct span conn_recall(struct conn *c, uint64_t key)
{
    struct memory *m = find(c, key);
    return m ? span_of(m->bytes, m->len) : span_of(NULL, 0);
}

void conn_forget(struct conn *c, uint64_t key)
{
    struct memory *m = find(c, key);
    if (m)
        memory_free(m);
}

void memories_free(struct conn *c)
{
    while (!list_is_empty(&c->memories))
        memory_free(LIST_OF(c->memories.next, struct memory, in_conn));
}
