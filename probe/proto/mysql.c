// SPDX-License-Identifier: Apache-2.0
// MySQL and MariaDB (the client/server protocol of dev.mysql.com's and mariadb.com's manuals,
// version 10): one document for each command that is answered, and one for the log-in.
//
//   │ length 3 │ sequence 1 │ payload       packets, little-endian; after 16 MiB - 1 bytes the
//                                           payload goes on in the next one
//   │ length 3 │ sequence 1 │ length 3 │ …  around any bytes of those, if they agreed to compress
//
// Of a packet only the first bytes must be there at once; the rest is kept or passed over as it
// comes, so rows that nobody wants to see cost no memory. A command has sequence 0, its answer goes
// on from there: that keeps both sides in step, and finds the step again behind a hole.

#include "probe/proto/mysql.h"

struct pen mysql_pen(const struct mysql_call *f, size_t size)
{
    void *place = arena_alloc(conn_scratch(f->c), size);
    return pen_of(place, place ? size : 0);
}

int64_t mysql_time(const struct mysql_call *f, uint32_t at)
{
    return f->unpacked ? f->time : conn_time(f->c, f->from, at);
}

struct mysql_exchange *mysql_exchange(const struct mysql_call *f)
{
    return f->t ? f->t->state : NULL;
}

void mysql_name_set(struct mysql_name *name, struct span bytes)
{
    bytes = span_first(bytes, text_utf8_whole(span_first(bytes, sizeof name->bytes)));
    name->len = (uint8_t)bytes.len;
    if (bytes.len)
        memcpy(name->bytes, bytes.at, bytes.len);
}

void mysql_keep(const struct mysql_call *f, struct chain *to, struct span bytes)
{
    struct span some = span_first(bytes, to->len < MYSQL_TEXT_MOST ? MYSQL_TEXT_MOST - to->len : 0);
    counter_add(conn_counters(f->c)->transaction_cut_bytes, bytes.len - some.len);
    if (some.len)
        transaction_append(f->t, to, some);
}

// For the reference an answer is its first result.
void mysql_note_bytes(struct mysql_call *f)
{
    struct mysql_exchange *x = mysql_exchange(f);
    uint32_t bytes = f->at - f->begin;
    if (x && bytes) {
        bool beyond = f->from == SERVER && x->results && conn_is_compat(f->c);
        x->answering |= f->from == SERVER;
        transaction_saw(f->t, f->from, mysql_time(f, f->begin), mysql_time(f, f->at - 1),
                        beyond ? 0 : bytes);
    }
    f->begin = f->at;
}

// ── out of step ──

void mysql_lose(struct mysql_call *f)
{
    struct mysql_side *s = f->s;
    counter_add(conn_counters(f->c)->conn_resyncs, !s->lost);
    mysql_note_bytes(f);
    if (f->t && f->t->unasked)
        transaction_end(f->t);
    f->t = NULL;
    s->lost = true;
    s->inside = s->goes_on = false;
    s->left = s->coded_left = 0;
    mysql_forget_rest(f);
    f->h->answer.ends = false;
    if (!f->h->commands && !f->h->introduced)
        conn_give_up(f->c);
}

// Its length and that of the bytes in hand; false: this is no header of a command.
static bool begins_command(struct span data, uint32_t *len, size_t *rest, uint8_t *command)
{
    struct reader r = reader_of(data);
    *len = mysql_le24(&r);
    uint8_t sequence = reader_u8(&r);
    *rest = reader_left(&r);
    *command = reader_u8(&r);
    const struct mysql_command_info *info = mysql_command_info(*command);
    return reader_ok(&r) && !sequence && info && *len >= info->least &&
           (!info->most || *len <= info->most);
}

