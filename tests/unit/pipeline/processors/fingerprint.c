// SPDX-License-Identifier: Apache-2.0
// fingerprint: methods and encodings against digests computed elsewhere; order, times, holes.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *settings)
{
    struct processor_chain *c = chain(arena_printf(
        &arena, "processors: [{fingerprint: {%s}}, {include_fields: {fields: [fingerprint, f]}}]",
        settings));
    static const uint8_t address[] = {10, 0, 0, 1};
    event_text(&event, TYPE, span("dns"));
    event_ip(&event, ADDRESS, address, 4);
    event_time(&event, TIMESTAMP, INT64_C(1705276800500000000));
    event_add(&event, TAGS, value_number(1));
    assert_true(processors_run(c, &event));
    event_drop(&event, TYPE);
    event_drop(&event, TIMESTAMP);
    return document();
}

#define IS(text) "{\"fingerprint\":\"" text "\"}"

static void methods(void **state)
{
    (void)state;
    assert_string_equal(made("fields: [type, source.ip, type]"),
                        IS("a133616d5632c9b2ad3789f56f7286f445fa5a5534da0d98fdfefac651600cc2"));
    assert_string_equal(made("fields: type, method: md5"), IS("67720730a4c29abc85b912560cf54c37"));
    assert_string_equal(made("fields: type, method: xxhash"), IS("696c4ce66fb6289b"));
    assert_string_equal(made("fields: type, method: sha1, encoding: base32, target_field: f"),
                        "{\"f\":\"DNFXIZPOBJQKRWX6KP7WHLFIDUSBGOZ4\"}");
    assert_string_equal(made("fields: type, method: sha1, encoding: base64"),
                        IS("G0t0Ze4KYKja/lP/Y6yoHSQTOzw="));
    assert_string_equal(made("fields: '@timestamp'"),
                        IS("55479495afa6d57398d0376f3997feba678901433b78263c62b866ec4d299738"));
    assert_int_equal(strlen(made("fields: type, method: sha512")), 128 + strlen(IS("")));
    assert_int_equal(strlen(made("fields: type, method: sha384, encoding: base32")),
                     80 + strlen(IS("")));
}

static void missing_and_lists(void **state)
{
    (void)state;
    assert_string_equal(made("fields: [type, none], method: md5"), "{}");
    assert_string_equal(made("fields: [type, none], method: md5, ignore_missing: true"),
                        IS("67720730a4c29abc85b912560cf54c37"));
    assert_string_equal(made("fields: [type, tags], method: md5"), "{}");
    refused("processors: [{fingerprint: {fields: []}}]", "one at least");
    refused("processors: [{fingerprint: {fields: a, method: crc}}]", "md5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(methods),
        test(missing_and_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
