// SPDX-License-Identifier: Apache-2.0
// The table, its checks, and the ways into lists that the table cannot describe.
#include "outputs/kafka_settings.h"

#include <stdlib.h>

#include "pipeline/base/clock.h"

#define AT(member) offsetof(struct kafka_settings, member)

// With fewer the client waits for the last batches of one parcel while the next could fill them: it
// then sleeps and wakes more often, which costs a fifth more time.
enum { WORKERS = 4 };

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};
static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const oversizes[] = {"refuse", "truncate", NULL};

static const struct setting json_settings[] = {
    {"pretty", SETTING_UNUSED, .meaning = "A message is one line, whatever is asked for"},
    {"escape_html", SETTING_UNUSED,
     .meaning = "Readers of JSON see no difference; <, > and & are written as they are"},
    SETTING_END};

static const struct setting codec_settings[] = {
    {"json", SETTING_TABLE, 0, .table = json_settings, .meaning = "Documents as JSON"},
    {"format", SETTING_NODE, AT(format), .meaning = "Not supported: refused"},
    SETTING_END};

static const struct setting metadata_settings[] = {
    {"retry.max", SETTING_UNUSED, .meaning = "Metadata is asked for until it is there"},
    {"retry.backoff", SETTING_DURATION, AT(metadata_backoff), "250ms", MILLISECOND, 300 * SECOND,
     .meaning = "Pause before a request is sent again"},
    {"refresh_frequency", SETTING_DURATION, AT(metadata_refresh), "10m", 0, 3600 * SECOND,
     .meaning = "How often to ask which broker has what; 0: only when something failed"},
    {"full", SETTING_BOOL, AT(metadata_full), "false",
     .meaning = "Ask about all topics, not only those in use"},
    SETTING_END};

static const struct setting backoff_settings[] = {
    {"init", SETTING_DURATION, AT(backoff_init), "1s", MILLISECOND, 3600 * SECOND,
     .meaning = "Longest pause after the first failure; doubled after each further one"},
    {"max", SETTING_DURATION, AT(backoff_max), "60s", MILLISECOND, 3600 * SECOND,
     .meaning = "Longest pause at all"},
    SETTING_END};

