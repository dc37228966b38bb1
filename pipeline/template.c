// SPDX-License-Identifier: Apache-2.0
// What is printed from the tables of fields: the index template and the reference. The template is
// composable (Elasticsearch 7.9 and later, OpenSearch) and makes data streams; its priority is the
// reference's, so that users may put their own above.

#include "pipeline/base/json.h"
#include "pipeline/field.h"

#include <stdlib.h>

enum { PRIORITY = 150, FIELDS_LIMIT = 10000, KEYWORD_LENGTH = 1024 };

#define KEYWORD "\"type\": \"keyword\", \"ignore_above\": 1024"

_Static_assert(KEYWORD_LENGTH == 1024, "as it stands in KEYWORD");

static const char *const mappings[] = {
    [FIELD_KEYWORD] = KEYWORD,
    [FIELD_TEXT] = "\"type\": \"match_only_text\"",
    [FIELD_LONG] = "\"type\": \"long\"",
    [FIELD_DOUBLE] = "\"type\": \"double\"",
    [FIELD_BOOLEAN] = "\"type\": \"boolean\"",
    [FIELD_DATE] = "\"type\": \"date\"",
    [FIELD_IP] = "\"type\": \"ip\"",
    [FIELD_OBJECT] = "\"type\": \"object\"",
    [FIELD_NESTED] = "\"type\": \"object\"",
};

// A text in quotes; a name is never so long that it would be cut.
static void print_text(struct span text, FILE *to)
{
    uint8_t place[6 * FIELD_LENGTH + 2];
    struct pen pen = pen_of(place, sizeof place);
    pen_text(&pen, span_first(text, FIELD_LENGTH));
    fwrite(place, 1, pen_written(&pen).len, to);
}

// ── the template ─────────────────────────────────────────────────────────────────────────────────

struct printing {
    const struct schema *schema;
    FILE *to;
};

static unsigned last_inside(const struct schema *s, unsigned rank)
{
    return schema_keys(s)[rank].last;
}

static void print_properties(const struct printing *p, unsigned first, unsigned last, int indent);

static void print_property(const struct printing *p, unsigned rank, int indent)
{
    const struct field *field = schema_field(p->schema, rank);
    unsigned last = last_inside(p->schema, rank);
    fprintf(p->to, "%*s", indent, "");
    print_text(schema_part(p->schema, rank), p->to);
    if (last == rank) {
        fprintf(p->to, ": {%s}", mappings[field->type]);
        return;
    }
    fprintf(p->to, ": {\n%*s\"properties\": {\n", indent + 2, "");
    print_properties(p, rank + 1, last, indent + 4);
    fprintf(p->to, "%*s}\n%*s}", indent + 2, "", indent, "");
}

static void print_properties(const struct printing *p, unsigned first, unsigned last, int indent)
{
    for (unsigned rank = first; rank <= last; rank = last_inside(p->schema, rank) + 1) {
        if (rank != first)
            fputs(",\n", p->to);
        print_property(p, rank, indent);
    }
    fputs("\n", p->to);
}

// Members named at run time are keywords whatever the first of them looked like: a header that
// holds a number today may hold a word tomorrow.
static void print_dynamic(const struct printing *p)
{
    static const char *const kinds[] = {"long", "double", "boolean"};
    for (unsigned rank = schema_body(p->schema); rank < schema_size(p->schema) - 1; rank++) {
        const struct field *field = schema_field(p->schema, rank);
        if (field->type != FIELD_OBJECT || !field->meaning[0])
            continue;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            fprintf(
                p->to,
                "        {\"%s.%s\": {\"path_match\": \"%s.*\", \"match_mapping_type\": \"%s\", "
                "\"mapping\": {" KEYWORD "}}},\n",
                field->name, kinds[i], field->name, kinds[i]);
    }
    fputs("        {\"strings\": {\"match_mapping_type\": \"string\", \"mapping\": {" KEYWORD
          "}}}\n",
          p->to);
}

static void print_member(const char *before, const char *text, const char *behind, FILE *to)
{
    fputs(before, to);
    print_text(span_text(text), to);
    fputs(behind, to);
}

static void print_settings(const struct template_options *o, FILE *to)
{
    fprintf(to, "    \"settings\": {\"index\": {%s", o->more ? o->more : "");
    if (o->policy)
        print_member("\"lifecycle\": {\"name\": ", o->policy, "}, ", to);
    fprintf(to,
            "\"mapping\": {\"total_fields\": {\"limit\": %d}}, \"refresh_interval\": \"5s\"}},\n",
            FIELDS_LIMIT);
    if (o->retention)
        print_member("    \"lifecycle\": {\"data_retention\": ", o->retention, "},\n", to);
}

