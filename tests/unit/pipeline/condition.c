// SPDX-License-Identifier: Apache-2.0
// Conditions: each kind on each kind of value, however it is written; what is refused.

#include "pipeline/condition.h"

#include "tests/unit/pipeline/yaml.h"

static bool holds(const char *text)
{
    struct condition *c = condition_read(yaml(text), schema, &arena, &why);
    if (!c)
        fail_msg("%s: %s", text, why.text);
    return condition_holds(c, &event);
}

static void refused(const char *text, const char *words)
{
    why.text[0] = 0;
    if (condition_read(yaml(text), schema, &arena, &why))
        fail_msg("%s was taken", text);
    expect_why(words);
    expect_why("x.yml:");
}

static void begin(void)
{
    static const uint8_t ip[] = {10, 1, 2, 3};
    static const char *const extra[] = {"real", "yes", "big"};
    kit_begin(extra, 3);
    event_text(&event, TYPE, span("http"));
    event_number(&event, STATUS_CODE, 404);
    event_text(&event, HTTP_METHOD, span("GET"));
    event_add(&event, TAGS, value_text(span("web-front")));
    event_add(&event, TAGS, value_text(span("forwarded")));
    event_ip(&event, ADDRESS, ip, 4);
    event_member(&event, HEADERS, span("x-a"), value_text(span("secret\xff value")));
    struct field_path real = schema_path(schema, "real", &arena),
                      yes = schema_path(schema, "yes", &arena),
                      big = schema_path(schema, "big", &arena);
    event_put(&event, &real, (struct value){.kind = VALUE_DOUBLE, .real = 2.5});
    event_put(&event, &yes, (struct value){.kind = VALUE_BOOL, .number = 1});
    event_put(&event, &big, (struct value){.kind = VALUE_UNSIGNED, .number = -1});
}

static void equals(void **state)
{
    (void)state;
    begin();
    assert_true(holds("equals: {http.response.status_code: 404}"));
    assert_true(holds("equals: {http: {response: {status_code: 404}}}"));
    assert_true(holds("equals.http.response.status_code: 404"));
    assert_false(holds("equals: {http.response.status_code: 405}"));
    assert_false(holds("equals: {http.response.status_code: '404'}"));
    assert_true(holds("equals: {type: http, http.request.method: GET}"));
    assert_false(holds("equals: {type: http, http.request.method: POST}"));
    assert_false(holds("equals: {type: htt}"));
    assert_true(holds("equals: {source.ip: 10.1.2.3}"));
    assert_true(holds("equals: {real: 2.5}"));
    assert_true(holds("equals: {yes: true}"));
    assert_false(holds("equals: {yes: false}"));
    assert_false(holds("equals: {yes: 'true'}"));
    assert_false(holds("equals: {tags: forwarded}"));
    assert_false(holds("equals: {missing: ''}"));
    assert_true(holds("equals: {big: 18446744073709551615.0}"));
    assert_false(holds("equals: {big: -1}"));
}

static void fragments_are_looked_into(void **state)
{
    (void)state;
    begin();
    event_json(&event, TYPE, span("\"dns\""));
    event_json(&event, TAGS, span("[\"a\\\"b\",\"c,d\", 7]"));
    event_json(&event, STATUS_CODE, span("500"));
    event_json(&event, MESSAGE, span("["));
    assert_true(holds("equals: {type: dns}"));
    assert_true(holds("equals: {http.response.status_code: 500}"));
    assert_true(holds("range: {http.response.status_code: {gte: 500}}"));
    assert_true(holds("contains: {tags: 'a\"b'}"));
    assert_true(holds("contains: {tags: 'c,d'}"));
    assert_false(holds("contains: {tags: '\"'}") && holds("contains: {tags: ']'}"));
    assert_true(holds("range: {tags: {gt: 6}}"));
    assert_false(holds("regexp: {error.message: 'x'}"));
}

static void contains(void **state)
{
    (void)state;
    begin();
    assert_true(holds("contains: {tags: forwarded}"));
    assert_true(holds("contains: {tags: front}"));
    assert_false(holds("contains: {tags: back}"));
    assert_true(holds("contains: {type: tt}"));
    assert_true(holds("contains: {http.request.headers.x-a: secret}"));
    assert_false(holds("contains: {http.response.status_code: 4}"));
    assert_false(holds("contains: {nothing: ''}"));
}

static void regexp(void **state)
{
    (void)state;
    begin();
    assert_true(holds("regexp: {type: '^ht+p$'}"));
    assert_false(holds("regexp: {type: '^t'}"));
    assert_true(holds("regexp: {tags: '^forw'}"));
    assert_true(holds("regexp: {source.ip: '^10\\.'}"));
    assert_true(holds("regexp: {http.request.headers.x-a: '(?i)VALUE$'}"));
    refused("regexp: {type: '('}", "no regular expression");
}

static void endless_regexp_ends(void **state)
{
    (void)state;
    begin();
    char *text = arena_alloc(&arena, 40000);
    memset(text, 'a', 39999);
    event_text(&event, TYPE, span_of(text, 39999));
    assert_false(holds("regexp: {type: '(a+)+$b'}"));
    assert_false(holds("regexp: {type: '^(a|aa)+$b'}"));
}

static void range(void **state)
{
    (void)state;
    begin();
    assert_true(holds("range: {http.response.status_code: {gte: 400, lt: 500}}"));
    assert_true(
        holds("range: {http.response.status_code.gte: 404, http.response.status_code.lte: 404}"));
    assert_false(holds("range: {http.response.status_code: {gt: 404}}"));
    assert_false(holds("range: {http.response.status_code.lt: 404}"));
    assert_true(holds("range: {real.gt: 2.4, http.response.status_code.gt: 1}"));
    assert_false(holds("range: {real.gt: 2.4, http.response.status_code.gt: 1000}"));
    assert_false(holds("range: {type.gt: 0}"));
    assert_false(holds("range: {missing.lt: 5}"));
    assert_true(holds("range: {big.gt: 1e19}"));
}

