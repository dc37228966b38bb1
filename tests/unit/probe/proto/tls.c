// SPDX-License-Identifier: Apache-2.0
// TLS conversations put together by hand: every version, every way to cut them, and what becomes of
// those that do not go as they should.

#include "tests/unit/probe/proto/harness.h"

#include "probe/proto/tls_handshake.h"
#include "probe/proto/tls_names.h"
#include "probe/protocol.h"
#include "tests/unit/probe/proto/tls_build.h"

extern const struct protocol tls_protocol;

enum {
    CLIENT_HELLO = 1,
    SERVER_HELLO,
    CERTIFICATE = 11,
    KEY_EXCHANGE,
    REQUEST,
    DONE,
    CLIENT_KEY = 16
};

static struct harness h;

// ── what both say ──

static struct bytes hello, extensions, message, record, flight;

// One message in one record.
static void add_said(uint8_t type, const struct bytes *body)
{
    message.len = record.len = 0;
    add_message(&message, type, bytes_span(body));
    add_record(&record, 22, bytes_span(&message));
    add(&flight, record.at, record.len);
}

static void add_change(void)
{
    add_record(&flight, 20, (struct span)SPAN("\1"));
    add_record(&flight, 22, (struct span)SPAN("\x9d\xf1\x3c\x55\x0a\x66\x12\x97 finished"));
}

static void add_usual_extensions(void)
{
    extensions.len = 0;
    add_extension(&extensions, 0x1a1a, "", 0);
    add_server_name(&extensions, "www.weir.test");
    add_extension_list(&extensions, 10, (const int[]){0x2a2a, 0x11ec, 29, 23, -1});
    add_extension(&extensions, 11, "\1\0", 2);
    add_extension_list(&extensions, 13, (const int[]){0x0403, 0x0809, 0x0402, -1});
    add_alpn(&extensions, "\2h2\10http/1.1");
    add_extension(&extensions, 23, "", 0);
    add_extension(&extensions, 0xff01, "\0", 1);
}

static void start_client_hello(void)
{
    hello.len = 0;
    add_usual_extensions();
}

static void end_client_hello(const char *session_id)
{
    add_client_hello(&hello, 0x0303, session_id, (const int[]){0x3a3a, 0x1301, 0xc02f, 0xff85, -1},
                     &extensions);
    flight.len = 0;
    add_said(CLIENT_HELLO, &hello);
}

static void client_hello(void)
{
    start_client_hello();
    end_client_hello("");
}

// The client of TLS 1.3.
static void client_hello13(const char *session_id)
{
    start_client_hello();
    add_extension(&extensions, 43, "\4\3\4\3\3", 5);
    add_extension(&extensions, 51, "\0\x0c\x11\xec\0\2kk\0\x1d\0\2kk", 14);
    end_client_hello(session_id);
}

static void add_hello(unsigned version, const char *session_id, unsigned suite)
{
    hello.len = 0;
    add_server_hello(&hello, version, session_id, suite, &extensions);
    add_said(SERVER_HELLO, &hello);
}

static void server_hello13(const char *session_id)
{
    flight.len = extensions.len = 0;
    add_extension(&extensions, 43, "\3\4", 2);
    add_extension(&extensions, 51, "\x11\xec\0\2kk", 6);
    add_hello(0x0303, session_id, 0x1301);
}

static void add_chain(const char *const *names)
{
    static struct bytes certificates[3], name, body;
    const struct bytes *list[4] = {NULL};
    body.len = 0;
    for (int i = 0; i < 3 && names[i]; i++) {
        name.len = certificates[i].len = 0;
        add_plain_name(&name, names[i]);
        add_certificate(&certificates[i], &(struct certificate){.subject = &name});
        list[i] = &certificates[i];
    }
    add_certificates(&body, list);
    add_said(CERTIFICATE, &body);
}

static void add_body(uint8_t type, const char *text)
{
    static struct bytes body;
    body.len = 0;
    add_text(&body, text);
    add_said(type, &body);
}

// A server's flight up to its "done", TLS 1.2 and before.
static void server_flight(unsigned version, bool requests)
{
    flight.len = extensions.len = 0;
    add_extension(&extensions, 0xff01, "\0", 1);
    add_alpn(&extensions, "\2h2");
    add_hello(version, "fresh", 0xc02f);
    add_chain((const char *const[]){"www.weir.test", "between", "root"});
    message.len = record.len = 0;
    add_message(&message, KEY_EXCHANGE, (struct span)SPAN("\3\0\x1d key"));
    add_record(&record, 22, bytes_span(&message));
    add(&flight, record.at, record.len);
    if (requests)
        add_body(REQUEST, "who are you");
    add_body(DONE, "");
}

static void client_flight(void)
{
    flight.len = 0;
    add_body(CLIENT_KEY, "key");
    add_change();
}

static void server_finish(void)
{
    flight.len = 0;
    add_body(4, "ticket");
    add_change();
}

// ── how it comes ──

static size_t step; // bytes of a segment; 0: all at once

static void say(enum side from)
{
    size_t piece = step ? step : flight.len;
    for (size_t at = 0; at < flight.len; at += piece)
        harness_feed(&h, from, flight.at + at, piece < flight.len - at ? piece : flight.len - at);
}

static void talk(void (*what)(void), enum side from)
{
    what();
    say(from);
}

static void usual_flight(void)
{
    server_flight(0x0303, false);
}

static void open_with(const char *yaml, bool compat)
{
    harness_open(&h, &tls_protocol, OVER_TCP, yaml, compat);
}

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

static void usual_handshake(void)
{
    talk(client_hello, CLIENT);
    talk(usual_flight, SERVER);
    talk(client_flight, CLIENT);
    talk(server_finish, SERVER);
}

