// SPDX-License-Identifier: Apache-2.0
// Most values go as they are, in one piece; the others byte by byte through a small place.

#include "probe/proto/csv.h"

// Bytes that a value cannot hold as it is.
static const bool special[256] = {[','] = true, ['"'] = true, ['\n'] = true, ['\r'] = true};

static bool is_plain(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (special[value.at[i]])
            return false;
    return true;
}

// Line ends need no quotes once they are letters.
static bool needs_quotes(struct span value)
{
    return span_find(value, ',') >= 0 || span_find(value, '"') >= 0 ||
           (value.len && (value.at[0] == ' ' || value.at[0] == '\t')) ||
           span_is(value, (struct span)SPAN("\\."));
}

static void add_escaped(struct transaction *t, struct chain *to, struct span value)
{
    uint8_t piece[256];
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        if (c == '\n' || c == '\r' || c == '"')
            piece[len++] = c == '"' ? '"' : '\\';
        piece[len++] = c == '\n' ? 'n' : c == '\r' ? 'r' : c;
        if (len + 2 > sizeof piece) {
            transaction_append(t, to, span_of(piece, len));
            len = 0;
        }
    }
    transaction_append(t, to, span_of(piece, len));
}

void csv_value(struct transaction *t, struct chain *to, bool first, struct span value)
{
    static const struct span quote = SPAN("\"");
    if (!first)
        transaction_append(t, to, (struct span)SPAN(","));
    bool quotes = needs_quotes(value);
    if (quotes)
        transaction_append(t, to, quote);
    if (is_plain(value))
        transaction_append(t, to, value);
    else
        add_escaped(t, to, value);
    if (quotes)
        transaction_append(t, to, quote);
}

void csv_end_line(struct transaction *t, struct chain *to)
{
    transaction_append(t, to, (struct span)SPAN("\n"));
}
