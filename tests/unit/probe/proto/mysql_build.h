// SPDX-License-Identifier: Apache-2.0
// MySQL packets put together by hand.
#pragma once

#include <assert.h>

#include "pipeline/base/span.h"

struct mysql_bytes {
    size_t len;
    uint8_t at[1 << 16];
};

static inline void put(struct mysql_bytes *b, const void *bytes, size_t len)
{
    assert(b->len + len <= sizeof b->at);
    memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static inline void put_number(struct mysql_bytes *b, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(number >> 8 * i);
        put(b, &byte, 1);
    }
}

static inline void put_text(struct mysql_bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

static inline void put_text_zero(struct mysql_bytes *b, const char *text)
{
    put(b, text, strlen(text) + 1);
}

// A text of at most 250 bytes behind its length.
static inline void put_string(struct mysql_bytes *b, const char *text)
{
    put_number(b, strlen(text), 1);
    put_text(b, text);
}

// Adds a packet around a payload.
static inline void put_packet(struct mysql_bytes *b, unsigned sequence, const void *payload,
                              size_t len)
{
    put_number(b, len, 3);
    put_number(b, sequence, 1);
    put(b, payload, len);
}

// The same around a literal.
#define put_literal(b, sequence, literal) put_packet(b, sequence, literal, sizeof(literal) - 1)

static inline void put_payload(struct mysql_bytes *b, unsigned sequence,
                               const struct mysql_bytes *payload)
{
    put_packet(b, sequence, payload->at, payload->len);
}

enum {
    CAN_41 = 0x200,
    CAN_DATABASE = 8,
    CAN_COMPRESS = 0x20,
    CAN_TLS = 0x800,
    CAN_SECURE = 0x8000,
    CAN_MYSQL = 1,
    CAN_PLUGIN = 1 << 19,
    CAN_ATTRIBUTES = 1 << 20,
    CAN_TRACK = 1 << 23,
    CAN_OMIT_EOF = 1 << 24,
    CAN_ZSTD = 1 << 26,
    CAN_QUERY_ATTRIBUTES = 1 << 27,
};
enum { USUAL = CAN_41 | CAN_DATABASE | CAN_SECURE | CAN_MYSQL | CAN_PLUGIN | CAN_ATTRIBUTES };

static inline void put_greeting(struct mysql_bytes *b)
{
    static struct mysql_bytes p;
    p.len = 0;
    put_number(&p, 10, 1);
    put_text_zero(&p, "8.4.2");
    put_number(&p, 42, 4);
    put(&p, "12345678", 9);
    put_number(&p, 0xffff, 2);
    put_number(&p, 255, 1);
    put_number(&p, 2, 2);
    put_number(&p, 0xffff, 2);
    put_number(&p, 21, 1);
    put(&p, "\0\0\0\0\0\0\0\0\0\0", 10);
    put(&p, "123456789012", 13);
    put_text_zero(&p, "caching_sha2_password");
    put_payload(b, 0, &p);
}

static inline void put_log_in(struct mysql_bytes *b, uint32_t capabilities)
{
    static struct mysql_bytes p;
    p.len = 0;
    put_number(&p, capabilities, 4);
    put_number(&p, 1 << 24, 4);
    put_number(&p, 255, 1);
    for (int i = 0; i < 23; i++)
        put_number(&p, 0, 1);
    put_text_zero(&p, "ann");
    put_string(&p, "the secret proof 1234567");
    if (capabilities & CAN_DATABASE)
        put_text_zero(&p, "shop");
    if (capabilities & CAN_PLUGIN)
        put_text_zero(&p, "mysql_native_password");
    if (capabilities & CAN_ATTRIBUTES) {
        put_number(&p, 1 + 5 + 1 + 4, 1);
        put_string(&p, "_name");
        put_string(&p, "unit");
    }
    put_payload(b, 1, &p);
}

static inline void put_outcome(struct mysql_bytes *b, unsigned sequence, unsigned first,
                               unsigned affected, unsigned id, unsigned status)
{
    static struct mysql_bytes p;
    p.len = 0;
    put_number(&p, first, 1);
    put_number(&p, affected, 1);
    put_number(&p, id, 1);
    put_number(&p, status, 2);
    put_number(&p, 0, 2);
    put_payload(b, sequence, &p);
}

static inline void put_end(struct mysql_bytes *b, unsigned sequence, unsigned status)
{
    const uint8_t end[5] = {0xfe, 0, 0, (uint8_t)status, (uint8_t)(status >> 8)};
    put_packet(b, sequence, end, sizeof end);
}

static inline void put_error(struct mysql_bytes *b, unsigned sequence, unsigned code,
                             const char *text)
{
    static struct mysql_bytes p;
    p.len = 0;
    put_number(&p, 0xff, 1);
    put_number(&p, code, 2);
    put_text(&p, text);
    put_payload(b, sequence, &p);
}

static inline void put_definition(struct mysql_bytes *b, unsigned sequence, const char *table,
                                  const char *name, unsigned type, unsigned flags)
{
    static struct mysql_bytes p;
    p.len = 0;
    put_string(&p, "def");
    put_string(&p, *table ? "shop" : "");
    put_string(&p, *table ? "alias" : "");
    put_string(&p, table);
    put_string(&p, name);
    put_string(&p, name);
    put_number(&p, 12, 1);
    put_number(&p, 33, 2);
    put_number(&p, 255, 4);
    put_number(&p, type, 1);
    put_number(&p, flags, 2);
    put_number(&p, 0, 3);
    put_payload(b, sequence, &p);
}

static inline void put_command(struct mysql_bytes *b, unsigned command, const char *text)
{
    static struct mysql_bytes p;
    p.len = 0;
    put_number(&p, command, 1);
    put_text(&p, text);
    put_payload(b, 0, &p);
}
