// SPDX-License-Identifier: Apache-2.0
// Makes the documents of HTTP exchanges. Everything is a view on what the transaction kept, or is
// put together in the event's scratch.

#include "probe/proto/http.h"

#include "probe/proto/http_body.h"
#include "probe/proto/http_url.h"

enum { COOKIES_MOST = 256 }; // of one field; what lies above is left out

enum http_field {
    HTTP_FIELDS_BEGIN = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/http.def"
#undef FIELD
    HTTP_FIELDS_END
};

static const struct field http_fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/http.def"
#undef FIELD
};

const struct field_table http_table = {"http", &common_table, http_fields,
                                       sizeof http_fields / sizeof *http_fields};

// The same things of a question and of an answer.
static const struct {
    int bytes, body_bytes, body, headers, length, type, raw;
    const char *loss;
} sides[] = {
    [CLIENT] = {HTTP_REQUEST_BYTES, HTTP_REQUEST_BODY_BYTES, HTTP_REQUEST_BODY_CONTENT,
                HTTP_REQUEST_HEADERS, HTTP_REQUEST_HEADERS_LENGTH, HTTP_REQUEST_HEADERS_TYPE,
                F_REQUEST, "Packet loss while capturing the request"},
    [SERVER] = {HTTP_RESPONSE_BYTES, HTTP_RESPONSE_BODY_BYTES, HTTP_RESPONSE_BODY_CONTENT,
                HTTP_RESPONSE_HEADERS, HTTP_RESPONSE_HEADERS_LENGTH, HTTP_RESPONSE_HEADERS_TYPE,
                F_RESPONSE, "Packet loss while capturing the response"},
};

// One document on its way.
struct page {
    const struct conn *c;
    const struct http_settings *settings;
    const struct transaction *t;
    const struct http_exchange *x;
    struct event *e;
    bool compat;
};

// ── helpers ──

static struct span view(const struct page *p, const struct chain *chain)
{
    struct span text = chain_view(chain, &p->e->scratch);
    if (!text.len && chain->len)
        p->e->lost = true;
    return text;
}

static void *room(const struct page *p, size_t size)
{
    void *place = arena_alloc(&p->e->scratch, size);
    if (!place)
        p->e->lost = true;
    return place;
}

static void note(const struct page *p, struct span text)
{
    event_add_new(p->e, F_ERROR_MESSAGE, value_text(text));
}

static void set_text(const struct page *p, int field, const struct chain *chain)
{
    if (chain->len)
        event_chain(p->e, field, chain);
}

static void set_count(const struct page *p, int field, uint64_t number)
{
    if (number)
        event_number(p->e, field, (int64_t)number);
}

static void add_ip(const struct page *p, const struct ip *ip)
{
    uint8_t *bytes = room(p, sizeof ip->bytes);
    if (!bytes)
        return;
    memcpy(bytes, ip->bytes, sizeof ip->bytes);
    event_add_new(p->e, F_RELATED_IP, value_ip(bytes, ip->family));
}

// ── header fields ──

static struct span lowered(const struct page *p, struct span text)
{
    uint8_t *place = room(p, text.len + 1);
    for (size_t i = 0; place && i < text.len; i++)
        place[i] = text_lower(text.at[i]);
    return span_of(place, place ? text.len : 0);
}

// Of equal names the last counts.
static void set_cookie(const struct page *p, struct value *tree, struct span name,
                       struct span value)
{
    struct tree_item **item = &tree->tree;
    while (*item && !span_is((*item)->key, name))
        item = &(*item)->next;
    if (!*item && !(*item = room(p, sizeof **item)))
        return;
    (*item)->key = name;
    (*item)->value = value_text(value);
}

// "name=value; name=value": values lose their quotes, what is no pair is left out.
static struct value cookie_tree(const struct page *p, struct span text)
{
    struct value tree = {.kind = VALUE_TREE};
    for (int count = 0; text.len && count < COOKIES_MOST; count++) {
        struct span value = span_cut(&text, ';');
        if (span_find(value, '=') < 0)
            continue;
        struct span name = lowered(p, span_trim(span_cut(&value, '=')));
        value = span_trim(value);
        if (value.len > 1 && value.at[0] == '"' && value.at[value.len - 1] == '"')
            value = span_of(value.at + 1, value.len - 2);
        set_cookie(p, &tree, name, value);
    }
    return tree;
}

