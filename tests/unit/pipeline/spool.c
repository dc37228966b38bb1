// SPDX-License-Identifier: Apache-2.0
// The spool on a real directory: order, answers, bounds; then a small segment cut at every byte and
// with every bit flipped.
#include "pipeline/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/pipeline/fill.h"

enum { SIZE = 64, SEGMENT = 1 << 20, FILE_MOST = 8192 };

struct fixture {
    char directory[64], file[128]; // the first segment
    struct batch_home *home;
    struct spool *spool;
    uint64_t max_size, segment_size, skipped;
    struct span constants[2];
    unsigned route, route_count;
};

static struct spool *try_open(struct fixture *f, struct error *why)
{
    struct block like;
    assert_true(block_init(&like, f->route, f->route_count, f->constants));
    return f->spool = spool_open(f->directory, f->max_size, f->segment_size, &like, why);
}

static void reopen(struct fixture *f)
{
    struct error why = {""};
    if (f->spool)
        spool_close(f->spool);
    if (!try_open(f, &why))
        fail_msg("%s", why.text);
    f->skipped = 0;
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.directory = "/tmp/weir-spool-XXXXXX", .segment_size = SEGMENT};
    f.home = batch_home_new(8);
    if (!mkdtemp(f.directory))
        return -1;
    snprintf(f.file, sizeof f.file, "%s/0000000000000001.seg", f.directory);
    *state = &f;
    reopen(&f);
    return 0;
}

static int files(const struct fixture *f, bool remove)
{
    int count = 0;
    DIR *d = opendir(f->directory);
    for (const struct dirent *e; (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f->directory, e->d_name);
        count += e->d_name[0] != '.';
        if (remove && e->d_name[0] != '.' && unlink(path) != 0)
            rmdir(path);
    }
    closedir(d);
    return count;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->spool)
        spool_close(f->spool);
    files(f, true);
    rmdir(f->directory);
    batch_home_free(f->home);
    return 0;
}

static enum spool_result write_batch(struct fixture *f, struct batch *b, bool passed,
                                     struct spool_place *place)
{
    struct spool_place unused;
    struct error why = {""};
    block_begin(spool_block(f->spool));
    for (uint32_t i = 0; i < b->rows; i++) {
        struct parcel_row row = {b, batch_row(b, i)};
        assert_true(block_add(spool_block(f->spool), &row));
    }
    batch_release(b);
    return spool_write(f->spool, passed, place ? place : &unused, &why);
}

static enum spool_result write_rows(struct fixture *f, unsigned first, unsigned rows)
{
    return write_batch(f, fill_batch(f->home, first, rows, SIZE), false, NULL);
}

static struct batch *read_batch(struct fixture *f, struct spool_place *place)
{
    return spool_read(f->spool, place, &f->skipped);
}

// The documents are whole and as fill_row made them. The number of the first; -1: nothing came.
static int check_batch(struct batch *b)
{
    if (!b)
        return -1;
    int first = (int)batch_row(b, 0)->time;
    for (uint32_t i = 0; i < b->rows; i++) {
        char wanted[SIZE + 1];
        int len = snprintf(wanted, sizeof wanted, "{\"n\":%d,\"pad\":\"", first + (int)i);
        memset(wanted + len, 'x', (size_t)(SIZE - 2 - len));
        memcpy(wanted + SIZE - 2, "\"}", 3);
        const struct row *row = batch_row(b, i);
        assert_int_equal(row->time, first + (int)i);
        assert_int_equal(row->length, SIZE);
        assert_memory_equal(batch_document(b, row).at, wanted, SIZE);
        assert_int_equal(batch_document(b, row).at[SIZE], '\n');
    }
    batch_release(b);
    return first;
}

static int read_and_answer(struct fixture *f)
{
    struct spool_place place;
    int first = check_batch(read_batch(f, &place));
    if (first >= 0)
        spool_answer(f->spool, place);
    return first;
}

static void comes_back_in_order_and_once(void **state)
{
    struct fixture *f = *state;
    for (unsigned n = 0; n < 30; n += 3)
        assert_int_equal(write_rows(f, n, 3), SPOOL_WRITTEN);
    assert_int_equal(spool_rows(f->spool), 30);
    reopen(f);
    assert_int_equal(spool_rows(f->spool), 30);
    for (int n = 0; n < 30; n += 3)
        assert_int_equal(read_and_answer(f), n);
    assert_int_equal(read_and_answer(f), -1);
    assert_true(spool_is_read(f->spool));
    assert_int_equal(f->skipped, 0);
    reopen(f);
    assert_int_equal(spool_rows(f->spool), 0);
    assert_int_equal(files(f, false), 0);
}

