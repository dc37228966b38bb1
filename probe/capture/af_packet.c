// SPDX-License-Identifier: Apache-2.0
// Cards as a source on Linux: one ring for each worker. There are two ways to be told of frames.
// *Bound* to one card the kernel looks nowhere else. *Following*, the ring is told of all cards and
// the filter lets in those that are meant; cards may then come, go, change their names and the
// default route its place, and no rights are needed for any of it. One card by its name is bound
// until it vanishes; then a second socket, opened while there was the right to, follows its name.
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "probe/capture/af_packet_filter.h"
#include "probe/capture/af_packet_ring.h"
#include "probe/capture/fanout.h"
#include "probe/capture/interfaces.h"

enum {
    WAIT_MILLISECONDS = 20, // a batch that is due is handed over no later
    LAST_WAITS = 3,         // of them, until the last block has been handed over
};

struct af_packet {
    struct source_setup setup;
    struct counters *counters;
    struct ring ring;
    int spare; // socket that will follow; -1: it does, or did not succeed
    int watch; // tells of changes; -1: nothing does
    bool follows, cooked;
    bool listens;  // lets frames in
    bool stopping; // not any more
    int waits;     // in vain, since then
    uint32_t second;
    struct interface cards[FILTER_CARDS]; // now captured, when not all are
    int card_count;
    struct filter filter;
    struct cut cut; // conversations of which little is kept
};

// ── which cards ──

// Cards that are not Ethernet can only be added where the filter was made for them.
static int drop_unfit(const struct af_packet *a, struct interface *all, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (a->cooked || interface_is_ethernet(&all[i]))
            all[kept++] = all[i];
    return kept;
}

static int look_for_cards(const struct af_packet *a, struct interface *all)
{
    int count = interfaces_read(all, INTERFACES);
    count = interfaces_choose(a->setup.device, all, count);
    if (count <= FILTER_CARDS)
        return count;
    log_say(LOG_WARNING, "capture.af_packet", "%s: only the first %d of %d cards are captured",
            a->setup.device, FILTER_CARDS, count);
    return FILTER_CARDS;
}

static bool is_among(const struct interface *cards, int count, uint32_t index)
{
    for (int i = 0; i < count; i++)
        if (cards[i].index == index)
            return true;
    return false;
}

static void tell_changes(const struct af_packet *a, const struct interface *now, int count)
{
    for (int i = 0; i < count; i++)
        if (!is_among(a->cards, a->card_count, now[i].index))
            log_say(LOG_INFO, "capture.af_packet", "%s: capturing %s", a->setup.device,
                    now[i].name);
    for (int i = 0; i < a->card_count; i++)
        if (!is_among(now, count, a->cards[i].index))
            log_say(LOG_WARNING, "capture.af_packet", "%s: %s is gone", a->setup.device,
                    a->cards[i].name);
}

static void make_promiscuous(struct af_packet *a, const struct interface *card)
{
    struct packet_mreq wish = {.mr_ifindex = (int)card->index, .mr_type = PACKET_MR_PROMISC};
    if (a->setup.live.promiscuous && !card->is_loopback &&
        setsockopt(a->ring.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wish, sizeof wish) != 0)
        log_say(LOG_WARNING, "capture.af_packet", "%s: no promiscuous mode: %s", card->name,
                strerror(errno));
}

static bool let_in(struct af_packet *a, struct error *why)
{
    struct sock_filter program[FILTER_PROGRAM];
    uint32_t indexes[FILTER_CARDS];
    for (int i = 0; i < a->card_count; i++)
        indexes[i] = a->cards[i].index;
    bool some = a->follows && !interfaces_mean_all(a->setup.device);
    int count = filter_program(program, &a->filter, some ? indexes : NULL, a->card_count, &a->cut);
    return ring_filter(&a->ring, program, count, why);
}

// The cards that are meant may be others than before.
static bool follow_cards(struct af_packet *a, struct error *why)
{
    if (interfaces_mean_all(a->setup.device))
        return true;
    struct interface now[INTERFACES];
    int count = drop_unfit(a, now, look_for_cards(a, now));
    tell_changes(a, now, count);
    for (int i = 0; i < count; i++)
        if (!is_among(a->cards, a->card_count, now[i].index))
            make_promiscuous(a, &now[i]);
    memcpy(a->cards, now, (size_t)count * sizeof *now);
    a->card_count = count;
    return !a->listens || let_in(a, why);
}

// ── opening ──

static bool open_ring(struct af_packet *a, int fd, uint32_t interface, struct error *why)
{
    const struct source_setup *s = &a->setup;
    enum fanout_group group = interface ? FANOUT_BOUND : FANOUT_FOLLOWING;
    if (ring_open(&a->ring, fd, s->live.ring_bytes, s->snaplen, s->live.hardware_time, why) &&
        ring_bind(&a->ring, (int)interface, why) &&
        (!s->live.fanout || fanout_join(s->live.fanout, group, a->ring.fd, why)))
        return true;
    ring_close(&a->ring);
    return false;
}

static bool open_following(struct af_packet *a, int fd, struct error *why)
{
    a->follows = true;
    return open_ring(a, fd, 0, why) && follow_cards(a, why);
}

static bool open_bound(struct af_packet *a, int fd, const struct interface *card, struct error *why)
{
    a->cards[0] = *card;
    a->card_count = 1;
    a->spare = ring_socket(NULL);
    if (!open_ring(a, fd, card->index, why))
        return false;
    make_promiscuous(a, card);
    return true;
}

