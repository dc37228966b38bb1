// SPDX-License-Identifier: Apache-2.0
// What the MySQL files share: the settings, what is known of a connection, what a transaction keeps
// of question and answer, and the fields of the documents. mysql.c takes packets apart and keeps
// both sides in step, mysql_login.c reads greetings and log-ins, mysql_ask.c commands,
// mysql_answer.c answers; mysql_unpack.c undoes compression, mysql_values.c reads values,
// mysql_publish.c makes the documents.
#pragma once

#include "pipeline/base/reader.h"
#include "pipeline/event.h"
#include "probe/conn.h"

enum mysql_field {
    MYSQL_FIELDS_BEGIN = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/mysql.def"
#undef FIELD
    MYSQL_FIELDS_END
};
extern const struct field_table mysql_table;

struct mysql_settings {
    int64_t max_rows, max_row_length, statement_timeout;
    bool hide_literals, hide_passwords;
};

// ── commands ──

enum mysql_answers { // what a command is answered with
    MYSQL_ANSWER_NOTHING,
    MYSQL_ANSWER_OK,
    MYSQL_ANSWER_RESULTS,
    MYSQL_ANSWER_DEFINITIONS,
    MYSQL_ANSWER_PREPARED,
    MYSQL_ANSWER_ROWS,
    MYSQL_ANSWER_TEXT,
    MYSQL_ANSWER_LOGIN,
    MYSQL_ANSWER_STREAM,
};

enum mysql_command {
#define COMMAND(number, name, method, answer, least, most) COM_##name = (number),
#include "probe/proto/mysql_commands.def"
#undef COMMAND
};

struct mysql_command_info {
    struct span name, method; // no method: that of the statement
    uint8_t answers;          // enum mysql_answers
    uint32_t least, most;     // bytes; most 0: any number
};
// NULL: there is no such command.
const struct mysql_command_info *mysql_command_info(uint8_t command);

// ── a connection ──

enum mysql_capability { // of the server's greeting and the client's reply; above 32: MariaDB's
    MYSQL_CAN_LONG_PASSWORD = 1U << 0, // MariaDB leaves it out: what follows 32 bits is its own
    MYSQL_CAN_DATABASE = 1U << 3,
    MYSQL_CAN_COMPRESS = 1U << 5,
    MYSQL_CAN_41 = 1U << 9,
    MYSQL_CAN_TLS = 1U << 11,
    MYSQL_CAN_SECURE = 1U << 15,
    MYSQL_CAN_PLUGIN = 1U << 19,
    MYSQL_CAN_ATTRIBUTES = 1U << 20,
    MYSQL_CAN_LONG_AUTH = 1U << 21,
    MYSQL_CAN_TRACK_SESSION = 1U << 23,
    MYSQL_CAN_OMIT_EOF = 1U << 24, // CLIENT_DEPRECATE_EOF
    MYSQL_CAN_OPTIONAL_METADATA = 1U << 25,
    MYSQL_CAN_ZSTD = 1U << 26,
    MYSQL_CAN_QUERY_ATTRIBUTES = 1U << 27,
    MARIADB_CAN_EXTENDED_TYPES = 1U << 3, // of struct mysql_conn's `mariadb`
    MARIADB_CAN_CACHE_METADATA = 1U << 4,
};

enum {
    MYSQL_HEADER = 4,
    MYSQL_PACKET_MOST = 0xffffff, // a packet so long is continued by the next one
    MYSQL_NAME_MOST = 80,         // bytes kept of a user's or a database's name
    MYSQL_TEXT_MOST = 192 << 10,  // bytes kept of a statement, of values, of rows: what a document
                                  // can hold
    MYSQL_TABLES_MOST = 64,       // of one result
};

struct mysql_name {
    uint8_t len;
    uint8_t bytes[MYSQL_NAME_MOST];
};

enum mysql_sink { MYSQL_TO_NOBODY, MYSQL_TO_STATEMENT, MYSQL_TO_VALUES, MYSQL_TO_ROWS };

struct mysql_side {
    uint32_t left;       // bytes of the packet at hand still to come
    uint32_t keep;       // of those, how many `sink` wants at most
    uint32_t coded_left; // bytes of the compressed packet at hand that nobody wants
    uint8_t sink;        // enum mysql_sink: where they go
    uint8_t sequence;    // of the next packet
    bool goes_on;        // the packet at hand is continued by the next one
    bool inside;         // a packet is at hand
    bool lost;           // where packets begin is not known
    bool has_rest;       // unpacked bytes of half a packet are remembered
};

