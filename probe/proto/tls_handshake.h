// SPDX-License-Identifier: Apache-2.0
// The messages of a handshake (RFC 8446 section 4, RFC 5246 section 7.4) taken apart. Everything is
// a view on the bytes that were handed in.
//
//   client's hello:
//   │ version 2 │ random 32 │ session id 1+n │ suites 2+n │ methods 1+n │ extensions 2+n │
//   server's hello:
//   │ version 2 │ random 32 │ session id 1+n │ suite 2    │ method 1    │ extensions 2+n │
//   extension: │ type 2 │ data 2+n │
//
//   A client that could also do with SSL 2 said its first hello in the frame of that (RFC 5246
//   appendix E.2): lengths of what follows first, suites of three bytes.
//   │ 0x8000 + length 2 │ 1 │ version 2 │ 2 │ 2 │ 2 │ suites │ session id │ challenge │
#pragma once

#include "pipeline/base/reader.h"
#include "probe/endpoints.h"

enum tls_record {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_APPLICATION_DATA = 23,
    TLS_HEARTBEAT = 24,
    TLS_RECORD_HEADER = 5,
    TLS_RECORD_MOST = (1 << 14) + 2048, // bytes inside one, whatever was done to them
};

enum tls_message {
    TLS_HELLO_REQUEST = 0,
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_NEW_SESSION_TICKET = 4,
    TLS_CERTIFICATE = 11,
    TLS_SERVER_KEY_EXCHANGE = 12,
    TLS_CERTIFICATE_REQUEST = 13,
    TLS_SERVER_HELLO_DONE = 14,
    TLS_CERTIFICATE_VERIFY = 15,
    TLS_CLIENT_KEY_EXCHANGE = 16,
    TLS_CERTIFICATE_STATUS = 22,
    TLS_SUPPLEMENTAL_DATA = 23,
    TLS_NEXT_PROTOCOL = 67,
};

enum tls_extension_type {
    TLS_SERVER_NAME = 0,
    TLS_MAX_FRAGMENT_LENGTH = 1,
    TLS_CLIENT_CERTIFICATE_URL = 2,
    TLS_TRUSTED_CA_KEYS = 3,
    TLS_TRUNCATED_HMAC = 4,
    TLS_STATUS_REQUEST = 5,
    TLS_USER_MAPPING = 6,
    TLS_CLIENT_AUTHZ = 7,
    TLS_SERVER_AUTHZ = 8,
    TLS_CERT_TYPE = 9,
    TLS_SUPPORTED_GROUPS = 10,
    TLS_POINT_FORMATS = 11,
    TLS_SRP = 12,
    TLS_SIGNATURE_ALGORITHMS = 13,
    TLS_ALPN = 16,
    TLS_SESSION_TICKET = 35,
    TLS_PRE_SHARED_KEY = 41,
    TLS_SUPPORTED_VERSIONS = 43,
    TLS_KEY_SHARE = 51,
    TLS_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    TLS_RENEGOTIATION_INFO = 0xff01,
};

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

struct tls_hello {
    uint16_t version; // of the message itself; TLS 1.3 says 1.2 here
    struct span random, session_id;
    struct span suites, methods; // CLIENT: two bytes each, one byte each
    uint16_t suite;              // SERVER
    uint8_t method;
    struct span extensions;
};

struct tls_extension {
    uint16_t type;
    struct span data;
};

// False: it is no hello.
bool tls_hello_read(struct span message, enum side from, struct tls_hello *h);

enum {
    TLS_OLD_HEADER = 11,       // up to the suites
    TLS_OLD_SUITES_MOST = 256, // of a hello in the old frame; who names more is believed to lie
    TLS_OLD_HELLO = 64 + 2 * TLS_OLD_SUITES_MOST,
};

// The length of a hello in the old frame that begins here, its frame included; 0: it is none, or
// less than TLS_OLD_HEADER bytes of it are here.
uint32_t tls_old_hello_length(struct span first);
// The same hello as TLS has it; how many bytes it is. `frame` is whole.
size_t tls_old_hello(struct span frame, uint8_t to[TLS_OLD_HELLO]);

// The next extension; false: no more, or torn. Begin with reader_of(h->extensions).
bool tls_extension_next(struct reader *r, struct tls_extension *x);
// The data of the first of that type; `at` is NULL: there is none.
struct span tls_hello_extension(const struct tls_hello *h, unsigned type);

// The version that a server chose.
uint16_t tls_hello_version(const struct tls_hello *server);
// True for a server's hello that only asks for another one of the client (RFC 8446 section 4.1.3).
bool tls_hello_is_retry(const struct tls_hello *server);
// The key exchange that a server of TLS 1.3 chose; 0: none.
uint16_t tls_hello_group(const struct tls_hello *server);

// The list of 16-bit numbers in an extension, behind its own length; empty: not a list.
struct span tls_list(struct span data);
// The next one-byte-length string of such a list; false: no more.
bool tls_string_next(struct reader *r, struct span *string);
// The first host name of a server name extension; empty: none.
struct span tls_server_name(struct span data);

// The next certificate of a certificate message of TLS 1.2 and before; begin with
// tls_certificates(message). False: no more, or torn.
struct reader tls_certificates(struct span message);
bool tls_certificate_next(struct reader *r, struct span *certificate);
