// SPDX-License-Identifier: Apache-2.0
// Makes the documents of MySQL exchanges. Values and rows are decoded here, for only here it is
// known that somebody wants to see them.

#include "probe/proto/csv.h"
#include "probe/proto/mysql.h"
#include "probe/proto/sql.h"

static const struct field mysql_fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/mysql.def"
#undef FIELD
};

const struct field_table mysql_table = {"mysql", &common_table, mysql_fields,
                                        sizeof mysql_fields / sizeof *mysql_fields};

enum { VALUES_MOST = 1024, VALUE_MOST = 4096, NUMBER_ROOM = 64 };

struct page {
    const struct mysql_settings *settings;
    const struct common_settings *common;
    const struct mysql_conn *h;
    const struct transaction *t;
    const struct mysql_exchange *x;
    const struct mysql_command_info *info;
    struct event *e;
    bool compat;
    struct span statement, long_data; // all that is kept
};

static struct span view(const struct page *p, const struct chain *chain)
{
    struct span bytes = chain_view(chain, &p->e->scratch);
    p->e->lost |= chain->len && !bytes.len;
    return bytes;
}

static bool is_prepare(const struct page *p)
{
    return p->x->command == COM_STMT_PREPARE;
}

// ── the statement ──

// Without what should not be shown.
static struct span shown(const struct page *p, struct span statement)
{
    bool hide_all = p->settings->hide_literals;
    bool secret = !p->compat && p->settings->hide_passwords && sql_may_hold_password(statement);
    if (!hide_all && !secret)
        return statement;
    struct pen pen = event_pen(p->e, SQL_HIDDEN(statement.len));
    sql_hide(&pen, statement, SQL_OF_MYSQL, hide_all);
    p->e->lost |= pen.full;
    return pen.full ? span_of(NULL, 0) : pen_written(&pen);
}

static struct span first_word(struct span s)
{
    size_t at = 0;
    while (at < s.len && s.at[at] > ' ')
        at++;
    return span_first(s, at);
}

static void set_upper(const struct page *p, int field, struct span word)
{
    word = span_first(word, 64);
    struct pen pen = event_pen(p->e, word.len);
    for (size_t i = 0; i < word.len; i++)
        pen_byte(&pen, text_upper(word.at[i]));
    event_text_if(p->e, field, pen_written(&pen));
}

static void note(const struct page *p, struct span text)
{
    event_add_new(p->e, F_ERROR_MESSAGE, value_text(text));
}

static void publish_reference_query(const struct page *p, struct span statement)
{
    struct event *e = p->e;
    bool unknown = p->x->command == COM_STMT_EXECUTE && !p->x->known;
    if (is_prepare(p)) {
        event_text(e, F_QUERY, (struct span)SPAN("Request Prepare Statement"));
        note(p, statement);
    } else if (unknown) {
        event_text(e, F_QUERY, (struct span)SPAN("Request Execute Statement"));
        note(p, (struct span)SPAN("The actual query being used is unknown"));
    } else {
        event_text(e, F_QUERY, statement);
    }
}

// Commands that are no statements are written as if they were: USE shop.
static void publish_command(const struct page *p, struct span argument)
{
    struct pen pen = event_pen(p->e, p->info->method.len + 1 + argument.len);
    pen_raw(&pen, p->info->method);
    if (argument.len) {
        pen_byte(&pen, ' ');
        pen_raw(&pen, argument);
    }
    event_text(p->e, F_METHOD, p->info->method);
    event_text(p->e, F_QUERY, pen_written(&pen));
}

static void publish_statement(const struct page *p)
{
    struct event *e = p->e;
    struct span statement = shown(p, sql_trim(p->statement));
    if (p->info->method.len) {
        publish_command(p, statement);
        return;
    }
    set_upper(p, F_METHOD, p->compat ? first_word(statement) : sql_verb(statement, SQL_OF_MYSQL));
    if (p->compat)
        publish_reference_query(p, statement);
    else
        event_text_if(e, F_QUERY, statement);
    if (!p->compat && !p->x->known && p->x->executes)
        note(p, (struct span)SPAN("The actual query being used is unknown"));
    if (!p->common->send_request)
        return;
    bool none = p->compat && p->x->executes;
    event_text(e, F_REQUEST, none ? span_of("", 0) : shown(p, p->statement));
}

