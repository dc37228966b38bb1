// SPDX-License-Identifier: Apache-2.0
// Keyed hashing of what traffic chooses: XXH3 (xxhash.h, header only) with a seed drawn at start,
// so that nobody outside can aim at one bucket. Not for signatures.
#pragma once

#include "pipeline/base/span.h"

// The seed of this process, drawn once from the kernel; the same for all threads.
uint64_t hash_seed(void);

// 64 bits for `len` bytes under `seed`.
uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed);

// 128 bits that are the same in every process, so that the same bytes get the same name. Whoever
// chooses the bytes may aim at one.
void hash_128(const void *bytes, size_t len, uint8_t out[16]);

// FNV-1a, 32 bits: only where an outside format asks for it (Kafka partitions of the reference).
uint32_t hash_fnv1a(struct span s);
