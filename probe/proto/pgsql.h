// SPDX-License-Identifier: Apache-2.0
// What the PostgreSQL files share. pgsql.c cuts the streams into messages and finds them again
// behind holes, pgsql_client.c and pgsql_server.c say what each message means, pgsql_keep.c copies
// what documents need, pgsql_values.c makes texts of values, pgsql_publish.c makes the documents.
//
// All that a client asks until it wants to know how things stand (a Query, or everything up to a
// Sync) is a cycle; the server ends each with one ReadyForQuery. Both sides' cycles are counted,
// and the number of a transaction is that of its cycle: an answer is never taken for that of
// another cycle's question, whatever timed out, failed or was left undone in between.
#pragma once

#include "pipeline/base/reader.h"
#include "pipeline/event.h"
#include "probe/conn.h"

enum {
    PGSQL_HEADER = 5,             // type 1, length 4 that counts itself but not the type
    PGSQL_TEXT_MOST = 128 << 10,  // bytes of a statement that are looked at
    PGSQL_SHOWN_MOST = 64 << 10,  // bytes of any other message that are
    PGSQL_STATEMENTS_MOST = 1024, // of one Query
    PGSQL_PARAMETERS_MOST = 256,  // kept for one statement
    PGSQL_VALUE_MOST = 1024,      // bytes kept of each
    PGSQL_NOTICES_MOST = 8,
    PGSQL_COLUMNS_MOST = 240, // whose type and format are known
    PGSQL_METHOD_MOST = 23,
};

struct pgsql_settings {
    int64_t max_rows, max_row_length;
    bool hide_literals, hide_passwords;
};

// ── a conn ──

struct pgsql_side {
    uint32_t left;  // bytes of the message at hand still to come, that nobody wants to see
    uint32_t size;  // of the message whose bytes are waited for, with its header; 0: not known
    uint32_t had;   // bytes of it that were there already
    uint8_t type;   // its type
    bool lost;      // looks for the next message
    int64_t last;   // arrival of the last message
    uint64_t stray; // bytes of no message, since the last one
};

struct pgsql_name {
    uint8_t len;
    uint8_t text[63];
};

struct pgsql_conn {
    struct pgsql_side side[2];
    uint64_t asked, ready; // cycles that the client has ended, and the server
    struct pgsql_name user, database, application;
    uint64_t portal; // key of the statement that was bound last, to the portal without a name
    uint8_t portal_format;
    uint8_t request; // 'S' or 'G': encryption was asked for, one byte is the answer; 0: no
    bool begun;      // a message was understood
    bool turned;     // the sides were changed
    bool typed;      // messages of the client have types: the startup is over
    bool inside;     // the client is inside a cycle
    bool pipelined;  // a cycle began while another one waited
    bool hole[2];    // a hole in which messages of that side may be lost
    bool unsure;     // cycles cannot be paired any more, until both sides were silent
    bool copying;    // the client sends rows
    bool streaming;  // both send data without end
    bool uncounted;  // the cycle being answered has more statements than were looked at
    bool over;
};

// ── a transaction ──

enum pgsql_kind {
    PGSQL_QUERY,
    PGSQL_EXTENDED, // any of Parse, Bind, Describe, Execute
    PGSQL_CALL,     // of a function
    PGSQL_STARTUP,
    PGSQL_CANCEL,
    PGSQL_NOTIFICATION,
};

// A statement as it is remembered by name, or a portal: this, types of parameters, the text.
struct pgsql_statement {
    uint64_t key; // of a portal: that of its statement
    uint32_t text_len;
    uint16_t table_at, table_len; // of the table's name in the text
    uint16_t type_count;
    uint8_t method_len;
    uint8_t format; // of a portal: enum pgsql_format
    bool cut;       // the text was longer
    uint8_t method[PGSQL_METHOD_MOST];
};

struct pgsql_parameter {
    struct pgsql_parameter *next;
    uint16_t len;
    bool null, cut;
    uint8_t text[];
};

struct pgsql_column {
    uint32_t type;
    uint32_t binary;
};

enum pgsql_format { PGSQL_TEXTS, PGSQL_BINARIES, PGSQL_MIXED };

struct pgsql_fault {
    struct span severity, code, message, detail, hint, constraint;
};

