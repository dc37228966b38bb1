// SPDX-License-Identifier: Apache-2.0
// TLS and certificates put together by hand, for the tests of these files: bytes, vectors with
// their lengths in front, messages, records, DER.
#pragma once

#include <assert.h>
#include <stdio.h>

#include "pipeline/base/span.h"

struct bytes {
    size_t len;
    uint8_t at[128 << 10];
};

static inline struct span bytes_span(const struct bytes *b)
{
    return span_of(b->at, b->len);
}

static inline void add(struct bytes *b, const void *more, size_t len)
{
    assert(b->len + len <= sizeof b->at);
    if (len)
        memcpy(b->at + b->len, more, len);
    b->len += len;
}

static inline void add_text(struct bytes *b, const char *text)
{
    add(b, text, strlen(text));
}

static inline void add_number(struct bytes *b, uint64_t number, int size)
{
    while (size--) {
        uint8_t byte = (uint8_t)(number >> 8 * size);
        add(b, &byte, 1);
    }
}

// Everything from `start` on becomes a vector: its length, in `size` bytes, goes in front.
static inline void wrap(struct bytes *b, size_t start, int size)
{
    size_t len = b->len - start;
    add_number(b, 0, size);
    memmove(b->at + start + size, b->at + start, len);
    for (int i = 0; i < size; i++)
        b->at[start + (size_t)i] = (uint8_t)(len >> 8 * (size - 1 - i));
}

// ── TLS ──

// Numbers of two bytes each, ended by -1, as a vector.
static inline void add_list(struct bytes *b, const int *numbers)
{
    size_t start = b->len;
    for (; *numbers >= 0; numbers++)
        add_number(b, (uint64_t)*numbers, 2);
    wrap(b, start, 2);
}

static inline void add_extension(struct bytes *b, unsigned type, const void *data, size_t len)
{
    add_number(b, type, 2);
    add_number(b, len, 2);
    add(b, data, len);
}

// One whose data is a list of numbers.
static inline void add_extension_list(struct bytes *b, unsigned type, const int *numbers)
{
    add_number(b, type, 2);
    size_t start = b->len;
    add_list(b, numbers);
    wrap(b, start, 2);
}

static inline void add_server_name(struct bytes *b, const char *name)
{
    add_number(b, 0, 2);
    size_t extension = b->len, list = extension;
    add_number(b, 0, 1);
    size_t start = b->len;
    add_text(b, name);
    wrap(b, start, 2);
    wrap(b, list, 2);
    wrap(b, extension, 2);
}

// Protocols with their lengths in front: "\2h2\10http/1.1".
static inline void add_alpn(struct bytes *b, const char *names)
{
    add_number(b, 16, 2);
    size_t start = b->len, list = start;
    add_text(b, names);
    wrap(b, list, 2);
    wrap(b, start, 2);
}

static inline void add_random(struct bytes *b, uint8_t fill)
{
    for (int i = 0; i < 32; i++)
        add(b, &fill, 1);
}

// The body of a client's hello.
static inline void add_client_hello(struct bytes *b, unsigned version, const char *session_id,
                                    const int *suites, const struct bytes *extensions)
{
    add_number(b, version, 2);
    add_random(b, 0xc1);
    add_number(b, strlen(session_id), 1);
    add_text(b, session_id);
    add_list(b, suites);
    add_number(b, 0x0100, 2); // one method: none
    if (!extensions)
        return;
    size_t start = b->len;
    add(b, extensions->at, extensions->len);
    wrap(b, start, 2);
}

static inline void add_server_hello(struct bytes *b, unsigned version, const char *session_id,
                                    unsigned suite, const struct bytes *extensions)
{
    add_number(b, version, 2);
    add_random(b, 0x5e);
    add_number(b, strlen(session_id), 1);
    add_text(b, session_id);
    add_number(b, suite, 2);
    add_number(b, 0, 1);
    if (!extensions)
        return;
    size_t start = b->len;
    add(b, extensions->at, extensions->len);
    wrap(b, start, 2);
}

static inline void add_message(struct bytes *b, uint8_t type, struct span body)
{
    add(b, &type, 1);
    add_number(b, body.len, 3);
    add(b, body.at, body.len);
}

static inline void add_record(struct bytes *b, uint8_t type, struct span body)
{
    add(b, &type, 1);
    add_number(b, 0x0303, 2);
    add_number(b, body.len, 2);
    add(b, body.at, body.len);
}