static void publish_kept(const struct page *p, enum side side)
{
    struct span cookie =
        side == CLIENT ? (struct span)SPAN("cookie") : (struct span)SPAN("set-cookie");
    for (struct http_kept *kept = p->x->message[side].kept; kept; kept = kept->next) {
        struct span name = span_of(kept->name, kept->name_len);
        struct value value = {.kind = VALUE_CHAIN, .len = kept->value.len, .at = &kept->value};
        if (p->settings->split_cookie && !kept->redacted && span_is(name, cookie))
            value = cookie_tree(p, view(p, &kept->value));
        event_member(p->e, sides[side].headers, name, value);
    }
}

// ── bodies ──

static void note_coding(const struct page *p, const struct http_decoded *d)
{
    static const char format[] = "unable to decode body using  encoding: ";
    size_t size = sizeof format + d->coding.len + strlen(d->problem);
    struct pen pen = event_pen(p->e, size);
    pen_raw(&pen, (struct span)SPAN("unable to decode body using "));
    pen_raw(&pen, d->coding);
    pen_raw(&pen, (struct span)SPAN(" encoding: "));
    pen_raw(&pen, span_text(d->problem));
    note(p, pen_written(&pen));
}

static struct value text_of(struct span text, uint64_t whole)
{
    struct value value = value_text(text);
    value.cut = text.len < whole;
    return value;
}

// The body as documents have it; `*whole`: its length before anything was cut off.
static struct value body_value(const struct page *p, const struct http_message *m, uint64_t *whole)
{
    struct span content = view(p, &m->coding), transfer = view(p, &m->transfer);
    if (p->settings->decode_body && m->body.len && http_is_coded(content, transfer)) {
        struct http_ceiling ceiling = {
            .most = (uint64_t)p->settings->max_message_size,
            .growth = p->compat ? HTTP_GROWTH_ANY : (uint64_t)p->settings->max_body_growth};
        struct http_decoded d = http_decode(&m->body, content, transfer, ceiling, &p->e->scratch);
        if (d.problem)
            note_coding(p, &d);
        if (d.bomb)
            counter_add(conn_counters(p->t->conn)->http_bombs, 1);
        *whole = d.len;
        return text_of(d.body, d.len);
    }
    *whole = m->body_bytes;
    uint32_t len = m->body.len < HTTP_TEXT_MOST ? m->body.len : HTTP_TEXT_MOST;
    return (struct value){
        .kind = VALUE_CHAIN, .len = len, .cut = len < m->body_bytes, .at = &m->body};
}

// A form loses its secrets; the reference shows them to who asks for bodies.
static struct value hide_secrets(const struct page *p, const struct value *body)
{
    const struct setting_texts *hidden = &p->settings->hide_keywords;
    struct span text = body->kind == VALUE_CHAIN ? view(p, body->at) : span_of(body->at, body->len);
    bool full;
    text = http_hide_in_form(span_first(text, body->len), hidden->at, hidden->count, &p->e->scratch,
                             &full);
    p->e->lost |= full;
    struct value value = value_text(text);
    value.cut = body->cut;
    return value;
}

static size_t copy_value(const struct value *v, uint8_t *to)
{
    if (v->kind == VALUE_CHAIN)
        return chain_copy(v->at, 0, to, v->len);
    if (v->len)
        memcpy(to, v->at, v->len);
    return v->len;
}

// Head and, if it is exported, body in one text.
static void publish_raw(const struct page *p, enum side side, const struct value *body)
{
    const struct common_settings *common = conn_common(p->c);
    const struct chain *head = &p->x->message[side].head;
    if (!(side == CLIENT ? common->send_request : common->send_response))
        return;
    if (!body || !body->len) {
        event_chain(p->e, sides[side].raw, head);
        return;
    }
    uint8_t *place = room(p, (size_t)head->len + body->len);
    if (!place)
        return;
    size_t len = chain_copy(head, 0, place, head->len);
    len += copy_value(body, place + len);
    *event_slot(p->e, sides[side].raw) = text_of(span_of(place, len), len + body->cut);
}

// What question and answer have in common.
static void publish_message(const struct page *p, enum side side)
{
    const struct http_message *m = &p->x->message[side];
    struct event *e = p->e;
    struct value body = {.kind = VALUE_NULL};
    uint64_t counted = m->body_bytes + m->hole_bytes, whole = 0;
    uint64_t declared = m->has_length ? m->length : counted;
    uint64_t length = p->compat ? declared : counted;
    if (m->exported)
        body = body_value(p, m, &whole);
    if (m->form && body.len && p->settings->hide_keywords.count && !p->compat)
        body = hide_secrets(p, &body);
    if (body.len) {
        *event_slot(e, sides[side].body) = body;
        length = whole;
    }
    set_count(p, sides[side].bytes, p->t->message[side].bytes);
    set_count(p, sides[side].body_bytes, length);
    event_number(e, sides[side].length, (int64_t)declared);
    set_text(p, sides[side].type, &m->type);
    publish_kept(p, side);
    publish_raw(p, side, &body);
}