static void assert_usual(const char *status)
{
    assert_document_has(&h, 0, status);
    assert_document_has(&h, 0, "\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"");
    assert_document_has(&h, 0, "\"established\":true");
    assert_document_has(&h, 0, "\"resumed\":false");
    assert_document_has(&h, 0, "\"version\":\"1.2\"");
    assert_document_has(&h, 0, "\"version_protocol\":\"tls\"");
    assert_document_has(&h, 0, "\"next_protocol\":\"h2\"");
    assert_document_has(&h, 0, "\"server_name\":\"www.weir.test\"");
    assert_document_has(&h, 0, "\"domain\":\"www.weir.test\"");
    assert_document_has(&h, 0, "\"subject\":\"CN=www.weir.test\"");
    assert_document_has(&h, 0, "\"distinguished_name\":\"CN=between\"");
    assert_document_has(&h, 0, "\"distinguished_name\":\"CN=root\"");
    assert_document_has(&h, 0,
                        "\"supported_ciphers\":[\"TLS_AES_128_GCM_SHA256\","
                        "\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\",\"(unknown:0xff85)\"]");
}

// ── handshakes that go well ──

static void follows_a_handshake(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    usual_handshake();
    assert_null(h.conn);
    assert_int_equal(h.ended, ENDED_DONE);
    assert_int_equal(documents(), 1);
    assert_usual("\"status\":\"OK\"");
    assert_document_has(&h, 0, "\"duration\":3000000");
    assert_document_has(&h, 0, "\"curve\":\"x25519\"");
    assert_document_has(&h, 0, "\"not_after\":\"2035-01-01T00:00:00.000Z\"");
    assert_document_has(&h, 0, "\"server_name_indication\":[\"www.weir.test\"]");
    assert_document_has(&h, 0,
                        "\"supported_groups\":[\"X25519MLKEM768\",\"x25519\",\"secp256r1\"]");
    assert_document_has(&h, 0,
                        "\"signature_algorithms\":[\"ecdsa_secp256r1_sha256\","
                        "\"rsa_pss_pss_sha256\",\"dsa_sha256\"]");
    assert_document_has(&h, 0, "\"_unparsed_\":[\"23\",\"renegotiation_info\"]");
    assert_document_has(&h, 0, "\"supported_compression_methods\":[\"NULL\"]");
    assert_document_has(&h, 0, "\"selected_compression_method\":\"NULL\"");
    assert_document_has(&h, 0, "\"random\":\"c1c1c1c1c1c1c1c1");
    assert_document_has(&h, 0, "\"session_id\":\"6672657368\"");
    assert_document_has(&h, 0, "\"client_certificate_requested\":false");
    assert_document_has(&h, 0, "\"hosts\":[\"www.weir.test\"]");
    assert_document_has(&h, 0, "\"ja4\":\"t12d0307h2_");
    assert_document_has(&h, 0, "\"ja4s\":\"t1202h2_c02f_");
    assert_document_has(&h, 0, "\"public_key_algorithm\":\"Ed25519\"");
    assert_document_lacks(&h, 0, "\"bytes\"");
    assert_document_lacks(&h, 0, "\"error\"");
    finish(1);
}

static void writes_what_the_reference_writes(void **state)
{
    (void)state;
    step = 0;
    open_with("", true);
    usual_handshake();
    assert_int_equal(documents(), 1);
    assert_usual("\"status\":\"OK\"");
    assert_document_has(&h, 0, "\"supported_groups\":[\"(unknown:0x11ec)\",\"x25519\"");
    assert_document_has(&h, 0, "\"(unknown:0x0809)\",\"(unknown:0x0402)\"");
    assert_document_has(&h, 0, "\"public_key_algorithm\":\"(unknown:4)\"");
    assert_document_lacks(&h, 0, "ja4");
    assert_document_lacks(&h, 0, "ja3s");
    assert_document_lacks(&h, 0, "\"curve\"");
    assert_document_lacks(&h, 0, "\"hosts\"");
    finish(1);
}

// However the bytes are cut, the document is the same but for its times.
static void does_not_care_how_it_is_cut(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 3, 4, 5, 6, 7, 11, 64, 333, 1460};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        step = steps[i];
        open_with("", false);
        usual_handshake();
        assert_null(h.conn);
        assert_int_equal(documents(), 1);
        assert_usual("\"status\":\"OK\"");
        assert_document_has(&h, 0, "\"start\":\"2023-11-14T22:13:20.000Z\"");
        finish(1);
    }
}

// All messages of `flight` once more, in records of `size` bytes.
static void repack(size_t size)
{
    static struct bytes all, packed;
    all.len = packed.len = 0;
    for (size_t at = 0; at < flight.len;) {
        size_t len = (size_t)flight.at[at + 3] << 8 | flight.at[at + 4];
        if (flight.at[at] != 22)
            break;
        add(&all, flight.at + at + 5, len);
        at += 5 + len;
    }
    for (struct span rest = bytes_span(&all), part; (part = span_first(rest, size)).len;
         rest = span_skip(rest, part.len))
        add_record(&packed, 22, part);
    flight.len = 0;
    add(&flight, packed.at, packed.len);
}

static void does_not_care_how_it_is_packed(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3, 5, 100, 1000, 16384};
    step = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        open_with("", false);
        client_hello();
        repack(sizes[i]);
        say(CLIENT);
        usual_flight();
        repack(sizes[i]);
        say(SERVER);
        talk(client_flight, CLIENT);
        talk(server_finish, SERVER);
        assert_int_equal(documents(), 1);
        assert_usual("\"status\":\"OK\"");
        finish(1);
    }
}

