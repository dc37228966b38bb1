// SPDX-License-Identifier: Apache-2.0
// The publisher with a disk queue: what passes, what goes by way of the disk, and what the next
// life finds.
#include "pipeline/clerk.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "tests/unit/pipeline/fill.h"

enum { SIZE = 64, ROWS = 100000 };

// An output that says what it is told to, and remembers what it delivered.
struct fake {
    enum delivery (*answer)(const struct parcel *p, uint32_t i);
    _Atomic bool dead;
    unsigned delivered[ROWS]; // how often each document was
    _Atomic int64_t last;
    _Atomic bool disorder;
    const char *route; // the last of three that all have; NULL: none has any
};

static void *fake_open(const void *settings, const struct output_world *world, struct error *why)
{
    struct fake *f = *(struct fake *const *)settings;
    (void)world;
    (void)why;
    f->last = -1;
    f->disorder = false;
    return f;
}

static void fake_send(void *self, struct parcel *p)
{
    struct fake *f = self;
    for (uint32_t i = 0; i < p->count; i++) {
        p->answer[i] = f->dead ? BUSY : f->answer ? f->answer(p, i) : DELIVERED;
        int64_t n = p->rows[i].row->time;
        if (p->answer[i] != DELIVERED)
            continue;
        f->delivered[n]++;
        if (f->route)
            assert(span_is(parcel_route(p, &p->rows[i], 2), span_text(f->route)));
        if (n < f->last)
            f->disorder = true;
        f->last = n;
    }
    error_set(p->cause, "the fake said so");
}

static const struct output fake_output = {.name = "fake", .open = fake_open, .send = fake_send};

struct fixture {
    char directory[64], segments[128];
    struct batch_home *home;
    struct queue_settings queue;
    struct disk_settings disk;
    struct fake fake, *settings;
    struct publisher_output list;
    struct publisher *p;
    uint64_t spooled; // at the end of the last life
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *f = (struct fixture){.directory = "/tmp/weir-clerk-XXXXXX", .home = batch_home_new(64)};
    f->queue = (struct queue_settings){.events = 400,
                                       .bytes = 64 * BATCH_SIZE,
                                       .flush_min_events = 50,
                                       .flush_max_bytes = 1 << 20,
                                       .backoff_init = MILLISECOND,
                                       .backoff_max = 4 * MILLISECOND,
                                       .max_retries = -1,
                                       .policy = FULL_BLOCK};
    f->disk = (struct disk_settings){.max_size = 0,
                                     .segment_size = 40000,
                                     .retry_interval = MILLISECOND,
                                     .max_retry_interval = 10 * MILLISECOND};
    f->settings = &f->fake;
    if (!mkdtemp(f->directory))
        return -1;
    f->disk.path = f->directory;
    snprintf(f->segments, sizeof f->segments, "%s/fake", f->directory);
    f->list = (struct publisher_output){
        .output = &fake_output, .settings = &f->settings, .disk = &f->disk};
    *state = f;
    return 0;
}

static int segments(const struct fixture *f, bool remove)
{
    int count = 0;
    DIR *d = opendir(f->segments);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f->segments, e->d_name);
        count += e->d_name[0] != '.';
        if (remove && e->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
    return count;
}

static int64_t segment_bytes(const struct fixture *f)
{
    int64_t bytes = 0;
    DIR *d = opendir(f->segments);
    struct stat there;
    for (const struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f->segments, e->d_name);
        bytes += e->d_name[0] != '.' && stat(path, &there) == 0 ? there.st_size : 0;
    }
    if (d)
        closedir(d);
    return bytes;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[128];
    publisher_free(f->p);
    batch_home_free(f->home); // asserts that all batches came home
    segments(f, true);
    rmdir(f->segments);
    snprintf(path, sizeof path, "%s/letters", f->directory);
    unlink(path);
    rmdir(f->directory);
    free(f);
    return 0;
}

