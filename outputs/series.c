// SPDX-License-Identifier: Apache-2.0
// The directory itself is the only record of a series: it is read anew for each question, which
// comes up once a file.
#include "outputs/series.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/clock.h"

static const struct span ending = SPAN(".ndjson");

static struct tm time_parts(int64_t time)
{
    time_t seconds = (time_t)(time / SECOND);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    return parts;
}

static uint32_t time_day(int64_t time)
{
    struct tm t = time_parts(time);
    return (uint32_t)((t.tm_year + 1900) * 10000 + (t.tm_mon + 1) * 100 + t.tm_mday);
}

bool series_path(const struct series *s, struct series_file file, char *to, size_t size)
{
    char number[16] = "";
    if (file.number)
        snprintf(number, sizeof number, "-%u", file.number);
    int len = snprintf(to, size, "%s/%s-%08u%s%s", s->directory, s->name, file.day, number,
                       (const char *)ending.at);
    return len >= 0 && (size_t)len < size;
}

static bool is_before(struct series_file a, struct series_file b)
{
    return a.day != b.day ? a.day < b.day : a.number < b.number;
}

// Reads day and number out of a file's name; false: it is none of the series.
static bool series_parse(const struct series *s, const char *name, struct series_file *out)
{
    struct span rest = span_text(name), prefix = span_text(s->name);
    if (!span_starts(rest, prefix) || !span_ends(rest, ending) ||
        rest.len < prefix.len + 9 + ending.len)
        return false;
    rest = span_first(span_skip(rest, prefix.len), rest.len - prefix.len - ending.len);
    uint64_t day = 0, number = 0;
    if (rest.at[0] != '-' || !span_number(span_of(rest.at + 1, 8), &day) || day == 0)
        return false;
    rest = span_skip(rest, 9);
    if (rest.len && (rest.at[0] != '-' || !span_number(span_skip(rest, 1), &number) ||
                     number == 0 || number >= UINT32_MAX))
        return false;
    *out = (struct series_file){(uint32_t)day, (uint32_t)number};
    return true;
}

struct scan {
    unsigned count;
    struct series_file oldest, newest;
};

static struct scan series_scan(const struct series *s)
{
    struct scan found = {.count = 0};
    DIR *directory = opendir(s->directory);
    if (!directory)
        return found;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        struct series_file file;
        if (!series_parse(s, entry->d_name, &file))
            continue;
        if (!found.count || is_before(file, found.oldest))
            found.oldest = file;
        if (!found.count || is_before(found.newest, file))
            found.newest = file;
        found.count++;
    }
    closedir(directory);
    return found;
}

struct series_file series_newest(const struct series *s)
{
    return series_scan(s).newest;
}

struct series_file series_next(struct series_file newest, int64_t time)
{
    uint32_t today = time_day(time);
    if (newest.day < today)
        return (struct series_file){today, 0};
    return (struct series_file){newest.day, newest.number + 1};
}

unsigned series_trim(const struct series *s, struct series_file current, unsigned keep,
                     uint64_t *bytes)
{
    unsigned removed = 0;
    for (;;) {
        struct scan found = series_scan(s);
        char path[4096];
        struct stat file;
        if (found.count <= keep + 1 || !is_before(found.oldest, current) ||
            !series_path(s, found.oldest, path, sizeof path) || stat(path, &file) != 0 ||
            unlink(path) != 0)
            return removed;
        *bytes += (uint64_t)file.st_size;
        removed++;
    }
}

// ── times in names ──────────────────────────────────────────────────────────────────────────────

// The number behind a pattern letter; -1: no such letter.
static int time_part(const struct tm *t, char letter)
{
    switch (letter) {
    case 'y':
    case 'Y':
        return t->tm_year + 1900;
    case 'M':
        return t->tm_mon + 1;
    case 'd':
        return t->tm_mday;
    case 'D':
        return t->tm_yday + 1;
    case 'H':
        return t->tm_hour;
    case 'm':
        return t->tm_min;
    case 's':
        return t->tm_sec;
    default:
        return -1;
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// One pattern, up to its closing brace; false: it holds a letter that means nothing here.
static bool pattern_expand(struct span pattern, const struct tm *t, FILE *to)
{
    bool quoted = false;
    for (size_t i = 0, run; i < pattern.len; i += run) {
        char c = (char)pattern.at[i];
        for (run = 1; i + run < pattern.len && pattern.at[i + run] == pattern.at[i];)
            run++;
        if (c == '\'') {
            quoted ^= run & 1;
        } else if (quoted || !is_letter(c)) {
            fprintf(to, "%.*s", (int)run, (const char *)pattern.at + i);
        } else {
            int part = time_part(t, c);
            if (part < 0 || run > 4 || (c == 'M' && run > 2))
                return false;
            fprintf(to, "%0*d", (int)run, (c == 'y' || c == 'Y') && run == 2 ? part % 100 : part);
        }
    }
    return !quoted;
}

static bool format_expand(struct span rest, const struct tm *t, FILE *to)
{
    for (ptrdiff_t start; (start = span_find_span(rest, (struct span)SPAN("%{"))) >= 0;) {
        fwrite(rest.at, 1, (size_t)start, to);
        rest = span_skip(rest, (size_t)start + 2);
        ptrdiff_t close = span_find(rest, '}');
        if (close < 1 || rest.at[0] != '+' ||
            !pattern_expand(span_of(rest.at + 1, (size_t)close - 1), t, to))
            return false;
        rest = span_skip(rest, (size_t)close + 1);
    }
    fwrite(rest.at, 1, rest.len, to);
    return true;
}

bool time_expand(const char *format, int64_t time, char *to, size_t size, struct error *why)
{
    struct tm parts = time_parts(time);
    to[0] = '\0';
    FILE *out = fmemopen(to, size, "w");
    if (!out)
        return error_set(why, "no memory");
    bool known = format_expand(span_text(format), &parts, out);
    long len = ftell(out);
    bool fits = fclose(out) == 0 && len >= 0 && (size_t)len < size;
    if (!known)
        return error_set(why, "\"%s\": only times such as %%{+yyyy.MM.dd} can stand here", format);
    return fits || error_set(why, "\"%s\": longer than %zu bytes", format, size);
}
