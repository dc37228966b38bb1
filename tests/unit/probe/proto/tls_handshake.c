// SPDX-License-Identifier: Apache-2.0
// Messages of handshakes, taken apart: whole ones, torn ones, those of enemies.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/tls_handshake.h"
#include "tests/unit/probe/proto/tls_build.h"

static struct bytes message, extensions;

static struct tls_hello usual(enum side from)
{
    struct tls_hello h;
    message.len = extensions.len = 0;
    add_server_name(&extensions, "www.weir.test");
    add_alpn(&extensions, "\2h2\10http/1.1");
    if (from == CLIENT)
        add_client_hello(&message, 0x0303, "session", (const int[]){0x1301, 0xc02f, -1},
                         &extensions);
    else
        add_server_hello(&message, 0x0303, "session", 0x1301, &extensions);
    assert_true(tls_hello_read(bytes_span(&message), from, &h));
    return h;
}

static void reads_hellos(void **state)
{
    (void)state;
    struct tls_hello h = usual(CLIENT);
    assert_int_equal(h.version, TLS_1_2);
    assert_int_equal(h.random.len, 32);
    assert_int_equal(h.random.at[0], 0xc1);
    assert_true(span_is(h.session_id, (struct span)SPAN("session")));
    assert_true(span_is(h.suites, (struct span)SPAN("\x13\x01\xc0\x2f")));
    assert_int_equal(h.methods.len, 1);
    assert_true(span_is(tls_server_name(tls_hello_extension(&h, TLS_SERVER_NAME)),
                        (struct span)SPAN("www.weir.test")));
    assert_null(tls_hello_extension(&h, TLS_KEY_SHARE).at);
    h = usual(SERVER);
    assert_int_equal(h.suite, 0x1301);
    assert_int_equal(h.method, 0);
    assert_int_equal(tls_hello_version(&h), TLS_1_2);
    assert_int_equal(tls_hello_group(&h), 0);
    assert_false(tls_hello_is_retry(&h));
}

static void reads_hellos_of_old(void **state)
{
    (void)state;
    struct tls_hello h;
    message.len = 0;
    add_server_hello(&message, 0x0300, "", 0x000a, NULL);
    assert_true(tls_hello_read(bytes_span(&message), SERVER, &h));
    assert_int_equal(tls_hello_version(&h), 0x0300);
    assert_int_equal(h.extensions.len, 0);
    struct reader r = reader_of(h.extensions);
    struct tls_extension x;
    assert_false(tls_extension_next(&r, &x));
}

static void refuses_torn_hellos(void **state)
{
    (void)state;
    for (int side = CLIENT; side <= SERVER; side++) {
        usual(side);
        size_t fixed = message.len - extensions.len - 2; // may end before the extensions
        for (size_t len = 0; len < message.len; len++) {
            struct tls_hello h;
            uint8_t *exact = malloc(len + 1);
            memcpy(exact, message.at, len);
            assert_int_equal(tls_hello_read(span_of(exact, len), side, &h), len == fixed);
            free(exact);
        }
    }
}

static void refuses_what_is_no_hello(void **state)
{
    (void)state;
    struct tls_hello h;
    message.len = 0;
    add_client_hello(&message, 0xfefd, "", (const int[]){1, -1}, NULL);
    assert_false(tls_hello_read(bytes_span(&message), CLIENT, &h));
    message.len = 0;
    add_client_hello(&message, 0x0303, "a session id that is longer than 32", (const int[]){1, -1},
                     NULL);
    assert_false(tls_hello_read(bytes_span(&message), CLIENT, &h));
}

static void knows_retries_and_versions(void **state)
{
    (void)state;
    struct tls_hello h;
    message.len = extensions.len = 0;
    add_extension(&extensions, TLS_SUPPORTED_VERSIONS, "\3\4", 2);
    add_extension(&extensions, TLS_KEY_SHARE, "\x11\xec", 2);
    add_server_hello(&message, 0x0303, "", 0x1301, &extensions);
    memcpy(message.at + 2,
           "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
           "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c",
           32);
    assert_true(tls_hello_read(bytes_span(&message), SERVER, &h));
    assert_true(tls_hello_is_retry(&h));
    assert_int_equal(tls_hello_version(&h), TLS_1_3);
    assert_int_equal(tls_hello_group(&h), 0x11ec);
}

static void stops_at_torn_extensions(void **state)
{
    (void)state;
    struct tls_hello h;
    message.len = extensions.len = 0;
    add_extension(&extensions, 23, "", 0);
    add_number(&extensions, 16, 2);
    add_number(&extensions, 60000, 2);
    add_text(&extensions, "short");
    add_server_hello(&message, 0x0303, "", 0x1301, &extensions);
    assert_true(tls_hello_read(bytes_span(&message), SERVER, &h));
    struct reader r = reader_of(h.extensions);
    struct tls_extension x;
    assert_true(tls_extension_next(&r, &x));
    assert_int_equal(x.type, 23);
    assert_non_null(x.data.at);
    assert_false(tls_extension_next(&r, &x));
    assert_null(tls_hello_extension(&h, TLS_ALPN).at);
}

static void reads_lists(void **state)
{
    (void)state;
    assert_int_equal(tls_list((struct span)SPAN("\0\4abcd")).len, 4);
    assert_int_equal(tls_list((struct span)SPAN("\0\4abc")).len, 0);
    assert_int_equal(tls_list((struct span)SPAN("\0\4abcde")).len, 0);
    assert_int_equal(tls_list((struct span)SPAN("\0")).len, 0);
    struct reader r = reader_of((struct span)SPAN("\2h2\0\5http"));
    struct span s;
    assert_true(tls_string_next(&r, &s));
    assert_true(span_is(s, (struct span)SPAN("h2")));
    assert_true(tls_string_next(&r, &s));
    assert_int_equal(s.len, 0);
    assert_false(tls_string_next(&r, &s));
    assert_int_equal(tls_server_name((struct span)SPAN("\0\5\7\0\2ab")).len, 0);
    assert_int_equal(tls_server_name((struct span)SPAN("\0\13\7\0\2ab\0\0\3www")).len, 3);
    assert_int_equal(tls_server_name((struct span)SPAN("")).len, 0);
}

static void reads_certificate_lists(void **state)
{
    (void)state;
    struct span one;
    struct reader r = tls_certificates((struct span)SPAN("\0\0\x0b\0\0\3abc\0\0\2de"));
    assert_true(tls_certificate_next(&r, &one));
    assert_true(span_is(one, (struct span)SPAN("abc")));
    assert_true(tls_certificate_next(&r, &one));
    assert_true(span_is(one, (struct span)SPAN("de")));
    assert_false(tls_certificate_next(&r, &one));
    r = tls_certificates((struct span)SPAN("\0\0\x0b\0\0\3abc\0\0\x20")); // the rest is not there
    assert_true(tls_certificate_next(&r, &one));
    assert_false(tls_certificate_next(&r, &one));
    r = tls_certificates((struct span)SPAN("\0\0"));
    assert_false(tls_certificate_next(&r, &one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_hellos),
        cmocka_unit_test(reads_hellos_of_old),
        cmocka_unit_test(refuses_torn_hellos),
        cmocka_unit_test(refuses_what_is_no_hello),
        cmocka_unit_test(knows_retries_and_versions),
        cmocka_unit_test(stops_at_torn_extensions),
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(reads_certificate_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
