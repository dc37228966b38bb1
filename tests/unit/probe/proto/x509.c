// SPDX-License-Identifier: Apache-2.0
// Certificates: those that OpenSSL makes, compared with what OpenSSL says of them, and those that
// only an enemy makes.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include <openssl/bn.h>
#include <openssl/dsa.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "probe/proto/x509.h"
#include "tests/unit/probe/proto/tls_build.h"

static uint8_t place[1 << 20];

// The facts of bytes that stand in a place of exactly their size.
static bool read_in(struct span der, size_t room, struct x509 *c, bool *full)
{
    static uint8_t *exact;
    free(exact);
    exact = malloc(der.len ? der.len : 1);
    memcpy(exact, der.at, der.len);
    struct pen texts = pen_of(place, room);
    bool fine = x509_read(span_of(exact, der.len), &texts, c);
    *full = texts.full;
    return fine;
}

static struct x509 facts_of(struct span der)
{
    struct x509 c;
    bool full;
    assert_true(read_in(der, sizeof place, &c, &full));
    assert_false(full);
    return c;
}

static struct x509 facts_made(const struct certificate *parts)
{
    static struct bytes der;
    der.len = 0;
    add_certificate(&der, parts);
    return facts_of(bytes_span(&der));
}

#define assert_text(found, wanted)                                                               \
    do {                                                                                         \
        struct span f_ = (found);                                                                \
        if (!span_is(f_, span_text(wanted)))                                                     \
            fail_msg("found \"%.*s\", wanted \"%s\"", (int)f_.len, (const char *)f_.at, wanted); \
    } while (0)

// ── against OpenSSL ──

struct wish {
    const char *key; // for EVP_PKEY_Q_keygen: "RSA", "EC", "ED25519"
    const char *curve;
    size_t bits;
    const EVP_MD *digest;
    bool pss;
    const char *names; // of the extension
};

static EVP_PKEY *key_for(const struct wish *w)
{
    if (w->curve)
        return EVP_PKEY_Q_keygen(NULL, NULL, w->key, w->curve);
    if (w->bits)
        return EVP_PKEY_Q_keygen(NULL, NULL, w->key, w->bits);
    return EVP_PKEY_Q_keygen(NULL, NULL, w->key);
}

static void name_them(X509_NAME *name)
{
    static const char *const parts[][2] = {
        {"C", "DE"},    {"ST", "Bayern"}, {"L", "M\xc3\xbcnchen"}, {"O", "A+B, \"C\" <D>"},
        {"OU", "#one"}, {"OU", " two "},  {"DC", "example"},       {"CN", "www.weir.test"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        X509_NAME_add_entry_by_txt(name, parts[i][0], MBSTRING_UTF8,
                                   (const unsigned char *)parts[i][1], -1, -1, 0);
}

static void sign(X509 *x, EVP_PKEY *key, const struct wish *w)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters;
    assert_true(EVP_DigestSignInit(context, &parameters, w->digest, NULL, key));
    if (w->pss)
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    assert_true(X509_sign_ctx(x, context) > 0);
    EVP_MD_CTX_free(context);
}

static X509 *certificate_for(const struct wish *w)
{
    EVP_PKEY *key = key_for(w);
    assert_non_null(key);
    X509 *x = X509_new();
    X509_set_version(x, 2);
    BIGNUM *serial = NULL;
    BN_dec2bn(&serial, "21020869104500376438182461249190639870");
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    BN_free(serial);
    ASN1_TIME_set_string(X509_getm_notBefore(x), "20250203040506Z");
    ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z");
    name_them(X509_get_subject_name(x));
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"Weir Test CA", -1, -1, 0);
    X509_set_pubkey(x, key);
    if (w->names) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, w->names);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    sign(x, key, w);
    EVP_PKEY_free(key);
    return x;
}

// OpenSSL's idea of RFC 2253.
static void assert_name(const X509_NAME *name, struct span found)
{
    BIO *out = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(out, name, 0, (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB));
    char *text;
    long len = BIO_get_mem_data(out, &text);
    assert_int_equal(found.len, len);
    assert_memory_equal(found.at, text, found.len);
    BIO_free(out);
}

