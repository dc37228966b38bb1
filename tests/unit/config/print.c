// SPDX-License-Identifier: Apache-2.0
// What is printed reads back to the same tree, and shows no secret.
#include "tests/unit/config/unit.h"

static const char *printed(const struct config *root)
{
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    assert_true(config_print(root, to));
    fclose(to);
    const char *copy = arena_text(&arena, text);
    free(text);
    return copy;
}

// Prints, reads and compares, as it stands and after resolving.
static void assert_same(struct config *root)
{
    struct config *again = config_new(&arena);
    const char *text = printed(root);
    if (!read_over(again, text))
        fail_msg("%s in:\n%s", why.text, text);
    assert_true(config_resolve(again, NULL, NULL, &arena, &why));
    assert_true(config_resolve(root, NULL, NULL, &arena, &why));
    assert_string_equal(flat(again), flat(root));
}

static void test_prints(void **state)
{
    (void)state;
    assert_string_equal(printed(read_yaml("a.b: 1\na.c: [x, '2', {d: ~}]\ne: {}\nf: []\n")),
                        "a:\n  b: 1\n  c:\n  - x\n  - \"2\"\n  - d: null\ne: {}\nf: []\n");
    assert_string_equal(printed(config_new(&arena)), "{}\n");
}

static void test_reads_back(void **state)
{
    (void)state;
    assert_same(read_yaml(""));
    assert_same(read_yaml("a: 'null'\nb: ''\nc: ~\nd: '~'\n"));
    assert_same(
        read_yaml("a: \"x\\ny\\n\"\nb: |\n  two\n\n   lines\nc: \"\\x7f\\x01\\u2028\\ufeff\"\n"));
    assert_same(read_yaml("'<<': {'a b': 1, 'c: d': 2, '- e': 3, 'null': 4, '#': 5, '1': 6}\n"));
    assert_same(read_yaml("a: [[], {}, [{}], [[1]]]\nb: {c: {d: {e: [{f: g, h: i}]}}}\n"));
    assert_same(
        read_yaml("a: \u00e4\u00f6 '\u20ac'\ne: '\U0001f600'\nb: ' x '\nc: 'it''s'\nd: '\"'\n"));
    assert_same(read_yaml(
        arena_printf(&arena, "a: %s\n'%s': 1\n", repeat("word ", 300), repeat("k", 300))));
    assert_same(read_yaml("a: $${b}\nb: x${NONE:$}}\nc: $${\nd: 'x$$}'\n"));
}

// Odd texts from outside a file.
static void test_reads_back_overrides(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "#x", "a #b", "a: b", "{",   "- a", "? a", "*a", "&a",  "!a",   "%a",  "@a",   "`a",
        "|",  ">",    "---",  "...", "a:",  ":a",  "'",  "\"x", " a",   "a ",  "a\nb", "\ta",
        "=",  "a,{b", "[1]]", "\\",  "~x",  "-",   "?",  ":",   "1: 2", "a\r", "$}",   "\x1b",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config *root = config_new(&arena), *again = config_new(&arena);
        assert_true(config_override(root, arena_printf(&arena, "a=%s", texts[i]), &arena, &why));
        assert_true(config_resolve(root, NULL, NULL, &arena, &why));
        assert_true(read_over(again, printed(root)));
        assert_true(config_resolve(again, NULL, NULL, &arena, &why));
        assert_string_equal(config_text(again, "a"), config_text(root, "a"));
    }
}

static void test_repairs_utf8(void **state)
{
    (void)state;
    struct config *root = config_new(&arena);
    assert_true(config_override(root, "a=x\xff\xc3y\xe2\x82", &arena, &why));
    struct config *again = read_yaml(printed(root));
    assert_string_equal(config_text(again, "a"), "x\ufffd\ufffdy\ufffd\ufffd");
}

static void test_masks_secrets(void **state)
{
    (void)state;
    assert_string_equal(
        printed(read_yaml("username: me\npassword: geheim\nssl.key_passphrase: geheim\n"
                          "api_key: geheim\nclient_secret: geheim\ntoken: [geheim, {a: geheim}]\n"
                          "cloud.auth: geheim\nheaders: {Authorization: geheim}\n"
                          "redact_authorization: true\n")),
        "username: me\npassword: xxxxx\nssl:\n  key_passphrase: xxxxx\napi_key: xxxxx\n"
        "client_secret: xxxxx\ntoken:\n- xxxxx\n- a: xxxxx\ncloud:\n  auth: xxxxx\n"
        "headers:\n  Authorization: xxxxx\nredact_authorization: true\n");
    assert_string_equal(printed(read_yaml("password:\nsecret: {}\n")),
                        "password: null\nsecret: {}\n");
}

static void test_masks_addresses(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"http://me:geheim@h:9200/p?q=a:b@c", "http://me:xxxxx@h:9200/p?q=a:b@c"},
        {"redis://:geheim@h", "redis://:xxxxx@h"},
        {"http://me:ge@heim@h", "http://me:xxxxx@h"},
        {"http://me@h:1", "http://me@h:1"},
        {"http://h:9200/a@b", "http://h:9200/a@b"},
        {"http://h:1", "http://h:1"},
        {"http://a:b@c http://d:e@f", "http://a:xxxxx@c http://d:xxxxx@f"},
        {"http://a@b:c@", "http://a@b:xxxxx@"},
        {"://:@", "://:xxxxx@"},
        {"://", "://"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(printed(read_yaml(arena_printf(&arena, "a: [\"%s\"]\n", pairs[i][0]))),
                            arena_printf(&arena, "a:\n- \"%s\"\n", pairs[i][1]));
}

static void test_knows_secrets(void **state)
{
    (void)state;
    assert_true(config_is_secret("password"));
    assert_true(config_is_secret("key_passphrase"));
    assert_true(config_is_secret("API_KEY"));
    assert_true(config_is_secret("service_token"));
    assert_false(config_is_secret("username"));
    assert_false(config_is_secret("passwords_file"));
    assert_false(config_is_secret("redact_authorization"));
    assert_false(config_is_secret("key"));
    assert_false(config_is_secret(""));
}

static void test_says_when_it_cannot_write(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_false(config_print(read_yaml("a: 1\n"), full));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_prints),
        test(test_reads_back),
        test(test_reads_back_overrides),
        test(test_repairs_utf8),
        test(test_masks_secrets),
        test(test_masks_addresses),
        test(test_knows_secrets),
        test(test_says_when_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
