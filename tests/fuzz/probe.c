// SPDX-License-Identifier: Apache-2.0
// A capture file from its first byte to documents: readers, decoder, flows, all protocols on their
// usual ports, documents judged. The first byte tells the kind of world, the rest is pcap or
// pcapng.

#include "probe/capture/pcap.h"
#include "probe/capture/pcapng.h"
#include "tests/fuzz/world.h"

static struct setting_numbers ports_of(struct world *w, const struct protocol *p)
{
    struct setting_numbers ports = {arena_alloc(&w->arena, 64 * sizeof(int64_t)), 0};
    struct span rest = span_text(p->ports), one;
    uint64_t number;
    while (rest.len && ports.count < 64)
        if (one = span_trim(span_cut(&rest, ',')), span_number(one, &number))
            ports.at[ports.count++] = (int64_t)number;
    return ports;
}

struct run {
    struct world *world;
    struct decoder *decoder;
    struct flows *flows;
    int64_t now;
};

// A decoder and a table for each kind of world, built when they are first asked for.
static void run_open(struct run *r, unsigned kind)
{
    static struct run runs[WORLD_KINDS];
    static const struct flow_settings flows = {.timeout = 30 * SECOND,
                                               .period = 10 * SECOND,
                                               .flows = 64,
                                               .reorder_bytes = 64 << 10,
                                               .reorder_bytes_all = 256 << 10,
                                               .reorder_timeout = 5 * SECOND};
    static const struct decode_settings decoding = {.fragments = 64,
                                                    .fragment_bytes = 1 << 20,
                                                    .fragment_timeout = 30 * SECOND,
                                                    .tunnel_depth = 4,
                                                    .vlan_depth = 2,
                                                    .tunnels = true};
    struct run *built = &runs[kind % WORLD_KINDS];
    if (built->flows) {
        *r = *built;
        return;
    }
    struct world *w = r->world = world_of(kind, NULL);
    for (int i = 0; i < w->protocols; i++)
        if (!w->binding[i].common.ports.at)
            w->binding[i].common.ports = ports_of(w, w->binding[i].protocol);
    struct flows_setup setup = {.settings = &flows,
                                .bindings = w->bindings,
                                .binding_count = w->protocols,
                                .conns = w->conns,
                                .emit = w->emit,
                                .dataset = w->protocols,
                                .compat = kind & WORLD_COMPAT,
                                .seed = 7,
                                .counters = &w->counters};
    struct error why = {""};
    r->decoder = decoder_new(&decoding, 1, &w->counters);
    r->flows = flows_new(&setup, &why);
    fuzz_check(r->decoder && r->flows);
    *built = *r;
}

static void take(struct run *r, const struct frame *frames, int count)
{
    struct packet packets[FRAMES];
    for (int i = 0; i < count; i++) {
        if (frames[i].time > r->now) {
            r->now = frames[i].time;
            decoder_age(r->decoder, r->now);
            conns_age(r->world->conns, r->now);
            flows_age(r->flows, r->now);
        }
        flows_take(r->flows, packets, decode(r->decoder, &frames[i], 1, packets));
    }
}

// The readers on bytes that are all there. False: nothing more.
static bool read_some(struct pcap_file *pcap, struct pcapng_file *pcapng, struct records *r)
{
    r->count = 0;
    r->used = r->need = 0;
    if (pcap)
        pcap_file_read(pcap, r);
    else
        pcapng_file_read(pcapng, r);
    r->bytes = span_skip(r->bytes, r->used);
    return r->count || (r->used && !r->damage);
}

static void read_file(struct run *run, struct span file)
{
    struct frame frames[FRAMES];
    struct records r = {.bytes = file, .frames = frames, .max = FRAMES};
    struct pcap_file pcap, *old = NULL;
    struct pcapng_file pcapng;
    pcapng_file_begin(&pcapng);
    if (file.len >= PCAP_HEADER && pcap_file_is(file)) {
        if (pcap_file_begin(&pcap, file.at))
            return;
        old = &pcap;
        r.bytes = span_skip(file, PCAP_HEADER);
    } else if (file.len < 4 || !pcapng_file_is(file)) {
        return;
    }
    while (read_some(old, &pcapng, &r))
        take(run, frames, r.count);
    pcapng_file_end(&pcapng);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = {0};
    if (!size)
        return 0;
    run_open(&r, data[0]);
    uint8_t *exact = fuzz_exact(span_of(data + 1, size - 1));
    read_file(&r, span_of(exact, size - 1));
    free(exact);
    decoder_forget(r.decoder);
    flows_end_all(r.flows, ENDED_FILE);
    conns_end_all(r.world->conns, ENDED_FILE);
    flows_restart(r.flows);
    world_check(r.world);
    return 0;
}
