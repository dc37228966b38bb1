// SPDX-License-Identifier: Apache-2.0
// community_id: of TCP, UDP and ICMP, with and without seed, as Corelight computes them.

#include "tests/unit/pipeline/chain_kit.h"

static const char *id_of(const char *settings, const char *fields)
{
    struct processor_chain *c = chain(
        arena_printf(&arena,
                     "processors: [{add_fields: {target: '', fields: {%s}}}, {community_id: {%s}}, "
                     "{include_fields: {fields: [network.community_id, cid]}}]",
                     fields, settings));
    assert_true(processors_run(c, &event));
    return document();
}

#define ID(text) "{\"network\":{\"community_id\":\"" text "\"}}"
#define TCP                                                                                    \
    "source: {ip: 128.232.110.120, port: 34855}, destination: {ip: 66.35.250.204, port: 80}, " \
    "network.transport: tcp"

static void transports(void **state)
{
    (void)state;
    assert_string_equal(id_of("", TCP), ID("1:LQU9qZlK+B5F3KDmev6m5PMibrg="));
    assert_string_equal(id_of("seed: 1", TCP), ID("1:3V71V58M3Ksw/yuFALMcW0LAHvc="));
    assert_string_equal(id_of("target: cid", TCP), "{\"cid\":\"1:LQU9qZlK+B5F3KDmev6m5PMibrg=\"}");
    assert_string_equal(id_of("", "source: {ip: 66.35.250.204, port: 80}, network.iana_number: 6, "
                                  "destination: {ip: 128.232.110.120, port: 34855}"),
                        ID("1:LQU9qZlK+B5F3KDmev6m5PMibrg="));
    assert_string_equal(
        id_of("", "source.ip: 192.168.0.89, destination.ip: 192.168.0.1, icmp: {type: 8, code: 0}, "
                  "network.transport: icmp"),
        ID("1:X0snYXpgwiv9TZtqg64sgzUn6Dk="));
}

static void what_is_missing(void **state)
{
    (void)state;
    assert_string_equal(id_of("", "source.ip: 10.0.0.1, destination.ip: 10.0.0.2"), "{}");
    assert_string_equal(id_of("", "source.ip: 10.0.0.1, destination.ip: '::2', "
                                  "network.iana_number: 50"),
                        "{}");
    assert_string_equal(id_of("", "source: {ip: 10.0.0.1, port: 99999}, network.transport: udp, "
                                  "destination: {ip: 10.0.0.2, port: 1}"),
                        "{}");
    refused("processors: [{community_id: {seed: 65536}}]", "65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(transports),
        test(what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
