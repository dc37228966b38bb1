// SPDX-License-Identifier: Apache-2.0
// decode_json_fields: in place, below a target, at the root, nested, broken.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *text, const char *settings)
{
    struct processor_chain *c = chain(
        arena_printf(&arena, "processors: [{decode_json_fields: {fields: type, %s}}]", settings));
    event_text(&event, TYPE, span_text(text));
    event_text(&event, HTTP_METHOD, span("GET"));
    event.time = 7;
    assert_true(processors_run(c, &event));
    event_drop(&event, HTTP_METHOD);
    return document();
}

static void places(void **state)
{
    (void)state;
    assert_string_equal(made("{\"a\":{\"b\":[1,2.5,null,true]}}", "max_depth: 1"),
                        "{\"type\":{\"a\":{\"b\":[1,2.5,null,true]}}}");
    assert_string_equal(made(" \"x\" ", "target: t.u"),
                        "{\"t\":{\"u\":\"x\"},\"type\":\" \\\"x\\\" \"}");
    assert_string_equal(
        made("{\"source\":{\"bytes\":1},\"new\":2,\"a.b\":3,\"new\":4}", "target: ''"),
        "{\"source\":{\"bytes\":1},\"type\":\"{\\\"source\\\":{\\\"bytes\\\":1},"
        "\\\"new\\\":2,\\\"a.b\\\":3,\\\"new\\\":4}\",\"new\":4,\"a.b\":3}");
}

static void overwriting(void **state)
{
    (void)state;
    static const char text[] = "{\"type\":\"new\",\"http\":1,\"@metadata\":{\"_id\":\"evil\"},"
                               "\"@timestamp\":\"2024-01-15T10:00:00Z\"}";
    made(text, "target: ''");
    assert_int_equal(event.time, 7);
    assert_null(strstr(document(), "\"type\":\"new\""));
    assert_null(strstr(document(), "timestamp\":\"2024"));
    assert_string_equal(
        made(text, "target: '', overwrite_keys: true"),
        "{\"@timestamp\":\"2024-01-15T10:00:00.000Z\",\"http\":1,\"type\":\"new\"}");
    assert_int_equal(event.time, INT64_C(1705312800000000000));
}

static void lists_and_depth(void **state)
{
    (void)state;
    assert_string_equal(made("[1]", "target: t"), "{\"type\":\"[1]\"}");
    assert_string_equal(made("[1]", "process_array: true"), "{\"type\":[1]}");
    assert_string_equal(made("{\"a\":\"{\\\"b\\\":\\\"[1]\\\"}\"}", "max_depth: 2"),
                        "{\"type\":{\"a\":{\"b\":\"[1]\"}}}");
    assert_string_equal(
        made("{\"a\":\"{\\\"b\\\":\\\"[1]\\\"}\"}", "max_depth: 3, process_array: true"),
        "{\"type\":{\"a\":{\"b\":[1]}}}");
    assert_string_equal(made("{\"a\":\"{no\"}", "max_depth: 9"), "{\"type\":{\"a\":\"{no\"}}");
}

static void ids(void **state)
{
    (void)state;
    assert_string_equal(made("{\"a\":1,\"id\":\"x\"}", "document_id: id"),
                        "{\"@metadata\":{\"_id\":\"x\"},\"type\":{\"a\":1}}");
}

static void broken_ones(void **state)
{
    (void)state;
    assert_string_equal(made("{\"a\":", "target: t"), "{\"type\":\"{\\\"a\\\":\"}");
    assert_string_equal(
        made("", "add_error_key: true"),
        "{\"error\":{\"message\":\"cannot decode type: it is not JSON\"},\"type\":\"\"}");
    assert_string_equal(
        made("1", "target: '', add_error_key: true"),
        "{\"error\":{\"message\":\"cannot decode type: it is no object, and only those "
        "have a place at the root\"},\"type\":\"1\"}");
    assert_string_equal(made("{} x", ""), "{\"type\":\"{} x\"}");
}

static void deep_and_wide(void **state)
{
    (void)state;
    char *text = arena_alloc(&arena, 200001);
    for (int i = 0; i < 100000; i++) {
        text[i] = '[';
        text[100000 + i] = ']';
    }
    const char *shown = made(text, "process_array: true");
    assert_string_equal(shown, "{\"type\":[[[[[[[[[[[[[[[[null]]]]]]]]]]]]]]]]}");
    assert_true(event.lost);
    size_t at = 0;
    for (int i = 0; i < 5000; i++)
        at += (size_t)sprintf(text + at, "%s\"%d\":%d", i ? "," : "{", i, i);
    strcpy(text + at, "}");
    shown = made(text, "target: t");
    assert_non_null(strstr(shown, "\"1023\":1023"));
    assert_null(strstr(shown, "\"1024\":1024}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(places), test(overwriting), test(lists_and_depth),
        test(ids),    test(broken_ones), test(deep_and_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
