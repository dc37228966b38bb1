// SPDX-License-Identifier: Apache-2.0
// Redis conversations put together by hand: what is asked, answered, pushed and lost, cut at every
// byte, and what becomes of those that make no sense.

#include "tests/unit/probe/proto/harness.h"

#include "probe/protocol.h"

extern const struct protocol redis_protocol;

static struct harness h;
static size_t step; // bytes of a segment; 0: all at once

static void open_with(const char *yaml, bool compat)
{
    step = 0;
    harness_open(&h, &redis_protocol, OVER_TCP, yaml, compat);
}

static void open_plain(void)
{
    open_with("", false);
}

// A conn whose beginning was not seen.
static void open_late(void)
{
    open_plain();
    struct endpoints ends = *conn_ends(h.conn);
    conn_end(h.conn, ENDED_FIN);
    h.conn = conn_open(h.conns, &h.binding, &ends, true, harness_ended, &h);
}

static void say(enum side from, const void *bytes, size_t len)
{
    size_t piece = step ? step : len;
    for (size_t at = 0; at < len; at += piece)
        harness_feed(&h, from, (const char *)bytes + at, piece < len - at ? piece : len - at);
}

static void answer(const char *text)
{
    say(SERVER, text, strlen(text));
}

static void ask_raw(const char *text)
{
    say(CLIENT, text, strlen(text));
}

// Words, parted by blanks, as a question in RESP.
static size_t question(char *to, size_t size, const char *words)
{
    size_t len = 0, count = 1;
    for (const char *at = words; *at; at++)
        count += *at == ' ';
    len += (size_t)snprintf(to, size, "*%zu\r\n", count);
    while (*words) {
        size_t word = strcspn(words, " ");
        len += (size_t)snprintf(to + len, size - len, "$%zu\r\n%.*s\r\n", word, (int)word, words);
        words += word + (words[word] == ' ');
    }
    return len;
}

static void ask(const char *words)
{
    char text[4096];
    say(CLIENT, text, question(text, sizeof text, words));
}

static void finish(int count)
{
    harness_end(&h);
    assert_int_equal(h.count, count);
}

static void close_all(void)
{
    harness_close(&h);
}

static void flush(int count)
{
    harness_flush(&h);
    assert_int_equal(h.count, count);
}

// ── questions and answers ──

static void pairs_a_question(void **state)
{
    (void)state;
    open_with("send_request: true\nsend_response: true", false);
    ask("get user:1");
    answer("$5\r\nhello\r\n");
    finish(1);
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    assert_document_has(&h, 0, "\"method\":\"GET\"");
    assert_document_has(&h, 0, "\"action\":\"redis.get\"");
    assert_document_has(&h, 0, "\"resource\":\"user:1\"");
    assert_document_has(&h, 0, "\"query\":\"get user:1\"");
    assert_document_has(&h, 0, "\"request\":\"get user:1\"");
    assert_document_has(&h, 0, "\"response\":\"hello\"");
    assert_document_has(&h, 0, "\"return_value\":\"hello\"");
    assert_document_has(&h, 0, "\"keys\":[\"user:1\"]");
    assert_document_has(&h, 0, "\"duration\":1000000");
    assert_document_has(&h, 0, "\"bytes\":36"); // 25 + 11
    assert_document_lacks(&h, 0, "outcome");
    close_all();
}

static void shows_errors(void **state)
{
    (void)state;
    open_plain();
    ask("INCR a");
    answer("-ERR value is not an integer\r\n");
    ask("GET a");
    answer("!8\r\nBAD luck\r\n");
    finish(2);
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 0, "\"error\":\"ERR value is not an integer\"");
    assert_document_has(&h, 0, "\"outcome\":\"failure\"");
    assert_document_lacks(&h, 0, "return_value");
    assert_document_has(&h, 1, "\"error\":\"BAD luck\"");
    close_all();
}

