// SPDX-License-Identifier: Apache-2.0
// The lexer for SQL: statements, verbs, tables and secrets in both dialects.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
// clang-format on

#include "probe/proto/sql.h"

static const char *text_of(struct span s)
{
    static char text[2][512];
    static int turn;
    turn = !turn;
    assert_true(s.len < sizeof text[0]);
    if (s.len)
        memcpy(text[turn], s.at, s.len);
    text[turn][s.len] = 0;
    return text[turn];
}

// Statements joined by "|".
static const char *split(const char *text, unsigned dialect)
{
    static char joined[512];
    struct span rest = span_text(text), one;
    joined[0] = 0;
    while (sql_statement(&rest, dialect, &one)) {
        if (joined[0])
            strcat(joined, "|");
        strcat(joined, text_of(one));
    }
    return joined;
}

static void test_statements(void **state)
{
    (void)state;
    assert_string_equal(split("", SQL_OF_PGSQL), "");
    assert_string_equal(split(" ; ;; -- x\n;", SQL_OF_PGSQL), "");
    assert_string_equal(split("a;b", SQL_OF_PGSQL), "a|b");
    assert_string_equal(split(" a ; b ;", SQL_OF_MYSQL), "a|b");
    assert_string_equal(split("a 'x;y' ; b", SQL_OF_PGSQL), "a 'x;y'|b");
    assert_string_equal(split("a 'it''s;' ; b", SQL_OF_PGSQL), "a 'it''s;'|b");
    assert_string_equal(split("a \"x;\"\"y\" ; b", SQL_OF_PGSQL), "a \"x;\"\"y\"|b");
    assert_string_equal(split("a -- x;y\n; b", SQL_OF_PGSQL), "a -- x;y|b");
    assert_string_equal(split("a /* ; */ ; b", SQL_OF_PGSQL), "a /* ; */|b");
}

static void test_dialects(void **state)
{
    (void)state;
    // a backslash
    assert_string_equal(split("a '\\'; b'; c", SQL_OF_MYSQL), "a '\\'; b'|c");
    assert_string_equal(split("a '\\'; b", SQL_OF_PGSQL), "a '\\'|b");
    assert_string_equal(split("a E'\\'; b'; c", SQL_OF_PGSQL), "a E'\\'; b'|c");
    // dollars
    assert_string_equal(split("do $$ a; b $$; c", SQL_OF_PGSQL), "do $$ a; b $$|c");
    assert_string_equal(split("do $x$ $$;$y$; $x$; c", SQL_OF_PGSQL), "do $x$ $$;$y$; $x$|c");
    assert_string_equal(split("select $1; c$d$ ; e", SQL_OF_PGSQL), "select $1|c$d$|e");
    // comments
    assert_string_equal(split("a /* /* ; */ ; */ ; b", SQL_OF_PGSQL), "a /* /* ; */ ; */|b");
    assert_string_equal(split("a /* /* ; */ ; b", SQL_OF_MYSQL), "a /* /* ; */|b");
    assert_string_equal(split("a # ;\n; b", SQL_OF_MYSQL), "a # ;|b");
    assert_string_equal(split("a --1; b", SQL_OF_MYSQL), "a --1|b");
    assert_string_equal(split("/*!50100 a */; b", SQL_OF_MYSQL), "/*!50100 a */|b");
    assert_string_equal(split("a `;`; b", SQL_OF_MYSQL), "a `;`|b");
}

static void test_cut(void **state)
{
    static const char *const cut[] = {"a 'x;", "a \"x;", "a /* ;", "a -- ;", "do $q$ ;", "a E'\\"};
    (void)state;
    for (int i = 0; i < 6; i++)
        assert_string_equal(split(cut[i], SQL_OF_PGSQL), cut[i]);
    assert_string_equal(split("a 'x\\", SQL_OF_MYSQL), "a 'x\\");
}

static void check_verb(const char *text, const char *verb)
{
    assert_string_equal(text_of(sql_verb(span_text(text), SQL_OF_MYSQL)), verb);
}

static void test_verbs(void **state)
{
    (void)state;
    check_verb("select 1", "select");
    check_verb("/* x */ -- y\n ((Select 1))", "Select");
    check_verb("/*!40101 SET a=1 */", "SET");
    check_verb("  ", "");
    check_verb("'x'", "");
}

static void check_table(const char *text, const char *table)
{
    assert_string_equal(text_of(sql_table(span_text(text), SQL_OF_MYSQL)), table);
}

static void test_tables(void **state)
{
    (void)state;
    check_table("insert into shop.people values (1)", "shop.people");
    check_table("INSERT IGNORE INTO `a b` SELECT 1", "`a b`");
    check_table("update low_priority t set a = 'from x'", "t");
    check_table("create table if not exists `a`.`b` (c int)", "`a`.`b`");
    check_table("delete from only t", "t");
    check_table("select 'from x'", "");
    check_table("select 1 from (select 2 from t) x", "t");
    check_table("insert into", "");
}

static const char *hidden(const char *text, bool all)
{
    static uint8_t place[512];
    struct pen pen = pen_of(place, sizeof place);
    sql_hide(&pen, span_text(text), SQL_OF_MYSQL, all);
    return text_of(pen_written(&pen));
}

static void test_secrets(void **state)
{
    (void)state;
    assert_string_equal(hidden("select 'a', 42, c7 from t", true), "select ?, ?, c7 from t");
    assert_string_equal(hidden("select 'a'", false), "select 'a'");
    assert_string_equal(hidden("alter user a identified with p by 'b' x", false),
                        "alter user a identified with p by 'xxxxx' x");
    assert_string_equal(hidden("set password for 'a'@'b' = 'c'", false),
                        "set password for 'xxxxx'@'xxxxx' = 'xxxxx'");
    assert_true(sql_may_hold_password(span_text("x IDENTIFIED BY 'b'")));
    assert_true(sql_may_hold_password(span_text("source_password='x'")));
    assert_false(sql_may_hold_password(span_text("select 1 from people")));
}

// Any text ends, and is cut into tokens without loss.
static void test_any(void **state)
{
    static const char bytes[] = "a1 '\"`$/*-#;\\!.?E\n(";
    (void)state;
    for (unsigned seed = 0; seed < 20000; seed++) {
        char text[24];
        size_t len = seed % sizeof text, sum = 0;
        srand(seed);
        for (size_t i = 0; i < len; i++)
            text[i] = bytes[(size_t)rand() % (sizeof bytes - 1)];
        uint8_t *exact = malloc(len + !len);
        memcpy(exact, text, len);
        struct span rest = span_of(exact, len), token;
        while (sql_token(&rest, (unsigned)rand() % 512, &token) != SQL_END) {
            assert_true(token.len > 0);
            sum += token.len;
        }
        assert_int_equal(sum, len);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements), cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_tables),     cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
