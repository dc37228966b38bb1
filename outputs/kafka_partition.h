// SPDX-License-Identifier: Apache-2.0
// Which partition a message goes to: the reference's three ways, to the bit where they are no
// matter of chance. Pure: the same draw and the same partitions give the same choice.
//
//   hash          FNV-1a over the key (or some fields), its lowest 31 bits modulo the partitions
//   round_robin   one after the other, each for `group` messages
//   random        any, each for `group` messages
#pragma once

#include "pipeline/base/span.h"

enum kafka_way { KAFKA_HASH, KAFKA_ROUND_ROBIN, KAFKA_RANDOM };

struct kafka_partitioning {
    enum kafka_way way;
    uint64_t group;      // messages, at least 1
    bool reachable_only; // else a message waits until its partition has a leader
};

// What decides for one message.
struct kafka_draw {
    uint64_t turn; // its number in this output
    uint32_t hash;
    bool hashed; // under hash, a message without a hash goes anywhere
};

// One of `count` partitions (at least 1), from 0.
uint32_t kafka_partition(const struct kafka_partitioning *how, const struct kafka_draw *draw,
                         uint32_t count);
