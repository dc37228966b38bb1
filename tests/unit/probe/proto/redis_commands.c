// SPDX-License-Identifier: Apache-2.0
// The table of commands: found by name in any case, sorted, and sound.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/redis_commands.h"

static const char *const names[] = {
#define COMMAND(name, action, role, ...) name,
#include "probe/proto/redis_commands.def"
#undef COMMAND
};

static void finds_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct redis_command *command = redis_command_find(span_text(names[i]));
        assert_non_null(command);
        assert_true(span_is(command->name, span_text(names[i])));
        assert_int_equal(command->action.len, 6 + command->name.len);
        assert_true(command->name.len <= REDIS_NAME);
        for (int k = 0; k < REDIS_PLACES; k++)
            assert_true(!command->keys[k].find || command->keys[k].step > 0);
        assert_true(!i || strcmp(names[i - 1], names[i]) < 0);
    }
    assert_true(sizeof names / sizeof *names > 500);
}

static void finds_in_any_case(void **state)
{
    (void)state;
    const struct redis_command *get = redis_command_find(span_text("GeT"));
    assert_non_null(get);
    assert_true(span_is(get->name, span_text("GET")));
    assert_true(span_is(get->action, span_text("redis.get")));
    assert_int_equal(redis_command_find(span_text("config"))->role, REDIS_CONTAINER);
    assert_int_equal(redis_command_find(span_text("config set"))->role, REDIS_CONFIG_SET);
}

static void finds_no_others(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",     "GE",       "GETX",
        "A",    "ZZZZ",     "CONFIG  SET",
        "GET ", "\xff\xff", "a name that is much longer than any command"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(redis_command_find(span_text(others[i])));
    assert_null(redis_command_find(span_of("GET\0", 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each),
        cmocka_unit_test(finds_in_any_case),
        cmocka_unit_test(finds_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
