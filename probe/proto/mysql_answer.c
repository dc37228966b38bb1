// SPDX-License-Identifier: Apache-2.0
// What a MySQL server says. Whether ends of lists are left out (CLIENT_DEPRECATE_EOF) need not be
// known: an end is five bytes long, an outcome that stands in its place seven or more.
//
//   outcome      │ 00 or FE │ affected rows │ insert id │ status 2 │ warnings 2 │ info, changes
//   end          │ FE │ warnings 2 │ status 2 │
//   error        │ FF │ code 2 │ '#' and SQLSTATE │ message
//   result       │ columns │, as many definitions, end, rows, end or outcome
//   definition   │ catalog │ database │ table │ its name │ column │ its name │ 0C │ charset 2 │
//                │ length 4 │ type 1 │ flags 2 │ decimals 1 │
//   prepared     │ 00 │ statement 4 │ columns 2 │ parameters 2 │ 00 │ warnings 2 │, both lists

#include "probe/proto/mysql.h"

enum { HEAD_MOST = 2048 };
enum { IS_ENDED = 0xfe, IS_ERROR = 0xff, IS_INFILE = 0xfb, END_LEN = 5, OUTCOME_LEAST = 7 };
enum { MORE_RESULTS = 8, CURSOR_EXISTS = 0x40, SESSION_CHANGED = 0x4000 };

static bool keeps_rows(const struct mysql_call *f)
{
    const struct mysql_exchange *x = mysql_exchange(f);
    const struct mysql_settings *s = conn_settings(f->c);
    return x && conn_common(f->c)->send_response && !x->results && x->rows_kept < s->max_rows &&
           !x->torn && !s->hide_literals;
}

uint32_t mysql_answer_wants(const struct mysql_call *f, uint32_t len, uint8_t first)
{
    const struct mysql_answer *a = &f->h->answer;
    bool rows = a->phase == MYSQL_IN_ROWS || (a->phase == MYSQL_IN_COLUMNS && !a->columns_left);
    if (rows && (first < IS_ENDED || len == MYSQL_PACKET_MOST))
        return len ? 1 : 0;
    return len < HEAD_MOST ? len : HEAD_MOST;
}

// ── outcomes ──

// For the reference only the first result counts.
static struct mysql_exchange *counting(const struct mysql_call *f)
{
    struct mysql_exchange *x = mysql_exchange(f);
    return x && x->results && conn_is_compat(f->c) ? NULL : x;
}

static void end_result(struct mysql_call *f, uint16_t status, uint16_t warnings)
{
    struct mysql_answer *a = &f->h->answer;
    struct mysql_exchange *x = counting(f);
    if (x) {
        x->status = status;
        x->warnings += warnings;
        x->cursor |= status & CURSOR_EXISTS;
    }
    a->ends_result = true;
    a->ends = !(status & MORE_RESULTS);
}

// What changed in the session: │ kind 1 │ length │ … Only the database matters to what follows.
static void note_database(struct mysql_call *f, struct span changes)
{
    enum { SCHEMA = 1 };
    struct reader r = reader_of(changes);
    while (reader_left(&r)) {
        uint8_t kind = reader_u8(&r);
        struct reader inside = reader_of(mysql_string(&r));
        struct span name = mysql_string(&inside);
        if (kind == SCHEMA && reader_ok(&inside))
            mysql_name_set(&f->h->database, name);
    }
}

static void take_outcome(struct mysql_call *f, struct reader *r)
{
    struct mysql_exchange *x = counting(f);
    uint64_t affected = mysql_number(r), id = mysql_number(r);
    uint16_t status = reader_le16(r), warnings = reader_le16(r);
    bool tracked = f->h->capabilities & MYSQL_CAN_TRACK_SESSION;
    struct span info = tracked && reader_left(r) ? mysql_string(r) : reader_rest(r), changes = {0};
    if (tracked && (status & SESSION_CHANGED))
        changes = mysql_string(r);
    if (x) {
        x->affected_rows += affected;
        x->insert_id = id ? id : x->insert_id;
        if (info.len && !conn_is_compat(f->c))
            x->info = transaction_keep(f->t, span_first(info, 512));
        if (changes.len && !conn_is_compat(f->c))
            mysql_keep(f, &x->session, changes);
    }
    note_database(f, changes);
    end_result(f, status, warnings);
}

