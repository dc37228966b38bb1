// SPDX-License-Identifier: Apache-2.0
// Conversations: what a protocol is shown and when, what its verbs do from each of its functions,
// ceilings, and that nothing is left behind.

#include "tests/unit/probe/world.h"

// ── protocols that the tests play ──

static uint32_t eat_nothing(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)c, (void)from, (void)data, (void)seen;
    return 0;
}

// Eats whole lines and says when the first and last byte of each came, in milliseconds.
static uint32_t eat_lines(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    uint32_t done = 0;
    (void)seen;
    for (ptrdiff_t end; (end = span_find(span_skip(data, done), '\n')) >= 0;) {
        uint32_t last = done + (uint32_t)end;
        tell("%lld-%lld", (long long)((conn_time(c, from, done) - START) / MILLISECOND),
             (long long)((conn_time(c, from, last) - START) / MILLISECOND));
        done = last + 1;
    }
    return done;
}

static void feed_bytewise(enum side from, const char *bytes)
{
    for (; *bytes && world.conn; bytes++)
        world_feed(from, (char[]){*bytes, 0});
}

// ── what is asked of a conn ──

static void tells_what_it_is(void **state)
{
    (void)state;
    struct conn *c = world_open(&talk), *datagrams;
    assert_int_equal(conn_ends(c)->port[SERVER], 80);
    assert_false(conn_is_datagram(c));
    assert_false(conn_joined_late(c));
    assert_false(conn_is_compat(c));
    assert_ptr_equal(conn_common(c), &world.binding[0].common);
    assert_ptr_equal(conn_counters(c), &world.counters);
    assert_true(conn_is_datagram(world_open_at(&datagrams, &talk, PROTO_UDP)));
    assert_counted(conns_opened, 2);
    assert_counted(conns_now, 2);
    conn_end(datagrams, ENDED_FIN);
    assert_counted(conns_now, 1);
}

static void state_is_zero_and_stays(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct talk_conn *mine = conn_state(world_open(&talk)), zero = {0};
        assert_int_equal((uintptr_t)mine % 16, 0);
        assert_memory_equal(mine, &zero, sizeof zero);
        memset(mine, 0xff, sizeof *mine);
        world_feed(CLIENT, "x");
        assert_int_equal(((struct talk_conn *)conn_state(world.conn))->number, UINT64_MAX);
        conn_end(world.conn, ENDED_FIN);
    }
}

static uint32_t look_at_arrival(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)seen;
    tell("%u %u %u %lld %lld", conn_icmp_type(c), conn_icmp_code(c), conn_cut(c),
         (long long)((conn_time(c, from, 0) - START) / SECOND),
         (long long)((conn_now(c) - START) / SECOND));
    return (uint32_t)data.len;
}

static void arrival_is_that_of_the_datagram(void **state)
{
    (void)state;
    world.play.feed = look_at_arrival;
    struct conn *c = world_open_at(&world.conn, &talk, PROTO_ICMP);
    struct arrival first = {START + 3 * SECOND, 7, 8, 1}, late = {START + SECOND, 0, 0, 0};
    assert_true(conn_feed(c, CLIENT, text("a"), &first));
    assert_told("C:a/0 8 1 7 3 3");
    assert_true(conn_feed(c, SERVER, text("b"), &late)); // the clock does not step back
    assert_told("S:b/0 0 0 0 1 3");
}

static void now_is_that_of_gaps_and_ends_too(void **state)
{
    (void)state;
    struct conn *c = world_open(&talk);
    world_feed(CLIENT, "a");
    assert_true(conn_gap(c, CLIENT, 1, START + SECOND));
    assert_int_equal(conn_now(c), START + SECOND);
    assert_true(conn_half_end(c, CLIENT, ENDED_FIN, START + 2 * SECOND));
    assert_int_equal(conn_now(c), START + 2 * SECOND);
}

// ── unread bytes ──

static void unread_bytes_come_back_longer(void **state)
{
    (void)state;
    world.play.feed = eat_lines;
    world_open(&talk);
    feed_bytewise(CLIENT, "ab\nc");
    assert_told("C:a/0 C:ab/1 C:ab\n/2 0-2 C:c/0");
    world_feed(SERVER, "x\ny"); // the sides have nothing to do with each other
    assert_told("S:x\ny/0 4-4");
    world_feed(CLIENT, "d\ne\nf");
    assert_told("C:cd\ne\nf/1 3-5 5-5");
    world_feed(SERVER, "\n");
    assert_told("S:y\n/1 4-6");
    assert_true(conn_is_waiting(world.conn));
    world_feed(CLIENT, "\n");
    assert_told("C:f\n/1 5-7");
    assert_false(conn_is_waiting(world.conn));
    assert_counted(conn_kept_bytes, 0);
}

