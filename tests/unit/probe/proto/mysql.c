// SPDX-License-Identifier: Apache-2.0
// MySQL conversations put together by hand: every dialect, every way to cut them, and what becomes
// of those that do not go as they should.

#include "tests/unit/probe/proto/harness.h"

#include <zlib.h>
#include <zstd.h>

#include "probe/protocol.h"
#include "tests/unit/probe/proto/mysql_build.h"

extern const struct protocol mysql_protocol;

static struct harness h;
static struct mysql_bytes said, payload;

// Bytes in one feed are so many at most.
static size_t cut = SIZE_MAX;

static void say(enum side from)
{
    for (size_t at = 0; at < said.len; at += cut < said.len - at ? cut : said.len - at)
        harness_feed(&h, from, said.at + at, cut < said.len - at ? cut : said.len - at);
    said.len = 0;
}

static void open_with(const char *yaml, bool compat)
{
    harness_open(&h, &mysql_protocol, OVER_TCP, yaml, compat);
    said.len = 0;
}

// A command with what belongs to it, byte by byte.
#define command(literal)                \
    do {                                \
        put_literal(&said, 0, literal); \
        say(CLIENT);                    \
    } while (0)

// The outcome that ends an answer.
static void answer(unsigned sequence, unsigned affected)
{
    put_outcome(&said, sequence, 0, affected, 0, 2);
    say(SERVER);
}

static void log_in(uint32_t capabilities)
{
    put_greeting(&said);
    say(SERVER);
    put_log_in(&said, capabilities);
    say(CLIENT);
    answer(2, 0);
}

static void open_logged_in(const char *yaml, uint32_t capabilities)
{
    open_with(yaml, false);
    log_in(capabilities);
}

static void query(const char *text)
{
    put_command(&said, 3, text);
    say(CLIENT);
}

static const char everything[] = "{send_request: true, send_response: true}";

// Two columns, two rows of texts.
static void put_result(bool omits_ends, unsigned status)
{
    unsigned n = 1;
    put_literal(&said, n++, "\2");
    put_definition(&said, n++, "people", "id", 3, 0);
    put_definition(&said, n++, "people", "name", 253, 0);
    if (!omits_ends)
        put_end(&said, n++, status & ~8u);
    put_literal(&said, n++, "\0011\3A,n");
    put_literal(&said, n++, "\0012\373");
    if (omits_ends)
        put_outcome(&said, n, 0xfe, 0, 0, status);
    else
        put_end(&said, n, status);
}

static void answer_rows(bool omits_ends)
{
    put_result(omits_ends, 2);
    say(SERVER);
}

// The beginning of a result of one column.
static void put_column(unsigned sequence)
{
    put_literal(&said, sequence, "\1");
    put_definition(&said, sequence + 1, "people", "c", 253, 0);
    put_end(&said, sequence + 2, 2);
}

#define documents()        harness_documents(&h)
#define has(index, text)   assert_document_has(&h, index, text)
#define lacks(index, text) assert_document_lacks(&h, index, text)

static void close_all(void)
{
    harness_end(&h);
    harness_close(&h);
}

// ── straight ──

static void test_log_in(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    assert_int_equal(documents(), 1);
    has(0, "\"method\":\"LOGIN\"");
    has(0, "\"user\":\"ann\"");
    has(0, "\"database\":\"shop\"");
    has(0, "\"server_version\":\"8.4.2\"");
    has(0, "\"connection_id\":42");
    has(0, "\"auth_plugin\":\"mysql_native_password\"");
    has(0, "\"_name\":\"unit\"");
    has(0, "\"status\":\"OK\"");
    lacks(0, "proof");
    close_all();
}

static void test_switch_of_plugin(void **state)
{
    (void)state;
    open_with("", false);
    put_greeting(&said);
    say(SERVER);
    put_log_in(&said, USUAL);
    say(CLIENT);
    put_literal(&said, 2, "\376caching_sha2_password\0challenge challenge ");
    say(SERVER);
    put_literal(&said, 3, "another secret proof");
    say(CLIENT);
    put_literal(&said, 4, "\1\4");
    say(SERVER);
    put_literal(&said, 5, "clear password");
    say(CLIENT);
    put_error(&said, 6, 1045, "#28000Access denied");
    say(SERVER);
    close_all();
    assert_int_equal(h.counters.conns_given_up, 0);
}

static void test_refused(void **state)
{
    (void)state;
    open_with("", false);
    put_error(&said, 0, 1040, "#08004Too many connections");
    say(SERVER);
    assert_int_equal(documents(), 1);
    has(0, "08004: Too many connections");
    close_all();
}