// What each kind of answer looks like.
static void shows_every_kind(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"+OK\r\n", "OK"},
        {":-7\r\n", "-7"},
        {"$-1\r\n", "nil"},
        {"*-1\r\n", "nil"},
        {"_\r\n", "nil"},
        {"$0\r\n\r\n", ""},
        {"*0\r\n", "[]"},
        {"%0\r\n", "{}"},
        {"#t\r\n", "true"},
        {"#f\r\n", "false"},
        {",1.5\r\n", "1.5"},
        {"(123456789012345678901234567890\r\n", "123456789012345678901234567890"},
        {"=8\r\ntxt:text\r\n", "text"},
        {"*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n*0\r\n", "[1, [a, nil], []]"},
        {"~2\r\n+a\r\n+b\r\n", "[a, b]"},
        {"%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n+c\r\n#t\r\n", "{a: 1, b: {c: true}}"},
        {"|1\r\n+ttl\r\n:3600\r\n+OK\r\n", "OK"},
        {"*2\r\n|1\r\n+x\r\n*1\r\n+y\r\n:1\r\n:2\r\n", "[1, 2]"},
        {"$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n", "Hello"},
        {"*?\r\n:1\r\n*?\r\n.\r\n+x\r\n.\r\n", "[1, [], x]"},
        {"%?\r\n+a\r\n+b\r\n.\r\n", "{a: b}"},
        {"*2\r\n-ERR no\r\n:1\r\n", "[ERR no, 1]"},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    for (size_t pieces = 0; pieces < 4; pieces++) {
        open_plain();
        step = pieces;
        for (int i = 0; i < ROWS; i++) {
            ask("GET a");
            answer(rows[i][0]);
        }
        finish(ROWS);
        for (int i = 0; i < ROWS; i++) {
            char wanted[256];
            snprintf(wanted, sizeof wanted, "\"redis\":{\"keys\":[\"a\"],\"return_value\":\"%s\"}",
                     rows[i][1]);
            assert_document_has(&h, i, wanted);
            assert_document_has(&h, i, "\"status\":\"OK\"");
        }
        close_all();
    }
}

static void follows_a_pipeline(void **state)
{
    (void)state;
    for (size_t pieces = 0; pieces < 40; pieces++) {
        open_plain();
        char text[256];
        size_t len = question(text, sizeof text, "SET a 1");
        len += question(text + len, sizeof text - len, "MGET a b");
        len += question(text + len, sizeof text - len, "PING");
        step = pieces;
        say(CLIENT, text, len);
        answer("+OK\r\n*2\r\n$1\r\n1\r\n$-1\r\n+PONG\r\n");
        finish(3);
        assert_document_has(&h, 0, "\"query\":\"SET a 1\"");
        assert_document_has(&h, 0, "\"return_value\":\"OK\"");
        assert_document_has(&h, 1, "\"keys\":[\"a\",\"b\"]");
        assert_document_has(&h, 1, "\"return_value\":\"[1, nil]\"");
        assert_document_has(&h, 2, "\"return_value\":\"PONG\"");
        close_all();
    }
}

static void takes_questions_without_resp(void **state)
{
    (void)state;
    for (size_t pieces = 0; pieces < 5; pieces++) {
        open_plain();
        step = pieces;
        ask_raw("\r\nset \"a\\x41 b\" 'it\\'s'\r\nPING\n");
        answer("+OK\r\n+PONG\r\n");
        finish(2);
        assert_document_has(&h, 0, "\"query\":\"set aA b it's\"");
        assert_document_has(&h, 0, "\"keys\":[\"aA b\"]");
        assert_document_has(&h, 1, "\"query\":\"PING\"");
        close_all();
    }
}

// An answer may come before its question is whole.
static void waits_for_the_rest_of_a_question(void **state)
{
    (void)state;
    open_plain();
    ask_raw("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4000\r\n");
    answer("-OOM command not allowed\r\n");
    flush(0);
    char rest[4002];
    memset(rest, 'x', 4000);
    memcpy(rest + 4000, "\r\n", 2);
    say(CLIENT, rest, sizeof rest);
    finish(1);
    assert_document_has(&h, 0, "\"error\":\"OOM command not allowed\"");
    close_all();
}

static void reports_unanswered_questions(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    harness_wait(&h, 12 * SECOND);
    flush(1);
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 0, "Unmatched request");
    // The late answer is not that of the next question.
    ask("GET b");
    answer("$4\r\nlate\r\n$1\r\nb\r\n");
    finish(2);
    assert_document_has(&h, 1, "\"query\":\"GET b\"");
    assert_document_has(&h, 1, "\"return_value\":\"b\"");
    close_all();
}

static void waits_for_blocking_commands(void **state)
{
    (void)state;
    open_plain();
    ask("BLPOP a 60");
    harness_wait(&h, 15 * SECOND);
    harness_wait(&h, 15 * SECOND);
    harness_wait(&h, 15 * SECOND);
    flush(0);
    answer("*-1\r\n");
    ask("BLPOP a 0");
    harness_wait(&h, 15 * SECOND);
    finish(2);
    assert_document_has(&h, 0, "\"return_value\":\"nil\"");
    assert_document_has(&h, 0, "\"duration\":45001000000");
    assert_document_has(&h, 1, "Unmatched request");
    close_all();
}

static void shows_answers_nobody_asked_for(void **state)
{
    (void)state;
    open_plain();
    answer("-ERR max number of clients reached\r\n");
    finish(1);
    assert_document_has(&h, 0, "Unmatched response");
    assert_document_has(&h, 0, "\"error\":\"ERR max number of clients reached\"");
    close_all();
    open_with("", true); // as the reference: never
    answer("-ERR max number of clients reached\r\n");
    finish(0);
    assert_int_equal(h.counters.transactions_dropped, 1);
    close_all();
}

