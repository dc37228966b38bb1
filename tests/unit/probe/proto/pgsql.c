// SPDX-License-Identifier: Apache-2.0
// PostgreSQL conversations put together by hand: both protocols, what fails, what is lost, and what
// makes no sense.

#include "tests/unit/probe/proto/harness.h"

#include "probe/protocol.h"

extern const struct protocol pgsql_protocol;

static struct harness h;

// ── what both say ──

static struct {
    uint8_t at[1 << 21];
    size_t len;
} out; // not said yet

static void put(const void *bytes, size_t len)
{
    memcpy(out.at + out.len, bytes, len);
    out.len += len;
}

static void put_be32(uint32_t number)
{
    put((uint8_t[]){(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                    (uint8_t)number},
        4);
}

static void put_message(char type, const void *body, size_t len)
{
    put(&type, 1);
    put_be32((uint32_t)len + 4);
    put(body, len);
}

// A literal as a body: its zero byte too where the format wants one.
#define MESSAGE(type, literal) put_message(type, literal, sizeof(literal) - 1)
#define TEXT(type, literal)    put_message(type, literal, sizeof(literal))

static size_t step; // bytes of a segment; 0: all at once

static void say(enum side from)
{
    size_t piece = step ? step : out.len;
    for (size_t at = 0; at < out.len; at += piece)
        harness_feed(&h, from, out.at + at, piece < out.len - at ? piece : out.len - at);
    out.len = 0;
}

static void put_startup(uint32_t version, const char *options, size_t len)
{
    put_be32((uint32_t)len + 8);
    put_be32(version);
    put(options, len);
}

#define OPTIONS "user\0ann\0database\0shop\0"

static void start(void)
{
    put_startup(196608, OPTIONS, sizeof OPTIONS);
    say(CLIENT);
    MESSAGE('R', "\0\0\0\0");
    TEXT('S', "server_version\00016.1");
    MESSAGE('K', "\0\0\1\2secr");
    MESSAGE('Z', "I");
    say(SERVER);
}

static void put_query(const char *text)
{
    put_message('Q', text, strlen(text) + 1);
}

static void ask(const char *text)
{
    put_query(text);
    say(CLIENT);
}

static void put_tag(const char *tag)
{
    put_message('C', tag, strlen(tag) + 1);
}

static void put_ready(void)
{
    MESSAGE('Z', "I");
}

// Two columns, the first of them an integer, the second a text; formats as given.
static void put_columns(uint8_t format)
{
    uint8_t body[] =
        "\0\2id\0\0\0\0\0\0\0\0\0\0\x17\0\4\0\0\0\0\0fname\0\0\0\0\0\0\0\0\0\0\x19\0\4\0\0\0\0\0f";
    body[22] = format;
    body[sizeof body - 2] = format;
    put_message('T', body, sizeof body - 1);
}

#define ROW_ONE    \
    "\0\2\0\0\0\1" \
    "1"            \
    "\0\0\0\3one"
#define ROW_TWO    \
    "\0\2\0\0\0\1" \
    "2"            \
    "\xff\xff\xff\xff"

static void answer_rows(void)
{
    put_columns(0);
    MESSAGE('D', ROW_ONE);
    MESSAGE('D', ROW_TWO);
    put_tag("SELECT 2");
    put_ready();
    say(SERVER);
}

static void answer(const char *tag)
{
    put_tag(tag);
    put_ready();
    say(SERVER);
}

static void put_error(void)
{
    TEXT('E', "SFEHLER\0VERROR\0C22012\0Mdivision by zero\0Ddetail of 'x'\0Hhint\0npk\0");
}

// ── running ──

static void open_with(const char *yaml, bool compat)
{
    step = 0;
    out.len = 0;
    harness_open(&h, &pgsql_protocol, OVER_TCP, yaml, compat);
}

#define finish(count)      harness_finish(&h, count)
#define documents()        harness_documents(&h)
#define has(index, text)   assert_document_has(&h, index, text)
#define lacks(index, text) assert_document_lacks(&h, index, text)

// ── sessions ──

static void test_startup(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("select 1");
    answer("SELECT 1");
    assert_int_equal(documents(), 2);
    has(0, "\"method\":\"CONNECT\"");
    has(0, "\"authentication\":\"trust\"");
    has(0, "\"server_version\":\"16.1\"");
    has(0, "\"protocol_version\":\"3.0\"");
    has(0, "\"process_id\":258");
    has(0, "\"status\":\"OK\"");
    lacks(0, "secr");
    has(1, "\"user\":\"ann\"");
    has(1, "\"database\":\"shop\"");
    finish(2);
}

static void test_startup_under_compat(void **state)
{
    (void)state;
    open_with("", true);
    start();
    ask("select 1");
    answer("SELECT 1");
    finish(1);
}

static void test_password_is_not_shown(void **state)
{
    (void)state;
    open_with("send_request: true\nsend_response: true", false);
    put_startup(196608, OPTIONS, sizeof OPTIONS);
    say(CLIENT);
    MESSAGE('R', "\0\0\0\3");
    say(SERVER);
    TEXT('p', "SCRAM-opensesame");
    say(CLIENT);
    TEXT('E', "SFATAL\0C28P01\0Mpassword authentication failed\0");
    say(SERVER);
    harness_fin(&h, SERVER);
    assert_int_equal(documents(), 1);
    has(0, "28P01");
    has(0, "\"authentication\":\"password\"");
    has(0, "\"status\":\"Error\"");
    lacks(0, "sesame");
    finish(1);
}

static void test_versions(void **state)
{
    (void)state;
    open_with("", false);
    put_startup(196610, OPTIONS, sizeof OPTIONS);
    say(CLIENT);
    MESSAGE('v', "\0\0\0\1\0\0\0\0");
    MESSAGE('R', "\0\0\0\12SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0");
    say(SERVER);
    MESSAGE('p', "SCRAM-SHA-256\0\0\0\0\4n,,n");
    say(CLIENT);
    MESSAGE('R', "\0\0\0\0");
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 1);
    has(0, "\"protocol_version\":\"3.1\"");
    has(0, "\"authentication\":\"SCRAM-SHA-256\"");
    finish(1);
}

