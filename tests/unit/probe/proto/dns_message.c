// SPDX-License-Identifier: Apache-2.0
// The wire format of DNS: sections, names, and what hostile messages get.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/dns_message.h"
#include "tests/unit/probe/proto/dns_build.h"

static struct build b;

static struct span built(void)
{
    return span_of(b.bytes, b.len);
}

static void assert_name(uint32_t offset, const char *expected, uint32_t after)
{
    uint8_t text[DNS_NAME_TEXT];
    size_t len = dns_name_text(built(), &offset, text);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
    assert_int_equal(offset, after);
}

static void assert_no_name(uint32_t offset)
{
    uint8_t text[DNS_NAME_TEXT], wire[DNS_NAME_WIRE];
    uint32_t before = offset;
    assert_int_equal(dns_name_text(built(), &offset, text), 0);
    assert_int_equal(offset, before);
    assert_int_equal(dns_name_wire(built(), &offset, wire), 0);
}

static void finds_sections(void **state)
{
    (void)state;
    struct dns_message m;
    build_header(&b, 0x1234, 0x8583, 1, 2, 1, 2);
    build_question(&b, "www.example.com", 1);
    size_t answers = b.len;
    build_data(&b, 1, "\1\2\3\4", 4);
    build_data(&b, 1, "\1\2\3\5", 4);
    size_t authorities = b.len;
    build_data(&b, 2, "\300\14", 2);
    size_t additionals = b.len;
    build_data(&b, 28, "0123456789abcdef", 16);
    build_opt(&b, 0x01008000);
    assert_true(dns_message_read(&m, built(), false));
    assert_int_equal(m.id, 0x1234);
    assert_int_equal(m.questions, 1);
    assert_int_equal(m.count[DNS_ANSWERS], 2);
    assert_int_equal(m.count[DNS_AUTHORITIES], 1);
    assert_int_equal(m.count[DNS_ADDITIONALS], 2);
    assert_int_equal(m.at[DNS_ANSWERS], answers);
    assert_int_equal(m.at[DNS_AUTHORITIES], authorities);
    assert_int_equal(m.at[DNS_ADDITIONALS], additionals);
    assert_int_equal(m.end, b.len);
    assert_true(m.has_opt);
    assert_int_equal(m.opt.class, 1232);
    assert_int_equal(dns_message_opcode(&m), 0);
    assert_int_equal(dns_message_rcode(&m), 1 << 4 | 3);
    assert_false(m.cut);
}

static void takes_what_is_there(void **state)
{
    (void)state;
    struct dns_message m;
    build_header(&b, 1, 0x8200, 1, 3, 0, 9);
    build_question(&b, "a.b", 1);
    build_data(&b, 1, "\1\2\3\4", 4);
    assert_true(dns_message_read(&m, built(), false)); // ends between records
    assert_int_equal(m.count[DNS_ANSWERS], 1);
    assert_int_equal(m.count[DNS_ADDITIONALS], 0);
    uint32_t whole = (uint32_t)b.len;
    build_data(&b, 1, "\1\2\3\5", 4);
    b.len -= 1;
    assert_false(dns_message_read(&m, built(), false)); // ends inside one
    assert_true(dns_message_read(&m, built(), true));
    assert_true(m.cut);
    assert_int_equal(m.count[DNS_ANSWERS], 1);
    assert_int_equal(m.end, whole);
    build_header(&b, 1, 0x0100, 1, 0, 0, 0);
    build_question(&b, "a.b", 1);
    build_bytes(&b, "MS", 2); // some add a signature of their own
    assert_true(dns_message_read(&m, built(), false));
    assert_int_equal(m.end, b.len - 2);
    assert_true(dns_message_read(&m, built(), true));
    assert_false(m.cut); // what is missing belongs to nothing
}

static void refuses_what_says_nothing(void **state)
{
    (void)state;
    struct dns_message m;
    build_header(&b, 1, 0x0100, 0, 0, 0, 0);
    assert_false(dns_message_read(&m, built(), false));
    build_header(&b, 1, 0x0100, 1, 0, 0, 0);
    assert_false(dns_message_read(&m, built(), false));
    assert_false(dns_message_read(&m, built(), true));
    assert_false(dns_message_read(&m, span_of(NULL, 0), false));
    assert_false(dns_message_read(&m, span_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), false));
}

static void reads_names(void **state)
{
    (void)state;
    build_header(&b, 0, 0, 0, 0, 0, 0);
    build_name(&b, "www.Example.com");   // 12
    build_name(&b, "");                  // 29
    build_bytes(&b, "\4mail\300\20", 7); // 30: mail, then a pointer to Example
    build_bytes(&b, "\300\36", 2);       // 37: a pointer to that
    assert_name(12, "www.Example.com", 29);
    assert_name(29, ".", 30);
    assert_name(30, "mail.Example.com", 37);
    assert_name(37, "mail.Example.com", 39);
    uint8_t wire[DNS_NAME_WIRE];
    uint32_t offset = 37;
    assert_int_equal(dns_name_wire(built(), &offset, wire), 18);
    assert_memory_equal(wire, "\4mail\7Example\3com", 18);
    assert_int_equal(offset, 39);
}

