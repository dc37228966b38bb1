// SPDX-License-Identifier: Apache-2.0
// Values of EDNS options, in the words of the reference's library where it knows the option: its
// users search for them.
#include "probe/proto/dns_edns.h"

#include "pipeline/base/text.h"
#include "probe/proto/dns_names.h"
#include "probe/proto/dns_text.h"

bool dns_edns_next(struct reader *options, struct dns_option *o)
{
    if (!reader_left(options))
        return false;
    o->code = reader_be16(options);
    o->value = reader_bytes(options, reader_be16(options));
    return reader_ok(options);
}

static void put_number(struct pen *to, uint64_t number, bool first)
{
    if (!first)
        pen_byte(to, ' ');
    pen_unsigned(to, number);
}

// Long-lived queries, RFC 8764: version, opcode, error, id, lease.
static void put_llq(struct pen *to, struct reader r)
{
    uint64_t version = reader_be16(&r), opcode = reader_be16(&r), error = reader_be16(&r);
    uint64_t id = reader_be64(&r), lease = reader_be32(&r);
    if (!reader_ok(&r))
        return;
    put_number(to, version, true);
    put_number(to, opcode, false);
    put_number(to, error, false);
    put_number(to, id, false);
    put_number(to, lease, false);
}

// Update leases, RFC 9664: lease and, perhaps, that of the key.
static void put_lease(struct pen *to, struct reader r)
{
    uint32_t lease = reader_be32(&r), key = reader_left(&r) ? reader_be32(&r) : 0;
    if (!reader_ok(&r))
        return;
    put_number(to, lease, true);
    put_number(to, key, false);
}

// RFC 7871: "192.0.2.0/24/0", an IPv6 address in brackets.
static void put_subnet(struct pen *to, struct reader r)
{
    unsigned family = reader_be16(&r), source = reader_u8(&r), scope = reader_u8(&r);
    struct span part = reader_rest(&r);
    uint8_t address[16] = {0}, text[TEXT_IP];
    size_t size = family == 2 ? 16 : 4;
    if (!reader_ok(&r) || family > 2 || part.len > size)
        return;
    if (part.len)
        memcpy(address, part.at, part.len);
    size_t len = text_ip(text, address, family == 2 ? 6 : 4);
    if (family == 2)
        pen_byte(to, '[');
    pen_raw(to, span_of(text, len));
    if (family == 2)
        pen_byte(to, ']');
    pen_byte(to, '/');
    pen_unsigned(to, source);
    pen_byte(to, '/');
    pen_unsigned(to, scope);
}

// Algorithms that are understood, RFC 6975; each name stands behind a blank.
static void put_algorithms(struct pen *to, struct reader r, struct span (*name)(unsigned number))
{
    while (reader_left(&r)) {
        unsigned number = reader_u8(&r);
        pen_byte(to, ' ');
        dns_names_put(to, name(number), number);
    }
}

// RFC 7314: seconds.
static void put_expire(struct pen *to, struct reader r)
{
    uint32_t seconds = reader_be32(&r);
    if (reader_ok(&r))
        pen_unsigned(to, seconds);
}

// RFC 8914: "CODE: NAME: (TEXT)"; name and text may be missing.
static void put_error(struct pen *to, struct reader r)
{
    unsigned code = reader_be16(&r);
    struct span text = reader_rest(&r), name = dns_error_name(code);
    if (!reader_ok(&r))
        return;
    pen_unsigned(to, code);
    if (name.len)
        pen_raw(to, (struct span)SPAN(": "));
    pen_raw(to, name);
    if (!text.len)
        return;
    pen_raw(to, (struct span)SPAN(": ("));
    pen_raw(to, text);
    pen_byte(to, ')');
}

static void put_local(struct pen *to, const struct dns_option *o)
{
    pen_unsigned(to, o->code);
    pen_raw(to, (struct span)SPAN(":0x"));
    dns_put_hex(to, o->value, false);
}

void dns_edns_text(struct pen *to, const struct dns_option *o)
{
    struct reader r = reader_of(o->value);
    switch (o->code) {
    case DNS_OPTION_LLQ:
        put_llq(to, r);
        return;
    case DNS_OPTION_UL:
        put_lease(to, r);
        return;
    case DNS_OPTION_NSID:
    case DNS_OPTION_COOKIE:
        dns_put_hex(to, o->value, false);
        return;
    case DNS_OPTION_DAU:
        put_algorithms(to, r, dns_algorithm_name);
        return;
    case DNS_OPTION_DHU:
    case DNS_OPTION_N3U:
        put_algorithms(to, r, dns_digest_name);
        return;
    case DNS_OPTION_SUBNET:
        put_subnet(to, r);
        return;
    case DNS_OPTION_EXPIRE:
        put_expire(to, r);
        return;
    case DNS_OPTION_ERROR:
        put_error(to, r);
        return;
    default:
        put_local(to, o);
    }
}
