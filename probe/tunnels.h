// SPDX-License-Identifier: Apache-2.0
// What packets came in.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tunnel_kind {
#define TUNNEL(id, name) id,
#include "probe/tunnels.def"
#undef TUNNEL
    TUNNELS
};

// Of more than two the outermost and the innermost are kept.
struct tunnels {
    uint8_t count;
    uint8_t kind[2]; // enum tunnel_kind, the outermost first
    bool has_id;
    uint32_t id; // of the innermost that has one: also those that differ by direction (TEID, label)
};
