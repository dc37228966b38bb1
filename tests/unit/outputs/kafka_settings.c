// SPDX-License-Identifier: Apache-2.0
// Settings of output.kafka: what becomes of them as librdkafka's properties, what is refused.
#include "outputs/kafka_settings.h"

#include "tests/unit/outputs/settings_kit.h"

extern const struct output output_kafka;

static struct kafka_settings settings;
static const struct output_world world = {.program = "weir", .version = "1"};

static bool read_settings(const char *yaml)
{
    return settings_read(&output_kafka, yaml, &settings, &arena, &why);
}

static void read_fine(const char *yaml)
{
    if (!read_settings(yaml))
        fail_msg("%s: %s", yaml, why.text);
}

static void expect_property(const char *yaml, const char *name, const char *wanted)
{
    char found[512];
    size_t size = sizeof found;
    read_fine(yaml);
    rd_kafka_conf_t *conf = kafka_properties(&settings, &world, NULL, &why);
    assert_non_null(conf);
    if (rd_kafka_conf_get(conf, name, found, &size) != RD_KAFKA_CONF_OK)
        fail_msg("no property %s", name);
    rd_kafka_conf_destroy(conf);
    if (strcmp(found, wanted))
        fail_msg("%s: %s is %s, not %s", yaml, name, found, wanted);
}

static void settings_become_properties(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"hosts: ['a:1', b]", "bootstrap.servers", "a:1,b"},
        {"hosts: a", "client.id", "weir"},
        {"{hosts: a, client_id: me}", "client.id", "me"},
        {"hosts: a", "enable.idempotence", "true"},
        {"hosts: a", "acks", "-1"},
        {"{hosts: a, required_acks: 1}", "acks", "1"},
        {"{hosts: a, required_acks: 1}", "enable.idempotence", "false"},
        {"{hosts: a, required_acks: 0}", "acks", "0"},
        {"hosts: a", "compression.codec", "gzip"},
        {"hosts: a", "compression.level", "4"},
        {"{hosts: a, compression: zstd}", "compression.level", "-1"},
        {"{hosts: a, compression: lz4, compression_level: 9}", "compression.level", "9"},
        {"{hosts: a, timeout: 5s}", "socket.timeout.ms", "5000"},
        {"{hosts: a, timeout: 5s}", "message.timeout.ms", "50000"},
        {"hosts: a", "message.timeout.ms", "300000"},
        {"{hosts: a, broker_timeout: 3s}", "request.timeout.ms", "3000"},
        {"{hosts: a, keep_alive: 60s}", "socket.keepalive.enable", "true"},
        {"{hosts: a, bulk_flush_frequency: 40ms}", "linger.ms", "40"},
        {"{hosts: a, metadata.refresh_frequency: 1m}", "topic.metadata.refresh.interval.ms",
         "60000"},
        {"{hosts: a, metadata.refresh_frequency: 0}", "topic.metadata.refresh.interval.ms", "-1"},
        {"{hosts: a, metadata.full: true}", "topic.metadata.refresh.sparse", "false"},
        {"{hosts: a, metadata.retry.backoff: 1s}", "retry.backoff.ms", "1000"},
        {"{hosts: a, max_message_bytes: 5000}", "batch.size", "5000"},
        {"{hosts: a, username: u, password: p}", "security.protocol", "sasl_plaintext"},
        {"{hosts: a, username: u, password: p}", "sasl.mechanisms", "PLAIN"},
        {"{hosts: a, username: u, password: p, sasl.mechanism: SCRAM-SHA-512}", "sasl.mechanisms",
         "SCRAM-SHA-512"},
        {"{hosts: a, version: 0.9.0.1}", "broker.version.fallback", "0.9.0.1"},
        {"{hosts: a, statistics: 2s}", "statistics.interval.ms", "2000"},
        {"hosts: a", "sticky.partitioning.linger.ms", "0"},
        {"{hosts: a, librdkafka: {partitioner: murmur2_random}}", "sticky.partitioning.linger.ms",
         "10"},
        {"{hosts: a, librdkafka: {queue.buffering.max.messages: 7}}",
         "queue.buffering.max.messages", "7"},
        {"{hosts: a, timeout: 5s, librdkafka: {socket: {timeout.ms: 77}}}", "socket.timeout.ms",
         "77"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char yaml[512];
        bool map = rows[i][0][0] == '{';
        snprintf(yaml, sizeof yaml, "{topic: t, %s%s", rows[i][0] + map, map ? "" : "}");
        expect_property(yaml, rows[i][1], rows[i][2]);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{topic: t}", "hosts is missing"},
        {"{topic: t, hosts: ['http://a']}", "hosts: entry 1 is no broker"},
        {"{hosts: a}", "topic is missing"},
        {"{hosts: a, topic: 'a b'}", "no name of a topic"},
        {"{hosts: a, topic: ..}", "no name of a topic"},
        {"{hosts: a, topic: t, dead_letter_topic: 'a/b'}", "dead_letter_topic"},
        {"{hosts: a, topic: t, username: u}", "password is missing"},
        {"{hosts: a, topic: t, password: p}", "username is missing"},
        {"{hosts: a, topic: t, sasl.mechanism: GSSAPI}", "test.yml:1"},
        {"{hosts: a, topic: t, compression: brotli}", "test.yml:1"},
        {"{hosts: a, topic: t, compression_level: high}", "compression_level"},
        {"{hosts: a, topic: t, max_retries: some}", "max_retries: expected a number"},
        {"{hosts: a, topic: t, version: newest}", "version: expected"},
        {"{hosts: a, topic: t, required_acks: 2}", "test.yml:1"},
        {"{hosts: a, topic: t, backoff: {init: 2s, max: 1s}}", "backoff.init is larger"},
        {"{hosts: a, topic: t, codec.format.string: x}", "documents are always JSON"},
        {"{hosts: a, topic: t, partition: hash}", "expected one of hash"},
        {"{hosts: a, topic: t, partition: {hash: {}, random: {}}}", "expected one of hash"},
        {"{hosts: a, topic: t, partition.sticky.x: 1}", "expected one of hash"},
        {"{hosts: a, topic: t, partition.random.group_events: 0}", "from 1 on"},
        {"{hosts: a, topic: t, partition.random.hash: [a]}", "unknown setting"},
        {"{hosts: a, topic: t, partition.hash.random: maybe}", "expected true or false"},
        {"{hosts: a, topic: t, partition.hash.hash: [[a]]}", "expected the name of a field"},
        {"{hosts: a, topic: t, headers: {a: b}}", "expected a list of {key, value}"},
        {"{hosts: a, topic: t, headers: [{key: a}]}", "expected a header"},
        {"{hosts: a, topic: t, oversize: cut}", "test.yml:1"},
        {"{hosts: a, topic: t, ssl.supported_protocols: TLSv1.2}", "TLSv1.2 and TLSv1.3"},
        {"{hosts: a, topic: t, ssl.certificate: x}", "ssl.key is missing"},
        {"{hosts: a, topic: t,\n librdkafka: {\n  nonsense.ms: 1}}", "test.yml:3"},
        {"{hosts: a, topic: t,\n librdkafka: {\n  nonsense.ms: 1}}", "nonsense.ms"},
        {"{hosts: a, topic: t,\n librdkafka.linger.ms: soon}", "test.yml:2"},
        {"{hosts: a, topic: t, librdkafka.plugin.library.paths: x}", "cannot be changed"},
        {"{hosts: a, topic: t, librdkafka: [x]}", "properties and their values"},
        {"{hosts: a, topic: t, tpoic: x}", "did you mean"},
    };
    assert_refused(read_settings, bad, sizeof bad / sizeof *bad);
}

