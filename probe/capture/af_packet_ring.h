// SPDX-License-Identifier: Apache-2.0
// A packet socket with its TPACKET_V3 ring: blocks that the kernel fills with frames and hands
// over, full or some milliseconds old, and that are given back when all their frames were used.
// Deaf until it is told what to let in. One thread; opening may be another's.
#pragma once

#include <linux/filter.h>
#include <linux/if_packet.h>

#include "probe/frame.h"

struct ring {
    int fd; // -1: not open
    uint8_t *map;
    size_t size;
    uint32_t block_size, block_count;
    uint32_t block;                  // the one that is read
    bool held;                       // it is ours
    uint32_t left;                   // its frames not handed out yet
    const struct tpacket3_hdr *next; // the first of them
};

enum {
    RING_RETIRE_MILLISECONDS = 10, // a block is handed over at this age, full or not
};

// A socket without a place yet: the one step for which rights are needed. -1: `why`.
int ring_socket(struct error *why);

// `fd` belongs to the ring from now on, also when it fails. `bytes` are rounded to whole blocks;
// where there is not so much memory in the kernel, less is taken and told in the log. False: `why`.
bool ring_open(struct ring *r, int fd, size_t bytes, int snaplen, bool hardware_time,
               struct error *why);
void ring_close(struct ring *r);

// From now on it is told of the frames of one card; 0: of all cards. False: `why`.
bool ring_bind(struct ring *r, int interface, struct error *why);

// What is let in: a program in the kernel's classic BPF. NULL: nothing at all.
bool ring_filter(struct ring *r, const struct sock_filter *program, int count, struct error *why);

// Fills at most `max` frames, valid until the next call; 0: there are none now. A frame of no known
// kind of card comes from where its IP header begins, if it has one.
int ring_read(struct ring *r, struct frame *frames, int max);
// How much of it waits to be read, in 256ths: without a system call, for the blocks that the kernel
// has handed over lie one behind the other.
unsigned ring_fill(const struct ring *r);
// Waits until there is something, or so long. That its card went down does not stay with the
// socket: waiting would end at once from then on.
void ring_wait(struct ring *r, int milliseconds);

// What the kernel lost since the last call is added.
void ring_count(struct ring *r, struct counters *counters);
