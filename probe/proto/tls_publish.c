// SPDX-License-Identifier: Apache-2.0
// Makes the documents of TLS handshakes. Everything is a view on what the transaction kept, on a
// cached certificate, or is put together in the event's scratch.
#include "probe/proto/tls.h"

#include "probe/proto/tls_fingerprint.h"
#include "probe/proto/tls_list.h"
#include "probe/proto/tls_names.h"
#include "probe/proto/x509_cache.h"

enum {
    CHAIN_MOST = 16,        // certificates of one side in a document
    CHAIN_BYTES = 24 << 10, // of those behind the first, as JSON
    PEM_BYTES = 48 << 10,   // of all, as PEM
    METHODS_BYTES = 1024,   // of a client's compression methods
    NAME_BYTES = 1024,      // of a host's name
};

static const struct field tls_fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/tls.def"
#undef FIELD
};

const struct field_table tls_table = {"tls", &common_table, tls_fields,
                                      sizeof tls_fields / sizeof *tls_fields};

// One document on its way.
struct page {
    const struct tls_settings *settings;
    const struct transaction *t;
    const struct tls_session *x;
    struct event *e;
    bool compat;
    struct tls_hello hello[2]; // all empty: it did not come
    struct span name;          // of the host
};

static struct span view(const struct page *p, const struct chain *chain)
{
    struct span bytes = chain_view(chain, &p->e->scratch);
    p->e->lost |= !bytes.len && chain->len;
    return bytes;
}

// ── hellos ──

static void set_hex(const struct page *p, int field, struct span bytes)
{
    uint8_t text[64];
    if (bytes.len && bytes.len <= sizeof text / 2)
        event_text_copy(p->e, field, span_of(text, text_hex(text, bytes, false)));
}

static void set_name(const struct page *p, int field, struct span name, unsigned number,
                     unsigned digits)
{
    uint8_t place[64];
    struct pen pen = pen_of(place, sizeof place);
    if (name.len) {
        event_text(p->e, field, name);
        return;
    }
    tls_names_put(&pen, name, number, digits);
    event_text_copy(p->e, field, pen_written(&pen));
}

static struct span suite_name(unsigned suite, bool compat)
{
    (void)compat; // the reference knows them all
    return tls_suite_name(suite);
}

static void set_compression(const struct page *p)
{
    struct span methods = p->hello[CLIENT].methods;
    uint8_t place[METHODS_BYTES];
    struct pen list = tls_list_begin(place, sizeof place);
    for (size_t i = 0; i < methods.len; i++)
        tls_list_name(&list, tls_compression_name(methods.at[i]), methods.at[i], 2);
    tls_list_end(p->e, TLS_COMPRESSION_OFFERED, &list);
}

static void set_hello(const struct page *p, enum side side)
{
    const struct tls_hello *h = &p->hello[side];
    int shift = side == SERVER ? TLS_SERVER_HELLO_VERSION - TLS_CLIENT_HELLO_VERSION : 0;
    uint8_t text[2 * TEXT_NUMBER + 1];
    struct pen pen = pen_of(text, sizeof text);
    pen_unsigned(&pen, h->version >> 8);
    pen_byte(&pen, '.');
    pen_unsigned(&pen, h->version & 0xff);
    event_text_copy(p->e, TLS_CLIENT_HELLO_VERSION + shift, pen_written(&pen));
    set_hex(p, TLS_CLIENT_HELLO_RANDOM + shift, h->random);
    set_hex(p, TLS_CLIENT_HELLO_SESSION_ID + shift, h->session_id);
    tls_extensions_publish(p->e, side, h, p->compat);
}

static void set_fingerprint(const struct page *p, int field,
                            size_t (*make)(const struct tls_hello *hello, uint8_t *to),
                            const struct tls_hello *hello)
{
    uint8_t text[TLS_JA4_TEXT];
    size_t len = make(hello, text);
    if (len)
        event_text_copy(p->e, field, span_of(text, len));
}

static void publish_client(struct page *p)
{
    const struct tls_hello *h = &p->hello[CLIENT];
    set_fingerprint(p, TLS_JA3, tls_ja3, h);
    tls_list_numbers(p->e, TLS_CLIENT_SUITES, h->suites, suite_name, p->compat);
    p->name = span_first(tls_server_name(tls_hello_extension(h, TLS_SERVER_NAME)), NAME_BYTES);
    event_text_if(p->e, TLS_CLIENT_NAME, p->name);
    event_text_if(p->e, F_DESTINATION_DOMAIN, p->name);
    if (p->settings->include_detailed_fields) {
        set_hello(p, CLIENT);
        set_compression(p);
    }
    if (p->compat)
        return;
    set_fingerprint(p, TLS_JA4, tls_ja4, h);
    event_add_new(p->e, F_RELATED_HOSTS, value_text(p->name));
    if (tls_hello_extension(h, TLS_ENCRYPTED_CLIENT_HELLO).at)
        event_flag(p->e, TLS_CLIENT_ECH, true);
}