static void names_versions(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        const char *shown;
    } rows[] = {
        {0x0300, "\"version\":\"3.0\",\"version_protocol\":\"ssl\""},
        {0x0301, "\"version\":\"1.0\",\"version_protocol\":\"tls\""},
        {0x0302, "\"version\":\"1.1\",\"version_protocol\":\"tls\""},
    };
    step = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_with("", false);
        talk(client_hello, CLIENT);
        server_flight(rows[i].version, false);
        say(SERVER);
        talk(client_flight, CLIENT);
        talk(server_finish, SERVER);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, rows[i].shown);
        finish(1);
    }
}

static void reports_tls13_at_both_hellos(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++)
        for (step = 0; step < 8; step++) {
            open_with("", compat);
            client_hello13("same id");
            say(CLIENT);
            assert_int_equal(documents(), 0);
            server_hello13("same id");
            say(SERVER);
            assert_null(h.conn);
            assert_int_equal(documents(), 1);
            assert_document_has(&h, 0, "\"status\":\"OK\"");
            assert_document_has(&h, 0, "\"established\":true");
            assert_document_has(&h, 0, "\"version\":\"1.3\"");
            assert_document_has(&h, 0, "\"version\":\"TLS 1.3\"");
            assert_document_has(&h, 0, "\"supported_versions\":[\"TLS 1.3\",\"TLS 1.2\"]");
            assert_document_has(&h, 0, "\"supported_versions\":\"TLS 1.3\"");
            assert_document_has(&h, 0, "\"duration\":");
            assert_document_has(&h, 0, compat ? "\"resumed\":true" : "\"resumed\":false");
            if (compat) {
                assert_document_has(&h, 0, "\"resumption_method\":\"id\"");
                assert_document_has(&h, 0, "\"renegotiation_info\",\"51\"]");
            } else {
                assert_document_lacks(&h, 0, "resumption_method");
                assert_document_has(&h, 0, "\"key_share\":[\"X25519MLKEM768\",\"x25519\"]");
                assert_document_has(&h, 0, "\"key_share\":[\"X25519MLKEM768\"]");
                assert_document_has(&h, 0, "\"curve\":\"X25519MLKEM768\"");
            }
            finish(1);
        }
}

// Two cards that see one direction each may show the answer first.
static void takes_the_hellos_in_any_order(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    server_hello13("");
    say(SERVER);
    client_hello13("");
    say(CLIENT);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"established\":true");
    assert_document_has(&h, 0, "\"source\":{\"ip\":\"10.0.0.1\"");
    finish(1);
}

static void follows_a_retry(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    client_hello13("id");
    say(CLIENT);
    flight.len = extensions.len = hello.len = 0;
    add_extension(&extensions, 43, "\3\4", 2);
    add_extension(&extensions, 51, "\0\x1d", 2);
    add_server_hello(&hello, 0x0303, "id", 0x1301, &extensions);
    memcpy(hello.at + 2,
           "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
           "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c",
           32);
    add_said(SERVER_HELLO, &hello);
    add_record(&flight, 20, (struct span)SPAN("\1"));
    say(SERVER);
    assert_int_equal(documents(), 0);
    client_hello13("id");
    add_record(&flight, 20, (struct span)SPAN("\1"));
    say(CLIENT);
    assert_int_equal(documents(), 0);
    server_hello13("id");
    say(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"hello_retry_request\":\"x25519\"");
    assert_document_has(&h, 0, "\"random\":\"5e5e5e");
    assert_document_has(&h, 0, "\"established\":true");
    finish(1);
}

// ── resumption ──

// What the server says when it takes a session up again.
static void server_resumes(const char *session_id, bool ticket)
{
    flight.len = extensions.len = 0;
    if (ticket)
        add_extension(&extensions, 35, "", 0);
    add_hello(0x0303, session_id, 0xc02f);
    add_change();
    say(SERVER);
    flight.len = 0;
    add_change();
    say(CLIENT);
}

static void tells_resumption(void **state)
{
    (void)state;
    static const struct {
        const char *client_id, *server_id;
        bool has_ticket, answers;
        const char *method, *compat_method;
    } rows[] = {
        {"old", "old", false, false, "id", "id"},
        {"made up", "made up", true, false, "ticket", "id"},
        {"made up", "made up", true, true, "ticket", "ticket"},
        {"", "", true, true, "ticket", "ticket"},
        {"old", "new", false, false, NULL, NULL},
        {"", "", false, true, NULL, NULL},
    };
    step = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int compat = 0; compat < 2; compat++) {
            open_with("", compat);
            start_client_hello();
            add_extension(&extensions, 35, "a ticket", rows[i].has_ticket ? 8 : 0);
            end_client_hello(rows[i].client_id);
            say(CLIENT);
            server_resumes(rows[i].server_id, rows[i].answers);
            assert_int_equal(documents(), 1);
            assert_document_has(&h, 0, "\"established\":true");
            assert_document_has(&h, 0,
                                rows[i].has_ticket ? "\"session_ticket\":\"(8 bytes)\""
                                                   : "\"session_ticket\":\"\"");
            const char *method = compat ? rows[i].compat_method : rows[i].method;
            char text[64];
            snprintf(text, sizeof text, "\"resumption_method\":\"%s\"", method ? method : "");
            assert_document_has(&h, 0, method ? "\"resumed\":true" : "\"resumed\":false");
            if (method)
                assert_document_has(&h, 0, text);
            else
                assert_document_lacks(&h, 0, "resumption_method");
            finish(1);
        }
}

static void tells_resumption_of_tls13(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    client_hello13("id");
    say(CLIENT);
    flight.len = extensions.len = 0;
    add_extension(&extensions, 43, "\3\4", 2);
    add_extension(&extensions, 41, "\0\0", 2);
    add_hello(0x0303, "id", 0x1301);
    say(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"resumed\":true");
    assert_document_has(&h, 0, "\"resumption_method\":\"psk\"");
    finish(1);
}

