// SPDX-License-Identifier: Apache-2.0
// From the configuration tree to structs: root, interfaces, flows, protocols, outputs; then the
// schema over all that can be written, and what every document of a kind has.

#include "probe/plan.h"

#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/processor.h"
#include "probe/flow/report.h"

static void warn(void *arg, const char *text)
{
    (void)arg;
    log_say(LOG_WARNING, "config", "%s", text);
}

static struct setting_reader reader_for(struct plan *p)
{
    return (struct setting_reader){.mood = p->compat ? SETTING_WARN : SETTING_REFUSE,
                                   .warn = warn,
                                   .arena = &p->arena,
                                   .told = &p->told};
}

// A list, also as -E makes one where there is none: interfaces.0.device=eth0.
static bool is_list(const struct config *node)
{
    return node && (node->kind == CONFIG_LIST ||
                    (node->kind == CONFIG_MAP && node->first && !strcmp(node->first->key, "0")));
}

// Says where it was written, for who found something wrong without knowing that.
static bool refuse(const struct config *node, const struct error *reason, struct error *why)
{
    char line[16] = "";
    if (node->line)
        snprintf(line, sizeof line, ":%d", node->line);
    return error_set(why, "%s%s: %.400s", node->file, line, reason->text);
}

// ── the tree ──

static bool read_root(struct plan *p, const struct config **probe, struct error *why)
{
    const struct config *theirs = config_get(p->root, "packetbeat"),
                        *ours = config_get(p->root, "weir");
    if (theirs && ours)
        return error_set(why, "%s:%d: both packetbeat and weir are given, choose one root key",
                         theirs->file, theirs->line);
    *probe = theirs ? theirs : ours;
    const char *compat = config_text(p->root, "compat");
    bool chosen = compat && strcmp(compat, "auto") != 0;
    p->compat = chosen ? !strcmp(compat, "packetbeat") : theirs != NULL;
    p->probe.decode.compat = p->compat;
    struct setting_reader reader = reader_for(p);
    return setting_fill(general_settings, p->root, &p->general, NULL, &reader, why) &&
           setting_fill(probe_settings, *probe, &p->probe, NULL, &reader, why);
}

static bool fill_log(struct plan *p, struct error *why)
{
    const struct general_settings *g = &p->general;
    const char *program = p->compat ? "packetbeat" : "weir";
    char *selectors = NULL, *end;
    long permissions = strtol(g->log_permissions, &end, 8);
    if (*end || permissions < 0400 || permissions > 0777)
        return config_refuse(config_get(p->root, "logging.files.permissions"), why,
                             "expected a mode, as in logging.files.permissions: 0600, found \"%s\"",
                             g->log_permissions);
    for (int i = 0; i < g->log_selectors.count; i++)
        selectors = arena_printf(&p->arena, "%s%s%s", selectors ? selectors : "", i ? "," : "",
                                 g->log_selectors.at[i]);
    p->log = (struct log_setup){.level = (enum log_level)g->log_level,
                                .json = g->log_json,
                                .to_stderr = g->log_stderr || !g->log_files,
                                .path = g->log_files && !g->log_stderr
                                            ? arena_printf(&p->arena, "%s/%s",
                                                           g->log_path ? g->log_path : g->path_logs,
                                                           g->log_name ? g->log_name : program)
                                            : NULL,
                                .rotate_bytes = (uint64_t)g->log_rotate,
                                .keep_files = (int)g->log_keep,
                                .permissions = (int)permissions,
                                .selectors = selectors};
    return true;
}

// ── interfaces ──

static bool read_filter(const struct config *node, const struct interface_settings *i,
                        struct error *why)
{
    struct error reason;
    if (!i->bpf_filter || filter_check(i->bpf_filter, &reason))
        return true;
    const struct config *at = config_get(node, "bpf_filter");
    return error_set(why, "%s:%d: bpf_filter: libpcap refuses \"%s\": %s", at ? at->file : "-E",
                     at ? at->line : 0, i->bpf_filter, reason.text);
}

static bool read_networks(struct plan *p, const struct config *node, struct interface_settings *i,
                          struct error *why)
{
    const struct setting_texts *names = &i->internal_networks;
    struct error reason;
    if (!names->count)
        return true;
    i->internal = networks_read(names->at, names->count, &p->arena, &reason);
    return i->internal || refuse(config_get(node, "internal_networks"), &reason, why);
}