static void tails_grow_to_their_ceiling(void **state)
{
    (void)state;
    char piece[1024 + 1] = "";
    memset(piece, 'x', sizeof piece - 1);
    world.play.feed = eat_nothing;
    world.quiet = true;
    world_open(&talk);
    for (int i = 0; i < 8; i++)
        assert_true(world_feed(CLIENT, piece));
    assert_counted(conn_kept_ceiling, 0);
    assert_int_equal(world.counters.conn_kept_bytes, 16384); // the block of 8 KiB and its head
    world.quiet = false;
    assert_false(world_feed(CLIENT, "x"));
    assert_told("C.gap S.gap (gap)");
    assert_null(world.conn);
    assert_counted(conn_kept_ceiling, 1);
    assert_counted(conn_kept_bytes, 0);
}

static void a_view_beyond_the_ceiling_is_too_much(void **state)
{
    (void)state;
    char piece[8192 + 2] = "";
    memset(piece, 'x', sizeof piece - 1);
    world.play.feed = eat_nothing;
    world.quiet = true;
    world_open(&talk);
    assert_false(world_feed(CLIENT, piece));
    assert_null(world.conn);
    world_open(&talk);
    assert_true(world_feed(CLIENT, piece + 1));
}

// Who reads on gets a long view in pieces: only what stays unread counts.
static void what_is_eaten_in_time_has_no_ceiling(void **state)
{
    (void)state;
    static char lines[64 * 1024 + 1];
    for (size_t i = 0; i < sizeof lines - 1; i++)
        lines[i] = i % 64 == 63 ? '\n' : 'x';
    world.play.feed = eat_lines;
    world.quiet = true;
    world_open(&talk);
    assert_true(world_feed(CLIENT, "half a line "));
    assert_true(world_feed(CLIENT, lines));
    assert_counted(conn_kept_ceiling, 0);
    assert_false(conn_is_waiting(world.conn));
}

// The conn whose unread bytes stand still longest makes room for those of others.
static void all_tails_together_have_a_ceiling(void **state)
{
    (void)state;
    char piece[7001] = "";
    memset(piece, 'x', sizeof piece - 1);
    world.limits.kept_bytes_all = 256 << 10; // sixteen blocks of 8 KiB and their heads
    world.play.feed = eat_nothing;
    world.quiet = true;
    for (int i = 0; i < 40; i++)
        world_open_at(&world.many[i], &talk, PROTO_TCP);
    for (int i = 0; i < 40; i++) {
        assert_true(world_feed_to(world.many[i], CLIENT, span_text(piece), world.time));
        if (world.many[0]) // goes on all the time
            world_feed_to(world.many[0], CLIENT, text("x"), world.time);
        assert_in_range(world.counters.conn_kept_bytes, 0, 256 << 10);
    }
    assert_non_null(world.many[0]);
    assert_null(world.many[1]);
    assert_non_null(world.many[39]);
    assert_counted(conn_kept_ceiling, 40 - counter_get(world.counters.conns_now));
    assert_int_equal(world.counters.conns_now, 32);
}

// Who needs room is not who makes it, unless there is nobody else.
static void room_comes_from_others(void **state)
{
    (void)state;
    static char piece[5001];
    memset(piece, 'x', sizeof piece - 1);
    world.limits.kept_bytes_all = 16 << 10; // two blocks of 5000 bytes and their heads
    world.play.feed = eat_nothing;
    world.quiet = true;
    world_open(&talk);
    world_feed(CLIENT, piece); // stands still longest
    world_open_at(&world.many[0], &talk, PROTO_TCP);
    world_feed_to(world.many[0], CLIENT, span_text(piece), world.time);
    assert_true(world_feed(SERVER, piece));
    assert_null(world.many[0]);
    assert_false(world_feed(SERVER, piece));
    assert_null(world.conn);
    assert_counted(conn_kept_ceiling, 2);
}

static void times_of_first_and_last_byte_survive(void **state)
{
    (void)state;
    world.play.feed = eat_lines;
    world_open(&talk);
    feed_bytewise(CLIENT, "0123456789abcdefghij");
    world.told[0] = 0;
    world_feed(CLIENT, "\nx");
    assert_told("C:0123456789abcdefghij\nx/20 0-20");
    world_feed(CLIENT, "\n");
    assert_told("C:x\n/1 20-21");
}

