// SPDX-License-Identifier: Apache-2.0
// The loop of one worker. The time is the packets' time: the largest seen, with a tick of the clock
// when none come from a card.

#include "probe/worker.h"

#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"
#include "probe/capture/duplicates.h"
#include "probe/overload.h"

enum { STALE_FRAMES = 64 }; // so many in a row from long ago are another capture

struct worker {
    struct worker_setup setup;
    pthread_t thread;
    _Atomic bool stop, running;
    bool stopping; // the source was told
    bool failed;
    struct error why;
    void *source;
    struct counters *counters;
    struct duplicates *duplicates; // NULL: not looked for
    struct decoder *decoder;
    struct emit *emit;
    struct conns *conns;
    struct flows *flows;
    struct overload overload;
    bool sheds;      // it is in use
    int64_t now;     // the packets' clock
    uint32_t second; // last one that was aged
    int64_t longest; // time-out
    int stale;       // frames in a row that come from long before
    struct frame frames[FRAMES];
    struct packet packets[FRAMES];
};

// Files wait, and who dumps packets wants them all.
static void build_overload(struct worker *w, uint32_t seed)
{
    const struct plan *p = w->setup.plan;
    struct overload_setup setup = {.settings = &p->probe.overload,
                                   .decode = &p->probe.decode,
                                   .source = w->setup.source,
                                   .opened = w->setup.opened,
                                   .emit = w->emit,
                                   .dataset = p->overload_dataset,
                                   .worker = w->setup.number,
                                   .seed = seed,
                                   .counters = w->counters};
    w->sheds = overload_init(&w->overload, &setup) && !w->setup.replay && !w->setup.dump;
    if (w->sheds)
        flows_shed(w->flows, 0, 0);
}

static bool worker_build(struct worker *w, struct error *why)
{
    const struct plan *p = w->setup.plan;
    uint64_t seed = hash_seed();
    w->counters = aligned_alloc(64, (sizeof *w->counters + 63) / 64 * 64);
    if (!w->counters)
        return error_set(why, "out of memory");
    memset(w->counters, 0, sizeof *w->counters);
    int64_t window = w->setup.interface->duplicates_window;
    if (window && !(w->duplicates = duplicates_new(window, seed, w->counters)))
        return error_set(why, "out of memory");
    w->decoder = decoder_new(&p->probe.decode, seed, w->counters);
    if (!w->decoder)
        return error_set(why, "cannot reserve memory for fragments: lower limits.decode");
    if (w->setup.replay) // a card's frames are shared out by the kernel
        decoder_share(w->decoder, w->setup.index, w->setup.count);
    struct emit_settings events = p->probe.events;
    events.internal = w->setup.interface->internal;
    w->emit = emit_new(p->emit, &events, w->setup.publisher, w->setup.replay, w->counters, why);
    if (!w->emit)
        return false;
    w->conns = conns_new(&p->probe.conns, w->emit, seed, w->counters, why);
    if (!w->conns)
        return false;
    conns_offer(w->conns, p->bindings, p->binding_count);
    struct flows_setup flows = {.settings = &p->flows,
                                .bindings = p->bindings,
                                .binding_count = p->binding_count,
                                .conns = w->conns,
                                .emit = w->emit,
                                .dataset = p->flow_dataset,
                                .compat = p->compat,
                                .seed = seed,
                                .counters = w->counters};
    w->flows = flows_new(&flows, why);
    if (!w->flows)
        return false;
    w->longest = flows_longest(w->flows);
    build_overload(w, (uint32_t)seed);
    return true;
}

struct worker *worker_new(const struct worker_setup *setup, struct error *why)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w) {
        error_set(why, "out of memory");
        return NULL;
    }
    w->setup = *setup;
    if (worker_build(w, why)) {
        w->source = setup->opened;
        return w;
    }
    worker_free(w);
    return NULL;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    if (w->source)
        w->setup.source->close(w->source);
    flows_free(w->flows);
    conns_free(w->conns);
    emit_free(w->emit);
    if (w->decoder)
        decoder_free(w->decoder);
    duplicates_free(w->duplicates);
    free(w->counters);
    free(w);
}

// ── too much to do ──

static void watch(struct worker *w)
{
    struct overload *o = &w->overload;
    if (overload_watch(o, w->now))
        flows_shed(w->flows, load_unparsed(&o->load), load_uncounted(&o->load));
    if (o->load.level || o->cut.slices)
        overload_cut(o, flows_idle_slices(w->flows), w->now);
    overload_report(o, w->now, false);
}

// Publishes everything that is open. Flows end when the capture ends, whoever kept its last frame.
static void close_all(struct worker *w)
{
    decoder_forget(w->decoder);
    flows_age(w->flows, w->now);
    flows_end_all(w->flows, ENDED_FILE);
    conns_end_all(w->conns, ENDED_FILE);
    if (w->sheds)
        overload_report(&w->overload, w->now, true);
}

