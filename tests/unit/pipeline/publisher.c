// SPDX-License-Identifier: Apache-2.0
// The publisher between threads and outputs that do as they are told.
#include "pipeline/publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/base/thread.h"
#include "tests/unit/pipeline/fill.h"

enum { SIZE = 64, ROWS = 100000 };

// An output of the tests: how it answers, and what it saw.
struct fake {
    enum delivery (*answer)(struct fake *f, const struct parcel *p, uint32_t i);
    const char *refuses_to_open;
    int64_t number; // for `answer`
    _Atomic bool dead;
    _Atomic int opened, closed, stopped, reopened, sendings;
    _Atomic uint64_t seen;    // rows sent, each time
    _Atomic unsigned attempt; // of the last parcel
    _Atomic uint32_t largest; // parcel, in rows
    unsigned delivered[ROWS]; // how often each document was
    int64_t last;             // document delivered
    bool disorder;
};

static void *fake_open(const void *settings, const struct output_world *world, struct error *why)
{
    struct fake *f = *(struct fake *const *)settings;
    (void)world;
    if (f->refuses_to_open) {
        error_set(why, "%s", f->refuses_to_open);
        return NULL;
    }
    f->opened++;
    f->last = -1;
    return f;
}

static void fake_send(void *self, struct parcel *p)
{
    struct fake *f = self;
    f->sendings++;
    f->seen += p->count;
    f->attempt = p->attempt;
    if (p->count > f->largest)
        f->largest = p->count;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        bytes += p->rows[i].row->length + 1;
        assert_int_equal(p->answer[i], TRY_LATER);
        p->answer[i] = f->dead ? TRY_LATER : f->answer ? f->answer(f, p, i) : DELIVERED;
        int64_t n = p->rows[i].row->time;
        if (p->answer[i] != DELIVERED)
            continue;
        f->delivered[n]++;
        f->disorder |= n < f->last;
        f->last = n;
    }
    assert_int_equal(bytes, p->bytes);
    error_set(p->cause, "the fake said so");
}

static void fake_stop(void *self)
{
    ((struct fake *)self)->stopped++;
}

static void fake_reopen(void *self)
{
    ((struct fake *)self)->reopened++;
}

static void fake_close(void *self)
{
    ((struct fake *)self)->closed++;
}

static const struct output first_output = {.name = "first",
                                           .open = fake_open,
                                           .send = fake_send,
                                           .stop = fake_stop,
                                           .reopen = fake_reopen,
                                           .close = fake_close};
static const struct output second_output = {.name = "second",
                                            .rows_at_most = 3,
                                            .open = fake_open,
                                            .send = fake_send,
                                            .stop = fake_stop,
                                            .close = fake_close};

