// SPDX-License-Identifier: Apache-2.0
// Values that need quotes, values that need changes, and all others.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/csv.h"

static void test_values(void **state)
{
    static const struct {
        const char *value, *line;
    } rows[] = {
        {"plain", "a,plain"},
        {"", "a,"},
        {"a,b", "a,\"a,b\""},
        {"say \"x\"", "a,\"say \"\"x\"\"\""},
        {" led by a blank", "a,\" led by a blank\""},
        {"\ttab", "a,\"\ttab\""},
        {"end ", "a,end "},
        {"two\nlines\r", "a,two\\nlines\\r"},
        {"\\.", "a,\"\\.\""},
        {"\\", "a,\\"},
        {"\n,\"", "a,\"\\n,\"\"\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char place[64] = "";
        struct pen pen = pen_of(place, sizeof place - 1);
        csv_put(&pen, true, span_text("a"));
        csv_put(&pen, false, span_text(rows[i].value));
        assert_string_equal(place, rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
