// SPDX-License-Identifier: Apache-2.0
// Questions and answers: which is which, when they are published, ceilings, time-outs whatever the
// clock does, and what is kept for their documents.

#include "tests/unit/probe/world.h"

static struct transaction *ask(uint64_t number)
{
    struct transaction *t = transaction_open(world.conn, number);
    transaction_saw(t, CLIENT, world.time, world.time, 1);
    transaction_asked(t);
    return t;
}

// A conn whose last bytes came at world.time.
static struct conn *begin(void)
{
    world_open(&talk);
    world_feed(CLIENT, "x");
    world.told[0] = 0;
    return world.conn;
}

// ── both halves ──

static void published_with_both_halves(void **state)
{
    (void)state;
    begin();
    struct transaction *t = ask(1);
    assert_told("");
    assert_counted(transactions_now, 1);
    assert_true(conn_is_waiting(world.conn));
    transaction_answered(t);
    assert_told("#1");
    assert_false(conn_is_waiting(world.conn));
    assert_counted(transactions_now, 0);
    assert_counted(transactions_answered, 1);
}

static void state_is_zero_and_aligned(void **state)
{
    (void)state;
    static const uint8_t zero[sizeof(struct talk_transaction)];
    struct conn *c = begin();
    for (int i = 0; i < 3; i++) {
        struct transaction *t = transaction_open(c, 1);
        assert_int_equal((uintptr_t)t->state % 16, 0);
        assert_memory_equal(t->state, zero, sizeof zero);
        memset(t->state, 0xff, sizeof zero);
        transaction_drop(t);
    }
}

static void an_early_answer_does_not_free_the_question(void **state)
{
    (void)state;
    struct conn *c = begin();
    struct transaction *t = transaction_open(c, 1);
    transaction_answered(t);
    assert_told("");
    assert_ptr_equal(transaction_asking(c), t);
    assert_null(transaction_answering(c));
    transaction_asked(t);
    assert_told("#1");
}

static void in_order(void **state)
{
    (void)state;
    struct conn *c = begin();
    assert_null(transaction_asking(c));
    assert_null(transaction_answering(c));
    struct transaction *one = transaction_open(c, 1);
    assert_ptr_equal(transaction_asking(c), one);
    assert_ptr_equal(transaction_answering(c), one);
    transaction_asked(one);
    assert_null(transaction_asking(c));
    struct transaction *two = transaction_open(c, 2);
    assert_ptr_equal(transaction_asking(c), two);
    assert_ptr_equal(transaction_answering(c), one);
    transaction_answered(one);
    assert_ptr_equal(transaction_answering(c), two);
    assert_told("#1");
}

static void unasked_answers_stand_first(void **state)
{
    (void)state;
    struct conn *c = begin();
    ask(1);
    struct transaction *t = transaction_unasked(c, 2);
    assert_true(t->asked && t->unasked);
    assert_ptr_equal(transaction_answering(c), t);
    assert_null(transaction_asking(c));
    transaction_answered(t);
    assert_told("#2?");
    assert_counted(transactions_unasked, 1);
    assert_counted(unasked_of[0], 1);
    transaction_unasked(c, 3); // never whole
    conn_end(c, ENDED_FIN);
    assert_told("C.fin S.fin #3?! #1!");
}

static void ended_as_it_is(void **state)
{
    (void)state;
    struct conn *c = begin();
    transaction_end(ask(1));
    assert_told("#1!");
    assert_counted(transactions_unanswered, 1);
    assert_counted(unanswered_of[0], 1);
    transaction_drop(ask(2));
    assert_told("");
    assert_counted(transactions_dropped, 1);
    transaction_open(c, 3);
    ask(4);
    transaction_answered(transaction_open(c, 5));
    conn_end(c, ENDED_RST);
    assert_told("C.rst S.rst #3?! #4! #5?");
}

static bool refuse(const struct conn *c, const struct transaction *t, struct event *e)
{
    (void)c, (void)e;
    return t->number != 2;
}

