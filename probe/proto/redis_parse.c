// SPDX-License-Identifier: Apache-2.0
// From bytes to tokens. A value that is neither long nor cut comes as one token; a long one comes
// in pieces, so nothing waits for the end of a value of any size.

#include "probe/proto/redis_parse.h"

#include "pipeline/base/text.h"
#include "probe/proto/redis_commands.h"

enum {
    HEADER = 24,    // bytes of a line that holds a number only
    BULK_MOST = 40, // bits of a length
    STREAMED = -2,
    NOTHING = -1,
    BAD = -3, // numbers of a header that are none
};

static bool is_aggregate(uint8_t type)
{
    return type == '*' || type == '~' || type == '>' || type == '%' || type == '|';
}

static bool is_bulk(uint8_t type)
{
    return type == '$' || type == '=' || type == '!';
}

static bool is_line(uint8_t type)
{
    return type == '+' || type == '-' || type == ':' || type == ',' || type == '#' || type == '(' ||
           type == '_';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// ── headers ──

// The digits of a header line, up to its end; STREAMED for "?", NOTHING for "-1".
static int64_t header_number(struct span digits)
{
    int64_t number = 0;
    if (digits.len == 1 && digits.at[0] == '?')
        return STREAMED;
    if (digits.len == 2 && digits.at[0] == '-' && digits.at[1] == '1')
        return NOTHING;
    if (!digits.len || digits.len > 12)
        return BAD;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.at[i]))
            return BAD;
        number = 10 * number + (digits.at[i] - '0');
    }
    return number >> BULK_MOST ? BAD : number;
}

// The number of a line that holds nothing else. How long the line is with its end; 0: it is not
// whole (`*number` is BAD if it will never be).
static size_t header_line(struct span data, int64_t *number)
{
    // Most numbers have one digit.
    if (data.len >= 4 && is_digit(data.at[1]) && data.at[2] == '\r' && data.at[3] == '\n') {
        *number = data.at[1] - '0';
        return 4;
    }
    ptrdiff_t end = span_find(span_first(data, HEADER), '\n');
    *number = data.len >= HEADER ? BAD : 0;
    if (end < 0)
        return 0;
    *number = end >= 2 && data.at[end - 1] == '\r'
                  ? header_number(span_of(data.at + 1, (size_t)end - 2))
                  : BAD;
    return (size_t)end + 1;
}

size_t redis_header(struct span data, uint8_t *type, int64_t *number)
{
    size_t len = data.len ? header_line(data, number) : 0;
    *type = data.len ? data.at[0] : 0;
    if (!len || *number == BAD || !(is_aggregate(*type) || is_bulk(*type)))
        return 0;
    if (*number < 0)
        *number = -1;
    return len;
}

// ── what is open ──

// The token is all of a value: the aggregates that are complete now are closed. An attribute is no
// value of the aggregate around it.
static void close_behind(struct redis_parser *p, struct redis_token *t)
{
    bool attribute = false;
    while (p->depth && !attribute) {
        p->open[p->depth - 1].index++;
        if (p->open[p->depth - 1].left == REDIS_UNTIL_END || --p->open[p->depth - 1].left)
            break;
        p->depth--;
        t->closed++;
        attribute = p->open[p->depth].type == '|';
        p->asides = (uint8_t)(p->asides - attribute);
    }
    t->last = !p->depth && !attribute;
}

static void place_token(const struct redis_parser *p, struct redis_token *t)
{
    if (!p->depth)
        return;
    t->in = p->open[p->depth - 1].type;
    t->index = p->open[p->depth - 1].index;
    t->aside = p->asides;
}

// Further in than the ceiling: its values count as those of the aggregate around it.
static bool flatten(struct redis_parser *p, struct redis_token *t, bool streamed)
{
    uint64_t *left = &p->open[REDIS_DEPTH - 1].left;
    if (streamed || *left > REDIS_UNTIL_END / 4)
        return false;
    t->flat = true;
    *left += t->count;
    if (t->type != '|')
        close_behind(p, t);
    return true;
}

