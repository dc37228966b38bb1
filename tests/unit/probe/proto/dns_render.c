// SPDX-License-Identifier: Apache-2.0
// Records and EDNS options as texts: each type once, in both manners, and data that does not fit
// its type.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/dns_render.h"
#include "pipeline/suffix.h"
#include "probe/proto/dns_data.h"
#include "probe/proto/dns_edns.h"
#include "probe/proto/dns_names.h"
#include "tests/unit/probe/proto/dns_build.h"

static struct build b;
static char shown[65536];

#define BYTES(literal) literal, sizeof(literal) - 1

// The records of a message whose one answer is of that type; "example.com" is at byte 12.
static const char *show(unsigned type, const void *data, size_t len, bool raw)
{
    struct dns_message m;
    struct pen pen = pen_of(shown, sizeof shown - 1);
    struct dns_known known;
    dns_known_begin(&known, span_of(NULL, 0), SIZE_MAX);
    build_header(&b, 1, 0x8180, 1, 1, 0, 0);
    build_question(&b, "example.com", type);
    build_data(&b, type, data, len);
    uint8_t *exact = malloc(b.len);
    memcpy(exact, b.bytes, b.len);
    assert_true(dns_message_read(&m, span_of(exact, b.len), false));
    assert_int_equal(dns_render_records(&pen, &m, DNS_ANSWERS, raw, &known), 1);
    *pen.at = 0;
    free(exact);
    return shown;
}

// What stands behind the time to live.
static const char *tail(unsigned type, const void *data, size_t len, bool raw)
{
    const char *list = show(type, data, len, raw), *at = strstr(list, "\"300\"");
    assert_non_null(at);
    return at + 5;
}

static void shows_a_record(void **state)
{
    (void)state;
    assert_string_equal(
        show(1, BYTES("\300\0\2\1"), false),
        "[{\"name\":\"example.com\",\"type\":\"A\",\"class\":\"IN\",\"ttl\":\"300\","
        "\"data\":\"192.0.2.1\"}]");
    assert_string_equal(show(1, BYTES(""), false),
                        "[{\"name\":\"example.com\",\"type\":\"A\",\"class\":\"IN\","
                        "\"ttl\":\"300\"}]");
}

struct form {
    unsigned type;
    const char *data;
    size_t len;
    const char *tail;
};

static void check(const struct form *forms, size_t count, bool raw)
{
    for (size_t i = 0; i < count; i++)
        assert_string_equal(tail(forms[i].type, forms[i].data, forms[i].len, raw), forms[i].tail);
}

static void shows_types_with_facts(void **state)
{
    (void)state;
    static const struct form forms[] = {
        {28, BYTES("\x20\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"), ",\"data\":\"2001:db8::1\"}]"},
        {2, BYTES("\2ns\300\14"), ",\"data\":\"ns.example.com\"}]"},
        {5, BYTES("\0"), ",\"data\":\".\"}]"},
        {12, BYTES("\300\14"), ",\"data\":\"example.com\"}]"},
        {15, BYTES("\0\12\2mx\300\14"), ",\"preference\":10,\"data\":\"mx.example.com\"}]"},
        {6, BYTES("\2ns\300\14\4root\300\14\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"),
         ",\"expire\":4,\"minimum\":5,\"refresh\":2,\"retry\":3,\"rname\":\"root.example.com\","
         "\"serial\":1,\"data\":\"ns.example.com\"}]"},
        {33, BYTES("\0\1\0\2\0\120\300\14"),
         ",\"port\":80,\"priority\":1,\"weight\":2,\"data\":\"example.com\"}]"},
        {16, BYTES("\3a\"b\0\4\\\tc\377"), ",\"data\":\"a\\\\\\\"b  \\\\\\\\\\\\009c\\\\255\"}]"},
        {48, BYTES("\1\1\3\10\1\2\3\4"),
         ",\"algorithm\":\"RSASHA256\",\"flags\":\"257\",\"protocol\":\"3\",\"data\":"
         "\"AQIDBA==\"}]"},
        {43, BYTES("\262\22\5\2\253\315"),
         ",\"algorithm\":\"RSASHA1\",\"digest_type\":\"SHA256\",\"key_tag\":\"45586\",\"data\":"
         "\"ABCD\"}]"},
        {43, BYTES("\0\1\77\77\0"),
         ",\"algorithm\":\"63\",\"digest_type\":\"63\",\"key_tag\":\"1\",\"data\":\"00\"}]"},
        {46, BYTES("\0\53\7\2\0\1\121\200\121\23\311\304\120\370\20\364\243\76\3org\0\1\2\3"),
         ",\"algorithm\":\"RSASHA1-NSEC3-SHA1\",\"expiration\":\"20130207153532\",\"inception\":"
         "\"20130117145548\",\"key_tag\":\"41790\",\"labels\":\"2\",\"original_ttl\":\"86400\","
         "\"signer_name\":\"org\",\"type_covered\":\"DS\",\"data\":\"AQID\"}]"},
        {47, BYTES("\1a\300\14\0\6\100\1\0\0\0\3\1\1\100"),
         ",\"type_bits\":\"A MX RRSIG NSEC CAA\",\"data\":\"a.example.com.\"}]"},
        {50, BYTES("\1\1\0\12\2\253\315\5\0\1\2\3\4\0\1\100"),
         ",\"flags\":\"1\",\"hash\":\"SHA1\",\"iterations\":\"10\",\"salt\":\"ABCD\","
         "\"type_bits\":\"A\",\"data\":\"000G40O4\"}]"},
        {51, BYTES("\1\0\0\0\0"),
         ",\"flags\":\"0\",\"hash\":\"SHA1\",\"iterations\":\"0\",\"data\":\"-\"}]"},
    };
    check(forms, sizeof forms / sizeof *forms, false);
    check(forms, sizeof forms / sizeof *forms, true);
}

