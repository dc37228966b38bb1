// SPDX-License-Identifier: Apache-2.0
// A question and, with luck, its answer. The core keeps them for the protocols: ceilings, time-outs
// from the last byte, "unanswered", end of flow. What a document needs is copied into the
// transaction's own store. Parsers hold no pointers to transactions between calls: they ask for the
// one being asked, being answered, or of a number.
//
//   opened ─ transaction_asked ────┐
//                                  ├▶ both: published
//   opened ─ transaction_answered ─┘
//
// An early answer does not free a question that is still being filled.
//
// Packets pay for the halves that are published: a packet may hold a hundred questions, and a
// document of each would cost whoever sends them next to nothing. What is paired is always
// published.
#pragma once

#include "pipeline/base/chain.h"
#include "pipeline/base/list.h"
#include "pipeline/base/wheel.h"
#include "probe/endpoints.h"

struct conn;

enum { TRANSACTION_NOTES = 4 };

// What is known of one side's message.
struct message {
    int64_t first, last; // arrival of its first and last byte; 0: nothing seen
    uint64_t bytes;      // on the wire, as this protocol counts them
};

struct transaction {
    struct message message[2]; // by side: the question is CLIENT's
    uint64_t number;           // for protocols that number their questions
    bool asked, answered;      // whole
    bool unasked;              // an answer whose question was never seen
    bool turned;               // SERVER asked: source and destination of its document are swapped
    bool lossy[2];             // bytes of that side's message are missing
    bool patient : 1;          // its answer may take any time: it ends with its conn
    bool unpaid : 1;           // is published only when it is paired
    uint8_t notes;
    struct span note[TRANSACTION_NOTES]; // for error.message; constant texts or views of the store
    struct store store;
    struct conn *conn; // the core's, as all below
    struct list in_conn, in_all;
    struct timer timer;
    struct transaction *same_hash, **hash_link;
    void *state; // transaction_size bytes, zero at first
};

// A new question. At a ceiling the oldest (of the conn, or of the worker) is published first, so
// whatever was open before may be gone. Never NULL.
struct transaction *transaction_open(struct conn *c, uint64_t number);
// An answer that nobody asked for, now the first in line to be answered.
struct transaction *transaction_unasked(struct conn *c, uint64_t number);

// In order: the newest whose question is not whole; the oldest whose answer is not whole. NULL:
// none.
struct transaction *transaction_asking(struct conn *c);
struct transaction *transaction_answering(struct conn *c);
// By number: the oldest open one that has it. NULL: none.
struct transaction *transaction_find(struct conn *c, uint64_t number);

// The question (answer) is whole. When both are, it is published and gone: do not touch it
// afterwards.
void transaction_asked(struct transaction *t);
void transaction_answered(struct transaction *t);
// Published as it is, or only counted if it is unpaired and unpaid; and gone.
void transaction_end(struct transaction *t);
// Gone without a document, counted.
void transaction_drop(struct transaction *t);

// Notes the arrival of a message's bytes: sets first once, last always, adds to bytes.
void transaction_saw(struct transaction *t, enum side from, int64_t first, int64_t last,
                     uint64_t bytes);
// Adds a note once; more than TRANSACTION_NOTES are left out. `text` must live as long as the
// transaction.
void transaction_note(struct transaction *t, struct span text);

// Copies into the transaction's store; what finds no room is counted. For texts beyond one block
// use a chain.
struct span transaction_keep(struct transaction *t, struct span bytes);
// Uninitialised, at most CHAIN_BLOCK - 64 bytes; NULL: no room.
void *transaction_alloc(struct transaction *t, size_t size);
bool transaction_append(struct transaction *t, struct chain *to, struct span bytes);
