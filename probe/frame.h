// SPDX-License-Identifier: Apache-2.0
// Bytes as captured, still in the kernel's ring or the file's buffer, and the sources that hand
// them out.
#pragma once

#include "config/setting.h"
#include "pipeline/base/counters.h"
#include "pipeline/base/span.h"

enum {
    FRAMES = 64,      // handed out at once
    CUT_TUNNELS = 48, // ports
};

// Link types, by the numbers of the pcap registry (DLT_/LINKTYPE_).
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_SERIAL = 50,
    LINK_PPP_ETHER = 51, // from the PPPoE header on
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

// No frame claims to be farther from 1970 (146 years), so time-outs can be added to its time.
#define FRAME_TIME_MOST (INT64_MAX / 2)

struct frame {
    const uint8_t *at;
    uint32_t len;  // captured
    uint32_t wire; // on the wire, at least len
    int64_t time;  // nanoseconds since 1970, at most FRAME_TIME_MOST either way
    uint16_t link; // enum link_type, or a number nobody here knows
    uint16_t vlan; // tag that the card or the kernel took off, low 12 bits; valid when has_vlan
    bool has_vlan;
    bool cut;           // only counts: nothing of it was kept (struct cut)
    bool outgoing;      // the kernel says this host sent it
    uint32_t interface; // pcapng: number in its section; live: the system's number of the card
};

enum source_state {
    SOURCE_FRAMES,  // *count frames were read
    SOURCE_IDLE,    // none now (live: the wait timed out; paced file: not yet due)
    SOURCE_RESTART, // the packets' clock begins anew: the next loop or the next file
    SOURCE_END,     // no more, all is well
    SOURCE_FAILED,  // no more, `why` says what happened, with file and byte offset for damage
};

struct source_progress {
    uint64_t bytes_read, bytes_total; // total 0: not known
    const char *name;                 // the file now read
};

// What capturing from cards needs beside the names of the cards.
struct live_setup {
    size_t ring_bytes; // of the kernel's ring, for each worker
    bool promiscuous;
    bool hardware_time;    // by the card's clock, where it has one
    struct fanout *fanout; // that all workers of these cards share; NULL: there is one worker
};

// What a source is opened with; its settings belong to the interface's table.
struct source_setup {
    const char *device;       // cards (see interfaces.h), or NULL
    struct live_setup live;   // of those
    const char *const *files; // paths, "-" for standard input; NULL for a card
    int file_count;
    int64_t loops;      // times all files are read; 0: without end
    bool full_speed;    // -t: keep file times and never wait
    bool one_at_a_time; // -O: one packet a key press
    const char *filter; // in libpcap's language; NULL none
    int snaplen;
    struct arena *arena; // lives until exit
};

// Conversations of which no more than the number of frames and bytes is wanted: those in some
// slices (probe/slice.h), but not tunnels, which go to these UDP ports.
struct cut {
    uint64_t slices; // a bit for each
    uint32_t seed;
    uint16_t tunnels[CUT_TUNNELS];
    int tunnel_count;
};

// Why a source cannot be opened, for the program's exit code.
enum source_check { SOURCE_FINE, SOURCE_NO_RIGHT, SOURCE_NO_DEVICE };

// One constant struct per file, listed in capture/sources.def.
struct source {
    const char *name;
    // Whether it could be opened as far as can be said without doing it; else `why`. NULL: try.
    enum source_check (*check)(const struct source_setup *setup, struct error *why);
    // NULL: `why` names the file or device and what to do.
    void *(*open)(const struct source_setup *setup, struct error *why);
    // Fills at most `max` (≤ FRAMES) frames; they stay valid until the next read. Waits at most
    // some 100 ms.
    enum source_state (*read)(void *self, struct frame *frames, int max, int *count,
                              struct error *why);
    // Frames are let in from now on; the sources of all workers are open. What is lost is added to
    // `counters`. NULL: they are at once.
    bool (*start)(void *self, struct counters *counters, struct error *why);
    // How much waits to be read, in 256ths of what there is room for. NULL: it waits for who reads.
    unsigned (*fill)(const void *self);
    // Frames of these conversations come `cut` from now on, all others whole. NULL: it cannot.
    void (*cut)(void *self, const struct cut *cut);
    // No more frames are to come in; those that are there are still read, then SOURCE_END. NULL: a
    // source that may be left in the middle.
    void (*stop)(void *self);
    void (*progress)(void *self, struct source_progress *out); // from any thread; NULL: none
    void (*close)(void *self);
};

extern const struct source *const sources[];

// How the kernel spreads the packets of a card over workers: so that both directions, all fragments
// and what came in a tunnel of one conversation meet in one of them.
enum fanout_by {
    FANOUT_ADDRESSES,
    FANOUT_PORTS, // TCP and SCTP also by their ports
    FANOUT_OUTER, // of a tunnel its ends alone, so that its own fragments stay with the rest
};
// What is inside of a tunnel of IP, GRE, VXLAN, MPLS or PPPoE is what counts, as for the decoder;
// other tunnels go by their outer addresses.
struct fanout_setup {
    enum fanout_by by;
    int tunnel_depth;                    // as the decoder's; 0: it looks into none
    const struct setting_numbers *vxlan; // UDP ports
};
// NULL: out of memory.
struct fanout *fanout_new(const struct fanout_setup *setup);
void fanout_free(struct fanout *f); // after its sources are closed

// Writes frames into a capture file for --dump (nanosecond pcap, one link type: the first frame's;
// others are left out and counted).
struct dump;
struct dump *dump_open(const char *prefix, int64_t now, struct error *why);
void dump_write(struct dump *d, const struct frame *frames, int count); // from any thread
// False: the disk refused something (said in `why`); frames left out for their link type are told
// there too.
bool dump_close(struct dump *d, struct error *why);

// True if libpcap accepts the filter; else `why` holds its words.
bool filter_check(const char *filter, struct error *why);