static void shows_presentation_forms(void **state)
{
    (void)state;
    static const struct form forms[] = {
        {13, BYTES("\3x\"y\1z"), ",\"data\":\"\\\"x\\\\\\\"y\\\" \\\"z\\\"\"}]"},
        {17, BYTES("\1a\300\14\0"), ",\"data\":\"a.example.com. .\"}]"},
        {18, BYTES("\0\1\300\14"), ",\"data\":\"1 example.com.\"}]"},
        {29, BYTES("\0\22\44\23\211\27\55\320\160\276\25\360\0\230\215\40"),
         ",\"data\":\"42 21 54.000 N 71 6 18.000 W -24m 1m 200m 10m\"}]"},
        {35, BYTES("\0\144\0\12\1u\7E2U+sip\3!a!\0"),
         ",\"data\":\"100 10 \\\"u\\\" \\\"E2U+sip\\\" \\\"!a!\\\" .\"}]"},
        {37, BYTES("\0\1\0\2\10\1\2\3"), ",\"data\":\"1 2 8 AQID\"}]"},
        {39, BYTES("\1a\300\14"), ",\"data\":\"a.example.com\"}]"},
        {42, BYTES("\0\1\25\3\300\250\40\0\2\40\204\40\1\15\270"),
         ",\"data\":\"1:192.168.32.0/21 !2:2001:db8::/32\"}]"},
        {44, BYTES("\4\2\253\315"), ",\"data\":\"4 2 ABCD\"}]"},
        {49, BYTES("\1\2\3"), ",\"data\":\"AQID\"}]"},
        {52, BYTES("\3\1\1\253\315"), ",\"data\":\"3 1 1 ABCD\"}]"},
        {59, BYTES("\0\0\0\0\0"), ",\"data\":\"0 0 0 00\"}]"},
        {60, BYTES("\1\1\3\15\1\2\3"), ",\"data\":\"257 3 13 AQID\"}]"},
        {61, BYTES("\1\2\3"), ",\"data\":\"AQID\"}]"},
        {62, BYTES("\0\0\0\7\0\3\0\1\100"), ",\"data\":\"7 3 A\"}]"},
        {63, BYTES("\0\0\0\7\1\1\253"), ",\"data\":\"7 1 1 AB\"}]"},
        {64, BYTES("\0\0\1a\300\14"), ",\"data\":\"0 a.example.com.\"}]"},
        {65,
         BYTES("\0\1\0\0\0\0\4\0\1\0\3\0\1\0\6\2h2\2h3\0\2\0\0\0\3\0\2\40\373\0\4\0\10\300\0\2\1"
               "\300\0\2\2\0\5\0\2\1\2\0\6\0\20\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\2\233\0\1x"),
         ",\"data\":\"1 . mandatory=\\\"alpn,port\\\" alpn=\\\"h2,h3\\\" no-default-alpn "
         "port=\\\"8443\\\" ipv4hint=\\\"192.0.2.1,192.0.2.2\\\" ech=\\\"AQI=\\\" "
         "ipv6hint=\\\"2001:db8::1\\\" key667=\\\"x\\\"\"}]"},
        {99, BYTES("\3a b\1c"), ",\"data\":\"\\\"a b\\\" \\\"c\\\"\"}]"},
        {104, BYTES("\0\12\0\24\117\377\377\40\356\144"), ",\"data\":\"10 0014:4fff:ff20:ee64\"}]"},
        {105, BYTES("\0\12\300\0\2\1"), ",\"data\":\"10 192.0.2.1\"}]"},
        {108, BYTES("\0\0\136\0\123\52"), ",\"data\":\"00-00-5e-00-53-2a\"}]"},
        {256, BYTES("\0\1\0\2ftp://a"), ",\"data\":\"1 2 \\\"ftp://a\\\"\"}]"},
        {257, BYTES("\0\5issueca;x"), ",\"data\":\"0 issue \\\"ca;x\\\"\"}]"},
    };
    check(forms, sizeof forms / sizeof *forms, false);
}

