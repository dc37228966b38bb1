// SPDX-License-Identifier: Apache-2.0
// HTTP conversations from bytes to documents: pairing, what each setting does, holes, and the odd
// values under compat.

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "tests/unit/probe/proto/harness.h"

extern const struct protocol http_protocol;

static struct harness h;

static void start(const char *yaml, bool compat)
{
    harness_open(&h, &http_protocol, OVER_TCP, yaml, compat);
}

static void client(const char *text)
{
    harness_text(&h, CLIENT, text);
}

static void server(const char *text)
{
    harness_text(&h, SERVER, text);
}

static void finish(int documents)
{
    harness_end(&h);
    if (h.count != documents)
        for (int i = 0; i < h.count; i++)
            print_message("%s\n", h.documents[i]);
    assert_int_equal(h.count, documents);
}

static void has(int index, const char *text)
{
    assert_document_has(&h, index, text);
}

static void lacks(int index, const char *text)
{
    assert_document_lacks(&h, index, text);
}

static void close_all(void)
{
    harness_close(&h);
}

#define ANSWER(body_len, body) "HTTP/1.1 200 OK\r\nContent-Length: " #body_len "\r\n\r\n" body

// The usual exchange, byte by byte or cut once.
static const char question[] = "GET /a/b.html?q=1 HTTP/1.1\r\nHost: www.example.net\r\n"
                               "User-Agent: test/1\r\nReferer: http://x/\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 5\r\n\r\nhello";

static void assert_usual(int index)
{
    static const char *const parts[] = {
        "\"status\":\"OK\"",
        "\"method\":\"GET\"",
        "\"query\":\"GET /a/b.html\"",
        "\"version\":\"1.1\"",
        "\"headers\":{\"content-length\":0}",
        "\"headers\":{\"content-length\":5,\"content-type\":\"text/plain\"}",
        "\"status_code\":200",
        "\"status_phrase\":\"ok\"",
        "\"body\":{\"bytes\":5}",
        "\"referrer\":\"http://x/\"",
        "\"user_agent\":{\"original\":\"test/1\"}",
        "\"domain\":\"www.example.net\"",
        "\"hosts\":[\"www.example.net\",\"http://x/\"]",
        "\"url\":{\"domain\":\"www.example.net\",\"extension\":\"html\","
        "\"full\":\"http://www.example.net/a/b.html?q=1\",\"path\":\"/a/b.html\",\"query\":\"q=1\","
        "\"scheme\":\"http\"}",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        has(index, parts[i]);
    lacks(index, "error");
    char bytes[64];
    snprintf(bytes, sizeof bytes, "\"source\":{\"bytes\":%zu,", sizeof question - 1);
    has(index, bytes);
    snprintf(bytes, sizeof bytes, "\"destination\":{\"bytes\":%zu,", sizeof answer - 1);
    has(index, bytes);
}

static void the_usual_exchange(void **state)
{
    (void)state;
    start("", true);
    client(question);
    server(answer);
    finish(1);
    assert_usual(0);
    has(0, "\"duration\":1000000,\"end\":\"2023-11-14T22:13:20.001Z\"");
    close_all();
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    start("", true);
    int documents = 0;
    for (size_t cut = 1; cut < sizeof question - 1; cut++, documents++) {
        harness_feed(&h, CLIENT, question, cut);
        harness_feed(&h, CLIENT, question + cut, sizeof question - 1 - cut);
        size_t middle = cut < sizeof answer - 1 ? cut : sizeof answer - 2;
        harness_feed(&h, SERVER, answer, middle);
        harness_feed(&h, SERVER, answer + middle, sizeof answer - 1 - middle);
    }
    for (size_t i = 0; i < sizeof question - 1; i++)
        harness_feed(&h, CLIENT, question + i, 1);
    for (size_t i = 0; i < sizeof answer - 1; i++)
        harness_feed(&h, SERVER, answer + i, 1);
    finish(documents + 1);
    for (int i = 0; i <= documents; i++)
        assert_usual(i);
    close_all();
}

static void times_are_those_of_the_bytes(void **state)
{
    (void)state;
    start("", false);
    client("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"); // .000
    client("a");                                                       // .001
    client("b");                                                       // .002
    server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");            // .003
    server("c");                                                       // .004
    server("d");                                                       // .005
    finish(1);
    has(0, "\"start\":\"2023-11-14T22:13:20.000Z\"");
    has(0, "\"end\":\"2023-11-14T22:13:20.005Z\",\"kind\"");
    has(0, "\"end\":\"2023-11-14T22:13:20.002Z\",\"headers\"");
    has(0, "\"time_to_first_byte\":3000000");
    close_all();
}

static void pipelined(void **state)
{
    (void)state;
    start("", false);
    client("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /3 "
           "HTTP/1.1\r\n\r\n");
    server(ANSWER(1, "1") ANSWER(2, "22") ANSWER(3, "333"));
    finish(3);
    has(0, "GET /1");
    has(0, "\"content-length\":1}");
    has(1, "POST /2");
    has(1, "\"content-length\":2}");
    has(2, "GET /3");
    has(2, "\"content-length\":3}");
    close_all();
}

// Whoever asks so much at once is written about, answered or not.
static void fifty_at_once(void **state)
{
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        char questions[50 * 40] = "", answers[50 * 60] = "", text[40];
        for (int i = 0; i < 50; i++) {
            snprintf(text, sizeof text, "GET /%d/ HTTP/1.1\r\n\r\n", i);
            strcat(questions, text);
            strcat(answers, ANSWER(1, "1"));
        }
        start("", false);
        client(questions);
        if (answered)
            server(answers);
        finish(50);
        has(0, "GET /0/");
        has(49, "GET /49/");
        assert_int_equal(h.counters.transactions_answered, answered ? 50 : 0);
        assert_int_equal(h.counters.transactions_withheld, 0);
        close_all();
    }
}

