// SPDX-License-Identifier: Apache-2.0
// Settings become librdkafka's properties, in its own names.
#include <stdlib.h>

#include "outputs/kafka_settings.h"
#include "pipeline/base/clock.h"

enum {
    NAME = 256,       // of a property
    SERVERS = 4096,   // of bootstrap.servers
    MARGIN = 4096,    // for key, headers and framing of a message as large as may be
    DEPTH = 16,       // of the user's map
    PATIENCE = 10,    // times the timeout of a request: longer than a broker takes to come back
    GZIP_STANDARD = 4 // the reference's level
};

struct properties {
    rd_kafka_conf_t *conf;
    struct error *why;
    bool fine;
};

static void set(struct properties *p, const char *name, const char *value)
{
    char words[400];
    if (p->fine && rd_kafka_conf_set(p->conf, name, value, words, sizeof words) != RD_KAFKA_CONF_OK)
        p->fine = error_set(p->why, "%s", words);
}

static void set_number(struct properties *p, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    set(p, name, text);
}

// librdkafka counts in milliseconds.
static void set_time(struct properties *p, const char *name, int64_t duration)
{
    set_number(p, name, duration / MILLISECOND);
}

static void set_given(struct properties *p, const char *name, const char *value)
{
    if (value && *value)
        set(p, name, value);
}

// ── groups ──────────────────────────────────────────────────────────────────────────────────────

static void set_servers(struct properties *p, const struct kafka_settings *s)
{
    char list[SERVERS] = "";
    size_t used = 0;
    for (int i = 0; i < s->hosts.count; i++) {
        int len = snprintf(list + used, sizeof list - used, "%s%s", i ? "," : "", s->hosts.at[i]);
        if (len < 0 || used + (size_t)len >= sizeof list) {
            p->fine = error_set(p->why, "hosts: too many");
            return;
        }
        used += (size_t)len;
    }
    set(p, "bootstrap.servers", list);
}