// ── commands and keys ──

static void finds_keys(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"MSET a 1 b 2", "\"keys\":[\"a\",\"b\"]", "\"resource\":\"a\""},
        {"BLPOP a b 0", "\"keys\":[\"a\",\"b\"]", "\"method\":\"BLPOP\""},
        {"LMOVE a b LEFT LEFT", "\"keys\":[\"a\",\"b\"]", "\"resource\":\"a\""},
        {"EVAL script 2 a b c", "\"keys\":[\"a\",\"b\"]", "\"resource\":\"a\""},
        {"EVAL script 0 c", "\"query\":", "\"resource\":\"script\""},
        {"EVAL script 99999999999999999999 c", "\"query\":", "\"resource\":\"script\""},
        {"XREAD COUNT 1 STREAMS a b 0 0", "\"keys\":[\"a\",\"b\"]", "\"resource\":\"a\""},
        {"XREADGROUP GROUP g c streams a >", "\"keys\":[\"a\"]", "\"resource\":\"a\""},
        {"ZUNIONSTORE to 2 a b", "\"keys\":[\"to\",\"a\",\"b\"]", "\"resource\":\"to\""},
        {"object encoding a", "\"keys\":[\"a\"]", "\"method\":\"OBJECT ENCODING\""},
        {"MIGRATE host 1 x 0 10 KEYS a b", "\"keys\":[\"x\",\"a\",\"b\"]", "\"resource\":\"x\""},
        {"GEORADIUS a 1 1 1 m STORE b", "\"keys\":[\"a\",\"b\"]", "\"resource\":\"a\""},
        {"BITOP AND to a b", "\"keys\":[\"to\",\"a\",\"b\"]", "\"resource\":\"to\""},
        {"JSON.MGET a b path", "\"keys\":[\"a\",\"b\"]", "\"method\":\"JSON.MGET\""},
        {"MSETEX 2 a 1 b 2", "\"keys\":[\"a\",\"b\"]", "\"resource\":\"a\""},
        {"CONFIG NONSENSE x", "\"method\":\"CONFIG\"", "\"resource\":\"NONSENSE\""},
        {"CLIENT", "\"method\":\"CLIENT\"", "\"query\":\"CLIENT\""},
        {"my.Own key", "\"method\":\"MY.OWN\"", "\"action\":\"redis.my.own\""},
        {"GET", "\"method\":\"GET\"", "\"query\":\"GET\""},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    open_plain();
    for (int i = 0; i < ROWS; i++) {
        ask(rows[i][0]);
        answer("+OK\r\n");
    }
    finish(ROWS);
    for (int i = 0; i < ROWS; i++) {
        assert_document_has(&h, i, rows[i][1]);
        assert_document_has(&h, i, rows[i][2]);
    }
    assert_document_lacks(&h, 4, "keys");
    close_all();
}