static uint32_t times_of_all(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)seen;
    for (uint32_t i = 0; i <= data.len; i++)
        tell("%lld", (long long)((conn_time(c, from, i) - START) / MILLISECOND));
    return data.len == 6 ? 3 : 0;
}

static void each_byte_has_its_time(void **state)
{
    (void)state;
    world.play.feed = times_of_all;
    world_open(&talk);
    world_feed(CLIENT, "ab");
    world_feed(CLIENT, "cd");
    world.told[0] = 0;
    world_feed(CLIENT, "ef"); // three of them are eaten
    assert_told("C:abcdef/4 0 0 1 1 2 2 2");
    world_feed(CLIENT, "g");
    assert_told("C:defg/3 1 2 2 3 3");
}

static void what_a_datagram_leaves_is_counted(void **state)
{
    (void)state;
    world.play.feed = eat_lines;
    world_open_at(&world.conn, &talk, PROTO_UDP);
    assert_true(world_feed(CLIENT, "a\nrest"));
    assert_counted(conn_trailing_bytes, 4);
    assert_false(conn_is_waiting(world.conn));
    assert_true(world_feed(CLIENT, "b\n"));
    assert_told("C:a\nrest/0 0-0 C:b\n/0 1-1");
    assert_true(world_feed(CLIENT, ""));
    assert_told("C:/0");
    conn_release(world.conn);
    assert_told("");
    assert_counted(conns_now, 0);
}

// ── gaps and ends ──

static void a_gap_drops_what_was_unread(void **state)
{
    (void)state;
    world.play.feed = eat_lines;
    world_open(&talk);
    world_feed(CLIENT, "ab");
    world_feed(SERVER, "x");
    assert_true(conn_gap(world.conn, CLIENT, 5, world.time));
    world_feed(CLIENT, "c\n");
    world_feed(SERVER, "\n");
    assert_told("C:ab/0 S:x/0 C-5 C:c\n/0 2-2 S:x\n/1 1-3");
}

static void a_gap_ends_who_cannot_cross_it(void **state)
{
    (void)state;
    world_open(&deaf);
    world_feed(CLIENT, "ab");
    assert_false(conn_gap(world.conn, CLIENT, 5, world.time));
    assert_told("C:ab/0 (gap)");
    assert_null(world.conn);
}

static void both_sides_end_it(void **state)
{
    (void)state;
    world.play.feed = eat_nothing;
    world_open(&talk);
    world_feed(CLIENT, "a");
    assert_true(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    assert_true(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time)); // said twice
    assert_true(world_feed(SERVER, "b"));
    assert_false(conn_half_end(world.conn, SERVER, ENDED_RST, world.time));
    assert_told("C:a/0 C.fin S:b/0 S.rst (rst)");
    world_open(&deaf);
    assert_true(conn_half_end(world.conn, SERVER, ENDED_FIN, world.time));
    assert_false(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    assert_told("(fin)");
}

static void the_owner_ends_it_untold(void **state)
{
    (void)state;
    world_open(&talk);
    conn_half_end(world.conn, SERVER, ENDED_FIN, world.time);
    conn_end(world.conn, ENDED_AGE);
    assert_told("S.fin C.age");
}

// ── done and given up ──

static uint32_t done_after_one(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)from, (void)data, (void)seen;
    conn_done(c);
    return 1;
}

static void done_ends_it_with_its_call(void **state)
{
    (void)state;
    world.play.feed = done_after_one;
    world_open(&talk);
    assert_false(world_feed(CLIENT, "abc"));
    assert_told("C:abc/0 (done)"); // no more calls
    assert_null(world.conn);
    assert_counted(conns_given_up, 0);
    assert_counted(conns_now, 0);
}

static void give_up_in_gap(struct conn *c, enum side from, uint32_t missing)
{
    (void)from, (void)missing;
    conn_give_up(c);
}

static void give_up_in_end(struct conn *c, enum side from, enum ending how)
{
    (void)from, (void)how;
    conn_give_up(c);
}