const struct setting kafka_settings[] = {
    {"hosts", SETTING_TEXTS, AT(hosts), .meaning = "Some brokers of one cluster: host:port"},
    {"topic", SETTING_TEXT, AT(topic),
     .meaning = "Topic, an event format string; a document without a topic is refused"},
    {"topics", SETTING_NODE, AT(topics),
     .meaning = "Rules tried before: {topic, mappings, default, when}; the first that fits "
                "decides"},
    {"key", SETTING_TEXT, AT(key), .meaning = "Key of the messages, an event format string"},
    {"partition", SETTING_NODE, AT(partition),
     .meaning = "One of hash {hash: [fields], random: true}, round_robin {group_events: 1}, random "
                "{group_events: 1}, each with reachable_only: false; unset: hash, of the key"},
    {"headers", SETTING_NODE, AT(headers),
     .meaning = "List of {key, value}; values are event format strings, a header whose field is "
                "missing is left out"},
    {"version", SETTING_TEXT, AT(version), "1.0.0",
     .meaning = "Counts below 0.10 only: newer brokers say what they can"},
    {"client_id", SETTING_TEXT, AT(client_id),
     .meaning = "How this client calls itself; unset: the program's name"},
    {"username", SETTING_TEXT, AT(username), .meaning = "SASL authentication"},
    {"password", SETTING_TEXT, AT(password), .meaning = "Its password"},
    {"sasl.mechanism", SETTING_CHOICE, AT(mechanism), "PLAIN", .choices = mechanisms,
     .meaning = "How to authenticate"},
    {"kerberos", SETTING_UNUSED, .meaning = "Kerberos is not available"},
    {"ssl", SETTING_NODE, AT(secure), .meaning = "TLS is used if this section is there"},
    {"ssl", SETTING_TABLE, AT(tls), .table = tls_settings, .meaning = "What it holds"},
    {"codec", SETTING_TABLE, 0, .table = codec_settings, .meaning = "How documents are written"},
    {"metadata", SETTING_TABLE, 0, .table = metadata_settings,
     .meaning = "Knowledge about the cluster"},
    {"max_retries", SETTING_TEXT, AT(max_retries), "auto",
     .meaning = "Sendings after the first until a document is given up; negative: without end; "
                "auto: without end, under compat 3; only those count whose outcome is unknown"},
    {"backoff", SETTING_TABLE, 0, .table = backoff_settings,
     .meaning = "Pauses before sending again"},
    {"worker", SETTING_NUMBER, AT(worker), "0", 0, 16, .meaning = "As `workers`"},
    {"workers", SETTING_NUMBER, AT(workers), "0", 0, 16,
     .meaning = "How many times bulk_max_size documents may be under way, through one client; "
                "0: 4"},
    {"loadbalance", SETTING_UNUSED, .meaning = "The partition decides which broker is sent to"},
    {"bulk_max_size", SETTING_NUMBER, AT(bulk_max_size), "2048", 0, PARCEL_ROWS,
     .meaning = "Documents sent at once, at most; 0: as queue.mem.flush.min_events"},
    {"bulk_flush_frequency", SETTING_DURATION, AT(linger), "0s", 0, 60 * SECOND,
     .meaning = "A message waits so long for others of its partition; 0: 5 ms"},
    {"timeout", SETTING_DURATION, AT(timeout), "30s", SECOND, 300 * SECOND,
     .meaning =
         "A request may take so long; a message is given back after ten times that, and sent "
         "anew: if it had arrived, it is there twice"},
    {"broker_timeout", SETTING_DURATION, AT(broker_timeout), "10s", MILLISECOND, 900 * SECOND,
     .meaning = "So long the broker waits for required_acks"},
    {"channel_buffer_size", SETTING_UNUSED,
     .meaning = "Messages wait in the queue; see workers and bulk_max_size"},
    {"keep_alive", SETTING_DURATION, AT(keep_alive), "0s", 0, 3600 * SECOND,
     .meaning = "TCP keep-alive if not 0, with the system's intervals"},
    {"compression", SETTING_CHOICE, AT(compression), "gzip", .choices = codecs,
     .meaning = "Codec of the batches; zstd and lz4 cost a fraction of gzip"},
    {"compression_level", SETTING_TEXT, AT(compression_level), "auto",
     .meaning = "Level of the codec: gzip 0 to 9, lz4 0 to 12, zstd 1 to 12; auto: gzip 4, others "
                "their own"},
    {"max_message_bytes", SETTING_BYTES, AT(max_message_bytes), "1000000", 1000, 1000000000,
     .meaning = "A larger document is refused, or as oversize says"},
    {"oversize", SETTING_CHOICE, AT(oversize), "refuse", .choices = oversizes,
     .meaning = "truncate: the largest texts lose their ends, marked, until the document fits"},
    {"dead_letter_topic", SETTING_TEXT, AT(dead_letter_topic),
     .meaning = "Topic for what is refused, cut if it is too large, with the reason in headers"},
    {"required_acks", SETTING_NUMBER, AT(required_acks), "-1", -1, 1,
     .meaning = "Who must have a message: -1: all replicas in sync, and the broker drops what "
                "comes twice, but for documents older than its producer.id.expiration.ms, a day; "
                "1: the leader; 0: nobody, losses go unnoticed"},
    {"statistics", SETTING_DURATION, AT(statistics), "30s", 0, 3600 * SECOND,
     .meaning = "How often the client's numbers go to the log while there is something to send; "
                "0: never"},
    {"librdkafka", SETTING_NODE, AT(properties),
     .meaning = "Properties of librdkafka by its own names; they win over all that is said here"},
    SETTING_END};

// ── partition ───────────────────────────────────────────────────────────────────────────────────

static const char *const ways[] = {
    [KAFKA_HASH] = "hash", [KAFKA_ROUND_ROBIN] = "round_robin", [KAFKA_RANDOM] = "random"};

// The section of the way that is chosen; NULL: none.
static const struct config *chosen(const struct kafka_settings *s)
{
    return s->partition ? s->partition->first : NULL;
}

static bool is_on(const struct config *way, const char *key, bool standard)
{
    const char *text = config_text(way, key);
    return text ? !strcmp(text, "true") : standard;
}

static const struct config *hash_list(const struct kafka_settings *s)
{
    const struct config *way = chosen(s);
    return way && !strcmp(way->key, ways[KAFKA_HASH]) ? config_get(way, "hash") : NULL;
}

struct kafka_partitioning kafka_partitioning(const struct kafka_settings *s)
{
    struct kafka_partitioning how = {KAFKA_HASH, 1, false};
    const struct config *way = chosen(s);
    if (!way)
        return how;
    for (int i = 0; i <= KAFKA_RANDOM; i++)
        if (!strcmp(way->key, ways[i]))
            how.way = (enum kafka_way)i;
    const char *group = config_text(way, "group_events");
    how.group = group ? strtoull(group, NULL, 10) : 1;
    how.reachable_only = is_on(way, "reachable_only", false);
    return how;
}

int kafka_hash_fields(const struct kafka_settings *s, const char *names[KAFKA_LIST])
{
    const struct config *list = hash_list(s);
    int count = 0;
    if (list && list->kind == CONFIG_SCALAR)
        names[count++] = list->text;
    for (const struct config *n = list ? list->first : NULL; n && count < KAFKA_LIST; n = n->next)
        names[count++] = n->text;
    return count;
}