// ── DER ──

// Everything from `start` on becomes an element.
static inline void der_wrap(struct bytes *b, size_t start, uint8_t tag)
{
    size_t len = b->len - start, head = len < 0x80 ? 2 : len < 0x100 ? 3 : len < 0x10000 ? 4 : 5;
    add_number(b, 0, (int)head);
    memmove(b->at + start + head, b->at + start, len);
    uint8_t *at = b->at + start;
    *at++ = tag;
    if (head > 2)
        *at++ = (uint8_t)(0x80 | (head - 2));
    for (size_t i = head > 2 ? head - 2 : 1; i--;)
        *at++ = (uint8_t)(len >> 8 * i);
}

static inline void der_add(struct bytes *b, uint8_t tag, const void *content, size_t len)
{
    size_t start = b->len;
    add(b, content, len);
    der_wrap(b, start, tag);
}

// What a certificate made here consists of; NULL and 0: something usual.
struct certificate {
    const struct bytes *subject, *issuer, *key, *extensions; // whole elements
    const char *serial;                                      // bytes
    size_t serial_len;
    const char *signature; // object identifier, with its length
    size_t signature_len;
    const char *not_before, *not_after;
    int version; // -1: not said
};

// A part of a name: attribute 2.5.4.`type`, as a string with this tag.
static inline void add_part(struct bytes *b, uint8_t type, uint8_t tag, const char *text)
{
    size_t set = b->len, pair = set;
    uint8_t oid[] = {0x55, 4, type};
    der_add(b, 0x06, oid, sizeof oid);
    der_add(b, tag, text, strlen(text));
    der_wrap(b, pair, 0x30);
    der_wrap(b, set, 0x31);
}

static inline void add_plain_name(struct bytes *b, const char *common_name)
{
    size_t start = b->len;
    add_part(b, 3, 0x0c, common_name);
    der_wrap(b, start, 0x30);
}

static inline void add_plain_key(struct bytes *b)
{
    size_t start = b->len, algorithm = start;
    der_add(b, 0x06, "\x2b\x65\x70", 3); // Ed25519
    der_wrap(b, algorithm, 0x30);
    der_add(b, 0x03, "\0key", 4);
    der_wrap(b, start, 0x30);
}

static inline void add_time(struct bytes *b, const char *time)
{
    der_add(b, strlen(time) == 13 ? 0x17 : 0x18, time, strlen(time));
}

static inline void add_element(struct bytes *b, const struct bytes *element)
{
    add(b, element->at, element->len);
}

static inline void add_certificate(struct bytes *b, const struct certificate *c)
{
    const char *signature = c->signature ? c->signature : "\x2b\x65\x70";
    size_t start = b->len, body = start;
    if (c->version >= 0) {
        uint8_t number = (uint8_t)(c->version ? c->version - 1 : 2);
        size_t version = b->len;
        der_add(b, 0x02, &number, 1);
        der_wrap(b, version, 0xa0);
    }
    der_add(b, 0x02, c->serial ? c->serial : "\5", c->serial ? c->serial_len : 1);
    for (int i = 0; i < 2; i++) {
        size_t algorithm = b->len;
        der_add(b, 0x06, signature, c->signature ? c->signature_len : 3);
        der_wrap(b, algorithm, 0x30);
        if (i == 1)
            break;
        c->issuer ? add_element(b, c->issuer) : add_plain_name(b, "issuer");
        size_t validity = b->len;
        add_time(b, c->not_before ? c->not_before : "250101000000Z");
        add_time(b, c->not_after ? c->not_after : "350101000000Z");
        der_wrap(b, validity, 0x30);
        c->subject ? add_element(b, c->subject) : add_plain_name(b, "subject");
        c->key ? add_element(b, c->key) : add_plain_key(b);
        if (c->extensions) {
            size_t extensions = b->len;
            add_element(b, c->extensions);
            der_wrap(b, extensions, 0xa3);
        }
        der_wrap(b, body, 0x30);
    }
    der_add(b, 0x03, "\0signature", 10);
    der_wrap(b, start, 0x30);
}

// The body of a certificate message.
static inline void add_certificates(struct bytes *b, const struct bytes *const *certificates)
{
    size_t start = b->len;
    for (; *certificates; certificates++) {
        add_number(b, (*certificates)->len, 3);
        add(b, (*certificates)->at, (*certificates)->len);
    }
    wrap(b, start, 3);
}
