// SPDX-License-Identifier: Apache-2.0
// TLS (RFC 8446, 5246, 4346, 2246) and SSL 3 (RFC 6101), as far as they are in the clear: one
// document a connection, made when the handshake is done (TLS 1.3: when both hellos were seen, for
// nothing else can be), and no look at what follows.
//
//   │ type 1 │ version 2 │ length 2 │ …            records; the bytes of those of one type go on
//                                                  from one to the next
//   │ type 1 │ length 3 │ …                        handshake messages inside them
//
// Messages are taken byte by byte as they come, so it does not matter how they are spread over
// records and segments, and nothing waits unread but the headers of records.

#include "probe/proto/tls.h"

struct tls_side {
    uint16_t record_left;  // bytes of the record at hand still to come
    uint8_t record;        // its type
    uint8_t head[4];       // of the handshake message at hand
    uint8_t head_len;      // bytes of it that came
    uint32_t message_left; // bytes behind it still to come
};

struct tls_conn {
    struct tls_side side[2]; // of the conn
    int64_t first;           // arrival of the first byte
    bool begun;              // a transaction was opened
};

// One call of feed.
struct call {
    struct conn *c;
    struct tls_conn *h;
    struct tls_side *s;
    enum side from;
    struct transaction *t; // NULL: none yet
    struct span data;
    uint32_t at;
    bool over; // no more calls are wanted
};

// ── the handshake ──

static struct tls_session *session_of(const struct call *f)
{
    return f->t->state;
}

// Which side of TLS speaks.
static enum side speaker(const struct call *f)
{
    return session_of(f)->turned ? side_other(f->from) : f->from;
}

static void leave(struct call *f)
{
    f->over = true;
    conn_done(f->c);
}

// What came makes no sense. A conn that we joined late may be in the middle of anything.
static void lost(struct call *f)
{
    f->over = true;
    if (!f->t && conn_joined_late(f->c))
        conn_done(f->c);
    else
        conn_give_up(f->c);
}

// The transaction is opened with the first thing that has a meaning, and turned if it is said by
// the wrong side.
static struct tls_session *begin(struct call *f, bool by_server)
{
    if (f->t)
        return session_of(f);
    f->t = transaction_open(f->c, 1);
    f->h->begun = true;
    transaction_saw(f->t, CLIENT, f->h->first, f->h->first, 0);
    struct tls_session *x = session_of(f);
    x->first = f->from;
    x->turned = by_server != (f->from == SERVER);
    f->t->turned = conn_is_compat(f->c) ? f->from == SERVER : x->turned;
    return x;
}

// Published, and the rest of the connection is nobody's concern.
static void finish(struct call *f)
{
    transaction_asked(f->t);
    transaction_answered(f->t);
    f->t = NULL;
    leave(f);
}

static void finish_if_established(struct call *f, uint32_t at)
{
    struct tls_session *x = session_of(f);
    x->established = x->version >= TLS_1_3 ? x->greeted[CLIENT] && x->greeted[SERVER]
                                           : x->encrypts[CLIENT] && x->encrypts[SERVER];
    if (!x->established)
        return;
    int64_t now = conn_time(f->c, f->from, at);
    transaction_saw(f->t, CLIENT, now, now, 0);
    transaction_saw(f->t, SERVER, now, now, 0);
    finish(f);
}

// Where the body of a message is kept, and how much of it; NULL: nowhere.
static struct chain *place_of(const struct call *f, uint32_t *most)
{
    struct tls_session *x = session_of(f);
    enum side who = speaker(f);
    switch (f->s->head[0]) {
    case TLS_CLIENT_HELLO:
    case TLS_SERVER_HELLO:
        *most = TLS_HELLO_KEPT;
        return x->greeted[who] ? NULL : &x->hello[who];
    case TLS_CERTIFICATE:
        *most = TLS_CERTIFICATES_KEPT;
        return &x->certificates[who];
    case TLS_CERTIFICATE_STATUS:
        *most = 16;
        return &x->status;
    case TLS_SERVER_KEY_EXCHANGE:
        *most = 3;
        return &x->exchange;
    default:
        return NULL;
    }
}