static enum redis_step open_aggregate(struct redis_parser *p, struct redis_token *t, int64_t number)
{
    bool pairs = t->type == '%' || t->type == '|', streamed = number == STREAMED;
    t->count = streamed ? REDIS_UNTIL_END : (uint64_t)number << pairs;
    t->aside |= t->type == '|';
    if (!t->count) {
        if (t->type != '|')
            close_behind(p, t);
        return REDIS_OPEN;
    }
    if (p->depth == REDIS_DEPTH)
        return flatten(p, t, streamed) ? REDIS_OPEN : REDIS_BROKEN;
    p->open[p->depth].type = t->type;
    p->open[p->depth].index = 0;
    p->open[p->depth].left = t->count;
    p->depth++;
    p->asides = (uint8_t)(p->asides + (t->type == '|'));
    return REDIS_OPEN;
}

static enum redis_step close_streamed(struct redis_parser *p, struct span data,
                                      struct redis_token *t)
{
    if (data.len < 3)
        return REDIS_MORE;
    if (data.at[1] != '\r' || data.at[2] != '\n' || !p->depth ||
        p->open[p->depth - 1].left != REDIS_UNTIL_END)
        return REDIS_BROKEN;
    t->bytes = 3;
    p->open[p->depth - 1].left = 1;
    close_behind(p, t);
    return REDIS_CLOSE;
}

// ── values with a length ──

static enum redis_step end_value(struct redis_parser *p, struct redis_token *t)
{
    t->ends = true;
    p->type = 0;
    p->streamed = false;
    close_behind(p, t);
    return REDIS_VALUE;
}

// "txt:" in front of a verbatim text tells its format.
static void skip_format(struct redis_token *t)
{
    if (t->type == '=' && t->begins && t->text.len >= 4 && t->text.at[3] == ':')
        t->text = span_skip(t->text, 4);
}

// All of a value is in hand: `at` is where it begins.
static enum redis_step whole_value(struct redis_parser *p, struct span data, size_t at, size_t len,
                                   struct redis_token *t)
{
    const uint8_t *end = data.at + at + len;
    if (end[0] != '\r' || end[1] != '\n')
        return REDIS_BROKEN;
    t->text = span_of(data.at + at, len);
    t->bytes = (uint32_t)(at + len + 2);
    t->begins = t->ends = true;
    skip_format(t);
    close_behind(p, t);
    return REDIS_VALUE;
}

static enum redis_step begin_value(struct redis_parser *p, struct span data, size_t at,
                                   int64_t number, struct redis_token *t)
{
    if (number == NOTHING) {
        t->type = '_';
        t->bytes = (uint32_t)at;
        t->begins = t->ends = true;
        close_behind(p, t);
        return REDIS_VALUE;
    }
    if (number >= 0 && data.len - at >= (size_t)number + 2)
        return whole_value(p, data, at, (size_t)number, t);
    if (number >= 0 && number <= REDIS_WHOLE)
        return REDIS_MORE;
    p->type = t->type;
    p->streamed = number == STREAMED;
    p->left = p->streamed ? 0 : (uint64_t)number;
    p->framed = !p->streamed;
    t->begins = true;
    t->text = span_first(span_skip(data, at), p->left);
    t->bytes = (uint32_t)(at + t->text.len);
    p->left -= t->text.len;
    skip_format(t);
    return REDIS_VALUE;
}

// The length of the next piece of a streamed value; none: it ends.
static enum redis_step next_length(struct redis_parser *p, struct span data, struct redis_token *t)
{
    int64_t number;
    size_t len = header_line(data, &number);
    if (number < 0 || data.at[0] != ';')
        return REDIS_BROKEN;
    if (!len)
        return REDIS_MORE;
    t->bytes = (uint32_t)len;
    p->left = (uint64_t)number;
    p->framed = number;
    return number ? REDIS_VALUE : end_value(p, t);
}