static void test_encryption_refused(void **state)
{
    (void)state;
    open_with("", false);
    put_be32(8);
    put_be32(80877104);
    say(CLIENT);
    harness_text(&h, SERVER, "N");
    put_be32(8);
    put_be32(80877103);
    say(CLIENT);
    harness_text(&h, SERVER, "N");
    start();
    finish(1);
}

// With nobody there who knows TLS the conn is done, and not given up.
static void test_encryption_accepted(void **state)
{
    (void)state;
    for (int gss = 0; gss < 2; gss++) {
        open_with("", false);
        put_be32(8);
        put_be32(gss ? 80877104 : 80877103);
        say(CLIENT);
        harness_text(&h, SERVER, gss ? "G" : "S");
        harness_text(&h, CLIENT, "\x16\3\1\2\0\1\0\1\xfc\3\3 and more of a hello");
        assert_null(h.conn);
        assert_int_equal(h.ended, ENDED_DONE);
        assert_int_equal(h.counters.conns_given_up, 0);
        finish(0);
    }
}

static void test_cancel(void **state)
{
    (void)state;
    open_with("", false);
    put_be32(16);
    put_be32(80877102);
    put("\0\0\1\2hush", 8);
    say(CLIENT);
    assert_int_equal(documents(), 1);
    has(0, "\"method\":\"CANCEL\"");
    has(0, "\"process_id\":258");
    has(0, "\"status\":\"OK\"");
    lacks(0, "hush");
    finish(1);
}

// ── simple queries ──

static void check_rows(int index)
{
    has(index, "\"query\":\"select * from item\"");
    has(index, "\"method\":\"SELECT\"");
    has(index, "\"num_rows\":2");
    has(index, "\"num_fields\":2");
    has(index, "\"response\":\"id,name\\n1,one\\n2,NULL\\n\"");
    has(index, "\"request\":\"select * from item\"");
    has(index, "\"status\":\"OK\"");
}

static void test_rows(void **state)
{
    (void)state;
    for (step = 0; step < 9; step++) {
        size_t now = step;
        open_with("send_response: true\nsend_request: true", false);
        step = now;
        start();
        ask("select * from item ;\n");
        answer_rows();
        assert_int_equal(documents(), 2);
        check_rows(1);
        has(1, "\"path\":\"item\"");
        has(1, "\"affected_rows\":2");
        has(1, "\"source\":{\"bytes\":27,");
        step = now;
        finish(2);
        step = now;
    }
    step = 0;
}

static void test_row_limits(void **state)
{
    (void)state;
    open_with("send_response: true\nmax_rows: 1\nmax_row_length: 3", false);
    start();
    ask("select * from item");
    answer_rows();
    assert_int_equal(documents(), 2);
    has(1, "\"response\":\"id,name\\n1,on\\n\"");
    has(1, "\"num_rows\":2");
    finish(2);
}

