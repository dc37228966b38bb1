// SPDX-License-Identifier: Apache-2.0
// A layout is a row of pieces; each takes what it stands for off the start of the text.

#include "pipeline/layout.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

// What was read so far; -1: not there.
struct parts {
    int64_t year, month, day, of_year, hour, minute, second, nanosecond;
    bool has_year, afternoon, has_half, has_offset;
    int64_t offset; // seconds
    struct span zone;
};

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

// ── takers: each cuts its part off the start of *text; false: it is not there ────────────────────

static bool is_digit(struct span text)
{
    return text.len && text.at[0] >= '0' && text.at[0] <= '9';
}

static bool take_number(struct span *text, int least, int most, int64_t *number)
{
    int digits = 0;
    *number = 0;
    while (digits < most && is_digit(*text)) {
        *number = *number * 10 + (text->at[0] - '0');
        *text = span_skip(*text, 1);
        digits++;
    }
    return digits >= least;
}

// A name of the list, or its first three letters.
static bool take_name(struct span *text, const char *const *names, int count, bool whole,
                      int64_t *which)
{
    for (int i = 0; i < count; i++) {
        struct span name = span_first(span_text(names[i]), whole ? SIZE_MAX : 3);
        if (!span_is_nocase(span_first(*text, name.len), name))
            continue;
        *which = i + 1;
        *text = span_skip(*text, name.len);
        return true;
    }
    return false;
}

// Digits of a fraction of a second, behind the point or comma.
static bool take_fraction(struct span *text, int64_t *nanosecond)
{
    int64_t unit = 100 * MILLISECOND;
    *nanosecond = 0;
    *text = span_skip(*text, 1);
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); *text = span_skip(*text, 1), unit /= 10)
        *nanosecond += unit * (text->at[0] - '0');
    return true;
}

static bool is_point(struct span text)
{
    return text.len && (text.at[0] == '.' || text.at[0] == ',');
}

static bool take_half(struct span *text, struct parts *p)
{
    bool morning = span_is_nocase(span_first(*text, 2), (struct span)SPAN("AM"));
    p->has_half = true;
    p->afternoon = span_is_nocase(span_first(*text, 2), (struct span)SPAN("PM"));
    *text = span_skip(*text, 2);
    return morning || p->afternoon;
}

// "+02:00" after the form: with or without colon and minutes, Z for UTC if the form has it.
static bool take_offset(struct span *text, struct span form, struct parts *p)
{
    p->has_offset = true;
    p->offset = 0;
    if (form.at[0] == 'Z' && text->len && text->at[0] == 'Z') {
        *text = span_skip(*text, 1);
        return true;
    }
    int64_t hours, minutes = 0;
    if (!text->len || (text->at[0] != '+' && text->at[0] != '-'))
        return false;
    int64_t sign = text->at[0] == '-' ? -1 : 1;
    *text = span_skip(*text, 1);
    if (!take_number(text, 2, 2, &hours))
        return false;
    if (span_find(form, ':') >= 0) {
        if (!text->len || text->at[0] != ':')
            return false;
        *text = span_skip(*text, 1);
    }
    if (form.len > 3 && !take_number(text, 2, 2, &minutes))
        return false;
    p->offset = sign * (hours * 60 + minutes) * 60;
    return hours < 24 && minutes < 60;
}

// An abbreviation of three or four capitals. Only UTC and GMT say by themselves what they mean.
static bool take_abbreviation(struct span *text, struct parts *p)
{
    size_t len = 0;
    while (len < 4 && len < text->len && text->at[len] >= 'A' && text->at[len] <= 'Z')
        len++;
    p->zone = span_first(*text, len);
    *text = span_skip(*text, len);
    return len >= 3;
}

// ── pieces of a layout ───────────────────────────────────────────────────────────────────────────

enum piece {
    YEAR,
    SHORT_YEAR,
    MONTH_NAME,
    MONTH_LETTERS,
    MONTH_TWO,
    MONTH,
    DAY_NAME,
    DAY_LETTERS,
    DAY_OF_YEAR,
    DAY_TWO,
    DAY_BLANK,
    DAY,
    HOUR,
    HOUR_OF_HALF,
    MINUTE_TWO,
    MINUTE,
    SECOND_TWO,
    SECOND_ONE,
    HALF,
    OFFSET,
    ZONE
};

