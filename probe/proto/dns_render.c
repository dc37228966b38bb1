// SPDX-License-Identifier: Apache-2.0
// Writes records and messages with the pen. A name is expanded once and copied where records point
// at it; a record that does not fit is taken back.
#include "probe/proto/dns_render.h"

#include "probe/proto/dns_data.h"
#include "probe/proto/dns_names.h"

#define PUT(to, literal) pen_raw(to, (struct span)SPAN(literal))

// ── records as JSON ──

static struct span known_find(const struct dns_known *k, uint32_t at)
{
    for (unsigned i = 0; i < k->count; i++)
        if (k->at[i] == at)
            return k->json[i];
    return span_of(NULL, 0);
}

static void known_add(struct dns_known *k, uint32_t at, struct span json)
{
    if (k->count == DNS_KNOWN || json.len > sizeof k->text - k->used)
        return;
    memcpy(k->text + k->used, json.at, json.len);
    k->at[k->count] = at;
    k->json[k->count++] = span_of(k->text + k->used, json.len);
    k->used += json.len;
}

size_t dns_text_allowed(const struct dns_message *m, unsigned growth)
{
    return DNS_TEXT_FREE + (size_t)m->end * growth;
}

// False: the message has no text left for a record of that size.
static bool known_pay(struct dns_known *k, size_t size)
{
    size_t text = size > DNS_RECORD_FREE ? size - DNS_RECORD_FREE : 0;
    if (text > k->left)
        return false;
    k->left -= text;
    return true;
}

void dns_known_begin(struct dns_known *k, struct span question, size_t allowed)
{
    struct pen pen = pen_of(k->text, sizeof k->text);
    k->left = allowed;
    k->cut = false;
    k->count = 0;
    k->used = 0;
    if (!question.len)
        return;
    pen_text(&pen, question);
    if (pen.full)
        return;
    k->used = pen_written(&pen).len;
    k->at[0] = DNS_HEADER;
    k->json[0] = pen_written(&pen);
    k->count = 1;
}

// Where the name at `offset` begins: its own place, or where it points back to.
static uint32_t name_place(struct span message, uint32_t offset)
{
    const uint8_t *wire = message.at + offset;
    if (message.len - offset < 2)
        return offset;
    uint32_t target = (uint32_t)(wire[0] & 0x3f) << 8 | wire[1];
    return wire[0] >= 0xc0 && target < offset ? target : offset;
}

static void put_owner(struct pen *to, struct span message, uint32_t offset, struct dns_known *known)
{
    uint32_t at = name_place(message, offset);
    struct span json = known_find(known, at);
    if (json.len) {
        pen_raw(to, json);
        return;
    }
    uint8_t name[DNS_NAME_TEXT];
    const uint8_t *begin = to->at;
    pen_text(to, span_of(name, dns_name_text(message, &offset, name)));
    if (!to->full)
        known_add(known, at, span_of(begin, (size_t)(to->at - begin)));
}

static void put_facts(struct pen *to, const struct dns_data *d)
{
    for (int i = 0; i < d->facts; i++) {
        PUT(to, ",\"");
        pen_raw(to, d->fact[i].key);
        PUT(to, "\":");
        if (d->fact[i].text.at)
            pen_text(to, d->fact[i].text);
        else
            pen_unsigned(to, d->fact[i].number);
    }
}

static void put_data(struct pen *to, struct span message, const struct dns_data *d,
                     struct dns_known *known)
{
    uint32_t at = d->name ? name_place(message, d->name) : 0;
    struct span json = at ? known_find(known, at) : span_of(NULL, 0);
    PUT(to, ",\"data\":");
    if (json.len) {
        pen_raw(to, json);
        return;
    }
    const uint8_t *begin = to->at;
    pen_text(to, d->text);
    if (at && !to->full)
        known_add(known, at, span_of(begin, (size_t)(to->at - begin)));
}

// Data that is nothing but a pointer to a known name need not be read; empty: it is not.
static struct span known_data(struct span message, const struct dns_record *r,
                              const struct dns_known *known)
{
    bool is_name = r->type == DNS_NS || r->type == DNS_CNAME || r->type == DNS_PTR;
    struct span json = span_of(NULL, 0);
    if (is_name && r->data_len == 2)
        json = known_find(known, name_place(message, r->data));
    return json.len > 2 ? json : span_of(NULL, 0); // an owner that is no name is ""
}

static void put_all_data(struct pen *to, struct span message, const struct dns_record *r,
                         struct dns_known *known, bool raw)
{
    struct dns_data data;
    dns_data_read(&data, message, r, raw);
    put_facts(to, &data);
    if (r->data_len)
        put_data(to, message, &data, known);
}

static void put_class(struct pen *to, unsigned class)
{
    if (class == 1) { // as good as always
        PUT(to, "\",\"class\":\"IN\",\"ttl\":\"");
        return;
    }
    PUT(to, "\",\"class\":\"");
    dns_names_put(to, dns_class_name(class), class);
    PUT(to, "\",\"ttl\":\"");
}