bool kafka_needs_hash(const struct kafka_settings *s)
{
    return kafka_partitioning(s).way == KAFKA_HASH && !is_on(chosen(s), "random", true);
}

static bool switch_check(const struct config *n, struct error *why)
{
    char found[64];
    if (n->text && (!strcmp(n->text, "true") || !strcmp(n->text, "false")))
        return true;
    return config_refuse(n, why, "expected true or false, found %s", config_found(n, found));
}

static bool group_check(const struct config *n, struct error *why)
{
    char found[64];
    uint64_t number;
    if (n->text && span_number(span_text(n->text), &number) && number && number < 1 << 30)
        return true;
    return config_refuse(n, why, "expected a number of messages from 1 on, found %s",
                         config_found(n, found));
}

static bool fields_check(const struct config *n, struct error *why)
{
    if (n->kind == CONFIG_SCALAR && n->text && *n->text)
        return true;
    if (n->kind != CONFIG_LIST && n->kind != CONFIG_NULL)
        return config_refuse(n, why, "expected a list of fields");
    if (n->count > KAFKA_LIST)
        return config_refuse(n, why, "more than %d fields", KAFKA_LIST);
    for (const struct config *one = n->first; one; one = one->next)
        if (one->kind != CONFIG_SCALAR || !*one->text)
            return config_refuse(one, why, "expected the name of a field");
    return true;
}

static bool way_option_check(const struct config *way, const struct config *n, struct error *why)
{
    bool hash = !strcmp(way->key, ways[KAFKA_HASH]);
    if (!strcmp(n->key, "reachable_only") || (hash && !strcmp(n->key, "random")))
        return switch_check(n, why);
    if (hash && !strcmp(n->key, "hash"))
        return fields_check(n, why);
    if (!hash && !strcmp(n->key, "group_events"))
        return group_check(n, why);
    return config_refuse(n, why, "unknown setting: partition.%s has %s and reachable_only",
                         way->key, hash ? "hash, random" : "group_events");
}

static bool partition_check(const struct kafka_settings *s, struct error *why)
{
    const struct config *node = s->partition, *way = chosen(s);
    if (!node || node->kind == CONFIG_NULL)
        return true;
    if (node->kind != CONFIG_MAP || node->count != 1)
        return config_refuse(node, why, "expected one of hash, round_robin, random");
    bool known = false;
    for (int i = 0; i <= KAFKA_RANDOM; i++)
        known |= !strcmp(way->key, ways[i]);
    if (!known || (way->kind != CONFIG_MAP && way->kind != CONFIG_NULL))
        return config_refuse(way, why, "expected one of hash, round_robin, random, and its map");
    for (const struct config *n = way->first; n; n = n->next)
        if (!way_option_check(way, n, why))
            return false;
    return true;
}

// ── headers and routes ──────────────────────────────────────────────────────────────────────────

int kafka_headers(const struct kafka_settings *s, const char *names[KAFKA_LIST])
{
    int count = 0;
    for (const struct config *n = s->headers ? s->headers->first : NULL; n && count < KAFKA_LIST;
         n = n->next)
        names[count++] = config_text(n, "key");
    return count;
}

static bool headers_check(const struct config *list, struct error *why)
{
    if (!list || list->kind == CONFIG_NULL)
        return true;
    if (list->kind != CONFIG_LIST)
        return config_refuse(list, why, "expected a list of {key, value}");
    if (list->count > KAFKA_LIST)
        return config_refuse(list, why, "more than %d headers", KAFKA_LIST);
    for (const struct config *n = list->first; n; n = n->next) {
        const char *key = config_text(n, "key");
        if (!key || !*key || !config_text(n, "value") || n->count != 2)
            return config_refuse(n, why, "expected a header: {key, value}");
    }
    return true;
}

const char *const *kafka_more_routes(const void *settings, struct arena *arena)
{
    const struct kafka_settings *s = settings;
    const char **texts = arena_alloc(arena, (2 * KAFKA_LIST + 1) * sizeof *texts);
    if (!texts)
        return NULL;
    int count = kafka_hash_fields(s, texts);
    for (int i = 0; i < count; i++)
        texts[i] = arena_printf(arena, "%%{[%s]}", texts[i]);
    for (const struct config *n = s->headers ? s->headers->first : NULL; n; n = n->next)
        texts[count++] = config_text(n, "value");
    texts[count] = NULL;
    return texts;
}

bool kafka_is_secure(const struct kafka_settings *s)
{
    return s->secure && s->secure->kind != CONFIG_NULL && s->tls.enabled;
}

bool kafka_is_topic(struct span name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (size_t i = 0; i < name.len; i++)
        if (!name.at[i] || !strchr(allowed, name.at[i]))
            return false;
    return name.len && name.len <= KAFKA_TOPIC && !span_is(name, (struct span)SPAN(".")) &&
           !span_is(name, (struct span)SPAN(".."));
}