struct fixture {
    struct batch_home *home;
    struct queue_settings queue;
    struct fake fake[2], *settings[2];
    struct publisher_output list[2];
    struct publisher *p;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->home = batch_home_new(64);
    f->queue = (struct queue_settings){.events = 1000,
                                       .bytes = 64 * BATCH_SIZE,
                                       .flush_min_events = 50,
                                       .flush_max_bytes = 1 << 20,
                                       .backoff_init = MILLISECOND,
                                       .backoff_max = 4 * MILLISECOND,
                                       .max_retries = -1,
                                       .policy = FULL_DROP_NEW};
    f->list[0].output = &first_output;
    f->list[1].output = &second_output;
    for (int i = 0; i < 2; i++) {
        f->settings[i] = &f->fake[i];
        f->list[i].settings = &f->settings[i];
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    publisher_free(f->p);
    batch_home_free(f->home); // asserts that all batches came home
    free(f);
    return 0;
}

static void start(struct fixture *f, int outputs_used)
{
    struct error why = {.text = ""};
    f->p = publisher_start(f->list, outputs_used, &f->queue, false, NULL, &why);
    assert_non_null(f->p);
}

static void hand(struct fixture *f, unsigned first, unsigned rows)
{
    publisher_hand(f->p, fill_batch(f->home, first, rows, SIZE));
}

static uint64_t stop_soon(struct fixture *f, int64_t wait)
{
    return publisher_stop(f->p, clock_steady() + wait);
}

#define COUNT(f, i, name) counter_get(publisher_counters((f)->p, i)->name)

static void assert_balance(const struct fixture *f, int i)
{
    assert_int_equal(COUNT(f, i, accepted), COUNT(f, i, delivered) + COUNT(f, i, refused) +
                                                COUNT(f, i, too_large) + COUNT(f, i, dead_letters) +
                                                COUNT(f, i, shed) + COUNT(f, i, waiting));
}

static void everything_is_delivered_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    f->queue.policy = FULL_BLOCK;
    start(f, 2);
    for (unsigned n = 0; n < 5000; n += 100)
        hand(f, n, 100);
    assert_int_equal(stop_soon(f, 20 * SECOND), 0);
    for (int i = 0; i < 2; i++) {
        for (unsigned n = 0; n < 5000; n++)
            assert_int_equal(f->fake[i].delivered[n], 1);
        assert_false(f->fake[i].disorder);
        assert_int_equal(COUNT(f, i, accepted), 5000);
        assert_int_equal(COUNT(f, i, delivered), 5000);
        assert_int_equal(COUNT(f, i, bytes), 5000 * (SIZE + 1));
        assert_int_equal(COUNT(f, i, errors), 0);
        assert_int_equal(COUNT(f, i, waiting), 0);
        assert_int_equal(f->fake[i].closed, 1);
    }
    assert_true(f->fake[0].largest <= 50); // queue.mem.flush.min_events
    assert_true(f->fake[1].largest <= 3);  // the output's own limit
    assert_int_equal(COUNT(f, 0, parcels), f->fake[0].sendings);
}

static void empty_batches_go_home(void **state)
{
    struct fixture *f = *state;
    start(f, 2);
    hand(f, 0, 0);
    assert_int_equal(stop_soon(f, SECOND), 0);
    assert_int_equal(COUNT(f, 0, accepted), 0);
    assert_int_equal(f->fake[0].sendings, 0);
}

static void no_outputs_is_no_harm(void **state)
{
    struct fixture *f = *state;
    start(f, 0);
    hand(f, 0, 10);
    assert_int_equal(stop_soon(f, SECOND), 0);
}

static enum delivery odd_ones_later(struct fake *f, const struct parcel *p, uint32_t i)
{
    (void)f;
    return p->rows[i].row->time % 2 && p->attempt < 3 ? TRY_LATER : DELIVERED;
}

static void only_what_is_left_is_sent_again(void **state)
{
    struct fixture *f = *state;
    f->fake[0].answer = odd_ones_later;
    start(f, 1);
    hand(f, 0, 20);
    assert_int_equal(stop_soon(f, 20 * SECOND), 0);
    assert_int_equal(f->fake[0].seen, 20 + 10 + 10 + 10);
    assert_int_equal(f->fake[0].attempt, 3);
    assert_int_equal(COUNT(f, 0, delivered), 20);
    assert_int_equal(COUNT(f, 0, retries), 30);
    assert_int_equal(COUNT(f, 0, errors), 3);
    for (unsigned n = 0; n < 20; n++)
        assert_int_equal(f->fake[0].delivered[n], 1);
    assert_balance(f, 0);
}

static enum delivery multiples_of_seven_never(struct fake *f, const struct parcel *p, uint32_t i)
{
    (void)f;
    return p->rows[i].row->time % 7 ? DELIVERED : TRY_LATER;
}

