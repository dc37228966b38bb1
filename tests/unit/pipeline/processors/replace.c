// SPDX-License-Identifier: Apache-2.0
// replace: all that matches, with groups.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *value, const char *pattern, const char *by)
{
    struct processor_chain *c =
        chain(arena_printf(&arena,
                           "processors: [{add_fields: {target: '', fields: {v: %s}}}, {replace: "
                           "{fields: [{field: v, pattern: '%s', replacement: '%s'}]}}]",
                           value, pattern, by));
    assert_true(processors_run(c, &event));
    return document();
}

static void replaces(void **state)
{
    (void)state;
    assert_string_equal(made("'/a/b/c'", "/", "-"), "{\"v\":\"-a-b-c\"}");
    assert_string_equal(made("'user=joe;'", "(\\w+)=(?<who>\\w+)", "${who}<$1>$$$9"),
                        "{\"v\":\"joe<user>$;\"}");
    assert_string_equal(made("'abc'", "x", "y"), "{\"v\":\"abc\"}");
    assert_string_equal(made("'abc'", "", "."), "{\"v\":\".a.b.c.\"}");
    assert_string_equal(made("''", "^$", "empty"), "{\"v\":\"empty\"}");
}

static void grows_to_a_ceiling(void **state)
{
    (void)state;
    char *text = arena_alloc(&arena, 5003), *by = arena_alloc(&arena, 1001);
    memset(text, 'a', 5002);
    text[0] = text[5001] = '\'';
    memset(by, 'b', 1000);
    assert_non_null(strstr(made(text, "a", by), "cannot replace v: the expression takes too long"));
    assert_int_equal(strlen(made("'aaaaaaaaaa'", "a", by)), 10000 + strlen("{\"v\":\"\"}"));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{replace: {fields: [{field: v, pattern: '(', replacement: ''}]}}]",
            "regular expression");
    refused("processors: [{replace: {fields: [{field: v, pattern: a, replacement: '${'}]}}]",
            "replacement");
    refused("processors: [{replace: {fields: [{field: v, pattern: a}]}}]",
            "expected field, pattern");
    refused("processors: [{replace: {fields: [a]}}]", "expected replacements");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(replaces),
        test(grows_to_a_ceiling),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