// That of one of which only the beginning came must be text, what stands behind a whole one another
// command.
bool mysql_is_command(struct span data)
{
    enum { TEXT = 8 };
    uint32_t len, next_len;
    size_t rest, next_rest;
    uint8_t command, next;
    if (!begins_command(data, &len, &rest, &command))
        return false;
    if (rest > len)
        return begins_command(span_skip(data, MYSQL_HEADER + len), &next_len, &next_rest, &next);
    struct span text = span_first(span_skip(data, MYSQL_HEADER + 1), TEXT);
    for (size_t i = 0; i < text.len && rest < len; i++)
        if (text.at[i] < ' ' && !(text.at[i] >= '\t' && text.at[i] <= '\r'))
            return false;
    return rest == len ||
           ((command == COM_QUERY || command == COM_STMT_PREPARE) && text.len == TEXT);
}

// An answer to a question nobody saw, if nobody sees any.
static bool is_answer(struct span data)
{
    struct reader r = reader_of(data);
    uint32_t len = mysql_le24(&r);
    uint8_t sequence = reader_u8(&r), first = reader_u8(&r);
    size_t rest = reader_left(&r) + 1;
    if (!reader_ok(&r) || sequence != 1 || rest < len)
        return false;
    bool outcome = (first == 0 && len >= 7) || (first == 0xff && len >= 9);
    return outcome ? rest == len : len == 1 && rest > len + 3 && data.at[len + 7] == 2;
}

// May what a side says be understood from here on? Data begins where a segment does.
static bool is_found(const struct mysql_call *f)
{
    if (f->from == CLIENT)
        return mysql_is_command(f->data);
    return mysql_is_greeting(f->data) || (!f->h->asked && is_answer(f->data));
}

// ── packets ──

static void end_packet(struct mysql_call *f)
{
    f->s->inside = false;
    if (f->from == CLIENT)
        mysql_ask_ends(f);
    else
        mysql_answer_packet_ends(f);
}

static void end_if_whole(struct mysql_call *f)
{
    if (f->s->inside && !f->s->left && !f->s->goes_on)
        end_packet(f);
}

static struct chain *sink_of(const struct mysql_call *f)
{
    struct mysql_exchange *x = mysql_exchange(f);
    if (!x)
        return NULL;
    switch (f->s->sink) {
    case MYSQL_TO_STATEMENT:
        return &x->statement;
    case MYSQL_TO_VALUES:
        return &x->values;
    case MYSQL_TO_ROWS:
        return &x->row_bytes;
    default:
        return NULL;
    }
}

static void take_body(struct mysql_call *f)
{
    struct mysql_side *s = f->s;
    struct span bytes = span_first(span_skip(f->data, f->at), s->left);
    struct chain *sink = sink_of(f);
    if (sink)
        mysql_keep(f, sink, span_first(bytes, s->keep));
    s->keep -= bytes.len < s->keep ? (uint32_t)bytes.len : s->keep;
    s->left -= (uint32_t)bytes.len;
    f->at += (uint32_t)bytes.len;
    end_if_whole(f);
}

// The packet goes on in one whose header means nothing more.
static void take_next_part(struct mysql_call *f, uint32_t len)
{
    struct mysql_exchange *x = mysql_exchange(f);
    f->s->left = len;
    f->s->goes_on = len == MYSQL_PACKET_MOST;
    f->s->sequence++;
    if (x && f->from == CLIENT)
        x->packets++;
    f->at += MYSQL_HEADER;
    end_if_whole(f);
}

// Takes the beginning of a packet. False: more bytes are needed.
static bool take_head(struct mysql_call *f)
{
    struct span rest = span_skip(f->data, f->at);
    if (rest.len < MYSQL_HEADER)
        return false;
    struct reader r = reader_of(rest);
    struct mysql_packet p = {.len = mysql_le24(&r)};
    p.sequence = reader_u8(&r);
    if (f->s->goes_on) {
        take_next_part(f, p.len);
        return true;
    }
    if (p.len && rest.len == MYSQL_HEADER)
        return false;
    if (f->from == CLIENT && !mysql_may_ask(f, &p, p.len ? rest.at[MYSQL_HEADER] : 0)) {
        mysql_lose(f);
        return true;
    }
    uint32_t wants = f->from == CLIENT
                         ? mysql_ask_wants(f, p.len)
                         : mysql_answer_wants(f, p.len, p.len ? rest.at[MYSQL_HEADER] : 0);
    if (rest.len < MYSQL_HEADER + wants)
        return false;
    p.head = span_of(rest.at + MYSQL_HEADER, wants);
    struct mysql_side *s = f->s;
    s->left = p.len - wants;
    s->goes_on = p.len == MYSQL_PACKET_MOST;
    s->sink = MYSQL_TO_NOBODY;
    s->keep = UINT32_MAX;
    s->inside = true;
    if (f->from == CLIENT)
        mysql_ask(f, &p);
    else
        mysql_answer(f, &p);
    if (s->lost)
        return true;
    f->at += MYSQL_HEADER + wants;
    s->sequence = (uint8_t)(p.sequence + 1);
    end_if_whole(f);
    return true;
}

