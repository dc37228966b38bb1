// SPDX-License-Identifier: Apache-2.0
// What documents with the same fields have in common: all text between their values, and the values
// that are the same in each. Most documents of a dataset have one of a few such shapes, so shapes
// are kept and a document is written as pieces of text with values behind them.
//
//   {"@metadata":{"beat":"weir"},"@timestamp": │ time │ ,"agent":{…},"client":{"bytes": │ number │
//   … └──────────────── piece ──────────────────┘        └──────────── piece ────────────┘
#pragma once

#include "pipeline/event.h"

enum piece_kind {
    PIECE_VALUE,  // the value of `rank` follows
    PIECE_OBJECT, // the members of a tree follow, of an object that stays open
    PIECE_TEXT,   // nothing follows
};

struct shape_piece {
    uint32_t len; // of its text
    uint16_t rank;
    uint8_t kind;
    bool comma; // goes before the text if the object that was left open has members
};

// A value that is part of the text, or an object and whether its value is a tree.
struct expected {
    uint16_t rank;
    struct value value;
};

enum { SHAPE_BLOCK = 16 }; // texts are copied in blocks

struct shape {
    uint64_t *set;   // of the documents it is for
    uint64_t *loose; // ranks whose constants were found changed: no constants any more
    uint16_t dataset;
    bool made;
    unsigned pieces, body; // all; those before the body
    struct shape_piece *piece;
    uint8_t *text; // of all pieces in turn; a block more may be read
    unsigned constants, objects;
    struct expected *constant, *object;
    struct text_second second; // of the last time that was written
};

struct shapes;

// NULL: no memory.
struct shapes *shapes_new(const struct schema *schema);
void shapes_free(struct shapes *all); // NULL is fine

// The shape of an event, made if it is new.
struct shape *shape_of(const struct event *e);
