// SPDX-License-Identifier: Apache-2.0
// add_observer_metadata: below observer, and not over one that is there.

#include "tests/unit/pipeline/chain_kit.h"

static void observer(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{add_observer_metadata: {geo.name: here}}]");
    assert_true(processors_run(c, &event));
    const char *shown = document();
    assert_non_null(strstr(shown, "{\"observer\":{\"geo\":{\"name\":\"here\"},\"hostname\":\""));
    assert_null(strstr(shown, "\"ip\""));
    c = chain("processors: [{add_fields: {target: observer, fields: {name: x}}}, "
              "{add_observer_metadata: {netinfo.enabled: true}}]");
    assert_true(processors_run(c, &event));
    expect("{\"observer\":{\"name\":\"x\"}}");
    c = chain("processors: [{add_fields: {target: observer, fields: {name: x}}}, "
              "{add_observer_metadata: {netinfo.enabled: true, overwrite: true}}]");
    assert_true(processors_run(c, &event));
    assert_non_null(strstr(document(), "hostname"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(observer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