static void what_is_not_answered_comes_again(void **state)
{
    struct fixture *f = *state;
    struct spool_place place[5];
    for (unsigned n = 0; n < 5; n++)
        write_rows(f, n, 1);
    for (int n = 0; n < 5; n++)
        assert_int_equal(check_batch(read_batch(f, &place[n])), n);
    spool_answer(f->spool, place[3]);
    spool_answer(f->spool, place[0]);
    reopen(f);
    assert_int_equal(spool_rows(f->spool), 3);
    assert_int_equal(read_and_answer(f), 1);
    assert_int_equal(read_and_answer(f), 2);
    assert_int_equal(read_and_answer(f), 4);
    assert_int_equal(read_and_answer(f), -1);
}

static void what_was_passed_comes_in_the_next_life(void **state)
{
    struct fixture *f = *state;
    struct spool_place place[3];
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(write_batch(f, fill_batch(f->home, n, 1, SIZE), true, &place[n]),
                         SPOOL_WRITTEN);
    assert_true(spool_is_read(f->spool));
    assert_int_equal(read_and_answer(f), -1);
    spool_answer(f->spool, place[1]);
    write_rows(f, 3, 1); // this one waits
    assert_false(spool_is_read(f->spool));
    assert_int_equal(read_and_answer(f), 3);
    reopen(f);
    assert_int_equal(read_and_answer(f), 0);
    assert_int_equal(read_and_answer(f), 2);
    assert_int_equal(read_and_answer(f), -1);
}

static void segments_go_with_their_last_answer(void **state)
{
    struct fixture *f = *state;
    struct spool_place place[40];
    f->segment_size = 1000;
    reopen(f);
    for (unsigned n = 0; n < 40; n++)
        write_rows(f, n, 3);
    uint64_t segments = spool_segments(f->spool);
    assert_in_range(segments, 8, 39);
    assert_int_equal(files(f, false), segments);
    for (int n = 0; n < 40; n++)
        assert_int_equal(check_batch(read_batch(f, &place[n])), n);
    assert_int_equal(files(f, false), segments); // read, but not answered
    for (int n = 39; n > 0; n--)
        spool_answer(f->spool, place[n]);
    assert_int_equal(files(f, false), 2); // the one with the first block, and the newest
    spool_answer(f->spool, place[0]);
    assert_int_equal(files(f, false), 1);
    reopen(f);
    assert_int_equal(files(f, false), 0);
    assert_int_equal(spool_bytes(f->spool), 0);
}

static void never_takes_more_than_its_bound(void **state)
{
    struct fixture *f = *state;
    f->segment_size = 1000;
    f->max_size = 4000;
    reopen(f);
    unsigned n = 0;
    while (write_rows(f, n, 3) == SPOOL_WRITTEN)
        n++;
    assert_in_range(n, 8, 15);
    assert_in_range(spool_bytes(f->spool), 3000, 4000);
    for (int i = 0; i < 6; i++)
        assert_int_equal(read_and_answer(f), i);
    assert_int_equal(write_rows(f, n, 3), SPOOL_WRITTEN);
    for (int i = 6; i <= (int)n; i++)
        assert_int_equal(read_and_answer(f), i);
}

static void a_disk_that_refuses_costs_nothing_written_before(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit, small = {600, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &limit);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    write_rows(f, 0, 3);
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(write_rows(f, 3, 3), SPOOL_WRITTEN);
    assert_int_equal(write_rows(f, 6, 3), SPOOL_FAILED);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(write_rows(f, 6, 3), SPOOL_WRITTEN);
    reopen(f);
    for (int n = 0; n < 9; n += 3)
        assert_int_equal(read_and_answer(f), n);
    assert_int_equal(f->skipped, 0);
}

// ── routes ───────────────────────────────────────────────────────────────────────────────────────

static void add_routed(struct batch *b, unsigned number, const struct span *routes, unsigned count)
{
    fill_row(b, number, SIZE);
    batch_add_routes(b, routes, count);
}

static void assert_route(const struct batch *b, uint32_t row, unsigned which, const char *wanted)
{
    struct span found = batch_route(b, batch_row(b, row), which);
    assert_int_equal(found.len, strlen(wanted));
    assert_memory_equal(found.at, wanted, found.len);
}

