// SPDX-License-Identifier: Apache-2.0
// Tables of names, from the registries of IANA ("TLS Parameters", "TLS ExtensionType Values").
#include "probe/proto/tls_names.h"

#include "pipeline/base/text.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct named {
    unsigned number;
    struct span name;
    bool added; // unknown to the reference
};

static struct span in_list(const struct named *list, size_t count, unsigned number, bool compat)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].number == number)
            return compat && list[i].added ? span_of(NULL, 0) : list[i].name;
    return span_of(NULL, 0);
}

static const struct span page_00[256] = {
#define SUITE_00(low, name) [low] = SPAN(name),
#include "probe/proto/tls_suites.def"
};

static const struct span page_c0[256] = {
#define SUITE_C0(low, name) [low] = SPAN(name),
#include "probe/proto/tls_suites.def"
};

static const struct named suites[] = {
#define SUITE(number, name) {number, SPAN(name), false},
#include "probe/proto/tls_suites.def"
};

struct span tls_suite_name(unsigned suite)
{
    if (suite >> 8 == 0x00)
        return page_00[suite];
    if (suite >> 8 == 0xc0)
        return page_c0[suite & 0xff];
    return in_list(suites, COUNT(suites), suite, false);
}

struct span tls_group_name(unsigned group, bool compat)
{
    static const struct span low[] = {
        {NULL, 0},
        SPAN("sect163k1"),
        SPAN("sect163r1"),
        SPAN("sect163r2"),
        SPAN("sect193r1"),
        SPAN("sect193r2"),
        SPAN("sect233k1"),
        SPAN("sect233r1"),
        SPAN("sect239k1"),
        SPAN("sect283k1"),
        SPAN("sect283r1"),
        SPAN("sect409k1"),
        SPAN("sect409r1"),
        SPAN("sect571k1"),
        SPAN("sect571r1"),
        SPAN("secp160k1"),
        SPAN("secp160r1"),
        SPAN("secp160r2"),
        SPAN("secp192k1"),
        SPAN("secp192r1"),
        SPAN("secp224k1"),
        SPAN("secp224r1"),
        SPAN("secp256k1"),
        SPAN("secp256r1"),
        SPAN("secp384r1"),
        SPAN("secp521r1"),
        SPAN("brainpoolP256r1"),
        SPAN("brainpoolP384r1"),
        SPAN("brainpoolP512r1"),
        SPAN("x25519"),
        SPAN("x448"),
    };
    static const struct named more[] = {
        {0x11ec, SPAN("X25519MLKEM768"), true},
        {0x11eb, SPAN("SecP256r1MLKEM768"), true},
        {0x11ed, SPAN("SecP384r1MLKEM1024"), true},
        {0x6399, SPAN("X25519Kyber768Draft00"), true},
        {0x639a, SPAN("SecP256r1Kyber768Draft00"), true},
        {256, SPAN("ffdhe2048"), false},
        {257, SPAN("ffdhe3072"), false},
        {258, SPAN("ffdhe4096"), false},
        {259, SPAN("ffdhe6144"), false},
        {260, SPAN("ffdhe8192"), false},
        {0x0200, SPAN("MLKEM512"), true},
        {0x0201, SPAN("MLKEM768"), true},
        {0x0202, SPAN("MLKEM1024"), true},
        {31, SPAN("brainpoolP256r1tls13"), true},
        {32, SPAN("brainpoolP384r1tls13"), true},
        {33, SPAN("brainpoolP512r1tls13"), true},
        {34, SPAN("GC256A"), true},
        {35, SPAN("GC256B"), true},
        {36, SPAN("GC256C"), true},
        {37, SPAN("GC256D"), true},
        {38, SPAN("GC512A"), true},
        {39, SPAN("GC512B"), true},
        {40, SPAN("GC512C"), true},
        {41, SPAN("curveSM2"), true},
        {0xff01, SPAN("arbitrary_explicit_prime_curves"), false},
        {0xff02, SPAN("arbitrary_explicit_char2_curves"), false},
    };
    return group < COUNT(low) ? low[group] : in_list(more, COUNT(more), group, compat);
}

struct span tls_signature_name(unsigned scheme, bool compat)
{
    static const struct named schemes[] = {
        {0x0403, SPAN("ecdsa_secp256r1_sha256"), false},
        {0x0804, SPAN("rsa_pss_sha256"), false},
        {0x0401, SPAN("rsa_pkcs1_sha256"), false},
        {0x0503, SPAN("ecdsa_secp384r1_sha384"), false},
        {0x0805, SPAN("rsa_pss_sha384"), false},
        {0x0501, SPAN("rsa_pkcs1_sha384"), false},
        {0x0603, SPAN("ecdsa_secp521r1_sha512"), false},
        {0x0806, SPAN("rsa_pss_sha512"), false},
        {0x0601, SPAN("rsa_pkcs1_sha512"), false},
        {0x0807, SPAN("ed25519"), false},
        {0x0808, SPAN("ed448"), false},
        {0x0201, SPAN("rsa_pkcs1_sha1"), false},
        {0x0203, SPAN("ecdsa_sha1"), false},
        {0x0809, SPAN("rsa_pss_pss_sha256"), true},
        {0x080a, SPAN("rsa_pss_pss_sha384"), true},
        {0x080b, SPAN("rsa_pss_pss_sha512"), true},
        {0x081a, SPAN("ecdsa_brainpoolP256r1tls13_sha256"), true},
        {0x081b, SPAN("ecdsa_brainpoolP384r1tls13_sha384"), true},
        {0x081c, SPAN("ecdsa_brainpoolP512r1tls13_sha512"), true},
        {0x0708, SPAN("sm2sig_sm3"), true},
        {0x0904, SPAN("mldsa44"), true},
        {0x0905, SPAN("mldsa65"), true},
        {0x0906, SPAN("mldsa87"), true},
        {0x0202, SPAN("dsa_sha1"), true},
        {0x0301, SPAN("rsa_pkcs1_sha224"), true},
        {0x0302, SPAN("dsa_sha224"), true},
        {0x0303, SPAN("ecdsa_sha224"), true},
        {0x0402, SPAN("dsa_sha256"), true},
        {0x0502, SPAN("dsa_sha384"), true},
        {0x0602, SPAN("dsa_sha512"), true},
    };
    return in_list(schemes, COUNT(schemes), scheme, compat);
}

