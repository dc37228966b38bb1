// SPDX-License-Identifier: Apache-2.0
// Values of the MySQL protocol: length-encoded numbers and texts, and the binary form in which
// prepared statements carry theirs.

#include "probe/proto/mysql.h"

uint64_t mysql_number(struct reader *r)
{
    uint8_t first = reader_u8(r);
    switch (first) {
    case 0xfc:
        return reader_le16(r);
    case 0xfd:
        return mysql_le24(r);
    case 0xfe:
        return reader_le64(r);
    case 0xfb:
    case 0xff:
        reader_fail(r);
        return UINT64_MAX;
    default:
        return first;
    }
}

struct span mysql_string(struct reader *r)
{
    uint64_t len = mysql_number(r);
    return reader_bytes(r, len < SIZE_MAX ? (size_t)len : SIZE_MAX);
}

// ── one value ──

enum type {
    DECIMAL,
    TINY,
    SHORT,
    LONG,
    FLOAT,
    DOUBLE,
    NOTHING,
    TIMESTAMP,
    LONGLONG,
    INT24,
    DATE,
    TIME,
    DATETIME,
    YEAR,
    NEWDATE,
    VARCHAR,
    BIT,
    VECTOR = 242,
    JSON = 245,
    NEWDECIMAL,
    ENUM,
    SET,
    TINY_BLOB,
    MEDIUM_BLOB,
    LONG_BLOB,
    BLOB,
    VAR_STRING,
    STRING,
    GEOMETRY
};

static void put_padded(struct pen *pen, unsigned number, unsigned digits)
{
    uint8_t text[TEXT_NUMBER];
    size_t len = text_unsigned(text, number);
    for (; digits > len; digits--)
        pen_byte(pen, '0');
    pen_raw(pen, span_of(text, len));
}

static void put_parts(struct pen *pen, const unsigned *parts, uint8_t sign, bool padded)
{
    for (int i = 0; i < 3; i++) {
        if (i)
            pen_byte(pen, sign);
        put_padded(pen, parts[i], padded ? i || sign == ':' ? 2 : 4 : 1);
    }
}

static void put_fraction(struct pen *pen, uint32_t microseconds)
{
    if (!microseconds)
        return;
    pen_byte(pen, '.');
    put_padded(pen, microseconds, 6);
}

// │ length 1: 0, 4, 7 or 11 │ year 2 │ month │ day │ hour │ minute │ second │ microseconds 4 │
static bool put_date(struct pen *pen, struct reader *r, uint8_t type, enum mysql_style style)
{
    uint8_t len = reader_u8(r);
    struct reader v = reader_of(reader_bytes(r, len));
    unsigned date[3] = {0}, time[3] = {0};
    uint32_t fraction = 0;
    if (len != 0 && len != 4 && len != 7 && len != 11)
        return false;
    if (len) {
        date[0] = reader_le16(&v);
        date[1] = reader_u8(&v);
        date[2] = reader_u8(&v);
    }
    for (int i = 0; i < 3 && len >= 7; i++)
        time[i] = reader_u8(&v);
    if (len == 11)
        fraction = reader_le32(&v);
    bool plain = style == MYSQL_PLAIN;
    put_parts(pen, date, plain ? '-' : '/', plain);
    if (plain && type == DATE)
        return reader_ok(&v);
    pen_byte(pen, ' ');
    put_parts(pen, time, ':', plain);
    if (plain)
        put_fraction(pen, fraction);
    return reader_ok(&v);
}

// │ length 1: 0, 8 or 12 │ negative │ days 4 │ hour │ minute │ second │ microseconds 4 │
static bool put_time(struct pen *pen, struct reader *r)
{
    uint8_t len = reader_u8(r);
    struct reader v = reader_of(reader_bytes(r, len));
    if (len != 0 && len != 8 && len != 12)
        return false;
    bool negative = len && reader_u8(&v);
    uint32_t days = len ? reader_le32(&v) : 0, fraction = 0;
    unsigned time[3] = {0};
    for (int i = 0; i < 3 && len; i++)
        time[i] = reader_u8(&v);
    time[0] += 24 * (days < 1000000 ? days : 1000000);
    if (len == 12)
        fraction = reader_le32(&v);
    if (negative)
        pen_byte(pen, '-');
    put_parts(pen, time, ':', true);
    put_fraction(pen, fraction);
    return reader_ok(&v);
}

static void put_integer(struct pen *pen, uint64_t number, unsigned bits, bool is_unsigned)
{
    unsigned above = 64 - bits;
    if (is_unsigned)
        pen_unsigned(pen, number);
    else
        pen_signed(pen, (int64_t)(number << above) >> above);
}