// ── certificates ──

static void shows_the_client_s_certificate(void **state)
{
    (void)state;
    step = 0;
    open_with("fingerprints: [MD5, sha-1, sha256]", false);
    talk(client_hello, CLIENT);
    server_flight(0x0303, true);
    say(SERVER);
    flight.len = 0;
    add_chain((const char *const[]){"ann", NULL});
    add_body(CLIENT_KEY, "key");
    add_body(15, "verify");
    add_change();
    say(CLIENT);
    talk(server_finish, SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"client_certificate_requested\":true");
    assert_document_has(&h, 0, "\"subject\":\"CN=ann\"");
    assert_document_has(&h, 0, "\"subject\":\"CN=www.weir.test\"");
    assert_document_lacks(&h, 0, "client_certificate_chain");
    assert_document_has(&h, 0,
                        "\"server_certificate_chain\":[{\"version_number\":3,"
                        "\"serial_number\":\"5\",\"signature_algorithm\":\"Ed25519\"");
    int digests = 0;
    for (const char *at = h.documents[0]; (at = strstr(at, "\"md5\":\"")); at++)
        digests++;
    assert_int_equal(digests, 2);
    finish(1);
}

static void writes_as_much_of_certificates_as_wanted(void **state)
{
    (void)state;
    step = 0;
    open_with("{include_raw_certificates: true, send_certificates: false}", false);
    usual_handshake();
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"certificate_chain\":[\"-----BEGIN CERTIFICATE-----\\nMI");
    assert_document_has(&h, 0, "\\n-----END CERTIFICATE-----\\n\",\"-----BEGIN");
    assert_document_has(&h, 0, "\"sha1\"");
    assert_document_has(&h, 0, "\"subject\":\"CN=www.weir.test\"");
    assert_document_lacks(&h, 0, "x509");
    assert_document_lacks(&h, 0, "server_certificate_chain");
    finish(1);
    open_with("{include_detailed_fields: false, fingerprints: []}", false);
    usual_handshake();
    assert_int_equal(documents(), 1);
    assert_document_lacks(&h, 0, "detailed");
    assert_document_lacks(&h, 0, "x509");
    assert_document_lacks(&h, 0, "sha1");
    assert_document_lacks(&h, 0, "BEGIN");
    assert_document_has(&h, 0, "\"subject\":\"CN=www.weir.test\"");
    finish(1);
}

static void tells_the_certificate_status(void **state)
{
    (void)state;
    static const struct {
        struct span body;
        const char *shown;
    } rows[] = {
        {SPAN("\1\0\1\5\x30\x82\1\1\x0a\1\0 and so on"), "\"ocsp_response\":\"successful\""},
        {SPAN("\1\0\0\5\x30\3\x0a\1\3"), "\"ocsp_response\":\"tryLater\""},
        {SPAN("\1\0\0\5\x30\3\x0a\1\x63"), "\"ocsp_response\":\"99\""},
        {SPAN("\2\0\0\5\x30\3\x0a\1\0"), NULL},
        {SPAN("\1\0\0\5\x30"), NULL},
    };
    step = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_with("", false);
        talk(client_hello, CLIENT);
        usual_flight();
        message.len = 0;
        add_message(&message, 22, rows[i].body);
        add_record(&flight, 22, bytes_span(&message));
        say(SERVER);
        talk(client_flight, CLIENT);
        talk(server_finish, SERVER);
        assert_int_equal(documents(), 1);
        if (rows[i].shown)
            assert_document_has(&h, 0, rows[i].shown);
        else
            assert_document_lacks(&h, 0, "ocsp_response");
        finish(1);
    }
}

// ── extensions ──

static void hello_with(unsigned type, struct span data, bool compat)
{
    step = 0;
    open_with("", compat);
    hello.len = extensions.len = flight.len = 0;
    add_extension(&extensions, type, data.at, data.len);
    add_client_hello(&hello, 0x0303, "", (const int[]){0x002f, -1}, &extensions);
    add_said(CLIENT_HELLO, &hello);
    say(CLIENT);
    harness_end(&h);
    assert_int_equal(h.count, 1);
}

