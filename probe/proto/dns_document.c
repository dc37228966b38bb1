// SPDX-License-Identifier: Apache-2.0
// The fields of DNS documents, and a message put into them. Records become one JSON fragment a
// section, written on the stack and copied into the event once.
#include "probe/proto/dns_document.h"
#include "pipeline/suffix.h"

#include "probe/proto/dns_edns.h"
#include "probe/proto/dns_names.h"
#include "probe/proto/dns_render.h"

enum dns_field {
    DNS_BEFORE_FIRST = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/dns.def"
#undef FIELD
    DNS_FIELDS
};

static const struct field fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/dns.def"
#undef FIELD
};

const struct field_table dns_field_table = {"dns", &common_table, fields,
                                            DNS_FIELDS - COMMON_FIELDS};

enum {
    LIST_CEILING = 48 << 10, // bytes of one list of records in a document, and of one line
    HOST_NAME_MOST = 253, // characters (RFC 1035 section 2.3.4, without its first length and root)
    RELATED = 128,        // records whose addresses become related; each is sought among them
};

static struct span copied(struct event *e, struct span text)
{
    struct span copy = arena_copy(&e->scratch, text);
    e->lost |= !copy.at;
    return copy;
}

static void set_name(struct event *e, int field, struct span name, unsigned number)
{
    uint8_t digits[TEXT_NUMBER];
    if (name.len)
        event_text(e, field, name);
    else
        event_text_copy(e, field, span_of(digits, text_unsigned(digits, number)));
}

static void set_rcode(struct event *e, int field, unsigned rcode, bool raw)
{
    uint8_t place[32];
    struct pen pen = pen_of(place, sizeof place);
    if (dns_rcode_name(rcode).len && !(raw && rcode == 16)) {
        event_text(e, field, dns_rcode_name(rcode));
        return;
    }
    dns_render_rcode(&pen, rcode, raw);
    event_text_copy(e, field, pen_written(&pen));
}

static void set_flags(struct event *e, const struct dns_message *m)
{
    static const struct {
        uint16_t bit, field;
        struct span name;
    } flags[] = {
        {DNS_AA, DNS_AUTHORITATIVE, SPAN("AA")},     {DNS_TC, DNS_TRUNCATED, SPAN("TC")},
        {DNS_RD, DNS_RECURSION_DESIRED, SPAN("RD")}, {DNS_RA, DNS_RECURSION_AVAILABLE, SPAN("RA")},
        {DNS_AD, DNS_AUTHENTIC_DATA, SPAN("AD")},    {DNS_CD, DNS_CHECKING_DISABLED, SPAN("CD")},
    };
    event_list(e, DNS_HEADER_FLAGS);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        event_flag(e, flags[i].field, m->flags & flags[i].bit);
        if (m->flags & flags[i].bit)
            event_add(e, DNS_HEADER_FLAGS, value_text(flags[i].name));
    }
    if (m->has_opt && m->opt.ttl & 0x8000)
        event_add(e, DNS_HEADER_FLAGS, value_text((struct span)SPAN("DO")));
}

// What of a name is registered, and by whom. Without a public suffix, a name of two labels stands
// for itself.
static void set_domain(struct event *e, struct span name)
{
    struct span rest = name, registered = suffix_registered(name);
    if (registered.len) {
        event_text(e, DNS_QUESTION_ETLD, registered);
        event_text_if(
            e, DNS_QUESTION_SUBDOMAIN,
            span_first(name, registered.len < name.len ? name.len - registered.len - 1 : 0));
    } else {
        span_cut(&rest, '.');
        if (!rest.len || name.len == rest.len + 1 || span_find(rest, '.') >= 0)
            return;
        registered = name;
    }
    event_text(e, DNS_QUESTION_REGISTERED, registered);
    rest = registered;
    span_cut(&rest, '.');
    event_text_if(e, DNS_QUESTION_TOP, rest);
}

