// SPDX-License-Identifier: Apache-2.0
// What the HTTP files share: the settings, what a transaction keeps of its two messages, and the
// fields of the documents. http.c follows the conversation, http_keep.c copies what documents need,
// http_publish.c makes the documents.
#pragma once

#include "config/setting.h"
#include "pipeline/event.h"
#include "probe/conn.h"

struct http_settings {
    struct setting_texts hide_keywords, redact_headers, send_headers;
    struct setting_texts include_body_for, include_request_body_for, include_response_body_for;
    bool redact_authorization, send_all_headers, split_cookie, decode_body;
    const char *real_ip_header;
    int64_t max_message_size, max_body_growth;
};

enum {
    HTTP_FIELDS_MOST = 256,    // lines kept by option, of one message
    HTTP_GROWTH_ANY = 1 << 16, // of a body: no ceiling, in effect
};

// A field kept because send_headers or send_all_headers asks for it. Repeats are joined.
struct http_kept {
    struct http_kept *next;
    struct chain value;
    bool redacted;
    uint16_t name_len;
    uint8_t name[]; // lower-case
};

// One message, as far as documents want it.
struct http_message {
    struct chain line; // target of a question, reason phrase of an answer, the latter lower-case
    struct chain head; // start line and fields as they were sent, with send_request, send_response
    struct chain body; // as it was sent, if wanted
    struct chain type, coding, transfer; // Content-Type, Content-Encoding, Transfer-Encoding
    struct http_kept *kept, *newest;
    uint64_t length;     // Content-Length
    uint64_t body_bytes; // of the body that came, chunk framing taken off
    uint64_t hole_bytes; // of the body that did not
    uint32_t body_most;  // bytes of it to keep
    uint16_t kept_count;
    uint16_t status; // of an answer
    uint8_t major, minor;
    bool begun, has_length;
    bool keeps_head;   // by send_request, send_response
    bool keeps_fields; // some fields are kept by option
    bool exported;     // the body goes into the document
    bool form;         // the body holds parameters
};

struct http_exchange {
    struct http_message message[2]; // by side
    struct chain method, host, referrer, agent, forwarded;
    uint64_t behind; // number of the question that waited when this one was asked; 0: none did
    bool doubtful;   // questions before it may be lost: no answer is surely its own
};

// ── http_keep.c ──

// Copies what documents need of a start line, of a field, of the empty line behind them (`bytes`:
// all as it was sent), and of a body. `from` says whose message it is.
struct http_token;
void http_keep_start(struct transaction *t, enum side from, const struct http_token *token);
void http_keep_field(struct transaction *t, enum side from, const struct http_token *token);
void http_keep_blank(struct transaction *t, enum side from, struct span bytes);
void http_keep_body(struct transaction *t, enum side from, struct span bytes);
// With the fields known: is the body wanted?
void http_judge_body(struct transaction *t, enum side from);

// ── http_publish.c ──

bool http_publish(const struct conn *c, const struct transaction *t, struct event *e);
extern const struct field_table http_table;
