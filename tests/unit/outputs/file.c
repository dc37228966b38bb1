// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "tests/unit/outputs/harness.h"

extern const struct output output_file;

struct fixture {
    char directory[64], yaml[1024];
    struct arena arena;
    struct batch_home *home;
    struct batch *batches[64];
    int batch_count;
    _Alignas(16) char settings[512];
    struct output_world world;
    struct load load;
    void *self;
};

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.directory, "/tmp/weir-file-XXXXXX");
    f.home = batch_home_new(64);
    f.world = (struct output_world){.program = "weir", .started = clock_wall()};
    *state = &f;
    assert_true(output_file.settings_size <= sizeof f.settings);
    return arena_init(&f.arena, 1 << 20) && mkdtemp(f.directory) ? 0 : -1;
}

static void clear(struct fixture *f)
{
    for (int i = 0; i < f->batch_count; i++)
        batch_release(f->batches[i]);
    f->batch_count = 0;
    memset(&f->load, 0, sizeof f->load);
}

static void shut(struct fixture *f)
{
    if (f->self)
        output_file.close(f->self);
    f->self = NULL;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    shut(f);
    clear(f);
    batch_home_free(f->home);
    arena_free(&f->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    return system(command);
}

// Opens with `path` in our directory and these settings more.
static bool try_open(struct fixture *f, const char *more, struct error *why)
{
    snprintf(f->yaml, sizeof f->yaml, "path: %s/out\n%s", f->directory, more);
    if (!settings_read(&output_file, f->yaml, f->settings, &f->arena, why))
        return false;
    f->self = output_file.open(f->settings, &f->world, why);
    return f->self != NULL;
}

static void begin(struct fixture *f, const char *more)
{
    struct error why = {.text = ""};
    if (!try_open(f, more, &why))
        fail_msg("%s", why.text);
}

static struct batch *add(struct fixture *f, unsigned first, unsigned rows, size_t size)
{
    struct batch *b = fill_batch(f->home, first, rows, size);
    f->batches[f->batch_count++] = b;
    load_add(&f->load, b);
    return b;
}

static void send_all(struct fixture *f)
{
    load_send(&f->load, &output_file, f->self);
    assert_int_equal(load_answered(&f->load, DELIVERED), f->load.parcel.count);
    clear(f);
}

// The path of a file of today, in a static place.
static const char *path_of(const struct fixture *f, const char *name, int number)
{
    static char path[256];
    char day[16];
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(day, sizeof day, "%Y%m%d", &parts);
    if (number)
        snprintf(path, sizeof path, "%s/out/%s-%s-%d.ndjson", f->directory, name, day, number);
    else
        snprintf(path, sizeof path, "%s/out/%s-%s.ndjson", f->directory, name, day);
    return path;
}

static char *read_all(const char *path, size_t *len)
{
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char *text = calloc(1, 32 << 20);
    *len = fread(text, 1, (32 << 20) - 1, in);
    fclose(in);
    return text;
}

// Documents in a file; they must be whole lines, numbered from `first` on.
static unsigned lines_from(const char *path, unsigned first)
{
    size_t len;
    char *text = read_all(path, &len), *at = text;
    unsigned count = 0;
    for (char *end; (end = strchr(at, '\n')); at = end + 1, count++) {
        unsigned number = UINT32_MAX;
        assert_int_equal(sscanf(at, "{\"n\":%u,", &number), 1);
        assert_int_equal(number, first + count);
        assert_int_equal(end[-1], '}');
    }
    assert_int_equal(at - text, len);
    free(text);
    return count;
}

static int files_in(const struct fixture *f)
{
    char path[80];
    snprintf(path, sizeof path, "%s/out", f->directory);
    DIR *d = opendir(path);
    int count = 0;
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

static void rows_become_lines(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    add(f, 0, 100, 200);
    add(f, 100, 1, 2000);
    add(f, 101, 99, 64);
    send_all(f);
    assert_int_equal(lines_from(path_of(f, "weir", 0), 0), 200);
    struct stat there;
    assert_int_equal(stat(path_of(f, "weir", 0), &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    assert_int_equal(files_in(f), 1);
}

// With routes between the documents no two are neighbours, and there are more pieces than one
// writev takes.
static void rows_apart_become_lines(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    struct batch *b = batch_open(f->home, true);
    for (unsigned n = 0; n < 2000; n++) {
        fill_row(b, n, 40);
        b->bytes[b->used++] = '#';
    }
    f->batches[f->batch_count++] = b;
    load_add(&f->load, b);
    send_all(f);
    assert_int_equal(lines_from(path_of(f, "weir", 0), 0), 2000);
}

static void every_other_row_may_be_sent_alone(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    struct batch *b = fill_batch(f->home, 0, 100, 50);
    f->batches[f->batch_count++] = b;
    for (uint32_t i = 0; i < 100; i += 2)
        f->load.rows[f->load.parcel.count++] = (struct parcel_row){b, batch_row(b, i)};
    send_all(f);
    size_t len;
    char *text = read_all(path_of(f, "weir", 0), &len);
    assert_int_equal(len, 50 * 51);
    assert_null(strstr(text, "{\"n\":1,"));
    free(text);
}

static void size_rotates_between_rows(void **state)
{
    struct fixture *f = *state;
    begin(f, "filename: ev\nrotate_every_kb: 1\nnumber_of_files: 50\npermissions: '0640'");
    add(f, 0, 30, 255);
    add(f, 30, 1, 5000); // larger than a file may be: alone in one
    add(f, 31, 2, 255);
    send_all(f);
    for (int i = 0; i < 7; i++)
        assert_int_equal(lines_from(path_of(f, "ev", i), 4 * (unsigned)i), 4);
    assert_int_equal(lines_from(path_of(f, "ev", 7), 28), 2);
    assert_int_equal(lines_from(path_of(f, "ev", 8), 30), 1);
    assert_int_equal(lines_from(path_of(f, "ev", 9), 31), 2);
    assert_int_equal(files_in(f), 10);
    struct stat there;
    assert_int_equal(stat(path_of(f, "ev", 9), &there), 0);
    assert_int_equal(there.st_mode & 0777, 0640);
}

static void a_file_may_be_exactly_full(void **state)
{
    struct fixture *f = *state;
    begin(f, "rotate_every_kb: 1");
    add(f, 0, 8, 127); // eight times 128 bytes with the line feed
    send_all(f);
    assert_int_equal(files_in(f), 1);
    add(f, 8, 1, 127);
    send_all(f);
    assert_int_equal(files_in(f), 2);
}

static void old_files_are_bounded(void **state)
{
    struct fixture *f = *state;
    begin(f, "rotate_every_kb: 1\nnumber_of_files: 3");
    add(f, 0, 40, 255);
    send_all(f);
    assert_int_equal(files_in(f), 4);
    assert_int_equal(lines_from(path_of(f, "weir", 6), 24), 4);
    assert_int_equal(lines_from(path_of(f, "weir", 9), 36), 4);
    assert_int_equal(access(path_of(f, "weir", 5), F_OK), -1);
}

static void start_begins_a_new_file_or_goes_on(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    shut(f);
    begin(f, ""); // the first is empty: it is used
    assert_int_equal(files_in(f), 1);
    add(f, 0, 3, 100);
    send_all(f);
    shut(f);
    begin(f, "rotate_on_startup: false");
    add(f, 3, 3, 100);
    send_all(f);
    shut(f);
    assert_int_equal(files_in(f), 1);
    assert_int_equal(lines_from(path_of(f, "weir", 0), 0), 6);
    begin(f, "");
    add(f, 6, 1, 100);
    send_all(f);
    assert_int_equal(lines_from(path_of(f, "weir", 1), 6), 1);
}

static void a_line_left_unfinished_is_ended(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    shut(f);
    FILE *out = fopen(path_of(f, "weir", 0), "w");
    fputs("{\"torn", out);
    fclose(out);
    begin(f, "rotate_on_startup: false");
    add(f, 0, 1, 20);
    send_all(f);
    size_t len;
    char *text = read_all(path_of(f, "weir", 0), &len);
    assert_memory_equal(text, "{\"torn\n{\"n\":0,", 14);
    free(text);
}

static void interval_rotates_what_is_not_empty(void **state)
{
    struct fixture *f = *state;
    begin(f, "rotate_interval: 20ms");
    clock_sleep(30 * MILLISECOND);
    add(f, 0, 1, 20);
    send_all(f);
    assert_int_equal(files_in(f), 1);
    clock_sleep(30 * MILLISECOND);
    add(f, 1, 1, 20);
    send_all(f);
    assert_int_equal(files_in(f), 2);
    assert_int_equal(lines_from(path_of(f, "weir", 1), 1), 1);
}

static void reopen_follows_a_rotation_from_outside(void **state)
{
    struct fixture *f = *state;
    char moved[256];
    begin(f, "");
    add(f, 0, 2, 50);
    send_all(f);
    snprintf(moved, sizeof moved, "%s/moved", f->directory);
    assert_int_equal(rename(path_of(f, "weir", 0), moved), 0);
    output_file.reopen(f->self);
    add(f, 2, 2, 50);
    send_all(f);
    assert_int_equal(lines_from(moved, 0), 2);
    assert_int_equal(lines_from(path_of(f, "weir", 0), 2), 2);
}

static void a_file_removed_is_made_again(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    assert_int_equal(unlink(path_of(f, "weir", 0)), 0);
    add(f, 0, 2, 50);
    send_all(f);
    assert_int_equal(lines_from(path_of(f, "weir", 0), 0), 2);
}

static void a_full_disk_neither_tears_nor_doubles(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    add(f, 0, 10, 99);
    add(f, 10, 10, 99);
    for (size_t room = 0; f->load.parcel.count; room += 130) {
        limit_files(room);
        load_send(&f->load, &output_file, f->self);
        limit_files(SIZE_MAX);
        uint32_t expected = (uint32_t)(room / 100) > 20 ? 20 : (uint32_t)(room / 100);
        assert_int_equal(lines_from(path_of(f, "weir", 0), 0), expected);
        if (load_answered(&f->load, DELIVERED) < f->load.parcel.count)
            assert_non_null(strstr(f->load.cause.text, "cannot write to /tmp/weir-file-"));
        load_keep_unanswered(&f->load);
    }
    assert_int_equal(lines_from(path_of(f, "weir", 0), 0), 20);
}

static void rotation_that_fails_keeps_the_rows(void **state)
{
    struct fixture *f = *state;
    char out[80], aside[80];
    begin(f, "rotate_every_kb: 1");
    add(f, 0, 4, 255);
    send_all(f);
    snprintf(out, sizeof out, "%s/out", f->directory);
    snprintf(aside, sizeof aside, "%s/aside", f->directory);
    assert_int_equal(rename(out, aside), 0);
    fclose(fopen(out, "w")); // where the directory was there is a file
    add(f, 4, 2, 255);
    load_send(&f->load, &output_file, f->self);
    assert_int_equal(load_answered(&f->load, TRY_LATER), 2);
    assert_non_null(strstr(f->load.cause.text, out));
    assert_int_equal(unlink(out), 0);
    send_all(f);
    assert_int_equal(lines_from(path_of(f, "weir", 0), 4), 2);
}

static void unwritable_is_said_in_one_line(void **state)
{
    struct fixture *f = *state;
    struct error why = {.text = ""};
    char path[80];
    snprintf(path, sizeof path, "%s/out", f->directory);
    fclose(fopen(path, "w"));
    assert_false(try_open(f, "", &why));
    assert_non_null(strstr(why.text, "cannot make directory /tmp/weir-file-"));
    assert_non_null(strstr(why.text, "Not a directory"));
    unlink(path);
    mkdir(path, 0700);
    assert_int_equal(symlink("/dev/null", path_of(f, "weir", 0)), 0);
    assert_false(try_open(f, "rotate_on_startup: false", &why)); // not followed
    assert_non_null(strstr(why.text, "cannot write to /tmp/weir-file-"));
}

static void path_holds_the_time_of_the_start(void **state)
{
    struct fixture *f = *state;
    struct error why = {.text = ""};
    char yaml[128], path[128];
    snprintf(yaml, sizeof yaml, "path: '%s/%%{+yyyy}/%%{+MM}'\nfilename: x", f->directory);
    f->world.started = INT64_C(1738555506) * SECOND;
    assert_true(settings_read(&output_file, yaml, f->settings, &f->arena, &why));
    f->self = output_file.open(f->settings, &f->world, &why);
    assert_non_null(f->self);
    snprintf(path, sizeof path, "%s/2025/02", f->directory);
    assert_int_equal(access(path, X_OK), 0);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[] = {
        "filename: a",
        "path: ''",
        "path: /tmp/%{[type]}",
        "path: /tmp\nfilename: a/b",
        "path: /tmp\npermissions: rw",
        "path: /tmp\npermissions: '0888'",
        "path: /tmp\npermissions: '01777'",
        "path: /tmp\npermissions: '-1'",
        "path: /tmp\nnumber_of_files: 1",
        "path: /tmp\nnumber_of_files: 1025",
        "path: /tmp\nrotate_every_kb: 0",
        "path: /tmp\ncodec.format.string: '%{[message]}'",
        "path: /tmp\nrotate_every_mb: 7",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error why = {.text = ""};
        if (settings_read(&output_file, cases[i], f->settings, &f->arena, &why))
            fail_msg("accepted: %s", cases[i]);
        assert_true(why.text[0] != '\0');
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_become_lines),
        TEST(rows_apart_become_lines),
        TEST(every_other_row_may_be_sent_alone),
        TEST(size_rotates_between_rows),
        TEST(a_file_may_be_exactly_full),
        TEST(old_files_are_bounded),
        TEST(start_begins_a_new_file_or_goes_on),
        TEST(a_line_left_unfinished_is_ended),
        TEST(interval_rotates_what_is_not_empty),
        TEST(reopen_follows_a_rotation_from_outside),
        TEST(a_file_removed_is_made_again),
        TEST(a_full_disk_neither_tears_nor_doubles),
        TEST(rotation_that_fails_keeps_the_rows),
        TEST(unwritable_is_said_in_one_line),
        TEST(path_holds_the_time_of_the_start),
        TEST(settings_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
