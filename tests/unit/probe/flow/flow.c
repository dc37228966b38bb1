// SPDX-License-Identifier: Apache-2.0
// Records: when they begin and end, what is reported when, what follows them.

#include "probe/slice.h"
#include "tests/unit/probe/flow/fakes.h"

static void at(double seconds)
{
    world.now = BEGIN + (int64_t)(seconds * (double)SECOND);
}

static void ask(const char *payload)
{
    take(make_packet(PROTO_UDP, FROM_CLIENT, payload));
}

static void answer(const char *payload)
{
    take(make_packet(PROTO_UDP, FROM_SERVER, payload));
}

static void begin(bool compat)
{
    begin_world(usual_settings(), compat);
}

static void ends_when_quiet(void **state)
{
    (void)state;
    begin(true);
    ask("a");
    at(20);
    answer("bc");
    at(49);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 0);
    at(50.5);
    flows_age(world.flows, world.now);
    at(51);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 1);
    assert_true(says(0, "\"@timestamp\":\"2023-11-14T22:14:10.000Z\"")); // 30 s after the last
    assert_true(says(0, "\"final\":true"));
    assert_true(says(0, "\"duration\":20000000000"));
    assert_true(says(0, "\"network\":{\"bytes\":111"));
    end_world();
    assert_int_equal(documents.count, 1);
}

// A packet that comes too late makes a new record, whether the wheel was there before or not.
static void late_packet_begins_anew(void **state)
{
    (void)state;
    for (int aged = 0; aged < 2; aged++) {
        begin(false);
        ask("a");
        at(30);
        answer("b");
        at(60.1);
        if (aged)
            flows_age(world.flows, world.now);
        answer("c");
        assert_int_equal(documents.count, 1);
        assert_true(says(0, "\"source\":{\"bytes\":55,\"ip\":\"10.0.0.1\""));
        assert_true(says(0, "\"end_reason\":\"timeout\""));
        end_world();
        assert_int_equal(documents.count, 2);
        assert_true(says(1, "\"ip\":\"10.0.0.2\",\"packets\":1,\"port\":53"));
        assert_true(says(1, "\"end_reason\":\"stop\""));
    }
}

static void step_back_of_time(void **state)
{
    (void)state;
    begin(false);
    at(10);
    ask("a");
    at(9);
    answer("b");
    end_world();
    assert_int_equal(documents.count, 1);
    assert_true(says(0, "\"duration\":0"));
}

// Clocks of cards differ a little: the documents have the times of the packets all the same.
static void small_disorder_keeps_its_times(void **state)
{
    (void)state;
    begin(true);
    at(10.1);
    ask("a");
    world.client_port++;
    at(9.75);
    ask("b");
    end_world();
    assert_true(says(0, "\"end\":\"2023-11-14T22:13:29.750Z\""));
}

// A ring that was read twice: stamps from long ago, again and again. They keep their flow alive,
// and the documents show them as they are.
static void stamps_from_long_ago(void **state)
{
    (void)state;
    begin(true);
    at(1);
    ask("b");
    for (int second = 2; second < 100; second++) {
        world.client_port = 1;
        at(second);
        ask("a");
        world.client_port = 40000;
        at(0.25 + second % 2);
        ask("b");
    }
    assert_int_equal(documents.count, 0);
    at(125);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 0);
    at(132);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 2);
    for (int i = 0; i < 2; i++)
        if (strstr(documents.text[i], "\"port\":40000"))
            assert_true(says(i, "\"end\":\"2023-11-14T22:13:21.250Z\""));
    end_world();
    assert_int_equal(documents.count, 2);
}

static void one_stamp_from_long_ago(void **state)
{
    (void)state;
    begin(true);
    at(100);
    ask("a");
    world.client_port++;
    for (int i = 0; i < 5; i++) {
        at(60);
        ask("b");
    }
    assert_int_equal(documents.count, 0);
    end_world();
    assert_int_equal(documents.count, 2);
}

