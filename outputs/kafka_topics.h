// SPDX-License-Identifier: Apache-2.0
// The topics in use by their names, up to a ceiling: names may come out of events. Whether a topic
// is there is asked before its first message, so that a missing one holds up nobody else.
#pragma once

#include <librdkafka/rdkafka.h>

#include "pipeline/output.h"

typedef int32_t kafka_partitioner(const rd_kafka_topic_t *topic, const void *key, size_t len,
                                  int32_t count, void *arg, void *ticket);

struct kafka_topics;
// `partitioner` NULL: librdkafka's own. NULL: no memory.
struct kafka_topics *kafka_topics_new(rd_kafka_t *client, kafka_partitioner *partitioner,
                                      void *arg);
void kafka_topics_free(struct kafka_topics *t);

// How long questions may take, all together, from now on.
void kafka_topics_allow(struct kafka_topics *t, int64_t duration);
// The handle to send with; NULL: there is no such topic, or none for us: *error says why.
rd_kafka_topic_t *kafka_topics_get(struct kafka_topics *t, struct span name,
                                   rd_kafka_resp_err_t *error);
// Messages to it failed: ask again before the next one.
void kafka_topics_doubt(struct kafka_topics *t, struct span name);
