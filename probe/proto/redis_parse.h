// SPDX-License-Identifier: Apache-2.0
// Takes the bytes of one side of a Redis conversation apart: RESP2 and RESP3
// (https://redis.io/docs/latest/develop/reference/protocol-spec/). Knows neither questions nor
// answers; keeps no bytes.
//
//   +text\r\n  -error  :number  ,double  #t  (bignumber  _        one line
//   $5\r\nhello\r\n  =8\r\ntxt:text\r\n  !3\r\nERR\r\n              a length, then so many bytes
//   *2\r\n…  ~2 set  >2 push  %2 map: 2 pairs  |1 attributes: 1 pair in front of the value they
//                                                                 tell of
//   $?\r\n;3\r\nabc\r\n;0\r\n   *?\r\n….\r\n                        streamed: no length, an
//   end
#pragma once

#include "pipeline/base/span.h"

enum {
    REDIS_DEPTH = 16,         // aggregates inside each other; values further in count as this deep
    REDIS_WHOLE = 512,        // a longer value may be handed out in pieces
    REDIS_LINE = 4096,        // the same for lines
    REDIS_INLINE = 64 << 10,  // bytes of a question without RESP, as the server has it
    REDIS_ARGUMENTS = 1 << 20 // of a question
};

struct redis_parser {
    uint64_t left;  // bytes of the value at hand still to come
    uint8_t type;   // of that value; 0: none is at hand
    bool streamed;  // its length comes piece by piece
    bool framed;    // the line end behind `left` bytes is still to come
    uint8_t depth;  // aggregates open
    uint8_t asides; // of them attributes
    struct {
        uint64_t left;  // values still to come
        uint64_t index; // of the next one
        uint8_t type;
    } open[REDIS_DEPTH];
};

#define REDIS_UNTIL_END UINT64_MAX // values of a streamed aggregate

enum redis_step {
    REDIS_MORE,   // not enough bytes
    REDIS_BROKEN, // this is no RESP
    REDIS_OPEN,   // an aggregate begins
    REDIS_VALUE,  // a value, or a piece of it
    REDIS_CLOSE,  // the end of a streamed aggregate
};

// What was found. Types are the first byte of their values; nothing (RESP2: $-1, *-1) is '_'.
struct redis_token {
    struct span text;  // of a value: what is in hand
    uint64_t count;    // of an aggregate: its values (of a map twice its pairs); streamed: the most
    uint64_t index;    // where in the aggregate around it this stands; 0 too if there is none
    uint32_t bytes;    // on the wire
    uint8_t type, in;  // its own; of the aggregate around it, 0: none
    uint8_t closed;    // aggregates that end behind it: those of open[depth] and up
    bool begins, ends; // a value may come in pieces
    bool aside;        // part of an attribute
    bool flat;         // the beginning of an aggregate deeper than the ceiling
    bool last;         // the message ends behind it
};

// The next token of `data`, all unread bytes of that side, of which `seen` were shown before.
enum redis_step redis_next(struct redis_parser *p, struct span data, size_t seen,
                           struct redis_token *token);

// `missing` bytes never came, and unread bytes in front of them are gone. True if all of them were
// inside a value whose length is known: nothing but those bytes is lost. False: where the next
// message begins is unknown, and the parser is as new.
bool redis_gap(struct redis_parser *p, uint32_t missing);

// True between messages.
static inline bool redis_is_between(const struct redis_parser *p)
{
    return !p->depth && !p->type;
}

// The first header line: its type and number (-1: null or streamed). How long it is with its end;
// 0: it is not whole, or none.
size_t redis_header(struct span data, uint8_t *type, int64_t *number);

enum redis_guess { REDIS_NO, REDIS_PERHAPS, REDIS_YES }; // PERHAPS: there are too few bytes

// Do these bytes begin a question (`*name`: what it would be called), or an answer?
enum redis_guess redis_begins_question(struct span data, struct span *name);
enum redis_guess redis_begins_answer(struct span data);

// The first word of a question without RESP is cut off `*line`: words may be quoted. The word is
// put into `to`, which holds as many bytes as the line. False: there is none, or its quotes are not
// balanced (`*bad`).
bool redis_word(struct span *line, uint8_t *to, struct span *word, bool *bad);
