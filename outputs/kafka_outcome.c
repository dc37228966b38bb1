// SPDX-License-Identifier: Apache-2.0
// One table of errors; what is not in it is weather.
#include "outputs/kafka_outcome.h"

static const struct known {
    rd_kafka_resp_err_t error;
    enum kafka_outcome outcome;
    const char *hint;
} table[] = {
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, OUTCOME_LARGE,
     "see max_message_bytes, oversize, and message.max.bytes of the brokers"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, OUTCOME_LARGE,
     "see max_message_bytes, and segment.bytes of the topic"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, OUTCOME_POISON, "a broker cannot read a message"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, OUTCOME_POISON, "a broker cannot read a message"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, OUTCOME_POISON,
     "a compacted topic wants a key: see key; or a broker's own rules refuse messages"},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, OUTCOME_POISON,
     "see message.timestamp.before.max.ms and …after.max.ms of the topic"},
    {RD_KAFKA_RESP_ERR__BAD_MSG, OUTCOME_POISON, ""},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, OUTCOME_FORBIDDEN,
     "create the topic, or let the brokers do it (auto.create.topics.enable); see topic"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, OUTCOME_FORBIDDEN,
     "create the topic, or let the brokers do it (auto.create.topics.enable); see topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, OUTCOME_FORBIDDEN, "the topic has fewer partitions now"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, OUTCOME_FORBIDDEN,
     "the brokers do not like the topic's name; see topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, OUTCOME_FORBIDDEN,
     "the user may not write to the topic; see username, topic"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, OUTCOME_FORBIDDEN,
     "the user may not write without coming twice; see username, or required_acks: 1"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, OUTCOME_FORBIDDEN, "see username"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, OUTCOME_FORBIDDEN,
     "see username, password, sasl.mechanism"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, OUTCOME_FORBIDDEN,
     "see username, password, sasl.mechanism"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, OUTCOME_FORBIDDEN, "see sasl.mechanism"},
    {RD_KAFKA_RESP_ERR__SSL, OUTCOME_FORBIDDEN,
     "see ssl.certificate_authorities, ssl.ca_sha256, ssl.verification_mode, ssl.certificate"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, OUTCOME_FORBIDDEN, "a rule of the brokers forbids it"},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, OUTCOME_FORBIDDEN, "see required_acks"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, OUTCOME_FORBIDDEN,
     "the brokers are too old for it; see compression"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, OUTCOME_FORBIDDEN,
     "the topic's message format is too old; see compression, headers"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, OUTCOME_FORBIDDEN,
     "the brokers are too old for it; see required_acks, compression"},
    {RD_KAFKA_RESP_ERR__RESOLVE, OUTCOME_AWAY, "see hosts, or the resolver of this machine"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, OUTCOME_AWAY,
     "are brokers running, are the ports right? see hosts"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, OUTCOME_AWAY,
     "are brokers running, are the ports right? see hosts"},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, OUTCOME_AWAY,
     "fewer replicas than min.insync.replicas are in sync"},
};

static const struct known *known(rd_kafka_resp_err_t error)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].error == error)
            return &table[i];
    return NULL;
}

enum kafka_outcome kafka_outcome(rd_kafka_resp_err_t error, rd_kafka_msg_status_t status)
{
    const struct known *k = known(error);
    if (!error || status == RD_KAFKA_MSG_STATUS_PERSISTED)
        return OUTCOME_THERE;
    if (k && k->outcome != OUTCOME_AWAY)
        return k->outcome;
    return status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? OUTCOME_AWAY : OUTCOME_UNKNOWN;
}

const char *kafka_hint(rd_kafka_resp_err_t error)
{
    const struct known *k = known(error);
    return k ? k->hint : "";
}
