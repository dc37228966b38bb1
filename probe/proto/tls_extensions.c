// SPDX-License-Identifier: Apache-2.0
// Extensions of hellos in documents. Lists become one JSON fragment each, under a ceiling: what
// finds no room behind it is left out.
#include "probe/proto/tls.h"

#include "probe/proto/tls_list.h"
#include "probe/proto/tls_names.h"

enum { LIST_MOST = 8 << 10 }; // bytes of a list

// What is under way.
struct page {
    struct event *e;
    enum side from;
    int shift; // from the client's fields to this side's
    bool compat;
    struct pen others; // names of extensions that have no field
};

// ── lists ──

// Also an empty list is one.
static void list_end(const struct page *p, int field, struct pen *list)
{
    if (!tls_list_end(p->e, field + p->shift, list))
        event_list(p->e, field + p->shift);
}

// ── single texts ──

static void set_text(const struct page *p, int field, struct span text)
{
    event_text(p->e, field + p->shift, text);
}

// As "(12 bytes)", whatever stands around the number.
static void set_count(const struct page *p, int field, const char *before, size_t number,
                      const char *behind)
{
    uint8_t place[64], digits[TEXT_NUMBER];
    struct pen pen = pen_of(place, sizeof place);
    pen_raw(&pen, span_text(before));
    pen_raw(&pen, span_of(digits, text_unsigned(digits, number)));
    pen_raw(&pen, span_text(behind));
    event_text_copy(p->e, field + p->shift, pen_written(&pen));
}

// ── one extension each; false: it is not what it should be ──

static bool put_server_names(const struct page *p, struct span data)
{
    struct reader r = reader_of(data), names = reader_of(reader_bytes(&r, reader_be16(&r)));
    uint8_t place[LIST_MOST];
    struct pen list = tls_list_begin(place, sizeof place);
    if (!reader_ok(&r))
        return false;
    while (reader_left(&names)) {
        uint8_t type = reader_u8(&names);
        struct span name = reader_bytes(&names, reader_be16(&names));
        if (type == 0 && reader_ok(&names))
            tls_list_text(&list, name);
    }
    list_end(p, TLS_CLIENT_HELLO_SNI, &list);
    return true;
}

static bool put_max_fragment_length(const struct page *p, struct span data)
{
    if (data.len != 1)
        return false;
    if (data.at[0] >= 1 && data.at[0] <= 4)
        set_count(p, TLS_CLIENT_HELLO_FRAGMENT, "2^", 8u + data.at[0], "");
    else
        set_count(p, TLS_CLIENT_HELLO_FRAGMENT, "(unknown:", data.at[0], ")");
    return true;
}

static bool put_empty(const struct page *p, int field, struct span data)
{
    if (data.len)
        set_count(p, field, "(expected empty: found ", data.len, " bytes)");
    else
        set_text(p, field, (struct span)SPAN(""));
    return true;
}

static bool put_client_certificate_url(const struct page *p, struct span data)
{
    return put_empty(p, TLS_CLIENT_HELLO_CERTIFICATE_URL, data);
}

static bool put_truncated_hmac(const struct page *p, struct span data)
{
    return put_empty(p, TLS_CLIENT_HELLO_TRUNCATED_HMAC, data);
}

static bool put_status_request(const struct page *p, struct span data)
{
    struct reader r = reader_of(data);
    uint8_t type = reader_u8(&r);
    uint16_t responders = reader_be16(&r);
    reader_skip(&r, responders);
    uint16_t extensions = reader_be16(&r);
    if (!data.len) {
        event_flag(p->e, TLS_CLIENT_HELLO_STATUS_RESPONSE + p->shift, true);
        return true;
    }
    if (!reader_ok(&r))
        return false;
    if (type == 1)
        set_text(p, TLS_CLIENT_HELLO_STATUS_TYPE, (struct span)SPAN("ocsp"));
    else
        set_count(p, TLS_CLIENT_HELLO_STATUS_TYPE, "", type, "");
    event_number(p->e, TLS_CLIENT_HELLO_STATUS_RESPONDERS + p->shift, responders);
    event_number(p->e, TLS_CLIENT_HELLO_STATUS_EXTENSIONS + p->shift, extensions);
    return true;
}