static void shows_the_unknown(void **state)
{
    (void)state;
    assert_string_equal(tail(65280, BYTES("\1\253"), false), ",\"data\":\"\\\\# 2 01AB\"}]");
    assert_string_equal(tail(65280, BYTES("\1\t\n\r\"\\ ~\377"), true),
                        ",\"data\":\"\\\\001\\\\t\\\\n\\\\r\\\\\\\"\\\\\\\\ ~\\\\255\"}]");
    // names are no longer compressed there
    assert_string_equal(tail(39, BYTES("\1a\300\14"), true),
                        ",\"data\":\"\\\\001a\\\\007example\\\\003com\\\\000\"}]");
    assert_string_equal(tail(35, BYTES("\0\1\0\2\1u\0\0\300\14"), true),
                        ",\"data\":\"\\\\000\\\\001\\\\000\\\\002\\\\001u\\\\000\\\\000"
                        "\\\\007example\\\\003com\\\\000\"}]");
}

static void shows_what_does_not_fit(void **state)
{
    (void)state;
    assert_string_equal(tail(1, BYTES("\1\2\3"), false), ",\"data\":\"\\\\# 3 010203\"}]");
    assert_string_equal(tail(1, BYTES("\1\2\3"), true), ",\"data\":\"\\\\001\\\\002\\\\003\"}]");
    assert_string_equal(tail(15, BYTES("\0\1\77ab"), false), ",\"data\":\"\\\\# 5 00013F6162\"}]");
    assert_string_equal(tail(16, BYTES("\5ab"), false), ",\"data\":\"\\\\# 3 056162\"}]");
    assert_string_equal(tail(65, BYTES("\0\1\0\0\1\0\3\2h"), false),
                        ",\"data\":\"\\\\# 9 000100000100030268\"}]");
    assert_string_equal(tail(29, BYTES("\1"), false), ",\"data\":\"\\\\# 1 01\"}]");
}

// Long texts end in a mark, whole lists at a record.
static void limits_texts(void **state)
{
    (void)state;
    static uint8_t data[60000];
    memset(data, 1, sizeof data);
    const char *text = tail(65280, data, sizeof data, false);
    assert_true(strlen(text) < DNS_DATA_TEXT + 64);
    assert_non_null(strstr(text, "01…\"}]"));

    struct dns_message m;
    build_header(&b, 1, 0x8180, 1, 2000, 0, 0);
    build_question(&b, "example.com", 1);
    for (int i = 0; i < 2000; i++)
        build_data(&b, 1, "\1\2\3\4", 4);
    assert_true(dns_message_read(&m, span_of(b.bytes, b.len), false));
    struct pen pen = pen_of(shown, sizeof shown - 1);
    struct dns_known known;
    dns_known_begin(&known, span_of(NULL, 0), SIZE_MAX);
    assert_int_equal(dns_render_records(&pen, &m, DNS_ANSWERS, false, &known), DNS_RENDERED);
    for (size_t room = 2; room < 400; room++) {
        pen = pen_of(shown, room);
        dns_known_begin(&known, span_of(NULL, 0), SIZE_MAX);
        unsigned count = dns_render_records(&pen, &m, DNS_ANSWERS, false, &known);
        assert_int_equal(pen.at[-1], ']');
        assert_int_equal(pen.at[-2], count ? '}' : '[');
        assert_false(pen.full);
        assert_true(pen_written(&pen).len <= room);
    }
}