static void server_said_hello(struct call *f)
{
    struct tls_session *x = session_of(f);
    struct tls_hello hello;
    if (!tls_hello_read(chain_view(&x->hello[SERVER], conn_scratch(f->c)), SERVER, &hello)) {
        lost(f);
        return;
    }
    if (tls_hello_is_retry(&hello) && !x->retried) {
        x->retried = true;
        x->retry_group = tls_hello_group(&hello);
        x->hello[SERVER] = (struct chain){0};
        return;
    }
    x->greeted[SERVER] = true;
    x->version = tls_hello_version(&hello);
}

static void client_said_hello(struct call *f)
{
    struct tls_session *x = session_of(f);
    struct tls_hello hello;
    if (tls_hello_read(chain_view(&x->hello[CLIENT], conn_scratch(f->c)), CLIENT, &hello))
        x->greeted[CLIENT] = true;
    else
        lost(f);
}

static void message_came(struct call *f)
{
    struct tls_session *x = session_of(f);
    enum side who = speaker(f);
    switch (f->s->head[0]) {
    case TLS_CLIENT_HELLO:
        if (!x->greeted[CLIENT] && who == CLIENT)
            client_said_hello(f);
        break;
    case TLS_SERVER_HELLO:
        if (!x->greeted[SERVER] && who == SERVER)
            server_said_hello(f);
        break;
    case TLS_CERTIFICATE_REQUEST:
        x->requested = true;
        break;
    case TLS_SERVER_KEY_EXCHANGE:
    case TLS_CLIENT_KEY_EXCHANGE:
        x->exchanged = true;
        break;
    }
    if (!f->over)
        finish_if_established(f, f->at - 1);
}

// Who sends a message in the clear; 0: it is none of those.
static char sender_of(uint8_t type)
{
    static const char senders[] = {
        [TLS_HELLO_REQUEST] = 's',       [TLS_CLIENT_HELLO] = 'c',
        [TLS_SERVER_HELLO] = 's',        [TLS_NEW_SESSION_TICKET] = 's',
        [TLS_CERTIFICATE] = 'b',         [TLS_SERVER_KEY_EXCHANGE] = 's',
        [TLS_CERTIFICATE_REQUEST] = 's', [TLS_SERVER_HELLO_DONE] = 's',
        [TLS_CERTIFICATE_VERIFY] = 'c',  [TLS_CLIENT_KEY_EXCHANGE] = 'c',
        [TLS_CERTIFICATE_STATUS] = 's',  [TLS_SUPPLEMENTAL_DATA] = 'b',
        [TLS_NEXT_PROTOCOL] = 'c',
    };
    return type < sizeof senders ? senders[type] : 0;
}

static void message_begins(struct call *f)
{
    const uint8_t *head = f->s->head;
    char sender = sender_of(head[0]);
    if (!sender) {
        lost(f);
        return;
    }
    f->s->message_left = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    begin(f, sender == 'b' ? f->from == SERVER : sender == 's');
}

// ── records ──

static struct span take(struct call *f, size_t most)
{
    struct span bytes = span_first(span_skip(f->data, f->at), most);
    f->at += (uint32_t)bytes.len;
    f->s->record_left -= (uint16_t)bytes.len;
    return bytes;
}

static void take_body(struct call *f)
{
    uint32_t most = 0, left = f->s->message_left;
    struct span bytes = take(f, left < f->s->record_left ? left : f->s->record_left);
    struct chain *place = place_of(f, &most);
    f->s->message_left -= (uint32_t)bytes.len;
    if (place && place->len < most)
        transaction_append(f->t, place, span_first(bytes, most - place->len));
}

// What is in hand of a handshake record.
static void take_handshake(struct call *f)
{
    struct tls_side *s = f->s;
    if (s->head_len < sizeof s->head) {
        struct span bytes =
            take(f, s->record_left < sizeof s->head - s->head_len ? s->record_left
                                                                  : sizeof s->head - s->head_len);
        memcpy(s->head + s->head_len, bytes.at, bytes.len);
        s->head_len += (uint8_t)bytes.len;
        if (s->head_len < sizeof s->head)
            return;
        message_begins(f);
        if (f->over)
            return;
    }
    take_body(f);
    if (s->message_left)
        return;
    s->head_len = 0;
    message_came(f);
}

