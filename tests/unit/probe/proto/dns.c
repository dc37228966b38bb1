// SPDX-License-Identifier: Apache-2.0
// DNS conversations: pairing, notes, TCP framing and holes, documents in both manners.

#include "tests/unit/probe/proto/harness.h"

#include "probe/protocol.h"
#include "tests/unit/probe/proto/dns_build.h"

extern const struct protocol dns_protocol;

static struct harness h;
static struct build b, stream;

static void open_udp(const char *yaml, bool compat)
{
    harness_open(&h, &dns_protocol, OVER_UDP, yaml, compat);
}

static void open_tcp(const char *yaml, bool compat)
{
    harness_open(&h, &dns_protocol, OVER_TCP, yaml, compat);
    stream.len = 0;
}

static void send(enum side from)
{
    harness_feed(&h, from, b.bytes, b.len);
}

static void ask(unsigned id, const char *name)
{
    build_ask(&b, id, name);
    send(CLIENT);
}

static void reply(unsigned id, const char *name)
{
    build_reply(&b, id, name);
    send(SERVER);
}

// The documents so far, all of them.
static int documents(void)
{
    harness_flush(&h);
    return h.count;
}

static void finish(int count)
{
    harness_end(&h);
    assert_int_equal(h.count, count);
    harness_close(&h);
}

static void put_ask(unsigned id, const char *name)
{
    build_ask(&b, id, name);
    build_framed(&stream, &b);
}

static void put_reply(unsigned id, const char *name)
{
    build_reply(&b, id, name);
    build_framed(&stream, &b);
}

static void flush_stream(enum side from)
{
    harness_feed(&h, from, stream.bytes, stream.len);
    stream.len = 0;
}

// ── UDP ──

static void pairs_by_id(void **state)
{
    (void)state;
    open_udp("", true);
    ask(1, "one.example.com");
    ask(2, "two.example.com");
    reply(2, "two.example.com");
    reply(1, "one.example.com");
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "\"query\":\"class IN, type A, two.example.com\"");
    assert_document_has(&h, 0, "\"resource\":\"two.example.com\"");
    assert_document_has(&h, 0, "\"method\":\"QUERY\"");
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    assert_document_has(&h, 0, "\"type\":\"answer\"");
    assert_document_has(&h, 0, "\"id\":2,");
    assert_document_has(&h, 0, "\"header_flags\":[\"RD\",\"RA\"]");
    assert_document_has(&h, 0, "\"response_code\":\"NOERROR\"");
    assert_document_has(&h, 0, "\"op_code\":\"QUERY\"");
    assert_document_has(&h, 0, "\"resolved_ip\":[\"192.0.2.1\"]");
    assert_document_has(&h, 0, "\"related\":{\"ip\":[\"10.0.0.1\",\"10.0.0.2\",\"192.0.2.1\"]}");
    assert_document_has(&h, 0,
                        "\"answers\":[{\"name\":\"two.example.com\",\"type\":\"A\",\"class\":"
                        "\"IN\",\"ttl\":\"300\",\"data\":\"192.0.2.1\"}]");
    assert_document_has(&h, 0, "\"registered_domain\":\"example.com\"");
    assert_document_has(&h, 0, "\"etld_plus_one\":\"example.com\"");
    assert_document_has(&h, 0, "\"top_level_domain\":\"com\"");
    assert_document_has(&h, 0, "\"subdomain\":\"two\"");
    assert_document_has(&h, 0, "\"authoritative\":false");
    assert_document_has(&h, 0, "\"recursion_available\":true");
    assert_document_has(&h, 0, "\"duration\":1000000");
    assert_document_has(&h, 1, "\"duration\":3000000");
    assert_document_has(&h, 1, "one.example.com");
    assert_document_lacks(&h, 0, "\"error\"");
    assert_document_lacks(&h, 0, "\"opt\"");
    assert_document_lacks(&h, 0, "\"request\"");
    finish(2);
}

static void counts_bytes(void **state)
{
    (void)state;
    open_udp("", true);
    ask(1, "a.example.com"); // 12 + 15 + 4
    reply(1, "a.example.com");
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"source\":{\"bytes\":31,");
    assert_document_has(&h, 0, "\"destination\":{\"bytes\":47,");
    finish(1);
}

