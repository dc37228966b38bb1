// SPDX-License-Identifier: Apache-2.0
// Certificates, walked once. Every loop is over the bytes in hand and has a ceiling beside.
#include "probe/proto/x509.h"

#include "pipeline/base/text.h"
#include "probe/proto/der.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

const struct span x509_attribute_names[X509_ATTRIBUTES] = {
    [X509_COMMON_NAME] = SPAN("common_name"),
    [X509_COUNTRY] = SPAN("country"),
    [X509_LOCALITY] = SPAN("locality"),
    [X509_ORGANIZATION] = SPAN("organization"),
    [X509_ORGANIZATIONAL_UNIT] = SPAN("organizational_unit"),
    [X509_POSTAL_CODE] = SPAN("postal_code"),
    [X509_SERIAL_NUMBER] = SPAN("serial_number"),
    [X509_STATE_OR_PROVINCE] = SPAN("state_or_province"),
    [X509_STREET_ADDRESS] = SPAN("street_address"),
    [X509_DISTINGUISHED_NAME] = SPAN("distinguished_name"),
};

// ── texts ──

// What was written since `start`; nothing if it did not fit.
static struct span written_since(struct pen *texts, uint8_t *start)
{
    if (texts->full)
        texts->at = start;
    return span_of(start, (size_t)(texts->at - start));
}

static struct span keep(struct pen *texts, struct span text)
{
    uint8_t *start = texts->at;
    pen_raw(texts, text);
    return written_since(texts, start);
}

// An object identifier as numbers: 2.5.4.3.
static void put_oid(struct pen *to, struct span oid)
{
    uint64_t arc = 0;
    bool first = true;
    for (size_t i = 0; i < oid.len; i++) {
        arc = arc << 7 | (oid.at[i] & 0x7f);
        if (oid.at[i] & 0x80)
            continue;
        if (first) {
            uint64_t top = arc < 80 ? arc / 40 : 2;
            pen_unsigned(to, top);
            arc -= top * 40;
            first = false;
        }
        pen_byte(to, '.');
        pen_unsigned(to, arc);
        arc = 0;
    }
}

static void put_hex(struct pen *to, struct span s)
{
    for (struct span part; (part = span_first(s, 32)).len; s = span_skip(s, part.len)) {
        uint8_t text[64];
        pen_raw(to, span_of(text, text_hex(text, part, false)));
    }
}

// ── numbers ──

// Two's complement, most significant byte first, to decimal digits, nine at a time.
static struct span decimal(struct pen *texts, struct span number)
{
    enum { WORDS = X509_SERIAL_MOST / 4, NINE_DIGITS = 1000000000, DIGITS = 168 };
    uint32_t words[WORDS] = {0};
    uint8_t digits[DIGITS], *end = digits + DIGITS, *at = end;
    bool negative = number.len && number.at[0] & 0x80;
    if (!number.len || number.len > X509_SERIAL_MOST)
        return span_of(NULL, 0);
    unsigned carry = negative;
    for (size_t i = 0; i < number.len; i++) {
        unsigned byte = number.at[number.len - 1 - i];
        byte = negative ? (byte ^ 0xff) + carry : byte;
        carry = byte >> 8;
        words[i / 4] |= (byte & 0xff) << i % 4 * 8;
    }
    uint64_t any;
    do {
        uint64_t rest = 0;
        any = 0;
        for (size_t i = (number.len + 3) / 4; i--;) {
            rest = rest << 32 | words[i];
            any |= words[i] = (uint32_t)(rest / NINE_DIGITS);
            rest %= NINE_DIGITS;
        }
        for (int i = 0; i < 9; i++, rest /= 10)
            *--at = (uint8_t)('0' + rest % 10);
    } while (any);
    while (*at == '0' && at < end - 1)
        at++;
    if (negative)
        *--at = '-';
    return keep(texts, span_of(at, (size_t)(end - at)));
}

