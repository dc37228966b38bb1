// SPDX-License-Identifier: Apache-2.0
// The document of a flow, field by field, and flow.id.

#include "probe/flow/flow_id.h"
#include "tests/unit/probe/flow/fakes.h"

static const uint8_t ethernet[] = {0x0a, 0, 0, 0, 0, 2, 0x0a, 0, 0, 0, 0, 1};

// A packet with an Ethernet header, and with an outer IP header behind it if there is one.
static struct packet with_layers(struct packet p, struct frame *frame, uint8_t *bytes,
                                 struct span outer)
{
    memcpy(bytes, ethernet, sizeof ethernet);
    if (outer.len)
        memcpy(bytes + 14, outer.at, outer.len);
    *frame = (struct frame){.at = bytes, .len = (uint32_t)(14 + outer.len)};
    p.frame = frame;
    p.mac = 0;
    p.outer_ip = outer.len ? 14 : 0xffff;
    return p;
}

static void worked_example(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct frame frame;
    begin_world(usual_settings(), true);
    world.now = INT64_C(1735689601) * SECOND;
    struct span none = {NULL, 0};
    struct packet p = with_layers(segment(FROM_CLIENT, 1, 0, ""), &frame, bytes, none);
    p.key.port[1] = 8000; // no protocol follows it
    p.wire = 100;
    for (int i = 0; i < 5; i++)
        take(p);
    p.sender = FROM_SERVER;
    p.time += 2 * SECOND;
    p.wire = 225;
    for (int i = 0; i < 4; i++)
        take(p);
    end_world();
    assert_int_equal(documents.count, 1);
    assert_true(says(0,
                     "\"event\":{\"action\":\"network_flow\",\"duration\":2000000000,"
                     "\"end\":\"2025-01-01T00:00:03.000Z\",\"start\":\"2025-01-01T00:00:01.000Z\","
                     "\"type\":[\"connection\",\"end\"]}"));
    assert_true(says(0, "\"source\":{\"bytes\":500,\"ip\":\"10.0.0.1\","
                        "\"mac\":\"0A-00-00-00-00-01\",\"packets\":5,\"port\":40000}"));
    assert_true(says(0, "\"destination\":{\"bytes\":900,\"ip\":\"10.0.0.2\","
                        "\"mac\":\"0A-00-00-00-00-02\",\"packets\":4,\"port\":8000}"));
    assert_true(says(0, "\"network\":{\"bytes\":1400,\"community_id\":\"1:"));
    assert_true(says(0, "\"packets\":9,\"transport\":\"tcp\",\"type\":\"ipv4\"}"));
    assert_true(is_silent_of(0, "vlan"));
    assert_true(is_silent_of(0, "tcp\":{"));
    assert_true(is_silent_of(0, "end_reason"));
}

static struct flow tcp_flow(void)
{
    struct packet p = segment(FROM_CLIENT, 1, 0, "");
    world.client_port = 40000;
    p.key.port[0] = 40000;
    return (struct flow){.key = p.key};
}

static const char *id_of(const struct flow *flow, const struct layers *l, uint32_t number)
{
    static uint8_t id[FLOW_ID_LENGTH + 1];
    id[flow_id(id, flow, l, number)] = 0;
    return (const char *)id;
}

static struct layers ethernet_layers(void)
{
    struct layers l = {.has_mac = 1};
    memcpy(l.mac[0], ethernet + 6, 6);
    memcpy(l.mac[1], ethernet, 6);
    return l;
}

static void flow_id_of_the_specification(void **state)
{
    (void)state;
    struct flow flow = tcp_flow();
    struct layers l = ethernet_layers();
    assert_string_equal(id_of(&flow, &l, 0),
                        "EQQA////DP//////FP8BAAEKAAAAAAEKAAAAAAIKAAABCgAAAkCcUAA");
}

static void flow_id_is_the_same_both_ways(void **state)
{
    (void)state;
    struct flow flow = tcp_flow();
    struct layers l = ethernet_layers(), back = l;
    memcpy(back.mac[0], l.mac[1], 6);
    memcpy(back.mac[1], l.mac[0], 6);
    char one[FLOW_ID_LENGTH + 1];
    strcpy(one, id_of(&flow, &l, 0));
    flow.source = 1;
    assert_string_equal(id_of(&flow, &back, 0), one);
    struct layers same = {.has_mac = 1}; // a loopback: both addresses zero, the next pair decides
    strcpy(one, id_of(&flow, &same, 0));
    flow.source = 0;
    assert_string_equal(id_of(&flow, &same, 0), one);
}

