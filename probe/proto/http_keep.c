// SPDX-License-Identifier: Apache-2.0
// Copies out of a message, into its transaction's store, what the documents need under the
// settings; everything else is looked at once and let go.

#include "probe/proto/http.h"

#include "probe/proto/http_parse.h"

static const struct http_settings *settings_of(const struct transaction *t)
{
    return conn_settings(t->conn);
}

static struct http_message *message_of(struct transaction *t, enum side from)
{
    struct http_exchange *x = t->state;
    return &x->message[from];
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
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
            piece[i] = lower(part.at[i]);
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

// ── the head as it was sent ──

static bool keeps_head(const struct transaction *t, enum side from)
{
    const struct common_settings *common = conn_common(t->conn);
    return from == CLIENT ? common->send_request : common->send_response;
}

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

static void append_first(struct transaction *t, struct chain *to, struct span value)
{
    if (!to->len)
        append_value(t, to, value);
}

// The fields that are always understood; those that decide where a body ends are the parser's.
static void keep_known(struct transaction *t, enum side from, struct span name, struct span value)
{
    struct http_exchange *x = t->state;
    struct http_message *m = &x->message[from];
    switch (name.len) {
    case 4:
        if (from == CLIENT && span_is_nocase(name, (struct span)SPAN("host")))
            append_first(t, &x->host, value);
        break;
    case 7:
        if (from == CLIENT && span_is_nocase(name, (struct span)SPAN("referer")))
            append_first(t, &x->referrer, value);
        break;
    case 10:
        if (from == CLIENT && span_is_nocase(name, (struct span)SPAN("user-agent")))
            append_first(t, &x->agent, value);
        break;
    case 12:
        if (span_is_nocase(name, (struct span)SPAN("content-type")))
            append_first(t, &m->type, value);
        break;
    case 16:
        if (span_is_nocase(name, (struct span)SPAN("content-encoding")))
            append_value(t, &m->coding, value);
        break;
    case 17:
        if (span_is_nocase(name, (struct span)SPAN("transfer-encoding")))
            append_value(t, &m->transfer, value);
        break;
    }
    const char *forwarded = settings_of(t)->real_ip_header;
    if (forwarded && from == CLIENT && span_is_nocase(name, span_text(forwarded)))
        append_first(t, &x->forwarded, value);
}

static bool kept_is(const struct http_kept *kept, struct span name)
{
    return span_is_nocase(span_of(kept->name, kept->name_len), name);
}

// The place for a field by that name, a new one if it is the first; NULL: no room.
static struct http_kept *kept_place(struct transaction *t, struct http_message *m, struct span name)
{
    for (struct http_kept *kept = m->kept; kept; kept = kept->next)
        if (kept_is(kept, name))
            return kept;
    struct http_kept *kept = NULL;
    if (m->kept_count < HTTP_FIELDS_MOST)
        kept = transaction_alloc(t, sizeof(*kept) + name.len);
    if (!kept)
        return NULL;
    *kept = (struct http_kept){.name_len = (uint16_t)name.len};
    for (size_t i = 0; i < name.len; i++)
        kept->name[i] = lower(name.at[i]);
    m->newest = *(m->newest ? &m->newest->next : &m->kept) = kept;
    m->kept_count++;
    return kept;
}

static void keep_asked_for(struct transaction *t, enum side from, struct span name,
                           struct span value)
{
    const struct http_settings *s = settings_of(t);
    if (!s->send_all_headers && !is_listed(&s->send_headers, name))
        return;
    // These two stand in every document anyway.
    if (span_is_nocase(name, (struct span)SPAN("content-length")) ||
        span_is_nocase(name, (struct span)SPAN("content-type")))
        return;
    struct http_kept *kept = kept_place(t, message_of(t, from), name);
    if (!kept || kept->redacted)
        return;
    bool hidden = hides_authorization(t, from, name);
    kept->redacted = hidden || is_listed(&s->redact_headers, name);
    append_value(t, &kept->value,
                 hidden           ? (struct span)SPAN("*")
                 : kept->redacted ? (struct span)SPAN("REDACTED")
                                  : value);
}

void http_keep_field(struct transaction *t, enum side from, const struct http_token *token)
{
    if (keeps_head(t, from)) {
        struct chain *head = &message_of(t, from)->head;
        if (hides_authorization(t, from, token->name) ||
            is_listed(&settings_of(t)->redact_headers, token->name))
            append_hidden(t, head, token->bytes);
        else
            transaction_append(t, head, token->bytes);
    }
    if (!token->name.len)
        return;
    keep_known(t, from, token->name, token->value);
    keep_asked_for(t, from, token->name, token->value);
}

// ── start line and body ──

void http_keep_start(struct transaction *t, enum side from, const struct http_token *token)
{
    struct http_exchange *x = t->state;
    struct http_message *m = &x->message[from];
    m->begun = true;
    if (keeps_head(t, from))
        transaction_append(t, &m->head, token->bytes);
    if (from == SERVER) {
        append_lower(t, &m->line, token->value);
        return;
    }
    transaction_append(t, &x->method, token->name);
    transaction_append(t, &m->line, token->value);
}

void http_keep_blank(struct transaction *t, enum side from, struct span bytes)
{
    if (keeps_head(t, from))
        transaction_append(t, &message_of(t, from)->head, bytes);
}

static bool names_type(const struct setting_texts *list, const char *type)
{
    for (int i = 0; i < list->count; i++)
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
    m->form = from == CLIENT && strcasestr(type, "urlencoded");
}

void http_keep_body(struct transaction *t, enum side from, struct span bytes)
{
    struct http_message *m = message_of(t, from);
    m->body_bytes += bytes.len;
    uint64_t most = (uint64_t)settings_of(t)->max_message_size;
    if ((m->exported || m->form) && m->body.len < most)
        transaction_append(t, &m->body, span_first(bytes, most - m->body.len));
}
