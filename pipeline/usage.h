// SPDX-License-Identifier: Apache-2.0
// What this process takes of its machine: processor, memory, descriptors, threads.
#pragma once

#include <stdint.h>

struct usage {
    int64_t user, system;     // CPU time, nanoseconds
    uint64_t resident, total; // bytes of memory in use, and of address space
    uint64_t threads;
    uint64_t descriptors, descriptors_soft, descriptors_hard; // open, and their limits
    unsigned processors;                                      // of the machine
    double load[3];                                           // of the last 1, 5, 15 minutes
};

// What cannot be had stays 0.
void usage_read(struct usage *u);
