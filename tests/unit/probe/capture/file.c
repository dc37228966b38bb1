// SPDX-License-Identifier: Apache-2.0
// The file source: pieces, cuts, damage, directories, loops, pipes, pace.
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "tests/unit/probe/capture/write.h"

static char seen[200000];

static enum source_state read_files(struct place *p, const char *const *files, int count,
                                    struct error *why)
{
    struct source_setup setup = usual_setup(p, files, count);
    void *source = source_file.open(&setup, why);
    assert_non_null(source);
    enum source_state state = read_all(source, seen, sizeof seen, why);
    source_file.close(source);
    return state;
}

static void assert_says(const struct error *why, const char *words)
{
    if (!strstr(why->text, words))
        fail_msg("\"%s\" does not say \"%s\"", why->text, words);
}

// Far more than a piece, with records longer than one: nothing is lost where pieces meet.
static void pieces_meet(void **state)
{
    (void)state;
    struct bytes b = {0};
    struct place p;
    struct error why = {0};
    struct frame frames[FRAMES];
    place_open(&p);
    put_header(&b, NANO, 1);
    for (uint32_t i = 0; i < 3000; i++)
        put_record(&b, i, i, i % 100 == 7 ? 262144 - i : i % 1500, 1 << 20, i);
    const char *path = place_write(&p, "a.pcap", b.at, b.len);
    struct source_setup setup = usual_setup(&p, &path, 1);
    void *source = source_file.open(&setup, &why);
    uint32_t i = 0;
    int count;
    while (source_file.read(source, frames, 1 + (int)(i % FRAMES), &count, &why) == SOURCE_FRAMES)
        for (int k = 0; k < count; k++, i++) {
            uint32_t len = i % 100 == 7 ? 262144 - i : i % 1500;
            assert_int_equal(frames[k].len, len);
            assert_true(frames[k].time == (int64_t)i * (SECOND + 1));
            for (uint32_t at = 0; at < len; at += len - 1 ? len - 1 : 1)
                assert_int_equal(frames[k].at[at], (uint8_t)i);
        }
    assert_int_equal(i, 3000);
    struct source_progress progress;
    source_file.progress(source, &progress);
    assert_int_equal(progress.bytes_read, b.len);
    assert_int_equal(progress.bytes_total, b.len);
    assert_string_equal(progress.name, path);
    assert_int_equal(source_file.read(source, frames, FRAMES, &count, &why), SOURCE_END);
    source_file.close(source);
    clear(&b);
    place_close(&p);
}

static struct bytes small_pcap(void)
{
    struct bytes b = {0};
    put_header(&b, MICRO, 1);
    put_record(&b, 1, 0, 10, 10, 0);
    put_record(&b, 2, 0, 10, 10, 1);
    put_record(&b, 3, 0, 10, 10, 2);
    return b;
}

static struct bytes small_pcapng(void)
{
    struct bytes b = {0};
    put_section(&b);
    put_interface(&b, 1, 0, 6, 0);
    put_packet(&b, 0, 1, 10, 10, 0);
    size_t block = begin_block(&b, 0xbad);
    put64(&b, 0);
    end_block(&b, block);
    put_packet(&b, 0, 2, 10, 10, 1);
    return b;
}

// Cut after every byte: all whole frames come, and then it is told where the file ends, unless that
// is between two records.
static void every_cut_is_told(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct bytes b = kind ? small_pcapng() : small_pcap();
        struct place p;
        place_open(&p);
        int ends = 0;
        for (size_t len = 0; len <= b.len; len++) {
            struct error why = {0};
            char words[64];
            const char *path = place_write(&p, "cut", b.at, len);
            enum source_state over = read_files(&p, &path, 1, &why);
            ends += over == SOURCE_END;
            if (over == SOURCE_END)
                continue;
            assert_int_equal(over, SOURCE_FAILED);
            snprintf(words, sizeof words, "cut: cut short at byte %zu", len);
            assert_says(&why, words);
        }
        assert_int_equal(ends, kind ? 5 : 4);
        assert_string_equal(seen, kind ? "ab" : "abc");
        clear(&b);
        place_close(&p);
    }
}