// Alerts that are longer are encrypted.
static void take_alert(struct call *f, uint8_t severity, uint8_t code)
{
    struct tls_session *x = begin(f, f->from == SERVER);
    if (x->alert_count < TLS_ALERTS_KEPT)
        x->alerts[x->alert_count++] = (struct tls_alert){(uint8_t)speaker(f), severity, code};
    int64_t now = conn_time(f->c, f->from, f->at + TLS_RECORD_HEADER + 1);
    transaction_saw(f->t, CLIENT, now, now, 0);
    if (severity == 2)
        finish(f);
}

// Between a server's request for another hello and that hello this message means nothing.
static void take_change_of_keys(struct call *f)
{
    if (!f->t) {
        lost(f);
        return;
    }
    struct tls_session *x = session_of(f);
    enum side who = speaker(f);
    x->encrypts[who] = who == CLIENT || !x->retried;
    finish_if_established(f, f->at + TLS_RECORD_HEADER);
}

// Application data: of a client that hurries (TLS 1.3), or of a conversation whose handshake was
// before our time.
static void take_other(struct call *f)
{
    if (!f->t)
        leave(f);
}

// A short record is looked at when it is whole. False: it is not.
static bool take_control(struct call *f, uint8_t type, struct span body, uint16_t length)
{
    bool clear_alert = type == TLS_ALERT && length == 2;
    if (body.len < (clear_alert ? 2 : type == TLS_CHANGE_CIPHER_SPEC))
        return false;
    if (clear_alert)
        take_alert(f, body.at[0], body.at[1]);
    else if (type == TLS_CHANGE_CIPHER_SPEC)
        take_change_of_keys(f);
    else
        take_other(f);
    return true;
}

static bool is_record(uint8_t type, uint8_t major, uint16_t length)
{
    return type >= TLS_CHANGE_CIPHER_SPEC && type <= TLS_HEARTBEAT && major == 3 &&
           length <= TLS_RECORD_MOST;
}

// A client's first words may come in the frame of SSL 2.
static bool may_be_old(const struct call *f)
{
    const uint8_t *at = f->data.at;
    return !f->h->begun && !f->at && at[0] & 0x80 &&
           (f->data.len < 3 || at[2] == TLS_CLIENT_HELLO) && (f->data.len < 4 || at[3] == 3);
}

// False: more bytes are needed.
static bool take_old_hello(struct call *f)
{
    if (f->data.len < TLS_OLD_HEADER)
        return false;
    uint32_t length = tls_old_hello_length(f->data);
    if (!length) {
        lost(f);
        return true;
    }
    if (f->data.len < length)
        return false;
    uint8_t hello[TLS_OLD_HELLO];
    struct tls_session *x = begin(f, false);
    transaction_append(f->t, &x->hello[CLIENT], span_of(hello, tls_old_hello(f->data, hello)));
    f->at = length;
    client_said_hello(f);
    return true;
}

// The header of the next record. False: more bytes are needed.
static bool take_header(struct call *f)
{
    if (may_be_old(f))
        return take_old_hello(f);
    struct reader r = reader_of(span_skip(f->data, f->at));
    uint8_t type = reader_u8(&r), major = reader_u8(&r);
    reader_skip(&r, 1);
    uint16_t length = reader_be16(&r);
    if (!reader_ok(&r))
        return false;
    if (!is_record(type, major, length))
        lost(f);
    else if (type != TLS_HANDSHAKE && !take_control(f, type, reader_rest(&r), length))
        return false;
    f->at += TLS_RECORD_HEADER;
    f->s->record = type;
    f->s->record_left = length;
    return true;
}

static bool is_encrypted(const struct call *f)
{
    return f->t && session_of(f)->encrypts[speaker(f)];
}

static uint32_t tls_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)seen;
    struct tls_conn *h = conn_state(c);
    struct call f = {
        .c = c, .h = h, .s = &h->side[from], .from = from, .t = transaction_answering(c)};
    f.data = data;
    if (h->begun && !f.t)
        leave(&f); // it took too long and was published
    if (!h->first)
        h->first = conn_time(c, from, 0);
    bool goes_on = data.len > 0;
    while (!f.over && goes_on && !is_encrypted(&f)) {
        if (!f.s->record_left)
            goes_on = take_header(&f);
        else if (f.s->record == TLS_HANDSHAKE)
            take_handshake(&f);
        else
            take(&f, f.s->record_left);
        goes_on &= f.at < data.len;
    }
    if (f.t && data.len) {
        int64_t now = conn_time(c, from, (uint32_t)data.len - 1);
        transaction_saw(f.t, CLIENT, now, now, 0);
    }
    return f.over || is_encrypted(&f) ? (uint32_t)data.len : f.at;
}

