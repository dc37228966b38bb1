// SPDX-License-Identifier: Apache-2.0
// Each broker by hand up to its port, then the cluster as the output does it. Nothing is written.
#include "outputs/kafka_test.h"

#include "outputs/kafka_client.h"
#include "outputs/kafka_outcome.h"
#include "outputs/step.h"
#include "pipeline/base/clock.h"

enum { HOST = 256 };
static const int64_t patience = 10 * SECOND, asking = SECOND / 2;

// "name:port", "name" or "[address]:port".
static void split(const char *host, char name[HOST], char port[16])
{
    const char *colon = strrchr(host, ':'), *bracket = strchr(host, ']');
    bool has_port = colon && colon > bracket;
    size_t len = has_port ? (size_t)(colon - host) : strlen(host);
    bool bracketed = *host == '[' && len > 2;
    snprintf(name, HOST, "%.*s", (int)(bracketed ? len - 2 : len), host + bracketed);
    snprintf(port, 16, "%s", has_port ? colon + 1 : "9092");
}

static bool reach(const struct kafka_settings *s, const char *host, FILE *to, struct error *why)
{
    char name[HOST], port[16];
    int64_t timeout = s->timeout < patience ? s->timeout : patience;
    split(host, name, port);
    fprintf(to, "kafka: %s\n", host);
    return step_reach(name, port, timeout, to, why);
}

static void print_security(const struct kafka_settings *s, FILE *to)
{
    if (!kafka_is_secure(s))
        fputs("  TLS... WARN secure connection disabled\n", to);
    else
        step_done(to, "TLS",
                  s->tls.mode == TLS_NONE
                      ? "(ssl.verification_mode is none: anybody may be the server)"
                      : "");
    if (s->username)
        step_done(to, "SASL", "");
}

// What the client could not do, in its last words.
static bool client_failed(struct kafka_client *c, rd_kafka_resp_err_t error, const char *step,
                          FILE *to, struct error *why)
{
    gate_lock(c->gate);
    rd_kafka_resp_err_t last = c->last ? c->last : error;
    const char *words = c->last ? c->trouble.text : rd_kafka_err2str(error), *hint;
    hint = kafka_hint(last == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? error : last);
    error_set(why, "%.300s%s%s", words, *hint ? ": " : "", hint);
    gate_unlock(c->gate);
    return step_failed(to, step, why);
}

static bool test_topic(const struct kafka_settings *s, struct kafka_client *c, FILE *to,
                       struct error *why)
{
    rd_kafka_resp_err_t error;
    if (!s->topic || strchr(s->topic, '%') || s->topics) {
        fputs("  topic... each document's own\n", to);
        return true;
    }
    kafka_topics_allow(c->topics, 5 * SECOND);
    if (kafka_topics_get(c->topics, span_text(s->topic), &error)) {
        step_done(to, "topic", s->topic);
        return true;
    }
    error_set(why, "%.200s: %s: %s", s->topic, rd_kafka_err2str(error), kafka_hint(error));
    return step_failed(to, "topic", why);
}

// Asks until there is an answer, or trouble that no waiting mends.
static rd_kafka_resp_err_t ask(struct kafka_client *c, const rd_kafka_metadata_t **m)
{
    rd_kafka_resp_err_t error;
    int64_t until = clock_steady() + patience;
    bool hopeless = false;
    do {
        error = rd_kafka_metadata(c->handle, 0, NULL, m, (int)(asking / MILLISECOND));
        gate_lock(c->gate);
        hopeless = kafka_outcome(c->last, RD_KAFKA_MSG_STATUS_NOT_PERSISTED) == OUTCOME_FORBIDDEN;
        gate_unlock(c->gate);
    } while (error && !hopeless && clock_steady() < until);
    return error;
}

static bool test_client(const struct kafka_settings *s, struct kafka_client *c, FILE *to,
                        struct error *why)
{
    const rd_kafka_metadata_t *m;
    rd_kafka_resp_err_t error = ask(c, &m);
    if (error)
        return client_failed(c, error, "talk to cluster", to, why);
    print_security(s, to);
    step_done(to, "talk to cluster", "");
    fprintf(to, "  brokers: %d\n", m->broker_cnt);
    rd_kafka_metadata_destroy(m);
    return test_topic(s, c, to, why);
}

static bool test_cluster(const struct kafka_settings *s, const struct output_world *world,
                         const struct tls *tls, FILE *to, struct error *why)
{
    struct gate gate;
    rd_kafka_conf_t *properties = kafka_properties(s, world, tls, why);
    struct kafka_client_setup setup = {
        .properties = properties, .tls = tls, .quiet = true, .gate = &gate};
    if (!properties)
        return false;
    gate_init(&gate);
    struct kafka_client *c = kafka_client_open(&setup, why);
    bool fine = c && test_client(s, c, to, why);
    if (c)
        kafka_client_close(c);
    gate_free(&gate);
    rd_kafka_conf_destroy(properties);
    return fine;
}

bool kafka_test(const void *settings, const struct output_world *world, FILE *to, struct error *why)
{
    const struct kafka_settings *s = settings;
    struct tls *tls = NULL;
    int reached = 0;
    for (int i = 0; i < s->hosts.count; i++)
        reached += reach(s, s->hosts.at[i], to, why);
    if (!reached)
        return false;
    fprintf(to, "kafka: the cluster\n");
    if (kafka_is_secure(s) && !(tls = tls_open(&s->tls, why)))
        return step_failed(to, "TLS", why);
    bool fine = test_cluster(s, world, tls, to, why);
    if (tls)
        tls_close(tls);
    return fine && reached == s->hosts.count;
}