static void check_result(void)
{
    assert_int_equal(h.count, 2);
    has(1, "\"query\":\"select id, name from people\"");
    has(1, "\"method\":\"SELECT\"");
    has(1, "\"num_rows\":2");
    has(1, "\"num_fields\":2");
    has(1, "\"path\":\"shop.people\"");
    has(1, "\"response\":\"id,name\\n1,\\\"A,n\\\"\\n2,NULL\\n\"");
    has(1, "\"status\":\"OK\"");
}

static void test_results(void **state)
{
    (void)state;
    for (int omits_ends = 0; omits_ends < 2; omits_ends++) {
        open_logged_in(everything, USUAL | (omits_ends ? CAN_OMIT_EOF : 0));
        query(" select id, name from people ");
        answer_rows(omits_ends);
        harness_flush(&h);
        check_result();
        close_all();
    }
}

static void test_cut_everywhere(void **state)
{
    (void)state;
    for (cut = 1; cut < 40; cut += 3) {
        test_results(state);
        test_log_in(state);
    }
    cut = SIZE_MAX;
}

static void test_changes(void **state)
{
    (void)state;
    open_logged_in("", USUAL | CAN_TRACK);
    query("insert into shop.people values (1)");
    payload.len = 0;
    put(&payload, "\0\1\7\0\x40\0\0", sizeof "\0\1\7\0\x40\0\0" - 1);
    put_string(&payload, "Records: 1");
    put(&payload, "\x07\1\5\4live", sizeof "\x07\1\5\4live" - 1);
    put_payload(&said, 1, &payload);
    say(SERVER);
    harness_flush(&h);
    has(1, "\"affected_rows\":1");
    has(1, "\"insert_id\":7");
    has(1, "\"path\":\"shop.people\"");
    has(1, "\"info\":\"Records: 1\"");
    has(1, "\"schema\":\"live\"");
    has(1, "\"database\":\"live\"");
    close_all();
}

// MariaDB tells how far it is before it answers.
static void test_progress(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("alter table people add a int");
    put_error(&said, 1, 0xffff, "\1\1\2\1\1\1\4copy");
    put_error(&said, 2, 0xffff, "\1\2\2\1\1\1\4copy");
    answer(3, 2);
    assert_int_equal(documents(), 2);
    has(1, "\"affected_rows\":2");
    has(1, "\"status\":\"OK\"");
    assert_int_equal(h.counters.conn_resyncs, 0);
    close_all();
}

static void test_errors(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("bogus");
    put_error(&said, 1, 1064, "#42000You have an error");
    say(SERVER);
    harness_flush(&h);
    has(1, "\"status\":\"Error\"");
    has(1, "\"error_code\":1064");
    has(1, "\"error_message\":\"42000: You have an error\"");
    close_all();
}

static void test_several_results(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("select id, name from people; update people set a=1; select 2");
    put_result(false, 2 | 8);
    put_outcome(&said, 8, 0, 5, 0, 2 | 8);
    put_literal(&said, 9, "\1");
    put_definition(&said, 10, "", "2", 8, 0);
    put_end(&said, 11, 2);
    put_literal(&said, 12, "\0012");
    put_end(&said, 13, 2);
    say(SERVER);
    query("select id, name from people");
    answer_rows(false);
    assert_int_equal(documents(), 3);
    has(1, "\"results\":3");
    has(1, "\"num_rows\":3");
    has(1, "\"affected_rows\":5");
    has(2, "\"num_rows\":2");
    close_all();
}

static void test_infile(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("load data local infile 'a.csv' into table people");
    put_literal(&said, 1, "\373a.csv");
    say(SERVER);
    put_literal(&said, 2, "1,Ann\n");
    put_literal(&said, 3, "");
    say(CLIENT);
    answer(4, 1);
    query("select id, name from people");
    answer_rows(false);
    assert_int_equal(documents(), 3);
    has(1, "\"infile\":{\"bytes\":6,\"name\":\"a.csv\"}");
    has(1, "\"affected_rows\":1");
    close_all();
}