static bool put_cert_type(const struct page *p, struct span data)
{
    static const struct span names[] = {SPAN("X.509"), SPAN("OpenPGP"), SPAN("RawPubKey")};
    struct reader r = reader_of(data);
    struct span types = data.len > 1 ? span_first(span_skip(data, 1), reader_u8(&r)) : data;
    uint8_t place[LIST_MOST];
    struct pen list = tls_list_begin(place, sizeof place);
    for (size_t i = 0; i < types.len; i++) {
        bool known = types.at[i] < sizeof names / sizeof *names;
        tls_list_name(&list, known ? names[types.at[i]] : span_of(NULL, 0), types.at[i], 2);
    }
    list_end(p, TLS_CLIENT_HELLO_CERT_TYPE, &list);
    return true;
}

static bool put_numbers(const struct page *p, int field, struct span data, tls_namer *name)
{
    struct span numbers = tls_list(data);
    if (data.len < 2 || (data.len > 2 && !numbers.len))
        return false;
    if (!tls_list_numbers(p->e, field + p->shift, numbers, name, p->compat))
        event_list(p->e, field + p->shift);
    return true;
}

static bool put_groups(const struct page *p, struct span data)
{
    return put_numbers(p, TLS_CLIENT_HELLO_GROUPS, data, tls_group_name);
}

static bool put_signatures(const struct page *p, struct span data)
{
    return put_numbers(p, TLS_CLIENT_HELLO_SIGNATURES, data, tls_signature_name);
}

static bool put_point_formats(const struct page *p, struct span data)
{
    struct reader r = reader_of(data);
    struct span formats = reader_bytes(&r, reader_u8(&r));
    if (!reader_ok(&r) || reader_left(&r))
        return false;
    uint8_t place[LIST_MOST];
    struct pen list = tls_list_begin(place, sizeof place);
    for (size_t i = 0; i < formats.len; i++)
        tls_list_name(&list, tls_point_format_name(formats.at[i]), formats.at[i], 2);
    list_end(p, TLS_CLIENT_HELLO_FORMATS, &list);
    return true;
}

static bool put_srp(const struct page *p, struct span data)
{
    struct reader r = reader_of(data);
    struct span user = reader_bytes(&r, reader_u8(&r));
    if (reader_ok(&r))
        set_text(p, TLS_CLIENT_HELLO_SRP, user);
    return reader_ok(&r);
}

static bool put_protocols(const struct page *p, struct span data)
{
    struct reader r = reader_of(tls_list(data));
    struct span name;
    uint8_t place[LIST_MOST];
    struct pen list = tls_list_begin(place, sizeof place);
    while (tls_string_next(&r, &name))
        tls_list_text(&list, name);
    if (!reader_ok(&r) || list.at == list.start)
        return false;
    list_end(p, TLS_CLIENT_HELLO_ALPN, &list);
    return true;
}

static bool put_ticket(const struct page *p, struct span data)
{
    if (data.len)
        set_count(p, TLS_CLIENT_HELLO_TICKET, "(", data.len, " bytes)");
    else
        set_text(p, TLS_CLIENT_HELLO_TICKET, (struct span)SPAN(""));
    return true;
}

static bool put_versions(const struct page *p, struct span data)
{
    uint8_t text[TLS_VERSION_TEXT];
    struct reader r = reader_of(data);
    if (data.len == 2) {
        size_t len = tls_version_text(reader_be16(&r), text);
        event_text_copy(p->e, TLS_CLIENT_HELLO_VERSIONS + p->shift, span_of(text, len));
        return true;
    }
    struct span versions = reader_bytes(&r, reader_u8(&r));
    if (!reader_ok(&r) || versions.len < 2 || versions.len % 2)
        return false;
    uint8_t place[LIST_MOST];
    struct pen list = tls_list_begin(place, sizeof place);
    for (r = reader_of(versions); reader_left(&r);) {
        uint16_t version = reader_be16(&r);
        if (!tls_is_grease(version))
            tls_list_text(&list, span_of(text, tls_version_text(version, text)));
    }
    list_end(p, TLS_CLIENT_HELLO_VERSIONS, &list);
    return true;
}

