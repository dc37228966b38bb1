// SPDX-License-Identifier: Apache-2.0
// The tables of settings that are nobody's but the plan's, and the reference of all settings.

#include "pipeline/base/clock.h"
#include "pipeline/processor.h"
#include "probe/plan.h"

static const char *const compat_choices[] = {"auto", "none", "packetbeat", NULL};
static const char *const precisions[] = {"millisecond", "microsecond", "nanosecond", NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const capture_types[] = {"pcap", "af_packet", "autodetect", "libpcap", NULL};
static const char *const fanouts[] = {"addresses", "ports", "outer", NULL};
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
                "together whatever two hosts say to each other, also in fragments; TCP by ports "
                "as well, for few hosts that talk much; or by outer addresses, for tunnels "
                "whose own packets come in fragments, which do not show what is inside"},
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

#define SHARED(member) offsetof(struct shared_settings, member)
const struct setting shared_settings[] = {
    {"enabled", SETTING_BOOL, SHARED(enabled), "true", .meaning = "Whether the output is used"},
    {"queue", SETTING_NODE, SHARED(queue),
     .meaning = "queue.mem and queue.disk of its own; they win over those at the root"},
    {"dead_letter_file", SETTING_TEXT, SHARED(dead_letter_file),
     .meaning = "File where documents are kept that the output refuses, up to 256 MiB"},
    SETTING_END};

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
