// SPDX-License-Identifier: Apache-2.0
// truncate_fields: bytes, characters, whole ones, and the flag.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *value, const char *settings)
{
    struct processor_chain *c =
        chain(arena_printf(&arena,
                           "processors: [{add_fields: {target: '', fields: {v: %s}}}, "
                           "{truncate_fields: {fields: v, %s}}]",
                           value, settings));
    assert_true(processors_run(c, &event));
    return document();
}

#define CUT(text) "{\"log\":{\"flags\":[\"truncated\"]},\"v\":\"" text "\"}"

static void cuts(void **state)
{
    (void)state;
    assert_string_equal(made("abcdef", "max_bytes: 3"), CUT("abc"));
    assert_string_equal(made("abcdef", "max_bytes: 6"), "{\"v\":\"abcdef\"}");
    assert_string_equal(made("aäöü", "max_bytes: 4"), CUT("aä"));
    assert_string_equal(made("aäöü", "max_characters: 3"), CUT("aäö"));
    assert_string_equal(made("aäöü", "max_characters: 4"), "{\"v\":\"aäöü\"}");
    assert_string_equal(made("€€", "max_bytes: 2"), CUT(""));
    assert_string_equal(made("1", "max_bytes: 2"),
                        "{\"error\":{\"message\":\"cannot truncate v: it is "
                        "no text\"},\"v\":1}");
}

static void flags_once(void **state)
{
    (void)state;
    struct processor_chain *c = chain(
        "processors: [{add_fields: {target: '', fields: {a: xxxx, b: yyyy, log.flags: [old]}}}, "
        "{truncate_fields: {fields: [a, none, b], max_bytes: 2, ignore_missing: true}}]");
    assert_true(processors_run(c, &event));
    expect("{\"a\":\"xx\",\"b\":\"yy\",\"log\":{\"flags\":[\"old\",\"truncated\"]}}");
    c = chain("processors: [{add_fields: {target: '', fields: {a: xxxx, log.flags: [old]}}}, "
              "{truncate_fields: {fields: [a, none], max_bytes: 2}}]");
    assert_true(processors_run(c, &event));
    expect("{\"a\":\"xxxx\",\"error\":{\"message\":\"cannot truncate none: there is no such "
           "field\"},\"log\":{\"flags\":[\"old\"]}}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{truncate_fields: {fields: a}}]", "either");
    refused("processors: [{truncate_fields: {fields: a, max_bytes: 1, max_characters: 1}}]",
            "either");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(cuts),
        test(flags_once),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