// The group that both agreed on: TLS 1.3 says it in the hello, before it stood in front of the key.
static void set_curve(const struct page *p)
{
    enum { NAMED_CURVE = 3 };
    struct reader r = reader_of(view(p, &p->x->exchange));
    uint16_t group = tls_hello_group(&p->hello[SERVER]);
    bool named = reader_u8(&r) == NAMED_CURVE;
    if (!group && named)
        group = reader_be16(&r);
    if (tls_group_name(group, false).len)
        event_text(p->e, TLS_CURVE, tls_group_name(group, false));
}

static void publish_server(const struct page *p)
{
    const struct tls_hello *h = &p->hello[SERVER];
    struct reader names = reader_of(tls_list(tls_hello_extension(h, TLS_ALPN)));
    struct span name;
    set_name(p, TLS_CIPHER, tls_suite_name(h->suite), h->suite, 4);
    if (tls_string_next(&names, &name))
        event_text_if(p->e, TLS_NEXT_PROTOCOL_NAME, name);
    if (p->settings->include_detailed_fields) {
        set_hello(p, SERVER);
        set_name(p, TLS_COMPRESSION_CHOSEN, tls_compression_name(h->method), h->method, 2);
    }
    if (p->compat)
        return;
    set_fingerprint(p, TLS_JA3S, tls_ja3s, h);
    set_fingerprint(p, TLS_JA4S, tls_ja4s, h);
    set_curve(p);
}

// ── certificates ──

static struct span key_name(const struct page *p, const struct x509 *c)
{
    static const struct span unknown = SPAN("(unknown:0)"), ed25519 = SPAN("(unknown:4)");
    if (!p->compat || (c->key != X509_OTHER_KEY && c->key < X509_ED25519))
        return c->key_algorithm;
    return c->key == X509_ED25519 ? ed25519 : unknown;
}

static struct span signature_name(const struct page *p, const struct x509 *c)
{
    static const struct span unknown = SPAN("0");
    return p->compat && !c->signature_known ? unknown : c->signature_algorithm;
}

static uint32_t key_size(const struct page *p, const struct x509 *c)
{
    return p->compat && c->key == X509_MORE_KEYS ? 0 : c->key_size;
}

static void set_x509_name(const struct page *p, int first, const struct x509_name *name)
{
    for (int i = 0; i < X509_ATTRIBUTES; i++)
        event_text_if(p->e, first + i, name->attribute[i]);
}

static void set_x509(const struct page *p, int shift, const struct x509 *c)
{
    struct event *e = p->e;
    event_number(e, TLS_CLIENT_X509_VERSION + shift, c->version);
    event_text_if(e, TLS_CLIENT_X509_SERIAL + shift, c->serial_number);
    event_text(e, TLS_CLIENT_X509_SIGNATURE + shift, signature_name(p, c));
    event_text(e, TLS_CLIENT_X509_KEY + shift, key_name(p, c));
    if (key_size(p, c))
        event_number(e, TLS_CLIENT_X509_KEY_SIZE + shift, key_size(p, c));
    event_text_if(e, TLS_CLIENT_X509_KEY_CURVE + shift, c->key_curve);
    if (c->key_exponent && c->key_exponent <= INT64_MAX)
        event_number(e, TLS_CLIENT_X509_KEY_EXPONENT + shift, (int64_t)c->key_exponent);
    event_text(e, TLS_CLIENT_X509_NOT_BEFORE + shift, span_of(c->not_before, X509_TIME));
    event_text(e, TLS_CLIENT_X509_NOT_AFTER + shift, span_of(c->not_after, X509_TIME));
    if (c->alternative_names.len)
        event_json(e, TLS_CLIENT_X509_NAMES + shift, c->alternative_names);
    set_x509_name(p, TLS_CLIENT_X509_ISSUER_COMMON_NAME + shift, &c->issuer);
    set_x509_name(p, TLS_CLIENT_X509_SUBJECT_COMMON_NAME + shift, &c->subject);
}