static void shows_extensions(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        struct span data;
        const char *shown;
    } rows[] = {
        {0, SPAN(""), "\"_unparsed_\":[\"server_name_indication\"]"},
        {0, SPAN("\0\0"), "\"server_name_indication\":[]"},
        {0, SPAN("\0\x0a\0\0\1a\0\0\3b\"c"), "\"server_name_indication\":[\"a\",\"b\\\"c\"]"},
        {1, SPAN("\1"), "\"max_fragment_length\":\"2^9\""},
        {1, SPAN("\4"), "\"max_fragment_length\":\"2^12\""},
        {1, SPAN("\5"), "\"max_fragment_length\":\"(unknown:5)\""},
        {1, SPAN(""), "\"_unparsed_\":[\"max_fragment_length\"]"},
        {2, SPAN(""), "\"client_certificate_url\":\"\""},
        {3, SPAN("x"), "\"_unparsed_\":[\"trusted_ca_keys\"]"},
        {4, SPAN("xy"), "\"truncated_hmac\":\"(expected empty: found 2 bytes)\""},
        {5, SPAN("\1\0\0\0\0"),
         "\"status_request\":{\"request_extensions\":0,"
         "\"responder_id_list_length\":0,\"type\":\"ocsp\"}"},
        {5, SPAN("\2\0\1x\0\2ab"),
         "\"status_request\":{\"request_extensions\":2,"
         "\"responder_id_list_length\":1,\"type\":\"2\"}"},
        {5, SPAN("\1\0\7"), "\"_unparsed_\":[\"status_request\"]"},
        {5, SPAN(""), "\"status_request\":{\"response\":true}"},
        {6, SPAN(""), "\"_unparsed_\":[\"user_mapping\"]"},
        {9, SPAN("\3\0\1\x7f"), "\"cert_type\":[\"X.509\",\"OpenPGP\",\"(unknown:0x7f)\"]"},
        {9, SPAN("\2"), "\"cert_type\":[\"RawPubKey\"]"},
        {10, SPAN("\0\4\0\x17\x77\x77"),
         "\"supported_groups\":[\"secp256r1\",\"(unknown:0x7777)\"]"},
        {10, SPAN("\0\5\0\x17"), "\"_unparsed_\":[\"supported_groups\"]"},
        {10, SPAN("\0\0"), "\"supported_groups\":[]"},
        {11, SPAN("\2\0\x55"), "\"ec_points_formats\":[\"uncompressed\",\"(unknown:0x55)\"]"},
        {11, SPAN("\2\0"), "\"_unparsed_\":[\"ec_points_formats\"]"},
        {12, SPAN("\3ann"), "\"srp\":\"ann\""},
        {12, SPAN("\4ann"), "\"_unparsed_\":[\"srp\"]"},
        {13, SPAN("\0\2\2\1"), "\"signature_algorithms\":[\"rsa_pkcs1_sha1\"]"},
        {16, SPAN("\0\4\3a\1b"), "\"application_layer_protocol_negotiation\":[\"a\\u0001b\"]"},
        {16, SPAN("\0\4\4a\1b"), "\"_unparsed_\":[\"application_layer_protocol_negotiation\"]"},
        {35, SPAN("abc"), "\"session_ticket\":\"(3 bytes)\""},
        {43, SPAN("\2\x7f\x1c"), "\"supported_versions\":[\"(raw 127.28)\"]"},
        {43, SPAN("\3\3\4\3"), "\"_unparsed_\":[\"supported_versions\"]"},
        {43, SPAN("\4\x4a\x4a\3\4"), "\"supported_versions\":[\"TLS 1.3\"]"},
        {0xff01, SPAN("\0"), "\"_unparsed_\":[\"renegotiation_info\"]"},
        {17513, SPAN("\0"), "\"_unparsed_\":[\"17513\"]"},
        {65037, SPAN("\0"), "\"_unparsed_\":[\"65037\"]"},
    };
    for (int compat = 0; compat < 2; compat++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            hello_with(rows[i].type, rows[i].data, compat);
            assert_document_has(&h, 0, rows[i].shown);
            harness_close(&h);
        }
    hello_with(0x5a5a, (struct span)SPAN("\0"), true);
    assert_document_lacks(&h, 0, "extensions");
    harness_close(&h);
    hello_with(65037, (struct span)SPAN("\0"), false);
    assert_document_has(&h, 0, "\"encrypted_client_hello\":true");
    harness_close(&h);
    hello_with(65037, (struct span)SPAN("\0"), true);
    assert_document_lacks(&h, 0, "encrypted_client_hello");
    harness_close(&h);
}

static void shows_an_answered_status_request(void **state)
{
    (void)state;
    step = 0;
    open_with("", true);
    talk(client_hello, CLIENT);
    flight.len = extensions.len = 0;
    add_extension(&extensions, 5, "", 0);
    add_hello(0x0303, "", 0xc02f);
    say(SERVER);
    harness_end(&h);
    assert_document_has(&h, 0, "\"status_request\":{\"response\":true}");
    harness_close(&h);
}

// ── what goes wrong ──

static void ends_with_a_fatal_alert(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++)
        for (step = 0; step < 3; step++) {
            open_with("", compat);
            talk(client_hello, CLIENT);
            flight.len = 0;
            add_record(&flight, 21, (struct span)SPAN("\1\x70"));
            add_record(&flight, 21, (struct span)SPAN("\2\x78"));
            say(SERVER);
            assert_null(h.conn);
            assert_int_equal(documents(), 1);
            assert_document_has(&h, 0, "\"status\":\"Error\"");
            assert_document_has(&h, 0, "\"established\":false");
            assert_document_has(&h, 0,
                                "{\"code\":112,\"severity\":\"warning\",\"source\":"
                                "\"server\",\"type\":\"unrecognized_name\"}");
            assert_document_has(&h, 0,
                                compat ? "\"alert_types\":[\"unrecognized_name\","
                                         "\"(unknown:0x78)\"]"
                                       : "\"alert_types\":[\"unrecognized_name\","
                                         "\"no_application_protocol\"]");
            assert_document_has(&h, 0, "\"version\":\"1.2\"");
            if (compat)
                assert_document_lacks(&h, 0, "\"duration\"");
            else
                assert_document_has(&h, 0, "\"duration\"");
            finish(1);
        }
}

static void keeps_so_many_alerts(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    flight.len = 0;
    for (int i = 0; i < 100; i++)
        add_record(&flight, 21, (struct span)SPAN("\7\xee"));
    add_record(&flight, 21, (struct span)SPAN("longer, so encrypted"));
    say(CLIENT);
    harness_end(&h);
    assert_int_equal(h.count, 1);
    assert_document_has(&h, 0, "\"severity\":\"(unknown:0x07)\"");
    assert_document_has(&h, 0, "\"type\":\"(unknown:0xee)\"");
    assert_document_lacks(&h, 0, "\"version_protocol\"");
    harness_close(&h);
    open_with("", true);
    say(CLIENT);
    harness_end(&h);
    assert_document_has(&h, 0, "\"version\":\"0.0\",\"version_protocol\":\"unknown\"");
    harness_close(&h);
}