static void giving_up_counts_from_everywhere(void **state)
{
    (void)state;
    world.play.gap = give_up_in_gap;
    world_open(&talk);
    assert_false(conn_gap(world.conn, CLIENT, 1, world.time));
    assert_told("C-1 (done)");
    assert_counted(conns_given_up, 1);
    world.play.end = give_up_in_end;
    world_open(&talk);
    assert_false(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    assert_told("C.fin (done)");
    assert_counted(conns_given_up, 2);
    world_open(&talk);
    conn_end(world.conn, ENDED_AGE);
    assert_told("C.age");
    assert_counted(conns_given_up, 3);
}

// ── turned sides ──

static bool turned;

static uint32_t turn_once(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    if (!turned)
        conn_turn(c);
    return turned ? eat_lines(c, from, data, seen) : (turned = true, 0);
}

static void turning_shows_again_what_was_left(void **state)
{
    (void)state;
    turned = false;
    world.play.feed = turn_once;
    world_open(&talk);
    world_feed(CLIENT, "a\nb");
    assert_told("C:a\nb/0 S:a\nb/0 0-0");
    assert_int_equal(conn_ends(world.conn)->port[CLIENT], 80);
    assert_int_equal(conn_ends(world.conn)->ip[CLIENT].bytes[3], 2);
    world_feed(CLIENT, "\n"); // the flow still calls it the client
    world_feed(SERVER, "c");
    assert_true(conn_gap(world.conn, SERVER, 3, world.time));
    assert_true(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    assert_told("S:b\n/1 0-1 C:c/0 C-3 S.fin");
    conn_end(world.conn, ENDED_RST);
    assert_told("C.rst");
}

static void turn_in_gap(struct conn *c, enum side from, uint32_t missing)
{
    (void)from, (void)missing;
    conn_turn(c);
}

static void turn_in_end(struct conn *c, enum side from, enum ending how)
{
    (void)from, (void)how;
    conn_turn(c);
}

static void turning_works_from_everywhere(void **state)
{
    (void)state;
    world.play.gap = turn_in_gap;
    world.play.end = turn_in_end;
    world_open(&talk);
    assert_true(conn_gap(world.conn, CLIENT, 1, world.time));
    world_feed(CLIENT, "a");
    assert_told("C-1 S:a/0");
    assert_true(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    world_feed(SERVER, "b");
    assert_told("S.fin S:b/0");
    conn_end(world.conn, ENDED_AGE); // the flow's client has ended
    assert_told("S.age");
}

// ── another protocol from here on ──

static uint32_t become_guest(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    ptrdiff_t line = span_find(data, '\n');
    (void)from, (void)seen;
    if (line < 0 || conn_state(c) == NULL)
        return 0;
    if (world.play.publish == NULL && !span_starts(data, text("guest")))
        conn_become(c, "guest");
    return (uint32_t)line + 1;
}

static uint32_t detect_next(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)from, (void)seen;
    if (span_starts(data, text("guest")))
        return (uint32_t)data.len;
    conn_become(c, "");
    return 1;
}

static void becoming_begins_behind_what_was_eaten(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    memset(conn_state(world.conn), 0xff, sizeof(struct talk_conn));
    world_feed(CLIENT, "hello\nguest");
    assert_told("C:hello\nguest/0 < C:guest/0 >");
    static const uint8_t zero[3000];
    assert_memory_equal(conn_state(world.conn), zero, sizeof zero);
    world_feed(CLIENT, "\n");
    assert_told("< C:guest\n/5 >");
    assert_false(conn_is_waiting(world.conn));
}

static void becoming_holds_for_the_next_bytes(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    world_feed(CLIENT, "hello\n");
    world_feed(SERVER, "guest\n"); // the old one is not asked again
    assert_told("C:hello\n/0 < S:guest\n/0 >");
}

static void times_are_right_behind_a_change(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    world_feed(CLIENT, "hello");
    world.play.feed = become_guest;
    world_feed(CLIENT, "\ngu");
    world.told[0] = 0;
    world.play.feed = times_of_all;
    world_feed(CLIENT, "est");
    assert_told("< C:guest/2 1 1 2 2 2 2 >");
}

static void the_other_side_is_shown_anew(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    world_feed(SERVER, "guest");
    world_feed(CLIENT, "hello\n");
    world_feed(SERVER, "!\n");
    assert_told("S:guest/0 C:hello\n/0 < S:guest!\n/0 >");
}

static void the_other_side_is_shown_anew_later(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    world_feed(SERVER, "guest");
    world_feed(CLIENT, "hello\nguest\n");
    world_feed(SERVER, "\n");
    assert_told("S:guest/0 C:hello\nguest\n/0 < C:guest\n/0 > < S:guest\n/0 >");
}

static void becoming_publishes_what_was_open(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    transaction_asked(transaction_open(world.conn, 7));
    world_feed(CLIENT, "hello\nguest\n");
    assert_told("C:hello\nguest\n/0 #7! < C:guest\n/0 >");
}

static uint32_t become_each_other(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    static const uint8_t zero[64];
    (void)from, (void)seen;
    assert_memory_equal(conn_state(c), zero, sizeof zero);
    memset(conn_state(c), 0xff, sizeof zero);
    conn_become(c, *data.at == 'g' ? "guest" : "talk");
    return 1;
}

static void states_come_zeroed_and_go_back(void **state)
{
    (void)state;
    world.play.feed = become_each_other;
    world.quiet = true;
    for (int i = 0; i < 1000; i++) {
        world_open(&talk);
        world_feed(CLIENT, "gtg");
        world_feed(CLIENT, "tgt");
        conn_end(world.conn, ENDED_FIN);
    }
}

static void detecting_waits_for_enough(void **state)
{
    (void)state;
    world.play.feed = detect_next;
    world_open(&talk);
    feed_bytewise(CLIENT, "xguest");
    assert_told("C:x/0 < C:guest/0 >");
    conn_end(world.conn, ENDED_AGE);
    assert_told("C.age S.age");
    world_open(&talk);
    feed_bytewise(CLIENT, "xnobody knows what this is");
    assert_null(world.conn);
    assert_told("C:x/0 (done)");
}

static uint32_t become_unknown(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)from, (void)seen;
    conn_become(c, "nobody");
    return (uint32_t)data.len;
}

static void becoming_nobody_is_the_end(void **state)
{
    (void)state;
    world.play.feed = become_unknown;
    world_open(&talk);
    assert_false(world_feed(CLIENT, "a"));
    assert_told("C:a/0 (done)");
}

// The reference knows a conn by its port alone.
static void becoming_is_the_end_under_compat(void **state)
{
    (void)state;
    world.play.feed = become_guest;
    world_open(&talk);
    conn_end(world.conn, ENDED_FILE);
    for (int i = 0; i < WORLD_PROTOCOLS; i++)
        world.binding[i].compat = true;
    world.told[0] = 0;
    world_open(&talk);
    assert_false(world_feed(CLIENT, "hello\nguest"));
    assert_told("C:hello\nguest/0 (done)");
}

static uint32_t become_in_circles(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)from, (void)data, (void)seen;
    conn_become(c, "talk");
    return 0;
}