static void names_as_the_reference(void **state)
{
    (void)state;
    open_with("", true);
    ask("config get maxmemory");
    answer("*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
    ask("OBJECT ENCODING a");
    answer("$3\r\nint\r\n");
    ask("UNLINK a");
    answer(":1\r\n");
    ask("AUTH secret");
    answer("+OK\r\n");
    finish(4);
    assert_document_has(&h, 0, "\"method\":\"CONFIG GET\"");
    assert_document_has(&h, 0, "\"resource\":\"maxmemory\"");
    assert_document_has(&h, 0, "\"return_value\":\"[maxmemory, 0]\"");
    assert_document_has(&h, 1, "\"method\":\"OBJECT\"");
    assert_document_has(&h, 1, "\"resource\":\"ENCODING\"");
    assert_document_has(&h, 2, "\"method\":\"UNLINK\"");
    assert_document_has(&h, 3, "\"query\":\"AUTH secret\"");
    for (int i = 0; i < 4; i++)
        assert_document_lacks(&h, i, "\"keys\"");
    close_all();
}

static void keeps_few_keys(void **state)
{
    (void)state;
    open_plain();
    ask("DEL 1 2 3 4 5 6 7 8 9 a b c d e f g h i");
    answer(":0\r\n");
    finish(1);
    assert_document_has(&h, 0, "\"e\",\"f\",\"g\"]");
    close_all();
}

// ── secrets ──

static void hides_secrets(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"AUTH secret", "AUTH xxxxx"},
        {"AUTH ann secret", "AUTH ann xxxxx"},
        {"auth ann secret", "auth ann xxxxx"},
        {"HELLO 3 AUTH ann secret SETNAME x", "HELLO 3 AUTH ann xxxxx SETNAME x"},
        {"ACL SETUSER ann on >secret #secret ~*", "ACL SETUSER ann on xxxxx xxxxx ~*"},
        {"CONFIG SET requirepass secret", "CONFIG SET requirepass xxxxx"},
        {"CONFIG SET maxmemory 1 masterauth secret", "CONFIG SET maxmemory 1 masterauth xxxxx"},
        {"MIGRATE h 1 k 0 10 AUTH secret", "MIGRATE h 1 k 0 10 AUTH xxxxx"},
        {"MIGRATE h 1 k 0 10 AUTH2 ann secret", "MIGRATE h 1 k 0 10 AUTH2 ann xxxxx"},
        {"SENTINEL SET m auth-pass secret", "SENTINEL SET m auth-pass xxxxx"},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    for (size_t pieces = 0; pieces < 3; pieces++) {
        open_with("send_request: true\nsend_response: true", false);
        step = pieces;
        for (int i = 0; i < ROWS; i++) {
            ask(rows[i][0]);
            answer("+OK\r\n");
        }
        ask_raw("AUTH \"secret\"\r\n");
        answer("+OK\r\n");
        ask("CONFIG GET *");
        answer("*4\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n$4\r\nport\r\n$4\r\n6379\r\n");
        ask("ACL LIST");
        answer("*1\r\n$20\r\nuser ann #secret ...\r\n");
        finish(ROWS + 3);
        for (int i = 0; i < h.count; i++)
            assert_document_lacks(&h, i, "secret");
        for (int i = 0; i < ROWS; i++)
            assert_document_has(&h, i, rows[i][1]);
        assert_document_has(&h, ROWS + 1, "[requirepass, xxxxx, port, 6379]");
        close_all();
    }
}

static void hides_values(void **state)
{
    (void)state;
    open_with("redact_values: true\nsend_request: true\nsend_response: true", false);
    ask("SET user:1 hidden");
    answer("+OK\r\n");
    ask("HGETALL user:1");
    answer("*2\r\n$4\r\nname\r\n$6\r\nhidden\r\n");
    ask("my.own hidden");
    answer("$6\r\nhidden\r\n");
    finish(3);
    for (int i = 0; i < h.count; i++)
        assert_document_lacks(&h, i, "hidden");
    assert_document_has(&h, 0, "\"query\":\"SET user:1 xxxxx\"");
    assert_document_has(&h, 1, "\"return_value\":\"[xxxxx, xxxxx]\"");
    close_all();
}

// Each takes memory that is void behind it.
static void takes_many_long_lines_at_once(void **state)
{
    enum { LINES = 16, LINE = 60000 };
    static char text[LINES * LINE];
    (void)state;
    for (int i = 0; i < LINES; i++) {
        memset(text + i * LINE, 'x', LINE);
        memcpy(text + i * LINE, "PING ", 5);
        memcpy(text + (i + 1) * LINE - 2, "\r\n", 2);
    }
    open_plain();
    say(CLIENT, text, sizeof text);
    finish(LINES);
    close_all();
}

// ── what is no answer ──

