// SPDX-License-Identifier: Apache-2.0
// Reader of the classic capture file: a header, then records of one link type. The format and its
// magic numbers are drawn in pcap.c.
#pragma once

#include "probe/capture/records.h"

enum { PCAP_HEADER = 24 };

struct pcap_file {
    bool swapped;     // written on a machine of the other byte order
    bool old_lengths; // before 2.4: the two lengths of a record may stand the wrong way round
    uint16_t link;
    uint32_t record; // bytes of a record's header
    int64_t unit;    // nanoseconds that its fraction counts
};

// True if four bytes or more begin a file of this format.
bool pcap_file_is(struct span first);

// Reads the header of PCAP_HEADER bytes. NULL: all is well; else what is wrong with it.
const char *pcap_file_begin(struct pcap_file *p, const uint8_t *header);

void pcap_file_read(const struct pcap_file *p, struct records *r);