static void circles_are_cut(void **state)
{
    (void)state;
    world.play.feed = become_in_circles;
    world_open(&talk);
    assert_false(world_feed(CLIENT, "a"));
    assert_null(world.conn);
    assert_counted(conns_given_up, 1);
}

static void become_in_end(struct conn *c, enum side from, enum ending how)
{
    (void)from, (void)how;
    conn_become(c, "guest");
}

static void become_in_gap(struct conn *c, enum side from, uint32_t missing)
{
    (void)from, (void)missing;
    conn_become(c, "guest");
}

static void becoming_works_from_everywhere(void **state)
{
    (void)state;
    world.play.end = become_in_end;
    world.play.gap = become_in_gap;
    world_open(&talk);
    assert_true(conn_gap(world.conn, CLIENT, 1, world.time));
    world_feed(CLIENT, "guest");
    assert_told("C-1 < C:guest/0 >");
    conn_end(world.conn, ENDED_AGE);
    assert_told("C.age"); // nobody knows yet who would be told of the other
    world_open(&talk);
    assert_true(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    world_feed(SERVER, "guest");
    assert_told("C.fin < S:guest/0 >");
}

// ── a conn inside a conn ──

// Hands everything behind its first byte to the one inside; that one eats all.
static uint32_t wrap(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)seen;
    if (data.at[0] != '[')
        return (uint32_t)data.len;
    const uint8_t *plain = arena_copy(conn_scratch(c), span_skip(data, 1)).at;
    assert_non_null(plain);
    conn_inner(c, from, span_of(plain, data.len - 1));
    assert_memory_equal(plain, data.at + 1, data.len - 1); // scratch stays until feed returns
    return (uint32_t)data.len;
}

static void inner_conns_are_detected_once(void **state)
{
    (void)state;
    world.play.feed = wrap;
    world_open(&talk);
    world_feed(CLIENT, "[guest");
    world_feed(SERVER, "[answer");
    world_feed(CLIENT, "[more");
    assert_told("C:[guest/0 < C:guest/0 > S:[answer/0 < S:answer/0 > C:[more/0 < C:more/0 >");
    assert_counted(conns_now, 2);
    assert_true(conn_is_waiting(world.conn));
    assert_true(conn_half_end(world.conn, CLIENT, ENDED_FIN, world.time));
    assert_told("C.fin C.fin"); // the one inside, too
    conn_end(world.conn, ENDED_RST);
    assert_told("S.rst S.rst");
    assert_counted(conns_now, 0);
}

