// SPDX-License-Identifier: Apache-2.0
// What the TLS files share: the settings, what a transaction keeps of a handshake, and the fields
// of the documents. tls.c follows the conversation, tls_publish.c makes the documents,
// tls_extensions.c the part of them that shows extensions.
#pragma once

#include "config/setting.h"
#include "pipeline/event.h"
#include "probe/conn.h"
#include "probe/proto/digest.h"
#include "probe/proto/tls_handshake.h"

enum tls_field {
    TLS_FIELDS_BEGIN = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/tls.def"
#undef FIELD
    TLS_FIELDS_END
};
extern const struct field_table tls_table;

struct tls_settings {
    bool send_certificates, include_raw_certificates, include_detailed_fields;
    struct setting_texts fingerprints;
    bool fingerprint[DIGESTS]; // of the above
};

enum {
    TLS_HELLO_KEPT = 64 << 10,        // bytes kept of a hello
    TLS_CERTIFICATES_KEPT = 64 << 10, // and of one side's certificates; the rest is not shown
    TLS_ALERTS_KEPT = 8,
};

struct tls_alert {
    uint8_t from, severity, code;
};

// One handshake, as far as documents want it. Sides are those that TLS gives: CLIENT said hello
// first, whoever opened the connection.
struct tls_session {
    struct chain hello[2];        // whole once `greeted`
    struct chain certificates[2]; // bodies of the certificate messages
    struct chain status;          // beginning of the certificate status
    struct chain exchange;        // beginning of the server's key exchange
    struct tls_alert alerts[TLS_ALERTS_KEPT];
    uint8_t alert_count;
    bool greeted[2];  // its hello came
    bool encrypts[2]; // it changed to the keys that were agreed on
    bool exchanged;   // a key exchange message was seen
    bool requested;   // the server wants a certificate
    bool retried;     // the server asked for another hello
    bool established;
    uint16_t version; // that the server chose; 0: not yet
    uint16_t retry_group;
    enum side first; // who sent the first byte, by the conn's sides
    bool turned;     // the conn's CLIENT is SERVER here
};

// ── tls_publish.c ──

bool tls_publish(const struct conn *c, const struct transaction *t, struct event *e);

// ── tls_extensions.c ──

// Puts the extensions of one side's hello into the document.
void tls_extensions_publish(struct event *e, enum side from, const struct tls_hello *hello,
                            bool compat);
