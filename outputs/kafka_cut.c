// SPDX-License-Identifier: Apache-2.0
// Works on the document as it stands, without a tree: it came from our own pen, so every quote that
// is not escaped begins or ends a text.
#include "outputs/kafka_cut.h"

#include <stdbool.h>

#include "pipeline/base/text.h"

enum { SMALLEST_TEXT = 64, ESCAPE = 6 }; // texts keep so much; \uXXXX

static const struct span ellipsis = SPAN("\xe2\x80\xa6");

// Bytes inside the quotes of the text that begins behind `s`.
static size_t text_length(struct span s)
{
    size_t at = 0;
    while (at < s.len && s.at[at] != '"')
        at += s.at[at] == '\\' ? 2 : 1;
    return at < s.len ? at : s.len;
}

// Length of one character, escapes and pairs of them being one.
static size_t character(struct span s)
{
    bool whole;
    if (s.at[0] != '\\')
        return text_utf8_character(s, &whole);
    if (s.len < ESCAPE || s.at[1] != 'u')
        return 2;
    bool high = (s.at[2] | 0x20) == 'd' && s.at[3] >= '8' && (s.at[3] | 0x20) <= 'b';
    return high && s.len >= 2 * ESCAPE && s.at[ESCAPE] == '\\' ? 2 * ESCAPE : ESCAPE;
}

// The beginning of a text, between two characters, that with an ellipsis is no longer than `most`.
static struct span beginning(struct span text, size_t most)
{
    size_t room = most - ellipsis.len, at = 0;
    while (at < text.len) {
        size_t step = character(span_skip(text, at));
        if (at + step > room)
            break;
        at += step;
    }
    return span_first(text, at);
}

static size_t put(uint8_t *to, size_t at, struct span s)
{
    if (to && s.len)
        memcpy(to + at, s.at, s.len);
    return at + s.len;
}

// Copies the document with no text longer than `level`; without `to` only says how long it is.
static size_t level_off(struct span document, size_t level, uint8_t *to)
{
    size_t written = 0;
    while (document.len) {
        ptrdiff_t quote = span_find(document, '"');
        size_t before = quote < 0 ? document.len : (size_t)quote + 1;
        written = put(to, written, span_first(document, before));
        document = span_skip(document, before);
        if (quote < 0)
            break;
        struct span text = span_first(document, text_length(document));
        document = span_skip(document, text.len);
        bool is_name = document.len > 1 && document.at[1] == ':';
        if (text.len > level && !is_name) {
            written = put(to, written, beginning(text, level));
            written = put(to, written, ellipsis);
        } else {
            written = put(to, written, text);
        }
        written = put(to, written, span_first(document, 1));
        document = span_skip(document, 1);
    }
    return written;
}

size_t kafka_cut(struct span document, uint8_t *to, size_t most)
{
    size_t fits = SMALLEST_TEXT, too_long = document.len + 1;
    if (level_off(document, fits, NULL) > most)
        return 0;
    while (fits + 1 < too_long) {
        size_t level = fits + (too_long - fits) / 2;
        if (level_off(document, level, NULL) <= most)
            fits = level;
        else
            too_long = level;
    }
    return level_off(document, fits, to);
}