static void bytes_of_nobody_are_let_go(void **state)
{
    (void)state;
    world.play.feed = wrap;
    world_open(&talk);
    assert_true(world_feed(CLIENT, "[xxx"));
    assert_counted(conns_now, 1);
}

static uint32_t wrap_and_done(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    if (data.at[0] == '[')
        return wrap(c, from, data, seen);
    conn_done(c);
    return 0;
}

static void an_inner_conn_that_is_done_stays_so(void **state)
{
    (void)state;
    world.play.feed = wrap_and_done;
    world_open(&talk);
    assert_true(world_feed(CLIENT, "[guest"));
    assert_told("C:[guest/0 < C:guest/0 >");
    assert_counted(conns_now, 1);
    assert_false(conn_is_waiting(world.conn));
    assert_true(world_feed(CLIENT, "[guest"));
    assert_told("C:[guest/0");
}

static uint32_t wrap_unread(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    return data.at[0] == '[' ? wrap(c, from, data, seen) : 0;
}

static void inner_conns_keep_their_own_tails(void **state)
{
    (void)state;
    world.play.feed = wrap_unread;
    world_open(&talk);
    world_feed(CLIENT, "[guest");
    world_feed(CLIENT, "[s");
    assert_told("C:[guest/0 < C:guest/0 > C:[s/0 < C:guests/5 >");
    assert_true(world.counters.conn_kept_bytes > 0);
}

static void wrap_in_end(struct conn *c, enum side from, enum ending how)
{
    (void)how;
    if (conn_state(c) && world.play.feed == wrap) { // the outer one, whose last bytes come now
        world.play.feed = NULL;
        conn_inner(c, from, text("last"));
    }
}

static void last_bytes_reach_the_inner_conn(void **state)
{
    (void)state;
    world.play.feed = wrap;
    world.play.end = wrap_in_end;
    world_open(&talk);
    world_feed(CLIENT, "[guest");
    assert_told("C:[guest/0 < C:guest/0 >");
    conn_end(world.conn, ENDED_FIN);
    assert_told("C.fin < C:last/0 > C.fin S.fin S.fin");
}

// ── too many ──

static void the_quietest_makes_room(void **state)
{
    (void)state;
    world.limits.conns = 16;
    for (int i = 0; i < 16; i++)
        world_open_at(&world.many[i], &talk, PROTO_TCP);
    for (int i = 0; i < 16; i++)
        if (i != 5 && i != 7)
            world_feed_to(world.many[i], CLIENT, text("a"), world.time);
    world.told[0] = 0;
    world_open_at(&world.many[16], &talk, PROTO_TCP);
    assert_null(world.many[5]);
    assert_told("C.evicted S.evicted (evicted)");
    world_open_at(&world.many[17], &talk, PROTO_TCP);
    assert_null(world.many[7]);
    assert_counted(conns_evicted, 2);
    assert_counted(conns_now, 16);
    for (int i = 0; i < 18; i++)
        assert_true(world.many[i] != NULL || i == 5 || i == 7);
}

static uint32_t wrap_when_full(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    return c == world.conn ? wrap(c, from, data, seen) : (uint32_t)data.len;
}

// Whatever was done with it.
static void nobody_stays_for_ever(void **state)
{
    (void)state;
    world.limits.conns = 16;
    world.quiet = true;
    for (int i = 0; i < 64; i++) {
        world_open_at(&world.many[i], &talk, PROTO_TCP);
        world_feed_to(world.many[i], CLIENT, text("a"), world.time);
        conn_gap(world.many[i], CLIENT, 1, world.time);
        conn_half_end(world.many[i], CLIENT, ENDED_FIN, world.time);
    }
    for (int i = 0; i < 48; i++)
        assert_null(world.many[i]);
}

// Room is made while a call into a conn runs: that one stays, however quiet it was.
static void who_is_being_called_is_not_evicted(void **state)
{
    (void)state;
    world.limits.conns = 16;
    world.play.feed = wrap_when_full;
    world_open(&talk);
    for (int i = 0; i < 15; i++) {
        world_open_at(&world.many[i], &talk, PROTO_TCP);
        world_feed_to(world.many[i], CLIENT, text("a"), world.time);
    }
    world.told[0] = 0;
    assert_true(world_feed(CLIENT, "[guest"));
    assert_told("C:[guest/0 C.evicted S.evicted (evicted) < C:guest/0 >");
    assert_non_null(world.conn);
    assert_null(world.many[0]);
    assert_counted(conns_evicted, 1);
    assert_counted(conns_now, 16);
}