static void partitions_as_asked(void **state)
{
    (void)state;
    const char *names[KAFKA_LIST];
    read_fine("{hosts: a, topic: t}");
    assert_int_equal(kafka_partitioning(&settings).way, KAFKA_HASH);
    assert_int_equal(kafka_hash_fields(&settings, names), 0);
    assert_false(kafka_needs_hash(&settings));
    read_fine("{hosts: a, topic: t, partition.round_robin: {group_events: 5, reachable_only: "
              "true}}");
    struct kafka_partitioning how = kafka_partitioning(&settings);
    assert_int_equal(how.way, KAFKA_ROUND_ROBIN);
    assert_int_equal(how.group, 5);
    assert_true(how.reachable_only);
    read_fine("{hosts: a, topic: t, partition.hash: {hash: [source.ip, source.port], random: "
              "false}}");
    assert_int_equal(kafka_hash_fields(&settings, names), 2);
    assert_string_equal(names[1], "source.port");
    assert_true(kafka_needs_hash(&settings));
    read_fine("{hosts: a, topic: t, partition.random: }");
    assert_int_equal(kafka_partitioning(&settings).way, KAFKA_RANDOM);
}

static void lists_become_routes(void **state)
{
    (void)state;
    read_fine("{hosts: a, topic: t, partition.hash.hash: type, headers: [{key: h, value: "
              "'x-%{[type]}'}, {key: i, value: 7}]}");
    const char *const *texts = kafka_more_routes(&settings, &arena);
    assert_string_equal(texts[0], "%{[type]}");
    assert_string_equal(texts[1], "x-%{[type]}");
    assert_string_equal(texts[2], "7");
    assert_null(texts[3]);
}

static struct queue_settings served(const char *yaml, bool compat)
{
    struct output_world where = {.compat = compat};
    struct queue_settings queue = {.events = 65536, .flush_min_events = 1600, .max_retries = -1};
    read_fine(yaml);
    kafka_serve(&settings, &where, &queue);
    return queue;
}

static void queues_are_as_the_settings_want(void **state)
{
    (void)state;
    assert_int_equal(served("{hosts: a, topic: t}", false).flush_min_events, 2048);
    assert_int_equal(served("{hosts: a, topic: t}", false).threads, 4);
    assert_int_equal(served("{hosts: a, topic: t}", false).max_retries, -1);
    assert_int_equal(served("{hosts: a, topic: t}", true).max_retries, 3);
    assert_int_equal(served("{hosts: a, topic: t, max_retries: -1}", true).max_retries, -1);
    assert_int_equal(served("{hosts: a, topic: t, bulk_max_size: 10}", true).flush_min_events, 10);
    assert_int_equal(served("{hosts: a, topic: t, bulk_max_size: 0}", true).flush_min_events, 1600);
    assert_int_equal(served("{hosts: a, topic: t, worker: 5}", true).threads, 5);
}

static void tls_is_on_if_its_section_is_there(void **state)
{
    (void)state;
    read_fine("{hosts: a, topic: t}");
    assert_false(kafka_is_secure(&settings));
    read_fine("{hosts: a, topic: t, ssl.verification_mode: none}");
    assert_true(kafka_is_secure(&settings));
    read_fine("{hosts: a, topic: t, ssl: {enabled: false, verification_mode: none}}");
    assert_false(kafka_is_secure(&settings));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_become_properties),
        TEST(nonsense_is_refused),
        TEST(partitions_as_asked),
        TEST(lists_become_routes),
        TEST(queues_are_as_the_settings_want),
        TEST(tls_is_on_if_its_section_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
