// SPDX-License-Identifier: Apache-2.0
// A turn is spread by a keyed hash where chance is wanted: no state, so that any thread may ask.
#include "outputs/kafka_partition.h"

#include "pipeline/base/hash.h"

// Messages without a hash stay together for so long: a batch of one partition compresses better
// than its parts in all of them.
enum { TOGETHER = 256 };

static uint32_t anywhere(uint64_t group, uint32_t count)
{
    return (uint32_t)(hash_bytes(&group, sizeof group, hash_seed()) % count);
}

uint32_t kafka_partition(const struct kafka_partitioning *how, const struct kafka_draw *draw,
                         uint32_t count)
{
    switch (how->way) {
    case KAFKA_HASH:
        return draw->hashed ? (draw->hash & INT32_MAX) % count
                            : anywhere(draw->turn / TOGETHER, count);
    case KAFKA_ROUND_ROBIN:
        return (uint32_t)(draw->turn / how->group % count);
    case KAFKA_RANDOM:
        break;
    }
    return anywhere(draw->turn / how->group, count);
}
