// SPDX-License-Identifier: Apache-2.0
// Tokens of one side of HTTP/1: every message is read whole, byte by byte and with holes, and must
// give the same tokens.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

#include "probe/proto/http_parse.h"

// The tokens as a line of text: "s:GET,/ f:host=a h d5 e".
struct trace {
    struct http_parser parser;
    char text[4096];
    size_t data, lost; // bytes of the run of tokens at hand
    uint8_t *unread;
    size_t len, seen;
};

static void add(struct trace *t, const char *format, ...)
{
    size_t used = strlen(t->text);
    va_list list;
    va_start(list, format);
    vsnprintf(t->text + used, sizeof t->text - used, format, list);
    va_end(list);
}

// Runs of data and of lost bytes count as one token: how they are cut is not the point.
static void settle(struct trace *t)
{
    if (t->data)
        add(t, "d%zu ", t->data);
    if (t->lost)
        add(t, "l%zu ", t->lost);
    t->data = t->lost = 0;
}

static void show(struct trace *t, enum http_token_kind kind, const struct http_token *token)
{
    if (kind == HTTP_DATA || kind == HTTP_LOST) {
        if (kind == HTTP_DATA ? t->lost : t->data)
            settle(t);
        *(kind == HTTP_DATA ? &t->data : &t->lost) += token->bytes.len;
        return;
    }
    if (kind == HTTP_FRAMING)
        return;
    settle(t);
    int name = (int)token->name.len, value = (int)token->value.len;
    const char *name_at = (const char *)token->name.at, *value_at = (const char *)token->value.at;
    switch (kind) {
    case HTTP_START:
        if (t->parser.answers)
            add(t, "s:%u,%.*s ", t->parser.status, value, value_at);
        else
            add(t, "s:%.*s,%.*s ", name, name_at, value, value_at);
        break;
    case HTTP_FIELD:
        add(t, "f:%.*s=%.*s ", name, name ? name_at : "", value, value ? value_at : "");
        break;
    case HTTP_HEAD:
        add(t, "h ");
        break;
    case HTTP_END:
        add(t, "e ");
        break;
    default:
        add(t, "broken ");
    }
}

static void feed(struct trace *t, const void *bytes, size_t len)
{
    uint8_t *all = malloc(t->len + len + 1);
    if (t->len)
        memcpy(all, t->unread, t->len);
    memcpy(all + t->len, bytes, len);
    free(t->unread);
    t->len += len;
    size_t at = 0;
    for (;;) {
        struct http_token token;
        size_t seen = t->seen > at ? t->seen - at : 0;
        // Exactly as large as it is, so that reading too far is seen.
        uint8_t *exact = malloc(t->len > at ? t->len - at : 1);
        memcpy(exact, all + at, t->len - at);
        enum http_token_kind kind =
            http_next(&t->parser, span_of(exact, t->len - at), seen, &token);
        if (kind != HTTP_MORE)
            show(t, kind, &token);
        free(exact);
        if (kind == HTTP_MORE)
            break;
        at += token.bytes.len;
    }
    t->len -= at;
    t->seen = t->len;
    t->unread = malloc(t->len + 1);
    memcpy(t->unread, all + at, t->len);
    free(all);
}

static void gap(struct trace *t, uint64_t missing, enum http_hole expected)
{
    t->len = t->seen = 0;
    settle(t);
    assert_int_equal(http_gap(&t->parser, missing), expected);
}

static const char *done(struct trace *t)
{
    settle(t);
    free(t->unread);
    t->unread = NULL;
    size_t len = strlen(t->text);
    if (len)
        t->text[len - 1] = 0;
    return t->text;
}

// Whole, byte by byte, and in two halves cut at every byte.
static void assert_tokens(bool answers, const char *bytes, const char *expected)
{
    size_t len = strlen(bytes);
    for (size_t cut = 0; cut <= len + 1; cut++) {
        struct trace t = {.parser.answers = answers};
        if (cut > len) {
            for (size_t i = 0; i < len; i++)
                feed(&t, bytes + i, 1);
        } else {
            feed(&t, bytes, cut);
            feed(&t, bytes + cut, len - cut);
        }
        assert_string_equal(done(&t), expected);
    }
}