static void bombs_are_counted(void **state)
{
    (void)state;
    uint8_t *zeros = calloc(1, 1 << 20), packed[4096];
    char head[128];
    z_stream z = {.next_in = zeros, .avail_in = 1 << 20, .next_out = packed, .avail_out = 4096};
    assert_int_equal(deflateInit(&z, 9), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    enum { USUAL, GENEROUS, COMPAT, ALL };
    for (int how = USUAL; how < ALL; how++) {
        start(how == GENEROUS ? "include_body_for: [text]\nmax_body_growth: 2000"
                              : "include_body_for: [text]",
              how == COMPAT);
        client("GET / HTTP/1.1\r\n\r\n");
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: deflate\r\n"
                 "Content-Length: %lu\r\n\r\n",
                 z.total_out);
        server(head);
        harness_feed(&h, SERVER, packed, z.total_out);
        finish(1);
        if (how == USUAL)
            has(0, "body truncated due to size limitation");
        else
            lacks(0, "unable to decode body");
        assert_int_equal(h.counters.http_bombs, how == USUAL);
        close_all();
    }
    deflateEnd(&z);
    free(zeros);
}

static void head_has_no_body(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        start("", compat);
        client("HEAD /1 HTTP/1.1\r\n\r\n");
        server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
        client("GET /2 HTTP/1.1\r\n\r\n");
        server("HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n");
        client("GET /3 HTTP/1.1\r\n\r\n");
        server(ANSWER(2, "ok"));
        finish(3);
        for (int i = 0; i < 2; i++) {
            has(i, "\"content-length\":5000");
            if (compat)
                has(i, "\"body\":{\"bytes\":5000}");
            else
                lacks(i, "\"body\":");
        }
        has(2, "GET /3");
        has(2, "\"body\":{\"bytes\":2}");
        close_all();
    }
}

