// SPDX-License-Identifier: Apache-2.0
// The lexer looks at each byte once. Whoever wants tokens stops at each; whoever wants the end of a
// statement only steps over them.

#include "probe/proto/sql.h"

enum { TABLE_WITHIN = 4096, VERB_WITHIN = 4096 };

// ── characters ──

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool begins_word(uint8_t c)
{
    uint8_t letter = c | 0x20;
    return (letter >= 'a' && letter <= 'z') || c == '_' || c == '@' || c >= 0x80;
}

static bool is_in_word(uint8_t c)
{
    return begins_word(c) || is_digit(c) || c == '$';
}

static uint8_t byte_at(struct span s, size_t at)
{
    return at < s.len ? s.at[at] : 0;
}

// ── how long a token is; all of the text if it has no end ──

// From the opening quote; a doubled quote does not end it.
static size_t quoted(struct span s, size_t at, bool backslashes)
{
    uint8_t quote = s.at[at++];
    while (at < s.len) {
        uint8_t c = s.at[at++];
        if (c == '\\' && backslashes)
            at++;
        else if (c == quote && byte_at(s, at) == quote)
            at++;
        else if (c == quote)
            return at;
    }
    return s.len;
}

static size_t line(struct span s)
{
    ptrdiff_t end = span_find(s, '\n');
    return end < 0 ? s.len : (size_t)end + 1;
}

static size_t block_comment(struct span s, bool nested)
{
    unsigned depth = 1;
    size_t at = 2;
    while (at < s.len && depth) {
        uint8_t c = s.at[at], next = byte_at(s, at + 1);
        bool opens = nested && c == '/' && next == '*', closes = c == '*' && next == '/';
        depth += opens;
        depth -= closes;
        at += opens || closes ? 2 : 1;
    }
    return at < s.len ? at : s.len;
}

// The mark that opens an executed comment, with its version: /*! /*!50100 /*M! /*M!100100.
static size_t executed_mark(struct span s)
{
    size_t at = byte_at(s, 2) == 'M' ? 3 : 2;
    if (byte_at(s, at) != '!')
        return 0;
    for (at++; is_digit(byte_at(s, at)); at++)
        ;
    return at;
}

// Of a comment or white space; 0: it is neither.
static size_t comment(struct span s, unsigned dialect)
{
    uint8_t c = s.at[0], next = byte_at(s, 1);
    if (c == '#' && (dialect & SQL_HASH_COMMENTS))
        return line(s);
    if (c == '-' && next == '-' &&
        (!(dialect & SQL_DASHES_SPACED) || s.len == 2 || is_space(s.at[2])))
        return line(s);
    if (c == '*' && next == '/' && (dialect & SQL_EXECUTED_COMMENTS))
        return 2; // closes what was executed
    if (c != '/' || next != '*')
        return 0;
    size_t mark = dialect & SQL_EXECUTED_COMMENTS ? executed_mark(s) : 0;
    return mark ? mark : block_comment(s, dialect & SQL_NESTED_COMMENTS);
}

static size_t spaces(struct span s)
{
    size_t at = 0;
    while (at < s.len && is_space(s.at[at]))
        at++;
    return at;
}

static size_t word(struct span s)
{
    size_t at = 1;
    while (at < s.len && is_in_word(s.at[at]))
        at++;
    return at;
}

// 12, 1.5, 1e-3, 0xff, .5
static size_t number(struct span s)
{
    size_t at = 1;
    bool hex = s.at[0] == '0' && (byte_at(s, 1) | 0x20) == 'x';
    while (at < s.len) {
        uint8_t c = s.at[at];
        bool exponent = !hex && (s.at[at - 1] | 0x20) == 'e' && (c == '-' || c == '+');
        if (!is_in_word(c) && c != '.' && !exponent)
            break;
        at++;
    }
    return at;
}

// $tag$ … $tag$; 0: it is none.
static size_t dollar_quoted(struct span s)
{
    size_t at = 1;
    if (begins_word(byte_at(s, at)))
        while (is_in_word(byte_at(s, at)) && s.at[at] != '$')
            at++;
    if (byte_at(s, at) != '$')
        return 0;
    struct span tag = span_first(s, at + 1);
    ptrdiff_t end = span_find_span(span_skip(s, tag.len), tag);
    return end < 0 ? s.len : tag.len + (size_t)end + tag.len;
}