static uint32_t bits_of(struct span number)
{
    while (number.len && !number.at[0])
        number = span_skip(number, 1);
    if (!number.len || number.len > 1 << 16)
        return 0;
    return (uint32_t)(number.len * 8) - (uint32_t)__builtin_clz(number.at[0]) + 24;
}

static uint64_t small_number(struct span number)
{
    uint64_t value = 0;
    if (number.len > 8)
        return 0;
    for (size_t i = 0; i < number.len; i++)
        value = value << 8 | number.at[i];
    return value;
}

// ── algorithms ──

struct named {
    struct span oid, name;
    bool known; // to the reference
};

static struct span name_of(const struct named *table, size_t count, struct span oid, bool *known)
{
    *known = false;
    for (size_t i = 0; i < count; i++)
        if (span_is(table[i].oid, oid)) {
            *known = table[i].known;
            return table[i].name;
        }
    return span_of(NULL, 0);
}

#define RSA       "\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define ANSI      "\x2a\x86\x48\xce"
#define NIST      "\x60\x86\x48\x01\x65\x03\x04"
#define CERTICOM  "\x2b\x81\x04"
#define BRAINPOOL "\x2b\x24\x03\x03\x02\x08\x01\x01"

static const struct span rsa_pss = SPAN(RSA "\x0a");

static const struct named signatures[] = {
    {SPAN(RSA "\x0b"), SPAN("SHA256-RSA"), true},
    {SPAN(ANSI "\x3d\x04\x03\x02"), SPAN("ECDSA-SHA256"), true},
    {SPAN(ANSI "\x3d\x04\x03\x03"), SPAN("ECDSA-SHA384"), true},
    {SPAN(RSA "\x0c"), SPAN("SHA384-RSA"), true},
    {SPAN(RSA "\x0d"), SPAN("SHA512-RSA"), true},
    {SPAN(RSA "\x05"), SPAN("SHA1-RSA"), true},
    {SPAN("\x2b\x0e\x03\x02\x1d"), SPAN("SHA1-RSA"), true},
    {SPAN(RSA "\x04"), SPAN("MD5-RSA"), true},
    {SPAN(RSA "\x02"), SPAN("MD2-RSA"), true},
    {SPAN(RSA "\x0e"), SPAN("SHA224-RSA"), false},
    {SPAN(ANSI "\x3d\x04\x01"), SPAN("ECDSA-SHA1"), true},
    {SPAN(ANSI "\x3d\x04\x03\x01"), SPAN("ECDSA-SHA224"), false},
    {SPAN(ANSI "\x3d\x04\x03\x04"), SPAN("ECDSA-SHA512"), true},
    {SPAN(ANSI "\x38\x04\x03"), SPAN("DSA-SHA1"), true},
    {SPAN(NIST "\x03\x02"), SPAN("DSA-SHA256"), true},
    {SPAN("\x2b\x65\x70"), SPAN("Ed25519"), true},
    {SPAN("\x2b\x65\x71"), SPAN("Ed448"), false},
    {SPAN(NIST "\x03\x11"), SPAN("ML-DSA-44"), false},
    {SPAN(NIST "\x03\x12"), SPAN("ML-DSA-65"), false},
    {SPAN(NIST "\x03\x13"), SPAN("ML-DSA-87"), false},
};

// By the digest that RSASSA-PSS is used with.
static const struct named pss_signatures[] = {
    {SPAN(NIST "\x02\x01"), SPAN("SHA256-RSAPSS"), true},
    {SPAN(NIST "\x02\x02"), SPAN("SHA384-RSAPSS"), true},
    {SPAN(NIST "\x02\x03"), SPAN("SHA512-RSAPSS"), true},
};