// As for a capture file: with FULL_SPOOL a worker waits for the clerk.
static void start(struct fixture *f)
{
    struct error why = {.text = ""};
    f->p = publisher_start(&f->list, 1, &f->queue, true, NULL, &why);
    if (!f->p)
        fail_msg("%s", why.text);
}

static void hand(struct fixture *f, unsigned first, unsigned rows)
{
    publisher_hand(f->p, fill_batch(f->home, first, rows, SIZE));
}

#define COUNT(f, name) counter_get(publisher_counters((f)->p, 0)->name)

// Ends one life; the ledger must balance.
static uint64_t stop(struct fixture *f, int64_t wait)
{
    uint64_t left = publisher_stop(f->p, clock_steady() + wait);
    assert_int_equal(COUNT(f, waiting), 0);
    assert_int_equal(COUNT(f, accepted) + COUNT(f, recovered),
                     COUNT(f, delivered) + COUNT(f, refused) + COUNT(f, too_large) +
                         COUNT(f, dead_letters) + COUNT(f, shed) + COUNT(f, damaged) +
                         COUNT(f, spooled));
    f->spooled = COUNT(f, spooled);
    return left;
}

static void stop_and_forget(struct fixture *f, int64_t wait)
{
    stop(f, wait);
    publisher_free(f->p);
    f->p = NULL;
}

static void assert_delivered(const struct fixture *f, unsigned first, unsigned end, unsigned times)
{
    for (unsigned n = first; n < end; n++)
        if (f->fake.delivered[n] != times)
            fail_msg("document %u came %u times, wanted %u", n, f->fake.delivered[n], times);
}

static void nothing_stays_on_disk_of_what_is_delivered(void **state)
{
    struct fixture *f = *state;
    start(f);
    for (unsigned n = 0; n < 5000; n += 50)
        hand(f, n, 50);
    assert_int_equal(stop(f, 20 * SECOND), 0);
    assert_delivered(f, 0, 5000, 1);
    assert_false(f->fake.disorder);
    assert_int_equal(f->spooled, 0);
    assert_int_equal(COUNT(f, disk_written), 5000);
    assert_int_equal(segments(f, false), 0);
}

static void what_finds_no_room_waits_on_disk(void **state)
{
    struct fixture *f = *state;
    f->fake.dead = true;
    start(f);
    for (unsigned n = 0; n < 5000; n += 50)
        hand(f, n, 50);
    UNTIL(COUNT(f, spooled) >= 4800);
    assert_int_equal(COUNT(f, shed), 0);
    assert_true(segments(f, false) > 5);
    assert_false(publisher_is_empty(f->p));
    f->fake.dead = false;
    UNTIL(publisher_is_empty(f->p));
    assert_int_equal(stop(f, SECOND), 0);
    assert_delivered(f, 0, 5000, 1);
    assert_false(f->fake.disorder);
    assert_int_equal(segments(f, false), 0);
}

static void the_next_life_goes_on(void **state)
{
    struct fixture *f = *state;
    f->fake.dead = true;
    start(f);
    for (unsigned n = 0; n < 2000; n += 50)
        hand(f, n, 50);
    stop_and_forget(f, 5 * MILLISECOND);
    assert_int_equal(f->spooled, 2000);
    f->fake.dead = false;
    start(f);
    assert_int_equal(COUNT(f, recovered), 2000);
    hand(f, 2000, 50);
    UNTIL(publisher_is_empty(f->p));
    assert_int_equal(stop(f, SECOND), 0);
    assert_delivered(f, 0, 2050, 1);
    assert_false(f->fake.disorder);
    assert_int_equal(segments(f, false), 0);
}

static enum delivery odd_ones_never(const struct parcel *p, uint32_t i)
{
    return p->rows[i].row->time % 2 ? BUSY : DELIVERED;
}