static void test_statements_of_one_query(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("insert into a values (';'); select $$;$$ -- ;\n ; ; update b set c = E'\\';'");
    put_tag("INSERT 0 3");
    put_columns(0);
    MESSAGE('D', ROW_ONE);
    put_tag("SELECT 1");
    put_tag("UPDATE 7");
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 4);
    has(1, "\"method\":\"INSERT\"");
    has(1, "\"affected_rows\":3");
    has(2, "\"method\":\"SELECT\"");
    has(2, "\"num_rows\":1");
    has(3, "\"query\":\"update b set c = E'\\\\';'\"");
    has(3, "\"affected_rows\":7");
    finish(4);
}

// Where a ';' ends nothing but a line of a body.
static void test_bodies(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("create rule r as on delete to a do also (select 1; select ')'); "
        "create function f() returns int begin atomic select case when true then 1 end; select 2; "
        "end; begin; select 3; end");
    put_tag("CREATE RULE");
    put_tag("CREATE FUNCTION");
    put_tag("BEGIN");
    put_tag("SELECT 1");
    answer("COMMIT");
    assert_int_equal(documents(), 6);
    has(1, "select ')')\"");
    has(2, "select 2; end\"");
    has(3, "\"query\":\"begin\"");
    has(4, "\"affected_rows\":1");
    has(5, "\"query\":\"end\"");
    for (int i = 1; i < 6; i++)
        has(i, "\"status\":\"OK\"");
    finish(6);
}

static void test_error(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("select 1; select 1/0; select 3");
    put_tag("SELECT 1");
    put_error();
    put_ready();
    say(SERVER);
    ask("select 4");
    answer("SELECT 1");
    assert_int_equal(documents(), 5);
    has(1, "\"status\":\"OK\"");
    has(2, "\"status\":\"Error\"");
    has(2, "\"error_code\":\"22012\"");
    has(2, "\"error_message\":\"division by zero\"");
    has(2, "\"error_severity\":\"ERROR\"");
    has(2, "\"error_detail\":\"detail of 'x'\"");
    has(2, "\"error_hint\":\"hint\"");
    has(2, "\"error_constraint\":\"pk\"");
    has(3, "\"query\":\"select 3\"");
    has(3, "Not executed");
    has(4, "\"query\":\"select 4\"");
    has(4, "\"status\":\"OK\"");
    finish(5);
}

static void test_error_under_compat(void **state)
{
    (void)state;
    open_with("", true);
    start();
    ask("select\n1/0");
    put_error();
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 1);
    has(0, "\"error_severity\":\"FEHLER\"");
    has(0, "\"method\":\"SELECT\\n1/0\"");
    lacks(0, "detail of");
    lacks(0, "hint");
    finish(1);
}

static void test_empty_queries(void **state)
{
    (void)state;
    static const char *const texts[] = {"", ";", " /* */ -- x\n"};
    open_with("", false);
    start();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ask(texts[i]);
        MESSAGE('I', "");
        put_ready();
        say(SERVER);
    }
    ask("select 1");
    answer("SELECT 1");
    assert_int_equal(documents(), 5);
    for (int i = 1; i < 5; i++)
        has(i, "\"status\":\"OK\"");
    has(4, "\"query\":\"select 1\"");
    finish(5);
}

static void test_pipelined_queries(void **state)
{
    (void)state;
    open_with("", false);
    start();
    put_query("select 1");
    put_query("insert into a values (2)");
    say(CLIENT);
    put_tag("SELECT 1");
    put_ready();
    put_tag("INSERT 0 1");
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 3);
    has(1, "\"query\":\"select 1\"");
    has(2, "\"affected_rows\":1");
    finish(3);
}

static void test_notices_and_notifications(void **state)
{
    (void)state;
    open_with("send_request: true", false);
    start();
    ask("drop table if exists a");
    TEXT('N', "SNOTICE\0C00000\0Mdoes not exist\0");
    put_tag("DROP TABLE");
    TEXT('A', "\0\0\1\2news\0it is late");
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 3);
    has(1, "\"notices\":[\"does not exist\"]");
    has(1, "\"destination\":{\"bytes\":16,");
    has(2, "\"channel\":\"news\"");
    has(2, "\"request\":\"it is late\"");
    has(2, "\"source\":{\"ip\":\"10.0.0.2\"");
    finish(3);
}

static void test_copy(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("copy item from stdin");
    MESSAGE('G', "\0\0\1\0\0");
    say(SERVER);
    MESSAGE('d', "1\n");
    MESSAGE('d', "2\n");
    MESSAGE('c', "");
    say(CLIENT);
    answer("COPY 2");
    ask("copy item to stdout");
    MESSAGE('H', "\0\0\1\0\0");
    MESSAGE('d', "1\n");
    MESSAGE('c', "");
    answer("COPY 1");
    assert_int_equal(documents(), 3);
    has(1, "\"source\":{\"bytes\":45,"); // 26 + 2 × 7 + 5
    has(1, "\"affected_rows\":2");
    has(1, "\"path\":\"item\"");
    has(2, "\"affected_rows\":1");
    finish(3);
}

