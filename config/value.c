// SPDX-License-Identifier: Apache-2.0
// One reader for each type of setting. A reader says only yes or no, and which node it could not
// read; the words are put together in one place, so they are the same everywhere.
#include "config/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

enum { MOST_NUMBERS = 65536 }; // of one list, ranges counted out

// What a reader works on.
struct value {
    const struct setting *row;
    const struct config *node;
    void *member;
    struct arena *arena;
    bool is_standard;           // the row's own default: commas part a list
    const struct config *wrong; // what could not be read, if not `node`
    bool is_full;               // there was no memory
};

// --- numbers and their units ---------------------------------------------------------------------

static bool within(const struct setting *row, int64_t number)
{
    if (row->min == 0 && row->max == 0)
        return true;
    bool has_top = row->max != 0 || row->min < 0;
    return number >= row->min && (!has_top || number <= row->max);
}

// Decimal, 0x… or, as YAML has it, octal with a leading zero (permissions: 0600).
static bool to_number(struct span s, int64_t *out)
{
    char text[32], *end;
    s = span_trim(s);
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = 0;
    size_t sign = text[0] == '-' || text[0] == '+';
    if (text[sign] < '0' || text[sign] > '9')
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 0);
    if (*end || errno)
        return false;
    *out = number;
    return true;
}

struct unit {
    const char *name;
    int64_t size;
};

// Each kind from the largest down, so that a number is printed in the first that divides it.
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"kB", 1000},
    {"Ti", INT64_C(1) << 40},
    {"Gi", 1 << 30},
    {"Mi", 1 << 20},
    {"Ki", 1 << 10},
    {"T", 1000000000000},
    {"G", 1000000000},
    {"M", 1000000},
    {"k", 1000},
    {"B", 1},
    {"bytes", 1},
    {"", 1},
};

static const struct unit time_units[] = {
    {"h", 3600 * SECOND}, {"m", 60 * SECOND},  {"s", SECOND},
    {"ms", MILLISECOND},  {"us", MICROSECOND}, {"ns", 1},
};

static const struct unit *unit_of(struct span name)
{
    for (size_t i = 0; i < sizeof size_units / sizeof *size_units; i++)
        if (span_is_nocase(name, span_text(size_units[i].name)))
            return &size_units[i];
    return NULL;
}

static size_t count_digits(struct span s)
{
    size_t digits = 0;
    while (digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9')
        digits++;
    return digits;
}

// Up to three digits behind a point, in thousandths; what was read is cut off `*s`.
static uint64_t cut_thousandths(struct span *s)
{
    uint64_t thousandths = 0;
    if (s->len < 2 || s->at[0] != '.')
        return 0;
    size_t digits = count_digits(span_skip(*s, 1));
    for (size_t i = 0; i < 3; i++)
        thousandths = thousandths * 10 + (i < digits ? s->at[1 + i] - (uint64_t)'0' : 0);
    if (digits > 0 && digits <= 3)
        *s = span_skip(*s, 1 + digits);
    return thousandths;
}

static bool to_bytes(struct span s, int64_t *out)
{
    uint64_t whole;
    s = span_trim(s);
    size_t digits = count_digits(s);
    if (!span_number(span_first(s, digits), &whole) || whole > INT64_MAX)
        return false;
    s = span_skip(s, digits);
    int64_t thousandths = (int64_t)cut_thousandths(&s), bytes;
    const struct unit *unit = unit_of(span_trim(s));
    if (!unit || __builtin_mul_overflow((int64_t)whole, unit->size, &bytes) ||
        __builtin_add_overflow(bytes, unit->size * thousandths / 1000, &bytes))
        return false;
    *out = bytes;
    return true;
}

static const char *put_units(char to[32], int64_t number, const struct unit *units, size_t count)
{
    const struct unit *unit = units;
    while (number != 0 && number % unit->size != 0 && unit < units + count - 1)
        unit++;
    snprintf(to, 32, "%" PRId64 "%s", number == 0 ? 0 : number / unit->size,
             number == 0 ? "" : unit->name);
    return to;
}

static const char *put_number(char to[32], const struct setting *row, int64_t number)
{
    if (row->type == SETTING_BYTES)
        return put_units(to, number, size_units, sizeof size_units / sizeof *size_units);
    if (row->type == SETTING_DURATION)
        return put_units(to, number, time_units, sizeof time_units / sizeof *time_units);
    snprintf(to, 32, "%" PRId64, number);
    return to;
}

// --- one reader a type ---------------------------------------------------------------------------

static struct span text_of(const struct value *v)
{
    return span_text(v->node->text);
}

static bool read_bool(struct value *v)
{
    static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};
    for (int is_true = 0; is_true < 2; is_true++)
        for (int i = 0; i < 3; i++)
            if (v->node->text && strcasecmp(v->node->text, words[is_true][i]) == 0) {
                *(bool *)v->member = is_true;
                return true;
            }
    return false;
}

