// SPDX-License-Identifier: Apache-2.0
// From the level to what is shed, and to the document about it.

#include "probe/overload.h"

#include "pipeline/base/clock.h"

#define SETTING(member) offsetof(struct overload_settings, member)
const struct setting overload_settings[] = {
    {"enabled", SETTING_BOOL, SETTING(enabled), "true",
     .meaning = "When packets of a card come faster than they can be followed, leave out whole "
                "conversations by a hash: first their protocols are not followed, then they are "
                "not counted as flows; those that are followed already go on. Under compat off "
                "unless it is written"},
    {"period", SETTING_DURATION, SETTING(period), "10s", SECOND, 86400 * SECOND,
     .meaning = "Time between two documents of type weir.overload, while packets are shed or the "
                "kernel drops some; not under compat"},
    SETTING_END};

static const struct field fields[] = {
    {"overload.worker", FIELD_LONG, "Number of the worker that had too much to do", FIELD_ADDED},
    {"overload.unparsed_share", FIELD_LONG,
     "Percent of the new conversations, by hash, whose protocols it does not follow now",
     FIELD_ADDED},
    {"overload.uncounted_share", FIELD_LONG,
     "Percent of the new conversations, by hash, that it does not count as flows now", FIELD_ADDED},
    {"overload.flows", FIELD_LONG, "Flows whose protocol was not followed, begun in the period",
     FIELD_ADDED},
    {"overload.packets.seen", FIELD_LONG, "Packets that came to the worker in the period",
     FIELD_ADDED},
    {"overload.packets.unparsed", FIELD_LONG,
     "Packets in the period that were only counted in their flows", FIELD_ADDED},
    {"overload.packets.uncounted", FIELD_LONG, "Packets in the period that were counted in no flow",
     FIELD_ADDED},
    {"overload.packets.uncaptured", FIELD_LONG,
     "Packets in the period of which the kernel kept nothing but the length", FIELD_ADDED},
    {"overload.packets.dropped", FIELD_LONG,
     "Packets that the kernel found no room for, as far as it told in the period", FIELD_ADDED},
};
_Static_assert(sizeof fields / sizeof *fields == OVERLOAD_FIELDS - COMMON_FIELDS, "one row each");

const struct field_table overload_table = {"weir.overload", &common_table, fields,
                                           OVERLOAD_FIELDS - COMMON_FIELDS};

static const int64_t cut_pause = SECOND / 10; // a change costs the kernel a compilation

// ── building ──

// False: there are more tunnels than the kernel's program has room for.
static bool add_tunnels(struct cut *cut, const struct decode_settings *d)
{
    for (int kind = 0; d->tunnels && kind < TUNNELS; kind++)
        for (int i = 0; i < d->tunnel_ports[kind].count; i++) {
            if (cut->tunnel_count == CUT_TUNNELS)
                return false;
            cut->tunnels[cut->tunnel_count++] = (uint16_t)d->tunnel_ports[kind].at[i];
        }
    return true;
}

bool overload_init(struct overload *o, const struct overload_setup *setup)
{
    *o = (struct overload){.setup = *setup, .cut.seed = setup->seed};
    o->cuts = setup->source->cut && add_tunnels(&o->cut, setup->decode);
    return setup->settings->enabled && setup->source->fill;
}

void overload_restart(struct overload *o)
{
    o->begun = o->cut_time = 0;
}

// ── shedding ──

int overload_sort_out(struct overload *o, struct frame *frames, int count, int64_t *latest)
{
    uint64_t bytes = 0;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (!frames[i].cut) {
            if (kept++ != i)
                frames[kept - 1] = frames[i];
            continue;
        }
        bytes += frames[i].wire;
        if (frames[i].time > *latest)
            *latest = frames[i].time;
    }
    if (kept == count)
        return count;
    counter_add(o->setup.counters->packets_seen, count - kept);
    counter_add(o->setup.counters->packets_bytes, bytes);
    counter_add(o->setup.counters->shed_uncaptured, count - kept);
    return kept;
}

bool overload_watch(struct overload *o, int64_t now)
{
    if (!load_is_due(&o->load, now))
        return false;
    unsigned before = o->load.level;
    if (!load_note(&o->load, now, o->setup.source->fill(o->setup.opened)))
        return false;
    counter_add(o->setup.counters->shed_level, (int64_t)o->load.level - before);
    return true;
}

void overload_cut(struct overload *o, uint64_t idle, int64_t now)
{
    if (!o->cuts || idle == o->cut.slices ||
        (now >= o->cut_time && now - o->cut_time < cut_pause && o->cut_time))
        return;
    o->cut.slices = idle;
    o->cut_time = now;
    o->setup.source->cut(o->setup.opened, &o->cut);
}

// ── telling ──

static uint64_t since(const struct overload *o, enum counter which, uint64_t *told)
{
    uint64_t now = counter_at(o->setup.counters, which), before = *told;
    *told = now;
    return now - before;
}

static void write_number(struct event *e, int field, uint64_t number)
{
    event_number(e, field, (int64_t)number);
}

static bool is_something(const struct overload *o)
{
    const struct counters *c = o->setup.counters;
    return o->load.level || counter_get(c->shed_unparsed) != o->told.unparsed ||
           counter_get(c->shed_uncounted) != o->told.uncounted ||
           counter_get(c->shed_uncaptured) != o->told.uncaptured ||
           counter_get(c->kernel_dropped) != o->told.dropped;
}

static void write_packets(struct overload *o, struct event *e)
{
    write_number(e, OVERLOAD_FLOWS, since(o, COUNTER_shed_flows, &o->told.flows));
    write_number(e, OVERLOAD_SEEN, since(o, COUNTER_packets_seen, &o->told.seen));
    write_number(e, OVERLOAD_UNPARSED, since(o, COUNTER_shed_unparsed, &o->told.unparsed));
    write_number(e, OVERLOAD_UNCOUNTED, since(o, COUNTER_shed_uncounted, &o->told.uncounted));
    write_number(e, OVERLOAD_UNCAPTURED, since(o, COUNTER_shed_uncaptured, &o->told.uncaptured));
    write_number(e, OVERLOAD_DROPPED, since(o, COUNTER_kernel_dropped, &o->told.dropped));
}

static void tell(struct overload *o, int64_t now)
{
    struct event *e = emit_begin(o->setup.emit, o->setup.dataset, now);
    event_time(e, F_EVENT_START, o->begun);
    event_time(e, F_EVENT_END, now);
    event_number(e, F_EVENT_DURATION, now - o->begun);
    event_number(e, OVERLOAD_WORKER, o->setup.worker);
    event_number(e, OVERLOAD_UNPARSED_SHARE, load_unparsed(&o->load) * 100 / SLICES);
    event_number(e, OVERLOAD_UNCOUNTED_SHARE, load_uncounted(&o->load) * 100 / SLICES);
    write_packets(o, e);
    emit_finish(o->setup.emit);
}

void overload_report(struct overload *o, int64_t now, bool end)
{
    if (!o->begun)
        o->begun = now;
    if (o->setup.dataset < 0 || (!end && now - o->begun < o->setup.settings->period))
        return;
    if (is_something(o))
        tell(o, now);
    o->told.seen = counter_get(o->setup.counters->packets_seen);
    o->begun = now;
}
