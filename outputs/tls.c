// SPDX-License-Identifier: Apache-2.0
// Settings of TLS in the reference's names, for libcurl with OpenSSL.
#include "outputs/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "pipeline/base/text.h"

enum { DIGEST = 32, PINS = 16, FILE_MOST = 4 << 20, LIST = 2048 };

struct tls {
    enum tls_mode mode;
    char *authorities; // PEM, all together; NULL: the system's
    char *certificate, *key, *passphrase;
    bool trusts;
    uint8_t trusted[DIGEST];
    int pin_count;
    uint8_t pins[PINS][DIGEST];
    long versions;                                  // of CURLOPT_SSLVERSION
    char ciphers[LIST], suites[LIST], curves[LIST]; // OpenSSL's names, colons between; "" default
};

// ── settings ────────────────────────────────────────────────────────────────────────────────────

static const char *const modes[] = {"full", "strict", "certificate", "none", NULL};

#define AT(member) offsetof(struct tls_settings, member)

const struct setting tls_settings[] = {
    {.key = "enabled",
     .type = SETTING_BOOL,
     .offset = AT(enabled),
     .standard = "true",
     .meaning = "Whether the other settings of this section count"},
    {.key = "verification_mode",
     .type = SETTING_CHOICE,
     .offset = AT(mode),
     .standard = "full",
     .choices = modes,
     .meaning = "full: the chain and the host's name; strict: the name in subjectAltName, too; "
                "certificate: the chain only; none: anybody may answer"},
    {.key = "certificate_authorities",
     .type = SETTING_TEXTS,
     .offset = AT(authorities),
     .meaning = "Who may sign the server's certificate: paths, or PEM; unset: the system's list"},
    {.key = "certificate",
     .type = SETTING_TEXT,
     .offset = AT(certificate),
     .meaning = "Certificate of this client: a path, or PEM"},
    {.key = "key", .type = SETTING_TEXT, .offset = AT(key), .meaning = "Its key: a path, or PEM"},
    {.key = "key_passphrase",
     .type = SETTING_TEXT,
     .offset = AT(passphrase),
     .meaning = "What the key is encrypted with"},
    {.key = "ca_trusted_fingerprint",
     .type = SETTING_TEXT,
     .offset = AT(trusted_fingerprint),
     .meaning = "SHA-256 of an authority's certificate, in hex: trusted if the server sends it"},
    {.key = "ca_sha256",
     .type = SETTING_TEXTS,
     .offset = AT(pins),
     .meaning = "SHA-256 of public keys, in base64: one must be in the verified chain"},
    {.key = "supported_protocols",
     .type = SETTING_TEXTS,
     .offset = AT(protocols),
     .meaning = "TLSv1.1, TLSv1.2, TLSv1.3; unset: the last two"},
    {.key = "cipher_suites",
     .type = SETTING_TEXTS,
     .offset = AT(ciphers),
     .meaning = "By the reference's or OpenSSL's names; unset: OpenSSL's choice"},
    {.key = "curve_types",
     .type = SETTING_TEXTS,
     .offset = AT(curves),
     .meaning = "P-256, P-384, P-521, X25519; unset: OpenSSL's choice"},
    {.key = "renegotiation",
     .type = SETTING_UNUSED,
     .meaning = "Servers are never renegotiated with"},
    {.key = "restart_on_cert_change",
     .type = SETTING_UNUSED,
     .meaning = "Restart the service when certificates change"},
    SETTING_END,
};

// ── digests ─────────────────────────────────────────────────────────────────────────────────────

// Hexadecimal, with colons or without.
static bool fingerprint_read(const char *text, uint8_t out[DIGEST])
{
    size_t count = 0;
    for (; *text; text++) {
        if (*text == ':')
            continue;
        int high = text_hex_digit((uint8_t)text[0]),
            low = high < 0 ? -1 : text_hex_digit((uint8_t)text[1]);
        if (low < 0 || count == DIGEST)
            return false;
        out[count++] = (uint8_t)(high << 4 | low);
        text++;
    }
    return count == DIGEST;
}

static bool pin_read(const char *text, uint8_t out[DIGEST])
{
    uint8_t bytes[3 * 64 / 4 + 3];
    size_t len = strlen(text);
    if (len > 64 || text_from_base64(bytes, span_of(text, len)) != DIGEST)
        return false;
    memcpy(out, bytes, DIGEST);
    return true;
}

// ── names ───────────────────────────────────────────────────────────────────────────────────────

static bool version_read(const char *text, long *version)
{
    static const struct {
        const char *name;
        long version;
    } names[] = {{"TLSv1.0", CURL_SSLVERSION_TLSv1_0},
                 {"TLSv1", CURL_SSLVERSION_TLSv1_0},
                 {"TLSv1.1", CURL_SSLVERSION_TLSv1_1},
                 {"TLSv1.2", CURL_SSLVERSION_TLSv1_2},
                 {"TLSv1.3", CURL_SSLVERSION_TLSv1_3}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(names[i].name, text)) {
            *version = names[i].version;
            return true;
        }
    return false;
}

