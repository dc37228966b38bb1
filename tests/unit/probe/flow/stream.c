// SPDX-License-Identifier: Apache-2.0
// What a protocol gets to read, whatever the wire does to the segments.

#include "tests/unit/probe/flow/fakes.h"

static void begin(void)
{
    begin_world(usual_settings(), false);
}

static uint32_t random_state;

static uint32_t any(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static void in_order(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "hello ");
    say(FROM_CLIENT, 107, "world");
    say(FROM_SERVER, 501, "yes");
    assert_string_equal(fake.told[CLIENT], "hello world");
    assert_string_equal(fake.told[SERVER], "yes");
    assert_int_equal(fake.opened, 1);
    assert_int_equal(fake.late, 0);
    assert_int_equal(fake.endpoints.port[SERVER], 80);
    assert_int_equal(fake.endpoints.port[CLIENT], 40000);
    end_world();
}

// Bytes of one side, cut at every place into segments that come in the order `order` says.
static void permuted(uint32_t first, const int order[5])
{
    static const struct {
        uint32_t at;
        const char *bytes;
    } parts[5] = {{0, "ab"}, {2, "c"}, {3, "defg"}, {7, "h"}, {8, "ijk"}};
    begin();
    say_syn(FROM_CLIENT, first - 1);
    for (int i = 0; i < 5; i++)
        say(FROM_CLIENT, first + parts[order[i]].at, parts[order[i]].bytes);
    assert_string_equal(fake.told[CLIENT], "abcdefghijk");
    assert_int_equal(counter_get(world.counters.tcp_gaps), 0);
    assert_int_equal(counter_get(world.counters.tcp_waiting_bytes), 0);
    end_world();
}

static void permute(uint32_t first, int order[5], int fixed)
{
    if (fixed == 5)
        permuted(first, order);
    for (int i = fixed; i < 5; i++) {
        int swap = order[fixed];
        order[fixed] = order[i];
        order[i] = swap;
        permute(first, order, fixed + 1);
        order[i] = order[fixed];
        order[fixed] = swap;
    }
}

static void every_order(void **state)
{
    (void)state;
    int order[5] = {0, 1, 2, 3, 4};
    permute(1, order, 0);              // initial sequence number 0
    permute(UINT32_MAX - 4, order, 0); // wraps in the middle
    permute(0x7ffffffd, order, 0);     // and where signs change
}

// Overlapping segments of a text in a pseudo-random order always give the text.
static void overlaps_at_random(void **state)
{
    (void)state;
    char text[1201];
    for (int i = 0; i < 1200; i++)
        text[i] = (char)('a' + i % 23);
    text[1200] = 0;
    uint32_t random = 12345;
    for (int round = 0; round < 40; round++) {
        begin();
        say_syn(FROM_CLIENT, UINT32_MAX - 600);
        char part[128];
        for (int i = 0; i < 600; i++) {
            random = random * 1664525 + 1013904223;
            uint32_t at = (random >> 8) % 1200, len = 1 + (random >> 20) % 90;
            if (at + len > 1200)
                len = 1200 - at;
            snprintf(part, sizeof part, "%.*s", (int)len, text + at);
            say(FROM_CLIENT, UINT32_MAX - 599 + at, part);
        }
        for (uint32_t at = 0; at < 1200; at += 100) {
            snprintf(part, sizeof part, "%.100s", text + at);
            say(FROM_CLIENT, UINT32_MAX - 599 + at, part);
        }
        assert_string_equal(fake.told[CLIENT], text);
        end_world();
    }
}

static void what_came_first_wins(void **state)
{
    (void)state;
    begin();
    say_syn(FROM_CLIENT, 0);
    say(FROM_CLIENT, 4, "DEF");
    say(FROM_CLIENT, 9, "I");
    say(FROM_CLIENT, 2, "bcdefghi"); // fills 2-3 and 7-8
    assert_string_equal(fake.told[CLIENT], "");
    say(FROM_CLIENT, 1, "axxxx");
    assert_string_equal(fake.told[CLIENT], "abcDEFghI");
    say(FROM_CLIENT, 3, "XXXXXXXJ"); // only its last byte is new
    assert_string_equal(fake.told[CLIENT], "abcDEFghIJ");
    end_world();
}