// A name that is copied is the one that would have been expanded: owners that point to the
// question, to data, into names, forwards, and nowhere.
static void copies_names(void **state)
{
    (void)state;
    static char expanded[sizeof shown];
    static const unsigned types[] = {2, 15, 33, 1, 5, 6, 12};
    uint32_t seed = 3;
    for (int round = 0; round < 2000; round++) {
        build_header(&b, 1, 0x8180, 1, 9, 0, 0);
        build_question(&b, "www.example.com", 1);
        for (int i = 0; i < 9; i++) {
            seed = seed * 1103515245 + 12345;
            unsigned type = types[(seed >> 16) % 7];
            unsigned target = 12 + (seed >> 8) % (unsigned)(b.len + 8);
            size_t owner = b.len;
            struct build data = {.len = 0};
            for (unsigned skip = type == 15 ? 2 : type == 33 ? 6 : 0; skip; skip--)
                build_8(&data, skip);
            if (round % 3) // else nothing but a pointer
                build_bytes(&data, "\2ns", 3);
            build_16(&data, 0xc000 | (seed >> 24 & 1 ? 12 : target));
            build_data(&b, type, data.bytes, type == 1 ? 4 : data.len);
            if (seed >> 25 & 1)
                memcpy(b.bytes + owner, (uint8_t[]){(uint8_t)(0xc0 | target >> 8), (uint8_t)target},
                       2);
        }
        struct dns_message m;
        assert_true(dns_message_read(&m, span_of(b.bytes, b.len), false));
        struct dns_known known;
        struct pen pen = pen_of(expanded, sizeof expanded);
        dns_known_begin(&known, span_of(NULL, 0), SIZE_MAX);
        known.used = sizeof known.text; // keeps none
        assert_int_equal(dns_render_records(&pen, &m, DNS_ANSWERS, false, &known), 9);
        struct span plain = pen_written(&pen);
        pen = pen_of(shown, sizeof shown);
        dns_known_begin(&known, span_text(round % 2 ? "www.example.com" : ""), SIZE_MAX);
        assert_int_equal(dns_render_records(&pen, &m, DNS_ANSWERS, false, &known), 9);
        assert_true(known.count > 1);
        assert_true(span_is(pen_written(&pen), plain));
    }
}

// A list of records in whole, or what its message is allowed; how many.
static unsigned list(const struct dns_message *m, size_t allowed, bool *cut)
{
    struct dns_known known;
    struct pen pen = pen_of(shown, sizeof shown - 1);
    dns_known_begin(&known, span_of(NULL, 0), allowed);
    unsigned count = dns_render_records(&pen, m, DNS_ANSWERS, false, &known);
    *pen.at = 0;
    *cut = known.cut;
    return count;
}

static struct dns_message built(void)
{
    struct dns_message m;
    assert_true(dns_message_read(&m, span_of(b.bytes, b.len), false));
    return m;
}

// Each record points at the question's name, twice.
static void build_pointers(const char *name, unsigned records, unsigned type)
{
    build_header(&b, 1, 0x8180, 1, records, 0, 0);
    build_question(&b, name, type);
    for (unsigned i = 0; i < records; i++)
        build_data(&b, type, type == 1 ? "\300\0\2\1" : "\300\14", type == 1 ? 4 : 2);
}

enum { GROWTH = 3 }; // as the setting's default

