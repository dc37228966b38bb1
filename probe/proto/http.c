// SPDX-License-Identifier: Apache-2.0
// HTTP/1 (RFC 9110, 9112): pairs questions with answers in order, also when they are pipelined,
// answered early, interrupted by interim answers or full of holes. What a message looks like is
// http_parse.c's, what is kept of it http_keep.c's, what becomes of it http_publish.c's.
//
//   HTTP/2 begins with a question of its own (PRI * HTTP/2.0) and is let go. Behind an Upgrade or a
//   tunnel the conversation is whatever its bytes look like.

#include "probe/proto/http.h"

#include "probe/proto/http_parse.h"

struct http_side {
    struct http_parser parser;
    uint64_t number; // of the transaction whose message is at hand; 0 none
    int64_t ended;   // arrival of the last byte of the last message
    int64_t stray;   // arrival of bytes that are no message and no whole line; 0 none
    bool lost;       // looks for the next message
};

struct http_conn {
    struct http_side side[2];
    uint64_t numbers;  // given to questions, to unasked answers and to holes among questions
    uint64_t question; // number of the newest question
    uint64_t hole;     // of the newest hole in which questions may be lost
    uint64_t torn;     // number of the question inside which it begins; 0: none
    uint64_t unsure;   // up to this number questions may have been answered unseen
    uint64_t paired;   // number of the question that was answered last
    bool pipelined;    // a question was asked while another one waited
    bool damaged;      // there was a hole of either kind
    bool begun;        // a message was seen
    bool joined;       // the first bytes were seen
    bool turned;       // the sides were changed: unread bytes were not looked at
    bool over;         // what follows is no HTTP/1
};

// One call of feed.
struct call {
    struct conn *c;
    struct http_conn *h;
    struct http_side *s;
    enum side from;
    struct transaction *t; // of the message at hand; NULL: none, or it is over already
    uint32_t at, begin;    // offsets: where we are; where the message's bytes in hand begin
};

static bool is_interim(const struct http_parser *p)
{
    return p->answers && p->status / 100 == 1 && p->status != 101;
}

// The transaction of the message at hand, if it did not time out meanwhile.
static struct transaction *current(struct conn *c, const struct http_side *s, enum side from)
{
    if (!s->number)
        return NULL;
    struct transaction *t = from == CLIENT ? transaction_asking(c) : transaction_answering(c);
    return t && t->number == s->number ? t : NULL;
}

// ── messages ──

// The stream hands on what was said in the order in which the two sides knew of it, holes included.
// So answers are those of the questions in line, until a hole may have swallowed some of either.
// From then on pairs rest on the client: who never asked before he had the answer to the last
// question is taken to go on so. With who does ask several at once no pair is sure any more, and
// none is made: until both were silent for longer than a question waits.

static bool has_begun(const struct transaction *t, enum side side)
{
    const struct http_exchange *x = t->state;
    return x->message[side].begun;
}

// Nobody will know whose answers were missed: the questions that may have had them end.
static void end_unsure(struct conn *c, const struct http_conn *h)
{
    struct transaction *t;
    while ((t = transaction_answering(c)) && t->number <= h->unsure && !has_begun(t, SERVER))
        transaction_end(t);
}

// A side lost its thread, inside a question of that number (0: none).
static void lose(struct conn *c, enum side from, uint64_t inside)
{
    struct http_conn *h = conn_state(c);
    counter_add(conn_counters(c)->conn_resyncs, 1);
    h->side[from].lost = true;
    h->damaged = true;
    if (from == SERVER) {
        h->unsure = ++h->numbers;
    } else {
        h->hole = ++h->numbers;
        h->torn = inside;
    }
}

// The newest question, if it waits for its answer for sure.
static struct transaction *waiting_question(struct conn *c, const struct http_conn *h)
{
    struct transaction *t = h->question > h->unsure ? transaction_find(c, h->question) : NULL;
    return t && !t->answered ? t : NULL;
}

// True if it is being answered by what ends only when something else follows.
static bool is_answered_openly(const struct transaction *t, const struct http_parser *answer)
{
    return has_begun(t, SERVER) && (answer->body == HTTP_PERHAPS || answer->body == HTTP_UNTIL_END);
}

static bool was_silent(const struct call *f)
{
    const struct http_side *s = f->h->side;
    int64_t last = s[CLIENT].ended > s[SERVER].ended ? s[CLIENT].ended : s[SERVER].ended;
    return last && conn_time(f->c, f->from, f->at) - last > conn_common(f->c)->transaction_timeout;
}

// True if questions may be lost in front of the one that begins.
static bool is_behind_hole(const struct http_conn *h)
{
    return h->hole > h->unsure;
}