static bool read_interface(struct plan *p, const struct config *node,
                           struct interface_settings *into, struct error *why)
{
    struct setting_reader reader = reader_for(p);
    if (!setting_fill(interface_settings, node, into, NULL, &reader, why))
        return false;
    for (int i = 0; i < into->device.count; i++)
        into->devices = i ? arena_printf(&p->arena, "%s,%s", into->devices, into->device.at[i])
                          : into->device.at[i];
    if (!into->devices)
        into->devices = "any";
    return read_filter(node, into, why) && read_networks(p, node, into, why);
}

static bool are_same_cards(const struct interface_settings *a, const struct interface_settings *b)
{
    return !a->file && !b->file && !strcmp(a->devices, b->devices);
}

static bool read_interfaces(struct plan *p, struct error *why)
{
    const struct config *node = p->probe.interfaces;
    bool list = is_list(node);
    int count = list && node->count ? node->count : 1;
    struct interface_settings *all = arena_alloc(&p->arena, (size_t)count * sizeof *all);
    if (!all)
        return error_set(why, "out of memory");
    p->interfaces = all;
    p->interface_count = count;
    const struct config *item = list ? node->first : node;
    for (int i = 0; i < count; i++, item = item ? item->next : NULL) {
        if (!read_interface(p, item, &all[i], why))
            return false;
        for (int j = 0; item && j < i; j++)
            if (are_same_cards(&all[j], &all[i]))
                return error_set(why, "%s:%d: device %s is listed twice", item->file, item->line,
                                 all[i].devices);
        if (p->compat) // the reference knows the networks of the first alone
            all[i].internal = all[0].internal;
    }
    return true;
}

// ── protocols ──

static const struct protocol *protocol_named(const char *name)
{
    for (const struct protocol *const *p = protocols; *p; p++)
        if (!strcmp((*p)->name, name))
            return *p;
    return NULL;
}

// All protocols of the reference: of those that have no file here it is said that they are known.
static const char *const known_elsewhere[] = {
    "icmp",  "amqp", "cassandra", "dhcpv4", "dns", "http",   "memcache", "mongodb",
    "mysql", "nfs",  "pgsql",     "redis",  "sip", "thrift", "tls",      NULL};

// A type without a file: refused, or under the reference's root key left out with a warning.
static bool unknown_protocol(struct plan *p, const struct config *node, const char *name,
                             struct error *why)
{
    if (!p->compat)
        return error_set(why, "%s:%d: unknown protocol \"%s\" (see `weir help protocols`)",
                         node->file, node->line, name);
    bool theirs = false;
    for (const char *const *k = known_elsewhere; *k; k++)
        theirs |= !strcmp(*k, name);
    log_say(LOG_WARNING, "config", "%s:%d: protocol %s is %s: left out", node->file, node->line,
            name, theirs ? "not followed yet" : "unknown");
    return true;
}

// Defaults that differ between protocols, as the user would have written them.
static void protocol_defaults(struct plan *p, const struct protocol *protocol,
                              const struct config *node, struct common_settings *common)
{
    if (protocol->timeout && !config_get(node, "transaction_timeout"))
        text_to_duration(span_text(protocol->timeout), &common->transaction_timeout);
    if (protocol->sends_by_default && !config_get(node, "send_request"))
        common->send_request = true;
    if (protocol->sends_by_default && !config_get(node, "send_response"))
        common->send_response = true;
    if (p->compat && !config_get(node, "detect"))
        common->detect = false;
    if (p->compat || config_get(node, "ports") || !protocol->ports || !*protocol->ports)
        return;
    struct config *standard = config_new(&p->arena);
    const char *text = arena_printf(&p->arena, "ports: [%s]", protocol->ports);
    struct setting_reader reader = reader_for(p);
    struct common_settings ports;
    if (standard && text &&
        config_read_text(standard, span_text(text), "built in", &p->arena, NULL) &&
        setting_fill(common_settings, standard, &ports, NULL, &reader, NULL))
        common->ports = ports.ports;
}

