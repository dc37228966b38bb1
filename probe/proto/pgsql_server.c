// SPDX-License-Identifier: Apache-2.0
// What servers say (PostgreSQL manual, "Frontend/Backend Protocol"). An answer belongs to the
// oldest question of the cycle at hand that still waits; ReadyForQuery ends the cycle and whatever
// in it was not answered.

#include "probe/proto/pgsql.h"

enum { NAMES_MOST = 512, FAULT_MOST = 16 << 10, REPORT_MOST = 256 };

enum authentication { AUTH_OK, AUTH_SASL = 10, AUTH_SASL_END = 12 };

// ── whose answer ──

static struct transaction *waiting(struct pgsql_call *f)
{
    if (!f->t && !f->h->unsure) {
        struct transaction *t = transaction_answering(f->c);
        f->t = t && t->number == f->h->ready ? t : NULL;
    }
    return f->t;
}

// The question that this message answers, or a new transaction without one; NULL: nobody can tell.
static struct transaction *answered(struct pgsql_call *f)
{
    struct pgsql_conn *h = f->h;
    struct transaction *t = waiting(f);
    if (!t && !h->unsure && !h->streaming && !h->uncounted)
        t = f->t = transaction_unasked(f->c, h->ready);
    if (t)
        pgsql_saw(f, t);
    return t;
}

static void finish(struct pgsql_call *f, struct transaction *t)
{
    f->t = NULL;
    transaction_answered(t);
}

// One of the answers it waits for came. While its question goes on there may be more.
static void step(struct pgsql_call *f, struct transaction *t, uint16_t *waits)
{
    struct pgsql_exchange *x = pgsql_of(t);
    if (*waits)
        --*waits;
    if (t->asked && !x->torn && !pgsql_waits(x))
        finish(f, t);
}

// What it was asked for is done, whatever else was expected.
static void conclude(struct pgsql_call *f, struct transaction *t)
{
    struct pgsql_exchange *x = pgsql_of(t);
    x->parses = x->binds = x->describes = x->executes = 0;
    if (t->asked)
        finish(f, t);
}

// ── steps of the extended protocol ──

static void take_parsed(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = answered(f);
    if (t)
        step(f, t, &pgsql_of(t)->parses);
}

static void take_bound(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = answered(f);
    if (t)
        step(f, t, &pgsql_of(t)->binds);
}

// Columns of a statement that is described only are remembered for when it is executed.
static uint64_t columns_key(uint64_t statement)
{
    return ~statement;
}

static void take_columns(struct pgsql_call *f, struct span body)
{
    struct transaction *t = answered(f);
    if (!t)
        return;
    struct pgsql_exchange *x = pgsql_of(t);
    pgsql_keep_columns(t, body);
    if (x->described && x->describes && conn_common(f->c)->send_response)
        conn_remember(f->c, columns_key(x->described), body);
    if (x->describes)
        step(f, t, &x->describes);
}

static void take_no_columns(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = answered(f);
    if (t)
        step(f, t, &pgsql_of(t)->describes);
}

// Count, a type each: of the statement that is described.
static void take_types(struct pgsql_call *f, struct span body)
{
    struct transaction *t = answered(f);
    struct reader r = reader_of(body);
    struct span types = reader_bytes(&r, (size_t)reader_be16(&r) * 4);
    if (t && reader_ok(&r) && pgsql_of(t)->described)
        pgsql_remember_types(f->c, pgsql_of(t)->described, types);
}

static void take_closed(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = waiting(f);
    if (t && t->message[SERVER].first)
        pgsql_saw(f, t);
}

// ── results ──

static void take_row(struct pgsql_call *f, struct span body)
{
    struct transaction *t = answered(f);
    if (!t)
        return;
    struct pgsql_exchange *x = pgsql_of(t);
    if (pgsql_wants_row(t)) {
        if (!x->fields && x->statement) {
            struct span columns = conn_recall(f->c, columns_key(x->statement));
            if (columns.len)
                pgsql_keep_columns(t, columns);
        }
        pgsql_keep_row(t, body);
    }
    if (!x->fields && body.len >= 2)
        x->fields = (uint16_t)(body.at[0] << 8 | body.at[1]);
    x->row_count++;
}