static void outcome(struct mysql_call *f, const struct mysql_packet *p)
{
    struct reader r = reader_of(span_skip(p->head, 1));
    if (p->len >= OUTCOME_LEAST) {
        take_outcome(f, &r);
        return;
    }
    uint16_t warnings = reader_le16(&r), status = reader_le16(&r);
    end_result(f, status, warnings);
}

static void error(struct mysql_call *f, const struct mysql_packet *p)
{
    enum { PROGRESS = 0xffff, STATE = 5 };
    struct mysql_exchange *x = counting(f);
    struct reader r = reader_of(span_skip(p->head, 1));
    uint16_t code = reader_le16(&r);
    if (code == PROGRESS) { // of MariaDB: how far it is
        if (f->h->answer.phase == MYSQL_FIRST)
            f->h->answer.phase = MYSQL_NEXT;
        return;
    }
    struct span text = reader_rest(&r);
    if (x) {
        x->failed = true;
        x->error_code = code;
        if (text.len && text.at[0] == '#') {
            x->sqlstate = transaction_keep(f->t, span_first(span_skip(text, 1), STATE));
            text = span_skip(text, 1 + STATE);
        }
        x->error = transaction_keep(f->t, span_first(text, 1024));
    }
    f->h->answer.ends_result = f->h->answer.ends = true;
}

static bool is_outcome(const struct mysql_packet *p)
{
    return p->head.at[0] == 0 || (p->head.at[0] == IS_ENDED && p->len < MYSQL_PACKET_MOST);
}

// ── definitions ──

static bool has_table(const struct mysql_exchange *x, struct span database, struct span table)
{
    for (const struct mysql_table *one = x->tables; one; one = one->next) {
        struct span name = one->name;
        if (name.len == database.len + 1 + table.len && span_starts(name, database) &&
            span_ends(name, table) && name.at[database.len] == '.')
            return true;
    }
    return false;
}

// At the end of the list: the order is that of the columns.
static void add_table(const struct mysql_call *f, struct span database, struct span table)
{
    struct mysql_exchange *x = mysql_exchange(f);
    uint8_t place[512];
    if (x->table_count == MYSQL_TABLES_MOST || has_table(x, database, table))
        return;
    struct mysql_table **end = &x->tables, *one = transaction_alloc(f->t, sizeof *one);
    struct pen pen = pen_of(place, sizeof place);
    pen_raw(&pen, database);
    pen_byte(&pen, '.');
    pen_raw(&pen, table);
    if (!one || pen.full)
        return;
    *one = (struct mysql_table){.name = transaction_keep(f->t, pen_written(&pen))};
    while (*end)
        end = &(*end)->next;
    *end = one;
    x->table_count++;
}

static void keep_column(const struct mysql_call *f, struct span name, uint8_t type, uint16_t flags)
{
    enum { UNSIGNED = 0x20 };
    struct mysql_exchange *x = mysql_exchange(f);
    name = span_first(name, 256);
    const uint8_t head[MYSQL_COLUMN_HEAD] = {type, flags & UNSIGNED ? 1 : 0,
                                             (uint8_t)(name.len & 0xff), (uint8_t)(name.len >> 8)};
    if (x->columns.len + MYSQL_COLUMN_HEAD + name.len > MYSQL_TEXT_MOST)
        return;
    mysql_keep(f, &x->columns, span_of(head, sizeof head));
    mysql_keep(f, &x->columns, name);
}

// Are definitions of a statement's columns worth remembering?
static bool knows_columns(const struct mysql_call *f)
{
    return conn_common(f->c)->send_response && !conn_is_compat(f->c) && f->h->answer.in_second_list;
}

static void definition(struct mysql_call *f, const struct mysql_packet *p)
{
    bool of_statement = f->h->answer.phase == MYSQL_IN_PARAMETERS;
    struct mysql_exchange *x = of_statement ? mysql_exchange(f) : counting(f);
    if (!x)
        return;
    bool compat = conn_is_compat(f->c);
    struct reader r = reader_of(p->head);
    mysql_string(&r); // the catalogue: always "def"
    struct span database = mysql_string(&r), alias = mysql_string(&r), table = mysql_string(&r);
    struct span name = mysql_string(&r);
    mysql_string(&r);
    if (f->h->mariadb & MARIADB_CAN_EXTENDED_TYPES)
        mysql_string(&r);
    reader_skip(&r, 1 + 2 + 4);
    uint8_t type = reader_u8(&r);
    uint16_t flags = reader_le16(&r);
    if (!reader_ok(&r) || (compat && of_statement && f->h->answer.in_second_list && x->parameters))
        return;
    if (compat || table.len)
        add_table(f, database, compat ? alias : table);
    if (of_statement ? knows_columns(f) : keeps_rows(f))
        keep_column(f, name, type, flags);
}