// A letter right before a quote belongs to the string: E'', X'', B'', N'', U&''.
static size_t prefixed(struct span s, unsigned dialect)
{
    uint8_t c = s.at[0] | 0x20;
    size_t at = c == 'u' && byte_at(s, 1) == '&' ? 2 : 1;
    if (byte_at(s, at) != '\'' || !(c == 'e' || c == 'x' || c == 'b' || c == 'n' || c == 'u'))
        return 0;
    bool escapes =
        c == 'e' ? dialect & (SQL_ESCAPE_STRINGS | SQL_BACKSLASHES) : dialect & SQL_BACKSLASHES;
    return quoted(s, at, escapes);
}

// ── tokens ──

static enum sql_kind quoted_token(struct span s, unsigned dialect, size_t *len)
{
    bool is_string = s.at[0] == '\'' || (s.at[0] == '"' && (dialect & SQL_DOUBLE_STRINGS));
    *len = quoted(s, 0, is_string && (dialect & SQL_BACKSLASHES));
    return is_string ? SQL_STRING : SQL_NAME;
}

static enum sql_kind worded_token(struct span s, unsigned dialect, size_t *len)
{
    *len = prefixed(s, dialect);
    if (*len)
        return SQL_STRING;
    *len = word(s);
    return SQL_WORD;
}

static enum sql_kind dollar_token(struct span s, unsigned dialect, size_t *len)
{
    *len = 1;
    if (is_digit(byte_at(s, 1))) {
        *len = number(s);
        return SQL_PARAMETER;
    }
    size_t string = dialect & SQL_DOLLAR_QUOTES ? dollar_quoted(s) : 0;
    if (!string)
        return SQL_SIGN;
    *len = string;
    return SQL_STRING;
}

// What begins with this character, and how long it is.
static enum sql_kind measure(struct span s, unsigned dialect, size_t *len)
{
    uint8_t c = s.at[0];
    *len = spaces(s);
    if (*len)
        return SQL_SPACE;
    if (begins_word(c))
        return worded_token(s, dialect, len);
    if (is_digit(c) || (c == '.' && is_digit(byte_at(s, 1)))) {
        *len = number(s);
        return SQL_NUMBER;
    }
    if (c == '\'' || c == '"' || (c == '`' && (dialect & SQL_BACKTICKS)))
        return quoted_token(s, dialect, len);
    if (c == '$')
        return dollar_token(s, dialect, len);
    *len = comment(s, dialect);
    if (*len)
        return SQL_COMMENT;
    *len = 1;
    return c == '?' ? SQL_PARAMETER : SQL_SIGN;
}

enum sql_kind sql_token(struct span *rest, unsigned dialect, struct span *token)
{
    size_t len = 0;
    *token = span_first(*rest, 0);
    if (!rest->len)
        return SQL_END;
    enum sql_kind kind = measure(*rest, dialect, &len);
    *token = span_first(*rest, len);
    *rest = span_skip(*rest, len);
    return kind;
}

// ── statements ──

