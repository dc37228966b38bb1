// SPDX-License-Identifier: Apache-2.0
// Copies out of a message, into its transaction's store, what the documents need under the
// settings; everything else is looked at once and let go.

#include "probe/proto/http.h"

#include "probe/proto/http_body.h"
#include "probe/proto/http_parse.h"
#include "probe/proto/http_url.h"

static const struct http_settings *settings_of(const struct transaction *t)
{
    return conn_settings(t->conn);
}

static struct http_message *message_of(struct transaction *t, enum side from)
{
    struct http_exchange *x = t->state;
    return &x->message[from];
}

static bool is_listed(const struct setting_texts *list, struct span name)
{
    for (int i = 0; i < list->count; i++)
        if (span_is_nocase(name, span_text(list->at[i])))
            return true;
    return false;
}

// ── texts ──

static void append_lower(struct transaction *t, struct chain *to, struct span text)
{
    uint8_t piece[128];
    while (text.len) {
        struct span part = span_first(text, sizeof piece);
        for (size_t i = 0; i < part.len; i++)
            piece[i] = text_lower(part.at[i]);
        transaction_append(t, to, span_of(piece, part.len));
        text = span_skip(text, part.len);
    }
}

// A field's value; its folds become one blank each, a repeat goes on behind a comma.
static void append_value(struct transaction *t, struct chain *to, struct span value)
{
    if (to->len)
        transaction_append(t, to, (struct span)SPAN(", "));
    while (span_find(value, '\n') >= 0) {
        struct span line = span_cut(&value, '\n');
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        transaction_append(t, to, span_trim(line));
        transaction_append(t, to, (struct span)SPAN(" "));
        value = span_trim(value);
    }
    transaction_append(t, to, value);
}

// ── secrets in URLs ──

// Fields whose URL may repeat the parameters of a question. The reference leaves them as they are.
static bool may_tell_secrets(const struct transaction *t, enum side from,
                             const struct http_token *token)
{
    if (!settings_of(t)->hide_keywords.count || conn_is_compat(t->conn))
        return false;
    return from == CLIENT ? token->known == HTTP_REFERER
                          : span_is_nocase(token->name, (struct span)SPAN("location")) ||
                                span_is_nocase(token->name, (struct span)SPAN("content-location"));
}

static struct span without_secrets(const struct transaction *t, struct span url)
{
    const struct setting_texts *hidden = &settings_of(t)->hide_keywords;
    bool full;
    return http_hide_in_url(url, hidden->at, hidden->count, conn_scratch(t->conn), &full);
}

// A line, with `now` where `value`, a part of it, was.
static void append_changed(struct transaction *t, struct chain *to, struct span line,
                           struct span value, struct span now)
{
    size_t at = (size_t)(value.at - line.at);
    transaction_append(t, to, span_first(line, at));
    transaction_append(t, to, now);
    transaction_append(t, to, span_skip(line, at + value.len));
}

// ── the head as it was sent ──

static bool is_authorization(struct span name)
{
    return span_is_nocase(name, (struct span)SPAN("authorization")) ||
           span_is_nocase(name, (struct span)SPAN("proxy-authorization"));
}

static bool hides_authorization(const struct transaction *t, enum side from, struct span name)
{
    return from == CLIENT && settings_of(t)->redact_authorization && is_authorization(name);
}

// Everything behind the colon becomes asterisks, as many as there were bytes.
static void append_hidden(struct transaction *t, struct chain *to, struct span line)
{
    static const struct span stars = SPAN("********************************");
    size_t colon = (size_t)span_find(line, ':') + 1;
    size_t end = line.len;
    while (end > colon && (line.at[end - 1] == '\n' || line.at[end - 1] == '\r'))
        end--;
    transaction_append(t, to, span_first(line, colon));
    for (size_t left = end - colon; left; left -= span_first(stars, left).len)
        transaction_append(t, to, span_first(stars, left));
    transaction_append(t, to, span_skip(line, end));
}

// ── fields ──

// Where a field that is always understood goes; NULL: nowhere.
static struct chain *place_of(struct http_exchange *x, enum side from, enum http_known known)
{
    struct http_message *m = &x->message[from];
    switch (known) {
    case HTTP_CONTENT_TYPE:
        return &m->type;
    case HTTP_CONTENT_ENCODING:
        return &m->coding;
    case HTTP_TRANSFER_ENCODING:
        return &m->transfer;
    case HTTP_HOST:
        return from == CLIENT ? &x->host : NULL;
    case HTTP_REFERER:
        return from == CLIENT ? &x->referrer : NULL;
    case HTTP_USER_AGENT:
        return from == CLIENT ? &x->agent : NULL;
    default:
        return NULL;
    }
}

static struct span public_value(const struct transaction *t, enum side from,
                                const struct http_token *token)
{
    return may_tell_secrets(t, from, token) ? without_secrets(t, token->value) : token->value;
}

// Codings add up; of the others the first counts.
static void keep_known(struct transaction *t, enum side from, const struct http_token *token)
{
    struct chain *place = place_of(t->state, from, token->known);
    bool adds_up = token->known == HTTP_CONTENT_ENCODING || token->known == HTTP_TRANSFER_ENCODING;
    if (place && (adds_up || !place->len))
        append_value(t, place, public_value(t, from, token));
}

static bool kept_is(const struct http_kept *kept, struct span name)
{
    return span_is_nocase(span_of(kept->name, kept->name_len), name);
}