static void test_replication(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("START_REPLICATION SLOT a LOGICAL 0/0");
    MESSAGE('W', "\0\0\0");
    for (int i = 0; i < 20; i++)
        MESSAGE('d', "w and much more");
    say(SERVER);
    assert_int_equal(documents(), 2);
    MESSAGE('d', "r");
    MESSAGE('c', "");
    say(CLIENT);
    MESSAGE('c', "");
    put_tag("COPY 0");
    put_tag("START_STREAMING");
    put_ready();
    say(SERVER);
    ask("select 1");
    answer("SELECT 1");
    has(1, "\"method\":\"START_REPLICATION\"");
    finish(3);
}

static void test_function_call(void **state)
{
    (void)state;
    open_with("", false);
    start();
    MESSAGE('F', "\0\0\6\x3e\0\0\0\1\0\0\0\3abc\0\0");
    say(CLIENT);
    MESSAGE('V', "\0\0\0\1x");
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 2);
    has(1, "\"query\":\"function 1598\"");
    has(1, "\"params\":[\"abc\"]");
    has(1, "\"command\":\"function_call\"");
    finish(2);
}

// ── the extended protocol ──

static void put_execution(void)
{
    MESSAGE('E', "\0\0\0\0\0");
}

static void put_usual_question(void)
{
    MESSAGE('P', "\0select * from item where id = $1 or id = $2\0\0\2\0\0\0\x17\0\0\0\x19");
    MESSAGE('B', "\0\0\0\2\0\1\0\0\0\2\0\0\0\4\0\0\0\1\0\0\0\2no\0\0");
    MESSAGE('D', "P\0");
    put_execution();
    MESSAGE('S', "");
}

static void put_usual_answer(void)
{
    MESSAGE('1', "");
    MESSAGE('2', "");
    put_columns(0);
    MESSAGE('D', ROW_ONE);
    put_tag("SELECT 1");
    put_ready();
}

static void check_usual(int index)
{
    has(index, "\"query\":\"select * from item where id = $1 or id = $2\"");
    has(index, "\"num_rows\":1");
    has(index, "\"status\":\"OK\"");
}

static void test_extended(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 7; cut++) {
        open_with("send_response: true", false);
        step = cut;
        start();
        put_usual_question();
        say(CLIENT);
        put_usual_answer();
        say(SERVER);
        assert_int_equal(documents(), 2);
        check_usual(1);
        has(1, "\"params\":[\"1\",\"no\"]");
        has(1, "\"command\":\"execute\"");
        has(1, "\"response\":\"id,name\\n1,one\\n\"");
        step = cut;
        finish(2);
    }
}

static void test_extended_under_compat(void **state)
{
    (void)state;
    open_with("", true);
    start();
    put_usual_question();
    MESSAGE('P', "\0SET a = 1\0\0\0");
    MESSAGE('B', "\0\0\0\0\0\0\0\0");
    put_execution();
    MESSAGE('S', "");
    MESSAGE('P', "s\0select 1\0\0\0");
    MESSAGE('S', "");
    say(CLIENT);
    put_usual_answer();
    MESSAGE('1', "");
    MESSAGE('2', "");
    put_tag("SET");
    put_ready();
    MESSAGE('1', "");
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 1);
    check_usual(0);
    lacks(0, "params");
    finish(1);
}

static void test_named_statement(void **state)
{
    (void)state;
    open_with("send_response: true", false);
    start();
    MESSAGE('P', "s1\0select * from item where id = $1\0\0\0");
    MESSAGE('D', "Ss1\0");
    MESSAGE('S', "");
    say(CLIENT);
    MESSAGE('1', "");
    MESSAGE('t', "\0\1\0\0\0\x14");
    put_columns(0);
    put_ready();
    say(SERVER);
    for (int i = 0; i < 2; i++) {
        MESSAGE('B', "\0s1\0\0\1\0\1\0\1\0\0\0\10\0\0\0\0\0\0\1\0\0\1\0\1");
        put_execution();
        MESSAGE('S', "");
        say(CLIENT);
        MESSAGE('2', "");
        MESSAGE('D', "\0\2\0\0\0\4\0\0\0\5\0\0\0\3one");
        answer("SELECT 1");
    }
    MESSAGE('C', "Ss1\0");
    MESSAGE('S', "");
    MESSAGE('B', "\0s1\0\0\0\0\0\0\0");
    put_execution();
    MESSAGE('S', "");
    say(CLIENT);
    MESSAGE('3', "");
    put_ready();
    put_error();
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 5);
    has(1, "\"method\":\"PREPARE\"");
    has(1, "\"num_fields\":2");
    for (int i = 2; i < 4; i++) {
        has(i, "\"query\":\"select * from item where id = $1\"");
        has(i, "\"statement\":\"s1\"");
        has(i, "\"params\":[\"256\"]");
        has(i, "\"response\":\"id,name\\n5,one\\n\"");
    }
    has(4, "\"error_code\":\"22012\"");
    has(4, "The actual query being used is unknown");
    finish(5);
}

