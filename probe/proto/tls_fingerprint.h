// SPDX-License-Identifier: Apache-2.0
// Fingerprints of those who speak TLS, from their hellos: JA3 and JA3S (MD5 of lists of numbers),
// JA4 and JA4S (what can be read, then truncated SHA-256 of lists). Values that stand for nothing
// (RFC 8701) are left out.
//
//   JA3   version,suites,extensions,groups,point formats       JA3S   version,suite,extensions
//   JA4   t13d1516h2_suites_extensions+signatures, sorted       JA4S   t130200_1301_extensions
#pragma once

#include "probe/proto/tls_handshake.h"

enum {
    TLS_JA3_TEXT = 32,
    TLS_JA4_TEXT = 36,
    TLS_JA4S_TEXT = 25,
    TLS_JA4_MOST = 256, // suites, or extensions, of a hello that has a JA4
};

// Each writes to `to` and returns how many bytes; 0 (JA4): the lists are longer than those of any
// real client.
size_t tls_ja3(const struct tls_hello *client, uint8_t to[TLS_JA3_TEXT]);
size_t tls_ja3s(const struct tls_hello *server, uint8_t to[TLS_JA3_TEXT]);
size_t tls_ja4(const struct tls_hello *client, uint8_t to[TLS_JA4_TEXT]);
size_t tls_ja4s(const struct tls_hello *server, uint8_t to[TLS_JA4S_TEXT]);