static void reports_each_period(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.period = 10 * SECOND; // BEGIN is a multiple of it
    begin_world(settings, true);
    at(1);
    ask("a");
    at(10.5); // a packet behind the boundary is not in the report of the boundary
    ask("b");
    assert_int_equal(documents.count, 1);
    assert_true(says(0, "\"final\":false"));
    assert_true(says(0, "\"@timestamp\":\"2023-11-14T22:13:30.000Z\""));
    assert_true(says(0, "\"packets\":1"));
    assert_true(says(0, "\"type\":[\"connection\"]"));
    at(25);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 2);
    assert_true(says(1, "\"packets\":2"));
    at(200); // boundaries at 30 and 40 while it lives; it ends at 40.5
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 5);
    assert_true(says(3, "22:14:00.000Z"));
    assert_true(says(4, "\"final\":true"));
    assert_true(says(4, "\"@timestamp\":\"2023-11-14T22:14:00.500Z\""));
    end_world();
}

static void only_final_reports(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.period = -SECOND;
    begin_world(settings, true);
    ask("a");
    at(25);
    ask("a");
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 0);
    end_world();
    assert_int_equal(documents.count, 1);
}

static void delta_reports(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.period = 10 * SECOND;
    settings.delta = true;
    begin_world(settings, true);
    at(1);
    ask("a");
    answer("b");
    at(11);
    ask("c");
    at(21);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 2);
    assert_true(says(0, "\"network\":{\"bytes\":110"));
    assert_true(says(1, "\"network\":{\"bytes\":55"));
    assert_true(says(1, "\"destination\":{\"bytes\":0"));
    end_world();
    assert_true(says(2, "\"network\":{\"bytes\":0"));
}

// All flows are swept, in portions, each once, whatever comes and goes meanwhile.
static void sweeps_in_portions(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.period = 10 * SECOND;
    settings.flows = 100000;
    begin_world(settings, true);
    documents.count = 0;
    at(1);
    for (uint16_t i = 0; i < 100; i++) {
        world.client_port = (uint16_t)(2000 + i);
        ask("a");
    }
    at(10);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 100);
    for (int i = 0; i < 100; i++)
        assert_true(says(i, "22:13:30.000Z"));
    end_world();
    assert_int_equal(documents.count, 200);
}

static void begin_unreported(void)
{
    begin(false);
    struct flows_setup setup = {.settings = &world.settings,
                                .bindings = fake_binding_list,
                                .binding_count = 3,
                                .dataset = -1,
                                .counters = &world.counters};
    flows_free(world.flows);
    world.flows = flows_new(&setup, NULL);
}

static void no_reports_wanted(void **state)
{
    (void)state;
    begin_unreported();
    ask("question");
    end_world();
    assert_int_equal(documents.count, 0);
    assert_string_equal(fake.told[CLIENT], "question");
}

static uint64_t flows_after(double seconds)
{
    at(seconds);
    flows_age(world.flows, world.now);
    return counter_get(world.counters.flows_now);
}

// Without reports a flow is kept for what follows it, or to know who asked.
static void forgotten_soon_without_reports(void **state)
{
    (void)state;
    begin_unreported();
    ask("q");
    assert_int_equal(flows_after(0.9), 1);
    assert_int_equal(flows_after(3), 0);
    fake.waiting = true;
    ask("q");
    assert_int_equal(flows_after(9), 1);
    fake.waiting = false;
    answer("a");
    assert_int_equal(fake.opened, 2);
    assert_string_equal(fake.told[SERVER], "|a");
    assert_int_equal(flows_after(20), 0);
    world.client_port = 53; // like the server's: the first packet tells
    ask("q");
    assert_int_equal(flows_after(40), 1);
    answer("a");
    assert_int_equal(flows_after(80), 0);
    assert_string_equal(fake.told[SERVER], "|a||a");
    take(make_packet(PROTO_TCP, FROM_CLIENT, "x"));
    assert_int_equal(flows_after(100), 1);
    end_world();
}

