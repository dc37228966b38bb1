// SPDX-License-Identifier: Apache-2.0
// Values in PostgreSQL's binary format, as its send functions write them.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/pgsql_values.h"

struct row {
    uint32_t type;
    struct span value;
    const char *text;
};
#define ROW(type, value, text)  \
    {                           \
        type, SPAN(value), text \
    }

static const struct row rows[] = {
    ROW(16, "\1", "t"),
    ROW(16, "\0", "f"),
    ROW(17, "\0\xff", "\\x00ff"),
    ROW(17, "", "\\x"),
    ROW(18, "c", "c"),
    ROW(20, "\xff\xff\xff\xff\xff\xff\xff\xfe", "-2"),
    ROW(20, "\x80\0\0\0\0\0\0\0", "-9223372036854775808"),
    ROW(21, "\x80\0", "-32768"),
    ROW(23, "\0\1\0\0", "65536"),
    ROW(25, "text", "text"),
    ROW(26, "\xff\xff\xff\xff", "4294967295"),
    ROW(700, "\x3d\xcc\xcc\xcd", "0.1"),
    ROW(700, "\x7f\xc0\0\0", "NaN"),
    ROW(701, "\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"),
    ROW(701, "\xff\xf0\0\0\0\0\0\0", "-Infinity"),
    ROW(829, "\2\0\0\0\0\x0a", "02:00:00:00:00:0a"),
    ROW(869, "\2\40\0\4\300\0\2\1", "192.0.2.1"),
    ROW(869, "\2\30\0\4\300\0\2\1", "192.0.2.1/24"),
    ROW(650, "\2\10\1\4\12\0\0\0", "10.0.0.0/8"),
    ROW(869, "\3\200\0\20\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "fd77::1"),
    ROW(1082, "\0\0\0\0", "2000-01-01"),
    ROW(1082, "\0\0\x22\x79", "2024-02-29"),
    ROW(1082, "\xff\xff\xff\xff", "1999-12-31"),
    ROW(1082, "\xff\xf4\xdb\xf9", "0001-01-01"),
    ROW(1082, "\xff\xf4\xdb\xf8", "0001-12-31 BC"),
    ROW(1082, "\x7f\xff\xff\xff", "infinity"),
    ROW(1083, "\0\0\0\0\0\0\0\0", "00:00:00"),
    ROW(1083, "\0\0\0\x14\x1d\xd7\x5f\xff", "23:59:59.999999"),
    ROW(1114, "\0\0\0\0\0\x16\xe3\x60", "2000-01-01 00:00:01.5"),
    ROW(1114, "\xff\xff\xff\xff\xff\xff\xff\xff", "1999-12-31 23:59:59.999999"),
    ROW(1184, "\0\0\0\0\0\0\0\0", "2000-01-01 00:00:00+00"),
    ROW(1184, "\x80\0\0\0\0\0\0\0", "-infinity"),
    ROW(1186, "\0\0\0\0\0\x16\xe3\x60\0\0\0\2\0\0\0\1", "P1M2DT1.5S"),
    ROW(1186, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "PT0S"),
    ROW(1186, "\xff\xff\xff\xff\xff\xf0\xbd\xc0\0\0\0\0\0\0\0\0", "PT-1S"),
    ROW(1266, "\0\0\0\0\0\0\0\0\xff\xff\xb2\x58", "00:00:00+05:31"),
    ROW(1700, "\0\0\0\0\0\0\0\0", "0"),
    ROW(1700, "\0\2\0\0\0\0\0\2\4\xd2\x15\xe0", "1234.56"),
    ROW(1700, "\0\1\0\1\x40\0\0\0\0\1", "-10000"),
    ROW(1700, "\0\1\xff\xfe\0\0\0\6\0\144", "0.000001"),
    ROW(1700, "\0\0\0\0\xc0\0\0\0", "NaN"),
    ROW(2950, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", "01020304-0506-0708-090a-0b0c0d0e0f10"),
    ROW(3802, "\1{\"a\": 1}", "{\"a\": 1}"),
    ROW(1007, "\0\0\0\1\0\0\0\1\0\0\0\x17\0\0\0\2\0\0\0\1\0\0\0\4\0\0\0\7\xff\xff\xff\xff",
        "{7,NULL}"),
    ROW(1009, "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1\0\0\0\3a\"b", "{\"a\\\"b\"}"),
    ROW(1007, "\0\0\0\0\0\0\0\0\0\0\0\x17", "{}"),
    // what nobody knows, and what is not what it should be
    ROW(0, "ab", "\\x6162"),
    ROW(99999, "", "\\x"),
    ROW(23, "abc", "\\x616263"),
    ROW(23, "abcde", "\\x6162636465"),
    ROW(869, "\2\40\0\20\300\0\2\1", "\\x02200010c0000201"),
    ROW(1700, "\xff\xff\x7f\xff\0\0\xff\xff", "\\xffff7fff0000ffff"),
    ROW(1007, "\xff\xff\xff\xff\0\0\0\0\0\0\0\x17", "\\xffffffff0000000000000017"),
    ROW(1007, "\0\0\0\1\0\0\0\0\0\0\0\x17\xff\xff\xff\xff\0\0\0\1",
        "\\x000000010000000000000017ffffffff00000001"),
};

static void test_values(void **state)
{
    (void)state;
    uint8_t place[PGSQL_PLACE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool cut;
        struct span text = pgsql_value(rows[i].type, rows[i].value, place, &cut);
        struct span wanted = span_text(rows[i].text);
        if (!span_is(text, wanted) || cut)
            fail_msg("type %u: found %.*s, wanted %s", rows[i].type, (int)text.len,
                     (const char *)text.at, rows[i].text);
    }
}

// Values of any type cut anywhere: at worst they are hex.
static void test_cut(void **state)
{
    (void)state;
    uint8_t place[PGSQL_PLACE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t len = 0; len < rows[i].value.len; len++) {
            uint8_t *exact = malloc(len + 1);
            memcpy(exact, rows[i].value.at, len);
            bool cut;
            (void)pgsql_value(rows[i].type, span_of(exact, len), place, &cut);
            assert_false(cut);
            free(exact);
        }
}

static void test_too_long(void **state)
{
    (void)state;
    static uint8_t value[5000];
    uint8_t place[PGSQL_PLACE];
    bool cut;
    assert_int_equal(pgsql_value(17, span_of(value, sizeof value), place, &cut).len, PGSQL_PLACE);
    assert_true(cut);
    // 32767 digits of base 10000, none of which is there
    struct span endless = SPAN("\0\0\x7f\xff\0\0\xff\xff");
    assert_true(pgsql_value(1700, endless, place, &cut).len > PGSQL_PLACE - 24);
    assert_true(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_cut),
                                       cmocka_unit_test(test_too_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