static void damage_comes_last(void **state)
{
    (void)state;
    struct bytes b = small_pcap();
    struct place p;
    struct error why;
    place_open(&p);
    b.at[24 + 26 + 11] = 0x80; // the second packet's length
    const char *path = place_write(&p, "bad.pcap", b.at, b.len);
    assert_int_equal(read_files(&p, &path, 1, &why), SOURCE_FAILED);
    assert_string_equal(seen, "a");
    assert_says(&why, "bad.pcap: damaged at byte 50: a packet longer");
    clear(&b);
    place_close(&p);
}

static void what_is_no_capture_is_refused(void **state)
{
    (void)state;
    struct place p;
    struct error why;
    place_open(&p);
    const char *path = place_write(&p, "a.txt", "hello, world, this is no capture", 32);
    assert_int_equal(read_files(&p, &path, 1, &why), SOURCE_FAILED);
    assert_says(&why, "a.txt: not a capture file");
    path = place_write(&p, "a.gz", "\x1f\x8b\x08\0xxxxxxxxxxxxxxxxxxxxxxxx", 28);
    assert_int_equal(read_files(&p, &path, 1, &why), SOURCE_FAILED);
    assert_says(&why, "compressed");

    const char *missing = "/nowhere/at/all";
    struct source_setup setup = usual_setup(&p, &missing, 1);
    assert_null(source_file.open(&setup, &why));
    assert_says(&why, "/nowhere/at/all: No such file");
    setup.files = NULL;
    assert_null(source_file.open(&setup, &why));
    const char *input = "-";
    setup = usual_setup(&p, &input, 1);
    setup.loops = 0;
    assert_null(source_file.open(&setup, &why));
    assert_says(&why, "standard input");
    place_close(&p);
}

// Sorted by name; what is no capture is passed over; each file begins the clock anew.
static void directories(void **state)
{
    (void)state;
    struct place p;
    struct error why;
    struct bytes b = {0};
    place_open(&p);
    const char *directory = p.path;
    struct source_setup setup = usual_setup(&p, &directory, 1);
    assert_null(source_file.open(&setup, &why));
    assert_says(&why, "no file in this directory");
    place_write(&p, "b.txt", "no capture", 10);
    place_write(&p, "0.empty", "", 0);
    void *source = source_file.open(&setup, &why);
    assert_int_equal(read_all(source, seen, sizeof seen, &why), SOURCE_FAILED);
    assert_says(&why, "no capture file here");
    source_file.close(source);

    static const char *const names[] = {"c.pcap", "a.pcap", "z.pcap"};
    for (unsigned i = 0; i < 3; i++) {
        put_header(&b, MICRO, 1);
        put_record(&b, 1, 0, 10, 10, (unsigned)(names[i][0] - 'a'));
        place_write(&p, names[i], b.at, b.len);
        b.len = 0;
    }
    place_write(&p, "zz", "no", 2);
    char *below = arena_printf(&p.arena, "%s/below", p.path);
    mkdir(below, 0700);
    source = source_file.open(&setup, &why);
    assert_int_equal(read_all(source, seen, sizeof seen, &why), SOURCE_RESTART);
    assert_string_equal(seen, "a");
    assert_int_equal(read_all(source, seen, sizeof seen, &why), SOURCE_RESTART);
    assert_string_equal(seen, "c");
    assert_int_equal(read_all(source, seen, sizeof seen, &why), SOURCE_RESTART);
    assert_string_equal(seen, "z");
    assert_int_equal(read_all(source, seen, sizeof seen, &why), SOURCE_END);
    assert_string_equal(seen, "");
    source_file.close(source);
    clear(&b);
    place_close(&p);
}

static void loops(void **state)
{
    (void)state;
    struct place p;
    struct error why;
    struct bytes one = small_pcap(), two = small_pcapng();
    place_open(&p);
    const char *files[] = {place_write(&p, "1", one.at, one.len),
                           place_write(&p, "2", two.at, two.len)};
    for (int64_t times = 0; times < 4; times++) {
        struct source_setup setup = usual_setup(&p, files, 2);
        setup.loops = times;
        void *source = source_file.open(&setup, &why);
        int64_t passes = times ? times : 50;
        for (int64_t i = 0; i < 2 * passes; i++) {
            bool last = times && i == 2 * passes - 1;
            assert_int_equal(read_all(source, seen, sizeof seen, &why),
                             last ? SOURCE_END : SOURCE_RESTART);
            assert_string_equal(seen, i % 2 ? "ab" : "abc");
        }
        struct source_progress progress;
        source_file.progress(source, &progress);
        assert_int_equal(progress.bytes_total, (uint64_t)times * (one.len + two.len));
        source_file.close(source);
    }
    clear(&one);
    clear(&two);
    place_close(&p);
}

