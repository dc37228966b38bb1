// SPDX-License-Identifier: Apache-2.0
// What delivery to Kafka costs beside the client library alone: messages for each CPU second of
// this process, to librdkafka's mock cluster in another one.
//
//   loop     rd_kafka_produce of the same documents without a copy, as fast as the client's queue
//            takes them, and rd_kafka_poll after each, as librdkafka's rdkafka_performance does
//   lean     the same, but polls once a batch: as little as can be
//   output   output.kafka behind the publisher
//
// All with acks of all, lz4, one topic of so many partitions, no key, the same properties, from
// opening the client until it is closed with every message reported. A round has several turns of
// each, for the machine is never the same for two seconds. Prints medians, those of the ratios over
// the ratios of each round. tests/bench/kafka builds and runs it:
//     kafka_loop DOCUMENTS BROKERS TOPIC [ROUNDS]
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/publisher.h"

enum {
    ROUNDS = 5,
    ROUNDS_MOST = 99,
    TURNS = 4, // of a round
    BATCHES = 16,
    TIMES = 60, // each batch is handed over so often in a turn
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

static void produce_batch(rd_kafka_t *rk, rd_kafka_topic_t *topic, const struct batch *b, bool lean)
{
    for (uint32_t r = 0; r < b->rows; r++) {
        struct span d = batch_document(b, batch_row(b, r));
        while (
            rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, (void *)d.at, d.len, NULL, 0, NULL))
            rd_kafka_poll(rk, 10);
        if (!lean)
            rd_kafka_poll(rk, 0);
    }
    rd_kafka_poll(rk, 0);
}

static void produce_all(const struct load *l, bool lean)
{
    rd_kafka_t *rk = client(l);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, l->topic, NULL);
    reported = 0;
    for (int i = 0; i < TIMES * BATCHES; i++)
        produce_batch(rk, topic, l->batch[i % BATCHES], lean);
    while (reported < l->rows * TIMES)
        rd_kafka_poll(rk, 100);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void loop(const struct load *l)
{
    produce_all(l, false);
}

static void lean(const struct load *l)
{
    produce_all(l, true);
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

static void deliver(const struct load *l)
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
    struct publisher *p = publisher_start(&output, 1, &queue, true, &world, &why);
    if (!p)
        fprintf(stderr, "%s\n", why.text), exit(1);
    for (int i = 0; i < TIMES * BATCHES; i++) {
        batch_hold(l->batch[i % BATCHES], 1);
        publisher_hand(p, l->batch[i % BATCHES]);
    }
    publisher_stop(p, clock_steady() + 60 * SECOND);
    if (counter_get(publisher_counters(p, 0)->delivered) != l->rows * TIMES)
        fprintf(stderr, "not all were delivered\n"), exit(1);
    publisher_free(p);
    arena_free(&arena);
}

// ── turns ───────────────────────────────────────────────────────────────────────────────────────

static void (*const ways[])(const struct load *) = {loop, lean, deliver};
enum { LOOP, LEAN, OUTPUT, WAYS };

// Messages per CPU second of each way.
static void run_round(const struct load *l, double speed[WAYS])
{
    int64_t spent[WAYS] = {0};
    for (int i = 0; i < TURNS * WAYS; i++) {
        int way = (i + i / WAYS) % WAYS; // each goes first in its turn
        int64_t begun = clock_cpu();
        ways[way](l);
        spent[way] += clock_cpu() - begun;
    }
    for (int i = 0; i < WAYS; i++)
        speed[i] = (double)(l->rows * TIMES * TURNS) * 1e9 / (double)spent[i];
}

static int by_size(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median(const double *list, int count)
{
    double sorted[ROUNDS_MOST];
    memcpy(sorted, list, (size_t)count * sizeof *list);
    qsort(sorted, (size_t)count, sizeof *sorted, by_size);
    return sorted[count / 2];
}

int main(int count, char **words)
{
    struct load l = {.rows = 0};
    int rounds = count > 4 ? atoi(words[4]) : ROUNDS;
    if (count < 4 || rounds < 1 || rounds > ROUNDS_MOST) {
        fprintf(stderr, "usage: kafka_loop DOCUMENTS BROKERS TOPIC [ROUNDS]\n");
        return 2;
    }
    l.brokers = words[2];
    l.topic = words[3];
    load_fill(&l, words[1]);
    double speed[WAYS][ROUNDS_MOST], ratio[WAYS][ROUNDS_MOST];
    for (int i = 0; i < rounds; i++) {
        double got[WAYS];
        run_round(&l, got);
        for (int way = 0; way < WAYS; way++) {
            speed[way][i] = got[way];
            ratio[way][i] = got[OUTPUT] / got[way];
        }
    }
    printf("messages per CPU second, acks of all, lz4, medians of %d\n", rounds);
    printf(
        "output %.0f  loop of rdkafka_performance %.0f, ratio %.2f  lean loop %.0f, ratio %.2f\n",
        median(speed[OUTPUT], rounds), median(speed[LOOP], rounds), median(ratio[LOOP], rounds),
        median(speed[LEAN], rounds), median(ratio[LEAN], rounds));
    for (int i = 0; i < BATCHES; i++)
        batch_release(l.batch[i]);
    batch_home_free(l.home);
    return 0;
}
