// SPDX-License-Identifier: Apache-2.0
// Record types whose data has one text: a row in a table says what it is made of, letter by letter,
// and each letter has a writer. The same rows say where names lie when the bytes are shown.
#include "probe/proto/dns_present.h"

#include "probe/proto/dns_names.h"

static void put_quoted(struct pen *to, struct span s)
{
    pen_byte(to, '"');
    dns_put_escaped(to, s);
    pen_byte(to, '"');
}

static void write_u8(struct pen *to, struct dns_source *s)
{
    pen_unsigned(to, reader_u8(&s->r));
}

static void write_u16(struct pen *to, struct dns_source *s)
{
    pen_unsigned(to, reader_be16(&s->r));
}

static void write_u32(struct pen *to, struct dns_source *s)
{
    pen_unsigned(to, reader_be32(&s->r));
}

static void write_name(struct pen *to, struct dns_source *s)
{
    uint8_t name[DNS_NAME_TEXT];
    size_t len = dns_source_name(s, name);
    pen_raw(to, span_of(name, len));
    if (len && !(len == 1 && name[0] == '.'))
        pen_byte(to, '.');
}

// A name that is all there is to say loses its last dot, as with CNAME.
static void write_bare_name(struct pen *to, struct dns_source *s)
{
    uint8_t name[DNS_NAME_TEXT];
    pen_raw(to, span_of(name, dns_source_name(s, name)));
}

static void write_string(struct pen *to, struct dns_source *s)
{
    put_quoted(to, dns_source_string(s));
}

static void write_strings(struct pen *to, struct dns_source *s)
{
    while (reader_left(&s->r)) {
        put_quoted(to, dns_source_string(s));
        if (reader_left(&s->r))
            pen_byte(to, ' ');
    }
}

static void write_tag(struct pen *to, struct dns_source *s)
{
    dns_put_escaped(to, dns_source_string(s));
}

static void write_rest_quoted(struct pen *to, struct dns_source *s)
{
    put_quoted(to, reader_rest(&s->r));
}

static void write_rest_hex(struct pen *to, struct dns_source *s)
{
    dns_put_hex(to, reader_rest(&s->r), true);
}

static void write_rest_base64(struct pen *to, struct dns_source *s)
{
    dns_put_base64(to, reader_rest(&s->r));
}

static void write_type_bits(struct pen *to, struct dns_source *s)
{
    dns_put_type_bits(to, &s->r);
}

static void write_ipv4(struct pen *to, struct dns_source *s)
{
    dns_put_ip(to, reader_bytes(&s->r, 4));
}

static void put_groups(struct pen *to, struct span bytes, size_t group, uint8_t between)
{
    while (bytes.len) {
        dns_put_hex(to, span_first(bytes, group), false);
        bytes = span_skip(bytes, group);
        if (bytes.len)
            pen_byte(to, between);
    }
}

// RFC 6742.
static void write_locator(struct pen *to, struct dns_source *s)
{
    put_groups(to, reader_bytes(&s->r, 8), 2, ':');
}

// RFC 7043.
static void write_hardware(struct pen *to, struct dns_source *s)
{
    put_groups(to, reader_rest(&s->r), 1, '-');
}

// Address prefixes, RFC 3123: "1:192.0.2.0/24 !2:2001:db8::/32".
static void write_prefixes(struct pen *to, struct dns_source *s)
{
    while (reader_left(&s->r)) {
        unsigned family = reader_be16(&s->r), bits = reader_u8(&s->r), head = reader_u8(&s->r);
        struct span part = reader_bytes(&s->r, head & 0x7f);
        uint8_t address[16] = {0};
        size_t size = family == 1 ? 4 : 16;
        if (part.len > size || (family != 1 && family != 2)) {
            reader_fail(&s->r);
            return;
        }
        if (part.len)
            memcpy(address, part.at, part.len);
        if (head & 0x80)
            pen_byte(to, '!');
        pen_unsigned(to, family);
        pen_byte(to, ':');
        dns_put_ip(to, span_of(address, size));
        pen_byte(to, '/');
        pen_unsigned(to, bits);
        if (reader_left(&s->r))
            pen_byte(to, ' ');
    }
}

// ── where something is: LOC, RFC 1876 ──

