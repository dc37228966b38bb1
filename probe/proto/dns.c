// SPDX-License-Identifier: Apache-2.0
// DNS over UDP and TCP (RFC 1035, RFC 7766, RFC 6891). A question waits for its answer by its id
// and by who asked, so answers may come in any order and both ends may ask. Messages are read in
// dns_message.c and shown by dns_render.c; here is when they come and what they mean together.
//
//     TCP: │ length 2 │ message │ length 2 │ message │ …      UDP: one message a datagram

#include "probe/conn.h"
#include "probe/proto/dns_document.h"
#include "probe/proto/dns_names.h"

struct dns_settings {
    bool include_authorities, include_additionals;
    int64_t max_record_growth;
};

static const struct setting settings[] = {
    {"include_authorities", SETTING_BOOL, offsetof(struct dns_settings, include_authorities),
     "false", .meaning = "Write the records about the authorities"},
    {"include_additionals", SETTING_BOOL, offsetof(struct dns_settings, include_additionals),
     "false", .meaning = "Write the additional records"},
    {"max_record_growth", SETTING_NUMBER, offsetof(struct dns_settings, max_record_growth), "3", 1,
     DNS_GROWTH_ANY,
     .meaning = "Bytes of text that records may have for each byte of their message, above 2 KiB; "
                "those behind are only counted (not under compat)"},
    SETTING_END};

static const struct oddity oddities[] = {
    {"edns_note_inverted",
     "Questions above 512 bytes are noted as non-EDNS if they have EDNS, not if they lack it"},
    {"raw_record_data",
     "Data of record types without fields of their own is shown as escaped bytes, not in the "
     "presentation form of its RFC"},
    {"badvers_as_badsig", "Response code 16 is called BADSIG, not BADVERS"},
    {"expire_as_local", "The EDNS option EXPIRE is shown as dns.opt.local"},
    {"blank_before_algorithms", "dns.opt.dau, dhu and n3u begin with a blank"},
    {NULL, NULL}};

#define NOTE(name, literal) static const struct span name = SPAN(literal)
NOTE(note_duplicate, "Another query with the same DNS ID from this client was received so this "
                     "query was closed without receiving a response");
NOTE(note_unanswered, "No response to this query was received");
NOTE(note_unasked, "Response: received without an associated Query");
NOTE(note_large_question, "Non-EDNS packet has size greater than 512");
NOTE(note_large_answer, "Response: Non-EDNS packet has size greater than 512");
NOTE(note_no_edns, "Responder does not support EDNS");
NOTE(note_edns, "Unexpected EDNS answer");
NOTE(note_cut_question, "Message's data is incomplete");
NOTE(note_cut_answer, "Response: Message's data is incomplete");
NOTE(note_not_dns, "Response: Message's data could not be decoded as DNS");
NOTE(note_empty, "Response: Message's length was set to zero");
NOTE(note_short, "Response: Unexpected message data length");
#undef NOTE

enum {
    PLAIN_UDP_SIZE = 512,          // of a message without EDNS
    KEPT_WHOLE = CHAIN_BLOCK - 64, // a longer message is kept in pieces
    TCP_PREFIX = 2,                // bytes of a message's length
};

// ── state ──

// One side of a TCP conn: where in a message it stands.
struct framing {
    uint32_t rest;      // bytes of the message begun that have not come yet
    uint16_t id, flags; // of that message, if `known`
    bool known;
    bool eating; // the rest of the message is worthless: its beginning is gone
    bool lost;   // nobody knows where a message begins
    bool begun;  // any byte was seen
};

struct dns_conn {
    struct framing framing[2];
    bool understood; // at least one message was DNS
};

// A message that waits: in one piece, or, if it is long, in a chain.
struct kept {
    struct dns_message message; // all zero: none
    struct chain pieces;
};

struct exchange {
    struct kept question;
    struct kept answer; // its bytes are a view of what feed was given, unless it is a zone transfer
    bool closed;        // a note says why no answer is waited for
    bool transfer;      // an answer of several messages has begun
    uint8_t serial[4];  // of the zone transferred
};

static void keep(struct transaction *t, struct kept *k, const struct dns_message *m)
{
    k->message = *m;
    k->message.bytes = span_of(NULL, 0);
    struct span bytes = span_first(m->bytes, m->end);
    if (bytes.len <= KEPT_WHOLE)
        k->message.bytes = transaction_keep(t, bytes);
    else
        transaction_append(t, &k->pieces, bytes);
}