static void says_who_got_no_answer(void **state)
{
    (void)state;
    open_udp("", true);
    ask(1, "a.example.com");
    harness_wait(&h, 9 * SECOND);
    assert_int_equal(documents(), 0);
    harness_wait(&h, 3 * SECOND);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"message\":\"No response to this query was received\"");
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 0, "\"type\":\"query\"");
    assert_document_has(&h, 0, "\"header_flags\":[\"RD\"]");
    assert_document_has(&h, 0, "\"answers_count\":0");
    assert_document_lacks(&h, 0, "\"answers\"");
    finish(1);
}

static void closes_a_question_asked_again(void **state)
{
    (void)state;
    open_udp("", true);
    ask(1, "a.example.com");
    ask(1, "b.example.com");
    reply(1, "b.example.com");
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0,
                        "\"message\":\"Another query with the same DNS ID from this client was "
                        "received so this query was closed without receiving a response\"");
    assert_document_has(&h, 0, "a.example.com");
    assert_document_has(&h, 1, "b.example.com");
    assert_document_has(&h, 1, "\"status\":\"OK\"");
    finish(2);
}

static void publishes_answers_nobody_asked_for(void **state)
{
    (void)state;
    open_udp("send_request: true\nsend_response: true", true);
    reply(1, "a.example.com");
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"message\":\"Response: received without an associated Query\"");
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 0, "\"query\":\"class IN, type A, a.example.com\"");
    assert_document_has(&h, 0, "\"destination\":{\"bytes\":47,\"ip\":\"10.0.0.2\"");
    assert_document_lacks(&h, 0, "\"start\"");
    assert_document_lacks(&h, 0, "\"request\"");
    assert_document_has(&h, 0, "\"response\":\"ID 1; QR response; ");
    build_reply(&b, 1, "b.example.com");
    send(CLIENT); // as if SERVER had asked
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 1, "\"destination\":{\"bytes\":47,\"ip\":\"10.0.0.1\"");
    finish(2);
}

// Two resolvers that ask each other: the same id, two questions.
static void lets_both_ends_ask(void **state)
{
    (void)state;
    open_udp("", true);
    build_ask(&b, 1, "a.example.com");
    send(CLIENT);
    build_ask(&b, 1, "b.example.com");
    send(SERVER);
    build_reply(&b, 1, "b.example.com");
    send(CLIENT);
    build_reply(&b, 1, "a.example.com");
    send(SERVER);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "b.example.com");
    assert_document_has(&h, 0, "\"client\":{\"bytes\":31,\"ip\":\"10.0.0.2\"");
    assert_document_has(&h, 1, "a.example.com");
    assert_document_has(&h, 1, "\"client\":{\"bytes\":31,\"ip\":\"10.0.0.1\"");
    assert_document_lacks(&h, 0, "\"error\"");
    assert_document_lacks(&h, 1, "\"error\"");
    finish(2);
}

static void tells_failures(void **state)
{
    (void)state;
    open_udp("", true);
    ask(1, "co.uk");
    build_header(&b, 1, 0x8183, 1, 0, 0, 0);
    build_question(&b, "co.uk", 1);
    send(SERVER);
    ask(2, "localhost");
    build_header(&b, 2, 0x818c, 1, 0, 0, 0);
    build_question(&b, "localhost", 1);
    send(SERVER);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 0, "\"response_code\":\"NXDOMAIN\"");
    assert_document_has(&h, 0, "\"top_level_domain\":\"uk\"");
    assert_document_has(&h, 0, "\"registered_domain\":\"co.uk\"");
    assert_document_lacks(&h, 0, "etld_plus_one");
    assert_document_has(&h, 1, "\"response_code\":\"Unknown 12\"");
    assert_document_lacks(&h, 1, "registered_domain");
    finish(2);
}

// Longer than any host may be called, for most of its bytes are escaped.
static void odd_names_are_registered_nowhere(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        char odd[] = "**************************************************.example.com";
        open_udp("", compat);
        memset(odd, 1, strlen(odd) - strlen(".example.com"));
        ask(1, odd);
        reply(1, odd);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, "\\\\001.example.com\"");
        assert_document_has(&h, 0, "\"registered_domain\":\"example.com\"");
        char odder[] =
            "***************************************************************.\1.example.com";
        memset(odder, 1, 63);
        ask(2, odder);
        reply(2, odder);
        assert_int_equal(documents(), 2);
        assert_document_has(&h, 1, "\\\\001.example.com\"");
        if (compat)
            assert_document_has(&h, 1, "\"registered_domain\":\"example.com\"");
        else
            assert_document_lacks(&h, 1, "registered_domain");
        finish(2);
    }
}