static void unpublished_kinds_are_filtered(void **state)
{
    (void)state;
    world.play.publish = refuse;
    begin();
    transaction_answered(ask(1));
    transaction_answered(ask(2));
    emit_flush(world.emit, true);
    assert_counted(events_filtered, 1);
    assert_int_equal(world.count, 1);
}

// ── by number ──

static void found_by_number(void **state)
{
    (void)state;
    struct conn *c = begin();
    struct transaction *t[100];
    for (uint64_t i = 0; i < 100; i++)
        t[i] = ask(i * 0x100000001);
    for (uint64_t i = 0; i < 100; i++)
        assert_ptr_equal(transaction_find(c, i * 0x100000001), t[i]);
    assert_null(transaction_find(c, 1));
    transaction_answered(t[50]);
    assert_null(transaction_find(c, 50 * 0x100000001));
    assert_ptr_equal(transaction_find(c, 49 * 0x100000001), t[49]);
}

static void the_oldest_of_a_number(void **state)
{
    (void)state;
    struct conn *c = begin();
    struct transaction *one = ask(7), *two = ask(7);
    struct transaction *three = transaction_unasked(c, 7);
    assert_ptr_equal(transaction_find(c, 7), one);
    transaction_drop(one);
    assert_ptr_equal(transaction_find(c, 7), two);
    transaction_drop(two);
    assert_ptr_equal(transaction_find(c, 7), three);
}

static void numbers_belong_to_their_conn(void **state)
{
    (void)state;
    begin();
    ask(7);
    world_open_at(&world.many[0], &talk, PROTO_TCP);
    assert_null(transaction_find(world.many[0], 7));
    assert_null(transaction_answering(world.many[0]));
}

// ── ceilings ──

static void ceiling_of_a_conn(void **state)
{
    (void)state;
    world.limits.transactions_a_conn = 3;
    begin();
    for (uint64_t i = 1; i <= 5; i++)
        ask(i);
    assert_told("#1! #2!");
    assert_counted(transactions_evicted, 2);
    assert_counted(transactions_now, 3);
}

static void ceiling_of_a_worker(void **state)
{
    (void)state;
    world.limits.transactions = 16;
    begin();
    for (uint64_t i = 1; i <= 16; i++)
        ask(i);
    world_open_at(&world.many[0], &talk, PROTO_TCP);
    transaction_open(world.many[0], 100);
    transaction_open(world.many[0], 101);
    assert_told("#1! #2!");
    assert_counted(transactions_evicted, 2);
    assert_counted(transactions_now, 16);
    conn_end(world.conn, ENDED_RST);
    assert_counted(transactions_now, 2);
}

static void both_ceilings_at_once_cost_one(void **state)
{
    (void)state;
    world.limits.transactions = 16;
    world.limits.transactions_a_conn = 16;
    begin();
    for (uint64_t i = 1; i <= 17; i++)
        ask(i);
    assert_told("#1!");
    assert_counted(transactions_evicted, 1);
}

// ── halves ──

// One packet was fed; nothing is left but what it and later ones bring.
static void begin_without_reserve(int64_t a_packet)
{
    world.limits.halves_reserve = 0;
    world.limits.halves_a_packet = a_packet;
    begin();
}

static void halves_are_paid_by_packets(void **state)
{
    (void)state;
    begin_without_reserve(2);
    for (uint64_t i = 1; i <= 5; i++)
        transaction_end(ask(i));
    assert_told("#1! #2!");
    assert_counted(transactions_withheld, 3);
    assert_counted(transactions_unanswered, 2);
    assert_counted(unanswered_of[0], 2);
    world_feed(CLIENT, "x");
    world.told[0] = 0;
    for (uint64_t i = 1; i <= 3; i++)
        transaction_answered(transaction_unasked(world.conn, i));
    assert_told("#1? #2?");
    assert_counted(transactions_withheld, 4);
    assert_counted(transactions_unasked, 2);
}

