// SPDX-License-Identifier: Apache-2.0
// Community IDs, networks, direction. The expected IDs were computed by hand from the digest's
// definition; the first is the worked example of the documents.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "config/error.h"
#include "pipeline/base/arena.h"
#include "probe/endpoints.h"
#include "probe/packet.h"

static struct ip ip_of(const char *text)
{
    struct ip ip = {0};
    assert_true(text_to_ip(span_text(text), &ip));
    return ip;
}

static struct endpoints between(uint8_t protocol, const char *client, uint16_t client_port,
                                const char *server, uint16_t server_port)
{
    return (struct endpoints){.protocol = protocol,
                              .ip = {ip_of(client), ip_of(server)},
                              .port = {client_port, server_port}};
}

static void assert_id(struct endpoints e, const char *expected)
{
    struct span id = endpoints_community_id(&e);
    assert_int_equal(id.len, strlen(expected));
    assert_memory_equal(id.at, expected, id.len);
    assert_ptr_equal(endpoints_community_id(&e).at, id.at); // kept
}

static void community_id_of_ports(void **state)
{
    (void)state;
    assert_id(between(PROTO_TCP, "10.0.0.1", 40000, "10.0.0.2", 80),
              "1:3k1SoWXs/FltHw2aBCgUTgbDQF4=");
    assert_id(between(PROTO_TCP, "10.0.0.2", 80, "10.0.0.1", 40000),
              "1:3k1SoWXs/FltHw2aBCgUTgbDQF4=");
    assert_id(between(PROTO_UDP, "127.0.0.1", 9, "127.0.0.1", 8), "1:Bo87ocaOakYDL7GSgwTx6ACVRxw=");
    assert_id(between(PROTO_UDP, "127.0.0.1", 8, "127.0.0.1", 9), "1:Bo87ocaOakYDL7GSgwTx6ACVRxw=");
    assert_id(between(PROTO_TCP, "2001:db8::2", 1, "2001:db8::1", 2),
              "1:8M105ydQc24FlS4hIBjX8nzW0Go=");
    assert_id(between(PROTO_GRE, "10.0.0.1", 0, "10.0.0.2", 0), "1:+KlEHDT0vJgzs/eNmzHq0aSpRYw=");
}

static struct endpoints icmp(uint8_t protocol, enum side from, uint8_t type, uint8_t code)
{
    bool v4 = protocol == PROTO_ICMP;
    struct endpoints e =
        between(protocol, v4 ? "10.0.0.1" : "fe80::1", 0, v4 ? "10.0.0.2" : "fe80::2", 0);
    e.icmp_type[from] = type;
    e.icmp_code = code;
    e.icmp_seen[from] = true;
    return e;
}

static void community_id_of_icmp(void **state)
{
    (void)state;
    assert_id(icmp(PROTO_ICMP, CLIENT, 8, 0), "1:YcMyyWJfhc95EW1GfXt6jlZ3DiQ=");
    assert_id(icmp(PROTO_ICMP, SERVER, 0, 0),
              "1:YcMyyWJfhc95EW1GfXt6jlZ3DiQ="); // seen from its answer
    assert_id(icmp(PROTO_ICMPV6, CLIENT, 128, 0), "1:3H+V/JVcqh/phPel5utt4dOKqOU=");
    assert_id(icmp(PROTO_ICMPV6, SERVER, 129, 0), "1:3H+V/JVcqh/phPel5utt4dOKqOU=");
    assert_id(icmp(PROTO_ICMP, CLIENT, 3, 1),
              "1:gkoOC4ouXvyYq0Ek/WqwbLoqcxM="); // one way: the sender stays first
    assert_id(icmp(PROTO_ICMP, SERVER, 3, 1), "1:JHjlyD5IJJjl3wHWOMj46lLWZag=");
    assert_id(icmp(PROTO_ICMP, SERVER, 16, 0),
              "1:2Qu0eud5f8FclpMBBOLd1APNJXs="); // no counterpart in the table
}

static void nothing_to_name(void **state)
{
    (void)state;
    struct endpoints e = {.protocol = PROTO_TCP};
    assert_int_equal(endpoints_community_id(&e).len, 0);
}