static void retransmission_and_keepalive(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "abc");
    say(FROM_CLIENT, 101, "abc");
    say(FROM_CLIENT, 103, "c");
    say(FROM_CLIENT, 103, "");
    say(FROM_CLIENT, 103, "cd");
    assert_string_equal(fake.told[CLIENT], "abcd");
    assert_int_equal(counter_get(world.counters.tcp_retransmitted), 1);
    assert_int_equal(counter_get(world.counters.tcp_keepalives), 2);
    assert_int_equal(counter_get(world.counters.tcp_overlaps), 1);
    end_world();
}

// The peer has what lies behind the hole: it will not be sent again. A grace, then it is given up.
static void acknowledged_hole(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 106, "fg");
    say_ack(FROM_SERVER, 501, 108, "");
    assert_string_equal(fake.told[CLIENT], "ab");
    for (int i = 0; i < 70; i++)
        say_ack(FROM_SERVER, 501, 108, "");
    assert_string_equal(fake.told[CLIENT], "ab[3]fg");
    assert_int_equal(counter_get(world.counters.tcp_gaps), 1);
    assert_int_equal(counter_get(world.counters.tcp_gap_bytes), 3);
    say(FROM_CLIENT, 103, "cde");
    assert_int_equal(counter_get(world.counters.tcp_late), 1);
    assert_string_equal(fake.told[CLIENT], "ab[3]fg");
    end_world();
}

static void grace_is_short_in_time_too(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 106, "fg");
    say_ack(FROM_SERVER, 501, 108, "");
    say_ack(FROM_SERVER, 501, 108, "");
    world.now += 100 * MILLISECOND;
    say(FROM_CLIENT, 103, "c"); // the capture re-orders: it comes after the acknowledgement
    say(FROM_CLIENT, 104, "de");
    assert_string_equal(fake.told[CLIENT], "abcdefg");
    say(FROM_CLIENT, 110, "jk");
    say_ack(FROM_SERVER, 501, 112, "");
    say_ack(FROM_SERVER, 501, 112, "");
    world.now += 300 * MILLISECOND;
    say_ack(FROM_SERVER, 501, 112, "");
    assert_string_equal(fake.told[CLIENT], "abcdefg[2]jk");
    end_world();
}

// Lost on the wire, not by the capture: the peer asks for it again, and we wait with it.
static void unacknowledged_hole_waits(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    for (int i = 0; i < 200; i++) {
        char byte[2] = {(char)('d' + i % 20), 0};
        say(FROM_CLIENT, 104 + (uint32_t)i, byte);
        say_ack(FROM_SERVER, 501, 103, "");
    }
    world.now += 3 * SECOND;
    assert_int_equal(fake.len[CLIENT], 2);
    say(FROM_CLIENT, 103, "c");
    assert_int_equal(fake.len[CLIENT], 203);
    assert_int_equal(counter_get(world.counters.tcp_gaps), 0);
    end_world();
}

static void one_sided_hole_times_out(void **state)
{
    (void)state;
    begin();
    say(FROM_SERVER, 1000, "ab");
    say(FROM_SERVER, 1005, "fg");
    flows_age(world.flows, BEGIN + 5 * SECOND);
    assert_string_equal(fake.told[SERVER], "ab");
    flows_age(world.flows, BEGIN + 6 * SECOND);
    assert_string_equal(fake.told[SERVER], "ab[3]fg");
    say(FROM_SERVER, 1010, "kl");
    world.now = BEGIN + 12 * SECOND;
    say(FROM_SERVER, 1012, "m"); // looked at before it is used
    assert_string_equal(fake.told[SERVER], "ab[3]fg[3]klm");
    end_world();
}

