// SPDX-License-Identifier: Apache-2.0
// ICMP exchanges: pairs, who asked, messages that stand alone, words for types and codes.

#include "tests/unit/probe/proto/harness.h"

#include "probe/protocol.h"

extern const struct protocol icmp_protocol;

static struct harness h;

static void open4(void)
{
    harness_open(&h, &icmp_protocol, OVER_ICMP, "", true);
}

// The same, between the IPv6 addresses ::1 and ::N.
static void open6(uint8_t server)
{
    open4();
    conn_release(h.conn);
    struct endpoints ends = {.ip = {{6, {[15] = 1}}, {6, {[15] = server}}}};
    ends.protocol = PROTO_ICMPV6;
    h.conn = conn_open(h.conns, &h.binding, &ends, false, harness_ended, &h);
}

// An echo or another message with an identifier, a sequence number and four bytes.
static void say(enum side from, uint8_t type, uint8_t id, uint8_t seq)
{
    uint8_t bytes[] = {0, id, 0, seq, 'd', 'a', 't', 'a'};
    harness_icmp(&h, from, type, 0, bytes, sizeof bytes);
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

static void pairs_echoes(void **state)
{
    (void)state;
    open4();
    say(CLIENT, 8, 1, 1);
    say(CLIENT, 8, 1, 2);
    say(SERVER, 0, 1, 2);
    say(SERVER, 0, 1, 1);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0,
                        "\"icmp\":{\"request\":{\"code\":0,\"message\":\"EchoRequest\",\"type\":8},"
                        "\"response\":{\"code\":0,\"message\":\"EchoReply\",\"type\":0},"
                        "\"version\":4}");
    assert_document_has(&h, 0, "\"duration\":1000000");
    assert_document_has(&h, 1, "\"duration\":3000000");
    assert_document_has(&h, 0, "\"path\":\"10.0.0.2\"");
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    assert_document_has(&h, 0, "\"source\":{\"bytes\":4,\"ip\":\"10.0.0.1\"}");
    assert_document_has(&h, 0, "\"destination\":{\"bytes\":4,\"ip\":\"10.0.0.2\"}");
    assert_document_has(&h, 0, "\"type\":[\"connection\"]");
    assert_document_has(&h, 0, "\"transport\":\"icmp\"");
    assert_document_lacks(&h, 0, "\"protocol\"");
    assert_document_lacks(&h, 0, "\"port\"");
    assert_document_lacks(&h, 0, "\"error\"");
    finish(2);
}

// Two hosts that ping each other, by chance with the same numbers.
static void tells_who_asked(void **state)
{
    (void)state;
    open4();
    say(CLIENT, 8, 1, 1);
    say(SERVER, 8, 1, 1);
    say(CLIENT, 0, 1, 1);
    say(SERVER, 0, 1, 1);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "\"source\":{\"bytes\":4,\"ip\":\"10.0.0.2\"}");
    assert_document_has(&h, 0, "\"path\":\"10.0.0.1\"");
    assert_document_has(&h, 1, "\"source\":{\"bytes\":4,\"ip\":\"10.0.0.1\"}");
    assert_document_has(&h, 1, "\"path\":\"10.0.0.2\"");
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    assert_document_has(&h, 1, "\"status\":\"OK\"");
    finish(2);
}

// Both come from the same address, so from the same side.
static void pairs_what_one_says_to_himself(void **state)
{
    (void)state;
    open6(1);
    say(CLIENT, 128, 1, 1);
    say(CLIENT, 129, 1, 1);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"status\":\"OK\"");
    assert_document_has(&h, 0, "EchoReply");
    finish(1);
}

static void keeps_families_apart(void **state)
{
    (void)state;
    open4();
    say(CLIENT, 8, 1, 1);
    say(CLIENT, 13, 1, 1);
    say(SERVER, 14, 1, 1);
    say(SERVER, 0, 1, 1);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0, "TimestampReply");
    assert_document_has(&h, 0, "TimestampRequest");
    assert_document_has(&h, 1, "EchoReply");
    finish(2);
}

static void notes_what_is_missing(void **state)
{
    (void)state;
    open4();
    say(CLIENT, 8, 1, 1);
    say(CLIENT, 8, 1, 1);
    say(SERVER, 0, 1, 9);
    assert_int_equal(documents(), 2);
    assert_document_has(&h, 0,
                        "\"message\":\"Another request with the same Id and Seq was received so "
                        "this request was closed without receiving a response.\"");
    assert_document_has(&h, 0, "\"status\":\"Error\"");
    assert_document_has(&h, 1,
                        "\"message\":\"Response was received without an associated request.\"");
    assert_document_has(&h, 1, "\"status\":\"Error\"");
    assert_document_has(&h, 1, "\"destination\":{\"bytes\":4,\"ip\":\"10.0.0.2\"}");
    assert_document_has(&h, 1, "\"path\":\"10.0.0.2\"");
    assert_document_lacks(&h, 1, "\"request\"");
    say(CLIENT, 0, 7, 7); // as if SERVER had asked
    assert_int_equal(documents(), 3);
    assert_document_has(&h, 2, "\"destination\":{\"bytes\":4,\"ip\":\"10.0.0.1\"}");
    assert_document_has(&h, 2, "\"path\":\"10.0.0.1\"");
    harness_wait(&h, 20 * SECOND);
    assert_int_equal(documents(), 4);
    assert_document_has(&h, 3,
                        "\"message\":\"Request was received without an associated response.\"");
    assert_document_has(&h, 3, "\"status\":\"Error\"");
    assert_document_lacks(&h, 3, "\"response\"");
    finish(4);
}

