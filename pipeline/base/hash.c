// SPDX-License-Identifier: Apache-2.0
// XXH3 compiled into the program, and the seed of this process.
#define XXH_INLINE_ALL
#include "pipeline/base/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

// Written once by draw_seed, before anybody reads it.
static uint64_t seed_of_process;

static void draw_seed(void)
{
    // Eight bytes come whole or not at all; without them every bucket could be aimed at.
    if (getrandom(&seed_of_process, sizeof seed_of_process, 0) != sizeof seed_of_process)
        abort();
}

uint64_t hash_seed(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_seed);
    return seed_of_process;
}

uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

void hash_128(const void *bytes, size_t len, uint8_t out[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, len));
    memcpy(out, canonical.digest, 16);
}

uint32_t hash_fnv1a(struct span s)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ s.at[i]) * 16777619u;
    return hash;
}