static void evicting_takes_inner_conns_along(void **state)
{
    (void)state;
    world.limits.conns = 16;
    world.play.feed = wrap;
    world_open(&talk);
    world_feed(CLIENT, "[guest");
    for (int i = 0; i < 32; i++)
        world_open_at(&world.many[i], &talk, PROTO_TCP);
    assert_null(world.conn);
    assert_counted(conns_now, 16);
}

// ── all at once ──

static void all_end_oldest_first_and_begin_again(void **state)
{
    (void)state;
    world.play.feed = eat_nothing;
    for (int i = 0; i < 5; i++) {
        world_open_at(&world.many[i], i % 2 ? &deaf : &talk, PROTO_TCP);
        world_feed_to(world.many[i], i % 2, text("a"), world.time);
    }
    conn_remember(world.many[0], 1, text("x"));
    world.told[0] = 0;
    conns_end_all(world.conns, ENDED_FILE);
    assert_told("C.file S.file (file) (file) C.file S.file (file) (file) C.file S.file (file)");
    assert_counted(conns_now, 0);
    assert_counted(conn_kept_bytes, 0);
    world.time = 5 * SECOND; // another capture, of long ago
    world_open(&talk);
    assert_true(world_feed(CLIENT, "b"));
    assert_int_equal(conn_now(world.conn), 5 * SECOND);
    conns_age(world.conns, 6 * SECOND);
    assert_true(world_feed(CLIENT, "b"));
}

// By the largest of each.
static void memory_is_a_sum(void **state)
{
    (void)state;
    world_start();
    struct conns_settings s = {.conns = 10, .transactions = 100, .kept_bytes_all = 1 << 20};
    int64_t fixed = (5 << 20) / 2 + (1 << 20);
    assert_int_equal(conns_memory(&s, world.bindings, 3), 10 * 4096 + 100 * 512 + fixed);
    assert_int_equal(conns_memory(&s, world.bindings, 2), 10 * 512 + 100 * 512 + fixed);
    assert_int_equal(conns_memory(&s, NULL, 0), fixed);
}

static void detection_heeds_the_transport(void **state)
{
    (void)state;
    world_start();
    assert_ptr_equal(conns_detect(world.conns, OVER_TCP, text("guest"), CLIENT), &world.binding[2]);
    assert_null(conns_detect(world.conns, OVER_UDP, text("guest"), CLIENT));
    assert_null(conns_detect(world.conns, OVER_TCP, text("gues"), CLIENT));
}

// ── anything in any order ──

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(dice_state >> 33) % sides;
}

static void any_transaction(struct conn *c)
{
    struct transaction *t = transaction_find(c, dice(8));
    switch (dice(8)) {
    case 0:
        transaction_asked(transaction_open(c, dice(8)));
        break;
    case 1:
        transaction_saw(transaction_unasked(c, dice(8)), SERVER, conn_now(c), conn_now(c), 1);
        break;
    case 2:
        transaction_keep(transaction_open(c, dice(8)), text("kept"));
        break;
    case 3:
        if ((t = transaction_asking(c)))
            transaction_asked(t);
        break;
    case 4:
        if ((t = transaction_answering(c)))
            transaction_answered(t);
        break;
    case 5:
        if (t)
            transaction_end(t);
        break;
    default:
        if (t)
            transaction_drop(t);
    }
}

static void any_verb(struct conn *c, enum side from)
{
    static const char *const names[] = {"talk", "guest", "", "deaf", "nobody"};
    switch (dice(40)) {
    case 0:
        conn_done(c);
        break;
    case 1:
        conn_give_up(c);
        break;
    case 2:
        conn_turn(c);
        break;
    case 3:
        conn_become(c, names[dice(5)]);
        break;
    case 4:
    case 5:
    case 6:
        conn_inner(c, from, arena_copy(conn_scratch(c), text("guest and more")));
        break;
    case 7:
        conn_remember(c, dice(32),
                      conn_recall(c, dice(32)).len ? conn_recall(c, dice(32)) : text("some bytes"));
        break;
    case 8:
        conn_forget(c, dice(32));
        break;
    default:
        any_transaction(c);
    }
}

static uint32_t any_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    assert_true(seen <= data.len);
    for (uint32_t i = dice(3); i; i--)
        any_verb(c, from);
    (void)conn_time(c, from, (uint32_t)data.len);
    return dice(4) ? dice((uint32_t)data.len + 1) : (uint32_t)data.len;
}

static void any_gap(struct conn *c, enum side from, uint32_t missing)
{
    (void)missing;
    any_verb(c, from);
}

static void any_end(struct conn *c, enum side from, enum ending how)
{
    (void)how;
    any_verb(c, from);
}

