// SPDX-License-Identifier: Apache-2.0
// Lists in TLS documents: one JSON fragment each, put together in a place on the stack and copied
// into the event once. An item that finds no room was never there, so what is written is always a
// list.
#pragma once

#include "pipeline/event.h"
#include "probe/proto/tls_names.h"

struct pen tls_list_begin(void *place, size_t size);

// An item is what is written between these two; `before` is what the first one gave. False: it
// found no room.
uint8_t *tls_list_item(struct pen *list);
bool tls_list_item_end(struct pen *list, uint8_t *before);

// An item that is a text, or a name of tls_names.h (with so many digits if it has none).
void tls_list_text(struct pen *list, struct span text);
void tls_list_name(struct pen *list, struct span name, unsigned number, unsigned digits);

// The list of two-byte numbers by name; those that stand for nothing (RFC 8701) are left out. What
// was written is kept, for most clients offer what others did. False: as below.
bool tls_list_numbers(struct event *e, int field, struct span numbers, tls_namer *name,
                      bool compat);

// Puts a copy of the list into the event. False: it is empty, and nothing was put.
bool tls_list_end(struct event *e, int field, struct pen *list);
