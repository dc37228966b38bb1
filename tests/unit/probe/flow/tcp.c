// SPDX-License-Identifier: Apache-2.0
// What TCP tells about itself: new conversations, what came twice or out of turn, states.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/flow/tcp.h"

static struct counters counters;
static struct tcp tcp;

static struct packet packet_of(unsigned sender, uint8_t flags, uint32_t seq, uint32_t ack,
                               uint32_t len)
{
    return (struct packet){.sender = (uint8_t)sender,
                           .tcp_flags = flags,
                           .seq = seq,
                           .ack = ack,
                           .payload_len = len,
                           .window = 100};
}

static enum tcp_place note(unsigned sender, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct packet p = packet_of(sender, flags, seq, ack, len);
    return tcp_note(&tcp, &p, &counters);
}

static bool anew(unsigned sender, uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct packet p = packet_of(sender, flags, seq, ack, 0);
    return tcp_begins_anew(&tcp, &p);
}

static void begin(void)
{
    memset(&tcp, 0, sizeof tcp);
    memset(&counters, 0, sizeof counters);
}

static void syn_of_the_same_conversation(void **state)
{
    (void)state;
    begin();
    assert_false(anew(0, TCP_SYN, 100, 0)); // nothing was seen yet
    note(0, TCP_SYN, 100, 0, 0);
    assert_false(anew(0, TCP_SYN, 100, 0)); // again
    assert_false(anew(1, TCP_SYN | TCP_ACK, 500, 101));
    note(1, TCP_SYN | TCP_ACK, 500, 101, 0);
    assert_false(anew(1, TCP_SYN | TCP_ACK, 500, 101));
    note(0, TCP_ACK, 101, 501, 10);
    assert_false(anew(0, TCP_SYN, 100, 0));
}

static void syn_captured_late(void **state)
{
    (void)state;
    begin();
    note(0, TCP_ACK, 101, 501, 0); // its ACK overtook its SYN
    assert_false(anew(0, TCP_SYN, 100, 0));
    assert_false(anew(1, TCP_SYN | TCP_ACK, 500, 101));
    assert_true(anew(0, TCP_SYN, 99, 0));
    begin();
    note(1, TCP_SYN | TCP_ACK, 500, 101, 0); // the answer overtook the question
    assert_false(anew(0, TCP_SYN, 100, 0));
}

static void syn_of_another_conversation(void **state)
{
    (void)state;
    begin();
    note(0, TCP_SYN, 100, 0, 0);
    note(1, TCP_SYN | TCP_ACK, 500, 101, 0);
    assert_true(anew(0, TCP_SYN, 99, 0));
    assert_true(anew(1, TCP_SYN | TCP_ACK, 499, 101));
    assert_false(anew(0, TCP_SYN | TCP_RST, 99, 0));
    assert_false(anew(0, TCP_ACK, 99, 0));
    begin();
    note(1, TCP_ACK, 7000, 1, 50); // the server of an old one, then a new client
    assert_true(anew(0, TCP_SYN, 100, 0));
    begin();
    note(0, TCP_ACK, 7000, 1, 50); // data of an old one; the new SYN was not captured
    assert_true(anew(1, TCP_SYN | TCP_ACK, 1, 101));
    assert_false(anew(1, TCP_SYN | TCP_ACK, 1, 7000));
}

static void twice_or_late(void **state)
{
    (void)state;
    begin();
    note(0, TCP_SYN, 0, 0, 0);
    note(0, TCP_ACK, 1, 0, 10);
    note(0, TCP_ACK, 21, 0, 10); // before its turn
    note(0, TCP_ACK, 41, 0, 10);
    assert_int_equal(tcp.side[0].out_of_order, 2);
    note(0, TCP_ACK, 31, 0, 10); // late: they fill holes
    note(0, TCP_ACK, 11, 0, 10);
    assert_int_equal(tcp.side[0].retransmitted, 0);
    note(0, TCP_ACK, 11, 0, 10); // there is none left
    assert_int_equal(tcp.side[0].retransmitted, 1);
    note(0, TCP_ACK, 50, 0, 10); // the last byte, and new ones
    assert_int_equal(counter_get(counters.tcp_overlaps), 1);
    assert_int_equal(tcp.side[0].next, 60);
    note(0, TCP_FIN | TCP_ACK, 60, 0, 0);
    note(0, TCP_FIN | TCP_ACK, 60, 0, 0);
    assert_int_equal(tcp.side[0].retransmitted, 2);
    note(0, TCP_SYN, 0, 0, 0);
    assert_int_equal(tcp.side[0].retransmitted, 3);
    assert_int_equal(counter_get(counters.tcp_retransmitted), 3);
    tcp_recount(&tcp);
    assert_int_equal(tcp.side[0].retransmitted + tcp.side[0].out_of_order, 0);
    assert_int_equal(tcp.side[0].next, 61);
}

