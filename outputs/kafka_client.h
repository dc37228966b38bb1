// SPDX-License-Identifier: Apache-2.0
// A client of librdkafka: its handle, the topics it knows, and the thread that takes its reports,
// troubles, numbers and log. All threads of the output send through the same one.
#pragma once

#include "outputs/kafka_topics.h"
#include "outputs/tls.h"
#include "pipeline/base/thread.h"

struct kafka_client_setup {
    const rd_kafka_conf_t *properties;
    int64_t batch_bytes;   // of a request's batch at most; 0: as the properties say
    const struct tls *tls; // NULL: no TLS, or nothing to check beyond librdkafka
    kafka_partitioner *partitioner;
    void *arg;  // the partitioner's
    bool quiet; // troubles are kept, not logged
    struct gate *gate;
    // Told of each message, once, with the gate locked. True: somebody waits for this; the gate is
    // woken after the reports that came together with it.
    bool (*report)(const rd_kafka_message_t *m);
};

struct kafka_client {
    rd_kafka_t *handle;
    struct kafka_topics *topics;
    int64_t batch_bytes;
    const struct tls *tls;
    struct gate *gate;
    bool (*report)(const rd_kafka_message_t *m);
    rd_kafka_queue_t *queue;
    pthread_t thread;
    bool quiet;
    _Atomic bool closing;
    // Guarded by the gate.
    bool dead;                // it will never send again: replace it
    rd_kafka_resp_err_t last; // what brokers or the way to them said last
    struct error trouble;     // in words, without hint
    int64_t sent_before;      // messages, when numbers were last written
};

// Connects to nobody. The setup's gate and tls must live as long. NULL: said in `why`.
struct kafka_client *kafka_client_open(const struct kafka_client_setup *setup, struct error *why);
// No message may be under way.
void kafka_client_close(struct kafka_client *c);
// Every message still waiting or under way is reported soon, as not delivered or unknown.
void kafka_client_purge(struct kafka_client *c);
