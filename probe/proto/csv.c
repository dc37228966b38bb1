// SPDX-License-Identifier: Apache-2.0
// Most values go as they are, in one piece; the others byte by byte.

#include "probe/proto/csv.h"

static const struct span comma = SPAN(","), quote = SPAN("\"");

enum { QUOTES = 1, CHANGE = 2 }; // what the bytes of a value ask for

static unsigned needs_of(struct span value)
{
    static const uint8_t needs[256] = {
        [','] = QUOTES, ['"'] = QUOTES | CHANGE, ['\n'] = CHANGE, ['\r'] = CHANGE};
    bool blank = value.len && (value.at[0] == ' ' || value.at[0] == '\t');
    unsigned all = blank || span_is(value, (struct span)SPAN("\\.")) ? QUOTES : 0;
    for (size_t i = 0; i < value.len; i++)
        all |= needs[value.at[i]];
    return all;
}

// Line ends need no quotes once they are letters.
static void put_changed(struct pen *pen, struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        if (c == '\n' || c == '\r' || c == '"')
            pen_byte(pen, c == '"' ? '"' : '\\');
        pen_byte(pen, c == '\n' ? 'n' : c == '\r' ? 'r' : c);
    }
}

static void add_changed(struct transaction *t, struct chain *to, struct span value)
{
    uint8_t place[256];
    for (struct span part; (part = span_first(value, sizeof place / 2)).len;
         value = span_skip(value, part.len)) {
        struct pen pen = pen_of(place, sizeof place);
        put_changed(&pen, part);
        transaction_append(t, to, pen_written(&pen));
    }
}

void csv_value(struct transaction *t, struct chain *to, bool first, struct span value)
{
    unsigned needs = needs_of(value);
    if (!first)
        transaction_append(t, to, comma);
    if (needs & QUOTES)
        transaction_append(t, to, quote);
    if (needs & CHANGE)
        add_changed(t, to, value);
    else
        transaction_append(t, to, value);
    if (needs & QUOTES)
        transaction_append(t, to, quote);
}

void csv_end_line(struct transaction *t, struct chain *to)
{
    transaction_append(t, to, (struct span)SPAN("\n"));
}

void csv_put(struct pen *pen, bool first, struct span value)
{
    unsigned needs = needs_of(value);
    if (!first)
        pen_raw(pen, comma);
    if (needs & QUOTES)
        pen_raw(pen, quote);
    if (needs & CHANGE)
        put_changed(pen, value);
    else
        pen_raw(pen, value);
    if (needs & QUOTES)
        pen_raw(pen, quote);
}