static void counts_what_it_does_not_list(void **state)
{
    (void)state;
    enum { USUAL, GENEROUS, COMPAT, ALL };
    for (int how = USUAL; how < ALL; how++) {
        char odd[190];
        memset(odd, 1, sizeof odd - 1);
        odd[63] = odd[127] = '.';
        odd[sizeof odd - 1] = 0;
        open_udp(how == GENEROUS ? "max_record_growth: 100" : "", how == COMPAT);
        ask(1, odd);
        build_header(&b, 1, 0x8180, 1, 20, 0, 0);
        build_question(&b, odd, 5);
        for (int i = 0; i < 20; i++)
            build_data(&b, 5, "\200\14", 2);
        send(SERVER);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, "\"answers_count\":20");
        assert_document_has(&h, 0, "\"answers\":[{");
        assert_int_equal(h.counters.dns_records_withheld, how == USUAL);
        finish(1);
    }
}

static void ask_with_opt(unsigned id, unsigned pad)
{
    build_header(&b, id, 0x0100, 1, 0, 0, 1);
    build_question(&b, "a.example.com", 1);
    build_8(&b, 0);
    build_16(&b, 41);
    build_16(&b, 4096);
    build_32(&b, 0x00008000);
    build_16(&b, pad + 4);
    build_16(&b, 12);
    build_16(&b, pad);
    memset(b.bytes + b.len, 0, pad);
    b.len += pad;
    send(CLIENT);
}

static void notes_edns(void **state)
{
    (void)state;
    open_udp("", true);
    ask_with_opt(1, 0);
    reply(1, "a.example.com");
    ask(2, "a.example.com");
    build_header(&b, 2, 0x8180, 1, 1, 0, 1);
    build_question(&b, "a.example.com", 1);
    build_data(&b, 1, "\1\2\3\4", 4);
    build_opt(&b, 0x01008000);
    send(SERVER);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "\"message\":\"Responder does not support EDNS\"");
    assert_document_has(&h, 1, "\"message\":\"Unexpected EDNS answer\"");
    assert_document_has(&h, 1, "\"header_flags\":[\"RD\",\"RA\",\"DO\"]");
    assert_document_has(&h, 1,
                        "\"opt\":{\"do\":true,\"ext_rcode\":\"BADSIG\",\"udp_size\":1232,"
                        "\"version\":\"0\"}");
    assert_document_has(&h, 1, "\"response_code\":\"BADSIG\"");
    assert_document_has(&h, 1, "\"additionals_count\":0");
    assert_document_has(&h, 1, "\"status\":\"Error\"");
    finish(2);
}

// The reference notes large questions that do have EDNS.
static void notes_large_messages(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        open_udp("", compat);
        ask_with_opt(1, 600);
        build_header(&b, 1, 0x8180, 1, 1, 0, 0);
        build_question(&b, "a.example.com", 16);
        build_record(&b, 16, 1, 600);
        memset(b.bytes + b.len, 0, 600);
        b.len += 600;
        send(SERVER);
        build_header(&b, 2, 0x0100, 1, 1, 0, 0);
        build_question(&b, "a.example.com", 16);
        build_record(&b, 16, 1, 600);
        b.len += 600;
        send(CLIENT);
        harness_wait(&h, 20 * SECOND);
        assert_int_equal(documents(), 2);
        const char *note = "\"Non-EDNS packet has size greater than 512\"";
        assert_true(harness_has(&h, 0, note) == compat);
        assert_true(harness_has(&h, 1, note) != compat);
        assert_document_has(&h, 0,
                            "\"Response: Non-EDNS packet has size greater than 512\",\"Responder "
                            "does not support EDNS\"]");
        finish(2);
    }
}

