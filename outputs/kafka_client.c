// SPDX-License-Identifier: Apache-2.0
// Events come from librdkafka's main queue. What our TLS settings ask for beyond its own options is
// checked in its verification callback.
#include "outputs/kafka_client.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/x509_vfy.h>

#include "outputs/kafka_outcome.h"
#include "outputs/kafka_stats.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

enum { STATS_LINE = 1024, POLL_MS = 1000 };

static const char who[] = "outputs.kafka";

// ── certificates ────────────────────────────────────────────────────────────────────────────────

// A pin was seen on the way from the root to the leaf, which comes last: one handshake after the
// other in a thread.
static _Thread_local bool pin_seen;

static bool is_trusted_root(const struct tls *tls, X509 *one, int error)
{
    bool stranger = error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                    error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
    return stranger && tls_trusts(tls, one);
}

static int refuse(char *words, size_t size, const char *why)
{
    snprintf(words, size, "%s", why);
    pin_seen = false;
    return 0;
}

static int verify(rd_kafka_t *handle, const char *broker, int32_t id, int *error, int depth,
                  const char *der, size_t len, char *words, size_t size, void *arg)
{
    (void)handle, (void)broker, (void)id;
    const struct kafka_client *c = arg;
    const unsigned char *at = (const unsigned char *)der;
    X509 *one = d2i_X509(NULL, &at, (long)len);
    if (!one)
        return refuse(words, size, "a certificate cannot be read");
    bool trusted = *error == X509_V_OK || is_trusted_root(c->tls, one, *error);
    bool named = depth > 0 || tls_names(c->tls, one);
    pin_seen |= tls_pins(c->tls, one);
    X509_free(one);
    if (!trusted)
        return refuse(words, size, "nobody known has signed the certificate");
    if (!named)
        return refuse(words, size, "the certificate has no subjectAltName");
    *error = X509_V_OK;
    if (depth > 0)
        return 1;
    bool pinned = pin_seen || !tls_has_pins(c->tls);
    pin_seen = false;
    return pinned ? 1 : refuse(words, size, "no certificate has a key of ssl.ca_sha256");
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────

static void take_reports(struct kafka_client *c, rd_kafka_event_t *e)
{
    const rd_kafka_message_t *m;
    bool wanted = false;
    gate_lock(c->gate);
    while ((m = rd_kafka_event_message_next(e))) {
        wanted |= c->report(m);
        if (!m->err) { // what troubled it is over
            c->last = RD_KAFKA_RESP_ERR_NO_ERROR;
            c->trouble.text[0] = 0;
        }
    }
    if (wanted)
        gate_wake(c->gate);
    gate_unlock(c->gate);
}

static void take_trouble(struct kafka_client *c, rd_kafka_event_t *e)
{
    static struct log_limit said_weather, said_settings;
    rd_kafka_resp_err_t error = rd_kafka_event_error(e);
    const char *words = rd_kafka_event_error_string(e), *hint = kafka_hint(error);
    bool fatal = rd_kafka_event_error_is_fatal(e);
    gate_lock(c->gate);
    c->dead |= fatal;
    c->last = error;
    error_set(&c->trouble, "%.300s", words);
    gate_wake(c->gate);
    gate_unlock(c->gate);
    bool forbidden = kafka_outcome(error, RD_KAFKA_MSG_STATUS_NOT_PERSISTED) == OUTCOME_FORBIDDEN;
    if (!c->quiet)
        log_seldom(forbidden || fatal ? &said_settings : &said_weather, LOG_WARNING, who,
                   "%.300s%s%s; documents wait", words, *hint ? ": " : "", hint);
}

static void take_numbers(struct kafka_client *c, rd_kafka_event_t *e)
{
    struct kafka_stats s;
    char line[STATS_LINE];
    struct pen pen = pen_of(line, sizeof line - 1);
    if (!kafka_stats_read(rd_kafka_event_stats(e), &s))
        return;
    if (!s.messages_waiting && s.messages_sent == c->sent_before)
        return;
    c->sent_before = s.messages_sent;
    kafka_stats_write(&s, &pen);
    pen_byte(&pen, 0);
    if (!pen.full)
        log_fields(LOG_INFO, who, "numbers of the client", line);
}

// Its own lines are for those who look for trouble; what matters comes as trouble, too.
static void take_line(rd_kafka_event_t *e)
{
    const char *about, *words;
    int level;
    if (log_debugs(who) && !rd_kafka_event_log(e, &about, &words, &level))
        log_say(LOG_DEBUG, who, "librdkafka: %s: %s", about, words);
}

static void take(struct kafka_client *c, rd_kafka_event_t *e)
{
    switch (rd_kafka_event_type(e)) {
    case RD_KAFKA_EVENT_DR:
        take_reports(c, e);
        break;
    case RD_KAFKA_EVENT_ERROR:
        take_trouble(c, e);
        break;
    case RD_KAFKA_EVENT_STATS:
        take_numbers(c, e);
        break;
    case RD_KAFKA_EVENT_LOG:
        take_line(e);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(e);
}

static void *run(void *argument)
{
    struct kafka_client *c = argument;
    while (!atomic_load(&c->closing)) {
        rd_kafka_event_t *e = rd_kafka_queue_poll(c->queue, POLL_MS);
        if (e)
            take(c, e);
    }
    return NULL;
}

// ── opening ─────────────────────────────────────────────────────────────────────────────────────

static rd_kafka_conf_t *own_properties(struct kafka_client *c,
                                       const struct kafka_client_setup *setup)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(setup->properties);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)setup->batch_bytes);
    if (setup->batch_bytes)
        rd_kafka_conf_set(conf, "batch.size", number, NULL, 0);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS |
                                       RD_KAFKA_EVENT_LOG);
    rd_kafka_conf_set_opaque(conf, c);
    if (setup->tls && tls_lend(setup->tls).checks)
        rd_kafka_conf_set_ssl_cert_verify_cb(conf, verify);
    return conf;
}

