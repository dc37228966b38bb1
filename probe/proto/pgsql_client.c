// SPDX-License-Identifier: Apache-2.0
// What clients say (PostgreSQL manual, "Frontend/Backend Protocol").
//
//   Query                                   a cycle of its own: one transaction a statement
//   Parse Bind Describe Execute … Sync      a transaction for each Execute with what led to it, and
//                                           for what was parsed or described without being executed
//   FunctionCall                            a cycle of its own
//   CopyData … CopyDone or CopyFail         belongs to the statement that is being answered

#include "probe/proto/pgsql.h"
#include "probe/proto/sql.h"

enum untyped {
    STARTUP_MAJOR = 3,
    CANCEL = 1234 << 16 | 5678,
    ENCRYPT_SSL = 1234 << 16 | 5679,
    ENCRYPT_GSS = 1234 << 16 | 5680,
    UNTYPED_MOST = 10000, // bytes; the server takes no more
};

// ── cycles ──

static bool was_silent(const struct pgsql_call *f)
{
    const struct pgsql_side *s = f->h->side;
    int64_t last = s[CLIENT].last > s[SERVER].last ? s[CLIENT].last : s[SERVER].last;
    int64_t now = conn_time(f->c, f->from, f->start);
    return last && now - last > conn_common(f->c)->transaction_timeout;
}

// Whatever was asked was answered, seen or not.
static void catch_up(struct pgsql_call *f)
{
    struct pgsql_conn *h = f->h;
    h->ready = h->asked;
    h->hole[CLIENT] = h->hole[SERVER] = false;
    h->unsure = h->pipelined = h->copying = h->streaming = h->uncounted = false;
    pgsql_end_before(f->c, h->ready);
}

// The client asks after it did not. Who never asked before he had the answer is taken to go on so:
// then a hole cost no more than what it took. With who does not wait, cycles cannot be paired
// behind a hole, until both sides were silent for longer than a question waits.
static void begin_cycle(struct pgsql_call *f)
{
    struct pgsql_conn *h = f->h;
    bool waits = h->asked > h->ready;
    if (h->inside)
        return;
    h->inside = true;
    if (h->unsure && was_silent(f))
        catch_up(f);
    else if (waits && h->hole[SERVER] && !h->pipelined)
        catch_up(f);
    else if (waits)
        h->pipelined = true;
    h->unsure |= h->hole[CLIENT] || (h->pipelined && h->hole[SERVER]);
}

static void end_cycle(struct pgsql_call *f)
{
    f->h->asked++;
    f->h->inside = false;
}

static struct transaction *open_as(struct pgsql_call *f, enum pgsql_kind kind)
{
    struct transaction *t = transaction_open(f->c, f->h->asked);
    pgsql_of(t)->kind = kind;
    return t;
}

// ── simple queries ──

static void open_statement(struct pgsql_call *f, struct span text, bool whole)
{
    struct transaction *t = open_as(f, PGSQL_QUERY);
    pgsql_of(t)->executes = 1;
    pgsql_keep_query(t, text, whole);
    pgsql_saw(f, t);
    transaction_asked(t);
}

// Most queries are one statement; that takes no look at their inside.
static bool is_one_statement(struct span text)
{
    ptrdiff_t end = span_find(text, ';');
    bool starts_well = text.len && ((text.at[0] | 0x20) >= 'a' && (text.at[0] | 0x20) <= 'z');
    return starts_well && (end < 0 || (size_t)end + 1 == text.len);
}

static struct span without_end(struct span text)
{
    if (text.len && text.at[text.len - 1] == ';')
        text.len--;
    return sql_trim(text);
}

static void open_statements(struct pgsql_call *f, struct span text, bool whole)
{
    struct span rest = text, statement;
    int count = 0;
    while (count < PGSQL_STATEMENTS_MOST && sql_statement(&rest, SQL_OF_PGSQL, &statement)) {
        open_statement(f, statement, whole || rest.len);
        count++;
    }
    f->h->uncounted |= count == PGSQL_STATEMENTS_MOST || (!whole && count);
    if (!count) // nothing but comments, which is answered too
        open_statement(f, without_end(text), whole);
}

static void take_query(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    struct span text = sql_trim(pgsql_cstring(&r));
    bool whole = reader_ok(&r);
    begin_cycle(f);
    if (is_one_statement(text))
        open_statement(f, without_end(text), whole);
    else
        open_statements(f, text, whole);
    end_cycle(f);
}

// Function 4, formats, arguments, format of the result.
static void take_call(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    uint8_t place[32];
    struct pen pen = pen_of(place, sizeof place);
    begin_cycle(f);
    struct transaction *t = open_as(f, PGSQL_CALL);
    pen_raw(&pen, (struct span)SPAN("function "));
    pen_unsigned(&pen, reader_be32(&r));
    transaction_append(t, &pgsql_of(t)->query, pen_written(&pen));
    pgsql_of(t)->executes = 1;
    pgsql_keep_binding(t, 0, &r);
    pgsql_saw(f, t);
    transaction_asked(t);
    end_cycle(f);
}