static void strays(void **state)
{
    (void)state;
    begin();
    note(0, TCP_ACK, 1000, 0, 10);
    assert_int_equal(note(0, TCP_FIN, 1000 + (1u << 30), 0, 10), TCP_STRAY);
    assert_string_equal(tcp_state(&tcp), "established"); // its FIN is not believed
    assert_int_equal(note(0, TCP_RST, 1000 + (1u << 30), 0, 0), TCP_STRAY);
    assert_string_equal(tcp_state(&tcp), "established");
    assert_int_equal(note(0, TCP_ACK, 1010, 0, 10), TCP_PLACED);
    for (int i = 0; i < TCP_STRAYS - 1; i++)
        assert_int_equal(note(0, TCP_ACK, 1u << 31, 0, 10), TCP_STRAY);
    assert_int_equal(note(0, TCP_ACK, 1u << 31, 0, 10), TCP_JUMPED);
    assert_int_equal(note(0, TCP_ACK, (1u << 31) + 10, 0, 10), TCP_PLACED);
}

static void reset_by_who_never_spoke(void **state)
{
    (void)state;
    begin();
    note(0, TCP_SYN, 1u << 30, 0, 0);
    assert_int_equal(note(1, TCP_RST | TCP_ACK, 3u << 30, (1u << 30) + 1, 0), TCP_PLACED);
    assert_string_equal(tcp_state(&tcp), "reset");
}

static void states(void **state)
{
    (void)state;
    begin();
    note(0, TCP_SYN, 1, 0, 0);
    assert_string_equal(tcp_state(&tcp), "syn_sent");
    note(1, TCP_SYN | TCP_ACK, 1, 2, 0);
    assert_string_equal(tcp_state(&tcp), "syn_received");
    assert_false(tcp.side[0].marks & TCP_SHOOK);
    note(0, TCP_ACK, 2, 2, 0);
    assert_true(tcp.side[0].marks & TCP_SHOOK);
    assert_string_equal(tcp_state(&tcp), "established");
    note(1, TCP_FIN | TCP_ACK, 2, 2, 0);
    assert_string_equal(tcp_state(&tcp), "closing");
    note(0, TCP_FIN | TCP_ACK, 2, 3, 0);
    assert_string_equal(tcp_state(&tcp), "closed");
}

static void closed_windows(void **state)
{
    (void)state;
    begin();
    const uint16_t windows[] = {0, 0, 5, 0, 0, 7};
    for (size_t i = 0; i < 6; i++) {
        struct packet p = packet_of(1, TCP_ACK, 1, 1, 0);
        p.window = windows[i];
        tcp_note(&tcp, &p, &counters);
    }
    struct packet p = packet_of(1, TCP_RST, 1, 1, 0);
    p.window = 0; // a reset has none
    tcp_note(&tcp, &p, &counters);
    assert_int_equal(tcp.side[1].zero_windows, 2);
}

static void lengths_that_lie(void **state)
{
    (void)state;
    begin();
    note(0, TCP_ACK, 1, 0, 1);
    struct packet p = packet_of(0, TCP_ACK, 2, 0, 1);
    p.payload_cut = UINT32_MAX;
    tcp_note(&tcp, &p, &counters);
    assert_int_equal(tcp.side[0].next, 3 + TCP_CUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_of_the_same_conversation),
        cmocka_unit_test(syn_captured_late),
        cmocka_unit_test(syn_of_another_conversation),
        cmocka_unit_test(twice_or_late),
        cmocka_unit_test(strays),
        cmocka_unit_test(reset_by_who_never_spoke),
        cmocka_unit_test(states),
        cmocka_unit_test(closed_windows),
        cmocka_unit_test(lengths_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