static void reports_what_is_never_answered(void **state)
{
    (void)state;
    step = 0;
    open_with("", true);
    talk(client_hello, CLIENT);
    assert_int_equal(documents(), 0);
    harness_end(&h);
    assert_int_equal(h.count, 1);
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 0, "\"established\":false");
    assert_document_has(&h, 0, "\"version\":\"1.2\"");
    assert_document_lacks(&h, 0, "\"cipher\"");
    assert_document_lacks(&h, 0, "\"end\"");
    assert_document_lacks(&h, 0, "\"duration\"");
    harness_close(&h);
    open_with("transaction_timeout: 3s", false);
    talk(client_hello, CLIENT);
    harness_wait(&h, 5 * SECOND);
    assert_int_equal(documents(), 1);
    talk(usual_flight, SERVER); // too late
    assert_null(h.conn);
    finish(1);
}

// The reference calls a handshake established as soon as who spoke first changed keys.
static void judges_half_a_handshake(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        step = 0;
        open_with("", compat);
        talk(client_hello, CLIENT);
        talk(usual_flight, SERVER);
        talk(client_flight, CLIENT);
        harness_fin(&h, SERVER);
        harness_fin(&h, CLIENT);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, compat ? "\"established\":true" : "\"established\":false");
        assert_document_has(&h, 0, compat ? "\"status\":\"OK\"" : "\"status\":\"Error\"");
        finish(1);
    }
}

static void knows_who_is_who_by_what_is_said(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        step = 0;
        open_with("", compat);
        talk(client_hello, SERVER);
        talk(usual_flight, CLIENT);
        talk(client_flight, SERVER);
        talk(server_finish, CLIENT);
        assert_int_equal(documents(), 1);
        assert_usual("\"status\":\"OK\"");
        assert_document_has(&h, 0, "\"source\":{\"ip\":\"10.0.0.2\"");
        finish(1);
        open_with("", compat);
        talk(usual_flight, SERVER); // only this direction was captured
        talk(server_finish, SERVER);
        harness_end(&h);
        assert_int_equal(h.count, 1);
        assert_document_has(&h, 0, "\"subject\":\"CN=www.weir.test\"");
        assert_document_has(
            &h, 0, compat ? "\"source\":{\"ip\":\"10.0.0.2\"" : "\"source\":{\"ip\":\"10.0.0.1\"");
        assert_document_has(&h, 0, "\"version\":\"1.2\"");
        assert_document_lacks(&h, 0, "client_hello");
        harness_close(&h);
    }
}

static void publishes_what_a_hole_leaves(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    talk(client_hello, CLIENT);
    usual_flight();
    flight.len = 300;
    say(SERVER);
    harness_gap(&h, SERVER, 1000);
    assert_null(h.conn);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"message\":\"Packet loss while capturing the handshake\"");
    assert_document_has(&h, 0, "\"cipher\"");
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    finish(1);
    open_with("", true);
    talk(client_hello, CLIENT);
    server_resumes("", false); // both encrypt from here on
    harness_gap(&h, SERVER, 1000);
    assert_document_lacks(&h, 0, "\"message\"");
    finish(1);
}

static void lets_holes_behind_the_handshake_be(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    talk(client_hello, CLIENT);
    flight.len = extensions.len = 0;
    add_hello(0x0303, "", 0xc02f);
    add_change();
    say(SERVER);
    harness_gap(&h, SERVER, 100);
    assert_non_null(h.conn);
    flight.len = 0;
    add_change();
    say(CLIENT);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    finish(1);
}

static void takes_early_data(void **state)
{
    (void)state;
    step = 0;
    open_with("", false);
    client_hello13("id");
    add_record(&flight, 20, (struct span)SPAN("\1"));
    add_record(&flight, 23, (struct span)SPAN("in a hurry"));
    say(CLIENT);
    server_hello13("id");
    say(SERVER);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"established\":true");
    finish(1);
}

static void gives_up_what_is_no_tls(void **state)
{
    (void)state;
    static const struct span junk[] = {
        SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPAN("\x16\x02\x01\0\5\1\0\0\1x"),          // no such version
        SPAN("\x16\x03\x01\xff\xff\1\0\0\1x"),      // too long
        SPAN("\x19\x03\x01\0\1x"),                  // no such record
        SPAN("\x16\x03\x01\0\5\x63\0\0\1x"),        // no such message
        SPAN("\x16\x03\x01\0\6\1\0\0\2\3\3"),       // no hello
        SPAN("\x14\x03\x01\0\1\1"),                 // keys of nothing
        SPAN("\x80\x2e\1\0\2\0\x15\0\0\0\x10\1\0"), // SSL 2 itself
    };
    step = 0;
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        open_with("", false);
        harness_feed(&h, CLIENT, junk[i].at, junk[i].len);
        assert_null(h.conn);
        assert_int_equal(h.counters.conns_given_up, 1);
        finish(0);
    }
    open_with("", false);
    talk(client_hello, CLIENT);
    harness_text(&h, SERVER, "HTTP/1.0 400 Bad Request\r\n\r\n");
    assert_null(h.conn);
    assert_int_equal(h.counters.conns_given_up, 1);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    finish(1);
}

static void leaves_what_it_joined_late(void **state)
{
    (void)state;
    static const struct span junk[] = {SPAN("the middle of something"), SPAN("\x17\3\3\0\5hello"),
                                       SPAN("\x14\3\3\0\1\1")};
    step = 0;
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        open_with("", false);
        struct endpoints ends = *conn_ends(h.conn);
        conn_release(h.conn);
        h.conn = conn_open(h.conns, &h.binding, &ends, true, harness_ended, &h);
        harness_feed(&h, CLIENT, junk[i].at, junk[i].len);
        assert_null(h.conn);
        assert_int_equal(h.counters.conns_given_up, 0);
        finish(0);
    }
}

// ── an enemy's ──