static struct x509 compare(const struct wish *w)
{
    X509 *x = certificate_for(w);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    struct x509 c = facts_of(span_of(der, (size_t)len));
    assert_name(X509_get_subject_name(x), c.subject.attribute[X509_DISTINGUISHED_NAME]);
    assert_name(X509_get_issuer_name(x), c.issuer.attribute[X509_DISTINGUISHED_NAME]);
    assert_int_equal(c.version, 3);
    assert_text(c.serial_number, "21020869104500376438182461249190639870");
    assert_text(span_of(c.not_before, X509_TIME), "2025-02-03T04:05:06.000Z");
    assert_text(span_of(c.not_after, X509_TIME), "9999-12-31T23:59:59.000Z");
    OPENSSL_free(der);
    X509_free(x);
    return c;
}

static void agrees_with_openssl(void **state)
{
    (void)state;
    struct wish rsa = {.key = "RSA", .bits = 1024, .digest = EVP_sha256()};
    struct x509 c = compare(&rsa);
    assert_text(c.signature_algorithm, "SHA256-RSA");
    assert_text(c.key_algorithm, "RSA");
    assert_int_equal(c.key, X509_RSA);
    assert_int_equal(c.key_size, 1024);
    assert_int_equal(c.key_exponent, 65537);
    assert_int_equal(c.alternative_names.len, 0);
    rsa.digest = EVP_sha1();
    assert_text(compare(&rsa).signature_algorithm, "SHA1-RSA");
    rsa.digest = EVP_sha512();
    rsa.pss = true;
    assert_text(compare(&rsa).signature_algorithm, "SHA512-RSAPSS");
    rsa.digest = EVP_sha256();
    assert_text(compare(&rsa).signature_algorithm, "SHA256-RSAPSS");

    c = compare(&(struct wish){.key = "EC", .curve = "P-256", .digest = EVP_sha256()});
    assert_text(c.signature_algorithm, "ECDSA-SHA256");
    assert_text(c.key_algorithm, "ECDSA");
    assert_text(c.key_curve, "nistp256");
    assert_int_equal(c.key_size, 256);
    assert_int_equal(c.key_exponent, 0);
    c = compare(&(struct wish){.key = "EC", .curve = "P-521", .digest = EVP_sha384()});
    assert_text(c.signature_algorithm, "ECDSA-SHA384");
    assert_int_equal(c.key_size, 521);

    c = compare(&(struct wish){.key = "ED25519"});
    assert_text(c.signature_algorithm, "Ed25519");
    assert_text(c.key_algorithm, "Ed25519");
    assert_int_equal(c.key, X509_ED25519);
    assert_int_equal(c.key_size, 0);
    c = compare(&(struct wish){.key = "ED448"});
    assert_text(c.signature_algorithm, "Ed448");
    assert_false(c.signature_known);
}

static void sorts_alternative_names(void **state)
{
    (void)state;
    struct x509 c = compare(&(struct wish){
        .key = "ED25519",
        .names = "IP:192.0.2.1,DNS:one.test,email:a@b.test,URI:http://x.test/,DNS:*.two.test,"
                 "IP:2001:db8::1,otherName:1.2.3;UTF8:other"});
    assert_text(c.alternative_names, "[\"one.test\",\"*.two.test\",\"a@b.test\",\"192.0.2.1\","
                                     "\"2001:db8::1\"]");
}

// ── names ──

