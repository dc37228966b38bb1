// SPDX-License-Identifier: Apache-2.0
// From the configuration tree to structs: root, interfaces, flows, protocols, outputs; then the
// schema over all that can be written, and what every document of a kind has.

#include "probe/plan.h"

#include <stdlib.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/processor.h"
#include "probe/flow/report.h"

static const char *const compat_choices[] = {"auto", "none", "packetbeat", NULL};
static const char *const precisions[] = {"millisecond", "microsecond", "nanosecond", NULL};
static const int digits_of[] = {3, 6, 9}; // a second
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const capture_types[] = {"pcap", "af_packet", "autodetect", "libpcap", NULL};
static const char *const fanouts[] = {"addresses", "ports", NULL};
static const char *const clocks[] = {"kernel", "card", NULL};

#define GENERAL(member) offsetof(struct general_settings, member)
#define UNUSED(name, why)                                   \
    {                                                       \
        .key = name, .type = SETTING_UNUSED, .meaning = why \
    }

const struct setting general_settings[] = {
    {"name", SETTING_TEXT, GENERAL(name), .meaning = "Name of the probe; the host's by default"},
    {"compat", SETTING_CHOICE, GENERAL(compat), "auto", .choices = compat_choices,
     .meaning = "Whose documents are written; auto: packetbeat under the root key packetbeat"},
    {"tags", SETTING_TEXTS, GENERAL(documents.tags), .meaning = "Tags added to each document"},
    {"fields", SETTING_NODE, GENERAL(documents.fields), .meaning = "Fields added to each document"},
    {"fields_under_root", SETTING_BOOL, GENERAL(documents.fields_under_root), "false",
     .meaning = "Put them at the root instead of below fields"},
    {"processors", SETTING_NODE, GENERAL(documents.processors),
     .meaning = "Processors for all documents"},
    {"timestamp.precision", SETTING_CHOICE, GENERAL(precision), "millisecond",
     .choices = precisions, .meaning = "Digits of all times in documents"},
    {"path.home", SETTING_TEXT, GENERAL(path_home), ".", .meaning = "Where the other paths start"},
    {"path.config", SETTING_TEXT, GENERAL(path_config),
     .meaning = "Where the configuration is looked for; path.home by default"},
    {"path.data", SETTING_TEXT, GENERAL(path_data),
     .meaning = "Where the probe keeps its id; path.home/data by default"},
    {"path.logs", SETTING_TEXT, GENERAL(path_logs),
     .meaning = "Where logs are written; path.home/logs by default"},
    {"logging.level", SETTING_CHOICE, GENERAL(log_level), "info", .choices = levels,
     .meaning = "What is logged: this and what is worse"},
    {"logging.to_stderr", SETTING_BOOL, GENERAL(log_stderr), "false",
     .meaning = "Log to standard error (also -e)"},
    {"logging.to_files", SETTING_BOOL, GENERAL(log_files), "true",
     .meaning = "Log to files, unless logging.to_stderr or -e"},
    {"logging.json", SETTING_BOOL, GENERAL(log_json), "true",
     .meaning = "Log ECS JSON lines instead of text"},
    {"logging.selectors", SETTING_TEXTS, GENERAL(log_selectors),
     .meaning = "Which debug messages are wanted, * for all"},
    {"logging.metrics.enabled", SETTING_BOOL, GENERAL(log_metrics), "true",
     .meaning = "Log a line of counters each period"},
    {"logging.metrics.period", SETTING_DURATION, GENERAL(log_metrics_period), "30s", SECOND,
     INT64_MAX, .meaning = "The period"},
    {"logging.files.path", SETTING_TEXT, GENERAL(log_path),
     .meaning = "Directory of the log files; path.logs by default"},
    {"logging.files.name", SETTING_TEXT, GENERAL(log_name),
     .meaning = "Name of the log file; the program's by default"},
    {"logging.files.rotateeverybytes", SETTING_BYTES, GENERAL(log_rotate), "10485760", 1024,
     INT64_C(1) << 40, .meaning = "A larger log file is moved away"},
    {"logging.files.keepfiles", SETTING_NUMBER, GENERAL(log_keep), "7", 2, 1024,
     .meaning = "Log files kept"},
    {"logging.files.permissions", SETTING_TEXT, GENERAL(log_permissions), "0600",
     .meaning = "Mode of log files, octal"},
    {"queue.mem", SETTING_TABLE, GENERAL(queue), .table = queue_settings,
     .meaning = "The inbox of each output"},
    {"output", SETTING_NODE, GENERAL(elsewhere), .meaning = "Where documents go: output.NAME"},
    {"packetbeat", SETTING_NODE, GENERAL(elsewhere),
     .meaning = "What to capture, as Packetbeat has it"},
    {"weir", SETTING_NODE, GENERAL(elsewhere), .meaning = "What to capture, Weir's own way"},
    UNUSED("logging.files.interval", "log files are rotated by size"),
    UNUSED("logging.files.rotateonstartup", "a log file is gone on with"),
    UNUSED("logging.files.redirect_stderr", "nothing else writes to standard error"),
    UNUSED("logging.files.suffix", "old log files are numbered"),
    UNUSED("logging.with_fields", "the log always has its fields"),
    UNUSED("logging.ecs", "the log is always ECS"),
    UNUSED("logging.to_syslog", "systemd and containers read standard error"),
    UNUSED("logging.to_eventlog", "there is no Windows event log here"),
    UNUSED("logging.event_data", "documents are never logged"),
    UNUSED("logging.metrics.namespaces", "there is one set of counters"),
    {"queue.disk", SETTING_NODE, GENERAL(elsewhere),
     .meaning = "Documents also lie on disk until they are delivered; off unless it is written"},
    UNUSED("max_procs", "see workers of an interface"),
    UNUSED("gc_percent", "there is no garbage collector"),
    UNUSED("timeseries.enabled", "not written"),
    {"sandbox", SETTING_TABLE, GENERAL(sandbox), .table = sandbox_settings,
     .meaning = "Giving up rights"},
    {"seccomp.enabled", SETTING_BOOL, GENERAL(sandbox.seccomp), "true",
     .meaning = "Of the sandbox, the list of system calls"},
    UNUSED("seccomp.default_action", "the list is the program's own"),
    UNUSED("seccomp.syscalls", "the list is the program's own"),
    UNUSED("features", "not used"),
    UNUSED("migration", "there is nothing to migrate"),
    {"cloud", SETTING_NODE, GENERAL(elsewhere), .meaning = "Elastic Cloud: id and auth"},
    {"http", SETTING_TABLE, GENERAL(http), .table = endpoint_settings,
     .meaning = "A look inside over HTTP"},
    {"keystore.path", SETTING_NODE, GENERAL(elsewhere),
     .meaning = "File of secrets; path.data/weir.keystore or packetbeat.keystore by default"},
    UNUSED("plugins", "there are no plug-ins"),
    {"setup", SETTING_NODE, GENERAL(elsewhere), .meaning = "What outputs put on their servers"},
    UNUSED("monitoring", "Elastic's monitoring cluster is not served"),
    UNUSED("instrumentation", "Elastic's tracing is not served"),
    UNUSED("path.migrate", "there is nothing to migrate"),
    SETTING_END};

