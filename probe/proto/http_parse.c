// SPDX-License-Identifier: Apache-2.0
// From bytes to tokens. Lenient where servers are (bare line feeds, folded fields, blank lines in
// front of a message), strict about where a message ends: all pairing rests on it.

#include "probe/proto/http_parse.h"

enum state {
    START, // between messages
    FIELDS,
    BODY,
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_CRLF,
    TRAILERS,
    ENDED,
    LOST, // looks for the next start line
};

enum { METHOD_MOST = 32, SOUGHT_LINE_MOST = 8 << 10, CHUNK_DIGITS_MOST = 15 };

static const struct span version_prefix = SPAN("HTTP/"), version_1 = SPAN("HTTP/1.");

// ── characters and lines ──

// RFC 9110 token characters.
static bool is_token(uint8_t byte)
{
    static const uint64_t set[4] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0};
    return set[byte >> 6] >> (byte & 63) & 1;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// Length of the first line with its line feed; 0: not all of it is there.
static size_t line_length(struct span data, size_t seen)
{
    ptrdiff_t at = span_find(span_skip(data, seen), '\n');
    return at < 0 ? 0 : seen + (size_t)at + 1;
}

// A field goes on while the next line begins with a blank, so one byte more must be there.
static size_t field_length(struct span data, size_t seen)
{
    size_t from = seen ? seen - 1 : 0;
    for (;;) {
        size_t len = line_length(data, from);
        if (!len || len == data.len)
            return 0;
        if (data.at[len] != ' ' && data.at[len] != '\t')
            return len;
        from = len;
    }
}

// Also without blanks in front of it.
static struct span without_line_end(struct span line)
{
    if (line.len && line.at[line.len - 1] == '\n')
        line.len--;
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    while (line.len && line.at[line.len - 1] == ' ')
        line.len--;
    return line;
}

// Length of an empty line at the start, 0: none. `*more`: a byte more is needed to tell.
static size_t blank_length(struct span data, bool *more)
{
    *more = data.len == 0 || (data.len == 1 && data.at[0] == '\r');
    if (*more)
        return 0;
    return data.at[0] == '\n' ? 1 : data.at[0] == '\r' && data.at[1] == '\n' ? 2 : 0;
}

bool http_list_next(struct span *rest, struct span *element)
{
    while (rest->len) {
        *element = span_trim(span_cut(rest, ','));
        if (element->len)
            return true;
    }
    return false;
}

// ── start lines ──

// Bytes of a method in front of its blank; 0: not a method; `*more`: not all of it is there.
static size_t method_length(struct span s, bool *more)
{
    size_t len = 0;
    while (len < s.len && len < METHOD_MOST && is_token(s.at[len]))
        len++;
    *more = len == s.len && len < METHOD_MOST;
    return len < s.len && s.at[len] == ' ' ? len : 0;
}

// The last word of a request line must be a version; returns where it begins, 0 none.
static size_t version_offset(struct span line)
{
    size_t at = line.len;
    while (at && line.at[at - 1] != ' ')
        at--;
    return at && span_starts(span_skip(line, at), version_prefix) ? at : 0;
}