// ── other checks ────────────────────────────────────────────────────────────────────────────────

static bool number_read(const char *text, int64_t least, int64_t most, int64_t *number)
{
    char *end;
    int64_t read = strtoll(text, &end, 10);
    if (!*text || *end || read < least || read > most)
        return false;
    *number = read;
    return true;
}

static bool hosts_check(const struct kafka_settings *s, struct error *why)
{
    for (int i = 0; i < s->hosts.count; i++)
        if (!*s->hosts.at[i] || strpbrk(s->hosts.at[i], " ,/\t"))
            return error_set(why, "hosts: entry %d is no broker such as kafka1:9092", i + 1);
    return s->hosts.count || error_set(why, "hosts is missing: where is a broker?");
}

static bool topic_check(const struct kafka_settings *s, struct error *why)
{
    bool rules = s->topics && s->topics->kind != CONFIG_NULL;
    if ((!s->topic || !*s->topic) && !rules)
        return error_set(why, "topic is missing: where to?");
    if (s->topic && *s->topic && !strchr(s->topic, '%') && !kafka_is_topic(span_text(s->topic)))
        return error_set(why,
                         "topic: \"%.100s\" is no name of a topic: up to %d letters, digits, "
                         "dots, dashes, underscores",
                         s->topic, KAFKA_TOPIC);
    if (s->dead_letter_topic && !kafka_is_topic(span_text(s->dead_letter_topic)))
        return error_set(why, "dead_letter_topic: \"%.100s\" is no name of a topic",
                         s->dead_letter_topic);
    return true;
}

static bool login_check(const struct kafka_settings *s, struct error *why)
{
    if (s->username && !s->password)
        return error_set(why, "password is missing: username and password belong together");
    if (s->password && !s->username)
        return error_set(why, "username is missing: username and password belong together");
    return true;
}

static bool texts_check(const struct kafka_settings *s, struct error *why)
{
    int64_t number;
    if (strcmp(s->max_retries, "auto") != 0 && !number_read(s->max_retries, -1, 1 << 30, &number))
        return error_set(why, "max_retries: expected a number or auto, found \"%.100s\"",
                         s->max_retries);
    if (strcmp(s->compression_level, "auto") != 0 &&
        !number_read(s->compression_level, -1, 12, &number))
        return error_set(why, "compression_level: expected a number up to 12, found \"%.100s\"",
                         s->compression_level);
    if (!*s->version || s->version[strspn(s->version, "0123456789.")])
        return error_set(why, "version: expected one such as 2.6.0, found \"%.100s\"", s->version);
    if (s->backoff_init > s->backoff_max)
        return error_set(why, "backoff.init is larger than backoff.max");
    if (s->format)
        return config_refuse(s->format, why, "is not supported: documents are always JSON");
    return true;
}

static bool versions_check(const struct kafka_settings *s, struct error *why)
{
    const struct setting_texts *list = &s->tls.protocols;
    bool first = !list->count, second = !list->count;
    for (int i = 0; i < list->count; i++) {
        first |= !strcasecmp(list->at[i], "TLSv1.2");
        second |= !strcasecmp(list->at[i], "TLSv1.3");
    }
    if (first && second)
        return true;
    return error_set(why, "ssl.supported_protocols: with Kafka TLSv1.2 and TLSv1.3 are both used; "
                          "leave it out, or limit them at the brokers");
}

bool kafka_check(const void *settings, struct error *why)
{
    const struct kafka_settings *s = settings;
    static const struct output_world nowhere = {.program = "weir"};
    if (!hosts_check(s, why) || !topic_check(s, why) || !login_check(s, why) ||
        !texts_check(s, why) || !partition_check(s, why) || !headers_check(s->headers, why) ||
        !tls_check(&s->tls, why) || !versions_check(s, why))
        return false;
    rd_kafka_conf_t *properties = kafka_properties(s, &nowhere, NULL, why);
    if (properties)
        rd_kafka_conf_destroy(properties);
    return properties != NULL;
}

void kafka_serve(const void *settings, const struct output_world *world,
                 struct queue_settings *queue)
{
    const struct kafka_settings *s = settings;
    int64_t rows = s->bulk_max_size, workers = s->workers > s->worker ? s->workers : s->worker;
    queue->backoff_init = s->backoff_init;
    queue->backoff_max = s->backoff_max;
    if (rows > 0)
        queue->flush_min_events = rows < queue->events ? rows : queue->events;
    if (!number_read(s->max_retries, -1, 1 << 30, &queue->max_retries) && world && world->compat)
        queue->max_retries = 3;
    queue->threads = workers ? workers : WORKERS;
}
