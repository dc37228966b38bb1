// SPDX-License-Identifier: Apache-2.0
// Names of TLS: some of each table, the numbers without name, what the reference does not know.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/tls_names.h"

static void assert_name(struct span found, const char *wanted)
{
    if (!span_is(found, span_text(wanted)))
        fail_msg("found \"%.*s\", wanted \"%s\"", (int)found.len, (const char *)found.at, wanted);
}

static void knows_suites(void **state)
{
    (void)state;
    assert_name(tls_suite_name(0x0000), "TLS_NULL_WITH_NULL_NULL");
    assert_name(tls_suite_name(0x002f), "TLS_RSA_WITH_AES_128_CBC_SHA");
    assert_name(tls_suite_name(0x00ff), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
    assert_name(tls_suite_name(0x1301), "TLS_AES_128_GCM_SHA256");
    assert_name(tls_suite_name(0x5600), "TLS_FALLBACK_SCSV");
    assert_name(tls_suite_name(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    assert_name(tls_suite_name(0xcca9), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    assert_name(tls_suite_name(0xff85), "");
    assert_name(tls_suite_name(0x00fe), "");
    assert_name(tls_suite_name(0xc000), "");
    size_t named = 0;
    for (unsigned suite = 0; suite < 0x10000; suite++) {
        struct span name = tls_suite_name(suite);
        named += name.len > 0;
        for (size_t i = 0; i < name.len; i++) // goes into JSON as it is
            assert_true(name.at[i] > ' ' && name.at[i] < 0x7f && name.at[i] != '"');
    }
    assert_in_range(named, 360, 400);
}

static void keeps_from_the_reference_what_it_does_not_know(void **state)
{
    (void)state;
    assert_name(tls_group_name(29, true), "x25519");
    assert_name(tls_group_name(256, true), "ffdhe2048");
    assert_name(tls_group_name(0x11ec, false), "X25519MLKEM768");
    assert_name(tls_group_name(0x11ec, true), "");
    assert_name(tls_group_name(0, false), "");
    assert_name(tls_signature_name(0x0403, true), "ecdsa_secp256r1_sha256");
    assert_name(tls_signature_name(0x0905, false), "mldsa65");
    assert_name(tls_signature_name(0x0905, true), "");
    assert_name(tls_alert_name(40, true), "handshake_failure");
    assert_name(tls_alert_name(120, false), "no_application_protocol");
    assert_name(tls_alert_name(120, true), "");
}

static void knows_small_tables(void **state)
{
    (void)state;
    assert_name(tls_point_format_name(1), "ansiX962_compressed_prime");
    assert_name(tls_point_format_name(3), "");
    assert_name(tls_compression_name(64), "LZS");
    assert_name(tls_compression_name(2), "");
    assert_name(tls_ocsp_name(0), "successful");
    assert_name(tls_ocsp_name(4), "");
    assert_name(tls_ocsp_name(7), "");
}

static void tells_values_that_stand_for_nothing(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned value = 0; value < 0x10000; value++)
        count += tls_is_grease((uint16_t)value);
    assert_int_equal(count, 16);
    assert_true(tls_is_grease(0x0a0a));
    assert_true(tls_is_grease(0xfafa));
    assert_false(tls_is_grease(0x0a1a));
}

static void assert_version(unsigned version, const char *wanted)
{
    uint8_t text[TLS_VERSION_TEXT];
    assert_name(span_of(text, tls_version_text(version, text)), wanted);
}

static void writes_versions(void **state)
{
    (void)state;
    assert_version(0x0300, "SSL 3.0");
    assert_version(0x0301, "TLS 1.0");
    assert_version(0x0304, "TLS 1.3");
    assert_version(0x03ff, "TLS 1.254");
    assert_version(0xfefd, "(raw 254.253)");
    assert_version(0x0000, "(raw 0.0)");
}

static void writes_numbers_without_a_name(void **state)
{
    (void)state;
    uint8_t place[64];
    struct pen pen = pen_of(place, sizeof place);
    tls_names_put(&pen, span_of(NULL, 0), 0x0a1f, 4);
    tls_names_put(&pen, span_of(NULL, 0), 7, 2);
    tls_names_put(&pen, span_text("named"), 7, 2);
    assert_name(pen_written(&pen), "(unknown:0x0a1f)(unknown:0x07)named");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_suites),
        cmocka_unit_test(keeps_from_the_reference_what_it_does_not_know),
        cmocka_unit_test(knows_small_tables),
        cmocka_unit_test(tells_values_that_stand_for_nothing),
        cmocka_unit_test(writes_versions),
        cmocka_unit_test(writes_numbers_without_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
