// SPDX-License-Identifier: Apache-2.0
// lowercase: names, whole or their last part, and texts.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *fields, const char *settings)
{
    struct processor_chain *c = chain(arena_printf(
        &arena, "processors: [{add_fields: {target: '', fields: {%s}}}, {lowercase: {%s}}]", fields,
        settings));
    assert_true(processors_run(c, &event));
    return document();
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(made("A.B: 1", "fields: [A.B]"), "{\"A\":{\"b\":1}}");
    assert_string_equal(made("A.B: 1", "fields: [A.B], alter_full_field: true"),
                        "{\"a\":{\"b\":1}}");
    assert_string_equal(made("ab: 1", "fields: [AB]"), "{\"ab\":1}");
    assert_string_equal(
        made("ab: 1", "fields: [none]"),
        "{\"ab\":1,\"error\":{\"message\":\"cannot lowercase none: there is no such "
        "field\"}}");
}

static void values(void **state)
{
    (void)state;
    assert_string_equal(made("a: 'xY1Ä'", "values: [a]"), "{\"a\":\"xy1Ä\"}");
    assert_string_equal(made("a: [X, 1, Y]", "values: [a]"), "{\"a\":[\"x\",1,\"y\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(names),
        test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