static const struct {
    struct span oid, name;
    enum x509_key key;
} keys[] = {
    {SPAN(RSA "\x01"), SPAN("RSA"), X509_RSA},
    {SPAN(ANSI "\x3d\x02\x01"), SPAN("ECDSA"), X509_ECDSA},
    {SPAN("\x2b\x65\x70"), SPAN("Ed25519"), X509_ED25519},
    {SPAN(ANSI "\x38\x04\x01"), SPAN("DSA"), X509_DSA},
    {SPAN(RSA "\x0a"), SPAN("RSA-PSS"), X509_MORE_KEYS},
    {SPAN("\x2b\x65\x71"), SPAN("Ed448"), X509_MORE_KEYS},
    {SPAN(NIST "\x03\x11"), SPAN("ML-DSA-44"), X509_MORE_KEYS},
    {SPAN(NIST "\x03\x12"), SPAN("ML-DSA-65"), X509_MORE_KEYS},
    {SPAN(NIST "\x03\x13"), SPAN("ML-DSA-87"), X509_MORE_KEYS},
};

static const struct {
    struct span oid, name;
    uint32_t size;
} curves[] = {
    {SPAN(ANSI "\x3d\x03\x01\x07"), SPAN("nistp256"), 256},
    {SPAN(CERTICOM "\x00\x22"), SPAN("nistp384"), 384},
    {SPAN(CERTICOM "\x00\x23"), SPAN("nistp521"), 521},
    {SPAN(CERTICOM "\x00\x21"), SPAN("nistp224"), 224},
    {SPAN(CERTICOM "\x00\x0a"), SPAN("secp256k1"), 256},
    {SPAN(BRAINPOOL "\x07"), SPAN("brainpoolP256r1"), 256},
    {SPAN(BRAINPOOL "\x0b"), SPAN("brainpoolP384r1"), 384},
    {SPAN(BRAINPOOL "\x0d"), SPAN("brainpoolP512r1"), 512},
};

static struct span oid_text(struct pen *texts, struct span oid)
{
    uint8_t *start = texts->at;
    put_oid(texts, span_first(oid, 64));
    return written_since(texts, start);
}

// RSASSA-PSS names its digest in the parameters: [0] { algorithm { oid } }; SHA-1 if it does not.
static struct span pss_digest(struct span parameters)
{
    struct reader r = reader_of(parameters);
    struct reader sequence = reader_of(der_take(&r, DER_SEQUENCE));
    struct reader digest = reader_of(der_take(&sequence, DER_CONSTRUCTED));
    struct reader algorithm = reader_of(der_take(&digest, DER_SEQUENCE));
    return der_take(&algorithm, DER_OID);
}

static void read_signature_algorithm(struct span algorithm, struct pen *texts, struct x509 *c)
{
    struct reader r = reader_of(algorithm);
    struct span oid = der_take(&r, DER_OID);
    if (span_is(oid, rsa_pss))
        c->signature_algorithm = name_of(pss_signatures, COUNT(pss_signatures),
                                         pss_digest(reader_rest(&r)), &c->signature_known);
    else
        c->signature_algorithm = name_of(signatures, COUNT(signatures), oid, &c->signature_known);
    if (!c->signature_algorithm.len)
        c->signature_algorithm = oid_text(texts, oid);
}

// ── the public key ──

static void read_curve(struct span parameters, struct pen *texts, struct x509 *c)
{
    struct reader r = reader_of(parameters);
    struct span oid = der_take(&r, DER_OID);
    for (size_t i = 0; i < COUNT(curves); i++)
        if (span_is(curves[i].oid, oid)) {
            c->key_curve = curves[i].name;
            c->key_size = curves[i].size;
            return;
        }
    c->key_curve = oid_text(texts, oid);
}

// The first number of a sequence: the modulus of RSA, the prime of DSA.
static struct span first_number(struct reader *sequence, struct span bytes)
{
    struct reader r = reader_of(bytes);
    *sequence = reader_of(der_take(&r, DER_SEQUENCE));
    return der_take(sequence, DER_INTEGER);
}