#define PROBE(member) offsetof(struct probe_settings, member)
const struct setting probe_settings[] = {
    {"interfaces", SETTING_NODE, PROBE(interfaces), .meaning = "Where packets come from"},
    {"flows", SETTING_NODE, PROBE(flows), .meaning = "Flow records; absent: none"},
    {"protocols", SETTING_NODE, PROBE(protocols), .meaning = "Protocols to follow, a list"},
    {"ignore_outgoing", SETTING_BOOL, PROBE(ignore_outgoing), "false",
     .meaning = "Leave out transactions whose network.direction is egress"},
    {"shutdown_timeout", SETTING_DURATION, PROBE(shutdown_timeout), "5s", 0, INT64_MAX,
     .meaning = "After a signal, how long the outputs may take at most"},
    {"limits.decode", SETTING_TABLE, PROBE(decode), .table = decode_settings,
     .meaning = "Ceilings of decoding"},
    {"limits.conns", SETTING_TABLE, PROBE(conns), .table = conns_settings,
     .meaning = "Ceilings of conversations and transactions"},
    {"limits.events", SETTING_TABLE, PROBE(events), .table = emit_settings,
     .meaning = "Ceilings of documents"},
    {"limits.overload", SETTING_TABLE, PROBE(overload), .table = overload_settings,
     .meaning = "What is left out when there is too much to do"},
    UNUSED("procs", "processes of sockets are not looked up yet"),
    UNUSED("overwrite_pipelines", "there are no ingest pipelines to load"),
    UNUSED("id", "metrics have no such prefix"),
    UNUSED("npcap", "Windows is not supported"),
    SETTING_END};

