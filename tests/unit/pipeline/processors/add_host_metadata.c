// SPDX-License-Identifier: Apache-2.0
// add_host_metadata: what is there, what is replaced, the place.

#include "tests/unit/pipeline/chain_kit.h"

static void run(const char *settings)
{
    struct processor_chain *c =
        chain(arena_printf(&arena, "processors: [{add_host_metadata: {%s}}]", settings));
    assert_true(processors_run(c, &event));
}

static bool has(const char *name)
{
    struct field_path path = schema_path(schema, name, &arena);
    return event_has_path(&event, &path);
}

static void system_and_addresses(void **state)
{
    (void)state;
    run("");
    static const char *const names[] = {"host.architecture", "host.containerized", "host.hostname",
                                        "host.os.kernel",    "host.os.platform",   "host.os.type"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!has(names[i]))
            fail_msg("there is no %s", names[i]);
    assert_non_null(strstr(document(), "\"type\":\"linux\""));
    assert_false(has("host.name"));
    run("netinfo.enabled: false, name: here");
    assert_false(has("host.ip") || has("host.mac"));
    assert_non_null(strstr(document(), "\"name\":\"here\""));
}

static void reads_again(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{add_host_metadata: {cache.ttl: 0}}]");
    for (int i = 0; i < 3; i++) {
        event_begin(&event, schema_ranks(schema, &kit_table));
        assert_true(processors_run(c, &event));
        assert_true(has("host.hostname"));
    }
}

static void what_is_there_already(void **state)
{
    (void)state;
    static const char text[] = "processors: [{add_fields: {target: host, fields: {%s: x}}}, "
                               "{add_host_metadata: {replace_fields: %s}}]";
    assert_true(processors_run(chain(arena_printf(&arena, text, "id", "false")), &event));
    expect("{\"host\":{\"id\":\"x\"}}");
    assert_true(processors_run(chain(arena_printf(&arena, text, "name", "false")), &event));
    assert_true(has("host.hostname"));
    assert_true(processors_run(chain(arena_printf(&arena, text, "hostname", "true")), &event));
    assert_null(strstr(document(), "\"hostname\":\"x\""));
}

static void place(void **state)
{
    (void)state;
    run("geo: {name: here, location: '48.21, 16.37', city_name: Wien}");
    assert_non_null(strstr(document(), "\"geo\":{\"city_name\":\"Wien\",\"location\":\"48.21, "
                                       "16.37\",\"name\":\"here\"}"));
    refused("processors: [{add_host_metadata: {geo.location: Wien}}]", "latitude");
    refused("processors: [{add_host_metadata: {geo.location: '91,0'}}]", "latitude");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(system_and_addresses),
        test(reads_again),
        test(what_is_there_already),
        test(place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
