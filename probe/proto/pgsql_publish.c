// SPDX-License-Identifier: Apache-2.0
// Makes the documents of PostgreSQL exchanges. Everything is a view on what the transaction kept,
// or is put together in the event's scratch.

#include "probe/proto/pgsql.h"

enum pgsql_field {
    PGSQL_FIELDS_BEGIN = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/pgsql.def"
#undef FIELD
    PGSQL_FIELDS_END
};

static const struct field pgsql_fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/pgsql.def"
#undef FIELD
};

const struct field_table pgsql_table = {"pgsql", &common_table, pgsql_fields,
                                        sizeof pgsql_fields / sizeof *pgsql_fields};

static const char *const losses[] = {[CLIENT] = "Packet loss while capturing the request",
                                     [SERVER] = "Packet loss while capturing the response"};

static void note(struct event *e, const char *text)
{
    event_add_new(e, F_ERROR_MESSAGE, value_text(span_text(text)));
}

static void set_name(struct event *e, int field, const struct pgsql_name *name)
{
    if (name->len)
        event_text(e, field, span_of(name->text, name->len));
}

// ── what it was ──

static bool is_executed(const struct pgsql_exchange *x)
{
    return x->kind == PGSQL_QUERY || x->executed;
}

// How it was asked, and what stands for the method where no statement was executed.
static struct span command_of(const struct pgsql_exchange *x)
{
    switch (x->kind) {
    case PGSQL_QUERY:
        return (struct span)SPAN("query");
    case PGSQL_CALL:
        return (struct span)SPAN("function_call");
    case PGSQL_STARTUP:
        return (struct span)SPAN("startup");
    case PGSQL_CANCEL:
        return (struct span)SPAN("cancel");
    case PGSQL_NOTIFICATION:
        return (struct span)SPAN("notification");
    case PGSQL_EXTENDED:
        break;
    }
    return x->executed ? (struct span)SPAN("execute")
           : x->bound  ? (struct span)SPAN("bind")
           : x->parsed ? (struct span)SPAN("parse")
                       : (struct span)SPAN("describe");
}

static struct span other_method_of(const struct pgsql_exchange *x)
{
    static const struct span methods[] = {
        [PGSQL_CALL] = SPAN("CALL"),
        [PGSQL_STARTUP] = SPAN("CONNECT"),
        [PGSQL_CANCEL] = SPAN("CANCEL"),
        [PGSQL_NOTIFICATION] = SPAN("NOTIFY"),
    };
    if (x->kind != PGSQL_EXTENDED)
        return methods[x->kind];
    return x->bound    ? (struct span)SPAN("BIND")
           : x->parsed ? (struct span)SPAN("PREPARE")
                       : (struct span)SPAN("DESCRIBE");
}

// The reference sees statements and their answers; of those that the extended protocol prepares,
// only what came of them. It leaves SET by that protocol out.
static bool is_told_under_compat(const struct transaction *t)
{
    const struct pgsql_exchange *x = t->state;
    char start[4];
    if (t->unasked || (x->kind != PGSQL_QUERY && x->kind != PGSQL_EXTENDED))
        return false;
    if (x->kind == PGSQL_QUERY)
        return x->query.len || t->lossy[CLIENT];
    bool sets = chain_copy(&x->query, 0, start, sizeof start) == sizeof start &&
                !memcmp(start, "SET ", sizeof start);
    return !sets && (x->executed || x->failed);
}

// ── the question ──

// Under compat: all up to the first space.
static struct span reference_method(struct event *e, struct span query)
{
    ptrdiff_t space = span_find(query, ' ');
    struct span word = space > 0 ? span_first(query, (size_t)space) : query;
    struct pen pen = event_pen(e, word.len);
    for (size_t i = 0; i < word.len; i++)
        pen_byte(&pen, text_upper(word.at[i]));
    return pen_written(&pen);
}

static void publish_method(const struct transaction *t, struct event *e)
{
    const struct pgsql_exchange *x = t->state;
    if (conn_is_compat(t->conn))
        event_text_if(e, F_METHOD, reference_method(e, chain_view(&x->query, &e->scratch)));
    else if (is_executed(x))
        event_text_if(e, F_METHOD, span_of(x->about.method, x->about.method_len));
    else
        event_text(e, F_METHOD, other_method_of(x));
}

static struct value query_value(const struct pgsql_exchange *x)
{
    return (struct value){
        .kind = VALUE_CHAIN, .len = x->query.len, .cut = x->about.cut, .at = &x->query};
}

static void publish_query(const struct transaction *t, struct event *e)
{
    const struct pgsql_exchange *x = t->state;
    if (x->query.len)
        *event_slot(e, F_QUERY) = query_value(x);
    if (conn_common(t->conn)->send_request && !t->unasked)
        *event_slot(e, F_REQUEST) = query_value(x);
    event_text_if(e, F_PATH, x->table);
}