struct pgsql_exchange {
    enum pgsql_kind kind;
    enum pgsql_format format; // of the columns, as Bind asks for them
    struct chain query;
    struct pgsql_statement about; // the query: all but its text
    struct span table;
    struct pgsql_parameter *parameters, *newest;
    struct chain rows;            // as CSV, with send_response
    struct pgsql_column *columns; // column_count of them; NULL: not known
    struct pgsql_fault fault;
    struct span notices[PGSQL_NOTICES_MOST];
    struct span name;                    // of the prepared statement, the channel
    struct span payload;                 // of a notification
    struct span authentication, version; // of the server
    uint64_t statement;                  // key of the statement it parses or binds
    uint64_t described;                  // key of the statement it describes
    uint64_t row_count, affected;
    uint32_t process, protocol;
    uint16_t fields, column_count, notice_count, parameter_count;
    uint16_t parses, binds, describes, executes; // that wait for their answer
    bool parsed, bound, executed;                // it holds such a message
    bool has_affected, failed, torn;             // torn: what it waits for is not known
    bool skipped;                                // not executed, for one before it failed
};

// ── one call of feed ──

struct pgsql_call {
    struct conn *c;
    struct pgsql_conn *h;
    struct pgsql_side *s;
    enum side from;
    struct transaction *t; // whose answer is at hand; NULL: not looked for yet, or none
    struct span data;
    uint32_t start, at; // offsets: of the message at hand, and behind what was shown of it
    uint32_t size;      // of the message on the wire
    bool lossy;         // bytes of the message are missing
    bool over;          // no more calls are wanted
};

// What a type of message is: the least and most bytes of its body, how many of them `take` wants to
// see at most, who takes it (NULL: nobody). A body may be cut, or empty, where bytes are missing.
struct pgsql_rule {
    uint32_t least, most, shown;
    void (*take)(struct pgsql_call *f, struct span body);
};
enum { PGSQL_TYPES = 128 };
extern const struct pgsql_rule pgsql_client_rules[PGSQL_TYPES]; // pgsql_client.c
extern const struct pgsql_rule pgsql_server_rules[PGSQL_TYPES]; // pgsql_server.c

// pgsql_client.c: messages before the startup have no type. False: more bytes are needed.
bool pgsql_take_untyped(struct pgsql_call *f);
bool pgsql_is_untyped(struct span data);
// A setting of the session that documents show, if it is one of those.
void pgsql_set_parameter(struct pgsql_conn *h, struct span name, struct span value);

// pgsql.c: notes arrival and size of the message at hand.
void pgsql_saw(const struct pgsql_call *f, struct transaction *t);
// Ends the transactions of cycles before `cycle`, unanswered.
void pgsql_end_before(struct conn *c, uint64_t cycle);
static inline struct pgsql_exchange *pgsql_of(const struct transaction *t)
{
    return t->state;
}
// Answers that it still waits for, if that is known.
static inline unsigned pgsql_waits(const struct pgsql_exchange *x)
{
    return x->parses + x->binds + x->describes + x->executes;
}

// ── pgsql_keep.c ──

// A text that ends with zero, which is cut off `r` with it; all that is left if it has no end.
struct span pgsql_cstring(struct reader *r);
// The key under which a statement or portal ('S', 'P', as Describe names them) is remembered.
uint64_t pgsql_key(char what, struct span name);

// The text of a statement, without its secrets, into the transaction; `whole`: it was not cut.
// Returns what was kept, valid as long as the scratch.
struct span pgsql_keep_query(struct transaction *t, struct span text, bool whole);
// Remembers the statement of `t`, whose kept text is `text`, with the types in `types` (be32 each).
void pgsql_remember(struct transaction *t, uint64_t key, struct span text, struct span types);
// The remembered statement becomes that of `t`, if it is known.
void pgsql_recall(struct transaction *t, uint64_t key);
// The statement that `t` binds is remembered as a portal; the portal becomes what `t` executes. The
// one without a name only lasts until the next.
void pgsql_remember_portal(struct transaction *t, struct span portal);
void pgsql_recall_portal(struct transaction *t, struct span portal);
// Types that the server tells of: be32 each.
void pgsql_remember_types(struct conn *c, uint64_t key, struct span types);
// What Bind holds behind the two names: parameters for the statement of that key, and formats.
void pgsql_keep_binding(struct transaction *t, uint64_t key, struct reader *r);

// Does this transaction want another row?
bool pgsql_wants_row(const struct transaction *t);
void pgsql_keep_columns(struct transaction *t, struct span description);
void pgsql_keep_row(struct transaction *t, struct span row);
// Fields of an error or notice.
void pgsql_keep_fault(struct transaction *t, struct span body);
void pgsql_keep_notice(struct transaction *t, struct span body);

// ── pgsql_publish.c ──

bool pgsql_publish(const struct conn *c, const struct transaction *t, struct event *e);
extern const struct field_table pgsql_table;
