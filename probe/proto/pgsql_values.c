// SPDX-License-Identifier: Apache-2.0
// A function a type, each with a reader on the value; what does not read well is written as hex.

#include "probe/proto/pgsql_values.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/json.h"
#include "pipeline/base/reader.h"
#include "pipeline/base/text.h"

typedef void write_value(struct pen *p, struct reader *r);

static void write_word(struct pen *p, const char *word)
{
    pen_raw(p, span_text(word));
}

// With zeros in front, so that there are at least `digits`.
static void write_padded(struct pen *p, uint64_t number, unsigned digits)
{
    uint64_t least = 1;
    while (--digits)
        least *= 10;
    for (; number < least && least > 1; least /= 10)
        pen_byte(p, '0');
    pen_unsigned(p, number);
}

// ── numbers ──

static void write_bool(struct pen *p, struct reader *r)
{
    pen_byte(p, reader_u8(r) ? 't' : 'f');
}

static void write_int2(struct pen *p, struct reader *r)
{
    pen_signed(p, (int16_t)reader_be16(r));
}

static void write_int4(struct pen *p, struct reader *r)
{
    pen_signed(p, (int32_t)reader_be32(r));
}

static void write_int8(struct pen *p, struct reader *r)
{
    pen_signed(p, (int64_t)reader_be64(r));
}

static void write_oid(struct pen *p, struct reader *r)
{
    pen_unsigned(p, reader_be32(r));
}

static void write_real(struct pen *p, double number)
{
    if (number != number)
        write_word(p, "NaN");
    else if (number > 1.7976931348623157e308 || number < -1.7976931348623157e308)
        write_word(p, number > 0 ? "Infinity" : "-Infinity");
    else
        pen_double(p, number);
}

// The shortest text that reads back as the same float.
static void write_float4(struct pen *p, struct reader *r)
{
    uint32_t bits = reader_be32(r);
    float number;
    memcpy(&number, &bits, sizeof number);
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)number);
        if (strtof(text, NULL) == number)
            break;
    }
    if (number - number == 0)
        write_word(p, text);
    else
        write_real(p, (double)number);
}

static void write_float8(struct pen *p, struct reader *r)
{
    uint64_t bits = reader_be64(r);
    double number;
    memcpy(&number, &bits, sizeof number);
    write_real(p, number);
}

// Digits of base 10000: count, weight of the first, sign, decimals to show, digits.
static void write_numeric(struct pen *p, struct reader *r)
{
    unsigned count = reader_be16(r);
    int weight = (int16_t)reader_be16(r);
    unsigned sign = reader_be16(r), decimals = reader_be16(r);
    struct reader digits = *r;
    if (sign & 0x8000) {
        write_word(p, sign == 0xc000 ? "NaN" : sign == 0xf000 ? "-Infinity" : "Infinity");
        return;
    }
    if (reader_left(r) != (size_t)count * 2)
        reader_fail(r);
    if (sign)
        pen_byte(p, '-');
    if (weight < 0)
        pen_byte(p, '0');
    for (int at = 0; at <= weight && !p->full; at++) {
        unsigned digit = reader_left(&digits) ? reader_be16(&digits) : 0;
        write_padded(p, digit, at ? 4 : 1);
    }
    if (decimals)
        pen_byte(p, '.');
    for (int at = weight + 1; at < 0 && decimals && !p->full; at++) // zeros before the first digit
        for (int i = 0; i < 4 && decimals; i++, decimals--)
            pen_byte(p, '0');
    while (decimals && !p->full) {
        unsigned digit = reader_left(&digits) ? reader_be16(&digits) : 0;
        for (unsigned unit = 1000; unit && decimals; unit /= 10, decimals--)
            pen_byte(p, (uint8_t)('0' + digit / unit % 10));
    }
    reader_skip(r, reader_left(r));
}

// ── times: microseconds and days since 2000-01-01 ──

#define MICROS_A_DAY INT64_C(86400000000)

// Gregorian, for any year (Howard Hinnant's algorithm, which counts from March 1st of year 0).
static void write_days(struct pen *p, int64_t days, bool *before_christ)
{
    days += 730425; // from 0000-03-01 to 2000-01-01
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * of_year + 2) / 153;
    unsigned day = of_year - (153 * month + 2) / 5 + 1;
    int64_t year = (int64_t)year_of_era + era * 400 + (month >= 10);
    *before_christ = year <= 0;
    write_padded(p, (uint64_t)(year <= 0 ? 1 - year : year), 4);
    pen_byte(p, '-');
    write_padded(p, month < 10 ? month + 3 : month - 9, 2);
    pen_byte(p, '-');
    write_padded(p, day, 2);
}