static struct dns_message recall(const struct kept *k, struct event *e)
{
    struct dns_message m = k->message;
    if (k->pieces.len)
        m.bytes = chain_view(&k->pieces, &e->scratch);
    return m;
}

static bool is_there(const struct kept *k)
{
    return k->message.end;
}

// ── zone transfers: one question, an answer of many messages (RFC 5936, RFC 1995) ──

static bool record_at(const struct dns_message *m, unsigned index, struct dns_record *r)
{
    uint32_t offset = m->at[DNS_ANSWERS];
    for (unsigned i = 0; i <= index; i++)
        if (!dns_record_read(m->bytes, &offset, r))
            return false;
    return true;
}

// The serial of a zone's SOA, whose data ends in five numbers of four bytes.
static bool serial_at(const struct dns_message *m, unsigned index, uint8_t serial[4])
{
    struct dns_record r;
    if (!record_at(m, index, &r) || r.type != DNS_SOA || r.data_len < 20)
        return false;
    memcpy(serial, m->bytes.at + r.data + r.data_len - 20, 4);
    return true;
}

static uint16_t asked_type(const struct dns_message *m)
{
    struct dns_question q;
    uint32_t offset = DNS_HEADER;
    return m->questions && dns_question_read(m->bytes, &offset, &q) ? q.type : 0;
}

// True if `m` begins a transfer that it does not end: it opens with the zone's SOA and does not
// close with it. An incremental one of a single record says that there is nothing new.
static bool begins_transfer(struct exchange *x, const struct dns_message *m)
{
    uint16_t type = asked_type(&x->question.message);
    unsigned count = m->count[DNS_ANSWERS];
    uint8_t last[4];
    if ((type != DNS_AXFR && type != DNS_IXFR) || dns_message_rcode(m) ||
        !serial_at(m, 0, x->serial))
        return false;
    if (count == 1)
        return type == DNS_AXFR;
    return !serial_at(m, count - 1, last) || memcmp(last, x->serial, 4) != 0;
}

static bool ends_transfer(const struct exchange *x, const struct dns_message *m)
{
    unsigned count = m->count[DNS_ANSWERS];
    uint8_t last[4];
    return dns_message_rcode(m) || !count ||
           (serial_at(m, count - 1, last) && !memcmp(last, x->serial, 4));
}

// ── questions and answers ──

// A message that came whole (or cut), with the arrival of its bytes.
struct arrived {
    const struct dns_message *message;
    int64_t first, last;
    uint32_t bytes; // on the wire
};

// The two ends number their questions independently.
static uint64_t number_of(uint16_t id, enum side asker)
{
    return (uint64_t)asker << 16 | id;
}

static void close_question(struct transaction *t, struct span note)
{
    struct exchange *x = t->state;
    x->closed = true;
    transaction_note(t, note);
    transaction_end(t);
}

static void question_came(struct conn *c, enum side from, const struct arrived *a)
{
    const struct dns_message *m = a->message;
    uint64_t number = number_of(m->id, from);
    struct transaction *t = transaction_find(c, number);
    if (t)
        close_question(t, note_duplicate);
    t = transaction_open(c, number);
    t->turned = from == SERVER;
    t->lossy[CLIENT] = m->cut;
    transaction_saw(t, CLIENT, a->first, a->last, a->bytes);
    keep(t, &((struct exchange *)t->state)->question, m);
    if (m->cut)
        transaction_note(t, note_cut_question);
    if (conn_is_datagram(c) && a->bytes > PLAIN_UDP_SIZE && !m->cut &&
        m->has_opt == conn_is_compat(c))
        transaction_note(t, note_large_question);
    transaction_asked(t);
}

static void note_answer(struct conn *c, struct transaction *t, const struct arrived *a)
{
    const struct dns_message *question = &((struct exchange *)t->state)->question.message;
    const struct dns_message *answer = a->message;
    if (answer->cut)
        transaction_note(t, note_cut_answer);
    if (!conn_is_datagram(c))
        return;
    if (!answer->has_opt && a->bytes > PLAIN_UDP_SIZE)
        transaction_note(t, note_large_answer);
    if (t->unasked || answer->cut || question->cut || question->has_opt == answer->has_opt)
        return;
    transaction_note(t, answer->has_opt ? note_edns : note_no_edns);
}