static bool read_number(struct value *v)
{
    return to_number(text_of(v), v->member) && within(v->row, *(int64_t *)v->member);
}

static bool read_bytes(struct value *v)
{
    return to_bytes(text_of(v), v->member) && within(v->row, *(int64_t *)v->member);
}

static bool read_duration(struct value *v)
{
    int64_t *duration = v->member;
    return text_to_duration(text_of(v), duration) && *duration <= SETTING_DURATION_MOST &&
           *duration >= -SETTING_DURATION_MOST && within(v->row, *duration);
}

static bool read_text(struct value *v)
{
    const char *text = v->node->text ? arena_text(v->arena, v->node->text) : NULL;
    v->is_full = v->node->text && !text;
    *(const char **)v->member = text;
    return text;
}

static bool read_choice(struct value *v)
{
    for (int i = 0; v->node->text && v->row->choices[i]; i++)
        if (strcasecmp(v->node->text, v->row->choices[i]) == 0) {
            *(int *)v->member = i;
            return true;
        }
    return false;
}

static bool add_text(struct value *v, struct span text)
{
    struct setting_texts *list = v->member;
    list->at[list->count] = text.len ? (const char *)arena_copy(v->arena, text).at : "";
    v->is_full = !list->at[list->count];
    return list->at[list->count++];
}

static bool read_texts(struct value *v)
{
    struct setting_texts *list = v->member;
    const struct config *node = v->node;
    size_t room = 1 + (size_t)node->count;
    if (node->kind == CONFIG_MAP)
        return false;
    if (v->is_standard)
        room += strlen(node->text);
    list->count = 0;
    list->at = arena_alloc(v->arena, room * sizeof *list->at);
    if (!list->at) {
        v->is_full = true;
        return false;
    }
    if (node->kind == CONFIG_SCALAR && !v->is_standard)
        return add_text(v, text_of(v));
    for (struct span rest = node->first ? span_of(NULL, 0) : text_of(v);
         v->is_standard && rest.len;)
        if (!add_text(v, span_trim(span_cut(&rest, ','))))
            return false;
    for (const struct config *item = node->first; item; item = item->next) {
        v->wrong = item;
        if (!item->text || !add_text(v, span_text(item->text)))
            return false;
    }
    return true;
}

// One number or a range of them. A first round, with no place to put them, counts.
static bool add_numbers(struct value *v, struct span text, struct setting_numbers *list)
{
    int64_t first, last;
    text = span_trim(text);
    ptrdiff_t dash = text.len ? span_find(span_skip(text, 1), '-') : -1;
    struct span low = dash < 0 ? text : span_first(text, (size_t)dash + 1);
    struct span high = dash < 0 ? text : span_skip(text, (size_t)dash + 2);
    if (!to_number(low, &first) || !to_number(high, &last) || first > last ||
        !within(v->row, first) || !within(v->row, last))
        return false;
    if ((uint64_t)last - (uint64_t)first >= (uint64_t)(MOST_NUMBERS - list->count))
        return false;
    for (int64_t number = first;; number++) {
        if (list->at)
            list->at[list->count] = number;
        list->count++;
        if (number == last)
            return true;
    }
}

static bool add_all_numbers(struct value *v, struct span text, struct setting_numbers *list)
{
    if (text.len == 0)
        return v->is_standard;
    while (text.len)
        if (!add_numbers(v, span_cut(&text, ','), list))
            return false;
    return true;
}

static bool collect_numbers(struct value *v, struct setting_numbers *list)
{
    if (v->node->kind == CONFIG_SCALAR)
        return add_all_numbers(v, text_of(v), list);
    if (v->node->kind != CONFIG_LIST)
        return false;
    for (const struct config *item = v->node->first; item; item = item->next) {
        v->wrong = item;
        if (item->kind != CONFIG_SCALAR || !add_numbers(v, span_text(item->text), list))
            return false;
    }
    return true;
}