enum mysql_phase {       // what the next packet of the server is
    MYSQL_FIRST,         // the first one of an answer
    MYSQL_NEXT,          // the first one of the next result of an answer
    MYSQL_IN_COLUMNS,    // definitions; when all have come, their end, a row or the end
    MYSQL_IN_LIST,       // definitions up to an end (of a list of fields)
    MYSQL_IN_ROWS,       // rows up to an end
    MYSQL_IN_PARAMETERS, // definitions of a prepared statement
    MYSQL_AFTER_INFILE,  // the outcome, once the client has sent its file
    MYSQL_IN_LOGIN,      // more questions of a log-in, or its outcome
};

struct mysql_answer {
    uint8_t phase;          // enum mysql_phase
    uint8_t command;        // that is answered
    bool ends_result, ends; // the packet at hand is the last one of a result, of the answer
    bool may_end;           // the last answer may have one more packet, which means nothing
    bool in_second_list;    // of a prepared statement: its columns
    uint32_t columns_left;  // definitions to come
    uint32_t later_columns; // and those of the list behind them
};

struct mysql_conn {
    struct mysql_side side[2];
    struct mysql_answer answer;
    uint64_t asked, answered; // numbers of the newest question and of the newest answered one
    uint8_t newest;           // command of the newest question
    uint32_t capabilities, mariadb;
    uint32_t connection_id;
    uint32_t last_prepared; // the statement that was prepared last, and its parameters
    uint16_t last_parameters;
    bool begun;               // bytes were seen
    bool greeted, introduced; // the server's greeting, the client's log-in was seen
    bool commands;            // it is past the log-in
    bool packed;              // both sides compress
    bool zstd;                // and that is how, else zlib
    bool over;                // nobody wants the rest
    struct mysql_name user, database, version, plugin;
};

// Bytes of one side, plain or unpacked.
struct mysql_call {
    struct conn *c;
    struct mysql_conn *h;
    struct mysql_side *s;
    enum side from;
    struct transaction *t; // whose message the packet at hand is part of; NULL: nobody's
    struct span data;
    uint32_t at, begin; // where we are; up to where bytes are counted
    bool unpacked;      // then they came at
    int64_t time;
    bool over; // no more plain packets now
};

struct mysql_packet {
    uint32_t len;
    uint8_t sequence;
    struct span head; // its first bytes; all of it unless it is long
};

// ── an exchange ──

struct mysql_table {
    struct mysql_table *next;
    struct span name; // database.table
};

struct mysql_exchange {
    uint8_t command;
    bool failed;    // an error came
    bool answering; // something of the answer came
    bool known;     // the prepared statement's text
    bool executes;  // `values` are a prepared statement's
    bool counted;   // and say how many they are
    bool cursor, tls;
    bool torn;       // the row that was kept last lacks its end; none is kept behind it
    uint8_t packets; // of the question: the number of the answer's first one
    uint8_t table_count;
    uint16_t parameters; // of the prepared statement
    uint16_t error_code, status, warnings;
    uint32_t statement_id;
    uint32_t fields, results, rows_kept;
    uint64_t rows, affected_rows, insert_id;
    uint64_t infile_bytes;
    struct chain statement;  // as it was sent, or as it was prepared
    struct chain values;     // of an execution, behind the iteration count
    struct chain types;      // of the values, if they are not told again: two bytes each
    struct chain long_data;  // what was sent before (mysql_long)
    struct chain attributes; // of a query, or of the client
    struct chain columns;    // definitions (mysql_column), if rows are kept
    struct chain row_bytes;  // packets, each cut behind mysql_row_most bytes
    struct chain session;    // changes of the session's state
    struct span sqlstate, error, info, infile;
    struct mysql_table *tables;
};

// In the store of the conn, behind each other: this, the types (two bytes for each parameter), the
// text.
struct mysql_prepared {
    int64_t used; // when last
    uint16_t parameters, columns;
    bool bound; // types are known
};

enum mysql_memory { // upper half of the keys of the conn's store; the lower is the statement's id
    MYSQL_KEEPS_STATEMENT = 1,
    MYSQL_KEEPS_LONG_DATA,
    MYSQL_KEEPS_REST,    // of unpacked bytes; the lower half is the side
    MYSQL_KEEPS_COLUMNS, // of a prepared statement, if rows are kept (mysql_column)
    MYSQL_KEEPS_TABLE,   // that its first column is of
    MYSQL_KEEPS_LAST,    // the text prepared last, before its number is known
};
static inline uint64_t mysql_key(enum mysql_memory what, uint32_t id)
{
    return (uint64_t)what << 32 | id;
}

// A value sent before the statement is executed: │ parameter 2 │ kept 2 │ length 4 │ bytes
enum { MYSQL_LONG_HEAD = 8, MYSQL_LONG_KEPT = 256, MYSQL_LONG_MOST = 32 << 10 };