static void answer_came(struct conn *c, enum side from, const struct arrived *a)
{
    const struct dns_message *m = a->message;
    uint64_t number = number_of(m->id, side_other(from));
    struct transaction *t = transaction_find(c, number);
    if (!t) {
        t = transaction_unasked(c, number);
        t->turned = from == CLIENT;
        transaction_note(t, note_unasked);
    }
    struct exchange *x = t->state;
    t->lossy[SERVER] |= m->cut;
    transaction_saw(t, SERVER, a->first, a->last, a->bytes);
    note_answer(c, t, a);
    if (x->transfer) {
        if (ends_transfer(x, m))
            transaction_answered(t);
        return;
    }
    if (!conn_is_datagram(c) && begins_transfer(x, m)) {
        x->transfer = true;
        keep(t, &x->answer, m);
        return;
    }
    x->answer.message = *m; // published before its bytes go
    transaction_answered(t);
}

static void message_came(struct conn *c, enum side from, const struct arrived *a)
{
    struct dns_conn *state = conn_state(c);
    state->understood = true;
    if (a->message->flags & DNS_QR)
        answer_came(c, from, a);
    else
        question_came(c, from, a);
}

// ── UDP ──

static uint32_t feed_datagram(struct conn *c, enum side from, struct span data)
{
    struct dns_message m;
    uint32_t cut = conn_cut(c), len = (uint32_t)data.len;
    if (!dns_message_read(&m, data, cut > 0))
        return 0;
    int64_t time = conn_time(c, from, 0);
    message_came(c, from, &(struct arrived){&m, time, time, len + cut});
    return m.end;
}

// ── TCP ──

// An answer of that side came to nothing: its question is published as it is.
static void answer_failed(struct conn *c, enum side from, uint16_t id, struct span note)
{
    struct transaction *t = transaction_find(c, number_of(id, side_other(from)));
    if (t)
        close_question(t, note);
}

// As above for an answer too short to have an id: it is that of the oldest question.
static void answer_nameless(struct conn *c, enum side from, struct span note)
{
    struct transaction *t = transaction_answering(c);
    if (t && t->turned == (from == CLIENT))
        close_question(t, note);
}

// False: no message was understood so far, this is another protocol.
static bool message_bad(struct conn *c, enum side from, struct span bytes)
{
    struct reader r = reader_of(bytes);
    uint16_t id = reader_be16(&r), flags = reader_be16(&r);
    if (!bytes.len)
        answer_nameless(c, from, note_empty);
    else if (!reader_ok(&r))
        answer_nameless(c, from, note_short);
    else if (flags & DNS_QR)
        answer_failed(c, from, id, bytes.len < DNS_HEADER ? note_short : note_not_dns);
    bool understood = ((struct dns_conn *)conn_state(c))->understood;
    if (!understood)
        conn_give_up(c);
    return understood;
}

// Whether a message may begin here, with its length, after bytes were missed.
static bool may_begin(struct span data)
{
    struct reader r = reader_of(data);
    uint16_t length = reader_be16(&r);
    struct dns_message m;
    struct span there = span_first(span_skip(data, TCP_PREFIX), length);
    reader_skip(&r, 4);
    uint16_t questions = reader_be16(&r);
    return reader_ok(&r) && length > DNS_HEADER && questions <= 1 &&
           dns_message_read(&m, there, there.len < length) &&
           dns_opcode_name(dns_message_opcode(&m)).len && !(m.flags & 0x40);
}

// The message begun at the end of `data`: how much of it is still to come, and whose it is.
static void message_begun(struct framing *f, struct span data, uint32_t whole)
{
    struct reader r = reader_of(span_skip(data, TCP_PREFIX));
    f->rest = whole - (uint32_t)data.len;
    f->id = reader_be16(&r);
    f->flags = reader_be16(&r);
    f->known = reader_ok(&r);
}

// The message at `offset` of what feed was given; how many bytes it takes, 0: it is not whole yet,
// or nobody wants it.
static uint32_t take_message(struct conn *c, enum side from, struct span data, uint32_t offset)
{
    struct framing *f = &((struct dns_conn *)conn_state(c))->framing[from];
    struct span here = span_skip(data, offset);
    struct reader r = reader_of(here);
    uint32_t whole = TCP_PREFIX + reader_be16(&r);
    f->rest = 0;
    if (!reader_ok(&r))
        return 0;
    if (here.len < whole) {
        message_begun(f, here, whole);
        return 0;
    }
    struct dns_message m;
    struct span bytes = reader_bytes(&r, whole - TCP_PREFIX);
    if (dns_message_read(&m, bytes, false))
        message_came(c, from,
                     &(struct arrived){&m, conn_time(c, from, offset),
                                       conn_time(c, from, offset + whole - 1), whole});
    else if (!message_bad(c, from, bytes))
        return 0;
    return whole;
}