static void skips_what_is_too_long(void **state)
{
    (void)state;
    static uint8_t much[16384];
    step = 0;
    open_with("", false);
    talk(client_hello, CLIENT);
    flight.len = extensions.len = 0;
    add_hello(0x0303, "", 0xc02f);
    say(SERVER);
    flight.len = 0;
    add_number(&flight, 0x1603030004, 5);
    add_number(&flight, 0x0bffffff, 4); // certificates, 16 MiB
    say(SERVER);
    for (size_t left = 0xffffff; left;) {
        size_t len = left < sizeof much ? left : sizeof much;
        flight.len = 0;
        add_record(&flight, 22, span_of(much, len));
        say(SERVER);
        left -= len;
    }
    flight.len = 0;
    add_body(DONE, "");
    add_change();
    say(SERVER);
    talk(client_flight, CLIENT);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"established\":true");
    assert_document_lacks(&h, 0, "\"subject\"");
    finish(1);
}

static void shows_large_certificates_and_hellos_within_bounds(void **state)
{
    (void)state;
    static struct bytes names, extension, certificate, body, suites;
    static int numbers[16001];
    names.len = extension.len = certificate.len = body.len = suites.len = 0;
    for (int i = 0; i < 5000; i++)
        der_add(&names, 0x82, "name.test", 9);
    der_wrap(&names, 0, 0x30);
    der_wrap(&names, 0, 0x04);
    der_add(&extension, 0x06, "\x55\x1d\x11", 3);
    add(&extension, names.at, names.len);
    der_wrap(&extension, 0, 0x30);
    der_wrap(&extension, 0, 0x30);
    add_certificate(&certificate, &(struct certificate){.extensions = &extension});
    add_certificates(&body, (const struct bytes *const[]){&certificate, NULL});
    for (int i = 0; i < 16000; i++)
        numbers[i] = 0x2000 + i;
    numbers[16000] = -1;
    step = 0;
    open_with("{include_raw_certificates: true}", false);
    hello.len = extensions.len = flight.len = 0;
    for (int i = 0; i < 6000; i++)
        add_extension(&extensions, 0x4000u + (unsigned)i, "", 0);
    add_client_hello(&hello, 0x0303, "", numbers, &extensions);
    message.len = 0;
    add_message(&message, CLIENT_HELLO, bytes_span(&hello));
    for (struct span rest = bytes_span(&message), part; (part = span_first(rest, 16384)).len;
         rest = span_skip(rest, part.len))
        add_record(&flight, 22, part);
    say(CLIENT);
    flight.len = extensions.len = 0;
    add_hello(0x0303, "", 0xc02f);
    message.len = 0;
    add_message(&message, CERTIFICATE, bytes_span(&body));
    for (struct span rest = bytes_span(&message), part; (part = span_first(rest, 16384)).len;
         rest = span_skip(rest, part.len))
        add_record(&flight, 22, part);
    say(SERVER);
    harness_end(&h);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.counters.events_lost_size, 0);
    assert_document_has(&h, 0, "\"supported_ciphers\":[\"(unknown:0x2000)\"");
    assert_document_has(&h, 0, "\"_unparsed_\":[\"16384\",\"16385\"");
    assert_document_has(&h, 0, "\"alternative_names\":[\"name.test\"");
    assert_document_lacks(&h, 0, "ja4\"");
    assert_true(strlen(h.documents[0]) < 100000);
    harness_close(&h);
}

// Any byte of a handshake may be wrong.
static void survives_any_byte(void **state)
{
    (void)state;
    step = 0;
    client_hello();
    size_t lengths[2] = {flight.len};
    usual_flight();
    lengths[1] = flight.len;
    for (int side = CLIENT; side <= SERVER; side++)
        for (size_t i = 0; i < lengths[side]; i += side == CLIENT ? 1 : 3) {
            open_with("", i % 2);
            client_hello();
            if (side == CLIENT)
                flight.at[i] ^= 0xff;
            say(CLIENT);
            usual_flight();
            if (side == SERVER)
                flight.at[i] ^= 0xff;
            say(SERVER);
            talk(client_flight, CLIENT);
            talk(server_finish, SERVER);
            harness_end(&h);
            harness_close(&h);
        }
}

// ── the frame of SSL 2 ──

// Two suites of SSL 3 and later among one of SSL 2; a challenge of 16 bytes.
static void old_hello(void)
{
    flight.len = 0;
    add(&flight,
        "\x80\x22\1\3\1\0\x09\0\0\0\x10"
        "\0\0\x2f\7\0\xc0\0\0\x35"
        "0123456789abcdef",
        36);
}

static void takes_a_hello_in_the_old_frame(void **state)
{
    (void)state;
    for (step = 0; step < 3; step++) {
        open_with("", false);
        talk(old_hello, CLIENT);
        talk(usual_flight, SERVER);
        talk(client_flight, CLIENT);
        talk(server_finish, SERVER);
        assert_int_equal(documents(), 1);
        assert_document_has(&h, 0, "\"established\":true");
        assert_document_has(&h, 0,
                            "\"supported_ciphers\":[\"TLS_RSA_WITH_AES_128_CBC_SHA\","
                            "\"TLS_RSA_WITH_AES_256_CBC_SHA\"]");
        assert_document_has(&h, 0,
                            "\"random\":\"00000000000000000000000000000000"
                            "30313233343536373839616263646566\"");
        finish(1);
    }
    step = 0;
}

static void old_frames_of_any_shape(void **state)
{
    (void)state;
    old_hello();
    struct bytes frame = flight;
    assert_int_equal(tls_old_hello_length(bytes_span(&frame)), frame.len);
    assert_true(tls_protocol.looks_like(bytes_span(&frame), CLIENT));
    for (size_t i = 0; i < TLS_OLD_HEADER; i++) {
        assert_int_equal(tls_old_hello_length(span_of(frame.at, i)), 0);
        struct bytes other = frame;
        other.at[i] ^= 0x7f;
        if (i != 4) // any version from 3.0
            assert_int_equal(tls_old_hello_length(bytes_span(&other)), 0);
    }
    open_with("", false);
    flight = frame;
    flight.at[8] = 99; // says more than it has
    say(CLIENT);
    assert_null(h.conn);
    finish(0);
}

