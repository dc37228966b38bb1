// SPDX-License-Identifier: Apache-2.0
// Bulk answers: what real servers say, and what proxies make of it.
#include "outputs/es_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct es_reply *reply;

static int set_up(void **state)
{
    (void)state;
    reply = es_reply_new();
    return reply ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    es_reply_free(reply);
    return 0;
}

// Feeds the text in pieces of `step` bytes; what the end says.
static bool read_in_steps(const char *text, size_t len, uint32_t expected, size_t step)
{
    assert_true(es_reply_begin(reply, expected));
    for (struct span rest = span_of(text, len); rest.len; rest = span_skip(rest, step)) {
        struct span part = span_first(rest, step);
        uint8_t *exact = malloc(part.len); // so that reading too far is seen
        memcpy(exact, part.at, part.len);
        bool fine = es_reply_feed(reply, span_of(exact, part.len));
        free(exact);
        if (!fine)
            return false;
    }
    return es_reply_end(reply);
}

static bool read_text(const char *text, uint32_t expected)
{
    return read_in_steps(text, strlen(text), expected, strlen(text) ? strlen(text) : 1);
}

static const char mixed[] =
    "{\"errors\":true,\"took\":30,\"items\":["
    "{\"create\":{\"status\":201}},"
    "{\"create\":{\"error\":{\"type\":\"document_parsing_exception\",\"reason\":\"[1:5] failed\","
    "\"caused_by\":{\"type\":\"illegal_argument_exception\",\"reason\":\"inner\"}},"
    "\"status\":400}},"
    "{\"index\":{\"_id\":null,\"status\":403,\"error\":{\"reason\":\"r\",\"type\":\"t\"}}},"
    "{\"create\":{\"status\":429,\"error\":\"plain\"}},"
    "{\"create\":{\"status\":409}},"
    "{\"create\":{\"status\":201,\"failure_store\":\"used\"}},"
    "{\"create\":{\"status\":503}},"
    "{\"create\":{}}]}";

static void assert_mixed(void)
{
    static const enum delivery wanted[] = {DELIVERED, REFUSED,   REFUSED,   BUSY,
                                           DELIVERED, DELIVERED, TRY_LATER, TRY_LATER};
    static const char *const reasons[] = {
        "", "document_parsing_exception: [1:5] failed", "r: t", "plain", "", "", "", ""};
    assert_int_equal(es_reply_count(reply), 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(es_item_delivery(es_reply_item(reply, i)), wanted[i]);
        assert_true(span_is(es_reply_reason(reply, i), span_text(reasons[i])));
        assert_int_equal(es_reply_item(reply, i)->aside, i == 5);
    }
}

static void each_item_has_its_outcome(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof mixed; step++) {
        assert_true(read_in_steps(mixed, sizeof mixed - 1, 8, step));
        assert_mixed();
    }
}

static void no_beginning_of_an_answer_counts(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof mixed - 1; len++)
        assert_false(read_in_steps(mixed, len, 8, 7));
}

static void the_number_of_items_counts(void **state)
{
    (void)state;
    assert_false(read_text(mixed, 7));
    assert_false(read_text(mixed, 9));
    assert_false(read_text("{\"errors\":false}", 1));
    assert_false(read_text("{\"errors\":false,\"items\":[]}", 1));
    assert_true(read_text("{\"errors\":false,\"items\":[]}", 0));
    assert_true(
        read_text("{\"took\":1,\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}", 1));
    assert_false(read_text("{\"items\":[{\"create\":{\"status\":201}}]}{}", 1));
    assert_false(read_text("{\"x\":{\"items\":[{\"create\":{\"status\":201}}]}}", 1));
}

