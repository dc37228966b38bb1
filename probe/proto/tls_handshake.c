// SPDX-License-Identifier: Apache-2.0
// Messages of a handshake, taken apart.
#include "probe/proto/tls_handshake.h"

bool tls_hello_read(struct span message, enum side from, struct tls_hello *h)
{
    struct reader r = reader_of(message);
    *h = (struct tls_hello){.version = reader_be16(&r)};
    h->random = reader_bytes(&r, 32);
    h->session_id = reader_bytes(&r, reader_u8(&r));
    if (from == CLIENT) {
        h->suites = reader_bytes(&r, reader_be16(&r));
        h->methods = reader_bytes(&r, reader_u8(&r));
    } else {
        h->suite = reader_be16(&r);
        h->method = reader_u8(&r);
    }
    bool fine =
        reader_ok(&r) && h->version >> 8 == 3 && h->session_id.len <= 32 && h->suites.len % 2 == 0;
    if (reader_left(&r)) // before TLS 1.0 a hello could end here
        h->extensions = reader_bytes(&r, reader_be16(&r));
    return fine && reader_ok(&r);
}

// The header of a hello in the old frame.
struct old_hello {
    uint16_t suites, session_id, challenge; // bytes of each
};

static bool read_old_header(struct reader *r, struct old_hello *h)
{
    uint32_t length = reader_be16(r) & 0x7fff;
    uint8_t type = reader_u8(r), major = reader_u8(r);
    reader_skip(r, 1);
    h->suites = reader_be16(r);
    h->session_id = reader_be16(r);
    h->challenge = reader_be16(r);
    return reader_ok(r) && type == TLS_CLIENT_HELLO && major == 3 && h->suites &&
           h->suites % 3 == 0 && h->suites <= 3 * TLS_OLD_SUITES_MOST && h->session_id <= 32 &&
           h->challenge >= 16 && h->challenge <= 32 &&
           length == 9u + h->suites + h->session_id + h->challenge;
}

uint32_t tls_old_hello_length(struct span first)
{
    struct reader r = reader_of(first);
    struct old_hello h;
    if (!first.len || !(first.at[0] & 0x80) || !read_old_header(&r, &h))
        return 0;
    return (uint32_t)TLS_OLD_HEADER + h.suites + h.session_id + h.challenge;
}

size_t tls_old_hello(struct span frame, uint8_t to[TLS_OLD_HELLO])
{
    struct reader r = reader_of(frame);
    struct old_hello h;
    (void)read_old_header(&r, &h);
    struct span suites = reader_bytes(&r, h.suites);
    struct span session_id = reader_bytes(&r, h.session_id);
    struct span challenge = reader_bytes(&r, h.challenge);
    memcpy(to, frame.at + 3, 2);
    memset(to + 2, 0, 32);
    memcpy(to + 34 - challenge.len, challenge.at, challenge.len);
    uint8_t *at = to + 34;
    *at++ = (uint8_t)session_id.len;
    memcpy(at, session_id.at, session_id.len);
    uint8_t *count = at += session_id.len;
    at += 2;
    for (size_t i = 0; i < suites.len; i += 3) // those that begin with something else are of SSL 2
        if (suites.at[i] == 0) {
            memcpy(at, suites.at + i + 1, 2);
            at += 2;
        }
    size_t bytes = (size_t)(at - count) - 2;
    count[0] = (uint8_t)(bytes >> 8);
    count[1] = (uint8_t)bytes;
    memcpy(at, "\1", 2); // no compression
    return (size_t)(at - to) + 2;
}

bool tls_extension_next(struct reader *r, struct tls_extension *x)
{
    if (!reader_left(r))
        return false;
    x->type = reader_be16(r);
    x->data = reader_bytes(r, reader_be16(r));
    return reader_ok(r);
}

struct span tls_hello_extension(const struct tls_hello *h, unsigned type)
{
    struct reader r = reader_of(h->extensions);
    struct tls_extension x;
    while (tls_extension_next(&r, &x))
        if (x.type == type)
            return x.data;
    return span_of(NULL, 0);
}

static uint16_t number_at(struct span s)
{
    struct reader r = reader_of(s);
    return reader_be16(&r);
}

uint16_t tls_hello_version(const struct tls_hello *server)
{
    struct span chosen = tls_hello_extension(server, TLS_SUPPORTED_VERSIONS);
    return chosen.len == 2 ? number_at(chosen) : server->version;
}

bool tls_hello_is_retry(const struct tls_hello *server)
{
    // SHA-256 of "HelloRetryRequest"
    static const struct span retry =
        SPAN("\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
             "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c");
    return span_is(server->random, retry);
}

uint16_t tls_hello_group(const struct tls_hello *server)
{
    return number_at(tls_hello_extension(server, TLS_KEY_SHARE));
}

struct span tls_list(struct span data)
{
    struct reader r = reader_of(data);
    struct span list = reader_bytes(&r, reader_be16(&r));
    return reader_ok(&r) && !reader_left(&r) ? list : span_of(NULL, 0);
}

bool tls_string_next(struct reader *r, struct span *string)
{
    if (!reader_left(r))
        return false;
    *string = reader_bytes(r, reader_u8(r));
    return reader_ok(r);
}

struct span tls_server_name(struct span data)
{
    struct reader r = reader_of(data), list = reader_of(reader_bytes(&r, reader_be16(&r)));
    while (reader_left(&list)) {
        uint8_t type = reader_u8(&list);
        struct span name = reader_bytes(&list, reader_be16(&list));
        if (type == 0)
            return name;
    }
    return span_of(NULL, 0);
}

struct reader tls_certificates(struct span message)
{
    struct reader r = reader_of(message);
    return reader_of(span_first(span_skip(message, 3), reader_be24(&r)));
}

bool tls_certificate_next(struct reader *r, struct span *certificate)
{
    if (!reader_left(r))
        return false;
    *certificate = reader_bytes(r, reader_be24(r));
    return reader_ok(r);
}
