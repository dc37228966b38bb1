// SPDX-License-Identifier: Apache-2.0
// PostgreSQL, protocol 3 (its manual, "Frontend/Backend Protocol"): cuts both streams into
// messages, shows each to who knows its type, and finds its place again behind a hole.
//
//   │ type 1 │ length 4 │ …      the length counts itself; messages before the startup have no type
//
// Of a message only so many bytes are waited for as somebody wants to see; the others are skipped
// as they come.

#include "probe/proto/pgsql.h"

enum {
    RESYNC_MOST = 1 << 20,  // bytes of a message that is believed without more proof
    RESYNC_CHAIN = 8,       // messages behind each other that are looked at
    STRAY_MOST = 256 << 10, // bytes without any message: this is no PostgreSQL
    READY_LENGTH = 6,
};

// ── what is a message ──

static const struct pgsql_rule *rule_of(enum side from, uint8_t type)
{
    const struct pgsql_rule *rules = from == CLIENT ? pgsql_client_rules : pgsql_server_rules;
    return type < PGSQL_TYPES && rules[type].take ? &rules[type] : NULL;
}

// Type and length of the message at the start of `data`, which has PGSQL_HEADER bytes. NULL: it is
// none.
static const struct pgsql_rule *read_header(struct span data, enum side from, uint32_t *size)
{
    struct reader r = reader_of(data);
    const struct pgsql_rule *rule = rule_of(from, reader_u8(&r));
    uint32_t length = reader_be32(&r);
    *size = length + 1;
    if (!rule || length < 4 || length - 4 < rule->least || length - 4 > rule->most)
        return NULL;
    return rule;
}

// Some bodies tell more than their length. Called with at least the header.
static bool is_likely_body(uint8_t type, enum side from, struct span body, uint32_t length)
{
    if (from == SERVER && type == 'Z')
        return !body.len || body.at[0] == 'I' || body.at[0] == 'T' || body.at[0] == 'E';
    if (from == CLIENT && type == 'Q')
        return !body.len || (body.at[0] >= '\t' && body.at[0] != 0x7f &&
                             (body.len < length || !body.at[length - 1]));
    if (from == SERVER && type == 'E')
        return !body.len || body.at[0] == 'S';
    if (from == SERVER && type == 'R')
        return body.len < 4 || (!body.at[0] && !body.at[1] && !body.at[2] && body.at[3] <= 12);
    return true;
}

// Does a message begin here, and another behind it, and so on as far as can be seen?
static bool begins(struct span data, enum side from)
{
    unsigned count = 0;
    for (; data.len >= PGSQL_HEADER && count < RESYNC_CHAIN; count++) {
        uint32_t size;
        if (!read_header(data, from, &size) || size > RESYNC_MOST)
            return false;
        struct span body = span_first(span_skip(data, PGSQL_HEADER), size - PGSQL_HEADER);
        if (!is_likely_body(data.at[0], from, body, size - PGSQL_HEADER))
            return false;
        data = span_skip(data, size);
    }
    return count > 0;
}

static bool is_tls(struct span data)
{
    return data.len >= 2 && data.at[0] == 0x16 && data.at[1] == 3;
}

// ── shared with those who know what messages mean ──

void pgsql_saw(const struct pgsql_call *f, struct transaction *t)
{
    bool some = f->at > f->start;
    int64_t first = conn_time(f->c, f->from, f->start);
    transaction_saw(t, f->from, first, some ? conn_time(f->c, f->from, f->at - 1) : first, f->size);
    t->lossy[f->from] |= f->lossy;
}

void pgsql_end_before(struct conn *c, uint64_t cycle)
{
    struct transaction *t;
    while ((t = transaction_answering(c)) && t->number < cycle) {
        struct pgsql_exchange *x = pgsql_of(t);
        t->lossy[SERVER] |= !t->message[SERVER].first && x->kind != PGSQL_STARTUP;
        transaction_end(t);
    }
}

// ── losing one's place ──