static void test_commands(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } commands[] = {
        {"\16", 1, "\"query\":\"PING\""},           {"\2live", 5, "\"query\":\"USE live\""},
        {"\33\0\0", 3, "\"query\":\"SET OPTION\""}, {"\37", 1, "\"command\":\"RESET_CONNECTION\""},
        {"\14\7\0\0\0", 5, "\"query\":\"KILL\""},   {"\11", 1, "\"info\":\"Uptime"},
    };
    (void)state;
    open_logged_in("", USUAL);
    for (int i = 0; i < 6; i++) {
        put_packet(&said, 0, commands[i].bytes, commands[i].len);
        say(CLIENT);
        if (i == 5)
            put_literal(&said, 1, "Uptime: 1 Threads: 1");
        else
            put_outcome(&said, 1, 0, 0, 0, 2);
        say(SERVER);
    }
    command("\4people\0");
    put_definition(&said, 1, "people", "id", 3, 0);
    put_end(&said, 2, 2);
    say(SERVER);
    command("\1");
    assert_int_equal(documents(), 8);
    for (int i = 0; i < 6; i++)
        has(1 + i, commands[i].says);
    has(7, "\"query\":\"FIELDS\"");
    has(7, "\"database\":\"live\"");
    close_all();
}

static void test_change_user(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    command("\21bob\0\4hashother\0\45\0mysql_native_password\0");
    put_literal(&said, 1, "\376mysql_native_password\0challengechallengech");
    say(SERVER);
    put_literal(&said, 2, "01234567890123456789");
    say(CLIENT);
    answer(3, 0);
    query("select 1");
    answer_rows(false);
    assert_int_equal(documents(), 3);
    has(1, "\"query\":\"CHANGE USER\"");
    has(2, "\"user\":\"bob\"");
    has(2, "\"database\":\"other\"");
    close_all();
}

static void test_replication(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    command("\22\4\0\0\0\0\0\1\0\0\0bin.01");
    put_literal(&said, 1, "\0event");
    say(SERVER);
    assert_null(h.conn);
    assert_int_equal(documents(), 2);
    has(1, "\"command\":\"BINLOG_DUMP\"");
    close_all();
}

static void test_tls(void **state)
{
    (void)state;
    open_with("", false);
    put_greeting(&said);
    say(SERVER);
    payload.len = 0;
    put_number(&payload, CAN_TLS | CAN_41 | CAN_MYSQL, 4);
    put_number(&payload, 1 << 24, 4);
    for (int i = 0; i < 24; i++)
        put_number(&payload, 0, 1);
    put_payload(&said, 1, &payload);
    say(CLIENT);
    harness_flush(&h);
    assert_null(h.conn); // nobody here knows TLS
    assert_int_equal(h.count, 1);
    has(0, "\"tls\":true");
    close_all();
}

// ── prepared statements ──

static void prepare(const char *text, unsigned id, unsigned parameters, unsigned columns, bool ends)
{
    unsigned n = 2;
    put_command(&said, 22, text);
    say(CLIENT);
    payload.len = 0;
    put_number(&payload, 0, 1);
    put_number(&payload, id, 4);
    put_number(&payload, columns, 2);
    put_number(&payload, parameters, 2);
    put_number(&payload, 0, 3);
    put_payload(&said, 1, &payload);
    for (unsigned i = 0; i < parameters; i++)
        put_definition(&said, n++, "", "?", 253, 0);
    if (parameters && ends)
        put_end(&said, n++, 2);
    for (unsigned i = 0; i < columns; i++)
        put_definition(&said, n++, "people", "c", 253, 0);
    if (columns && ends)
        put_end(&said, n, 2);
    say(SERVER);
}

static void start_execution(unsigned id, unsigned flags)
{
    payload.len = 0;
    put_number(&payload, 23, 1);
    put_number(&payload, id, 4);
    put_number(&payload, flags, 1);
    put_number(&payload, 1, 4);
}

static void execute(void)
{
    put_payload(&said, 0, &payload);
    say(CLIENT);
}

static void put_values(void)
{
    put_number(&payload, (uint64_t)-5, 1);
    put_number(&payload, 65535, 2);
    // the third is NULL
    put_number(&payload, 1ULL << 63, 8);
    put(&payload, "\0\0\xc0\x3f", sizeof "\0\0\xc0\x3f" - 1); // 1.5
    put(&payload, "\0\0\0\0\0\0\4\xc0", sizeof "\0\0\0\0\0\0\4\xc0" - 1);
    put(&payload, "\x0b\xe7\x07\x02\x03\x04\x05\x06\x40\xe2\x01\x00",
        sizeof "\x0b\xe7\x07\x02\x03\x04\x05\x06\x40\xe2\x01\x00" - 1);
    put(&payload, "\x08\x01\x01\0\0\0\x02\x03\x04", sizeof "\x08\x01\x01\0\0\0\x02\x03\x04" - 1);
    put_string(&payload, "it's");
}