struct lone {
    uint8_t type, code;
    const char *words, *status;
};

static void publishes_lone_messages_at_once(void **state)
{
    (void)state;
    static const struct lone seen4[] = {
        {3, 3, "DestinationUnreachable(Port)", "Error"},
        {3, 77, "DestinationUnreachable(Code: 77)", "Error"},
        {4, 0, "SourceQuench", "Error"},
        {5, 2, "Redirect(TOS+Net)", "OK"},
        {9, 0, "RouterAdvertisement", "OK"},
        {9, 16, "RouterAdvertisement(Code: 16)", "OK"},
        {11, 0, "TimeExceeded(TTLExceeded)", "Error"},
        {12, 1, "ParameterProblem(MissingOption)", "Error"},
        {42, 0, "42(0)", "OK"},
        {255, 9, "255(9)", "OK"},
    };
    static const struct lone seen6[] = {
        {1, 4, "DestinationUnreachable(PortUnreachable)", "Error"},
        {2, 0, "PacketTooBig", "Error"},
        {3, 0, "TimeExceeded(HopLimitExceeded)", "Error"},
        {4, 2, "ParameterProblem(UnrecognizedIPv6Option)", "Error"},
        {135, 0, "NeighborSolicitation", "OK"},
        {143, 0, "143(0)", "OK"},
        {0, 0, "0(0)", "OK"},
        {8, 0, "8(0)", "OK"},
    };
    char text[128];
    for (int version = 4; version <= 6; version += 2) {
        size_t count = version == 4 ? sizeof seen4 / sizeof *seen4 : sizeof seen6 / sizeof *seen6;
        for (size_t i = 0; i < count; i++) {
            version == 4 ? open4() : open6(2);
            const struct lone *s = version == 4 ? &seen4[i] : &seen6[i];
            harness_icmp(&h, SERVER, s->type, s->code, "\0\1\0\2rest", 8);
            assert_int_equal(documents(), 1);
            snprintf(text, sizeof text,
                     "\"icmp\":{\"request\":{\"code\":%d,\"message\":\"%s\",\"type\":%d},"
                     "\"version\":%d}",
                     s->code, s->words, s->type, version);
            assert_document_has(&h, 0, text);
            snprintf(text, sizeof text, "\"status\":\"%s\"", s->status);
            assert_document_has(&h, 0, text);
            assert_document_has(&h, 0,
                                version == 4 ? "\"source\":{\"bytes\":4,\"ip\":\"10.0.0.2\"}"
                                             : "\"source\":{\"bytes\":4,\"ip\":\"::2\"}");
            assert_document_lacks(&h, 0, "\"error\"");
            finish(1);
        }
    }
}

static void pairs_echoes_of_ipv6(void **state)
{
    (void)state;
    open6(2);
    say(CLIENT, 128, 1, 1);
    say(SERVER, 129, 1, 1);
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"transport\":\"ipv6-icmp\"");
    assert_document_has(&h, 0, "\"message\":\"EchoRequest\",\"type\":128");
    assert_document_has(&h, 0, "\"message\":\"EchoReply\",\"type\":129");
    assert_document_has(&h, 0, "\"path\":\"::2\"");
    assert_document_has(&h, 0, "\"version\":6");
    finish(1);
}

static void leaves_cut_headers_alone(void **state)
{
    (void)state;
    open6(2);
    for (size_t len = 0; len < 4; len++)
        harness_icmp(&h, CLIENT, 128, 0, "\0\1\0", len);
    assert_int_equal(h.counters.conn_trailing_bytes, 1 + 2 + 3);
    finish(0);
    open4();
    harness_icmp(&h, CLIENT, 8, 0, "\0\1\0\1", 4); // a header and nothing else
    harness_feed_arrival(&h, SERVER, "\0\1\0\1ab", 6,
                         (struct arrival){.time = h.time, .cut = 50, .icmp_type = 0});
    assert_int_equal(documents(), 1);
    assert_document_has(&h, 0, "\"source\":{\"ip\":\"10.0.0.1\"}");
    assert_document_has(&h, 0, "\"destination\":{\"bytes\":52,");
    finish(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_echoes),
        cmocka_unit_test(tells_who_asked),
        cmocka_unit_test(pairs_what_one_says_to_himself),
        cmocka_unit_test(keeps_families_apart),
        cmocka_unit_test(notes_what_is_missing),
        cmocka_unit_test(publishes_lone_messages_at_once),
        cmocka_unit_test(pairs_echoes_of_ipv6),
        cmocka_unit_test(leaves_cut_headers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
