// SPDX-License-Identifier: Apache-2.0
// A file stands alone; cards may be several, and share the processors among them.

#include "probe/cli/inputs.h"

#include <sched.h>

#include "probe/capture/duplicates.h"
#include "probe/cli/command.h"

static const struct source *source_named(const char *name)
{
    for (const struct source *const *s = sources; *s; s++)
        if (!strcmp((*s)->name, name))
            return *s;
    return NULL;
}

static void add(struct inputs *all, const struct input *input, const char *name)
{
    all->told[all->count] = (struct endpoint_input){input->source->name, name};
    all->at[all->count++] = *input;
}

// ── files ──

static bool choose_file(struct inputs *all, struct arena *arena, const struct flags *flags,
                        const struct interface_settings *i, const char *path, struct error *why)
{
    const char **files = arena_alloc(arena, 2 * sizeof *files);
    const char *loops = flags_text(flags, "l");
    uint64_t number = (uint64_t)i->loop;
    if (!files)
        return error_set(why, "out of memory");
    if (loops && !span_number(span_text(loops), &number))
        return error_set(why, "-l %s: expected a number", loops);
    files[0] = path;
    struct input file = {.settings = i,
                         .source = source_named("file"),
                         .capture = {.files = files,
                                     .file_count = 1,
                                     .loops = (int64_t)number,
                                     .full_speed = i->topspeed || flags_on(flags, "t"),
                                     .one_at_a_time = i->oneatatime || flags_on(flags, "O"),
                                     .snaplen = (int)i->snaplen,
                                     .arena = arena},
                         .workers =
                             i->workers && strcmp(path, "-") != 0 ? (unsigned)i->workers : 1};
    all->replay = true;
    add(all, &file, path);
    return true;
}

// ── cards ──

// Processors that this process may use.
static unsigned processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (unsigned)count : 1;
}

static unsigned workers_of(const struct interface_settings *i, int entries, bool dumped)
{
    if (dumped || i->type == CAPTURE_LIBPCAP) // one after the other; libpcap cannot share out
        return 1;
    if (i->workers)
        return (unsigned)i->workers;
    unsigned share = processors() / (unsigned)entries;
    return share ? share : 1;
}

// Tags that lie inside another are not taken off by the kernel.
static const char *filter_of(struct plan *plan, const struct interface_settings *i)
{
    const char *f = i->bpf_filter;
    return f && i->with_vlans ? arena_printf(&plan->arena, "(%s) or (vlan and (%s))", f, f) : f;
}

static bool choose_cards(struct inputs *all, struct plan *plan, const struct interface_settings *i,
                         struct error *why)
{
    const struct decode_settings *decode = &plan->probe.decode;
    struct input cards = {.settings = i,
                          .workers = workers_of(i, plan->interface_count, all->dump),
                          .capture = {.device = i->devices,
                                      .filter = filter_of(plan, i),
                                      .snaplen = (int)i->snaplen,
                                      .arena = &plan->arena}};
    struct live_setup *live = &cards.capture.live;
    live->ring_bytes = (size_t)i->buffer_size_mb << 20;
    live->promiscuous = i->auto_promisc_mode || i->type == CAPTURE_PCAP;
    live->hardware_time = i->timestamps;
    cards.source = source_named(i->type == CAPTURE_LIBPCAP ? "pcap_live" : "af_packet");
    if (!cards.source)
        return error_set(why, "%s cannot be captured on this system", i->devices);
    struct fanout_setup fanout = {.by = (enum fanout_by)i->fanout,
                                  .tunnel_depth = decode->tunnels ? (int)decode->tunnel_depth : 0,
                                  .vxlan = &decode->tunnel_ports[TUNNEL_VXLAN]};
    if (cards.workers > 1 && !(live->fanout = fanout_new(&fanout)))
        return error_set(why, "out of memory");
    add(all, &cards, i->devices);
    return true;
}

static bool count_workers(const struct inputs *all, struct error *why)
{
    unsigned sum = 0;
    for (int i = 0; i < all->count; i++)
        sum += all->at[i].workers;
    return sum <= WORKERS || error_set(why, "%u workers, there may be %d", sum, WORKERS);
}

// ── the public face ──

// That of the command line, or of the first entry that has one.
static const char *dump_of(const struct plan *plan, const struct flags *flags)
{
    const char *prefix = flags_text(flags, "dump");
    for (int i = 0; !prefix && i < plan->interface_count; i++)
        prefix = plan->interfaces[i].dumpfile;
    return prefix;
}

// The first entry with a file; NULL: all are cards.
static const struct interface_settings *entry_with_file(const struct plan *plan)
{
    for (int i = 0; i < plan->interface_count; i++)
        if (plan->interfaces[i].file)
            return &plan->interfaces[i];
    return NULL;
}

bool inputs_choose(struct inputs *all, struct plan *plan, const struct flags *flags,
                   struct error *why)
{
    const char *path = flags_text(flags, "I");
    all->dump = dump_of(plan, flags);
    if (path)
        return choose_file(all, &plan->arena, flags, &plan->interfaces[0], path, why);
    const struct interface_settings *entry = entry_with_file(plan);
    if (entry && plan->interface_count > 1)
        log_say(LOG_WARNING, "run", "%s is read alone, other entries of interfaces are left out",
                entry->file);
    if (entry)
        return choose_file(all, &plan->arena, flags, entry, entry->file, why);
    if (plan->interface_count > INPUTS)
        return error_set(why, "%d interfaces, there may be %d", plan->interface_count, INPUTS);
    for (int i = 0; i < plan->interface_count; i++)
        if (!choose_cards(all, plan, &plan->interfaces[i], why))
            return false;
    return count_workers(all, why);
}

int inputs_check(const struct inputs *all, struct error *why)
{
    static const int codes[] = {[SOURCE_FINE] = EXIT_FINE,
                                [SOURCE_NO_RIGHT] = EXIT_NO_RIGHT,
                                [SOURCE_NO_DEVICE] = EXIT_NO_DEVICE};
    int code = EXIT_FINE;
    for (int i = 0; i < all->count && code == EXIT_FINE; i++)
        if (all->at[i].source->check)
            code = codes[all->at[i].source->check(&all->at[i].capture, why)];
    return code;
}

bool inputs_open(struct inputs *all, struct error *why)
{
    for (int i = 0; i < all->count; i++)
        for (unsigned w = 0; w < all->at[i].workers; w++) {
            struct input *input = &all->at[i];
            input->opened[w] = input->source->open(&input->capture, why);
            if (!input->opened[w])
                return false;
        }
    return true;
}

uint64_t inputs_memory(const struct inputs *all)
{
    uint64_t bytes = 0;
    for (const struct input *i = all->at; i < all->at + all->count; i++)
        bytes += i->workers * ((uint64_t)i->capture.live.ring_bytes +
                               (i->settings->duplicates_window ? DUPLICATES_MEMORY : 0));
    return bytes;
}

static void input_free(struct input *input)
{
    for (unsigned w = 0; w < input->workers; w++)
        if (input->opened[w])
            input->source->close(input->opened[w]);
    fanout_free(input->capture.live.fanout);
}

void inputs_free(struct inputs *all)
{
    for (int i = 0; i < all->count; i++)
        input_free(&all->at[i]);
}