static const uint8_t types[] = {1, 0, 2, 0x80, 3, 0, 8, 0x80, 4, 0, 5, 0, 12, 0, 11, 0, 253, 0};
static const char params[] =
    "\"params\":[\"-5\",\"65535\",\"NULL\",\"9223372036854775808\",\"1.5\","
    "\"-2.5\",\"2023-02-03 04:05:06.123456\",\"-26:03:04\",\"it's\"]";

static void test_prepared(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        open_logged_in(everything, USUAL | (ends ? 0 : CAN_OMIT_EOF));
        prepare("select c from people where a = ?", 7, 9, 1, ends);
        start_execution(7, 0);
        put(&payload, "\4\0\1", sizeof "\4\0\1" - 1);
        put(&payload, types, sizeof types);
        put_values();
        execute();
        answer(1, 0);
        start_execution(7, 0); // the types are known
        put(&payload, "\4\0\0", sizeof "\4\0\0" - 1);
        put_values();
        execute();
        answer(1, 0);
        assert_int_equal(documents(), 4);
        has(1, "\"query\":\"select c from people where a = ?\"");
        has(1, "\"statement_id\":7");
        has(2, "\"query\":\"select c from people where a = ?\"");
        has(2, params);
        has(3, params);
        command("\31\7\0\0\0"); // closed: the statement is unknown now
        start_execution(7, 0);
        execute();
        answer(1, 0);
        assert_int_equal(documents(), 5);
        has(4, "The actual query being used is unknown");
        close_all();
    }
}

static void test_long_data(void **state)
{
    (void)state;
    open_logged_in(everything, USUAL);
    prepare("insert into people values (?, ?)", 9, 2, 0, true);
    put_literal(&said, 0, "\30\11\0\0\0\0\0first ");
    command("\30\11\0\0\0\0\0second");
    start_execution(9, 0);
    put(&payload, "\0\1\374\0\1\0\5", sizeof "\0\1\374\0\1\0\5" - 1);
    execute();
    answer(1, 1);
    assert_int_equal(documents(), 3);
    has(2, "\"params\":[\"first second\",\"5\"]");
    close_all();
}

// Values cost what they are long, not what the longest of them might be.
static void test_many_values(void **state)
{
    enum { VALUES = 1000 };
    (void)state;
    open_logged_in(everything, USUAL);
    prepare("insert into many values (?)", 9, VALUES, 0, true);
    command("\30\11\0\0\0\0\0long");
    start_execution(9, 0);
    for (int i = 0; i < VALUES / 8; i++)
        put_number(&payload, 0, 1);
    put_number(&payload, 1, 1);
    for (int i = 0; i < VALUES; i++)
        put_number(&payload, i ? 1 : 252, 2);
    for (int i = 1; i < VALUES; i++)
        put_number(&payload, 7, 1);
    execute();
    answer(1, 1);
    assert_int_equal(documents(), 3);
    has(2, "\"params\":[\"long\",\"7\",\"7\"");
    assert_int_equal(h.counters.events_incomplete, 0);
    close_all();
}

// Each takes memory that is void behind it.
static void test_many_executions_at_once(void **state)
{
    enum { TIMES = 2000 };
    static char text[1500];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    open_logged_in(everything, USUAL);
    prepare(text, 7, 1, 0, true);
    for (unsigned i = 0; i < TIMES; i++) {
        start_execution(7, 0);
        put(&payload, "\0\1", 2);
        put_number(&payload, i == TIMES - 1 ? 3 : 1 + i % 2, 2);
        put_number(&payload, 258, i == TIMES - 1 ? 4 : 1 + (int)i % 2);
        put_payload(&said, 0, &payload);
    }
    start_execution(7, 0);
    put(&payload, "\0\0\2\1\1\0", 6); // of the type told last
    execute();
    harness_flush(&h);
    harness_end(&h);
    has(h.count - 1, "\"params\":[\"65794\"]");
    harness_close(&h);
}

static void test_types_nobody_knows(void **state)
{
    (void)state;
    open_logged_in(everything, USUAL);
    prepare("select c from people where a = ?", 3, 1, 1, true);
    start_execution(3, 0);
    put(&payload, "\0\0\7", 3);
    execute();
    answer(1, 0);
    assert_int_equal(documents(), 3);
    lacks(2, "\"params\"");
    close_all();
}