struct span tls_point_format_name(unsigned format)
{
    static const struct span formats[] = {SPAN("uncompressed"), SPAN("ansiX962_compressed_prime"),
                                          SPAN("ansiX962_compressed_char2")};
    return format < COUNT(formats) ? formats[format] : span_of(NULL, 0);
}

struct span tls_compression_name(unsigned method)
{
    static const struct named methods[] = {
        {0, SPAN("NULL"), false}, {1, SPAN("DEFLATE"), false}, {64, SPAN("LZS"), false}};
    return in_list(methods, COUNT(methods), method, false);
}

struct span tls_alert_name(unsigned code, bool compat)
{
    static const struct named alerts[] = {
        {0, SPAN("close_notify"), false},
        {10, SPAN("unexpected_message"), false},
        {20, SPAN("bad_record_mac"), false},
        {21, SPAN("decryption_failed"), false},
        {22, SPAN("record_overflow"), false},
        {30, SPAN("decompression_failure"), false},
        {40, SPAN("handshake_failure"), false},
        {41, SPAN("no_certificate_RESERVED"), false},
        {42, SPAN("bad_certificate"), false},
        {43, SPAN("unsupported_certificate"), false},
        {44, SPAN("certificate_revoked"), false},
        {45, SPAN("certificate_expired"), false},
        {46, SPAN("certificate_unknown"), false},
        {47, SPAN("illegal_parameter"), false},
        {48, SPAN("unknown_ca"), false},
        {49, SPAN("access_denied"), false},
        {50, SPAN("decode_error"), false},
        {51, SPAN("decrypt_error"), false},
        {52, SPAN("too_many_cids_requested"), true},
        {60, SPAN("export_restriction_RESERVED"), false},
        {70, SPAN("protocol_version"), false},
        {71, SPAN("insufficient_security"), false},
        {80, SPAN("internal_error"), false},
        {86, SPAN("inappropriate_fallback"), false},
        {90, SPAN("user_canceled"), false},
        {100, SPAN("no_renegotiation"), false},
        {109, SPAN("missing_extension"), true},
        {110, SPAN("unsupported_extension"), false},
        {111, SPAN("certificate_unobtainable"), false},
        {112, SPAN("unrecognized_name"), false},
        {113, SPAN("bad_certificate_status_response"), false},
        {114, SPAN("bad_certificate_hash_value"), false},
        {115, SPAN("unknown_psk_identity"), false},
        {116, SPAN("certificate_required"), true},
        {120, SPAN("no_application_protocol"), true},
        {121, SPAN("ech_required"), true},
    };
    return in_list(alerts, COUNT(alerts), code, compat);
}

struct span tls_ocsp_name(unsigned status)
{
    static const struct span names[] = {
        SPAN("successful"), SPAN("malformedRequest"), SPAN("internalError"), SPAN("tryLater"),
        {NULL, 0},          SPAN("sigRequired"),      SPAN("unauthorized")};
    return status < COUNT(names) ? names[status] : span_of(NULL, 0);
}

size_t tls_version_text(unsigned version, uint8_t to[TLS_VERSION_TEXT])
{
    unsigned major = version >> 8 & 0xff, minor = version & 0xff;
    struct pen pen = pen_of(to, TLS_VERSION_TEXT);
    uint8_t digits[TEXT_NUMBER];
    if (version == 0x0300) {
        pen_raw(&pen, (struct span)SPAN("SSL 3.0"));
    } else if (major == 3) {
        pen_raw(&pen, (struct span)SPAN("TLS 1."));
        pen_raw(&pen, span_of(digits, text_unsigned(digits, minor - 1)));
    } else {
        pen_raw(&pen, (struct span)SPAN("(raw "));
        pen_raw(&pen, span_of(digits, text_unsigned(digits, major)));
        pen_byte(&pen, '.');
        pen_raw(&pen, span_of(digits, text_unsigned(digits, minor)));
        pen_byte(&pen, ')');
    }
    return pen_written(&pen).len;
}

void tls_names_put(struct pen *to, struct span name, unsigned number, unsigned digits)
{
    if (name.len) {
        pen_raw(to, name);
        return;
    }
    pen_raw(to, (struct span)SPAN("(unknown:0x"));
    while (digits--)
        pen_byte(to, (uint8_t) "0123456789abcdef"[number >> 4 * digits & 15]);
    pen_byte(to, ')');
}