// The name of the first question. One that is longer than any host may be called, since most of its
// bytes are escaped, is registered nowhere; the reference takes it apart all the same.
static struct span set_question(struct event *e, const struct dns_message *m,
                                struct dns_wanted wanted)
{
    uint8_t text[DNS_NAME_TEXT];
    struct dns_question q;
    uint32_t offset = DNS_HEADER;
    if (!m->questions || !dns_question_read(m->bytes, &offset, &q))
        return span_of(NULL, 0);
    set_name(e, DNS_QUESTION_TYPE, dns_type_name(q.type), q.type);
    set_name(e, DNS_QUESTION_CLASS, dns_class_name(q.class), q.class);
    struct span name = wanted.name;
    if (!name.len)
        name = copied(e, span_of(text, dns_name_text(m->bytes, &q.name, text)));
    if (!name.len)
        return name;
    event_text(e, DNS_QUESTION_NAME, name);
    if (name.len <= HOST_NAME_MOST || wanted.raw)
        set_domain(e, name);
    return name;
}

struct span dns_document_question(struct event *e, const struct dns_message *m)
{
    unsigned opcode = dns_message_opcode(m);
    set_name(e, F_METHOD, dns_opcode_name(opcode), opcode);
    uint8_t place[DNS_NAME_TEXT + 64];
    struct pen pen = pen_of(place, sizeof place);
    struct dns_question q;
    uint32_t offset = DNS_HEADER;
    if (!m->questions || !dns_question_read(m->bytes, &offset, &q))
        return span_of(NULL, 0);
    dns_render_question(&pen, m->bytes, &q);
    struct span query = copied(e, pen_written(&pen)), name = query;
    event_text_if(e, F_QUERY, query);
    span_cut(&name, ','); // class
    span_cut(&name, ','); // type
    name = span_skip(name, 1);
    event_text_if(e, F_RESOURCE, name);
    return name;
}

static int option_field(unsigned code, bool raw)
{
    static const uint16_t fields_by_code[] = {
        [DNS_OPTION_LLQ] = DNS_OPT_LLQ,       [DNS_OPTION_UL] = DNS_OPT_UL,
        [DNS_OPTION_NSID] = DNS_OPT_NSID,     [DNS_OPTION_DAU] = DNS_OPT_DAU,
        [DNS_OPTION_DHU] = DNS_OPT_DHU,       [DNS_OPTION_N3U] = DNS_OPT_N3U,
        [DNS_OPTION_SUBNET] = DNS_OPT_SUBNET, [DNS_OPTION_EXPIRE] = DNS_OPT_EXPIRE,
        [DNS_OPTION_COOKIE] = DNS_OPT_COOKIE, [DNS_OPTION_ERROR] = DNS_OPT_EDE,
    };
    switch (code) {
    case DNS_OPTION_EXPIRE:
        return raw ? DNS_OPT_LOCAL : DNS_OPT_EXPIRE;
    case DNS_OPTION_ESU:
    case DNS_OPTION_KEEPALIVE:
    case DNS_OPTION_PADDING:
        return 0; // nobody asked for them
    default:
        if (code < sizeof fields_by_code / sizeof *fields_by_code && fields_by_code[code])
            return fields_by_code[code];
        return DNS_OPT_LOCAL;
    }
}

static void set_options(struct event *e, const struct dns_message *m, bool raw)
{
    struct dns_option o;
    struct reader r = reader_of(span_first(span_skip(m->bytes, m->opt.data), m->opt.data_len));
    while (dns_edns_next(&r, &o)) {
        uint8_t place[1024];
        struct pen pen = pen_of(place, sizeof place);
        int field = option_field(o.code, raw);
        if (!field)
            continue;
        dns_edns_text(&pen, &o);
        event_text_copy(e, field, raw ? pen_written(&pen) : span_trim(pen_written(&pen)));
    }
}

