// SPDX-License-Identifier: Apache-2.0
// Declared fields. Every field a document may have is declared once, in a table in the file that
// writes it. From the tables come the documents, the index template, the reference in docs/, and
// the check that nothing undeclared is written. At start all names are sorted (by their parts
// between the dots) and get a rank; an object is an interval of ranks.
#pragma once

#include <stdio.h>

#include "config/error.h"
#include "pipeline/base/arena.h"

enum {
    FIELD_DEPTH = 16,    // parts of a name at most
    FIELD_LENGTH = 1024, // bytes of a name at most
    FIELD_RANKS = 65000  // names and objects at most
};

enum field_type {
    FIELD_KEYWORD,
    FIELD_TEXT, // long text, searched by words
    FIELD_LONG,
    FIELD_DOUBLE,
    FIELD_BOOLEAN,
    FIELD_DATE,
    FIELD_IP,
    FIELD_OBJECT, // its children are named at run time (headers, options); declared children may
                  // stand beside them
    FIELD_NESTED, // list of objects, written as fragments (dns.answers); children that are declared
                  // say what is inside
};

enum field_flag {
    FIELD_DOTTED = 1, // the key itself holds the dots: {"user.name": …}
    FIELD_ADDED = 2,  // Weir's own: not written under compat
    FIELD_LIST = 4,   // may hold several values
};

struct field {
    const char *name; // dotted path from the root of the document
    enum field_type type;
    const char *meaning; // one line, with the unit
    unsigned flags;
};

// A file's fields, in the order of its enum. The enum goes on where the one of `base` ended, so
// that one map of ranks serves both: `enum http_field { HTTP_VERSION = COMMON_FIELDS, … }`.
struct field_table {
    const char *owner;              // "http"
    const struct field_table *base; // NULL, or the table whose fields it uses too
    const struct field *fields;
    int count;
};

struct schema; // built once, constant for all threads afterwards

// Ranks all fields of `tables` and the names in `extra` (those that a configuration brings in;
// FIELD_KEYWORD unless a table declares them or others lie inside). An object has a rank too,
// before its children, whether declared or only implied by them. Under compat, fields with
// FIELD_ADDED get the rank that is never written. All memory is the arena's. NULL: a name is both a
// value and an object, is declared with two types, or there are more than FIELD_RANKS; said in
// `why`.
struct schema *schema_build(const struct field_table *const *tables, int table_count,
                            const char *const *extra, int extra_count, bool compat, struct arena *a,
                            struct error *why);

// The map from a table's enum (its base's fields first) to ranks.
const uint16_t *schema_ranks(const struct schema *s, const struct field_table *table);

// Number of ranks; the last one is the rank that is never written.
unsigned schema_size(const struct schema *s);
// The declaration behind a rank (made up for an implied object); NULL for the last one.
const struct field *schema_field(const struct schema *s, unsigned rank);
// The first rank behind "@metadata": there the body of a document begins.
unsigned schema_body(const struct schema *s);
// The rank of a direct child of the object `parent` (the last rank: of the root), by the part of
// its name. The last rank: there is none.
unsigned schema_child(const struct schema *s, unsigned parent, struct span part);

// The last part of the name behind a rank.
struct span schema_part(const struct schema *s, unsigned rank);

// A name bound to ranks: a field, an object (an interval that begins with its own rank), or
// something inside a field whose members are named at run time.
struct field_path {
    uint16_t first, last; // interval of ranks, inclusive; first > last: no field has this name
    uint16_t literal;     // rank of the FIELD_DOTTED twin of `first`, else the last rank
    uint16_t holder;      // rank of the field it lies in, else the last rank
    const char *inside;   // path inside the holder; NULL
    const char *name;     // the whole name
};
struct field_path schema_path(const struct schema *s, const char *name, struct arena *a);

// How a rank is written. An object is open while ranks of its interval come.
struct field_key {
    const char *open; // `"http":{"request":{"method":` : names of all objects around it, then the
                      // key; escaped.
    uint16_t open_len;
    uint16_t last; // last rank inside the field itself: its own if there is nothing inside
    uint8_t depth; // objects around it
    // Each has depth + 1 entries. step[d]: where in `open` the part behind d open objects begins.
    // until[d]: last rank inside the object opened at depth d; until[depth] is `last`.
    const uint16_t *step, *until;
};
const struct field_key *schema_keys(const struct schema *s); // schema_size() of them

// What else an index template says.
struct template_options {
    const char *pattern; // which indices it is for
    const char *program, *version;
    int64_t priority;      // 0: the reference's
    bool plain;            // indices, not data streams
    const char *policy;    // name of the lifecycle policy; NULL: none
    const char *retention; // the data stream's own lifecycle keeps documents so long; NULL: none
    const char *more;      // JSON members for the settings of the index, a comma behind; NULL: none
    const char *source;    // JSON of the mapping of _source; NULL: none
};

// The index template (Elasticsearch 8, composable; OpenSearch takes it too) and the reference page.
void schema_print_template(const struct field_table *const *tables, int table_count,
                           const struct template_options *options, FILE *to);
void schema_print_reference(const struct field_table *const *tables, int table_count, FILE *to);