// The tag's words; the last one is a number where rows were touched: INSERT 0 1, SELECT 5, BEGIN.
static void take_complete(struct pgsql_call *f, struct span body)
{
    struct transaction *t = answered(f);
    if (!t)
        return;
    struct pgsql_exchange *x = pgsql_of(t);
    struct reader r = reader_of(body);
    struct span tag = pgsql_cstring(&r), rest = tag, word = tag;
    struct span verb = span_cut(&rest, ' ');
    while (rest.len)
        word = span_cut(&rest, ' ');
    x->has_affected = span_number(word, &x->affected);
    if (t->unasked && verb.len && verb.len <= PGSQL_METHOD_MOST) {
        memcpy(x->about.method, verb.at, verb.len);
        x->about.method_len = (uint8_t)verb.len;
    }
    conclude(f, t);
}

// An empty statement, a portal that has more rows, the result of a function.
static void take_end(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = answered(f);
    if (t)
        conclude(f, t);
}

static void take_error(struct pgsql_call *f, struct span body)
{
    struct transaction *t = answered(f);
    f->h->copying = false;
    if (!t)
        return;
    pgsql_of(t)->failed = true;
    pgsql_keep_fault(t, body);
    conclude(f, t);
}

// Its bytes belong to an answer that has begun.
static void take_notice(struct pgsql_call *f, struct span body)
{
    struct transaction *t = waiting(f);
    if (!t)
        return;
    if (t->message[SERVER].first)
        pgsql_saw(f, t);
    pgsql_keep_notice(t, body);
}

// ── data ──

// Of the extended protocol: a Sync right behind the Execute was not listened to.
static void take_copy_in(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = answered(f);
    f->h->copying = true;
    if (t && pgsql_of(t)->kind == PGSQL_EXTENDED && t->number == f->h->ready)
        f->h->asked = f->h->ready;
}

static void take_copy(struct pgsql_call *f, struct span body)
{
    (void)body;
    answered(f);
}

// Replication: what follows goes on for ever, so that is the answer.
static void take_stream(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct transaction *t = answered(f);
    f->h->streaming = true;
    if (t)
        conclude(f, t);
}

// ── the session ──

static struct transaction *startup(struct pgsql_call *f)
{
    struct transaction *t = waiting(f);
    if (!t || pgsql_of(t)->kind != PGSQL_STARTUP)
        return NULL;
    pgsql_saw(f, t);
    return t;
}

// Code 4; for SASL the mechanisms that the server offers.
static void take_authentication(struct pgsql_call *f, struct span body)
{
    static const struct span names[] = {
        [2] = SPAN("kerberos"), [3] = SPAN("password"), [4] = SPAN("crypt"), [5] = SPAN("md5"),
        [6] = SPAN("scm"),      [7] = SPAN("gss"),      [9] = SPAN("sspi")};
    struct transaction *t = startup(f);
    struct reader r = reader_of(body);
    uint32_t code = reader_be32(&r);
    if (!t || !reader_ok(&r))
        return;
    struct span *name = &pgsql_of(t)->authentication;
    if (code == AUTH_SASL)
        *name = transaction_keep(t, span_first(pgsql_cstring(&r), 32));
    else if (code == AUTH_OK && !name->len)
        *name = (struct span)SPAN("trust");
    else if (code < sizeof names / sizeof *names && names[code].len)
        *name = names[code];
}

static void take_process(struct pgsql_call *f, struct span body)
{
    struct transaction *t = startup(f);
    struct reader r = reader_of(body);
    if (t)
        pgsql_of(t)->process = reader_be32(&r);
}

// Newest minor version that the server speaks, options that it does not know.
static void take_negotiation(struct pgsql_call *f, struct span body)
{
    struct transaction *t = startup(f);
    struct reader r = reader_of(body);
    uint32_t minor = reader_be32(&r);
    if (t && reader_ok(&r))
        pgsql_of(t)->protocol = (pgsql_of(t)->protocol & 0xffff0000) | (minor & 0xffff);
}

