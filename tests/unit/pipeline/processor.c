// SPDX-License-Identifier: Apache-2.0
// Chains: order, conditions, if/then/else, names that are unknown or not yet there.

#include "tests/unit/pipeline/chain_kit.h"

static void nothing_is_a_chain(void **state)
{
    (void)state;
    assert_true(processors_run(chain("a: b"), &event));
    assert_true(processors_run(chain("processors: []"), &event));
    assert_true(processors_run(chain("processors:"), &event));
}

static void steps_run_in_order(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- add_fields: {target: '', fields: {a: 1}}\n"
                                      "- rename: {fields: [{from: a, to: b}]}\n"
                                      "- add_fields: {target: '', fields: {a: 2}}\n");
    assert_true(processors_run(c, &event));
    expect("{\"a\":2,\"b\":1}");
}

static void condition_decides(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- drop_event.when.equals.type: flow\n"
                                      "- add_tags: {tags: [x], when: {not.equals.type: dns}}\n");
    event_text(&event, TYPE, span("flow"));
    assert_false(processors_run(c, &event));
    event_text(&event, TYPE, span("dns"));
    assert_true(processors_run(c, &event));
    expect("{\"type\":\"dns\"}");
    event_text(&event, TYPE, span("http"));
    assert_true(processors_run(c, &event));
    expect("{\"tags\":[\"x\"],\"type\":\"http\"}");
}

static void branches(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- if: {equals: {type: http}}\n"
                                      "  then:\n"
                                      "    - add_tags: {tags: web}\n"
                                      "    - if.has_fields: [source.bytes]\n"
                                      "      then: {drop_event: }\n"
                                      "  else:\n"
                                      "    - add_tags: {tags: other}\n");
    event_text(&event, TYPE, span("http"));
    assert_true(processors_run(c, &event));
    expect("{\"tags\":[\"web\"],\"type\":\"http\"}");
    event_number(&event, BYTES, 1);
    assert_false(processors_run(c, &event));
    event_begin(&event, event.ranks);
    assert_true(processors_run(c, &event));
    expect("{\"tags\":[\"other\"]}");
}

static void names_of_branches_are_told(void **state)
{
    (void)state;
    chain("processors:\n"
          "- if: {equals: {type: http}}\n"
          "  then: {add_fields: {fields: {a: {b: 1}}}}\n"
          "  else: {copy_fields: {fields: [{from: type, to: kind}]}}\n"
          "- add_labels: {labels: {x: 1}}\n");
    static const char *const names[] = {"fields.a.b", "kind", "labels"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct field_path path = schema_path(schema, names[i], &arena);
        assert_true(path.first <= path.last);
    }
}

static void those_not_yet_there_are_told_once(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors:\n"
                                      "- add_docker_metadata: ~\n"
                                      "- add_cloud_metadata: {timeout: 3s}\n"
                                      "- add_docker_metadata: ~\n"
                                      "- if.has_fields: [type]\n"
                                      "  then: {script: {lang: javascript}}\n"
                                      "- add_tags: {tags: [x]}\n");
    assert_non_null(strstr(warned, "x.yml:"));
    assert_non_null(strstr(warned, ": add_docker_metadata, add_cloud_metadata, script"));
    assert_int_equal(warned[strlen(warned) - 1], 't');
    assert_true(processors_run(c, &event));
    expect("{\"tags\":[\"x\"]}");
    chain("processors: [{add_tags: {tags: [x]}}]");
    assert_int_equal(warned[0], 0);
}

static void unknown_settings_may_be_warned_of(void **state)
{
    (void)state;
    kit_mood = SETTING_WARN;
    struct processor_chain *c =
        chain("processors: [{add_fields: {fields: {a: 1}, target: t, background: 1}}]");
    kit_mood = SETTING_REFUSE;
    assert_non_null(strstr(warned, "background"));
    assert_true(processors_run(c, &event));
    expect("{\"t\":{\"a\":1}}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{drop_feilds: {fields: [a]}}]", "did you mean drop_fields?");
    refused("processors: [{add_host_metdata: }]", "did you mean add_host_metadata?");
    refused("processors: [{no_such_thing_at_all: {}}]", "no such processor");
    refused("processors: [drop_event]", "expected one processor");
    refused("processors: [{drop_event: {}, rename: {}}]", "expected one processor");
    refused("processors: [{}]", "expected one processor");
    refused("processors: drop_event", "expected a list");
    refused("processors: [{drop_event: {wenn: {}}}]", "wenn");
    refused("processors: [{drop_event: {when: {equal: {a: b}}}}]", "did you mean equals?");
    refused("processors: [{if: {has_fields: [a]}}]", "without then");
    refused("processors: [{if: {has_fields: [a]}, then: [], otherwise: []}]", "beside if");
    refused("processors: [{if: {}, then: []}]", "expected a condition");
    refused("processors: [{add_tags: }]", "tags");
    refused("processors: [{drop_fields: {}}]", "fields");
    refused("processors: [{rename: {}}]", "fields");
    refused("processors: [{rename: {fields: }}]", "fields");
    refused("processors: [{add_labels: {labels: }}]", "labels");
    refused("processors: [{add_fields: {fields: }}]", "fields");
}

static void ifs_have_a_ceiling(void **state)
{
    (void)state;
    char text[2048] = "processors: [";
    for (int i = 0; i < 25; i++)
        strcat(text, "{if.has_fields: [a], then: [");
    for (int i = 0; i < 25; i++)
        strcat(text, "]}");
    strcat(text, "]");
    refused(text, "too many ifs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(nothing_is_a_chain),         test(steps_run_in_order),
        test(condition_decides),          test(branches),
        test(names_of_branches_are_told), test(those_not_yet_there_are_told_once),
        test(nonsense_is_refused),        test(unknown_settings_may_be_warned_of),
        test(ifs_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