static void retries_have_an_end_if_asked(void **state)
{
    struct fixture *f = *state;
    f->queue.max_retries = 2;
    f->fake[0].answer = multiples_of_seven_never;
    start(f, 1);
    hand(f, 0, 70);
    UNTIL(COUNT(f, 0, waiting) == 0);
    assert_int_equal(COUNT(f, 0, delivered), 60);
    assert_int_equal(COUNT(f, 0, shed), 10);
    assert_int_equal(stop_soon(f, SECOND), 0);
    assert_balance(f, 0);
}

static enum delivery by_number(struct fake *f, const struct parcel *p, uint32_t i)
{
    (void)f;
    static const enum delivery answers[] = {DELIVERED, REFUSED, TOO_LARGE};
    return answers[p->rows[i].row->time % 3];
}

static void refusals_are_counted_by_cause(void **state)
{
    struct fixture *f = *state;
    f->fake[0].answer = by_number;
    start(f, 1);
    hand(f, 0, 30);
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(COUNT(f, 0, delivered), 10);
    assert_int_equal(COUNT(f, 0, refused), 10);
    assert_int_equal(COUNT(f, 0, too_large), 10);
    assert_balance(f, 0);
}

// A server that takes at most `number` bytes at once.
static enum delivery by_size(struct fake *f, const struct parcel *p, uint32_t i)
{
    (void)i;
    return p->bytes > (uint64_t)f->number ? TOO_LARGE : DELIVERED;
}

static void parcels_that_are_too_large_are_halved(void **state)
{
    struct fixture *f = *state;
    f->fake[0].answer = by_size;
    f->fake[0].number = 5 * (SIZE + 1);
    start(f, 1);
    struct batch *b = batch_open(f->home, true);
    for (unsigned n = 0; n < 40; n++)
        fill_row(b, n, n == 17 ? 10 * SIZE : SIZE);
    publisher_hand(f->p, b);
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(COUNT(f, 0, delivered), 39);
    assert_int_equal(COUNT(f, 0, too_large), 1);
    assert_int_equal(f->fake[0].delivered[17], 0);
    assert_false(f->fake[0].disorder);
    assert_balance(f, 0);
}

static void full_drops_the_new(void **state)
{
    struct fixture *f = *state;
    f->fake[0].dead = true;
    start(f, 2);
    for (unsigned n = 0; n < 1500; n += 100)
        hand(f, n, 100);
    assert_int_equal(COUNT(f, 0, shed), 500);
    assert_int_equal(COUNT(f, 0, waiting), 1000);
    UNTIL(COUNT(f, 1, delivered) + COUNT(f, 1, shed) == 1500); // the other one is not held up
    assert_balance(f, 0);
    f->fake[0].dead = false;
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(f->fake[0].delivered[999], 1);
    assert_int_equal(f->fake[0].delivered[1000], 0);
}

static void full_drops_the_old(void **state)
{
    struct fixture *f = *state;
    f->queue.policy = FULL_DROP_OLD;
    f->fake[0].dead = true;
    start(f, 1);
    hand(f, 0, 100);
    UNTIL(f->fake[0].sendings > 0); // 50 rows are in flight, and stay
    for (unsigned n = 100; n < 1500; n += 100)
        hand(f, n, 100);
    assert_int_equal(COUNT(f, 0, accepted), 1500);
    assert_true(COUNT(f, 0, waiting) <= 1000);
    f->fake[0].dead = false;
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(f->fake[0].delivered[0], 1);
    assert_int_equal(f->fake[0].delivered[100], 0);
    assert_int_equal(f->fake[0].delivered[1499], 1);
    assert_int_equal(COUNT(f, 0, delivered) + COUNT(f, 0, shed), 1500);
    assert_balance(f, 0);
}

struct handing {
    struct fixture *f;
    unsigned first, rows;
    _Atomic bool done;
};

static void *hand_in_a_thread(void *argument)
{
    struct handing *h = argument;
    hand(h->f, h->first, h->rows);
    h->done = true;
    return NULL;
}