// ── the order between the sides ──

// The capture shows an answer before its question, and the next question before that.
static void an_answer_waits_for_its_question(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_ack(FROM_CLIENT, 103, 503, "cd");
    say_ack(FROM_SERVER, 501, 103, "xy");
    assert_string_equal(fake.order, "");
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_SERVER, 503, 105, "z");
    assert_string_equal(fake.order, ">ab<xy>cd<z");
    assert_int_equal(counter_get(world.counters.tcp_gaps), 0);
    end_world();
}

// So many packets that whoever stayed away is given up.
static void flush_grace(void)
{
    for (int i = 0; i < 70; i++)
        say_ack(FROM_SERVER, 501, 101, "");
}

// A FIN counts as a byte.
static void an_answer_waits_for_a_fin(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_SERVER, 501, 104, "xy");
    assert_string_equal(fake.order, ">ab");
    say_fin(FROM_CLIENT, 103, "");
    assert_string_equal(fake.order, ">ab>.<xy");
    say_fin(FROM_SERVER, 503, "");
    assert_string_equal(fake.ends, "fin ");
    end_world();
}

// What both have lost is told before what comes behind it.
static void answer_and_question_lost(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_SERVER, 504, 107, "yz");
    say_ack(FROM_CLIENT, 107, 506, "");
    assert_string_equal(fake.order, ">ab");
    flush_grace();
    assert_string_equal(fake.order, ">ab>[4]<[3]<yz");
    assert_int_equal(counter_get(world.counters.tcp_gaps), 2);
    end_world();
}

static void question_lost_answers_wait(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_SERVER, 501, 103, "w");
    say_ack(FROM_SERVER, 502, 105, "x");
    say_ack(FROM_CLIENT, 105, 503, "ef");
    say_ack(FROM_SERVER, 503, 107, "y");
    assert_string_equal(fake.order, ">ab<w");
    world.now += 300 * MILLISECOND;
    say_ack(FROM_SERVER, 504, 107, "");
    assert_string_equal(fake.order, ">ab<w>[2]<x>ef<y");
    end_world();
}

// At the end too.
static void order_of_what_waits_at_the_end(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_ack(FROM_SERVER, 504, 107, "yz");
    say_ack(FROM_CLIENT, 103, 502, "cd");
    say_ack(FROM_CLIENT, 110, 506, "j");
    end_world();
    assert_string_equal(fake.order, ">cd>[2]<[2]<yz>[3]>j");
}

// Nobody waits for a side that the capture does not show, but what it must have said is missing.
static void one_side_only(void **state)
{
    (void)state;
    begin();
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_CLIENT, 103, 501, "c");
    say_ack(FROM_CLIENT, 104, 511, "d");
    assert_string_equal(fake.order, ">ab>c<[10]>d");
    say_ack(FROM_SERVER, 513, 105, "z"); // there it is
    say_ack(FROM_CLIENT, 105, 514, "e");
    flush_grace();
    assert_string_equal(fake.order, ">ab>c<[10]>d<[2]<z>e");
    end_world();
}

// The first segments of a conversation out of order, and its beginning was not seen.
static void begins_where_the_peer_saw_it(void **state)
{
    (void)state;
    begin();
    say_syn(FROM_CLIENT, 100);
    say_ack(FROM_SERVER, 503, 103, "yz");
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_CLIENT, 103, 505, "");
    flush_grace();
    assert_string_equal(fake.order, ">ab<[2]<yz");
    end_world();
    begin();
    say_ack(FROM_SERVER, 503, 101, "");
    say_ack(FROM_CLIENT, 101, 501, "ab");
    say_ack(FROM_CLIENT, 103, 503, "c");
    say_ack(FROM_SERVER, 501, 103, "x"); // in time
    say_ack(FROM_SERVER, 502, 103, "y");
    assert_string_equal(fake.order, ">ab<x<y>c");
    end_world();
}

