// SPDX-License-Identifier: Apache-2.0
// decode_base64_field: with and without padding, and what is none.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *value, const char *more)
{
    struct processor_chain *c =
        chain(arena_printf(&arena,
                           "processors: [{add_fields: {target: '', fields: {v: %s}}}, "
                           "{decode_base64_field: {field: {from: v%s}}}]",
                           value, more));
    assert_true(processors_run(c, &event));
    return document();
}

static void decodes(void **state)
{
    (void)state;
    assert_string_equal(made("'Y29ycmVjdA=='", ", to: w"),
                        "{\"v\":\"Y29ycmVjdA==\",\"w\":\"correct\"}");
    assert_string_equal(made("'Y29ycmVjdA'", ""), "{\"v\":\"correct\"}");
    assert_string_equal(made("''", ""), "{\"v\":\"\"}");
    assert_string_equal(made("'a b'", ""), "{\"error\":{\"message\":\"cannot decode v: it is not "
                                           "base 64\"},\"v\":\"a b\"}");
    refused("processors: [{decode_base64_field: {field: {to: a}}}]", "field.from");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
