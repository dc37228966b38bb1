// SPDX-License-Identifier: Apache-2.0
// SQL as far as a probe needs it: where a statement ends, what it does, to which table, and what in
// it should not be shown. A lexer, not a grammar: it knows quotes and comments of the dialects, and
// never fails; what is cut or broken ends with the text. Everything is a view on the caller's text.
#pragma once

#include "pipeline/base/json.h"
#include "pipeline/base/span.h"

// What a dialect has beside 'strings', "quotes", -- and /* */ comments.
enum sql_flag {
    SQL_BACKSLASHES = 1,         // \' does not end a 'string' (nor a "string")
    SQL_ESCAPE_STRINGS = 2,      // \' does not end an E'string' (PostgreSQL)
    SQL_BACKTICKS = 4,           // `name`
    SQL_DOUBLE_STRINGS = 8,      // "…" is a string, not a name (MySQL without ANSI_QUOTES)
    SQL_DOLLAR_QUOTES = 16,      // $$string$$, $tag$string$tag$ (PostgreSQL)
    SQL_NESTED_COMMENTS = 32,    // /* /* */ */ is one comment (PostgreSQL)
    SQL_HASH_COMMENTS = 64,      // # to the end of the line (MySQL)
    SQL_DASHES_SPACED = 128,     // "--" is a comment only before white space or the end (MySQL)
    SQL_EXECUTED_COMMENTS = 256, // what stands in /*! */ and /*M! */ is executed (MySQL, MariaDB)
    SQL_NESTED_BODIES = 512 // ; in brackets and in BEGIN ATOMIC … END ends nothing (PostgreSQL)
};

enum sql_dialect {
    SQL_OF_MYSQL = SQL_BACKSLASHES | SQL_BACKTICKS | SQL_DOUBLE_STRINGS | SQL_HASH_COMMENTS |
                   SQL_DASHES_SPACED | SQL_EXECUTED_COMMENTS,
    SQL_OF_PGSQL = SQL_ESCAPE_STRINGS | SQL_DOLLAR_QUOTES | SQL_NESTED_COMMENTS | SQL_NESTED_BODIES,
};

enum sql_kind {
    SQL_END,     // nothing is left
    SQL_SPACE,   // white space
    SQL_COMMENT, // with its marks
    SQL_WORD,    // a key word or a name without quotes
    SQL_NAME,    // a quoted name, with its quotes
    SQL_STRING,  // with its quotes, and what stands before them (E'', X'', $tag$)
    SQL_NUMBER,
    SQL_PARAMETER, // ? $1
    SQL_SIGN,      // one other character
};

// Cuts the next token off `*rest`. Of a comment that is executed only its marks are a comment.
// `dialect` is any combination of enum sql_flag, here and below.
enum sql_kind sql_token(struct span *rest, unsigned dialect, struct span *token);

// Cuts the next statement, without white space around it and without its ';', off `*rest`.
// Statements of white space and comments alone are passed over. False: there are no more.
bool sql_statement(struct span *rest, unsigned dialect, struct span *statement);

// Without white space around it.
struct span sql_trim(struct span text);

// The first word, as it is written: behind comments and opening brackets. Empty: there is none.
struct span sql_verb(struct span statement, unsigned dialect);

// The first table that a statement names behind FROM, INTO, UPDATE, TABLE, JOIN or COPY, with its
// quotes and its schema, as it is written ("a"."b"). Looks at the first few KiB only. Empty: none.
struct span sql_table(struct span statement, unsigned dialect);

// Writes the inside of a statement without what should not be shown: literals as ? (`hide_all`), or
// only those that are passwords ('xxxxx' behind IDENTIFIED BY, PASSWORD and the like). The pen
// needs room for SQL_HIDDEN bytes: a password may be as short as ''.
#define SQL_HIDDEN(length) (4 * (length) + 8)
void sql_hide(struct pen *pen, struct span statement, unsigned dialect, bool hide_all);
// True if sql_hide without `hide_all` might change anything: a cheap test that most statements
// fail.
bool sql_may_hold_password(struct span statement);