// What servers say when all is well, cut and changed at every byte.
static void the_usual_answer(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    char text[COUNT * 32], changed[sizeof text];
    size_t len = (size_t)sprintf(text, "{\"errors\":false,\"items\":[");
    for (int i = 0; i < COUNT; i++)
        len += (size_t)sprintf(text + len, "%s{\"create\":{\"status\":201}}", i ? "," : "");
    len += (size_t)sprintf(text + len, "]}");
    for (size_t step = 1; step < 100; step += 7) {
        assert_true(read_in_steps(text, len, COUNT, step));
        assert_int_equal(es_reply_count(reply), COUNT);
        for (uint32_t i = 0; i < COUNT; i++)
            assert_int_equal(es_item_delivery(es_reply_item(reply, i)), DELIVERED);
    }
    assert_false(read_in_steps(text, len, COUNT + 1, len));
    assert_int_equal(es_reply_count(reply), COUNT);
    assert_false(read_in_steps(text, len, COUNT - 1, len));
    for (size_t at = 0; at < len; at += 13) {
        assert_false(read_in_steps(text, at, COUNT, len));
        memcpy(changed, text, len);
        changed[at] = 1;
        assert_false(read_in_steps(changed, len, COUNT, 100));
    }
    memcpy(changed, text, len);
    memcpy(strstr(changed + len / 2, "201"), "429", 3);
    assert_true(read_in_steps(changed, len, COUNT, 100));
    int busy = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        busy += es_item_delivery(es_reply_item(reply, i)) == BUSY;
    assert_int_equal(busy, 1);
    text[len] = '\n';
    assert_true(read_in_steps(text, len + 1, COUNT, len));
    assert_int_equal(es_reply_count(reply), COUNT);
}

static void garbage_is_no_answer(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "<html><body>502</body></html>",
                                      "Unauthorized",
                                      "null",
                                      "[]",
                                      "{",
                                      "{\"items\":}",
                                      "\xff\xfe",
                                      "{\"items\":[{\"create\":{\"status\":201}}",
                                      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(read_text(bad[i], 1));
    char deep[4000];
    memset(deep, '[', sizeof deep);
    assert_false(read_in_steps(deep, sizeof deep, 1, sizeof deep));
}

static void odd_items_are_of_unknown_outcome(void **state)
{
    (void)state;
    static const char *const odd[] = {"{\"items\":[{}]}",
                                      "{\"items\":[{\"create\":{\"status\":\"201\"}}]}",
                                      "{\"items\":[{\"create\":{\"status\":-201}}]}",
                                      "{\"items\":[{\"create\":{\"status\":1e3}}]}",
                                      "{\"items\":[{\"create\":{\"status\":99999}}]}",
                                      "{\"items\":[{\"status\":201}]}",
                                      "{\"items\":[{\"create\":{\"x\":{\"status\":201}}}]}"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_true(read_text(odd[i], 1));
        assert_int_equal(es_item_delivery(es_reply_item(reply, 0)), TRY_LATER);
    }
    assert_false(read_text("{\"items\":[1]}", 1));
    assert_false(read_text("{\"items\":[null]}", 1));
}

static void a_refused_request_says_why(void **state)
{
    (void)state;
    assert_false(read_text("{\"error\":{\"root_cause\":[{\"type\":\"x\",\"reason\":\"y\"}],"
                           "\"type\":\"illegal_argument_exception\",\"reason\":\"no\"},"
                           "\"status\":400}",
                           3));
    assert_true(
        span_is(es_reply_error(reply), (struct span)SPAN("illegal_argument_exception: no")));
    read_text("{\"error\":\"Incorrect HTTP method\",\"status\":405}", 3);
    assert_true(span_is(es_reply_error(reply), (struct span)SPAN("Incorrect HTTP method")));
}

static void reasons_are_cut(void **state)
{
    (void)state;
    enum { ITEMS = 3000, LONG = 40000 };
    assert_true(es_reply_begin(reply, ITEMS));
    char *item = malloc(LONG + 200);
    int len = snprintf(item, LONG + 200,
                       "{\"create\":{\"status\":400,\"error\":{\"type\":\"t\","
                       "\"reason\":\"%0*d\"}}}",
                       LONG, 0);
    assert_true(es_reply_feed(reply, (struct span)SPAN("{\"items\":[")));
    for (int i = 0; i < ITEMS; i++) {
        if (i)
            assert_true(es_reply_feed(reply, (struct span)SPAN(",")));
        assert_true(es_reply_feed(reply, span_of(item, (size_t)len)));
    }
    free(item);
    assert_true(es_reply_feed(reply, (struct span)SPAN("]}")));
    assert_true(es_reply_end(reply));
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_true(es_reply_reason(reply, i).len <= 512);
    assert_int_equal(es_reply_reason(reply, 0).len, 512);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_item_has_its_outcome),  TEST(no_beginning_of_an_answer_counts),
        TEST(the_number_of_items_counts), TEST(the_usual_answer),
        TEST(garbage_is_no_answer),       TEST(odd_items_are_of_unknown_outcome),
        TEST(a_refused_request_says_why), TEST(reasons_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
