// SPDX-License-Identifier: Apache-2.0
// How a MySQL connection begins: the server's greeting, the client's log-in or its wish for TLS,
// and COM_CHANGE_USER, which is a log-in too. What proves who the client is (hashes, passwords
// inside TLS or without it) is stepped over and never kept.
//
//   greeting   │ version 1: 10 │ server's version … 0 │ connection 4 │ … │ capabilities …
//   log-in     │ capabilities 4 │ packet 4 │ charset 1 │ filler 19 │ MariaDB's capabilities 4 │
//              │ user … 0 │ proof … │ database … 0 │ plugin … 0 │ attributes … │
//   TLS        the first 32 bytes of that alone

#include "probe/proto/mysql.h"

enum { SSL_REQUEST = 32, GREETING_LEAST = 20, GREETING_MOST = 1024 };

static struct span text_to_zero(struct reader *r)
{
    struct span all = span_of(r->at, reader_left(r));
    ptrdiff_t end = span_find(all, 0);
    struct span text = reader_bytes(r, end < 0 ? all.len : (size_t)end);
    if (end >= 0)
        reader_skip(r, 1);
    return text;
}

bool mysql_is_greeting(struct span data)
{
    struct reader r = reader_of(data);
    uint32_t len = mysql_le24(&r);
    uint8_t sequence = reader_u8(&r), version = reader_u8(&r), digit = reader_u8(&r);
    return reader_ok(&r) && !sequence && version == 10 && len >= GREETING_LEAST &&
           len <= GREETING_MOST && digit >= '0' && digit <= '9';
}

// MariaDB says 5.5.5 first, for replicas that refuse versions they do not know.
static struct span without_disguise(struct span version)
{
    static const struct span disguise = SPAN("5.5.5-");
    return span_starts(version, disguise) ? span_skip(version, disguise.len) : version;
}

void mysql_greet(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_conn *h = f->h;
    struct reader r = reader_of(span_skip(p->head, 1));
    *h = (struct mysql_conn){.begun = true, .greeted = true, .side = {h->side[0], h->side[1]}};
    h->side[CLIENT].lost = false;
    mysql_name_set(&h->version, without_disguise(text_to_zero(&r)));
    h->connection_id = reader_le32(&r);
    reader_skip(&r, 8 + 1); // of the challenge, and a zero
    reader_skip(&r, 2 + 1 + 2 + 2);
    uint8_t challenge = reader_u8(&r);
    reader_skip(&r, 10);
    reader_skip(&r, challenge > 8 + 13 ? challenge - 8U : 13);
    if (reader_ok(&r))
        mysql_name_set(&h->plugin, text_to_zero(&r));
}

bool mysql_is_log_in(const struct mysql_packet *p)
{
    struct reader r = reader_of(p->head);
    uint32_t capabilities = reader_le32(&r), most = reader_le32(&r);
    reader_skip(&r, 1);
    struct span filler = reader_bytes(&r, 19);
    for (size_t i = 0; i < filler.len; i++)
        if (filler.at[i])
            return false;
    return reader_ok(&r) && (capabilities & MYSQL_CAN_41) && most >> 16 && p->sequence &&
           p->sequence < 4;
}

// Clients of before 4.1: │ capabilities 2 │ packet 3 │ user … 0 │ proof …
static void log_in_as_ever(struct mysql_call *f, struct reader *r)
{
    struct mysql_conn *h = f->h;
    h->capabilities = reader_le16(r);
    reader_skip(r, 3);
    mysql_name_set(&h->user, text_to_zero(r));
    if (!(h->capabilities & MYSQL_CAN_DATABASE))
        return;
    text_to_zero(r);
    mysql_name_set(&h->database, text_to_zero(r));
}

static void skip_proof(struct reader *r, uint32_t capabilities)
{
    if (capabilities & MYSQL_CAN_LONG_AUTH)
        mysql_string(r);
    else if (capabilities & MYSQL_CAN_SECURE)
        reader_skip(r, reader_u8(r));
    else
        text_to_zero(r);
}

static void take_attributes(struct mysql_call *f, struct reader *r)
{
    struct mysql_exchange *x = mysql_exchange(f);
    if (!(f->h->capabilities & MYSQL_CAN_ATTRIBUTES) || !reader_left(r))
        return;
    uint64_t len = mysql_number(r);
    if (reader_ok(r))
        mysql_keep(f, &x->attributes,
                   reader_bytes(r, len < reader_left(r) ? (size_t)len : reader_left(r)));
}

// False: the client wants TLS before it says more.
static bool log_in(struct mysql_call *f, const struct mysql_packet *p, struct reader *r)
{
    struct mysql_conn *h = f->h;
    h->capabilities = reader_le32(r);
    reader_skip(r, 4 + 1 + 19);
    h->mariadb = reader_le32(r);
    if (h->capabilities & MYSQL_CAN_LONG_PASSWORD)
        h->mariadb = 0; // zeros of MySQL
    if ((h->capabilities & MYSQL_CAN_TLS) && p->len == SSL_REQUEST)
        return false;
    mysql_name_set(&h->user, text_to_zero(r));
    skip_proof(r, h->capabilities);
    if (h->capabilities & MYSQL_CAN_DATABASE)
        mysql_name_set(&h->database, text_to_zero(r));
    if (h->capabilities & MYSQL_CAN_PLUGIN)
        mysql_name_set(&h->plugin, text_to_zero(r));
    take_attributes(f, r);
    return true;
}

static void begin_tls(struct mysql_call *f)
{
    struct mysql_exchange *x = mysql_exchange(f);
    x->tls = true;
    f->at += MYSQL_HEADER + SSL_REQUEST;
    mysql_note_bytes(f);
    f->at -= MYSQL_HEADER + SSL_REQUEST;
    f->begin = f->at + MYSQL_HEADER + SSL_REQUEST;
    f->t->answered = true;
    struct transaction *t = f->t;
    f->t = NULL;
    transaction_asked(t);
    f->over = true;
    conn_become(f->c, "tls");
}

void mysql_log_in(struct mysql_call *f, const struct mysql_packet *p)
{
    struct reader r = reader_of(p->head);
    mysql_open(f, p, COM_LOGIN);
    f->h->introduced = true;
    if (p->head.len >= 2 && !(p->head.at[1] & MYSQL_CAN_41 >> 8))
        log_in_as_ever(f, &r);
    else if (!log_in(f, p, &r))
        begin_tls(f);
}

// │ command 1 │ user … 0 │ proof … │ database … 0 │ charset 2 │ plugin … 0 │ attributes … │
void mysql_change_user(struct mysql_call *f, const struct mysql_packet *p)
{
    struct mysql_conn *h = f->h;
    struct reader r = reader_of(span_skip(p->head, 1));
    mysql_name_set(&h->user, text_to_zero(&r));
    if (h->capabilities & MYSQL_CAN_SECURE || !h->capabilities)
        reader_skip(&r, reader_u8(&r));
    else
        text_to_zero(&r);
    mysql_name_set(&h->database, text_to_zero(&r));
    if (reader_left(&r) < 2)
        return;
    reader_skip(&r, 2);
    if (h->capabilities & MYSQL_CAN_PLUGIN)
        mysql_name_set(&h->plugin, text_to_zero(&r));
    take_attributes(f, &r);
}