// True if they are, and the server said nothing since, nor just before: who asked them did not wait
// for an answer. A hole of both sides has the server's part first.
static bool has_skipped_answer(const struct http_conn *h)
{
    return is_behind_hole(h) && (!h->unsure || h->hole > h->unsure + 1);
}

static void note_pipelining(struct http_conn *h)
{
    if (h->damaged && !h->pipelined)
        h->unsure = h->numbers;
    h->pipelined = true;
}

static void begin_question(struct call *f)
{
    struct http_conn *h = f->h;
    struct transaction *before = waiting_question(f->c, h);
    uint64_t behind = before ? before->number : 0;
    bool doubtful = is_behind_hole(h);
    if (before ? !is_answered_openly(before, &h->side[SERVER].parser) : has_skipped_answer(h))
        note_pipelining(h);
    if (was_silent(f)) {
        h->damaged = false;
        h->unsure = h->numbers;
        doubtful = false;
    }
    doubtful |= h->pipelined && h->damaged;
    if (!doubtful)
        end_unsure(f->c, h);
    h->question = ++h->numbers;
    f->t = transaction_open(f->c, h->question);
    struct http_exchange *x = f->t->state;
    x->doubtful = doubtful;
    x->behind = behind;
}

// Whose answer begins; NULL: nobody's, or who can tell.
static struct transaction *answered_question(struct call *f)
{
    struct http_conn *h = f->h;
    struct transaction *t = transaction_answering(f->c);
    const struct http_exchange *x = t ? t->state : NULL;
    bool in_line = t && t->number > h->unsure && (!x->behind || x->behind == h->paired);
    bool alone = t && t->number == h->question && t->number > h->hole && !h->pipelined;
    if (!t || x->doubtful || !(in_line || alone)) {
        h->unsure = h->numbers;
        end_unsure(f->c, h);
        return NULL;
    }
    if (!in_line)
        h->unsure = t->number - 1;
    // Nothing else was asked meanwhile: the hole was of this question only.
    if (t->number == h->torn && t->number == h->question)
        h->hole = 0;
    h->paired = t->number;
    return t;
}

// For the reference the source of an answer without question is the server.
static struct transaction *open_unasked(struct conn *c, struct http_conn *h)
{
    struct transaction *t = transaction_unasked(c, ++h->numbers);
    t->turned = conn_is_compat(c);
    return t;
}

static void begin_answer(struct call *f)
{
    struct http_parser *p = &f->s->parser;
    if (is_interim(p))
        return;
    f->t = answered_question(f);
    if (!f->t)
        f->t = open_unasked(f->c, f->h);
    if (f->t->number == f->h->side[CLIENT].number)
        f->h->side[CLIENT].parser.refused = true;
    const struct http_exchange *x = f->t->state;
    char method[8] = "";
    chain_copy(&x->method, 0, method, sizeof method - 1);
    p->to_head = !strcmp(method, "HEAD");
    p->to_connect = !strcmp(method, "CONNECT");
}

static void begin_message(struct call *f, const struct http_token *token)
{
    const struct http_parser *p = &f->s->parser;
    f->h->begun = true;
    f->begin = f->at;
    f->t = NULL;
    f->s->stray = 0;
    f->s->lost = false;
    if (p->major == 2) {
        conn_done(f->c);
        f->h->over = true;
        return;
    }
    if (f->from == CLIENT)
        begin_question(f);
    else
        begin_answer(f);
    f->s->number = f->t ? f->t->number : 0;
    if (!f->t)
        return;
    struct http_exchange *x = f->t->state;
    struct http_message *m = &x->message[f->from];
    m->major = p->major;
    m->minor = p->minor;
    m->status = p->status;
    http_keep_start(f->t, f->from, token);
}

static void end_head(struct call *f, struct span blank)
{
    const struct http_parser *p = &f->s->parser;
    struct http_exchange *x = f->t->state;
    x->message[f->from].has_length = p->has_length;
    x->message[f->from].length = p->length;
    http_keep_blank(f->t, f->from, blank);
    http_judge_body(f->t, f->from);
}

// Tells the transaction of the bytes of its message that came in this call.
static void note_bytes(struct call *f)
{
    if (f->t && f->at > f->begin)
        transaction_saw(f->t, f->from, conn_time(f->c, f->from, f->begin),
                        conn_time(f->c, f->from, f->at - 1), f->at - f->begin);
    f->begin = f->at;
}

static void finish(struct http_side *s, enum side from, struct transaction *t)
{
    s->number = 0;
    if (t && from == CLIENT)
        transaction_asked(t);
    else if (t)
        transaction_answered(t);
}

