// SPDX-License-Identifier: Apache-2.0
// The few numbers of librdkafka's statistics that somebody who looks for trouble asks for.
#pragma once

#include "pipeline/base/json.h"

struct kafka_stats {
    int64_t messages_waiting, bytes_waiting, messages_sent, bytes_sent, requests;
    int64_t brokers, brokers_up; // those that were connected to
    int64_t request_errors, request_retries, request_timeouts;
    int64_t rtt_p99_us, throttle_ms; // of the slowest broker
};

// From librdkafka's JSON. False: it is none.
bool kafka_stats_read(const char *json, struct kafka_stats *s);
// JSON members for log_fields.
void kafka_stats_write(const struct kafka_stats *s, struct pen *pen);