// ── the extended protocol ──

// The question that is being put; NULL: none.
static struct transaction *asking(struct pgsql_call *f)
{
    struct transaction *t = transaction_asking(f->c);
    return t && pgsql_of(t)->kind == PGSQL_EXTENDED ? t : NULL;
}

// Its question is whole. If all was answered meanwhile that ends it.
static void end_question(struct transaction *t)
{
    if (!t)
        return;
    if (!pgsql_waits(pgsql_of(t)) && t->message[SERVER].first)
        transaction_answered(t);
    transaction_asked(t);
}

// The question that the message at hand belongs to: a new one if `ends` says that it cannot be part
// of the one before.
static struct transaction *question(struct pgsql_call *f, bool ends)
{
    struct transaction *t = asking(f);
    if (t && ends) {
        end_question(t);
        t = NULL;
    }
    if (!t) {
        begin_cycle(f);
        t = open_as(f, PGSQL_EXTENDED);
    }
    pgsql_saw(f, t);
    pgsql_of(t)->torn |= f->lossy;
    return t;
}

static const struct pgsql_exchange *asking_state(struct pgsql_call *f)
{
    static const struct pgsql_exchange none;
    struct transaction *t = asking(f);
    return t ? pgsql_of(t) : &none;
}

static void keep_name(struct transaction *t, struct span name)
{
    if (name.len)
        pgsql_of(t)->name = transaction_keep(t, span_first(name, 63));
}

// Name, text, types of parameters.
static void take_parse(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    struct span name = pgsql_cstring(&r), text = pgsql_cstring(&r);
    bool whole = reader_ok(&r);
    struct span types = reader_bytes(&r, (size_t)reader_be16(&r) * 4);
    const struct pgsql_exchange *before = asking_state(f);
    struct transaction *t =
        question(f, before->parsed || before->bound || before->executed || before->describes);
    struct pgsql_exchange *x = pgsql_of(t);
    x->parsed = true;
    x->parses++;
    x->statement = pgsql_key('S', name);
    keep_name(t, name);
    text = pgsql_keep_query(t, without_end(sql_trim(text)), whole);
    pgsql_remember(t, x->statement, text, types);
}

// Portal, statement, parameters. A named portal may be executed again later.
static void take_bind(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    struct span portal = pgsql_cstring(&r), name = pgsql_cstring(&r);
    uint64_t key = pgsql_key('S', name);
    const struct pgsql_exchange *before = asking_state(f);
    bool other =
        (before->statement && before->statement != key) || (before->describes && !before->parsed);
    struct transaction *t = question(f, other || before->bound || before->executed);
    struct pgsql_exchange *x = pgsql_of(t);
    x->bound = true;
    x->binds++;
    x->statement = key;
    if (!x->parsed) {
        keep_name(t, name);
        pgsql_recall(t, key);
    }
    pgsql_keep_binding(t, key, &r);
    pgsql_remember_portal(t, portal);
}

// 'S' or 'P', name.
static void take_describe(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    uint8_t what = reader_u8(&r);
    struct span name = pgsql_cstring(&r);
    const struct pgsql_exchange *before = asking_state(f);
    struct transaction *t = question(f, before->executed);
    struct pgsql_exchange *x = pgsql_of(t);
    x->describes++;
    if (what != 'S')
        return;
    x->described = pgsql_key('S', name);
    if (x->parsed || x->bound)
        return;
    keep_name(t, name);
    x->statement = x->described;
    pgsql_recall(t, x->statement);
}

// Portal, most rows.
static void take_execute(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    struct span portal = pgsql_cstring(&r);
    struct transaction *t = question(f, asking_state(f)->executed);
    struct pgsql_exchange *x = pgsql_of(t);
    x->executed = true;
    x->executes++;
    if (!x->bound)
        pgsql_recall_portal(t, portal);
}

static void take_close(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    char what = (char)reader_u8(&r);
    conn_forget(f->c, pgsql_key(what, pgsql_cstring(&r)));
    if (!asking(f))
        begin_cycle(f);
}

static void take_flush(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = asking(f);
    if (!t)
        return;
    pgsql_saw(f, t);
    end_question(t);
}

// While rows are sent the server does not listen to it.
static void take_sync(struct pgsql_call *f, struct span body)
{
    if (f->h->copying)
        return;
    take_flush(f, body);
    begin_cycle(f);
    end_cycle(f);
}

// ── data, the session ──

static void take_data(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = transaction_answering(f->c);
    if (t && t->number == f->h->ready && !f->h->streaming)
        pgsql_saw(f, t);
}

static void take_data_end(struct pgsql_call *f, struct span body)
{
    take_data(f, body);
    f->h->copying = false;
}