// The transaction that the packet at hand is part of, if it did not time out meanwhile.
static struct transaction *current(const struct mysql_call *f)
{
    if (f->from == CLIENT)
        return f->s->inside ? transaction_asking(f->c) : NULL;
    bool begun = f->h->answer.phase != MYSQL_FIRST || f->s->inside;
    struct transaction *t = begun ? transaction_answering(f->c) : NULL;
    return t && (t->unasked || t->number == f->h->answered + 1) ? t : NULL;
}

void mysql_take(struct mysql_call *f)
{
    struct mysql_side *s = f->s;
    if (s->lost && is_found(f)) {
        s->lost = false;
        if (f->from == SERVER)
            f->h->answer = (struct mysql_answer){0};
    }
    f->t = current(f);
    struct arena *scratch = conn_scratch(f->c);
    size_t used = scratch->used;
    for (bool goes_on = true; goes_on && f->at < f->data.len && !f->over && !s->lost;) {
        if (s->left)
            take_body(f);
        else
            goes_on = take_head(f);
        arena_rewind(scratch, used); // many may come at once
    }
    mysql_note_bytes(f);
    if (s->lost || f->h->over)
        f->at = (uint32_t)f->data.len;
}

// ── the public face ──

// We did not see how it began: neither side is understood before a client's command.
static void begin(struct mysql_call *f)
{
    struct mysql_conn *h = f->h;
    h->begun = true;
    if (!conn_joined_late(f->c))
        return;
    h->side[CLIENT].lost = h->side[SERVER].lost = true;
    h->commands = true;
}

static uint32_t mysql_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    struct mysql_conn *h = conn_state(c);
    (void)seen;
    struct mysql_call f = {.c = c, .h = h, .s = &h->side[from], .from = from, .data = data};
    if (!h->begun && from == CLIENT && mysql_is_greeting(data)) {
        conn_turn(c);
        return 0;
    }
    if (!h->begun)
        begin(&f);
    if (h->over)
        return (uint32_t)data.len;
    if ((h->commands || h->introduced) && !h->packed && f.s->lost && from == CLIENT &&
        mysql_is_packed_command(data))
        h->packed = true;
    if (!h->packed)
        mysql_take(&f);
    if (h->packed && f.at < data.len)
        f.at += mysql_unpack(&f, span_skip(data, f.at));
    return f.at;
}

static struct span loss_of(enum side from)
{
    static const struct span notes[] = {SPAN("Packet loss while capturing the request"),
                                        SPAN("Packet loss while capturing the response")};
    return notes[from];
}

// A hole inside a packet whose length is known is only a hole in what is kept of it.
static void pass_hole(struct mysql_call *f, uint32_t missing)
{
    struct mysql_exchange *x = mysql_exchange(f);
    if (x && f->s->sink == MYSQL_TO_ROWS && f->s->keep)
        x->torn = true;
    f->s->left -= missing;
    f->s->sink = MYSQL_TO_NOBODY;
    end_if_whole(f);
}

// Half a result is one; half a question may still be answered.
static void end_torn(struct mysql_call *f, struct transaction *t)
{
    struct mysql_conn *h = f->h;
    if (f->from == CLIENT) {
        transaction_asked(t);
        return;
    }
    h->answered = t->unasked ? h->answered : t->number;
    h->answer = (struct mysql_answer){0};
    t->asked = true;
    transaction_answered(t);
}