static void test_portal_in_parts(void **state)
{
    (void)state;
    open_with("", false);
    start();
    MESSAGE('P', "\0select 1\0\0\0");
    MESSAGE('B', "p\0\0\0\0\0\0\0\0");
    MESSAGE('E', "p\0\0\0\0\1");
    MESSAGE('S', "");
    say(CLIENT);
    MESSAGE('1', "");
    MESSAGE('2', "");
    MESSAGE('D', ROW_ONE);
    MESSAGE('s', "");
    put_ready();
    say(SERVER);
    MESSAGE('P', "\0select 2\0\0\0"); // takes the place of the other one, but not in the portal
    MESSAGE('S', "");
    MESSAGE('E', "p\0\0\0\0\1");
    MESSAGE('S', "");
    say(CLIENT);
    MESSAGE('1', "");
    put_ready();
    MESSAGE('D', ROW_TWO);
    answer("SELECT 1");
    assert_int_equal(documents(), 4);
    has(1, "\"query\":\"select 1\"");
    lacks(1, "affected_rows");
    has(3, "\"query\":\"select 1\"");
    has(3, "\"affected_rows\":1");
    finish(4);
}

static void test_batch_that_fails(void **state)
{
    (void)state;
    open_with("", false);
    start();
    for (int i = 0; i < 3; i++) {
        MESSAGE('P', "\0select 1\0\0\0");
        MESSAGE('B', "\0\0\0\0\0\0\0\0");
        put_execution();
    }
    MESSAGE('S', "");
    put_usual_question();
    say(CLIENT);
    MESSAGE('1', "");
    MESSAGE('2', "");
    MESSAGE('D', ROW_ONE);
    put_tag("SELECT 1");
    MESSAGE('1', "");
    MESSAGE('2', "");
    put_error();
    put_ready();
    put_usual_answer();
    say(SERVER);
    assert_int_equal(documents(), 5);
    has(1, "\"status\":\"OK\"");
    has(2, "\"error_code\":\"22012\"");
    has(3, "Not executed");
    check_usual(4);
    finish(5);
}

// The Sync right behind the Execute means nothing to the server.
static void test_extended_copy(void **state)
{
    (void)state;
    open_with("", false);
    start();
    MESSAGE('P', "\0copy item from stdin\0\0\0");
    MESSAGE('B', "\0\0\0\0\0\0\0\0");
    put_execution();
    MESSAGE('S', "");
    say(CLIENT);
    MESSAGE('1', "");
    MESSAGE('2', "");
    MESSAGE('G', "\0\0\1\0\0");
    say(SERVER);
    MESSAGE('d', "1\n");
    MESSAGE('c', "");
    MESSAGE('S', "");
    say(CLIENT);
    answer("COPY 1");
    put_usual_question();
    say(CLIENT);
    put_usual_answer();
    say(SERVER);
    assert_int_equal(documents(), 3);
    has(1, "\"affected_rows\":1");
    check_usual(2);
    finish(3);
}

static void test_flush(void **state)
{
    (void)state;
    open_with("", false);
    start();
    MESSAGE('P', "\0select 6\0\0\0");
    MESSAGE('H', "");
    say(CLIENT);
    MESSAGE('1', "");
    say(SERVER);
    MESSAGE('B', "\0\0\0\0\0\0\0\0");
    put_execution();
    say(CLIENT);
    MESSAGE('2', "");
    MESSAGE('D', ROW_ONE);
    put_tag("SELECT 1");
    say(SERVER); // the answer is there before the question is over
    MESSAGE('S', "");
    say(CLIENT);
    put_ready();
    say(SERVER);
    ask("select 7");
    answer("SELECT 1");
    assert_int_equal(documents(), 4);
    has(1, "\"method\":\"PREPARE\"");
    has(2, "\"query\":\"select 6\"");
    has(2, "\"num_rows\":1");
    has(2, "\"status\":\"OK\"");
    has(3, "\"query\":\"select 7\"");
    finish(4);
}

// ── secrets ──