// Bytes in front that belong to no message that could be read.
static uint32_t skip_lost(struct framing *f, struct span data)
{
    if (f->eating) {
        uint32_t eaten = f->rest < data.len ? f->rest : (uint32_t)data.len;
        f->rest -= eaten;
        f->eating = f->rest;
        return eaten;
    }
    if (!f->lost || data.len < TCP_PREFIX + DNS_HEADER)
        return 0;
    f->lost = !may_begin(data);
    return f->lost ? (uint32_t)data.len : 0;
}

// Where the next message begins is not known.
static void lose(struct conn *c, struct framing *f)
{
    if (!f->lost)
        counter_add(conn_counters(c)->conn_resyncs, 1);
    f->lost = true;
}

static uint32_t feed_stream(struct conn *c, enum side from, struct span data)
{
    struct framing *f = &((struct dns_conn *)conn_state(c))->framing[from];
    if (!f->begun && conn_joined_late(c))
        lose(c, f);
    f->begun = true;
    uint32_t done = skip_lost(f, data), taken;
    while (!f->lost && !f->eating && (taken = take_message(c, from, data, done)))
        done += taken;
    return done;
}

static uint32_t dns_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)seen;
    return conn_is_datagram(c) ? feed_datagram(c, from, data) : feed_stream(c, from, data);
}

// The rest of the message begun will not come.
static void message_torn(struct conn *c, enum side from)
{
    const struct framing *f = &((struct dns_conn *)conn_state(c))->framing[from];
    if (!f->eating && f->rest && f->known && (f->flags & DNS_QR))
        answer_failed(c, from, f->id, note_cut_answer);
}

static void dns_end(struct conn *c, enum side from, enum ending how)
{
    (void)how;
    message_torn(c, from);
}

// A hole inside a message costs that message only: its length says where the next one begins.
static void dns_gap(struct conn *c, enum side from, uint32_t missing)
{
    struct framing *f = &((struct dns_conn *)conn_state(c))->framing[from];
    message_torn(c, from);
    bool inside = missing <= f->rest;
    f->rest = inside ? f->rest - missing : 0;
    f->eating = f->rest;
    f->begun = true;
    if (!inside)
        lose(c, f);
}

// ── documents ──

static void set_missing(const struct transaction *t, struct event *e)
{
    const struct exchange *x = t->state;
    if (is_there(&x->answer))
        event_add_new(e, F_ERROR_MESSAGE, value_text(note_cut_answer));
    else if (!x->closed)
        event_add_new(e, F_ERROR_MESSAGE, value_text(note_unanswered));
}

static bool dns_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct exchange *x = t->state;
    const struct dns_settings *own = conn_settings(c);
    const struct common_settings *common = conn_common(c);
    bool compat = conn_is_compat(c), has_answer = is_there(&x->answer);
    struct dns_message question = recall(&x->question, e), answer = recall(&x->answer, e);
    if (!t->answered)
        set_missing(t, e);
    if (has_answer && dns_message_rcode(&answer))
        event_text(e, F_STATUS, (struct span)SPAN("Error"));
    const struct dns_message *asked = t->unasked ? &answer : &question;
    const struct dns_message *shown = has_answer ? &answer : &question;
    struct dns_wanted wanted = {.authorities = own->include_authorities,
                                .additionals = own->include_additionals,
                                .raw = compat,
                                .growth =
                                    compat ? DNS_GROWTH_ANY : (unsigned)own->max_record_growth};
    struct span name = dns_document_question(e, asked);
    if (dns_message_asks_same(asked, shown))
        wanted.name = name;
    if (!dns_document_message(e, shown, wanted))
        counter_add(conn_counters(t->conn)->dns_records_withheld, 1);
    if (common->send_request && !t->unasked)
        dns_document_line(e, F_REQUEST, &question, wanted);
    if (common->send_response && has_answer)
        dns_document_line(e, F_RESPONSE, &answer, wanted);
    return true;
}

const struct protocol dns_protocol = {
    .name = "dns",
    .meaning = "Domain Name System over UDP and TCP",
    .transports = OVER_UDP | OVER_TCP,
    .ports = "53",
    .settings = settings,
    .settings_size = sizeof(struct dns_settings),
    .fields = &dns_field_table,
    .conn_size = sizeof(struct dns_conn),
    .transaction_size = sizeof(struct exchange),
    .oddities = oddities,
    .timeout = "10s",
    .feed = dns_feed,
    .gap = dns_gap,
    .end = dns_end,
    .publish = dns_publish,
};