static void full_blocks_until_there_is_room(void **state)
{
    struct fixture *f = *state;
    f->queue.policy = FULL_AUTO;
    f->fake[0].dead = true;
    f->p = publisher_start(f->list, 1, &f->queue, true, NULL, NULL); // a capture file
    hand(f, 0, 1000);
    struct handing h = {.f = f, .first = 1000, .rows = 10};
    pthread_t thread = thread_start("hand", hand_in_a_thread, &h);
    clock_sleep(20 * MILLISECOND);
    assert_false(h.done);
    f->fake[0].dead = false;
    thread_join(thread);
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(COUNT(f, 0, delivered), 1010);
    assert_int_equal(COUNT(f, 0, shed), 0);
}

static void stop_frees_those_who_block(void **state)
{
    struct fixture *f = *state;
    f->queue.policy = FULL_BLOCK;
    f->fake[0].dead = true;
    start(f, 1);
    hand(f, 0, 1000);
    struct handing h = {.f = f, .first = 1000, .rows = 10};
    pthread_t thread = thread_start("hand", hand_in_a_thread, &h);
    UNTIL(COUNT(f, 0, accepted) == 1010);
    assert_int_equal(stop_soon(f, 20 * MILLISECOND), 1000);
    thread_join(thread);
    hand(f, 2000, 5); // too late
    assert_int_equal(f->fake[0].stopped, 1);
    assert_int_equal(COUNT(f, 0, shed), 1015);
    assert_int_equal(COUNT(f, 0, waiting), 0);
    assert_balance(f, 0);
}

static void stop_cuts_a_long_pause_short(void **state)
{
    struct fixture *f = *state;
    f->queue.backoff_init = f->queue.backoff_max = 3600 * SECOND;
    f->fake[0].dead = true;
    start(f, 1);
    hand(f, 0, 10);
    struct error cause;
    UNTIL(publisher_is_waiting(f->p, &cause));
    assert_string_equal(cause.text, "output.first: the fake said so");
    f->fake[0].dead = false;
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(COUNT(f, 0, delivered), 10);
    assert_false(publisher_is_waiting(f->p, &cause));
}

static void pauses_grow_to_their_limit(void **state)
{
    struct fixture *f = *state;
    f->queue.backoff_init = 5 * MILLISECOND;
    f->queue.backoff_max = 40 * MILLISECOND;
    f->fake[0].dead = true;
    start(f, 1);
    hand(f, 0, 1);
    clock_sleep(400 * MILLISECOND);
    // Without growth there would be some 160 sendings, with it some 22.
    assert_true(f->fake[0].sendings <= 60);
    UNTIL(f->fake[0].sendings >= 4);
    assert_int_equal(stop_soon(f, 0), 1);
}

static void nothing_stays_open_when_one_refuses(void **state)
{
    struct fixture *f = *state;
    struct error why = {.text = ""};
    f->fake[1].refuses_to_open = "no such place";
    assert_null(publisher_start(f->list, 2, &f->queue, false, NULL, &why));
    assert_string_equal(why.text, "output.second: no such place");
    assert_int_equal(f->fake[0].opened, 1);
    assert_int_equal(f->fake[0].closed, 1);
    assert_int_equal(f->fake[1].closed, 0);
}

static void reopen_reaches_those_who_can(void **state)
{
    struct fixture *f = *state;
    start(f, 2);
    publisher_reopen(f->p);
    assert_int_equal(f->fake[0].reopened, 1);
    assert_int_equal(publisher_outputs(f->p), 2);
    assert_string_equal(publisher_output_name(f->p, 1), "second");
    stop_soon(f, SECOND);
}

static void one_that_nobody_takes_holds_up_no_other(void **state)
{
    struct fixture *f = *state;
    f->fake[0].answer = multiples_of_seven_never;
    start(f, 1);
    hand(f, 1, 6); // no multiple of seven
    hand(f, 7, 1); // nothing else
    hand(f, 8, 6);
    UNTIL(COUNT(f, 0, delivered) == 12);
    struct batch *home[64];
    int count = 0;
    while (count < 63 && (home[count] = batch_open(f->home, false)))
        count++;
    assert_int_equal(count, 63); // all but the one
    while (count)
        batch_release(home[--count]);
    assert_int_equal(stop_soon(f, 0), 1);
}