// The certificate of the one who speaks.
static void set_leaf(const struct page *p, int shift, struct x509_entry *entry)
{
    static const int digest_fields[DIGESTS] = {TLS_CLIENT_MD5, TLS_CLIENT_SHA1, TLS_CLIENT_SHA256};
    const struct x509 *c = x509_entry_facts(entry);
    for (int i = 0; i < DIGESTS; i++)
        if (p->settings->fingerprint[i])
            event_text_if(p->e, digest_fields[i] + shift, x509_entry_digest(entry, i));
    if (!c)
        return;
    event_text_if(p->e, TLS_CLIENT_SUBJECT + shift, c->subject.attribute[X509_DISTINGUISHED_NAME]);
    event_text_if(p->e, TLS_CLIENT_ISSUER + shift, c->issuer.attribute[X509_DISTINGUISHED_NAME]);
    event_text(p->e, TLS_CLIENT_NOT_BEFORE + shift, span_of(c->not_before, X509_TIME));
    event_text(p->e, TLS_CLIENT_NOT_AFTER + shift, span_of(c->not_after, X509_TIME));
    if (p->settings->include_detailed_fields && p->settings->send_certificates)
        set_x509(p, shift, c);
}

static void put_member(struct pen *pen, const char *key, struct span text)
{
    if (!text.len)
        return;
    pen_raw(pen, span_text(key));
    pen_text(pen, text);
}

static void put_name(struct pen *pen, const char *key, const struct x509_name *name)
{
    char before = '{';
    pen_raw(pen, span_text(key));
    for (int i = 0; i < X509_ATTRIBUTES; i++) {
        if (!name->attribute[i].len)
            continue;
        pen_byte(pen, (uint8_t)before);
        pen_byte(pen, '"');
        pen_raw(pen, x509_attribute_names[i]);
        pen_raw(pen, (struct span)SPAN("\":"));
        pen_text(pen, name->attribute[i]);
        before = ',';
    }
    if (before == '{')
        pen_byte(pen, '{');
    pen_byte(pen, '}');
}

// What set_x509 says, as an object.
static void put_x509(const struct page *p, struct pen *pen, const struct x509 *c)
{
    pen_raw(pen, (struct span)SPAN("{\"version_number\":"));
    pen_unsigned(pen, c->version);
    put_member(pen, ",\"serial_number\":", c->serial_number);
    put_member(pen, ",\"signature_algorithm\":", signature_name(p, c));
    put_member(pen, ",\"public_key_algorithm\":", key_name(p, c));
    if (key_size(p, c)) {
        pen_raw(pen, (struct span)SPAN(",\"public_key_size\":"));
        pen_unsigned(pen, key_size(p, c));
    }
    if (!p->compat)
        put_member(pen, ",\"public_key_curve\":", c->key_curve);
    put_member(pen, ",\"not_before\":", span_of(c->not_before, X509_TIME));
    put_member(pen, ",\"not_after\":", span_of(c->not_after, X509_TIME));
    if (c->alternative_names.len) {
        pen_raw(pen, (struct span)SPAN(",\"alternative_names\":"));
        pen_raw(pen, c->alternative_names);
    }
    put_name(pen, ",\"issuer\":", &c->issuer);
    put_name(pen, ",\"subject\":", &c->subject);
    pen_byte(pen, '}');
}

// Adds a certificate to the list of those behind the first, if there is room.
static void put_in_chain(const struct page *p, struct pen *list, const struct x509_entry *entry)
{
    const struct x509 *c = x509_entry_facts(entry);
    if (!c)
        return;
    uint8_t *before = tls_list_item(list);
    put_x509(p, list, c);
    p->e->lost |= !tls_list_item_end(list, before);
}

// A certificate as a JSON text with lines of 64 characters.
static void put_pem(struct pen *pen, struct span der)
{
    enum { LINE = 48 };
    pen_raw(pen, (struct span)SPAN("\"-----BEGIN CERTIFICATE-----\\n"));
    for (struct span line; (line = span_first(der, LINE)).len; der = span_skip(der, line.len)) {
        uint8_t text[4 * LINE / 3 + 4];
        pen_raw(pen, span_of(text, text_base64(text, line, true)));
        pen_raw(pen, (struct span)SPAN("\\n"));
    }
    pen_raw(pen, (struct span)SPAN("-----END CERTIFICATE-----\\n\""));
}

