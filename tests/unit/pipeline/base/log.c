// SPDX-License-Identifier: Apache-2.0
// The log: both forms of a line, levels and selectors, what repeats, rotation, threads.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-log-XXXXXX";
static char path[64];
static char content[1 << 20];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char name[80];
    log_close();
    unlink(path);
    for (int i = 1; i < 9; i++) {
        snprintf(name, sizeof name, "%s.%d", path, i);
        unlink(name);
    }
    return rmdir(folder);
}

// What the file holds; NULL if there is none.
static const char *read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    if (!file)
        return NULL;
    size_t len = fread(content, 1, sizeof content - 1, file);
    content[len] = 0;
    fclose(file);
    return content;
}

static void open_log(struct log_setup setup)
{
    char why[512];
    unlink(path);
    setup.path = path;
    assert_true(log_open(&setup, why));
}

static void test_a_line_of_text(void **state)
{
    (void)state;
    open_log((struct log_setup){.level = LOG_INFO});
    errno = ENOENT;
    log_say(LOG_INFO, "outputs.file", "opened %s\n\x1b[1m", "x");
    assert_int_equal(errno, ENOENT);
    const char *line = read_file(path);
    assert_int_equal(line[4], '-');
    assert_int_equal(line[23], 'Z');
    assert_string_equal(line + 24, "  INFO  outputs.file  opened x  [1m\n");
    log_fields(LOG_ERROR, "stats", "metrics", "\"a\":1");
    assert_non_null(strstr(read_file(path), "  ERROR stats  metrics  {\"a\":1}\n"));
}

static void test_a_line_of_json(void **state)
{
    (void)state;
    open_log((struct log_setup){.level = LOG_INFO, .json = true});
    log_say(LOG_WARNING, "outputs.file", "a \"%s\"\n", "quote\xff");
    const char *line = read_file(path);
    assert_true(
        span_starts(span_text(line), span_text("{\"log.level\":\"warn\",\"@timestamp\":\"20")));
    assert_string_equal(strchr(line, 'Z'),
                        "Z\",\"log.logger\":\"outputs.file\",\"message\":\"a \\\"quote\xef\xbf\xbd"
                        "\\\"\\n\",\"service.name\":\"weir\",\"ecs.version\":\"1.6.0\"}\n");
    log_fields(LOG_INFO, "stats", "metrics", "\"a\":{\"b\":1}");
    assert_non_null(strstr(read_file(path), "\"ecs.version\":\"1.6.0\",\"a\":{\"b\":1}}\n"));
    log_fields(LOG_INFO, "stats", "none", NULL);
    assert_non_null(strstr(read_file(path), "\"message\":\"none\",\"service.name\":\"weir\","
                                            "\"ecs.version\":\"1.6.0\"}\n"));
}

static void test_cuts_what_is_too_long(void **state)
{
    (void)state;
    open_log((struct log_setup){.level = LOG_INFO, .json = true});
    char text[10000];
    memset(text, 1, sizeof text - 1); // six bytes each as JSON
    text[sizeof text - 1] = 0;
    log_say(LOG_INFO, "test", "%s", text);
    const char *line = read_file(path);
    size_t len = strlen(line);
    assert_in_range(len, 12000, 13000);
    assert_string_equal(line + len - 2, "}\n");
}

static void test_levels_and_selectors(void **state)
{
    (void)state;
    open_log((struct log_setup){.level = LOG_WARNING});
    log_say(LOG_INFO, "a", "not this");
    log_say(LOG_ERROR, "a", "this");
    assert_null(strstr(read_file(path), "not"));
    assert_non_null(strstr(content, "this"));
    assert_false(log_debugs("a"));

    open_log((struct log_setup){.level = LOG_DEBUG, .selectors = "dns, outputs.file"});
    assert_true(log_debugs("dns"));
    assert_true(log_debugs("outputs.file"));
    assert_false(log_debugs("outputs"));
    assert_false(log_debugs("dn"));
    log_say(LOG_DEBUG, "http", "not this");
    log_say(LOG_DEBUG, "dns", "but this");
    log_say(LOG_INFO, "http", "and this");
    assert_null(strstr(read_file(path), "not"));
    assert_non_null(strstr(content, "but this"));
    assert_non_null(strstr(content, "and this"));

    open_log((struct log_setup){.level = LOG_DEBUG, .selectors = "*"});
    assert_true(log_debugs("anything"));
    open_log((struct log_setup){.level = LOG_DEBUG});
    assert_false(log_debugs("anything"));
}

static void test_says_how_often_it_was_silent(void **state)
{
    (void)state;
    open_log((struct log_setup){.level = LOG_INFO});
    static struct log_limit limit;
    for (int i = 0; i < 10; i++)
        log_seldom(&limit, LOG_INFO, "test", "repeats %d", i);
    assert_non_null(strstr(read_file(path), "repeats 0\n"));
    assert_null(strstr(content, "repeats 1"));
    limit.next = clock_steady() - 1; // a minute later
    log_seldom(&limit, LOG_INFO, "test", "repeats again");
    assert_non_null(strstr(read_file(path), "repeats again (and 9 times more before)\n"));
    limit.next = clock_steady() - 1;
    log_seldom(&limit, LOG_INFO, "test", "repeats thrice");
    assert_non_null(strstr(read_file(path), "repeats thrice\n"));
    log_seldom(&limit, LOG_DEBUG, "test", "never counted");
    assert_int_equal(limit.held, 0);
}