static void read_key(struct span key, struct pen *texts, struct x509 *c)
{
    struct reader r = reader_of(key), algorithm = reader_of(der_take(&r, DER_SEQUENCE)), numbers;
    struct span oid = der_take(&algorithm, DER_OID);
    struct span parameters = reader_rest(&algorithm);
    struct span bits = span_skip(der_take(&r, DER_BIT_STRING), 1); // unused bits: none
    for (size_t i = 0; i < COUNT(keys); i++)
        if (span_is(keys[i].oid, oid)) {
            c->key = keys[i].key;
            c->key_algorithm = keys[i].name;
        }
    if (!c->key_algorithm.len)
        c->key_algorithm = oid_text(texts, oid);
    if (c->key == X509_ECDSA)
        read_curve(parameters, texts, c);
    if (c->key == X509_DSA)
        c->key_size = bits_of(first_number(&numbers, parameters));
    if (c->key == X509_RSA || span_is(oid, rsa_pss)) {
        c->key_size = bits_of(first_number(&numbers, bits));
        c->key_exponent = small_number(der_take(&numbers, DER_INTEGER));
    }
}

// ── names ──

struct attribute {
    struct span oid;
    struct der value;
    bool joined; // to the one before: both are one part of the name
};

static int read_attributes(struct span name, struct attribute list[X509_NAME_MOST])
{
    struct reader r = reader_of(name);
    int count = 0;
    while (reader_left(&r)) {
        struct reader set = reader_of(der_take(&r, DER_SET));
        for (bool joined = false; reader_left(&set) && count < X509_NAME_MOST; joined = true) {
            struct reader pair = reader_of(der_take(&set, DER_SEQUENCE));
            struct span oid = der_take(&pair, DER_OID);
            struct der value = der_next(&pair);
            if (reader_ok(&pair))
                list[count++] = (struct attribute){oid, value, joined};
        }
    }
    return count;
}

// UCS-2 to UTF-8.
static void put_bmp(struct pen *to, struct span text)
{
    struct reader r = reader_of(text);
    while (reader_left(&r) > 1) {
        unsigned code = reader_be16(&r);
        if (code >= 0x800) {
            pen_byte(to, (uint8_t)(0xe0 | code >> 12));
            pen_byte(to, (uint8_t)(0x80 | (code >> 6 & 63)));
        } else if (code >= 0x80) {
            pen_byte(to, (uint8_t)(0xc0 | code >> 6));
        }
        pen_byte(to, (uint8_t)(code < 0x80 ? code : 0x80 | (code & 63)));
    }
}

// A value as text: a view, unless its characters have to be changed, which are put at `place`.
static struct span value_as_text(const struct der *value, uint8_t place[X509_TEXT_MOST])
{
    if (value->tag != DER_BMP)
        return span_first(value->content, X509_TEXT_MOST);
    struct pen pen = pen_of(place, X509_TEXT_MOST);
    put_bmp(&pen, value->content);
    return pen_written(&pen);
}

static void put_escaped(struct pen *to, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.at[i];
        bool edge = i == 0 || i == text.len - 1;
        if ((byte && strchr(",+\"\\<>;", byte)) || (byte == ' ' && edge) || (byte == '#' && !i))
            pen_byte(to, '\\');
        pen_byte(to, byte);
    }
}

// Short names of RFC 4514, and of the attributes that have a field; others go by their numbers.
static const struct {
    struct span oid, name;
    int attribute; // X509_ATTRIBUTES: no field
    bool single;   // of several the last counts
} attributes[] = {
    {SPAN("\x55\x04\x03"), SPAN("CN"), X509_COMMON_NAME, true},
    {SPAN("\x55\x04\x06"), SPAN("C"), X509_COUNTRY, false},
    {SPAN("\x55\x04\x0a"), SPAN("O"), X509_ORGANIZATION, false},
    {SPAN("\x55\x04\x0b"), SPAN("OU"), X509_ORGANIZATIONAL_UNIT, false},
    {SPAN("\x55\x04\x07"), SPAN("L"), X509_LOCALITY, false},
    {SPAN("\x55\x04\x08"), SPAN("ST"), X509_STATE_OR_PROVINCE, false},
    {SPAN("\x55\x04\x05"), SPAN("SERIALNUMBER"), X509_SERIAL_NUMBER, true},
    {SPAN("\x55\x04\x09"), SPAN("STREET"), X509_STREET_ADDRESS, false},
    {SPAN("\x55\x04\x11"), SPAN("POSTALCODE"), X509_POSTAL_CODE, false},
    {SPAN("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"), SPAN("DC"), X509_ATTRIBUTES, false},
    {SPAN("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"), SPAN("UID"), X509_ATTRIBUTES, false},
};

