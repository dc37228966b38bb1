// SPDX-License-Identifier: Apache-2.0
// Layouts: each piece, fractions, zones, and what does not fit.

#include "pipeline/layout.h"

#include "pipeline/base/clock.h"
#include "tests/unit/pipeline/kit.h"

static bool reads(const char *layout, const char *text, int64_t *time)
{
    return layout_read(span_text(layout), span_text(text), zone_read("UTC", &arena, &why), time);
}

static void assert_time(const char *layout, const char *text, const char *expected)
{
    int64_t time;
    uint8_t shown[TEXT_TIME + 1];
    if (!reads(layout, text, &time))
        fail_msg("%s is not %s", text, layout);
    shown[text_time(shown, time, 9)] = 0;
    assert_string_equal((char *)shown, expected);
}

static void assert_none(const char *layout, const char *text)
{
    int64_t time;
    if (reads(layout, text, &time))
        fail_msg("%s is %s", text, layout);
}

static void usual_ones(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"2006-01-02T15:04:05Z07:00", "2024-01-15T10:00:00Z", "2024-01-15T10:00:00.000Z"},
        {"2006-01-02T15:04:05Z07:00", "2024-01-15T10:00:00.25+02:00", "2024-01-15T08:00:00.250Z"},
        {"2006-01-02T15:04:05.999999999Z07:00", "2024-01-15T10:00:00Z", "2024-01-15T10:00:00.000Z"},
        {"2006-01-02T15:04:05.999-0700", "2024-01-15T10:00:00.123456-0330",
         "2024-01-15T13:30:00.123456Z"},
        {"Mon Jan _2 15:04:05 2006", "Mon Jan  5 10:00:00 2024", "2024-01-05T10:00:00.000Z"},
        {"Monday, 02-Jan-06 15:04:05 MST", "Monday, 15-Jan-24 10:00:00 UTC",
         "2024-01-15T10:00:00.000Z"},
        {"January 2, 2006 at 3:04pm", "march 31, 1999 at 12:05AM", "1999-03-31T00:05:00.000Z"},
        {"1/2/06 03:04:05 PM", "12/31/69 12:59:59 pm", "1969-12-31T12:59:59.000Z"},
        {"2006-002", "2024-366", "2024-12-31T00:00:00.000Z"},
        {"02/Jan/2006:15:04:05 -0700", "29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59.000Z"},
        {"15h04m05.000s 20060102", "01h02m03.004s 20240115", "2024-01-15T01:02:03.004Z"},
        {"2006-01-02 15:04:05,000", "2024-01-15 10:00:00,5", NULL},
        {"UNIX", "1705312800", "2024-01-15T10:00:00.000Z"},
        {"UNIX", "1705312800.25", "2024-01-15T10:00:00.250Z"},
        {"UNIX", "-1.5", "1969-12-31T23:59:58.500Z"},
        {"UNIX_MS", "1705312800123", "2024-01-15T10:00:00.123Z"},
        {"UNIX_MS", "1.5", "1970-01-01T00:00:00.0015Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i][2])
            assert_time(rows[i][0], rows[i][1], rows[i][2]);
        else
            assert_none(rows[i][0], rows[i][1]);
}

static void what_does_not_fit(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"2006-01-02", "2024-01-15 "},
        {"2006-01-02", "2024-13-01"},
        {"2006-01-02", "2023-02-29"},
        {"2006-01-02", "2024-00-01"},
        {"2006-01-02", "24-01-01"},
        {"2006-01-02", ""},
        {"2006-01-02", "9999-01-01"},
        {"15:04", "10:00"},
        {"2006 15:04", "2024 24:00"},
        {"2006 3pm", "2024 13pm"},
        {"2006 3pm", "2024 3xm"},
        {"2006-002", "2023-366"},
        {"2006 Jan", "2024 Jxn"},
        {"2006 Z07:00", "2024 +0200"},
        {"2006 -07:00", "2024 Z"},
        {"2006 -0700", "2024 +2400"},
        {"2006 MST", "2024 xx"},
        {"UNIX", ""},
        {"UNIX", "12x"},
        {"UNIX", "9223372037"},
        {"UNIX", "1."},
        {"UNIX_MS", "9223372036855"},
        {"UNIX", "99999999999999999999"},
        {"UNIX", "9223372036.9"},
        {"UNIX", "-9223372036.9"},
        {"UNIX_MS", "9223372036854.9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_none(rows[i][0], rows[i][1]);
}

static void all_days_come_back(void **state)
{
    (void)state;
    for (int64_t day = -106000; day < 106000; day += 13) {
        uint8_t text[TEXT_TIME];
        int64_t time, wanted = day * 86400 * SECOND + 123456789;
        struct span shown = span_of(text, text_time(text, wanted, 9));
        assert_true(layout_read(span("2006-01-02T15:04:05Z07:00"), shown,
                                zone_read("UTC", &arena, &why), &time));
        assert_int_equal(time, wanted);
        arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(usual_ones),
        test(what_does_not_fit),
        test(all_days_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