static void test_cursor(void **state)
{
    (void)state;
    open_logged_in(everything, USUAL);
    prepare("select c from people", 1, 0, 1, true);
    start_execution(1, 1);
    execute();
    put_literal(&said, 1, "\1");
    put_definition(&said, 2, "people", "c", 3, 0);
    put_end(&said, 3, 0x42);
    say(SERVER);
    command("\34\1\0\0\0\2\0\0\0");
    put_literal(&said, 1, "\0\0\2ab");
    put_literal(&said, 2, "\0\0\2cd");
    put_end(&said, 3, 0x82);
    say(SERVER);
    query("select 1");
    answer_rows(false);
    assert_int_equal(documents(), 5);
    has(2, "\"cursor\":true");
    has(3, "\"method\":\"FETCH\"");
    has(3, "\"num_rows\":2");
    has(3, "\"num_fields\":1");
    has(3, "\"response\":\"c\\nab\\ncd\\n\"");
    has(4, "\"num_rows\":2");
    close_all();
}

static void test_binary_rows(void **state)
{
    (void)state;
    open_logged_in(everything, USUAL);
    prepare("select c from people", 1, 0, 1, true);
    start_execution(1, 0);
    execute();
    put_literal(&said, 1, "\2");
    put_definition(&said, 2, "people", "n", 3, 0x20);
    put_definition(&said, 3, "people", "t", 253, 0);
    put_end(&said, 4, 2);
    put_literal(&said, 5, "\0\0\377\377\377\377\2ab");
    put_literal(&said, 6, "\0\10\1\0\0\0");
    put_end(&said, 7, 2);
    say(SERVER);
    harness_flush(&h);
    has(2, "\"response\":\"n,t\\n4294967295,ab\\n1,NULL\\n\"");
    close_all();
}

// The first row of a fetch is in hand whole, however little of it is shown.
static void test_long_first_row(void **state)
{
    (void)state;
    open_logged_in("{send_response: true, max_row_length: 10}", USUAL);
    prepare("select c from people", 1, 0, 1, true);
    command("\34\1\0\0\0\2\0\0\0");
    payload.len = 0;
    put(&payload, "\0\0\310", 3);
    for (int i = 0; i < 20; i++)
        put_text(&payload, "0123456789");
    put_payload(&said, 1, &payload);
    put_literal(&said, 2, "\0\0\2cd");
    put_end(&said, 3, 0x82);
    say(SERVER);
    harness_flush(&h);
    has(2, "\"response\":\"c\\n0123456789\\ncd\\n\"");
    close_all();
}

// The server says that there is one column, whatever the statement had when it was prepared.
static void test_fewer_columns_than_prepared(void **state)
{
    enum { CACHES = 1 << 4 };
    (void)state;
    open_with(everything, false);
    put_greeting(&said);
    say(SERVER);
    payload.len = 0;
    put_number(&payload, CAN_41 | CAN_SECURE, 4);
    put_number(&payload, 1 << 24, 4);
    for (int i = 0; i < 1 + 19; i++)
        put_number(&payload, 0, 1);
    put_number(&payload, CACHES, 4);
    put_text_zero(&payload, "ann");
    put_string(&payload, "proof");
    put_payload(&said, 1, &payload);
    say(CLIENT);
    answer(2, 0);
    prepare("select * from people", 1, 0, 30, true);
    start_execution(1, 0);
    execute();
    put_literal(&said, 1, "\1\0"); // one column, whose definition is not told again
    put_literal(&said, 2, "\0\374");
    put_end(&said, 3, 2);
    say(SERVER);
    assert_int_equal(documents(), 3);
    has(2, "c\\nNULL\\n\"");
    close_all();
}

static void test_query_attributes(void **state)
{
    (void)state;
    open_logged_in("", USUAL | CAN_QUERY_ATTRIBUTES);
    command("\3\1\1\0\1\375\0\5trace\3abcselect 1");
    answer(1, 0);
    command("\3\0\1select 2");
    answer(1, 0);
    assert_int_equal(documents(), 3);
    has(1, "\"query\":\"select 1\"");
    has(1, "\"query_attributes\":{\"trace\":\"abc\"}");
    has(2, "\"query\":\"select 2\"");
    close_all();
}

// ── large and compressed ──

static void feed_zeros(enum side from, size_t len)
{
    static const uint8_t zeros[1 << 16];
    for (size_t some; len; len -= some) {
        some = len < sizeof zeros ? len : sizeof zeros;
        harness_feed(&h, from, zeros, some);
    }
}

static void test_more_than_a_packet_holds(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    put_number(&said, 0xffffff, 3);
    put_number(&said, 0, 1);
    put_text(&said, "\3insert into people values ('");
    size_t begun = said.len - 4;
    say(CLIENT);
    feed_zeros(CLIENT, 0xffffff - begun);
    put_literal(&said, 1, "')");
    say(CLIENT);
    put_literal(&said, 2, "\1");
    put_definition(&said, 3, "people", "c", 252, 0);
    put_end(&said, 4, 2);
    put_number(&said, 0xffffff, 3);
    put_number(&said, 5, 1);
    say(SERVER);
    feed_zeros(SERVER, 0xffffff);
    put_literal(&said, 6, "");
    put_end(&said, 7, 2);
    say(SERVER);
    assert_int_equal(documents(), 2);
    has(1, "insert into people values");
    has(1, "\"num_rows\":1");
    has(1, "\"bytes\":16777225");
    close_all();
}