static void writes_options(void **state)
{
    (void)state;
    static const char options[] =
        "\0\5\0\1\10\0\3\0\2ns\0\12\0\2\1\2\0\11\0\4\0\0\0\7\0\17\0\2\0\22";
    for (int compat = 0; compat < 2; compat++) {
        open_udp("", compat);
        build_header(&b, 1, 0x0100, 1, 0, 0, 1);
        build_question(&b, "a.example.com", 1);
        build_8(&b, 0);
        build_16(&b, 41);
        build_16(&b, 4096);
        build_32(&b, 0);
        build_16(&b, sizeof options - 1);
        build_bytes(&b, options, sizeof options - 1);
        send(CLIENT);
        harness_wait(&h, 20 * SECOND);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, compat ? "\"dau\":\" RSASHA256\"" : "\"dau\":\"RSASHA256\"");
        assert_document_has(&h, 0, "\"nsid\":\"6e73\"");
        assert_document_has(&h, 0, "\"cookie\":\"0102\"");
        assert_document_has(&h, 0, compat ? "\"local\":\"7\"" : "\"expire\":\"7\"");
        assert_true(harness_has(&h, 0, "\"ede\":\"18: Prohibited\"") != compat);
        finish(1);
    }
}

static void writes_wanted_sections(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 2; wanted++) {
        open_udp(wanted ? "include_authorities: true\ninclude_additionals: true" : "", true);
        ask(1, "a.example.com");
        build_header(&b, 1, 0x8180, 1, 0, 1, 2);
        build_question(&b, "a.example.com", 1);
        build_data(&b, 2, "\2ns\300\14", 5);
        build_data(&b, 1, "\1\2\3\4", 4);
        build_opt(&b, 0);
        send(SERVER);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, "\"authorities_count\":1");
        assert_document_has(&h, 0, "\"additionals_count\":1");
        assert_true(harness_has(&h, 0, "\"data\":\"ns.a.example.com\"") == wanted);
        assert_true(harness_has(&h, 0, "\"data\":\"1.2.3.4\"") == wanted);
        assert_document_lacks(&h, 0, "resolved_ip");
        finish(1);
    }
}

static void writes_lines(void **state)
{
    (void)state;
    open_udp("send_request: true\nsend_response: true", true);
    ask(1, "a.example.com");
    reply(1, "a.example.com");
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0,
                        "\"request\":\"ID 1; QR query; OPCODE QUERY; FLAGS rd; RCODE NOERROR; "
                        "QUESTION class IN, type A, a.example.com\"");
    assert_document_has(&h, 0,
                        "\"response\":\"ID 1; QR response; OPCODE QUERY; FLAGS rd ra; RCODE "
                        "NOERROR; QUESTION class IN, type A, a.example.com; ANSWER 192.0.2.1\"");
    finish(1);
}

// A question longer than one block is kept in pieces.
static void keeps_long_questions(void **state)
{
    (void)state;
    open_udp("send_request: true", true);
    build_header(&b, 1, 0x2800, 1, 0, 300, 0);
    build_question(&b, "example.com", 6);
    for (int i = 0; i < 300; i++)
        build_data(&b, 1, "\1\2\3\4", 4);
    send(CLIENT);
    build_header(&b, 1, 0xa800, 1, 0, 0, 0);
    build_question(&b, "example.com", 6);
    send(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"op_code\":\"UPDATE\"");
    assert_document_has(&h, 0, "AUTHORITY 1.2.3.4; 1.2.3.4; ");
    assert_int_equal(h.counters.transaction_cut_bytes, 0);
    finish(1);
}

// Thousands of addresses: some are shown, all are counted, and the document stays small enough.
static void limits_answers(void **state)
{
    (void)state;
    open_tcp("send_response: true", true);
    put_ask(1, "a.example.com");
    flush_stream(CLIENT);
    build_header(&b, 1, 0x8180, 1, 4000, 0, 0);
    build_question(&b, "a.example.com", 1);
    for (unsigned i = 0; i < 4000; i++) {
        build_record(&b, 1, 60, 4);
        build_32(&b, 0x0a010000 + i);
    }
    build_framed(&stream, &b);
    flush_stream(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"answers_count\":4000");
    assert_document_has(&h, 0, "\"data\":\"10.1.1.255\"");
    assert_document_lacks(&h, 0, "10.1.2.0");
    assert_true(strlen(h.documents[0]) < 100000);
    finish(1);
}

static void takes_cut_datagrams(void **state)
{
    (void)state;
    open_udp("", true);
    ask(1, "a.example.com");
    build_reply(&b, 1, "a.example.com");
    harness_feed_arrival(&h, SERVER, b.bytes, b.len - 2,
                         (struct arrival){.time = h.time, .cut = 100});
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"message\":\"Response: Message's data is incomplete\"");
    assert_document_has(&h, 0, "\"destination\":{\"bytes\":145,");
    assert_document_has(&h, 0, "\"answers_count\":0");
    finish(1);
}

