// SPDX-License-Identifier: Apache-2.0
// A table of settings meets what the user wrote: first no key may be unknown, then each row takes
// its value or its default. How a value is read is value.c's.
#include "config/setting.h"

#include "config/nearest.h"
#include "config/value.h"

enum { LONGEST_KEY = 256 }; // a dotted key below its table

// One filling, or the part of it below one section.
struct filling {
    const struct setting *table, *also;
    const struct setting_reader *reader;
    struct error *why;
};

static bool is_known(const struct setting *table, const char *key)
{
    for (const struct setting *row = table; row && row->key; row++)
        if (strcmp(row->key, key) == 0)
            return true;
    return false;
}

// True if a dotted key of the table lies below `key`.
static bool leads_on(const struct setting *table, const char *key)
{
    size_t len = strlen(key);
    for (const struct setting *row = table; row && row->key; row++)
        if (strncmp(row->key, key, len) == 0 && row->key[len] == '.')
            return true;
    return false;
}

static void try_table(struct nearest *n, const struct setting *table)
{
    for (const struct setting *row = table; row && row->key; row++)
        nearest_try(n, span_text(row->key));
}

const char *setting_nearest(const struct setting *table, const char *key)
{
    struct nearest n = {.wanted = span_text(key)};
    try_table(&n, table);
    return (const char *)n.word.at; // the whole of a row's key, so it ends with zero
}

// A key up to the dot behind which it is deeper than `depth`.
static struct span head_of(const char *key, int depth)
{
    const char *end = key;
    while (*end && (*end != '.' || depth--))
        end++;
    return span_of(key, (size_t)(end - key));
}

// As try_table; but a section may be misspelt as well as a setting.
static void try_heads(struct nearest *n, const struct setting *table)
{
    int depth = 0;
    for (size_t i = 0; i < n->wanted.len; i++)
        depth += n->wanted.at[i] == '.';
    for (const struct setting *row = table; row && row->key; row++)
        nearest_try(n, head_of(row->key, depth));
}

// Notes that `node` is warned of. False: it was before.
static bool is_news(const struct setting_reader *reader, const struct config *node)
{
    if (!reader->told)
        return true;
    for (const struct setting_told *told = *reader->told; told; told = told->next)
        if (told->node == node)
            return false;
    struct setting_told *told = arena_alloc(reader->arena, sizeof *told);
    if (told) {
        *told = (struct setting_told){node, *reader->told};
        *reader->told = told;
    }
    return true;
}

static void warn(const struct setting_reader *reader, const struct config *node, const char *what,
                 const char *more)
{
    struct error text;
    if (!reader->warn || !is_news(reader, node))
        return;
    config_refuse(node, &text, "%s%s", what, more);
    reader->warn(reader->arg, text.text);
}

static bool unknown(const struct filling *f, const struct config *node, const char *key)
{
    struct nearest n = {.wanted = span_text(key)};
    try_heads(&n, f->table);
    try_heads(&n, f->also);
    char hint[LONGEST_KEY] = "";
    if (n.word.len)
        snprintf(hint, sizeof hint, ", did you mean \"%.*s\"?", (int)n.word.len,
                 (const char *)n.word.at);
    if (f->reader->mood == SETTING_REFUSE)
        return config_refuse(node, f->why, "unknown setting%s", hint);
    warn(f->reader, node, "unknown setting is ignored", hint);
    return true;
}

static bool check_keys(const struct filling *f, const struct config *map, const char *prefix)
{
    for (const struct config *child = map->first; child; child = child->next) {
        char key[LONGEST_KEY];
        snprintf(key, sizeof key, "%s%s", prefix, child->key);
        if (is_known(f->table, key) || is_known(f->also, key))
            continue;
        if (!leads_on(f->table, key) && !leads_on(f->also, key)) {
            if (!unknown(f, child, key))
                return false;
            continue;
        }
        char found[64], deeper[LONGEST_KEY + 1];
        if (child->kind != CONFIG_MAP && child->kind != CONFIG_NULL)
            return config_refuse(child, f->why, "expected a map, found %s",
                                 config_found(child, found));
        snprintf(deeper, sizeof deeper, "%s.", key);
        if (!check_keys(f, child, deeper))
            return false;
    }
    return true;
}

static bool fill_row(const struct filling *f, const struct setting *row, const struct config *node,
                     void *into)
{
    void *member = (char *)into + row->offset;
    const struct config *given = config_get(node, row->key);
    if (given && given->kind == CONFIG_NULL && row->type != SETTING_TABLE)
        given = NULL;
    if (row->type == SETTING_TABLE)
        return setting_fill(row->table, given, member, NULL, f->reader, f->why);
    if (row->type == SETTING_UNUSED) {
        if (given)
            warn(f->reader, given, "has no effect: ", row->meaning);
        return true;
    }
    if (given)
        return value_read(row, given, member, f->reader->arena, f->why);
    if (row->required && node)
        return config_refuse(node, f->why, "\"%s\" is missing (%s)", row->key, row->meaning);
    return value_standard(row, member, f->reader->arena, f->why);
}

bool setting_fill(const struct setting *table, const struct config *node, void *into,
                  const struct setting *also, const struct setting_reader *reader,
                  struct error *why)
{
    const struct filling f = {table, also, reader, why};
    char found[64];
    if (node && node->kind != CONFIG_MAP && node->kind != CONFIG_NULL)
        return config_refuse(node, why, "expected a map of settings, found %s",
                             config_found(node, found));
    if (node && !check_keys(&f, node, ""))
        return false;
    for (const struct setting *row = table; row->key; row++)
        if (!fill_row(&f, row, node, into))
            return false;
    return true;
}

// A bar would end the cell.
static void put_cell(const char *text, FILE *to)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', to);
        fputc(*text, to);
    }
}

static void print_row(const struct setting *row, const char *prefix, FILE *to)
{
    char limits[VALUE_EXPECTED];
    value_limits(row, limits);
    fprintf(to, "| `%s%s` | %s | ", prefix, row->key, value_type(row));
    if (row->required)
        fputs("required", to);
    else if (row->standard)
        fprintf(to, "`%s`", *row->standard ? row->standard : "\"\"");
    fputs(" | ", to);
    put_cell(limits, to);
    fputs(" | ", to);
    put_cell(row->meaning ? row->meaning : "", to);
    fputs(" |\n", to);
}

void setting_print(const struct setting *table, const char *prefix, FILE *to)
{
    for (const struct setting *row = table; row->key; row++) {
        print_row(row, prefix ? prefix : "", to);
        if (row->type != SETTING_TABLE)
            continue;
        char deeper[LONGEST_KEY];
        snprintf(deeper, sizeof deeper, "%s%s.", prefix ? prefix : "", row->key);
        setting_print(row->table, deeper, to);
    }
}