static void test_hidden(void **state)
{
    (void)state;
    open_with("send_request: true\nsend_response: true\nhide_literals: true", false);
    start();
    ask("select 'secret', 42 from item");
    answer_rows();
    put_usual_question();
    say(CLIENT);
    put_usual_answer();
    say(SERVER);
    assert_int_equal(documents(), 3);
    has(1, "\"query\":\"select ?, ? from item\"");
    lacks(1, "one");
    lacks(2, "params");
    lacks(2, "one");
    finish(3);
}

// What stands for it may be longer than a password.
static void test_short_passwords(void **state)
{
    enum { TIMES = 200 };
    static const char one[] = "password '' '' '' '' '' '' '' '' '' '' '' ";
    static char text[TIMES * sizeof one + 8];
    (void)state;
    for (int i = 0; i < TIMES; i++)
        memcpy(text + (size_t)i * (sizeof one - 1), one, sizeof one);
    strcat(text, "end");
    open_with("", false);
    start();
    ask(text);
    answer("ALTER ROLE");
    assert_int_equal(documents(), 2);
    has(1, "'xxxxx' end\"");
    lacks(1, "''");
    finish(2);
}

static void test_hidden_passwords(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        open_with("send_request: true", compat);
        ask("alter role ann password 'secret'");
        answer("ALTER ROLE");
        assert_int_equal(documents(), 1);
        if (compat)
            has(0, "'secret'");
        else
            lacks(0, "secret");
        finish(1);
    }
}

// ── what is missing ──

static void test_unanswered(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("select pg_sleep(20)");
    harness_wait(&h, 12 * SECOND);
    assert_int_equal(documents(), 2);
    has(1, "Unmatched request");
    has(1, "\"status\":\"Error\"");
    answer("SELECT 1"); // too late, and not that of the next one
    ask("update a set b = 1");
    answer("UPDATE 5");
    assert_int_equal(documents(), 4);
    has(2, "Unmatched response");
    has(3, "\"query\":\"update a set b = 1\"");
    has(3, "\"affected_rows\":5");
    finish(4);
}

static void test_joined_late(void **state)
{
    (void)state;
    open_with("", false);
    harness_text(&h, SERVER, "the rest of a row");
    MESSAGE('D', ROW_ONE);
    put_tag("SELECT 9");
    put_ready();
    say(SERVER);
    ask("update a set b = 1");
    answer("UPDATE 5");
    assert_int_equal(documents(), 2);
    has(0, "Unmatched response");
    has(0, "\"affected_rows\":9");
    has(1, "\"affected_rows\":5");
    has(1, "\"status\":\"OK\"");
    assert_int_equal(h.counters.conn_resyncs, 1);
    finish(2);
}

static void test_server_alone(void **state)
{
    (void)state;
    open_with("", false);
    answer_rows();
    answer("INSERT 0 1");
    assert_int_equal(documents(), 2);
    has(0, "\"method\":\"SELECT\"");
    has(0, "Unmatched response");
    has(0, "\"num_rows\":2");
    has(1, "\"method\":\"INSERT\"");
    finish(2);
}

static void test_client_alone(void **state)
{
    (void)state;
    open_with("", false);
    ask("select 1");
    ask("select 2");
    harness_fin(&h, CLIENT);
    harness_fin(&h, SERVER);
    assert_int_equal(documents(), 2);
    has(1, "Unmatched request");
    finish(2);
}

