// SPDX-License-Identifier: Apache-2.0
// `ssl.*` of an output: what it says, checked and read from files once, and put on libcurl's
// handles. What libcurl has no option for (trust by fingerprint, pins on the verified chain, a name
// that must be in subjectAltName) is done in OpenSSL's own verification.
#pragma once

#include <curl/curl.h>

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