struct slow_writer {
    const char *path;
    struct bytes bytes;
};

static void *write_slowly(void *argument)
{
    struct slow_writer *w = argument;
    FILE *pipe = fopen(w->path, "w");
    setvbuf(pipe, NULL, _IONBF, 0);
    for (size_t i = 0; i < w->bytes.len; i++) {
        if (i == 60)
            clock_sleep(300 * MILLISECOND);
        fputc(w->bytes.at[i], pipe);
    }
    fclose(pipe);
    return NULL;
}

// A pipe's bytes come when they come: meanwhile the worker is let go.
static void pipes(void **state)
{
    (void)state;
    struct place p;
    struct error why;
    struct slow_writer w = {.bytes = small_pcapng()};
    place_open(&p);
    w.path = arena_printf(&p.arena, "%s/pipe", p.path);
    assert_int_equal(mkfifo(w.path, 0600), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, write_slowly, &w);
    struct source_setup setup = usual_setup(&p, &w.path, 1);
    void *source = source_file.open(&setup, &why);
    unsigned idle = 0;
    char all[16] = "";
    enum source_state state_now;
    while ((state_now = read_all(source, seen, sizeof seen, &why)) == SOURCE_IDLE) {
        strcat(all, seen);
        idle++;
    }
    strcat(all, seen);
    assert_int_equal(state_now, SOURCE_END);
    assert_string_equal(all, "ab");
    assert_true(idle >= 1);
    struct source_progress progress;
    source_file.progress(source, &progress);
    assert_int_equal(progress.bytes_total, 0);
    pthread_join(thread, NULL);
    source_file.close(source);
    clear(&w.bytes);
    place_close(&p);
}

// Gaps of 0, 250 and -1000 ms, and in another file 50: it takes 300 ms, and the times are now's.
static void paced_by_time(void **state)
{
    (void)state;
    struct place p;
    struct error why;
    struct bytes b = {0};
    struct frame frames[FRAMES];
    place_open(&p);
    put_header(&b, MICRO, 1);
    put_record(&b, 100, 0, 10, 10, 0);
    put_record(&b, 100, 0, 10, 10, 1);
    put_record(&b, 100, 250000, 10, 10, 2);
    put_record(&b, 99, 250000, 10, 10, 3);
    const char *files[2] = {place_write(&p, "a", b.at, b.len)};
    b.len = 0;
    put_header(&b, MICRO, 1);
    put_record(&b, 5000, 0, 10, 10, 4); // another file does not wait for its day
    put_record(&b, 5000, 50000, 10, 10, 5);
    files[1] = place_write(&p, "b", b.at, b.len);
    struct source_setup setup = usual_setup(&p, files, 2);
    setup.full_speed = false;
    void *source = source_file.open(&setup, &why);
    int64_t began = clock_steady(), wall = clock_wall();
    unsigned frames_seen = 0, idle = 0, restarts = 0;
    enum source_state now;
    int count;
    while ((now = source_file.read(source, frames, FRAMES, &count, &why)) != SOURCE_END) {
        assert_int_not_equal(now, SOURCE_FAILED);
        restarts += now == SOURCE_RESTART;
        idle += now == SOURCE_IDLE;
        for (int i = 0; i < count; i++, frames_seen++) {
            assert_int_equal(frames[i].at[0], frames_seen);
            assert_true(frames[i].time >= wall);
            if (frames_seen == 2)
                assert_true(clock_steady() - began >= 250 * MILLISECOND);
        }
    }
    assert_int_equal(frames_seen, 6);
    assert_true(idle >= 2);
    assert_int_equal(restarts, 1);
    assert_true(clock_steady() - began >= 300 * MILLISECOND);
    source_file.close(source);
    clear(&b);
    place_close(&p);
}

int main(void)
{
    struct log_setup quiet = {.level = LOG_ERROR, .to_stderr = true};
    char why[512];
    log_open(&quiet, why);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_meet),
        cmocka_unit_test(every_cut_is_told),
        cmocka_unit_test(damage_comes_last),
        cmocka_unit_test(what_is_no_capture_is_refused),
        cmocka_unit_test(directories),
        cmocka_unit_test(loops),
        cmocka_unit_test(pipes),
        cmocka_unit_test(paced_by_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    log_close();
    return failed;
}