// An execution may leave out what the preparation said of its columns; a fetch does.
static void recall_columns(struct mysql_call *f)
{
    struct mysql_exchange *x = counting(f);
    if (!x || x->columns.len || !keeps_rows(f))
        return;
    struct span columns = conn_recall(f->c, mysql_key(MYSQL_KEEPS_COLUMNS, x->statement_id));
    mysql_keep(f, &x->columns, columns);
    for (struct reader r = reader_of(columns); reader_left(&r) && x->command == COM_STMT_FETCH;) {
        reader_skip(&r, 2);
        reader_skip(&r, reader_le16(&r));
        x->fields++;
    }
}

static void recall_table(struct mysql_call *f)
{
    struct mysql_exchange *x = counting(f);
    struct span name = {0};
    if (x && !x->tables)
        name = conn_recall(f->c, mysql_key(MYSQL_KEEPS_TABLE, x->statement_id));
    struct mysql_table *one = name.len ? transaction_alloc(f->t, sizeof *one) : NULL;
    if (!one)
        return;
    *one = (struct mysql_table){.name = transaction_keep(f->t, name)};
    x->tables = one;
    x->table_count = 1;
}

static void remember_columns(struct mysql_call *f)
{
    struct mysql_exchange *x = mysql_exchange(f);
    if (x && x->tables && !conn_is_compat(f->c))
        conn_remember(f->c, mysql_key(MYSQL_KEEPS_TABLE, x->statement_id), x->tables->name);
    if (x && x->columns.len)
        conn_remember(f->c, mysql_key(MYSQL_KEEPS_COLUMNS, x->statement_id),
                      chain_view(&x->columns, conn_scratch(f->c)));
}

// ── rows ──

// Lengths in front of fields come on top of what is written of them.
uint32_t mysql_row_most(const struct mysql_settings *s, const struct mysql_exchange *x)
{
    uint32_t fields = x->fields < 4096 ? x->fields : 4096;
    return (uint32_t)s->max_row_length + 9 * fields + 17;
}

static void row(struct mysql_call *f, const struct mysql_packet *p)
{
    const struct mysql_settings *s = conn_settings(f->c);
    struct mysql_exchange *x = counting(f);
    f->h->answer.phase = MYSQL_IN_ROWS;
    if (!x)
        return;
    x->rows++;
    if (!keeps_rows(f))
        return;
    if (x->command == COM_STMT_FETCH)
        recall_columns(f);
    uint32_t most = mysql_row_most(s, x);
    struct span head = span_first(p->head, most);
    x->rows_kept++;
    mysql_keep(f, &x->row_bytes, span_of(head.at - MYSQL_HEADER, MYSQL_HEADER + head.len));
    f->s->sink = MYSQL_TO_ROWS;
    f->s->keep = most - (uint32_t)head.len;
}

static void row_or_end(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_exchange *x = counting(f);
    if (!p->len || p->head.at[0] < IS_ENDED || p->len == MYSQL_PACKET_MOST) {
        row(f, p);
        return;
    }
    // The reference reads behind a row that is no text.
    if (x && conn_is_compat(f->c) && x->rows_kept)
        mysql_keep(f, &x->row_bytes,
                   span_of(p->head.at - MYSQL_HEADER, MYSQL_HEADER + p->head.len));
    if (p->head.at[0] == IS_ERROR)
        error(f, p);
    else
        outcome(f, p);
}

// ── results ──

static void infile(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_exchange *x = counting(f);
    if (x)
        x->infile = transaction_keep(f->t, span_first(span_skip(p->head, 1), 1024));
    f->h->answer.phase = MYSQL_AFTER_INFILE;
}