static void each_keeps_its_routes(void **state)
{
    struct fixture *f = *state;
    const struct span constants[3] = {{NULL, 0}}, routes[3] = {SPAN("a"), SPAN(""), SPAN("c")};
    f->list.route_count = 3;
    f->list.constants = constants;
    f->fake.dead = true;
    f->fake.route = "c";
    start(f);
    struct batch *b = batch_open(f->home, true);
    for (unsigned n = 0; n < 50; n++) {
        fill_row(b, n, SIZE);
        batch_add_routes(b, routes, 3);
    }
    publisher_hand(f->p, b);
    stop_and_forget(f, 0);
    assert_int_equal(f->spooled, 50);
    f->fake.dead = false;
    start(f);
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_delivered(f, 0, 50, 1);
}

static void only_what_is_left_comes_again(void **state)
{
    struct fixture *f = *state;
    f->fake.answer = odd_ones_never;
    start(f);
    hand(f, 0, 100);
    UNTIL(COUNT(f, delivered) == 50);
    stop_and_forget(f, 0);
    assert_int_equal(f->spooled, 50);
    f->fake.answer = NULL;
    start(f);
    assert_int_equal(COUNT(f, recovered), 50);
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_delivered(f, 0, 100, 1);
}

static void spool_writes_only_what_finds_no_room(void **state)
{
    struct fixture *f = *state;
    f->queue.policy = FULL_SPOOL;
    start(f);
    for (unsigned n = 0; n < 1000; n += 50) {
        hand(f, n, 50);
        UNTIL(publisher_is_empty(f->p));
    }
    assert_int_equal(COUNT(f, disk_written), 0);
    f->fake.dead = true;
    for (unsigned n = 1000; n < 2000; n += 50)
        hand(f, n, 50);
    UNTIL(COUNT(f, spooled) >= 800);
    assert_true(COUNT(f, waiting) > 0);
    stop_and_forget(f, 0); // what is in memory goes to the disk, too
    assert_int_equal(f->spooled, 1000);
    f->fake.dead = false;
    start(f);
    assert_int_equal(COUNT(f, recovered), 1000);
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_delivered(f, 0, 2000, 1);
}

static void a_full_spool_leaves_it_to_the_policy(void **state)
{
    struct fixture *f = *state;
    f->disk.max_size = 10 * 1000 * 1000;
    f->disk.segment_size = 1000 * 1000;
    f->queue.policy = FULL_DROP_NEW;
    f->fake.dead = true;
    start(f);
    unsigned n = 0;
    for (; segment_bytes(f) < 9800 * 1000; n += 100) {
        publisher_hand(f->p, fill_batch(f->home, n, 100, 600));
        UNTIL(COUNT(f, waiting) <= 200 || segment_bytes(f) >= 9800 * 1000);
    }
    for (unsigned end = n + 10000; n < end; n += 100)
        publisher_hand(f->p, fill_batch(f->home, n, 100, 600));
    assert_true(segment_bytes(f) <= f->disk.max_size);
    assert_true(COUNT(f, shed) > 0);
    f->fake.dead = false;
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_int_equal(COUNT(f, delivered), n - COUNT(f, shed));
    assert_false(f->fake.disorder);
}

