// SPDX-License-Identifier: Apache-2.0
// Bytes of records as text. All lengths come through the reader; what finds no room in the pen is
// left out, which the pen remembers.
#include "probe/proto/dns_text.h"

#include "pipeline/base/text.h"
#include "probe/proto/dns_names.h"

struct dns_source dns_source_of(struct span message, const struct dns_record *r)
{
    return (struct dns_source){message,
                               reader_of(span_first(span_skip(message, r->data), r->data_len))};
}

uint32_t dns_source_offset(const struct dns_source *s)
{
    return (uint32_t)(s->r.at - s->message.at);
}

// The name at the reader, into `to`; how many characters, 0 when it is none or leaves the data.
size_t dns_source_name(struct dns_source *s, uint8_t to[DNS_NAME_TEXT])
{
    uint32_t offset = dns_source_offset(s);
    size_t len = reader_ok(&s->r) ? dns_name_text(s->message, &offset, to) : 0;
    if (!len)
        reader_fail(&s->r);
    else
        reader_skip(&s->r, offset - dns_source_offset(s));
    return len;
}

// The next string of RFC 1035 section 3.3: a length byte, then so many bytes.
struct span dns_source_string(struct dns_source *s)
{
    return reader_bytes(&s->r, reader_u8(&s->r));
}

void dns_put(struct pen *to, const char *text)
{
    pen_raw(to, span_text(text));
}

static void put_decimal(struct pen *to, uint8_t byte)
{
    uint8_t text[4] = {'\\', (uint8_t)('0' + byte / 100), (uint8_t)('0' + byte / 10 % 10),
                       (uint8_t)('0' + byte % 10)};
    pen_raw(to, span_of(text, sizeof text));
}

void dns_put_escaped(struct pen *to, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t byte = s.at[i];
        if (byte < ' ' || byte > '~') {
            put_decimal(to, byte);
            continue;
        }
        if (byte == '"' || byte == '\\')
            pen_byte(to, '\\');
        pen_byte(to, byte);
    }
}

void dns_put_raw(struct pen *to, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char *white = s.at[i] == '\t'   ? "\\t"
                            : s.at[i] == '\r' ? "\\r"
                            : s.at[i] == '\n' ? "\\n"
                                              : NULL;
        if (white)
            dns_put(to, white);
        else
            dns_put_escaped(to, span_of(s.at + i, 1));
    }
}

void dns_put_hex(struct pen *to, struct span s, bool upper)
{
    for (struct span part; (part = span_first(s, 32)).len; s = span_skip(s, part.len)) {
        uint8_t text[64];
        pen_raw(to, span_of(text, text_hex(text, part, upper)));
    }
}

void dns_put_base64(struct pen *to, struct span s)
{
    for (struct span part; (part = span_first(s, 48)).len; s = span_skip(s, part.len)) {
        uint8_t text[68];
        pen_raw(to, span_of(text, text_base64(text, part, true)));
    }
}

void dns_put_base32(struct pen *to, struct span s)
{
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < s.len; i++) {
        bits = bits << 8 | s.at[i];
        for (held += 8; held >= 5; held -= 5)
            pen_byte(to, (uint8_t) "0123456789ABCDEFGHIJKLMNOPQRSTUV"[bits >> (held - 5) & 31]);
    }
    if (held)
        pen_byte(to, (uint8_t) "0123456789ABCDEFGHIJKLMNOPQRSTUV"[bits << (5 - held) & 31]);
}

void dns_put_ip(struct pen *to, struct span bytes)
{
    if ((bytes.len == 4 || bytes.len == 16) && pen_room(to, TEXT_IP))
        to->at += text_ip(to->at, bytes.at, bytes.len == 4 ? 4 : 6);
}

void dns_put_time(struct pen *to, uint32_t seconds)
{
    uint8_t text[TEXT_TIME], *digits = text;
    text_time(text, seconds * INT64_C(1000000000), 3); // 2025-01-01T00:00:00.000Z
    for (int i = 0; i < 19; i++)
        if (text[i] >= '0' && text[i] <= '9')
            *digits++ = text[i];
    pen_raw(to, span_of(text, (size_t)(digits - text)));
}

void dns_put_salt(struct pen *to, struct span salt)
{
    if (salt.len)
        dns_put_hex(to, salt, true);
    else
        pen_byte(to, '-');
}

void dns_put_type_bits(struct pen *to, struct reader *r)
{
    bool any = false;
    while (reader_left(r)) {
        unsigned window = reader_u8(r);
        struct span map = span_first(reader_bytes(r, reader_u8(r)), 32);
        for (unsigned i = 0; i < map.len; i++)
            for (unsigned bits = map.at[i]; bits;) {
                unsigned place = (unsigned)__builtin_clz(bits) - 24;
                unsigned type = window << 8 | i << 3 | place;
                bits &= ~(0x80u >> place);
                if (any)
                    pen_byte(to, ' ');
                any = true;
                dns_names_put(to, dns_type_name(type), type);
            }
    }
}