// From the lowest to the highest that is named.
static bool versions_read(const struct setting_texts *list, long *versions, struct error *why)
{
    long lowest = list->count ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
    long highest = list->count ? CURL_SSLVERSION_TLSv1_0 : CURL_SSLVERSION_TLSv1_3, version;
    for (int i = 0; i < list->count; i++) {
        if (!version_read(list->at[i], &version))
            return error_set(why, "ssl.supported_protocols: \"%s\" is none of TLSv1.0 to TLSv1.3",
                             list->at[i]);
        lowest = version < lowest ? version : lowest;
        highest = version > highest ? version : highest;
    }
    *versions = lowest | highest << 16; // CURL_SSLVERSION_MAX_… is the same number, higher up
    return true;
}

static void replace(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);
    if (!at)
        return;
    memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    memcpy(at, to, strlen(to));
}

// The reference's name of a suite ("ECDHE-RSA-AES-128-CBC-SHA") becomes OpenSSL's. True: of
// TLS 1.3.
static bool suite_name(const char *text, char to[128])
{
    snprintf(to, 128, "%s", text);
    if (!strncmp(to, "TLS-", 4) || !strncmp(to, "TLS_", 4)) {
        for (char *at = to; *at; at++)
            *at = *at == '-' ? '_' : *at;
        return true;
    }
    if (!strncmp(to, "RSA-", 4))
        replace(to, "RSA-", "");
    replace(to, "AES-128", "AES128");
    replace(to, "AES-256", "AES256");
    replace(to, "-CBC-SHA", "-SHA");
    replace(to, "3DES-EDE-SHA", "DES-CBC3-SHA");
    replace(to, "3DES-SHA", "DES-CBC3-SHA");
    replace(to, "RC4-128-SHA", "RC4-SHA");
    replace(to, "CHACHA20-POLY1305-DIGEST", "CHACHA20-POLY1305");
    return false;
}

static bool list_add(char list[LIST], const char *name, struct error *why)
{
    size_t used = strlen(list);
    if (used + strlen(name) + 2 > LIST)
        return error_set(why, "ssl: too many names in a list");
    snprintf(list + used, LIST - used, "%s%s", used ? ":" : "", name);
    return true;
}

static bool suites_read(struct tls *t, const struct tls_settings *s, struct error *why)
{
    char name[128];
    for (int i = 0; i < s->ciphers.count; i++) {
        bool new = suite_name(s->ciphers.at[i], name);
        if (!list_add(new ? t->suites : t->ciphers, name, why))
            return false;
    }
    for (int i = 0; i < s->curves.count; i++)
        if (!list_add(t->curves, s->curves.at[i], why))
            return false;
    return true;
}

// ── reading ─────────────────────────────────────────────────────────────────────────────────────

static bool is_pem(const char *text)
{
    return strstr(text, "-----BEGIN ") != NULL;
}

// Appends a file, or the PEM itself, and a line feed.
static bool pem_add(char **pem, const char *source, const char *setting, struct error *why)
{
    size_t used = *pem ? strlen(*pem) : 0, size = used + FILE_MOST + 2;
    char *larger = realloc(*pem, size);
    if (!larger)
        return error_set(why, "no memory for %s", setting);
    *pem = larger;
    if (is_pem(source)) {
        snprintf(larger + used, size - used, "%s\n", source);
        return true;
    }
    FILE *file = fopen(source, "re");
    if (!file)
        return error_set(why, "%s: cannot read %s: %s", setting, source, strerror(errno));
    size_t read = fread(larger + used, 1, FILE_MOST, file);
    memcpy(larger + used + read, "\n", 2);
    fclose(file);
    if (!is_pem(larger + used))
        return error_set(why, "%s: there is no PEM in %s", setting, source);
    larger = realloc(*pem, strlen(*pem) + 1);
    *pem = larger ? larger : *pem;
    return true;
}

static bool tls_read(struct tls *t, const struct tls_settings *s, struct error *why)
{
    t->mode = (enum tls_mode)s->mode;
    t->trusts = s->trusted_fingerprint && fingerprint_read(s->trusted_fingerprint, t->trusted);
    for (int i = 0; i < s->pins.count; i++)
        t->pin_count += pin_read(s->pins.at[i], t->pins[t->pin_count]);
    for (int i = 0; i < s->authorities.count; i++)
        if (!pem_add(&t->authorities, s->authorities.at[i], "ssl.certificate_authorities", why))
            return false;
    if (s->passphrase && !(t->passphrase = strdup(s->passphrase)))
        return error_set(why, "out of memory");
    return (!s->certificate || pem_add(&t->certificate, s->certificate, "ssl.certificate", why)) &&
           (!s->key || pem_add(&t->key, s->key, "ssl.key", why)) &&
           versions_read(&s->protocols, &t->versions, why) && suites_read(t, s, why);
}