static void set_security(struct properties *p, const struct kafka_settings *s, bool secret)
{
    static const char *const names[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
    static const char *const protocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
    bool login = s->username && *s->username;
    set(p, "security.protocol", protocols[2 * login + secret]);
    if (login) {
        set(p, "sasl.mechanisms", names[s->mechanism]);
        set(p, "sasl.username", s->username);
        set(p, "sasl.password", s->password);
    }
}

static void set_tls(struct properties *p, const struct tls *tls)
{
    struct tls_parts t = tls_lend(tls);
    set(p, "enable.ssl.certificate.verification", t.mode == TLS_NONE ? "false" : "true");
    set(p, "ssl.endpoint.identification.algorithm", t.mode <= TLS_STRICT ? "https" : "none");
    set_given(p, "ssl.ca.pem", t.authorities);
    set_given(p, "ssl.certificate.pem", t.certificate);
    set_given(p, "ssl.key.pem", t.key);
    set_given(p, "ssl.key.password", t.passphrase);
    set_given(p, "ssl.cipher.suites", t.ciphers);
    set_given(p, "ssl.curves.list", t.curves);
}

static void set_compression(struct properties *p, const struct kafka_settings *s)
{
    static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const char *name = names[s->compression];
    set(p, "compression.codec", name);
    if (strcmp(s->compression_level, "auto") != 0)
        set(p, "compression.level", s->compression_level);
    else if (!strcmp(name, "gzip"))
        set_number(p, "compression.level", GZIP_STANDARD);
}

// Brokers before 0.10 cannot say what they understand.
static void set_version(struct properties *p, const struct kafka_settings *s)
{
    if (!strncmp(s->version, "0.8", 3) || !strncmp(s->version, "0.9", 3))
        set(p, "broker.version.fallback", s->version);
}

static void set_delivery(struct properties *p, const struct kafka_settings *s)
{
    set_number(p, "acks", s->required_acks);
    set(p, "enable.idempotence", s->required_acks == -1 ? "true" : "false");
    set_number(p, "message.max.bytes", s->max_message_bytes + MARGIN);
    set_number(p, "batch.size", s->max_message_bytes);
    set_time(p, "linger.ms", s->linger ? s->linger : 5 * MILLISECOND);
    // The lane bounds what is under way; a message is given back to it late, for only as long as
    // the client holds it the broker knows it again when it comes twice. Not never: a partition
    // that has lost its leader would hold up all others.
    set_number(p, "queue.buffering.max.messages", 1000000);
    set_time(p, "message.timeout.ms", PATIENCE * s->timeout);
    set_time(p, "socket.timeout.ms", s->timeout);
    set_time(p, "request.timeout.ms", s->broker_timeout);
    set(p, "socket.keepalive.enable", s->keep_alive ? "true" : "false");
}

static void set_cluster(struct properties *p, const struct kafka_settings *s)
{
    set_time(p, "retry.backoff.ms", s->metadata_backoff);
    if (s->metadata_refresh)
        set_time(p, "topic.metadata.refresh.interval.ms", s->metadata_refresh);
    else
        set(p, "topic.metadata.refresh.interval.ms", "-1");
    set(p, "topic.metadata.refresh.sparse", s->metadata_full ? "false" : "true");
    set(p, "reconnect.backoff.max.ms", "1000"); // a broker that is back is soon used again
    // Sticky partitions would decide before our partitioner is asked.
    if (!kafka_leaves_partition(s))
        set(p, "sticky.partitioning.linger.ms", "0");
}

// ── the user's own ──────────────────────────────────────────────────────────────────────────────

// Properties that would take the ground from under us, or open foreign code.
static const char *reserved(const char *name)
{
    static const struct {
        const char *name, *why;
    } list[] = {
        {"delivery.report.only.error", "every delivery must be reported"},
        {"transactional.id", "there are no transactions"},
        {"plugin.library.paths", "no foreign code is loaded"},
        {"log.queue", "the log is read from a queue"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!strcmp(list[i].name, name))
            return list[i].why;
    return NULL;
}

static bool set_own(struct properties *p, const struct config *n, const char *name)
{
    char words[400];
    const char *why = reserved(name);
    if (why)
        return config_refuse(n, p->why, "%s cannot be changed: %s", name, why);
    if (rd_kafka_conf_set(p->conf, name, n->text, words, sizeof words) == RD_KAFKA_CONF_OK)
        return true;
    return config_refuse(n, p->why, "%.300s", n->secret ? "librdkafka refuses it" : words);
}

// Dotted names are maps in each other.
static bool set_map(struct properties *p, const struct config *map, const char *above, int depth)
{
    if (map->kind != CONFIG_MAP && map->kind != CONFIG_NULL)
        return config_refuse(map, p->why, "expected librdkafka's properties and their values");
    for (const struct config *n = map->first; n; n = n->next) {
        char name[NAME];
        snprintf(name, sizeof name, "%s%s%s", above, *above ? "." : "", n->key);
        bool fine = n->kind == CONFIG_SCALAR ? set_own(p, n, name)
                    : depth < DEPTH          ? set_map(p, n, name, depth + 1)
                                             : config_refuse(n, p->why, "too deep");
        if (!fine)
            return false;
    }
    return true;
}

bool kafka_leaves_partition(const struct kafka_settings *s)
{
    return config_get(s->properties, "partitioner") != NULL;
}

rd_kafka_conf_t *kafka_properties(const struct kafka_settings *s, const struct output_world *world,
                                  const struct tls *tls, struct error *why)
{
    struct properties p = {rd_kafka_conf_new(), why, true};
    set_servers(&p, s);
    set(&p, "client.id", s->client_id ? s->client_id : world->compat ? "beats" : world->program);
    set(&p, "client.software.name", "weir");
    set_given(&p, "client.software.version", world->version);
    set_security(&p, s, tls != NULL);
    if (tls)
        set_tls(&p, tls);
    set_compression(&p, s);
    set_version(&p, s);
    set_delivery(&p, s);
    set_cluster(&p, s);
    set_time(&p, "statistics.interval.ms", s->statistics);
    set(&p, "log.queue", "true");
    if (p.fine && s->properties)
        p.fine = set_map(&p, s->properties, "", 0);
    if (p.fine)
        return p.conf;
    rd_kafka_conf_destroy(p.conf);
    return NULL;
}
