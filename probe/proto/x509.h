// SPDX-License-Identifier: Apache-2.0
// What documents tell of a certificate (RFC 5280), read by walking its DER once: no key is
// imported, no signature checked, nothing allocated. OpenSSL's reader costs a hundred times as
// much.
//
//   Certificate ─┬ to be signed ─┬ [0] version, serial number, signature algorithm
//                │               ├ issuer, validity, subject, public key
//                │               └ [3] extensions ─▶ alternative names
//                ├ signature algorithm
//                └ signature
#pragma once

#include "pipeline/base/json.h"

// The attributes of a name that have a field of their own. Several of one kind are joined by a
// blank, but of common names and serial numbers the last counts.
enum x509_attribute {
    X509_COMMON_NAME,
    X509_COUNTRY,
    X509_LOCALITY,
    X509_ORGANIZATION,
    X509_ORGANIZATIONAL_UNIT,
    X509_POSTAL_CODE,
    X509_SERIAL_NUMBER,
    X509_STATE_OR_PROVINCE,
    X509_STREET_ADDRESS,
    X509_DISTINGUISHED_NAME, // the whole name, the last part first (RFC 4514)
    X509_ATTRIBUTES
};
extern const struct span x509_attribute_names[X509_ATTRIBUTES]; // as the fields are called

struct x509_name {
    struct span attribute[X509_ATTRIBUTES]; // empty: not there
};

enum x509_key { X509_OTHER_KEY, X509_RSA, X509_DSA, X509_ECDSA, X509_ED25519, X509_MORE_KEYS };

struct x509 {
    struct x509_name issuer, subject;
    struct span serial_number;     // decimal; empty: longer than X509_SERIAL_MOST
    struct span alternative_names; // a finished JSON list: names, mail, addresses; empty: none
    // SHA256-RSA, …; an algorithm without name is its object identifier in numbers. `known` says
    // whether the reference has a name for it.
    struct span signature_algorithm, key_algorithm;
    bool signature_known;
    enum x509_key key;
    uint32_t key_size;     // bits; 0 unknown
    uint64_t key_exponent; // of RSA; 0 unknown
    struct span key_curve; // of elliptic curves; empty: unknown
    unsigned version;
    uint8_t not_before[24], not_after[24]; // as 2025-01-01T00:00:00.000Z
};
enum { X509_TIME = 24 };

// Ceilings. What lies above is left out.
enum {
    X509_SERIAL_MOST = 64,    // bytes of a serial number
    X509_NAME_MOST = 64,      // attributes of a name
    X509_TEXT_MOST = 2048,    // bytes of a name as text, and of one attribute
    X509_NAMES_MOST = 1024,   // alternative names
    X509_NAMES_BYTES = 16384, // and their bytes as JSON
};

// Reads a certificate. Texts that are not views of `der` are put behind `texts`; one that finds no
// room is left out, and the pen is full then. False: it is no certificate.
bool x509_read(struct span der, struct pen *texts, struct x509 *c);