// ── parameters ──

// The next piece that is kept of a parameter, and how long it was; false: no more.
static bool next_piece(struct reader *r, uint32_t parameter, struct span *piece, uint32_t *len)
{
    while (reader_left(r)) {
        uint16_t number = reader_le16(r), kept = reader_le16(r);
        *len = reader_le32(r);
        *piece = reader_bytes(r, kept);
        if (number == parameter && reader_ok(r))
            return true;
    }
    return false;
}

// What was sent of a value before its execution; false: nothing.
static bool long_data_of(const struct page *p, uint32_t parameter, struct span *text)
{
    static const struct span more = SPAN("…");
    struct reader r = reader_of(p->long_data), again = r;
    struct span piece;
    uint32_t len;
    size_t kept = 0;
    bool found = false, cut = false;
    for (; next_piece(&r, parameter, &piece, &len); found = true) {
        kept += piece.len;
        cut |= piece.len < len;
    }
    if (!found)
        return false;
    struct pen pen = event_pen(p->e, kept + more.len);
    while (next_piece(&again, parameter, &piece, &len))
        pen_raw(&pen, piece);
    if (cut)
        pen_raw(&pen, more);
    *text = pen_written(&pen);
    return true;
}

static void add_parameter(const struct page *p, struct span text)
{
    event_add(p->e, F_PARAMS, value_text(text));
}

// The attributes that stand behind an execution's parameters, or before a query, have names.
static void add_attribute(const struct page *p, struct span name, struct span text)
{
    if (name.len && !p->compat && !p->settings->hide_literals)
        event_member(p->e, MYSQL_QUERY_ATTRIBUTES, name, value_text(text));
}

// The text of the next value. False: it cannot be read, nor what follows.
static bool value_text_of(const struct page *p, struct mysql_values *v,
                          const struct mysql_value *value, uint32_t number, struct span *text)
{
    enum mysql_style style = p->compat ? MYSQL_AS_REFERENCE : MYSQL_PLAIN;
    *text = (struct span)SPAN("NULL");
    if (long_data_of(p, number, text) || value->is_null)
        return true;
    struct pen pen = event_pen(p->e, NUMBER_ROOM);
    struct reader before = v->values;
    if (!mysql_put_value(&pen, &v->values, value->type, value->is_unsigned, style))
        return false;
    *text = pen_written(&pen);
    if (pen.full) // long, so it is a text
        *text = span_first(mysql_string(&before), VALUE_MOST);
    return true;
}

static void publish_parameters(const struct page *p)
{
    const struct mysql_exchange *x = p->x;
    bool named = p->h->capabilities & MYSQL_CAN_QUERY_ATTRIBUTES;
    struct reader r = reader_of(view(p, &x->values));
    uint64_t count = named && x->counted ? mysql_number(&r) : x->parameters;
    struct mysql_values v;
    struct mysql_value value;
    struct span text;
    if (!reader_ok(&r) || !count || count > UINT16_MAX ||
        !mysql_values_begin(&v, reader_rest(&r), (uint32_t)count, named, view(p, &x->types)))
        return;
    for (uint32_t i = 0; i < VALUES_MOST && mysql_values_next(&v, &value); i++) {
        if (!value_text_of(p, &v, &value, i, &text)) {
            if (p->compat)
                event_drop(p->e, F_PARAMS);
            return;
        }
        if (i >= x->parameters)
            add_attribute(p, value.name, text);
        else if (!p->settings->hide_literals)
            add_parameter(p, text);
    }
}

static void publish_query_attributes(const struct page *p)
{
    struct reader r = reader_of(view(p, &p->x->attributes));
    uint64_t count = mysql_number(&r);
    struct mysql_values v;
    struct mysql_value value;
    struct span text;
    mysql_number(&r);
    if (!reader_ok(&r) || !count || count > VALUES_MOST ||
        !mysql_values_begin(&v, reader_rest(&r), (uint32_t)count, true, span_of(NULL, 0)))
        return;
    while (mysql_values_next(&v, &value) && value_text_of(p, &v, &value, UINT32_MAX, &text))
        add_attribute(p, value.name, text);
}