static void tls_gap(struct conn *c, enum side from, uint32_t missing)
{
    (void)missing;
    struct call f = {.c = c, .from = from, .t = transaction_answering(c)};
    if (is_encrypted(&f))
        return;
    if (f.t)
        f.t->lossy[speaker(&f)] = true;
    conn_done(c);
}

static bool tls_looks_like(struct span first, enum side from)
{
    (void)from; // who says hello is the client, whoever was taken for it
    if (tls_old_hello_length(first))
        return true;
    struct reader r = reader_of(first);
    uint8_t type = reader_u8(&r), major = reader_u8(&r), minor = reader_u8(&r);
    uint16_t length = reader_be16(&r);
    uint8_t message = reader_u8(&r);
    return reader_ok(&r) && type == TLS_HANDSHAKE && is_record(type, major, length) &&
           minor <= (TLS_1_3 & 0xff) && length >= 4 &&
           (message == TLS_CLIENT_HELLO || message == TLS_SERVER_HELLO);
}

// ── settings ──

static bool tls_check(void *settings, struct error *why)
{
    static const struct {
        const char *name;
        enum digest digest;
    } names[] = {{"md5", DIGEST_MD5},
                 {"sha1", DIGEST_SHA1},
                 {"sha-1", DIGEST_SHA1},
                 {"sha256", DIGEST_SHA256},
                 {"sha-256", DIGEST_SHA256}};
    struct tls_settings *s = settings;
    for (int i = 0; i < s->fingerprints.count; i++) {
        struct span wanted = span_text(s->fingerprints.at[i]);
        size_t n = 0, count = sizeof names / sizeof *names;
        while (n < count && !span_is_nocase(wanted, span_text(names[n].name)))
            n++;
        if (n == count)
            return error_set(why, "fingerprints: found \"%s\", expected md5, sha1 or sha256",
                             s->fingerprints.at[i]);
        s->fingerprint[names[n].digest] = true;
    }
    return true;
}

#define ROW(key, type, member, standard, text)                                      \
    {                                                                               \
        key, type, offsetof(struct tls_settings, member), standard, .meaning = text \
    }
static const struct setting tls_settings[] = {
    ROW("send_certificates", SETTING_BOOL, send_certificates, "true",
        "Write what certificates say"),
    ROW("include_raw_certificates", SETTING_BOOL, include_raw_certificates, "false",
        "Write the certificates themselves, as PEM"),
    ROW("include_detailed_fields", SETTING_BOOL, include_detailed_fields, "true",
        "Write the hellos, the x509 objects and what else goes into detail"),
    ROW("fingerprints", SETTING_TEXTS, fingerprints, "sha1",
        "Digests of certificates to write: md5, sha1, sha256"),
    SETTING_END};
#undef ROW

static const struct oddity tls_oddities[] = {
    {"resumed_by_tls13", "Every session of TLS 1.3 whose server repeats the session id, as almost "
                         "all do, is called resumed"},
    {"first_sender_is_source", "Who sent the first byte that was captured is source, also if it is "
                               "the server"},
    {"established_by_one_side",
     "Established is who changed to the new keys as the source, whatever "
     "the other one did"},
    {"no_end_unless_established", "A handshake that came to nothing has neither end nor duration"},
    {"newer_names_unknown", "Post-quantum groups and newer signature schemes, alerts and keys are "
                            "written as (unknown:…)"},
    {"version_of_nothing", "Without any hello the version is 0.0 of unknown"},
    {NULL, NULL}};

const struct protocol tls_protocol = {
    .name = "tls",
    .meaning = "TLS and SSL handshakes: one document per connection",
    .transports = OVER_TCP,
    .ports = "443, 993, 995, 5223, 8443, 8883, 9243",
    .settings = tls_settings,
    .settings_size = sizeof(struct tls_settings),
    .check = tls_check,
    .fields = &tls_table,
    .conn_size = sizeof(struct tls_conn),
    .transaction_size = sizeof(struct tls_session),
    .oddities = tls_oddities,
    .timeout = "10s",
    .looks_like = tls_looks_like,
    .feed = tls_feed,
    .gap = tls_gap,
    .publish = tls_publish,
};