enum packing { PLAIN, ZLIB, ZSTD };

static void say_packed(enum side from, enum packing packing, size_t at_once)
{
    static struct mysql_bytes plain;
    plain = said;
    said.len = 0;
    for (size_t at = 0, len; at < plain.len; at += len) {
        uint8_t place[4096];
        size_t size = sizeof place;
        uLongf zlib_size = sizeof place;
        len = plain.len - at < at_once ? plain.len - at : at_once;
        if (packing == ZLIB) {
            compress(place, &zlib_size, plain.at + at, len);
            size = zlib_size;
        } else if (packing == ZSTD) {
            size = ZSTD_compress(place, sizeof place, plain.at + at, len, 3);
        } else {
            memcpy(place, plain.at + at, len);
            size = len;
        }
        put_number(&said, size, 3);
        put_number(&said, 0, 1);
        put_number(&said, packing == PLAIN ? 0 : len, 3);
        put(&said, place, size);
    }
    say(from);
}

static void talk_packed(enum packing packing, size_t at_once)
{
    open_logged_in(everything, USUAL | (packing == ZSTD ? CAN_ZSTD : CAN_COMPRESS));
    for (int i = 0; i < 2; i++) {
        put_command(&said, 3, "select id, name from people");
        say_packed(CLIENT, packing, at_once);
        put_result(i, 2);
        say_packed(SERVER, packing, at_once);
    }
    assert_int_equal(documents(), 3);
    has(0, packing == ZSTD ? "\"compression\":\"zstd\"" : "\"zlib\"");
    for (int i = 1; i < 3; i++) {
        has(i, "\"response\":\"id,name\\n1,\\\"A,n\\\"\\n2,NULL\\n\"");
        has(i, "\"query\":\"select id, name from people\"");
    }
    close_all();
}

static void test_compressed(void **state)
{
    (void)state;
    for (int packing = PLAIN; packing <= ZSTD; packing++) {
        talk_packed(packing, 4000);
        talk_packed(packing, 7);
        cut = 5;
        talk_packed(packing, 50);
        cut = SIZE_MAX;
    }
}

static void test_compressed_nonsense(void **state)
{
    (void)state;
    open_logged_in("", USUAL | CAN_COMPRESS);
    put_number(&said, 20, 3);
    put_number(&said, 0, 1);
    put_number(&said, 0xffffff, 3);
    put_text(&said, "this is no zlib data");
    say(CLIENT);
    put_command(&said, 3, "select id, name from people");
    say_packed(CLIENT, ZLIB, 4000);
    put_result(true, 2);
    say_packed(SERVER, ZLIB, 4000);
    assert_int_equal(documents(), 2);
    has(1, "\"num_rows\":2");
    close_all();
}

// ── holes, and what is seen of one side or late ──

static void test_hole_inside_a_row(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("select c from people");
    put_column(1);
    put_number(&said, 200, 3);
    put_text(&said, "\4\310the beginning of a row");
    say(SERVER);
    harness_gap(&h, SERVER, 100);
    feed_zeros(SERVER, 200 - 100 - 23);
    put_literal(&said, 5, "\1x");
    put_end(&said, 6, 2);
    say(SERVER);
    assert_int_equal(documents(), 2);
    has(1, "\"num_rows\":2");
    has(1, "Packet loss while capturing the response");
    close_all();
}

// What is shown are the rows before the torn one, and what there is of that.
static void test_hole_inside_a_shown_row(void **state)
{
    (void)state;
    open_logged_in(everything, USUAL);
    query("select c from people");
    put_column(1);
    put_literal(&said, 4, "\1a");
    put_number(&said, 11, 3);
    put_text(&said, "\5\12begin");
    say(SERVER);
    harness_gap(&h, SERVER, 3);
    put_text(&said, "nd");
    put_literal(&said, 6, "\10whatever");
    put_end(&said, 7, 2);
    say(SERVER);
    assert_int_equal(documents(), 2);
    has(1, "\"num_rows\":3");
    has(1, "\"response\":\"c\\na\\nbegin\\n\"");
    close_all();
}