// A hole inside a row leaves everything in step.
static void test_hole_in_row(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("select * from item");
    put_columns(0);
    say(SERVER);
    put("D\0\0\0\150\0\2\0\0\0\143yyyyyyyyyy", 21);
    say(SERVER);
    harness_gap(&h, SERVER, 50);
    put("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 34);
    put_tag("SELECT 1");
    put_ready();
    say(SERVER);
    ask("select 2");
    answer("SELECT 1");
    assert_int_equal(documents(), 3);
    has(1, "Packet loss while capturing the response");
    has(1, "\"num_rows\":1");
    has(1, "\"status\":\"OK\"");
    lacks(2, "loss");
    assert_int_equal(h.counters.conn_resyncs, 0);
    finish(3);
}

static void test_hole_over_end(void **state)
{
    (void)state;
    open_with("", false);
    start();
    ask("select * from item");
    put_columns(0);
    say(SERVER);
    harness_gap(&h, SERVER, 500);
    ask("update a set b = 1");
    answer("UPDATE 5");
    assert_int_equal(documents(), 3);
    has(1, "\"query\":\"select * from item\"");
    has(1, "Packet loss while capturing the response");
    has(2, "\"affected_rows\":5");
    has(2, "\"status\":\"OK\"");
    finish(3);
}

static void test_hole_in_query(void **state)
{
    (void)state;
    open_with("", false);
    start();
    put("Q\0\0\0\150select 1", 13);
    say(CLIENT);
    harness_gap(&h, CLIENT, 60);
    put("'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", 32);
    say(CLIENT);
    answer("SELECT 3");
    ask("update a set b = 1");
    answer("UPDATE 5");
    assert_int_equal(documents(), 3);
    has(1, "Packet loss while capturing the request");
    has(1, "\"affected_rows\":3");
    has(2, "\"query\":\"update a set b = 1\"");
    has(2, "\"affected_rows\":5");
    finish(3);
}

// The tag of an answer that nobody asked for is cut in two, the second half is lost.
static void test_hole_in_tag(void **state)
{
    (void)state;
    open_with("", false);
    answer("SELECT 1");
    harness_text(&h, SERVER, "C");
    harness_feed(&h, SERVER, "\0\0\0\15SEL", 7);
    harness_gap(&h, SERVER, 6);
    put_ready();
    say(SERVER);
    assert_int_equal(documents(), 2);
    has(1, "Packet loss while capturing the response");
    lacks(1, "method");
    finish(2);
}

// A question and its answer are lost, and the next ones are in step again.
static void test_hole_of_both(void **state)
{
    (void)state;
    open_with("", false);
    start();
    harness_gap(&h, CLIENT, 30);
    harness_gap(&h, SERVER, 30);
    ask("update a set b = 1");
    answer("UPDATE 5");
    harness_wait(&h, 12 * SECOND);
    ask("update a set b = 2");
    answer("UPDATE 6");
    harness_flush(&h);
    has(h.count - 1, "\"affected_rows\":6");
    has(h.count - 1, "b = 2");
    for (int i = 0; i < h.count; i++)
        if (strstr(h.documents[i], "b = 1"))
            lacks(i, "\"affected_rows\":6");
    finish(h.count);
}

// With many questions on their way, a hole among the answers leaves none of them in doubtful
// company; after a silence all is well again.
static void test_hole_while_pipelined(void **state)
{
    (void)state;
    open_with("", false);
    start();
    for (int i = 0; i < 4; i++)
        put_query("update a set b = 1");
    say(CLIENT);
    answer("UPDATE 1");
    harness_gap(&h, SERVER, 40);
    answer("UPDATE 4");
    harness_wait(&h, 12 * SECOND);
    ask("update a set b = 5");
    answer("UPDATE 5");
    assert_int_equal(documents(), 6);
    has(1, "\"affected_rows\":1");
    for (int i = 2; i < 5; i++)
        lacks(i, "affected_rows");
    has(5, "b = 5");
    has(5, "\"affected_rows\":5");
    finish(6);
}

static void test_sides_turned(void **state)
{
    (void)state;
    open_with("", false);
    put_query("select 1");
    say(SERVER);
    put_tag("SELECT 1");
    put_ready();
    say(CLIENT);
    assert_int_equal(documents(), 1);
    has(0, "\"query\":\"select 1\"");
    has(0, "\"status\":\"OK\"");
    has(0, "\"source\":{\"bytes\":14,\"ip\":\"10.0.0.2\"");
    finish(1);
}

// ── what makes no sense ──

static void test_garbage(void **state)
{
    (void)state;
    static uint8_t noise[4096];
    uint32_t seed = 1;
    open_with("send_response: true\nsend_request: true", false);
    for (int round = 0; round < 200 && h.conn; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        noise[0] |= 0x80;
        harness_feed(&h, round & 1, noise, sizeof noise);
    }
    assert_null(h.conn);
    assert_int_equal(h.counters.conns_given_up, 1);
    finish(0);
}

// Every kind of message with lengths, counts and names that promise what is not there.
static void test_false_promises(void **state)
{
    (void)state;
    static const char types[] = "QPBDECHSFdcfpXRKSvZTDCIENA123ntsVGHWdc";
    for (size_t i = 0; i < sizeof types - 1; i++)
        for (int fill = 0; fill < 3; fill++)
            for (int side = CLIENT; side <= SERVER; side++) {
                uint8_t body[40];
                memset(body, fill == 2 ? 'x' : fill ? 0xff : 0, sizeof body);
                open_with("send_response: true\nsend_request: true", false);
                start();
                put_usual_question();
                say(CLIENT);
                for (size_t len = 0; len < sizeof body && h.conn; len++) {
                    put_message(types[i], body, len);
                    say(side);
                }
                harness_end(&h);
                harness_close(&h);
            }
}

static void test_many_statements(void **state)
{
    (void)state;
    static char text[1 << 17];
    open_with("", false);
    start();
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "a;", 2);
    ask(text);
    for (int i = 0; i < 3000; i++)
        put_tag("SELECT 1");
    answer("SELECT 1");
    assert_int_equal(documents(), 1025);
    ask("select 2");
    answer("SELECT 2");
    assert_int_equal(documents(), 1026);
    has(1025, "\"affected_rows\":2");
    finish(1026);
}