static void halves_live_on_the_reserve(void **state)
{
    (void)state;
    world.limits.halves_reserve = 50;
    begin();
    world.limits.unpaid_a_conn = 100;
    for (uint64_t i = 0; i < 60; i++)
        transaction_end(ask(i));
    assert_counted(transactions_unanswered, 52);
    assert_counted(transactions_withheld, 8);
    for (int i = 0; i < 100; i++) // it does not grow beyond what it was
        world_feed(CLIENT, "x");
    for (uint64_t i = 0; i < 60; i++)
        transaction_end(ask(i));
    assert_counted(transactions_unanswered, 104);
}

// As in a capture of one direction: they wait long, and there are many.
static void packets_pay_for_their_own(void **state)
{
    (void)state;
    begin_without_reserve(1);
    for (uint64_t i = 0; i < 100; i++) {
        ask(i);
        world_feed(CLIENT, "x");
    }
    world_age(TIMEOUT + SECOND);
    assert_counted(transactions_unanswered, 100);
    assert_counted(transactions_withheld, 0);
}

static void pairs_are_published_whatever_is_left(void **state)
{
    (void)state;
    struct transaction *t[50];
    begin_without_reserve(1);
    world.limits.unpaid_a_conn = 100;
    for (uint64_t i = 0; i < 50; i++)
        t[i] = ask(i);
    for (int i = 0; i < 50; i++)
        transaction_answered(t[i]);
    assert_counted(transactions_answered, 50);
    transaction_drop(ask(50)); // pairs and what is dropped cost nothing
    transaction_end(ask(51));
    transaction_end(ask(52));
    assert_counted(transactions_unanswered, 1);
    assert_counted(transactions_withheld, 1);
}

static void nothing_is_kept_of_what_is_withheld(void **state)
{
    (void)state;
    begin_without_reserve(1);
    struct transaction *one = transaction_unasked(world.conn, 1);
    struct transaction *two = transaction_unasked(world.conn, 2);
    struct transaction *three = ask(3); // may still be answered
    assert_int_equal(transaction_keep(one, text("abc")).len, 3);
    assert_int_equal(transaction_keep(two, text("abc")).len, 0);
    assert_int_equal(transaction_keep(three, text("abc")).len, 3);
    conn_end(world.conn, ENDED_FIN);
    assert_told("C.fin S.fin #1?!");
    assert_counted(transactions_withheld, 2);
}

static bool is_let_go(uint8_t transport)
{
    world_open_at(&world.many[0], &talk, transport);
    for (uint64_t i = 0; i < 17; i++)
        transaction_end(transaction_open(world.many[0], i));
    return !world_feed_to(world.many[0], CLIENT, text("x"), world.time);
}

static void streams_of_halves_are_let_go(void **state)
{
    (void)state;
    begin_without_reserve(1);
    transaction_end(ask(1)); // that is all there was
    assert_true(is_let_go(PROTO_TCP));
    assert_counted(conns_given_up, 1);
    transaction_end(ask(2));
    assert_false(is_let_go(PROTO_UDP)); // its ports may live for ever
}

static void a_pair_spares_the_stream(void **state)
{
    (void)state;
    begin_without_reserve(1);
    for (uint64_t i = 0; i < 60; i++)
        if (i % 15)
            transaction_end(ask(i));
        else
            transaction_answered(ask(i));
    assert_true(world_feed(CLIENT, "x"));
    assert_counted(conns_given_up, 0);
}

static void the_reserve_begins_anew(void **state)
{
    (void)state;
    world.limits.halves_reserve = 3;
    for (int round = 1; round <= 2; round++) {
        begin();
        for (uint64_t i = 0; i < 10; i++)
            transaction_end(ask(i));
        assert_counted(transactions_unanswered, (uint64_t)round * 5);
        conns_end_all(world.conns, ENDED_FILE);
    }
}

// ── time ──

static void over_after_its_timeout(void **state)
{
    (void)state;
    begin();
    ask(1);
    world_age(TIMEOUT - SECOND);
    assert_told("");
    world_age(2 * SECOND);
    assert_told("#1!");
}