// ── beside conversations ──

static void is_recognised(void **state)
{
    (void)state;
    bool (*looks)(struct span first, enum side from) = tls_protocol.looks_like;
    client_hello();
    struct span first = bytes_span(&flight);
    assert_true(looks(first, CLIENT));
    assert_true(looks(span_first(first, 6), CLIENT));
    assert_false(looks(span_first(first, 5), CLIENT));
    server_hello13("");
    assert_true(looks(bytes_span(&flight), SERVER));
    assert_false(looks((struct span)SPAN("\x16\3\1\0\x10\x0b\0\0\x0c"), SERVER));
    assert_false(looks((struct span)SPAN("\x16\3\5\0\x10\1\0\0\x0c"), CLIENT));
    assert_false(looks((struct span)SPAN("\x17\3\3\0\x10\1\0\0\x0c"), CLIENT));
    assert_false(looks((struct span)SPAN("\x16\3\1\0\3\1\0\0"), CLIENT));
    assert_false(looks((struct span)SPAN("GET / HTTP/1.1\r\n"), CLIENT));
}

static void refuses_unknown_fingerprints(void **state)
{
    (void)state;
    struct {
        uint8_t room[256];
    } settings;
    struct arena a;
    struct error why = {""};
    assert_true(arena_init(&a, 1 << 20));
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = &a};
    struct config *root = config_new(&a);
    assert_true(
        config_read_text(root, span_text("fingerprints: [sha1, sha512]"), "test", &a, &why));
    assert_true(tls_protocol.settings_size <= sizeof settings);
    memset(&settings, 0, sizeof settings);
    assert_true(setting_fill(tls_protocol.settings, root, &settings, NULL, &reader, &why));
    assert_false(tls_protocol.check(&settings, &why));
    assert_non_null(strstr(why.text, "sha512"));
    arena_free(&a);
}

// Lists of the same numbers are written once, others in their place, whatever they are lists of.
static void writes_lists_of_many(void **state)
{
    enum { HELLOS = 104, NUMBERS = 26 }; // more lists than are kept
    (void)state;
    open_with("{}", false);
    for (int i = 0; i < HELLOS; i++) {
        const int numbers[] = {1 + i % NUMBERS, -1};
        hello.len = flight.len = extensions.len = 0;
        add_extension_list(&extensions, 10, numbers);
        add_extension_list(&extensions, 13, numbers);
        add_client_hello(&hello, 0x0303, "", numbers, &extensions);
        add_said(CLIENT_HELLO, &hello);
        struct endpoints ends = *conn_ends(h.conn);
        say(CLIENT);
        conn_end(h.conn, ENDED_FIN);
        h.conn = conn_open(h.conns, &h.binding, &ends, false, harness_ended, &h);
    }
    harness_flush(&h);
    assert_int_equal(h.count, HELLOS);
    for (int i = 0; i < HELLOS; i++) {
        unsigned number = 1 + (unsigned)i % NUMBERS;
        struct span suite = tls_suite_name(number), group = tls_group_name(number, false);
        char text[128];
        snprintf(text, sizeof text, "ciphers\":[\"%.*s\"]", (int)suite.len, suite.at);
        assert_document_has(&h, i, text);
        snprintf(text, sizeof text, "groups\":[\"%.*s\"]", (int)group.len, group.at);
        assert_document_has(&h, i, text);
        snprintf(text, sizeof text, "algorithms\":[\"(unknown:0x%04x)\"]", number);
        assert_document_has(&h, i, text);
    }
    harness_end(&h);
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_handshake),
        cmocka_unit_test(writes_what_the_reference_writes),
        cmocka_unit_test(does_not_care_how_it_is_cut),
        cmocka_unit_test(does_not_care_how_it_is_packed),
        cmocka_unit_test(names_versions),
        cmocka_unit_test(reports_tls13_at_both_hellos),
        cmocka_unit_test(takes_the_hellos_in_any_order),
        cmocka_unit_test(follows_a_retry),
        cmocka_unit_test(tells_resumption),
        cmocka_unit_test(tells_resumption_of_tls13),
        cmocka_unit_test(shows_the_client_s_certificate),
        cmocka_unit_test(writes_as_much_of_certificates_as_wanted),
        cmocka_unit_test(tells_the_certificate_status),
        cmocka_unit_test(shows_extensions),
        cmocka_unit_test(shows_an_answered_status_request),
        cmocka_unit_test(ends_with_a_fatal_alert),
        cmocka_unit_test(keeps_so_many_alerts),
        cmocka_unit_test(reports_what_is_never_answered),
        cmocka_unit_test(judges_half_a_handshake),
        cmocka_unit_test(knows_who_is_who_by_what_is_said),
        cmocka_unit_test(publishes_what_a_hole_leaves),
        cmocka_unit_test(lets_holes_behind_the_handshake_be),
        cmocka_unit_test(takes_early_data),
        cmocka_unit_test(gives_up_what_is_no_tls),
        cmocka_unit_test(leaves_what_it_joined_late),
        cmocka_unit_test(skips_what_is_too_long),
        cmocka_unit_test(shows_large_certificates_and_hellos_within_bounds),
        cmocka_unit_test(survives_any_byte),
        cmocka_unit_test(takes_a_hello_in_the_old_frame),
        cmocka_unit_test(old_frames_of_any_shape),
        cmocka_unit_test(is_recognised),
        cmocka_unit_test(refuses_unknown_fingerprints),
        cmocka_unit_test(writes_lists_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
