// SPDX-License-Identifier: Apache-2.0
// What output.kafka says, in the reference's names, and what follows from it: librdkafka's
// properties, the way to a partition, the format strings of headers and hashed fields.
#pragma once

#include <librdkafka/rdkafka.h>

#include "outputs/kafka_partition.h"
#include "outputs/tls.h"
#include "pipeline/output.h"

enum kafka_oversize { OVERSIZE_REFUSE, OVERSIZE_TRUNCATE };

// The format strings behind ROUTE_MORE: one for each hashed field, then one for each header.
enum { ROUTE_TOPIC, ROUTE_KEY, ROUTE_MORE };

enum { KAFKA_LIST = 32, KAFKA_TOPIC = 249 }; // fields, or headers, at most; bytes of a name

struct kafka_settings {
    bool enabled;
    struct setting_texts hosts;
    const char *topic, *key, *dead_letter_topic;
    const struct config *topics, *partition, *headers, *properties, *format, *secure;
    const char *client_id, *version;
    const char *username, *password;
    int mechanism;
    int64_t metadata_backoff, metadata_refresh;
    bool metadata_full;
    const char *max_retries; // a number, or auto
    int64_t backoff_init, backoff_max;
    int64_t worker, workers;
    int64_t bulk_max_size, linger, timeout, broker_timeout, keep_alive;
    int compression;
    const char *compression_level; // a number, or auto
    int64_t max_message_bytes, required_acks, statistics;
    int oversize; // enum kafka_oversize
    struct tls_settings tls;
};
extern const struct setting kafka_settings[];

bool kafka_check(const void *settings, struct error *why);
void kafka_serve(const void *settings, const struct output_world *world,
                 struct queue_settings *queue);
const char *const *kafka_more_routes(const void *settings, struct arena *arena);

struct kafka_partitioning kafka_partitioning(const struct kafka_settings *s);
// The fields that a hash is made of, instead of the key; how many of at most KAFKA_LIST.
int kafka_hash_fields(const struct kafka_settings *s, const char *names[KAFKA_LIST]);
bool kafka_needs_hash(const struct kafka_settings *s); // a message without one is refused
int kafka_headers(const struct kafka_settings *s, const char *names[KAFKA_LIST]);
bool kafka_is_secure(const struct kafka_settings *s);
// True if the name may be one of a topic.
bool kafka_is_topic(struct span name);
// librdkafka chooses the partition because the user's own properties say how.
bool kafka_leaves_partition(const struct kafka_settings *s);

// librdkafka's properties, the user's own last. `tls` NULL: without certificates, to check the
// rest. NULL: one is refused, said in `why` with file and line.
rd_kafka_conf_t *kafka_properties(const struct kafka_settings *s, const struct output_world *world,
                                  const struct tls *tls, struct error *why);
