// SPDX-License-Identifier: Apache-2.0
// The pen: anything written with it into a place of any size stays inside that place, is JSON if it
// was not full, and a text reads back as it was, with U+FFFD for what is no UTF-8.
//
//   room(2), then value by value: kind(1) and what it takes

#include "pipeline/base/json.h"

#include "pipeline/base/text.h"
#include "tests/fuzz/json.h"

// A text as it must read back.
static size_t repaired(uint8_t *to, struct span text)
{
    size_t len = 0;
    while (text.len) {
        bool whole = true;
        size_t step = text.at[0] < 0x80 ? 1 : text_utf8_character(text, &whole);
        memcpy(to + len, whole ? text.at : (const uint8_t *)"\xef\xbf\xbd", whole ? step : 3);
        len += whole ? step : 3;
        text = span_skip(text, step);
    }
    return len;
}

static uint8_t unescaped(const uint8_t **at)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *known;
    uint8_t byte = *(*at)++;
    if (byte != '\\')
        return byte;
    byte = *(*at)++;
    if (byte == 'u') {
        char digits[5] = {0};
        memcpy(digits, *at, 4);
        *at += 4;
        return (uint8_t)strtoul(digits, NULL, 16);
    }
    return (known = strchr(from, byte)) ? (uint8_t)to[known - from] : byte;
}

// The string behind `at`, quotes included, is this text.
static void check_text(struct span written, struct span text)
{
    uint8_t *must = malloc(3 * text.len + 1);
    size_t len = repaired(must, text), count = 0;
    const uint8_t *at = written.at + 1, *end = written.at + written.len - 1;
    for (; at < end; count++) {
        fuzz_check(count < len);
        fuzz_check(unescaped(&at) == must[count]);
    }
    fuzz_check(count == len);
    free(must);
}

static void write_text(struct pen *pen, struct span text)
{
    const uint8_t *begin = pen->at;
    pen_text(pen, text);
    if (!pen->full)
        check_text(span_of(begin, (size_t)(pen->at - begin)), text);
}

static void write_parts(struct pen *pen, struct reader *input)
{
    pen_byte(pen, '"');
    for (unsigned parts = reader_u8(input) % 8; parts--;)
        pen_text_part(pen, fuzz_take(input, reader_u8(input)));
    pen_byte(pen, '"');
}

static void write_value(struct pen *pen, struct reader *input)
{
    uint64_t bits;
    double real;
    switch (reader_u8(input) % 8) {
    case 0:
        write_text(pen, fuzz_take(input, reader_be16(input)));
        break;
    case 1:
        write_parts(pen, input);
        break;
    case 2:
        pen_unsigned(pen, reader_be64(input));
        break;
    case 3:
        pen_signed(pen, (int64_t)reader_be64(input));
        break;
    case 4:
        bits = reader_be64(input);
        memcpy(&real, &bits, sizeof real);
        pen_double(pen, real);
        break;
    case 5:
        pen_bool(pen, reader_u8(input) & 1);
        break;
    case 6:
        pen_time(pen, (int64_t)reader_be64(input), 3 * (1 + reader_u8(input) % 3));
        break;
    default: {
        uint8_t bytes[16] = {0};
        struct span s = fuzz_take(input, sizeof bytes);
        memcpy(bytes, s.at, s.len);
        pen_ip(pen, bytes, s.len == sizeof bytes ? 6 : 4);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_exact(span_of(data, size));
    struct reader input = reader_of(span_of(exact, size));
    size_t room = reader_be16(&input);
    uint8_t *place = malloc(room + 1);
    struct pen pen = pen_of(place, room);
    pen_byte(&pen, '[');
    for (bool first = true; reader_left(&input); first = false) {
        if (!first)
            pen_byte(&pen, ',');
        write_value(&pen, &input);
    }
    pen_byte(&pen, ']');
    fuzz_check(pen.at <= pen.end && pen_written(&pen).len <= room);
    if (!pen.full)
        json_check(pen_written(&pen));
    free(place);
    free(exact);
    return 0;
}
