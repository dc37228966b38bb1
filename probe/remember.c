// SPDX-License-Identifier: Apache-2.0
// What outlives transactions: prepared statements and the like, by conn and key. A ceiling for each
// conn, the oldest leaves.

#include "pipeline/base/hash.h"
#include "probe/conns.h"

static struct memory **bucket(const struct conn *c, uint64_t key)
{
    uint64_t both[2] = {(uintptr_t)c, key};
    return &c->all->memory_hash[hash_bytes(both, sizeof both, c->all->seed) & c->all->hash_mask];
}

static struct memory *find(const struct conn *c, uint64_t key)
{
    struct memory *m = *bucket(c, key);
    while (m && (m->conn != c || m->key != key))
        m = m->next;
    return m;
}

static void memory_free(struct memory *m)
{
    struct conn *c = m->conn;
    size_t size = sizeof(*m) + m->len;
    *m->link = m->next;
    if (m->next)
        m->next->link = m->link;
    list_remove(&m->in_conn);
    c->memory_count--;
    c->all->kept -= sizes_room(size);
    sizes_give(&c->all->sizes, m, size);
}

void conn_remember(struct conn *c, uint64_t key, struct span bytes)
{
    struct conns *all = c->all;
    conn_forget(c, key);
    if (c->memory_count >= all->settings.remembered)
        memory_free(LIST_OF(c->memories.next, struct memory, in_conn));
    size_t size = sizeof(struct memory) + bytes.len;
    struct memory *m = NULL;
    if (bytes.len <= UINT32_MAX && all->kept + size < (uint64_t)all->settings.kept_bytes_all)
        m = sizes_take(&all->sizes, size);
    if (!m)
        return;
    m->conn = c;
    m->key = key;
    m->len = (uint32_t)bytes.len;
    memcpy(m->bytes, bytes.at, bytes.len);
    struct memory **head = bucket(c, key);
    m->next = *head;
    m->link = head;
    if (*head)
        (*head)->link = &m->next;
    *head = m;
    list_append(&c->memories, &m->in_conn);
    c->memory_count++;
    all->kept += sizes_room(size);
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
