// SPDX-License-Identifier: Apache-2.0
// Taking targets, hosts and parameters apart and writing them anew. Escaping is that of the
// reference's library, so that the same request gives the same text.

#include "probe/proto/http_url.h"

#include "pipeline/base/text.h"

// ── escapes ──

static bool is_plain(uint8_t byte, enum http_plain plain)
{
    // Letters, digits, -_.~ and, for a path, $&+,/:;=@; for a host !$&'()*+,;=:[]<>"
    static const uint64_t set[][4] = {
        [HTTP_PLAIN_PARAMETER] = {0x3ff600000000000, 0x47fffffe87fffffe, 0, 0},
        [HTTP_PLAIN_PATH] = {0x2ffff85000000000, 0x47fffffe87ffffff, 0, 0},
        [HTTP_PLAIN_HOST] = {0x7fff7fd600000000, 0x47fffffeaffffffe, 0, 0},
    };
    return set[plain][byte >> 6] >> (byte & 63) & 1;
}

void http_escape(struct pen *pen, struct span text, enum http_plain plain)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!pen_room(pen, 3 * text.len))
        return;
    uint8_t *to = pen->at;
    for (const uint8_t *at = text.at, *end = at + text.len; at < end; at++) {
        if (is_plain(*at, plain)) {
            *to++ = *at;
        } else if (*at == ' ' && plain == HTTP_PLAIN_PARAMETER) {
            *to++ = '+';
        } else {
            *to++ = '%';
            *to++ = (uint8_t)digits[*at >> 4];
            *to++ = (uint8_t)digits[*at & 15];
        }
    }
    pen->at = to;
}

size_t http_unescape(uint8_t *to, struct span text, bool plus)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.at[i];
        if (byte == '%' && text.len - i > 2) {
            int high = text_hex_digit(text.at[i + 1]), low = text_hex_digit(text.at[i + 2]);
            if (high >= 0 && low >= 0) {
                byte = (uint8_t)(high << 4 | low);
                i += 2;
            }
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        to[len++] = byte;
    }
    return len;
}

// ── targets and hosts ──

struct http_target http_target_of(struct span target)
{
    static const struct span mark = SPAN("://");
    struct http_target parts = {.query = span_cut(&target, '#')};
    struct span path = span_cut(&parts.query, '?');
    ptrdiff_t scheme = path.len && path.at[0] != '/' ? span_find_span(path, mark) : -1;
    if (scheme > 0) {
        path = span_skip(path, (size_t)scheme + mark.len);
        ptrdiff_t slash = span_find(path, '/');
        parts.authority = slash < 0 ? path : span_first(path, (size_t)slash);
        path = span_skip(path, parts.authority.len);
    }
    parts.path = path;
    return parts;
}

struct span http_host(struct span text, uint64_t port_most, uint16_t *port)
{
    struct ip ip;
    *port = 0;
    if (!text.len || text_to_ip(text, &ip))
        return text;
    size_t colon = text.len;
    while (colon && text.at[colon - 1] != ':')
        colon--;
    uint64_t number;
    if (colon && span_number(span_skip(text, colon), &number) && number && number <= port_most) {
        *port = (uint16_t)number;
        text = span_first(text, colon - 1);
    }
    if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']' &&
        text_to_ip(span_of(text.at + 1, text.len - 2), &ip))
        text = span_of(text.at + 1, text.len - 2);
    return text;
}

// ── parameters ──

struct parameter {
    struct span name, value;
    bool form;
    uint32_t order;
};

struct parameters {
    struct parameter *at;
    uint32_t count, room;
    const char *const *hidden;
    int hidden_count;
};

static size_t count_of(struct span text, uint8_t byte)
{
    size_t count = 0;
    for (ptrdiff_t at; (at = span_find(text, byte)) >= 0; count++)
        text = span_skip(text, (size_t)at + 1);
    return count;
}

static bool is_named(struct span name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (span_is_nocase(name, span_text(names[i])))
            return true;
    return false;
}

// Unescapes each pair of `text`, in `to`, and adds it.
static uint8_t *add_all(struct parameters *all, struct span text, bool form, uint8_t *to)
{
    while (text.len && all->count < all->room) {
        struct span value = span_cut(&text, '&');
        if (!value.len)
            continue;
        struct span name = span_cut(&value, '=');
        struct parameter *p = &all->at[all->count];
        p->name = span_of(to, http_unescape(to, name, true));
        to += p->name.len;
        p->value = span_of(to, http_unescape(to, value, true));
        to += p->value.len;
        if (is_named(p->name, all->hidden, all->hidden_count))
            p->value = (struct span)SPAN("xxxxx");
        p->form = form;
        p->order = all->count++;
    }
    return to;
}