// ── rows ──

static bool next_column(struct reader *r, uint8_t *type, bool *is_unsigned, struct span *name)
{
    *type = reader_u8(r);
    *is_unsigned = reader_u8(r);
    *name = reader_bytes(r, reader_le16(r));
    return reader_ok(r);
}

static void put_names(struct pen *pen, struct span columns)
{
    struct reader r = reader_of(columns);
    uint8_t type;
    bool is_unsigned, first = true;
    struct span name;
    for (; next_column(&r, &type, &is_unsigned, &name); first = false)
        csv_put(pen, first, name);
    if (!first)
        pen_byte(pen, '\n');
}

// One field, cut to what is left of the row. False: nothing is left.
static bool put_cut(struct pen *pen, struct span text, size_t *left, bool first)
{
    if (!*left)
        return false;
    text = span_first(text, *left);
    *left -= text.len;
    csv_put(pen, first, text);
    return true;
}

// All that is there of a text that may be cut.
static struct span cut_string(struct reader *r)
{
    uint64_t len = mysql_number(r);
    return reader_bytes(r, len < reader_left(r) ? (size_t)len : reader_left(r));
}

// A row of texts, which ends at `end` bytes; the reference does not mind if a text ends behind
// that.
static void put_text_row(const struct page *p, struct pen *pen, struct span bytes, size_t end)
{
    size_t left = (size_t)p->settings->max_row_length;
    bytes = p->compat ? bytes : span_first(bytes, end);
    struct reader r = reader_of(bytes);
    for (bool first = true; bytes.len - reader_left(&r) < end; first = false) {
        struct span text = SPAN("NULL");
        if (*r.at == 0xfb)
            reader_skip(&r, 1);
        else
            text = cut_string(&r);
        if (!reader_ok(&r) || !put_cut(pen, text, &left, first))
            return;
    }
}

// │ 00 │ NULLs, from the third bit on │ values
static void put_binary_row(const struct page *p, struct pen *pen, struct span bytes,
                           struct span columns)
{
    enum { SHIFT = 2 };
    size_t left = (size_t)p->settings->max_row_length;
    struct reader r = reader_of(span_skip(bytes, 1)), c = reader_of(columns);
    struct span nulls = reader_bytes(&r, (p->x->fields + 7 + SHIFT) / 8), name;
    uint8_t type, place[NUMBER_ROOM];
    bool is_unsigned;
    for (uint32_t i = 0; i < p->x->fields && reader_ok(&r); i++) {
        if (!next_column(&c, &type, &is_unsigned, &name))
            return;
        struct span text = SPAN("NULL");
        struct pen value = pen_of(place, sizeof place);
        bool is_null = nulls.at[(i + SHIFT) / 8] >> (i + SHIFT) % 8 & 1;
        if (!is_null && mysql_is_text(type))
            text = cut_string(&r);
        else if (!is_null && mysql_put_value(&value, &r, type, is_unsigned, MYSQL_PLAIN))
            text = pen_written(&value);
        else if (!is_null)
            return;
        if (!reader_ok(&r) || !put_cut(pen, text, &left, !i))
            return;
    }
}

static bool is_binary(const struct page *p)
{
    uint8_t c = p->x->command;
    return c == COM_STMT_EXECUTE || c == COM_STMT_FETCH || c == COM_STMT_BULK_EXECUTE;
}

// Of each packet that is kept: its first bytes.
static void put_rows(const struct page *p, struct pen *pen, struct span packets,
                     struct span columns)
{
    uint32_t most = mysql_row_most(p->settings, p->x);
    struct reader r = reader_of(packets);
    for (uint32_t i = 0; i < p->x->rows_kept; i++) {
        uint32_t len = mysql_le24(&r), kept = len < most ? len : most;
        reader_skip(&r, 1);
        struct span rest = span_of(r.at, reader_left(&r));
        kept = kept < rest.len ? kept : (uint32_t)rest.len;
        reader_skip(&r, kept);
        if (!reader_ok(&r))
            return;
        if (is_binary(p) && !p->compat)
            put_binary_row(p, pen, span_first(rest, kept), columns);
        else
            put_text_row(p, pen, rest, kept);
        pen_byte(pen, '\n');
    }
}

