// SPDX-License-Identifier: Apache-2.0
// Command lines are short: every look-up is a walk over a table.
#include "config/flags.h"

#include <strings.h>

#include "config/nearest.h"

enum { HELP_COLUMN = 28 }; // where the meanings begin

static const char *const words_off[] = {"false", "no", "off", "0", NULL};
static const char *const words_on[] = {"true", "yes", "on", "1", NULL};

static bool is_name_of(const struct flag *flag, struct span name)
{
    for (struct span rest = span_text(flag->name); rest.len;)
        if (span_is(span_trim(span_cut(&rest, ',')), name))
            return true;
    return false;
}

static const struct flag *find(const struct flag *table, struct span name)
{
    for (const struct flag *flag = table; flag->name; flag++)
        if (is_name_of(flag, name))
            return flag;
    return NULL;
}

// Takes a word apart: `-x`, `--x`, `-x=value`. False: it is no flag; `-` alone is a file name.
static bool split(const char *word, struct span *name, const char **value)
{
    if (word[0] != '-' || word[1] == 0)
        return false;
    *name = span_text(word + (word[1] == '-' ? 2 : 1));
    const char *equals = strchr(word, '=');
    *value = equals ? equals + 1 : NULL;
    if (equals)
        *name = span_first(*name, (size_t)(equals - (const char *)name->at));
    return true;
}

static bool is_flag(const struct flag *table, const char *word)
{
    struct span name;
    const char *value;
    return split(word, &name, &value) && find(table, name);
}

static const char *dashes(size_t len)
{
    return len == 1 ? "-" : "--";
}

static bool refuse_unknown(const struct flag *table, const char *word, struct span name,
                           struct error *why)
{
    struct nearest n = {.wanted = name};
    for (const struct flag *flag = table; flag->name; flag++)
        for (struct span rest = span_text(flag->name); rest.len;)
            nearest_try(&n, span_trim(span_cut(&rest, ',')));
    if (!n.word.len)
        return error_set(why, "%.100s: unknown flag", word);
    return error_set(why, "%.100s: unknown flag, did you mean %s%.*s?", word, dashes(n.word.len),
                     (int)n.word.len, (const char *)n.word.at);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcasecmp(*words, word) != 0)
        words++;
    return *words;
}

// The value of one that is on or off: on, unless it says otherwise.
static bool read_switch(const char *word, const char **value, struct error *why)
{
    if (*value && !is_one_of(*value, words_on) && !is_one_of(*value, words_off))
        return error_set(why, "%.100s: expected true or false", word);
    *value = *value && is_one_of(*value, words_off) ? "false" : "true";
    return true;
}

// The value of one that takes any: behind its `=`, or the next word, unless that is a flag itself.
static bool read_value(const struct flag *table, const struct flag *flag, const char *word,
                       char *const **next, const char **value, struct error *why)
{
    if (*value)
        return true;
    if (!**next)
        return error_set(why, "%.100s: expected %s behind it, found nothing", word,
                         flag->value_name);
    if (is_flag(table, **next))
        return error_set(why,
                         "%.100s: expected %s behind it, found %.100s (if that is meant, use =)",
                         word, flag->value_name, **next);
    *value = *(*next)++;
    return true;
}

bool flags_read(struct flags *f, const struct flag *table, int argc, char *const *argv,
                struct arena *a, struct error *why)
{
    size_t room = (size_t)argc + 1;
    struct flag_given *given = arena_alloc(a, room * sizeof *given);
    *f = (struct flags){
        .table = table, .given = given, .words = arena_alloc(a, room * sizeof *f->words)};
    if (!given || !f->words)
        return error_set(why, "the command line is too long");
    bool only_words = false;
    for (char *const *next = argv + (argc > 0); *next;) {
        const char *word = *next++, *value;
        struct span name;
        if (only_words || !split(word, &name, &value)) {
            f->words[f->word_count++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_words = true;
            continue;
        }
        const struct flag *flag = find(table, name);
        if (!flag)
            return refuse_unknown(table, word, name, why);
        if (flag->value_name ? !read_value(table, flag, word, &next, &value, why)
                             : !read_switch(word, &value, why))
            return false;
        given[f->given_count++] = (struct flag_given){flag, value};
    }
    return true;
}

const char *flags_next(const struct flags *f, const char *name, int *at)
{
    while (*at < f->given_count) {
        const struct flag_given *given = &f->given[(*at)++];
        if (is_name_of(given->flag, span_text(name)))
            return given->text;
    }
    return NULL;
}

const char *flags_text(const struct flags *f, const char *name)
{
    const char *last = NULL, *text;
    for (int at = 0; (text = flags_next(f, name, &at));)
        last = text;
    return last;
}

bool flags_on(const struct flags *f, const char *name)
{
    const char *text = flags_text(f, name);
    return text && is_one_of(text, words_on);
}

const char **flags_all(const struct flags *f, const char *name, struct arena *a)
{
    const char **all = arena_alloc(a, ((size_t)f->given_count + 1) * sizeof *all);
    for (int at = 0, i = 0; all && (all[i] = flags_next(f, name, &at)); i++)
        continue;
    return all;
}

void flags_help(const struct flag *table, FILE *to)
{
    for (const struct flag *flag = table; flag->name; flag++) {
        int column = fprintf(to, " ");
        for (struct span rest = span_text(flag->name); rest.len;) {
            struct span name = span_trim(span_cut(&rest, ','));
            column += fprintf(to, " %s%.*s%s", dashes(name.len), (int)name.len,
                              (const char *)name.at, rest.len ? "," : "");
        }
        if (flag->value_name)
            column += fprintf(to, " %s", flag->value_name);
        if (column >= HELP_COLUMN)
            column = fprintf(to, "\n") - 1;
        fprintf(to, "%*s%s\n", HELP_COLUMN - column, "", flag->meaning);
    }
}
