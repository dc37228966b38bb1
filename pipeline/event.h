// SPDX-License-Identifier: Apache-2.0
// The worker's one reusable event: values by rank and a bit for each that is set. Setting a field
// is two stores; the document is encoded once, into a batch, by walking the bits. Texts and
// addresses are views that must stay valid until event_write; what has no home is copied into the
// event's scratch. A scratch that is full loses the value and is counted.
#pragma once

#include "pipeline/base/arena.h"
#include "pipeline/base/chain.h"
#include "pipeline/base/counters.h"
#include "pipeline/base/json.h"
#include "pipeline/base/text.h"
#include "pipeline/field.h"

enum value_kind {
    VALUE_NULL,
    VALUE_TEXT,     // at, len
    VALUE_CHAIN,    // at: const struct chain
    VALUE_SIGNED,   // number
    VALUE_UNSIGNED, // number
    VALUE_DOUBLE,   // real
    VALUE_BOOL,     // number
    VALUE_TIME,     // number: nanoseconds
    VALUE_IP,       // at: bytes; len: 4 or 16
    VALUE_MAC,      // at: six bytes
    VALUE_JSON,     // at, len: a finished fragment
    VALUE_LIST,     // list
    VALUE_TREE,     // tree
};

struct value {
    uint8_t kind;
    uint8_t grown; // of a list or tree: event_add or event_member made it and knows its end
    uint8_t cut;   // of a text or chain: "…" is written behind it
    uint8_t fixed; // it and all behind it stay as they are: may be encoded once for many documents
    uint32_t len;
    union {
        const void *at;
        int64_t number;
        double real;
        struct list_item *list; // linked in order
        struct tree_item *tree;
    };
};

struct list_item {
    struct list_item *next;
    struct value value;
};

// A member of a small tree whose names are known at run time only.
struct tree_item {
    struct tree_item *next;
    struct span key;
    struct value value;
};

// Ceilings. Items and members above are left out, and the event is marked as lost something;
// what lies deeper in a tree is written as null.
enum { EVENT_LIST_ITEMS = 1024, EVENT_TREE_DEPTH = 16 };

struct kept;
struct regexp_room;
struct shapes;

struct event {
    const struct schema *schema;
    const uint16_t *ranks; // map of the table whose enum is in use now
    uint64_t *set;         // one bit a rank
    struct value *values;  // one a rank
    unsigned size;         // ranks
    struct arena scratch;
    struct counters *counters;
    int digits;       // of a second in times: 3, 6 or 9
    int64_t time;     // of the row, and for %{+…}; the field @timestamp is set like any other
    bool lost;        // a value found no scratch or lay above a ceiling: the document is incomplete
    uint16_t dataset; // of the row
    uint16_t route_count;      // of the row; 0: all are constant
    const struct span *routes; // valid until event_write
    uint64_t seen[4];         // filter of the members added: most names need no search for an equal
    struct regexp_room *room; // working memory of regular expressions, made when first needed
    struct shapes *shapes;    // the encoder's: what documents have in common
    struct kept *kept;        // what processors keep from one document to the next
    struct value loose;       // a tree: members of the root itself that no field is declared for
};

struct batch;

bool event_init(struct event *e, const struct schema *s, size_t scratch, struct counters *counters,
                int digits);
void event_free(struct event *e);

// Empties the event and takes the map whose enum will be used.
void event_begin(struct event *e, const uint16_t *ranks);

// The place of a field, marked as set; its value is whatever the caller stores.
static inline struct value *event_slot(struct event *e, int field)
{
    unsigned rank = e->ranks[field];
    e->set[rank >> 6] |= UINT64_C(1) << (rank & 63);
    return &e->values[rank];
}

static inline bool event_has(const struct event *e, int field)
{
    unsigned rank = e->ranks[field];
    return e->set[rank >> 6] >> (rank & 63) & 1;
}

static inline void event_drop(struct event *e, int field)
{
    unsigned rank = e->ranks[field];
    e->set[rank >> 6] &= ~(UINT64_C(1) << (rank & 63));
}

static inline void event_text(struct event *e, int field, struct span text)
{
    *event_slot(e, field) =
        (struct value){.kind = VALUE_TEXT, .len = (uint32_t)text.len, .at = text.at};
}

// An empty text leaves the field out, as most fields of the reference want it.
static inline void event_text_if(struct event *e, int field, struct span text)
{
    if (text.len)
        event_text(e, field, text);
}

// One of a few values that stay as they are, with all behind them: documents in a row that have the
// same one, at the same address, need not write it anew.
static inline void event_fixed(struct event *e, int field, struct value value)
{
    value.fixed = 1;
    *event_slot(e, field) = value;
}

static inline void event_chain(struct event *e, int field, const struct chain *chain)
{
    *event_slot(e, field) = (struct value){.kind = VALUE_CHAIN, .len = chain->len, .at = chain};
}

static inline void event_number(struct event *e, int field, int64_t number)
{
    *event_slot(e, field) = (struct value){.kind = VALUE_SIGNED, .number = number};
}

static inline void event_flag(struct event *e, int field, bool flag)
{
    *event_slot(e, field) = (struct value){.kind = VALUE_BOOL, .number = flag};
}

static inline void event_time(struct event *e, int field, int64_t nanoseconds)
{
    *event_slot(e, field) = (struct value){.kind = VALUE_TIME, .number = nanoseconds};
}

