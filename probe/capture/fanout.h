// SPDX-License-Identifier: Apache-2.0
// Groups of packet sockets among which the kernel shares out packets, all by one program.
#pragma once

#include "probe/frame.h"

struct fanout;

// The sockets of one group are all bound to one card, or all to none.
enum fanout_group { FANOUT_BOUND, FANOUT_FOLLOWING, FANOUT_GROUPS };

// From any thread. The bound socket takes its share from now on. False: `why`.
bool fanout_join(struct fanout *f, enum fanout_group group, int fd, struct error *why);
