// SPDX-License-Identifier: Apache-2.0
// The classic-BPF program by which the kernel chooses a worker for each packet. It mirrors the
// decoder: what makes a flow there must meet in one worker here.
#pragma once

#include <linux/filter.h>

#include "probe/frame.h"

enum {
    FANOUT_PROGRAM = 4096, // instructions at most, the kernel's own ceiling
    FANOUT_DEPTH = 4,      // tunnels inside each other that it looks into
    FANOUT_VXLAN = 16,     // UDP ports of VXLAN that it looks into
};

// How many instructions were written. The choice is as good as a random one for who does not know
// the seed.
int fanout_program(struct sock_filter into[FANOUT_PROGRAM], const struct fanout_setup *setup,
                   uint32_t seed);