static void set_opt(struct event *e, const struct dns_message *m, bool raw)
{
    const struct dns_record *opt = &m->opt;
    event_flag(e, DNS_OPT_DO, opt->ttl & 0x8000);
    set_name(e, DNS_OPT_VERSION, span_of(NULL, 0), opt->ttl >> 16 & 0xff);
    event_number(e, DNS_OPT_UDP_SIZE, opt->class);
    set_rcode(e, DNS_OPT_EXT_RCODE, opt->ttl >> 24 << 4, raw);
    if (opt->data_len)
        set_options(e, m, raw);
}

static void set_records(struct event *e, int field, const struct dns_message *m,
                        enum dns_section section, bool raw, struct dns_known *known)
{
    uint8_t place[LIST_CEILING];
    struct pen pen = pen_of(place, sizeof place);
    if (!m->count[section] || !dns_render_records(&pen, m, section, raw, known))
        return;
    struct span list = copied(e, pen_written(&pen));
    if (list.len)
        event_json(e, field, list);
}

static void set_resolved(struct event *e, const struct dns_message *m)
{
    struct dns_record r;
    uint32_t offset = m->at[DNS_ANSWERS];
    for (unsigned i = 0; i < m->count[DNS_ANSWERS] && i < DNS_RENDERED; i++) {
        if (!dns_record_read(m->bytes, &offset, &r))
            return;
        int family = r.type == DNS_A && r.data_len == 4       ? 4
                     : r.type == DNS_AAAA && r.data_len == 16 ? 6
                                                              : 0;
        if (!family)
            continue;
        struct value ip = value_ip(m->bytes.at + r.data, family);
        event_add(e, DNS_RESOLVED_IP, ip);
        if (i < RELATED)
            event_add_new(e, F_RELATED_IP, ip);
    }
}

static bool set_sections(struct event *e, const struct dns_message *m, struct dns_wanted wanted,
                         struct span question)
{
    struct dns_known known;
    dns_known_begin(&known, question, dns_text_allowed(m, wanted.growth));
    event_number(e, DNS_ANSWERS_COUNT, m->count[DNS_ANSWERS]);
    event_number(e, DNS_AUTHORITIES_COUNT, m->count[DNS_AUTHORITIES]);
    event_number(e, DNS_ADDITIONALS_COUNT, m->count[DNS_ADDITIONALS] - m->has_opt);
    set_records(e, DNS_ANSWER_RECORDS, m, DNS_ANSWERS, wanted.raw, &known);
    set_resolved(e, m);
    if (wanted.authorities)
        set_records(e, DNS_AUTHORITY_RECORDS, m, DNS_AUTHORITIES, wanted.raw, &known);
    if (wanted.additionals)
        set_records(e, DNS_ADDITIONAL_RECORDS, m, DNS_ADDITIONALS, wanted.raw, &known);
    return !known.cut;
}

bool dns_document_message(struct event *e, const struct dns_message *m, struct dns_wanted wanted)
{
    event_text(e, DNS_TYPE,
               m->flags & DNS_QR ? (struct span)SPAN("answer") : (struct span)SPAN("query"));
    event_number(e, DNS_ID, m->id);
    set_name(e, DNS_OP_CODE, dns_opcode_name(dns_message_opcode(m)), dns_message_opcode(m));
    set_flags(e, m);
    set_rcode(e, DNS_RESPONSE_CODE, dns_message_rcode(m), wanted.raw);
    struct span question = set_question(e, m, wanted);
    if (m->has_opt)
        set_opt(e, m, wanted.raw);
    return set_sections(e, m, wanted, question);
}

void dns_document_line(struct event *e, int field, const struct dns_message *m,
                       struct dns_wanted wanted)
{
    uint8_t place[LIST_CEILING];
    size_t allowed = dns_text_allowed(m, wanted.growth);
    struct pen pen = pen_of(place, allowed < sizeof place ? allowed : sizeof place);
    dns_render_message(&pen, m, wanted.raw);
    event_text_copy(e, field, pen_written(&pen));
}