// A password, or what a mechanism wants to say: only the name of the mechanism is looked at, and
// only once the server has offered some.
static void take_secret(struct pgsql_call *f, struct span body)
{
    struct transaction *t = transaction_answering(f->c);
    if (!t || pgsql_of(t)->kind != PGSQL_STARTUP)
        return;
    struct pgsql_exchange *x = pgsql_of(t);
    struct reader r = reader_of(body);
    struct span name = pgsql_cstring(&r);
    pgsql_saw(f, t);
    if (span_starts(name, (struct span)SPAN("SCRAM-")) &&
        span_starts(x->authentication, (struct span)SPAN("SCRAM-")))
        x->authentication = transaction_keep(t, span_first(name, 32));
}

static void take_nothing(struct pgsql_call *f, struct span body)
{
    (void)f, (void)body;
}

#define LARGE 0x3fffffff // 1 GiB: the server takes no more
const struct pgsql_rule pgsql_client_rules[PGSQL_TYPES] = {
    ['Q'] = {1, LARGE, PGSQL_TEXT_MOST, take_query},
    ['P'] = {4, LARGE, PGSQL_TEXT_MOST, take_parse},
    ['B'] = {8, LARGE, PGSQL_SHOWN_MOST, take_bind},
    ['D'] = {2, UNTYPED_MOST, UNTYPED_MOST, take_describe},
    ['E'] = {5, UNTYPED_MOST, UNTYPED_MOST, take_execute},
    ['C'] = {2, UNTYPED_MOST, UNTYPED_MOST, take_close},
    ['H'] = {0, 0, 0, take_flush},
    ['S'] = {0, 0, 0, take_sync},
    ['F'] = {10, LARGE, PGSQL_SHOWN_MOST, take_call},
    ['d'] = {0, LARGE, 0, take_data},
    ['c'] = {0, 0, 0, take_data_end},
    ['f'] = {1, UNTYPED_MOST, 0, take_data_end},
    ['p'] = {0, 65535, 64, take_secret},
    ['X'] = {0, 0, 0, take_nothing},
};

// ── before the startup ──
//
//   │ length 4 │ code 4 │ …      3.0 or 3.2 and pairs of names and values: the startup;
//                                encryption wanted; the process 4 and secret of what to cancel

static bool is_code(uint32_t code, uint32_t len)
{
    switch (code) {
    case ENCRYPT_SSL:
    case ENCRYPT_GSS:
        return len == 8;
    case CANCEL:
        return len >= 16 && len <= 12 + 256;
    default:
        return code >> 16 == STARTUP_MAJOR && (code & 0xffff) < 0x1000 && len >= 9;
    }
}

bool pgsql_is_untyped(struct span data)
{
    struct reader r = reader_of(data);
    uint32_t len = reader_be32(&r), code = reader_be32(&r);
    return reader_ok(&r) && len <= UNTYPED_MOST && is_code(code, len);
}

static void set_name(struct pgsql_name *name, struct span value)
{
    value = span_first(value, sizeof name->text);
    name->len = (uint8_t)value.len;
    if (value.len)
        memcpy(name->text, value.at, value.len);
}

void pgsql_set_parameter(struct pgsql_conn *h, struct span name, struct span value)
{
    if (span_is(name, (struct span)SPAN("user")))
        set_name(&h->user, value);
    else if (span_is(name, (struct span)SPAN("database")))
        set_name(&h->database, value);
    else if (span_is(name, (struct span)SPAN("application_name")))
        set_name(&h->application, value);
}

static void take_startup(struct pgsql_call *f, uint32_t version, struct reader *r)
{
    struct pgsql_conn *h = f->h;
    struct span name;
    while (reader_left(r) && (name = pgsql_cstring(r)).len)
        pgsql_set_parameter(h, name, pgsql_cstring(r));
    if (!h->database.len)
        h->database = h->user;
    h->typed = true;
    h->request = 0;
    begin_cycle(f);
    struct transaction *t = open_as(f, PGSQL_STARTUP);
    pgsql_of(t)->protocol = version;
    pgsql_of(t)->torn = true;
    pgsql_saw(f, t);
    transaction_asked(t);
    end_cycle(f);
}

// Nobody answers: the server closes the connection.
static void take_cancel(struct pgsql_call *f, struct reader *r)
{
    struct transaction *t = open_as(f, PGSQL_CANCEL);
    pgsql_of(t)->process = reader_be32(r);
    pgsql_saw(f, t);
    transaction_asked(t);
    transaction_answered(t);
}

bool pgsql_take_untyped(struct pgsql_call *f)
{
    struct reader r = reader_of(span_skip(f->data, f->start));
    uint32_t len = reader_be32(&r), code = reader_be32(&r);
    if (!reader_ok(&r) || reader_left(&r) < len - 8)
        return false;
    r = reader_of(reader_bytes(&r, len - 8));
    f->size = len;
    f->at = f->start + len;
    if (code == ENCRYPT_SSL || code == ENCRYPT_GSS)
        f->h->request = code == ENCRYPT_SSL ? 'S' : 'G';
    else if (code == CANCEL)
        take_cancel(f, &r);
    else
        take_startup(f, code, &r);
    return true;
}
