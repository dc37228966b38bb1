// SPDX-License-Identifier: Apache-2.0
// Tokens of RESP: what they are, where they stand, how they come in pieces, what is none; words of
// a line; first guesses.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/redis_parse.h"
#include "probe/proto/redis_news.h"

// All tokens of a text, shown as "type index/in text closed".
static char shown[8192];

static enum redis_step read_all(const char *text, size_t len, size_t piece)
{
    struct redis_parser p = {0};
    enum redis_step step = REDIS_MORE;
    size_t at = 0, there = 0, seen = 0, out = 0;
    shown[0] = 0;
    while (there < len) {
        there = piece && there + piece < len ? there + piece : len;
        for (;;) {
            struct redis_token t;
            uint8_t *exact = malloc(there - at + 1);
            memcpy(exact, text + at, there - at);
            step = redis_next(&p, span_of(exact, there - at), seen, &t);
            if (step == REDIS_OPEN || step == REDIS_CLOSE || t.ends)
                out += (size_t)snprintf(shown + out, sizeof shown - out, "%c%d%.*s%s%s ", t.type,
                                        (int)t.index, (int)t.text.len,
                                        t.text.len ? (const char *)t.text.at : "",
                                        t.last ? "." : "", t.aside ? "!" : "");
            free(exact);
            if (step == REDIS_MORE || step == REDIS_BROKEN)
                break;
            assert_true(t.bytes > 0 && t.bytes <= there - at);
            at += t.bytes;
            seen = 0;
        }
        seen = there - at;
        if (step == REDIS_BROKEN)
            return step;
    }
    assert_int_equal(step, REDIS_MORE);
    return at == len && redis_is_between(&p) ? REDIS_CLOSE : REDIS_MORE;
}

static void reads(const char *text, const char *wanted)
{
    for (size_t piece = 0; piece < 8; piece++) {
        assert_int_equal(read_all(text, strlen(text), piece), REDIS_CLOSE);
        assert_string_equal(shown, wanted);
    }
}

static void reads_tokens(void **state)
{
    (void)state;
    reads("+OK\r\n:1\r\n", "+0OK. :01. ");
    reads("*2\r\n$1\r\na\r\n*0\r\n", "*0 $0a *1. ");
    reads("%1\r\n+k\r\n~1\r\n:1\r\n", "%0 +0k ~1 :01. ");
    reads("|1\r\n+k\r\n+v\r\n*1\r\n|1\r\n+x\r\n+y\r\n_\r\n", "|0! +0k! +1v! *0 |0! +0x! +1y! _0. ");
    reads("*?\r\n+a\r\n*?\r\n.\r\n.\r\n", "*0 +0a *1 .0 .2. ");
    reads("$-1\r\n*-1\r\n", "_0. _0. ");
    reads("=7\r\ntxt:abc\r\n", "=0abc. ");
}

static void knows_what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"hello\r\n",
                                        "$x\r\n",
                                        "$-2\r\n",
                                        "$\r\n",
                                        "$3\r\nabcd\r\n",
                                        "+OK\n",
                                        "*1x\r\n",
                                        ".\r\n",
                                        "$9999999999999\r\n",
                                        "*2\r\n.\r\n",
                                        "$11111111111111111111111111",
                                        ";1\r\n",
                                        "$?\r\n:1\r\n",
                                        "$?\r\n;x\r\n",
                                        "*-5\r\n",
                                        "\r\n",
                                        "$?\r\n;-1\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t piece = 0; piece < 3; piece++)
            assert_int_equal(read_all(texts[i], strlen(texts[i]), piece), REDIS_BROKEN);
}

