// SPDX-License-Identifier: Apache-2.0
// Reader of the newer capture file: blocks in sections, each with its own byte order and its own
// interfaces. The format is drawn in pcapng.c.
#pragma once

#include "probe/capture/records.h"

struct pcapng_interface;

struct pcapng_file {
    bool swapped; // this section was written on a machine of the other byte order
    struct pcapng_interface *interfaces; // of this section
    uint32_t interface_count, interface_room;
    int64_t time;      // of the last frame: simple packets carry none
    uint32_t skipping; // bytes of a block of no interest that are still to come
    uint32_t closing;  // length that must stand behind them
};

// True if four bytes or more begin a file of this format.
bool pcapng_file_is(struct span first);

void pcapng_file_begin(struct pcapng_file *p);
void pcapng_file_end(struct pcapng_file *p);

// True between blocks: a file may end here.
bool pcapng_file_may_end(const struct pcapng_file *p);

void pcapng_file_read(struct pcapng_file *p, struct records *r);
