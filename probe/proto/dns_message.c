// SPDX-License-Identifier: Apache-2.0
// Finding one's way through a DNS message. All reads go through a reader on the message, so a name
// or record never leads outside it, and what a name costs is bounded by its 255 bytes and its
// jumps.
#include "probe/proto/dns_message.h"

static struct reader reader_at(struct span message, uint32_t offset)
{
    return reader_of(span_skip(message, offset));
}

static uint32_t offset_of(struct span message, const struct reader *r)
{
    return (uint32_t)(r->at - message.at);
}

// ── names ──

static bool is_pointer(uint8_t length)
{
    return (length & 0xc0) == 0xc0;
}

// Walks a name label by label, through its pointers. It lives in registers, so what moves it must
// be inline.
struct walk {
    struct span message;
    struct reader at;
    uint32_t run;   // where the labels now read begin; a pointer must lead before it
    uint32_t after; // behind the name, where it stands; 0: not known yet
    unsigned wire, jumps;
};

static struct walk walk_from(struct span message, uint32_t offset)
{
    return (struct walk){.message = message, .at = reader_at(message, offset), .run = offset};
}

static inline void walk_jump(struct walk *w, uint8_t high)
{
    uint32_t target = (uint32_t)(high & 0x3f) << 8 | reader_u8(&w->at);
    if (!w->after)
        w->after = offset_of(w->message, &w->at);
    if (!reader_ok(&w->at) || target >= w->run || ++w->jumps > DNS_NAME_JUMPS) {
        reader_fail(&w->at);
        return;
    }
    w->run = target;
    w->at = reader_at(w->message, target);
}

// The next label; empty at the root, and when the name makes no sense (reader_ok tells).
static inline __attribute__((always_inline)) struct span walk_label(struct walk *w)
{
    uint8_t length = reader_u8(&w->at);
    while (is_pointer(length)) {
        walk_jump(w, length);
        length = reader_u8(&w->at);
    }
    w->wire += length + 1u;
    if (length > 63 || w->wire > DNS_NAME_WIRE)
        reader_fail(&w->at);
    if (!w->after && !length)
        w->after = offset_of(w->message, &w->at);
    return reader_bytes(&w->at, reader_ok(&w->at) ? length : 0);
}

// The bytes that stand for themselves: printable ASCII without . space ' @ ; ( ) " and backslash.
#define BIT(byte) (UINT64_C(1) << ((byte)&63))
static const uint64_t plain[4] = {
    ~UINT64_C(0xffffffff) &
        ~(BIT('.') | BIT(' ') | BIT('\'') | BIT(';') | BIT('(') | BIT(')') | BIT('"')),
    ~(BIT('@') | BIT('\\') | BIT(127)),
};
#undef BIT

static bool is_plain(uint8_t byte)
{
    return plain[byte >> 6] >> (byte & 63) & 1;
}

static uint8_t *label_escaped(uint8_t *to, struct span label)
{
    for (size_t i = 0; i < label.len; i++) {
        uint8_t byte = label.at[i];
        if (!is_plain(byte))
            *to++ = '\\';
        if (byte < ' ' || byte > '~') {
            *to++ = (uint8_t)('0' + byte / 100);
            *to++ = (uint8_t)('0' + byte / 10 % 10);
            byte = (uint8_t)('0' + byte % 10);
        }
        *to++ = byte;
    }
    return to;
}

static uint8_t *label_text(uint8_t *to, struct span label)
{
    bool all = true;
    for (size_t i = 0; i < label.len; i++) {
        to[i] = label.at[i];
        all &= is_plain(label.at[i]);
    }
    return all ? to + label.len : label_escaped(to, label);
}

size_t dns_name_text(struct span message, uint32_t *offset, uint8_t to[DNS_NAME_TEXT])
{
    struct walk w = walk_from(message, *offset);
    uint8_t *at = to;
    for (struct span label; (label = walk_label(&w)).len;) {
        if (at > to)
            *at++ = '.';
        at = label_text(at, label);
    }
    if (!reader_ok(&w.at))
        return 0;
    if (at == to)
        *at++ = '.';
    *offset = w.after;
    return (size_t)(at - to);
}

size_t dns_name_wire(struct span message, uint32_t *offset, uint8_t to[DNS_NAME_WIRE])
{
    struct walk w = walk_from(message, *offset);
    uint8_t *at = to;
    for (struct span label; (label = walk_label(&w)).len;) {
        *at++ = (uint8_t)label.len;
        memcpy(at, label.at, label.len);
        at += label.len;
    }
    if (!reader_ok(&w.at))
        return 0;
    *at++ = 0;
    *offset = w.after;
    return (size_t)(at - to);
}