static bool read_numbers(struct value *v)
{
    struct setting_numbers counted = {0}, *list = v->member;
    *list = counted;
    if (!collect_numbers(v, &counted))
        return false;
    list->at = arena_alloc(v->arena, (size_t)(counted.count + 1) * sizeof *list->at);
    v->is_full = !list->at;
    return list->at && collect_numbers(v, list);
}

static bool read_node(struct value *v)
{
    *(const struct config **)v->member = v->node;
    return true;
}

// --- the types -----------------------------------------------------------------------------------

static const struct {
    const char *name;     // in the reference
    const char *expected; // in a message
    size_t size;
    bool (*read)(struct value *v); // NULL: a section or nothing
} types[] = {
    [SETTING_BOOL] = {"bool", "true or false", sizeof(bool), read_bool},
    [SETTING_NUMBER] = {"number", "a number", sizeof(int64_t), read_number},
    [SETTING_BYTES] = {"size", "a size such as 10MiB", sizeof(int64_t), read_bytes},
    [SETTING_DURATION] = {"duration", "a duration such as 10s", sizeof(int64_t), read_duration},
    [SETTING_TEXT] = {"text", "a text", sizeof(const char *), read_text},
    [SETTING_CHOICE] = {"choice", "one of ", sizeof(int), read_choice},
    [SETTING_TEXTS] = {"list of texts", "a list of texts", sizeof(struct setting_texts),
                       read_texts},
    [SETTING_NUMBERS] = {"list of numbers", "a list of numbers", sizeof(struct setting_numbers),
                         read_numbers},
    [SETTING_NODE] = {"object", "anything", sizeof(const struct config *), read_node},
    [SETTING_TABLE] = {"section", "a map", 0, NULL},
    [SETTING_UNUSED] = {"unused", "anything", 0, NULL},
};

const char *value_type(const struct setting *row)
{
    return types[row->type].name;
}

static void put_choices(const struct setting *row, char to[VALUE_EXPECTED])
{
    size_t len = 0;
    to[0] = 0;
    for (int i = 0; row->choices[i] && len < VALUE_EXPECTED; i++)
        len += (size_t)snprintf(to + len, VALUE_EXPECTED - len, "%s%s", i ? ", " : "",
                                row->choices[i]);
}

void value_limits(const struct setting *row, char to[VALUE_EXPECTED])
{
    char low[32], high[32];
    to[0] = 0;
    if (row->type == SETTING_CHOICE)
        put_choices(row, to);
    else if ((row->min > 0 && row->max == 0) || row->max == INT64_MAX)
        snprintf(to, VALUE_EXPECTED, "at least %s", put_number(low, row, row->min));
    else if (row->min != 0 || row->max != 0)
        snprintf(to, VALUE_EXPECTED, "%s to %s", put_number(low, row, row->min),
                 put_number(high, row, row->max));
}

void value_expected(const struct setting *row, char to[VALUE_EXPECTED])
{
    char limits[VALUE_EXPECTED];
    value_limits(row, limits);
    const char *comma = row->type == SETTING_CHOICE || !*limits ? "" : ", ";
    snprintf(to, VALUE_EXPECTED, "%s%s%.200s", types[row->type].expected, comma, limits);
}

bool value_read(const struct setting *row, const struct config *node, void *member,
                struct arena *arena, struct error *why)
{
    struct value v = {.row = row, .node = node, .member = member, .arena = arena};
    if (types[row->type].read(&v))
        return true;
    if (v.is_full)
        return config_refuse(node, why, "the configuration is too large");
    struct config wrong = v.wrong ? *v.wrong : *node; // an item speaks under the list's key
    wrong.key = node->key;
    char expected[VALUE_EXPECTED], found[64];
    value_expected(row, expected);
    return config_refuse(&wrong, why, "expected %s, found %s", expected,
                         config_found(&wrong, found));
}

bool value_standard(const struct setting *row, void *member, struct arena *arena, struct error *why)
{
    if (!row->standard) {
        memset(member, 0, types[row->type].size);
        return true;
    }
    struct config node = {.kind = CONFIG_SCALAR, .key = row->key, .text = row->standard};
    struct value v = {
        .row = row, .node = &node, .member = member, .arena = arena, .is_standard = true};
    if (types[row->type].read(&v))
        return true;
    assert(v.is_full && "the default of a setting does not fit its own row");
    return error_set(why, "%s: the configuration is too large", row->key);
}
