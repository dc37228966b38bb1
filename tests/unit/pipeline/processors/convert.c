// SPDX-License-Identifier: Apache-2.0
// convert: each type from each kind of value, in place, copied and renamed.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *value, const char *settings)
{
    struct processor_chain *c = chain(arena_printf(
        &arena, "processors: [{add_fields: {target: '', fields: {v: %s}}}, {convert: {%s}}]", value,
        settings));
    assert_true(processors_run(c, &event));
    return document();
}

#define TO(type) "fields: [{from: v, type: " type "}]"

static void types(void **state)
{
    (void)state;
    assert_string_equal(made("'12'", TO("integer")), "{\"v\":12}");
    assert_string_equal(made("'-0x10'", TO("long")), "{\"v\":-16}");
    assert_string_equal(made("'+7'", TO("long")), "{\"v\":7}");
    assert_string_equal(made("1.9", TO("long")), "{\"v\":1}");
    assert_string_equal(made("'1.5'", TO("double")), "{\"v\":1.5}");
    assert_string_equal(made("3", TO("double")), "{\"v\":3}");
    assert_string_equal(made("0.1", TO("float")), "{\"v\":0.10000000149011612}");
    assert_string_equal(made("12", TO("string")), "{\"v\":\"12\"}");
    assert_string_equal(made("true", TO("string")), "{\"v\":\"true\"}");
    assert_string_equal(made("'T'", TO("boolean")), "{\"v\":true}");
    assert_string_equal(made("'0'", TO("boolean")), "{\"v\":false}");
    assert_string_equal(made("'2001:DB8:0::1'", TO("ip")), "{\"v\":\"2001:db8::1\"}");
}

#define FAILS(type, value, shown)                                                    \
    assert_string_equal(made(value, TO(type)),                                       \
                        "{\"error\":{\"message\":\"cannot convert v: it is no " type \
                        "\"},\"v\":" shown "}")

static void failures(void **state)
{
    (void)state;
    FAILS("integer", "'2147483648'", "\"2147483648\"");
    FAILS("long", "'9223372036854775808'", "\"9223372036854775808\"");
    FAILS("long", "' 1'", "\" 1\"");
    FAILS("long", "-9.25e18", "-9.25e+18");
    FAILS("long", "''", "\"\"");
    FAILS("long", "'1x'", "\"1x\"");
    FAILS("double", "'nan'", "\"nan\"");
    FAILS("boolean", "'yes'", "\"yes\"");
    FAILS("boolean", "1", "1");
    FAILS("ip", "'10.0.0'", "\"10.0.0\"");
    FAILS("string", "[1]", "[1]");
}

static void modes(void **state)
{
    (void)state;
    assert_string_equal(made("'1'", "fields: [{from: v, to: w.x, type: long}]"),
                        "{\"v\":\"1\",\"w\":{\"x\":1}}");
    assert_string_equal(made("'1'", "fields: [{from: v, to: w, type: long}], mode: rename"),
                        "{\"w\":1}");
    assert_string_equal(made("'1'", "fields: [{from: v, to: w}], mode: rename"), "{\"w\":\"1\"}");
    assert_string_equal(made("'x'",
                             "fields: [{from: none, type: long}, {from: v, to: w, type: long}], "
                             "ignore_missing: true, fail_on_error: false"),
                        "{\"v\":\"x\"}");
    assert_string_equal(made("'1'", "fields: [{from: v, to: w, type: long}, {from: v, type: ip}]"),
                        "{\"error\":{\"message\":\"cannot convert v: it is no ip\"},\"v\":\"1\"}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{convert: {fields: [{from: a, type: int}]}}]", "expected integer");
    refused("processors: [{convert: {fields: [{from: a}]}}]", "to or type");
    refused("processors: [{convert: {fields: a}}]", "list");
    refused("processors: [{convert: {fields: [{from: a, type: ip}], mode: move}}]", "rename");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(types),
        test(failures),
        test(modes),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