// A column: │ type 1 │ unsigned 1 │ length of the name 2 │ name
enum { MYSQL_COLUMN_HEAD = 4 };

// ── mysql.c ──

// A pen on scratch that is void after this call into the protocol; its start is NULL if there is no
// room.
struct pen mysql_pen(const struct mysql_call *f, size_t size);
int64_t mysql_time(const struct mysql_call *f, uint32_t at);
// Counts the bytes up to here for the transaction at hand.
void mysql_note_bytes(struct mysql_call *f);
// This side makes no sense any more: everything up to the next question is passed over.
void mysql_lose(struct mysql_call *f);
// Takes plain packets; what is left of the data was not done with.
void mysql_take(struct mysql_call *f);
// So many bytes of this side never came, or could not be unpacked.
void mysql_miss(struct mysql_call *f, uint32_t missing, bool framed);
struct mysql_exchange *mysql_exchange(const struct mysql_call *f); // NULL: none
// Adds to a chain as long as it has room for what a document shows.
void mysql_keep(const struct mysql_call *f, struct chain *to, struct span bytes);
void mysql_name_set(struct mysql_name *name, struct span bytes);
static inline struct span mysql_name(const struct mysql_name *name)
{
    return span_of(name->bytes, name->len);
}
static inline uint32_t mysql_le24(struct reader *r)
{
    return __builtin_bswap32(reader_be24(r)) >> 8;
}
// Is this the beginning of a command, as a client sends it after an answer?
bool mysql_is_command(struct span data);

// ── mysql_login.c ──

bool mysql_is_greeting(struct span data);
void mysql_greet(struct mysql_call *f, const struct mysql_packet *p);
void mysql_log_in(struct mysql_call *f, const struct mysql_packet *p);
bool mysql_is_log_in(const struct mysql_packet *p);
void mysql_change_user(struct mysql_call *f, const struct mysql_packet *p);

// ── mysql_ask.c, mysql_answer.c ──

#define MYSQL_LAST_PREPARED UINT32_MAX // as the number of a statement; MariaDB only

// May a client's packet with this header and first byte be one?
bool mysql_may_ask(const struct mysql_call *f, const struct mysql_packet *p, uint8_t first);
// Bytes of a packet that must be there before it is looked at.
uint32_t mysql_ask_wants(const struct mysql_call *f, uint32_t len);
void mysql_ask(struct mysql_call *f, const struct mysql_packet *p);
void mysql_ask_ends(struct mysql_call *f); // its last packet is over
// Opens the transaction of a question that begins with this packet.
void mysql_open(struct mysql_call *f, const struct mysql_packet *p, uint8_t command);

// `first` is the first byte of the packet.
uint32_t mysql_answer_wants(const struct mysql_call *f, uint32_t len, uint8_t first);
void mysql_answer(struct mysql_call *f, const struct mysql_packet *p);
void mysql_answer_packet_ends(struct mysql_call *f);
// Bytes of a row's packet that are kept.
uint32_t mysql_row_most(const struct mysql_settings *s, const struct mysql_exchange *x);

// ── mysql_unpack.c ──

// Unpacks what is there of compressed packets and takes it; how many bytes of `data` are done with.
uint32_t mysql_unpack(struct mysql_call *f, struct span data);
bool mysql_is_packed_command(struct span data);
void mysql_forget_rest(struct mysql_call *f);

// ── mysql_values.c ──

// A length-encoded number; UINT64_MAX and a failed reader: none. NULL (0xfb) fails too.
uint64_t mysql_number(struct reader *r);
struct span mysql_string(struct reader *r);

// True if values of that type are length-encoded texts.
bool mysql_is_text(uint8_t type);
// A value in the binary form, as text. `style`: as the reference writes it, or plainly. False: a
// type that is not known, or cut.
enum mysql_style { MYSQL_PLAIN, MYSQL_AS_REFERENCE };
bool mysql_put_value(struct pen *pen, struct reader *r, uint8_t type, bool is_unsigned,
                     enum mysql_style style);

// Values with their types in front of them, as executions and query attributes have them.
struct mysql_values {
    struct span nulls;
    struct reader types, values;
    uint32_t count, next;
    bool named;
};
struct mysql_value {
    struct span name;
    uint8_t type;
    bool is_unsigned, is_null;
};
// `types`: those known from before, unless the bytes tell them anew. False: they are not known, or
// nothing is there.
bool mysql_values_begin(struct mysql_values *v, struct span bytes, uint32_t count, bool named,
                        struct span types);
// False: there are no more.
bool mysql_values_next(struct mysql_values *v, struct mysql_value *value);

// ── mysql_publish.c ──

bool mysql_publish(const struct conn *c, const struct transaction *t, struct event *e);