static void end_message(struct call *f)
{
    const struct http_parser *p = &f->s->parser;
    note_bytes(f);
    f->s->ended = f->at ? conn_time(f->c, f->from, f->at - 1) : 0;
    finish(f->s, f->from, f->t);
    f->t = NULL;
    if (p->answers && (p->body == HTTP_TUNNEL || p->status == 101)) {
        f->h->over = true;
        conn_become(f->c, "");
    }
}

// ── bytes of no message ──

static void stray_begins(struct call *f)
{
    if (!f->s->stray)
        f->s->stray = conn_time(f->c, f->from, f->at);
}

static void stray(struct call *f, struct span bytes)
{
    if (span_find_span(bytes, (struct span)SPAN("\r\n")) >= 0)
        f->s->stray = 0;
    else
        stray_begins(f);
}

enum sides { AS_THOUGHT, TURNED, UNDECIDED };

// Does this side speak as the other one should? Asked before any message was seen only.
static enum sides judge_sides(const struct http_conn *h, enum side from, struct span data)
{
    enum { ENOUGH = 8 }; // of an answer
    if (h->begun || h->turned || !data.len)
        return AS_THOUGHT;
    if (from == CLIENT ? !http_begins_answer(span_first(data, ENOUGH))
                       : !http_begins_question(data))
        return AS_THOUGHT;
    bool enough = from == CLIENT ? data.len > ENOUGH : span_find(data, '\n') >= 0;
    return enough ? TURNED : UNDECIDED;
}

// ── the public face ──

static void take(struct call *f, enum http_token_kind kind, const struct http_token *token)
{
    switch (kind) {
    case HTTP_START:
        begin_message(f, token);
        break;
    case HTTP_FIELD:
        if (f->t)
            http_keep_field(f->t, f->from, token);
        break;
    case HTTP_HEAD:
        if (f->t)
            end_head(f, token->bytes);
        break;
    case HTTP_DATA:
        if (f->t)
            http_keep_body(f->t, f->from, token->bytes);
        break;
    case HTTP_BROKEN:
        lose(f->c, f->from, f->s->number);
        end_message(f);
        break;
    case HTTP_END:
        end_message(f);
        break;
    case HTTP_LOST:
        if (!f->s->lost)
            lose(f->c, f->from, 0);
        stray(f, token->bytes);
        break;
    case HTTP_FRAMING:
    case HTTP_MORE:
        break;
    }
    f->at += (uint32_t)token->bytes.len;
}

static uint32_t http_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    struct http_conn *h = conn_state(c);
    if (h->over)
        return 0;
    enum sides sides = judge_sides(h, from, data);
    if (sides == TURNED) {
        h->turned = true;
        conn_turn(c);
        return 0;
    }
    if (!h->joined && conn_joined_late(c)) {
        http_join(&h->side[CLIENT].parser);
        http_join(&h->side[SERVER].parser);
    }
    h->joined = true;
    struct call f = {.c = c, .h = h, .s = &h->side[from], .from = from};
    struct http_parser *p = &f.s->parser;
    p->answers = from == SERVER;
    f.t = current(c, f.s, from);
    if (h->turned && !h->begun)
        seen = 0;
    while (sides != UNDECIDED && !h->over) {
        struct http_token token;
        size_t shown = seen > f.at ? seen - f.at : 0;
        enum http_token_kind kind = http_next(p, span_skip(data, f.at), shown, &token);
        if (kind == HTTP_MORE)
            break;
        take(&f, kind, &token);
    }
    note_bytes(&f);
    // What waits between messages is no whole line: it need not be searched, however long it grew.
    if (f.at < data.len && !h->over && !http_is_inside(p))
        stray_begins(&f);
    return f.at;
}

static void http_hole(struct conn *c, enum side from, uint32_t missing)
{
    struct http_conn *h = conn_state(c);
    struct http_side *s = &h->side[from];
    if (h->over)
        return;
    s->parser.answers = from == SERVER;
    uint64_t left = s->parser.left;
    struct transaction *t = current(c, s, from);
    uint64_t inside = s->number;
    enum http_hole hole = http_gap(&s->parser, missing);
    if (hole != HTTP_HOLE_INSIDE && s->parser.resynced)
        lose(c, from, inside);
    if (hole == HTTP_HOLE_BETWEEN)
        return;
    if (t) {
        struct http_exchange *x = t->state;
        bool all = hole == HTTP_HOLE_INSIDE || missing < left;
        x->message[from].hole_bytes += all ? missing : left;
        t->lossy[from] = true;
    }
    if (hole == HTTP_HOLE_ENDS)
        finish(s, from, t);
}

