// SPDX-License-Identifier: Apache-2.0
// move_fields: named ones and all, with exceptions; missing ones.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *settings)
{
    struct processor_chain *c = chain(arena_printf(
        &arena,
        "processors: [{add_fields: {target: '', fields: {app: {method: m, took: 1, x: {y: 2}}}}}, "
        "{move_fields: {%s}}]",
        settings));
    assert_true(processors_run(c, &event));
    return document();
}

#define APP "\"app\":{\"method\":\"m\",\"took\":1,\"x\":{\"y\":2}}"

static void named_ones(void **state)
{
    (void)state;
    assert_string_equal(made("from: app, fields: [method, x], to: 'rpc.'"),
                        "{\"app\":{\"took\":1},\"rpc\":{\"method\":\"m\",\"x\":{\"y\":2}}}");
    assert_string_equal(made("from: app, fields: [method, took], exclude: took, to: my_"),
                        "{\"app\":{\"took\":1,\"x\":{\"y\":2}},\"my_method\":\"m\"}");
    assert_string_equal(made("fields: [app], to: 'a.b.'"), "{\"a\":{\"b\":{" APP "}}}");
    assert_string_equal(made("from: app, fields: [method, none], to: 'rpc.'"),
                        "{" APP
                        ",\"error\":{\"message\":\"cannot move app.none to rpc.none: there is "
                        "no such field\"}}");
    assert_string_equal(made("from: app, fields: [took, none], to: 'rpc.', ignore_missing: true"),
                        "{\"app\":{\"method\":\"m\",\"x\":{\"y\":2}},\"rpc\":{\"took\":1}}");
}

static void all(void **state)
{
    (void)state;
    assert_string_equal(made("from: app, to: 'rpc.'"),
                        "{\"rpc\":{\"method\":\"m\",\"took\":1,\"x\":{\"y\":2}}}");
    assert_string_equal(made("from: app, exclude: [x], to: 'rpc.'"),
                        "{\"app\":{\"x\":{\"y\":2}},\"rpc\":{\"method\":\"m\",\"took\":1}}");
    assert_string_equal(made("from: none, to: 'rpc.'"), "{" APP "}");
    refused("processors: [{move_fields: {from: a, to: b_}}]", "a dot at the end");
    refused("processors: [{move_fields: {to: b.}}]", "expected from");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(named_ones),
        test(all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
