// SPDX-License-Identifier: Apache-2.0
// What a protocol wants remembered beyond its transactions, by conn and key, under ceilings where
// the oldest makes room.

#include <assert.h>

#include "pipeline/base/hash.h"
#include "probe/conns.h"

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