// The place for a field by that name, a new one if it is the first; NULL: no room, or too many.
static struct http_kept *kept_place(struct transaction *t, struct http_message *m, struct span name)
{
    if (m->kept_count++ >= HTTP_FIELDS_MOST)
        return NULL;
    for (struct http_kept *kept = m->kept; kept; kept = kept->next)
        if (kept_is(kept, name))
            return kept;
    struct http_kept *kept = transaction_alloc(t, sizeof(*kept) + name.len);
    if (!kept)
        return NULL;
    *kept = (struct http_kept){.name_len = (uint16_t)name.len};
    for (size_t i = 0; i < name.len; i++)
        kept->name[i] = text_lower(name.at[i]);
    *(m->newest ? &m->newest->next : &m->kept) = kept;
    m->newest = kept;
    return kept;
}

// Fields that the settings name. Content-Length and Content-Type stand in every document anyway.
static void keep_asked_for(struct transaction *t, enum side from, const struct http_token *token)
{
    const struct http_settings *s = settings_of(t);
    struct span name = token->name;
    if (from == CLIENT && s->real_ip_header && span_is_nocase(name, span_text(s->real_ip_header))) {
        struct http_exchange *x = t->state;
        append_value(t, &x->forwarded, token->value);
    }
    if (!name.len || token->known == HTTP_CONTENT_LENGTH || token->known == HTTP_CONTENT_TYPE ||
        !(s->send_all_headers || is_listed(&s->send_headers, name)))
        return;
    struct http_kept *kept = kept_place(t, message_of(t, from), name);
    if (!kept || kept->redacted)
        return;
    struct span value = public_value(t, from, token);
    kept->redacted = true;
    if (hides_authorization(t, from, name))
        value = (struct span)SPAN("*");
    else if (is_listed(&s->redact_headers, name))
        value = (struct span)SPAN("REDACTED");
    else
        kept->redacted = false;
    append_value(t, &kept->value, value);
}

static void keep_line(struct transaction *t, enum side from, const struct http_token *token)
{
    struct chain *head = &message_of(t, from)->head;
    if (hides_authorization(t, from, token->name) ||
        is_listed(&settings_of(t)->redact_headers, token->name))
        append_hidden(t, head, token->bytes);
    else if (may_tell_secrets(t, from, token) && token->value.len)
        append_changed(t, head, token->bytes, token->value, without_secrets(t, token->value));
    else
        transaction_append(t, head, token->bytes);
}

void http_keep_field(struct transaction *t, enum side from, const struct http_token *token)
{
    const struct http_message *m = message_of(t, from);
    if (m->keeps_head)
        keep_line(t, from, token);
    if (m->keeps_fields)
        keep_asked_for(t, from, token);
    keep_known(t, from, token);
}

// ── start line and body ──

void http_keep_start(struct transaction *t, enum side from, const struct http_token *token)
{
    struct http_exchange *x = t->state;
    struct http_message *m = &x->message[from];
    const struct common_settings *common = conn_common(t->conn);
    const struct http_settings *s = settings_of(t);
    m->begun = true;
    m->keeps_head = from == CLIENT ? common->send_request : common->send_response;
    m->keeps_fields = s->send_all_headers || s->send_headers.count || s->real_ip_header;
    bool hides = from == CLIENT && s->hide_keywords.count && !conn_is_compat(t->conn);
    struct span target = hides ? without_secrets(t, token->value) : token->value;
    if (m->keeps_head && hides)
        append_changed(t, &m->head, token->bytes, token->value, target);
    else if (m->keeps_head)
        transaction_append(t, &m->head, token->bytes);
    if (from == SERVER) {
        append_lower(t, &m->line, token->value);
        return;
    }
    transaction_append(t, &x->method, token->name);
    transaction_append(t, &m->line, target);
}

void http_keep_blank(struct transaction *t, enum side from, struct span bytes)
{
    if (message_of(t, from)->keeps_head)
        transaction_append(t, &message_of(t, from)->head, bytes);
}

static bool names_type(const struct setting_texts *list, const char *type)
{
    for (int i = 0; *type && i < list->count; i++)
        if (strcasestr(type, list->at[i]))
            return true;
    return false;
}

void http_judge_body(struct transaction *t, enum side from)
{
    const struct http_settings *s = settings_of(t);
    struct http_message *m = message_of(t, from);
    char type[256];
    type[chain_copy(&m->type, 0, type, sizeof type - 1)] = 0;
    m->exported =
        names_type(&s->include_body_for, type) ||
        names_type(from == CLIENT ? &s->include_request_body_for : &s->include_response_body_for,
                   type);
    m->form = from == CLIENT && *type && strcasestr(type, "urlencoded");
    // What is not decoded goes no further than a document can hold.
    bool coded = s->decode_body && (m->coding.len || m->transfer.len);
    m->body_most = coded || s->max_message_size < HTTP_TEXT_MOST ? (uint32_t)s->max_message_size
                                                                 : HTTP_TEXT_MOST;
}

void http_keep_body(struct transaction *t, enum side from, struct span bytes)
{
    struct http_message *m = message_of(t, from);
    m->body_bytes += bytes.len;
    if ((m->exported || m->form) && m->body.len < m->body_most)
        transaction_append(t, &m->body, span_first(bytes, m->body_most - m->body.len));
}