// It was nobody's when it began, and is somebody's now: quiet for some seconds, it goes on.
static void patient_once_it_is_followed(void **state)
{
    (void)state;
    begin_unreported();
    flows_shed(world.flows, SLICES, 0);
    shake_hands(100, 500);
    flows_shed(world.flows, 0, 0);
    at(0.5);
    shake_hands(10, 50);
    say(FROM_CLIENT, 11, "question");
    assert_string_equal(fake.told[CLIENT], "question");
    assert_int_equal(counter_get(world.counters.flows_ended), 1);
    assert_int_equal(flows_after(5), 1);
    assert_int_equal(counter_get(world.counters.flows_ended), 1);
    end_world();
}

static void oldest_leaves_at_the_ceiling(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.flows = 4;
    begin_world(settings, false);
    for (uint16_t i = 0; i < 4; i++) {
        at(i * 2);
        world.client_port = (uint16_t)(1 + i);
        ask("a");
    }
    at(9);
    world.client_port = 1; // seen again: the second one is the oldest now
    ask("b");
    world.client_port = 5;
    ask("a");
    assert_int_equal(documents.count, 1);
    assert_true(says(0, "\"source\":{\"bytes\":55,\"ip\":\"10.0.0.1\",\"packets\":1,\"port\":2"));
    assert_true(says(0, "\"end_reason\":\"evicted\""));
    assert_int_equal(counter_get(world.counters.flows_evicted), 1);
    for (uint16_t i = 0; i < 200; i++) { // a flood: each packet another flow
        world.client_port = (uint16_t)(1000 + i);
        ask("a");
    }
    assert_int_equal(counter_get(world.counters.flows_now), 4);
    end_world();
}

static void question_and_answer_leave_nothing(void **state)
{
    (void)state;
    begin(false);
    fake.waiting = true;
    ask("q");
    assert_int_equal(fake.open, 1);
    assert_int_equal(fake.endpoints.port[SERVER], 53);
    fake.waiting = false;
    answer("a");
    assert_int_equal(fake.open, 0);
    ask("q");
    assert_int_equal(fake.opened, 2);
    assert_int_equal(fake.open, 0);
    assert_string_equal(fake.told[CLIENT], "q|q");
    assert_string_equal(fake.told[SERVER], "a|");
    assert_string_equal(fake.ends, ""); // let go silently
    ask("");                            // nothing inside
    assert_int_equal(fake.fed, 3);
    end_world();
}

// An answer that comes when the record has long ended still finds its question.
static void waits_longer_than_its_record(void **state)
{
    (void)state;
    begin(false);
    fake.waiting = true;
    ask("q");
    at(40);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 1);
    assert_int_equal(fake.open, 1);
    at(50);
    fake.waiting = false;
    answer("a");
    assert_string_equal(fake.told[SERVER], "a");
    assert_int_equal(fake.opened, 1);
    end_world();
    assert_int_equal(documents.count, 2);
    assert_true(says(1, "\"source\":{\"bytes\":55,\"ip\":\"10.0.0.2\""));
}

// The record was reported: a packet from before its end cannot be added to it any more.
static void old_packet_wakes_too(void **state)
{
    (void)state;
    begin(false);
    fake.waiting = true;
    ask("q");
    at(40);
    flows_age(world.flows, world.now);
    at(29);
    answer("a");
    assert_string_equal(fake.told[SERVER], "a");
    end_world();
    assert_int_equal(documents.count, 2);
    assert_true(says(1, "\"source\":{\"bytes\":55,\"ip\":\"10.0.0.2\",\"packets\":1"));
}

