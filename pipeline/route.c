// SPDX-License-Identifier: Apache-2.0
// Format strings as a list of parts: plain text, a field, the time.

#include "pipeline/route.h"

#include "pipeline/base/clock.h"

enum part_kind { PART_TEXT, PART_FIELD, PART_TIME };

struct part {
    struct part *next;
    enum part_kind kind;
    struct span text; // itself; the default of a field; the pattern of a time
    bool has_default;
    struct field_path path;
};

struct format {
    struct part *first;
};

// ── time ─────────────────────────────────────────────────────────────────────────────────────────

// A time taken apart, in UTC.
struct civil {
    int64_t year, month, day, hour, minute, second, millisecond;
    int64_t day_of_year;     // from 1
    int64_t weekday;         // 1 Monday … 7 Sunday
    int64_t week_year, week; // ISO 8601
};

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int weeks_of(int64_t year)
{
    int64_t before = year - 1;
    int64_t first = (before * 365 + floor_divide(before, 4) - floor_divide(before, 100) +
                     floor_divide(before, 400)) %
                    7; // weekday of 1 January, 0 Monday
    return first == 3 || (first == 2 && is_leap(year)) ? 53 : 52;
}

// The week, and the year it belongs to.
static void find_week(struct civil *c)
{
    c->week = (c->day_of_year - c->weekday + 10) / 7;
    c->week_year = c->year;
    if (c->week < 1) {
        c->week_year = c->year - 1;
        c->week = weeks_of(c->week_year);
    } else if (c->week > weeks_of(c->year)) {
        c->week_year = c->year + 1;
        c->week = 1;
    }
}

// From days since 1970 to a date of the Gregorian calendar, by eras of 400 years and by years that
// begin in March.
static void find_date(struct civil *c, int64_t days)
{
    int64_t shifted = days + 719468, era = floor_divide(shifted, 146097);
    int64_t of_era = shifted - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t month = (5 * of_year + 2) / 153;
    c->day = of_year - (153 * month + 2) / 5 + 1;
    c->month = month < 10 ? month + 3 : month - 9;
    c->year = years + era * 400 + (c->month <= 2);
    c->day_of_year = c->month > 2 ? of_year + 60 + is_leap(c->year) : of_year - 305;
    c->weekday = days + 3 - floor_divide(days + 3, 7) * 7 + 1;
}

static struct civil civil_of(int64_t time)
{
    int64_t seconds = floor_divide(time, SECOND), days = floor_divide(seconds, 86400);
    int64_t of_day = seconds - days * 86400;
    int64_t of_second = time % SECOND + (time % SECOND < 0 ? SECOND : 0);
    struct civil c = {.hour = of_day / 3600,
                      .minute = of_day / 60 % 60,
                      .second = of_day % 60,
                      .millisecond = of_second / MILLISECOND};
    find_date(&c, days);
    find_week(&c);
    return c;
}

static void write_number(struct pen *pen, int64_t number, size_t width)
{
    uint8_t digits[TEXT_NUMBER];
    size_t len = text_signed(digits, number);
    for (size_t i = len; i < width; i++)
        pen_byte(pen, '0');
    pen_raw(pen, span_of(digits, len));
}

// What a letter stands for, and how many of it may stand together.
static const struct letter {
    uint8_t letter;
    uint8_t most;
    size_t offset;
} letters[] = {
    {'y', 4, offsetof(struct civil, year)},        {'Y', 4, offsetof(struct civil, year)},
    {'M', 2, offsetof(struct civil, month)},       {'d', 2, offsetof(struct civil, day)},
    {'H', 2, offsetof(struct civil, hour)},        {'m', 2, offsetof(struct civil, minute)},
    {'s', 2, offsetof(struct civil, second)},      {'S', 3, offsetof(struct civil, millisecond)},
    {'D', 3, offsetof(struct civil, day_of_year)}, {'x', 4, offsetof(struct civil, week_year)},
    {'w', 2, offsetof(struct civil, week)},        {'e', 1, offsetof(struct civil, weekday)},
};

// One run of the same letter. False: no such letter, or not so many of it.
static bool write_letters(struct pen *pen, uint8_t letter, size_t count, const struct civil *c)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].letter != letter)
            continue;
        int64_t number;
        memcpy(&number, (const char *)c + letters[i].offset, sizeof number);
        if (letters[i].most == 4 && count == 2) // a year without its century
            number %= 100;
        for (size_t digits = 3; letter == 'S' && digits > count; digits--)
            number /= 10;
        write_number(pen, number, count);
        return count <= letters[i].most;
    }
    return false;
}

