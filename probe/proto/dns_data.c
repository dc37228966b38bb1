// SPDX-License-Identifier: Apache-2.0
// Record types whose parts have names of their own in documents, a function each; the others are
// dns_present.c's.
#include "probe/proto/dns_data.h"

#include "probe/proto/dns_names.h"
#include "probe/proto/dns_present.h"

// ── facts ──

static const uint8_t *text_begin(struct dns_data *d)
{
    return d->pen.at;
}

static struct span text_end(struct dns_data *d, const uint8_t *begin)
{
    return span_of(begin, (size_t)(d->pen.at - begin));
}

static void fact_number(struct dns_data *d, const char *key, uint32_t number)
{
    d->fact[d->facts++] = (struct dns_fact){span_text(key), {NULL, 0}, number};
}

static void fact_text(struct dns_data *d, const char *key, struct span text)
{
    d->fact[d->facts++] = (struct dns_fact){span_text(key), text, 0};
}

// The reference writes most numbers of DNSSEC as texts.
static void fact_name(struct dns_data *d, const char *key, struct span name, uint32_t number)
{
    const uint8_t *begin = text_begin(d);
    dns_names_put(&d->pen, name, number);
    fact_text(d, key, text_end(d, begin));
}

static void fact_digits(struct dns_data *d, const char *key, uint32_t number)
{
    fact_name(d, key, span_of(NULL, 0), number);
}

static void fact_time(struct dns_data *d, const char *key, uint32_t seconds)
{
    const uint8_t *begin = text_begin(d);
    dns_put_time(&d->pen, seconds);
    fact_text(d, key, text_end(d, begin));
}

static void fact_type_bits(struct dns_data *d, struct reader *r)
{
    const uint8_t *begin = text_begin(d);
    dns_put_type_bits(&d->pen, r);
    fact_text(d, "type_bits", text_end(d, begin));
}

// The name at the reader, kept in the data's place.
static struct span data_name(struct dns_data *d, struct dns_source *s)
{
    uint8_t name[DNS_NAME_TEXT];
    const uint8_t *begin = text_begin(d);
    pen_raw(&d->pen, span_of(name, dns_source_name(s, name)));
    return text_end(d, begin);
}

// The name at the reader is what the data says.
static void text_name(struct dns_data *d, struct dns_source *s)
{
    d->name = dns_source_offset(s);
    d->text = data_name(d, s);
}

// ── types whose parts have names ──

static void read_a(struct dns_data *d, struct dns_source *s)
{
    dns_put_ip(&d->pen, reader_bytes(&s->r, 4));
}

static void read_aaaa(struct dns_data *d, struct dns_source *s)
{
    dns_put_ip(&d->pen, reader_bytes(&s->r, 16));
}

static void read_mx(struct dns_data *d, struct dns_source *s)
{
    fact_number(d, "preference", reader_be16(&s->r));
    text_name(d, s);
}

static void read_soa(struct dns_data *d, struct dns_source *s)
{
    struct span server = data_name(d, s), person = data_name(d, s);
    uint32_t serial = reader_be32(&s->r), refresh = reader_be32(&s->r), retry = reader_be32(&s->r);
    fact_number(d, "expire", reader_be32(&s->r));
    fact_number(d, "minimum", reader_be32(&s->r));
    fact_number(d, "refresh", refresh);
    fact_number(d, "retry", retry);
    fact_text(d, "rname", person);
    fact_number(d, "serial", serial);
    d->text = server;
}

static void read_srv(struct dns_data *d, struct dns_source *s)
{
    uint16_t priority = reader_be16(&s->r), weight = reader_be16(&s->r);
    fact_number(d, "port", reader_be16(&s->r));
    fact_number(d, "priority", priority);
    fact_number(d, "weight", weight);
    text_name(d, s);
}

static void read_txt(struct dns_data *d, struct dns_source *s)
{
    while (reader_left(&s->r)) {
        dns_put_escaped(&d->pen, dns_source_string(s));
        if (reader_left(&s->r))
            pen_byte(&d->pen, ' ');
    }
}

static void read_ds(struct dns_data *d, struct dns_source *s)
{
    uint16_t tag = reader_be16(&s->r);
    uint8_t algorithm = reader_u8(&s->r), digest = reader_u8(&s->r);
    fact_name(d, "algorithm", dns_algorithm_name(algorithm), algorithm);
    fact_name(d, "digest_type", dns_digest_name(digest), digest);
    fact_digits(d, "key_tag", tag);
    const uint8_t *begin = text_begin(d);
    dns_put_hex(&d->pen, reader_rest(&s->r), true);
    d->text = text_end(d, begin);
}