static void publish_parameters(const struct pgsql_exchange *x, struct event *e)
{
    for (const struct pgsql_parameter *p = x->parameters; p; p = p->next) {
        struct value value = value_text(span_of(p->text, p->len));
        value.cut = p->cut;
        event_add(e, F_PARAMS, p->null ? (struct value){.kind = VALUE_NULL} : value);
    }
}

// ── the answer ──

static void publish_fault(const struct pgsql_exchange *x, struct event *e)
{
    const struct pgsql_fault *fault = &x->fault;
    event_text_if(e, PGSQL_ERROR_CODE, fault->code);
    event_text_if(e, PGSQL_ERROR_MESSAGE, fault->message);
    event_text_if(e, PGSQL_ERROR_SEVERITY, fault->severity);
    event_text_if(e, PGSQL_ERROR_DETAIL, fault->detail);
    event_text_if(e, PGSQL_ERROR_HINT, fault->hint);
    event_text_if(e, PGSQL_ERROR_CONSTRAINT, fault->constraint);
}

static void publish_answer(const struct transaction *t, struct event *e)
{
    const struct pgsql_exchange *x = t->state;
    if (x->kind <= PGSQL_CALL) {
        event_number(e, PGSQL_NUM_ROWS, (int64_t)x->row_count);
        event_number(e, PGSQL_NUM_FIELDS, x->fields);
    }
    if (x->has_affected)
        event_number(e, PGSQL_AFFECTED_ROWS, (int64_t)x->affected);
    if (x->failed)
        publish_fault(x, e);
    for (int i = 0; i < x->notice_count; i++)
        event_add_new(e, PGSQL_NOTICES, value_text(x->notices[i]));
    if (x->kind <= PGSQL_CALL && conn_common(t->conn)->send_response && t->message[SERVER].first)
        event_chain(e, F_RESPONSE, &x->rows);
}

// ── the session ──

static void publish_version(const struct pgsql_exchange *x, struct event *e)
{
    struct pen pen = event_pen(e, 2 * TEXT_NUMBER);
    pen_unsigned(&pen, x->protocol >> 16);
    pen_byte(&pen, '.');
    pen_unsigned(&pen, x->protocol & 0xffff);
    event_text(e, PGSQL_PROTOCOL_VERSION, pen_written(&pen));
}

static void publish_session(const struct transaction *t, struct event *e)
{
    const struct pgsql_exchange *x = t->state;
    const struct pgsql_conn *h = conn_state(t->conn);
    set_name(e, PGSQL_USER, &h->user);
    set_name(e, PGSQL_DATABASE, &h->database);
    set_name(e, PGSQL_APPLICATION, &h->application);
    if (h->user.len)
        event_add_new(e, F_RELATED_USER, value_text(span_of(h->user.text, h->user.len)));
    if (x->protocol)
        publish_version(x, e);
    if (x->process)
        event_number(e, PGSQL_PROCESS_ID, x->process);
    event_text_if(e, PGSQL_SERVER_VERSION, x->version);
    event_text_if(e, PGSQL_AUTHENTICATION, x->authentication);
    event_text(e, PGSQL_COMMAND, command_of(x));
    if (x->kind == PGSQL_NOTIFICATION) {
        event_text_if(e, PGSQL_CHANNEL, x->name);
        event_text_if(e, F_QUERY, x->name);
        if (conn_common(t->conn)->send_request)
            event_text(e, F_REQUEST, x->payload);
    } else {
        event_text_if(e, PGSQL_STATEMENT, x->name);
    }
}

static void publish_notes(const struct transaction *t, struct event *e)
{
    const struct pgsql_exchange *x = t->state;
    for (int side = CLIENT; side <= SERVER; side++)
        if (t->lossy[side])
            note(e, losses[side]);
    if (t->unasked && x->kind != PGSQL_NOTIFICATION)
        note(e, "Unmatched response");
    else if (x->skipped)
        note(e, "Not executed: a statement before it failed");
    else if (!t->message[SERVER].first && x->kind != PGSQL_CANCEL && !t->unasked)
        note(e, "Unmatched request");
    if (x->executed && !x->query.len && !x->parsed && !t->unasked && !t->lossy[CLIENT])
        note(e, "The actual query being used is unknown");
}

bool pgsql_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct pgsql_exchange *x = t->state;
    if (conn_is_compat(c) && !is_told_under_compat(t))
        return false;
    bool fine = t->answered && !x->failed && (!t->unasked || x->kind == PGSQL_NOTIFICATION);
    event_text(e, F_STATUS, fine ? (struct span)SPAN("OK") : (struct span)SPAN("Error"));
    publish_method(t, e);
    publish_query(t, e);
    publish_parameters(x, e);
    publish_answer(t, e);
    publish_session(t, e);
    publish_notes(t, e);
    return true;
}