static void gives_attributes_their_fields(void **state)
{
    (void)state;
    struct bytes name = {0};
    add_part(&name, 6, 0x13, "DE");
    add_part(&name, 11, 0x0c, "one");
    add_part(&name, 11, 0x0c, "two");
    add_part(&name, 3, 0x0c, "first");
    add_part(&name, 3, 0x0c, "last");
    add_part(&name, 5, 0x13, "0042");
    add_part(&name, 17, 0x0c, "80331");
    add_part(&name, 9, 0x0c, "Am Bach 1");
    add_part(&name, 12, 0x0c, "title"); // has no field
    der_wrap(&name, 0, 0x30);
    struct x509 c = facts_made(&(struct certificate){.subject = &name});
    const struct span *a = c.subject.attribute;
    assert_text(a[X509_COUNTRY], "DE");
    assert_text(a[X509_ORGANIZATIONAL_UNIT], "one two");
    assert_text(a[X509_COMMON_NAME], "last");
    assert_text(a[X509_SERIAL_NUMBER], "0042");
    assert_text(a[X509_POSTAL_CODE], "80331");
    assert_text(a[X509_STREET_ADDRESS], "Am Bach 1");
    assert_int_equal(a[X509_LOCALITY].len, 0);
    assert_text(a[X509_DISTINGUISHED_NAME],
                "2.5.4.12=#0c057469746c65,STREET=Am Bach 1,POSTALCODE=80331,SERIALNUMBER=0042,"
                "CN=last,CN=first,OU=two,OU=one,C=DE");
    assert_text(c.issuer.attribute[X509_DISTINGUISHED_NAME], "CN=issuer");
}

static void reads_wide_characters_and_joined_parts(void **state)
{
    (void)state;
    struct bytes name = {0};
    size_t set = 0;
    for (int i = 0; i < 2; i++) {
        size_t pair = name.len;
        der_add(&name, 0x06, i ? "\x55\x04\x0a" : "\x55\x04\x03", 3);
        der_add(&name, 0x1e, i ? "\0A\0\xfc" : "\x20\xac\0!", 4); // "Aü", "€!"
        der_wrap(&name, pair, 0x30);
    }
    der_wrap(&name, set, 0x31);
    der_wrap(&name, 0, 0x30);
    struct x509 c = facts_made(&(struct certificate){.subject = &name});
    assert_text(c.subject.attribute[X509_COMMON_NAME], "\xe2\x82\xac!");
    assert_text(c.subject.attribute[X509_ORGANIZATION], "A\xc3\xbc");
    assert_text(c.subject.attribute[X509_DISTINGUISHED_NAME], "CN=\xe2\x82\xac!+O=A\xc3\xbc");
}

// ── numbers and times ──

static void writes_serial_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *wanted;
    } rows[] = {
        {"\0", 1, "0"},
        {"\x7f", 1, "127"},
        {"\0\x80", 2, "128"},
        {"\xff", 1, "-1"},
        {"\x80", 1, "-128"},
        {"\x01\0\0\0\0\0\0\0\0", 9, "18446744073709551616"},
        {"\xff\0\0\0\0\0\0\0\0", 9, "-18446744073709551616"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct x509 c =
            facts_made(&(struct certificate){.serial = rows[i].bytes, .serial_len = rows[i].len});
        assert_text(c.serial_number, rows[i].wanted);
    }
    char large[X509_SERIAL_MOST + 1];
    memset(large, 0xff, sizeof large);
    large[0] = 0x7f;
    struct certificate most = {.serial = large, .serial_len = X509_SERIAL_MOST};
    assert_int_equal(facts_made(&most).serial_number.len, 154); // 2^511 - 1
    most.serial_len++;
    assert_int_equal(facts_made(&most).serial_number.len, 0);
}

static void reads_both_kinds_of_times(void **state)
{
    (void)state;
    struct x509 c = facts_made(
        &(struct certificate){.not_before = "500102030405Z", .not_after = "491231235959Z"});
    assert_text(span_of(c.not_before, X509_TIME), "1950-01-02T03:04:05.000Z");
    assert_text(span_of(c.not_after, X509_TIME), "2049-12-31T23:59:59.000Z");
    c = facts_made(&(struct certificate){.not_after = "00010101000000Z"});
    assert_text(span_of(c.not_after, X509_TIME), "0001-01-01T00:00:00.000Z");
    static const char *const bad[] = {
        "25010100000Z",     "2501010000000", "25010100000aZ", "2025010100000.5Z", "",
        "250101000000+0100"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bytes der = {0};
        add_certificate(&der, &(struct certificate){.not_before = bad[i]});
        bool full;
        assert_false(read_in(bytes_span(&der), sizeof place, &c, &full));
    }
}