static void routes_stay_what_they_were(void **state)
{
    struct fixture *f = *state;
    struct spool_place place;
    const struct span own[] = {SPAN("other"), SPAN("mine"), SPAN("pipe"), SPAN("last")};
    const struct span same[] = {SPAN("other"), SPAN("index"), {NULL, 0}};
    f->route = 1; // the second output
    f->route_count = 2;
    f->constants[0] = (struct span)SPAN("index");
    reopen(f);
    for (int i = 0; i < 2; i++) {
        struct batch *b = batch_open(f->home, true);
        fill_row(b, 0, SIZE);
        add_routed(b, 1, own, 4);
        add_routed(b, 2, same, 3);
        write_batch(f, b, false, NULL);
    }
    struct batch *b = read_batch(f, &place);
    assert_int_equal(batch_row(b, 0)->routes, 0); // as the constants have it
    assert_route(b, 1, 1, "mine");
    assert_route(b, 1, 2, "pipe");
    assert_int_equal(batch_row(b, 2)->routes, 0);
    spool_answer(f->spool, place);
    batch_release(b);

    f->route = 0; // the other output is gone, and the index is another one
    f->constants[0] = (struct span)SPAN("new");
    reopen(f);
    b = read_batch(f, &place);
    assert_route(b, 0, 0, "index");
    assert_route(b, 0, 1, "");
    assert_route(b, 1, 0, "mine");
    assert_route(b, 1, 1, "pipe");
    assert_route(b, 2, 0, "index");
    spool_answer(f->spool, place);
    batch_release(b);
    assert_int_equal(f->skipped, 0);
}

// ── damage ───────────────────────────────────────────────────────────────────────────────────────

// Three blocks of two rows, and where each ends.
struct sample {
    uint8_t bytes[FILE_MOST];
    size_t size, end[4];
};

static void load(const struct fixture *f, struct sample *s)
{
    FILE *file = fopen(f->file, "rb");
    s->size = fread(s->bytes, 1, sizeof s->bytes, file);
    fclose(file);
    assert_in_range(s->size, 100, FILE_MOST - 1);
}

