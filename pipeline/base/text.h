// SPDX-License-Identifier: Apache-2.0
// Numbers, addresses, times and encodings as text, and back. Writers take a place that is large
// enough (the constant beside each says how large) and return how many bytes they wrote; none ends
// with zero.
#pragma once

#include "pipeline/base/span.h"

enum {
    TEXT_NUMBER = 20, // the longest 64-bit decimal, sign included
    TEXT_IP = 45,     // the longest IPv6 address
    TEXT_MAC = 17,    // AA-BB-CC-DD-EE-FF
    TEXT_TIME = 30,   // 2025-01-01T00:00:00.123456789Z
    TEXT_SECOND = 20, // 2025-01-01T00:00:00.
};

// An address as it stands in a packet. family: 4, 6, or 0 for none.
struct ip {
    uint8_t family;
    uint8_t bytes[16]; // IPv4 uses the first four
};

size_t text_unsigned(uint8_t *to, uint64_t number);
size_t text_signed(uint8_t *to, int64_t number);
// RFC 5952 for IPv6.
size_t text_ip(uint8_t *to, const uint8_t *bytes, int family);
// Upper-case hexadecimal with dashes, as ECS wants it.
size_t text_mac(uint8_t *to, const uint8_t bytes[6]);
// RFC 3339 in UTC; `digits` of the second: 3, 6 or 9, cut, not rounded. Of nine, zeros at the end
// are left out, but for the first three. Any 64-bit time has a text.
size_t text_time(uint8_t *to, int64_t nanoseconds, int digits);
// The same for times most of which lie in the second, and nearly all on the day, of the one before:
// `last` remembers its text. Zeroed to begin with.
struct text_second {
    int64_t second;
    int64_t midnight; // second in which its day began
    uint8_t text[TEXT_SECOND];
};
size_t text_time_near(uint8_t *to, int64_t nanoseconds, int digits, struct text_second *last);
// Two lower- or upper-case digits a byte; `to` holds 2 × len.
size_t text_hex(uint8_t *to, struct span bytes, bool upper);
// RFC 4648 section 4; `to` holds 4 × (len + 2) / 3.
size_t text_base64(uint8_t *to, struct span bytes, bool padded);

// A letter of ASCII in the other case; any other byte as it is.
static inline uint8_t text_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}
static inline uint8_t text_upper(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte & ~0x20) : byte;
}

// What a hexadecimal digit stands for; -1: it is none.
static inline int text_hex_digit(uint8_t byte)
{
    uint8_t letter = byte | 0x20;
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// False (and *out untouched) unless the whole text is one address.
bool text_to_ip(struct span text, struct ip *out);
// Decodes into `to` (3 × len / 4 + 3 bytes); -1 when it is not base64. Padding may be missing.
ptrdiff_t text_from_base64(uint8_t *to, struct span text);
// "1500ms", "10s", "1m30s", "1.5h", "100us", "5ns", "-1s", a bare number in seconds. False: none of
// these, or more than 64 bits.
bool text_to_duration(struct span text, int64_t *nanoseconds);

// Bytes at the start that are whole, valid UTF-8 (RFC 3629), for cutting a text without breaking a
// character.
size_t text_utf8_whole(struct span s);

// Length of the UTF-8 character at the start of `s`, which must not be empty. If it is broken
// *whole is false, and the length is that of the maximal subpart (Unicode 15, table 3-8): what one
// U+FFFD stands for.
size_t text_utf8_character(struct span s, bool *whole);
