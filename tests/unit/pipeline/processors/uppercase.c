// SPDX-License-Identifier: Apache-2.0
// uppercase: names, whole or their last part, and texts.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *fields, const char *settings)
{
    struct processor_chain *c = chain(arena_printf(
        &arena, "processors: [{add_fields: {target: '', fields: {%s}}}, {uppercase: {%s}}]", fields,
        settings));
    assert_true(processors_run(c, &event));
    return document();
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(made("a.b: 1", "fields: [a.b]"), "{\"a\":{\"B\":1}}");
    assert_string_equal(made("a.b: 1", "fields: [a.b], alter_full_field: true"),
                        "{\"A\":{\"B\":1}}");
    assert_string_equal(made("a.b: 1", "fields: [A.B]"), "{\"A\":{\"B\":1}}");
    assert_string_equal(made("a: {b: 1, c: 2}", "fields: [a]"), "{\"A\":{\"b\":1,\"c\":2}}");
    assert_string_equal(
        made("a: 1, A: 2", "fields: [a]"),
        "{\"A\":2,\"a\":1,\"error\":{\"message\":\"cannot uppercase a to A: the new name is "
        "taken\"}}");
}

static void values(void **state)
{
    (void)state;
    assert_string_equal(made("a: 'xY1ä'", "values: [a]"), "{\"a\":\"XY1ä\"}");
    assert_string_equal(made("a: [x, 1, y]", "values: [a]"), "{\"a\":[\"X\",1,\"Y\"]}");
    assert_string_equal(made("a: 1", "values: [a], fail_on_error: false"), "{\"a\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(names),
        test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