static void store(const struct fixture *f, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(f->file, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void make_sample(struct fixture *f, struct sample *s)
{
    s->end[0] = 16;
    for (unsigned i = 0; i < 3; i++) {
        write_rows(f, 10 * i, 2);
        s->end[i + 1] = spool_bytes(f->spool);
    }
    spool_close(f->spool);
    f->spool = NULL;
    load(f, s);
    assert_int_equal(s->size, s->end[3]);
}

// Opens what is stored, and reads all of it: which of the three blocks came, as bits. Rows that
// were promised and did not come are lost, nothing else is.
static unsigned read_sample(struct fixture *f)
{
    unsigned came = 0;
    reopen(f);
    for (int first; (first = read_and_answer(f)) >= 0;) {
        assert_true(first == 0 || first == 10 || first == 20);
        unsigned bit = 1U << (first / 10);
        assert_true(came < bit); // in order, and once
        came |= bit;
    }
    assert_true(spool_is_read(f->spool));
    assert_int_equal(spool_rows(f->spool), 0);
    spool_close(f->spool);
    f->spool = NULL;
    assert_int_equal(files(f, false), 0);
    return came;
}

static void survives_a_cut_at_every_byte(void **state)
{
    struct fixture *f = *state;
    struct sample s;
    make_sample(f, &s);
    for (size_t size = 0; size <= s.size; size++) {
        unsigned wanted = 0;
        size_t whole = 16;
        for (unsigned i = 0; i < 3; i++)
            if (size >= s.end[i + 1]) {
                wanted |= 1U << i;
                whole = s.end[i + 1];
            }
        store(f, s.bytes, size);
        assert_int_equal(read_sample(f), wanted);
        assert_int_equal(f->skipped, size > whole ? size - whole : 0);
    }
}

static void survives_every_flipped_bit(void **state)
{
    struct fixture *f = *state;
    struct sample s;
    make_sample(f, &s);
    for (size_t at = 0; at < s.size; at++)
        for (int bit = 0; bit < 8; bit++) {
            unsigned hit = 3; // none of the blocks
            for (unsigned i = 0; i < 3; i++)
                if (at >= s.end[i] && at < s.end[i + 1])
                    hit = i;
            bool harmless =
                hit == 3 || (at >= s.end[hit] + BLOCK_MARK && at < s.end[hit] + BLOCK_HEAD);
            s.bytes[at] ^= (uint8_t)(1 << bit);
            store(f, s.bytes, s.size);
            s.bytes[at] ^= (uint8_t)(1 << bit);
            assert_int_equal(read_sample(f), harmless ? 7U : 7U & ~(1U << hit));
            assert_int_equal(f->skipped, harmless ? 0 : s.end[hit + 1] - s.end[hit]);
        }
}

static void finds_blocks_behind_bytes_that_are_none(void **state)
{
    struct fixture *f = *state;
    struct sample s;
    uint8_t more[FILE_MOST + 400];
    make_sample(f, &s);
    memset(s.bytes, 'z', 60); // the first head, too
    store(f, s.bytes, s.size);
    assert_int_equal(read_sample(f), 6);
    memcpy(more, s.bytes, s.end[1]);
    memset(more + s.end[1], 0x89, 400); // what is moved is not where it was written
    memcpy(more + s.end[1] + 400, s.bytes + s.end[1], s.size - s.end[1]);
    store(f, more, s.size + 400);
    assert_int_equal(read_sample(f), 0);
}

static void takes_anything_for_a_segment(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[4096];
    uint32_t random = 1;
    spool_close(f->spool);
    f->spool = NULL;
    for (unsigned round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(random >> 24);
            if (round % 2)
                bytes[i] = block_magic[i % 4];
        }
        store(f, bytes, sizeof bytes - round);
        assert_int_equal(read_sample(f), 0);
        assert_int_equal(f->skipped, sizeof bytes - round - 16);
    }
}

static void damage_while_it_runs_is_counted(void **state)
{
    struct fixture *f = *state;
    for (unsigned n = 0; n < 4; n++)
        write_rows(f, n * 10, 2);
    int fd = open(f->file, O_WRONLY);
    assert_int_equal(pwrite(fd, "zzz", 3, (off_t)(spool_bytes(f->spool) - 5)), 3); // the last block
    assert_int_equal(ftruncate(fd, (off_t)spool_bytes(f->spool) - 1), 0);
    close(fd);
    for (int n = 0; n < 3; n++)
        assert_int_equal(read_and_answer(f), n * 10);
    assert_int_equal(spool_rows(f->spool), 2);
    assert_int_equal(read_and_answer(f), -1);
    assert_int_equal(spool_rows(f->spool), 0);
    assert_true(f->skipped > 0);
    assert_int_equal(write_rows(f, 50, 1), SPOOL_WRITTEN);
    assert_int_equal(read_and_answer(f), 50);
}

static void files_of_others_are_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"3.seg",
                                        "state.dat",
                                        "000000000000000g.seg",
                                        "0000000000000000.seg",
                                        "ffffffffffffffff.seg",
                                        "00000000000000001.seg"};
    char path[256];
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
        fclose(fopen(path, "w"));
    }
    reopen(f);
    assert_int_equal(spool_segments(f->spool), 0);
    reopen(f);
    assert_int_equal(files(f, false), 6);
}

static void a_place_that_cannot_be_used_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error why = {""};
    struct spool *first = f->spool;
    assert_null(try_open(f, &why));
    assert_non_null(strstr(why.text, "is in use by another process"));
    spool_close(first);
    mkdir(f->file, 0700);
    assert_null(try_open(f, &why));
    assert_non_null(strstr(why.text, "is no file"));
    snprintf(f->directory, sizeof f->directory, "/dev/null/spool");
    assert_null(try_open(f, &why));
    assert_non_null(strstr(why.text, "/dev/null/spool"));
    snprintf(f->directory, sizeof f->directory, "%.*s", (int)(strrchr(f->file, '/') - f->file),
             f->file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comes_back_in_order_and_once),
        TEST(what_is_not_answered_comes_again),
        TEST(what_was_passed_comes_in_the_next_life),
        TEST(segments_go_with_their_last_answer),
        TEST(never_takes_more_than_its_bound),
        TEST(a_disk_that_refuses_costs_nothing_written_before),
        TEST(routes_stay_what_they_were),
        TEST(survives_a_cut_at_every_byte),
        TEST(survives_every_flipped_bit),
        TEST(finds_blocks_behind_bytes_that_are_none),
        TEST(takes_anything_for_a_segment),
        TEST(damage_while_it_runs_is_counted),
        TEST(files_of_others_are_left_alone),
        TEST(a_place_that_cannot_be_used_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
