// SPDX-License-Identifier: Apache-2.0
// Targets, hosts and parameters.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

#include "probe/proto/http_url.h"

static struct arena scratch;

static void assert_span(struct span s, const char *expected)
{
    char text[1024];
    assert_true(s.len < sizeof text);
    if (s.len)
        memcpy(text, s.at, s.len);
    text[s.len] = 0;
    assert_string_equal(text, expected);
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint64_t most;
        int port;
    } cases[] = {
        {"www.example.com", "www.example.com", 65535, 0},
        {"www.example.com:8080", "www.example.com", 65535, 8080},
        {"example.com:40000", "example.com", 65535, 40000},
        {"example.com:40000", "example.com:40000", 32767, 0},
        {"example.com:65536", "example.com:65536", 65535, 0},
        {"example.com:0", "example.com:0", 65535, 0},
        {"example.com:", "example.com:", 65535, 0},
        {"10.0.0.1:81", "10.0.0.1", 65535, 81},
        {"2001:db8::1", "2001:db8::1", 65535, 0},
        {"[2001:db8::1]", "2001:db8::1", 65535, 0},
        {"[2001:db8::1]:8080", "2001:db8::1", 65535, 8080},
        {"[nonsense]:80", "[nonsense]", 65535, 80},
        {"", "", 65535, 0},
        {":80", "", 65535, 80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t port = 1;
        assert_span(http_host(span_text(cases[i].text), cases[i].most, &port), cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void targets(void **state)
{
    (void)state;
    static const char *const cases[][4] = {
        {"/a/b?c=d#e", "", "/a/b", "c=d"},
        {"*", "", "*", ""},
        {"http://host:81/a?b", "host:81", "/a", "b"},
        {"http://host", "host", "", ""},
        {"http://host?q", "host", "", "q"},
        {"/redirect?to=http://x/y", "", "/redirect", "to=http://x/y"},
        {"/http://x/y", "", "/http://x/y", ""},
        {"", "", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_target parts = http_target_of(span_text(cases[i][0]));
        assert_span(parts.authority, cases[i][1]);
        assert_span(parts.path, cases[i][2]);
        assert_span(parts.query, cases[i][3]);
    }
}

static void escapes(void **state)
{
    (void)state;
    uint8_t place[64];
    static const char *const plain[][2] = {
        {"a%20b", "a b"}, {"%41%zz%4", "A%zz%4"}, {"%", "%"}, {"a+b", "a+b"}, {"%2f%2F", "//"}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_span(span_of(place, http_unescape(place, span_text(plain[i][0]), false)),
                    plain[i][1]);
    assert_span(span_of(place, http_unescape(place, span_text("a+b"), true)), "a b");
    static const struct {
        enum http_plain plain;
        const char *text, *escaped;
    } cases[] = {
        {HTTP_PLAIN_PARAMETER, "a b&c=d/~\xc3\xa9", "a+b%26c%3Dd%2F~%C3%A9"},
        {HTTP_PLAIN_PATH, "/a b*$&+,/:;=@?", "/a%20b%2A$&+,/:;=@%3F"},
        {HTTP_PLAIN_HOST, "a b:80[]!", "a%20b:80[]!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pen pen = pen_of(place, sizeof place);
        http_escape(&pen, span_text(cases[i].text), cases[i].plain);
        assert_span(pen_written(&pen), cases[i].escaped);
    }
}

static void assert_parameters(const char *query, const char *form, const char *expected)
{
    static const char *const hidden[] = {"pass", "token"};
    bool full;
    assert_span(http_parameters(span_text(query), span_text(form), hidden, 2, &scratch, &full),
                expected);
    assert_false(full);
}

static void parameters(void **state)
{
    (void)state;
    assert_parameters("b=2&a=1&b=1", "", "a=1&b=2&b=1");
    assert_parameters("q", "", "q=");
    assert_parameters("&&a=1&", "", "a=1");
    assert_parameters("=x", "", "=x");
    assert_parameters("a=b=c&a%3d=%26", "", "a=b%3Dc&a%3D=%26");
    assert_parameters("x=a+b%20c", "", "x=a+b+c");
    assert_parameters("x=%zz", "", "x=%25zz");
    assert_parameters("", "", "");
}

static void secrets_are_hidden(void **state)
{
    (void)state;
    assert_parameters("user=me&PASS=secret&p%61ss=s&token", "",
                      "PASS=xxxxx&pass=xxxxx&token=xxxxx&user=me");
    assert_parameters("password=p", "", "password=p");
}

static void a_form_replaces_the_query(void **state)
{
    (void)state;
    assert_parameters("a=1&b=2&a=3", "a=4&c=5&a=6", "a=4&a=6&b=2&c=5");
    assert_parameters("pass=1", "pass=2", "pass=xxxxx");
    assert_parameters("", "{ \"query\": {}}\n", "%7B+%22query%22%3A+%7B%7D%7D%0A=");
}

static void many_parameters(void **state)
{
    (void)state;
    static char text[HTTP_PARAMETERS_MOST * 16];
    size_t len = 0;
    for (int i = 0; i < HTTP_PARAMETERS_MOST + 100; i++)
        len += (size_t)sprintf(text + len, "k%04d=%d&", (i * 7919) % 5000, i);
    bool full;
    struct span all =
        http_parameters(span_of(text, len), span_of(NULL, 0), NULL, 0, &scratch, &full);
    assert_true(full);
    char last[8] = "";
    int count = 0;
    while (all.len) {
        struct span pair = span_cut(&all, '&');
        assert_true(strncmp(last, (const char *)pair.at, 5) <= 0);
        memcpy(last, pair.at, 5);
        count++;
    }
    assert_int_equal(count, HTTP_PARAMETERS_MOST);
    struct arena tiny;
    assert_true(arena_init(&tiny, 4096));
    all = http_parameters(span_of(text, len), span_of(NULL, 0), NULL, 0, &tiny, &full);
    assert_true(full && !all.len);
    arena_free(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(targets),
        cmocka_unit_test(escapes),
        cmocka_unit_test(parameters),
        cmocka_unit_test(secrets_are_hidden),
        cmocka_unit_test(a_form_replaces_the_query),
        cmocka_unit_test(many_parameters),
    };
    if (!arena_init(&scratch, 4 << 20))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&scratch);
    return failed;
}
