// SPDX-License-Identifier: Apache-2.0
// Where the registered domain of a name begins. The list is constant and shared by all threads;
// only the cache is written.
#include "pipeline/suffix.h"

#include <libpsl.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"

enum { CACHED = 1024, NAME_MAX_TEXT = 1024 };

// What is known of a name: how long its registered domain is. Names are told apart by 64 bits of a
// keyed hash alone.
struct known {
    uint64_t hash;
    uint16_t len;
};

// One cache a thread, so nobody else reads or writes it, and what it holds depends on nothing but
// the name: documents are the same whether it is hit or not. 16 KiB.
static _Thread_local struct known cache[CACHED];

// libpsl takes a lower-case C string. False: it has an empty label, which is no host name.
static bool prepare(struct span name, char to[NAME_MAX_TEXT])
{
    uint8_t before = '.';
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = text_lower(name.at[i]);
        if (!byte || (byte == '.' && before == '.'))
            return false;
        to[i] = (char)byte;
        before = byte;
    }
    to[name.len] = 0;
    return before != '.';
}

static uint16_t look_up(struct span name)
{
    char text[NAME_MAX_TEXT];
    const psl_ctx_t *list = psl_builtin();
    if (!list || !prepare(name, text))
        return 0;
    const char *registered = psl_registrable_domain(list, text);
    return registered ? (uint16_t)strlen(registered) : 0;
}

struct span suffix_registered(struct span name)
{
    if (!name.len || name.len >= NAME_MAX_TEXT)
        return span_of(NULL, 0);
    uint64_t hash = hash_bytes(name.at, name.len, hash_seed());
    struct known *k = &cache[hash % CACHED];
    if (k->hash != hash)
        *k = (struct known){hash, look_up(name)};
    return span_skip(name, name.len - k->len);
}