static void waits_with_patience(void **state)
{
    (void)state;
    begin();
    ask(1)->patient = true;
    ask(2);
    for (int i = 0; i < 5; i++)
        world_age(TIMEOUT + SECOND);
    assert_told("#2!");
    conn_end(world.conn, ENDED_FIN);
    assert_told("C.fin S.fin #1!");
}

static void the_last_byte_counts(void **state)
{
    (void)state;
    begin();
    struct transaction *t = ask(1);
    for (int i = 0; i < 30; i++) { // the answer comes slowly
        world_age(SECOND);
        transaction_saw(t, SERVER, world.time, world.time, 1);
    }
    assert_told("");
    world_age(TIMEOUT + SECOND);
    assert_told("#1!");
    t = ask(2);
    for (int i = 0; i < 30; i++) { // and so does a question
        world_age(SECOND);
        transaction_saw(t, CLIENT, world.time, world.time, 1);
    }
    assert_told("");
}

static void each_at_its_own_time(void **state)
{
    (void)state;
    begin();
    for (uint64_t i = 0; i < 5; i++) {
        world_feed_to(world.conn, CLIENT, text("x"), world.time);
        ask(i);
        world.time += SECOND;
    }
    world.told[0] = 0;
    world_age(TIMEOUT - 2 * SECOND);
    assert_told("#0! #1! #2!");
    world_age(SECOND);
    assert_told("#3!");
    world_age(100 * SECOND);
    assert_told("#4!");
}

static void the_wheel_need_not_have_turned(void **state)
{
    (void)state;
    world.time = 0; // a capture whose stamps begin with the epoch
    begin();
    ask(1);
    conns_age(world.conns, TIMEOUT - 1);
    assert_told("");
    conns_age(world.conns, TIMEOUT + 2 * SECOND);
    assert_told("#1!");
}

static void stamps_from_long_ago_came_now(void **state)
{
    (void)state;
    begin();
    conns_age(world.conns, START + 1000 * SECOND);
    world.time = START;
    world_feed(CLIENT, "x");
    ask(1);
    world.told[0] = 0;
    conns_age(world.conns, START + 1001 * SECOND);
    assert_told("");
    conns_age(world.conns, START + 1012 * SECOND);
    assert_told("#1!");
}

static void before_the_epoch(void **state)
{
    (void)state;
    world.time = -1000 * SECOND;
    begin();
    transaction_answered(ask(1));
    ask(2);
    conns_age(world.conns, 20 * SECOND);
    assert_told("#1 #2!");
}

static void endless_timeouts(void **state)
{
    (void)state;
    world_start();
    world.binding[0].common.transaction_timeout = INT64_MAX;
    begin();
    ask(1);
    world_age(1000000 * SECOND);
    assert_told("");
}

static void the_clock_may_begin_anew(void **state)
{
    (void)state;
    begin();
    ask(1);
    world_age(SECOND);
    conns_end_all(world.conns, ENDED_FILE);
    assert_told("C.file S.file #1! (file)");
    world.time = START - 1000000 * SECOND;
    begin();
    ask(2);
    world_age(TIMEOUT - SECOND);
    assert_told("");
    world_age(2 * SECOND);
    assert_told("#2!");
}

static void jumps_end_what_is_due_in_order(void **state)
{
    (void)state;
    begin();
    for (uint64_t i = 0; i < 20; i++) {
        world.time += SECOND;
        world_feed_to(world.conn, CLIENT, text("x"), world.time);
        ask(i);
    }
    world.told[0] = 0;
    world_age(100000 * SECOND); // many turns of the wheel
    assert_told("#0! #1! #2! #3! #4! #5! #6! #7! #8! #9! #10! #11! #12! #13! #14! #15! #16! #17! "
                "#18! #19!");
}

static void times_of_messages(void **state)
{
    (void)state;
    begin();
    struct transaction *t = transaction_open(world.conn, 1);
    transaction_saw(t, CLIENT, 10, 20, 5);
    transaction_saw(t, CLIENT, 15, 30, 6);
    assert_int_equal(t->message[CLIENT].first, 10);
    assert_int_equal(t->message[CLIENT].last, 30);
    assert_int_equal(t->message[CLIENT].bytes, 11);
    assert_int_equal(t->message[SERVER].first, 0);
}