static void take_parameter(struct pgsql_call *f, struct span body)
{
    struct transaction *t = startup(f);
    struct reader r = reader_of(body);
    struct span name = pgsql_cstring(&r), value = pgsql_cstring(&r);
    if (t && span_is(name, (struct span)SPAN("server_version")))
        pgsql_of(t)->version = transaction_keep(t, value);
    else if (span_is(name, (struct span)SPAN("application_name")))
        pgsql_set_parameter(f->h, name, value);
}

// Process 4, channel, payload: nobody asked for it now.
static void take_notification(struct pgsql_call *f, struct span body)
{
    struct reader r = reader_of(body);
    struct transaction *t = transaction_unasked(f->c, UINT64_MAX);
    struct pgsql_exchange *x = pgsql_of(t);
    f->t = NULL;
    x->kind = PGSQL_NOTIFICATION;
    x->process = reader_be32(&r);
    x->name = transaction_keep(t, pgsql_cstring(&r));
    x->payload = transaction_keep(t, pgsql_cstring(&r));
    t->turned = true;
    pgsql_saw(f, t);
    transaction_answered(t);
}

// What is left in the cycle gets no answer of its own: what was lost in a hole did, and what stands
// behind a statement that failed was not executed.
static void end_rest(struct pgsql_call *f)
{
    struct transaction *t;
    while ((t = transaction_answering(f->c)) && t->number <= f->h->ready) {
        struct pgsql_exchange *x = pgsql_of(t);
        bool answered = x->kind == PGSQL_STARTUP || t->message[SERVER].first;
        x->skipped = !answered;
        if (answered && t->asked)
            transaction_answered(t);
        else
            transaction_end(t);
    }
}

static void take_ready(struct pgsql_call *f, struct span body)
{
    (void)body;
    struct pgsql_conn *h = f->h;
    (void)startup(f);
    f->t = NULL;
    h->copying = h->streaming = h->uncounted = false;
    if (h->unsure)
        return;
    bool alone = h->asked - h->ready == 1 && !h->pipelined;
    if (alone)
        h->hole[SERVER] = false;
    if (h->asked > h->ready) {
        end_rest(f);
        h->ready++;
    }
}

#define LARGE 0x3fffffff
#define SMALL 65535
const struct pgsql_rule pgsql_server_rules[PGSQL_TYPES] = {
    ['R'] = {4, SMALL, REPORT_MOST, take_authentication},
    ['K'] = {8, 260, 4, take_process},
    ['S'] = {2, SMALL, REPORT_MOST, take_parameter},
    ['v'] = {8, SMALL, 4, take_negotiation},
    ['Z'] = {1, 1, 1, take_ready},
    ['T'] = {2, LARGE, PGSQL_SHOWN_MOST, take_columns},
    ['D'] = {2, LARGE, 2, take_row},
    ['C'] = {1, 1024, 1024, take_complete},
    ['I'] = {0, 0, 0, take_end},
    ['E'] = {1, LARGE, FAULT_MOST, take_error},
    ['N'] = {1, LARGE, FAULT_MOST, take_notice},
    ['A'] = {6, SMALL, NAMES_MOST, take_notification},
    ['1'] = {0, 0, 0, take_parsed},
    ['2'] = {0, 0, 0, take_bound},
    ['3'] = {0, 0, 0, take_closed},
    ['n'] = {0, 0, 0, take_no_columns},
    ['t'] = {2, LARGE, PGSQL_SHOWN_MOST, take_types},
    ['s'] = {0, 0, 0, take_end},
    ['V'] = {4, LARGE, 0, take_end},
    ['G'] = {3, SMALL, 0, take_copy_in},
    ['H'] = {3, SMALL, 0, take_copy},
    ['W'] = {3, SMALL, 0, take_stream},
    ['d'] = {0, LARGE, 0, take_copy},
    ['c'] = {0, 0, 0, take_copy},
};