static void text_is_allowed_by_length(void **state)
{
    (void)state;
    bool cut;
    char name[254];
    for (size_t i = 0; i < sizeof name - 1; i++)
        name[i] = i % 64 == 63 ? '.' : '\001'; // written as four, and five in JSON
    name[sizeof name - 1] = 0;
    build_pointers(name, 60, 5);
    struct dns_message m = built();
    size_t allowed = dns_text_allowed(&m, GROWTH);
    assert_int_equal(allowed, DNS_TEXT_FREE + GROWTH * b.len);
    unsigned count = list(&m, allowed, &cut);
    assert_true(cut);
    assert_in_range(count, 1, 3);
    assert_in_range(strlen(shown), 1000, allowed + count * DNS_RECORD_FREE + 64);
    assert_string_equal(shown + strlen(shown) - 2, "}]");
    assert_int_equal(list(&m, 100, &cut), 0); // not even one
    assert_true(cut);
    assert_string_equal(shown, "[]");
}

static void assert_all(unsigned records)
{
    bool cut;
    struct dns_message m = built();
    assert_int_equal(list(&m, dns_text_allowed(&m, GROWTH), &cut), records);
    assert_false(cut);
}

// What is asked and answered in earnest.
static void ordinary_messages_are_whole(void **state)
{
    (void)state;
    build_pointers("d111111abcdef8.cloudfront.net", 16, 1);
    assert_all(16);
    build_pointers("r3---sn-4g5e6nze.c.a-rather-long-name-of-an-edge.gvt1.content.example.com", 30,
                   1);
    assert_all(30);
    build_pointers("cache-of-files.region-eu-central-1.zone-b.cluster-0042.internal.delivery."
                   "content-network-of-some-company.example.com",
                   24, 1);
    assert_all(24);
    build_pointers("db.service.consul.example.org", 500, 1); // a large set over TCP
    assert_all(500);
    build_pointers("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", 12,
                   12);
    assert_all(12);
}

// What the answers took is gone for the other sections.
static void sections_share(void **state)
{
    (void)state;
    build_header(&b, 1, 0x8180, 1, 1, 1, 0);
    build_question(&b, "example.com", 1);
    for (int i = 0; i < 2; i++)
        build_data(&b, 1, "\300\0\2\1", 4);
    struct dns_message m = built();
    struct dns_known known;
    struct pen pen = pen_of(shown, sizeof shown - 1);
    dns_known_begin(&known, span_of(NULL, 0), 16);
    assert_int_equal(dns_render_records(&pen, &m, DNS_ANSWERS, false, &known), 1);
    assert_false(known.cut);
    assert_int_equal(dns_render_records(&pen, &m, DNS_AUTHORITIES, false, &known), 0);
    assert_true(known.cut);
}

// Whatever the data: as any type, cut anywhere, it is shown, and nothing is read beyond its end.
static void survives_garbage(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (unsigned type = 1; type < 260; type++)
        for (int round = 0; round < 40; round++) {
            uint8_t data[64];
            for (size_t i = 0; i < sizeof data; i++) {
                seed = seed * 1664525 + 1013904223;
                data[i] = (uint8_t)(seed >> 24 & (round % 3 ? 0x0f : 0xff));
            }
            show(type, data, seed >> 8 & 63, round & 1);
        }
}

static void shows_a_line(void **state)
{
    (void)state;
    struct dns_message m;
    build_header(&b, 9, 0xacb0, 2, 3, 1, 1);
    build_question(&b, "example.com", 15);
    build_question(&b, "", 65281);
    build_data(&b, 15, "\0\12\2mx\300\14", 7);
    build_data(&b, 43, "\262\22\5\2\253\315", 6);
    build_data(&b, 1, "", 0);
    build_data(&b, 2, "\2ns\300\14", 5);
    build_opt(&b, 0);
    assert_true(dns_message_read(&m, span_of(b.bytes, b.len), false));
    struct pen pen = pen_of(shown, sizeof shown - 1);
    dns_render_message(&pen, &m, false);
    *pen.at = 0;
    assert_string_equal(
        shown, "ID 9; QR response; OPCODE UPDATE; FLAGS aa ra ad cd; RCODE NOERROR; QUESTION "
               "class IN, type MX, example.com; class IN, type 65281, .; ANSWER mx.example.com; "
               "algorithm RSASHA1, digest_type SHA256, key_tag 45586, ABCD; ; AUTHORITY "
               "ns.example.com; ADDITIONAL ");
    pen = pen_of(shown, 40);
    dns_render_message(&pen, &m, false);
    assert_true(pen_written(&pen).len <= 40);
}

