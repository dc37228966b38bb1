// SPDX-License-Identifier: Apache-2.0
#include "pipeline/base/directory.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[64], path[PATH_MAX + 16];

static int setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/weir-directory-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", top);
    return system(command);
}

static bool make(const char *below)
{
    snprintf(path, sizeof path, "%s/%s", top, below);
    return directory_make(path, 0750);
}

static bool is_directory(const char *below)
{
    struct stat there;
    snprintf(path, sizeof path, "%s/%s", top, below);
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode);
}

static void makes_all_that_is_missing(void **state)
{
    (void)state;
    assert_true(make("a/b/c"));
    assert_true(is_directory("a/b/c"));
    assert_true(make("a/b/c"));
    assert_true(make("a//b/d/"));
    assert_true(is_directory("a/b/d"));
    assert_true(directory_make("/", 0750));
    assert_true(directory_make(".", 0750));
}

static void says_what_stands_in_the_way(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/file", top);
    fclose(fopen(path, "w"));
    assert_false(make("file"));
    assert_int_equal(errno, ENOTDIR);
    assert_false(make("file/below"));
    assert_int_equal(errno, ENOTDIR);
    assert_false(directory_make("", 0750));
    assert_int_equal(errno, ENOENT);
}

static void refuses_paths_that_are_too_long(void **state)
{
    (void)state;
    memset(path, 'x', PATH_MAX);
    path[PATH_MAX] = '\0';
    assert_false(directory_make(path, 0750));
    assert_int_equal(errno, ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_all_that_is_missing),
        TEST(says_what_stands_in_the_way),
        TEST(refuses_paths_that_are_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