static void follows_channels(void **state)
{
    (void)state;
    for (size_t pieces = 0; pieces < 3; pieces++) {
        open_plain();
        step = pieces;
        ask("SUBSCRIBE a b");
        answer("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
        answer("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n");
        answer("*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
        ask("PING");
        answer("*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
        answer("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
        ask("UNSUBSCRIBE");
        answer("*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$"
               "1\r\nb\r\n:0\r\n");
        ask("LRANGE l 0 -1");
        answer("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n");
        finish(6);
        assert_document_has(&h, 0, "\"method\":\"MESSAGE\"");
        assert_document_has(&h, 0, "\"resource\":\"a\"");
        assert_document_has(&h, 0, "\"return_value\":\"[message, a, hello]\"");
        assert_document_has(&h, 0, "\"source\":{\"bytes\":35,\"ip\":\"10.0.0.2\"");
        assert_document_has(&h, 1, "\"return_value\":\"[subscribe, a, 1], [subscribe, b, 2]\"");
        assert_document_has(&h, 2, "\"resource\":\"news\"");
        assert_document_has(&h, 3, "\"return_value\":\"[pong, ]\"");
        assert_document_has(&h, 4, "[unsubscribe, a, 1], [unsubscribe, b, 0]");
        assert_document_has(&h, 5, "\"query\":\"LRANGE l 0 -1\"");
        close_all();
    }
}

static void follows_what_is_pushed(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        open_with("", compat);
        ask("GET a");
        answer(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n$1\r\n1\r\n");
        ask("SUBSCRIBE c");
        answer(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
        answer(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
        ask("GET b");
        answer("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nno\r\n");
        finish(compat ? 3 : 5);
        if (compat) {
            assert_document_has(&h, 0, "\"return_value\":\"1\"");
            assert_document_has(&h, 2, "\"return_value\":\"[message, c, no]\"");
        } else {
            assert_document_has(&h, 0, "\"action\":\"redis.invalidate\"");
            assert_document_has(&h, 0, "\"resource\":\"k\"");
            assert_document_has(&h, 2, "\"return_value\":\"[subscribe, c, 1]\"");
            assert_document_has(&h, 4, "\"query\":\"GET b\"");
        }
        close_all();
    }
    open_with("include_pushed: false", false);
    answer(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    finish(0);
    close_all();
}

// Joined while there are channels: the message is not the answer.
static void learns_of_channels(void **state)
{
    (void)state;
    open_late();
    answer("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
    ask("PING");
    answer("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nho\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    finish(3);
    assert_document_has(&h, 1, "\"return_value\":\"[message, a, ho]\"");
    assert_document_has(&h, 2, "\"return_value\":\"[pong, ]\"");
    close_all();
}

static void ignores_lines_of_monitor(void **state)
{
    (void)state;
    for (size_t pieces = 0; pieces < 3; pieces++) {
        open_plain();
        step = pieces;
        ask("MONITOR");
        answer("+OK\r\n+1700000000.1 [0 10.0.0.1:1] \"get\" \"a\"\r\n+1700000000.2 [0 ");
        answer("10.0.0.1:1] \"get\" \"b\"\r\n");
        ask("PING");
        answer("+1700000000.3 [0 10.0.0.1:1] \"ping\"\r\n+PONG\r\n");
        finish(2);
        assert_document_has(&h, 0, "\"method\":\"MONITOR\"");
        assert_document_has(&h, 1, "\"return_value\":\"PONG\"");
        close_all();
    }
}

static void lets_silent_questions_be(void **state)
{
    (void)state;
    open_plain();
    ask("CLIENT REPLY SKIP");
    ask("SET a 1");
    ask("GET a");
    answer("$1\r\n1\r\n");
    ask("CLIENT REPLY OFF");
    ask("SET a 2");
    ask("CLIENT REPLY ON");
    answer("+OK\r\n");
    ask("GET a");
    answer("$1\r\n2\r\n");
    finish(7);
    assert_document_has(&h, 1, "\"query\":\"SET a 1\"");
    assert_document_has(&h, 1, "\"status\":\"OK\"");
    assert_document_lacks(&h, 1, "return_value");
    assert_document_has(&h, 2, "\"return_value\":\"1\"");
    assert_document_has(&h, 5, "\"return_value\":\"OK\"");
    assert_document_has(&h, 6, "\"return_value\":\"2\"");
    close_all();
}

static void follows_the_database(void **state)
{
    (void)state;
    open_plain();
    ask("SELECT 3");
    ask("MULTI");
    ask("SUBSCRIBE a b");
    answer("+OK\r\n+OK\r\n+QUEUED\r\n");
    ask("RESET");
    ask("GET a");
    answer("+RESET\r\n$-1\r\n");
    finish(5);
    assert_document_lacks(&h, 0, "\"database\"");
    assert_document_has(&h, 1, "\"database\":3");
    assert_document_has(&h, 2, "\"queued\":true");
    assert_document_lacks(&h, 4, "\"database\"");
    close_all();
}

static void lets_replicas_go(void **state)
{
    (void)state;
    open_plain();
    ask("PSYNC ? -1");
    answer("\n\n+FULLRESYNC 0123456789 0\r\n$EOF:0123456789\r\nREDIS0010");
    assert_null(h.conn);
    assert_int_equal(h.ended, ENDED_DONE);
    finish(1);
    assert_document_has(&h, 0, "\"return_value\":\"FULLRESYNC 0123456789 0\"");
    close_all();
    open_plain();
    ask_raw("SYNC\r\n");
    answer("\n");
    answer("$99999999\r\nREDIS");
    assert_null(h.conn);
    finish(1);
    assert_document_has(&h, 0, "\"method\":\"SYNC\"");
    assert_document_lacks(&h, 0, "return_value");
    close_all();
    open_late();
    ask("REPLCONF ACK 100");
    assert_null(h.conn);
    finish(0);
    close_all();
    open_plain();
    ask("PSYNC ? -1");
    answer("-NOAUTH Authentication required.\r\n");
    assert_non_null(h.conn);
    finish(1);
    close_all();
}

// ── ceilings ──

static void cuts_long_texts(void **state)
{
    (void)state;
    open_with("max_body: 16", false);
    ask("SET a 0123456789abcdefghij");
    answer("$20\r\n0123456789abcdefghij\r\n");
    ask("LRANGE l 0 -1");
    answer("*2\r\n$8\r\n01234567\r\n$20\r\n0123456789abcdefghij\r\n");
    finish(2);
    assert_document_has(&h, 0, "\"query\":\"SET a 0123456789\u2026\"");
    assert_document_has(&h, 0, "\"return_value\":\"0123456789abcdef\u2026\"");
    assert_document_has(&h, 1, "\"return_value\":\"[01234567, 01234\u2026\"");
    close_all();
}

// Of a value of any size no more is kept than documents show.
static void eats_large_values(void **state)
{
    (void)state;
    static char piece[1 << 16];
    memset(piece, 'v', sizeof piece);
    open_with("max_body: 1000", false);
    ask_raw("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$67108864\r\n");
    for (int i = 0; i < 1024; i++) {
        say(CLIENT, piece, sizeof piece);
        assert_int_equal(h.counters.conn_kept_bytes, 0);
    }
    ask_raw("\r\n");
    answer("+OK\r\n");
    finish(1);
    assert_document_has(&h, 0, "\"bytes\":67108902"); // 67,108,864 + 33 + 5
    assert_document_has(&h, 0, "\"return_value\":\"OK\"");
    close_all();
}

static void nests_without_end(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    for (int i = 0; i < 10000; i++)
        answer("*2\r\n:1\r\n");
    answer(":2\r\n");
    finish(1);
    assert_document_has(&h, 0,
                        "[1, [1, [1, [1, [1, [1, [1, [1, [1, [1, [1, [1, [1, [1, [1, [1, 1,");
    assert_int_equal(h.counters.conn_resyncs, 0);
    close_all();
}

static void lets_few_questions_wait(void **state)
{
    (void)state;
    open_with("queue_max_messages: 2", false);
    ask("GET 1");
    ask("GET 2");
    ask("GET 3");
    flush(1);
    assert_document_has(&h, 0, "\"query\":\"GET 1\"");
    assert_int_equal(h.counters.transactions_evicted, 1);
    answer("+one\r\n+two\r\n+three\r\n");
    finish(3);
    assert_document_has(&h, 1, "\"return_value\":\"two\"");
    assert_document_has(&h, 2, "\"return_value\":\"three\"");
    close_all();
    open_with("queue_max_messages: -1\nqueue_max_bytes: 0", false);
    ask("GET 1");
    ask("GET 2");
    flush(0);
    finish(2);
    close_all();
    open_with("queue_max_bytes: 30", false);
    ask("GET 1");
    ask("GET 2");
    ask("GET 3");
    flush(1);
    answer("+one\r\n+two\r\n+three\r\n");
    finish(3);
    assert_document_has(&h, 2, "\"return_value\":\"three\"");
    close_all();
}

// ── holes ──

static void crosses_a_hole_inside_a_value(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    ask("GET b");
    char text[2100];
    size_t len = (size_t)snprintf(text, sizeof text, "$4000\r\n");
    memset(text + len, 'v', 2000);
    say(SERVER, text, len + 2000);
    harness_gap(&h, SERVER, 1500);
    say(SERVER, text + len, 500);
    answer("\r\n$1\r\nb\r\n");
    finish(2);
    assert_document_has(&h, 0, "Packet loss while capturing the response");
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    assert_document_has(&h, 1, "\"return_value\":\"b\"");
    assert_document_lacks(&h, 1, "Packet loss");
    close_all();
}

// Who waits for each answer goes on with the next question.
static void goes_on_behind_a_lost_answer(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    harness_gap(&h, SERVER, 100);
    answer("rest of it\r\n:1");
    ask("GET b");
    answer("$1\r\nb\r\n");
    finish(2);
    assert_document_has(&h, 0, "Packet loss while capturing the response");
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 1, "\"return_value\":\"b\"");
    assert_document_lacks(&h, 1, "error");
    assert_int_equal(h.counters.conn_resyncs, 1);
    close_all();
}

static void goes_on_behind_a_lost_question(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    answer("+a\r\n");
    harness_gap(&h, CLIENT, 20);
    answer("+lost\r\n");
    ask("GET c");
    answer("+c\r\n");
    ask_raw("*2\r\n$3\r\nGET\r\n");
    harness_gap(&h, CLIENT, 7);
    answer("+torn\r\n");
    ask("GET e");
    answer("+e\r\n");
    finish(5);
    assert_document_has(&h, 1, "Unmatched response");
    assert_document_has(&h, 2, "\"query\":\"GET c\"");
    assert_document_has(&h, 2, "\"return_value\":\"c\"");
    assert_document_has(&h, 3, "\"return_value\":\"torn\"");
    assert_document_has(&h, 3, "Packet loss while capturing the request");
    assert_document_has(&h, 4, "\"query\":\"GET e\"");
    assert_document_has(&h, 4, "\"return_value\":\"e\"");
    close_all();
}

// Who asks several at once: no pair is made until both were silent.
static void makes_no_doubtful_pairs(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    ask("GET b");
    ask("GET c");
    answer("+a\r\n");
    harness_gap(&h, SERVER, 4);
    ask("GET d");
    answer("+c\r\n+d\r\n");
    ask("GET e");
    answer("+e\r\n");
    flush(5);
    assert_document_has(&h, 0, "\"return_value\":\"a\"");
    for (int i = 1; i < 5; i++)
        assert_document_lacks(&h, i, "return_value");
    harness_wait(&h, 2 * SECOND);
    ask("GET f");
    ask("GET g");
    answer("+f\r\n+g\r\n");
    finish(7);
    assert_document_has(&h, 5, "\"return_value\":\"f\"");
    assert_document_has(&h, 6, "\"return_value\":\"g\"");
    close_all();
}

// ── losses at random ──

static uint32_t dice;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 16) % sides;
}

// In segments, some of which are lost.
static void say_badly(enum side from, const char *text, size_t len, uint32_t loss)
{
    for (size_t at = 0, piece; at < len && h.conn; at += piece) {
        piece = 1 + roll(60);
        piece = piece < len - at ? piece : len - at;
        if (roll(100) < loss)
            harness_gap(&h, from, (uint32_t)piece);
        else
            harness_feed(&h, from, text + at, piece);
    }
}

// Every answer names its question. The first ones come unharmed: where the first of several are
// lost nothing tells their client from one that waits for each answer.
static void converse(uint32_t most, uint32_t loss)
{
    char asked[4096], answered[4096];
    uint32_t number = 0;
    for (int round = 0; round < 30; round++) {
        size_t out = 0, back = 0;
        uint32_t count = round ? 1 + roll(most) : most;
        for (uint32_t i = 0; i < count; i++) {
            char words[32];
            snprintf(words, sizeof words, "ECHO %u", ++number);
            out += question(asked + out, sizeof asked - out, words);
            back += (size_t)snprintf(answered + back, sizeof answered - back, "+%u\r\n", number);
        }
        say_badly(CLIENT, asked, out, round ? loss : 0);
        say_badly(SERVER, answered, back, round ? loss : 0);
        if (!roll(5))
            harness_wait(&h, 2 * SECOND);
    }
}

// How many documents have an answer; each has its own.
static int count_pairs(void)
{
    int pairs = 0;
    for (int i = 0; i < h.count; i++) {
        const char *query = strstr(h.documents[i], "\"query\":\"ECHO ");
        const char *value = strstr(h.documents[i], "\"return_value\":\"");
        if (!query || !value)
            continue;
        if (strtoul(query + 14, NULL, 10) != strtoul(value + 16, NULL, 10))
            fail_msg("seed %u: %s", dice, h.documents[i]);
        pairs++;
    }
    return pairs;
}

static void makes_no_wrong_pairs(void **state)
{
    (void)state;
    int pairs = 0;
    for (uint32_t seed = 0; seed < 300; seed++) {
        dice = seed;
        seed % 2 ? open_late() : open_plain();
        converse(seed % 3 ? 6 : 1, 1 + seed % 20);
        harness_end(&h);
        pairs += count_pairs();
        close_all();
    }
    assert_true(pairs > 8000);
}

static void joins_in_the_middle(void **state)
{
    (void)state;
    open_late();
    ask_raw("of a value\r\n");
    answer("other value\r\n$3\r\nold\r\n");
    ask("GET a");
    answer("+a\r\n");
    finish(2);
    assert_document_has(&h, 0, "Unmatched response");
    assert_document_has(&h, 1, "\"query\":\"GET a\"");
    assert_document_has(&h, 1, "\"return_value\":\"a\"");
    close_all();
    open_late();
    ask("GET a");
    answer("+a\r\n");
    finish(1);
    assert_document_has(&h, 0, "\"return_value\":\"a\"");
    assert_int_equal(h.counters.conn_resyncs, 0);
    close_all();
}

static void turns_the_sides(void **state)
{
    (void)state;
    open_late();
    say(CLIENT, "+OK\r\n", 5);
    char text[64];
    say(SERVER, text, question(text, sizeof text, "GET a"));
    say(CLIENT, "$1\r\na\r\n", 7);
    finish(2);
    assert_document_has(&h, 1, "\"query\":\"GET a\"");
    assert_document_has(&h, 1, "\"client\":{\"bytes\":20,\"ip\":\"10.0.0.2\"");
    assert_document_has(&h, 1, "\"return_value\":\"a\"");
    close_all();
}

static void follows_one_side_alone(void **state)
{
    (void)state;
    open_plain();
    ask("SET a 1");
    ask("GET a");
    finish(2);
    assert_document_has(&h, 0, "Unmatched request");
    assert_document_has(&h, 1, "Unmatched request");
    close_all();
    open_late();
    answer("+OK\r\n$1\r\n1\r\n");
    finish(2);
    assert_document_has(&h, 1, "\"return_value\":\"1\"");
    close_all();
}

// ── nonsense ──

static void gives_up_what_is_no_redis(void **state)
{
    (void)state;
    static const char *const first[] = {"\x16\x03\x01\x02", "*abc\r\n", "*1\r\n:1\r\n",
                                        "*99999999999\r\n", "\"open\r\n"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        open_plain();
        ask_raw(first[i]);
        if (i == 0)
            ask_raw("\xff\n");
        bool question = i == 2; // its header makes sense
        assert_int_equal(!h.conn, !question);
        harness_end(&h);
        assert_int_equal(h.counters.conns_given_up, !question);
        close_all();
    }
}

static void finds_the_way_back_from_nonsense(void **state)
{
    (void)state;
    open_plain();
    ask("GET a");
    answer("*1\r\n$3\r\nabcXX garbage\r\n");
    ask("GET b");
    answer("+b\r\n");
    finish(2);
    assert_document_has(&h, 1, "\"return_value\":\"b\"");
    assert_int_equal(h.counters.conn_resyncs, 1);
    close_all();
    open_plain();
    ask("GET a");
    answer("+a\r\n");
    for (int i = 0; i < 1000 && h.conn; i++)
        answer("*1\r\n@\r\n");
    assert_null(h.conn);
    harness_end(&h);
    assert_int_equal(h.counters.conns_given_up, 1);
    close_all();
}

static void knows_its_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum side from;
        bool like;
    } rows[] = {{"*1\r\n$4\r\nPING\r\n", CLIENT, true},
                {"*2\r\n$3\r\nget\r\n$1\r\na\r\n", CLIENT, true},
                {"*1\r\n$4\r\nNOPE\r\n", CLIENT, false},
                {"*1\r\n$4\r\nPI", CLIENT, false},
                {"GET / HTTP/1.1\r\n", CLIENT, false},
                {"PING\r\n", CLIENT, false},
                {"$5\r\nhello\r\n", SERVER, true},
                {"*2\r\n:1\r\n:2\r\n", SERVER, true},
                {"+OK POP3 server\r\n", SERVER, false},
                {"-ERR\r\n", SERVER, false},
                {"$x\r\n", SERVER, false},
                {"", SERVER, false},
                {"", CLIENT, false},
                {"*", CLIENT, false},
                {"*999999999999999999999999", CLIENT, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(redis_protocol.looks_like(span_text(rows[i].text), rows[i].from),
                         rows[i].like);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_a_question),
        cmocka_unit_test(shows_errors),
        cmocka_unit_test(shows_every_kind),
        cmocka_unit_test(follows_a_pipeline),
        cmocka_unit_test(takes_questions_without_resp),
        cmocka_unit_test(waits_for_the_rest_of_a_question),
        cmocka_unit_test(reports_unanswered_questions),
        cmocka_unit_test(waits_for_blocking_commands),
        cmocka_unit_test(shows_answers_nobody_asked_for),
        cmocka_unit_test(finds_keys),
        cmocka_unit_test(names_as_the_reference),
        cmocka_unit_test(keeps_few_keys),
        cmocka_unit_test(hides_secrets),
        cmocka_unit_test(hides_values),
        cmocka_unit_test(takes_many_long_lines_at_once),
        cmocka_unit_test(follows_channels),
        cmocka_unit_test(follows_what_is_pushed),
        cmocka_unit_test(learns_of_channels),
        cmocka_unit_test(ignores_lines_of_monitor),
        cmocka_unit_test(lets_silent_questions_be),
        cmocka_unit_test(follows_the_database),
        cmocka_unit_test(lets_replicas_go),
        cmocka_unit_test(cuts_long_texts),
        cmocka_unit_test(eats_large_values),
        cmocka_unit_test(nests_without_end),
        cmocka_unit_test(lets_few_questions_wait),
        cmocka_unit_test(crosses_a_hole_inside_a_value),
        cmocka_unit_test(goes_on_behind_a_lost_answer),
        cmocka_unit_test(goes_on_behind_a_lost_question),
        cmocka_unit_test(makes_no_doubtful_pairs),
        cmocka_unit_test(makes_no_wrong_pairs),
        cmocka_unit_test(joins_in_the_middle),
        cmocka_unit_test(turns_the_sides),
        cmocka_unit_test(follows_one_side_alone),
        cmocka_unit_test(gives_up_what_is_no_redis),
        cmocka_unit_test(finds_the_way_back_from_nonsense),
        cmocka_unit_test(knows_its_first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