static void put_padded(struct pen *to, uint32_t number, unsigned digits)
{
    for (uint32_t limit = digits == 3 ? 100 : 10; limit > 1 && number < limit; limit /= 10)
        pen_byte(to, '0');
    pen_unsigned(to, number);
}

// Thousandths of a second of arc, counted from 2^31.
static void put_angle(struct pen *to, uint32_t angle, const char *hemispheres)
{
    const uint32_t zero = UINT32_C(1) << 31;
    uint32_t size = angle >= zero ? angle - zero : zero - angle;
    pen_unsigned(to, size / 3600000);
    pen_byte(to, ' ');
    pen_unsigned(to, size / 60000 % 60);
    pen_byte(to, ' ');
    pen_unsigned(to, size / 1000 % 60);
    pen_byte(to, '.');
    put_padded(to, size % 1000, 3);
    pen_byte(to, ' ');
    pen_byte(to, (uint8_t)hemispheres[angle < zero]);
    pen_byte(to, ' ');
}

static void put_metres(struct pen *to, uint64_t centimetres)
{
    pen_unsigned(to, centimetres / 100);
    if (centimetres % 100) {
        pen_byte(to, '.');
        put_padded(to, (uint32_t)(centimetres % 100), 2);
    }
    pen_byte(to, 'm');
}

// A digit and a power of ten, in centimetres.
static void put_precision(struct pen *to, uint8_t packed)
{
    uint64_t size = packed >> 4;
    for (int power = packed & 15; power; power--)
        size *= 10;
    pen_byte(to, ' ');
    put_metres(to, size);
}

static void write_location(struct pen *to, struct dns_source *s)
{
    if (reader_u8(&s->r)) // no other version is known
        reader_fail(&s->r);
    uint8_t size = reader_u8(&s->r), across = reader_u8(&s->r), up = reader_u8(&s->r);
    uint32_t latitude = reader_be32(&s->r), longitude = reader_be32(&s->r);
    int64_t altitude = (int64_t)reader_be32(&s->r) - 10000000;
    put_angle(to, latitude, "NS");
    put_angle(to, longitude, "EW");
    if (altitude < 0)
        pen_byte(to, '-');
    put_metres(to, (uint64_t)(altitude < 0 ? -altitude : altitude));
    put_precision(to, size);
    put_precision(to, across);
    put_precision(to, up);
}

// ── parameters of a service: SVCB and HTTPS, RFC 9460 ──

static void put_service_key(struct pen *to, unsigned key)
{
    if (!dns_service_key_name(key).len)
        dns_put(to, "key");
    dns_names_put(to, dns_service_key_name(key), key);
}

enum service_key { MANDATORY = 0, ALPN = 1, PORT = 3, IPV4_HINT = 4, ECH = 5, IPV6_HINT = 6 };

// One item of a parameter's value.
static void put_service_item(struct pen *to, unsigned key, struct dns_source *s)
{
    switch (key) {
    case MANDATORY:
        put_service_key(to, reader_be16(&s->r));
        return;
    case ALPN:
        dns_put_escaped(to, dns_source_string(s));
        return;
    case PORT:
        write_u16(to, s);
        return;
    case IPV4_HINT:
        dns_put_ip(to, reader_bytes(&s->r, 4));
        return;
    case IPV6_HINT:
        dns_put_ip(to, reader_bytes(&s->r, 16));
        return;
    case ECH:
        write_rest_base64(to, s);
        return;
    default:
        dns_put_escaped(to, reader_rest(&s->r));
    }
}

static void write_service(struct pen *to, struct dns_source *s)
{
    while (reader_left(&s->r)) {
        unsigned key = reader_be16(&s->r);
        struct dns_source value = {s->message, reader_of(reader_bytes(&s->r, reader_be16(&s->r)))};
        put_service_key(to, key);
        if (reader_left(&value.r)) {
            dns_put(to, "=\"");
            for (;;) {
                put_service_item(to, key, &value);
                if (!reader_left(&value.r))
                    break;
                pen_byte(to, ',');
            }
            pen_byte(to, '"');
        }
        if (!reader_ok(&value.r))
            reader_fail(&s->r);
        if (reader_left(&s->r))
            pen_byte(to, ' ');
    }
}

// ── what types are made of ──