// │ columns │, where it was agreed on with a byte that says whether definitions follow: MySQL's in
// front, MariaDB's behind.
static void begin_result(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_answer *a = &f->h->answer;
    struct mysql_exchange *x = counting(f);
    struct reader r = reader_of(p->head);
    bool mysqls = f->h->capabilities & MYSQL_CAN_OPTIONAL_METADATA;
    bool mariadbs = f->h->mariadb & MARIADB_CAN_CACHE_METADATA;
    bool follow = !mysqls || reader_u8(&r);
    uint64_t columns = mysql_number(&r);
    if (mariadbs)
        follow = reader_u8(&r);
    if (!reader_ok(&r) || reader_left(&r) || !columns || columns > UINT16_MAX) {
        mysql_lose(f);
        return;
    }
    if (x && !x->fields)
        x->fields = (uint32_t)columns;
    a->phase = MYSQL_IN_COLUMNS;
    a->columns_left = follow ? (uint32_t)columns : 0;
    if (!follow) {
        recall_columns(f);
        recall_table(f);
    }
}

static void result(struct mysql_call *f, const struct mysql_packet *p)
{
    uint8_t first = p->head.at[0];
    bool optional = (f->h->capabilities & MYSQL_CAN_OPTIONAL_METADATA) && p->len < OUTCOME_LEAST;
    if (first == IS_ERROR)
        error(f, p);
    else if ((first == 0 && !optional) || first == IS_ENDED)
        outcome(f, p);
    else if (first == IS_INFILE)
        infile(f, p);
    else
        begin_result(f, p);
}

static void in_columns(struct mysql_call *f, const struct mysql_packet *p)
{
    enum { STATUS_AT = 3 };
    struct mysql_answer *a = &f->h->answer;
    if (a->columns_left) {
        a->columns_left--;
        definition(f, p);
        return;
    }
    bool ends = p->len == END_LEN && p->head.at[0] == IS_ENDED;
    if (!ends || (p->head.at[STATUS_AT] & CURSOR_EXISTS))
        row_or_end(f, p);
    else
        a->phase = MYSQL_IN_ROWS;
}

static void in_list(struct mysql_call *f, const struct mysql_packet *p)
{
    f->h->answer.phase = MYSQL_IN_LIST;
    if (p->head.at[0] == IS_ERROR)
        error(f, p);
    else if (p->head.at[0] == IS_ENDED)
        outcome(f, p);
    else
        definition(f, p);
}

// ── prepared statements ──

static void remember(struct mysql_call *f, uint16_t columns, int64_t now)
{
    struct mysql_exchange *x = f->t->state;
    struct mysql_prepared known = {.used = now, .parameters = x->parameters, .columns = columns};
    struct arena *scratch = conn_scratch(f->c);
    struct span text = chain_view(&x->statement, scratch);
    size_t types = 2UL * known.parameters, size = sizeof known + types + text.len;
    uint8_t *entry = arena_alloc(scratch, size);
    if (!entry)
        return;
    memcpy(entry, &known, sizeof known);
    if (text.len)
        memcpy(entry + sizeof known + types, text.at, text.len);
    conn_remember(f->c, mysql_key(MYSQL_KEEPS_STATEMENT, x->statement_id), span_of(entry, size));
}

// The reference takes the number of the statement for those of an outcome, and one of the lists for
// a result.
static void count_as_reference(struct mysql_exchange *x, const struct mysql_packet *p,
                               uint16_t columns)
{
    struct reader r = reader_of(span_skip(p->head, 1));
    x->affected_rows = mysql_number(&r);
    x->insert_id = mysql_number(&r);
    x->rows = x->parameters ? columns : 0;
}

// Where no list is left to come, or none of them has an end, the answer is over with this packet.
static void end_if_listed(struct mysql_call *f)
{
    struct mysql_answer *a = &f->h->answer;
    bool knows = f->h->introduced, omits = f->h->capabilities & MYSQL_CAN_OMIT_EOF;
    if (a->columns_left || a->later_columns)
        return;
    bool listed = a->phase == MYSQL_IN_PARAMETERS;
    if (listed)
        remember_columns(f);
    a->may_end = listed && !knows;
    a->ends = !listed || !knows || omits;
}

