// SPDX-License-Identifier: Apache-2.0
// Standard output is a pipe here while an output writes, and the tests read its other end.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"
#include "tests/unit/outputs/harness.h"

extern const struct output output_console;

struct fixture {
    struct arena arena;
    struct batch_home *home;
    struct batch *batches[16];
    int batch_count;
    _Alignas(16) char settings[512];
    struct output_world world;
    _Atomic int asked_to_stop;
    struct load load;
    void *self;
    int stdout_before, reader;
};

static void ask_stop(void *arg)
{
    ((struct fixture *)arg)->asked_to_stop++;
}

static int setup(void **state)
{
    static struct fixture f;
    int ends[2];
    memset(&f, 0, sizeof f);
    signal(SIGPIPE, SIG_IGN);
    f.home = batch_home_new(16);
    f.world = (struct output_world){.ask_stop = ask_stop, .ask_stop_arg = &f};
    fflush(stdout);
    f.stdout_before = dup(STDOUT_FILENO);
    *state = &f;
    if (!arena_init(&f.arena, 1 << 20) || pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    f.reader = ends[0];
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->self)
        output_console.close(f->self);
    for (int i = 0; i < f->batch_count; i++)
        batch_release(f->batches[i]);
    batch_home_free(f->home);
    arena_free(&f->arena);
    dup2(f->stdout_before, STDOUT_FILENO);
    close(f->stdout_before);
    if (f->reader >= 0)
        close(f->reader);
    return 0;
}

static void begin(struct fixture *f, const char *yaml)
{
    struct error why = {.text = ""};
    assert_true(settings_read(&output_console, yaml, f->settings, &f->arena, &why));
    f->self = output_console.open(f->settings, &f->world, &why);
    assert_non_null(f->self);
}

static void add(struct fixture *f, unsigned first, unsigned rows, size_t size)
{
    struct batch *b = fill_batch(f->home, first, rows, size);
    f->batches[f->batch_count++] = b;
    load_add(&f->load, b);
}

static void add_text(struct fixture *f, const char *json)
{
    struct batch *b = batch_open(f->home, true);
    struct pen pen = batch_pen(b);
    pen_raw(&pen, span_text(json));
    batch_commit(b, &pen, (struct row){.time = 0});
    f->batches[f->batch_count++] = b;
    load_add(&f->load, b);
}

// What has been written, up to `size` bytes.
static size_t read_some(const struct fixture *f, char *to, size_t size)
{
    ssize_t n = read(f->reader, to, size);
    return n > 0 ? (size_t)n : 0;
}

static void rows_become_lines(void **state)
{
    struct fixture *f = *state;
    char text[4096] = "";
    begin(f, "");
    add(f, 7, 2, 30);
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(load_answered(&f->load, DELIVERED), 2);
    assert_int_equal(read_some(f, text, sizeof text), 62);
    assert_memory_equal(text, "{\"n\":7,\"pad\":\"xxxxxxxxxxxxxx\"}\n{\"n\":8,", 38);
    assert_int_equal(text[61], '\n');
}

static void pretty_spreads_documents(void **state)
{
    struct fixture *f = *state;
    char text[4096] = "";
    begin(f, "codec.json.pretty: true");
    add_text(f, "{\"a\":1,\"b\":{\"c\":[1,\"x,y:{z}\\\"]\",{}],\"d\":[]},\"e\":\"\\\\\"}");
    add_text(f, "{}");
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(load_answered(&f->load, DELIVERED), 2);
    read_some(f, text, sizeof text - 1);
    assert_string_equal(text, "{\n"
                              "  \"a\": 1,\n"
                              "  \"b\": {\n"
                              "    \"c\": [\n"
                              "      1,\n"
                              "      \"x,y:{z}\\\"]\",\n"
                              "      {}\n"
                              "    ],\n"
                              "    \"d\": []\n"
                              "  },\n"
                              "  \"e\": \"\\\\\"\n"
                              "}\n"
                              "{}\n");
}

// Not our own documents, but nothing may be read or written where it should not.
static void pretty_survives_garbage(void **state)
{
    struct fixture *f = *state;
    static const char *const garbage[] = {"}}}}]]]]", "\"\\", "{\"a", "\"",
                                          "[[[[",     "{]",   ",:,:", ""};
    char text[8192];
    begin(f, "pretty: true");
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        add_text(f, garbage[i]);
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(load_answered(&f->load, DELIVERED), 8);
    read_some(f, text, sizeof text);
}

static void depth_has_a_ceiling_in_blanks_only(void **state)
{
    struct fixture *f = *state;
    char deep[401];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    deep[400] = '\0';
    begin(f, "pretty: true");
    add_text(f, deep);
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(load_answered(&f->load, DELIVERED), 1);
    char *text = calloc(1, 65536);
    size_t len = read_some(f, text, 65536), brackets = 0;
    for (size_t i = 0; i < len; i++)
        brackets += text[i] == '[' || text[i] == ']';
    free(text);
    assert_int_equal(brackets, 400);
}

