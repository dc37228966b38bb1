// SPDX-License-Identifier: Apache-2.0
// An event over all declared fields, filled with values of every type, and the judge of what is
// written of it.
#pragma once

#include "pipeline/base/clock.h"
#include "pipeline/batch.h"
#include "probe/flow/report.h"
#include "tests/fuzz/json.h"

enum { DOCUMENT_TABLES = 64, DOCUMENT_SCRATCH = 1 << 20 };

static struct counters document_counters;

// Every table, each with what it adds to the common one. How many.
static inline int document_tables(const struct field_table *tables[DOCUMENT_TABLES])
{
    int count = 0;
    tables[count++] = &common_table;
    tables[count++] = &flow_table;
    for (const struct protocol *const *p = protocols; *p && count < DOCUMENT_TABLES; p++)
        tables[count++] = (*p)->fields;
    return count;
}

static inline void document_fill_one(struct event *e, int field, enum field_type type)
{
    static const uint8_t address[16] = {0xfe, 0x80, [15] = 1};
    switch (type) {
    case FIELD_KEYWORD:
    case FIELD_TEXT:
        event_text(e, field, span_text(field % 2 ? "GET /a?b=c \"\xc3\xa4\xff\"" : "10.0.0.1"));
        break;
    case FIELD_LONG:
        event_number(e, field, field % 2 ? 53 : INT64_MIN);
        break;
    case FIELD_DOUBLE:
        *event_slot(e, field) = (struct value){.kind = VALUE_DOUBLE, .real = 0.1 * field};
        break;
    case FIELD_BOOLEAN:
        event_flag(e, field, field % 2);
        break;
    case FIELD_DATE:
        event_time(e, field, INT64_C(1700000000123456789));
        break;
    case FIELD_IP:
        event_ip(e, field, address, field % 2 ? 4 : 6);
        break;
    case FIELD_OBJECT:
        event_member(e, field, span_text("host"), value_text(span_text("example.org")));
        event_member(e, field, span_text("a.b"), value_number(7));
        event_member(e, field, span_text(""), value_text(span_text("")));
        break;
    case FIELD_NESTED:
        event_json(e, field, span_text("[{\"name\":\"a\",\"data\":\"10.0.0.1\"},{}]"));
        break;
    }
}

// Fills the fields of a table, of each two or three only one, so that kinds of documents differ.
static inline void document_fill(struct event *e, const struct schema *s,
                                 const struct field_table *table, unsigned which)
{
    int base = table->base ? table->base->count : 0;
    event_begin(e, schema_ranks(s, table));
    for (int i = 0; i < base + table->count; i++) {
        const struct field *f = i < base ? &table->base->fields[i] : &table->fields[i - base];
        if (which % 4 == 0 || (unsigned)i % 4 == which % 4)
            document_fill_one(e, i, f->type);
    }
    event_add(e, F_TAGS, value_text(span_text("x")));
    event_add(e, F_TAGS, value_text(span_text("y")));
    event_time(e, F_TIMESTAMP, e->time = (INT64_C(1700000000) * SECOND));
}

// A schema that is built when it is first asked for; the arena is its own.
static inline const struct schema *document_schema(const char *const *extra, int count, bool compat)
{
    static const struct schema *schemas[2];
    static struct arena arena;
    const struct field_table *tables[DOCUMENT_TABLES];
    struct error why = {""};
    fuzz_check(arena.base || arena_init(&arena, 16 << 20));
    if (!schemas[compat])
        schemas[compat] =
            schema_build(tables, document_tables(tables), extra, count, compat, &arena, &why);
    fuzz_check(schemas[compat]);
    return schemas[compat];
}

// Writes the event, shortened if need be, and judges it.
static inline void document_check(struct event *e)
{
    static struct batch_home *home;
    fuzz_check(home || (home = batch_home_new(1)));
    struct batch *b = batch_open(home, false);
    fuzz_check(b);
    bool fits = event_write(e, b) || (event_shrink(e, BATCH_SIZE - 1024) && event_write(e, b));
    if (fits)
        json_check(batch_document(b, batch_row(b, 0)));
    batch_release(b);
}