// Decimals of a second, without zeros at the end.
static void write_micros(struct pen *p, uint64_t micros)
{
    if (!micros)
        return;
    pen_byte(p, '.');
    for (uint64_t unit = 100000; micros; unit /= 10) {
        pen_byte(p, (uint8_t)('0' + micros / unit));
        micros %= unit;
    }
}

static void write_clock(struct pen *p, uint64_t micros)
{
    uint64_t seconds = micros / 1000000;
    write_padded(p, seconds / 3600, 2);
    pen_byte(p, ':');
    write_padded(p, seconds / 60 % 60, 2);
    pen_byte(p, ':');
    write_padded(p, seconds % 60, 2);
    write_micros(p, micros % 1000000);
}

static void write_date(struct pen *p, struct reader *r)
{
    int32_t days = (int32_t)reader_be32(r);
    bool before_christ = false;
    if (days == INT32_MAX || days == INT32_MIN)
        write_word(p, days > 0 ? "infinity" : "-infinity");
    else
        write_days(p, days, &before_christ);
    if (before_christ)
        write_word(p, " BC");
}

static void write_stamp(struct pen *p, struct reader *r, const char *zone)
{
    int64_t micros = (int64_t)reader_be64(r);
    if (micros == INT64_MAX || micros == INT64_MIN) {
        write_word(p, micros > 0 ? "infinity" : "-infinity");
        return;
    }
    int64_t days = micros / MICROS_A_DAY, rest = micros % MICROS_A_DAY;
    bool before_christ;
    if (rest < 0) {
        days--;
        rest += MICROS_A_DAY;
    }
    write_days(p, days, &before_christ);
    pen_byte(p, ' ');
    write_clock(p, (uint64_t)rest);
    write_word(p, zone);
    if (before_christ)
        write_word(p, " BC");
}

static void write_timestamp(struct pen *p, struct reader *r)
{
    write_stamp(p, r, "");
}

static void write_timestamptz(struct pen *p, struct reader *r)
{
    write_stamp(p, r, "+00");
}

static void write_time(struct pen *p, struct reader *r)
{
    uint64_t micros = reader_be64(r);
    if (micros > (uint64_t)MICROS_A_DAY)
        reader_fail(r);
    else
        write_clock(p, micros);
}

// With the zone's seconds west of Greenwich.
static void write_timetz(struct pen *p, struct reader *r)
{
    write_time(p, r);
    int32_t west = (int32_t)reader_be32(r);
    uint32_t distance = west < 0 ? 0u - (uint32_t)west : (uint32_t)west;
    pen_byte(p, west > 0 ? '-' : '+');
    write_padded(p, distance / 3600, 2);
    if (distance % 3600) {
        pen_byte(p, ':');
        write_padded(p, distance / 60 % 60, 2);
    }
}

// Months, days and microseconds, which nothing turns into each other: P1M2DT3.5S.
static void write_interval(struct pen *p, struct reader *r)
{
    int64_t micros = (int64_t)reader_be64(r);
    int32_t days = (int32_t)reader_be32(r), months = (int32_t)reader_be32(r);
    uint64_t distance = micros < 0 ? 0u - (uint64_t)micros : (uint64_t)micros;
    pen_byte(p, 'P');
    if (months) {
        pen_signed(p, months);
        pen_byte(p, 'M');
    }
    if (days) {
        pen_signed(p, days);
        pen_byte(p, 'D');
    }
    if (!micros && (months || days))
        return;
    write_word(p, micros < 0 ? "T-" : "T");
    pen_unsigned(p, distance / 1000000);
    write_micros(p, distance % 1000000);
    pen_byte(p, 'S');
}

// ── others ──

static void write_hex(struct pen *p, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len && !p->full; i++) {
        pen_byte(p, (uint8_t)digits[bytes.at[i] >> 4]);
        pen_byte(p, (uint8_t)digits[bytes.at[i] & 15]);
    }
}

static void write_bytes(struct pen *p, struct reader *r)
{
    write_word(p, "\\x");
    write_hex(p, reader_rest(r));
}

static void write_uuid(struct pen *p, struct reader *r)
{
    static const uint8_t parts[] = {4, 2, 2, 2, 6};
    for (size_t i = 0; i < sizeof parts; i++) {
        if (i)
            pen_byte(p, '-');
        write_hex(p, reader_bytes(r, parts[i]));
    }
}

