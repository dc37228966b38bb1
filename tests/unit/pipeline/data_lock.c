// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void the_second_is_refused(void **state)
{
    (void)state;
    char data[] = "/tmp/weir-lock-XXXXXX", file[96], words[64];
    struct error why = {""};
    int first, second;
    assert_non_null(mkdtemp(data));
    snprintf(file, sizeof file, "%s/weir.lock", data);
    assert_true(data_lock_take(data, &first, &why));
    assert_true(first >= 0);
    assert_false(data_lock_take(data, &second, &why));
    assert_int_equal(second, -1);
    snprintf(words, sizeof words, "in use by another process (%d)", (int)getpid());
    assert_non_null(strstr(why.text, words));
    data_lock_give(first);
    assert_true(data_lock_take(data, &second, &why)); // the file is still there
    data_lock_give(second);
    unlink(file);
    rmdir(data);
}

static void where_nothing_can_be_written_nothing_is_locked(void **state)
{
    (void)state;
    int fd = 7;
    assert_true(data_lock_take("/dev/null/data", &fd, NULL));
    assert_int_equal(fd, -1);
    data_lock_give(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_is_refused),
        cmocka_unit_test(where_nothing_can_be_written_nothing_is_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
