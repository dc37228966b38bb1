// SPDX-License-Identifier: Apache-2.0
// Digests against the examples of RFC 1321 and FIPS 180.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/digest.h"

static void assert_hex(enum digest which, const char *text, bool upper, const char *wanted)
{
    uint8_t found[DIGEST_TEXT];
    size_t len = digest_hex(which, span_text(text), upper, found);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(found, wanted, len);
}

static void knows_the_examples(void **state)
{
    (void)state;
    assert_hex(DIGEST_MD5, "abc", false, "900150983cd24fb0d6963f7d28e17f72");
    assert_hex(DIGEST_SHA1, "abc", true, "A9993E364706816ABA3E25717850C26C9CD0D89D");
    assert_hex(DIGEST_SHA256, "abc", false,
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hex(DIGEST_MD5, "", false, "d41d8cd98f00b204e9800998ecf8427e");
}

static void takes_pieces(void **state)
{
    (void)state;
    uint8_t whole[DIGEST_SIZE], pieces[DIGEST_SIZE];
    digest_begin(DIGEST_SHA256);
    digest_add(span_text("abcdef"));
    assert_int_equal(digest_end(whole), 32);
    digest_begin(DIGEST_SHA256);
    digest_add(span_text("abc"));
    digest_add(span_of(NULL, 0));
    digest_add(span_text("def"));
    assert_int_equal(digest_end(pieces), 32);
    assert_memory_equal(whole, pieces, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_examples),
        cmocka_unit_test(takes_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
