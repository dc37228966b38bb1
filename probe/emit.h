// SPDX-License-Identifier: Apache-2.0
// From publish to batch: common fields, direction, tags and fields of the configuration,
// processors, routes, write. One for each worker. Transactions come from the core of the conns,
// flow records from flow/report.
#pragma once

#include "pipeline/event.h"
#include "pipeline/publisher.h"
#include "probe/endpoints.h"
#include "probe/protocol.h"

struct emit;
struct identity;
struct networks;
struct transaction;

// What all workers' emits share: built by main from the configuration, constant.
struct emit_plan;

// A dataset: one protocol's or the flows' documents, with what the configuration adds to them.
struct emit_dataset {
    const char *name; // type and event.dataset
    const struct field_table *fields;
    const struct protocol *protocol;        // NULL: not of one
    const struct common_settings *settings; // index, fields, tags, processors; NULL none
};

struct emit_setup {
    const struct schema *schema;
    const struct common_settings *all; // tags, fields, processors of all documents; NULL none
    int digits;                        // of a second in times; 0: 3
    const struct emit_dataset *datasets;
    int dataset_count;
    struct publisher_output *outputs; // whose routes are resolved for each row; numbered here
    int output_count;
    const struct output_world *world;
    const struct identity *identity; // agent.*, host.name, ecs.version, @metadata
    setting_warning *warn;           // told of processors that have no effect
    void *warn_arg;
    bool compat;
    bool publish; // -N: false, documents are made and counted but not handed over
    bool ignore_outgoing;
    const struct networks *own;
    struct arena *arena;
};
// NULL: a processor, condition or format string is wrong; `why` has file and line.
struct emit_plan *emit_plan_new(const struct emit_setup *setup, struct error *why);

// All names a configuration brings in, for schema_build: those under `fields`, targets and sources
// of processors.
int emit_extra_names(const struct common_settings *all, const struct emit_dataset *datasets,
                     int count, const char ***names, struct arena *a);

struct emit_settings {
    int64_t scratch; // bytes for what is put together for one event
    int64_t batches; // of 256 KiB, that one worker may have on the way
    // Not in the table:
    int64_t flush_timeout; // an open batch so old is handed over (queue.mem.flush.timeout)
    const struct networks *internal; // where this worker captures; NULL: none
};
extern const struct setting emit_settings[];

// `wait`: a file replay waits for batches to come home; live, the policy of the inboxes decides and
// this never waits.
struct emit *emit_new(const struct emit_plan *plan, const struct emit_settings *settings,
                      struct publisher *publisher, bool wait, struct counters *counters,
                      struct error *why);
void emit_free(struct emit *e); // after the last flush; its batches must have come home

// One document for a transaction: common fields, then the protocol's publish, then emit_finish.
void emit_transaction(struct emit *e, const struct binding *binding, const struct conn *c,
                      struct endpoints *ends, const struct transaction *t);

// For all other documents: an event with the constants of its dataset and @timestamp, to be filled
// and finished.
struct event *emit_begin(struct emit *e, int dataset, int64_t time);
void emit_finish(struct emit *e);

// Says in the document in hand which card saw it; nothing for files, and under compat.
void emit_interface(struct emit *e, uint32_t interface);

// The open batch is handed over if it is older than flush.timeout, or always.
void emit_flush(struct emit *e, bool always);