// Where an answer was torn nobody knows how many others are lost with it.
static void lose(struct pgsql_call *f)
{
    struct pgsql_conn *h = f->h;
    f->s->lost = true;
    f->s->left = f->s->size = 0;
    h->hole[f->from] = true;
    counter_add(conn_counters(f->c)->conn_resyncs, 1);
    h->unsure |= h->pipelined && h->asked > h->ready;
    struct transaction *t = transaction_answering(f->c);
    if (t && t->number == h->ready && (f->from == SERVER || h->copying))
        t->lossy[f->from] = true;
}

// ReadyForQuery stands at the end of most segments that are not full, and looks like nothing else.
static ptrdiff_t find_ready(struct span data)
{
    ptrdiff_t at = span_find_span(data, (struct span)SPAN("Z\0\0\0\5"));
    return at >= 0 && span_skip(data, (size_t)at).len >= READY_LENGTH &&
                   is_likely_body('Z', SERVER, span_skip(data, (size_t)at + PGSQL_HEADER), 1)
               ? at
               : -1;
}

// Goes to the next message that can be told, or behind all that is there. `fresh`: where the bytes
// begin that were not shown before; messages mostly begin with a segment.
static bool find_place(struct pgsql_call *f, uint32_t fresh)
{
    struct span data = span_skip(f->data, f->at);
    ptrdiff_t ready = f->from == SERVER ? find_ready(data) : -1;
    fresh = fresh > f->at ? fresh - f->at : 0;
    if (begins(span_skip(data, fresh), f->from)) {
        f->at += fresh;
    } else if (ready >= 0) {
        f->at += (uint32_t)ready;
    } else {
        // What might be the beginning of one is kept.
        size_t kept = f->from == SERVER && data.len >= READY_LENGTH ? READY_LENGTH - 1 : 0;
        f->s->stray += data.len - kept;
        f->at += (uint32_t)(data.len - kept);
        if (f->s->stray > STRAY_MOST && !f->h->begun) {
            f->over = true;
            conn_give_up(f->c);
        }
        return false;
    }
    f->s->lost = false;
    f->s->stray = 0;
    return true;
}

// ── before the startup ──

static void become(struct pgsql_call *f, const char *protocol)
{
    f->over = f->h->over = true;
    conn_become(f->c, protocol);
}

static void leave(struct pgsql_call *f)
{
    f->over = f->h->over = true;
    conn_done(f->c);
}

// The server's one byte: yes, no, or the beginning of an error. False: more bytes are needed.
static bool take_answer(struct pgsql_call *f)
{
    struct span data = span_skip(f->data, f->at);
    uint8_t answer = data.at[0], asked = f->h->request;
    f->h->request = 0;
    if (answer == 'E')
        return true;
    f->at++;
    if (answer == 'S' && asked == 'S')
        become(f, "tls");
    else if (answer == 'G' && asked == 'G')
        leave(f); // from here on nobody can read it
    else if (answer != 'N')
        lose(f);
    return true;
}

// What the client says before its startup, or when it speaks TLS at once. False: more bytes are
// needed.
static bool take_beginning(struct pgsql_call *f)
{
    struct span data = span_skip(f->data, f->at);
    if (is_tls(data)) {
        become(f, "tls");
        return false;
    }
    if (data.len < 8)
        return false;
    f->start = f->at;
    if (pgsql_is_untyped(data)) {
        f->h->begun = true;
        return pgsql_take_untyped(f);
    }
    if (data.at[0] || conn_joined_late(f->c)) {
        f->h->typed = true;
        return true;
    }
    f->over = true;
    conn_give_up(f->c);
    return false;
}

// ── messages ──

static void skip(struct pgsql_call *f)
{
    struct pgsql_side *s = f->s;
    uint32_t there = (uint32_t)(f->data.len - f->at);
    uint32_t some = there < s->left ? there : s->left;
    s->left -= some;
    f->at += some;
    struct transaction *t = f->from == SERVER ? transaction_answering(f->c) : NULL;
    if (t && t->number == f->h->ready && t->message[SERVER].first) {
        int64_t now = conn_time(f->c, f->from, f->at - 1);
        transaction_saw(t, SERVER, now, now, 0);
    }
}

