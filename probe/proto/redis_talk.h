// SPDX-License-Identifier: Apache-2.0
// A Redis conversation on its way: what is known of it between two calls, and during one. Shared by
// redis.c (which is called), redis_client.c and redis_server.c (what either side says) and
// redis_order.c (what is lost).
#pragma once

#include "probe/proto/redis.h"
#include "probe/proto/redis_news.h"

#define REDIS_UNNUMBERED (UINT64_C(1) << 63) // numbers of what is no question and no answer of one

struct redis_side {
    struct redis_parser parser;
    uint64_t number; // of the transaction whose message is at hand; 0 none
    int64_t ended;   // arrival of the last byte seen
    uint32_t unread; // bytes that the last call of feed left
    uint32_t skip;   // of them nobody wants
    bool inside;     // a message is at hand
    bool counted;    // it is the answer of a question
    bool begun;      // bytes were seen
    bool lost;       // looks for the next message
};

struct redis_conn {
    struct redis_side side[2];
    struct redis_question question;
    uint64_t asked;      // number of the newest question
    uint64_t answered;   // number of the question whose answer ended last
    uint64_t unnumbered; // number of the newest thing that has none
    uint64_t waiting_bytes;
    uint64_t database;
    uint32_t channels[REDIS_CHANNEL_KINDS]; // subscribed to
    uint16_t losses;
    uint8_t skipped; // CLIENT REPLY SKIP: questions without an answer still to come
    bool silent;     // CLIENT REPLY OFF
    bool monitored;  // MONITOR was answered
    bool replicates; // SYNC or PSYNC was asked
    bool resp3;      // answers of RESP3 were seen
    bool turned;     // the sides were changed
    bool understood; // a question or an answer was seen
    bool pipelined;  // a question was asked while another one waited
    bool damaged;    // something was lost
    bool doubtful;   // nobody knows any more which answer is whose
    bool astray;     // answers may be those of questions before the loss
};

// One call of feed.
struct redis_call {
    struct conn *c;
    struct redis_conn *h;
    struct redis_side *s;
    enum side from;
    struct transaction *t; // of the message at hand; NULL: none, or it is over already
    struct span data;
    size_t seen;
    uint32_t at, begin; // offsets: where we are; where the message's bytes in hand begin
    bool over;          // no more calls are wanted
};

static inline const struct redis_settings *redis_settings_of(const struct redis_call *f)
{
    return conn_settings(f->c);
}

static inline struct redis_exchange *redis_exchange_of(const struct transaction *t)
{
    return t->state;
}

// Tells the transaction of the bytes of its message that came in this call.
void redis_note_bytes(struct redis_call *f);
// Nobody wants the rest of the conversation.
void redis_leave(struct redis_call *f);

// ── redis_client.c, redis_server.c ──

// One message, or a piece of it. False: there are too few bytes, or it is over.
bool redis_take_question(struct redis_call *f);
bool redis_take_reply(struct redis_call *f);

// ── redis_order.c ──

// A side lost its thread: by a hole; by bytes at hand that make no sense, to the end of their line
// at least.
void redis_lose(struct conn *c, enum side from);
void redis_lose_here(struct redis_call *f);
// True if both sides said nothing for so long that everything that was asked is answered.
bool redis_was_silent(const struct redis_call *f);
// All that wait end without an answer, but for one that is still being asked.
void redis_end_waiting(struct conn *c, struct redis_conn *h);
// Whatever was lost, from here on answers are known again.
void redis_settle(struct redis_conn *h);