static void publish_rows(const struct page *p)
{
    struct span columns = view(p, &p->x->columns), rows = view(p, &p->x->row_bytes);
    // A byte becomes two at most; numbers become texts, and what is quoted longer.
    struct pen pen = event_pen(p->e, 2 * (columns.len + rows.len) +
                                         (size_t)p->x->rows_kept * p->x->fields * 32 + 64);
    if (!is_prepare(p))
        put_names(&pen, columns);
    put_rows(p, &pen, rows, columns);
    p->e->lost |= pen.full;
    event_text(p->e, F_RESPONSE, pen_written(&pen));
}

// ── the answer ──

static void publish_error(const struct page *p)
{
    const struct mysql_exchange *x = p->x;
    struct pen pen = event_pen(p->e, x->sqlstate.len + 2 + x->error.len);
    pen_raw(&pen, x->sqlstate);
    if (x->sqlstate.len || p->compat)
        pen_raw(&pen, (struct span)SPAN(": "));
    pen_raw(&pen, x->error);
    event_text(p->e, F_STATUS, (struct span)SPAN("Error"));
    event_number(p->e, MYSQL_ERROR_CODE, x->error_code);
    event_text(p->e, MYSQL_ERROR_MESSAGE, pen_written(&pen));
}

static void set_count(const struct page *p, int field, uint64_t number)
{
    event_number(p->e, field, (int64_t)(number & INT64_MAX));
}

static void publish_path(const struct page *p)
{
    size_t room = 0;
    for (const struct mysql_table *one = p->x->tables; one; one = one->next)
        room += one->name.len + 2;
    struct pen pen = event_pen(p->e, room);
    for (const struct mysql_table *one = p->x->tables; one; one = one->next) {
        if (one != p->x->tables)
            pen_raw(&pen, (struct span)SPAN(", "));
        pen_raw(&pen, one->name);
    }
    event_text_if(p->e, F_PATH, pen_written(&pen));
}

// What changes nothing of a result is where its rows are not in: INSERT, UPDATE.
static void publish_table_of_statement(const struct page *p)
{
    if (!p->compat && !p->info->method.len)
        event_text_if(p->e, F_PATH, sql_table(p->statement, SQL_OF_MYSQL));
}

static void publish_answer(const struct page *p)
{
    const struct mysql_exchange *x = p->x;
    if (x->failed)
        publish_error(p);
    set_count(p, MYSQL_AFFECTED_ROWS, x->affected_rows);
    set_count(p, MYSQL_INSERT_ID, x->insert_id);
    set_count(p, MYSQL_NUM_ROWS, x->rows);
    set_count(p, MYSQL_NUM_FIELDS, x->fields);
    if (x->tables)
        publish_path(p);
    else
        publish_table_of_statement(p);
    if (p->common->send_response && !p->settings->hide_literals)
        publish_rows(p);
    if (p->compat && p->t->lossy[SERVER])
        event_drop(p->e, F_DESTINATION_BYTES);
}

// ── what the reference does not say ──

static const struct span state_names[] = {SPAN("system_variables"), SPAN("schema"),
                                          SPAN("state_changed"),    SPAN("gtids"),
                                          SPAN("transaction"),      SPAN("transaction_state")};

// │ kind 1 │ length │ texts of which a variable has two, a gtid an encoding in front
static void publish_session(const struct page *p)
{
    enum { VARIABLES, SCHEMA, CHANGED, GTIDS, KINDS = sizeof state_names / sizeof *state_names };
    struct reader r = reader_of(view(p, &p->x->session));
    while (reader_left(&r)) {
        uint8_t kind = reader_u8(&r);
        struct reader inside = reader_of(mysql_string(&r));
        if (kind == GTIDS)
            reader_skip(&inside, 1);
        while (reader_ok(&inside) && reader_left(&inside)) {
            struct span name = kind < KINDS ? state_names[kind] : span_of(NULL, 0);
            if (kind == VARIABLES)
                name = mysql_string(&inside);
            struct span text = mysql_string(&inside);
            if (reader_ok(&inside) && name.len && kind != CHANGED)
                event_member(p->e, MYSQL_SESSION, name, value_text(text));
        }
    }
}