static void list_group(const struct page *p, struct pen *list, uint16_t group)
{
    if (!tls_is_grease(group))
        tls_list_name(list, tls_group_name(group, p->compat), group, 4);
}

static bool put_key_share(const struct page *p, struct span data)
{
    if (p->compat)
        return false;
    struct reader r = reader_of(p->from == SERVER ? data : tls_list(data));
    uint8_t place[LIST_MOST];
    struct pen list = tls_list_begin(place, sizeof place);
    while (reader_left(&r) >= 2) {
        list_group(p, &list, reader_be16(&r));
        reader_skip(&r, reader_be16(&r));
    }
    list_end(p, TLS_CLIENT_HELLO_KEY_SHARE, &list);
    return true;
}

static const struct {
    uint16_t type;
    bool (*put)(const struct page *p, struct span data); // NULL: only the name is shown
    struct span name;                                    // if it is not put; empty: its number
} extensions[] = {
    {TLS_SERVER_NAME, put_server_names, SPAN("server_name_indication")},
    {TLS_MAX_FRAGMENT_LENGTH, put_max_fragment_length, SPAN("max_fragment_length")},
    {TLS_CLIENT_CERTIFICATE_URL, put_client_certificate_url, SPAN("client_certificate_url")},
    {TLS_TRUSTED_CA_KEYS, NULL, SPAN("trusted_ca_keys")},
    {TLS_TRUNCATED_HMAC, put_truncated_hmac, SPAN("truncated_hmac")},
    {TLS_STATUS_REQUEST, put_status_request, SPAN("status_request")},
    {TLS_USER_MAPPING, NULL, SPAN("user_mapping")},
    {TLS_CLIENT_AUTHZ, NULL, SPAN("client_authz")},
    {TLS_SERVER_AUTHZ, NULL, SPAN("server_authz")},
    {TLS_CERT_TYPE, put_cert_type, SPAN("cert_type")},
    {TLS_SUPPORTED_GROUPS, put_groups, SPAN("supported_groups")},
    {TLS_POINT_FORMATS, put_point_formats, SPAN("ec_points_formats")},
    {TLS_SRP, put_srp, SPAN("srp")},
    {TLS_SIGNATURE_ALGORITHMS, put_signatures, SPAN("signature_algorithms")},
    {TLS_ALPN, put_protocols, SPAN("application_layer_protocol_negotiation")},
    {TLS_SESSION_TICKET, put_ticket, SPAN("session_ticket")},
    {TLS_SUPPORTED_VERSIONS, put_versions, SPAN("supported_versions")},
    {TLS_KEY_SHARE, put_key_share, {NULL, 0}},
    {TLS_RENEGOTIATION_INFO, NULL, SPAN("renegotiation_info")},
};

static void put_other(struct page *p, struct span name, unsigned type)
{
    uint8_t digits[TEXT_NUMBER];
    tls_list_text(&p->others, name.len ? name : span_of(digits, text_unsigned(digits, type)));
}

static void put(struct page *p, const struct tls_extension *x)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (extensions[i].type == x->type) {
            if (!extensions[i].put || !extensions[i].put(p, x->data))
                put_other(p, extensions[i].name, x->type);
            return;
        }
    put_other(p, span_of(NULL, 0), x->type);
}

void tls_extensions_publish(struct event *e, enum side from, const struct tls_hello *hello,
                            bool compat)
{
    uint8_t place[LIST_MOST];
    struct page p = {.e = e, .from = from, .compat = compat};
    p.shift = from == SERVER ? TLS_SERVER_HELLO_VERSION - TLS_CLIENT_HELLO_VERSION : 0;
    p.others = tls_list_begin(place, sizeof place);
    struct reader r = reader_of(hello->extensions);
    struct tls_extension x;
    while (tls_extension_next(&r, &x))
        if (!tls_is_grease(x.type))
            put(&p, &x);
    tls_list_end(e, TLS_CLIENT_HELLO_UNPARSED + p.shift, &p.others);
}
