// SPDX-License-Identifier: Apache-2.0
// The names behind the numbers of TLS. All are constant texts that need no escaping in JSON; an
// empty one means that the number has no name and is shown as "(unknown:0x…)".
#pragma once

#include "pipeline/base/json.h"

// Values that clients send so that servers get used to unknown ones (RFC 8701).
static inline bool tls_is_grease(uint16_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

struct span tls_suite_name(unsigned suite);
// `compat`: only those that the reference knows, which ends before post-quantum key exchange.
typedef struct span tls_namer(unsigned number, bool compat);
tls_namer tls_group_name, tls_signature_name;
struct span tls_point_format_name(unsigned format);
struct span tls_compression_name(unsigned method);
struct span tls_alert_name(unsigned code, bool compat);
struct span tls_ocsp_name(unsigned status); // RFC 6960

// "TLS 1.2", "SSL 3.0", or "(raw 5.7)".
enum { TLS_VERSION_TEXT = 16 };
size_t tls_version_text(unsigned version, uint8_t to[TLS_VERSION_TEXT]);

// The name, or if it is empty "(unknown:0x0a1f)" with so many digits.
void tls_names_put(struct pen *to, struct span name, unsigned number, unsigned digits);