static void write_mac(struct pen *p, struct reader *r)
{
    for (int i = 0; i < 6; i++) {
        if (i)
            pen_byte(p, ':');
        write_hex(p, reader_bytes(r, 1));
    }
}

// Family (2 or 3), bits of the net, whether it is a cidr, length, address.
static void write_inet(struct pen *p, struct reader *r)
{
    uint8_t place[TEXT_IP];
    unsigned family = reader_u8(r), bits = reader_u8(r), net = reader_u8(r), len = reader_u8(r);
    struct span address = reader_bytes(r, len);
    if (!reader_ok(r) || (family == 2 ? len != 4 : len != 16)) {
        reader_fail(r);
        return;
    }
    pen_raw(p, span_of(place, text_ip(place, address.at, family == 2 ? 4 : 6)));
    if (!net && bits == 8 * len)
        return;
    pen_byte(p, '/');
    pen_unsigned(p, bits);
}

// ── which is which ──

// The numbers that the system's catalogue gives to types (pg_type).
enum { JSONB = 3802 };

static const struct {
    uint32_t type;
    write_value *write;
} kinds[] = {
    {16, write_bool},       {17, write_bytes},       {20, write_int8},
    {21, write_int2},       {23, write_int4},        {26, write_oid},
    {650, write_inet},      {700, write_float4},     {701, write_float8},
    {829, write_mac},       {869, write_inet},       {1082, write_date},
    {1083, write_time},     {1114, write_timestamp}, {1184, write_timestamptz},
    {1186, write_interval}, {1266, write_timetz},    {1700, write_numeric},
    {2950, write_uuid},
};

// char, name, text, json, xml, unknown, bpchar, varchar
static bool is_text(uint32_t type)
{
    static const uint32_t texts[] = {18, 19, 25, 114, 142, 705, 1042, 1043};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] == type)
            return true;
    return false;
}

static bool is_array(uint32_t type)
{
    static const uint32_t arrays[] = {199,  1000, 1001, 1002, 1003, 1005, 1007, 1009,
                                      1014, 1015, 1016, 1021, 1022, 1028, 1041, 1115,
                                      1182, 1183, 1185, 1187, 1231, 2951, 3807};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (arrays[i] == type)
            return true;
    return false;
}

// False: nobody knows the type, or the value is none of it; what was written is void.
static bool write_known(struct pen *p, uint32_t type, struct span value)
{
    struct reader r = reader_of(value);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type == type) {
            kinds[i].write(p, &r);
            return reader_ok(&r) && (p->full || !reader_left(&r));
        }
    return false;
}

// A text inside an array has quotes, and a backslash before those it has itself.
static void write_quoted(struct pen *p, struct span text)
{
    pen_byte(p, '"');
    for (size_t i = 0; i < text.len && !p->full; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\')
            pen_byte(p, '\\');
        pen_byte(p, text.at[i]);
    }
    pen_byte(p, '"');
}

// Dimensions, whether there are NULLs, type; for each dimension its length and first index; for
// each element its length (-1: NULL) and value. Only one dimension is written as such.
static bool write_array(struct pen *p, struct span value)
{
    struct reader r = reader_of(value);
    uint32_t dimensions = reader_be32(&r);
    reader_skip(&r, 4);
    uint32_t type = reader_be32(&r), count = dimensions ? reader_be32(&r) : 0;
    reader_skip(&r, dimensions ? 4 : 0);
    if (dimensions > 1)
        return false;
    pen_byte(p, '{');
    for (uint32_t i = 0; i < count && reader_ok(&r) && !p->full; i++) {
        uint32_t len = reader_be32(&r);
        struct span element = reader_bytes(&r, len == UINT32_MAX ? 0 : len);
        if (i)
            pen_byte(p, ',');
        if (len == UINT32_MAX)
            write_word(p, "NULL");
        else if (is_text(type))
            write_quoted(p, element);
        else if (!write_known(p, type, element))
            return false;
    }
    pen_byte(p, '}');
    return reader_ok(&r);
}

struct span pgsql_value(uint32_t type, struct span value, uint8_t *place, bool *cut)
{
    *cut = false;
    if (is_text(type))
        return value;
    if (type == JSONB && value.len && value.at[0] == 1) // its version stands in front
        return span_skip(value, 1);
    struct pen p = pen_of(place, PGSQL_PLACE);
    bool known = is_array(type) ? write_array(&p, value) : write_known(&p, type, value);
    if (!known) {
        struct reader r = reader_of(value);
        p = pen_of(place, PGSQL_PLACE);
        write_bytes(&p, &r);
    }
    *cut = p.full;
    return pen_written(&p);
}
