// SPDX-License-Identifier: Apache-2.0
// Settings of output.elasticsearch: addresses, presets, retries, what is refused.
#include "outputs/es_settings.h"

#include "pipeline/base/clock.h"
#include "tests/unit/outputs/settings_kit.h"

static struct es_settings settings;

static bool read_settings(const char *own, const char *root)
{
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = &arena};
    struct config *a = config_new(&arena), *b = config_new(&arena);
    return config_read_text(a, span_text(own), "o.yml", &arena, &why) &&
           config_read_text(b, span_text(root), "r.yml", &arena, &why) &&
           setting_fill(es_settings, a, &settings, NULL, &reader, &why) &&
           setting_fill(es_root_settings, b, &settings, NULL, &reader, &why) &&
           es_check(&settings, &why);
}

static bool read_own(const char *yaml)
{
    return read_settings(yaml, "");
}

static void expect_url(const char *yaml, const char *root, const char *url)
{
    struct es_hosts hosts;
    if (!read_settings(yaml, root) || !es_hosts_read(&settings, &hosts, &why))
        fail_msg("%s: %s", yaml, why.text);
    assert_string_equal(hosts.url[0], url);
    es_hosts_free(&hosts);
}

static void addresses_are_made_whole(void **state)
{
    (void)state;
    expect_url("hosts: a", "", "http://a:9200");
    expect_url("hosts: [a, b]", "", "http://a:9200");
    expect_url("hosts: 'a:1'", "", "http://a:1");
    expect_url("{hosts: a, protocol: https, path: /es}", "", "https://a:9200/es");
    expect_url("{hosts: 'https://a/x/', path: es}", "", "https://a:9200/x");
    expect_url("{hosts: '[::1]:9201'}", "", "http://[::1]:9201");
    expect_url("{hosts: 'http://u:p%40@a:9200'}", "", "http://a:9200");
    // us-east-1.aws.found.io$cec6f261a74bf24ce33bb8811b84294f$c6c2ca6d042249af0cc7d7a9e9625743
    expect_url("{}",
               "cloud.id: 'staging:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRjZWM2ZjI2MWE3NGJmMjRjZTMzYmI4ODEx"
               "Yjg0Mjk0ZiRjNmMyY2E2ZDA0MjI0OWFmMGNjN2Q3YTllOTYyNTc0Mw=='",
               "https://cec6f261a74bf24ce33bb8811b84294f.us-east-1.aws.found.io:443");
}

static void credentials_leave_the_address(void **state)
{
    (void)state;
    struct es_hosts hosts;
    assert_true(read_settings("hosts: ['http://u:p%40@a:1', 'http://b:2']", ""));
    assert_true(es_hosts_read(&settings, &hosts, &why));
    assert_string_equal(hosts.username, "u");
    assert_string_equal(hosts.password, "p@");
    assert_string_equal(hosts.url[1], "http://b:2");
    es_hosts_free(&hosts);
    assert_true(read_settings("hosts: a", "cloud.auth: 'me:pass:word'"));
    assert_true(es_hosts_read(&settings, &hosts, &why));
    assert_string_equal(hosts.username, "me");
    assert_string_equal(hosts.password, "pass:word");
    es_hosts_free(&hosts);
}