static void tells_versions_and_unknown_algorithms(void **state)
{
    (void)state;
    assert_int_equal(facts_made(&(struct certificate){.version = -1}).version, 1);
    assert_int_equal(facts_made(&(struct certificate){.version = 2}).version, 2);
    struct bytes key = {0};
    der_add(&key, 0x06, "\x2a\x81\x1c\xcf\x55", 5); // 1.2.156.10197
    der_wrap(&key, 0, 0x30);
    der_add(&key, 0x03, "\0", 1);
    der_wrap(&key, 0, 0x30);
    struct x509 c = facts_made(
        &(struct certificate){.key = &key, .signature = "\x88\x37\x03", .signature_len = 3});
    assert_text(c.key_algorithm, "1.2.156.10197");
    assert_int_equal(c.key, X509_OTHER_KEY);
    assert_text(c.signature_algorithm, "2.999.3");
    assert_false(c.signature_known);
}

// A key of this algorithm with these parameters.
static struct x509 with_key(const char *oid, size_t oid_len, uint8_t tag, const char *parameters,
                            size_t len)
{
    static struct bytes key;
    key.len = 0;
    der_add(&key, 0x06, oid, oid_len);
    der_add(&key, tag, parameters, len);
    der_wrap(&key, 0, 0x30);
    der_add(&key, 0x03, "\0", 1);
    der_wrap(&key, 0, 0x30);
    return facts_made(&(struct certificate){.key = &key});
}

