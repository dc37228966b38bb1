// SPDX-License-Identifier: Apache-2.0
// One side of an HTTP/1 conversation (RFC 9112) as tokens: a token is handed out as soon as its
// bytes are there, so nothing but the line at hand is ever unread. Knows no conn, keeps no bytes.
//
//   start ─▶ field … ─▶ head ─▶ data, framing … ─▶ end       framing: chunk sizes, trailers, blanks
//     ▲                                             │
//     └─────────────────── lost ◀───────────────────┘        lost: bytes of no message
#pragma once

#include "pipeline/base/span.h"

enum {
    HTTP_HEAD_MOST = 64 << 10, // bytes of start line and fields; what is longer is left
    HTTP_CHUNK_LINE_MOST = 4 << 10,
};

enum http_token_kind {
    HTTP_MORE,    // no whole token: come again with more bytes
    HTTP_START,   // the start line
    HTTP_FIELD,   // a header field with its line end; no name: a line that is none
    HTTP_HEAD,    // the empty line behind the fields; parser->body says what follows
    HTTP_DATA,    // bytes of the body
    HTTP_FRAMING, // bytes around a body or between messages
    HTTP_END,     // the message is whole; takes no bytes
    HTTP_BROKEN,  // the rest of the message makes no sense and is left; takes no bytes
    HTTP_LOST,    // bytes that belong to no message
};

// Fields that mean something to somebody here.
enum http_known {
    HTTP_OTHER_FIELD,
    HTTP_CONNECTION,
    HTTP_CONTENT_ENCODING,
    HTTP_CONTENT_LENGTH,
    HTTP_CONTENT_TYPE,
    HTTP_EXPECT,
    HTTP_HOST,
    HTTP_REFERER,
    HTTP_TRANSFER_ENCODING,
    HTTP_USER_AGENT,
};

struct http_token {
    struct span bytes;     // all that it takes from the wire
    enum http_known known; // of HTTP_FIELD
    // HTTP_START: method and target, or nothing and the reason phrase. HTTP_FIELD: name and value,
    // trimmed; a folded value still holds its line ends.
    struct span name, value;
};

enum http_body {
    HTTP_NO_BODY,
    HTTP_COUNTED,   // Content-Length
    HTTP_CHUNKED,   // Transfer-Encoding
    HTTP_UNTIL_END, // of the connection
    HTTP_PERHAPS,   // nothing says how long: none if an answer follows, else until the end
    HTTP_TUNNEL,    // no HTTP from here on
};

struct http_parser {
    bool answers;  // this side speaks answers; set by the caller before the first call
    bool resynced; // bytes were lost in front of this message
    uint8_t state;
    uint8_t body;  // enum http_body, from HTTP_HEAD on
    uint32_t line; // bytes of the head, of the trailers
    uint64_t left; // bytes to come of a counted body or of a chunk

    // The message at hand.
    uint8_t major, minor;
    uint16_t status; // of an answer
    bool has_length, chunked, coded, close, keep_alive;
    uint64_t length; // Content-Length
    bool expects;    // Expect: 100-continue, and nothing of the body came yet
    // What was asked, set by the caller at the HTTP_START of an answer.
    bool to_head, to_connect;
    // Set by the caller when a final answer to the question at hand begins: a body that expects one
    // to continue may be left out then.
    bool refused;
};

// A side whose beginning was not seen: looks for its first message.
void http_join(struct http_parser *p);

// The next token of `data`, the unread bytes, of which `seen` were shown before.
enum http_token_kind http_next(struct http_parser *p, struct span data, size_t seen,
                               struct http_token *token);

// What a hole of `missing` bytes means; unread bytes in front of it are gone.
enum http_hole {
    HTTP_HOLE_BETWEEN, // no message was at hand
    HTTP_HOLE_INSIDE,  // the message goes on behind it
    HTTP_HOLE_ENDS,    // the message is over
};
enum http_hole http_gap(struct http_parser *p, uint64_t missing);

// A message has begun and is not whole.
bool http_is_inside(const struct http_parser *p);

// Could these bytes begin a question (an answer)? With a whole line they are judged by all of it.
// Only methods that somebody registered: the end of another word is none.
bool http_begins_question(struct span s);
bool http_begins_answer(struct span s);

// The next element of a comma separated list, trimmed; empty ones are skipped. False: no more.
bool http_list_next(struct span *rest, struct span *element);