static void interim_answers_take_no_question(void **state)
{
    (void)state;
    start("", true);
    client("POST /1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    server("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    client("abc");
    server("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    client("GET /2 HTTP/1.1\r\n\r\n");
    server(ANSWER(0, ""));
    finish(2);
    has(0, "\"status_code\":201");
    has(1, "\"status_code\":200");
    close_all();
}

// What is seen of a question whose beginning is missing is not taken for one.
static void the_end_of_a_word_is_no_method(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server(ANSWER(1, "1"));
    harness_gap(&h, CLIENT, 1);
    client("ET /2 HTTP/1.1\r\n\r\n");
    server(ANSWER(2, "22"));
    client("PROPFIND /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    client("FETCH /4 HTTP/1.1\r\n\r\n"); // his own words are his affair
    server(ANSWER(4, "4444"));
    finish(4);
    has(1, "Unmatched response");
    has(2, "PROPFIND /3");
    has(2, "\"content-length\":3}");
    has(3, "FETCH /4");
    close_all();
}

// RFC 9110 section 10.1.1: who is answered before he sent the body he announced may leave it out.
static void a_body_that_is_left_out(void **state)
{
    (void)state;
    static const char *const framings[] = {"Content-Length: 100", "Transfer-Encoding: chunked"};
    static const char next[] = "GET /2 HTTP/1.1\r\n\r\n";
    for (int i = 0; i < 4; i++) {
        char first[128];
        snprintf(first, sizeof first, "PUT /1 HTTP/1.1\r\nExpect: 100-Continue\r\n%s\r\n\r\n",
                 framings[i / 2]);
        start("", false);
        client(first);
        server("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
        for (const char *at = next; i % 2 && *at; at++)
            harness_feed(&h, CLIENT, at, 1);
        if (i % 2 == 0)
            client(next);
        server(ANSWER(2, "22"));
        finish(2);
        has(0, "\"status_code\":417");
        lacks(0, "\"request\":{\"body\"");
        has(1, "GET /2");
        has(1, "\"content-length\":2}");
        close_all();
    }
    // A body that comes all the same is one; so is one that was begun, and one nobody refused.
    start("", false);
    client("PUT /1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 19\r\n\r\n");
    server("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    client("0123456789GET / HTT");
    client("PUT /2 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n0");
    server("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    client("GET /2 HTTP/1.1\r\n\r\n");
    client("PUT /3 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 19\r\n\r\n");
    server("HTTP/1.1 100 Continue\r\n\r\n");
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    finish(3);
    has(0, "\"request\":{\"body\":{\"bytes\":19}");
    has(1, "\"request\":{\"body\":{\"bytes\":20}");
    has(2, "\"request\":{\"body\":{\"bytes\":19}");
    close_all();
}

static void an_early_answer_waits_for_its_question(void **state)
{
    (void)state;
    start("", true);
    client("POST /up HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
    server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    harness_flush(&h);
    assert_int_equal(h.count, 0);
    client("defGET /next HTTP/1.1\r\n\r\n");
    server(ANSWER(0, ""));
    finish(2);
    has(0, "\"status\":\"Error\"");
    has(0, "\"status_code\":413");
    has(0, "\"body\":{\"bytes\":6}");
    lacks(0, "error");
    has(1, "GET /next");
    close_all();
}

static void answers_until_the_end(void **state)
{
    (void)state;
    start("", true);
    client("GET / HTTP/1.0\r\n\r\n");
    server("HTTP/1.0 200 OK\r\nContent-Type: text/x\r\n\r\nabc");
    server("def");
    harness_flush(&h);
    assert_int_equal(h.count, 0);
    harness_fin(&h, SERVER);
    finish(1);
    has(0, "\"status\":\"OK\"");
    has(0, "\"content-length\":6");
    has(0, "\"body\":{\"bytes\":6}");
    has(0, "\"version\":\"1.0\"");
    close_all();
}

static void answers_without_length_end_with_the_next(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\n\r\n");
    client("GET /2 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\n\r\n");
    finish(2);
    has(0, "GET /1");
    has(1, "GET /2");
    has(1, "\"status\":\"OK\"");
    close_all();
}

static void chunks(void **state)
{
    (void)state;
    start("include_body_for: [text]", true);
    client("GET / HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/x\r\n\r\n"
           "4;ext=1\r\nabcd\r\n2\r\nef\r\n0\r\nTrailer: x\r\n\r\n");
    finish(1);
    has(0, "\"body\":{\"bytes\":6,\"content\":\"abcdef\"}");
    has(0, "\"content-length\":6");
    has(0, "\"destination\":{\"bytes\":108,");
    close_all();
}

static void unanswered_and_unasked(void **state)
{
    (void)state;
    start("", true);
    server(ANSWER(2, "ok"));
    client("GET /lost HTTP/1.1\r\nHost: h\r\n\r\n");
    harness_wait(&h, 30 * SECOND);
    harness_flush(&h);
    assert_int_equal(h.count, 2);
    has(0, "\"message\":\"Unmatched response\"");
    has(0, "\"status\":\"Error\"");
    has(0, "\"source\":{\"ip\":\"10.0.0.2\",\"port\":80}");
    has(0, "\"destination\":{\"bytes\":40,\"ip\":\"10.0.0.1\",\"port\":40000}");
    lacks(0, "\"url\"");
    lacks(0, "\"version\":\"1");
    lacks(0, "\"start\"");
    has(1, "\"message\":\"Unmatched request\"");
    has(1, "\"status\":\"Error\"");
    has(1, "GET /lost");
    lacks(1, "\"response\"");
    finish(2);
    close_all();
    start("", false);
    server(ANSWER(2, "ok"));
    finish(1);
    has(0, "\"source\":{\"ip\":\"10.0.0.1\",\"port\":40000}");
    close_all();
}

// What is left of an answer whose question timed out is not given to the next question.
static void a_timeout_does_not_shift_pairs(void **state)
{
    (void)state;
    start("transaction_timeout: 2s", true);
    client("GET /slow HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
    harness_wait(&h, 10 * SECOND);
    client("GET /next HTTP/1.1\r\n\r\n");
    server("56789" ANSWER(1, "1"));
    finish(2);
    has(0, "GET /slow");
    has(0, "\"status\":\"OK\"");
    has(1, "GET /next");
    has(1, "\"content-length\":1");
    lacks(1, "error");
    close_all();
}

static void holes_in_known_bodies(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, SERVER, 4);
    server("789");
    client("GET /2 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, SERVER, 7); // exactly to its end
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(1, "1"));
    finish(3);
    for (int i = 0; i < 2; i++) {
        has(i, "\"message\":\"Packet loss while capturing the response\"");
        has(i, "\"status\":\"OK\"");
        has(i, "\"body\":{\"bytes\":10}");
    }
    has(0, "\"destination\":{\"bytes\":45,"); // what came, not what was missing
    has(1, "\"destination\":{\"bytes\":42,");
    lacks(2, "error");
    has(2, "GET /3");
    close_all();
}

static void a_hole_in_a_question(void **state)
{
    (void)state;
    start("", true);
    client("POST /1 HTTP/1.1\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, CLIENT, 7);
    server(ANSWER(1, "1"));
    client("POST /2 HTTP/1.1\r\nContent-Le");
    harness_gap(&h, CLIENT, 20);
    server(ANSWER(1, "1"));
    client("\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(1, "1"));
    finish(3);
    has(0, "\"message\":\"Packet loss while capturing the request\"");
    has(1, "\"message\":\"Packet loss while capturing the request\"");
    has(1, "POST /2");
    has(2, "GET /3");
    lacks(2, "error");
    close_all();
}

// The end of an answer and the whole next answer are missing: nobody who was answered takes the
// answer of another.
static void a_hole_over_an_answer(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, SERVER, 7);
    client("GET /2 HTTP/1.1\r\n\r\n");
    harness_gap(&h, SERVER, 40);
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    client("GET /4 HTTP/1.1\r\n\r\n");
    server(ANSWER(4, "4444"));
    finish(4);
    has(0, "GET /1");
    has(0, "Packet loss while capturing the response");
    has(1, "GET /2");
    has(1, "Unmatched request");
    has(2, "GET /3");
    has(2, "\"content-length\":3}");
    has(3, "GET /4");
    has(3, "\"content-length\":4}");
    close_all();
}

// A hole swallowed the answer and the next question: the next answer is not that of the first.
static void a_hole_over_answer_and_question(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    harness_gap(&h, CLIENT, 19);
    harness_gap(&h, SERVER, 40);
    server(ANSWER(2, "22"));
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    finish(3);
    has(0, "GET /1");
    has(0, "Unmatched request");
    has(1, "Unmatched response");
    has(2, "GET /3");
    has(2, "\"content-length\":3}");
    close_all();
}

// The same, and the hole begins inside the question.
static void a_hole_from_question_to_question(void **state)
{
    (void)state;
    start("", true);
    client("POST /1 HTTP/1.1\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, CLIENT, 30);
    harness_gap(&h, SERVER, 40);
    server(ANSWER(2, "22"));
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    finish(3);
    has(0, "POST /1");
    has(0, "Unmatched request");
    has(1, "Unmatched response");
    has(2, "GET /3");
    has(2, "\"content-length\":3}");
    close_all();
}

// Only the question is missing.
static void an_answer_without_its_question(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server(ANSWER(1, "1"));
    harness_gap(&h, CLIENT, 19);
    server(ANSWER(2, "22"));
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    finish(3);
    has(1, "Unmatched response");
    has(2, "GET /3");
    has(2, "\"content-length\":3}");
    close_all();
}

// Three questions at once, and the first answers are missing: nobody knows whose the others are,
// nor, as he goes on to ask before he is answered, whose those that follow are.
static void a_hole_among_pipelined_answers(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    harness_gap(&h, SERVER, 100);
    server(ANSWER(2, "22"));
    client("GET /4 HTTP/1.1\r\n\r\n");
    server(ANSWER(3, "333"));
    server(ANSWER(4, "4444"));
    harness_wait(&h, 20 * SECOND);
    client("GET /5 HTTP/1.1\r\n\r\n"); // behind a long silence all is settled
    server(ANSWER(5, "55555"));
    finish(8);
    for (int i = 0; i < 3; i++)
        has(i, "Unmatched request");
    has(3, "Unmatched response");
    has(4, "GET /4");
    has(4, "Unmatched request");
    has(5, "Unmatched response");
    has(6, "Unmatched response");
    has(7, "GET /5");
    has(7, "\"content-length\":5}");
    close_all();
}

// Of two questions at once the first is missing: the first answer is not the second's.
static void a_hole_before_a_pipelined_question(void **state)
{
    (void)state;
    start("", true);
    harness_gap(&h, CLIENT, 19);
    client("GET /2 HTTP/1.1\r\n\r\n");
    server(ANSWER(1, "1"));
    server(ANSWER(2, "22"));
    finish(3);
    has(0, "GET /2");
    has(0, "Unmatched request");
    has(1, "Unmatched response");
    has(2, "Unmatched response");
    close_all();
}

// The second question is missing: the first and its answer are in line all the same.
static void a_hole_behind_a_pipelined_question(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    harness_gap(&h, CLIENT, 19);
    server(ANSWER(1, "1"));
    client("GET /3 HTTP/1.1\r\n\r\n");
    server(ANSWER(2, "22"));
    finish(3);
    has(0, "GET /1");
    has(0, "\"content-length\":1}");
    has(1, "GET /3");
    has(1, "Unmatched request");
    has(2, "Unmatched response");
    close_all();
}

// He asks again before the answer to the first came, and that one is given up: the answers that
// follow do not move up.
static void a_timeout_among_pipelined_questions(void **state)
{
    (void)state;
    start("transaction_timeout: 5s", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    harness_wait(&h, 4 * SECOND);
    client("GET /2 HTTP/1.1\r\n\r\n");
    harness_wait(&h, 3 * SECOND);
    server(ANSWER(1, "1"));
    server(ANSWER(2, "22"));
    finish(4);
    has(0, "GET /1");
    has(0, "Unmatched request");
    has(1, "GET /2");
    has(1, "Unmatched request");
    close_all();
}

static void a_hole_in_the_head_of_an_answer(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 404 Not Found\r\nContent-Le");
    harness_gap(&h, SERVER, 100);
    server("rest of a body");
    client("GET /2 HTTP/1.1\r\n\r\n");
    server(ANSWER(2, "22"));
    finish(2);
    has(0, "\"status_code\":404");
    has(0, "Packet loss while capturing the response");
    has(1, "GET /2");
    has(1, "\"content-length\":2}");
    assert_int_equal(h.counters.conn_resyncs, 1);
    close_all();
}

static void holes_in_written_bodies(void **state)
{
    (void)state;
    start("include_body_for: [text]", true);
    client("GET / HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, SERVER, 4);
    server("789");
    finish(1);
    has(0, "\"body\":{\"bytes\":6,\"content\":\"012789\"}");
    has(0, "\"content-length\":10");
    close_all();
}

static void large_bodies_are_cut(void **state)
{
    (void)state;
    start("include_body_for: [text]", true);
    client("GET / HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 1000000\r\n\r\n");
    static char block[10000];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 100; i++)
        harness_feed(&h, SERVER, block, sizeof block);
    finish(1);
    has(0, "\"body\":{\"bytes\":1000000,\"content\":\"xxxx");
    has(0, "x…\"");
    assert_true(strlen(h.documents[0]) > 200000);
    assert_int_equal(h.counters.transaction_cut_bytes, 0);
    close_all();
}

static void holes_elsewhere(void **state)
{
    (void)state;
    start("", true);
    client("GET /1 HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc");
    harness_gap(&h, SERVER, 1000);
    client("GET /2 HTTP/1.1\r\n\r\n");
    server("0\r\n\r\nHTTP/1.0 200 OK\r\n\r\nabc");
    harness_gap(&h, SERVER, 1000);
    server("def");
    harness_fin(&h, SERVER);
    finish(2);
    has(0, "Packet loss while capturing the response");
    has(1, "GET /2");
    has(1, "Packet loss while capturing the response");
    has(1, "\"content-length\":1006");
    close_all();
}

static void a_line_without_end(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        start("send_response: true", compat);
        client("GET /images/a.gif HTT");
        harness_gap(&h, CLIENT, 400);
        harness_gap(&h, SERVER, 400);
        server("\x91\xf8\n of no use");
        harness_gap(&h, SERVER, 200);
        harness_fin(&h, SERVER);
        harness_fin(&h, CLIENT);
        finish(compat);
        if (compat) {
            has(0, "\"message\":\"Unmatched response\"");
            has(0, "\"http\":{\"response\":{\"headers\":{\"content-length\":0}}}");
            has(0, "\"response\":\"\"");
            has(0, "\"source\":{\"ip\":\"10.0.0.2\",\"port\":80}");
            has(0, "\"destination\":{\"ip\":\"10.0.0.1\",\"port\":40000}");
            has(0, "\"end\":\"2023-11-14T22:13:20.001Z\"");
        }
        close_all();
    }
}

static void fin_closes_what_is_unfinished(void **state)
{
    (void)state;
    start("", true);
    client("GET / HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    harness_fin(&h, SERVER);
    finish(1);
    has(0, "\"status\":\"OK\"");
    has(0, "\"body\":{\"bytes\":100}");
    close_all();
    start("", false);
    client("GET / HTTP/1.1\r\n\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    finish(1);
    has(0, "\"body\":{\"bytes\":3}");
    close_all();
}

static void sides_guessed_wrong(void **state)
{
    (void)state;
    start("", false);
    client(ANSWER(1, "1"));
    assert_int_equal(conn_ends(h.conn)->port[SERVER], 40000);
    finish(1);
    close_all();
    start("", false);
    server(question);
    assert_int_equal(conn_ends(h.conn)->port[SERVER], 40000);
    finish(1);
    close_all();
    // Byte by byte, so that nothing tells until the first line is there.
    start("", false);
    for (const char *at = question; *at; at++)
        harness_feed(&h, SERVER, at, 1);
    for (const char *at = ANSWER(1, "1"); *at; at++)
        harness_feed(&h, CLIENT, at, 1);
    finish(1);
    assert_document_has(&h, 0, "\"server\":{\"bytes\":");
    close_all();
    // Whoever has spoken before keeps his side.
    start("", false);
    client(question);
    client(ANSWER(1, "1"));
    assert_int_equal(conn_ends(h.conn)->port[SERVER], 80);
    finish(1);
    close_all();
}

static void other_protocols_are_left(void **state)
{
    (void)state;
    start("", true);
    client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_null(h.conn);
    assert_int_equal(h.ended, ENDED_DONE);
    finish(0);
    close_all();
    start("", false);
    client("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    server("HTTP/1.1 200 Connection established\r\n\r\n");
    client("\x16\x03\x01 HTTP/1.1 it is not\r\n");
    finish(1);
    assert_null(h.conn);
    has(0, "\"query\":\"CONNECT example.com:443\"");
    has(0, "\"port\":443");
    lacks(0, "\"path\"");
    close_all();
    start("", true);
    client("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    server("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    client("GET /chat HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
    finish(2);
    has(0, "\"query\":\"CONNECT \"");
    has(0, "Host header port number mismatch");
    has(1, "\"status_code\":101");
    close_all();
}

static void hosts_and_ports(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        start("", compat);
        client("GET / HTTP/1.1\r\nHost: example.com:40000\r\n\r\n");
        server(ANSWER(0, ""));
        client("GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n");
        server(ANSWER(0, ""));
        client("GET http://abs.example/x HTTP/1.1\r\n\r\n");
        server(ANSWER(0, ""));
        client("OPTIONS * HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n");
        server(ANSWER(0, ""));
        finish(4);
        if (compat) {
            has(0, "\"url\":{\"domain\":\"example.com:40000\",\"full\":\"http://"
                   "[example.com:40000]/\"");
            lacks(2, "abs.example");
        } else {
            has(0, "\"domain\":\"example.com\"");
            has(0, "\"port\":40000,\"scheme\"");
            has(0, "\"message\":\"Host header port number mismatch\"");
            has(2, "\"full\":\"http://abs.example/x\"");
        }
        has(1, "\"full\":\"http://[2001:db8::1]/\"");
        has(1, "\"ip\":[\"10.0.0.1\",\"10.0.0.2\",\"2001:db8::1\"]");
        lacks(1, "\"hosts\"");
        has(2, "\"path\":\"/x\"");
        has(3, "\"full\":\"http://10.0.0.2/*\"");
        has(3, "\"ip\":[\"10.0.0.1\",\"10.0.0.2\"]");
        close_all();
    }
}

static void extensions(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        start("", compat);
        client("GET /v1.0/items HTTP/1.1\r\n\r\n");
        server(ANSWER(0, ""));
        finish(1);
        if (compat)
            has(0, "\"extension\":\"0/items\"");
        else
            lacks(0, "\"extension\"");
        close_all();
    }
}

static void forms_and_secrets(void **state)
{
    (void)state;
    start("hide_keywords: [pass]\n", true);
    client("POST /login?pass=1&b=2 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
           "Content-Length: 23\r\n\r\nuser=monica");
    client("&pass=secret");
    server(ANSWER(0, ""));
    finish(1);
    has(0, "\"query\":\"b=2&pass=xxxxx&user=monica\"");
    has(0, "\"request\":{\"body\":{\"bytes\":23}");
    lacks(0, "secret");
    close_all();
}

// A secret is in no field, however it is written and whatever else is asked for. The reference
// hides it in the parameters only.
static void secrets_do_not_leak(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        start("hide_keywords: [pass, key]\nsend_request: true\nsend_response: true\n"
              "send_all_headers: true\ninclude_body_for: [urlencoded]",
              compat);
        client("POST /login?PASS=secret&b=2&p%61ss=secret&key HTTP/1.1\r\nHost: h\r\n"
               "Referer: http://h/?x=1&pass=secret&y=2\r\n"
               "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 38\r\n\r\n"
               "user=monica&pass=secret&%6b%65y=secret");
        server("HTTP/1.1 302 Found\r\nLocation: /?key=secret\r\nContent-Length: 0\r\n\r\n");
        finish(1);
        if (compat) {
            has(0, "\"request\":\"POST /login?PASS=secret&b=2");
            close_all();
            continue;
        }
        lacks(0, "secret");
        has(0, "\"request\":\"POST /login?PASS=xxxxx&b=2&p%61ss=xxxxx&key=xxxxx HTTP/1.1\\r\\n");
        has(0, "\"referrer\":\"http://h/?x=1&pass=xxxxx&y=2\"");
        has(0, "\"referer\":\"http://h/?x=1&pass=xxxxx&y=2\"");
        has(0, "\"location\":\"/?key=xxxxx\"");
        has(0, "\"content\":\"user=monica&pass=xxxxx&%6b%65y=xxxxx\"");
        has(0, "\\r\\n\\r\\nuser=monica&pass=xxxxx");
        close_all();
    }
}

static void headers(void **state)
{
    (void)state;
    const char *asked =
        "GET / HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-one:  2 \r\nX-Fold: a\r\n  b\r\n"
        "Cookie: A=\"x\"; b=2; c; a=y\r\nContent-Type: t\r\n\r\n";
    const char *answered = "HTTP/1.1 200 OK\r\nSet-Cookie: s=1; Path=/\r\nSet-Cookie: t=2\r\n"
                           "X-Secret: z\r\nContent-Length: 0\r\n\r\n";
    start("send_headers: [x-ONE, Content-Length]", true);
    client(asked);
    server(answered);
    finish(1);
    has(0, "\"headers\":{\"x-one\":\"1, 2\",\"content-length\":0,\"content-type\":\"t\"}");
    has(0, "\"headers\":{\"content-length\":0},\"status_code\"");
    close_all();
    start("send_all_headers: true\nsplit_cookie: true\nredact_headers: [X-SECRET]\n"
          "send_response: true",
          true);
    client(asked);
    server(answered);
    finish(1);
    has(0, "\"cookie\":{\"a\":\"y\",\"b\":\"2\"}");
    has(0, "\"host\":\"h\"");
    has(0, "\"x-fold\":\"a b\"");
    has(0, "\"set-cookie\":{\"s\":\"1\",\"path\":\"/, t=2\"}");
    has(0, "\"x-secret\":\"REDACTED\"");
    has(0, "X-Secret:**\\r\\n");
    lacks(0, "\"z\"");
    close_all();
}

static void users(void **state)
{
    (void)state;
    const char *asked =
        "GET / HTTP/1.1\r\nAuthorization: Basic c2ltcGxlc2ltb246YWJjZDEyMys=\r\n\r\n";
    start("send_all_headers: true", true);
    client(asked);
    server(ANSWER(0, ""));
    finish(1);
    has(0, "\"user.name\":\"simplesimon\"");
    has(0, "\"user\":[\"simplesimon\"]");
    has(0, "\"authorization\":\"Basic c2ltcGxlc2ltb246YWJjZDEyMys=\"");
    close_all();
    start("send_all_headers: true\nredact_authorization: true\nsend_request: true", true);
    client(asked);
    server(ANSWER(0, ""));
    finish(1);
    lacks(0, "simplesimon");
    lacks(0, "c2lt");
    has(0, "\"authorization\":\"*\"");
    has(0, "Authorization:***********************************\\r\\n\\r\\n\"");
    close_all();
    start("", true);
    client(asked);
    server(ANSWER(0, ""));
    finish(1);
    lacks(0, "simplesimon");
    close_all();
}

static void forwarded_addresses(void **state)
{
    (void)state;
    start("real_ip_header: X-Forwarded-For", true);
    client("GET / HTTP/1.1\r\nX-Forwarded-For:  89.247.39.104 , 10.1.2.3\r\n\r\n"
           "GET / HTTP/1.1\r\nX-Forwarded-For: unknown\r\n\r\n");
    server(ANSWER(0, "") ANSWER(0, ""));
    finish(2);
    has(0, "\"forwarded_ip\":\"89.247.39.104\"");
    has(0, "\"ip\":[\"10.0.0.1\",\"10.0.0.2\",\"89.247.39.104\"]");
    lacks(1, "forwarded_ip");
    close_all();
}

static void raw_messages(void **state)
{
    (void)state;
    start("send_request: true\nsend_response: true\ninclude_request_body_for: [JSON]", true);
    client("POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    server("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]");
    finish(1);
    has(0, "\"request\":\"POST / HTTP/1.1\\r\\nContent-Type: application/json\\r\\n"
           "Content-Length: 2\\r\\n\\r\\n{}\"");
    has(0, "\"response\":\"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
           "Content-Length: 2\\r\\n\\r\\n\"");
    has(0, "\"body\":{\"bytes\":2,\"content\":\"{}\"}");
    has(0, "\"body\":{\"bytes\":2},\"bytes\":72");
    close_all();
}

static void send_gzip(const char *coding, const char *text, size_t cut)
{
    uint8_t packed[4096], head[256];
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)text, .avail_in = (unsigned)strlen(text)};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = sizeof packed - z.avail_out - cut;
    deflateEnd(&z);
    int head_len = snprintf((char *)head, sizeof head,
                            "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Encoding: %s\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            coding, len);
    harness_feed(&h, SERVER, head, (size_t)head_len);
    harness_feed(&h, SERVER, packed, len);
}

static void coded_bodies(void **state)
{
    (void)state;
    start("include_response_body_for: [text/]\nsend_response: true", true);
    for (int i = 0; i < 3; i++)
        client("GET / HTTP/1.1\r\n\r\n");
    send_gzip("gzip", "hello hello hello", 0);
    send_gzip("br", "hello", 0);
    send_gzip("gzip", "hello hello hello", 9);
    finish(3);
    has(0, "\"body\":{\"bytes\":17,\"content\":\"hello hello hello\"}");
    has(0, "\\r\\n\\r\\nhello hello hello\"");
    has(1, "\"message\":\"unable to decode body using br encoding: decoder not found\"");
    has(1, "\"status\":\"OK\"");
    lacks(1, "\"content\":");
    has(2, "\"message\":\"unable to decode body using gzip encoding: unexpected EOF\"");
    has(2, "\"content\":\"hello hello hello\"");
    close_all();
    start("include_body_for: [text/]\ndecode_body: false", true);
    client("GET / HTTP/1.1\r\n\r\n");
    send_gzip("gzip", "hello hello hello", 0);
    finish(1);
    lacks(0, "hello");
    has(0, "\"content\":\"\\u001f");
    close_all();
}

static void several_notes_in_order(void **state)
{
    (void)state;
    start("", true);
    client("POST / HTTP/1.1\r\nHost: h:81\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, CLIENT, 7);
    server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
    harness_gap(&h, SERVER, 7);
    finish(1);
    has(0, "\"message\":[\"Packet loss while capturing the request\",\"Host header port number "
           "mismatch\",\"Packet loss while capturing the response\"]");
    close_all();
}

static void ceilings(void **state)
{
    (void)state;
    start("send_all_headers: true\nsend_request: true\ninclude_body_for: [text]\n"
          "max_message_size: 1000",
          true);
    // A thousand fields, then a head without end.
    client("GET /many HTTP/1.1\r\n");
    for (int i = 0; i < 1000; i++) {
        char field[64];
        snprintf(field, sizeof field, "X-%d: %d\r\n", i, i);
        client(field);
    }
    client("\r\n");
    server("HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 5000\r\n\r\n");
    for (int i = 0; i < 500; i++)
        server("0123456789");
    client("GET /endless HTTP/1.1\r\nX: ");
    for (int i = 0; i < 80; i++) {
        static char block[1024];
        memset(block, 'x', sizeof block);
        harness_feed(&h, CLIENT, block, sizeof block);
    }
    server(ANSWER(0, ""));
    client("\r\n\r\nGET /after HTTP/1.1\r\n\r\n");
    server(ANSWER(0, ""));
    finish(3);
    has(0, "\"x-255\":\"255\"");
    lacks(0, "\"x-256\":");
    has(0, "\"body\":{\"bytes\":5000,");
    has(1, "GET /endless");
    has(2, "GET /after");
    close_all();
}

// What an attacker may send: nothing of it may read too far, hang or lose a transaction.
static void garbage(void **state)
{
    (void)state;
    static const char *const pieces[] = {"GET / HTTP/1.1\r\n",
                                         "HTTP/1.1 200 OK\r\n",
                                         "Content-Length: 7\r\n",
                                         "\r\n",
                                         "\n",
                                         "\r",
                                         "Transfer-Encoding: chunked\r\n",
                                         "Content-Encoding: gzip\r\n",
                                         "5\r\nhello\r\n",
                                         "0\r\n\r\n",
                                         "Content-Type: application/x-www-form-urlencoded\r\n",
                                         "a=b&c=%zz;&=",
                                         "HEAD /%%% HTTP/1.0\r\n",
                                         "Host: [::1]:99999\r\n",
                                         "Cookie: =;=;a==\"\r\n",
                                         "Authorization: Basic ====\r\n",
                                         "Connection: close\r\n",
                                         " folded\r\n",
                                         ":\r\n",
                                         "\x00\xff\x1f\x8b",
                                         "HTTP/1.1 100 C\r\n\r\n",
                                         "CONNECT x HTTP/1.1\r\n",
                                         "ffffffffffffffff\r\n",
                                         "HTTP/1.1 2",
                                         "Content-Length: 0\r\n"};
    enum { PIECES = sizeof pieces / sizeof *pieces };
    uint32_t random = 7;
    for (int round = 0; round < 60; round++) {
        start("send_all_headers: true\nsplit_cookie: true\nsend_request: true\n"
              "send_response: true\ninclude_body_for: ['']\nreal_ip_header: Host\n"
              "hide_keywords: [a]",
              round & 1);
        for (int i = 0; i < 120; i++) {
            random = random * 1103515245 + 12345;
            enum side from = random >> 30 & 1 ? SERVER : CLIENT;
            const char *piece = pieces[(random >> 8) % PIECES];
            if ((random >> 16 & 31) == 0)
                harness_gap(&h, from, random >> 24);
            else
                harness_feed(&h, from, piece, strlen(piece) ? strlen(piece) : 4);
        }
        harness_fin(&h, SERVER);
        harness_end(&h);
        close_all();
    }
}

static void looks(void **state)
{
    (void)state;
    assert_true(http_protocol.looks_like((struct span)SPAN("GET / HTTP/1.1\r\nHost"), CLIENT));
    assert_true(http_protocol.looks_like((struct span)SPAN("HTTP/1.1 200 OK\r\n"), SERVER));
    assert_false(http_protocol.looks_like((struct span)SPAN("HTTP/1.1 200 OK\r\n"), CLIENT));
    assert_false(http_protocol.looks_like((struct span)SPAN("\x16\x03\x01\x02"), CLIENT));
    assert_false(http_protocol.looks_like((struct span)SPAN("PRI * HTTP/2.0\r\n\r\n"), CLIENT));
    assert_false(http_protocol.looks_like((struct span)SPAN("+OK\r\n"), SERVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_exchange),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(times_are_those_of_the_bytes),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(fifty_at_once),
        cmocka_unit_test(bombs_are_counted),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(interim_answers_take_no_question),
        cmocka_unit_test(an_early_answer_waits_for_its_question),
        cmocka_unit_test(answers_until_the_end),
        cmocka_unit_test(answers_without_length_end_with_the_next),
        cmocka_unit_test(chunks),
        cmocka_unit_test(unanswered_and_unasked),
        cmocka_unit_test(a_timeout_does_not_shift_pairs),
        cmocka_unit_test(holes_in_known_bodies),
        cmocka_unit_test(a_hole_in_a_question),
        cmocka_unit_test(a_hole_over_an_answer),
        cmocka_unit_test(a_hole_over_answer_and_question),
        cmocka_unit_test(a_hole_from_question_to_question),
        cmocka_unit_test(an_answer_without_its_question),
        cmocka_unit_test(a_hole_among_pipelined_answers),
        cmocka_unit_test(a_hole_before_a_pipelined_question),
        cmocka_unit_test(a_hole_behind_a_pipelined_question),
        cmocka_unit_test(a_timeout_among_pipelined_questions),
        cmocka_unit_test(the_end_of_a_word_is_no_method),
        cmocka_unit_test(a_body_that_is_left_out),
        cmocka_unit_test(a_hole_in_the_head_of_an_answer),
        cmocka_unit_test(holes_in_written_bodies),
        cmocka_unit_test(large_bodies_are_cut),
        cmocka_unit_test(holes_elsewhere),
        cmocka_unit_test(a_line_without_end),
        cmocka_unit_test(fin_closes_what_is_unfinished),
        cmocka_unit_test(sides_guessed_wrong),
        cmocka_unit_test(other_protocols_are_left),
        cmocka_unit_test(hosts_and_ports),
        cmocka_unit_test(extensions),
        cmocka_unit_test(forms_and_secrets),
        cmocka_unit_test(secrets_do_not_leak),
        cmocka_unit_test(headers),
        cmocka_unit_test(users),
        cmocka_unit_test(forwarded_addresses),
        cmocka_unit_test(raw_messages),
        cmocka_unit_test(coded_bodies),
        cmocka_unit_test(several_notes_in_order),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(garbage),
        cmocka_unit_test(looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
