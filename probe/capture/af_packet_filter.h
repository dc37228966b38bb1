// SPDX-License-Identifier: Apache-2.0
// The program that says which frames a packet socket lets in: which cards, the user's filter, and
// how many bytes are kept.
#pragma once

#include <linux/filter.h>

#include "probe/capture/af_packet_cut.h"
#include "probe/frame.h"

enum { FILTER_PROGRAM = 4096, FILTER_CARDS = 128, FILTER_FRONT = FILTER_CARDS + 16 };

// The user's filter, compiled once: later there may be no right to.
struct filter {
    int count;
    uint32_t snaplen;
    struct sock_filter at[FILTER_PROGRAM - FILTER_FRONT - CUT_PROGRAM];
};

// `text` in libpcap's language, NULL: everything. `cooked`: not all cards are Ethernet, it may only
// speak of IP and of what it carries. Needs the right to capture where it speaks of VLANs, for
// libpcap tells only a live handle where the kernel keeps their tags. False: `why`.
bool filter_compile(struct filter *f, const char *text, int snaplen, bool cooked,
                    struct error *why);

// The whole program; how many instructions. `cards` are their numbers, at most FILTER_CARDS; NULL:
// all cards. `cut`: conversations of which little is kept, NULL or no slices: none.
int filter_program(struct sock_filter into[FILTER_PROGRAM], const struct filter *f,
                   const uint32_t *cards, int card_count, const struct cut *cut);