static void set_address(const char *text)
{
    static struct ip ip;
    assert_true(text_to_ip(span_text(text), &ip));
    event_ip(&event, ADDRESS, ip.bytes, ip.family);
}

static void network(void **state)
{
    (void)state;
    begin();
    assert_true(holds("network: {source.ip: 10.0.0.0/8}"));
    assert_true(holds("network: {source.ip: [192.168.0.0/16, 10.1.2.0/23]}"));
    assert_false(holds("network: {source.ip: 10.1.3.0/24}"));
    assert_true(holds("network: {source.ip: 10.1.2.3/32}"));
    assert_true(holds("network: {source.ip: 0.0.0.0/0}"));
    assert_false(holds("network: {source.ip: '::/0'}"));
    assert_false(holds("network: {type: private}"));
    event_text(&event, TYPE, span("fe80::1"));
    assert_true(holds("network: {type: link_local_unicast}"));
    event_add(&event, ADDRESS, value_text(span("8.8.8.8")));
    assert_true(holds("network: {source.ip: public}"));
}

static void named_networks(void **state)
{
    (void)state;
    begin();
    static const struct {
        const char *ip, *names;
    } cases[] = {
        {"127.0.0.1", "loopback"},
        {"::1", "loopback"},
        {"10.0.0.1", "private unicast global_unicast"},
        {"172.32.0.1", "public unicast global_unicast"},
        {"172.31.255.255", "private unicast global_unicast"},
        {"8.8.8.8", "public unicast global_unicast"},
        {"fd00::1", "private unicast global_unicast"},
        {"2001:db8::1", "public unicast global_unicast"},
        {"169.254.1.1", "link_local_unicast"},
        {"fe80::1", "link_local_unicast"},
        {"224.0.0.1", "multicast link_local_multicast"},
        {"239.1.1.1", "multicast public"},
        {"ff02::1", "multicast link_local_multicast"},
        {"ff01::1", "multicast interface_local_multicast"},
        {"0.0.0.0", "unspecified"},
        {"::", "unspecified"},
        {"255.255.255.255", ""},
    };
    static const char *const all[] = {"loopback",
                                      "private",
                                      "public",
                                      "unicast",
                                      "global_unicast",
                                      "link_local_unicast",
                                      "multicast",
                                      "link_local_multicast",
                                      "interface_local_multicast",
                                      "unspecified"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_address(cases[i].ip);
        for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
            char *padded = arena_printf(&arena, " %s ", cases[i].names);
            bool expected = strstr(padded, arena_printf(&arena, " %s ", all[n]));
            if (holds(arena_printf(&arena, "network: {source.ip: %s}", all[n])) != expected)
                fail_msg("%s in %s", cases[i].ip, all[n]);
        }
    }
}

static void has_fields(void **state)
{
    (void)state;
    begin();
    assert_true(holds("has_fields: [type, http.request, http.request.headers.x-a]"));
    assert_false(holds("has_fields: [type, source.bytes]"));
    assert_true(holds("has_fields: []"));
}

static void logic(void **state)
{
    (void)state;
    begin();
    assert_true(holds("or: [{equals: {type: dns}}, {equals: {type: http}}]"));
    assert_false(holds("or: [{equals: {type: dns}}, {equals: {type: icmp}}]"));
    assert_true(holds("and: [{equals: {type: http}}, {has_fields: [tags]}]"));
    assert_false(holds("and: [{equals: {type: http}}, {has_fields: [none]}]"));
    assert_true(holds("not: {equals: {type: flow}}"));
    assert_true(holds("not.equals.type: flow"));
    assert_false(holds("not.equals.type: http"));
    assert_true(holds("not: {or: [{equals: {type: a}}, {not: {has_fields: [type]}}]}"));
    assert_true(holds("{equals: {type: http}, has_fields: [tags]}"));
    assert_false(holds("{equals: {type: http}, has_fields: [none]}"));
    // several fields of one item must all hold, and one item is enough for or
    assert_false(holds("or: [{equals: {type: http, http.request.method: POST}}]"));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    begin();
    refused("equal: {type: http}", "did you mean equals?");
    refused("something: {type: http}", "no such condition");
    refused("equals: http", "expected fields");
    refused("equals: {}", "expected fields");
    refused("equals: {type: [a]}", "expected a text");
    refused("equals: {type: }", "expected a text");
    refused("range: {type: {gt: a}}", "expected a number");
    refused("range: {type: 5}", "expected lt");
    refused("range: {type: {gt: 1, above: 2}}", "expected lt");
    refused("network: {source.ip: 10.0.0.0/33}", "expected a network");
    refused("network: {source.ip: 10.0.0.0/}", "expected a network");
    refused("network: {source.ip: [lan]}", "expected a network");
    refused("has_fields: type", "expected a list");
    refused("has_fields: [{a: b}]", "expected the name");
    refused("or: {equals: {type: a}}", "expected a list of conditions");
    refused("or: []", "expected a list of conditions");
    refused("and: [type]", "expected a condition");
    refused("not: [a]", "expected a condition");
    refused("not: {}", "expected a condition");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(equals),
        test(fragments_are_looked_into),
        test(contains),
        test(regexp),
        test(endless_regexp_ends),
        test(range),
        test(network),
        test(named_networks),
        test(has_fields),
        test(logic),
        test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