static void read_dnskey(struct dns_data *d, struct dns_source *s)
{
    uint16_t flags = reader_be16(&s->r);
    uint8_t protocol = reader_u8(&s->r), algorithm = reader_u8(&s->r);
    fact_name(d, "algorithm", dns_algorithm_name(algorithm), algorithm);
    fact_digits(d, "flags", flags);
    fact_digits(d, "protocol", protocol);
    const uint8_t *begin = text_begin(d);
    dns_put_base64(&d->pen, reader_rest(&s->r));
    d->text = text_end(d, begin);
}

static void read_rrsig(struct dns_data *d, struct dns_source *s)
{
    uint16_t covered = reader_be16(&s->r);
    uint8_t algorithm = reader_u8(&s->r), labels = reader_u8(&s->r);
    uint32_t ttl = reader_be32(&s->r), until = reader_be32(&s->r), since = reader_be32(&s->r);
    fact_name(d, "algorithm", dns_algorithm_name(algorithm), algorithm);
    fact_time(d, "expiration", until);
    fact_time(d, "inception", since);
    fact_digits(d, "key_tag", reader_be16(&s->r));
    fact_digits(d, "labels", labels);
    fact_digits(d, "original_ttl", ttl);
    fact_text(d, "signer_name", data_name(d, s));
    fact_name(d, "type_covered", dns_type_name(covered), covered);
    const uint8_t *begin = text_begin(d);
    dns_put_base64(&d->pen, reader_rest(&s->r));
    d->text = text_end(d, begin);
}

// Unlike other names, the next one keeps its last dot.
static void read_nsec(struct dns_data *d, struct dns_source *s)
{
    struct span next = data_name(d, s);
    if (next.len > 1) {
        pen_byte(&d->pen, '.');
        next = text_end(d, next.at);
    }
    fact_type_bits(d, &s->r);
    d->text = next;
}

static void read_nsec3(struct dns_data *d, struct dns_source *s)
{
    uint8_t hash = reader_u8(&s->r), flags = reader_u8(&s->r);
    fact_digits(d, "flags", flags);
    fact_name(d, "hash", dns_digest_name(hash), hash);
    fact_digits(d, "iterations", reader_be16(&s->r));
    const uint8_t *begin = text_begin(d);
    dns_put_salt(&d->pen, dns_source_string(s));
    fact_text(d, "salt", text_end(d, begin));
    begin = text_begin(d);
    dns_put_base32(&d->pen, dns_source_string(s));
    d->text = text_end(d, begin);
    fact_type_bits(d, &s->r);
}

static void read_nsec3param(struct dns_data *d, struct dns_source *s)
{
    uint8_t hash = reader_u8(&s->r), flags = reader_u8(&s->r);
    fact_digits(d, "flags", flags);
    fact_name(d, "hash", dns_digest_name(hash), hash);
    fact_digits(d, "iterations", reader_be16(&s->r));
    const uint8_t *begin = text_begin(d);
    dns_put_salt(&d->pen, dns_source_string(s));
    d->text = text_end(d, begin);
}

typedef void read_data(struct dns_data *d, struct dns_source *s);

static read_data *const readers[] = {
    [DNS_A] = read_a,           [DNS_NS] = text_name,     [DNS_CNAME] = text_name,
    [DNS_SOA] = read_soa,       [DNS_PTR] = text_name,    [DNS_MX] = read_mx,
    [DNS_TXT] = read_txt,       [DNS_AAAA] = read_aaaa,   [DNS_SRV] = read_srv,
    [DNS_DS] = read_ds,         [DNS_RRSIG] = read_rrsig, [DNS_NSEC] = read_nsec,
    [DNS_DNSKEY] = read_dnskey, [DNS_NSEC3] = read_nsec3, [DNS_NSEC3PARAM] = read_nsec3param,
};

// ── the public face ──

// False: the data does not fit the type, and what was written is void.
static bool read_as_type(struct dns_data *d, struct dns_source s, uint16_t type, bool raw)
{
    if (type < sizeof readers / sizeof *readers && readers[type]) {
        readers[type](d, &s);
        return reader_ok(&s.r);
    }
    return !raw && dns_present(&d->pen, &s, type);
}

static void data_clear(struct dns_data *d)
{
    d->facts = 0;
    d->name = 0;
    d->text = span_of(NULL, 0);
    d->pen = pen_of(d->place, sizeof d->place - 3); // the last three are for "…"
}

void dns_data_read(struct dns_data *d, struct span message, const struct dns_record *r, bool raw)
{
    struct dns_source s = dns_source_of(message, r);
    data_clear(d);
    if (!r->data_len)
        return;
    if (!read_as_type(d, s, r->type, raw)) {
        data_clear(d);
        if (raw)
            dns_present_raw(&d->pen, &s, r->type);
        else
            dns_present_unknown(&d->pen, reader_rest(&s.r));
    }
    if (!d->text.at)
        d->text = pen_written(&d->pen);
    if (d->pen.full && d->text.at + d->text.len == d->pen.at) {
        memcpy(d->pen.at, "…", 3);
        d->text.len += 3;
    }
}
