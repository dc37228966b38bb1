// SPDX-License-Identifier: Apache-2.0
// urldecode: escapes, blanks, and what is broken.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *value, const char *more)
{
    struct processor_chain *c =
        chain(arena_printf(&arena,
                           "processors: [{add_fields: {target: '', fields: {v: %s}}}, "
                           "{urldecode: {fields: [{from: v%s}]}}]",
                           value, more));
    assert_true(processors_run(c, &event));
    return document();
}

static void escapes(void **state)
{
    (void)state;
    assert_string_equal(made("'a%20b+c%2Fd%c3%A4'", ""), "{\"v\":\"a b c/dä\"}");
    assert_string_equal(made("'%41'", ", to: w"), "{\"v\":\"%41\",\"w\":\"A\"}");
    assert_string_equal(made("''", ""), "{\"v\":\"\"}");
}

#define FAILS(value)                                                                  \
    assert_string_equal(made("'" value "'", ""),                                      \
                        "{\"error\":{\"message\":\"cannot decode v: it has a broken " \
                        "escape\"},\"v\":\"" value "\"}")

static void broken_ones(void **state)
{
    (void)state;
    FAILS("%");
    FAILS("%4");
    FAILS("a%zz");
    FAILS("%4g");
    assert_string_equal(made("1", ""),
                        "{\"error\":{\"message\":\"cannot decode v: it is no text\"},\"v\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(escapes),
        test(broken_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
