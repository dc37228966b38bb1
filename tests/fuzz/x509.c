// SPDX-License-Identifier: Apache-2.0
// Certificates: whatever the bytes, texts stay where they may be, the list of names is JSON, and
// where OpenSSL takes them for a certificate too it agrees on number, version and key.
//
//   room(2) bytes of the certificate …

#include <openssl/bn.h>
#include <openssl/x509.h>

#include "probe/proto/x509.h"
#include "tests/fuzz/json.h"

static void check_name(const struct x509_name *name)
{
    for (int i = 0; i < X509_ATTRIBUTES; i++) {
        fuzz_check(name->attribute[i].len <= X509_TEXT_MOST);
        fuzz_touch(name->attribute[i]);
    }
}

static void check_facts(const struct x509 *c)
{
    check_name(&c->issuer);
    check_name(&c->subject);
    fuzz_touch(c->serial_number);
    fuzz_touch(c->signature_algorithm);
    fuzz_touch(c->key_algorithm);
    fuzz_touch(c->key_curve);
    fuzz_check(c->alternative_names.len <= X509_NAMES_BYTES);
    if (c->alternative_names.len)
        json_check(c->alternative_names);
    fuzz_check(c->not_before[X509_TIME - 1] == 'Z' && c->not_after[X509_TIME - 1] == 'Z');
}

static void compare_serial(const struct x509 *c, X509 *x)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *text = number ? BN_bn2dec(number) : NULL;
    if (text && c->serial_number.len)
        fuzz_check(span_is(c->serial_number, span_text(text)));
    OPENSSL_free(text);
    BN_free(number);
}

static void compare(const struct x509 *c, struct span der)
{
    const unsigned char *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    if (!x)
        return;
    compare_serial(c, x);
    if (X509_get_version(x) >= 0 && X509_get_version(x) < 128)
        fuzz_check(X509_get_version(x) + 1 == (long)c->version);
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        fuzz_check(EVP_PKEY_get_bits(key) == (int)c->key_size);
    X509_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t place[1 << 16];
    struct reader input = reader_of(span_of(data, size));
    size_t room = reader_be16(&input);
    struct span der = reader_rest(&input);
    uint8_t *exact = fuzz_exact(der);
    struct pen texts = pen_of(place, room);
    struct x509 c;
    if (x509_read(span_of(exact, der.len), &texts, &c)) {
        fuzz_check(texts.at <= place + room);
        check_facts(&c);
        if (!texts.full)
            compare(&c, span_of(exact, der.len));
    }
    free(exact);
    return 0;
}