// Number of the row above; -1: none.
static int attribute_row(struct span oid)
{
    for (size_t i = 0; i < COUNT(attributes); i++)
        if (span_is(attributes[i].oid, oid))
            return (int)i;
    return -1;
}

static void put_attribute(struct pen *to, const struct attribute *a)
{
    uint8_t place[X509_TEXT_MOST];
    int row = attribute_row(a->oid);
    if (row >= 0) {
        pen_raw(to, attributes[row].name);
        pen_byte(to, '=');
        put_escaped(to, value_as_text(&a->value, place));
        return;
    }
    put_oid(to, span_first(a->oid, 64));
    pen_raw(to, (struct span)SPAN("=#"));
    put_hex(to, a->value.whole);
}

static struct span distinguished_name(const struct attribute *list, int count, struct pen *texts)
{
    uint8_t place[X509_TEXT_MOST];
    struct pen pen = pen_of(place, sizeof place);
    for (int end = count, begin; end; end = begin) {
        for (begin = end - 1; begin && list[begin].joined; begin--)
            ;
        if (end != count)
            pen_byte(&pen, ',');
        for (int i = begin; i < end; i++) {
            if (i != begin)
                pen_byte(&pen, '+');
            put_attribute(&pen, &list[i]);
        }
    }
    return keep(texts, pen_written(&pen));
}

// One more value of an attribute that has some already.
static struct span joined(struct span before, struct span text, struct pen *texts)
{
    if (before.len + text.len >= X509_TEXT_MOST)
        return before;
    uint8_t *start = texts->at;
    pen_raw(texts, before);
    pen_byte(texts, ' ');
    pen_raw(texts, text);
    return written_since(texts, start);
}

static void read_name(struct span name, struct pen *texts, struct x509_name *n)
{
    struct attribute list[X509_NAME_MOST];
    int count = read_attributes(name, list);
    for (int i = 0; i < count; i++) {
        uint8_t place[X509_TEXT_MOST];
        int row = attribute_row(list[i].oid);
        if (row < 0 || attributes[row].attribute == X509_ATTRIBUTES)
            continue;
        struct span *field = &n->attribute[attributes[row].attribute];
        struct span text = value_as_text(&list[i].value, place);
        if (text.at == place)
            text = keep(texts, text);
        *field = field->len && !attributes[row].single ? joined(*field, text, texts) : text;
    }
    n->attribute[X509_DISTINGUISHED_NAME] = distinguished_name(list, count, texts);
}

// ── validity ──

// "YYMMDDhhmmssZ" or "YYYYMMDDhhmmssZ" as a time of RFC 3339. The reader fails if it is neither.
static void read_time(struct reader *r, uint8_t to[X509_TIME])
{
    static const char shape[] = "    -  -  T  :  :  .000Z";
    struct der time = der_next(r);
    struct span digits = time.content;
    size_t years = time.tag == DER_UTC_TIME ? 2 : 4, at = 0;
    bool fine = (time.tag == DER_UTC_TIME || time.tag == DER_GENERALIZED_TIME) &&
                digits.len == years + 11 && digits.at[digits.len - 1] == 'Z';
    for (size_t i = 0; fine && i < digits.len - 1; i++)
        fine = digits.at[i] >= '0' && digits.at[i] <= '9';
    if (!fine) {
        reader_fail(r);
        return;
    }
    memcpy(to, shape, X509_TIME);
    if (years == 2) {
        memcpy(to, digits.at[0] >= '5' ? "19" : "20", 2);
        at = 2;
    }
    for (size_t i = 0; i < digits.len - 1; at++)
        if (to[at] == ' ')
            to[at] = digits.at[i++];
}

// ── alternative names ──