static void tells_sizes_of_rare_keys(void **state)
{
    (void)state;
    // DSA: its prime is the first of three numbers
    struct x509 c =
        with_key("\x2a\x86\x48\xce\x38\x04\x01", 7, 0x30, "\x02\x03\0\x80\1\x02\1\5\x02\1\7", 11);
    assert_int_equal(c.key, X509_DSA);
    assert_text(c.key_algorithm, "DSA");
    assert_int_equal(c.key_size, 16);
    // a curve without name
    c = with_key("\x2a\x86\x48\xce\x3d\x02\x01", 7, 0x06, "\x2b\x81\x04\x00\x0f", 5);
    assert_text(c.key_curve, "1.3.132.0.15");
    assert_int_equal(c.key_size, 0);
    // RSA without its number
    c = with_key("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9, 0x05, "", 0);
    assert_int_equal(c.key, X509_RSA);
    assert_int_equal(c.key_size, 0);
}

// ── an enemy's ──

static struct bytes big, names;

static void add_alternatives(int count)
{
    names.len = 0;
    for (int i = 0; i < count; i++) {
        char text[16];
        int len = snprintf(text, sizeof text, "n%d", i);
        der_add(&names, 0x82, text, (size_t)len);
    }
    der_wrap(&names, 0, 0x30);
    der_wrap(&names, 0, 0x04);
    big.len = 0;
    der_add(&big, 0x06, "\x55\x1d\x11", 3);
    add(&big, names.at, names.len);
    der_wrap(&big, 0, 0x30);
    der_wrap(&big, 0, 0x30);
}

static void shows_so_many_names_and_no_more(void **state)
{
    (void)state;
    static struct bytes der;
    add_alternatives(X509_NAMES_MOST);
    struct x509 c = facts_made(&(struct certificate){.extensions = &big});
    size_t all = c.alternative_names.len;
    assert_true(span_ends(c.alternative_names, (struct span)SPAN("\"n1023\"]")));
    add_alternatives(10000);
    add_certificate(&der, &(struct certificate){.extensions = &big});
    c = facts_of(bytes_span(&der));
    assert_int_equal(c.alternative_names.len, all);
    // Names that are long reach the ceiling of bytes first; the list stays a list.
    names.len = 0;
    char text[200];
    memset(text, '"', sizeof text);
    for (int i = 0; i < 100; i++)
        der_add(&names, 0x82, text, sizeof text);
    der_wrap(&names, 0, 0x30);
    der_wrap(&names, 0, 0x04);
    big.len = 0;
    der_add(&big, 0x06, "\x55\x1d\x11", 3);
    add(&big, names.at, names.len);
    der_wrap(&big, 0, 0x30);
    der_wrap(&big, 0, 0x30);
    c = facts_made(&(struct certificate){.extensions = &big});
    assert_true(c.alternative_names.len > X509_NAMES_BYTES / 2 &&
                c.alternative_names.len <= X509_NAMES_BYTES);
    assert_true(span_ends(c.alternative_names, (struct span)SPAN("\\\"\"]")));
}

static void bounds_names(void **state)
{
    (void)state;
    big.len = 0;
    for (int i = 0; i < 2000; i++)
        add_part(&big, 11, 0x0c, "unit of many");
    der_wrap(&big, 0, 0x30);
    struct x509 c = facts_made(&(struct certificate){.subject = &big});
    assert_true(c.subject.attribute[X509_ORGANIZATIONAL_UNIT].len < X509_TEXT_MOST);
    assert_true(c.subject.attribute[X509_DISTINGUISHED_NAME].len <= X509_TEXT_MOST);
    char text[5000];
    memset(text, ',', sizeof text);
    text[sizeof text - 1] = 0;
    big.len = 0;
    add_part(&big, 3, 0x0c, text);
    der_wrap(&big, 0, 0x30);
    c = facts_made(&(struct certificate){.subject = &big});
    assert_int_equal(c.subject.attribute[X509_COMMON_NAME].len, X509_TEXT_MOST);
    assert_true(c.subject.attribute[X509_DISTINGUISHED_NAME].len <= X509_TEXT_MOST);
}

static void walks_past_what_is_nested(void **state)
{
    (void)state;
    big.len = 0;
    der_add(&big, 0x05, "", 0);
    for (int i = 0; i < 100; i++)
        der_wrap(&big, 0, 0x30);
    struct x509 c = facts_made(&(struct certificate){.subject = &big, .extensions = &big});
    assert_int_equal(c.subject.attribute[X509_DISTINGUISHED_NAME].len, 0);
    assert_int_equal(c.alternative_names.len, 0);
}

static struct bytes usual(void)
{
    struct bytes der = {0};
    add_alternatives(20);
    add_certificate(&der, &(struct certificate){.extensions = &big});
    return der;
}

static void refuses_what_is_cut(void **state)
{
    (void)state;
    static struct bytes der;
    struct x509 c;
    bool full;
    der = usual();
    for (size_t len = 0; len < der.len; len++)
        assert_false(read_in(span_of(der.at, len), sizeof place, &c, &full));
    assert_true(read_in(bytes_span(&der), sizeof place, &c, &full));
}

static void survives_any_byte(void **state)
{
    (void)state;
    static struct bytes der;
    struct x509 c;
    bool full;
    der = usual();
    for (size_t i = 0; i < der.len; i++)
        for (unsigned bit = 0; bit < 9; bit++) {
            uint8_t was = der.at[i];
            der.at[i] = (uint8_t)(bit < 8 ? was ^ 1u << bit : 0xff);
            read_in(bytes_span(&der), sizeof place, &c, &full);
            der.at[i] = was;
        }
}

static void tells_when_texts_find_no_room(void **state)
{
    (void)state;
    static struct bytes der;
    struct x509 c;
    bool full;
    der = usual();
    for (size_t room = 0; room < 100; room++) {
        assert_true(read_in(bytes_span(&der), room, &c, &full));
        assert_true(full);
    }
    assert_true(read_in(bytes_span(&der), 1000, &c, &full));
    assert_false(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_openssl),
        cmocka_unit_test(sorts_alternative_names),
        cmocka_unit_test(gives_attributes_their_fields),
        cmocka_unit_test(reads_wide_characters_and_joined_parts),
        cmocka_unit_test(writes_serial_numbers),
        cmocka_unit_test(reads_both_kinds_of_times),
        cmocka_unit_test(tells_versions_and_unknown_algorithms),
        cmocka_unit_test(tells_sizes_of_rare_keys),
        cmocka_unit_test(shows_so_many_names_and_no_more),
        cmocka_unit_test(bounds_names),
        cmocka_unit_test(walks_past_what_is_nested),
        cmocka_unit_test(refuses_what_is_cut),
        cmocka_unit_test(survives_any_byte),
        cmocka_unit_test(tells_when_texts_find_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