// How many bytes of the body are wanted now: of rows, most only want to be counted.
static uint32_t shown_of(struct pgsql_call *f, const struct pgsql_rule *rule, uint8_t type)
{
    if (f->from == CLIENT || type != 'D' || !conn_common(f->c)->send_response)
        return rule->shown;
    struct transaction *t = f->t ? f->t : transaction_answering(f->c);
    return t && !pgsql_wants_row(t) ? rule->shown : PGSQL_SHOWN_MOST;
}

static void take(struct pgsql_call *f, const struct pgsql_rule *rule, struct span body)
{
    struct pgsql_side *s = f->s;
    s->size = 0;
    f->h->begun = true;
    if (f->from == SERVER)
        f->h->hole[CLIENT] = false;
    rule->take(f, body);
    s->last = conn_time(f->c, f->from, f->at > f->start ? f->at - 1 : f->start);
}

// The message at hand. False: more bytes are needed.
static bool take_message(struct pgsql_call *f)
{
    struct pgsql_side *s = f->s;
    struct span data = span_skip(f->data, f->at);
    s->size = 0;
    if (data.len < PGSQL_HEADER)
        return false;
    uint32_t size;
    const struct pgsql_rule *rule = read_header(data, f->from, &size);
    if (!rule) {
        lose(f);
        return true;
    }
    uint32_t body = size - PGSQL_HEADER, shown = shown_of(f, rule, data.at[0]);
    if (shown > body)
        shown = body;
    if (data.len < PGSQL_HEADER + shown) {
        s->type = data.at[0];
        s->size = size;
        s->had = (uint32_t)data.len;
        return false;
    }
    f->start = f->at;
    f->at += PGSQL_HEADER + shown;
    f->size = size;
    s->left = body - shown;
    take(f, rule, span_first(span_skip(data, PGSQL_HEADER), shown));
    return true;
}

// ── who is who ──

static bool speaks_as(struct span data, enum side side)
{
    return (side == CLIENT && (pgsql_is_untyped(data) || is_tls(data))) || begins(data, side);
}

// The sides were guessed; before anything was understood that can still be mended.
static bool turns(struct pgsql_call *f)
{
    struct pgsql_conn *h = f->h;
    if (h->begun || h->turned || h->request || f->data.len < PGSQL_HEADER ||
        speaks_as(f->data, f->from) || !speaks_as(f->data, side_other(f->from)))
        return false;
    h->turned = true;
    conn_turn(f->c);
    return true;
}

// A server whose client is not heard says one byte before its first message, if it was asked for
// encryption. It would be nothing else: the length of a message begins with a zero.
static bool answers_unheard(const struct pgsql_call *f)
{
    struct span data = span_skip(f->data, f->at);
    return !f->h->begun && !conn_joined_late(f->c) && data.len > 1 && data.at[1] &&
           (data.at[0] == 'S' || data.at[0] == 'N' || data.at[0] == 'G');
}

static bool take_any(struct pgsql_call *f, uint32_t fresh)
{
    struct pgsql_side *s = f->s;
    if (s->left) {
        skip(f);
        return true;
    }
    if (s->lost)
        return find_place(f, fresh);
    if (f->from == CLIENT && !f->h->typed)
        return take_beginning(f);
    if (f->from == SERVER && answers_unheard(f))
        f->h->request = f->data.at[f->at] == 'G' ? 'G' : 'S';
    if (f->from == SERVER && f->h->request)
        return take_answer(f);
    return take_message(f);
}

// ── the public face ──