#define INTERFACE(member) offsetof(struct interface_settings, member)
const struct setting interface_settings[] = {
    {"device", SETTING_TEXTS, INTERFACE(device), "any",
     .meaning = "Cards that are captured as one: names, patterns like eth*, !name to leave out, "
                "numbers of `weir devices`, default_route, default_route_ipv4, default_route_ipv6, "
                "any"},
    {"type", SETTING_CHOICE, INTERFACE(type), "pcap", .choices = capture_types,
     .meaning = "How packets are captured: pcap, af_packet and autodetect mean our own ring on "
                "Linux, and with pcap a card that is named is promiscuous; libpcap is slower"},
    {"file", SETTING_TEXT, INTERFACE(file),
     .meaning = "Capture file, or directory, instead of a device (also -I)"},
    {"bpf_filter", SETTING_TEXT, INTERFACE(bpf_filter),
     .meaning = "Which packets are captured, in libpcap's filter language; never applied to files"},
    {"dumpfile", SETTING_TEXT, INTERFACE(dumpfile),
     .meaning = "Prefix of a capture file into which all packets are written (also --dump)"},
    {"snaplen", SETTING_NUMBER, INTERFACE(snaplen), "65535", 64, 262144,
     .meaning = "Bytes kept of each packet"},
    {"buffer_size_mb", SETTING_NUMBER, INTERFACE(buffer_size_mb), "24", 1, 65536,
     .meaning = "Size of the kernel's ring, for each worker"},
    {"workers", SETTING_NUMBER, INTERFACE(workers), "0", 0, 256,
     .meaning = "Threads; 0: 1 for a file, the processors for a card"},
    {"fanout", SETTING_CHOICE, INTERFACE(fanout), "addresses", .choices = fanouts,
     .meaning = "How packets of a card are shared out to workers: by addresses, which keeps "
                "together whatever two hosts say to each other, also in fragments; or TCP by ports "
                "as well, for few hosts that talk much"},
    {"duplicates_window", SETTING_DURATION, INTERFACE(duplicates_window), "0", 0, 10 * SECOND,
     .meaning = "A packet seen a second time within it is left out and counted, as when any shows "
                "both ends of a veth; 0: none are looked for, some milliseconds are enough"},
    {"affinity", SETTING_NUMBERS, INTERFACE(affinity), NULL, 0, 1023,
     .meaning = "Processors that the workers are bound to, one after the other; none by default"},
    {"timestamps", SETTING_CHOICE, INTERFACE(timestamps), "kernel", .choices = clocks,
     .meaning = "Whose clock says when a packet came; card: where it has a clock and it is set to "
                "stamp packets (ethtool -T, hwstamp_ctl)"},
    {"loop", SETTING_NUMBER, INTERFACE(loop), "1", 0, INT64_C(1) << 40,
     .meaning = "Times a file is read, 0 without end (also -l)"},
    {"topspeed", SETTING_BOOL, INTERFACE(topspeed), "false",
     .meaning = "Read a file as fast as possible and keep its times (also -t)"},
    {"oneatatime", SETTING_BOOL, INTERFACE(oneatatime), "false",
     .meaning = "One packet of a file for each Enter (also -O)"},
    {"with_vlans", SETTING_BOOL, INTERFACE(with_vlans), "false",
     .meaning = "The filter also matches packets with VLAN tags"},
    {"auto_promisc_mode", SETTING_BOOL, INTERFACE(auto_promisc_mode), "false",
     .meaning = "Promiscuous mode while capturing"},
    {"internal_networks", SETTING_TEXTS, INTERFACE(internal_networks),
     .meaning = "Networks that count as internal for network.direction: CIDRs or names like "
                "private; under compat those of the first entry count for all"},
    UNUSED("fanout_group", "workers share a card inside one process"),
    UNUSED("poll_default_route", "a change of the default route is noticed within a second"),
    UNUSED("metrics_interval", "drops are counted with everything else"),
    SETTING_END};