static void restart_clock(struct worker *w)
{
    close_all(w);
    flows_restart(w->flows);
    w->now = 0;
    w->second = 0;
    overload_restart(&w->overload);
    counter_add(w->counters->clock_restarts, 1);
}

static void age(struct worker *w)
{
    decoder_age(w->decoder, w->now);
    conns_age(w->conns, w->now);
    flows_age(w->flows, w->now);
}

// Moves the packets' clock; what is due is looked at once a second.
static void advance(struct worker *w, int64_t now)
{
    if (now <= w->now)
        return;
    w->now = now;
    if (clock_second(now) != w->second) {
        w->second = clock_second(now);
        age(w);
    }
}

// Frames from long ago turn up singly where a ring was read twice; only when all frames come from
// long ago is it another capture. True: the clock begins anew with this frame.
static bool begins_anew(struct worker *w, int64_t time)
{
    if (!w->now || time >= w->now - w->longest) {
        w->stale = 0;
        return false;
    }
    return ++w->stale == STALE_FRAMES;
}

// Takes frames up to where the second changes, so that what is due goes before what comes after.
// The clock is that of all frames, also of those that other workers keep: ageing does not depend on
// how many there are.
static void take(struct worker *w, int count)
{
    int from = 0;
    while (from < count) {
        advance(w, w->frames[from].time);
        int to = from + 1;
        while (to < count && clock_second(w->frames[to].time) <= w->second)
            to++;
        bool anew = false;
        for (int i = from; i < to && !anew; i++)
            if ((anew = begins_anew(w, w->frames[i].time)))
                to = i;
        int packets = decode(w->decoder, w->frames + from, to - from, w->packets);
        flows_take(w->flows, w->packets, packets);
        for (int i = from; i < to; i++)
            advance(w, w->frames[i].time);
        if (anew)
            restart_clock(w);
        from = to;
    }
}

// Frames that only count are taken out; all of them moved the clock.
static void take_frames(struct worker *w, int count)
{
    int64_t latest = w->now;
    if (w->sheds)
        count = overload_sort_out(&w->overload, w->frames, count, &latest);
    if (w->duplicates)
        count = duplicates_drop(w->duplicates, w->frames, count);
    take(w, count);
    advance(w, latest);
}

static bool turn(struct worker *w)
{
    int count = 0;
    switch (w->setup.source->read(w->source, w->frames, FRAMES, &count, &w->why)) {
    case SOURCE_FRAMES:
        if (w->setup.dump)
            dump_write(w->setup.dump, w->frames, count);
        take_frames(w, count);
        break;
    case SOURCE_IDLE:
        if (!w->setup.replay || !w->setup.full_speed)
            advance(w, clock_wall());
        break;
    case SOURCE_RESTART:
        restart_clock(w);
        break;
    case SOURCE_END:
        return false;
    case SOURCE_FAILED:
        w->failed = true;
        return false;
    }
    if (w->sheds)
        watch(w);
    emit_flush(w->emit, false);
    return true;
}

// A card is read until what it had captured is through, a file is left where it is.
static bool goes_on(struct worker *w)
{
    if (!w->stop || w->stopping)
        return true;
    w->stopping = true;
    if (!w->setup.source->stop)
        return false;
    w->setup.source->stop(w->source);
    return true;
}

static void *run(void *argument)
{
    struct worker *w = argument;
    if (w->setup.cpu >= 0 && !thread_pin(w->setup.cpu))
        log_say(LOG_WARNING, "worker", "cannot run on processor %d", w->setup.cpu);
    while (goes_on(w) && turn(w))
        ;
    close_all(w);
    emit_flush(w->emit, true);
    w->running = false;
    return NULL;
}

bool worker_listen(struct worker *w, struct error *why)
{
    return !w->setup.source->start || w->setup.source->start(w->source, w->counters, why);
}

void worker_start(struct worker *w)
{
    char name[16];
    snprintf(name, sizeof name, "worker-%u", w->setup.number);
    w->running = true;
    w->thread = thread_start(name, run, w);
}

void worker_stop(struct worker *w)
{
    w->stop = true;
}

bool worker_is_running(const struct worker *w)
{
    return w->running;
}

bool worker_join(struct worker *w, struct error *why)
{
    thread_join(w->thread);
    if (w->failed && why)
        *why = w->why;
    return !w->failed;
}

const struct counters *worker_counters(const struct worker *w)
{
    return w->counters;
}

void worker_progress(const struct worker *w, struct source_progress *out)
{
    *out = (struct source_progress){0};
    if (w->setup.source->progress)
        w->setup.source->progress(w->source, out);
}