static void settings_that_contradict_are_refused(void **state)
{
    struct fixture *f = *state;
    struct error why;
    f->queue.flush_min_events = 1001;
    assert_null(publisher_start(f->list, 1, &f->queue, false, NULL, &why));
    assert_non_null(strstr(why.text, "queue.mem.flush.min_events (1001)"));
    f->queue.flush_min_events = 1000;
    assert_true(queue_check(&f->queue, &why));
    f->queue.backoff_init = SECOND;
    assert_false(queue_check(&f->queue, &why));
}

static void settings_have_the_reference_s_names(void **state)
{
    (void)state;
    struct arena a;
    struct error why = {.text = ""};
    struct queue_settings queue;
    assert_true(arena_init(&a, 1 << 20));
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = &a};
    assert_true(setting_fill(queue_settings, NULL, &queue, NULL, &reader, &why));
    assert_int_equal(queue.events, 65536);
    assert_int_equal(queue.bytes, 32 << 20);
    assert_int_equal(queue.max_retries, -1);
    assert_int_equal(queue.policy, FULL_AUTO);
    assert_true(queue_check(&queue, &why));

    struct config *root = config_new(&a);
    const char *yaml = "events: 4096\nflush.min_events: 8\nflush: {timeout: 0.1s}\n"
                       "backoff.max: 2m\nwhen_full: drop_old\n";
    assert_true(config_read_text(root, span_text(yaml), "test.yml", &a, &why));
    assert_true(setting_fill(queue_settings, root, &queue, NULL, &reader, &why));
    assert_int_equal(queue.events, 4096);
    assert_int_equal(queue.flush_min_events, 8);
    assert_int_equal(queue.flush_timeout, 100 * MILLISECOND);
    assert_int_equal(queue.backoff_max, 120 * SECOND);
    assert_int_equal(queue.backoff_init, SECOND);
    assert_int_equal(queue.policy, FULL_DROP_OLD);
    arena_free(&a);
}

// ── several threads ─────────────────────────────────────────────────────────────────────────────

static void four_threads(const void *settings, const struct output_world *world,
                         struct queue_settings *queue)
{
    (void)settings, (void)world;
    queue->threads = 4;
}

// Threads of one output answer at the same time, so nothing but counters here.
struct crowd {
    _Atomic unsigned delivered[ROWS];
    _Atomic int inside, most_inside, sendings;
    _Atomic bool overloaded, away; // away: for three of the threads
    _Atomic bool fourth_too;
    int64_t pause; // of each sending
};

static void *crowd_open(const void *settings, const struct output_world *world, struct error *why)
{
    (void)world, (void)why;
    return *(struct crowd *const *)settings;
}

static void crowd_send(void *self, struct parcel *p)
{
    struct crowd *c = self;
    int inside = ++c->inside;
    assert_true(p->thread < 4);
    if (inside > c->most_inside)
        c->most_inside = inside;
    c->sendings++;
    clock_sleep(c->pause);
    bool away = c->away && (p->thread < 3 || c->fourth_too);
    p->overloaded = c->overloaded;
    for (uint32_t i = 0; i < p->count; i++) {
        p->answer[i] = p->overloaded || away ? BUSY : DELIVERED;
        if (p->answer[i] == DELIVERED)
            c->delivered[p->rows[i].row->time]++;
    }
    c->inside--;
}

static const struct output crowd_output = {
    .name = "crowd", .serve = four_threads, .open = crowd_open, .send = crowd_send};

static const struct output queue_output = {.name = "queue",
                                           .one_way = true,
                                           .serve = four_threads,
                                           .open = crowd_open,
                                           .send = crowd_send};

