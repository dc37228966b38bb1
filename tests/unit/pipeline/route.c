// SPDX-License-Identifier: Apache-2.0
// Format strings: fields, defaults, times, what is refused.

#include "pipeline/route.h"
#include "tests/unit/pipeline/kit.h"

static char place[256];

// What the format gives for the event; NULL: nothing.
static const char *formatted(const char *text)
{
    struct format *f = format_read(text, schema, &arena, &why);
    if (!f)
        fail_msg("%s", why.text);
    struct pen pen = pen_of(place, sizeof place - 1);
    if (!format_write(f, &event, &pen))
        return NULL;
    *pen.at = 0;
    return place;
}

static void fields_and_defaults(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_json(&event, TYPE, span("\"dns\""));
    event_number(&event, STATUS_CODE, 200);
    event_text(&event, LITERAL, span("me"));
    event_text(&event, HTTP_METHOD, span(""));
    event_member(&event, HEADERS, span("x-a"), value_text(span("A")));
    assert_string_equal(formatted("a-%{[type]}-%{[http.response.status_code]}"), "a-dns-200");
    assert_string_equal(formatted("%{[user.name]}%{[http.request.headers.x-a]}"), "meA");
    assert_string_equal(formatted("<%{[http.request.method]}>"), "<>");
    assert_null(formatted("a-%{[source.bytes]}"));
    assert_null(formatted("%{[no.such.name]}"));
    assert_null(formatted("%{[http]}"));
    assert_string_equal(formatted("%{[source.bytes]:0}/%{[no.such]:}/%{[type]:x}"), "0//dns");
    assert_string_equal(formatted(""), "");
    assert_string_equal(formatted("100% {of} %"), "100% {of} %");
}

static void lists_and_trees_have_no_text(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_add(&event, TAGS, value_text(span("a")));
    event_member(&event, HEADERS, span("a"), value_number(1));
    assert_null(formatted("%{[tags]}"));
    assert_string_equal(formatted("%{[http.request.headers]:none}"), "none");
}

static void times_are_the_events(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    const struct {
        int64_t seconds;
        const char *format, *text;
    } cases[] = {
        {1735689600, "w-%{+yyyy.MM.dd}", "w-2025.01.01"},
        {1735689599, "%{+yyyy.MM.dd HH:mm:ss}", "2024.12.31 23:59:59"},
        {1709164800, "%{+yy-M-d-H}", "24-2-29-0"},
        {1709164800, "%{+DDD}", "060"},
        {1735603200, "%{+DDD}", "366"},
        {0, "%{+yyyy-MM-dd'T'HH}", "1970-01-01T00"},
        {-1, "%{+yyyy.MM.dd ss}", "1969.12.31 59"},
        {951782400, "%{+yyyy.MM.dd}", "2000.02.29"},
        {4107542400, "%{+yyyy.MM.dd}", "2100.03.01"},
        // ISO weeks at the turn of years
        {1735603200, "%{+xxxx.ww}", "2025.01"},     // 31 December 2024, a Tuesday
        {1609459200, "%{+xxxx.ww}", "2020.53"},     // 1 January 2021, a Friday
        {1640995200, "%{+xxxx.ww e}", "2021.52 6"}, // 1 January 2022, a Saturday
        {1767139200, "%{+xxxx.ww}", "2026.01"},     // 31 December 2025, a Wednesday
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        event.time = cases[i].seconds * 1000000000;
        assert_string_equal(formatted(cases[i].format), cases[i].text);
    }
    event.time = 1735689600987654321;
    assert_string_equal(formatted("%{+ss.SSS S}"), "00.987 9");
    event.time = INT64_MIN;
    assert_non_null(formatted("%{+yyyy.MM.dd xxxx.ww DDD}"));
    event.time = INT64_MAX;
    assert_string_equal(formatted("%{+yyyy.MM.dd}"), "2262.04.11");
}

static void constants_are_known(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct span text;
    assert_true(format_is_constant(format_read("weir", schema, &arena, &why), &text));
    assert_true(span_is(text, span("weir")));
    assert_true(format_is_constant(format_read("", schema, &arena, &why), &text));
    assert_int_equal(text.len, 0);
    assert_false(format_is_constant(format_read("w%{[type]}", schema, &arena, &why), &text));
    assert_false(format_is_constant(format_read("%{+yyyy}", schema, &arena, &why), &text));
}

static void full_pen_is_no_route(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct pen pen = pen_of(place, 3);
    assert_false(format_write(format_read("four", schema, &arena, &why), &event, &pen));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    static const char *const bad[] = {
        "%{",       "a%{[type]", "%{}",         "%{type}", "%{[]}",     "%{[type]x}",
        "%{[type}", "%{+}",      "%{+yyyy.QQ}", "%{+MMM}", "%{+'open}", "%{+yyyyyyyyyyyyyy}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        why.text[0] = 0;
        if (format_read(bad[i], schema, &arena, &why))
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(why.text, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(fields_and_defaults), test(lists_and_trees_have_no_text), test(times_are_the_events),
        test(constants_are_known), test(full_pen_is_no_route),         test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