// Longer ones first where one begins like another.
static const struct {
    const char *form;
    enum piece piece;
} pieces[] = {
    {"2006", YEAR},
    {"January", MONTH_NAME},
    {"Jan", MONTH_LETTERS},
    {"Monday", DAY_NAME},
    {"Mon", DAY_LETTERS},
    {"MST", ZONE},
    {"002", DAY_OF_YEAR},
    {"01", MONTH_TWO},
    {"02", DAY_TWO},
    {"03", HOUR_OF_HALF},
    {"04", MINUTE_TWO},
    {"05", SECOND_TWO},
    {"06", SHORT_YEAR},
    {"15", HOUR},
    {"_2", DAY_BLANK},
    {"-07:00", OFFSET},
    {"-0700", OFFSET},
    {"-07", OFFSET},
    {"Z07:00", OFFSET},
    {"Z0700", OFFSET},
    {"Z07", OFFSET},
    {"PM", HALF},
    {"pm", HALF},
    {"1", MONTH},
    {"2", DAY},
    {"3", HOUR_OF_HALF},
    {"4", MINUTE},
    {"5", SECOND_ONE},
};

// Which piece the layout begins with; -1: none, it is plain text.
static int find_piece(struct span layout)
{
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (span_starts(layout, span_text(pieces[i].form)))
            return (int)i;
    return -1;
}

static bool take_second(struct span *text, int least, struct span layout, struct parts *p)
{
    bool shown = is_point(layout) && layout.len > 1 && (layout.at[1] == '0' || layout.at[1] == '9');
    if (!take_number(text, least, 2, &p->second))
        return false;
    bool there = is_point(*text) && is_digit(span_skip(*text, 1));
    return shown || !there || take_fraction(text, &p->nanosecond);
}

static bool take_short_year(struct span *text, struct parts *p)
{
    p->has_year = take_number(text, 2, 2, &p->year);
    p->year += p->year >= 69 ? 1900 : 2000; // as POSIX has it
    return p->has_year;
}

static bool take_blank_day(struct span *text, struct parts *p)
{
    if (text->len && text->at[0] == ' ')
        *text = span_skip(*text, 1);
    return take_number(text, 1, 2, &p->day);
}

// `behind` is what follows the piece in the layout.
static bool take_piece(enum piece piece, struct span form, struct span behind, struct span *text,
                       struct parts *p)
{
    int64_t ignored;
    switch (piece) {
    case YEAR:
        p->has_year = take_number(text, 4, 4, &p->year);
        return p->has_year;
    case SHORT_YEAR:
        return take_short_year(text, p);
    case MONTH_NAME:
    case MONTH_LETTERS:
        return take_name(text, months, 12, piece == MONTH_NAME, &p->month);
    case DAY_NAME:
    case DAY_LETTERS:
        return take_name(text, days, 7, piece == DAY_NAME, &ignored);
    case MONTH_TWO:
    case MONTH:
        return take_number(text, piece == MONTH ? 1 : 2, 2, &p->month);
    case DAY_OF_YEAR:
        return take_number(text, 3, 3, &p->of_year);
    case DAY_TWO:
    case DAY:
        return take_number(text, piece == DAY ? 1 : 2, 2, &p->day);
    case DAY_BLANK:
        return take_blank_day(text, p);
    case HOUR:
        return take_number(text, 1, 2, &p->hour);
    case HOUR_OF_HALF:
        return take_number(text, form.len == 2 ? 2 : 1, 2, &p->hour);
    case MINUTE_TWO:
    case MINUTE:
        return take_number(text, piece == MINUTE ? 1 : 2, 2, &p->minute);
    case SECOND_TWO:
    case SECOND_ONE:
        return take_second(text, piece == SECOND_ONE ? 1 : 2, behind, p);
    case HALF:
        return take_half(text, p);
    case OFFSET:
        return take_offset(text, form, p);
    case ZONE:
        return take_abbreviation(text, p);
    }
    return false;
}

// ".000" or ",999": so many digits of zero or nine behind a point; 0: none.
static size_t fraction_length(struct span layout)
{
    size_t len = 1;
    if (!is_point(layout) || layout.len < 2 || (layout.at[1] != '0' && layout.at[1] != '9'))
        return 0;
    while (len < layout.len && layout.at[len] == layout.at[1])
        len++;
    bool goes_on = len < layout.len && is_digit(span_skip(layout, len));
    return goes_on ? 0 : len;
}