static void publish_pem(const struct page *p, int field, struct span message)
{
    uint8_t place[PEM_BYTES];
    struct pen list = tls_list_begin(place, sizeof place);
    struct reader r = tls_certificates(message);
    struct span der;
    for (int i = 0; i < CHAIN_MOST && tls_certificate_next(&r, &der); i++) {
        uint8_t *before = tls_list_item(&list);
        put_pem(&list, der);
        p->e->lost |= !tls_list_item_end(&list, before);
    }
    tls_list_end(p->e, field, &list);
}

// The certificates behind that of the one who speaks.
static void publish_chain(const struct page *p, int field, struct reader *r)
{
    struct span der;
    uint8_t place[CHAIN_BYTES];
    struct pen list = tls_list_begin(place, sizeof place);
    for (int i = 1; i < CHAIN_MOST && tls_certificate_next(r, &der); i++) {
        struct x509_entry *entry = x509_cache_find(der, &p->e->scratch);
        p->e->lost |= !entry;
        if (entry)
            put_in_chain(p, &list, entry);
    }
    tls_list_end(p->e, field, &list);
}

static void publish_certificates(const struct page *p, enum side side)
{
    int shift = side == SERVER ? TLS_SERVER_MD5 - TLS_CLIENT_MD5 : 0;
    struct span message = view(p, &p->x->certificates[side]), der;
    struct reader r = tls_certificates(message);
    if (!tls_certificate_next(&r, &der))
        return;
    struct x509_entry *leaf = x509_cache_find(der, &p->e->scratch);
    p->e->lost |= !leaf;
    if (leaf)
        set_leaf(p, shift, leaf);
    if (p->settings->include_detailed_fields && p->settings->send_certificates)
        publish_chain(p, side == SERVER ? TLS_SERVER_CHAIN : TLS_CLIENT_CHAIN, &r);
    if (p->settings->include_raw_certificates)
        publish_pem(p, TLS_CLIENT_PEM + shift, message);
}

// ── what both did ──

static uint16_t version_of(const struct page *p)
{
    return p->x->greeted[SERVER] ? p->x->version : p->hello[CLIENT].version;
}

static void publish_version(const struct page *p)
{
    uint16_t version = version_of(p);
    if (!version && !p->compat)
        return;
    uint8_t place[2 * TEXT_NUMBER + 1];
    bool is_ours = version >> 8 == 3, is_ssl = version == 0x0300;
    struct pen pen = pen_of(place, sizeof place);
    pen_unsigned(&pen, is_ssl ? 3 : is_ours ? 1 : version >> 8);
    pen_byte(&pen, '.');
    pen_unsigned(&pen, is_ssl ? 0 : is_ours ? (version & 0xff) - 1u : version & 0xff);
    event_text_copy(p->e, TLS_VERSION, pen_written(&pen));
    event_text(p->e, TLS_VERSION_PROTOCOL, span_text(is_ssl ? "ssl" : is_ours ? "tls" : "unknown"));
    if (!p->settings->include_detailed_fields)
        return;
    size_t len = tls_version_text(version, place);
    event_text_copy(p->e, TLS_DETAILED_VERSION, span_of(place, len));
}

// How an earlier session is continued; NULL: it is not.
static const char *resumption(const struct page *p)
{
    const struct tls_hello *client = &p->hello[CLIENT], *server = &p->hello[SERVER];
    if (!p->compat && p->x->version >= TLS_1_3)
        return tls_hello_extension(server, TLS_PRE_SHARED_KEY).at ? "psk" : NULL;
    bool has_ticket = tls_hello_extension(client, TLS_SESSION_TICKET).len;
    bool answered = tls_hello_extension(server, TLS_SESSION_TICKET).at;
    bool same_id = client->session_id.len && span_is(client->session_id, server->session_id);
    if (p->x->exchanged || !(same_id || (has_ticket && answered)))
        return NULL;
    // A client that has a ticket makes the id up (RFC 5077 section 3.4).
    return has_ticket && (answered || !p->compat) ? "ticket" : "id";
}

static void publish_resumption(const struct page *p)
{
    const char *how = resumption(p);
    event_flag(p->e, TLS_RESUMED, how);
    if (how && p->settings->include_detailed_fields)
        event_text(p->e, TLS_RESUMPTION_METHOD, span_text(how));
}