// ── what is kept ──

static void notes_once_and_few(void **state)
{
    (void)state;
    begin();
    struct transaction *t = transaction_open(world.conn, 1);
    const char *const notes[] = {"a", "b", "a", "c", "b", "d", "e"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        transaction_note(t, span_text(notes[i]));
    assert_int_equal(t->notes, TRANSACTION_NOTES);
    assert_true(span_is(t->note[3], text("d")));
}

static void kept_up_to_a_ceiling(void **state)
{
    (void)state;
    static const uint8_t much[CHAIN_BLOCK];
    world.limits.transaction_bytes = 8192;
    begin();
    struct transaction *t = transaction_open(world.conn, 1);
    struct span kept = transaction_keep(t, text("hello"));
    assert_true(span_is(kept, text("hello")));
    assert_counted(transaction_cut_bytes, 0);
    assert_int_equal(transaction_keep(t, span_of(much, sizeof much)).len, CHAIN_BLOCK - 64);
    assert_counted(transaction_cut_bytes, 64);
    for (int i = 0; i < 3; i++) // four blocks in all
        assert_non_null(transaction_alloc(t, CHAIN_BLOCK - 64));
    assert_null(transaction_alloc(t, 1000));
    assert_counted(transaction_cut_bytes, 1064);
    assert_true(span_is(kept, text("hello")));
}

static void appended_up_to_a_ceiling(void **state)
{
    (void)state;
    static const uint8_t much[20000];
    struct chain chain = {0};
    world.limits.transaction_bytes = 8192;
    begin();
    struct transaction *t = transaction_open(world.conn, 1);
    assert_true(transaction_append(t, &chain, text("hello")));
    assert_false(transaction_append(t, &chain, span_of(much, sizeof much)));
    assert_false(transaction_append(t, &chain, text("more")));
    assert_int_equal(chain.len + chain.lost, 5 + 20000 + 4);
    assert_counted(transaction_cut_bytes, chain.lost);
}

static void stores_go_back_with_their_transactions(void **state)
{
    (void)state;
    static const uint8_t much[2000];
    begin();
    for (int round = 0; round < 5000; round++) { // far more than there is, all in all
        struct transaction *t = transaction_open(world.conn, 1);
        assert_int_equal(transaction_keep(t, span_of(much, sizeof much - 24)).len, 1976);
        transaction_drop(t);
    }
    assert_counted(transaction_cut_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(published_with_both_halves),
        test(state_is_zero_and_aligned),
        test(an_early_answer_does_not_free_the_question),
        test(in_order),
        test(unasked_answers_stand_first),
        test(ended_as_it_is),
        test(unpublished_kinds_are_filtered),
        test(found_by_number),
        test(the_oldest_of_a_number),
        test(numbers_belong_to_their_conn),
        test(ceiling_of_a_conn),
        test(ceiling_of_a_worker),
        test(both_ceilings_at_once_cost_one),
        test(halves_are_paid_by_packets),
        test(halves_live_on_the_reserve),
        test(packets_pay_for_their_own),
        test(pairs_are_published_whatever_is_left),
        test(nothing_is_kept_of_what_is_withheld),
        test(streams_of_halves_are_let_go),
        test(a_pair_spares_the_stream),
        test(the_reserve_begins_anew),
        test(over_after_its_timeout),
        test(waits_with_patience),
        test(the_last_byte_counts),
        test(each_at_its_own_time),
        test(the_wheel_need_not_have_turned),
        test(stamps_from_long_ago_came_now),
        test(before_the_epoch),
        test(endless_timeouts),
        test(the_clock_may_begin_anew),
        test(jumps_end_what_is_due_in_order),
        test(times_of_messages),
        test(notes_once_and_few),
        test(kept_up_to_a_ceiling),
        test(appended_up_to_a_ceiling),
        test(stores_go_back_with_their_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