static void parameters_join_every_address(void **state)
{
    (void)state;
    assert_true(read_settings("{hosts: a, parameters: {x y: 'a&b', z: 1}}", ""));
    char *url = es_url(&settings, "http://a:9200", "i/_bulk", "f=1");
    assert_string_equal(url, "http://a:9200/i/_bulk?f=1&x%20y=a%26b&z=1");
    free(url);
    url = es_url(&settings, "http://a", "", "");
    assert_string_equal(url, "http://a/?x%20y=a%26b&z=1");
    free(url);
    url = es_escape(span_text("<logs-{now/d}>\xc3\xa4"));
    assert_string_equal(url, "%3Clogs-%7Bnow%2Fd%7D%3E%C3%A4");
    free(url);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{}", "hosts is missing"},
        {"hosts: ['ftp://a']", "hosts: entry 1 is no address"},
        {"hosts: [a, 'http://']", "hosts: entry 2"},
        {"{hosts: a, protocol: gopher}", "protocol: expected http or https"},
        {"{hosts: a, api_key: 'a:b', username: u}", "exclude each other"},
        {"{hosts: a, service_token: t, api_key: 'a:b'}", "service_token excludes"},
        {"{hosts: a, max_retries: some}", "max_retries: expected a number"},
        {"{hosts: a, backoff: {init: 2s, max: 1s}}", "backoff.init is larger"},
        {"{hosts: a, non_indexable_policy: keep}", "expected drop, or dead_letter_index.index"},
        {"{hosts: a, non_indexable_policy.dead_letter_index.index: ''}", "expected drop"},
        {"{hosts: a, headers: [x]}", "headers: expected a map"},
        {"{hosts: a, headers: {x: \"a\\nb\"}}", "o.yml:1"},
        {"{hosts: a, parameters: {x: [1]}}", "o.yml:1"},
        {"{hosts: a, ssl.ca_trusted_fingerprint: abc}", "64 hexadecimal digits"},
        {"{hosts: a, ssl.ca_sha256: abc}", "SHA-256 digests in base64"},
        {"{hosts: a, ssl.certificate: x}", "ssl.key is missing"},
        {"{hosts: a, ssl.supported_protocols: SSLv3}", "none of TLSv1.0"},
        {"{hosts: a, ssl.verification_mode: some}", "o.yml:1"},
        {"{hosts: a, compression_level: 10}", "o.yml:1"},
        {"{hosts: a, indeces: x}", "did you mean \"indices\""},
    };
    assert_refused(read_own, bad, sizeof bad / sizeof *bad);
    assert_false(read_settings("{}", "cloud.id: nonsense"));
    assert_non_null(strstr(why.text, "cloud.id"));
    assert_false(read_settings("hosts: a", "setup.template.nam: x"));
}

static void what_is_unset_is_the_reference_s(void **state)
{
    (void)state;
    assert_true(read_settings("hosts: a", ""));
    assert_int_equal(settings.bulk_max_size, 1600);
    assert_int_equal(es_compression_level(&settings), 1);
    assert_int_equal(settings.http.timeout, 90 * SECOND);
    assert_true(settings.loadbalance);
    assert_null(es_dead_letter_index(&settings));
    assert_true(settings.setup.template_enabled);
    assert_int_equal(settings.setup.template_priority, 150);
}

static struct queue_settings served(const char *yaml, bool compat)
{
    struct output_world world = {.compat = compat};
    struct queue_settings queue = {
        .events = 65536, .flush_min_events = 1600, .flush_max_bytes = 5 << 20, .max_retries = -1};
    if (!read_settings(yaml, ""))
        fail_msg("%s", why.text);
    es_serve(&settings, &world, &queue);
    return queue;
}

static void queues_are_as_the_settings_want(void **state)
{
    (void)state;
    assert_int_equal(served("hosts: a", false).threads, 1);
    assert_int_equal(served("{hosts: [a, b], workers: 3}", false).threads, 6);
    assert_int_equal(served("{hosts: [a, b], worker: 3, loadbalance: false}", false).threads, 3);
    assert_int_equal(served("{hosts: a, bulk_max_size: 50}", false).flush_min_events, 50);
    assert_int_equal(served("{hosts: a, bulk_max_size: 0}", false).flush_min_events, 1600);
    assert_int_equal(served("hosts: a", false).max_retries, -1);
    assert_int_equal(served("hosts: a", true).max_retries, 3);
    assert_int_equal(served("{hosts: a, max_retries: -1}", true).max_retries, -1);
    assert_int_equal(served("{hosts: a, max_retries: 7}", false).max_retries, 7);
    assert_int_equal(served("{hosts: a, bulk_max_bytes: 1MiB}", false).flush_max_bytes, 1 << 20);

    struct queue_settings q = served("{hosts: [a, b], preset: throughput, workers: 1}", false);
    assert_int_equal(q.threads, 8);
    assert_int_equal(q.events, 12800);
    assert_int_equal(q.flush_timeout, 5 * SECOND);
    q = served("{hosts: a, preset: latency}", false);
    assert_int_equal(q.flush_min_events, 50);
    q = served("{hosts: a, preset: scale, compression_level: 0}", false);
    assert_int_equal(q.backoff_max, 300 * SECOND);
    assert_int_equal(es_compression_level(&settings), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_made_whole),         TEST(credentials_leave_the_address),
        TEST(parameters_join_every_address),    TEST(nonsense_is_refused),
        TEST(what_is_unset_is_the_reference_s), TEST(queues_are_as_the_settings_want),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