static void ignores_what_is_not_dns(void **state)
{
    (void)state;
    open_udp("", true);
    harness_text(&h, CLIENT, "hello");
    harness_text(&h, CLIENT, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    build_header(&b, 1, 0x0100, 0, 0, 0, 0);
    send(CLIENT);
    build_reply(&b, 1, "a.example.com");
    b.len--;
    send(SERVER);
    assert_int_equal(h.counters.conn_trailing_bytes, 5 + 37 + 12 + 46);
    finish(0);
}

// ── TCP ──

static void reads_several_in_a_segment(void **state)
{
    (void)state;
    open_tcp("", true);
    put_ask(1, "a.example.com");
    put_ask(2, "b.example.com");
    flush_stream(CLIENT);
    put_reply(2, "b.example.com");
    put_reply(1, "a.example.com");
    flush_stream(SERVER);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "b.example.com");
    assert_document_has(&h, 1, "a.example.com");
    assert_document_has(&h, 1, "\"source\":{\"bytes\":33,"); // with the length
    assert_document_has(&h, 1, "\"destination\":{\"bytes\":49,");
    assert_document_has(&h, 1, "\"transport\":\"tcp\"");
    assert_document_lacks(&h, 0, "\"error\"");
    finish(2);
}

static void reads_byte_by_byte(void **state)
{
    (void)state;
    open_tcp("", false);
    put_ask(1, "a.example.com");
    put_ask(2, "b.example.com");
    size_t len = stream.len;
    for (size_t i = 0; i < len; i++)
        harness_feed(&h, CLIENT, stream.bytes + i, 1);
    stream.len = 0;
    put_reply(1, "a.example.com");
    put_reply(2, "b.example.com");
    len = stream.len;
    for (size_t i = 0; i < len; i++)
        harness_feed(&h, SERVER, stream.bytes + i, 1);
    assert_int_equal(documents(), 2);
    // a byte a millisecond: the first question begins at 0 and the last byte of its answer is
    // the 66 + 49th
    assert_document_has(&h, 0, "\"start\":\"2023-11-14T22:13:20.000Z\"");
    assert_document_has(&h, 0, "\"end\":\"2023-11-14T22:13:20.114Z\"");
    finish(2);
}

// Whatever the place of a cut, the same documents.
static void reads_any_segments(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= 66; cut++) {
        open_tcp("", true);
        put_ask(1, "a.example.com");
        put_ask(2, "b.example.com");
        harness_feed(&h, CLIENT, stream.bytes, cut);
        harness_feed(&h, CLIENT, stream.bytes + cut, stream.len - cut);
        stream.len = 0;
        put_reply(1, "a.example.com");
        put_reply(2, "b.example.com");
        harness_feed(&h, SERVER, stream.bytes, cut);
        harness_feed(&h, SERVER, stream.bytes + cut, stream.len - cut);
        assert_int_equal(documents(), 2);
        assert_document_lacks(&h, 0, "\"error\"");
        assert_document_lacks(&h, 1, "\"error\"");
        finish(2);
    }
}

// A hole inside an answer costs that answer; the next one is found by the length of the first.
static void crosses_holes(void **state)
{
    (void)state;
    open_tcp("", true);
    put_ask(1, "a.example.com");
    put_ask(2, "b.example.com");
    flush_stream(CLIENT);
    put_reply(1, "a.example.com");
    put_reply(2, "b.example.com");
    harness_feed(&h, SERVER, stream.bytes, 20);
    harness_gap(&h, SERVER, 10);
    assert_non_null(h.conn);
    for (size_t i = 30; i < stream.len; i++)
        harness_feed(&h, SERVER, stream.bytes + i, 1);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "a.example.com");
    assert_document_has(&h, 0, "\"message\":\"Response: Message's data is incomplete\"");
    assert_document_has(&h, 0, "\"type\":\"query\"");
    assert_document_has(&h, 1, "b.example.com");
    assert_document_has(&h, 1, "\"status\":\"OK\"");
    finish(2);
}

// The server closes inside an answer.
static void notes_torn_answers(void **state)
{
    (void)state;
    open_tcp("", true);
    put_ask(1, "a.example.com");
    flush_stream(CLIENT);
    put_reply(1, "a.example.com");
    harness_feed(&h, SERVER, stream.bytes, 20);
    harness_fin(&h, SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"message\":\"Response: Message's data is incomplete\"");
    finish(1);
}