static void cross_hole(struct conn *c, enum side from, uint32_t missing)
{
    (void)c, (void)from, (void)missing;
    fail(); // the conns are fakes: nobody calls their protocol
}

// The conn learns of a hole in front of its first bytes.
static void hole_before_the_first_bytes(void **state)
{
    (void)state;
    begin();
    fake_tcp.gap = cross_hole;
    shake_hands(100, 500);
    say_ack(FROM_SERVER, 501, 103, "xy");
    flush_grace();
    assert_string_equal(fake.order, ">[2]<xy");
    assert_int_equal(fake.late, 1);
    end_world();
}

// Holes that were acknowledged together are given up together.
static void one_grace_for_several_holes(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    for (uint32_t i = 0; i < 10; i++)
        say_ack(FROM_CLIENT, 102 + 2 * i, 501, "x");
    say_ack(FROM_SERVER, 501, 121, "");
    flush_grace();
    assert_int_equal(counter_get(world.counters.tcp_gaps), 10);
    end_world();
}

// Nobody is silenced by who claims to have seen what nobody said.
static void forged_acknowledgements(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_ack(FROM_SERVER, 501, 101 + (2 << 20), "x"); // too far to be believed
    assert_string_equal(fake.order, "<x");
    say_ack(FROM_CLIENT, 101, 506, "a"); // both wait for each other
    say_ack(FROM_SERVER, 502, 106, "y");
    say_ack(FROM_CLIENT, 102, 506, "b");
    flush_grace();
    flush_grace();
    assert_non_null(strstr(fake.told[CLIENT], "ab"));
    assert_non_null(strstr(fake.told[SERVER], "xy"));
    end_world();
}

enum { TALK = 60 };

// A conversation of short words, each told with what its side had heard by then.
static void talk(struct packet packets[TALK], uint32_t next[2])
{
    static const char *const words[] = {"a", "bc", "def", "ghij"};
    for (int i = 0; i < TALK; i++) {
        const char *word = words[any(4)];
        unsigned sender = any(2);
        packets[i] = segment(sender, next[sender], TCP_ACK, word);
        packets[i].ack = next[!sender];
        next[sender] += (uint32_t)strlen(word);
    }
}

// True if `told` has every word of the conversation, none before what its side had heard: who spoke
// at the same time may change places.
static bool is_talk(const char *told, const struct packet packets[TALK], uint32_t next[2])
{
    const struct packet *word[2] = {packets, packets};
    for (; *told; told++) {
        unsigned sender = *told == '<';
        if (*told != '<' && *told != '>')
            continue;
        while (word[sender] < packets + TALK && word[sender]->sender != sender)
            word[sender]++;
        const struct packet *p = word[sender]++;
        if (p >= packets + TALK || p->seq != next[sender] ||
            memcmp(told + 1, p->payload, p->payload_len) || tcp_distance(p->ack, next[!sender]) > 0)
            return false;
        next[sender] += p->payload_len;
    }
    return true;
}

// Packets that change places with near ones, of either side, make no other conversation.
static void conversations_out_of_order(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        struct packet packets[TALK], moved[TALK];
        uint32_t first[2] = {round * 0x08000000u, 7 - round}, next[2] = {first[0], first[1]};
        random_state = round;
        begin();
        shake_hands(first[0] - 1, first[1] - 1);
        talk(packets, next);
        memcpy(moved, packets, sizeof moved);
        for (int i = 0; i < TALK - 3; i++) {
            struct packet p = moved[i];
            int to = i + (int)any(3);
            moved[i] = moved[to];
            moved[to] = p;
        }
        for (int i = 0; i < TALK; i++)
            take(moved[i]);
        assert_true(is_talk(fake.order, packets, first));
        assert_memory_equal(first, next, sizeof next);
        assert_int_equal(counter_get(world.counters.tcp_gaps), 0);
        end_world();
    }
}