static void test_hole_between_packets(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        open_with("", compat);
        log_in(USUAL);
        query("select id, name from people");
        put_column(1);
        put_literal(&said, 4, "\1x");
        say(SERVER);
        harness_gap(&h, SERVER, 77);
        put_literal(&said, 9, "\1y");
        put_end(&said, 10, 2);
        say(SERVER);
        query("select 2");
        answer_rows(false);
        assert_int_equal(documents(), compat ? 2 : 3);
        has(h.count - 2, "Packet loss while capturing the response");
        has(h.count - 2, "\"num_rows\":1");
        has(h.count - 1, "\"query\":\"select 2\"");
        has(h.count - 1, "\"num_rows\":2");
        close_all();
    }
}

static void test_hole_of_answers(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("select 1");
    harness_gap(&h, SERVER, 300);
    query("select 2");
    answer_rows(false);
    harness_gap(&h, CLIENT, 50); // a question nobody saw
    answer_rows(false);
    query("select 3");
    answer_rows(false);
    assert_int_equal(documents(), 5);
    has(1, "\"query\":\"select 1\"");
    has(1, "\"status\":\"Error\"");
    has(2, "\"query\":\"select 2\"");
    has(2, "\"num_rows\":2");
    has(3, "Unmatched response");
    has(4, "\"query\":\"select 3\"");
    has(4, "\"num_rows\":2");
    close_all();
}

static void open_late(void)
{
    open_with("", false);
    struct endpoints ends = *conn_ends(h.conn);
    conn_end(h.conn, ENDED_AGE);
    h.conn = conn_open(h.conns, &h.binding, &ends, true, harness_ended, &h);
}

static void test_late(void **state)
{
    (void)state;
    open_late();
    put_text(&said, "the middle of a row of some result");
    say(SERVER);
    query("select id, name from people");
    answer_rows(true);
    assert_int_equal(documents(), 1);
    has(0, "\"num_rows\":2");
    close_all();
    open_late(); // and compressed
    put_command(&said, 3, "select id, name from people");
    say_packed(CLIENT, ZSTD, 4000);
    put_result(true, 2);
    say_packed(SERVER, ZSTD, 4000);
    assert_int_equal(documents(), 1);
    has(0, "\"num_rows\":2");
    close_all();
}

static void test_many_at_once(void **state)
{
    (void)state;
    open_late();
    while (said.len + 64 < sizeof said.at)
        put_literal(&said, 0, "\1");
    say(CLIENT);
    query("select 1");
    harness_end(&h);
    assert_int_equal(h.count, 1);
    harness_close(&h);
}

static void test_one_side(void **state)
{
    (void)state;
    open_late();
    answer_rows(false);
    answer(1, 3);
    assert_int_equal(documents(), 2);
    has(0, "\"num_rows\":2");
    has(1, "\"affected_rows\":3");
    has(1, "Unmatched response");
    close_all();
    open_late();
    query("select 1");
    query("select 2");
    harness_wait(&h, 20 * SECOND);
    assert_int_equal(documents(), 2);
    has(0, "\"query\":\"select 1\"");
    has(0, "\"status\":\"Error\"");
    has(1, "\"query\":\"select 2\"");
    close_all();
}

static void test_slow_answer(void **state)
{
    (void)state;
    open_logged_in("", USUAL);
    query("select sleep(20)");
    harness_wait(&h, 20 * SECOND);
    answer_rows(false);
    query("select 2");
    answer(1, 4);
    assert_int_equal(documents(), 3);
    has(1, "\"status\":\"Error\"");
    has(2, "\"affected_rows\":4");
    close_all();
}

static void test_pipelined(void **state)
{
    (void)state;
    open_logged_in("", USUAL & ~CAN_MYSQL); // MariaDB: a statement that is executed unseen
    put_command(&said, 22, "select ?");
    start_execution(UINT32_MAX, 0);
    put(&payload, "\0\1\1\0\7", sizeof "\0\1\1\0\7" - 1);
    put_payload(&said, 0, &payload);
    put_command(&said, 3, "select 3");
    say(CLIENT);
    put_literal(&said, 1, "\0\5\0\0\0\0\0\1\0\0\0\0");
    put_definition(&said, 2, "", "?", 253, 0);
    put_end(&said, 3, 2);
    put_outcome(&said, 1, 0, 2, 0, 2);
    answer(1, 3);
    assert_int_equal(documents(), 4);
    has(2, "\"query\":\"select ?\"");
    has(2, "\"params\":[\"7\"]");
    has(2, "\"affected_rows\":2");
    has(3, "\"affected_rows\":3");
    close_all();
}

// ── what should not be shown ──

