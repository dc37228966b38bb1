// SPDX-License-Identifier: Apache-2.0
// Lists of numbers become text in a small buffer, which is handed to the digest when it is full: a
// hello may be as long as it likes.
#include "probe/proto/tls_fingerprint.h"

#include "pipeline/base/text.h"
#include "probe/proto/digest.h"
#include "probe/proto/tls_names.h"

// ── text that is digested as it is written ──

struct feed {
    size_t len;
    uint8_t bytes[1024];
};

static void feed_begin(struct feed *f, enum digest which)
{
    digest_begin(which);
    f->len = 0;
}

static void feed_flush(struct feed *f)
{
    digest_add(span_of(f->bytes, f->len));
    f->len = 0;
}

static uint8_t *feed_room(struct feed *f, size_t len)
{
    if (f->len + len > sizeof f->bytes)
        feed_flush(f);
    return f->bytes + f->len;
}

static void feed_byte(struct feed *f, char byte)
{
    *feed_room(f, 1) = (uint8_t)byte;
    f->len++;
}

static void feed_decimal(struct feed *f, unsigned number)
{
    f->len += text_unsigned(feed_room(f, TEXT_NUMBER), number);
}

static size_t hex16(uint8_t *to, unsigned number)
{
    static const char digits[] = "0123456789abcdef";
    to[0] = (uint8_t)digits[number >> 12 & 15];
    to[1] = (uint8_t)digits[number >> 8 & 15];
    to[2] = (uint8_t)digits[number >> 4 & 15];
    to[3] = (uint8_t)digits[number & 15];
    return 4;
}

static size_t finish(struct feed *f, uint8_t *to, size_t len)
{
    uint8_t raw[DIGEST_SIZE];
    feed_flush(f);
    digest_end(raw);
    return text_hex(to, span_of(raw, len / 2), false);
}

// ── JA3 ──

// Behind a comma, the numbers of `size` bytes each with dashes between them.
static void feed_numbers(struct feed *f, struct span numbers, unsigned size)
{
    struct reader r = reader_of(numbers);
    char before = ',';
    while (reader_left(&r) >= size) {
        unsigned number = size == 2 ? reader_be16(&r) : reader_u8(&r);
        if (size == 2 && tls_is_grease((uint16_t)number))
            continue;
        feed_byte(f, before);
        feed_decimal(f, number);
        before = '-';
    }
    if (before == ',')
        feed_byte(f, before);
}

static void feed_types(struct feed *f, const struct tls_hello *h)
{
    struct reader r = reader_of(h->extensions);
    struct tls_extension x;
    char before = ',';
    while (tls_extension_next(&r, &x)) {
        if (tls_is_grease(x.type))
            continue;
        feed_byte(f, before);
        feed_decimal(f, x.type);
        before = '-';
    }
    if (before == ',')
        feed_byte(f, before);
}

size_t tls_ja3(const struct tls_hello *client, uint8_t to[TLS_JA3_TEXT])
{
    struct feed f;
    struct reader formats = reader_of(tls_hello_extension(client, TLS_POINT_FORMATS));
    feed_begin(&f, DIGEST_MD5);
    feed_decimal(&f, client->version);
    feed_numbers(&f, client->suites, 2);
    feed_types(&f, client);
    feed_numbers(&f, tls_list(tls_hello_extension(client, TLS_SUPPORTED_GROUPS)), 2);
    feed_numbers(&f, reader_bytes(&formats, reader_u8(&formats)), 1);
    return finish(&f, to, TLS_JA3_TEXT);
}

size_t tls_ja3s(const struct tls_hello *server, uint8_t to[TLS_JA3_TEXT])
{
    struct feed f;
    feed_begin(&f, DIGEST_MD5);
    feed_decimal(&f, server->version);
    feed_byte(&f, ',');
    feed_decimal(&f, server->suite);
    feed_types(&f, server);
    return finish(&f, to, TLS_JA3_TEXT);
}

// ── JA4 ──

struct numbers {
    unsigned count;
    bool too_many;
    uint16_t at[TLS_JA4_MOST];
};

static void numbers_add(struct numbers *n, uint16_t number)
{
    if (tls_is_grease(number))
        return;
    if (n->count == TLS_JA4_MOST)
        n->too_many = true;
    else
        n->at[n->count++] = number;
}

static void numbers_of(struct numbers *n, struct span list)
{
    struct reader r = reader_of(list);
    n->count = 0;
    n->too_many = false;
    while (reader_left(&r) >= 2)
        numbers_add(n, reader_be16(&r));
}

static void numbers_of_types(struct numbers *n, const struct tls_hello *h)
{
    struct reader r = reader_of(h->extensions);
    struct tls_extension x;
    n->count = 0;
    n->too_many = false;
    while (tls_extension_next(&r, &x))
        numbers_add(n, x.type);
}

