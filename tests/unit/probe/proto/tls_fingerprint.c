// SPDX-License-Identifier: Apache-2.0
// Fingerprints: the examples that their inventors published, and the rules at the edges.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/tls_fingerprint.h"
#include "probe/proto/digest.h"
#include "tests/unit/probe/proto/tls_build.h"

static struct bytes message, extensions;

static struct tls_hello client(unsigned version, const int *suites)
{
    struct tls_hello h;
    message.len = 0;
    add_client_hello(&message, version, "", suites, extensions.len ? &extensions : NULL);
    assert_true(tls_hello_read(bytes_span(&message), CLIENT, &h));
    extensions.len = 0;
    return h;
}

static struct tls_hello server(unsigned suite)
{
    struct tls_hello h;
    message.len = 0;
    add_server_hello(&message, 0x0303, "", suite, extensions.len ? &extensions : NULL);
    assert_true(tls_hello_read(bytes_span(&message), SERVER, &h));
    extensions.len = 0;
    return h;
}

static void assert_ja4(const struct tls_hello *h, const char *wanted)
{
    uint8_t text[TLS_JA4_TEXT];
    size_t len = tls_ja4(h, text);
    if (!span_is(span_of(text, len), span_text(wanted)))
        fail_msg("found \"%.*s\", wanted \"%s\"", (int)len, (const char *)text, wanted);
}

static void assert_ja4s(const struct tls_hello *h, const char *wanted)
{
    uint8_t text[TLS_JA4S_TEXT];
    size_t len = tls_ja4s(h, text);
    if (!span_is(span_of(text, len), span_text(wanted)))
        fail_msg("found \"%.*s\", wanted \"%s\"", (int)len, (const char *)text, wanted);
}

// The digest of the text that the fingerprint stands for.
static void assert_ja3(size_t (*make)(const struct tls_hello *h, uint8_t *to),
                       const struct tls_hello *h, const char *text)
{
    uint8_t found[TLS_JA3_TEXT], wanted[DIGEST_TEXT];
    assert_int_equal(make(h, found), TLS_JA3_TEXT);
    digest_hex(DIGEST_MD5, span_text(text), false, wanted);
    assert_memory_equal(found, wanted, TLS_JA3_TEXT);
}

static void makes_ja3(void **state)
{
    (void)state;
    add_extension(&extensions, 0x3a3a, "", 0);
    add_extension(&extensions, 23, "", 0);
    add_extension_list(&extensions, 10, (const int[]){0x7a7a, 29, 23, -1});
    add_extension(&extensions, 11, "\2\0\1", 3);
    struct tls_hello h = client(0x0303, (const int[]){0x0a0a, 0x1301, 0xc02f, -1});
    assert_ja3(tls_ja3, &h, "771,4865-49199,23-10-11,29-23,0-1");
    h = client(0x0301, (const int[]){4, -1});
    assert_ja3(tls_ja3, &h, "769,4,,,");
    add_extension(&extensions, 65281, "", 1);
    add_extension(&extensions, 0, "", 0);
    h = server(0xc02f);
    assert_ja3(tls_ja3s, &h, "771,49199,65281-0");
    h = server(5);
    assert_ja3(tls_ja3s, &h, "771,5,");
}

static void makes_ja3_of_any_length(void **state)
{
    (void)state;
    static int suites[8001];
    static char text[60000];
    size_t len = (size_t)sprintf(text, "771,");
    for (int i = 0; i < 8000; i++) {
        suites[i] = 0x2000 + i + i / 255;
        if (suites[i] >> 8 == (suites[i] & 0xff) && (suites[i] & 15) == 10)
            suites[i] = 1;
        len += (size_t)sprintf(text + len, "%s%d", i ? "-" : "", suites[i]);
    }
    suites[8000] = -1;
    sprintf(text + len, ",,,");
    struct tls_hello h = client(0x0303, suites);
    assert_ja3(tls_ja3, &h, text);
    uint8_t ja4[TLS_JA4_TEXT];
    assert_int_equal(tls_ja4(&h, ja4), 0);
}