static void a_reader_that_left_ends_it(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    close(f->reader);
    f->reader = -1;
    add(f, 0, 10, 50);
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(load_answered(&f->load, REFUSED), 10);
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(load_answered(&f->load, REFUSED), 10);
    assert_int_equal(f->asked_to_stop, 1);
}

struct reading {
    int fd;
    char *text;
    size_t len, ceiling;
};

static void *read_slowly(void *argument)
{
    struct reading *r = argument;
    ssize_t n;
    while (r->len < r->ceiling && (n = read(r->fd, r->text + r->len, 5000)) > 0) {
        r->len += (size_t)n;
        clock_sleep(MILLISECOND / 4);
    }
    return NULL;
}

static void a_slow_reader_gets_all_of_it(void **state)
{
    struct fixture *f = *state;
    struct reading r = {.fd = f->reader, .ceiling = 1200 * 501};
    r.text = calloc(1, r.ceiling + 5000);
    begin(f, "");
    assert_int_equal(fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK), 0);
    for (unsigned n = 0; n < 1200; n += 100)
        add(f, n, 100, 500);
    pthread_t thread = thread_start("read", read_slowly, &r);
    load_send(&f->load, &output_console, f->self);
    thread_join(thread);
    assert_int_equal(load_answered(&f->load, DELIVERED), 1200);
    for (unsigned n = 0; n < 1200; n++) {
        unsigned number = UINT32_MAX;
        assert_int_equal(sscanf(r.text + n * 501, "{\"n\":%u,", &number), 1);
        assert_int_equal(number, n);
        assert_int_equal(r.text[n * 501 + 500], '\n');
    }
    free(r.text);
}

static void *stop_soon(void *argument)
{
    clock_sleep(20 * MILLISECOND);
    output_console.stop(argument);
    return NULL;
}

static void stop_ends_the_wait_for_a_reader(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    assert_int_equal(fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK), 0);
    add(f, 0, 400, 500);
    pthread_t thread = thread_start("stop", stop_soon, f->self);
    load_send(&f->load, &output_console, f->self);
    thread_join(thread);
    assert_in_range(load_answered(&f->load, DELIVERED), 1, 399);
    assert_int_equal(load_answered(&f->load, DELIVERED) + load_answered(&f->load, TRY_LATER), 400);
}

// Standard output is a file whose size is limited, which cuts a document short.
static int limited_file(struct fixture *f)
{
    char path[] = "/tmp/weir-console-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    dup2(fd, STDOUT_FILENO);
    close(f->reader);
    f->reader = fd;
    return fd;
}

static void a_document_written_in_part_is_gone_on_with(void **state)
{
    struct fixture *f = *state;
    char text[4096] = "";
    int fd = limited_file(f);
    begin(f, "");
    add(f, 0, 10, 99);
    for (size_t room = 30; f->load.parcel.count; room += 130) {
        limit_files(room);
        load_send(&f->load, &output_console, f->self);
        limit_files(SIZE_MAX);
        load_keep_unanswered(&f->load);
    }
    assert_int_equal(pread(fd, text, sizeof text, 0), 1000);
    for (unsigned n = 0; n < 10; n++) {
        unsigned number = UINT32_MAX;
        assert_int_equal(sscanf(text + n * 100, "{\"n\":%u,", &number), 1);
        assert_int_equal(number, n);
        assert_int_equal(text[n * 100 + 99], '\n');
    }
}

static void a_document_given_up_ends_its_line(void **state)
{
    struct fixture *f = *state;
    char text[4096] = "";
    int fd = limited_file(f);
    begin(f, "");
    add(f, 0, 1, 99);
    limit_files(10);
    load_send(&f->load, &output_console, f->self);
    limit_files(SIZE_MAX);
    memset(&f->load, 0, sizeof f->load);
    batch_release(f->batches[--f->batch_count]); // the next row lies where this one was
    add(f, 1, 1, 20);
    load_send(&f->load, &output_console, f->self);
    assert_int_equal(pread(fd, text, sizeof text, 0), 32);
    assert_memory_equal(text, "{\"n\":0,\"pa\n{\"n\":1,", 18);
}

static void a_closed_standard_output_is_said(void **state)
{
    struct fixture *f = *state;
    struct error why = {.text = ""};
    assert_true(settings_read(&output_console, "", f->settings, &f->arena, &why));
    close(STDOUT_FILENO);
    assert_null(output_console.open(f->settings, &f->world, &why));
    assert_string_equal(why.text, "standard output is closed");
}

static void formats_are_refused(void **state)
{
    struct fixture *f = *state;
    struct error why = {.text = ""};
    assert_false(
        settings_read(&output_console, "codec.format.string: x", f->settings, &f->arena, &why));
    assert_non_null(strstr(why.text, "codec.format"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_become_lines),
        TEST(pretty_spreads_documents),
        TEST(pretty_survives_garbage),
        TEST(depth_has_a_ceiling_in_blanks_only),
        TEST(a_reader_that_left_ends_it),
        TEST(a_slow_reader_gets_all_of_it),
        TEST(stop_ends_the_wait_for_a_reader),
        TEST(a_document_written_in_part_is_gone_on_with),
        TEST(a_document_given_up_ends_its_line),
        TEST(a_closed_standard_output_is_said),
        TEST(formats_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