static void heads_are_read(void **state)
{
    (void)state;
    assert_tokens(false, "GET /a?b HTTP/1.1\r\nHost: x \r\n\r\n", "s:GET,/a?b f:Host=x h e");
    assert_tokens(false, "GET / HTTP/1.0\nA:b\n\nPUT / HTTP/1.1\r\n\r\n",
                  "s:GET,/ f:A=b h e s:PUT,/ h e");
    assert_tokens(false, "\r\n\r\nGET /a b c HTTP/1.1\r\n\r\n", "s:GET,/a b c h e");
    assert_tokens(true, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                  "s:404,Not Found f:Content-Length=0 h e");
    assert_tokens(true, "HTTP/1.1 204\r\n\r\n", "s:204, h e");
    assert_tokens(false, "GET / HTTP/1.1\r\nno colon\r\n: no name\r\nA: b\r\n\r\n",
                  "s:GET,/ f:= f:= f:A=b h e");
}

static void folded_fields_are_one(void **state)
{
    (void)state;
    assert_tokens(false, "GET / HTTP/1.1\r\nA: b\r\n c\r\n\td\r\nE: f\r\n\r\n",
                  "s:GET,/ f:A=b\r\n c\r\n\td f:E=f h e");
}

static void bodies_end_where_they_say(void **state)
{
    (void)state;
    assert_tokens(false, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
                  "s:POST,/ f:Content-Length=5 h d5 e s:GET,/ h e");
    assert_tokens(true, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall the rest",
                  "s:200,OK f:Connection=close h d12");
    assert_tokens(true, "HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 no answer", "s:200,OK h d18");
    assert_tokens(true, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
                  "s:200,OK f:Connection=keep-alive h e s:304,Not h e");
    assert_tokens(true, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
                  "s:200,OK h e s:204,No h e");
    assert_tokens(true, "HTTP/1.1 200 OK\r\n\r\nHTT", "s:200,OK h");
    assert_tokens(true, "HTTP/1.1 200 OK\r\n\r\nHTTX", "s:200,OK h d4");
    assert_tokens(true, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n",
                  "s:304,Not Modified f:Content-Length=9 h e s:200,OK");
}

