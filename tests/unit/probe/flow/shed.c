// SPDX-License-Identifier: Apache-2.0
// While there is too much to do: a conversation is followed as a whole or not at all.
#include "probe/flow/shed.h"

#include "tests/unit/probe/flow/fakes.h"

static void begin(void)
{
    begin_world(usual_settings(), false);
    flows_shed(world.flows, 0, 0);
}

static uint64_t taken(void)
{
    return counter_get(world.counters.packets_decoded) + counter_get(world.counters.shed_uncounted);
}

static void who_is_followed_goes_on(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 200);
    say(FROM_CLIENT, 101, "ask");
    flows_shed(world.flows, SLICES, SLICES);
    say(FROM_SERVER, 201, "answer");
    say(FROM_CLIENT, 104, "more");
    assert_string_equal(fake.told[CLIENT], "askmore");
    assert_string_equal(fake.told[SERVER], "answer");
    assert_int_equal(counter_get(world.counters.shed_flows), 0);
    end_world();
}

static void new_ones_are_only_counted(void **state)
{
    (void)state;
    begin();
    flows_shed(world.flows, SLICES, 0);
    shake_hands(100, 200);
    say(FROM_CLIENT, 101, "ask");
    flows_shed(world.flows, 0, 0); // too late for this one
    say(FROM_SERVER, 201, "answer");
    assert_int_equal(fake.fed, 0);
    assert_int_equal(counter_get(world.counters.shed_flows), 1);
    assert_int_equal(counter_get(world.counters.shed_unparsed), 5);
    assert_int_equal(counter_get(world.counters.packets_decoded), 5);
    end_world();
    assert_int_equal(documents.count, 1);
    assert_true(says(0, "\"packets\":5"));
}

// Its beginning was shed, and was not even counted.
static void no_one_is_joined_in_the_middle(void **state)
{
    (void)state;
    begin();
    flows_shed(world.flows, SLICES, SLICES);
    shake_hands(100, 200);
    say(FROM_CLIENT, 101, "ask");
    assert_int_equal(taken(), 4);
    assert_int_equal(counter_get(world.counters.shed_uncounted), 4);
    assert_int_equal(counter_get(world.counters.flows_now), 0);
    flows_shed(world.flows, 0, 0);
    say(FROM_SERVER, 201, "answer");
    assert_int_equal(fake.fed, 0);
    world.client_port++;
    shake_hands(100, 200);
    say(FROM_CLIENT, 101, "ask");
    assert_int_equal(fake.fed, 1);
    end_world();
}

static void ports_used_again_are_judged_anew(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 200);
    say(FROM_CLIENT, 101, "ask");
    flows_shed(world.flows, SLICES, 0);
    world.now += SECOND;
    shake_hands(70000, 90000);
    say(FROM_CLIENT, 70001, "again");
    assert_string_equal(fake.told[CLIENT], "ask");
    assert_int_equal(counter_get(world.counters.shed_flows), 1);
    end_world();
}

static void slices_with_someone_waiting_are_not_idle(void **state)
{
    (void)state;
    begin();
    fake.waiting = true;
    take(make_packet(PROTO_UDP, FROM_CLIENT, "ask"));
    struct packet p = make_packet(PROTO_UDP, FROM_CLIENT, "");
    uint64_t mine = UINT64_C(1) << slice_of(&p.key, 7);
    assert_int_equal(flows_idle_slices(world.flows), 0); // none is left out
    flows_shed(world.flows, SLICES, SLICES);
    world.now += SECOND;
    flows_age(world.flows, world.now);
    assert_int_equal(flows_idle_slices(world.flows), ~mine);
    fake.waiting = false;
    take(make_packet(PROTO_UDP, FROM_SERVER, "answer"));
    assert_int_equal(flows_idle_slices(world.flows), ~mine); // it was just there
    world.now += SECOND;
    flows_age(world.flows, world.now);
    assert_int_equal(flows_idle_slices(world.flows), UINT64_MAX);
    end_world();
}

static void who_never_gets_an_answer_is_not_waited_for(void **state)
{
    (void)state;
    begin();
    fake.waiting = true;
    take(make_packet(PROTO_UDP, FROM_CLIENT, "ask"));
    flows_shed(world.flows, SLICES, SLICES);
    world.now += 3 * SECOND;
    flows_age(world.flows, world.now);
    assert_int_equal(flows_idle_slices(world.flows), UINT64_MAX);
    end_world();
}

// Whatever the shares do between the packets, both of a conversation are fed, or none.
static void never_half_a_conversation(void **state)
{
    (void)state;
    uint32_t random = 1, shed = 0;
    begin();
    fake.waiting = true;
    for (int i = 0; i < 200; i++) {
        world.client_port = (uint16_t)(1024 + i);
        world.now += MILLISECOND;
        random = random * 1664525 + 1013904223;
        unsigned unparsed = (random >> 16) % (SLICES + 1);
        flows_shed(world.flows, unparsed, unparsed ? (random >> 8) % unparsed : 0);
        int before = fake.fed;
        take(make_packet(PROTO_UDP, FROM_CLIENT, "a"));
        int first = fake.fed - before;
        random = random * 1664525 + 1013904223;
        flows_shed(world.flows, unparsed + 1 > SLICES ? SLICES : unparsed + 1, unparsed);
        fake.waiting = false;
        take(make_packet(PROTO_UDP, FROM_SERVER, "b"));
        fake.waiting = true;
        assert_int_equal(fake.fed - before, 2 * first);
        shed += !first;
    }
    assert_true(shed > 60 && shed < 140);
    assert_int_equal(taken(), 400);
    end_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_followed_goes_on),
        cmocka_unit_test(new_ones_are_only_counted),
        cmocka_unit_test(no_one_is_joined_in_the_middle),
        cmocka_unit_test(ports_used_again_are_judged_anew),
        cmocka_unit_test(slices_with_someone_waiting_are_not_idle),
        cmocka_unit_test(who_never_gets_an_answer_is_not_waited_for),
        cmocka_unit_test(never_half_a_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
