// SPDX-License-Identifier: Apache-2.0
// What delivery to Kafka costs beside the client library alone: messages for each CPU second of
// this process, to librdkafka's mock cluster in another one.
//
//   loop     rd_kafka_produce of the same documents without a copy, as fast as the client's queue
//            takes them
//   output   output.kafka behind the publisher
//
// Both with acks of all, lz4, one topic of so many partitions, no key, the same properties. Takes
// turns and prints medians. tests/bench/kafka builds and runs it:
//     kafka_loop DOCUMENTS BROKERS TOPIC [ROUNDS]
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/publisher.h"

enum {
    ROUNDS = 5,
    BATCHES = 16,
    TIMES = 60, // each batch is handed over so often
};

extern const struct output output_kafka;

// ── the load ────────────────────────────────────────────────────────────────────────────────────

struct load {
    struct batch_home *home;
    struct batch *batch[BATCHES];
    uint64_t rows; // of all
    const char *brokers, *topic;
};

// Documents of a file, over and over, until all batches are full.
static void load_fill(struct load *l, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    l->home = batch_home_new(BATCHES);
    for (int i = 0; file && i < BATCHES;) {
        ssize_t len = getline(&line, &room, file);
        if (len <= 0) {
            rewind(file);
            continue;
        }
        if (!l->batch[i])
            l->batch[i] = batch_open(l->home, false);
        struct pen pen = batch_pen(l->batch[i]);
        pen_raw(&pen, span_of(line, (size_t)len - 1));
        if (pen.full) {
            i++;
            continue;
        }
        batch_commit(l->batch[i], &pen, (struct row){.time = clock_wall()});
        l->batch[i]->opened = 0;
        l->rows++;
    }
    free(line);
    if (!l->rows)
        exit(1);
    fclose(file);
}

static double messages_a_second(uint64_t messages, int64_t begun)
{
    return (double)messages / ((double)(clock_cpu() - begun) / 1e9);
}

// ── what must be ────────────────────────────────────────────────────────────────────────────────

static uint64_t reported;

static void report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    (void)rk, (void)arg;
    if (m->err)
        fprintf(stderr, "loop: %s\n", rd_kafka_err2str(m->err)), exit(1);
    reported++;
}

static rd_kafka_t *client(const struct load *l)
{
    const char *const properties[][2] = {{"bootstrap.servers", l->brokers},
                                         {"acks", "all"},
                                         {"enable.idempotence", "true"},
                                         {"compression.codec", "lz4"},
                                         {"linger.ms", "5"},
                                         {"batch.size", "1000000"},
                                         {"message.max.bytes", "1004096"},
                                         {"sticky.partitioning.linger.ms", "10"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[256];
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], words, sizeof words))
            fprintf(stderr, "%s\n", words), exit(1);
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
}

static double loop(struct load *l)
{
    int64_t begun = clock_cpu();
    rd_kafka_t *rk = client(l);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, l->topic, NULL);
    reported = 0;
    for (int i = 0; i < TIMES * BATCHES; i++) {
        const struct batch *b = l->batch[i % BATCHES];
        for (uint32_t r = 0; r < b->rows; r++) {
            struct span d = batch_document(b, batch_row(b, r));
            while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, (void *)d.at, d.len, NULL, 0,
                                    NULL))
                rd_kafka_poll(rk, 10);
        }
        rd_kafka_poll(rk, 0);
    }
    while (reported < l->rows * TIMES)
        rd_kafka_poll(rk, 100);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return messages_a_second(reported, begun);
}

// ── what is ─────────────────────────────────────────────────────────────────────────────────────

static void settings_for(const struct load *l, void *settings, struct queue_settings *queue,
                         struct arena *arena)
{
    struct error why = {""};
    char yaml[512];
    struct setting_reader reader = {.arena = arena};
    struct config *own = config_new(arena);
    snprintf(yaml, sizeof yaml, "{hosts: [%s], topic: %s, compression: lz4, statistics: 0}",
             l->brokers, l->topic);
    if (!config_read_text(own, span_text(yaml), "-", arena, &why) ||
        !setting_fill(output_kafka.settings, own, settings, NULL, &reader, &why) ||
        !setting_fill(queue_settings, NULL, queue, NULL, &reader, &why))
        fprintf(stderr, "%s\n", why.text), exit(1);
}

static double deliver(struct load *l)
{
    static _Alignas(16) char settings[4096];
    struct arena arena;
    struct error why = {""};
    struct queue_settings queue;
    arena_init(&arena, 1 << 20);
    settings_for(l, settings, &queue, &arena);
    struct output_world world = {.program = "weir", .version = "0"};
    const struct span constants[] = {span_text(l->topic), {NULL, 0}};
    struct publisher_output output = {
        .output = &output_kafka, .settings = settings, .constants = constants};
    int64_t begun = clock_cpu();
    struct publisher *p = publisher_start(&output, 1, &queue, true, &world, &why);
    if (!p)
        fprintf(stderr, "%s\n", why.text), exit(1);
    for (int i = 0; i < TIMES * BATCHES; i++) {
        batch_hold(l->batch[i % BATCHES], 1);
        publisher_hand(p, l->batch[i % BATCHES]);
    }
    publisher_stop(p, clock_steady() + 60 * SECOND);
    double speed = messages_a_second(l->rows * TIMES, begun);
    if (counter_get(publisher_counters(p, 0)->delivered) != l->rows * TIMES)
        fprintf(stderr, "not all were delivered\n"), exit(1);
    publisher_free(p);
    arena_free(&arena);
    return speed;
}

static int by_size(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median(double *list, int count)
{
    qsort(list, (size_t)count, sizeof *list, by_size);
    return list[count / 2];
}

int main(int count, char **words)
{
    struct load l = {.rows = 0};
    int rounds = count > 4 ? atoi(words[4]) : ROUNDS;
    if (count < 4 || rounds < 1 || rounds > 99) {
        fprintf(stderr, "usage: kafka_loop DOCUMENTS BROKERS TOPIC [ROUNDS]\n");
        return 2;
    }
    l.brokers = words[2];
    l.topic = words[3];
    load_fill(&l, words[1]);
    double got[2][99];
    for (int i = 0; i < rounds; i++) {
        got[0][i] = loop(&l);
        got[1][i] = deliver(&l);
    }
    double bare = median(got[0], rounds), output = median(got[1], rounds);
    printf("messages per CPU second, acks of all, lz4, medians of %d\n", rounds);
    printf("loop of rd_kafka_produce %9.0f  output %9.0f  ratio %.2f\n", bare, output,
           output / bare);
    for (int i = 0; i < BATCHES; i++)
        batch_release(l.batch[i]);
    batch_home_free(l.home);
    return 0;
}