static void put_float(struct pen *pen, uint32_t bits)
{
    float number;
    char text[32];
    memcpy(&number, &bits, sizeof number);
    int len = snprintf(text, sizeof text, "%.7g", (double)number);
    pen_raw(pen, span_of(text, (size_t)len));
}

static void put_double(struct pen *pen, uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    pen_double(pen, number);
}

bool mysql_is_text(uint8_t type)
{
    return type == DECIMAL || type == VARCHAR || type == BIT || type >= VECTOR;
}

// The length of the type's number; 0: it is none.
static unsigned integer_bytes(uint8_t type)
{
    static const uint8_t bytes[] = {
        [TINY] = 1, [SHORT] = 2, [YEAR] = 2, [LONG] = 4, [INT24] = 4, [LONGLONG] = 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

static uint64_t read_integer(struct reader *r, unsigned bytes)
{
    return bytes == 1   ? reader_u8(r)
           : bytes == 2 ? reader_le16(r)
           : bytes == 4 ? reader_le32(r)
                        : reader_le64(r);
}

// Some kinds are names of themselves there.
static bool put_as_reference(struct pen *pen, struct reader *r, uint8_t type, bool is_unsigned)
{
    unsigned bytes = integer_bytes(type);
    if (is_unsigned || type == YEAR || type == INT24)
        return false;
    if (bytes)
        put_integer(pen, read_integer(r, bytes), 8 * bytes, bytes < 8);
    else if (type == FLOAT || type == DOUBLE)
        pen_raw(pen,
                type == FLOAT ? (struct span)SPAN("TYPE_FLOAT") : (struct span)SPAN("TYPE_DOUBLE"));
    else if (type == NOTHING)
        pen_raw(pen, (struct span)SPAN("TYPE_NULL"));
    else if (type == TIME)
        pen_raw(pen, (struct span)SPAN("TYPE_TIME"));
    else if (type == DATE || type == DATETIME || type == TIMESTAMP)
        return put_date(pen, r, type, MYSQL_AS_REFERENCE);
    else if (type == DECIMAL || type == VARCHAR || type == BIT || type >= NEWDECIMAL)
        pen_raw(pen, mysql_string(r));
    else
        return false;
    if (type == FLOAT || type == DOUBLE)
        reader_skip(r, type == FLOAT ? 4 : 8);
    if (type == TIME)
        reader_skip(r, reader_u8(r));
    return reader_ok(r);
}

bool mysql_put_value(struct pen *pen, struct reader *r, uint8_t type, bool is_unsigned,
                     enum mysql_style style)
{
    unsigned bytes = integer_bytes(type);
    if (style == MYSQL_AS_REFERENCE)
        return put_as_reference(pen, r, type, is_unsigned);
    if (bytes)
        put_integer(pen, read_integer(r, bytes), 8 * bytes, is_unsigned || type == YEAR);
    else if (type == FLOAT)
        put_float(pen, reader_le32(r));
    else if (type == DOUBLE)
        put_double(pen, reader_le64(r));
    else if (type == NOTHING)
        pen_raw(pen, (struct span)SPAN("NULL"));
    else if (type == TIME)
        return put_time(pen, r);
    else if (type == DATE || type == DATETIME || type == TIMESTAMP || type == NEWDATE)
        return put_date(pen, r, type, MYSQL_PLAIN);
    else if (mysql_is_text(type))
        pen_raw(pen, mysql_string(r));
    else
        return false;
    return reader_ok(r);
}

// ── values behind their types ──

bool mysql_values_begin(struct mysql_values *v, struct span bytes, uint32_t count, bool named,
                        struct span types)
{
    struct reader r = reader_of(bytes);
    *v = (struct mysql_values){.count = count, .named = named};
    v->nulls = reader_bytes(&r, (count + 7) / 8);
    bool told = reader_u8(&r);
    v->types = told ? r : reader_of(types);
    v->values = r;
    for (uint32_t i = 0; told && i < count; i++) {
        reader_skip(&v->values, 2);
        if (named)
            mysql_string(&v->values);
    }
    v->named = named && told;
    return reader_ok(&v->values) && reader_left(&v->types) >= 2UL * count;
}

bool mysql_values_next(struct mysql_values *v, struct mysql_value *value)
{
    enum { UNSIGNED = 0x80 };
    if (v->next == v->count || !reader_ok(&v->values))
        return false;
    uint32_t i = v->next++;
    value->type = reader_u8(&v->types);
    value->is_unsigned = reader_u8(&v->types) & UNSIGNED;
    value->name = v->named ? mysql_string(&v->types) : span_of(NULL, 0);
    value->is_null = v->nulls.at[i / 8] >> i % 8 & 1;
    return reader_ok(&v->types);
}
