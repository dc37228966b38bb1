// SPDX-License-Identifier: Apache-2.0
// dissect: delimiters, kinds of keys, types, trimming, failures.

#include "tests/unit/pipeline/chain_kit.h"

static const char *made(const char *text, const char *tokenizer, const char *more)
{
    struct processor_chain *c = chain(arena_printf(
        &arena, "processors: [{dissect: {field: type, tokenizer: '%s'%s}}]", tokenizer, more));
    event_text(&event, TYPE, span_text(text));
    assert_true(processors_run(c, &event));
    event_drop(&event, TYPE);
    return document();
}

#define IS(members) "{\"dissect\":{" members "}}"
#define FAILS(reason)                                                                  \
    "{\"error\":{\"message\":\"cannot dissect type: " reason "\"},\"log\":{\"flags\":" \
    "[\"dissect_parsing_error\"]}}"
#define UNLIKE FAILS("it does not look like the tokenizer")

static void keys(void **state)
{
    (void)state;
    assert_string_equal(made("10.0.0.1 - GET /x", "%{ip} - %{verb} %{path}", ""),
                        IS("\"ip\":\"10.0.0.1\",\"path\":\"/x\",\"verb\":\"GET\""));
    assert_string_equal(made("<a>b<c>", "<%{x}>%{}<%{?y}>", ""), IS("\"x\":\"a\""));
    assert_string_equal(made("a b c", "%{+x/2} %{+x/1} %{y}", ""), IS("\"x\":\"b a\",\"y\":\"c\""));
    assert_string_equal(made("a b", "%{+x} %{+x}", ""), IS("\"x\":\"a b\""));
    assert_string_equal(made("k=v", "%{?n}=%{&n}", ""), IS("\"k\":\"v\""));
    assert_string_equal(made("a    b", "%{x->} %{y}", ""), IS("\"x\":\"a\",\"y\":\"b\""));
    assert_string_equal(made("20240115x", "%{y#4}%{m#2}%{d#2}x", ""),
                        IS("\"d\":\"15\",\"m\":\"01\",\"y\":\"2024\""));
    assert_string_equal(made("a b", "%{x} %{y}", ", target_prefix: ''"),
                        "{\"x\":\"a\",\"y\":\"b\"}");
}

static void types(void **state)
{
    (void)state;
    assert_string_equal(
        made("-12 1.5 true ::1 x", "%{a|long} %{b|double} %{c|boolean} %{d|ip} %{e|string}", ""),
        IS("\"a\":-12,\"b\":1.5,\"c\":true,\"d\":\"::1\",\"e\":\"x\""));
    assert_string_equal(made("x", "%{a|long}", ""), FAILS("dissect.a has not its type"));
    assert_string_equal(made("x 1e999", "%{b} %{a|double}", ""),
                        FAILS("dissect.a has not its type"));
}

static void trimming(void **state)
{
    (void)state;
    assert_string_equal(made(" a ,- b-", "%{x},%{y}", ", trim_values: all, trim_chars: ' -'"),
                        IS("\"x\":\"a\",\"y\":\"b\""));
    assert_string_equal(made(" a ", "%{x}", ", trim_values: left"), IS("\"x\":\"a \""));
    assert_string_equal(made(" a ", "%{x}", ", trim_values: right"), IS("\"x\":\" a\""));
}

static void what_does_not_fit(void **state)
{
    (void)state;
    assert_string_equal(made("ab", "%{x} %{y}", ""), UNLIKE);
    assert_string_equal(made("ab", "[%{x}", ""), UNLIKE);
    assert_string_equal(made("123", "%{x#4}", ""), UNLIKE);
    assert_string_equal(made("", "%{x}-%{y}", ""), UNLIKE);
    assert_string_equal(made("ab", "[%{x}", ", ignore_failure: true"),
                        "{\"log\":{\"flags\":[\"dissect_parsing_error\"]}}");
}

static void overwriting(void **state)
{
    (void)state;
    struct processor_chain *c = chain(
        "processors: [{dissect: {field: type, tokenizer: '%{x} %{tags}', target_prefix: ''}}]");
    event_text(&event, TYPE, span("a b"));
    event_text(&event, TAGS, span("old"));
    assert_true(processors_run(c, &event));
    expect("{\"error\":{\"message\":\"cannot dissect type: tags is there "
           "already\"},\"log\":{\"flags\":"
           "[\"dissect_parsing_error\"]},\"tags\":\"old\",\"type\":\"a b\"}");
    c = chain("processors: [{dissect: {field: type, tokenizer: '%{x} %{tags}', target_prefix: '', "
              "overwrite_keys: true}}]");
    event_text(&event, TYPE, span("a b"));
    event_text(&event, TAGS, span("old"));
    assert_true(processors_run(c, &event));
    expect("{\"tags\":\"b\",\"type\":\"a b\",\"x\":\"a\"}");
}

#define REFUSED(tokenizer, words) \
    refused("processors: [{dissect: {field: a, tokenizer: '" tokenizer "'}}]", words)

static void nonsense_is_refused(void **state)
{
    (void)state;
    REFUSED("abc", "a key");
    REFUSED("%{a}%{b}", "between");
    REFUSED("%{a", "without its }");
    REFUSED("%{a|complex}", "no sense");
    REFUSED("%{a#0}", "no sense");
    REFUSED("%{+}", "no sense");
    refused("processors: [{dissect: {field: a, tokenizer: '%{?a} %{&a}', target_prefix: ''}}]",
            "target_prefix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(keys),        test(types),
        test(trimming),    test(what_does_not_fit),
        test(overwriting), test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