static void flow_id_of_all_layers(void **state)
{
    (void)state;
    struct flow flow = tcp_flow();
    struct layers l = ethernet_layers();
    l.vlans = 2;
    l.vlan[0] = 101;
    l.vlan[1] = 600;
    l.outer = 4;
    memcpy(l.ip[0], (uint8_t[]){1, 1, 1, 1}, 4);
    memcpy(l.ip[1], (uint8_t[]){2, 2, 2, 2}, 4);
    // flags 0x0c1f; offsets 0, 12, 14, 16, 24, -, -, -, -, -, 32, 36; one pair of MACs, two VLANs,
    // two pairs of addresses
    static const char expected[] =
        "HwwADA4QGP//////ICQBAgIKAAAAAAEKAAAAAAJlAFgCAQEBAQICAgIKAAABCgAA"
        "AkCcUAAFAAAAAAAAAA";
    assert_string_equal(id_of(&flow, &l, 5), expected);
    l.outer = 6;
    flow.key.family = 6;
    assert_true(strlen(id_of(&flow, &l, UINT32_MAX)) < FLOW_ID_LENGTH);
}

// Flows that differ by tunnel or by what the reference does not know have other names.
static void flow_id_tells_apart(void **state)
{
    (void)state;
    struct flow flow = tcp_flow();
    struct layers l = ethernet_layers();
    char ids[5][FLOW_ID_LENGTH + 1];
    strcpy(ids[0], id_of(&flow, &l, 0));
    strcpy(ids[1], id_of(&flow, &l, 7));
    flow.key.protocol = PROTO_UDP;
    strcpy(ids[2], id_of(&flow, &l, 0));
    flow.key.protocol = PROTO_SCTP;
    strcpy(ids[3], id_of(&flow, &l, 0));
    flow.key.port[0] = flow.key.port[1] = 0; // under compat
    strcpy(ids[4], id_of(&flow, &l, 0));
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
}

static void sctp_has_ports_unless_compat(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        begin_world(usual_settings(), compat);
        struct packet p = make_packet(PROTO_SCTP, FROM_CLIENT, "....");
        if (!compat)
            p.key.port[1] = 2905;
        take(p);
        end_world();
        assert_int_equal(is_silent_of(0, "\"port\""), compat);
        assert_int_equal(is_silent_of(0, "sctp"), compat);
    }
}

static void health_of_tcp(void **state)
{
    (void)state;
    begin_world(usual_settings(), false);
    say_syn(FROM_CLIENT, 100);
    world.now += 20 * MILLISECOND;
    struct packet p = segment(FROM_SERVER, 500, TCP_SYN | TCP_ACK, "");
    p.ack = 101;
    take(p);
    world.now += 5 * MILLISECOND;
    say_ack(FROM_CLIENT, 101, 501, "");
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 105, "ef");
    p = segment(FROM_SERVER, 501, TCP_ACK, "");
    p.window = 0;
    take(p);
    take(p);
    say_fin(FROM_CLIENT, 107, "");
    end_world();
    assert_true(says(0, "\"end_reason\":\"stop\""));
    assert_true(says(0, "\"tcp\":{\"handshake\":25000000,\"state\":\"closing\"}"));
    assert_true(says(0, "\"tcp\":{\"out_of_order\":1,\"retransmissions\":1,\"zero_windows\":0}"));
    assert_true(says(0, "\"tcp\":{\"out_of_order\":0,\"retransmissions\":0,\"zero_windows\":1}"));
}

static void ends_of_tcp(void **state)
{
    (void)state;
    begin_world(usual_settings(), false);
    say_fin(FROM_CLIENT, 1, "");
    say_fin(FROM_SERVER, 1, "");
    end_world();
    assert_true(says(0, "\"end_reason\":\"fin\""));
    assert_true(says(0, "\"state\":\"closed\""));
    begin_world(usual_settings(), false);
    say_syn(FROM_CLIENT, 1);
    take(segment(FROM_SERVER, 0, TCP_RST | TCP_ACK, ""));
    end_world();
    assert_true(says(0, "\"end_reason\":\"rst\""));
    assert_true(says(0, "\"state\":\"reset\""));
    begin_world(usual_settings(), false);
    say_syn(FROM_CLIENT, 1);
    end_world();
    assert_true(says(0, "\"state\":\"syn_sent\""));
    assert_true(is_silent_of(0, "destination\":{\"bytes"));
}