// After a hole as large as this nobody knows where a message begins, until one does.
static void finds_the_next_message(void **state)
{
    (void)state;
    open_tcp("", true);
    put_ask(1, "a.example.com");
    put_ask(2, "b.example.com");
    put_ask(3, "c.example.com");
    flush_stream(CLIENT);
    harness_gap(&h, SERVER, 60); // the first answer and some of the second
    assert_int_equal(h.counters.conn_resyncs, 1);
    put_reply(2, "b.example.com");
    harness_feed(&h, SERVER, stream.bytes + 11, stream.len - 11);
    stream.len = 0;
    put_reply(3, "c.example.com");
    flush_stream(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "c.example.com");
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    finish(3);
}

static void joins_in_the_middle(void **state)
{
    (void)state;
    open_tcp("", true);
    conn_release(h.conn);
    struct endpoints ends = {.ip = {{4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}}, .port = {40000, 53}};
    ends.protocol = PROTO_TCP;
    h.conn = conn_open(h.conns, &h.binding, &ends, true, harness_ended, &h);
    put_reply(1, "a.example.com");
    harness_feed(&h, SERVER, stream.bytes + 7, stream.len - 7);
    stream.len = 0;
    put_ask(2, "b.example.com");
    flush_stream(CLIENT);
    put_reply(2, "b.example.com");
    flush_stream(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "b.example.com");
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    finish(1);
}

static void notes_bad_answers(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *note;
    } bad[] = {
        {"\0\0", 2, "Response: Message's length was set to zero"},
        {"\0\1\0", 3, "Response: Unexpected message data length"},
        {"\0\5\0\1\200\0\0", 7, "Response: Unexpected message data length"},
        {"\0\16\0\1\200\0\0\1\0\0\0\0\0\0\377\377", 16,
         "Response: Message's data could not be decoded as DNS"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        open_tcp("", true);
        put_ask(1, "a.example.com");
        flush_stream(CLIENT);
        harness_feed(&h, SERVER, bad[i].bytes, bad[i].len);
        assert_non_null(h.conn); // what follows is still understood
        put_ask(2, "b.example.com");
        flush_stream(CLIENT);
        put_reply(2, "b.example.com");
        flush_stream(SERVER);
        assert_int_equal(documents(), 2);
        assert_document_has(&h, 0, "a.example.com");
        assert_document_has(&h, 0, bad[i].note);
        assert_document_lacks(&h, 0, "No response");
        assert_document_has(&h, 1, "\"status\":\"OK\"");
        finish(2);
    }
}

static void gives_up_other_protocols(void **state)
{
    (void)state;
    open_tcp("", true);
    static uint8_t text[40000];
    memset(text, 'A', sizeof text);
    harness_feed(&h, CLIENT, text, sizeof text);
    assert_null(h.conn);
    assert_int_equal(h.counters.conns_given_up, 1);
    finish(0);
    // What looks like DNS behind it, in the same segment, is as little looked at as in the next.
    open_tcp("", true);
    build_bytes(&stream, "\0\17AAAAAAAAAAAAAAA", 17);
    put_ask(1, "a.example.com");
    flush_stream(CLIENT);
    assert_null(h.conn);
    finish(0);
}

// One question, an answer of three messages, another question meanwhile.
static void follows_transfers(void **state)
{
    (void)state;
    static const char soa[] = "\2ns\300\14\4root\300\14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
    open_tcp("send_response: true", true);
    build_header(&b, 1, 0, 1, 0, 0, 0);
    build_question(&b, "example.com", 252);
    build_framed(&stream, &b);
    put_ask(2, "b.example.com");
    flush_stream(CLIENT);
    build_header(&b, 1, 0x8400, 1, 2, 0, 0);
    build_question(&b, "example.com", 252);
    build_data(&b, 6, soa, sizeof soa - 1);
    build_data(&b, 1, "\1\2\3\4", 4);
    build_framed(&stream, &b);
    uint64_t bytes = b.len + 2;
    put_reply(2, "b.example.com");
    flush_stream(SERVER);
    for (int last = 0; last < 2; last++) {
        build_header(&b, 1, 0x8400, 1, 2, 0, 0);
        build_question(&b, "example.com", 252);
        build_data(&b, 1, "\1\2\3\5", 4);
        build_data(&b, last ? 6 : 1, last ? soa : "\1\2\3\6", last ? sizeof soa - 1 : 4);
        build_framed(&stream, &b);
        bytes += b.len + 2;
    }
    flush_stream(SERVER);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "b.example.com");
    assert_document_has(&h, 1, "type AXFR, example.com");
    assert_document_has(&h, 1, "\"status\":\"OK\"");
    assert_document_has(&h, 1, "\"data\":\"1.2.3.4\"");
    char text[64];
    snprintf(text, sizeof text, "\"destination\":{\"bytes\":%d,", (int)bytes);
    assert_document_has(&h, 1, text);
    finish(2);
}