static void publish_outcome(const struct page *p)
{
    const struct tls_session *x = p->x;
    enum side first = x->turned ? side_other(x->first) : x->first;
    bool established = x->established || (p->compat && x->encrypts[first]);
    event_flag(p->e, TLS_ESTABLISHED, established);
    event_text(p->e, F_STATUS, span_text(established ? "OK" : "Error"));
    if (!p->compat && !x->established)
        event_time(p->e, F_EVENT_END, p->t->message[CLIENT].last);
    if (!p->compat && (p->t->lossy[CLIENT] || p->t->lossy[SERVER]))
        event_add_new(p->e, F_ERROR_MESSAGE,
                      value_text((struct span)SPAN("Packet loss while capturing the handshake")));
}

// │ type 1: ocsp │ length 3 │ DER: sequence { enumerated status … of which only this much was kept
static void publish_status(const struct page *p)
{
    struct reader r = reader_of(view(p, &p->x->status));
    uint8_t type = reader_u8(&r), digits[TEXT_NUMBER];
    reader_skip(&r, 3 + 1);
    uint8_t length = reader_u8(&r);
    reader_skip(&r, (length & 0x80 ? length & 0x7f : 0) + 2);
    uint8_t status = reader_u8(&r);
    if (!reader_ok(&r) || type != 1)
        return;
    if (tls_ocsp_name(status).len)
        event_text(p->e, TLS_OCSP_RESPONSE, tls_ocsp_name(status));
    else
        event_text_copy(p->e, TLS_OCSP_RESPONSE, span_of(digits, text_unsigned(digits, status)));
}

static void put_alert(const struct page *p, struct pen *list, const struct tls_alert *a)
{
    static const struct span severities[] = {{NULL, 0}, SPAN("warning"), SPAN("fatal")};
    uint8_t *before = tls_list_item(list);
    pen_raw(list, (struct span)SPAN("{\"code\":"));
    pen_unsigned(list, a->code);
    pen_raw(list, (struct span)SPAN(",\"severity\":\""));
    tls_names_put(list, a->severity < 3 ? severities[a->severity] : span_of(NULL, 0), a->severity,
                  2);
    pen_raw(list, (struct span)SPAN("\",\"source\":\""));
    pen_raw(list, span_text(a->from == CLIENT ? "client" : "server"));
    pen_raw(list, (struct span)SPAN("\",\"type\":\""));
    tls_names_put(list, tls_alert_name(a->code, p->compat), a->code, 2);
    pen_raw(list, (struct span)SPAN("\"}"));
    tls_list_item_end(list, before);
}

// Those of the client first.
static void publish_alerts(const struct page *p)
{
    uint8_t place[TLS_ALERTS_KEPT * 128], types_place[TLS_ALERTS_KEPT * 48];
    struct pen alerts = tls_list_begin(place, sizeof place);
    struct pen types = tls_list_begin(types_place, sizeof types_place);
    for (int side = CLIENT; side <= SERVER; side++)
        for (int i = 0; i < p->x->alert_count; i++) {
            const struct tls_alert *a = &p->x->alerts[i];
            if (a->from != side)
                continue;
            put_alert(p, &alerts, a);
            tls_list_name(&types, tls_alert_name(a->code, p->compat), a->code, 2);
        }
    tls_list_end(p->e, TLS_ALERTS, &alerts);
    tls_list_end(p->e, TLS_ALERT_TYPES, &types);
}

static void publish_details(const struct page *p)
{
    event_flag(p->e, TLS_CERTIFICATE_REQUESTED, p->x->requested);
    if (p->x->status.len)
        publish_status(p);
    if (p->x->alert_count)
        publish_alerts(p);
    if (p->x->retried)
        set_name(p, TLS_RETRIED, tls_group_name(p->x->retry_group, false), p->x->retry_group, 4);
}

bool tls_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct tls_session *x = t->state;
    struct page p = {
        .settings = conn_settings(c), .t = t, .x = x, .e = e, .compat = conn_is_compat(c)};
    if (!x->greeted[CLIENT] && !x->greeted[SERVER] && !x->alert_count &&
        !x->certificates[CLIENT].len && !x->certificates[SERVER].len)
        return false;
    for (int side = CLIENT; side <= SERVER; side++)
        if (x->greeted[side])
            tls_hello_read(view(&p, &x->hello[side]), side, &p.hello[side]);
    if (x->greeted[CLIENT])
        publish_client(&p);
    if (x->greeted[SERVER])
        publish_server(&p);
    for (int side = CLIENT; side <= SERVER; side++)
        if (x->certificates[side].len)
            publish_certificates(&p, side);
    publish_version(&p);
    publish_resumption(&p);
    publish_outcome(&p);
    if (p.settings->include_detailed_fields)
        publish_details(&p);
    return true;
}