// The disk refused once, and later there is no room on it: what waits then waits for room alone.
static void a_full_spool_costs_no_time(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = (struct rlimit){0, limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    f->disk.max_size = 10 * 1000 * 1000;
    f->disk.segment_size = 1000 * 1000;
    f->queue.bytes = 128 * BATCH_SIZE;
    f->queue.backoff_init = f->queue.backoff_max = SECOND;
    f->fake.dead = true;
    start(f);
    unsigned n = 0;
    for (; n < 195; n += 5)
        publisher_hand(f->p, fill_batch(f->home, n, 5, 50000));
    UNTIL(COUNT(f, disk_written) == 195);
    setrlimit(RLIMIT_FSIZE, &small);
    hand(f, n++, 1);
    UNTIL(COUNT(f, disk_errors) == 1);
    setrlimit(RLIMIT_FSIZE, &limit);
    clock_sleep(2 * f->disk.retry_interval);
    publisher_hand(f->p, fill_batch(f->home, n, 4, 62000)); // the spool is full
    n += 4;
    hand(f, n++, 1); // and so is the inbox
    clock_sleep(50 * MILLISECOND);
    int64_t before = clock_cpu();
    clock_sleep(200 * MILLISECOND);
    assert_true(clock_cpu() - before < 100 * MILLISECOND);
    assert_int_equal(COUNT(f, disk_written), 195);
    f->fake.dead = false;
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_delivered(f, 0, n, 1);
}

static void a_disk_that_refuses_leaves_it_to_memory(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = (struct rlimit){0, limit.rlim_max};
    f->queue.policy = FULL_DROP_NEW;
    signal(SIGXFSZ, SIG_IGN);
    start(f);
    setrlimit(RLIMIT_FSIZE, &small);
    for (unsigned n = 0; n < 1000; n += 50) {
        hand(f, n, 50);
        UNTIL(publisher_is_empty(f->p));
    }
    assert_true(COUNT(f, disk_errors) > 0);
    f->fake.dead = true;
    unsigned n = 1000;
    for (; COUNT(f, waiting) < 450; n += 50) { // inbox, desk and hand are full
        hand(f, n, 50);
        clock_sleep(MILLISECOND / 4);
    }
    for (unsigned end = n + 500; n < end; n += 50)
        hand(f, n, 50);
    uint64_t shed = COUNT(f, shed);
    assert_true(shed >= 500);
    setrlimit(RLIMIT_FSIZE, &limit);
    UNTIL(COUNT(f, spooled) > 0); // it tries again
    f->fake.dead = false;
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_delivered(f, 0, 1000, 1);
    assert_int_equal(COUNT(f, delivered), n - shed);
}

static void damage_is_a_column(void **state)
{
    struct fixture *f = *state;
    char path[256];
    f->fake.dead = true;
    start(f);
    for (unsigned n = 0; n < 1000; n += 50)
        hand(f, n, 50);
    stop_and_forget(f, 0);
    snprintf(path, sizeof path, "%s/0000000000000001.seg", f->segments);
    FILE *file = fopen(path, "r+b");
    fseek(file, 16 + BLOCK_HEAD + 30, SEEK_SET);
    fputs("zzzz", file);
    fclose(file);
    f->fake.dead = false;
    start(f);
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_int_equal(COUNT(f, recovered), 1000);
    assert_int_equal(COUNT(f, damaged), 50);
    assert_true(COUNT(f, damaged_bytes) > 50 * SIZE);
    assert_int_equal(COUNT(f, delivered), 950);
}

static void many_hands_and_a_moody_output(void **state)
{
    struct fixture *f = *state;
    unsigned n = 0;
    f->queue.threads = 3;
    for (int life = 0; life < 5; life++) {
        start(f);
        for (int i = 0; i < 100; i++, n += 20) {
            f->fake.dead = i % 7 < 4;
            hand(f, n, 20);
        }
        f->fake.dead = life < 4;
        stop_and_forget(f, life < 4 ? MILLISECOND : 20 * SECOND);
    }
    assert_int_equal(f->spooled, 0);
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        assert_true(f->fake.delivered[i] >= 1);
        sum += f->fake.delivered[i];
    }
    assert_int_equal(sum, n); // no kill, no duplicate
}