// A transfer that does not end, and one that is a single message.
static void ends_transfers(void **state)
{
    (void)state;
    static const char soa[] = "\2ns\300\14\4root\300\14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
    open_tcp("", true);
    for (unsigned id = 1; id <= 2; id++) {
        build_header(&b, id, 0, 1, 0, 0, 0);
        build_question(&b, "example.com", 252);
        build_framed(&stream, &b);
        flush_stream(CLIENT);
        build_header(&b, id, 0x8400, 1, id, 0, 0);
        build_question(&b, "example.com", 252);
        for (unsigned i = 0; i < id; i++)
            build_data(&b, 6, soa, sizeof soa - 1);
        build_framed(&stream, &b);
        flush_stream(SERVER);
    }
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    harness_wait(&h, 20 * SECOND);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 1, "\"message\":\"Response: Message's data is incomplete\"");
    assert_document_has(&h, 1, "\"type\":\"answer\"");
    assert_document_has(&h, 1, "\"status\":\"Error\"");
    finish(2);
}

// Random bytes and half-valid messages, in both transports: nothing but counters.
static void survives_garbage(void **state)
{
    (void)state;
    uint32_t seed = 3;
    for (int round = 0; round < 400; round++) {
        if (round & 1)
            open_tcp("send_request: true\nsend_response: true\ninclude_additionals: true",
                     round & 2);
        else
            open_udp("send_request: true\nsend_response: true\ninclude_authorities: true",
                     round & 2);
        for (int i = 0; i < 20; i++) {
            build_reply(&b, (unsigned)i & 3, "a.example.com");
            for (int flips = 0; flips < 4; flips++) {
                seed = seed * 1664525 + 1013904223;
                b.bytes[(seed >> 8) % b.len] = (uint8_t)(seed >> 24);
            }
            stream.len = 0;
            build_framed(&stream, &b);
            struct build *s = round & 1 ? &stream : &b;
            if ((seed & 15) == 0)
                harness_gap(&h, seed >> 4 & 1, seed >> 8 & 255);
            harness_feed(&h, seed >> 5 & 1, s->bytes, s->len - (seed >> 6 & 3));
        }
        harness_end(&h);
        harness_close(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_by_id),
        cmocka_unit_test(counts_bytes),
        cmocka_unit_test(says_who_got_no_answer),
        cmocka_unit_test(closes_a_question_asked_again),
        cmocka_unit_test(publishes_answers_nobody_asked_for),
        cmocka_unit_test(lets_both_ends_ask),
        cmocka_unit_test(tells_failures),
        cmocka_unit_test(odd_names_are_registered_nowhere),
        cmocka_unit_test(counts_what_it_does_not_list),
        cmocka_unit_test(notes_edns),
        cmocka_unit_test(notes_large_messages),
        cmocka_unit_test(writes_options),
        cmocka_unit_test(writes_wanted_sections),
        cmocka_unit_test(writes_lines),
        cmocka_unit_test(keeps_long_questions),
        cmocka_unit_test(limits_answers),
        cmocka_unit_test(takes_cut_datagrams),
        cmocka_unit_test(ignores_what_is_not_dns),
        cmocka_unit_test(reads_several_in_a_segment),
        cmocka_unit_test(reads_byte_by_byte),
        cmocka_unit_test(reads_any_segments),
        cmocka_unit_test(crosses_holes),
        cmocka_unit_test(notes_torn_answers),
        cmocka_unit_test(finds_the_next_message),
        cmocka_unit_test(joins_in_the_middle),
        cmocka_unit_test(notes_bad_answers),
        cmocka_unit_test(gives_up_other_protocols),
        cmocka_unit_test(follows_transfers),
        cmocka_unit_test(ends_transfers),
        cmocka_unit_test(survives_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
