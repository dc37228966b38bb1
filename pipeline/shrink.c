// SPDX-License-Identifier: Apache-2.0
// Making a document fit: what it would take is summed up (a little too much rather than too
// little), and its largest text is cut again and again until the sum is small enough. Rare, so it
// is simple: every round measures everything anew. Only what belongs to the event is cut, not what
// several events share.

#include "pipeline/event.h"

enum {
    SLICE = 256,        // bytes measured, and cut, at once
    SMALLEST_TEXT = 64, // shorter ones are not cut
    ROUNDS = 64
};

// Bytes that the pen writes for one byte of ASCII.
static size_t ascii_size(uint8_t byte)
{
    if (byte >= ' ')
        return byte == '"' || byte == '\\' ? 2 : 1;
    return byte >= '\b' && byte <= '\r' && byte != '\v' ? 2 : 6;
}

// Bytes that the pen writes for a slice. Counted, not written: texts that must be cut are often
// ones that grow, such as a body of zero bytes.
static size_t slice_size(struct span slice)
{
    size_t size = 0;
    while (slice.len) {
        bool whole = true;
        size_t step = slice.at[0] < 0x80 ? 1 : text_utf8_character(slice, &whole);
        if (slice.at[0] < 0x80)
            size += ascii_size(slice.at[0]);
        else
            size += whole ? step : 3; // U+FFFD
        slice = span_skip(slice, step);
    }
    return size;
}

// A text that is measured: what it may take, what it takes, and how many of its bytes fit.
struct gauge {
    size_t room, size, fits;
};

static void gauge_add(struct gauge *g, struct span text)
{
    for (; text.len; text = span_skip(text, SLICE)) {
        struct span slice = span_first(text, SLICE);
        g->size += slice_size(slice);
        if (g->size <= g->room)
            g->fits += slice.len;
    }
}

static bool is_text(const struct value *v)
{
    return v->kind == VALUE_TEXT || v->kind == VALUE_CHAIN;
}

static struct gauge text_gauge(const struct value *v, size_t room)
{
    struct gauge g = {.room = room};
    if (v->kind == VALUE_TEXT) {
        gauge_add(&g, span_of(v->at, v->len));
        return g;
    }
    size_t left = v->len;
    for (const struct piece *p = ((const struct chain *)v->at)->first; p && left; p = p->next) {
        struct span piece = span_first(span_of(p->bytes, p->len), left);
        left -= piece.len;
        gauge_add(&g, piece);
    }
    return g;
}

// The sum of what is written, and the largest text on the way.
struct survey {
    size_t total, largest_size;
    struct value *largest;
};

static void survey_value(struct survey *s, struct value *v, bool own, int depth);

static void survey_children(struct survey *s, const struct value *v, bool own, int depth)
{
    own &= v->grown;
    if (v->kind == VALUE_LIST)
        for (struct list_item *i = v->list; i; i = i->next)
            survey_value(s, &i->value, own, depth + 1);
    else
        for (struct tree_item *i = v->tree; i; i = i->next) {
            s->total += 6 * i->key.len + 3;
            survey_value(s, &i->value, own, depth + 1);
        }
}

static void survey_value(struct survey *s, struct value *v, bool own, int depth)
{
    s->total += 8; // commas, quotes, brackets, "…"
    if (depth > EVENT_TREE_DEPTH)
        return;
    if (is_text(v)) {
        size_t size = text_gauge(v, 0).size;
        s->total += size;
        if (own && size > s->largest_size) {
            s->largest_size = size;
            s->largest = v;
        }
    } else if (v->kind == VALUE_LIST || v->kind == VALUE_TREE) {
        survey_children(s, v, own, depth);
    } else {
        s->total += v->kind == VALUE_JSON ? v->len : TEXT_IP;
    }
}

static struct survey survey_event(struct event *e)
{
    struct survey s = {.total = 2};
    const struct field_key *keys = schema_keys(e->schema);
    for (unsigned rank = 0; rank < e->size - 1; rank++)
        if (e->set[rank >> 6] >> (rank & 63) & 1) {
            s.total += keys[rank].open_len + keys[rank].depth;
            survey_value(&s, &e->values[rank], true, 0);
        }
    if (e->loose.kind == VALUE_TREE)
        survey_value(&s, &e->loose, true, 0);
    return s;
}

// The last bytes of the first `len` of a text, for finding where its last character ends.
static size_t text_tail(const struct value *v, size_t len, uint8_t tail[4])
{
    size_t count = len < 4 ? len : 4;
    if (v->kind == VALUE_CHAIN)
        return chain_copy(v->at, len - count, tail, count);
    memcpy(tail, (const uint8_t *)v->at + len - count, count);
    return count;
}

// Cuts a text to what fits into `room`, between two characters.
static void cut(struct value *v, size_t room)
{
    size_t len = text_gauge(v, room).fits;
    uint8_t tail[4];
    size_t count = text_tail(v, len, tail), back = 0;
    while (back < count && (tail[count - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back < count && tail[count - 1 - back] >= 0xc0) {
        bool whole;
        text_utf8_character(span_of(tail + count - 1 - back, back + 1), &whole);
        if (!whole)
            len -= back + 1;
    }
    v->len = (uint32_t)len;
    v->cut = 1;
}

bool event_shrink(struct event *e, size_t size)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct survey s = survey_event(e);
        if (s.total <= size)
            return true;
        if (s.largest_size < SMALLEST_TEXT)
            return false;
        size_t excess = s.total - size, half = s.largest_size / 2;
        cut(s.largest, excess < half ? s.largest_size - excess : half);
    }
    return false;
}