static void put_alternative(struct pen *to, const struct der *name)
{
    uint8_t place[TEXT_IP];
    struct span text = name->content;
    if (name->tag == (DER_CONTEXT | 7))
        text = span_of(place, text.len == 4 || text.len == 16
                                  ? text_ip(place, text.at, text.len == 4 ? 4 : 6)
                                  : 0);
    if (!text.len)
        return;
    pen_byte(to, to->at == to->start ? '[' : ',');
    pen_text(to, text);
}

// Appends the names of one kind, as many as find room.
static void put_alternatives(struct pen *to, struct span names, uint8_t tag)
{
    struct reader r = reader_of(names);
    for (int i = 0; reader_left(&r) && i < X509_NAMES_MOST; i++) {
        struct der name = der_next(&r);
        uint8_t *before = to->at;
        if (name.tag == tag && reader_ok(&r))
            put_alternative(to, &name);
        if (to->full) {
            to->at = before;
            to->full = false;
            return;
        }
    }
}

static struct span alternative_names(struct span names, struct pen *texts)
{
    static const uint8_t kinds[] = {DER_CONTEXT | 2, DER_CONTEXT | 1, DER_CONTEXT | 7};
    uint8_t place[X509_NAMES_BYTES];
    struct pen pen = pen_of(place, sizeof place - 1);
    for (size_t i = 0; i < sizeof kinds; i++)
        put_alternatives(&pen, names, kinds[i]);
    if (pen.at == pen.start)
        return span_of(NULL, 0);
    *pen.at++ = ']';
    return keep(texts, pen_written(&pen));
}

static void read_extensions(struct span extensions, struct pen *texts, struct x509 *c)
{
    static const struct span subject_alternative_name = SPAN("\x55\x1d\x11");
    struct reader r = reader_of(extensions), all = reader_of(der_take(&r, DER_SEQUENCE));
    while (reader_left(&all)) {
        struct reader one = reader_of(der_take(&all, DER_SEQUENCE));
        if (!span_is(der_take(&one, DER_OID), subject_alternative_name))
            continue;
        struct der value = der_next(&one);
        if (value.tag != DER_OCTET_STRING) // critical or not
            value = der_next(&one);
        struct reader names = reader_of(value.content);
        c->alternative_names = alternative_names(der_take(&names, DER_SEQUENCE), texts);
        return;
    }
}

// ── the whole ──

bool x509_read(struct span der, struct pen *texts, struct x509 *c)
{
    *c = (struct x509){.version = 1};
    struct reader r = reader_of(der), certificate = reader_of(der_take(&r, DER_SEQUENCE));
    struct reader body = reader_of(der_take(&certificate, DER_SEQUENCE));
    struct span algorithm = der_take(&certificate, DER_SEQUENCE);
    if (der_is_next(&body, DER_CONSTRUCTED)) {
        struct reader version = reader_of(der_take(&body, DER_CONSTRUCTED));
        c->version = (unsigned)small_number(span_first(der_take(&version, DER_INTEGER), 2)) + 1;
    }
    struct span serial = der_take(&body, DER_INTEGER);
    der_take(&body, DER_SEQUENCE); // the signature algorithm, once more
    struct span issuer = der_take(&body, DER_SEQUENCE);
    struct reader validity = reader_of(der_take(&body, DER_SEQUENCE));
    struct span subject = der_take(&body, DER_SEQUENCE);
    struct span key = der_take(&body, DER_SEQUENCE);
    if (!reader_ok(&certificate) || !reader_ok(&body))
        return false;
    read_time(&validity, c->not_before);
    read_time(&validity, c->not_after);
    if (!reader_ok(&validity))
        return false;
    c->serial_number = decimal(texts, serial);
    read_signature_algorithm(algorithm, texts, c);
    read_name(issuer, texts, &c->issuer);
    read_name(subject, texts, &c->subject);
    read_key(key, texts, c);
    while (reader_left(&body) && !der_is_next(&body, DER_CONSTRUCTED | 3))
        der_next(&body); // unique identifiers, which nobody uses
    if (reader_left(&body))
        read_extensions(der_take(&body, DER_CONSTRUCTED | 3), texts, c);
    return true;
}