static void asleep_until_nobody_waits(void **state)
{
    (void)state;
    begin(false);
    fake.waiting = true;
    ask("q");
    at(40);
    flows_age(world.flows, world.now);
    assert_int_equal(counter_get(world.counters.flows_now), 1);
    fake.waiting = false;
    at(80);
    flows_age(world.flows, world.now);
    assert_int_equal(counter_get(world.counters.flows_now), 0);
    assert_int_equal(fake.open, 0);
    end_world();
    assert_int_equal(documents.count, 1);
}

static void conn_outlives_records_of_tcp(void **state)
{
    (void)state;
    begin(false);
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "prepare ");
    say(FROM_CLIENT, 101, "prepare ");
    at(100);
    flows_age(world.flows, world.now);
    assert_int_equal(documents.count, 1);
    say(FROM_CLIENT, 109, "execute");
    assert_string_equal(fake.told[CLIENT], "prepare execute");
    at(100 + 3700);
    for (int i = 0; i < 3; i++)
        flows_age(world.flows, world.now + i * SECOND);
    assert_string_equal(fake.ends, "age ");
    assert_int_equal(counter_get(world.counters.flows_now), 0);
    end_world();
    assert_int_equal(documents.count, 2);
    assert_true(says(0, "\"retransmissions\":1"));
    assert_true(says(1, "\"retransmissions\":0")); // each record has its own
}

static void ports_used_again_split_the_record(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        begin(compat);
        shake_hands(100, 500);
        at(1);
        shake_hands(10, 50);
        end_world();
        assert_int_equal(documents.count, compat ? 1 : 2);
        if (compat) {
            assert_true(says(0, "\"network\":{\"bytes\":324"));
            continue;
        }
        assert_true(says(0, "\"end_reason\":\"reuse\""));
        assert_true(says(0, "\"duration\":0"));
        assert_true(says(1, "\"network\":{\"bytes\":162"));
    }
}

static void who_asks_is_the_client(void **state)
{
    (void)state;
    begin(false);
    say(FROM_SERVER, 500, "hello"); // the server speaks first, and its port tells
    assert_int_equal(fake.endpoints.port[SERVER], 80);
    world.client_port = 80; // both have the port: who spoke first asks
    say(FROM_SERVER, 500, "hello");
    assert_int_equal(fake.endpoints.ip[CLIENT].bytes[3], 2);
    end_world();
    begin(false);
    world.client_port = 80; // unless the handshake knows better
    struct packet p = segment(FROM_SERVER, 500, TCP_SYN | TCP_ACK, "");
    take(p);
    say(FROM_SERVER, 501, "hello");
    assert_int_equal(fake.endpoints.ip[CLIENT].bytes[3], 1);
    end_world();
}

static struct packet ping(unsigned sender, uint8_t type)
{
    struct packet p = make_packet(PROTO_ICMP, sender, "....");
    p.icmp_type = type;
    return p;
}

static void pings_both_ways(void **state)
{
    (void)state;
    begin(false);
    fake.waiting = true;
    take(ping(FROM_SERVER, 8));
    assert_int_equal(fake.endpoints.ip[CLIENT].bytes[3], 2);
    assert_int_equal(fake.endpoints.icmp_type[CLIENT], 8);
    assert_true(fake.endpoints.icmp_seen[CLIENT]);
    fake.waiting = false;
    take(ping(FROM_CLIENT, 0));
    assert_string_equal(fake.told[SERVER], "....");
    fake.waiting = true;
    take(ping(FROM_SERVER, 0)); // an answer whose question was not seen
    assert_int_equal(fake.endpoints.ip[CLIENT].bytes[3], 1);
    assert_true(fake.endpoints.icmp_seen[SERVER]);
    end_world();
}

static void other_ports_are_only_counted(void **state)
{
    (void)state;
    begin(false);
    struct packet p = segment(FROM_CLIENT, 1, TCP_ACK, "secret");
    p.key.port[1] = 4242;
    take(p);
    p = make_packet(47, FROM_CLIENT, "gre");
    take(p);
    p = make_packet(PROTO_NONE, FROM_CLIENT, "arp");
    p.key.family = 0;
    take(p);
    assert_int_equal(fake.opened, 0);
    assert_int_equal(counter_get(world.counters.packets_decoded), 3);
    end_world();
    assert_int_equal(documents.count, 3);
}

