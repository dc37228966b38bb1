// SPDX-License-Identifier: Apache-2.0
// What the Redis files share: the settings, what a transaction keeps of its two messages, and the
// fields of the documents. redis_parse.c takes bytes apart, redis_talk.h follows the conversation,
// redis_keep.c copies what documents need, redis_publish.c makes the documents.
#pragma once

#include "config/setting.h"
#include "pipeline/event.h"
#include "probe/conn.h"
#include "probe/proto/redis_commands.h"
#include "probe/proto/redis_parse.h"

struct redis_settings {
    int64_t queue_max_bytes, queue_max_messages, max_body;
    bool redact_values, include_pushed;
};

enum {
    REDIS_KEYS_MOST = 16, // kept of one question
    REDIS_WORD = 16,
};

// Part of a text that is kept.
struct redis_part {
    uint32_t at, len;
};

struct redis_exchange {
    const struct redis_command *command; // NULL: nobody knows it
    struct chain query;                  // arguments with a blank between each two
    struct chain reply;
    struct span view; // the reply, while it is in hand, instead
    uint64_t database;
    uint32_t confirmations;     // answers still to come (SUBSCRIBE has one for each channel)
    struct redis_part name;     // of the query
    struct redis_part argument; // the first behind the name; of what the server pushed: the channel
    struct redis_part key[REDIS_KEYS_MOST];
    uint8_t key_count;
    bool query_cut, reply_cut; // more came than was to be kept
    uint8_t channel; // value of what the server pushes, counted down, that names a channel
    bool replied, error, queued;
    bool between;    // one of several answers is whole
    bool hides_next; // the next value of the reply is a secret
    bool pushed;     // by the server, which nobody asked; in `reply`
    bool lone;       // no answer is shown: none comes (CLIENT REPLY), or it is a snapshot (SYNC)
};

// ── redis_keep.c ──

// A question on its way.
struct redis_question {
    uint64_t count, index; // of its arguments; of the one at hand
    struct {
        uint64_t from, until, step; // arguments that are keys
    } keys[REDIS_PLACES];
    uint64_t secret; // argument that is one; 0: none
    uint32_t at;     // where in the text the argument at hand begins
    uint8_t words;   // of the name
    bool hidden, is_key;
    uint8_t word_len;
    uint8_t word[REDIS_WORD]; // the first argument behind the name, upper case, if it is short
};

void redis_keep_begin(struct redis_question *q, uint64_t count);
// The next argument, or a piece of it.
void redis_keep_argument(struct transaction *t, struct redis_question *q, struct span text,
                         bool begins, bool ends);
// A token of the answer; `p`: as it is behind it. Its text is kept, or, if this is all of the
// answer and may be published at once, only looked at.
void redis_keep_reply(struct transaction *t, const struct redis_parser *p,
                      const struct redis_token *token);

// ── redis_publish.c ──

bool redis_publish(const struct conn *c, const struct transaction *t, struct event *e);
extern const struct field_table redis_table;
