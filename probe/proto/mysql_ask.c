// SPDX-License-Identifier: Apache-2.0
// What a MySQL client says: commands, and what belongs to the one before (files, proofs).

#include "pipeline/base/clock.h"
#include "probe/proto/mysql.h"

enum { HEAD_MOST = 2048, LOG_IN_MOST = 16 << 10 };

static const struct mysql_command_info infos[256] = {
#define COMMAND(number, name, method, answer, least, most) \
    [number] = {SPAN(#name), SPAN(method), MYSQL_ANSWER_##answer, least, most},
#include "probe/proto/mysql_commands.def"
#undef COMMAND
};

const struct mysql_command_info *mysql_command_info(uint8_t command)
{
    return infos[command].name.len ? &infos[command] : NULL;
}

// Before the log-in is over nothing is large; afterwards a packet begins with a command or goes on
// with one.
bool mysql_may_ask(const struct mysql_call *f, const struct mysql_packet *p, uint8_t first)
{
    const struct mysql_conn *h = f->h;
    const struct mysql_command_info *info = mysql_command_info(first);
    bool fits = info && p->len >= info->least && (!info->most || p->len <= info->most) &&
                first != COM_LOGIN;
    if (p->sequence)
        return h->commands || (p->len <= UINT16_MAX && p->sequence < 32);
    return fits && (h->commands || h->introduced || !h->greeted);
}

uint32_t mysql_ask_wants(const struct mysql_call *f, uint32_t len)
{
    uint32_t most = f->h->commands ? HEAD_MOST : LOG_IN_MOST;
    return len < most ? len : most;
}

// ── a new question ──

// The server's side was lost: whoever asks now has had his answers.
static void find_step(struct mysql_call *f)
{
    struct mysql_conn *h = f->h;
    struct transaction *t;
    while ((t = transaction_answering(f->c)))
        transaction_end(t);
    h->answered = h->asked;
    h->side[SERVER].lost = false;
    h->answer = (struct mysql_answer){0};
}

void mysql_open(struct mysql_call *f, const struct mysql_packet *p, uint8_t command)
{
    struct mysql_conn *h = f->h;
    if (h->side[SERVER].lost)
        find_step(f);
    h->newest = command;
    f->t = transaction_open(f->c, ++h->asked);
    struct mysql_exchange *x = f->t->state;
    x->command = command;
    x->packets = (uint8_t)(p->sequence + 1);
}

// ── statements ──

// How many bytes of attributes stand before the text of a query; they are kept.
static size_t take_query_attributes(struct mysql_call *f, struct span rest)
{
    struct reader r = reader_of(rest);
    uint64_t count = mysql_number(&r), sets = mysql_number(&r);
    if (!reader_ok(&r) || sets != 1 || count > UINT16_MAX)
        return 0;
    size_t before = rest.len - reader_left(&r);
    struct mysql_values v;
    struct mysql_value value;
    uint8_t place[64];
    if (!count ||
        !mysql_values_begin(&v, span_skip(rest, before), (uint32_t)count, true, span_of(NULL, 0)))
        return before;
    while (mysql_values_next(&v, &value)) {
        struct pen pen = pen_of(place, sizeof place);
        if (!value.is_null)
            mysql_put_value(&pen, &v.values, value.type, value.is_unsigned, MYSQL_PLAIN);
    }
    size_t all = rest.len - reader_left(&v.values);
    struct mysql_exchange *x = f->t->state;
    mysql_keep(f, &x->attributes, span_first(rest, all));
    return all;
}

static void take_query(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_exchange *x = f->t->state;
    struct span text = span_skip(p->head, 1);
    if (f->h->capabilities & MYSQL_CAN_QUERY_ATTRIBUTES)
        text = span_skip(text, take_query_attributes(f, text));
    mysql_keep(f, &x->statement, text);
    f->s->sink = MYSQL_TO_STATEMENT;
}

static void take_text(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_exchange *x = f->t->state;
    mysql_keep(f, &x->statement, span_skip(p->head, 1));
    f->s->sink = MYSQL_TO_STATEMENT;
}

// ── prepared statements ──

// MariaDB's clients may execute the statement that was prepared last before they know its number.
static struct span recall(struct mysql_call *f, uint32_t id, struct mysql_prepared *known)
{
    bool last = id == MYSQL_LAST_PREPARED;
    const struct mysql_settings *settings = conn_settings(f->c);
    uint64_t key = last ? mysql_key(MYSQL_KEEPS_LAST, 0) : mysql_key(MYSQL_KEEPS_STATEMENT, id);
    struct span entry = conn_recall(f->c, key);
    if (entry.len < sizeof *known)
        return span_of(NULL, 0);
    memcpy(known, entry.at, sizeof *known);
    if (mysql_time(f, f->at) - known->used <= settings->statement_timeout)
        return span_skip(entry, sizeof *known);
    conn_forget(f->c, key);
    return span_of(NULL, 0);
}

// The types that an execution tells anew are remembered for those that do not.
static void remember_types(struct mysql_call *f, uint32_t id, struct mysql_prepared known,
                           struct span rest, struct span types)
{
    size_t text = 2U * known.parameters;
    struct span old = span_first(rest, text);
    int64_t before = known.used;
    known.used = mysql_time(f, f->at);
    bool fresh = known.used - before < 60 * SECOND;
    if (known.bound && fresh && span_is(old, types))
        return;
    known.bound = true;
    struct pen pen = mysql_pen(f, sizeof known + rest.len);
    if (!pen.start)
        return;
    pen_raw(&pen, span_of(&known, sizeof known));
    pen_raw(&pen, types);
    pen_raw(&pen, span_skip(rest, text));
    conn_remember(f->c, mysql_key(MYSQL_KEEPS_STATEMENT, id), pen_written(&pen));
}

// The types in front of an execution's values, without the names that may stand between them;
// empty: it has none, or they are not in hand.
static struct span told_types(const struct mysql_call *f, struct span values, uint32_t parameters)
{
    const struct mysql_exchange *x = f->t->state;
    bool named = f->h->capabilities & MYSQL_CAN_QUERY_ATTRIBUTES;
    struct reader r = reader_of(values);
    uint64_t count = named && x->counted ? mysql_number(&r) : parameters;
    reader_skip(&r, (count + 7) / 8);
    bool told = reader_u8(&r) == 1;
    size_t size = 2UL * parameters;
    struct pen pen = mysql_pen(f, told ? size : 0);
    for (uint32_t i = 0; pen.start && told && i < parameters; i++) {
        pen_raw(&pen, reader_bytes(&r, 2));
        if (named)
            mysql_string(&r);
    }
    return pen.start && told && reader_ok(&r) ? pen_written(&pen) : span_of(NULL, 0);
}

static void take_statement(struct mysql_call *f, uint32_t id, struct span values)
{
    struct mysql_exchange *x = f->t->state;
    struct mysql_prepared known;
    struct span rest = recall(f, id, &known);
    x->statement_id = id;
    if (!rest.at)
        return;
    x->known = true;
    x->parameters = known.parameters;
    size_t types = 2U * known.parameters;
    mysql_keep(f, &x->statement, span_skip(rest, types));
    if (!values.at)
        return;
    struct span told = told_types(f, values, known.parameters);
    if (known.bound)
        mysql_keep(f, &x->types, span_first(rest, types));
    if (told.len && id != MYSQL_LAST_PREPARED)
        remember_types(f, id, known, rest, told);
}

static void take_long_values(struct mysql_call *f, uint32_t id)
{
    struct mysql_exchange *x = f->t->state;
    uint64_t key = mysql_key(MYSQL_KEEPS_LONG_DATA, id);
    struct span sent = conn_recall(f->c, key);
    if (!sent.len)
        return;
    mysql_keep(f, &x->long_data, sent);
    conn_forget(f->c, key);
}

// │ command 1 │ statement 4 │ flags 1 │ iterations 4 │ values, or (bulk) flags 2 │ values
static void take_execution(struct mysql_call *f, const struct mysql_packet *p)
{
    enum { HAS_COUNT = 8 };
    struct mysql_exchange *x = f->t->state;
    struct reader r = reader_of(span_skip(p->head, 1));
    uint32_t id = reader_le32(&r);
    bool bulk = x->command == COM_STMT_BULK_EXECUTE;
    uint8_t flags = reader_u8(&r);
    reader_skip(&r, bulk ? 1 : 4);
    struct span values = reader_rest(&r);
    x->counted = flags & HAS_COUNT;
    take_statement(f, id, bulk ? span_of(NULL, 0) : values);
    take_long_values(f, id);
    if (bulk)
        return;
    x->executes = true;
    mysql_keep(f, &x->values, values);
    f->s->sink = MYSQL_TO_VALUES;
}

// │ command 1 │ statement 4 │ parameter 2 │ bytes: what there is of a value, perhaps not for the
// first time
static void take_long_data(struct mysql_call *f, const struct mysql_packet *p)
{
    struct reader r = reader_of(span_skip(p->head, 1));
    uint64_t key = mysql_key(MYSQL_KEEPS_LONG_DATA, reader_le32(&r));
    struct span number = reader_bytes(&r, 2), sent = conn_recall(f->c, key);
    struct span kept = span_first(reader_rest(&r), MYSQL_LONG_KEPT);
    uint32_t len = p->len - MYSQL_LONG_HEAD + 1;
    const uint8_t lengths[] = {(uint8_t)kept.len,   (uint8_t)(kept.len >> 8), (uint8_t)len,
                               (uint8_t)(len >> 8), (uint8_t)(len >> 16),     (uint8_t)(len >> 24)};
    size_t size = sent.len + MYSQL_LONG_HEAD + kept.len;
    if (!reader_ok(&r) || size > MYSQL_LONG_MOST)
        return;
    struct pen pen = mysql_pen(f, size);
    if (!pen.start)
        return;
    pen_raw(&pen, sent);
    pen_raw(&pen, number);
    pen_raw(&pen, span_of(lengths, sizeof lengths));
    pen_raw(&pen, kept);
    conn_remember(f->c, key, pen_written(&pen));
}

static uint32_t statement_of(const struct mysql_packet *p)
{
    struct reader r = reader_of(span_skip(p->head, 1));
    return reader_le32(&r);
}

static void forget_statement(struct mysql_call *f, const struct mysql_packet *p)
{
    conn_forget(f->c, mysql_key(MYSQL_KEEPS_STATEMENT, statement_of(p)));
    conn_forget(f->c, mysql_key(MYSQL_KEEPS_LONG_DATA, statement_of(p)));
    conn_forget(f->c, mysql_key(MYSQL_KEEPS_COLUMNS, statement_of(p)));
    conn_forget(f->c, mysql_key(MYSQL_KEEPS_TABLE, statement_of(p)));
}

// ── commands ──

// Commands that nobody answers make no document.
static void take_unanswered(struct mysql_call *f, const struct mysql_packet *p)
{
    f->t = NULL;
    if (p->head.at[0] == COM_STMT_CLOSE)
        forget_statement(f, p);
    else if (p->head.at[0] == COM_STMT_SEND_LONG_DATA)
        take_long_data(f, p);
}

static void take_command(struct mysql_call *f, const struct mysql_packet *p)
{
    uint8_t command = p->head.at[0];
    mysql_open(f, p, command);
    switch (command) {
    case COM_QUERY:
        take_query(f, p);
        break;
    case COM_STMT_EXECUTE:
    case COM_STMT_BULK_EXECUTE:
        take_execution(f, p);
        break;
    case COM_STMT_FETCH:
        take_statement(f, statement_of(p), span_of(NULL, 0));
        break;
    case COM_STMT_RESET:
        take_statement(f, statement_of(p), span_of(NULL, 0));
        conn_forget(f->c, mysql_key(MYSQL_KEEPS_LONG_DATA, statement_of(p)));
        break;
    case COM_CHANGE_USER:
        mysql_change_user(f, p);
        break;
    case COM_STMT_PREPARE:
    case COM_INIT_DB:
    case COM_CREATE_DB:
    case COM_DROP_DB:
        take_text(f, p);
        break;
    default:
        break;
    }
}

// Files that the server asked for, and what a client sends to prove who it is.
static void take_rest_of_talk(struct mysql_call *f, const struct mysql_packet *p)
{
    struct transaction *t = transaction_answering(f->c);
    f->t = NULL;
    if (!t || f->h->answer.phase != MYSQL_AFTER_INFILE || conn_is_compat(f->c))
        return;
    struct mysql_exchange *x = t->state;
    int64_t now = mysql_time(f, f->at);
    x->infile_bytes += p->len;
    transaction_saw(t, CLIENT, now, now, MYSQL_HEADER + p->len);
}

void mysql_ask(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_conn *h = f->h;
    mysql_note_bytes(f);
    f->begin = f->at;
    if (p->sequence && (h->commands || h->introduced)) {
        take_rest_of_talk(f, p);
    } else if (p->sequence && (h->greeted || mysql_is_log_in(p))) {
        mysql_log_in(f, p);
    } else if (p->sequence) {
        mysql_lose(f);
    } else {
        h->commands = true;
        if (mysql_command_info(p->head.at[0])->answers == MYSQL_ANSWER_NOTHING)
            take_unanswered(f, p);
        else
            take_command(f, p);
    }
}

// Room for the types in front of the text, which are not known yet.
static void remember_last(struct mysql_call *f)
{
    struct mysql_exchange *x = f->t->state;
    struct mysql_prepared p = {.used = mysql_time(f, f->at - 1)};
    struct span text = chain_view(&x->statement, conn_scratch(f->c));
    size_t size = sizeof p + text.len;
    struct pen pen = mysql_pen(f, size);
    if (!pen.start)
        return;
    pen_raw(&pen, span_of(&p, sizeof p));
    pen_raw(&pen, text);
    conn_remember(f->c, mysql_key(MYSQL_KEEPS_LAST, 0), pen_written(&pen));
}

void mysql_ask_ends(struct mysql_call *f)
{
    struct transaction *t = f->t;
    struct mysql_exchange *x = mysql_exchange(f);
    mysql_note_bytes(f);
    f->t = NULL;
    if (!t)
        return;
    bool of_mariadb = f->h->introduced && !(f->h->capabilities & MYSQL_CAN_LONG_PASSWORD);
    if (x->command == COM_STMT_PREPARE && of_mariadb) {
        f->t = t;
        remember_last(f);
        f->t = NULL;
    }
    transaction_asked(t);
}