// ── the question ──

static struct span version_text(const struct http_message *m)
{
    static const struct span texts[2][3] = {{SPAN("0.0"), SPAN("0.1"), SPAN("0.2")},
                                            {SPAN("1.0"), SPAN("1.1"), SPAN("1.2")}};
    return texts[m->major & 1][m->minor % 3];
}

// "<method> <path>"
static void publish_query(const struct page *p, struct span path)
{
    struct pen pen = event_pen(p->e, p->x->method.len + 1 + path.len);
    pen_raw(&pen, view(p, &p->x->method));
    pen_byte(&pen, ' ');
    pen_raw(&pen, path);
    event_text(p->e, F_QUERY, pen_written(&pen));
}

static struct span unescape(const struct page *p, struct span text)
{
    if (span_find(text, '%') < 0)
        return text;
    uint8_t *place = room(p, text.len);
    return place ? span_of(place, http_unescape(place, text, false)) : text;
}

static struct span parameters(const struct page *p, struct span query)
{
    const struct http_message *m = &p->x->message[CLIENT];
    struct span form = m->form ? view(p, &m->body) : span_of(NULL, 0);
    if (!query.len && !form.len)
        return query;
    bool full;
    const struct setting_texts *hidden = &p->settings->hide_keywords;
    struct span text =
        http_parameters(query, form, hidden->at, hidden->count, &p->e->scratch, &full);
    p->e->lost |= full;
    return text;
}

static void publish_extension(const struct page *p, struct span path)
{
    size_t at = path.len;
    while (at && path.at[at - 1] != '.' && (p->compat || path.at[at - 1] != '/'))
        at--;
    if (at && path.at[at - 1] == '.')
        event_text_if(p->e, HTTP_URL_EXTENSION, span_skip(path, at));
}

static void publish_full_url(const struct page *p, struct span domain, uint16_t port,
                             struct span path, struct span query)
{
    bool boxed = span_find(domain, ':') >= 0;
    struct pen pen = event_pen(p->e, 32 + 3 * (domain.len + path.len) + query.len);
    pen_raw(&pen, (struct span)SPAN("http://"));
    pen_raw(&pen, boxed ? (struct span)SPAN("[") : span_of(NULL, 0));
    http_escape(&pen, domain, HTTP_PLAIN_HOST);
    pen_raw(&pen, boxed ? (struct span)SPAN("]") : span_of(NULL, 0));
    if (port != 80) {
        pen_byte(&pen, ':');
        pen_unsigned(&pen, port);
    }
    if (path.len && path.at[0] != '/')
        pen_byte(&pen, '/');
    if (span_is(path, (struct span)SPAN("*")))
        pen_byte(&pen, '*');
    else
        http_escape(&pen, path, HTTP_PLAIN_PATH);
    if (query.len)
        pen_byte(&pen, '?');
    pen_raw(&pen, query);
    event_text(p->e, HTTP_URL_FULL, pen_written(&pen));
}

// Names the server as the question does. The port that counts is returned.
static uint16_t publish_host(const struct page *p, struct span authority, struct span *domain)
{
    uint16_t port, there = conn_ends(p->c)->port[SERVER];
    *domain = http_host(authority, p->compat ? INT16_MAX : UINT16_MAX, &port);
    struct ip ip;
    if (text_to_ip(*domain, &ip)) {
        add_ip(p, &ip);
    } else if (domain->len) {
        event_text(p->e, F_DESTINATION_DOMAIN, *domain);
        event_add_new(p->e, F_RELATED_HOSTS, value_text(*domain));
    }
    if (port && port != there)
        note(p, (struct span)SPAN("Host header port number mismatch"));
    return port ? port : there;
}