static void waits_for_more(void **state)
{
    (void)state;
    static const char *const texts[] = {"$",           "$3",
                                        "$3\r",        "$3\r\nab",
                                        "$3\r\nabc\r", "*2\r\n:1\r\n",
                                        "+OK\r",       "|1\r\n+a\r\n+b\r\n",
                                        "*?\r\n",      "$?\r\n;1\r\na\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t piece = 0; piece < 3; piece++)
            assert_int_equal(read_all(texts[i], strlen(texts[i]), piece),
                             i == 7 ? REDIS_CLOSE : REDIS_MORE);
}

// A long value, and a long line, come in pieces; nothing is lost between them.
static void hands_out_pieces(void **state)
{
    (void)state;
    static const uint8_t begins[] = {'$', '+'};
    for (int kind = 0; kind < 2; kind++) {
        struct redis_parser p = {0};
        struct redis_token t;
        static uint8_t data[9000];
        memset(data, 'v', sizeof data);
        size_t head = kind ? 1 : (size_t)snprintf((char *)data, sizeof data, "$%d\r\n", 8000);
        data[0] = begins[kind];
        data[head] = 'v';
        memcpy(data + head + 8000, "\r\n", 2);
        size_t len = head + 8002, at = 0, text = 0;
        bool ended = false;
        for (size_t there = 5000; !ended; there = there + 1001 < len ? there + 1001 : len)
            while (redis_next(&p, span_of(data + at, there - at), 0, &t) == REDIS_VALUE && !ended) {
                at += t.bytes;
                text += t.text.len;
                ended = t.ends;
                assert_int_equal(t.begins, at == t.bytes);
            }
        assert_int_equal(at, len);
        assert_int_equal(text, 8000);
    }
}

static void knows_how_far_a_hole_goes(void **state)
{
    (void)state;
    struct redis_parser p = {0};
    struct redis_token t;
    const struct span begin = SPAN("$1000\r\nabc");
    assert_int_equal(redis_next(&p, begin, 0, &t), REDIS_VALUE);
    assert_true(redis_gap(&p, 900));
    assert_int_equal(p.left, 97);
    assert_false(redis_gap(&p, 98));
    assert_true(redis_is_between(&p));
    assert_false(redis_gap(&p, 1));
}

// Depth has a ceiling, and numbers do not run over.
static void bears_any_depth(void **state)
{
    (void)state;
    struct redis_parser p = {0};
    struct redis_token t;
    enum redis_step step = REDIS_OPEN;
    for (int i = 0; i < 100000 && step == REDIS_OPEN; i++)
        step = redis_next(&p, (struct span)SPAN("*1000000000000\r\n"), 0, &t);
    assert_true(step == REDIS_OPEN || step == REDIS_BROKEN);
    assert_true(p.depth <= REDIS_DEPTH);
    p = (struct redis_parser){0};
    for (int i = 0; i < REDIS_DEPTH; i++)
        assert_int_equal(redis_next(&p, (struct span)SPAN("*?\r\n"), 0, &t), REDIS_OPEN);
    assert_int_equal(redis_next(&p, (struct span)SPAN("*?\r\n"), 0, &t), REDIS_BROKEN);
}

static void splits_words(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
        bool bad;
    } rows[] = {{"  set a  b\t", "set|a|b|", false},
                {"\"a b\" 'c d'", "a b|c d|", false},
                {"\"\\x41\\n\\\"\" '\\''", "A\n\"|'|", false},
                {"a\"b c\"", "ab c|", false},
                {"", "", false},
                {"\"\"", "|", false},
                {"\"open", "", true},
                {"'a'b", "", true},
                {"\"a\\", "", true},
                {"\"\\x4", "", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span line = span_text(rows[i].line), word;
        uint8_t place[64];
        char all[64] = "";
        bool bad = false;
        while (redis_word(&line, place, &word, &bad))
            strcat(strncat(all, (const char *)word.at, word.len), "|");
        assert_int_equal(bad, rows[i].bad);
        if (!bad)
            assert_string_equal(all, rows[i].words);
    }
}

static void guesses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum redis_guess question, answer;
    } rows[] = {{"", REDIS_PERHAPS, REDIS_PERHAPS},
                {"*1\r\n$4\r\nPING", REDIS_YES, REDIS_YES},
                {"*1\r\n$4\r\nPI", REDIS_PERHAPS, REDIS_YES},
                {"*1\r\n$", REDIS_PERHAPS, REDIS_YES},
                {"*1\r\n:1\r\n", REDIS_NO, REDIS_YES},
                {"*0\r\n", REDIS_NO, REDIS_YES},
                {"*1\r\n$2\r\na \r\n", REDIS_NO, REDIS_YES},
                {"+OK\r\n", REDIS_NO, REDIS_YES},
                {"+OK", REDIS_NO, REDIS_PERHAPS},
                {"-err\r\n", REDIS_NO, REDIS_NO},
                {":x\r\n", REDIS_NO, REDIS_NO},
                {":-12\r\n", REDIS_NO, REDIS_YES},
                {"#t\r\n", REDIS_NO, REDIS_YES},
                {"# Server\r\n", REDIS_NO, REDIS_NO},
                {"_\r\n", REDIS_NO, REDIS_YES},
                {"$5\n", REDIS_NO, REDIS_NO},
                {"text\r\n", REDIS_NO, REDIS_NO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span name;
        assert_int_equal(redis_begins_question(span_text(rows[i].text), &name), rows[i].question);
        assert_int_equal(redis_begins_answer(span_text(rows[i].text)), rows[i].answer);
    }
}

static void knows_news(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum redis_news_kind kind;
    } rows[] = {{"*3\r\n$7\r\nmessage\r\n", REDIS_NEWS_MESSAGE},
                {">4\r\n$8\r\npmessage\r\n", REDIS_NEWS_MESSAGE},
                {">3\r\n$9\r\nsubscribe\r\n", REDIS_NEWS_CONFIRMS},
                {"*2\r\n$4\r\npong\r\n", REDIS_NEWS_OTHER},
                {"*3\r\n$7\r\nmess", REDIS_NEWS_UNKNOWN},
                {"*3\r\n", REDIS_NEWS_UNKNOWN},
                {"*", REDIS_NEWS_UNKNOWN},
                {"*3\r\n:1\r\n", REDIS_NEWS_OTHER},
                {"*3\r\n$70\r\n", REDIS_NEWS_OTHER},
                {"*3\r\n$-1\r\n", REDIS_NEWS_OTHER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(redis_news_of(span_text(rows[i].text))->kind, rows[i].kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tokens),
        cmocka_unit_test(knows_what_is_none),
        cmocka_unit_test(waits_for_more),
        cmocka_unit_test(hands_out_pieces),
        cmocka_unit_test(knows_how_far_a_hole_goes),
        cmocka_unit_test(bears_any_depth),
        cmocka_unit_test(splits_words),
        cmocka_unit_test(guesses),
        cmocka_unit_test(knows_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