static void tunnels_and_vlans(void **state)
{
    (void)state;
    uint8_t bytes[64], outer[20] = {[0] = 0x45, [12] = 1, 1, 1, 1, 2, 2, 2, 2};
    struct frame frame;
    for (int compat = 0; compat < 2; compat++) {
        begin_world(usual_settings(), compat);
        struct packet p = with_layers(make_packet(PROTO_UDP, FROM_CLIENT, "q"), &frame, bytes,
                                      span_of(outer, sizeof outer));
        p.vlans = 3;
        p.vlan[0] = 101;
        p.vlan[1] = 600;
        p.tunnels = (struct tunnels){2, {TUNNEL_GRE, TUNNEL_MPLS}, true, 0xffffffff};
        take(p);
        p.key.tunnel = 7;
        p.tunnels = (struct tunnels){1, {TUNNEL_TZSP}, false, 0};
        take(p);
        p.key.tunnel = 8; // the same but for its number
        take(p);
        end_world();
        assert_int_equal(documents.count, 3);
        if (compat)
            assert_true(is_silent_of(0, "tunnel"));
        else
            assert_true(says(0, "\"tunnel\":{\"id\":4294967295,\"type\":[\"gre\",\"mpls\"]}") &&
                        says(1, "\"tunnel\":{\"type\":\"tzsp\"}"));
        assert_true(says(0, "\"vlan\":[101,600]"));
        assert_true(says(0, "\"ip\":[\"1.1.1.1\",\"10.0.0.1\"]"));
        assert_true(says(0, "\"ip\":[\"2.2.2.2\",\"10.0.0.2\"]"));
        // "1:" + base64(sha1(0000 ‖ addresses ‖ 11 00 ‖ ports)), of the outer addresses or the
        // inner
        assert_true(says(0, compat ? "\"community_id\":\"1:TpWKSNrUVTWBni47z20cvPGVkbk=\""
                                   : "\"community_id\":\"1:RXKURpyQITZU13SCYbIzaVPTxaQ=\""));
    }
}

static void outer_header_that_is_cut(void **state)
{
    (void)state;
    uint8_t bytes[64], outer[12] = {0x45};
    struct frame frame;
    begin_world(usual_settings(), false);
    struct packet p = with_layers(make_packet(PROTO_UDP, FROM_CLIENT, "q"), &frame, bytes,
                                  span_of(outer, sizeof outer));
    take(p);
    p.mac = 5000;
    p.key.port[0]++;
    take(p);
    end_world();
    assert_true(says(0, "\"ip\":\"10.0.0.1\""));
    assert_true(is_silent_of(1, "\"mac\""));
}

static void icmp_transport(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        begin_world(usual_settings(), compat);
        struct packet p = make_packet(PROTO_ICMP, FROM_CLIENT, "....");
        p.icmp_type = 8;
        take(p);
        p.sender = FROM_SERVER;
        p.icmp_type = 0;
        take(p);
        p.key.address[0][3] = 9; // another flow, of which only the answer was seen
        take(p);
        end_world();
        assert_int_equal(documents.count, 2);
        assert_true(says(0, "\"transport\":\"icmp\""));
        assert_true(says(0, "community_id"));
        if (compat)
            assert_true(is_silent_of(1, "transport") && is_silent_of(1, "community_id"));
        else
            assert_true(says(1, "\"transport\":\"icmp\"") && says(1, "community_id"));
    }
}

static void nothing_known_of_the_receiver(void **state)
{
    (void)state;
    begin_world(usual_settings(), true);
    struct packet p = make_packet(PROTO_NONE, FROM_CLIENT, "");
    memset(&p.key, 0, sizeof p.key);
    take(p);
    end_world();
    assert_true(says(0, "\"destination\":{}"));
    assert_true(is_silent_of(0, "\"type\":\"ipv"));
}

static void stream_number_under_compat(void **state)
{
    (void)state;
    char first[DOCUMENT];
    begin_world(usual_settings(), true);
    say(FROM_CLIENT, 1, "x");
    world.now += 40 * SECOND;
    say(FROM_CLIENT, 2, "y");
    end_world();
    assert_int_equal(documents.count, 2);
    snprintf(first, sizeof first, "%.80s", strstr(documents.text[0], "\"flow\""));
    assert_null(strstr(documents.text[1], first)); // another stream, another id
    assert_true(says(0, "\"flow\":{\"final\":true,\"id\":\"EAz/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example),
        cmocka_unit_test(flow_id_of_the_specification),
        cmocka_unit_test(flow_id_is_the_same_both_ways),
        cmocka_unit_test(flow_id_of_all_layers),
        cmocka_unit_test(health_of_tcp),
        cmocka_unit_test(ends_of_tcp),
        cmocka_unit_test(flow_id_tells_apart),
        cmocka_unit_test(sctp_has_ports_unless_compat),
        cmocka_unit_test(tunnels_and_vlans),
        cmocka_unit_test(outer_header_that_is_cut),
        cmocka_unit_test(icmp_transport),
        cmocka_unit_test(nothing_known_of_the_receiver),
        cmocka_unit_test(stream_number_under_compat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