static void prepared(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_answer *a = &f->h->answer;
    struct mysql_exchange *x = mysql_exchange(f);
    struct reader r = reader_of(span_skip(p->head, 1));
    uint32_t id = reader_le32(&r);
    uint16_t columns = reader_le16(&r), parameters = reader_le16(&r);
    reader_skip(&r, 1);
    uint16_t warnings = reader_le16(&r);
    bool optional = f->h->capabilities & MYSQL_CAN_OPTIONAL_METADATA;
    bool follow = !optional || !reader_left(&r) || reader_u8(&r);
    f->h->last_prepared = id;
    f->h->last_parameters = parameters;
    if (x) {
        x->statement_id = id;
        x->parameters = parameters;
        x->fields = columns;
        x->warnings = warnings;
        if (conn_is_compat(f->c))
            count_as_reference(x, p, columns);
        remember(f, columns, mysql_time(f, f->at));
    }
    a->ends_result = true;
    a->in_second_list = !parameters;
    a->columns_left = !follow ? 0 : parameters ? parameters : columns;
    a->later_columns = follow && parameters ? columns : 0;
    end_if_listed(f);
    a->phase = MYSQL_IN_PARAMETERS;
}

static void in_parameters(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_answer *a = &f->h->answer;
    if (p->len == END_LEN && p->head.at[0] == IS_ENDED) {
        a->ends = !a->columns_left;
        return;
    }
    if (!a->columns_left) {
        mysql_lose(f);
        return;
    }
    definition(f, p);
    if (--a->columns_left == 0) {
        a->columns_left = a->later_columns;
        a->later_columns = 0;
        a->in_second_list = true;
    }
    end_if_listed(f);
}

// ── log-in ──

static void in_login(struct mysql_call *f, const struct mysql_packet *p)
{
    enum { MORE = 1 };
    uint8_t first = p->head.at[0];
    f->h->answer.phase = MYSQL_IN_LOGIN;
    if (first == IS_ERROR) {
        error(f, p);
    } else if (first == IS_ENDED) { // another plugin is wanted; 1 byte: that of before 4.1
        ptrdiff_t end = span_find(span_skip(p->head, 1), 0);
        if (end > 0)
            mysql_name_set(&f->h->plugin, span_first(span_skip(p->head, 1), (size_t)end));
    } else if (first == 0) {
        outcome(f, p);
    } else if (first != MORE) {
        mysql_lose(f);
    }
}

static void end_login(struct mysql_call *f)
{
    struct mysql_conn *h = f->h;
    h->commands = true;
    if (h->answer.command != COM_LOGIN)
        return;
    h->zstd = !(h->capabilities & MYSQL_CAN_COMPRESS) && (h->capabilities & MYSQL_CAN_ZSTD);
    h->packed = h->capabilities & (MYSQL_CAN_COMPRESS | MYSQL_CAN_ZSTD);
    f->over = h->packed;
}

// ── answers ──

static void text(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_exchange *x = counting(f);
    if (x)
        x->info = transaction_keep(f->t, span_first(p->head, 512));
    f->h->answer.ends_result = f->h->answer.ends = true;
}

// A replication stream: nothing else will follow.
static void stream(struct mysql_call *f)
{
    f->h->answer.ends_result = f->h->answer.ends = f->h->over = true;
}

static void first_packet(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_answer *a = &f->h->answer;
    uint8_t answers = mysql_command_info(a->command)->answers;
    if (a->phase == MYSQL_NEXT || answers == MYSQL_ANSWER_RESULTS)
        result(f, p);
    else if (answers == MYSQL_ANSWER_LOGIN)
        in_login(f, p);
    else if (p->head.at[0] == IS_ERROR)
        error(f, p);
    else if (answers == MYSQL_ANSWER_TEXT)
        text(f, p);
    else if (answers == MYSQL_ANSWER_STREAM)
        stream(f);
    else if (answers == MYSQL_ANSWER_DEFINITIONS)
        in_list(f, p);
    else if (answers == MYSQL_ANSWER_ROWS)
        row_or_end(f, p);
    else if (answers == MYSQL_ANSWER_PREPARED && p->head.at[0] == 0)
        prepared(f, p);
    else if (is_outcome(p))
        outcome(f, p);
    else
        mysql_lose(f);
}

// An answer whose question nobody saw. What it is like is a guess.
static bool begin_unasked(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_conn *h = f->h;
    bool refused = !h->commands && p->head.at[0] == IS_ERROR; // too many connections, say
    h->answer.command = h->commands ? COM_QUERY : COM_LOGIN;
    if (!h->commands && !refused)
        return h->greeted;
    if (h->commands && p->sequence != 1)
        return false;
    f->t = transaction_unasked(f->c, 0);
    mysql_exchange(f)->command = h->answer.command;
    return true;
}

