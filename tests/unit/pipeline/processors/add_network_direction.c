// SPDX-License-Identifier: Apache-2.0
// add_network_direction: by which side lies inside.

#include "tests/unit/pipeline/chain_kit.h"

static const char *direction(const char *source, const char *destination)
{
    static const char settings[] =
        "processors: [{add_network_direction: {source: from, destination: to, target: way, "
        "internal_networks: [private, '2001:db8::/32']}}, {drop_fields: {fields: [from, to]}}, "
        "{add_fields: {target: '', fields: {from: ~, to: ~}}}]";
    struct kit_names names = {.count = 0};
    const struct config *list = config_get(yaml(settings), "processors");
    processors_names(list, kit_name, &names, &arena);
    names.at[names.count++] = "from";
    names.at[names.count++] = "to";
    event_free(&event);
    kit_begin(names.at, names.count);
    struct setting_reader reader = {.warn = kit_warn, .arena = &arena};
    struct processor_chain *c = processors_read(list, schema, &reader, &why);
    assert_non_null(c);
    struct field_path from = schema_path(schema, "from", &arena),
                      to = schema_path(schema, "to", &arena);
    event_put(&event, &from, value_text(span_text(source)));
    event_put(&event, &to, value_text(span_text(destination)));
    assert_true(processors_run(c, &event));
    return document();
}

static void ways(void **state)
{
    (void)state;
    assert_string_equal(direction("10.1.1.1", "192.168.1.1"), "{\"way\":\"internal\"}");
    assert_string_equal(direction("10.1.1.1", "8.8.8.8"), "{\"way\":\"outbound\"}");
    assert_string_equal(direction("8.8.8.8", "2001:db8::1"), "{\"way\":\"inbound\"}");
    assert_string_equal(direction("8.8.8.8", "1.1.1.1"), "{\"way\":\"external\"}");
    assert_string_equal(direction("8.8.8.8", "x"), "{}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{add_network_direction: {internal_networks: [intern]}}]", "intern");
    refused("processors: [{add_network_direction: {}}]", "internal_networks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(ways),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
