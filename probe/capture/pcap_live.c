// SPDX-License-Identifier: Apache-2.0
// Cards by libpcap: for systems that have no packet sockets. Its frames are gone with the next one,
// so they are copied into a buffer of our own. One worker for each card; no lists, no patterns.
#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "probe/frame.h"

enum { WAIT_MILLISECONDS = 20, LAST_WAITS = 3 };

struct pcap_live {
    pcap_t *handle;
    struct counters *counters;
    bool stopping, nano;
    int waits;
    uint16_t link;
    uint32_t second;
    struct pcap_stat before;
    size_t used, room;
    uint8_t *bytes; // of the frames handed out
    struct frame *frames;
    int max, count;
};

static bool refuse(const struct source_setup *s, pcap_t *handle, struct error *why)
{
    return error_set(why, "%s: %.300s", s->device, pcap_geterr(handle));
}

static bool activate(pcap_t *p, const struct source_setup *s, struct error *why)
{
    pcap_set_snaplen(p, s->snaplen);
    pcap_set_promisc(p, s->live.promiscuous);
    pcap_set_timeout(p, WAIT_MILLISECONDS);
    pcap_set_buffer_size(p, s->live.ring_bytes < INT32_MAX ? (int)s->live.ring_bytes : INT32_MAX);
    pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
    struct bpf_program program;
    char text[PCAP_ERRBUF_SIZE] = "";
    if (pcap_activate(p) < 0)
        return refuse(s, p, why);
    if (pcap_setnonblock(p, 1, text) != 0)
        return error_set(why, "%s: %.300s", s->device, text);
    if (!s->filter || !s->filter[0])
        return true;
    if (pcap_compile(p, &program, s->filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return refuse(s, p, why);
    bool set = pcap_setfilter(p, &program) == 0 || refuse(s, p, why);
    pcap_freecode(&program);
    return set;
}

// The registry's numbers are those of the system but for a few.
static uint16_t link_of(pcap_t *p)
{
    int kind = pcap_datalink(p);
    return (uint16_t)(kind == DLT_RAW ? LINK_RAW : kind);
}

static void pcap_live_close(void *self)
{
    struct pcap_live *l = self;
    if (l->handle)
        pcap_close(l->handle);
    free(l->bytes);
    free(l);
}

static void *pcap_live_open(const struct source_setup *setup, struct error *why)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    struct pcap_live *l = calloc(1, sizeof *l);
    if (!l) {
        error_set(why, "out of memory");
        return NULL;
    }
    l->room = (size_t)FRAMES * (size_t)setup->snaplen;
    l->bytes = malloc(l->room); // touched as far as frames are long
    l->handle = pcap_create(setup->device, text);
    if (!l->bytes || !l->handle) {
        error_set(why, "%s: %.300s", setup->device, l->handle ? "out of memory" : text);
    } else if (activate(l->handle, setup, why)) {
        l->link = link_of(l->handle);
        l->nano = pcap_get_tstamp_precision(l->handle) == PCAP_TSTAMP_PRECISION_NANO;
        return l;
    }
    pcap_live_close(l);
    return NULL;
}

static void keep(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct pcap_live *l = (void *)user;
    if (l->count == l->max || h->caplen > l->room - l->used)
        return;
    uint8_t *at = l->bytes + l->used;
    memcpy(at, bytes, h->caplen);
    l->used += h->caplen;
    l->frames[l->count++] = (struct frame){
        .at = at,
        .len = h->caplen,
        .wire = h->len < h->caplen ? h->caplen : h->len,
        .time = h->ts.tv_sec * SECOND + h->ts.tv_usec * (l->nano ? 1 : MICROSECOND),
        .link = l->link,
    };
}

static void count(struct pcap_live *l)
{
    struct pcap_stat now;
    if (pcap_stats(l->handle, &now) != 0)
        return;
    counter_add(l->counters->kernel_dropped, now.ps_drop - l->before.ps_drop);
    l->before = now;
}

// Whether its own waiting ends when nothing comes differs from system to system.
static void wait_a_little(struct pcap_live *l)
{
    struct pollfd entry = {.fd = pcap_get_selectable_fd(l->handle), .events = POLLIN};
    poll(&entry, entry.fd >= 0, WAIT_MILLISECONDS);
}

static enum source_state nothing(struct pcap_live *l)
{
    wait_a_little(l);
    if (!l->stopping || ++l->waits <= LAST_WAITS)
        return SOURCE_IDLE;
    count(l);
    return SOURCE_END;
}

static enum source_state pcap_live_read(void *self, struct frame *frames, int max, int *number,
                                        struct error *why)
{
    struct pcap_live *l = self;
    l->used = 0;
    l->count = 0;
    l->max = max;
    l->frames = frames;
    int got = pcap_dispatch(l->handle, max, keep, (u_char *)l);
    *number = l->count;
    if (got < 0) {
        error_set(why, "%.300s", pcap_geterr(l->handle));
        return SOURCE_FAILED;
    }
    uint32_t second = clock_second(clock_wall());
    if (second != l->second)
        count(l);
    l->second = second;
    return got ? SOURCE_FRAMES : nothing(l);
}

static bool pcap_live_start(void *self, struct counters *counters, struct error *why)
{
    struct pcap_live *l = self;
    (void)why;
    l->counters = counters;
    return true;
}

// Nothing is let in any more, as the filter `less 0` has it.
static void pcap_live_stop(void *self)
{
    struct pcap_live *l = self;
    struct bpf_program nothing_at_all;
    l->stopping = true;
    if (pcap_compile(l->handle, &nothing_at_all, "less 0", 1, PCAP_NETMASK_UNKNOWN) != 0)
        return;
    pcap_setfilter(l->handle, &nothing_at_all);
    pcap_freecode(&nothing_at_all);
}

const struct source source_pcap_live = {.name = "pcap_live",
                                        .open = pcap_live_open,
                                        .read = pcap_live_read,
                                        .start = pcap_live_start,
                                        .stop = pcap_live_stop,
                                        .close = pcap_live_close};