static void any_step(struct conn **place)
{
    static const char bytes[4000] = "guest";
    static const struct protocol *const protocols_there[] = {&talk, &deaf, &guest};
    enum side from = dice(2);
    if (!*place)
        world_open_at(place, protocols_there[dice(3)], dice(4) ? PROTO_TCP : PROTO_UDP);
    switch (dice(12)) {
    case 0:
        conn_gap(*place, from, dice(100), world.time);
        break;
    case 1:
        conn_half_end(*place, from, ENDED_FIN, world.time);
        break;
    case 2:
        conn_end(*place, ENDED_AGE);
        *place = NULL;
        break;
    case 3:
        world_age(dice(4) * SECOND);
        break;
    default:
        world_feed_to(*place, from, span_of(bytes, 1 + dice(sizeof bytes)),
                      world.time - dice(3) * SECOND);
    }
    if (*place && !conn_is_waiting(*place) && !dice(4)) {
        conn_release(*place);
        *place = NULL;
    }
}

static void anything_in_any_order(void **state)
{
    (void)state;
    world.play = (struct play){any_feed, any_gap, any_end, NULL};
    world.quiet = world.forgets = true;
    world.limits.conns = 24;
    world.limits.kept_bytes_all = 24 << 10;
    world.limits.transactions = 16;
    world.limits.transactions_a_conn = 4;
    world.limits.remembered = 1;
    dice_state = 1;
    for (int step = 0; step < 100000; step++) {
        any_step(&world.many[dice(32)]);
        assert_in_range(world.counters.conns_now, 0, 24);
        assert_in_range(world.counters.transactions_now, 0, 16);
        assert_in_range(world.counters.conn_kept_bytes, 0, 24 << 10);
        if (step % 20000 == 19999)
            conns_end_all(world.conns, ENDED_FILE);
    }
    // It was rough enough.
    assert_in_range(counter_get(world.counters.conns_evicted), 100, 100000);
    assert_in_range(counter_get(world.counters.transactions_evicted), 100, 100000);
    assert_in_range(counter_get(world.counters.conn_kept_ceiling), 100, 100000);
    assert_in_range(counter_get(world.counters.conns_given_up), 100, 100000);
    assert_in_range(counter_get(world.counters.conn_forgotten), 1, 100000);
    world.play = (struct play){0};
    conns_end_all(world.conns, ENDED_FILE);
    emit_flush(world.emit, true);
    world.unread = world.counters.events_written;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(tells_what_it_is),
        test(state_is_zero_and_stays),
        test(arrival_is_that_of_the_datagram),
        test(now_is_that_of_gaps_and_ends_too),
        test(unread_bytes_come_back_longer),
        test(tails_grow_to_their_ceiling),
        test(a_view_beyond_the_ceiling_is_too_much),
        test(what_is_eaten_in_time_has_no_ceiling),
        test(all_tails_together_have_a_ceiling),
        test(room_comes_from_others),
        test(times_of_first_and_last_byte_survive),
        test(each_byte_has_its_time),
        test(what_a_datagram_leaves_is_counted),
        test(a_gap_drops_what_was_unread),
        test(a_gap_ends_who_cannot_cross_it),
        test(both_sides_end_it),
        test(the_owner_ends_it_untold),
        test(done_ends_it_with_its_call),
        test(giving_up_counts_from_everywhere),
        test(turning_shows_again_what_was_left),
        test(turning_works_from_everywhere),
        test(becoming_begins_behind_what_was_eaten),
        test(becoming_holds_for_the_next_bytes),
        test(times_are_right_behind_a_change),
        test(the_other_side_is_shown_anew),
        test(the_other_side_is_shown_anew_later),
        test(becoming_publishes_what_was_open),
        test(states_come_zeroed_and_go_back),
        test(detecting_waits_for_enough),
        test(becoming_nobody_is_the_end),
        test(becoming_is_the_end_under_compat),
        test(circles_are_cut),
        test(becoming_works_from_everywhere),
        test(inner_conns_are_detected_once),
        test(bytes_of_nobody_are_let_go),
        test(an_inner_conn_that_is_done_stays_so),
        test(inner_conns_keep_their_own_tails),
        test(last_bytes_reach_the_inner_conn),
        test(the_quietest_makes_room),
        test(nobody_stays_for_ever),
        test(who_is_being_called_is_not_evicted),
        test(evicting_takes_inner_conns_along),
        test(all_end_oldest_first_and_begin_again),
        test(memory_is_a_sum),
        test(detection_heeds_the_transport),
        test(anything_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