// Finds the question of an answer that begins. False: the packet is none of an answer.
static bool begin_answer(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_conn *h = f->h;
    h->answer = (struct mysql_answer){0};
    if (h->asked == h->answered)
        return begin_unasked(f, p);
    f->t = transaction_answering(f->c);
    if (f->t && f->t->number != h->answered + 1)
        f->t = NULL; // it took too long, and was published
    struct mysql_exchange *x = mysql_exchange(f);
    h->answer.command = x ? x->command : h->asked == h->answered + 1 ? h->newest : COM_QUERY;
    if (x && x->statement_id == MYSQL_LAST_PREPARED) {
        x->statement_id = h->last_prepared;
        x->parameters = h->last_parameters;
    }
    return !x || f->unpacked || x->command == COM_LOGIN || x->packets == p->sequence;
}

// Sequence numbers go on, but where the client speaks in between, and inside compressed packets.
static bool is_in_step(const struct mysql_call *f, const struct mysql_packet *p)
{
    uint8_t phase = f->h->answer.phase;
    return f->unpacked || phase == MYSQL_AFTER_INFILE || phase == MYSQL_IN_LOGIN ||
           p->sequence == f->s->sequence;
}

static void dispatch(struct mysql_call *f, const struct mysql_packet *p)
{
    switch (f->h->answer.phase) {
    case MYSQL_IN_COLUMNS:
        in_columns(f, p);
        break;
    case MYSQL_IN_LIST:
        in_list(f, p);
        break;
    case MYSQL_IN_ROWS:
        row_or_end(f, p);
        break;
    case MYSQL_IN_PARAMETERS:
        in_parameters(f, p);
        break;
    case MYSQL_IN_LOGIN:
        in_login(f, p);
        break;
    case MYSQL_AFTER_INFILE:
        result(f, p);
        break;
    default:
        first_packet(f, p);
        break;
    }
}

void mysql_answer(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_answer *a = &f->h->answer;
    bool begins = a->phase == MYSQL_FIRST;
    if (begins &&
        mysql_is_greeting(span_of(p->head.at - MYSQL_HEADER, MYSQL_HEADER + p->head.len))) {
        mysql_greet(f, p);
        f->begin = f->at + MYSQL_HEADER + p->len;
        return;
    }
    if (begins) {
        mysql_note_bytes(f);
        f->begin = f->at;
        if (a->may_end && p->len == END_LEN && p->head.at[0] == IS_ENDED && p->sequence != 1) {
            a->may_end = false; // behind the last list of a prepared statement
            f->begin = f->at + MYSQL_HEADER + p->len;
            return;
        }
    }
    bool empty = !p->len && a->phase != MYSQL_IN_ROWS;
    if (empty || !(begins ? begin_answer(f, p) : is_in_step(f, p)))
        mysql_lose(f);
    else
        dispatch(f, p);
}

static void finish(struct mysql_call *f)
{
    struct mysql_conn *h = f->h;
    struct transaction *t = f->t;
    f->t = NULL;
    if (!(t && t->unasked) && h->asked > h->answered)
        h->answered++;
    h->answer.phase = MYSQL_FIRST;
    h->answer.ends = false;
    if (t)
        transaction_answered(t);
    if (h->over)
        conn_done(f->c);
}

void mysql_answer_packet_ends(struct mysql_call *f)
{
    struct mysql_answer *a = &f->h->answer;
    struct mysql_exchange *x = mysql_exchange(f);
    if (!a->ends_result && !a->ends)
        return;
    mysql_note_bytes(f);
    if (a->ends_result && x)
        x->results++;
    if (a->ends_result && a->phase != MYSQL_IN_PARAMETERS)
        a->phase = MYSQL_NEXT;
    a->ends_result = false;
    if (!a->ends)
        return;
    bool logged_in = mysql_command_info(a->command)->answers == MYSQL_ANSWER_LOGIN;
    if (logged_in && !(x && x->failed))
        end_login(f);
    if (a->command == COM_INIT_DB && x && !x->failed && x->statement.first)
        mysql_name_set(&f->h->database,
                       span_of(x->statement.first->bytes, x->statement.first->len));
    finish(f);
}
