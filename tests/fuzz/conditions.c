// SPDX-License-Identifier: Apache-2.0
// Conditions out of YAML, held against documents of every kind: asking twice gives the same answer,
// asking changes nothing, and `not`, `and`, `or` around a condition mean what they say.
//
//   when: the condition             text: what the fields request, path and query hold

#include "config/config.h"
#include "pipeline/condition.h"
#include "tests/fuzz/documents.h"

static struct arena arena;

// {NAME: when}, or {NAME: [when, when]}.
static struct condition *around(const char *name, const struct config *when, bool list,
                                const struct schema *schema)
{
    struct config second = *when, first = *when, pair = {.kind = CONFIG_LIST, .count = 2};
    struct error why = {""};
    second.key = first.key = NULL;
    first.next = &second;
    second.next = NULL;
    pair.first = &first;
    pair.last = &second;
    struct config inside = list ? pair : *when;
    inside.key = name;
    inside.next = NULL;
    struct config map = {
        .kind = CONFIG_MAP, .file = "fuzz", .count = 1, .first = &inside, .last = &inside};
    struct condition *c = condition_read(&map, schema, &arena, &why);
    fuzz_check(c);
    return c;
}

static void hold(const struct config *when, const struct schema *schema, const char *text)
{
    static const int holders[] = {F_REQUEST, F_PATH, F_QUERY};
    static struct event e;
    const struct field_table *tables[DOCUMENT_TABLES];
    struct error why = {""};
    struct condition *c = condition_read(when, schema, &arena, &why);
    if (!c) {
        fuzz_check(why.text[0]);
        return;
    }
    const struct condition *not = around("not", when, false, schema),
                           *and = around("and", when, true, schema),
                           * or = around("or", when, true, schema);
    fuzz_check(e.schema || event_init(&e, schema, DOCUMENT_SCRATCH, &document_counters, 9));
    for (int i = 1, count = document_tables(tables); i < count; i++) {
        document_fill(&e, schema, tables[i], (unsigned)i);
        for (unsigned h = 0; text && h < sizeof holders / sizeof *holders; h++)
            event_text(&e, holders[h], span_text(text));
        bool holds = condition_holds(c, &e);
        fuzz_check(condition_holds(not, &e) == !holds);
        fuzz_check(condition_holds(and, &e) == holds && condition_holds(or, &e) == holds);
        fuzz_check(condition_holds(c, &e) == holds);
        document_check(&e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct schema *schema = document_schema(NULL, 0, false);
    struct error why = {""};
    fuzz_check(arena.base || arena_init(&arena, 64 << 20));
    arena_reset(&arena);
    struct config *root = config_new(&arena);
    bool read = config_read_text(root, span_of(data, size), "fuzz", &arena, &why);
    const struct config *when = read ? config_get(root, "when") : NULL;
    if (when)
        hold(when, schema, config_text(root, "text"));
    return 0;
}
