// SPDX-License-Identifier: Apache-2.0
// librdkafka's mock cluster in a process of its own, led by lines on standard input; each is
// answered by one line, "ok" and more, or "no" and why.
//
//   kafka_mock BROKERS                 begins with a line: the brokers' addresses
//   topic NAME PARTITIONS              creates it
//   errors CODE…                       the next produce requests are answered so; -195 hangs up
//   slow BROKER CODE MILLISECONDS      the next one of that broker, so late
//   clear                              no more errors
//   topic_error NAME CODE              whoever asks for the topic is told so
//   down BROKER, up BROKER, rtt BROKER MILLISECONDS
//   leader NAME PARTITION BROKER       -1: none
//   read NAME FILE                     all messages, a line each: partition, time, key, headers,
//                                      value, with tabs between
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { LINE = 4096, WORDS = 256, PRODUCE = 0, PARTITIONS = 256 };

static rd_kafka_mock_cluster_t *cluster;
static int brokers;

// ── reading back ────────────────────────────────────────────────────────────────────────────────

static rd_kafka_t *consumer(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[256];
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster), words,
                      sizeof words);
    rd_kafka_conf_set(conf, "group.id", "reader", words, sizeof words);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", words, sizeof words);
    rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", words, sizeof words);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", words, sizeof words);
    rd_kafka_conf_set(conf, "fetch.error.backoff.ms", "20", words, sizeof words);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, words, sizeof words);
    if (!rk)
        fprintf(stderr, "%s\n", words), exit(1);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static void put_headers(const rd_kafka_message_t *m, FILE *to)
{
    rd_kafka_headers_t *list;
    const char *name;
    const void *value;
    size_t len;
    if (rd_kafka_message_headers(m, &list))
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(list, i, &name, &value, &len); i++)
        fprintf(to, "%s%s=%.*s", i ? ";" : "", name, (int)len, (const char *)value);
}

static void put_message(const rd_kafka_message_t *m, FILE *to)
{
    rd_kafka_timestamp_type_t type;
    fprintf(to, "%" PRId32 "\t%" PRId64 "\t%.*s\t", m->partition,
            rd_kafka_message_timestamp(m, &type), (int)m->key_len, (const char *)m->key);
    put_headers(m, to);
    fprintf(to, "\t%.*s\n", (int)m->len, (const char *)m->payload);
}

static int read_topic(const char *name, const char *path)
{
    FILE *to = fopen(path, "w");
    rd_kafka_t *rk = consumer();
    const rd_kafka_metadata_t *known;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    int ends = 0, count = 0;
    if (!to || rd_kafka_metadata(rk, 0, topic, &known, 10000) || known->topic_cnt != 1)
        return -1;
    int partitions = known->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(known);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    while (ends < partitions) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 20000);
        if (!m)
            break;
        ends += m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!m->err) {
            put_message(m, to);
            count++;
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_destroy(topic);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    fclose(to);
    return ends == partitions ? count : -1;
}

// ── commands ────────────────────────────────────────────────────────────────────────────────────

static void push_errors(char **words, int count)
{
    rd_kafka_resp_err_t errors[WORDS];
    for (int i = 0; i < count; i++)
        errors[i] = (rd_kafka_resp_err_t)atoi(words[i]);
    rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, (size_t)count, errors);
}

static void answer(const char *why)
{
    if (why)
        printf("no %s\n", why);
    else
        printf("ok\n");
    fflush(stdout);
}

static void answer_error(rd_kafka_resp_err_t error)
{
    answer(error ? rd_kafka_err2str(error) : NULL);
}

static void obey(char **words, int count)
{
    const char *verb = words[0];
    int first = count > 1 ? atoi(words[1]) : 0, second = count > 2 ? atoi(words[2]) : 0,
        third = count > 3 ? atoi(words[3]) : 0;
    if (!strcmp(verb, "topic") && count == 3) {
        answer_error(rd_kafka_mock_topic_create(cluster, words[1], second, brokers));
    } else if (!strcmp(verb, "errors") && count > 1) {
        push_errors(words + 1, count - 1);
        answer(NULL);
    } else if (!strcmp(verb, "slow") && count == 4) {
        answer_error(rd_kafka_mock_broker_push_request_error_rtts(cluster, first, PRODUCE, 1,
                                                                  second, third));
    } else if (!strcmp(verb, "clear")) {
        rd_kafka_mock_clear_request_errors(cluster, PRODUCE);
        answer(NULL);
    } else if (!strcmp(verb, "topic_error") && count == 3) {
        rd_kafka_mock_topic_set_error(cluster, words[1], (rd_kafka_resp_err_t)second);
        answer(NULL);
    } else if (!strcmp(verb, "down") && count == 2) {
        answer_error(rd_kafka_mock_broker_set_down(cluster, first));
    } else if (!strcmp(verb, "up") && count == 2) {
        answer_error(rd_kafka_mock_broker_set_up(cluster, first));
    } else if (!strcmp(verb, "rtt") && count == 3) {
        answer_error(rd_kafka_mock_broker_set_rtt(cluster, first, second));
    } else if (!strcmp(verb, "leader") && count == 4) {
        answer_error(rd_kafka_mock_partition_set_leader(cluster, words[1], second, third));
    } else if (!strcmp(verb, "read") && count == 3) {
        int messages = read_topic(words[1], words[2]);
        if (messages < 0)
            answer("it cannot be read");
        else
            printf("ok %d\n", messages), fflush(stdout);
    } else {
        answer("what?");
    }
}

int main(int count, char **arguments)
{
    char line[LINE], words[256];
    brokers = count > 1 ? atoi(arguments[1]) : 3;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), words, sizeof words);
    cluster = rk ? rd_kafka_mock_cluster_new(rk, brokers) : NULL;
    if (!cluster)
        return 1;
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        char *list[WORDS];
        int n = 0;
        for (char *word = strtok(line, " \n"); word && n < WORDS; word = strtok(NULL, " \n"))
            list[n++] = word;
        if (n)
            obey(list, n);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(rk);
    return 0;
}