static void labels_skip(struct reader *r)
{
    const uint8_t *begin = r->at;
    for (;;) {
        uint8_t length = reader_u8(r);
        if (is_pointer(length)) {
            reader_skip(r, 1);
            return;
        }
        if (length > 63 || r->at - begin > DNS_NAME_WIRE)
            reader_fail(r);
        if (!length || !reader_ok(r))
            return;
        reader_skip(r, length);
    }
}

// Moves behind a name without following it: a pointer is its end, and nearly always all of it.
static inline void name_skip(struct reader *r)
{
    if (reader_left(r) >= 2 && is_pointer(r->at[0]))
        reader_skip(r, 2);
    else
        labels_skip(r);
}

// ── questions and records ──

enum { RECORD_FIXED = 10 }; // bytes of type, class, time to live, length

bool dns_question_read(struct span message, uint32_t *offset, struct dns_question *q)
{
    struct reader r = reader_at(message, *offset);
    q->name = *offset;
    name_skip(&r);
    q->type = reader_be16(&r);
    q->class = reader_be16(&r);
    *offset = offset_of(message, &r);
    return reader_ok(&r);
}

bool dns_record_read(struct span message, uint32_t *offset, struct dns_record *rr)
{
    struct reader r = reader_at(message, *offset);
    rr->name = *offset;
    name_skip(&r);
    struct span fixed = reader_bytes(&r, RECORD_FIXED);
    if (!fixed.len)
        return false;
    const uint8_t *at = fixed.at;
    rr->type = (uint16_t)(at[0] << 8 | at[1]);
    rr->class = (uint16_t)(at[2] << 8 | at[3]);
    rr->ttl = (uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7];
    rr->data_len = (uint16_t)(at[8] << 8 | at[9]);
    rr->data = offset_of(message, &r);
    reader_skip(&r, rr->data_len);
    *offset = offset_of(message, &r);
    return reader_ok(&r);
}

// ── the message ──

enum { TYPE_OPT = 41 };

// Each returns whether all that was promised is there, and counts what is.
static bool read_questions(struct dns_message *m, unsigned promised, uint32_t *offset)
{
    struct dns_question q;
    for (uint32_t next = *offset; m->questions < promised; m->questions++, *offset = next)
        if (!dns_question_read(m->bytes, &next, &q))
            return false;
    return true;
}

static bool read_section(struct dns_message *m, enum dns_section s, unsigned promised,
                         uint32_t *offset)
{
    struct dns_record r;
    m->at[s] = *offset;
    for (uint32_t next = *offset; m->count[s] < promised; m->count[s]++, *offset = next) {
        if (!dns_record_read(m->bytes, &next, &r))
            return false;
        if (s == DNS_ADDITIONALS && r.type == TYPE_OPT) {
            m->has_opt = true;
            m->opt = r;
        }
    }
    return true;
}

bool dns_message_read(struct dns_message *m, struct span bytes, bool cut)
{
    *m = (struct dns_message){.bytes = bytes};
    struct reader r = reader_of(bytes);
    m->id = reader_be16(&r);
    m->flags = reader_be16(&r);
    unsigned questions = reader_be16(&r);
    uint16_t promised[DNS_SECTIONS];
    for (int s = 0; s < DNS_SECTIONS; s++)
        promised[s] = reader_be16(&r);
    if (!reader_ok(&r))
        return false;
    uint32_t offset = DNS_HEADER;
    bool whole = read_questions(m, questions, &offset);
    for (int s = 0; s < DNS_SECTIONS; s++) {
        m->at[s] = offset;
        whole = whole && read_section(m, s, promised[s], &offset);
    }
    m->end = offset;
    m->cut = cut && !whole;
    return offset > DNS_HEADER && (whole || cut || offset == bytes.len);
}

bool dns_message_asks_same(const struct dns_message *a, const struct dns_message *b)
{
    struct span one = span_skip(span_first(a->bytes, a->at[DNS_ANSWERS]), DNS_HEADER);
    if (!span_is(one, span_skip(span_first(b->bytes, b->at[DNS_ANSWERS]), DNS_HEADER)))
        return false;
    for (size_t i = 0; i < one.len; i++)
        if (is_pointer(one.at[i])) // perhaps into the headers, which differ
            return false;
    return true;
}
