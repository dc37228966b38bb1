// SPDX-License-Identifier: Apache-2.0
#include "outputs/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"

// 2025-02-03T04:05:06Z, day 34 of the year
static const int64_t moment = INT64_C(1738555506) * SECOND;

struct fixture {
    char directory[64];
    struct series series;
};

static int setup(void **state)
{
    static struct fixture f;
    strcpy(f.directory, "/tmp/weir-series-XXXXXX");
    f.series = (struct series){f.directory, "e-v"};
    *state = &f;
    return mkdtemp(f.directory) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    return system(command);
}

static void touch(const struct fixture *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("0123456789", file);
    fclose(file);
}

static bool is_there(const struct fixture *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    return access(path, F_OK) == 0;
}

static void newest_is_by_day_then_number(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(series_newest(&f->series).day, 0);
    touch(f, "e-v-20250131.ndjson");
    touch(f, "e-v-20250131-9.ndjson");
    touch(f, "e-v-20250131-10.ndjson");
    touch(f, "e-v-20241231-77.ndjson");
    struct series_file newest = series_newest(&f->series);
    assert_int_equal(newest.day, 20250131);
    assert_int_equal(newest.number, 10);
}

static void files_of_others_are_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const others[] = {
        "e-v.ndjson",
        "e-v-.ndjson",
        "e-v-2025013.ndjson",
        "e-v-20250131.json",
        "e-v-20250131-.ndjson",
        "e-v-20250131-0.ndjson",
        "e-v-20250131-x.ndjson",
        "e-v-20250131x.ndjson",
        "e-v-99999999-4294967295.ndjson",
        "x-20250131.ndjson",
        "e-v-20250131-99999999999999999999.ndjson",
        "e-v20250131.ndjson",
        "e-v-2025-131.ndjson",
        "e-v-00000000.ndjson",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        touch(f, others[i]);
    uint64_t bytes = 0;
    assert_int_equal(series_newest(&f->series).day, 0);
    assert_int_equal(series_trim(&f->series, (struct series_file){20250201, 0}, 0, &bytes), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(is_there(f, others[i]));
}

static void next_never_steps_back(void **state)
{
    (void)state;
    struct series_file next = series_next((struct series_file){0, 0}, moment);
    assert_int_equal(next.day, 20250203);
    assert_int_equal(next.number, 0);
    next = series_next((struct series_file){20250203, 4}, moment);
    assert_int_equal(next.number, 5);
    next = series_next((struct series_file){20250202, 4}, moment);
    assert_int_equal(next.day, 20250203);
    assert_int_equal(next.number, 0);
    next = series_next((struct series_file){20260101, 4}, moment); // the clock was set back
    assert_int_equal(next.day, 20260101);
    assert_int_equal(next.number, 5);
}

static void trim_removes_the_oldest(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes = 0;
    touch(f, "e-v-20250131.ndjson");
    touch(f, "e-v-20250131-2.ndjson");
    touch(f, "e-v-20250131-10.ndjson");
    touch(f, "e-v-20250201.ndjson");
    struct series_file current = {20250201, 0};
    assert_int_equal(series_trim(&f->series, current, 3, &bytes), 0);
    assert_int_equal(series_trim(&f->series, current, 1, &bytes), 2);
    assert_int_equal(bytes, 20);
    assert_false(is_there(f, "e-v-20250131.ndjson"));
    assert_false(is_there(f, "e-v-20250131-2.ndjson"));
    assert_true(is_there(f, "e-v-20250131-10.ndjson"));
    assert_true(is_there(f, "e-v-20250201.ndjson"));
}

static void paths_that_do_not_fit_are_refused(void **state)
{
    struct fixture *f = *state;
    char path[256];
    assert_true(series_path(&f->series, (struct series_file){20250201, 7}, path, sizeof path));
    assert_non_null(strstr(path, "/e-v-20250201-7.ndjson"));
    assert_false(series_path(&f->series, (struct series_file){20250201, 7}, path, strlen(path)));
}

static void times_are_expanded(void **state)
{
    (void)state;
    static const struct {
        const char *format, *expected; // NULL: refused
    } cases[] = {
        {"/var/lib/x", "/var/lib/x"},
        {"", ""},
        {"/a/%{+yyyy.MM.dd}/b", "/a/2025.02.03/b"},
        {"%{+yy}-%{+M}-%{+d}", "25-2-3"},
        {"%{+YYYY-MM-dd'T'HH:mm:ss}", "2025-02-03T04:05:06"},
        {"%{+DDD}", "034"},
        {"100%", "100%"},
        {"%{+yyyy", NULL},
        {"%{[agent.version]}", NULL},
        {"%{}", NULL},
        {"%{+MMM}", NULL},
        {"%{+yyyy 'open}", NULL},
        {"%{+yyyyyyyyyyyyyyyyyyyyyyyyyyyyy}", NULL},
        {"%{+Q}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64] = "untouched";
        struct error why = {.text = ""};
        bool ok = time_expand(cases[i].format, moment, out, sizeof out, &why);
        assert_int_equal(ok, cases[i].expected != NULL);
        if (ok)
            assert_string_equal(out, cases[i].expected);
        else
            assert_non_null(strstr(why.text, cases[i].format));
    }
}

static void expansions_too_long_are_refused(void **state)
{
    (void)state;
    char out[8];
    struct error why;
    assert_true(time_expand("1234567", moment, out, sizeof out, &why));
    assert_string_equal(out, "1234567");
    assert_false(time_expand("12345678", moment, out, sizeof out, &why));
    assert_false(time_expand("1234%{+yyyy}", moment, out, sizeof out, &why));
    assert_false(time_expand("a path of many more bytes than there is room for", moment, out,
                             sizeof out, &why));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newest_is_by_day_then_number),
        TEST(files_of_others_are_left_alone),
        TEST(next_never_steps_back),
        TEST(trim_removes_the_oldest),
        TEST(paths_that_do_not_fit_are_refused),
        cmocka_unit_test(times_are_expanded),
        cmocka_unit_test(expansions_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