static void publish_url(const struct page *p)
{
    struct span target = view(p, &p->x->message[CLIENT].line);
    bool tunnel = span_is(view(p, &p->x->method), (struct span)SPAN("CONNECT"));
    struct http_target parts = {0};
    if (!tunnel)
        parts = http_target_of(target);
    struct span authority = view(p, &p->x->host), domain;
    if (!authority.len && !p->compat)
        authority = tunnel ? target : parts.authority;
    struct span path = unescape(p, parts.path), query = parameters(p, parts.query);
    uint16_t port = publish_host(p, authority, &domain);
    publish_query(p, tunnel && !p->compat ? target : path);
    event_text(p->e, HTTP_URL_SCHEME, (struct span)SPAN("http"));
    event_text_if(p->e, HTTP_URL_DOMAIN, domain);
    if (port != 80)
        event_number(p->e, HTTP_URL_PORT, port);
    event_text_if(p->e, HTTP_URL_PATH, path);
    event_text_if(p->e, HTTP_URL_QUERY, query);
    publish_extension(p, path);
    if (domain.len)
        publish_full_url(p, domain, port, path, query);
}

// The first element of the header that a proxy writes.
static void publish_forwarded(const struct page *p)
{
    struct span list = view(p, &p->x->forwarded), first = span_trim(span_cut(&list, ','));
    struct ip ip;
    if (!text_to_ip(first, &ip))
        return;
    add_ip(p, &ip);
    uint8_t *bytes = room(p, sizeof ip.bytes);
    if (!bytes)
        return;
    memcpy(bytes, ip.bytes, sizeof ip.bytes);
    event_ip(p->e, F_NETWORK_FORWARDED_IP, bytes, ip.family);
}

// Whom Basic authentication names, if its field is among those that are written and in clear.
static void publish_user(const struct page *p)
{
    static const struct span basic = SPAN("Basic ");
    const struct http_kept *kept = p->x->message[CLIENT].kept;
    while (kept &&
           !span_is(span_of(kept->name, kept->name_len), (struct span)SPAN("authorization")))
        kept = kept->next;
    if (!kept || kept->redacted)
        return;
    struct span value = view(p, &kept->value);
    if (!span_is_nocase(span_first(value, basic.len), basic))
        return;
    value = span_trim(span_skip(value, basic.len));
    uint8_t *place = room(p, value.len + 3);
    ptrdiff_t len = place ? text_from_base64(place, value) : -1;
    ptrdiff_t colon = len < 0 ? -1 : span_find(span_of(place, (size_t)len), ':');
    if (colon <= 0)
        return;
    struct span user = span_of(place, (size_t)colon);
    event_text(p->e, HTTP_USER_NAME, user);
    event_add_new(p->e, F_RELATED_USER, value_text(user));
}

static void publish_question(const struct page *p)
{
    const struct http_exchange *x = p->x;
    if (p->t->lossy[CLIENT])
        note(p, span_text(sides[CLIENT].loss));
    if (!x->message[SERVER].begun)
        note(p, (struct span)SPAN("Unmatched request"));
    publish_message(p, CLIENT);
    publish_url(p);
    event_text(p->e, HTTP_VERSION, version_text(&x->message[CLIENT]));
    set_text(p, F_METHOD, &x->method);
    set_text(p, HTTP_REQUEST_METHOD, &x->method);
    set_text(p, HTTP_USER_AGENT, &x->agent);
    set_text(p, HTTP_REQUEST_REFERRER, &x->referrer);
    event_add_new(p->e, F_RELATED_HOSTS, value_text(view(p, &x->referrer)));
    if (x->forwarded.len)
        publish_forwarded(p);
    if (x->message[CLIENT].kept)
        publish_user(p);
    event_time(p->e, HTTP_REQUEST_END, p->t->message[CLIENT].last);
}

// ── the answer ──

static void publish_answer(const struct page *p)
{
    const struct http_message *m = &p->x->message[SERVER];
    const struct message *asked = &p->t->message[CLIENT], *answered = &p->t->message[SERVER];
    if (p->t->lossy[SERVER])
        note(p, span_text(sides[SERVER].loss));
    if (p->t->unasked)
        note(p, (struct span)SPAN("Unmatched response"));
    publish_message(p, SERVER);
    set_count(p, HTTP_RESPONSE_STATUS_CODE, m->status);
    set_text(p, HTTP_RESPONSE_STATUS_PHRASE, &m->line);
    if (asked->first && answered->first >= asked->first)
        event_number(p->e, HTTP_RESPONSE_FIRST_BYTE, answered->first - asked->first);
}

bool http_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct http_exchange *x = t->state;
    struct page p = {c, conn_settings(c), t, x, e, conn_is_compat(c)};
    const struct http_message *answer = &x->message[SERVER];
    bool fine = answer->begun && answer->status < 400 && !t->unasked;
    event_text(e, F_STATUS, fine ? (struct span)SPAN("OK") : (struct span)SPAN("Error"));
    if (x->message[CLIENT].begun)
        publish_question(&p);
    if (answer->begun)
        publish_answer(&p);
    return true;
}