static bool read_protocol(struct plan *p, const struct config *node, const char *name,
                          struct error *why)
{
    const struct protocol *protocol = protocol_named(name);
    if (!protocol)
        return unknown_protocol(p, node, name, why);
    struct binding *b = arena_alloc(&p->arena, sizeof *b);
    void *settings = arena_alloc(&p->arena, protocol->settings_size + 1);
    if (!b || !settings)
        return error_set(why, "out of memory");
    static const struct setting none[] = {SETTING_END};
    const struct setting *own = protocol->settings ? protocol->settings : none;
    struct setting_reader reader = reader_for(p);
    if (!setting_fill(common_settings, node, &b->common, own, &reader, why) ||
        !setting_fill(own, node, settings, common_settings, &reader, why))
        return false;
    if (!b->common.enabled)
        return true;
    protocol_defaults(p, protocol, node, &b->common);
    struct error reason;
    if (protocol->check && !protocol->check(settings, &reason))
        return error_set(why, "%s:%d: %s: %s", node->file, node->line, name, reason.text);
    b->protocol = protocol;
    b->settings = settings;
    b->compat = p->compat;
    b->dataset = p->dataset_count;
    p->datasets[p->dataset_count++] = (struct emit_dataset){
        .name = name, .fields = protocol->fields, .protocol = protocol, .settings = &b->common};
    p->bindings[p->binding_count++] = b;
    return true;
}

// Whose each port is. The same port of the same transport in two protocols cannot be told apart.
struct ports {
    const struct binding *owner[2][65536]; // TCP, UDP
};

static bool claim_ports(struct ports *ports, const struct binding *b, const struct config *node,
                        struct error *why)
{
    static const unsigned transports[] = {OVER_TCP, OVER_UDP};
    for (int t = 0; t < 2; t++)
        for (int i = 0; (b->protocol->transports & transports[t]) && i < b->common.ports.count;
             i++) {
            const struct binding **owner = &ports->owner[t][b->common.ports.at[i]];
            if (*owner && *owner != b)
                return error_set(why, "%s:%d: port %d is given to both %s and %s", node->file,
                                 node->line, (int)b->common.ports.at[i], (*owner)->protocol->name,
                                 b->protocol->name);
            *owner = b;
        }
    return true;
}

static bool read_entry(struct plan *p, const struct config *node, const char *name,
                       struct ports *ports, struct error *why)
{
    int before = p->binding_count;
    return read_protocol(p, node, name, why) &&
           (p->binding_count == before || claim_ports(ports, p->bindings[before], node, why));
}

// The list form, and the old dictionary form (`protocols.http:`).
static bool read_protocols(struct plan *p, struct error *why)
{
    const struct config *node = p->probe.protocols;
    bool list = is_list(node);
    int count = node ? node->count : 0;
    if (node && !list && node->kind != CONFIG_MAP && node->kind != CONFIG_NULL)
        return config_refuse(node, why, "expected a list of protocols");
    struct ports *ports = arena_alloc(&p->arena, sizeof *ports);
    p->bindings = arena_alloc(&p->arena, (size_t)(count + 1) * sizeof *p->bindings);
    p->datasets = arena_alloc(&p->arena, (size_t)(count + 2) * sizeof *p->datasets);
    if (!ports || !p->bindings || !p->datasets)
        return error_set(why, "out of memory");
    for (const struct config *n = node ? node->first : NULL; n; n = n->next) {
        const char *name = list ? config_text(n, "type") : n->key;
        if (!name)
            return error_set(why, "%s:%d: protocols: expected `type: NAME` in each entry", n->file,
                             n->line);
        if (!read_entry(p, n, name, ports, why))
            return false;
    }
    return true;
}

// ── flows ──

static bool read_flows(struct plan *p, struct error *why)
{
    const struct config *node = p->probe.flows;
    struct setting_reader reader = reader_for(p);
    if (!setting_fill(flow_settings, node, &p->flows, common_settings, &reader, why) ||
        !setting_fill(common_settings, node, &p->flows_common, flow_settings, &reader, why))
        return false;
    struct error reason;
    if (!flow_settings_check(&p->flows, &reason))
        return refuse(node, &reason, why);
    p->flow_dataset = -1;
    if (!node || !p->flows_common.enabled)
        return true;
    p->flow_dataset = p->dataset_count;
    p->datasets[p->dataset_count++] =
        (struct emit_dataset){.name = "flow", .fields = &flow_table, .settings = &p->flows_common};
    return true;
}

// ── overload ──

