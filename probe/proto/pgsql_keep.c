// SPDX-License-Identifier: Apache-2.0
// Copies out of messages, into their transaction's store or what the conn remembers, what documents
// need under the settings.

#include "probe/proto/pgsql.h"

#include "pipeline/base/hash.h"
#include "probe/proto/csv.h"
#include "probe/proto/pgsql_values.h"
#include "probe/proto/sql.h"

static const struct pgsql_settings *settings_of(const struct transaction *t)
{
    return conn_settings(t->conn);
}

struct span pgsql_cstring(struct reader *r)
{
    struct span rest = span_of(r->at, reader_left(r));
    ptrdiff_t end = span_find(rest, 0);
    if (end < 0) {
        reader_fail(r);
        return rest;
    }
    reader_skip(r, (size_t)end + 1);
    return span_first(rest, (size_t)end);
}

uint64_t pgsql_key(char what, struct span name)
{
    uint64_t key = hash_bytes(name.at, name.len, hash_seed() + (uint64_t)what);
    return key ? key : 1;
}

// ── statements ──

// Without passwords, or without literals at all; under compat as it is.
static struct span without_secrets(const struct transaction *t, struct span text)
{
    const struct pgsql_settings *s = settings_of(t);
    bool all = s->hide_literals, passwords = s->hide_passwords && !conn_is_compat(t->conn);
    if (!all && !(passwords && sql_may_hold_password(text)))
        return text;
    size_t size = SQL_HIDDEN(text.len);
    uint8_t *place = arena_alloc(conn_scratch(t->conn), size);
    struct pen pen = pen_of(place, place ? size : 0);
    sql_hide(&pen, text, SQL_OF_PGSQL, all);
    return pen_written(&pen);
}

static void keep_method(struct pgsql_statement *about, struct span text)
{
    struct span verb = span_first(sql_verb(text, SQL_OF_PGSQL), sizeof about->method);
    for (size_t i = 0; i < verb.len; i++)
        about->method[i] = text_upper(verb.at[i]);
    about->method_len = (uint8_t)verb.len;
}

static void keep_table(struct transaction *t, struct span text)
{
    struct pgsql_exchange *x = pgsql_of(t);
    x->table = span_first(span_skip(text, x->about.table_at), x->about.table_len);
    x->table = transaction_keep(t, x->table);
}

struct span pgsql_keep_query(struct transaction *t, struct span text, bool whole)
{
    struct pgsql_exchange *x = pgsql_of(t);
    struct pgsql_statement *about = &x->about;
    text = without_secrets(t, text);
    about->cut = !whole;
    about->text_len = (uint32_t)text.len;
    if (!conn_is_compat(t->conn)) {
        keep_method(about, text);
        struct span table = sql_table(text, SQL_OF_PGSQL);
        about->table_at = table.len ? (uint16_t)(table.at - text.at) : 0;
        about->table_len = (uint16_t)table.len;
        keep_table(t, text);
    }
    transaction_append(t, &x->query, text);
    return text;
}

static void remember(struct conn *c, uint64_t key, const struct pgsql_statement *about,
                     struct span text, struct span types)
{
    size_t size = sizeof *about + types.len + text.len;
    uint8_t *place = arena_alloc(conn_scratch(c), size);
    if (!place)
        return;
    struct pgsql_statement *to = (struct pgsql_statement *)(void *)place;
    *to = *about;
    to->text_len = (uint32_t)text.len;
    to->type_count = (uint16_t)(types.len / 4);
    if (types.len)
        memcpy(place + sizeof *about, types.at, types.len);
    if (text.len)
        memcpy(place + sizeof *about + types.len, text.at, text.len);
    conn_remember(c, key, span_of(place, size));
}

void pgsql_remember(struct transaction *t, uint64_t key, struct span text, struct span types)
{
    remember(t->conn, key, &pgsql_of(t)->about, text, types);
}

// A remembered statement taken apart. False: it is not known.
static bool recall(struct conn *c, uint64_t key, struct pgsql_statement *about, struct span *types,
                   struct span *text)
{
    struct reader r = reader_of(conn_recall(c, key));
    struct span head = reader_bytes(&r, sizeof *about);
    if (!head.len)
        return false;
    memcpy(about, head.at, sizeof *about);
    *types = reader_bytes(&r, (size_t)about->type_count * 4);
    *text = reader_rest(&r);
    return true;
}

void pgsql_recall(struct transaction *t, uint64_t key)
{
    struct pgsql_exchange *x = pgsql_of(t);
    struct span types, text;
    if (!recall(t->conn, key, &x->about, &types, &text))
        return;
    keep_table(t, text);
    transaction_append(t, &x->query, text);
}