static void publish_login(const struct page *p)
{
    struct event *e = p->e;
    struct reader r = reader_of(view(p, &p->x->attributes));
    event_text_if(e, MYSQL_SERVER_VERSION, mysql_name(&p->h->version));
    event_text_if(e, MYSQL_AUTH_PLUGIN, mysql_name(&p->h->plugin));
    event_flag(e, MYSQL_TLS, p->x->tls);
    if (p->h->packed)
        event_text(e, MYSQL_COMPRESSION,
                   p->h->zstd ? (struct span)SPAN("zstd") : (struct span)SPAN("zlib"));
    for (int i = 0; i < 64 && reader_left(&r); i++) {
        struct span name = mysql_string(&r), text = mysql_string(&r);
        if (reader_ok(&r) && name.len)
            event_member(e, MYSQL_ATTRIBUTES, name, value_text(text));
    }
}

static void publish_identity(const struct page *p)
{
    struct event *e = p->e;
    event_text_if(e, MYSQL_USER, mysql_name(&p->h->user));
    event_text_if(e, MYSQL_DATABASE, mysql_name(&p->h->database));
    event_add_new(e, F_RELATED_USER, value_text(mysql_name(&p->h->user)));
    if (p->h->connection_id)
        event_number(e, MYSQL_CONNECTION_ID, p->h->connection_id);
}

static void publish_added(const struct page *p)
{
    enum { IN_TRANSACTION = 1 };
    const struct mysql_exchange *x = p->x;
    const struct message *asked = &p->t->message[CLIENT], *answered = &p->t->message[SERVER];
    struct event *e = p->e;
    event_text(e, MYSQL_COMMAND, p->info->name);
    publish_identity(p);
    if (p->info->answers == MYSQL_ANSWER_LOGIN)
        publish_login(p);
    else if (x->attributes.len)
        publish_query_attributes(p);
    if (x->statement_id)
        event_number(e, MYSQL_STATEMENT_ID, x->statement_id);
    if (x->results > 1)
        event_number(e, MYSQL_RESULTS, x->results);
    if (x->warnings)
        event_number(e, MYSQL_WARNINGS, x->warnings);
    event_text_if(e, MYSQL_INFO, x->info);
    if (x->results)
        event_flag(e, MYSQL_IN_TRANSACTION, x->status & IN_TRANSACTION);
    if (x->cursor)
        event_flag(e, MYSQL_CURSOR, true);
    if (x->session.len)
        publish_session(p);
    if (x->infile.len) {
        event_text(e, MYSQL_INFILE, x->infile);
        set_count(p, MYSQL_INFILE_BYTES, x->infile_bytes);
    }
    if (asked->first && answered->first >= asked->first)
        event_number(e, MYSQL_FIRST_BYTE, answered->first - asked->first);
}

// Kinds of questions that the reference writes.
static bool is_of_reference(const struct page *p)
{
    uint8_t c = p->x->command;
    return !p->t->unasked && (c == COM_QUERY || c == COM_STMT_PREPARE || c == COM_STMT_EXECUTE);
}

bool mysql_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct mysql_exchange *x = t->state;
    struct page p = {
        .settings = conn_settings(c), .common = conn_common(c), .t = t, .x = x, .e = e};
    p.h = conn_state((struct conn *)(uintptr_t)c); // read only
    p.info = mysql_command_info(x->command);
    p.compat = conn_is_compat(c);
    if (p.compat && !is_of_reference(&p))
        return false;
    p.statement = view(&p, &x->statement);
    p.long_data = view(&p, &x->long_data);
    if (!t->unasked || x->command == COM_LOGIN)
        publish_statement(&p);
    else
        note(&p, (struct span)SPAN("Unmatched response"));
    if (x->values.len)
        publish_parameters(&p);
    if (x->answering)
        publish_answer(&p);
    if (!p.compat)
        publish_added(&p);
    return true;
}