static int compare_names(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.at, b.at, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

// By name; of equal names a form's first, then as they came.
static bool comes_before(const struct parameter *a, const struct parameter *b)
{
    int order = compare_names(a->name, b->name);
    if (order)
        return order < 0;
    return a->form != b->form ? a->form : a->order < b->order;
}

// Shell's sort: no memory, and few enough steps for the ceiling.
static void sort(struct parameter *at, uint32_t count)
{
    static const uint32_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (uint32_t i = gaps[g]; i < count; i++) {
            struct parameter moved = at[i];
            uint32_t place = i;
            for (; place >= gaps[g] && comes_before(&moved, &at[place - gaps[g]]); place -= gaps[g])
                at[place] = at[place - gaps[g]];
            at[place] = moved;
        }
}

static void write_all(const struct parameters *all, struct pen *pen)
{
    bool replaced = false;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct parameter *p = &all->at[i];
        bool repeated = i && span_is(p->name, all->at[i - 1].name);
        replaced = repeated ? replaced : p->form;
        if (replaced && !p->form)
            continue;
        if (pen->at > pen->start)
            pen_byte(pen, '&');
        http_escape(pen, p->name, HTTP_PLAIN_PARAMETER);
        pen_byte(pen, '=');
        http_escape(pen, p->value, HTTP_PLAIN_PARAMETER);
    }
}

struct span http_parameters(struct span query, struct span form, const char *const *hidden,
                            int hidden_count, struct arena *scratch, bool *full)
{
    size_t bytes = query.len + form.len;
    size_t pairs = count_of(query, '&') + count_of(form, '&') + 2;
    struct parameters all = {.hidden = hidden, .hidden_count = hidden_count};
    all.room = pairs < HTTP_PARAMETERS_MOST ? (uint32_t)pairs : HTTP_PARAMETERS_MOST;
    all.at = arena_alloc(scratch, all.room * sizeof *all.at);
    uint8_t *plain = arena_alloc(scratch, bytes + 1);
    size_t size = 3 * bytes + all.room * (sizeof "xxxxx=&" - 1);
    uint8_t *place = arena_alloc(scratch, size);
    *full = !all.at || !plain || !place;
    if (*full)
        return span_of(NULL, 0);
    add_all(&all, form, true, add_all(&all, query, false, plain));
    *full = pairs > HTTP_PARAMETERS_MOST;
    sort(all.at, all.count);
    struct pen pen = pen_of(place, size);
    write_all(&all, &pen);
    return pen_written(&pen);
}

// ── parameters as they were sent ──

// Is this what an escaped name stands for?
static bool spells(struct span escaped, struct span name)
{
    while (escaped.len && name.len) {
        uint8_t plain[3];
        size_t len = escaped.at[0] == '%' ? 3 : 1;
        if (http_unescape(plain, span_first(escaped, len), true) != 1)
            len = 1; // a % that is no escape stands for itself
        if (!span_is_nocase(span_of(plain, 1), span_first(name, 1)))
            return false;
        escaped = span_skip(escaped, len);
        name = span_skip(name, 1);
    }
    return !escaped.len && !name.len;
}

static bool is_hidden(struct span escaped, const char *const *hidden, int hidden_count)
{
    for (int i = 0; i < hidden_count; i++)
        if (spells(escaped, span_text(hidden[i])))
            return true;
    return false;
}

// `front` stays as it is.
static struct span hide(struct span front, struct span pairs, const char *const *hidden,
                        int hidden_count, struct arena *scratch, bool *full)
{
    static const struct span instead = SPAN("=xxxxx");
    struct span all = span_of(front.at, front.len + pairs.len);
    bool any = false;
    for (struct span rest = pairs; rest.len && hidden_count && !any;) {
        struct span pair = span_cut(&rest, '&');
        any = is_hidden(span_cut(&pair, '='), hidden, hidden_count);
    }
    *full = false;
    if (!any)
        return all;
    size_t size = all.len + (count_of(pairs, '&') + 1) * instead.len;
    uint8_t *place = arena_alloc(scratch, size);
    *full = !place;
    struct pen pen = pen_of(place, place ? size : 0);
    pen_raw(&pen, front);
    for (bool more = place != NULL; more;) {
        more = span_find(pairs, '&') >= 0;
        struct span pair = span_cut(&pairs, '&'), name = pair;
        name = span_cut(&name, '=');
        bool secret = is_hidden(name, hidden, hidden_count);
        pen_raw(&pen, secret ? name : pair);
        pen_raw(&pen, secret ? instead : span_of(NULL, 0));
        pen_raw(&pen, more ? (struct span)SPAN("&") : span_of(NULL, 0));
    }
    return pen_written(&pen);
}

struct span http_hide_in_form(struct span form, const char *const *hidden, int hidden_count,
                              struct arena *scratch, bool *full)
{
    return hide(span_first(form, 0), form, hidden, hidden_count, scratch, full);
}

struct span http_hide_in_url(struct span url, const char *const *hidden, int hidden_count,
                             struct arena *scratch, bool *full)
{
    ptrdiff_t mark = span_find(url, '?');
    size_t front = mark < 0 ? url.len : (size_t)mark + 1;
    return hide(span_first(url, front), span_skip(url, front), hidden, hidden_count, scratch, full);
}
