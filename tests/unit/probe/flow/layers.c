// SPDX-License-Identifier: Apache-2.0
// Layers: shared by flows that have the same, kept as long as one of them holds them; ports to
// protocols.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/flow/detect.h"
#include "probe/flow/layers.h"

static struct frame frame;
static uint8_t bytes[12];

static struct packet packet_of(uint32_t number)
{
    memcpy(bytes + 6, &number, sizeof number);
    frame = (struct frame){.at = bytes, .len = sizeof bytes};
    return (struct packet){.frame = &frame, .outer_ip = 0xffff};
}

static void shared(void **state)
{
    (void)state;
    struct layers_pool all;
    assert_true(layers_init(&all, 100, 1));
    struct packet one = packet_of(1);
    uint32_t a = layers_of(&all, &one), b = layers_of(&all, &one);
    assert_int_equal(a, b);
    assert_int_equal(layers_at(&all, a)->mac[0][0], 1);
    struct packet two = packet_of(2);
    uint32_t c = layers_of(&all, &two);
    assert_int_not_equal(a, c);
    layers_drop(&all, a);
    assert_int_equal(layers_at(&all, b)->mac[0][0], 1);
    layers_free(&all);
}

// Many more layers than the cache holds, all in use: each flow has its own, none is lost or mixed
// up.
static void more_than_the_cache(void **state)
{
    (void)state;
    enum { MANY = 5 * LAYERS_CACHE };
    static uint32_t held[MANY];
    struct layers_pool all;
    assert_true(layers_init(&all, MANY, 1));
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY; i++) {
            struct packet p = packet_of(i);
            held[i] = layers_of(&all, &p);
        }
        for (uint32_t i = 0; i < MANY; i++) {
            assert_memory_equal(layers_at(&all, held[i])->mac[0], &i, sizeof i);
            layers_drop(&all, held[i]);
        }
        assert_true(all.pool.taken <= LAYERS_CACHE + 1);
    }
    layers_free(&all);
}

static const struct protocol http = {.name = "http", .transports = OVER_TCP};
static const struct protocol dns = {.name = "dns", .transports = OVER_TCP | OVER_UDP};
static const struct protocol icmp = {.name = "icmp", .transports = OVER_ICMP};
static int64_t http_ports[] = {80, 8080}, dns_ports[] = {53};
static const struct binding bindings[] = {
    {.protocol = &http, .common = {.enabled = true, .ports = {http_ports, 2}}},
    {.protocol = &dns, .common = {.enabled = true, .ports = {dns_ports, 1}}},
    {.protocol = &icmp, .common = {.enabled = true}},
    {.protocol = &http, .common = {.enabled = false, .ports = {dns_ports, 1}}},
    {.protocol = &http, .common = {.enabled = true, .ports = {http_ports, 1}}},
};
static const struct binding *const list[] = {&bindings[0], &bindings[1], &bindings[2], &bindings[3],
                                             &bindings[4]};

static struct packet between(uint8_t protocol, uint16_t one, uint16_t other, uint8_t sender)
{
    return (struct packet){.key = {.protocol = protocol, .family = 4, .port = {one, other}},
                           .sender = sender};
}

static void ports(void **state)
{
    (void)state;
    struct detect d;
    assert_true(detect_init(&d, list, 5, NULL));
    static const struct {
        uint8_t protocol, sender;
        uint16_t one, other;
        uint8_t binding;
    } rows[] = {
        {PROTO_TCP, 0, 40000, 80, 0},
        {PROTO_TCP, 1, 40000, 80, 0},
        {PROTO_TCP, 0, 8080, 40000, 0},
        {PROTO_UDP, 0, 40000, 80, DETECT_NONE},
        {PROTO_UDP, 0, 40000, 53, 1},
        {PROTO_TCP, 0, 53, 40000, 1},
        {PROTO_TCP, 0, 53, 80, 1}, // the sender's port is asked first
        {PROTO_TCP, 1, 53, 80, 0},
        {PROTO_ICMP, 0, 0, 0, 2},
        {PROTO_ICMPV6, 0, 0, 0, 2},
        {PROTO_SCTP, 0, 80, 80, DETECT_NONE},
        {PROTO_TCP, 0, 1, 65535, DETECT_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct packet p = between(rows[i].protocol, rows[i].one, rows[i].other, rows[i].sender);
        assert_int_equal(detect_by_port(&d, &p), rows[i].binding);
    }
    detect_free(&d);
}

static void clients(void **state)
{
    (void)state;
    struct detect d;
    assert_true(detect_init(&d, list, 5, NULL));
    struct packet p = between(PROTO_TCP, 80, 40000, 0);
    assert_int_equal(detect_client(&d, &p.key, 0, 0), 1);
    p = between(PROTO_TCP, 40000, 80, 0);
    assert_int_equal(detect_client(&d, &p.key, 0, 1), 0);
    p = between(PROTO_UDP, 53, 53, 0);
    assert_int_equal(detect_client(&d, &p.key, 1, 1), 1);
    assert_int_equal(detect_client(&d, &p.key, 1, 0), 0);
    p = between(PROTO_ICMP, 0, 0, 0);
    assert_int_equal(detect_client(&d, &p.key, 2, 1), 1);
    p.key.port[0] = 7;
    memset(p.key.address[1], 9, 16);
    struct endpoints e = detect_ends(&p.key, 1);
    assert_int_equal(e.port[SERVER], 7);
    assert_int_equal(e.ip[CLIENT].bytes[0], 9);
    detect_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared),
        cmocka_unit_test(more_than_the_cache),
        cmocka_unit_test(ports),
        cmocka_unit_test(clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
