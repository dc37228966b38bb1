// SPDX-License-Identifier: Apache-2.0
// Time zones out of the system's files (RFC 8536). A file holds its data twice, with 32 and with
// 64-bit times; the second half is read:
//
//   header (44) │ 32-bit data │ header (44) │ times (8 each) │ types (1 each) │
//   offset (4), is summer (1), abbreviation (1): one a type │ abbreviations │ …
//
// Times behind the last change stay as they are then; Debian's files list changes to 2037.

#include "pipeline/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/reader.h"

enum { FILE_MOST = 64 * 1024, CHANGES = 4096, TYPES = 256, NAMES = 512 };

struct zone {
    int count; // of changes
    const int64_t *times;
    const uint8_t *types;              // one a change
    const struct zone_offset *offsets; // one a type
    uint8_t first;                     // type before the first change
};

// ── files ────────────────────────────────────────────────────────────────────────────────────────

struct header {
    uint32_t utc_flags, standard_flags, leaps, changes, types, names;
};

static struct header read_header(struct reader *r)
{
    struct header h = {0};
    if (!span_is(reader_bytes(r, 4), (struct span)SPAN("TZif")))
        reader_fail(r);
    reader_skip(r, 16); // version, nothing
    h.utc_flags = reader_be32(r);
    h.standard_flags = reader_be32(r);
    h.leaps = reader_be32(r);
    h.changes = reader_be32(r);
    h.types = reader_be32(r);
    h.names = reader_be32(r);
    if (h.changes > CHANGES || h.types > TYPES || h.names > NAMES || !h.types || !h.names)
        reader_fail(r);
    return h;
}

static void skip_data(struct reader *r, const struct header *h)
{
    reader_skip(r, (size_t)h->changes * 5 + (size_t)h->types * 6 + h->names);
    reader_skip(r, (size_t)h->leaps * 8);
    reader_skip(r, (size_t)h->standard_flags + h->utc_flags);
}

static bool read_offsets(struct reader *r, const struct header *h, struct zone *z, struct arena *a)
{
    struct zone_offset *offsets = arena_alloc(a, h->types * sizeof *offsets);
    struct span rows = reader_bytes(r, (size_t)h->types * 6);
    struct span names =
        arena_copy(a, reader_bytes(r, h->names)); // ends with zero, whatever it holds
    struct reader row = reader_of(rows);
    for (uint32_t i = 0; offsets && names.at && i < h->types; i++) {
        offsets[i].seconds = (int32_t)reader_be32(&row);
        reader_skip(&row, 1);
        uint8_t name = reader_u8(&row);
        offsets[i].abbreviation = (const char *)span_skip(names, name).at;
    }
    z->offsets = offsets;
    return offsets && names.at && reader_ok(r);
}

static bool read_data(struct reader *r, const struct header *h, struct zone *z, struct arena *a)
{
    int64_t *times = arena_alloc(a, (h->changes + 1) * sizeof *times);
    for (uint32_t i = 0; times && i < h->changes; i++)
        times[i] = (int64_t)reader_be64(r);
    struct span types = reader_bytes(r, h->changes);
    for (size_t i = 0; i < types.len; i++)
        if (types.at[i] >= h->types)
            return false;
    z->count = (int)h->changes;
    z->times = times;
    z->types = arena_copy(a, types).at;
    return times && z->types && read_offsets(r, h, z, a);
}

static bool read_zone(struct span bytes, struct zone *z, struct arena *a)
{
    struct reader r = reader_of(bytes);
    struct header h = read_header(&r);
    skip_data(&r, &h);
    h = read_header(&r);
    return reader_ok(&r) && read_data(&r, &h, z, a);
}

static bool read_file(const char *path, struct zone *z, struct arena *a)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = file ? malloc(FILE_MOST) : NULL;
    size_t len = bytes ? fread(bytes, 1, FILE_MOST, file) : 0;
    bool good = len && read_zone(span_of(bytes, len), z, a);
    free(bytes);
    if (file)
        fclose(file);
    return good;
}

// ── names ────────────────────────────────────────────────────────────────────────────────────────

static bool fixed(struct zone *z, int32_t seconds, const char *name, struct arena *a)
{
    struct zone_offset *offset = arena_alloc(a, sizeof *offset);
    if (!offset)
        return false;
    *offset = (struct zone_offset){seconds, name};
    z->offsets = offset;
    return true;
}

static int two_digits(const char *text)
{
    bool digits = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    return digits ? (text[0] - '0') * 10 + text[1] - '0' : -1;
}

// "+02:00", "-0330", "+02"
static bool read_offset(const char *name, struct zone *z, struct arena *a)
{
    size_t len = strlen(name);
    if ((name[0] != '+' && name[0] != '-') || len < 3)
        return false;
    const char *behind = name + 3 + (len == 6 && name[3] == ':');
    int hours = two_digits(name + 1);
    int minutes = *behind ? strlen(behind) == 2 ? two_digits(behind) : -1 : 0;
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    int seconds = (hours * 60 + minutes) * 60;
    const char *kept = arena_text(a, name);
    return kept && fixed(z, name[0] == '-' ? -seconds : seconds, kept, a);
}

// A name of the system's folder; it may not lead out of it.
static bool read_named(const char *name, struct zone *z, struct arena *a)
{
    char path[256];
    if (name[0] == '/' || strstr(name, ".."))
        return false;
    int len = snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    return len < (int)sizeof path && read_file(path, z, a);
}

// As the C library does it: what cannot be read is UTC.
static bool read_local(struct zone *z, struct arena *a)
{
    const char *name = getenv("TZ");
    if (name && *name == ':')
        name++;
    if (!name || !*name)
        name = "/etc/localtime";
    return (name[0] == '/' ? read_file(name, z, a) : read_named(name, z, a)) ||
           fixed(z, 0, "UTC", a);
}

const struct zone *zone_read(const char *name, struct arena *a, struct error *why)
{
    struct zone *z = arena_alloc(a, sizeof *z);
    if (!z) {
        error_set(why, "no memory for a time zone");
        return NULL;
    }
    bool is_utc = !strcmp(name, "UTC"), is_local = !*name || !strcmp(name, "Local");
    if (is_utc     ? fixed(z, 0, "UTC", a)
        : is_local ? read_local(z, a)
                   : read_offset(name, z, a) || read_named(name, z, a))
        return z;
    error_set(why,
              "there is no time zone \"%.60s\" here; expected UTC, Local, an offset like +02:00 or "
              "a name like Europe/Berlin",
              name);
    return NULL;
}

// ── looking up ───────────────────────────────────────────────────────────────────────────────────

struct zone_offset zone_at(const struct zone *z, int64_t seconds)
{
    int low = 0, high = z->count; // the first change behind `seconds` lies in [low, high]
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (z->times[middle] > seconds)
            high = middle;
        else
            low = middle + 1;
    }
    return z->offsets[low ? z->types[low - 1] : z->first];
}

int64_t zone_to_utc(const struct zone *z, int64_t wall)
{
    // The offset before a change that lies near gives the earlier of two answers.
    int32_t before = zone_at(z, wall - 86400).seconds, behind = zone_at(z, wall + 86400).seconds;
    int64_t early = wall - before;
    if (before == behind || zone_at(z, early).seconds == before)
        return early;
    int64_t late = wall - behind;
    return zone_at(z, late).seconds == behind ? late : early;
}