static void ceiling_of_one_side(void **state)
{
    (void)state;
    begin();
    say_syn(FROM_CLIENT, 0);
    char block[1001];
    memset(block, 'x', 1000);
    block[1000] = 0;
    for (uint32_t i = 0; i < 100; i++)
        say(FROM_CLIENT, 2 + 1000 * i, block);
    assert_int_equal(counter_get(world.counters.tcp_gaps), 1);
    assert_int_equal(counter_get(world.counters.tcp_waiting_ceiling), 1);
    assert_int_equal(fake.len[CLIENT], 100 * 1000);
    assert_int_equal(fake.late, 1); // its first byte is missing
    end_world();
}

// Many flows with holes: the oldest hole makes room for a newer one.
static void ceiling_of_all(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.reorder_bytes_all = 16 << 10;
    begin_world(settings, false);
    char block[1001];
    memset(block, 'x', 1000);
    block[1000] = 0;
    for (uint16_t i = 0; i < 40; i++) {
        world.client_port = (uint16_t)(1000 + i);
        say_syn(i % 2, 0);
        say(i % 2, 2, block);
        assert_true(counter_get(world.counters.tcp_waiting_bytes) <= 16 << 10);
    }
    assert_int_equal(counter_get(world.counters.tcp_gaps), 30);
    assert_int_equal(fake.opened, 30);
    end_world();
    assert_int_equal(fake.opened, 40);
}

static void single_bytes_out_of_order(void **state)
{
    (void)state;
    begin();
    say_syn(FROM_CLIENT, 0);
    for (uint32_t i = 2000; i > 0; i--)
        say(FROM_CLIENT, i, "x");
    size_t got = 0;
    for (size_t i = 0; i < fake.len[CLIENT]; i++)
        got += fake.told[CLIENT][i] == 'x';
    uint64_t lost = counter_get(world.counters.tcp_gap_bytes);
    assert_true(lost > 0); // below the ceiling nothing; above it all that is missing is said
    assert_int_equal(got + lost, 2000);
    end_world();
}

static void hole_at_the_end(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say_ack(FROM_SERVER, 501, 110, "");
    end_world();
    assert_string_equal(fake.told[CLIENT], "ab[7]");
    assert_string_equal(fake.ends, "file ");
}

static void waiting_at_the_end(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 102, "b");
    say_fin(FROM_CLIENT, 106, "f");
    end_world();
    assert_string_equal(fake.told[CLIENT], "b[3]f.");
    assert_int_equal(fake.late, 1);
}

static void fin_in_order_and_out_of_it(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_fin(FROM_CLIENT, 103, "cd");
    say(FROM_CLIENT, 101, "ab");
    assert_string_equal(fake.told[CLIENT], "abcd.");
    say_fin(FROM_CLIENT, 103, "cd");
    assert_string_equal(fake.told[CLIENT], "abcd.");
    assert_string_equal(fake.ends, "");
    end_world();
}

static void both_fins_end_the_conn(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say_fin(FROM_CLIENT, 103, "");
    say(FROM_SERVER, 501, "xy");
    assert_string_equal(fake.ends, "");
    say_fin(FROM_SERVER, 503, "z");
    assert_string_equal(fake.ends, "fin ");
    assert_string_equal(fake.told[CLIENT], "ab.");
    assert_string_equal(fake.told[SERVER], "xyz.");
    say(FROM_CLIENT, 101, "ab"); // late retransmissions open nothing
    say_fin(FROM_SERVER, 503, "z");
    assert_int_equal(fake.opened, 1);
    end_world();
}

static void conn_opened_behind_a_fin(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_fin(FROM_CLIENT, 101, "ab");
    say(FROM_SERVER, 502, "y"); // waits, so that the stream goes on without its conn
    fake.no_gaps = true;
    flows_age(world.flows, BEGIN + 6 * SECOND);
    assert_string_equal(fake.told[SERVER], "[1]|y");
    say_fin(FROM_SERVER, 503, "z");
    assert_string_equal(fake.told[SERVER], "[1]|yz.");
    assert_string_equal(fake.ends, "gap fin ");
    end_world();
}