static inline void event_ip(struct event *e, int field, const uint8_t *bytes, int family)
{
    *event_slot(e, field) =
        (struct value){.kind = VALUE_IP, .len = family == 4 ? 4 : 16, .at = bytes};
}

static inline void event_mac(struct event *e, int field, const uint8_t *bytes)
{
    *event_slot(e, field) = (struct value){.kind = VALUE_MAC, .len = 6, .at = bytes};
}

static inline void event_json(struct event *e, int field, struct span fragment)
{
    *event_slot(e, field) =
        (struct value){.kind = VALUE_JSON, .len = (uint32_t)fragment.len, .at = fragment.at};
}

// Sets a text after copying it into the scratch.
void event_text_copy(struct event *e, int field, struct span text);
// A pen on `size` bytes of scratch, for fragments and texts put together on the spot; full at once
// if there is no room.
struct pen event_pen(struct event *e, size_t size);

// Adds to a list; one value alone stays a list of one. event_add_new leaves out what is there
// already and what is empty.
void event_add(struct event *e, int field, struct value value);
void event_add_new(struct event *e, int field, struct value value);
// An empty list, written as [].
void event_list(struct event *e, int field);

static inline struct value value_text(struct span text)
{
    return (struct value){.kind = VALUE_TEXT, .len = (uint32_t)text.len, .at = text.at};
}
static inline struct value value_number(int64_t number)
{
    return (struct value){.kind = VALUE_SIGNED, .number = number};
}
static inline struct value value_ip(const uint8_t *bytes, int family)
{
    return (struct value){.kind = VALUE_IP, .len = family == 4 ? 4 : 16, .at = bytes};
}

// True for what most fields of the reference leave out: an empty text, no address, nothing.
bool value_is_empty(const struct value *v);
bool value_is_same(const struct value *a, const struct value *b);

// Sets a member, named at run time, of a FIELD_OBJECT. If a declared field has that name the value
// goes there instead, so no key comes twice; an equal name replaces. The key is a view like any
// text.
void event_member(struct event *e, int field, struct span key, struct value value);

// Lists and trees that are not in an event yet, in its scratch. `*list` is nothing (VALUE_NULL),
// what event_fetch gave, or grew here; a value that is no list becomes the first of one. A member
// is added whether its name is there already or not.
void value_add(struct event *e, struct value *list, struct value item);
void value_member(struct event *e, struct value *tree, struct span key, struct value item);

// As event_member, for the root of the document. What no field is declared for stands at the end of
// the document, and no path finds it.
void event_root_member(struct event *e, struct span key, struct value value);

// As event_add and event_member, by rank.
void event_add_at(struct event *e, unsigned rank, struct value value);
void event_member_at(struct event *e, unsigned rank, struct span key, struct value value);

// By rank, for processors, conditions and format strings; NULL: not set.
const struct value *event_value(const struct event *e, const struct field_path *path);
bool event_has_path(const struct event *e,
                    const struct field_path *path); // also true for an object with anything inside
// Replaces what was there. A tree put on an object finds the object's declared children. A path
// that is bound to nothing takes nothing.
void event_put(struct event *e, const struct field_path *path, struct value value);
void event_drop_path(struct event *e, const struct field_path *path);
// value_to_text and value_string of what a field holds; `at` is NULL, too, if it is not set.
struct span event_to_text(struct event *e, const struct field_path *path);
struct span event_string(struct event *e, const struct field_path *path);
// The address that a field holds, as such or as a text; of a list the first. False: none.
bool event_address(struct event *e, const struct field_path *path, struct ip *out);
// The value of a field, an object being a tree of all that is inside it; on its own, so that the
// field may be dropped or changed. False: not set, or no scratch.
bool event_fetch(struct event *e, const struct field_path *path, struct value *out);

// All values as they are now, in scratch, and back: for a change that is done wholly or not at all.
// The trees and lists of a saved event are shared, so they must not be added to in between. NULL:
// no scratch.
struct event_copy;
struct event_copy *event_save(struct event *e);
void event_restore(struct event *e, const struct event_copy *copy);

// Memory that `owner` keeps for this worker alone, zeroed at first; the same place each time, until
// event_free, which tells `end` (may be NULL) before it goes. NULL: no memory.
void *event_keep(struct event *e, const void *owner, size_t size, void (*end)(void *kept));

// The element at the start of the inside of a JSON list, which is cut off `*rest`; empty: no more.
struct span json_element(struct span *rest);
// A value as text, as a format string shows it, in `scratch` if it must be made. Lists, trees and
// nothing have no text: `at` is NULL.
struct span value_to_text(const struct event *e, const struct value *v, struct arena *scratch);
// The same for what is a text in the document, addresses and times included; `at` is NULL for
// numbers and booleans too.
struct span value_string(const struct event *e, const struct value *v, struct arena *scratch);
// An address, or a text that is one. False: neither.
bool value_address(const struct event *e, const struct value *v, struct arena *scratch,
                   struct ip *out);
void value_write(const struct value *v, struct pen *pen, int digits);

// Encodes the event once, with its @metadata first, into a row with its time, dataset and routes. A
// rank with children whose value is no tree stands for the whole object: its children are not
// written. False: the batch has no room and nothing was written; hand the batch over and try again
// with an empty one.
bool event_write(const struct event *e, struct batch *b);
// Shortens the largest texts (marked with "…") until the document takes at most `size` bytes;
// false: it cannot.
bool event_shrink(struct event *e, size_t size);