static enum redis_step go_on(struct redis_parser *p, struct span data, struct redis_token *t)
{
    t->type = p->type;
    place_token(p, t);
    if (p->left) {
        t->text = span_first(data, p->left);
        t->bytes = (uint32_t)t->text.len;
        p->left -= t->text.len;
        return REDIS_VALUE;
    }
    if (!p->framed)
        return next_length(p, data, t);
    if (data.len < 2)
        return REDIS_MORE;
    if (data.at[0] != '\r' || data.at[1] != '\n')
        return REDIS_BROKEN;
    t->bytes = 2;
    p->framed = false;
    return p->streamed ? REDIS_VALUE : end_value(p, t);
}

// ── lines ──

// A line, or, if it is long, a piece of it that does not end with half a line end.
static enum redis_step take_line(struct redis_parser *p, struct span data, size_t seen,
                                 struct redis_token *t)
{
    size_t from = p->type ? 0 : 1, known = seen > from ? seen - 1 : 0;
    t->type = p->type ? p->type : data.at[0];
    t->begins = !p->type;
    place_token(p, t);
    ptrdiff_t end = span_find(span_skip(data, known), '\n');
    if (end >= 0) {
        size_t len = known + (size_t)end;
        if (len < from + 1 || data.at[len - 1] != '\r')
            return REDIS_BROKEN;
        t->text = span_of(data.at + from, len - 1 - from);
        t->bytes = (uint32_t)len + 1;
        return end_value(p, t);
    }
    if (data.len < REDIS_LINE)
        return REDIS_MORE;
    p->type = t->type;
    t->text = span_of(data.at + from, data.len - 1 - from);
    t->bytes = (uint32_t)data.len - 1;
    return REDIS_VALUE;
}

// ── tokens ──

static enum redis_step begin(struct redis_parser *p, struct span data, struct redis_token *t)
{
    int64_t number;
    t->type = data.at[0];
    place_token(p, t);
    if (t->type == '.')
        return close_streamed(p, data, t);
    if (!is_bulk(t->type) && !is_aggregate(t->type))
        return REDIS_BROKEN;
    size_t len = header_line(data, &number);
    if (number == BAD)
        return REDIS_BROKEN;
    if (!len)
        return REDIS_MORE;
    if (is_bulk(t->type) || number == NOTHING)
        return begin_value(p, data, len, number, t);
    t->bytes = (uint32_t)len;
    return open_aggregate(p, t, number);
}

enum redis_step redis_next(struct redis_parser *p, struct span data, size_t seen,
                           struct redis_token *token)
{
    *token = (struct redis_token){0};
    if (!data.len)
        return REDIS_MORE;
    if (p->type ? is_line(p->type) : is_line(data.at[0]))
        return take_line(p, data, seen, token);
    return p->type ? go_on(p, data, token) : begin(p, data, token);
}

bool redis_gap(struct redis_parser *p, uint32_t missing)
{
    if (p->type && !is_line(p->type) && missing <= p->left) {
        p->left -= missing;
        return true;
    }
    *p = (struct redis_parser){0};
    return false;
}

// ── guesses ──

// A header of that type whose number lies between; its length, 0: it is not there (yet).
static size_t begins_header(struct span data, uint8_t wanted, int64_t most, int64_t *number,
                            enum redis_guess *guess)
{
    uint8_t type;
    size_t len = redis_header(data, &type, number);
    if (len && type == wanted && *number > 0 && *number <= most)
        return len;
    bool unfinished =
        (!data.len || data.at[0] == wanted) && data.len < HEADER && span_find(data, '\n') < 0;
    *guess = unfinished ? REDIS_PERHAPS : REDIS_NO;
    return 0;
}

static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    return true;
}

