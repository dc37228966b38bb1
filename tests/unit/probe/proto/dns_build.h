// SPDX-License-Identifier: Apache-2.0
// Puts DNS messages together for tests, byte by byte.
#pragma once

#include <stdint.h>
#include <string.h>

struct build {
    uint8_t bytes[66000];
    size_t len;
};

static inline void build_bytes(struct build *b, const void *bytes, size_t len)
{
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static inline void build_8(struct build *b, unsigned n)
{
    b->bytes[b->len++] = (uint8_t)n;
}

static inline void build_16(struct build *b, unsigned n)
{
    build_8(b, n >> 8);
    build_8(b, n);
}

static inline void build_32(struct build *b, uint32_t n)
{
    build_16(b, n >> 16);
    build_16(b, n);
}

// "www.example.com"; "" is the root.
static inline void build_name(struct build *b, const char *name)
{
    while (*name) {
        size_t len = strcspn(name, ".");
        build_8(b, (unsigned)len);
        build_bytes(b, name, len);
        name += len + (name[len] == '.');
    }
    build_8(b, 0);
}

static inline void build_header(struct build *b, unsigned id, unsigned flags, unsigned questions,
                                unsigned answers, unsigned authorities, unsigned additionals)
{
    b->len = 0;
    build_16(b, id);
    build_16(b, flags);
    build_16(b, questions);
    build_16(b, answers);
    build_16(b, authorities);
    build_16(b, additionals);
}

static inline void build_question(struct build *b, const char *name, unsigned type)
{
    build_name(b, name);
    build_16(b, type);
    build_16(b, 1);
}

// A record whose owner is the question's name (a pointer to byte 12), up to its data's length.
static inline void build_record(struct build *b, unsigned type, uint32_t ttl, unsigned data_len)
{
    build_16(b, 0xc00c);
    build_16(b, type);
    build_16(b, 1);
    build_32(b, ttl);
    build_16(b, data_len);
}

static inline void build_data(struct build *b, unsigned type, const void *data, size_t len)
{
    build_record(b, type, 300, (unsigned)len);
    build_bytes(b, data, len);
}

// The EDNS record: 1232 bytes, no options.
static inline void build_opt(struct build *b, uint32_t ttl)
{
    build_8(b, 0);
    build_16(b, 41);
    build_16(b, 1232);
    build_32(b, ttl);
    build_16(b, 0);
}

// A whole question for an address, and its answer.
static inline void build_ask(struct build *b, unsigned id, const char *name)
{
    build_header(b, id, 0x0100, 1, 0, 0, 0);
    build_question(b, name, 1);
}

static inline void build_reply(struct build *b, unsigned id, const char *name)
{
    build_header(b, id, 0x8180, 1, 1, 0, 0);
    build_question(b, name, 1);
    build_data(b, 1, "\xc0\x00\x02\x01", 4);
}

// The same message with the length that TCP wants in front, behind what is there.
static inline void build_framed(struct build *to, const struct build *message)
{
    build_16(to, (unsigned)message->len);
    build_bytes(to, message->bytes, message->len);
}