// Nines may be missing altogether, zeros stand for just as many digits.
static bool take_shown_fraction(struct span *text, struct span form, struct parts *p)
{
    size_t before = text->len;
    if (!is_point(*text))
        return form.at[1] == '9';
    return take_fraction(text, &p->nanosecond) &&
           (form.at[1] == '9' || before - text->len == form.len);
}

static bool take_next(struct span *layout, struct span *text, struct parts *p)
{
    size_t fraction = fraction_length(*layout);
    struct span form = span_first(*layout, fraction);
    if (fraction) {
        *layout = span_skip(*layout, fraction);
        return take_shown_fraction(text, form, p);
    }
    int which = find_piece(*layout);
    if (which >= 0) {
        form = span_text(pieces[which].form);
        *layout = span_skip(*layout, form.len);
        return take_piece(pieces[which].piece, form, *layout, text, p);
    }
    bool same = text->len && text->at[0] == layout->at[0];
    *layout = span_skip(*layout, 1);
    *text = span_skip(*text, 1);
    return same;
}

// ── from parts to a time ─────────────────────────────────────────────────────────────────────────

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// Days from 1970 to the first of a month; years are counted from March, so that the leap day is
// their last.
static int64_t days_to(int64_t year, int64_t month)
{
    int64_t years = year - (month <= 2), shifted = (month + 9) % 12;
    int64_t era = years / 400, of_era = years - era * 400;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 -
           719468;
}

static int64_t days_of(int64_t year, int64_t month)
{
    return month == 12 ? 31 : days_to(year, month + 1) - days_to(year, month);
}

static bool is_valid(const struct parts *p)
{
    bool date = p->of_year >= 0 ? p->of_year >= 1 && p->of_year <= 365 + is_leap(p->year)
                                : p->month >= 1 && p->month <= 12 && p->day >= 1 &&
                                      p->day <= days_of(p->year, p->month);
    return p->has_year && p->year >= 1678 && p->year <= 2261 && date && p->hour < 24 &&
           p->minute < 60 && p->second < 60 && (!p->has_half || (p->hour >= 1 && p->hour <= 12));
}

static bool says_utc(struct span zone)
{
    return span_is(zone, (struct span)SPAN("UTC")) || span_is(zone, (struct span)SPAN("GMT"));
}

static int64_t time_of(const struct parts *p, const struct zone *zone)
{
    int64_t day = p->of_year >= 0 ? days_to(p->year, 1) + p->of_year - 1
                                  : days_to(p->year, p->month) + p->day - 1;
    int64_t hour = p->has_half ? p->hour % 12 + (p->afternoon ? 12 : 0) : p->hour;
    int64_t wall = day * 86400 + hour * 3600 + p->minute * 60 + p->second;
    int64_t utc = p->has_offset       ? wall - p->offset
                  : says_utc(p->zone) ? wall
                                      : zone_to_utc(zone, wall);
    return utc * SECOND + p->nanosecond;
}

// Seconds, or milliseconds, since 1970, with or without a fraction.
static bool read_unix(struct span text, int64_t unit, int64_t *nanoseconds)
{
    bool negative = text.len && text.at[0] == '-';
    int64_t whole, time, fraction = 0;
    text = span_skip(text, negative);
    if (!take_number(&text, 1, 18, &whole) || __builtin_mul_overflow(whole, unit, &time))
        return false;
    if (is_point(text) && (text.at[0] == ',' || !take_fraction(&text, &fraction)))
        return false;
    if (text.len || __builtin_add_overflow(time, fraction / (SECOND / unit), &time))
        return false;
    *nanoseconds = negative ? -time : time;
    return true;
}

bool layout_read(struct span layout, struct span text, const struct zone *zone,
                 int64_t *nanoseconds)
{
    if (span_is(layout, (struct span)SPAN("UNIX")))
        return read_unix(text, SECOND, nanoseconds);
    if (span_is(layout, (struct span)SPAN("UNIX_MS")))
        return read_unix(text, MILLISECOND, nanoseconds);
    struct parts p = {.month = 1, .day = 1, .of_year = -1};
    while (layout.len)
        if (!take_next(&layout, &text, &p))
            return false;
    if (text.len || !is_valid(&p))
        return false;
    *nanoseconds = time_of(&p, zone);
    return true;
}