static void print_template(const struct printing *p, const struct template_options *o)
{
    print_member("{\n  \"index_patterns\": [", o->pattern, "],\n", p->to);
    if (!o->plain)
        fputs("  \"data_stream\": {},\n", p->to);
    fprintf(p->to, "  \"priority\": %lld,\n", (long long)(o->priority ? o->priority : PRIORITY));
    print_member("  \"_meta\": {\"beat\": ", o->program ? o->program : "weir", ", ", p->to);
    print_member("\"version\": ", o->version ? o->version : WEIR_VERSION, "},\n", p->to);
    fputs("  \"template\": {\n", p->to);
    print_settings(o, p->to);
    fputs("    \"mappings\": {\n      \"date_detection\": false,\n", p->to);
    if (o->source)
        fprintf(p->to, "      \"_source\": %s,\n", o->source);
    fputs("      \"dynamic_templates\": [\n", p->to);
    print_dynamic(p);
    fputs("      ],\n      \"properties\": {\n", p->to);
    print_properties(p, schema_body(p->schema), schema_size(p->schema) - 2, 8);
    fputs("      }\n    }\n  }\n}\n", p->to);
}

// The tables as an index sees them: a key with dots is the same as objects inside each other.
static const struct field_table *undotted(const struct field_table *t, struct arena *a)
{
    struct field_table *copy = arena_alloc(a, sizeof *copy);
    struct field *fields = arena_alloc(a, (size_t)t->count * sizeof *fields);
    if (!copy || !fields)
        return NULL;
    for (int i = 0; i < t->count; i++) {
        fields[i] = t->fields[i];
        fields[i].flags &= ~(unsigned)FIELD_DOTTED;
    }
    *copy = (struct field_table){t->owner, NULL, fields, t->count};
    return copy;
}

// Each table once, those they build on first.
struct tables {
    const struct field_table **at;
    int count;
};

static void collect(struct tables *all, const struct field_table *t)
{
    if (!t)
        return;
    collect(all, t->base);
    for (int i = 0; i < all->count; i++)
        if (all->at[i] == t)
            return;
    all->at[all->count++] = t;
}

static bool collect_all(struct tables *all, const struct field_table *const *tables, int count)
{
    int most = 0;
    for (int i = 0; i < count; i++)
        for (const struct field_table *t = tables[i]; t; t = t->base)
            most++;
    *all = (struct tables){.at = calloc((size_t)most + 1, sizeof *all->at)};
    for (int i = 0; all->at && i < count; i++)
        collect(all, tables[i]);
    return all->at;
}

static struct schema *schema_of_index(struct tables *all, struct arena *a)
{
    for (int i = 0; i < all->count; i++) {
        all->at[i] = undotted(all->at[i], a);
        if (!all->at[i])
            return NULL;
    }
    return schema_build(all->at, all->count, NULL, 0, false, a, NULL);
}

void schema_print_template(const struct field_table *const *tables, int table_count,
                           const struct template_options *options, FILE *to)
{
    struct arena a;
    struct tables all;
    if (!arena_init(&a, 64 << 20))
        return;
    if (collect_all(&all, tables, table_count)) {
        struct printing p = {schema_of_index(&all, &a), to};
        if (p.schema)
            print_template(&p, options);
    }
    free(all.at);
    arena_free(&a);
}

// ── the reference ────────────────────────────────────────────────────────────────────────────────

static void print_row(const struct field *f, FILE *to)
{
    static const char *const types[] = {"keyword", "text", "long",   "double", "boolean",
                                        "date",    "ip",   "object", "objects"};
    fprintf(to, "| `%s` | %s%s | ", f->name, types[f->type], f->flags & FIELD_LIST ? ", list" : "");
    for (const char *at = f->meaning; *at; at++)
        fprintf(to, *at == '|' ? "\\%c" : "%c", *at);
    fprintf(to, "%s%s |\n", f->flags & FIELD_DOTTED ? " (one key with dots)" : "",
            f->flags & FIELD_ADDED ? " (not under `compat`)" : "");
}

void schema_print_reference(const struct field_table *const *tables, int table_count, FILE *to)
{
    struct tables all;
    if (!collect_all(&all, tables, table_count))
        return;
    for (int i = 0; i < all.count; i++) {
        fprintf(to, "%s## %s\n\n| Field | Type | Meaning |\n|---|---|---|\n", i ? "\n" : "",
                all.at[i]->owner);
        for (int f = 0; f < all.at[i]->count; f++)
            print_row(&all.at[i]->fields[f], to);
    }
    free(all.at);
}