struct span sql_trim(struct span s)
{
    s = span_skip(s, spaces(s));
    while (s.len && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

// What a ';' may stand in without ending the statement: brackets (rules), and the body of a
// function between BEGIN ATOMIC and its END, where CASE has an END of its own.
struct nest {
    unsigned brackets, blocks;
    bool begins; // the last word was BEGIN
};

static void nest_token(struct nest *n, enum sql_kind kind, struct span token)
{
    if (kind == SQL_SIGN) {
        n->brackets += token.at[0] == '(';
        n->brackets -= token.at[0] == ')' && n->brackets;
    } else if (kind == SQL_WORD) {
        bool atomic = n->begins && span_is_nocase(token, (struct span)SPAN("atomic"));
        bool opens = n->blocks && span_is_nocase(token, (struct span)SPAN("case"));
        bool closes = n->blocks && span_is_nocase(token, (struct span)SPAN("end"));
        n->blocks += atomic || opens;
        n->blocks -= closes;
        n->begins = span_is_nocase(token, (struct span)SPAN("begin"));
    }
}

bool sql_statement(struct span *rest, unsigned dialect, struct span *statement)
{
    struct span token;
    struct nest nest = {0};
    const uint8_t *begin = rest->at;
    bool says = false; // something beside comments
    for (;;) {
        enum sql_kind kind = sql_token(rest, dialect, &token);
        bool ends = kind == SQL_SIGN && token.at[0] == ';' && !nest.brackets && !nest.blocks;
        if (kind != SQL_END && !ends) {
            says |= kind != SQL_SPACE && kind != SQL_COMMENT;
            if (dialect & SQL_NESTED_BODIES)
                nest_token(&nest, kind, token);
            continue;
        }
        *statement = sql_trim(span_of(begin, begin ? (size_t)(token.at - begin) : 0));
        if (says || kind == SQL_END)
            return says;
        begin = rest->at;
    }
}

struct span sql_verb(struct span statement, unsigned dialect)
{
    struct span rest = span_first(statement, VERB_WITHIN), token;
    for (;;) {
        enum sql_kind kind = sql_token(&rest, dialect, &token);
        if (kind == SQL_WORD)
            return token;
        bool opens = kind == SQL_SIGN && token.at[0] == '(';
        if (kind != SQL_SPACE && kind != SQL_COMMENT && !opens)
            return span_first(token, 0);
    }
}

// ── tables ──

// A list of words ends with an empty one.
static bool is_any(struct span token, const struct span *words)
{
    for (; words->len; words++)
        if (token.len == words->len && span_is_nocase(token, *words))
            return true;
    return false;
}

static enum sql_kind next_telling(struct span *rest, unsigned dialect, struct span *token)
{
    enum sql_kind kind;
    do
        kind = sql_token(rest, dialect, token);
    while (kind == SQL_SPACE || kind == SQL_COMMENT);
    return kind;
}

static bool is_name(enum sql_kind kind)
{
    return kind == SQL_WORD || kind == SQL_NAME;
}

// A name with what stands before its dots: `first` is its first part.
static struct span dotted(struct span first, struct span rest, unsigned dialect)
{
    struct span whole = first, token;
    while (rest.len && rest.at[0] == '.') {
        rest = span_skip(rest, 1);
        if (!is_name(sql_token(&rest, dialect, &token)))
            break;
        whole.len = (size_t)(token.at - whole.at) + token.len;
    }
    return whole;
}

struct span sql_table(struct span statement, unsigned dialect)
{
    static const struct span leads[] = {SPAN("from"), SPAN("into"), SPAN("update"), SPAN("table"),
                                        SPAN("join"), SPAN("copy"), {NULL, 0}};
    static const struct span between[] = {SPAN("if"),   SPAN("not"),          SPAN("exists"),
                                          SPAN("only"), SPAN("low_priority"), SPAN("ignore"),
                                          SPAN("for"),  SPAN("delayed"),      {NULL, 0}};
    struct span rest = span_first(statement, TABLE_WITHIN), token;
    enum sql_kind kind;
    while ((kind = next_telling(&rest, dialect, &token)) != SQL_END) {
        if (kind != SQL_WORD || !is_any(token, leads))
            continue;
        do
            kind = next_telling(&rest, dialect, &token);
        while (kind == SQL_WORD && (is_any(token, between) || is_any(token, leads)));
        if (is_name(kind))
            return dotted(token, rest, dialect);
    }
    return span_first(statement, 0);
}

// ── what should not be shown ──

static const struct span secret_words[] = {
    SPAN("password"), SPAN("identified"),      SPAN("old_password"),    SPAN("passphrase"),
    SPAN("secret"),   SPAN("master_password"), SPAN("source_password"), {NULL, 0}};

bool sql_may_hold_password(struct span statement)
{
    static const struct span parts[] = {SPAN("password"), SPAN("identified"), SPAN("passphrase"),
                                        SPAN("secret")};
    // what follows the first letter of each of them
    static const uint8_t second[256] = {
        ['p'] = 'a', ['P'] = 'a', ['i'] = 'd', ['I'] = 'd', ['s'] = 'e', ['S'] = 'e'};
    for (size_t i = 0; i + 1 < statement.len; i++) {
        uint8_t next = second[statement.at[i]];
        if (!next || (statement.at[i + 1] | 0x20) != next)
            continue;
        for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
            if (span_is_nocase(span_first(span_skip(statement, i), parts[n].len), parts[n]))
                return true;
    }
    return false;
}

// Between a word of secrets and the secret itself may stand a few words (BY, AS, FOR, WITH plugin)
// and signs, but no other clause.
enum { SECRET_WITHIN = 12 };

void sql_hide(struct pen *pen, struct span statement, unsigned dialect, bool hide_all)
{
    struct span token;
    enum sql_kind kind;
    unsigned secret = 0; // tokens within which a literal is one
    while ((kind = sql_token(&statement, dialect, &token)) != SQL_END) {
        if (kind == SQL_WORD && is_any(token, secret_words))
            secret = SECRET_WITHIN;
        else if (secret && kind != SQL_SPACE)
            secret--;
        if (hide_all && (kind == SQL_STRING || kind == SQL_NUMBER))
            pen_byte(pen, '?');
        else if (secret && kind == SQL_STRING)
            pen_raw(pen, (struct span)SPAN("'xxxxx'"));
        else
            pen_raw(pen, token);
    }
}