static void numbers_sort(struct numbers *n)
{
    for (unsigned i = 1; i < n->count; i++) {
        uint16_t number = n->at[i];
        unsigned place = i;
        for (; place && n->at[place - 1] > number; place--)
            n->at[place] = n->at[place - 1];
        n->at[place] = number;
    }
}

// Without what the readable part says already.
static void numbers_drop_told(struct numbers *n)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n->count; i++)
        if (n->at[i] != TLS_SERVER_NAME && n->at[i] != TLS_ALPN)
            n->at[kept++] = n->at[i];
    n->count = kept;
}

static void feed_hex(struct feed *f, const struct numbers *n)
{
    for (unsigned i = 0; i < n->count; i++) {
        if (i)
            feed_byte(f, ',');
        f->len += hex16(feed_room(f, 4), n->at[i]);
    }
}

// The first 12 digits of the digest of one list, or of two with an underscore between them.
static size_t put_digest(uint8_t *to, const struct numbers *list, const struct numbers *more)
{
    enum { DIGITS = 12 };
    struct feed f;
    if (!list->count) {
        memset(to, '0', DIGITS);
        return DIGITS;
    }
    feed_begin(&f, DIGEST_SHA256);
    feed_hex(&f, list);
    if (more && more->count) {
        feed_byte(&f, '_');
        feed_hex(&f, more);
    }
    return finish(&f, to, DIGITS);
}

static size_t put_version(uint8_t *to, unsigned version)
{
    const char *text = "00";
    if (version == 0x0300)
        text = "s3";
    else if (version == 0x0002)
        text = "s2";
    to[0] = (uint8_t)text[0];
    to[1] = (uint8_t)text[1];
    if (version > 0x0300 && version <= TLS_1_3) {
        to[0] = '1';
        to[1] = (uint8_t)('0' + (version & 0xff) - 1);
    }
    return 2;
}

static size_t put_count(uint8_t *to, unsigned count)
{
    count = count < 99 ? count : 99;
    to[0] = (uint8_t)('0' + count / 10);
    to[1] = (uint8_t)('0' + count % 10);
    return 2;
}

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

// The first and the last character of the first protocol, or of its hexadecimal digits.
static size_t put_alpn(uint8_t *to, struct span alpn)
{
    struct reader r = reader_of(tls_list(alpn));
    struct span name = {NULL, 0};
    to[0] = to[1] = '0';
    if (!tls_string_next(&r, &name) || !name.len)
        return 2;
    uint8_t first = name.at[0], last = name.at[name.len - 1];
    bool plain = is_alphanumeric(first) && is_alphanumeric(last);
    to[0] = plain ? first : (uint8_t) "0123456789abcdef"[first >> 4];
    to[1] = plain ? last : (uint8_t) "0123456789abcdef"[last & 15];
    return 2;
}

// The highest version that a client offers.
static uint16_t offered_version(const struct tls_hello *client)
{
    struct span offered = tls_hello_extension(client, TLS_SUPPORTED_VERSIONS);
    struct reader r = reader_of(offered), list = reader_of(reader_bytes(&r, reader_u8(&r)));
    uint16_t highest = 0;
    while (reader_left(&list) >= 2) {
        uint16_t version = reader_be16(&list);
        if (!tls_is_grease(version) && version > highest)
            highest = version;
    }
    return highest ? highest : client->version;
}

size_t tls_ja4(const struct tls_hello *client, uint8_t to[TLS_JA4_TEXT])
{
    struct numbers suites, types, signatures;
    numbers_of(&suites, client->suites);
    numbers_of_types(&types, client);
    numbers_of(&signatures, tls_list(tls_hello_extension(client, TLS_SIGNATURE_ALGORITHMS)));
    if (suites.too_many || types.too_many || signatures.too_many)
        return 0;
    numbers_sort(&suites);
    numbers_sort(&types);
    uint8_t *at = to;
    *at++ = 't';
    at += put_version(at, offered_version(client));
    *at++ = tls_hello_extension(client, TLS_SERVER_NAME).at ? 'd' : 'i';
    at += put_count(at, suites.count);
    at += put_count(at, types.count);
    at += put_alpn(at, tls_hello_extension(client, TLS_ALPN));
    *at++ = '_';
    at += put_digest(at, &suites, NULL);
    *at++ = '_';
    numbers_drop_told(&types);
    at += put_digest(at, &types, &signatures);
    return (size_t)(at - to);
}

size_t tls_ja4s(const struct tls_hello *server, uint8_t to[TLS_JA4S_TEXT])
{
    struct numbers types;
    numbers_of_types(&types, server);
    if (types.too_many)
        return 0;
    uint8_t *at = to;
    *at++ = 't';
    at += put_version(at, tls_hello_version(server));
    at += put_count(at, types.count);
    at += put_alpn(at, tls_hello_extension(server, TLS_ALPN));
    *at++ = '_';
    at += hex16(at, server->suite);
    *at++ = '_';
    at += put_digest(at, &types, NULL);
    return (size_t)(at - to);
}