static void put_record(struct pen *to, struct span message, const struct dns_record *r,
                       struct dns_known *known, bool raw)
{
    PUT(to, "{\"name\":");
    put_owner(to, message, r->name, known);
    PUT(to, ",\"type\":\"");
    dns_names_put(to, dns_type_name(r->type), r->type);
    put_class(to, r->class);
    pen_unsigned(to, r->ttl);
    pen_byte(to, '"');
    struct span name = known_data(message, r, known);
    if (name.len) {
        PUT(to, ",\"data\":");
        pen_raw(to, name);
    } else {
        put_all_data(to, message, r, known, raw);
    }
    pen_byte(to, '}');
}

unsigned dns_render_records(struct pen *to, const struct dns_message *m, enum dns_section s,
                            bool raw, struct dns_known *known)
{
    struct dns_record r;
    uint32_t offset = m->at[s];
    unsigned count = 0;
    known->cut |= m->count[s] > DNS_RENDERED;
    to->end--; // the closing bracket always fits
    pen_byte(to, '[');
    for (unsigned i = 0; i < m->count[s] && i < DNS_RENDERED; i++) {
        if (!dns_record_read(m->bytes, &offset, &r) || (s == DNS_ADDITIONALS && r.type == DNS_OPT))
            continue;
        uint8_t *whole = to->at;
        if (count)
            pen_byte(to, ',');
        put_record(to, m->bytes, &r, known, raw);
        if (to->full || !known_pay(known, (size_t)(to->at - whole))) {
            to->at = whole;
            to->full = false;
            known->cut = true;
            break;
        }
        count++;
    }
    to->end++;
    pen_byte(to, ']');
    return count;
}

// ── a message in one line ──

void dns_render_question(struct pen *to, struct span message, const struct dns_question *q)
{
    uint8_t name[DNS_NAME_TEXT];
    uint32_t offset = q->name;
    PUT(to, "class ");
    dns_names_put(to, dns_class_name(q->class), q->class);
    PUT(to, ", type ");
    dns_names_put(to, dns_type_name(q->type), q->type);
    PUT(to, ", ");
    pen_raw(to, span_of(name, dns_name_text(message, &offset, name)));
}

void dns_render_rcode(struct pen *to, unsigned rcode, bool raw)
{
    if (rcode == 16 && raw) {
        PUT(to, "BADSIG");
        return;
    }
    if (!dns_rcode_name(rcode).len)
        PUT(to, "Unknown ");
    dns_names_put(to, dns_rcode_name(rcode), rcode);
}

static void line_flags(struct pen *to, const struct dns_message *m)
{
    static const struct {
        uint16_t bit;
        char name[3];
    } flags[] = {{DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"},
                 {DNS_RA, "ra"}, {DNS_AD, "ad"}, {DNS_CD, "cd"}};
    bool any = false;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!(m->flags & flags[i].bit))
            continue;
        if (any)
            pen_byte(to, ' ');
        any = true;
        pen_raw(to, span_of(flags[i].name, 2));
    }
}

static void line_questions(struct pen *to, const struct dns_message *m)
{
    struct dns_question q;
    uint32_t offset = DNS_HEADER;
    for (unsigned i = 0; i < m->questions && i < DNS_RENDERED && !to->full; i++) {
        if (!dns_question_read(m->bytes, &offset, &q))
            return;
        if (i)
            PUT(to, "; ");
        dns_render_question(to, m->bytes, &q);
    }
}

// Facts that are texts, by their keys, then the data: "key_tag 45586, 67FC…".
static void line_record(struct pen *to, struct span message, const struct dns_record *r, bool raw)
{
    struct dns_data data;
    dns_data_read(&data, message, r, raw);
    for (int i = 0; i < data.facts; i++) {
        if (!data.fact[i].text.at)
            continue;
        pen_raw(to, data.fact[i].key);
        pen_byte(to, ' ');
        pen_raw(to, data.fact[i].text);
        PUT(to, ", ");
    }
    pen_raw(to, data.text);
}

static void line_section(struct pen *to, const struct dns_message *m, enum dns_section s, bool raw)
{
    static const struct span titles[] = {SPAN("; ANSWER "), SPAN("; AUTHORITY "),
                                         SPAN("; ADDITIONAL ")};
    struct dns_record r;
    uint32_t offset = m->at[s];
    bool any = false;
    if (m->count[s])
        pen_raw(to, titles[s]);
    for (unsigned i = 0; i < m->count[s] && i < DNS_RENDERED && !to->full; i++) {
        if (!dns_record_read(m->bytes, &offset, &r) || r.type == DNS_OPT)
            continue;
        if (any)
            PUT(to, "; ");
        any = true;
        line_record(to, m->bytes, &r, raw);
    }
}

void dns_render_message(struct pen *to, const struct dns_message *m, bool raw)
{
    PUT(to, "ID ");
    pen_unsigned(to, m->id);
    PUT(to, "; QR ");
    pen_raw(to, m->flags & DNS_QR ? (struct span)SPAN("response") : (struct span)SPAN("query"));
    PUT(to, "; OPCODE ");
    dns_names_put(to, dns_opcode_name(dns_message_opcode(m)), dns_message_opcode(m));
    PUT(to, "; FLAGS ");
    line_flags(to, m);
    PUT(to, "; RCODE ");
    dns_render_rcode(to, dns_message_rcode(m), raw);
    if (m->questions) {
        PUT(to, "; QUESTION ");
        line_questions(to, m);
    }
    for (int s = 0; s < DNS_SECTIONS; s++)
        line_section(to, m, s, raw);
}
