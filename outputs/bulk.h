// SPDX-License-Identifier: Apache-2.0
// The body of a bulk request: for each document a line that says what to do with it, and the
// document. Nothing is copied but the lines that differ; documents stay in their batches, and what
// all lines have in common is written once.
//
//     {"create":{}}⏎{                         the line, and the brace that opens the body
//                    "@timestamp":…}⏎         the row from its body on, with its line feed
#pragma once

#include "outputs/piece.h"
#include "pipeline/output.h"

enum bulk_route { BULK_INDEX, BULK_PIPELINE, BULK_ID, BULK_OP };
enum { BULK_ID_MOST = 512 }; // bytes of a document's id, as servers have it

struct bulk;
// `index`: where documents go that name no other, for it stands in the address; NULL: none. With
// `hash_ids` documents without an id get one made of their bytes.
struct bulk *bulk_new(const char *index, bool hash_ids); // NULL: no memory
void bulk_free(struct bulk *b);

void bulk_clear(struct bulk *b);
enum bulk_result { BULK_ADDED, BULK_NO_INDEX, BULK_LONG_ID, BULK_NO_MEMORY };
// Adds row `i` of the parcel, which must outlive the request.
enum bulk_result bulk_add(struct bulk *b, const struct parcel *p, uint32_t i);
// Adds a document about a refused row: when it was, what it was, and why it was refused.
enum bulk_result bulk_add_dead_letter(struct bulk *b, const struct parcel *p, uint32_t i,
                                      const char *index, unsigned status, struct span reason);

const struct pieces *bulk_pieces(const struct bulk *b);
uint32_t bulk_count(const struct bulk *b);
// The row of the parcel that document `item` is.
uint32_t bulk_row(const struct bulk *b, uint32_t item);