// The reference has nothing like it: it must be asked for under compat, and is not told of.
static void read_overload(struct plan *p, const struct config *probe)
{
    p->overload_dataset = -1;
    if (p->compat) {
        if (!config_get(probe, "limits.overload.enabled"))
            p->probe.overload.enabled = false;
        return;
    }
    p->overload_dataset = p->dataset_count;
    p->datasets[p->dataset_count++] =
        (struct emit_dataset){.name = "weir.overload", .fields = &overload_table};
}

// ── outputs ──

static const struct output *output_named(const char *name)
{
    for (const struct output *const *o = outputs; *o; o++)
        if (!strcmp((*o)->name, name))
            return *o;
    return NULL;
}

// queue.disk below an output wins over the one at the root; without either there is none.
static bool read_disk(struct plan *p, const struct config *node, const struct disk_settings **into,
                      struct error *why)
{
    const struct config *own = config_get(node, "queue.disk");
    struct setting_reader reader = reader_for(p);
    struct error reason;
    if (!own && !(own = config_get(p->root, "queue.disk")))
        return true;
    struct disk_settings *disk = arena_alloc(&p->arena, sizeof *disk);
    if (!disk)
        return error_set(why, "out of memory");
    *into = disk;
    if (!setting_fill(disk_settings, own, disk, NULL, &reader, why))
        return false;
    return disk_check(disk, &reason) || refuse(own, &reason, why);
}

// queue.mem below an output wins over the one at the root.
static bool read_own_queue(struct plan *p, const struct config *node,
                           const struct queue_settings **into, struct error *why)
{
    const struct config *own = config_get(node, "queue.mem");
    struct setting_reader reader = reader_for(p);
    struct error reason;
    if (!own)
        return true;
    struct queue_settings *queue = arena_alloc(&p->arena, sizeof *queue);
    if (!queue)
        return error_set(why, "out of memory");
    *into = queue;
    if (!setting_fill(queue_settings, own, queue, NULL, &reader, why))
        return false;
    return queue_check(queue, &reason) || refuse(own, &reason, why);
}

static bool unknown_output(const struct config *node, struct error *why)
{
    char names[256] = "";
    for (const struct output *const *o = outputs; *o; o++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", (*o)->name);
    }
    return error_set(why, "%s:%d: output.%s is not available (there are: %s)", node->file,
                     node->line, node->key, names);
}

// What else stands there is checked later, if it is on.
static bool read_shared(struct plan *p, const struct config *node, struct shared_settings *shared,
                        struct error *why)
{
    struct setting_reader reader = {.mood = SETTING_WARN, .arena = &p->arena};
    return setting_fill(shared_settings, node, shared, NULL, &reader, why);
}

// Its own section, and what it reads at the root of the file.
static bool fill_output(struct plan *p, const struct output *output, const struct config *node,
                        void *settings, struct error *why)
{
    struct setting_reader reader = reader_for(p);
    struct error reason;
    if (!setting_fill(output->settings, node, settings, shared_settings, &reader, why))
        return false;
    if (output->root_settings &&
        !setting_fill(output->root_settings, p->root, settings, general_settings, &reader, why))
        return false;
    return !output->check || output->check(settings, &reason) ||
           error_set(why, "%s:%d: output.%s: %s", node->file, node->line, node->key, reason.text);
}

static bool read_output(struct plan *p, const struct config *node, struct error *why)
{
    struct shared_settings shared;
    if (!read_shared(p, node, &shared, why))
        return false;
    if (!shared.enabled)
        return true;
    const struct output *output = output_named(node->key);
    if (!output)
        return unknown_output(node, why);
    void *settings = arena_alloc(&p->arena, output->settings_size);
    struct publisher_output *o = &p->outputs[p->output_count++];
    *o = (struct publisher_output){
        .output = output, .settings = settings, .dead_letter_file = shared.dead_letter_file};
    if (!settings)
        return error_set(why, "out of memory");
    return fill_output(p, output, node, settings, why) && read_own_queue(p, node, &o->queue, why) &&
           read_disk(p, node, &o->disk, why);
}

