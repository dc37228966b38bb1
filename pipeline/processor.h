// SPDX-License-Identifier: Apache-2.0
// A processor changes or drops an event between publish and batch. One constant struct per file,
// listed in processors/processors.def. A chain is what a configuration lists under `processors`:
// processors in order, each with a condition, and if/then/else.
#pragma once

#include "config/setting.h"
#include "pipeline/event.h"

// Told a name that a configuration brings into the documents; it lives as long as the arena.
typedef void processor_name(void *arg, const char *name);

// What a processor is created with.
struct processor_place {
    const struct config *node; // its own part of the configuration, for messages
    const struct schema *schema;
    struct arena *arena; // lives until exit
};

struct processor {
    const char *name;
    const char *meaning;            // one line for the reference
    const struct setting *settings; // beside `when`
    size_t settings_size;
    const struct field_table *fields; // those it writes whatever its settings; NULL: none
    // Tells the names of all other fields it may write. NULL: none.
    void (*names)(const void *settings, processor_name *tell, void *arg, struct arena *a);
    // Binds to ranks; what it returns is constant and shared by all threads. What a processor keeps
    // from one document to the next is a worker's own (event_keep), or, where it must be one for
    // all, atomics behind what is returned. NULL: `why`.
    void *(*create)(const void *settings, const struct processor_place *place, struct error *why);
    bool (*run)(const void *self, struct event *e); // false: the event is dropped
};

// In the order of processors.def; ended by NULL.
extern const struct processor *const processors[];

// Their tables of fields, at most `room`. How many there are.
int processors_tables(const struct field_table **tables, int room);

struct processor_chain;

// The names that the processors of a list bring in, before there is a schema. What is wrong in the
// list is left to processors_read. `list` may be NULL.
void processors_names(const struct config *list, processor_name *tell, void *arg, struct arena *a);

// Reads and binds a list; `list` may be NULL. The reader says how strict to be with unknown
// settings, and whom to tell of processors that are known but not yet available, which are left out
// (once for all of them). NULL: `why` has file and line.
struct processor_chain *processors_read(const struct config *list, const struct schema *s,
                                        const struct setting_reader *reader, struct error *why);

// False: a processor drops the event.
bool processors_run(const struct processor_chain *chain, struct event *e);
