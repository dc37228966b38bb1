// SPDX-License-Identifier: Apache-2.0
// Documents to Kafka, through one client of librdkafka for all sending threads. A message's value
// is the document where it lies in its batch; `send` returns once every message has been reported,
// so no batch goes home while librdkafka may still read it. Only what brokers have confirmed counts
// as delivered.
#include <stdatomic.h>
#include <stdlib.h>

#include "outputs/kafka_sending.h"
#include "outputs/kafka_test.h"
#include "pipeline/base/hash.h"

struct kafka {
    const struct kafka_settings *settings;
    const struct output_world *world;
    struct tls *tls; // NULL: none
    rd_kafka_conf_t *properties;
    struct kafka_sendings sendings;
    struct kafka_room room[PARCEL_THREADS];

    // Guarded by the gate of the sendings.
    struct kafka_client *client;
    unsigned users;      // sendings through it
    int64_t batch_bytes; // of a batch at most: it shrinks if brokers take less
    bool spent;          // the client is to be replaced once nobody uses it
};

// ── the client ──────────────────────────────────────────────────────────────────────────────────

static int32_t choose(const rd_kafka_topic_t *topic, const void *key, size_t len, int32_t count,
                      void *arg, void *ticket)
{
    const struct kafka_partitioning *how = arg;
    const struct kafka_draw *d = &((const struct kafka_ticket *)ticket)->draw;
    (void)key, (void)len;
    if (!how->reachable_only)
        return (int32_t)kafka_partition(how, d, (uint32_t)count);
    uint32_t reachable = 0;
    for (int32_t i = 0; i < count; i++)
        reachable += rd_kafka_topic_partition_available(topic, i) != 0;
    if (!reachable)
        return (int32_t)kafka_partition(how, d, (uint32_t)count);
    uint32_t which = kafka_partition(how, d, reachable);
    for (int32_t i = 0; i < count; i++)
        if (rd_kafka_topic_partition_available(topic, i) && which-- == 0)
            return i;
    return count - 1; // one of them was lost while they were counted
}

static struct kafka_client *client_new(struct kafka *k, struct error *why)
{
    struct kafka_client_setup setup = {.properties = k->properties,
                                       .batch_bytes = k->batch_bytes,
                                       .tls = k->tls,
                                       .partitioner =
                                           kafka_leaves_partition(k->settings) ? NULL : choose,
                                       .arg = &k->sendings.form.how,
                                       .gate = &k->sendings.gate,
                                       .report = kafka_sending_report};
    return kafka_client_open(&setup, why);
}

// By the only one who uses it.
static bool client_renew(struct kafka *k, struct error *why)
{
    struct kafka_client *fresh = client_new(k, why), *old = k->client;
    if (!fresh)
        return false;
    gate_lock(&k->sendings.gate);
    k->client = fresh;
    k->spent = false;
    gate_wake(&k->sendings.gate); // others waited for it, too
    gate_unlock(&k->sendings.gate);
    kafka_client_close(old);
    return true;
}

static void client_leave(struct kafka *k)
{
    gate_lock(&k->sendings.gate);
    k->users--;
    if (k->spent || k->client->dead)
        gate_wake(&k->sendings.gate);
    gate_unlock(&k->sendings.gate);
}

// Another client takes the place of one that is dead or spent once nobody uses that any more. NULL:
// there is none.
static struct kafka_client *client_take(struct kafka *k, struct error *why)
{
    gate_lock(&k->sendings.gate);
    while ((k->spent || k->client->dead) && k->users)
        gate_wait(&k->sendings.gate, INT64_MAX);
    bool renew = k->spent || k->client->dead;
    k->users++;
    gate_unlock(&k->sendings.gate);
    if (!renew || client_renew(k, why))
        return k->client;
    client_leave(k);
    return NULL;
}

// What a sending tells of its client. Where batches were larger than the brokers take, the next one
// makes smaller ones. Where some messages get through and others never do, the client may have lost
// sight of who leads their partition, which was seen with librdkafka 2.0.2 where a new one had no
// trouble.
static void client_judge(struct kafka *k, const struct kafka_sending *s)
{
    gate_lock(&k->sendings.gate);
    if (s->batches_too_large && !k->spent)
        k->batch_bytes /= 2;
    k->spent |= s->batches_too_large || (s->timed_out && s->got_through);
    gate_unlock(&k->sendings.gate);
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────────

static void kafka_send(void *self, struct parcel *p)
{
    struct kafka *k = self;
    struct kafka_sending s = {.all = &k->sendings, .p = p, .room = &k->room[p->thread]};
    for (uint32_t i = 0; i < p->count; i++)
        p->answer[i] = BUSY;
    if (!kafka_room_fits(s.room, p->count)) {
        error_set(p->cause, "no memory");
        return;
    }
    s.client = client_take(k, p->cause);
    if (!s.client)
        return;
    kafka_sending_run(&s);
    client_judge(k, &s);
    client_leave(k);
}

static void kafka_stop(void *self)
{
    struct kafka *k = self;
    atomic_store(&k->sendings.stopping, true);
    gate_lock(&k->sendings.gate);
    gate_wake(&k->sendings.gate);
    gate_unlock(&k->sendings.gate);
}

// ── opening ─────────────────────────────────────────────────────────────────────────────────────

static void kafka_close(void *self)
{
    struct kafka *k = self;
    if (k->client)
        kafka_client_close(k->client);
    if (k->properties)
        rd_kafka_conf_destroy(k->properties);
    if (k->tls)
        tls_close(k->tls);
    for (int i = 0; i < PARCEL_THREADS; i++)
        kafka_room_free(&k->room[i]);
    pthread_mutex_destroy(&k->sendings.order);
    gate_free(&k->sendings.gate);
    free(k);
}

static bool begin(struct kafka *k, struct error *why)
{
    char bytes[24];
    size_t size = sizeof bytes;
    if (kafka_is_secure(k->settings) && !(k->tls = tls_open(&k->settings->tls, why)))
        return false;
    k->properties = kafka_properties(k->settings, k->world, k->tls, why);
    if (!k->properties)
        return false;
    rd_kafka_conf_get(k->properties, "batch.size", bytes, &size);
    k->batch_bytes = strtoll(bytes, NULL, 10);
    k->client = client_new(k, why);
    return k->client;
}

static void *kafka_open(const void *settings, const struct output_world *world, struct error *why)
{
    struct kafka *k = kafka_check(settings, why) ? calloc(1, sizeof *k) : NULL;
    if (!k)
        return NULL;
    k->settings = settings;
    k->world = world;
    gate_init(&k->sendings.gate);
    pthread_mutex_init(&k->sendings.order, NULL);
    k->sendings.turn = hash_seed() >> 16; // where the first goes is a matter of chance
    kafka_form_read(&k->sendings.form, settings, world);
    if (begin(k, why))
        return k;
    kafka_close(k);
    return NULL;
}

static const struct output_route routes[] = {
    [ROUTE_TOPIC] = {"topic", "topics", "@metadata.topic", false},
    [ROUTE_KEY] = {"key", NULL, NULL, false},
    {.name = NULL},
};

const struct output output_kafka = {
    .name = "kafka",
    .meaning = "Apache Kafka, a message for each document",
    .settings = kafka_settings,
    .settings_size = sizeof(struct kafka_settings),
    .routes = routes,
    .more_routes = kafka_more_routes,
    .one_way = true,
    .check = kafka_check,
    .serve = kafka_serve,
    .test = kafka_test,
    .open = kafka_open,
    .send = kafka_send,
    .stop = kafka_stop,
    .close = kafka_close,
};
