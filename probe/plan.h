// SPDX-License-Identifier: Apache-2.0
// The configuration understood: every setting checked and filled, the schema built, protocols bound
// to ports. Made once by the commands, constant for all threads until exit. Opens nothing.
#pragma once

#include "pipeline/base/log.h"
#include "pipeline/endpoint.h"
#include "pipeline/identity.h"
#include "pipeline/publisher.h"
#include "probe/conn.h"
#include "probe/emit.h"
#include "probe/flow/flow.h"
#include "probe/overload.h"
#include "probe/packet.h"
#include "probe/sandbox.h"

// packetbeat.interfaces[] (or weir.interfaces[])
struct interface_settings {
    struct setting_texts device;
    const char *devices; // those, separated by commas
    int type;            // enum capture_type
    const char *file, *bpf_filter, *dumpfile;
    int64_t snaplen, buffer_size_mb, workers, loop;
    int64_t duplicates_window; // 0: duplicates are not looked for
    int fanout;                // enum fanout_by
    int timestamps;            // 0: the kernel's, 1: the card's
    struct setting_numbers affinity;
    bool topspeed, oneatatime, with_vlans, auto_promisc_mode;
    struct setting_texts internal_networks;
    const struct networks *internal; // those; NULL: none
};
enum capture_type { CAPTURE_PCAP, CAPTURE_AF_PACKET, CAPTURE_AUTODETECT, CAPTURE_LIBPCAP };
extern const struct setting interface_settings[];

// packetbeat.* (or weir.*) beside interfaces, flows and protocols
struct probe_settings {
    const struct config *interfaces, *flows, *protocols;
    bool ignore_outgoing;
    int64_t shutdown_timeout;
    struct decode_settings decode;
    struct conns_settings conns;
    struct emit_settings events;
    struct overload_settings overload;
};
extern const struct setting probe_settings[];

// The root of the file: what every program of this kind has.
struct general_settings {
    const char *name;
    int compat, precision;
    struct common_settings documents; // what is added to all of them
    const char *path_home, *path_config, *path_data, *path_logs;
    int log_level;
    bool log_stderr, log_files, log_json, log_metrics;
    int64_t log_metrics_period;
    const char *log_path, *log_name, *log_permissions;
    int64_t log_rotate, log_keep;
    struct setting_texts log_selectors;
    struct queue_settings queue;
    struct endpoint_settings http;
    struct sandbox_settings sandbox;
    const struct config *elsewhere; // keys that their owners read from the tree themselves
};
extern const struct setting general_settings[];

// output.NAME: what every output has beside its own
struct shared_settings {
    bool enabled;
    const struct config *queue; // read by its owner
    const char *dead_letter_file;
};
extern const struct setting shared_settings[];

struct plan {
    struct arena arena;
    struct config *root;
    bool compat;
    struct general_settings general;
    struct probe_settings probe;
    struct interface_settings *interfaces;
    int interface_count;
    struct flow_settings flows;
    struct common_settings flows_common;
    const struct binding **bindings;
    int binding_count;
    struct emit_dataset *datasets;
    int dataset_count;
    int flow_dataset;     // its number, -1: no flow records
    int overload_dataset; // likewise, -1: no documents about what was shed
    struct publisher_output *outputs;
    int output_count;
    struct output_world world;
    struct identity identity;
    const struct schema *schema;
    const struct emit_plan *emit;
    struct log_setup log;
    struct setting_told *told; // what was warned of while reading
};

// What the command line adds to the files.
struct plan_sources {
    const char **files; // -c
    int file_count;
    const char **overrides; // -E and the --path.* flags, in order
    int override_count;
    const char *standard;     // the configuration when there is no file
    bool check_permissions;   // --strict.perms
    bool publish;             // not -N
    bool keep_id;             // read or make the id of this installation below path.data
    void (*ask_stop)(void *); // for outputs that nobody reads any more; NULL: nobody to ask
};

// The tree that files and command line make, secrets and all: ${…} is resolved. False: `why`.
bool plan_read_files(struct config *root, const struct plan_sources *from, struct arena *a,
                     struct error *why);
// Where the keystore of that configuration lies or would lie; NULL: the configuration cannot be
// read, said in `why`.
const char *plan_keystore_path(const struct plan_sources *from, struct arena *a, struct error *why);

// NULL: `why` holds file, line, what was found and what was expected. Warnings go to the log.
struct plan *plan_new(const struct plan_sources *from, struct error *why);
void plan_free(struct plan *plan);

// All tables that declare fields: common, flows, each protocol. How many were put into `tables`.
enum { FIELD_TABLES = 64 };
int plan_field_tables(const struct field_table *tables[FIELD_TABLES]);
// The sum of all ceilings, in bytes: what `workers` workers and the outputs may use at most, for
// the log.
uint64_t plan_memory(const struct plan *plan, unsigned workers);
// The reference of all settings, as the pages in docs/ have it.
void plan_print_settings(FILE *to);