static void *in_a_thread(void *argument)
{
    struct endpoints *e = argument;
    endpoints_community_id(e);
    return NULL;
}

static void community_id_in_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct endpoints ends[4];
    for (int i = 0; i < 4; i++) {
        ends[i] = between(PROTO_TCP, "10.0.0.1", 40000, "10.0.0.2", 80);
        assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, &ends[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(ends[i].community_id, "1:3k1SoWXs/FltHw2aBCgUTgbDQF4=");
    }
}

static void networks(void **state)
{
    (void)state;
    struct arena a;
    struct error why;
    assert_true(arena_init(&a, 1 << 16));
    const char *names[] = {"private", "192.0.2.0/25", "2001:db8::/32"};
    struct networks *n = networks_read(names, 3, &a, &why);
    assert_non_null(n);
    static const struct {
        const char *ip;
        bool inside;
    } rows[] = {{"10.1.2.3", true},        {"172.31.0.1", true},   {"172.32.0.1", false},
                {"192.0.2.127", true},     {"192.0.2.128", false}, {"8.8.8.8", false},
                {"2001:db8:1::1", true},   {"2001:db9::1", false}, {"fd00::1", true},
                {"::ffff:10.0.0.1", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip ip = ip_of(rows[i].ip);
        assert_int_equal(networks_have(n, &ip), rows[i].inside);
    }
    struct ip none = {0};
    assert_false(networks_have(n, &none));
    assert_false(networks_have(NULL, &none));
    const char *bad[] = {"privat"};
    assert_null(networks_read(bad, 1, &a, &why));
    assert_non_null(strstr(why.text, "\"privat\""));
    assert_non_null(networks_read(NULL, 0, &a, &why));
    assert_non_null(networks_own(&a));
    arena_free(&a);
}

static void direction(void **state)
{
    (void)state;
    struct arena a;
    struct error why;
    assert_true(arena_init(&a, 1 << 16));
    const char *own_name[] = {"192.0.2.1"}, *internal_name[] = {"private"};
    struct networks *own = networks_read(own_name, 1, &a, &why);
    struct networks *internal = networks_read(internal_name, 1, &a, &why);
    struct networks *empty = networks_read(NULL, 0, &a, &why);
    static const struct {
        const char *source, *destination, *with, *without;
    } rows[] = {
        {"8.8.8.8", "192.0.2.1", "ingress", "ingress"},
        {"192.0.2.1", "8.8.8.8", "egress", "egress"},
        {"192.0.2.1", "192.0.2.1", "ingress", "ingress"},
        {"127.0.0.1", "127.0.0.1", "ingress", "ingress"},
        {"169.254.1.1", "8.8.8.8", "egress", "egress"},
        {"8.8.8.8", "224.0.0.251", "ingress", "ingress"},
        {"8.8.8.8", "224.0.1.1", "external", "unknown"},
        {"fe80::1", "ff02::1", "ingress", "ingress"},
        {"2001:db8::1", "::1", "ingress", "ingress"},
        {"fec0::1", "2001:db8::1", "external", "unknown"},
        {"10.0.0.1", "10.0.0.2", "internal", "unknown"},
        {"10.0.0.1", "8.8.8.8", "outbound", "unknown"},
        {"8.8.8.8", "10.0.0.1", "inbound", "unknown"},
        {"8.8.8.8", "8.8.4.4", "external", "unknown"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ip source = ip_of(rows[i].source), destination = ip_of(rows[i].destination);
        assert_string_equal(
            direction_name(endpoints_direction(&source, &destination, own, internal)),
            rows[i].with);
        assert_string_equal(direction_name(endpoints_direction(&source, &destination, own, empty)),
                            rows[i].without);
        assert_int_equal(endpoints_direction(&source, &destination, own, empty),
                         endpoints_direction(&source, &destination, own, NULL));
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(community_id_of_ports),
        cmocka_unit_test(community_id_of_icmp),
        cmocka_unit_test(nothing_to_name),
        cmocka_unit_test(community_id_in_threads),
        cmocka_unit_test(networks),
        cmocka_unit_test(direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
