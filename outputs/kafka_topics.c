// SPDX-License-Identifier: Apache-2.0
// A hash with open addresses; when it is full it begins anew.
#include "outputs/kafka_topics.h"

#include <stdlib.h>

#include "outputs/kafka_settings.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"

enum { SLOTS = 1024, TOPICS = 768 }; // a power of two; so many are known at once

struct topic {
    rd_kafka_topic_t *handle; // NULL: an empty slot
    bool sound;               // it was there when asked for
    char name[KAFKA_TOPIC + 1];
};

struct kafka_topics {
    rd_kafka_t *client;
    kafka_partitioner *partitioner;
    void *arg;
    int64_t asking; // what is left for questions
    int count;
    struct topic *last; // the one got last; NULL: none
    struct topic slot[SLOTS];
};

struct kafka_topics *kafka_topics_new(rd_kafka_t *client, kafka_partitioner *partitioner, void *arg)
{
    struct kafka_topics *t = calloc(1, sizeof *t);
    if (t) {
        t->client = client;
        t->partitioner = partitioner;
        t->arg = arg;
    }
    return t;
}

// Messages under way keep what they need of a topic.
static void forget(struct kafka_topics *t)
{
    for (int i = 0; i < SLOTS; i++)
        if (t->slot[i].handle)
            rd_kafka_topic_destroy(t->slot[i].handle);
    memset(t->slot, 0, sizeof t->slot);
    t->last = NULL;
    t->count = 0;
}

void kafka_topics_free(struct kafka_topics *t)
{
    if (t)
        forget(t);
    free(t);
}

void kafka_topics_allow(struct kafka_topics *t, int64_t duration)
{
    t->asking = duration;
}

// Its slot, or the empty one where it belongs.
static struct topic *find(struct kafka_topics *t, struct span name)
{
    uint64_t at = hash_bytes(name.at, name.len, hash_seed());
    struct topic *slot;
    do
        slot = &t->slot[at++ % SLOTS];
    while (slot->handle && !span_is(span_text(slot->name), name));
    return slot;
}

static struct topic *add(struct kafka_topics *t, struct span name)
{
    if (t->count == TOPICS)
        forget(t);
    struct topic *slot = find(t, name);
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(t->client);
    memcpy(slot->name, name.at, name.len);
    if (t->partitioner) {
        rd_kafka_topic_conf_set_partitioner_cb(conf, t->partitioner);
        rd_kafka_topic_conf_set_opaque(conf, t->arg);
    }
    slot->handle = rd_kafka_topic_new(t->client, slot->name, conf);
    if (!slot->handle) {
        rd_kafka_topic_conf_destroy(conf);
        memset(slot, 0, sizeof *slot);
        return NULL;
    }
    t->count++;
    return slot;
}

// What the cluster says of a topic; no error while it says nothing.
static rd_kafka_resp_err_t ask_once(struct kafka_topics *t, struct topic *topic, bool *answered)
{
    const rd_kafka_metadata_t *m;
    int64_t begun = clock_steady();
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(t->client, 0, topic->handle, &m, (int)(t->asking / MILLISECOND) + 1);
    t->asking -= clock_steady() - begun;
    *answered = !error;
    if (error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (m->topic_cnt == 1)
        error = m->topics[0].err;
    topic->sound = m->topic_cnt == 1 && !error;
    rd_kafka_metadata_destroy(m);
    return error;
}

// A topic that is just being created is there a moment later.
static rd_kafka_resp_err_t ask(struct kafka_topics *t, struct topic *topic)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool answered = true;
    while (t->asking > 0 && answered) {
        error = ask_once(t, topic, &answered);
        bool soon = error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                    error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (!soon)
            break;
        clock_sleep(50 * MILLISECOND);
        t->asking -= 50 * MILLISECOND;
    }
    bool waits = error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; // there, and soon led
    return waits ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
}

// NULL: there cannot be one.
static struct topic *get(struct kafka_topics *t, struct span name)
{
    if (!kafka_is_topic(name))
        return NULL;
    struct topic *topic = find(t, name);
    return topic->handle ? topic : add(t, name);
}

rd_kafka_topic_t *kafka_topics_get(struct kafka_topics *t, struct span name,
                                   rd_kafka_resp_err_t *error)
{
    struct topic *topic = t->last;
    if (!topic || !span_is(span_text(topic->name), name))
        topic = t->last = get(t, name);
    *error = RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
    if (!topic)
        return NULL;
    *error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!topic->sound)
        *error = ask(t, topic);
    return *error ? NULL : topic->handle;
}

void kafka_topics_doubt(struct kafka_topics *t, struct span name)
{
    struct topic *topic = name.len <= KAFKA_TOPIC ? find(t, name) : NULL;
    if (topic)
        topic->sound = false;
}