static bool start(struct kafka_client *c, const struct kafka_client_setup *setup, struct error *why)
{
    char words[400];
    rd_kafka_conf_t *conf = own_properties(c, setup);
    c->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    if (!c->handle) {
        rd_kafka_conf_destroy(conf);
        return error_set(why, "librdkafka: %s", words);
    }
    c->queue = rd_kafka_queue_get_main(c->handle);
    rd_kafka_set_log_queue(c->handle, c->queue);
    c->topics = kafka_topics_new(c->handle, setup->partitioner, setup->arg);
    if (!c->topics)
        return error_set(why, "no memory");
    c->thread = thread_start("kafka reports", run, c);
    return true;
}

struct kafka_client *kafka_client_open(const struct kafka_client_setup *setup, struct error *why)
{
    struct kafka_client *c = calloc(1, sizeof *c);
    if (!c) {
        error_set(why, "no memory");
        return NULL;
    }
    c->batch_bytes = setup->batch_bytes;
    c->tls = setup->tls;
    c->gate = setup->gate;
    c->quiet = setup->quiet;
    c->report = setup->report;
    if (start(c, setup, why))
        return c;
    kafka_client_close(c);
    return NULL;
}

void kafka_client_close(struct kafka_client *c)
{
    if (c->topics) {
        atomic_store(&c->closing, true);
        rd_kafka_queue_yield(c->queue);
        thread_join(c->thread);
    }
    kafka_topics_free(c->topics);
    if (c->queue)
        rd_kafka_queue_destroy(c->queue);
    if (c->handle)
        rd_kafka_destroy(c->handle);
    free(c);
}

void kafka_client_purge(struct kafka_client *c)
{
    rd_kafka_purge(c->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                  RD_KAFKA_PURGE_F_NON_BLOCKING);
}