static const char *option(unsigned code, const void *value, size_t len)
{
    struct dns_option o = {(uint16_t)code, span_of(value, len)};
    struct pen pen = pen_of(shown, sizeof shown - 1);
    dns_edns_text(&pen, &o);
    *pen.at = 0;
    return shown;
}

static void shows_options(void **state)
{
    (void)state;
    assert_string_equal(option(3, BYTES("ns1")), "6e7331");
    assert_string_equal(option(10, BYTES("\1\2\3\4\5\6\7\377")), "01020304050607ff");
    assert_string_equal(option(8, BYTES("\0\1\30\0\300\0\2")), "192.0.2.0/24/0");
    assert_string_equal(option(8, BYTES("\0\2\70\20\40\1\15\270")), "[2001:db8::]/56/16");
    assert_string_equal(option(8, BYTES("\0\0\0\0")), "0.0.0.0/0/0");
    assert_string_equal(option(8, BYTES("\0\1\30\0\300\0\2\1\1")), "");
    assert_string_equal(option(8, BYTES("\0\1")), "");
    assert_string_equal(option(5, BYTES("\10\15\177")), " RSASHA256 ECDSAP256SHA256 127");
    assert_string_equal(option(6, BYTES("\1\2")), " SHA1 SHA256");
    assert_string_equal(option(7, BYTES("\1")), " SHA1");
    assert_string_equal(option(1, BYTES("\0\1\0\2\0\3\0\0\0\0\0\0\0\4\0\0\0\5")), "1 2 3 4 5");
    assert_string_equal(option(2, BYTES("\0\0\0\5")), "5 0");
    assert_string_equal(option(9, BYTES("\0\0\1\0")), "256");
    assert_string_equal(option(9, BYTES("")), "");
    assert_string_equal(option(15, BYTES("\0\22ads")), "18: Prohibited: (ads)");
    assert_string_equal(option(15, BYTES("\1\0")), "256");
    assert_string_equal(option(65001, BYTES("\1\253")), "65001:0x01ab");
}

static void walks_options(void **state)
{
    (void)state;
    struct dns_option o;
    struct reader r = reader_of(span_of("\0\3\0\2ns\0\12\0\1x\0\1\0\7cut", 19));
    assert_true(dns_edns_next(&r, &o) && o.code == 3 && o.value.len == 2);
    assert_true(dns_edns_next(&r, &o) && o.code == 10 && o.value.len == 1);
    assert_false(dns_edns_next(&r, &o));
}

static void assert_registered(const char *name, const char *expected)
{
    struct span registered = suffix_registered(span_text(name));
    assert_int_equal(registered.len, strlen(expected));
    if (registered.len)
        assert_memory_equal(registered.at, expected, registered.len);
}

static void finds_registered_domains(void **state)
{
    (void)state;
    for (int twice = 0; twice < 2; twice++) { // looked up, then remembered
        assert_registered("www.example.com", "example.com");
        assert_registered("example.com", "example.com");
        assert_registered("a.b.example.co.uk", "example.co.uk");
        assert_registered("A.Example.CO.UK", "Example.CO.UK");
        assert_registered("printer.corp.internal-net", "corp.internal-net"); // no such suffix
        assert_registered("com", "");
        assert_registered("co.uk", "");
        assert_registered("localhost", "");
        assert_registered(".", "");
        assert_registered("", "");
        assert_registered("a..com", "");
    }
    char name[32];
    for (int i = 0; i < 5000; i++) { // more than the cache holds
        snprintf(name, sizeof name, "h%d.d%d.org", i, i % 7);
        assert_registered(name, strchr(name, '.') + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_a_record),
        cmocka_unit_test(shows_types_with_facts),
        cmocka_unit_test(shows_presentation_forms),
        cmocka_unit_test(shows_the_unknown),
        cmocka_unit_test(shows_what_does_not_fit),
        cmocka_unit_test(limits_texts),
        cmocka_unit_test(copies_names),
        cmocka_unit_test(text_is_allowed_by_length),
        cmocka_unit_test(ordinary_messages_are_whole),
        cmocka_unit_test(sections_share),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(shows_a_line),
        cmocka_unit_test(shows_options),
        cmocka_unit_test(walks_options),
        cmocka_unit_test(finds_registered_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