static bool is_letter(uint8_t byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

// Writes a time by its pattern. False: a letter that means nothing.
static bool write_time(struct span pattern, int64_t time, struct pen *pen)
{
    struct civil c = civil_of(time);
    bool quoted = false, good = true;
    for (size_t i = 0; i < pattern.len;) {
        uint8_t byte = pattern.at[i];
        size_t run = 1;
        if (byte == '\'') {
            quoted = !quoted;
        } else if (quoted || !is_letter(byte)) {
            pen_byte(pen, byte);
        } else {
            while (i + run < pattern.len && pattern.at[i + run] == byte)
                run++;
            good &= write_letters(pen, byte, run, &c);
        }
        i += run;
    }
    return good && !quoted;
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

// What is read, and where the next part goes.
struct reading {
    const struct schema *schema;
    struct arena *arena;
    struct error *why;
    const char *whole;
    struct part **link;
};

static struct part *add_part(struct reading *r, enum part_kind kind, struct span text)
{
    struct part *part = arena_alloc(r->arena, sizeof *part);
    struct span kept = arena_copy(r->arena, text);
    if (!part || !kept.at) {
        error_set(r->why, "no memory for a format string");
        return NULL;
    }
    part->kind = kind;
    part->text = kept;
    *r->link = part;
    r->link = &part->next;
    return part;
}

static bool bad(const struct reading *r, struct span part, const char *expected)
{
    return error_set(r->why, "format string \"%.200s\": %%{%.*s} should be %s", r->whole,
                     (int)(part.len < 100 ? part.len : 100), (const char *)part.at, expected);
}

static bool read_time(struct reading *r, struct span inside)
{
    uint8_t place[256];
    struct pen trial = pen_of(place, sizeof place);
    if (!write_time(span_skip(inside, 1), 0, &trial) || trial.full || inside.len == 1)
        return bad(r, inside, "a time like +yyyy.MM.dd");
    return add_part(r, PART_TIME, span_skip(inside, 1));
}

static bool read_field(struct reading *r, struct span inside)
{
    ptrdiff_t close = span_find(inside, ']');
    struct span rest = close < 0 ? span_of(NULL, 0) : span_skip(inside, (size_t)close + 1);
    if (close < 2 || (rest.len && rest.at[0] != ':'))
        return bad(r, inside, "[name] or [name]:default");
    struct part *part = add_part(r, PART_FIELD, span_skip(rest, 1));
    struct span name = arena_copy(r->arena, span_of(inside.at + 1, (size_t)close - 1));
    if (!part || !name.at)
        return false;
    part->has_default = rest.len > 0;
    part->path = schema_path(r->schema, (const char *)name.at, r->arena);
    return true;
}

static bool read_part(struct reading *r, struct span inside)
{
    if (inside.len && inside.at[0] == '+')
        return read_time(r, inside);
    if (inside.len && inside.at[0] == '[')
        return read_field(r, inside);
    return bad(r, inside, "a field in brackets, [name], or a time like +yyyy.MM.dd");
}

struct format *format_read(const char *text, const struct schema *s, struct arena *a,
                           struct error *why)
{
    struct format *f = arena_alloc(a, sizeof *f);
    if (!f) {
        error_set(why, "no memory for a format string");
        return NULL;
    }
    struct reading r = {s, a, why, text, &f->first};
    struct span rest = span_text(text);
    while (rest.len) {
        ptrdiff_t open = span_find_span(rest, (struct span)SPAN("%{"));
        struct span plain = open < 0 ? rest : span_first(rest, (size_t)open);
        if (plain.len && !add_part(&r, PART_TEXT, plain))
            return NULL;
        rest = span_skip(rest, plain.len);
        if (!rest.len)
            break;
        rest = span_skip(rest, 2);
        if (span_find(rest, '}') < 0) {
            error_set(why, "format string \"%.200s\": a %%{ without its }", text);
            return NULL;
        }
        if (!read_part(&r, span_cut(&rest, '}')))
            return NULL;
    }
    return f;
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────

bool format_is_constant(const struct format *f, struct span *text)
{
    if (f->first && (f->first->kind != PART_TEXT || f->first->next))
        return false;
    *text = f->first ? f->first->text : span_of(NULL, 0);
    return true;
}

static bool write_field(const struct part *part, struct event *e, struct pen *pen)
{
    struct span text = event_to_text(e, &part->path);
    if (!text.at && !part->has_default)
        return false;
    pen_raw(pen, text.at ? text : part->text);
    return true;
}

bool format_write(const struct format *f, struct event *e, struct pen *pen)
{
    for (const struct part *part = f->first; part; part = part->next) {
        if (part->kind == PART_TEXT)
            pen_raw(pen, part->text);
        else if (part->kind == PART_TIME)
            write_time(part->text, e->time, pen);
        else if (!write_field(part, e, pen))
            return false;
    }
    return !pen->full;
}