static void clock_begins_anew(void **state)
{
    (void)state;
    begin(false);
    ask("q");
    flows_end_all(world.flows, ENDED_FILE);
    flows_restart(world.flows);
    at(-1000000);
    ask("q");
    at(-1000000 + 31);
    ask("q");
    assert_int_equal(documents.count, 2);
    end_world();
    assert_int_equal(documents.count, 3);
}

static void hostile_times(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    begin_world(settings, false); // no periods: a report would be due at the end of all times
    world.now = INT64_MAX;
    ask("q");
    flows_age(world.flows, world.now);
    end_world();
    settings.period = SECOND;
    begin_world(settings, false);
    const int64_t times[] = {INT64_MIN, -5, 0, INT64_C(4294967295) * SECOND, 17, INT64_MAX, BEGIN};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        world.now = times[i];
        world.client_port = (uint16_t)(10 + i);
        ask("q");
        say(FROM_CLIENT, 1 + 2 * (uint32_t)i, "x");
        flows_age(world.flows, world.now);
    }
    world.client_port = 10;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        world.now = times[i];
        say(FROM_CLIENT, 100 + 2 * (uint32_t)i, "x");
    }
    end_world();
}

static void refuses_bad_settings(void **state)
{
    (void)state;
    struct error why;
    struct flow_settings settings = usual_settings();
    settings.period = SECOND / 2;
    assert_false(flow_settings_check(&settings, &why));
    assert_non_null(strstr(why.text, "period"));
    static const struct protocol rival = {.name = "rival", .transports = OVER_TCP};
    static const struct binding same_port = {.protocol = &rival,
                                             .common = {.enabled = true, .ports = {tcp_ports, 1}}};
    const struct binding *two[] = {&fake_bindings[0], &same_port};
    settings = usual_settings();
    struct flows_setup setup = {.settings = &settings, .bindings = two, .binding_count = 2};
    assert_null(flows_new(&setup, &why));
    assert_string_equal(why.text, "TCP port 80 is claimed by both fake_tcp and rival");
}

static void longest_timeout(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(flows_longest(world.flows), 30 * SECOND);
    end_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_when_quiet),
        cmocka_unit_test(late_packet_begins_anew),
        cmocka_unit_test(step_back_of_time),
        cmocka_unit_test(small_disorder_keeps_its_times),
        cmocka_unit_test(stamps_from_long_ago),
        cmocka_unit_test(one_stamp_from_long_ago),
        cmocka_unit_test(reports_each_period),
        cmocka_unit_test(only_final_reports),
        cmocka_unit_test(delta_reports),
        cmocka_unit_test(sweeps_in_portions),
        cmocka_unit_test(no_reports_wanted),
        cmocka_unit_test(forgotten_soon_without_reports),
        cmocka_unit_test(patient_once_it_is_followed),
        cmocka_unit_test(oldest_leaves_at_the_ceiling),
        cmocka_unit_test(question_and_answer_leave_nothing),
        cmocka_unit_test(waits_longer_than_its_record),
        cmocka_unit_test(old_packet_wakes_too),
        cmocka_unit_test(asleep_until_nobody_waits),
        cmocka_unit_test(conn_outlives_records_of_tcp),
        cmocka_unit_test(ports_used_again_split_the_record),
        cmocka_unit_test(who_asks_is_the_client),
        cmocka_unit_test(pings_both_ways),
        cmocka_unit_test(other_ports_are_only_counted),
        cmocka_unit_test(clock_begins_anew),
        cmocka_unit_test(hostile_times),
        cmocka_unit_test(refuses_bad_settings),
        cmocka_unit_test(longest_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