static uint32_t pgsql_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    struct pgsql_conn *h = conn_state(c);
    struct pgsql_call f = {.c = c, .h = h, .s = &h->side[from], .from = from, .data = data};
    if (h->over || turns(&f))
        return 0;
    struct arena *scratch = conn_scratch(c);
    size_t used = scratch->used;
    for (bool goes_on = true; goes_on && f.at < data.len && !f.over;) {
        goes_on = take_any(&f, seen);
        arena_rewind(scratch, used); // many may come at once
    }
    return f.at;
}

// The message whose bytes were waited for lost some of them, and its end is known: it is taken
// without its body.
static void take_torn(struct pgsql_call *f)
{
    const struct pgsql_rule *rule = rule_of(f->from, f->s->type);
    f->size = f->s->size;
    f->lossy = true;
    take(f, rule, span_of(NULL, 0));
}

static void pgsql_gap(struct conn *c, enum side from, uint32_t missing)
{
    struct pgsql_conn *h = conn_state(c);
    struct pgsql_side *s = &h->side[from];
    struct pgsql_call f = {.c = c, .h = h, .s = s, .from = from};
    if (h->over || s->lost)
        return;
    uint32_t left = s->size ? s->size - s->had : s->left;
    if (!left || missing > left) {
        if (s->size)
            take_torn(&f);
        lose(&f);
        return;
    }
    if (s->size)
        take_torn(&f);
    s->left = left - missing;
    uint64_t cycle = from == SERVER || h->copying ? h->ready : h->asked - 1;
    struct transaction *t = transaction_find(c, cycle);
    if (t && (from == CLIENT || t->message[SERVER].first))
        t->lossy[from] = true;
}

static bool pgsql_looks_like(struct span first, enum side from)
{
    if (from == CLIENT && pgsql_is_untyped(first))
        return true;
    uint8_t type = first.len > PGSQL_HEADER ? first.at[0] : 0;
    if (from == CLIENT)
        return (type == 'Q' || type == 'P' || type == 'B') && begins(first, from);
    bool closes =
        first.len > READY_LENGTH && find_ready(span_skip(first, first.len - READY_LENGTH)) == 0;
    return (type == 'R' || closes) && begins(first, from);
}

#define ROW(key, type, member, standard, least, most, text)                                        \
    {                                                                                              \
        key, type, offsetof(struct pgsql_settings, member), standard, least, most, .meaning = text \
    }
static const struct setting pgsql_settings[] = {
    ROW("max_rows", SETTING_NUMBER, max_rows, "10", 0, 1 << 20,
        "Rows of an answer to write with send_response"),
    ROW("max_row_length", SETTING_NUMBER, max_row_length, "1024", 0, 1 << 20,
        "Bytes of values to write of each of those rows"),
    ROW("hide_literals", SETTING_BOOL, hide_literals, "false", 0, 0,
        "Write ? for what statements hold in quotes and numbers, and neither parameters nor rows"),
    ROW("hide_passwords", SETTING_BOOL, hide_passwords, "true", 0, 0,
        "Write xxxxx for passwords in statements; not under compat"),
    SETTING_END};
#undef ROW

static const struct oddity pgsql_oddities[] = {
    {"method_to_first_space", "The method is all up to the first space, line ends and comments "
                              "included"},
    {"binary_columns_empty", "Columns in binary format are empty in the response"},
    {"extended_set_left_out", "SET by the extended protocol is no document"},
    {NULL, NULL}};

const struct protocol pgsql_protocol = {
    .name = "pgsql",
    .meaning = "PostgreSQL, protocol 3: one document per statement",
    .transports = OVER_TCP,
    .ports = "5432",
    .settings = pgsql_settings,
    .settings_size = sizeof(struct pgsql_settings),
    .fields = &pgsql_table,
    .conn_size = sizeof(struct pgsql_conn),
    .transaction_size = sizeof(struct pgsql_exchange),
    .oddities = pgsql_oddities,
    .timeout = "10s",
    .looks_like = pgsql_looks_like,
    .feed = pgsql_feed,
    .gap = pgsql_gap,
    .publish = pgsql_publish,
};