static void escapes_odd_bytes(void **state)
{
    (void)state;
    b.len = 0;
    build_bytes(&b, "\5a.b c\3\1\177\377\6@;()\"\\\1'\5_-*/+\0", 26);
    assert_name(0, "a\\.b\\ c.\\001\\127\\255.\\@\\;\\(\\)\\\"\\\\.\\'._-*/+", 26);
}

static void refuses_bad_names(void **state)
{
    (void)state;
    b.len = 0;
    build_bytes(&b, "\300\0", 2); // to itself
    assert_no_name(0);
    b.len = 0;
    build_bytes(&b, "\300\2\1a\0", 5); // forward
    assert_no_name(0);
    b.len = 0;
    build_bytes(&b, "\1a\300\0", 4); // round and round
    assert_no_name(0);
    assert_no_name(2);
    b.len = 0;
    build_bytes(&b, "\100a\0", 3); // a label type of its own
    assert_no_name(0);
    b.len = 0;
    build_bytes(&b, "\5abc", 4); // cut
    assert_no_name(0);
    build_bytes(&b, "de", 2); // no end
    assert_no_name(0);
    assert_no_name(6);
    assert_no_name(4000000000u);
    b.len = 0;
    build_bytes(&b, "\1a\300", 3); // half a pointer
    assert_no_name(0);
}

static void limits_names(void **state)
{
    (void)state;
    uint8_t label[64];
    memset(label, 0xff, sizeof label);
    label[0] = 63;
    b.len = 0;
    for (int i = 0; i < 3; i++)
        build_bytes(&b, label, 64);
    label[0] = 61;
    build_bytes(&b, label, 62);
    build_8(&b, 0);
    uint8_t text[DNS_NAME_TEXT];
    uint32_t offset = 0;
    assert_int_equal(b.len, 255);
    assert_int_equal(dns_name_text(built(), &offset, text), 250 * 4 + 3);
    b.bytes[192] = 62; // one byte more than a name may have
    build_8(&b, 0);
    assert_no_name(0);
}

// Each pointer leads to the one before: however many there are, little work is done.
static void limits_jumps(void **state)
{
    (void)state;
    b.len = 0;
    build_bytes(&b, "\1a\0", 3);
    for (unsigned i = 0, last = 0; i < 1000; i++) {
        unsigned here = (unsigned)b.len;
        build_16(&b, 0xc000 | last);
        last = here;
    }
    assert_name(3 + 2 * (DNS_NAME_JUMPS - 1), "a", 3 + 2 * DNS_NAME_JUMPS);
    assert_no_name(3 + 2 * DNS_NAME_JUMPS);
}

// Every message cut at every byte, from a place of exactly its size.
static void survives_cuts(void **state)
{
    (void)state;
    build_header(&b, 7, 0x8180, 1, 2, 1, 1);
    build_question(&b, "www.example.com", 1);
    build_data(&b, 5, "\1x\300\20", 4);
    build_data(&b, 15, "\0\12\300\14", 4);
    build_data(&b, 2, "\300\20", 2);
    build_opt(&b, 0);
    for (size_t len = 0; len <= b.len; len++) {
        uint8_t *exact = malloc(len + !len);
        memcpy(exact, b.bytes, len);
        struct dns_message m;
        for (int cut = 0; cut < 2; cut++) {
            if (!dns_message_read(&m, span_of(exact, len), cut))
                continue;
            assert_true(m.end <= len);
            assert_true(len > DNS_HEADER);
        }
        free(exact);
    }
}

// Any bytes, read as message, records and names.
static void survives_garbage(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[96], text[DNS_NAME_TEXT];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(seed >> 24 & (round & 1 ? 0xff : 0xc7));
        }
        struct span s = span_of(bytes, 1 + seed % sizeof bytes);
        struct dns_message m;
        struct dns_record r;
        bool read = dns_message_read(&m, s, round & 2);
        assert_true(!read || m.end <= s.len);
        for (uint32_t at = 0; at < s.len; at++) {
            uint32_t offset = at, next = at;
            assert_true(dns_name_text(s, &offset, text) <= DNS_NAME_TEXT && offset <= s.len);
            if (dns_record_read(s, &next, &r))
                assert_true(next <= s.len && r.data + r.data_len == next);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_sections),
        cmocka_unit_test(takes_what_is_there),
        cmocka_unit_test(refuses_what_says_nothing),
        cmocka_unit_test(reads_names),
        cmocka_unit_test(escapes_odd_bytes),
        cmocka_unit_test(refuses_bad_names),
        cmocka_unit_test(limits_names),
        cmocka_unit_test(limits_jumps),
        cmocka_unit_test(survives_cuts),
        cmocka_unit_test(survives_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