static void makes_the_published_ja4(void **state)
{
    (void)state;
    static const int types[] = {0x1b, 0,    0x33, 0x10, 0x4469, 0x17, 0x2d, 0x0d,
                                0x05, 0x23, 0x12, 0x2b, 0xff01, 0x0b, 0x0a, 0x15};
    add_extension(&extensions, 0x2a2a, "", 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        switch (types[i]) {
        case 0:
            add_server_name(&extensions, "www.weir.test");
            break;
        case 0x10:
            add_alpn(&extensions, "\2h2\10http/1.1");
            break;
        case 0x0d:
            add_extension_list(
                &extensions, 0x0d,
                (const int[]){0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, -1});
            break;
        case 0x2b:
            add_extension(&extensions, 0x2b, "\6\x5a\x5a\3\3\3\4", 7);
            break;
        default:
            add_extension(&extensions, (unsigned)types[i], "", 0);
        }
    struct tls_hello h = client(
        0x0303, (const int[]){0xdada, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                              0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, -1});
    assert_ja4(&h, "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

static void makes_the_published_ja4s(void **state)
{
    (void)state;
    static const unsigned types[] = {0x0005, 0x0017, 0xff01, 0x0000};
    for (size_t i = 0; i < 4; i++)
        add_extension(&extensions, types[i], "", 0);
    struct tls_hello h = server(0xc030);
    assert_ja4s(&h, "t120400_c030_4e8089b08790");
    h = server(0x0005);
    assert_ja4s(&h, "t120000_0005_000000000000");
    add_extension(&extensions, TLS_SUPPORTED_VERSIONS, "\3\4", 2);
    add_alpn(&extensions, "\10http/1.1");
    h = server(0x1301);
    uint8_t text[TLS_JA4S_TEXT];
    assert_int_equal(tls_ja4s(&h, text), TLS_JA4S_TEXT);
    assert_memory_equal(text, "t1302h1_1301_", 13);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    struct tls_hello h = client(0x0300, (const int[]){-1});
    assert_ja4(&h, "ts3i000000_000000000000_000000000000");
    h = client(0x0399, (const int[]){0x0a0a, -1});
    assert_ja4(&h, "t00i000000_000000000000_000000000000");
    add_extension(&extensions, TLS_SUPPORTED_VERSIONS, "\2\0\2", 3);
    h = client(0x0303, (const int[]){-1});
    uint8_t text[TLS_JA4_TEXT];
    assert_int_equal(tls_ja4(&h, text), TLS_JA4_TEXT);
    assert_memory_equal(text, "ts2i000100_000000000000_", 24);
}

static void shows_odd_protocols(void **state)
{
    (void)state;
    static const struct {
        const char *alpn;
        const char *shown;
    } rows[] = {
        {"\1\xab", "ab"},
        {"\2\xab\xcd", "ad"},
        {"\2\x30\xab", "3b"},
        {"\4\x30\x31\xab\xcd", "3d"},
        {"\4\x30\xab\xcd\x31", "01"},
        {"\1x", "xx"},
        {"\0", "00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t start = extensions.len;
        add_number(&extensions, 16, 2);
        size_t list = extensions.len;
        add(&extensions, rows[i].alpn, 1u + (uint8_t)rows[i].alpn[0]);
        wrap(&extensions, list, 2);
        wrap(&extensions, list, 2);
        assert_int_equal(start, 0);
        struct tls_hello h = client(0x0302, (const int[]){1, -1});
        uint8_t text[TLS_JA4_TEXT];
        assert_int_equal(tls_ja4(&h, text), TLS_JA4_TEXT);
        assert_memory_equal(text, "t11i0101", 8);
        assert_memory_equal(text + 8, rows[i].shown, 2);
    }
}

static void counts_to_99(void **state)
{
    (void)state;
    static int suites[201];
    for (int i = 0; i < 200; i++)
        suites[i] = 0x1000 + i;
    suites[200] = -1;
    struct tls_hello h = client(0x0303, suites);
    uint8_t text[TLS_JA4_TEXT];
    assert_int_equal(tls_ja4(&h, text), TLS_JA4_TEXT);
    assert_memory_equal(text, "t12i990000_", 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_ja3),
        cmocka_unit_test(makes_ja3_of_any_length),
        cmocka_unit_test(makes_the_published_ja4),
        cmocka_unit_test(makes_the_published_ja4s),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(shows_odd_protocols),
        cmocka_unit_test(counts_to_99),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
