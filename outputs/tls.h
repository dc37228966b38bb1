// SPDX-License-Identifier: Apache-2.0
// `ssl.*` of an output: what it says, checked and read from files once, and put on libcurl's
// handles. What libcurl has no option for (trust by fingerprint, pins on the verified chain, a name
// that must be in subjectAltName) is done in OpenSSL's own verification.
#pragma once

#include <curl/curl.h>
#include <openssl/x509.h>

#include "config/setting.h"

enum tls_mode { TLS_FULL, TLS_STRICT, TLS_CERTIFICATE, TLS_NONE };

struct tls_settings {
    bool enabled;
    int mode;                                   // enum tls_mode
    struct setting_texts authorities;           // paths or PEM
    const char *certificate, *key, *passphrase; // path or PEM; of the client
    const char *trusted_fingerprint;            // SHA-256 of an authority, in hex
    struct setting_texts pins;                  // SHA-256 of public keys, in base64
    struct setting_texts protocols, ciphers, curves;
};
extern const struct setting tls_settings[];
bool tls_check(const struct tls_settings *s, struct error *why);

struct tls; // constant for all threads
// NULL: a file cannot be read; said in `why`.
struct tls *tls_open(const struct tls_settings *s, struct error *why);
void tls_close(struct tls *t);
// `t` must live as long as the handle.
void tls_apply(const struct tls *t, CURL *easy);

// For a library that has options of its own: what was read, PEM and OpenSSL's names. NULL or "":
// not given.
struct tls_parts {
    enum tls_mode mode;
    const char *authorities, *certificate, *key, *passphrase;
    const char *ciphers, *curves; // ciphers: up to TLS 1.2
    bool from_1_2;                // TLS 1.2 and 1.3 are both allowed, and nothing older
    bool checks;                  // tls_trusts, tls_pins, tls_names have something to say
};
struct tls_parts tls_lend(const struct tls *t);
bool tls_trusts(const struct tls *t, X509 *authority); // by its fingerprint
bool tls_has_pins(const struct tls *t);
bool tls_pins(const struct tls *t, X509 *one);   // its key is one of those pinned
bool tls_names(const struct tls *t, X509 *leaf); // its name stands where the mode wants it