// Is this a method, or, with `more` to come, the beginning of one? The registry of RFC 9110, what
// caches, UPnP and Exchange add.
static bool is_method(struct span word, bool more)
{
    static const struct span methods[] = {
        SPAN("GET"),         SPAN("POST"),        SPAN("HEAD"),
        SPAN("PUT"),         SPAN("DELETE"),      SPAN("OPTIONS"),
        SPAN("PATCH"),       SPAN("CONNECT"),     SPAN("TRACE"),
        SPAN("PROPFIND"),    SPAN("PROPPATCH"),   SPAN("REPORT"),
        SPAN("MKCOL"),       SPAN("COPY"),        SPAN("MOVE"),
        SPAN("LOCK"),        SPAN("UNLOCK"),      SPAN("SEARCH"),
        SPAN("QUERY"),       SPAN("ACL"),         SPAN("BASELINE-CONTROL"),
        SPAN("BIND"),        SPAN("CHECKIN"),     SPAN("CHECKOUT"),
        SPAN("LABEL"),       SPAN("LINK"),        SPAN("MERGE"),
        SPAN("MKACTIVITY"),  SPAN("MKCALENDAR"),  SPAN("MKREDIRECTREF"),
        SPAN("MKWORKSPACE"), SPAN("ORDERPATCH"),  SPAN("PRI"),
        SPAN("REBIND"),      SPAN("UNBIND"),      SPAN("UNCHECKOUT"),
        SPAN("UNLINK"),      SPAN("UPDATE"),      SPAN("UPDATEREDIRECTREF"),
        SPAN("PURGE"),       SPAN("BAN"),         SPAN("VERSION-CONTROL"),
        SPAN("M-SEARCH"),    SPAN("NOTIFY"),      SPAN("SUBSCRIBE"),
        SPAN("UNSUBSCRIBE"), SPAN("POLL"),        SPAN("BCOPY"),
        SPAN("BDELETE"),     SPAN("BMOVE"),       SPAN("BPROPFIND"),
        SPAN("BPROPPATCH"),  SPAN("RPC_IN_DATA"), SPAN("RPC_OUT_DATA"),
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (more ? span_starts(methods[i], word) : span_is(methods[i], word))
            return true;
    return false;
}

bool http_begins_question(struct span s)
{
    bool more;
    size_t method = method_length(s, &more);
    if (!(method || more) || !is_method(span_first(s, method ? method : s.len), !method))
        return false;
    if (!method)
        return true;
    size_t line = line_length(s, method);
    struct span text = without_line_end(span_first(s, line));
    if (!line)
        return s.len <= SOUGHT_LINE_MOST;
    size_t version = version_offset(text);
    return version > method + 1 && span_starts(span_skip(text, version), version_1);
}

bool http_begins_answer(struct span s)
{
    static const char pattern[] = "HTTP/1.# ###"; // # is a digit
    for (size_t i = 0; i < sizeof pattern - 1 && i < s.len; i++)
        if (pattern[i] == '#' ? !is_digit(s.at[i]) : s.at[i] != (uint8_t)pattern[i])
            return false;
    return true;
}

// As the reference has it: what it does not know counts as 1.0.
static void read_version(struct http_parser *p, struct span version)
{
    const uint8_t *at = version.at + version_prefix.len;
    p->major = 1;
    p->minor = 0;
    if (version.len != version_prefix.len + 3 || at[1] != '.' || !is_digit(at[0]) ||
        !is_digit(at[2]))
        return;
    if (at[0] > '1' || at[2] > '2')
        return;
    p->major = at[0] - '0';
    p->minor = at[2] - '0';
}

static bool read_request_line(struct http_parser *p, struct span line, struct http_token *token)
{
    bool more;
    size_t method = method_length(line, &more);
    size_t version = version_offset(line);
    if (!method || version <= method + 1)
        return false;
    token->name = span_first(line, method);
    token->value = span_trim(span_of(line.at + method, version - method));
    // Kept apart from 1.x so that the caller can tell the preface of HTTP/2.
    read_version(p, span_skip(line, version));
    if (span_is(span_skip(line, version), (struct span)SPAN("HTTP/2.0")))
        p->major = 2;
    return true;
}

static bool read_status_line(struct http_parser *p, struct span line, struct http_token *token)
{
    if (!span_starts(line, version_prefix))
        return false;
    struct span version = span_cut(&line, ' ');
    line = span_trim(line);
    if (line.len < 3 || !is_digit(line.at[0]) || !is_digit(line.at[1]) || !is_digit(line.at[2]) ||
        (line.len > 3 && line.at[3] != ' '))
        return false;
    read_version(p, version);
    p->status = (uint16_t)((line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + line.at[2] - '0');
    token->value = span_trim(span_skip(line, 3));
    return true;
}

static bool may_start(const struct http_parser *p, struct span data)
{
    bool more;
    if (p->answers)
        return span_is(span_first(data, version_prefix.len), span_first(version_prefix, data.len));
    return method_length(data, &more) || more;
}

static void begin_message(struct http_parser *p)
{
    *p = (struct http_parser){.answers = p->answers, .resynced = p->resynced, .state = FIELDS};
}

// ── bytes of no message ──

// Where the next message may begin: an answer anywhere, a question only where a line or a segment
// does. All of `data` if nowhere; what is behind is looked at again.
static size_t find_answer(struct span data)
{
    for (size_t at = 0;;) {
        ptrdiff_t next = span_find(span_skip(data, at), 'H');
        if (next < 0)
            return data.len;
        at += (size_t)next;
        if (http_begins_answer(span_skip(data, at)))
            return at;
        at++;
    }
}

static size_t find_question(struct span data)
{
    for (size_t at = 0; at < data.len;) {
        if (http_begins_question(span_skip(data, at)))
            return at;
        size_t line = line_length(span_skip(data, at), 0);
        if (!line)
            break;
        at += line;
    }
    return data.len;
}

// A start that is not whole yet waits; one that is goes on as a message.
static bool is_whole_start(const struct http_parser *p, struct span data, size_t seen)
{
    return p->answers ? data.len >= sizeof "HTTP/1.1 200" - 1 : line_length(data, seen) != 0;
}

static enum http_token_kind read_start(struct http_parser *p, struct span data, size_t seen,
                                       struct http_token *token);

static enum http_token_kind read_lost(struct http_parser *p, struct span data, size_t seen,
                                      struct http_token *token)
{
    size_t skip = p->answers ? find_answer(data) : find_question(data);
    p->resynced = true;
    if (skip) {
        token->bytes = span_first(data, skip);
        return HTTP_LOST;
    }
    if (!is_whole_start(p, data, seen))
        return HTTP_MORE;
    p->state = START;
    return read_start(p, data, seen, token);
}

static enum http_token_kind lose(struct http_parser *p, struct span data, size_t skip,
                                 struct http_token *token)
{
    p->state = LOST;
    p->resynced = true;
    token->bytes = span_first(data, skip);
    return HTTP_LOST;
}

// ── heads ──

static enum http_token_kind read_start(struct http_parser *p, struct span data, size_t seen,
                                       struct http_token *token)
{
    bool more;
    size_t blank = blank_length(data, &more);
    if (more)
        return HTTP_MORE;
    if (blank) {
        token->bytes = span_first(data, blank);
        return HTTP_FRAMING;
    }
    if (!may_start(p, data))
        return lose(p, data, 1, token);
    size_t line = line_length(data, seen);
    if (!line)
        return data.len > HTTP_HEAD_MOST ? lose(p, data, data.len, token) : HTTP_MORE;
    token->bytes = span_first(data, line);
    struct span text = without_line_end(token->bytes);
    begin_message(p);
    p->line = (uint32_t)line;
    if (p->answers ? read_status_line(p, text, token) : read_request_line(p, text, token))
        return HTTP_START;
    return lose(p, data, line, token);
}

static void note_transfer(struct http_parser *p, struct span list)
{
    struct span element;
    while (http_list_next(&list, &element)) {
        if (span_is_nocase(element, (struct span)SPAN("identity")))
            continue;
        bool chunked = span_is_nocase(element, (struct span)SPAN("chunked"));
        p->coded = p->coded || p->chunked || !chunked;
        p->chunked = chunked;
    }
}

static void note_length(struct http_parser *p, struct span list)
{
    struct span element;
    uint64_t length;
    if (!http_list_next(&list, &element) || !span_number(element, &length) || length > INT64_MAX)
        return;
    p->has_length = true;
    p->length = length;
}

static void note_connection(struct http_parser *p, struct span list)
{
    struct span element;
    while (http_list_next(&list, &element)) {
        p->close |= span_is_nocase(element, (struct span)SPAN("close"));
        p->keep_alive |= span_is_nocase(element, (struct span)SPAN("keep-alive"));
    }
}

static enum http_known known_field(struct span name)
{
    static const struct {
        struct span name;
        enum http_known known;
    } fields[] = {
        {SPAN("host"), HTTP_HOST},
        {SPAN("referer"), HTTP_REFERER},
        {SPAN("connection"), HTTP_CONNECTION},
        {SPAN("user-agent"), HTTP_USER_AGENT},
        {SPAN("content-type"), HTTP_CONTENT_TYPE},
        {SPAN("content-length"), HTTP_CONTENT_LENGTH},
        {SPAN("content-encoding"), HTTP_CONTENT_ENCODING},
        {SPAN("transfer-encoding"), HTTP_TRANSFER_ENCODING},
        {SPAN("expect"), HTTP_EXPECT},
    };
    // By length: the first of that length, behind the last of none.
    static const uint8_t at[] = {
        [4] = 1, [6] = 9, [7] = 2, [10] = 3, [12] = 5, [14] = 6, [16] = 7, [17] = 8};
    size_t i = name.len < sizeof at ? at[name.len] : 0;
    if (!i)
        return HTTP_OTHER_FIELD;
    if (name.len == 10 && (name.at[0] | 0x20) == 'u')
        i++;
    return span_is_nocase(name, fields[i - 1].name) ? fields[i - 1].known : HTTP_OTHER_FIELD;
}

// Remembers what decides where the message ends.
static void note_framing(struct http_parser *p, const struct http_token *token)
{
    if (token->known == HTTP_CONTENT_LENGTH)
        note_length(p, token->value);
    else if (token->known == HTTP_TRANSFER_ENCODING)
        note_transfer(p, token->value);
    else if (token->known == HTTP_CONNECTION)
        note_connection(p, token->value);
    else if (token->known == HTTP_EXPECT)
        p->expects = span_is_nocase(token->value, (struct span)SPAN("100-continue"));
}

// RFC 9112 section 6.3, but for answers without any length: there the reference's rule decides
// whether the connection's end is awaited at once or only when no other answer follows.
static enum http_body body_of(const struct http_parser *p)
{
    bool counted = p->has_length && p->length;
    if (!p->answers)
        return p->chunked ? HTTP_CHUNKED : counted ? HTTP_COUNTED : HTTP_NO_BODY;
    if (p->to_connect && p->status / 100 == 2)
        return HTTP_TUNNEL;
    if (p->to_head || p->status / 100 == 1 || p->status == 204 || p->status == 304)
        return HTTP_NO_BODY;
    if (p->chunked)
        return HTTP_CHUNKED;
    if (p->coded)
        return HTTP_UNTIL_END;
    if (p->has_length)
        return counted ? HTTP_COUNTED : HTTP_NO_BODY;
    return p->close || (p->minor == 0 && !p->keep_alive) ? HTTP_UNTIL_END : HTTP_PERHAPS;
}

static void end_head(struct http_parser *p)
{
    p->body = (uint8_t)body_of(p);
    p->left = p->length;
    p->line = 0;
    bool none = p->body == HTTP_NO_BODY || p->body == HTTP_TUNNEL;
    p->state = none ? ENDED : p->body == HTTP_CHUNKED ? CHUNK_SIZE : BODY;
}

static enum http_token_kind leave(struct http_parser *p)
{
    p->state = LOST;
    p->resynced = true;
    return HTTP_BROKEN;
}

static enum http_token_kind read_field(struct http_parser *p, struct span data, size_t seen,
                                       struct http_token *token)
{
    bool more;
    size_t blank = blank_length(data, &more);
    if (more)
        return HTTP_MORE;
    if (blank) {
        token->bytes = span_first(data, blank);
        end_head(p);
        return HTTP_HEAD;
    }
    size_t line = field_length(data, seen);
    if (p->line + (line ? line : data.len) > HTTP_HEAD_MOST)
        return leave(p);
    if (!line)
        return HTTP_MORE;
    p->line += (uint32_t)line;
    token->bytes = span_first(data, line);
    struct span text = without_line_end(token->bytes);
    ptrdiff_t colon = span_find(text, ':');
    if (colon <= 0)
        return HTTP_FIELD;
    token->name = span_trim(span_first(text, (size_t)colon));
    token->value = span_trim(span_skip(text, (size_t)colon + 1));
    token->known = known_field(token->name);
    note_framing(p, token);
    return HTTP_FIELD;
}

// ── bodies ──

static enum http_token_kind end_message(struct http_parser *p)
{
    p->state = START;
    p->resynced = false;
    return HTTP_END;
}

static enum http_token_kind read_body(struct http_parser *p, struct span data,
                                      struct http_token *token)
{
    if (!data.len)
        return HTTP_MORE;
    if (p->body == HTTP_PERHAPS) {
        if (span_starts(data, version_prefix))
            return end_message(p);
        if (data.len < version_prefix.len && may_start(p, data))
            return HTTP_MORE;
        p->body = HTTP_UNTIL_END;
    }
    token->bytes = data;
    if (p->body == HTTP_COUNTED) {
        token->bytes = span_first(data, p->left < SIZE_MAX ? (size_t)p->left : SIZE_MAX);
        p->left -= token->bytes.len;
        if (!p->left)
            p->state = ENDED;
    }
    return HTTP_DATA;
}

// A question that was answered before its body was sent may be without it (RFC 9110 section
// 10.1.1): true if the next question came in its place, or may come.
static bool is_left_out(struct http_parser *p, struct span data)
{
    if ((p->state != BODY && p->state != CHUNK_SIZE) || !data.len)
        return false;
    p->expects = p->refused && http_begins_question(data);
    return p->expects;
}

// Hexadecimal digits, then blanks or an extension. False: none of it.
static bool read_chunk_size(struct span line, uint64_t *size)
{
    size_t digits = 0;
    for (*size = 0; digits < line.len; digits++) {
        uint8_t byte = line.at[digits] | 0x20;
        if (is_digit(line.at[digits]))
            *size = *size << 4 | (uint64_t)(line.at[digits] - '0');
        else if (byte >= 'a' && byte <= 'f')
            *size = *size << 4 | (uint64_t)(byte - 'a' + 10);
        else
            break;
        if (digits >= CHUNK_DIGITS_MOST)
            return false;
    }
    struct span rest = span_trim(span_skip(line, digits));
    return digits && (!rest.len || rest.at[0] == ';');
}

static enum http_token_kind read_chunk_line(struct http_parser *p, struct span data, size_t seen,
                                            struct http_token *token)
{
    size_t line = line_length(data, seen);
    if (!line)
        return data.len > HTTP_CHUNK_LINE_MOST ? leave(p) : HTTP_MORE;
    token->bytes = span_first(data, line);
    if (!read_chunk_size(without_line_end(token->bytes), &p->left)) {
        token->bytes.len = 0;
        return leave(p);
    }
    p->state = p->left ? CHUNK_DATA : TRAILERS;
    return HTTP_FRAMING;
}

static enum http_token_kind read_chunk_data(struct http_parser *p, struct span data,
                                            struct http_token *token)
{
    if (!data.len)
        return HTTP_MORE;
    token->bytes = span_first(data, p->left < SIZE_MAX ? (size_t)p->left : SIZE_MAX);
    p->left -= token->bytes.len;
    if (!p->left)
        p->state = CHUNK_CRLF;
    return HTTP_DATA;
}

static enum http_token_kind read_chunk_crlf(struct http_parser *p, struct span data,
                                            struct http_token *token)
{
    bool more;
    size_t blank = blank_length(data, &more);
    if (more)
        return HTTP_MORE;
    if (!blank)
        return leave(p);
    token->bytes = span_first(data, blank);
    p->state = CHUNK_SIZE;
    return HTTP_FRAMING;
}

static enum http_token_kind read_trailer(struct http_parser *p, struct span data, size_t seen,
                                         struct http_token *token)
{
    size_t line = line_length(data, seen);
    if (p->line + (line ? line : data.len) > HTTP_HEAD_MOST)
        return leave(p);
    if (!line)
        return HTTP_MORE;
    p->line += (uint32_t)line;
    token->bytes = span_first(data, line);
    if (!without_line_end(token->bytes).len)
        p->state = ENDED;
    return HTTP_FRAMING;
}

// ── the public face ──

enum http_token_kind http_next(struct http_parser *p, struct span data, size_t seen,
                               struct http_token *token)
{
    *token = (struct http_token){.bytes = span_first(data, 0)};
    if (p->expects && is_left_out(p, data))
        return line_length(data, seen) ? end_message(p) : HTTP_MORE;
    switch ((enum state)p->state) {
    case START:
        return read_start(p, data, seen, token);
    case FIELDS:
        return read_field(p, data, seen, token);
    case BODY:
        return read_body(p, data, token);
    case CHUNK_SIZE:
        return read_chunk_line(p, data, seen, token);
    case CHUNK_DATA:
        return read_chunk_data(p, data, token);
    case CHUNK_CRLF:
        return read_chunk_crlf(p, data, token);
    case TRAILERS:
        return read_trailer(p, data, seen, token);
    case ENDED:
        return end_message(p);
    case LOST:
        break;
    }
    return data.len ? read_lost(p, data, seen, token) : HTTP_MORE;
}

void http_join(struct http_parser *p)
{
    p->state = LOST;
    p->resynced = true;
}

enum http_hole http_gap(struct http_parser *p, uint64_t missing)
{
    bool inside = http_is_inside(p);
    bool counted = p->state == CHUNK_DATA || (p->state == BODY && p->body == HTTP_COUNTED);
    if (p->state == BODY && !counted) {
        p->body = HTTP_UNTIL_END;
        return HTTP_HOLE_INSIDE;
    }
    if (counted && missing < p->left) {
        p->left -= missing;
        return HTTP_HOLE_INSIDE;
    }
    bool exact = p->state == BODY && missing == p->left;
    p->state = exact ? START : LOST;
    p->resynced = !exact;
    return inside ? HTTP_HOLE_ENDS : HTTP_HOLE_BETWEEN;
}

bool http_is_inside(const struct http_parser *p)
{
    return p->state != START && p->state != LOST;
}
