// SPDX-License-Identifier: Apache-2.0
// What a report of librdkafka means for a message, and which setting to look at.
#pragma once

#include <librdkafka/rdkafka.h>

#include "pipeline/output.h"

enum kafka_outcome {
    OUTCOME_OPEN,      // it is under way
    OUTCOME_THERE,     // the brokers have it
    OUTCOME_AWAY,      // they do not, and it may be sent again
    OUTCOME_UNKNOWN,   // they may have it
    OUTCOME_FORBIDDEN, // not before a setting, here or there, is another one
    OUTCOME_POISON,    // something in its batch will never be taken
    OUTCOME_LARGE,     // its batch is too large
    OUTCOME_OVERSIZED, // and it was not even sent: the message itself is
    OUTCOME_LACKING,   // not sent either: it has no topic, or nothing to make its hash of
};

enum kafka_outcome kafka_outcome(rd_kafka_resp_err_t error, rd_kafka_msg_status_t status);
// What to look at; "" if there is nothing to be said beyond the error's own words.
const char *kafka_hint(rd_kafka_resp_err_t error);
