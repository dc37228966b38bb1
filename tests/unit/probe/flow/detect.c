// SPDX-License-Identifier: Apache-2.0
// Flows whose protocol is known by their first bytes: on ports of nobody, and on another's port.

#include "tests/unit/probe/flow/fakes.h"

#include "probe/flow/detect.h"

static bool greets(struct span first, enum side from)
{
    return span_starts(first, from == CLIENT ? span_text("HELLO") : span_text("WELCOME"));
}

static bool grunts(struct span first, enum side from)
{
    (void)from;
    return span_starts(first, span_text("UGH"));
}

enum { POLITE, RUDE };

static const struct protocol polite = {
    .name = "polite", .transports = OVER_TCP | OVER_UDP, .looks_like = greets};
static const struct protocol rude = {.name = "rude", .transports = OVER_TCP, .looks_like = grunts};
static struct binding with_looks[] = {
    [POLITE] = {.protocol = &polite,
                .common = {.enabled = true, .detect = true, .transaction_timeout = SECOND}},
    [RUDE] = {.protocol = &rude,
              .common = {.enabled = true,
                         .detect = true,
                         .ports = {tcp_ports, 1},
                         .transaction_timeout = SECOND}},
};
static const struct binding *const with_looks_list[] = {&with_looks[0], &with_looks[1]};

static void begin(bool detect)
{
    begin_world(usual_settings(), false);
    flows_free(world.flows);
    with_looks[POLITE].common.detect = detect;
    struct flows_setup setup = {.settings = &world.settings,
                                .bindings = with_looks_list,
                                .binding_count = 2,
                                .dataset = -1,
                                .counters = &world.counters};
    world.flows = flows_new(&setup, NULL);
    assert_non_null(world.flows);
}

// Between the client and port `port` of the server.
static void say_at(unsigned sender, uint16_t port, uint32_t seq, uint8_t flags, const char *payload)
{
    struct packet p = segment(sender, seq, flags, payload);
    p.key.port[1] = port;
    p.ack = flags & TCP_ACK ? 101 : 0;
    take(p);
}

static void shake_hands_at(uint16_t port)
{
    say_at(FROM_CLIENT, port, 100, TCP_SYN, "");
    say_at(FROM_SERVER, port, 500, TCP_SYN | TCP_ACK, "");
}

static void found_on_any_port(void **state)
{
    (void)state;
    begin(true);
    shake_hands_at(9999);
    say_at(FROM_CLIENT, 9999, 101, TCP_PSH, "HELLO");
    say_at(FROM_SERVER, 9999, 501, TCP_PSH, "WELCOME");
    assert_string_equal(fake.told[CLIENT], "HELLO");
    assert_string_equal(fake.told[SERVER], "WELCOME");
    assert_int_equal(fake.late, 0);
    end_world();
}

// Nobody saw who began: what is said tells who is who.
static void joined_at_an_answer(void **state)
{
    (void)state;
    begin(true);
    say_at(FROM_SERVER, 9999, 501, TCP_PSH, "WELCOME");
    say_at(FROM_CLIENT, 9999, 101, TCP_PSH, "thanks");
    assert_string_equal(fake.told[SERVER], "WELCOME");
    assert_string_equal(fake.told[CLIENT], "thanks");
    assert_int_equal(fake.late, 1);
    end_world();
}

// A handshake tells for sure, whatever a server echoes.
static void handshake_decides_the_sides(void **state)
{
    (void)state;
    begin(true);
    shake_hands_at(9999);
    say_at(FROM_SERVER, 9999, 501, TCP_PSH, "HELLO");
    assert_int_equal(fake.opened, 0);
    end_world();
}

static void looked_for_a_few_times(void **state)
{
    (void)state;
    begin(true);
    shake_hands_at(9999);
    say_at(FROM_CLIENT, 9999, 101, TCP_PSH, "a");
    say_at(FROM_CLIENT, 9999, 102, TCP_PSH, "HELLO");
    assert_string_equal(fake.told[CLIENT], "HELLO");
    shake_hands_at(9998);
    for (uint32_t i = 0; i < 4; i++)
        say_at(FROM_CLIENT, 9998, 101 + i, TCP_PSH, "x");
    say_at(FROM_CLIENT, 9998, 105, TCP_PSH, "HELLO");
    assert_int_equal(fake.opened, 1);
    end_world();
}

static void what_comes_twice_is_looked_at_once(void **state)
{
    (void)state;
    begin(true);
    shake_hands_at(9999);
    for (uint32_t i = 0; i < 3; i++)
        for (int twice = 0; twice < 2; twice++)
            say_at(FROM_CLIENT, 9999, 101 + i, TCP_PSH, "x");
    say_at(FROM_CLIENT, 9999, 104, TCP_PSH, "HELLO");
    assert_string_equal(fake.told[CLIENT], "HELLO");
    end_world();
}

static void on_the_port_of_another(void **state)
{
    (void)state;
    begin(true);
    shake_hands_at(80);
    say_at(FROM_CLIENT, 80, 101, TCP_PSH, "HELLO");
    assert_string_equal(fake.told[CLIENT], "HELLO");
    assert_int_equal(fake.opened, 1);
    end_world();

    begin(false); // not looked for: the port is believed
    shake_hands_at(80);
    say_at(FROM_CLIENT, 80, 101, TCP_PSH, "HELLO");
    assert_int_equal(fake.opened, 1);
    shake_hands_at(9999);
    say_at(FROM_CLIENT, 9999, 101, TCP_PSH, "HELLO");
    assert_int_equal(fake.opened, 1);
    end_world();
}

static void number_of(uint8_t by_port, const char *bytes, bool sure, enum side from,
                      uint8_t expected, enum side expected_from)
{
    struct detect d;
    assert_true(detect_init(&d, with_looks_list, 2, NULL));
    enum side side = from;
    assert_int_equal(detect_by_content(&d, by_port, true, span_text(bytes), &side, sure), expected);
    assert_int_equal(side, expected_from);
    detect_free(&d);
}

static void by_content(void **state)
{
    (void)state;
    with_looks[POLITE].common.detect = true;
    number_of(DETECT_OPEN, "HELLO", true, CLIENT, POLITE, CLIENT);
    number_of(DETECT_OPEN, "HELLO", true, SERVER, DETECT_OPEN, SERVER);
    number_of(DETECT_OPEN, "HELLO", false, SERVER, POLITE, CLIENT);
    number_of(RUDE, "UGH", true, CLIENT, RUDE, CLIENT);
    number_of(RUDE, "HELLO", true, CLIENT, POLITE, CLIENT);
    number_of(RUDE, "hm", false, CLIENT, RUDE, CLIENT);
    number_of(RUDE, "", false, CLIENT, RUDE, CLIENT);
}

static void datagrams(void **state)
{
    (void)state;
    begin(true);
    struct packet p = make_packet(PROTO_UDP, FROM_SERVER, "WELCOME");
    p.key.port[1] = 9999;
    take(p);
    assert_string_equal(fake.told[SERVER], "WELCOME");
    p = make_packet(PROTO_UDP, FROM_CLIENT, "HELLO again");
    p.key.port[1] = 9999;
    take(p);
    assert_string_equal(fake.told[CLIENT], "|HELLO again");
    end_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_on_any_port),
        cmocka_unit_test(joined_at_an_answer),
        cmocka_unit_test(handshake_decides_the_sides),
        cmocka_unit_test(looked_for_a_few_times),
        cmocka_unit_test(what_comes_twice_is_looked_at_once),
        cmocka_unit_test(on_the_port_of_another),
        cmocka_unit_test(by_content),
        cmocka_unit_test(datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