void pgsql_remember_portal(struct transaction *t, struct span portal)
{
    const struct pgsql_exchange *x = pgsql_of(t);
    struct pgsql_conn *h = conn_state(t->conn);
    struct pgsql_statement about;
    struct span types, text;
    if (!portal.len) {
        h->portal = x->statement;
        h->portal_format = (uint8_t)x->format;
    } else if (recall(t->conn, x->statement, &about, &types, &text)) {
        about.key = x->statement;
        about.format = (uint8_t)x->format;
        remember(t->conn, pgsql_key('P', portal), &about, text, span_of(NULL, 0));
    }
}

void pgsql_recall_portal(struct transaction *t, struct span portal)
{
    struct pgsql_exchange *x = pgsql_of(t);
    const struct pgsql_conn *h = conn_state(t->conn);
    pgsql_recall(t, portal.len ? pgsql_key('P', portal) : h->portal);
    x->statement = portal.len ? x->about.key : h->portal;
    x->format = portal.len ? x->about.format : h->portal_format;
}

void pgsql_remember_types(struct conn *c, uint64_t key, struct span types)
{
    struct pgsql_statement about;
    struct span before, text;
    if (recall(c, key, &about, &before, &text))
        remember(c, key, &about, text, types);
}

// ── parameters ──

static void keep_parameter(struct transaction *t, struct span value, bool null, bool cut)
{
    struct pgsql_exchange *x = pgsql_of(t);
    cut |= value.len > PGSQL_VALUE_MOST;
    value = span_first(value, PGSQL_VALUE_MOST);
    struct pgsql_parameter *p = transaction_alloc(t, sizeof *p + value.len);
    if (!p)
        return;
    *p = (struct pgsql_parameter){.len = (uint16_t)value.len, .null = null, .cut = cut};
    if (value.len)
        memcpy(p->text, value.at, value.len);
    *(x->newest ? &x->newest->next : &x->parameters) = p;
    x->newest = p;
}

// Formats: none (all are texts), one for all, or one each.
static bool is_binary(struct span formats, size_t which)
{
    struct reader r = reader_of(formats.len > 2 ? span_skip(formats, 2 * which) : formats);
    return reader_be16(&r) == 1;
}

static struct span read_formats(struct reader *r)
{
    return reader_bytes(r, (size_t)reader_be16(r) * 2);
}

// The next value of a list; `*null`: it is NULL. Empty where the message was cut.
static struct span read_value(struct reader *r, bool *null, bool *cut)
{
    uint32_t len = reader_be32(r);
    *null = len == UINT32_MAX;
    *cut = !*null && len > reader_left(r);
    size_t there = *null ? 0 : *cut ? reader_left(r) : len;
    struct span value = reader_bytes(r, there);
    if (*cut)
        reader_fail(r);
    return value;
}

static void keep_parameters(struct transaction *t, struct span types, struct span formats,
                            unsigned count, struct reader *r, bool wanted)
{
    uint8_t place[PGSQL_PLACE];
    struct reader type = reader_of(types);
    for (unsigned i = 0; i < count && reader_ok(r); i++) {
        bool null, cut, full = false;
        struct span value = read_value(r, &null, &cut);
        uint32_t kind = reader_be32(&type);
        if (!wanted || i >= PGSQL_PARAMETERS_MOST || (!value.at && !null))
            continue;
        if (is_binary(formats, i) && !null)
            value = pgsql_value(kind, value, place, &full);
        keep_parameter(t, value, null, cut || full);
    }
}

static enum pgsql_format format_of(struct span formats)
{
    bool first = is_binary(formats, 0);
    for (size_t i = 1; i < formats.len / 2; i++)
        if (is_binary(formats, i) != first)
            return PGSQL_MIXED;
    return first ? PGSQL_BINARIES : PGSQL_TEXTS;
}

void pgsql_keep_binding(struct transaction *t, uint64_t key, struct reader *r)
{
    struct pgsql_statement about;
    struct span types = {0}, text;
    bool wanted = !settings_of(t)->hide_literals && !conn_is_compat(t->conn);
    recall(t->conn, key, &about, &types, &text);
    struct span formats = read_formats(r);
    keep_parameters(t, types, formats, reader_be16(r), r, wanted);
    pgsql_of(t)->format = format_of(read_formats(r));
}

// ── rows ──

bool pgsql_wants_row(const struct transaction *t)
{
    const struct pgsql_settings *s = settings_of(t);
    return conn_common(t->conn)->send_response && !s->hide_literals &&
           pgsql_of(t)->row_count < (uint64_t)s->max_rows;
}