static void test_rotates_by_size(void **state)
{
    (void)state;
    char name[80];
    open_log((struct log_setup){.level = LOG_INFO, .rotate_bytes = 1000, .keep_files = 2});
    struct stat status;
    for (int i = 0; i < 200; i++) {
        log_say(LOG_INFO, "test", "line %03d", i);
        assert_int_equal(stat(path, &status), 0);
        assert_in_range(status.st_size, 40, 1000);
    }
    assert_non_null(strstr(read_file(path), "line 199\n"));
    snprintf(name, sizeof name, "%s.2", path);
    assert_non_null(read_file(name));
    const char *oldest = strstr(content, "line ");
    assert_non_null(oldest);
    int next = atoi(oldest + 5); // from the oldest kept on none is missing
    for (int i = 2; i >= 0; i--) {
        snprintf(name, sizeof name, i ? "%s.%d" : "%s", path, i);
        const char *at = read_file(name);
        assert_non_null(at);
        while ((at = strstr(at, "line ")))
            assert_int_equal(atoi(at += 5), next++);
    }
    assert_int_equal(next, 200);
    snprintf(name, sizeof name, "%s.3", path);
    assert_null(read_file(name));
}

static void test_opens_anew_after_a_rotation_from_outside(void **state)
{
    (void)state;
    char moved[80];
    snprintf(moved, sizeof moved, "%s.1", path);
    open_log((struct log_setup){.level = LOG_INFO, .permissions = 0640});
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777 & ~0640u, 0);
    log_say(LOG_INFO, "test", "before");
    assert_int_equal(rename(path, moved), 0);
    log_say(LOG_INFO, "test", "still there");
    log_reopen();
    log_say(LOG_INFO, "test", "after");
    assert_non_null(strstr(read_file(moved), "still there"));
    assert_non_null(strstr(read_file(path), "after"));
    assert_null(strstr(content, "before"));
}

static int saved_stderr;

static void catch_standard_error(void)
{
    saved_stderr = dup(STDERR_FILENO);
    unlink(path);
    assert_non_null(freopen(path, "a", stderr));
}

static void let_standard_error_go(void)
{
    fflush(stderr);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
}

static void test_goes_to_standard_error_if_the_file_cannot_be(void **state)
{
    (void)state;
    char why[512] = "";
    const struct log_setup setup = {.level = LOG_INFO, .path = "/nonexistent/log"};
    catch_standard_error();
    bool opened = log_open(&setup, why);
    log_say(LOG_INFO, "test", "to standard error");
    log_reopen(); // fails and says so
    log_close();
    log_say(LOG_INFO, "test", "after the end");
    let_standard_error_go();
    assert_false(opened);
    assert_string_equal(why, "/nonexistent/log: No such file or directory");
    assert_non_null(strstr(read_file(path), "to standard error\n"));
    assert_non_null(strstr(content, "/nonexistent/log: No such file"));
    assert_non_null(strstr(content, "after the end\n"));
}

static void test_a_full_disk_loses_no_line_and_no_errno(void **state)
{
    (void)state;
    char why[512] = "";
    const struct log_setup setup = {.level = LOG_INFO, .path = "/dev/full"};
    catch_standard_error();
    bool opened = log_open(&setup, why);
    errno = ENOENT;
    log_say(LOG_INFO, "test", "no space there");
    int error = errno;
    let_standard_error_go();
    assert_true(opened);
    assert_int_equal(error, ENOENT);
    assert_non_null(strstr(read_file(path), "no space there\n"));
}

static void *write_lines(void *argument)
{
    for (int i = 0; i < 200; i++)
        log_say(LOG_INFO, "test", "thread %s line %d of many", (const char *)argument, i);
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    open_log((struct log_setup){.level = LOG_INFO});
    pthread_t one = thread_start("one", write_lines, "one");
    pthread_t two = thread_start("two", write_lines, "two");
    thread_join(one);
    thread_join(two);
    int lines = 0;
    struct span rest = span_text(read_file(path));
    while (rest.len) {
        struct span line = span_cut(&rest, '\n');
        assert_true(span_ends(line, span_text(" of many")));
        assert_int_equal(span_find_span(span_skip(line, 24), span_text("  INFO  test  thread ")),
                         0);
        lines++;
    }
    assert_int_equal(lines, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_of_text),
        cmocka_unit_test(test_a_line_of_json),
        cmocka_unit_test(test_cuts_what_is_too_long),
        cmocka_unit_test(test_levels_and_selectors),
        cmocka_unit_test(test_says_how_often_it_was_silent),
        cmocka_unit_test(test_rotates_by_size),
        cmocka_unit_test(test_opens_anew_after_a_rotation_from_outside),
        cmocka_unit_test(test_goes_to_standard_error_if_the_file_cannot_be),
        cmocka_unit_test(test_a_full_disk_loses_no_line_and_no_errno),
        cmocka_unit_test(test_lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