static struct crowd *crowd_start_as(struct fixture *f, const struct output *output)
{
    static struct crowd crowd, *settings = &crowd;
    memset(&crowd, 0, sizeof crowd);
    crowd.pause = MILLISECOND;
    f->queue.policy = FULL_BLOCK;
    f->list[0] = (struct publisher_output){.output = output, .settings = &settings};
    start(f, 1);
    return &crowd;
}

static struct crowd *crowd_start(struct fixture *f)
{
    return crowd_start_as(f, &crowd_output);
}

static void assert_each_once(const struct fixture *f, const struct crowd *c, unsigned rows)
{
    for (unsigned n = 0; n < rows; n++)
        assert_int_equal(c->delivered[n], 1);
    assert_int_equal(COUNT(f, 0, delivered), rows);
    assert_balance(f, 0);
}

static void threads_share_the_work(void **state)
{
    struct fixture *f = *state;
    struct crowd *c = crowd_start(f);
    for (unsigned n = 0; n < 5000; n += 100)
        hand(f, n, 100);
    assert_int_equal(stop_soon(f, 20 * SECOND), 0);
    assert_each_once(f, c, 5000);
    assert_in_range(c->most_inside, 2, 4);
}

static void who_is_away_leaves_the_work_to_others(void **state)
{
    struct fixture *f = *state;
    f->queue.backoff_init = f->queue.backoff_max = 3600 * SECOND;
    f->queue.max_retries = 0; // and it costs no retry
    struct crowd *c = crowd_start(f);
    c->away = true;
    for (unsigned n = 0; n < 5000; n += 100)
        hand(f, n, 100);
    UNTIL(COUNT(f, 0, delivered) == 5000);
    assert_true(COUNT(f, 0, busy) > 0);
    assert_int_equal(stop_soon(f, 20 * SECOND), 0);
    assert_each_once(f, c, 5000);
}

// The rows that came back are not tried at once by the next thread, which is where one pauses by
// itself. A pause drawn from an hour is longer than the test.
static void all_wait_where_there_is_one_way(void **state)
{
    struct fixture *f = *state;
    f->queue.backoff_init = f->queue.backoff_max = 3600 * SECOND;
    struct crowd *c = crowd_start_as(f, &queue_output);
    c->away = c->fourth_too = true;
    hand(f, 0, 50); // one parcel
    UNTIL(COUNT(f, 0, busy) == 50);
    clock_sleep(50 * MILLISECOND);
    assert_int_equal(c->sendings, 1);
    c->away = false;
    assert_int_equal(stop_soon(f, 20 * SECOND), 0);
    assert_each_once(f, c, 50);
}

static void too_much_to_do_means_less_at_once(void **state)
{
    struct fixture *f = *state;
    struct crowd *c = crowd_start(f);
    c->overloaded = true;
    hand(f, 0, 500);
    UNTIL(c->sendings > 20);
    c->most_inside = 0;
    int sendings = c->sendings;
    UNTIL(c->sendings > sendings + 5);
    assert_int_equal(c->most_inside, 1);
    c->overloaded = false;
    for (unsigned n = 500; n < 5000; n += 100)
        hand(f, n, 100);
    UNTIL(COUNT(f, 0, delivered) == 5000);
    assert_true(c->most_inside > 1); // and more again when it goes well
    assert_int_equal(stop_soon(f, 20 * SECOND), 0);
    assert_each_once(f, c, 5000);
}

static void little_waits_for_more(void **state)
{
    struct fixture *f = *state;
    f->queue.flush_timeout = 150 * MILLISECOND;
    start(f, 1);
    int64_t begin = clock_steady();
    hand(f, 0, 10);
    hand(f, 10, 10);
    UNTIL(COUNT(f, 0, delivered) == 20);
    assert_true(clock_steady() - begin >= 100 * MILLISECOND);
    assert_int_equal(f->fake[0].sendings, 1);
    stop_soon(f, SECOND);
}