// All protocols of the reference: of those that have no file here it is said that they are known.
static const char *const known_elsewhere[] = {
    "icmp",  "amqp", "cassandra", "dhcpv4", "dns", "http",   "memcache", "mongodb",
    "mysql", "nfs",  "pgsql",     "redis",  "sip", "thrift", "tls",      NULL};

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

// What every output has.
struct shared_settings {
    bool enabled;
    const struct config *queue; // read by its owner
    const char *dead_letter_file;
};

#define SHARED(member) offsetof(struct shared_settings, member)
static const struct setting shared_settings[] = {
    {"enabled", SETTING_BOOL, SHARED(enabled), "true", .meaning = "Whether the output is used"},
    {"queue", SETTING_NODE, SHARED(queue),
     .meaning = "queue.mem and queue.disk of its own; they win over those at the root"},
    {"dead_letter_file", SETTING_TEXT, SHARED(dead_letter_file),
     .meaning = "File where documents are kept that the output refuses, up to 256 MiB"},
    SETTING_END};

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

// ── the reference ──

static void print_section(const char *title, const struct setting *table, const char *prefix,
                          FILE *to)
{
    fprintf(to,
            "\n## %s\n\n| setting | type | default | range | meaning |\n|---|---|---|---|---|\n",
            title);
    setting_print(table, prefix, to);
}

void plan_print_settings(FILE *to)
{
    fprintf(to, "# Settings\n\nPrinted by `weir help settings` from the tables that check them. "
                "`weir.` may be written "
                "`packetbeat.`: then documents are Packetbeat's.\n");
    print_section("General", general_settings, "", to);
    print_section("Capture", probe_settings, "weir.", to);
    print_section("Interfaces", interface_settings, "weir.interfaces[].", to);
    print_section("Flows", flow_settings, "weir.flows.", to);
    print_section("All protocols", common_settings, "weir.protocols[].", to);
    for (const struct protocol *const *p = protocols; *p; p++) {
        if ((*p)->settings)
            print_section((*p)->name, (*p)->settings, "weir.protocols[].", to);
        for (const struct oddity *o = (*p)->oddities; o && o->name; o++)
            fprintf(to, "%sodd value under compat: `%s`: %s\n", o == (*p)->oddities ? "\n" : "",
                    o->name, o->meaning);
    }
    for (const struct processor *const *q = processors; *q; q++) {
        char title[160], prefix[64];
        snprintf(title, sizeof title, "Processor %s: %.100s", (*q)->name, (*q)->meaning);
        snprintf(prefix, sizeof prefix, "processors[].%s.", (*q)->name);
        if ((*q)->settings)
            print_section(title, (*q)->settings, prefix, to);
    }
    print_section("Disk queue; also below an output", disk_settings, "queue.disk.", to);
    print_section("All outputs", shared_settings, "output.NAME.", to);
    for (const struct output *const *o = outputs; *o; o++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "output.%s.", (*o)->name);
        print_section((*o)->meaning, (*o)->settings, prefix, to);
        if ((*o)->root_settings)
            print_section("Beside it", (*o)->root_settings, "", to);
    }
}
