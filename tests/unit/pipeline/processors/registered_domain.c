// SPDX-License-Identifier: Apache-2.0
// registered_domain: the three parts of a name, and names without them.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *name, const char *more)
{
    struct processor_chain *c = chain(arena_printf(
        &arena,
        "processors: [{registered_domain: {field: type, target_field: r, target_etld_field: t, "
        "target_subdomain_field: s%s}}]",
        more));
    event_text(&event, TYPE, span_text(name));
    assert_true(processors_run(c, &event));
    event_drop(&event, TYPE);
    return document();
}

static void parts(void **state)
{
    (void)state;
    assert_string_equal(made("www.a.Example.co.uk", ""),
                        "{\"r\":\"Example.co.uk\",\"s\":\"www.a\",\"t\":\"co.uk\"}");
    assert_string_equal(made("example.com.", ""), "{\"r\":\"example.com\",\"t\":\"com\"}");
    assert_string_equal(made("co.uk", ""),
                        "{\"error\":{\"message\":\"cannot find the registered domain of type to r: "
                        "it has no registered domain\"}}");
    assert_string_equal(made("co.uk", ", ignore_failure: true"), "{}");
    assert_string_equal(made("", ", ignore_failure: true"), "{}");
}

static void wants_only_what_is_asked(void **state)
{
    (void)state;
    struct processor_chain *c =
        chain("processors: [{registered_domain: {field: type, target_field: type}}]");
    event_text(&event, TYPE, span("www.example.org"));
    assert_true(processors_run(c, &event));
    expect("{\"type\":\"example.org\"}");
    refused("processors: [{registered_domain: {field: type}}]", "target_field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(parts),
        test(wants_only_what_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
