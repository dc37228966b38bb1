// SPDX-License-Identifier: Apache-2.0
// What the tests of events share: a small table of fields, an event over it, and the document it
// becomes as text.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pipeline/batch.h"
#include "pipeline/event.h"

enum kit_field {
    BEAT,
    TIMESTAMP,
    BYTES,
    ADDRESS,
    HEADERS,
    HEADERS_HOST,
    HTTP_BODY,
    HTTP_METHOD,
    STATUS_CODE,
    MESSAGE,
    TAGS,
    TYPE,
    LITERAL,
    KIT_FIELDS
};

static const struct field kit_fields[] = {
    [BEAT] = {"@metadata.beat", FIELD_KEYWORD, "a", 0},
    [TIMESTAMP] = {"@timestamp", FIELD_DATE, "a", 0},
    [BYTES] = {"source.bytes", FIELD_LONG, "a", 0},
    [ADDRESS] = {"source.ip", FIELD_IP, "a", FIELD_LIST},
    [HEADERS] = {"http.request.headers", FIELD_OBJECT, "a", 0},
    [HEADERS_HOST] = {"http.request.headers.host", FIELD_KEYWORD, "a", 0},
    [HTTP_BODY] = {"http.request.body.content", FIELD_TEXT, "a", 0},
    [HTTP_METHOD] = {"http.request.method", FIELD_KEYWORD, "a", 0},
    [STATUS_CODE] = {"http.response.status_code", FIELD_LONG, "a", 0},
    [MESSAGE] = {"error.message", FIELD_TEXT, "a", FIELD_LIST},
    [TAGS] = {"tags", FIELD_KEYWORD, "a", FIELD_LIST},
    [TYPE] = {"type", FIELD_KEYWORD, "a", 0},
    [LITERAL] = {"user.name", FIELD_KEYWORD, "a", FIELD_DOTTED},
};

static const struct field_table kit_table = {"kit", NULL, kit_fields, KIT_FIELDS};
static const struct field_table *const kit_tables[] = {&kit_table};

static struct arena arena;
static struct error why;
static struct schema *schema;
static struct counters counters;
static struct event event;
static struct batch_home *home;
static char document_text[BATCH_SIZE + 1];

#define span(literal) ((struct span)SPAN(literal))

// The schema with some more names, and an empty event of it. Once in a test.
static inline void kit_begin(const char *const *extra, int count)
{
    schema = schema_build(kit_tables, 1, extra, count, false, &arena, &why);
    if (!schema)
        fail_msg("%s", why.text);
    assert_true(event_init(&event, schema, 1 << 20, &counters, 3));
    event_begin(&event, schema_ranks(schema, &kit_table));
}

static inline int kit_set_up(void **state)
{
    (void)state;
    why.text[0] = 0;
    schema = NULL;
    event = (struct event){0};
    home = batch_home_new(4);
    return !home || !arena_init(&arena, 64 << 20);
}

static inline int kit_tear_down(void **state)
{
    (void)state;
    event_free(&event);
    arena_free(&arena);
    batch_home_free(home);
    return 0;
}

#define test(function) cmocka_unit_test_setup_teardown(function, kit_set_up, kit_tear_down)

// The event as it is written.
static inline const char *document(void)
{
    struct batch *b = batch_open(home, false);
    assert_non_null(b);
    assert_true(event_write(&event, b));
    struct span s = batch_document(b, batch_row(b, 0));
    memcpy(document_text, s.at, s.len);
    document_text[s.len] = 0;
    batch_release(b);
    return document_text;
}