static void reset(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 105, "ef");
    take(segment(FROM_SERVER, 501 + (1u << 30), TCP_RST, "")); // forged
    assert_string_equal(fake.ends, "");
    take(segment(FROM_SERVER, 501, TCP_RST, ""));
    assert_string_equal(fake.told[CLIENT], "ab[2]ef");
    assert_string_equal(fake.ends, "rst ");
    say(FROM_CLIENT, 107, "gh");
    assert_int_equal(fake.opened, 1);
    end_world();
}

static void ports_used_again(void **state)
{
    (void)state;
    begin();
    shake_hands(1000, 5000);
    say(FROM_CLIENT, 1001, "one");
    shake_hands(100, 400); // lower than before
    assert_string_equal(fake.ends, "rst ");
    say(FROM_CLIENT, 101, "two");
    say(FROM_SERVER, 401, "yes");
    assert_string_equal(fake.told[CLIENT], "one|two");
    assert_string_equal(fake.told[SERVER], "|yes");
    assert_int_equal(fake.late, 0);
    say_syn(FROM_CLIENT, 100); // the same SYN again
    say(FROM_CLIENT, 104, "!");
    assert_string_equal(fake.told[CLIENT], "one|two!");
    end_world();
}

static void ports_used_again_after_fin(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say_fin(FROM_CLIENT, 101, "one");
    say_fin(FROM_SERVER, 501, "");
    shake_hands(9000, 8000);
    say(FROM_CLIENT, 9001, "two");
    assert_string_equal(fake.told[CLIENT], "one.|two");
    assert_int_equal(fake.opened, 2);
    end_world();
}

static void syn_with_data(void **state)
{
    (void)state;
    begin();
    take(segment(FROM_CLIENT, 100, TCP_SYN, "early"));
    struct packet p = segment(FROM_SERVER, 500, TCP_SYN | TCP_ACK, "");
    p.ack = 106;
    take(p);
    say(FROM_CLIENT, 106, " bird");
    assert_string_equal(fake.told[CLIENT], "early bird");
    assert_int_equal(fake.late, 0);
    assert_int_equal(fake.opened, 1);
    end_world();
}

static void joined_in_the_middle(void **state)
{
    (void)state;
    begin();
    say_ack(FROM_SERVER, 7000, 300, "answer");
    say_ack(FROM_CLIENT, 300, 7006, "ask");
    assert_string_equal(fake.told[SERVER], "answer");
    assert_string_equal(fake.told[CLIENT], "ask");
    assert_int_equal(fake.late, 1);
    end_world();
}

// An acknowledgement from before a side is known says nothing about it.
static void acknowledgement_from_elsewhere(void **state)
{
    (void)state;
    begin();
    say_ack(FROM_CLIENT, 300, 1u << 30, "ask");
    say(FROM_SERVER, 7000, "answer");
    end_world();
    assert_string_equal(fake.told[SERVER], "answer");
}

// A new conn in a conversation that has begun long ago is late, on whichever side it begins.
static void late_by_what_the_peer_said(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_SERVER, 501, "banner");
    leave(fake.conns[0], ENDED_EVICTED);
    say(FROM_CLIENT, 101, "hello");
    assert_string_equal(fake.told[CLIENT], "|hello");
    assert_int_equal(fake.late, 1);
    end_world();
}

static void snapped(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    struct packet p = segment(FROM_CLIENT, 101, 0, "abc");
    p.payload_cut = 7;
    take(p);
    say(FROM_CLIENT, 111, "def");
    assert_string_equal(fake.told[CLIENT], "abc[7]def");
    assert_int_equal(counter_get(world.counters.tcp_gaps), 0);
    p = segment(FROM_CLIENT, 115, 0, "y");
    p.payload_cut = 3;
    take(p);
    say(FROM_CLIENT, 119, "z");
    say(FROM_CLIENT, 114, "x");
    assert_string_equal(fake.told[CLIENT], "abc[7]defxy[3]z");
    p = segment(FROM_CLIENT, 120, 0, "q");
    p.payload_cut = UINT32_MAX; // a frame that lies about its length
    take(p);
    end_world();
}