static void test_large_query(void **state)
{
    (void)state;
    static char text[200 << 10];
    open_with("", false);
    start();
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "select '", 8);
    step = 1400;
    ask(text);
    step = 0;
    answer("SELECT 1");
    assert_int_equal(documents(), 2);
    has(1, "xxx…\"");
    has(1, "\"bytes\":204805");
    has(1, "\"status\":\"OK\"");
    finish(2);
}

// ── content ──

static bool looks(enum side from)
{
    bool yes = pgsql_protocol.looks_like(span_of(out.at, out.len), from);
    out.len = 0;
    return yes;
}

// Each takes memory that is void behind it.
static void test_many_large_statements_at_once(void **state)
{
    enum { STATEMENTS = 12, TEXT = 100000 };
    static char body[1 + TEXT + 1 + 2];
    (void)state;
    memset(body + 1, 'x', TEXT);
    memcpy(body + 1, "select 1 ", 9);
    open_with("", false);
    start();
    for (int i = 0; i < STATEMENTS; i++) {
        body[10] = (char)('a' + i);
        put_message('P', body, sizeof body);
    }
    MESSAGE('B', "\0\0\0\0\0\0\0\0");
    put_execution();
    MESSAGE('S', "");
    MESSAGE('B', "\0\0\0\0\0\0\0\0");
    put_execution();
    MESSAGE('S', "");
    say(CLIENT);
    harness_fin(&h, CLIENT);
    harness_fin(&h, SERVER);
    assert_int_equal(documents(), 1 + STATEMENTS + 1);
    has(STATEMENTS, "\"query\":\"select 1 l");
    has(STATEMENTS + 1, "\"query\":\"select 1 l");
    finish(1 + STATEMENTS + 1);
}

static void test_looks_like(void **state)
{
    (void)state;
    out.len = 0;
    put_startup(196608, OPTIONS, sizeof OPTIONS);
    assert_true(looks(CLIENT));
    put_be32(8);
    put_be32(80877103);
    assert_true(looks(CLIENT));
    put_query("select 1");
    assert_true(looks(CLIENT));
    put_usual_question();
    assert_true(looks(CLIENT));
    put_usual_answer();
    assert_true(looks(SERVER));
    MESSAGE('R', "\0\0\0\5salt");
    assert_true(looks(SERVER));
    put("GET / HTTP/1.1\r\n\r\n", 18);
    assert_false(looks(CLIENT));
    put("Quit now, please\r\n", 18);
    assert_false(looks(CLIENT));
    put("\0\0\0\5hello", 9);
    assert_false(looks(CLIENT));
    put("\x16\3\1\2\0\1\0\1\xfc\3\3", 11);
    assert_false(looks(CLIENT));
    put("E\0\0\0\4", 5);
    assert_false(looks(SERVER));
    assert_false(looks(SERVER)); // nothing at all
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_startup),
        cmocka_unit_test(test_startup_under_compat),
        cmocka_unit_test(test_password_is_not_shown),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_encryption_refused),
        cmocka_unit_test(test_encryption_accepted),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_row_limits),
        cmocka_unit_test(test_statements_of_one_query),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_error_under_compat),
        cmocka_unit_test(test_empty_queries),
        cmocka_unit_test(test_pipelined_queries),
        cmocka_unit_test(test_notices_and_notifications),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_replication),
        cmocka_unit_test(test_function_call),
        cmocka_unit_test(test_extended),
        cmocka_unit_test(test_extended_under_compat),
        cmocka_unit_test(test_named_statement),
        cmocka_unit_test(test_portal_in_parts),
        cmocka_unit_test(test_batch_that_fails),
        cmocka_unit_test(test_extended_copy),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_short_passwords),
        cmocka_unit_test(test_hidden_passwords),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_joined_late),
        cmocka_unit_test(test_server_alone),
        cmocka_unit_test(test_client_alone),
        cmocka_unit_test(test_hole_in_row),
        cmocka_unit_test(test_hole_over_end),
        cmocka_unit_test(test_hole_in_query),
        cmocka_unit_test(test_hole_in_tag),
        cmocka_unit_test(test_hole_of_both),
        cmocka_unit_test(test_hole_while_pipelined),
        cmocka_unit_test(test_sides_turned),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_false_promises),
        cmocka_unit_test(test_many_statements),
        cmocka_unit_test(test_large_query),
        cmocka_unit_test(test_many_large_statements_at_once),
        cmocka_unit_test(test_looks_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
