// SPDX-License-Identifier: Apache-2.0
// What a value is beside JSON: empty or not, the same as another, a text for conditions and format
// strings. Finished fragments are looked into as far as those need it.

#include "pipeline/event.h"

bool value_is_empty(const struct value *v)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_TEXT:
    case VALUE_CHAIN:
    case VALUE_IP:
    case VALUE_MAC:
    case VALUE_JSON:
        return v->len == 0;
    default:
        return false;
    }
}

bool value_is_same(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    switch ((enum value_kind)a->kind) {
    case VALUE_TEXT:
    case VALUE_IP:
    case VALUE_MAC:
    case VALUE_JSON:
        return span_is(span_of(a->at, a->len), span_of(b->at, b->len));
    case VALUE_DOUBLE:
        return a->real == b->real;
    case VALUE_NULL:
        return true;
    case VALUE_LIST:
        return a->list == b->list;
    case VALUE_TREE:
        return a->tree == b->tree;
    case VALUE_CHAIN:
        return a->at == b->at;
    default:
        return a->number == b->number;
    }
}

// ── finished fragments ───────────────────────────────────────────────────────────────────────────

// Bytes of the string at the start of `s`, quotes included.
static size_t string_length(struct span s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.at[i] == '\\')
            i++;
        else if (s.at[i] == '"')
            return i + 1;
    }
    return s.len;
}

static size_t element_length(struct span s)
{
    size_t i = 0, depth = 0;
    while (i < s.len) {
        uint8_t byte = s.at[i];
        if (byte == '"') {
            i += string_length(span_skip(s, i));
            continue;
        }
        if (byte == ',' && !depth)
            break;
        depth += byte == '[' || byte == '{';
        depth -= depth && (byte == ']' || byte == '}');
        i++;
    }
    return i;
}

struct span json_element(struct span *rest)
{
    struct span element = span_first(*rest, element_length(*rest));
    *rest = span_skip(*rest, element.len + 1);
    return span_trim(element);
}

static unsigned hex_digit(uint8_t byte)
{
    return (byte <= '9' ? byte : byte + 9U) & 15;
}

static size_t put_utf8(uint8_t *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xc0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 63));
        return 2;
    }
    to[0] = (uint8_t)(0xe0 | code >> 12);
    to[1] = (uint8_t)(0x80 | (code >> 6 & 63));
    to[2] = (uint8_t)(0x80 | (code & 63));
    return 3;
}

// What the escape at `at` stands for, into `to`; how many bytes it took. Our own pen escapes
// nothing beyond the basic plane, so a surrogate is taken as it is.
static size_t unescape(struct span s, size_t at, uint8_t *to, size_t *written)
{
    static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
    uint8_t name = at + 1 < s.len ? s.at[at + 1] : '\\';
    const char *known = name ? strchr(names, name) : NULL;
    if (name == 'u' && at + 6 <= s.len) {
        unsigned code = 0;
        for (size_t i = 2; i < 6; i++)
            code = code << 4 | hex_digit(s.at[at + i]);
        *written = put_utf8(to, code);
        return 6;
    }
    *to = known ? (uint8_t)meant[known - names] : name;
    *written = 1;
    return 2;
}

// A fragment as text: the inside of a string, any other scalar as it stands.
static struct span fragment_text(struct span s, struct arena *scratch)
{
    if (!s.len || s.at[0] == '[' || s.at[0] == '{' || span_is(s, (struct span)SPAN("null")))
        return span_of(NULL, 0);
    if (s.at[0] != '"')
        return s;
    s = span_of(s.at + 1, s.len < 2 ? 0 : s.len - 2);
    if (span_find(s, '\\') < 0)
        return s;
    uint8_t *place = arena_alloc(scratch, s.len + 3);
    size_t len = 0, written;
    if (!place)
        return span_of(NULL, 0);
    for (size_t i = 0; i < s.len;) {
        if (s.at[i] == '\\') {
            i += unescape(s, i, place + len, &written);
            len += written;
        } else {
            place[len++] = s.at[i++];
        }
    }
    return span_of(place, len);
}

// ── as text ──────────────────────────────────────────────────────────────────────────────────────

static size_t scalar_text(const struct value *v, int digits, uint8_t *to)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_SIGNED:
        return text_signed(to, v->number);
    case VALUE_UNSIGNED:
        return text_unsigned(to, (uint64_t)v->number);
    case VALUE_TIME:
        return text_time(to, v->number, digits);
    case VALUE_IP:
        return text_ip(to, v->at, v->len == 4 ? 4 : 6);
    case VALUE_MAC:
        return text_mac(to, v->at);
    default: {
        struct pen pen = pen_of(to, 64);
        pen_double(&pen, v->real);
        return pen_written(&pen).len;
    }
    }
}

struct span value_to_text(const struct event *e, const struct value *v, struct arena *scratch)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_TREE:
        return span_of(NULL, 0);
    case VALUE_TEXT:
        return span_of(v->at ? v->at : "", v->len);
    case VALUE_CHAIN: {
        struct span all = chain_view(v->at, scratch);
        return span_first(all.at ? all : (struct span)SPAN(""), v->len);
    }
    case VALUE_BOOL:
        return v->number ? (struct span)SPAN("true") : (struct span)SPAN("false");
    case VALUE_JSON:
        return fragment_text(span_of(v->at, v->len), scratch);
    default: {
        uint8_t *place = arena_alloc(scratch, 64);
        return place ? span_of(place, scalar_text(v, e->digits, place)) : span_of(NULL, 0);
    }
    }
}

struct span value_string(const struct event *e, const struct value *v, struct arena *scratch)
{
    switch ((enum value_kind)v->kind) {
    case VALUE_SIGNED:
    case VALUE_UNSIGNED:
    case VALUE_DOUBLE:
    case VALUE_BOOL:
        return span_of(NULL, 0);
    case VALUE_JSON:
        if (!v->len || *(const char *)v->at != '"')
            return span_of(NULL, 0);
        return value_to_text(e, v, scratch);
    default:
        return value_to_text(e, v, scratch);
    }
}

bool value_address(const struct event *e, const struct value *v, struct arena *scratch,
                   struct ip *out)
{
    if (v->kind == VALUE_IP) {
        *out = (struct ip){.family = v->len == 4 ? 4 : 6};
        memcpy(out->bytes, v->at, v->len);
        return v->len;
    }
    struct span text = value_string(e, v, scratch);
    return text.at && text_to_ip(text, out);
}

struct span event_to_text(struct event *e, const struct field_path *path)
{
    const struct value *v = event_value(e, path);
    return v ? value_to_text(e, v, &e->scratch) : span_of(NULL, 0);
}

struct span event_string(struct event *e, const struct field_path *path)
{
    const struct value *v = event_value(e, path);
    return v ? value_string(e, v, &e->scratch) : span_of(NULL, 0);
}

bool event_address(struct event *e, const struct field_path *path, struct ip *out)
{
    const struct value *v = event_value(e, path);
    if (v && v->kind == VALUE_LIST)
        v = v->list ? &v->list->value : NULL;
    return v && value_address(e, v, &e->scratch, out);
}