void mysql_miss(struct mysql_call *f, uint32_t missing, bool framed)
{
    f->t = current(f);
    struct transaction *t = f->t ? f->t : transaction_answering(f->c);
    bool torn = f->t;
    if (t && (torn || f->from == SERVER)) {
        t->lossy[f->from] = true;
        transaction_note(t, loss_of(f->from));
    }
    if (framed && f->s->left >= missing && !conn_is_compat(f->c)) {
        pass_hole(f, missing);
        return;
    }
    // Of rows only whole ones count.
    struct mysql_exchange *x = mysql_exchange(f);
    if (x && f->s->inside && f->from == SERVER && f->h->answer.phase == MYSQL_IN_ROWS && x->rows)
        x->rows--;
    f->t = NULL;
    mysql_lose(f);
    if (torn)
        end_torn(f, t);
}

static void mysql_hole(struct conn *c, enum side from, uint32_t missing)
{
    struct mysql_conn *h = conn_state(c);
    struct mysql_call f = {.c = c, .h = h, .s = &h->side[from], .from = from};
    if (!h->over && !f.s->lost)
        mysql_miss(&f, missing, !h->packed);
}

static bool mysql_looks_like(struct span first, enum side from)
{
    if (from == SERVER)
        return mysql_is_greeting(first);
    struct reader r = reader_of(first);
    struct mysql_packet p = {.len = mysql_le24(&r)};
    p.sequence = reader_u8(&r);
    p.head = reader_rest(&r);
    if (first.len <= MYSQL_HEADER)
        return false;
    return mysql_is_greeting(first) || mysql_is_log_in(&p) ||
           (mysql_is_command(first) && p.len > 1);
}

#define ROW(key, type, member, standard, text)                                        \
    {                                                                                 \
        key, type, offsetof(struct mysql_settings, member), standard, .meaning = text \
    }
static const struct setting mysql_settings[] = {
    {"max_rows", SETTING_NUMBER, offsetof(struct mysql_settings, max_rows), "10", 0, 100000,
     .meaning = "Rows of a result that are written, with send_response"},
    {"max_row_length", SETTING_BYTES, offsetof(struct mysql_settings, max_row_length), "1024", 0,
     1 << 20, .meaning = "Bytes of a row that are written"},
    ROW("statement_timeout", SETTING_DURATION, statement_timeout, "1h",
        "Time after which a prepared statement that is not used is forgotten"),
    ROW("hide_literals", SETTING_BOOL, hide_literals, "false",
        "Write ? for texts and numbers in statements, and neither their parameters nor rows"),
    ROW("hide_passwords", SETTING_BOOL, hide_passwords, "true",
        "Write 'xxxxx' for passwords in statements; has no effect under compat"),
    SETTING_END};
#undef ROW

static const struct oddity mysql_oddities[] = {
    {"statement_of_prepare_is_note", "COM_STMT_PREPARE is the query Request Prepare Statement, and "
                                     "the statement stands in error.message"},
    {"prepare_is_result", "The numbers in the answer to COM_STMT_PREPARE are those of a result: "
                          "affected_rows and insert_id are bytes of the statement's number"},
    {"binary_rows_as_text", "Rows of prepared statements are written as if they were texts"},
    {"first_result_only", "Of several results only the first counts"},
    {"floats_not_written", "Parameters of some types are written as the type's name, all others "
                           "are left out if one is unsigned or of an unknown type"},
    {"path_by_alias", "path has the names that a query gives to its tables, and a dot for what "
                      "comes from none"},
    {NULL, NULL}};

const struct protocol mysql_protocol = {
    .name = "mysql",
    .meaning = "MySQL and MariaDB: one document per command",
    .transports = OVER_TCP,
    .ports = "3306, 3307",
    .settings = mysql_settings,
    .settings_size = sizeof(struct mysql_settings),
    .fields = &mysql_table,
    .conn_size = sizeof(struct mysql_conn),
    .transaction_size = sizeof(struct mysql_exchange),
    .oddities = mysql_oddities,
    .timeout = "10s",
    .looks_like = mysql_looks_like,
    .feed = mysql_feed,
    .gap = mysql_hole,
    .publish = mysql_publish,
};