static void strays_and_jumps(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 101 + (1u << 29), "forged");
    say(FROM_CLIENT, 103, "cd");
    assert_string_equal(fake.told[CLIENT], "abcd");
    assert_int_equal(counter_get(world.counters.tcp_out_of_window), 1);
    for (uint32_t i = 0; i < 16; i++)
        say(FROM_CLIENT, (1u << 30) + i, "j");
    say(FROM_CLIENT, (1u << 30) + 16, "k");
    assert_string_equal(fake.told[CLIENT], "abcd|jk");
    assert_string_equal(fake.ends, "gap ");
    assert_int_equal(fake.late, 1);
    assert_int_equal(counter_get(world.counters.tcp_gap_bytes), 0); // nobody knows how many
    end_world();
}

// Jumps within reach, over and over, leave the front of the stream behind: holes are given up
// before numbers lose their order.
static void leaps_within_reach(void **state)
{
    (void)state;
    begin();
    say_syn(FROM_CLIENT, 0);
    for (uint32_t i = 1; i < 200; i++)
        say(FROM_CLIENT, i * 60000000, "leap");
    assert_true(counter_get(world.counters.tcp_waiting_bytes) < 4096);
    end_world();
}

static void protocol_that_is_done(void **state)
{
    (void)state;
    begin();
    fake.done_at = '!';
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "hi!");
    say(FROM_CLIENT, 104, "more");
    say(FROM_SERVER, 501, "more");
    assert_string_equal(fake.told[CLIENT], "hi!");
    assert_string_equal(fake.ends, "done ");
    assert_int_equal(fake.opened, 1);
    shake_hands(7000, 9000); // another conversation wants to be heard
    say(FROM_CLIENT, 7001, "ho");
    assert_string_equal(fake.told[CLIENT], "hi!|ho");
    end_world();
}

static void protocol_that_cannot_cross_holes(void **state)
{
    (void)state;
    begin();
    fake.no_gaps = true;
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    say(FROM_CLIENT, 105, "ef");
    flows_age(world.flows, BEGIN + 6 * SECOND);
    assert_string_equal(fake.told[CLIENT], "ab[2]|ef");
    assert_int_equal(fake.late, 1);
    end_world();
}

static void evicted_conn_comes_back(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    say(FROM_CLIENT, 101, "ab");
    leave(fake.conns[0], ENDED_EVICTED);
    say(FROM_CLIENT, 103, "cd");
    assert_string_equal(fake.told[CLIENT], "ab|cd");
    assert_int_equal(fake.late, 1);
    end_world();
}

static void time_of_what_waited(void **state)
{
    (void)state;
    begin();
    shake_hands(100, 500);
    world.now += 5;
    say(FROM_CLIENT, 103, "cd");
    world.now += 5;
    say(FROM_CLIENT, 101, "ab");
    assert_string_equal(fake.told[CLIENT], "abcd");
    assert_int_equal(fake.last_time, BEGIN + 5);
    end_world();
}

// A segment of no conversation in particular.
static struct packet any_segment(uint32_t base)
{
    static const uint8_t flags[] = {0,
                                    0,
                                    0,
                                    0,
                                    TCP_ACK,
                                    TCP_ACK,
                                    TCP_ACK,
                                    TCP_FIN,
                                    TCP_FIN | TCP_ACK,
                                    TCP_SYN,
                                    TCP_SYN | TCP_ACK,
                                    TCP_RST,
                                    TCP_SYN | TCP_FIN,
                                    0xff};
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint32_t rare = any(100), seq = base + any(3000);
    if (rare == 0)
        seq = any(1u << 24) << 8;
    struct packet p =
        segment(any(2), seq, (uint8_t)(rare > 20 ? any(2) * TCP_ACK : flags[any(sizeof flags)]),
                bytes + any(sizeof bytes));
    p.ack = any(50) ? base + any(4000) : any(1u << 24) << 8;
    p.window = any(10) ? 100 : 0;
    if (any(20) == 0)
        p.payload_cut = any(5) ? any(2000) : UINT32_MAX - any(10);
    return p;
}

