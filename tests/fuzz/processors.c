// SPDX-License-Identifier: Apache-2.0
// Processors and conditions out of YAML, run on documents of every kind: what they leave is JSON.
//
//   processors: the list             text: what the fields request, path and query hold

#include "config/config.h"
#include "pipeline/processor.h"
#include "tests/fuzz/documents.h"

enum { NAMES = 256 };

struct names {
    const char *at[NAMES];
    int count;
};

static struct arena arena;

static void add_name(void *arg, const char *name)
{
    struct names *n = arg;
    if (n->count < NAMES)
        n->at[n->count++] = name;
}

static void warned(void *arg, const char *text)
{
    (void)arg;
    fuzz_check(*text);
}

static void run(const struct processor_chain *chain, const struct schema *schema,
                const struct field_table *const *tables, int count, const char *text)
{
    static const int holders[] = {F_REQUEST, F_PATH, F_QUERY};
    struct event e;
    fuzz_check(event_init(&e, schema, DOCUMENT_SCRATCH, &document_counters, 9));
    for (int i = 1; i < count; i++) {
        document_fill(&e, schema, tables[i], (unsigned)i);
        for (unsigned h = 0; text && h < sizeof holders / sizeof *holders; h++)
            event_text(&e, holders[h], span_text(text));
        if (processors_run(chain, &e))
            document_check(&e);
    }
    event_free(&e);
}

static void try_list(const struct config *list, const char *text)
{
    const struct field_table *tables[DOCUMENT_TABLES];
    struct names names = {.count = 0};
    struct error why = {""};
    int count = document_tables(tables);
    processors_names(list, add_name, &names, &arena);
    struct schema *schema = schema_build(tables, count, names.at, names.count, false, &arena, &why);
    if (!schema) {
        fuzz_check(why.text[0]);
        return;
    }
    struct setting_reader reader = {.mood = list && list->line % 2 ? SETTING_WARN : SETTING_REFUSE,
                                    .warn = warned,
                                    .arena = &arena};
    struct processor_chain *chain = processors_read(list, schema, &reader, &why);
    if (chain)
        run(chain, schema, tables, count, text);
    else
        fuzz_check(why.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error why = {""};
    fuzz_check(arena.base || arena_init(&arena, 64 << 20));
    arena_reset(&arena);
    struct config *root = config_new(&arena);
    if (config_read_text(root, span_of(data, size), "fuzz", &arena, &why))
        try_list(config_get(root, "processors"), config_text(root, "text"));
    return 0;
}
