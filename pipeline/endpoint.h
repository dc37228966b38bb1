// SPDX-License-Identifier: Apache-2.0
// A look inside from outside, over HTTP: off by default, on the loopback or a Unix socket, read
// only, on a thread of its own. Whoever can reach it can read it: there is no authentication.
//
//   /          who this is                    /stats   all counters, under the reference's names
//   /inputs/   where packets come from        /metrics the same counters for Prometheus
//   /healthz   200 while the program lives    /readyz  200 while it captures and delivers; or 503
//
// JSON is pretty with ?pretty.
#pragma once

#include "config/setting.h"
#include "pipeline/identity.h"
#include "pipeline/stats.h"

// `http` of the configuration.
struct endpoint_settings {
    bool enabled;
    const char *host; // a name, an address, or unix:///path
    int64_t port;
};
extern const struct setting endpoint_settings[];

// Where packets come from.
struct endpoint_input {
    const char *kind; // "file", "af_packet"
    const char *name; // of the device or the file
};

// What is told of the program: constant while the endpoint is there. The calls come from its
// thread.
struct endpoint_world {
    const struct identity *identity;
    const struct queue_settings *queue;
    const char *const *protocols; // their names, by number of their dataset; NULL: of none
    int protocol_count;
    const struct endpoint_input *inputs;
    int input_count;
    unsigned workers;
    void (*take)(void *arg, struct stats *into);
    bool (*is_ready)(void *arg, struct error *why); // false: `why`
    void *arg;
};

struct endpoint;

// NULL: it cannot listen there, said in `why`. An address that others can reach is warned of.
struct endpoint *endpoint_start(const struct endpoint_settings *settings,
                                const struct endpoint_world *world, struct error *why);
// Answers what was begun and closes.
void endpoint_stop(struct endpoint *e);