// Whatever comes, nothing breaks and nothing is left behind.
static void anything_goes(void **state)
{
    (void)state;
    struct flow_settings settings = usual_settings();
    settings.reorder_bytes = 6000;
    settings.reorder_bytes_all = 12000;
    settings.flows = 20;
    for (uint32_t round = 0; round < 60; round++) {
        random_state = round;
        begin_world(settings, any(2));
        fake.no_gaps = any(2);
        fake.done_at = any(3) ? 0 : 'z';
        for (int i = 0; i < 3000; i++) {
            world.client_port = (uint16_t)(1 + any(25));
            take(any_segment(round * 0x10000000u - 1000));
            assert_true(counter_get(world.counters.tcp_waiting_bytes) <= 12000);
            world.now += any(40) ? any(1000000) : any(2) * 7 * SECOND;
            if (any(30) == 0)
                flows_age(world.flows, world.now);
            if (any(200) == 0 && fake.conns[0])
                leave(fake.conns[0], ENDED_EVICTED);
            fake.len[0] = fake.len[1] = 0;
            fake.ends[0] = 0;
            documents.count = 0;
        }
        end_world();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(every_order),
        cmocka_unit_test(overlaps_at_random),
        cmocka_unit_test(what_came_first_wins),
        cmocka_unit_test(retransmission_and_keepalive),
        cmocka_unit_test(acknowledged_hole),
        cmocka_unit_test(grace_is_short_in_time_too),
        cmocka_unit_test(unacknowledged_hole_waits),
        cmocka_unit_test(one_sided_hole_times_out),
        cmocka_unit_test(an_answer_waits_for_its_question),
        cmocka_unit_test(an_answer_waits_for_a_fin),
        cmocka_unit_test(answer_and_question_lost),
        cmocka_unit_test(question_lost_answers_wait),
        cmocka_unit_test(order_of_what_waits_at_the_end),
        cmocka_unit_test(one_side_only),
        cmocka_unit_test(begins_where_the_peer_saw_it),
        cmocka_unit_test(hole_before_the_first_bytes),
        cmocka_unit_test(one_grace_for_several_holes),
        cmocka_unit_test(forged_acknowledgements),
        cmocka_unit_test(conversations_out_of_order),
        cmocka_unit_test(ceiling_of_one_side),
        cmocka_unit_test(ceiling_of_all),
        cmocka_unit_test(single_bytes_out_of_order),
        cmocka_unit_test(hole_at_the_end),
        cmocka_unit_test(waiting_at_the_end),
        cmocka_unit_test(fin_in_order_and_out_of_it),
        cmocka_unit_test(both_fins_end_the_conn),
        cmocka_unit_test(conn_opened_behind_a_fin),
        cmocka_unit_test(reset),
        cmocka_unit_test(ports_used_again),
        cmocka_unit_test(ports_used_again_after_fin),
        cmocka_unit_test(syn_with_data),
        cmocka_unit_test(joined_in_the_middle),
        cmocka_unit_test(acknowledgement_from_elsewhere),
        cmocka_unit_test(late_by_what_the_peer_said),
        cmocka_unit_test(snapped),
        cmocka_unit_test(strays_and_jumps),
        cmocka_unit_test(leaps_within_reach),
        cmocka_unit_test(protocol_that_is_done),
        cmocka_unit_test(protocol_that_cannot_cross_holes),
        cmocka_unit_test(evicted_conn_comes_back),
        cmocka_unit_test(time_of_what_waited),
        cmocka_unit_test(anything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