enum redis_guess redis_begins_question(struct span data, struct span *name)
{
    enum redis_guess guess = REDIS_NO;
    int64_t number;
    size_t at = begins_header(data, '*', REDIS_ARGUMENTS, &number, &guess);
    if (!at)
        return guess;
    data = span_skip(data, at);
    at = begins_header(data, '$', REDIS_NAME, &number, &guess);
    if (!at)
        return guess;
    data = span_skip(data, at);
    *name = span_first(data, (size_t)number);
    if (!is_name(*name))
        return REDIS_NO;
    return name->len < (size_t)number ? REDIS_PERHAPS : REDIS_YES;
}

static bool is_text(struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.at[i] < ' ' || line.at[i] == 0x7f)
            return false;
    return true;
}

static bool is_number(struct span text)
{
    if (text.len && text.at[0] == '-')
        text = span_skip(text, 1);
    uint64_t number;
    return span_number(text, &number);
}

static bool is_upper(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z';
}

enum redis_guess redis_begins_answer(struct span data)
{
    enum { ENOUGH = 256 };
    uint8_t type = data.len ? data.at[0] : 0;
    int64_t number;
    ptrdiff_t end = span_find(data, '\n');
    if (data.len && !is_line(type) && !is_aggregate(type) && !is_bulk(type))
        return REDIS_NO;
    if (end < 0)
        return data.len < ENOUGH ? REDIS_PERHAPS : REDIS_NO;
    if (end < 2 || data.at[end - 1] != '\r')
        return REDIS_NO;
    struct span text = span_of(data.at + 1, (size_t)end - 2);
    bool fits = false;
    if (!is_line(type))
        fits = redis_header(data, &type, &number);
    else if (type == '_')
        fits = !text.len;
    else if (type == '#')
        fits = text.len == 1 && (text.at[0] == 't' || text.at[0] == 'f');
    else if (type == ':' || type == '(')
        fits = is_number(text);
    else
        fits = text.len && is_text(text) && (type != '-' || is_upper(text.at[0]));
    return fits ? REDIS_YES : REDIS_NO;
}

// ── questions without RESP ──

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == '\v' ||
           byte == '\f';
}

// What stands behind a backslash between double quotes; how many bytes it takes.
static size_t unescape(struct span s, uint8_t *to)
{
    static const char from[] = "nrtba", into[] = "\n\r\t\b\a";
    if (s.len >= 3 && s.at[0] == 'x' && text_hex_digit(s.at[1]) >= 0 &&
        text_hex_digit(s.at[2]) >= 0) {
        *to = (uint8_t)(text_hex_digit(s.at[1]) << 4 | text_hex_digit(s.at[2]));
        return 3;
    }
    const char *known = s.at[0] ? strchr(from, s.at[0]) : NULL;
    *to = known ? (uint8_t)into[known - from] : s.at[0];
    return 1;
}

// Between quotes that begin in front of `s`: bytes taken with the closing one, 0: there is none.
static size_t quoted(struct span s, uint8_t quote, uint8_t *to, size_t *len)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == quote)
            return i + 1;
        if (s.at[i] == '\\' && i + 1 < s.len && quote == '"') {
            i += unescape(span_skip(s, i + 1), &to[*len]);
        } else if (s.at[i] == '\\' && i + 1 < s.len && s.at[i + 1] == quote) {
            to[*len] = s.at[++i];
        } else {
            to[*len] = s.at[i];
        }
        ++*len;
    }
    return 0;
}

bool redis_word(struct span *line, uint8_t *to, struct span *word, bool *bad)
{
    size_t at = 0, len = 0;
    while (at < line->len && is_blank(line->at[at]))
        at++;
    *line = span_skip(*line, at);
    at = 0;
    while (at < line->len && !is_blank(line->at[at])) {
        uint8_t byte = line->at[at++];
        if (byte != '"' && byte != '\'') {
            to[len++] = byte;
            continue;
        }
        size_t taken = quoted(span_skip(*line, at), byte, to, &len);
        at += taken;
        *bad = !taken || (at < line->len && !is_blank(line->at[at]));
        if (*bad)
            return false;
    }
    *word = span_of(to, len);
    *line = span_skip(*line, at);
    return at > 0;
}