static void know_column(struct pgsql_exchange *x, unsigned which, uint32_t type, bool binary)
{
    if (which < x->column_count)
        x->columns[which] = (struct pgsql_column){type, binary};
}

// Count; for each column its name, table 4, number 2, type 4, size 2, modifier 4, format 2.
void pgsql_keep_columns(struct transaction *t, struct span description)
{
    struct pgsql_exchange *x = pgsql_of(t);
    struct reader r = reader_of(description);
    x->fields = reader_be16(&r);
    if (!conn_common(t->conn)->send_response)
        return;
    x->rows = (struct chain){0};
    x->column_count = x->fields < PGSQL_COLUMNS_MOST ? x->fields : PGSQL_COLUMNS_MOST;
    x->columns = transaction_alloc(t, x->column_count * sizeof *x->columns);
    if (!x->columns)
        x->column_count = 0;
    unsigned i = 0;
    for (; i < x->fields && reader_ok(&r); i++) {
        struct span name = pgsql_cstring(&r);
        reader_skip(&r, 6);
        uint32_t type = reader_be32(&r);
        reader_skip(&r, 6);
        bool binary = reader_be16(&r) == 1;
        know_column(x, i, type, binary);
        csv_value(t, &x->rows, i == 0, name);
    }
    for (; i < x->fields; i++)
        know_column(x, i, 0, false);
    if (x->fields)
        csv_end_line(t, &x->rows);
}

static struct span row_value(const struct transaction *t, unsigned which, struct span value,
                             uint8_t *place)
{
    const struct pgsql_exchange *x = pgsql_of(t);
    bool known = which < x->column_count, cut;
    bool binary = (known && x->columns[which].binary) || x->format == PGSQL_BINARIES;
    if (!binary || !value.len)
        return value;
    if (conn_is_compat(t->conn))
        return span_of(place, 0);
    return pgsql_value(known ? x->columns[which].type : 0, value, place, &cut);
}

// Values until they come to max_row_length; what lies behind them is left out, commas too.
void pgsql_keep_row(struct transaction *t, struct span row)
{
    struct pgsql_exchange *x = pgsql_of(t);
    uint8_t place[PGSQL_PLACE];
    struct reader r = reader_of(row);
    unsigned count = reader_be16(&r);
    size_t left = (size_t)settings_of(t)->max_row_length;
    for (unsigned i = 0; i < count && left && reader_ok(&r); i++) {
        bool null, cut;
        struct span value = read_value(&r, &null, &cut);
        if (!value.at && !null)
            break;
        value = null ? (struct span)SPAN("NULL") : row_value(t, i, value, place);
        value = span_first(value, left);
        left -= value.len;
        csv_value(t, &x->rows, i == 0, value);
    }
    csv_end_line(t, &x->rows);
}

// ── errors and notices ──

// The place of a field; 'V' is the severity in English, which came with version 9.6.
static struct span *place_of(const struct transaction *t, struct pgsql_fault *fault, uint8_t type)
{
    bool compat = conn_is_compat(t->conn);
    switch (type) {
    case 'S':
        return fault->severity.len ? NULL : &fault->severity;
    case 'V':
        return compat ? NULL : &fault->severity;
    case 'C':
        return &fault->code;
    case 'M':
        return &fault->message;
    case 'D':
        return settings_of(t)->hide_literals ? NULL : &fault->detail;
    case 'H':
        return &fault->hint;
    case 'n':
        return &fault->constraint;
    default:
        return NULL;
    }
}

// A type and a text each, then a zero.
static void read_fault(const struct transaction *t, struct span body, struct pgsql_fault *fault)
{
    struct reader r = reader_of(body);
    uint8_t type;
    while ((type = reader_u8(&r))) {
        struct span text = pgsql_cstring(&r), *place = place_of(t, fault, type);
        if (place)
            *place = text;
    }
}

void pgsql_keep_fault(struct transaction *t, struct span body)
{
    struct pgsql_fault fault = {0}, *kept = &pgsql_of(t)->fault;
    read_fault(t, body, &fault);
    kept->severity = transaction_keep(t, fault.severity);
    kept->code = transaction_keep(t, fault.code);
    kept->message = transaction_keep(t, fault.message);
    kept->constraint = transaction_keep(t, fault.constraint);
    kept->detail = transaction_keep(t, fault.detail);
    kept->hint = transaction_keep(t, fault.hint);
}

void pgsql_keep_notice(struct transaction *t, struct span body)
{
    struct pgsql_exchange *x = pgsql_of(t);
    struct pgsql_fault fault = {0};
    if (x->notice_count >= PGSQL_NOTICES_MOST)
        return;
    read_fault(t, body, &fault);
    x->notices[x->notice_count++] = transaction_keep(t, fault.message);
}