struct part {
    char letter;
    uint8_t size; // bytes on the wire; 0: its own affair
    void (*write)(struct pen *to, struct dns_source *s);
};

static const struct part parts[] = {
    {'1', 1, write_u8},          {'2', 2, write_u16},      {'4', 4, write_u32},
    {'a', 4, write_ipv4},        {'N', 0, write_name},     {'n', 0, write_bare_name},
    {'s', 0, write_string},      {'t', 0, write_tag},      {'S', 0, write_strings},
    {'q', 0, write_rest_quoted}, {'x', 0, write_rest_hex}, {'b', 0, write_rest_base64},
    {'m', 0, write_type_bits},   {'v', 8, write_locator},  {'e', 0, write_hardware},
    {'p', 0, write_prefixes},    {'l', 0, write_location}, {'k', 0, write_service},
};

static const struct part *part_of(char letter)
{
    const struct part *p = parts;
    while (p->letter != letter)
        p++;
    return p;
}

struct layout {
    uint16_t type;
    const char *letters;
};

static const struct layout layouts[] = {
    {DNS_MD, "n"},         {DNS_MF, "n"},         {DNS_MB, "n"},         {DNS_MG, "n"},
    {DNS_MR, "n"},         {DNS_HINFO, "ss"},     {DNS_MINFO, "NN"},     {DNS_RP, "NN"},
    {DNS_AFSDB, "2N"},     {DNS_X25, "s"},        {DNS_ISDN, "S"},       {DNS_RT, "2N"},
    {DNS_PX, "2NN"},       {DNS_LOC, "l"},        {DNS_NAPTR, "22sssN"}, {DNS_KX, "2N"},
    {DNS_CERT, "221b"},    {DNS_DNAME, "n"},      {DNS_APL, "p"},        {DNS_SSHFP, "11x"},
    {DNS_DHCID, "b"},      {DNS_TLSA, "111x"},    {DNS_SMIMEA, "111x"},  {DNS_CDS, "211x"},
    {DNS_CDNSKEY, "211b"}, {DNS_OPENPGPKEY, "b"}, {DNS_CSYNC, "42m"},    {DNS_ZONEMD, "411x"},
    {DNS_SVCB, "2Nk"},     {DNS_HTTPS, "2Nk"},    {DNS_SPF, "S"},        {DNS_NID, "2v"},
    {DNS_L32, "2a"},       {DNS_L64, "2v"},       {DNS_LP, "2N"},        {DNS_EUI48, "e"},
    {DNS_EUI64, "e"},      {DNS_URI, "22q"},      {DNS_CAA, "1tq"},      {DNS_TA, "211x"},
    {DNS_DLV, "211x"},
};

// The letters of a type, or "": nothing is known of it.
static const char *letters_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].type == type)
            return layouts[i].letters;
    return "";
}

bool dns_present(struct pen *to, struct dns_source *s, uint16_t type)
{
    const char *letters = letters_of(type);
    for (const char *l = letters; *l; l++) {
        if (l > letters && (l[0] != 'k' || reader_left(&s->r)))
            pen_byte(to, ' ');
        part_of(*l)->write(to, s);
    }
    return *letters && reader_ok(&s->r);
}

void dns_present_unknown(struct pen *to, struct span bytes)
{
    dns_put(to, "\\# ");
    pen_unsigned(to, bytes.len);
    if (bytes.len)
        pen_byte(to, ' ');
    dns_put_hex(to, bytes, true);
}

void dns_present_raw(struct pen *to, struct dns_source *s, uint16_t type)
{
    for (const char *letters = letters_of(type); *letters && reader_left(&s->r); letters++) {
        uint8_t name[DNS_NAME_WIRE];
        uint32_t offset = dns_source_offset(s);
        size_t len;
        if (*letters == 's') {
            len = s->r.at[0] + 1u;
            dns_put_raw(to, reader_bytes(&s->r, len));
        } else if ((*letters | 0x20) == 'n' && (len = dns_name_wire(s->message, &offset, name))) {
            dns_put_raw(to, span_of(name, len));
            reader_skip(&s->r, offset - dns_source_offset(s));
        } else {
            dns_put_raw(to, reader_bytes(&s->r, part_of(*letters)->size));
        }
    }
    dns_put_raw(to, reader_rest(&s->r));
}