bool tls_check(const struct tls_settings *s, struct error *why)
{
    struct tls trial = {.mode = TLS_FULL};
    uint8_t digest[DIGEST];
    if (s->trusted_fingerprint && !fingerprint_read(s->trusted_fingerprint, digest))
        return error_set(why, "ssl.ca_trusted_fingerprint: expected 64 hexadecimal digits");
    for (int i = 0; i < s->pins.count; i++)
        if (i == PINS || !pin_read(s->pins.at[i], digest))
            return error_set(why, "ssl.ca_sha256: expected at most %d SHA-256 digests in base64",
                             PINS);
    if (!s->certificate != !s->key)
        return error_set(why, "ssl.%s is missing: certificate and key belong together",
                         s->key ? "certificate" : "key");
    return versions_read(&s->protocols, &trial.versions, why) && suites_read(&trial, s, why);
}

struct tls *tls_open(const struct tls_settings *s, struct error *why)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t) {
        error_set(why, "no memory");
        return NULL;
    }
    static const struct tls_settings none = {.mode = TLS_FULL};
    if (tls_read(t, s->enabled ? s : &none, why))
        return t;
    tls_close(t);
    return NULL;
}

static void forget(char *secret)
{
    if (secret)
        OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void tls_close(struct tls *t)
{
    if (!t)
        return;
    free(t->authorities);
    free(t->certificate);
    forget(t->key);
    forget(t->passphrase);
    free(t);
}

// ── verification ────────────────────────────────────────────────────────────────────────────────

bool tls_trusts(const struct tls *t, X509 *authority)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    return t->trusts && X509_digest(authority, EVP_sha256(), digest, &len) && len == DIGEST &&
           !memcmp(digest, t->trusted, DIGEST) && X509_check_ca(authority) > 0;
}

// An authority that the server sends and whose fingerprint is trusted joins the store of this
// handshake; the usual verification follows.
static void trust_by_fingerprint(const struct tls *t, X509_STORE_CTX *c)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(c);
    for (int i = 0; t->trusts && i < sk_X509_num(sent); i++)
        if (tls_trusts(t, sk_X509_value(sent, i)))
            X509_STORE_add_cert(X509_STORE_CTX_get0_store(c), sk_X509_value(sent, i));
}

bool tls_has_pins(const struct tls *t)
{
    return t->pin_count > 0;
}

bool tls_pins(const struct tls *t, X509 *one)
{
    uint8_t *key = NULL, digest[DIGEST];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(one), &key);
    bool found = false;
    if (len > 0 && EVP_Digest(key, (size_t)len, digest, NULL, EVP_sha256(), NULL))
        for (int i = 0; i < t->pin_count; i++)
            found |= !memcmp(digest, t->pins[i], DIGEST);
    OPENSSL_free(key);
    return found;
}

static bool chain_has_pin(const struct tls *t, X509_STORE_CTX *c)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (tls_pins(t, sk_X509_value(chain, i)))
            return true;
    return t->pin_count == 0;
}

// OpenSSL and libcurl take the common name where there is no subjectAltName.
bool tls_names(const struct tls *t, X509 *leaf)
{
    return t->mode != TLS_STRICT || X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) >= 0;
}

static int verify(X509_STORE_CTX *c, void *arg)
{
    const struct tls *t = arg;
    trust_by_fingerprint(t, c);
    if (X509_verify_cert(c) <= 0)
        return 0;
    if (chain_has_pin(t, c) && tls_names(t, X509_STORE_CTX_get0_cert(c)))
        return 1;
    X509_STORE_CTX_set_error(c, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static CURLcode prepare(CURL *easy, void *context, void *arg)
{
    (void)easy;
    SSL_CTX_set_cert_verify_callback(context, verify, arg);
    return CURLE_OK;
}

// ── putting it on a handle ──────────────────────────────────────────────────────────────────────

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob = {(void *)pem, pem ? strlen(pem) : 0, CURL_BLOB_NOCOPY};
    if (pem)
        curl_easy_setopt(easy, option, &blob);
}

static void set_list(CURL *easy, CURLoption option, const char *list)
{
    if (*list)
        curl_easy_setopt(easy, option, list);
}

static bool has_checks(const struct tls *t)
{
    return t->trusts || t->pin_count || t->mode == TLS_STRICT;
}

struct tls_parts tls_lend(const struct tls *t)
{
    const long both = CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_TLSv1_3 << 16;
    return (struct tls_parts){.mode = t->mode,
                              .authorities = t->authorities,
                              .certificate = t->certificate,
                              .key = t->key,
                              .passphrase = t->passphrase,
                              .ciphers = t->ciphers,
                              .curves = t->curves,
                              .from_1_2 = t->versions == both,
                              .checks = has_checks(t)};
}

void tls_apply(const struct tls *t, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, t->mode == TLS_NONE ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, t->mode <= TLS_STRICT ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, t->versions);
    set_blob(easy, CURLOPT_CAINFO_BLOB, t->authorities);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, t->certificate);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, t->key);
    if (t->passphrase)
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, t->passphrase);
    set_list(easy, CURLOPT_SSL_CIPHER_LIST, t->ciphers);
    set_list(easy, CURLOPT_TLS13_CIPHERS, t->suites);
    set_list(easy, CURLOPT_SSL_EC_CURVES, t->curves);
    if (has_checks(t)) {
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, prepare);
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
    }
}
