// SPDX-License-Identifier: Apache-2.0
// The certificates of a thread: a hash table with as many places as certificates, and a list from
// the one that was not seen longest to the newest.
#include "probe/proto/x509_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/list.h"

enum {
    LARGEST_SCRATCH = 256 << 10, // for the texts of one that is not kept
};

struct x509_entry {
    struct list by_age;
    struct x509_entry *same_place, **link; // NULL link: not in the table
    uint64_t hash;
    struct span der;
    bool read;
    struct x509 facts;
    uint8_t digest_len[DIGESTS]; // 0: not computed
    uint8_t digest[DIGESTS][DIGEST_TEXT];
    uint8_t bytes[]; // the certificate, then its texts
};

struct cache {
    struct list by_age;
    unsigned used; // entries ever taken
    struct x509_entry *table[X509_CACHED];
    _Alignas(16) uint8_t entries[X509_CACHED][X509_ENTRY]; // pages are touched when needed
};

static struct {
    pthread_once_t once;
    pthread_key_t key;
    bool fine;
} caches = {.once = PTHREAD_ONCE_INIT};

static void cache_free(void *cache)
{
    munmap(cache, sizeof(struct cache));
}

static void caches_init(void)
{
    caches.fine = !pthread_key_create(&caches.key, cache_free);
}

// This thread's; NULL: no memory.
static struct cache *cache_here(void)
{
    pthread_once(&caches.once, caches_init);
    if (!caches.fine)
        return NULL;
    struct cache *c = pthread_getspecific(caches.key);
    if (c)
        return c;
    c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
             -1, 0);
    if (c == MAP_FAILED)
        return NULL;
    list_init(&c->by_age);
    pthread_setspecific(caches.key, c);
    return c;
}

static void table_remove(struct x509_entry *e)
{
    if (!e->link)
        return;
    *e->link = e->same_place;
    if (e->same_place)
        e->same_place->link = e->link;
    e->link = NULL;
}

static void table_insert(struct cache *c, struct x509_entry *e)
{
    struct x509_entry **place = &c->table[e->hash % X509_CACHED];
    e->same_place = *place;
    e->link = place;
    if (*place)
        (*place)->link = &e->same_place;
    *place = e;
}

static struct x509_entry *look_up(const struct cache *c, struct span der, uint64_t hash)
{
    struct x509_entry *e = c->table[hash % X509_CACHED];
    while (e && !(e->hash == hash && span_is(e->der, der)))
        e = e->same_place;
    return e;
}

// The next entry to use, as the newest, in no place of the table.
static struct x509_entry *take_oldest(struct cache *c)
{
    struct x509_entry *e;
    if (c->used < X509_CACHED) {
        e = (struct x509_entry *)(void *)c->entries[c->used++];
    } else {
        e = LIST_OF(c->by_age.next, struct x509_entry, by_age);
        table_remove(e);
        list_remove(&e->by_age);
    }
    list_append(&c->by_age, &e->by_age);
    return e;
}

// Reads a certificate with its texts in `texts`. False: they found no room.
static bool fill(struct x509_entry *e, struct span der, uint64_t hash, struct pen texts)
{
    e->hash = hash;
    e->der = der;
    memset(e->digest_len, 0, sizeof e->digest_len);
    e->read = x509_read(der, &texts, &e->facts);
    return !texts.full;
}

static bool keep(struct cache *c, struct span der, uint64_t hash, struct x509_entry **out)
{
    size_t room = X509_ENTRY - sizeof(struct x509_entry);
    if (!c || der.len > room)
        return false;
    struct x509_entry *e = *out = take_oldest(c);
    memcpy(e->bytes, der.at, der.len);
    e->link = NULL;
    if (fill(e, span_of(e->bytes, der.len), hash, pen_of(e->bytes + der.len, room - der.len))) {
        table_insert(c, e);
        return true;
    }
    list_remove(&e->by_age);
    list_prepend(&c->by_age, &e->by_age);
    return false;
}

static struct x509_entry *read_aside(struct span der, uint64_t hash, struct arena *scratch)
{
    size_t room = 8 * der.len + 1024;
    if (room > LARGEST_SCRATCH)
        room = LARGEST_SCRATCH;
    struct x509_entry *e = arena_alloc(scratch, sizeof *e + room);
    if (e)
        fill(e, der, hash, pen_of(e->bytes, room));
    return e;
}

struct x509_entry *x509_cache_find(struct span der, struct arena *scratch)
{
    struct cache *c = cache_here();
    uint64_t hash = hash_bytes(der.at, der.len, hash_seed());
    struct x509_entry *e = c ? look_up(c, der, hash) : NULL;
    if (e) {
        list_remove(&e->by_age);
        list_append(&c->by_age, &e->by_age);
        return e;
    }
    return keep(c, der, hash, &e) ? e : read_aside(der, hash, scratch);
}

const struct x509 *x509_entry_facts(const struct x509_entry *e)
{
    return e->read ? &e->facts : NULL;
}

struct span x509_entry_digest(struct x509_entry *e, enum digest which)
{
    if (!e->digest_len[which])
        e->digest_len[which] = (uint8_t)digest_hex(which, e->der, true, e->digest[which]);
    return span_of(e->digest[which], e->digest_len[which]);
}