static bool all_are_ethernet(const struct interface *cards, int count)
{
    for (int i = 0; i < count; i++)
        if (!interface_is_ethernet(&cards[i]))
            return false;
    return true;
}

// The kernel would have a group only of cards that are up.
static bool open_cards(struct af_packet *a, struct error *why)
{
    const char *device = a->setup.device;
    struct interface found[INTERFACES];
    bool all = interfaces_mean_all(device);
    int count = all ? 0 : look_for_cards(a, found);
    bool one = interfaces_mean_one(device);
    int fd = ring_socket(why);
    if (fd < 0)
        return false;
    if (!count && !all)
        log_say(LOG_WARNING, "capture.af_packet", "%s: no interface is meant yet", device);
    a->cooked = all || !all_are_ethernet(found, count);
    if (!filter_compile(&a->filter, a->setup.filter, a->setup.snaplen, a->cooked, why)) {
        close(fd);
        return false;
    }
    if (one && count && (found[0].is_up || !a->setup.live.fanout))
        return open_bound(a, fd, &found[0], why);
    return open_following(a, fd, why);
}

static void af_packet_close(void *self)
{
    struct af_packet *a = self;
    ring_close(&a->ring);
    if (a->spare >= 0)
        close(a->spare);
    if (a->watch >= 0)
        close(a->watch);
    free(a);
}

static void *af_packet_open(const struct source_setup *setup, struct error *why)
{
    struct af_packet *a = calloc(1, sizeof *a);
    if (!a) {
        error_set(why, "out of memory");
        return NULL;
    }
    a->setup = *setup;
    a->ring.fd = a->spare = -1;
    a->watch = interfaces_watch();
    if (open_cards(a, why))
        return a;
    af_packet_close(a);
    return NULL;
}

// ── while it runs ──

// The card that the ring was bound to is gone for good: its successor is found by its name.
static bool take_over(struct af_packet *a, struct error *why)
{
    int fd = a->spare;
    a->spare = -1;
    log_say(LOG_WARNING, "capture.af_packet", "%s is gone, waiting for it to return",
            a->cards[0].name);
    ring_count(&a->ring, a->counters);
    ring_close(&a->ring);
    a->card_count = 0;
    return open_following(a, fd, why);
}

static bool is_gone(const struct af_packet *a)
{
    char name[IF_NAMESIZE];
    return if_indextoname(a->cards[0].index, name) == NULL && errno == ENXIO;
}

// Once a second: what was lost, which cards there are. Frames that were handed out stay valid.
static bool look_around(struct af_packet *a, struct error *why)
{
    ring_count(&a->ring, a->counters);
    if (a->watch < 0 || !interfaces_changed(a->watch) || a->stopping)
        return true;
    if (a->follows)
        return follow_cards(a, why);
    return a->spare < 0 || a->ring.held || !is_gone(a) || take_over(a, why);
}

static bool is_time(struct af_packet *a, int64_t now)
{
    uint32_t second = clock_second(now);
    if (second == a->second)
        return false;
    a->second = second;
    return true;
}

static enum source_state nothing(struct af_packet *a, struct error *why)
{
    if (a->stopping && ++a->waits > LAST_WAITS) {
        ring_count(&a->ring, a->counters);
        return SOURCE_END;
    }
    ring_wait(&a->ring, WAIT_MILLISECONDS);
    if (is_time(a, clock_wall()) && !look_around(a, why))
        return SOURCE_FAILED;
    return SOURCE_IDLE;
}

static enum source_state af_packet_read(void *self, struct frame *frames, int max, int *count,
                                        struct error *why)
{
    struct af_packet *a = self;
    *count = ring_read(&a->ring, frames, max);
    if (!*count)
        return nothing(a, why);
    a->waits = 0;
    if (is_time(a, frames[0].time) && !look_around(a, why))
        return SOURCE_FAILED;
    return SOURCE_FRAMES;
}

static enum source_check af_packet_check(const struct source_setup *setup, struct error *why)
{
    struct interface all[INTERFACES];
    int fd = ring_socket(why);
    if (fd < 0)
        return SOURCE_NO_RIGHT;
    close(fd);
    int count = interfaces_choose(setup->device, all, interfaces_read(all, INTERFACES));
    if (count || !interfaces_mean_one(setup->device))
        return SOURCE_FINE;
    error_set(why, "there is no interface %s (see `weir devices`)", setup->device);
    return SOURCE_NO_DEVICE;
}

static bool af_packet_start(void *self, struct counters *counters, struct error *why)
{
    struct af_packet *a = self;
    a->counters = counters;
    a->listens = true;
    return let_in(a, why);
}

static void af_packet_stop(void *self)
{
    struct af_packet *a = self;
    a->stopping = true;
    ring_filter(&a->ring, NULL, 0, NULL);
}

static unsigned af_packet_fill(const void *self)
{
    const struct af_packet *a = self;
    return ring_fill(&a->ring);
}

static void af_packet_cut(void *self, const struct cut *cut)
{
    struct af_packet *a = self;
    a->cut = *cut;
    if (a->listens && !a->stopping)
        let_in(a, NULL); // what the kernel does not take stays as it was
}

const struct source source_af_packet = {.name = "af_packet",
                                        .check = af_packet_check,
                                        .open = af_packet_open,
                                        .read = af_packet_read,
                                        .start = af_packet_start,
                                        .fill = af_packet_fill,
                                        .cut = af_packet_cut,
                                        .stop = af_packet_stop,
                                        .close = af_packet_close};