static void a_whole_parcel_does_not_wait(void **state)
{
    struct fixture *f = *state;
    f->queue.flush_timeout = 3600 * SECOND;
    start(f, 1);
    hand(f, 0, 50);
    UNTIL(COUNT(f, 0, delivered) == 50);
    stop_soon(f, SECOND);
}

static enum delivery into_the_grave(struct fake *f, const struct parcel *p, uint32_t i)
{
    (void)f;
    return p->rows[i].row->time % 5 ? DELIVERED : DEAD_LETTER;
}

static void dead_letters_have_their_column(void **state)
{
    struct fixture *f = *state;
    f->fake[0].answer = into_the_grave;
    start(f, 1);
    hand(f, 0, 50);
    assert_int_equal(stop_soon(f, 10 * SECOND), 0);
    assert_int_equal(COUNT(f, 0, dead_letters), 10);
    assert_int_equal(COUNT(f, 0, delivered), 40);
    assert_balance(f, 0);
}

// Several workers, outputs in all moods, until the sums are compared.
static enum delivery moody(struct fake *f, const struct parcel *p, uint32_t i)
{
    uint64_t draw = ((uint64_t)p->rows[i].row->time * 2654435761u + p->attempt * 40503u) >> 8;
    (void)f;
    return draw % 100 < 70 ? DELIVERED : draw % 100 < 95 ? TRY_LATER : REFUSED;
}

static void *work(void *argument)
{
    struct handing *h = argument;
    for (unsigned n = 0; n < 200; n++)
        hand(h->f, h->first + n * 20, 20);
    return NULL;
}

static void sums_agree_under_load(void **state)
{
    struct fixture *f = *state;
    struct handing h[3];
    pthread_t threads[3];
    f->queue.policy = FULL_BLOCK;
    f->queue.backoff_init = f->queue.backoff_max = MILLISECOND;
    f->fake[0].answer = moody;
    start(f, 2);
    for (unsigned i = 0; i < 3; i++) {
        h[i] = (struct handing){.f = f, .first = i * 10000};
        threads[i] = thread_start("work", work, &h[i]);
    }
    for (int i = 0; i < 3; i++)
        thread_join(threads[i]);
    assert_int_equal(stop_soon(f, 60 * SECOND), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(COUNT(f, i, accepted), 12000);
        assert_int_equal(COUNT(f, i, waiting), 0);
        assert_balance(f, i);
        for (unsigned n = 0; n < ROWS; n++)
            assert_true(f->fake[i].delivered[n] <= 1);
    }
    assert_int_equal(COUNT(f, 1, delivered), 12000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_is_delivered_once_and_in_order),
        TEST(empty_batches_go_home),
        TEST(no_outputs_is_no_harm),
        TEST(only_what_is_left_is_sent_again),
        TEST(retries_have_an_end_if_asked),
        TEST(refusals_are_counted_by_cause),
        TEST(parcels_that_are_too_large_are_halved),
        TEST(full_drops_the_new),
        TEST(full_drops_the_old),
        TEST(full_blocks_until_there_is_room),
        TEST(stop_frees_those_who_block),
        TEST(stop_cuts_a_long_pause_short),
        TEST(pauses_grow_to_their_limit),
        TEST(nothing_stays_open_when_one_refuses),
        TEST(reopen_reaches_those_who_can),
        TEST(one_that_nobody_takes_holds_up_no_other),
        TEST(settings_that_contradict_are_refused),
        TEST(threads_share_the_work),
        TEST(who_is_away_leaves_the_work_to_others),
        TEST(all_wait_where_there_is_one_way),
        TEST(too_much_to_do_means_less_at_once),
        TEST(little_waits_for_more),
        TEST(a_whole_parcel_does_not_wait),
        TEST(dead_letters_have_their_column),
        cmocka_unit_test(settings_have_the_reference_s_names),
        TEST(sums_agree_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