static void test_hidden(void **state)
{
    (void)state;
    open_logged_in("{send_request: true}", USUAL);
    query("create user bob identified by 'hush'");
    answer(1, 0);
    harness_flush(&h);
    has(1, "\"query\":\"create user bob identified by 'xxxxx'\"");
    lacks(1, "hush");
    close_all();
    open_logged_in("{send_request: true, send_response: true, hide_literals: true}", USUAL);
    query("select id, name from people where a = 'hush' and b = 42");
    answer_rows(false);
    harness_flush(&h);
    has(1, "where a = ? and b = ?");
    lacks(1, "hush");
    lacks(1, "\"response\"");
    close_all();
}

// ── nonsense ──

static void test_nonsense(void **state)
{
    (void)state;
    open_with("", false);
    harness_text(&h, CLIENT, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_null(h.conn);
    assert_int_equal(h.counters.conns_given_up, 1);
    close_all();
    for (unsigned seed = 1; seed < 300; seed++) {
        open_logged_in(everything, USUAL | (seed % 3 ? 0 : CAN_COMPRESS));
        uint8_t noise[64];
        srand(seed);
        for (int i = 0; i < 20; i++) {
            query("select id, name from people");
            for (size_t n = 0; n < sizeof noise; n++)
                noise[n] = (uint8_t)(rand() % (n % 4 == 1 || n % 4 == 2 ? 2 : 256));
            harness_feed(&h, rand() % 4 ? SERVER : CLIENT, noise, (size_t)(rand() % 64));
            if (rand() % 5 == 0)
                harness_gap(&h, rand() % 2, (uint32_t)rand() % 50 + 1);
        }
        close_all();
    }
}

static void test_looks(void **state)
{
    (void)state;
    said.len = 0;
    put_greeting(&said);
    assert_true(mysql_protocol.looks_like(span_of(said.at, said.len), SERVER));
    said.len = 0;
    put_log_in(&said, USUAL);
    assert_true(mysql_protocol.looks_like(span_of(said.at, said.len), CLIENT));
    said.len = 0;
    put_command(&said, 3, "select 1");
    assert_true(mysql_protocol.looks_like(span_of(said.at, said.len), CLIENT));
    static const char *const others[] = {"GET / HTTP/1.1\r\n\r\n", "+PONG\r\n",
                                         "220 smtp ready\r\n",
                                         "\x16\x03\x01\x00\x10\x01\x00\x00\x0c", "SSH-2.0-x\r\n"};
    for (int i = 0; i < 5; i++)
        for (int side = CLIENT; side <= SERVER; side++)
            assert_false(mysql_protocol.looks_like(span_text(others[i]), side));
}

// ── as the reference ──

static void test_compat(void **state)
{
    (void)state;
    open_with(everything, true);
    log_in(USUAL);
    command("\16");
    answer(1, 0);
    prepare("select c from people where a = ?", 11, 1, 1, true);
    start_execution(11, 0);
    put(&payload, "\0\1\1\0\377", sizeof "\0\1\1\0\377" - 1);
    execute();
    answer(1, 1);
    query("select 1; select 2");
    put_result(false, 2 | 8);
    answer(8, 5);
    assert_int_equal(documents(), 3);
    has(0, "\"query\":\"Request Prepare Statement\"");
    has(0, "\"affected_rows\":11");
    has(0, "\"message\":\"select c from people where a = ?\"");
    has(0, "\"path\":\".\"");
    has(1, "\"params\":[\"255\"]");
    has(1, "\"request\":\"\"");
    has(2, "\"affected_rows\":0");
    has(2, "\"path\":\"shop.alias\"");
    lacks(2, "\"user\"");
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_in),
        cmocka_unit_test(test_switch_of_plugin),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_several_results),
        cmocka_unit_test(test_infile),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_change_user),
        cmocka_unit_test(test_replication),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_long_data),
        cmocka_unit_test(test_many_values),
        cmocka_unit_test(test_many_executions_at_once),
        cmocka_unit_test(test_types_nobody_knows),
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_binary_rows),
        cmocka_unit_test(test_long_first_row),
        cmocka_unit_test(test_fewer_columns_than_prepared),
        cmocka_unit_test(test_query_attributes),
        cmocka_unit_test(test_more_than_a_packet_holds),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_compressed_nonsense),
        cmocka_unit_test(test_hole_inside_a_row),
        cmocka_unit_test(test_hole_inside_a_shown_row),
        cmocka_unit_test(test_hole_between_packets),
        cmocka_unit_test(test_hole_of_answers),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_one_side),
        cmocka_unit_test(test_slow_answer),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_compat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