static bool read_outputs(struct plan *p, void (*ask_stop)(void *), struct error *why)
{
    const struct config *node = config_get(p->root, "output");
    if (node && node->kind != CONFIG_MAP && node->kind != CONFIG_NULL)
        return config_refuse(node, why, "expected output.NAME");
    p->outputs =
        arena_alloc(&p->arena, (size_t)((node ? node->count : 0) + 1) * sizeof *p->outputs);
    if (!p->outputs)
        return error_set(why, "out of memory");
    for (const struct config *n = node ? node->first : NULL; n; n = n->next)
        if (!read_output(p, n, why))
            return false;
    const struct field_table **tables = arena_alloc(&p->arena, FIELD_TABLES * sizeof *tables);
    if (!tables)
        return error_set(why, "out of memory");
    p->world = (struct output_world){.tables = tables,
                                     .table_count = plan_field_tables(tables),
                                     .program = p->compat ? "packetbeat" : "weir",
                                     .version = p->identity.version,
                                     .host = p->identity.name,
                                     .path_data = p->general.path_data,
                                     .compat = p->compat,
                                     .started = clock_wall(),
                                     .ask_stop = ask_stop,
                                     .arena = &p->arena};
    return true;
}

// ── documents ──

int plan_field_tables(const struct field_table *tables[FIELD_TABLES])
{
    int count = 0;
    tables[count++] = &common_table;
    tables[count++] = &flow_table;
    tables[count++] = &overload_table;
    for (const struct protocol *const *p = protocols; *p && count < FIELD_TABLES; p++)
        tables[count++] = (*p)->fields;
    return count + processors_tables(tables + count, FIELD_TABLES - count);
}

static const int digits_of[] = {3, 6, 9}; // of a second, by timestamp.precision

static bool build_documents(struct plan *p, bool publish, struct error *why)
{
    const struct field_table *tables[FIELD_TABLES];
    int table_count = plan_field_tables(tables);
    const char **extra;
    int extra_count =
        emit_extra_names(&p->general.documents, p->datasets, p->dataset_count, &extra, &p->arena);
    p->schema = schema_build(tables, table_count, extra, extra_count, p->compat, &p->arena, why);
    if (!p->schema)
        return false;
    struct emit_setup setup = {.schema = p->schema,
                               .all = &p->general.documents,
                               .digits = digits_of[p->general.precision],
                               .datasets = p->datasets,
                               .dataset_count = p->dataset_count,
                               .outputs = p->outputs,
                               .output_count = p->output_count,
                               .world = &p->world,
                               .identity = &p->identity,
                               .warn = warn,
                               .compat = p->compat,
                               .publish = publish,
                               .ignore_outgoing = p->probe.ignore_outgoing,
                               .own = networks_own(&p->arena),
                               .arena = &p->arena};
    p->emit = emit_plan_new(&setup, why);
    return p->emit != NULL;
}

static bool plan_read(struct plan *p, const struct plan_sources *s, struct error *why)
{
    const struct config *probe = NULL;
    if (!plan_read_files(p->root, s, &p->arena, why) || !read_root(p, &probe, why))
        return false;
    identity_read(&p->identity, p->general.name, s->keep_id ? p->general.path_data : NULL,
                  p->compat, &p->arena);
    p->probe.events.flush_timeout = p->general.queue.flush_timeout;
    struct error reason;
    if (!queue_check(&p->general.queue, &reason))
        return refuse(config_get(p->root, "queue.mem"), &reason, why);
    if (!fill_log(p, why) || !read_interfaces(p, why) || !read_protocols(p, why) ||
        !read_flows(p, why))
        return false;
    read_overload(p, probe);
    return read_outputs(p, s->ask_stop, why) && build_documents(p, s->publish, why);
}

struct plan *plan_new(const struct plan_sources *from, struct error *why)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p || !arena_init(&p->arena, 64 << 20) || !(p->root = config_new(&p->arena))) {
        plan_free(p);
        error_set(why, "out of memory");
        return NULL;
    }
    if (plan_read(p, from, why))
        return p;
    plan_free(p);
    return NULL;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    free(p);
}

// ── memory ──

uint64_t plan_memory(const struct plan *p, unsigned workers)
{
    const struct emit_settings *e = &p->probe.events;
    int64_t worker = flows_memory(&p->flows) +
                     conns_memory(&p->probe.conns, p->bindings, p->binding_count) +
                     p->probe.decode.fragment_bytes + e->scratch + e->batches * BATCH_SIZE;
    uint64_t inboxes = 0;
    for (const struct publisher_output *o = p->outputs; o < p->outputs + p->output_count; o++)
        inboxes += (uint64_t)(o->queue ? o->queue : &p->general.queue)->bytes;
    return workers * (uint64_t)worker + inboxes;
}