static void bad_settings_are_refused(void **state)
{
    struct fixture *f = *state;
    struct error why = {""};
    const struct disk_settings good = f->disk;
    const struct {
        struct disk_settings disk;
        const char *words;
    } rows[] = {
        {{.max_size = 9000000}, "at least 10MB"},
        {{.max_size = 20000000, .segment_size = 10000001}, "more than half"},
        {{.retry_interval = 2, .max_retry_interval = 1}, "larger than max_retry_interval"},
        {{.path = "/dev/null"}, "output.fake: queue.disk: cannot make /dev/null/fake"},
    };
    for (size_t i = 0; i < 4; i++) {
        f->disk = rows[i].disk;
        assert_null(publisher_start(&f->list, 1, &f->queue, false, NULL, &why));
        assert_non_null(strstr(why.text, rows[i].words));
    }
    f->disk = good;
    f->list.disk = NULL;
    f->queue.policy = FULL_SPOOL;
    assert_null(publisher_start(&f->list, 1, &f->queue, false, NULL, &why));
    assert_non_null(strstr(why.text, "there is no queue.disk"));
}

static enum delivery by_three(const struct parcel *p, uint32_t i)
{
    static const enum delivery answers[] = {DELIVERED, REFUSED, TOO_LARGE};
    return answers[p->rows[i].row->time % 3];
}

static void what_is_refused_is_kept_in_a_file(void **state)
{
    struct fixture *f = *state;
    char path[128], line[1024];
    snprintf(path, sizeof path, "%s/letters", f->directory);
    f->list.disk = NULL;
    f->list.dead_letter_file = path;
    f->fake.answer = by_three;
    start(f);
    hand(f, 0, 30);
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_int_equal(COUNT(f, dead_letters), 20);
    assert_int_equal(COUNT(f, refused) + COUNT(f, too_large), 0);
    FILE *file = fopen(path, "r");
    for (int n = 0; n < 30; n++) {
        char wanted[100];
        if (n % 3 == 0)
            continue;
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(strncmp(line, "{\"@timestamp\":\"2", 16), 0);
        snprintf(wanted, sizeof wanted,
                 "\"error\":{\"message\":\"the fake said so\"},\"output\":\"fake\",\"document\":{"
                 "\"n\":%d,",
                 n);
        assert_non_null(strstr(line, wanted));
        assert_int_equal(strcmp(line + strlen(line) - 5, "x\"}}\n"), 0);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void a_file_that_is_moved_away_is_begun_anew(void **state)
{
    struct fixture *f = *state;
    char path[128], moved[160];
    struct stat there;
    snprintf(path, sizeof path, "%s/letters", f->directory);
    snprintf(moved, sizeof moved, "%s/moved", f->directory);
    f->list.disk = NULL;
    f->list.dead_letter_file = path;
    f->fake.answer = by_three;
    start(f);
    hand(f, 0, 3);
    UNTIL(publisher_is_empty(f->p));
    assert_int_equal(rename(path, moved), 0);
    publisher_reopen(f->p);
    hand(f, 3, 3);
    UNTIL(publisher_is_empty(f->p));
    stop(f, SECOND);
    assert_int_equal(COUNT(f, dead_letters), 4);
    assert_int_equal(stat(moved, &there), 0);
    off_t size = there.st_size;
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_size, size); // two documents each
    unlink(moved);
}

static void a_file_that_cannot_be_written_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error why = {""};
    f->list.disk = NULL;
    f->list.dead_letter_file = "/dev/null";
    assert_null(publisher_start(&f->list, 1, &f->queue, false, NULL, &why));
    assert_non_null(strstr(why.text, "dead_letter_file: cannot write to /dev/null: it is no file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_stays_on_disk_of_what_is_delivered),
        TEST(what_finds_no_room_waits_on_disk),
        TEST(the_next_life_goes_on),
        TEST(each_keeps_its_routes),
        TEST(only_what_is_left_comes_again),
        TEST(spool_writes_only_what_finds_no_room),
        TEST(a_full_spool_leaves_it_to_the_policy),
        TEST(a_full_spool_costs_no_time),
        TEST(a_disk_that_refuses_leaves_it_to_memory),
        TEST(damage_is_a_column),
        TEST(many_hands_and_a_moody_output),
        TEST(bad_settings_are_refused),
        TEST(what_is_refused_is_kept_in_a_file),
        TEST(a_file_that_is_moved_away_is_begun_anew),
        TEST(a_file_that_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