// The reference takes a line of the server that has no end for an answer when the connection
// closes.
static void publish_stray(struct conn *c, struct http_conn *h, int64_t time)
{
    struct transaction *t = open_unasked(c, h);
    transaction_saw(t, SERVER, time, time, 0);
    struct http_exchange *x = t->state;
    x->message[SERVER].begun = true;
    transaction_answered(t);
}

static void http_end(struct conn *c, enum side from, enum ending how)
{
    struct http_conn *h = conn_state(c);
    struct http_side *s = &h->side[from];
    if (h->over)
        return;
    if (http_is_inside(&s->parser))
        finish(s, from, current(c, s, from));
    else if (s->stray && how == ENDED_FIN && from == SERVER && conn_is_compat(c) &&
             !transaction_answering(c))
        publish_stray(c, h, s->stray);
    s->stray = 0;
}

static bool http_looks_like(struct span first, enum side from)
{
    return from == CLIENT ? first.len >= 4 && http_begins_question(first)
                          : first.len >= 7 && http_begins_answer(first);
}

#define ROW(key, type, member, standard, text)                                       \
    {                                                                                \
        key, type, offsetof(struct http_settings, member), standard, .meaning = text \
    }
static const struct setting http_settings[] = {
    ROW("hide_keywords", SETTING_TEXTS, hide_keywords, NULL,
        "Parameters whose values are written as xxxxx; under compat not in request, headers and "
        "bodies"),
    ROW("redact_authorization", SETTING_BOOL, redact_authorization, "false",
        "Hide what Authorization and Proxy-Authorization say, and the user's name"),
    ROW("redact_headers", SETTING_TEXTS, redact_headers, NULL,
        "Header fields whose values are written as REDACTED"),
    ROW("send_headers", SETTING_TEXTS, send_headers, NULL, "Header fields to write"),
    ROW("send_all_headers", SETTING_BOOL, send_all_headers, "false", "Write all header fields"),
    ROW("split_cookie", SETTING_BOOL, split_cookie, "false",
        "Write Cookie and Set-Cookie as objects"),
    ROW("real_ip_header", SETTING_TEXT, real_ip_header, NULL,
        "Header field whose first element is the client's address behind proxies"),
    ROW("include_body_for", SETTING_TEXTS, include_body_for, NULL,
        "Parts of content types whose bodies are written"),
    ROW("include_request_body_for", SETTING_TEXTS, include_request_body_for, NULL,
        "The same for questions only"),
    ROW("include_response_body_for", SETTING_TEXTS, include_response_body_for, NULL,
        "The same for answers only"),
    ROW("decode_body", SETTING_BOOL, decode_body, "true",
        "Undo gzip and deflate in bodies that are written"),
    {"max_message_size", SETTING_BYTES, offsetof(struct http_settings, max_message_size),
     "10485760", 0, 1 << 30, .meaning = "Bytes of a body that are kept, before and after decoding"},
    {"max_body_growth", SETTING_NUMBER, offsetof(struct http_settings, max_body_growth), "64", 1,
     HTTP_GROWTH_ANY,
     .meaning = "Bytes that each of a coded body may become, above 16 KiB; of what becomes more, "
                "1 KiB is written (not under compat)"},
    SETTING_END};
#undef ROW

static const struct oddity http_oddities[] = {
    {"host_port_signed", "A port above 32767 in Host is not split off: url.domain is host:port"},
    {"extension_of_path", "url.extension begins behind the last dot of the whole path, so it may "
                          "hold slashes"},
    {"body_bytes_declared", "body.bytes is the Content-Length even where no body was sent or not "
                            "all of it: HEAD, 304, cut short"},
    {"connect_without_target", "CONNECT has neither path nor port in query and url"},
    {"unasked_answer_turned", "Of an answer without question the server is source and client"},
    {"unended_line_is_answer", "A line without end from the server, when it closes, is an empty "
                               "document Unmatched response"},
    {NULL, NULL}};

const struct protocol http_protocol = {
    .name = "http",
    .meaning = "HTTP/1.0 and HTTP/1.1: one document per exchange",
    .transports = OVER_TCP,
    .ports = "80, 8080, 8000, 5000, 8002",
    .settings = http_settings,
    .settings_size = sizeof(struct http_settings),
    .fields = &http_table,
    .conn_size = sizeof(struct http_conn),
    .transaction_size = sizeof(struct http_exchange),
    .oddities = http_oddities,
    .timeout = "10s",
    .looks_like = http_looks_like,
    .feed = http_feed,
    .gap = http_hole,
    .end = http_end,
    .publish = http_publish,
};