static void lengths_that_are_none_do_not_count(void **state)
{
    (void)state;
    assert_tokens(false, "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                  "s:POST,/ f:Content-Length=-5 h e s:GET,/ h e");
    assert_tokens(false,
                  "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nGET / "
                  "HTTP/1.1\r\n\r\n",
                  "s:POST,/ f:Content-Length=18446744073709551615 h e s:GET,/ h e");
}

static void chunks_are_joined(void **state)
{
    (void)state;
    const char *head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    const char *start = "s:200,OK f:Transfer-Encoding=gzip, chunked h ";
    static const char *const bodies[][2] = {
        {"5\r\nhello\r\n0\r\n\r\n", "d5 e"},
        {"5;name=\"value\"\r\nhello\r\nB ; x\r\nhello world\r\n0\r\n\r\n", "d16 e"},
        {"1\r\na\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "d1 e"},
        {"0\r\n\r\nHTTP/1.1 204 N\r\n\r\n", "e s:204,N h e"},
        {"zz\r\nhello", "broken l9"},
        {"10000000000000000\r\nhello", "broken l24"},
        {"1\r\nabc", "d1 broken l2"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char bytes[256], expected[256];
        snprintf(bytes, sizeof bytes, "%s%s", head, bodies[i][0]);
        snprintf(expected, sizeof expected, "%s%s", start, bodies[i][1]);
        assert_tokens(true, bytes, expected);
    }
}

static void codings_decide_in_order(void **state)
{
    (void)state;
    // Chunked wins over a length; a coding that is not the last leaves only the connection's end.
    assert_tokens(true,
                  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "1\r\na\r\n0\r\n\r\n",
                  "s:200,OK f:Content-Length=3 f:Transfer-Encoding=chunked h d1 e");
    assert_tokens(true,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n1\r\na\r\n0\r\n\r\n",
                  "s:200,OK f:Transfer-Encoding=chunked, gzip h d11");
    assert_tokens(true,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
                  "s:200,OK f:Transfer-Encoding=identity f:Content-Length=1 h d1 e");
}

static void what_was_asked_decides(void **state)
{
    (void)state;
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    struct trace t = {.parser.answers = true};
    feed(&t, bytes, 17);
    t.parser.to_head = true;
    feed(&t, bytes + 17, sizeof bytes - 18);
    assert_int_equal(t.parser.body, HTTP_NO_BODY);
    assert_string_equal(done(&t), "s:200,OK f:Content-Length=9 h e");
    t = (struct trace){.parser.answers = true};
    feed(&t, bytes, 17);
    t.parser.to_connect = true;
    feed(&t, bytes + 17, sizeof bytes - 18);
    assert_int_equal(t.parser.body, HTTP_TUNNEL);
    done(&t);
}

static void garbage_is_passed_over(void **state)
{
    (void)state;
    assert_tokens(true, "garbage\r\nHTTP/1.1 200 OK\r\n\r\n", "l9 s:200,OK h");
    assert_tokens(true, "HTTP/1.x oh\r\nHTTP/1.1 200 OK\r\n\r\n", "l13 s:200,OK h");
    assert_tokens(true, "bodyHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                  "l4 s:200,OK f:Content-Length=0 h e");
    assert_tokens(false, "\x16\x03\x01 rubbish\nGET / HTTP/1.1\r\n\r\n", "l12 s:GET,/ h e");
    assert_tokens(false, "a=1&b=2\r\nHELLO world\r\nGET / HTTP/1.1\r\n\r\n", "l22 s:GET,/ h e");
}

static void holes(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    static const char next[] = "HTTP/1.1 204 N\r\n\r\n";
    struct trace t = {.parser.answers = true};
    feed(&t, head, sizeof head - 1);
    gap(&t, 4, HTTP_HOLE_INSIDE);
    feed(&t, "456789", 6);
    feed(&t, head, sizeof head - 1);
    gap(&t, 10, HTTP_HOLE_ENDS);
    feed(&t, next, sizeof next - 1);
    assert_string_equal(done(&t), "s:200,OK f:Content-Length=10 h d6 e s:200,OK "
                                  "f:Content-Length=10 h s:204,N h e");
    t = (struct trace){.parser.answers = true};
    feed(&t, head, sizeof head - 1);
    gap(&t, 14, HTTP_HOLE_ENDS);
    feed(&t, "1 200 OK\r\n\r\n", 12);
    assert_false(http_is_inside(&t.parser));
    feed(&t, next, sizeof next - 1);
    feed(&t, head, 20);
    gap(&t, 5, HTTP_HOLE_ENDS);
    gap(&t, 5, HTTP_HOLE_BETWEEN);
    feed(&t, next, sizeof next - 1);
    assert_true(t.parser.status == 204);
    assert_string_equal(done(&t), "s:200,OK f:Content-Length=10 h l12 s:204,N h e s:200,OK "
                                  "s:204,N h e");
}

static void holes_in_chunks(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nab";
    static const char rest[] = "ab\r\n0\r\n\r\nHTTP/1.1 204 N\r\n\r\n";
    struct trace t = {.parser.answers = true};
    feed(&t, head, sizeof head - 1);
    gap(&t, 4, HTTP_HOLE_INSIDE);
    feed(&t, rest, sizeof rest - 1);
    feed(&t, head, sizeof head - 1);
    gap(&t, 6, HTTP_HOLE_ENDS);
    feed(&t, rest + 2, sizeof rest - 3);
    assert_string_equal(done(&t),
                        "s:200,OK f:Transfer-Encoding=chunked h d2 d2 e s:204,N h e s:200,OK "
                        "f:Transfer-Encoding=chunked h d2 l7 s:204,N h e");
}

static void ceilings_hold(void **state)
{
    (void)state;
    static char long_line[HTTP_HEAD_MOST + 2];
    memset(long_line, 'a', sizeof long_line);
    struct trace t = {.parser.answers = false};
    feed(&t, "GET / HTTP/1.1\r\n", 16);
    feed(&t, long_line, sizeof long_line);
    feed(&t, "\nGET /2 HTTP/1.1\r\n\r\n", 20);
    const char *text = done(&t);
    assert_true(!strncmp(text, "s:GET,/ broken l", 16));
    assert_true(strstr(text, "s:GET,/2 h e"));
    t = (struct trace){.parser.answers = false};
    feed(&t, "GET / HTTP/1.1\r\n", 16);
    for (int i = 0; i < HTTP_HEAD_MOST / 8 + 1; i++)
        feed(&t, "name: v\n", 8);
    assert_false(http_is_inside(&t.parser));
    free(t.unread);
    t = (struct trace){.parser.answers = true};
    feed(&t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", 49);
    feed(&t, long_line, HTTP_CHUNK_LINE_MOST);
    assert_false(http_is_inside(&t.parser));
    free(t.unread);
}

static void versions(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int major, minor;
    } cases[] = {{"GET / HTTP/1.1\r\n", 1, 1}, {"GET / HTTP/1.0\r\n", 1, 0},
                 {"GET / HTTP/0.9\r\n", 1, 0}, {"GET / HTTP/1.7\r\n", 1, 0},
                 {"GET / HTTP/3.0\r\n", 1, 0}, {"GET / HTTP/1\r\n", 1, 0},
                 {"PRI * HTTP/2.0\r\n", 2, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trace t = {.parser.answers = false};
        feed(&t, cases[i].line, strlen(cases[i].line));
        assert_int_equal(t.parser.major, cases[i].major);
        assert_int_equal(t.parser.minor, cases[i].minor);
        free(t.unread);
    }
}

static bool begins(bool answer, const char *text)
{
    return answer ? http_begins_answer(span_text(text)) : http_begins_question(span_text(text));
}

static void beginnings(void **state)
{
    (void)state;
    assert_true(begins(true, "HTTP/1.1 200 OK"));
    assert_true(begins(true, "HTTP/1."));
    assert_false(begins(true, "HTTP/2 200"));
    assert_false(begins(true, "HTTP/1.1 OK"));
    assert_true(begins(false, "GET /"));
    assert_true(begins(false, "M-SEARCH * HTTP/1.1\r\n"));
    assert_false(begins(false, "INVITE sip:a@b SIP/2.0\r\n"));
    assert_false(begins(false, "get / HTTP/1.1\r\n"));
    assert_false(begins(false, "SET a b\r\n"));
    assert_false(begins(false, "GET HTTP/1.1\r\n"));
    assert_true(begins(false, "PROPPATCH /x HTTP/1.1\r\n"));
    assert_true(begins(false, "P"));
    assert_false(begins(false, "ET / HTTP/1.1\r\n"));
    assert_false(begins(false, "GETS"));
    assert_false(begins(false, " / HTTP/1.1\r\n"));
    assert_false(begins(false, "\r\n"));
}

// Who comes late takes the end of a word for no method, nor the end of a line for an answer.
static void joined_late(void **state)
{
    (void)state;
    struct trace asks = {0}, answers = {.parser.answers = true};
    http_join(&asks.parser);
    http_join(&answers.parser);
    static const char question[] = "ET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    static const char answer[] = "TTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 Empty\r\n\r\n";
    feed(&asks, question, strlen(question));
    feed(&answers, answer, strlen(answer));
    assert_null(strstr(asks.text, "/1"));
    assert_non_null(strstr(asks.text, "/2"));
    assert_int_equal(answers.parser.status, 204);
    free(asks.unread);
    free(answers.unread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read),
        cmocka_unit_test(folded_fields_are_one),
        cmocka_unit_test(bodies_end_where_they_say),
        cmocka_unit_test(lengths_that_are_none_do_not_count),
        cmocka_unit_test(chunks_are_joined),
        cmocka_unit_test(codings_decide_in_order),
        cmocka_unit_test(what_was_asked_decides),
        cmocka_unit_test(garbage_is_passed_over),
        cmocka_unit_test(holes),
        cmocka_unit_test(holes_in_chunks),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(versions),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(joined_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
