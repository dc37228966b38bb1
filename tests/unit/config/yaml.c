// SPDX-License-Identifier: Apache-2.0
// What a file may say, and what is refused in it.
#include "tests/unit/config/unit.h"

static void test_reads_scalars(void **state)
{
    (void)state;
    assert_reads("a: 1\nb: text with spaces\nc: 'quoted'\nd: \"a\\tb\"\n",
                 "{a:1 b:text with spaces c:'quoted' d:'a\tb'}");
    assert_reads("a:\nb: ~\nc: null\nd: 'null'\ne: ''\n", "{a:~ b:~ c:~ d:'null' e:''}");
    assert_reads("a: |\n  two\n  lines\nb: >-\n  folded\n  text\n",
                 "{a:'two\nlines\n' b:'folded text'}");
    assert_reads("a: !!str 12\nb: !other 12\n", "{a:'12' b:12}");
    assert_reads("h: http://h:9200\np: C:\\dir\n404: x\n", "{h:http://h:9200 p:C:\\dir 404:x}");
}

static void test_reads_nothing(void **state)
{
    (void)state;
    assert_reads("", "{}");
    assert_reads("# only a comment\n", "{}");
    assert_reads("---\n", "{}");
    assert_reads("\xef\xbb\xbf"
                 "a: 1\n", // byte order mark
                 "{a:1}");
    assert_reads("a: 1\r\nb: 2\r\n", "{a:1 b:2}");
}

static void test_reads_lists_and_maps(void **state)
{
    (void)state;
    assert_reads("l:\n- 1\n- - 2\n  - 3\n-\n- a: 4\n", "{l:[1 [2 3] ~ {a:4}]}");
    assert_reads("l: []\nm: {}\n", "{l:[] m:{}}");
    assert_reads("{\"a\": {\"b\": [1, \"2\", true, null]}}", "{a:{b:[1 '2' true ~]}}");
}

static void test_dotted_keys_are_nested(void **state)
{
    (void)state;
    assert_reads("a.b.c: 1\n", "{a:{b:{c:1}}}");
    assert_reads("a.b: 1\na.c: 2\nd.e: 3\na.f: 4\n", "{a:{b:1 c:2 f:4} d:{e:3}}");
    assert_reads("a.b: 1\na:\n  c: 2\n", "{a:{b:1 c:2}}");
    assert_reads("a:\n  c: 2\na.b: 1\n", "{a:{c:2 b:1}}");
    assert_reads("a.b.c: 1\na:\n  b.d: 2\n", "{a:{b:{c:1 d:2}}}");
    assert_reads("l:\n- type: http\n  a.b: 1\n  a.c: 2\n", "{l:[{type:http a:{b:1 c:2}}]}");
    assert_reads("{\"a.b\": [{\"c.d\": 1}]}", "{a:{b:[{c:{d:1}}]}}");
}

static void test_refuses_keys_given_twice(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: 2\na: 3\n", "x.yml:3: a: given twice, first in line 1");
    assert_refused("a:\n  b: 1\na.b: 2\n", "x.yml:3: b: given twice, first in line 2");
    assert_refused("a.b: 1\na.b.c: 2\n", "x.yml:2: b: given twice, first in line 1");
    assert_refused("a.b: 1\n\na: 2\n", "x.yml:3: a: given twice, first in line 1");
    assert_refused("a:\n  b: 1\na:\n  c: 2\n", "x.yml:3: a: given twice, first in line 1");
    assert_refused("l: [{a: 1,\n a: 2}]\n", "x.yml:2: a: given twice, first in line 1");
}

static void test_refuses_odd_keys(void **state)
{
    (void)state;
    assert_refused("a: 1\na..b: 2\n", "x.yml:2: the key \"a..b\" has an empty part");
    assert_refused("a.: 2\n", "x.yml:1: the key \"a.\" has an empty part");
    assert_refused(".a: 2\n", "x.yml:1: the key \".a\" has an empty part");
    assert_refused("'': 2\n", "x.yml:1: found an empty key");
    assert_refused("? [a]\n: 2\n", "x.yml:1: expected a text as key, found something else");
    assert_refused("\"a\\0b\": 2\n", "x.yml:1: found a zero byte in a key");
    assert_refused("a: \"a\\0b\"\n", "x.yml:1: found a zero byte in a text");
}

static void test_refuses_what_is_no_map(void **state)
{
    (void)state;
    assert_refused("- a\n", "x.yml:1: expected settings as `key: value`, found a list");
    assert_refused("\nword\n", "x.yml:2: expected settings as `key: value`, found \"word\"");
    assert_refused("a: 1\n---\nb: 2\n", "x.yml:2: found a second document, expected one");
}

static void test_refuses_what_is_no_yaml(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: [1, 2\nc: 3\n",
                   "x.yml:3: not YAML: did not find expected ',' or ']' (column 2), "
                   "while parsing a flow sequence");
    assert_refused("a: 1\n\tb: 2\n",
                   "x.yml:2: not YAML: found a tab character that violates indentation (column 1), "
                   "while scanning a plain scalar");
    assert_refused("a: 1\nb: \xff\n",
                   "x.yml:2: not YAML: invalid leading UTF-8 octet (byte 8 of the file)");
    const char zero[] = "a: 1\n\0b: 2\n";
    assert_false(config_read_text(config_new(&arena), span_of(zero, sizeof zero - 1), "x.yml",
                                  &arena, &why));
    assert_non_null(strstr(why.text, "x.yml:2: not YAML: "));
}

static void test_aliases(void **state)
{
    (void)state;
    assert_reads("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", "{a:[1 2] b:[1 2] c:[[1 2] [1 2]]}");
    assert_reads("a: &x 1\nb: &x 2\nc: *x\n", "{a:1 b:2 c:2}");
    assert_reads("a: &x {b.c: 1}\nd: *x\n", "{a:{b:{c:1}} d:{b:{c:1}}}");
    assert_refused("a: 1\nb: *x\n", "x.yml:2: *x: no anchor of this name ends above");
    assert_refused("a: &x [1, *x]\n", "x.yml:1: *x: no anchor of this name ends above");
}

static void test_merge_keys(void **state)
{
    (void)state;
    const char *base = "base: &base {a: 1, b: {c: 2}}\n";
    assert_reads(arena_printf(&arena, "%sx:\n  <<: *base\n  a: 3\n", base),
                 "{base:{a:1 b:{c:2}} x:{a:3 b:{c:2}}}");
    assert_reads(arena_printf(&arena, "%sx:\n  b: {d: 4}\n  <<: *base\n", base),
                 "{base:{a:1 b:{c:2}} x:{b:{d:4} a:1}}");
    assert_reads(arena_printf(&arena, "%sx:\n  b.d: 4\n  <<: *base\n", base),
                 "{base:{a:1 b:{c:2}} x:{b:{d:4 c:2} a:1}}");
    assert_reads("x:\n  <<: [{a: 1}, {a: 2, b: 3}]\n", "{x:{a:1 b:3}}");
    assert_reads("x: {'<<': 1}\n", "{x:{<<:1}}");
    assert_refused("x:\n  <<: 3\n", "x.yml:2: <<: expected a map or a list of maps");
    assert_refused("x:\n  <<: [{a: 1}, 3]\n", "x.yml:2: <<: expected a map or a list of maps");
}

static void test_refuses_alias_bombs(void **state)
{
    (void)state;
    char text[1024] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 10; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
                 i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    assert_false(read_over(config_new(&arena), text));
    assert_non_null(strstr(why.text, "more than 65536 values, aliases counted"));
}

static void test_refuses_depth(void **state)
{
    (void)state;
    // The root's map is depth 0, the innermost scalar 64.
    const char *text = arena_printf(&arena, "a: %s1%s\n", repeat("[", 63), repeat("]", 63));
    assert_true(read_over(config_new(&arena), text));
    text = arena_printf(&arena, "a: %s1%s\n", repeat("[", 64), repeat("]", 64));
    assert_refused(text, "x.yml:1: nested deeper than 64");
    assert_refused(repeat("[", 100000), "x.yml:1: nested deeper than 64");
    assert_refused(repeat("- ", 100000), "x.yml:1: nested deeper than 64");
    assert_true(read_over(config_new(&arena), arena_printf(&arena, "%sa: 1", repeat("a.", 63))));
    text = arena_printf(&arena, "%sa: 1", repeat("a.", 64));
    assert_refused(text, "x.yml:1: nested deeper than 64");
    assert_refused(arena_printf(&arena, "%sa: 1", repeat("a.", 400)),
                   "x.yml:1: nested deeper than 64");
    text = arena_printf(&arena, "a: &a %s1%s\nb: &b %s*a%s\n", repeat("[", 40), repeat("]", 40),
                        repeat("[", 40), repeat("]", 40));
    assert_refused(text, "x.yml:1: nested deeper than 64");
}

// before0after before1after …
static const char *numbered(const char *before, int count, const char *after)
{
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    for (int i = 0; i < count; i++)
        fprintf(to, "%s%d%s", before, i, after);
    fclose(to);
    const char *copy = arena_text(&arena, text);
    free(text);
    return copy;
}

static void test_refuses_masses(void **state)
{
    (void)state;
    const char *most = arena_printf(&arena, "a: [%s]", repeat("1,", 65534));
    assert_true(read_over(config_new(&arena), most));
    assert_refused(arena_printf(&arena, "a: [%s]", repeat("1,", 65535)),
                   "x.yml:1: more than 65536 values, aliases counted");
    assert_true(read_over(config_new(&arena), numbered("k", 4096, ": 1\n")));
    assert_refused(numbered("k", 4097, ": 1\n"), "x.yml:4097: more than 4096 keys in one map");
    assert_refused(arena_printf(&arena, "a:\n%s", numbered("- &a", 1025, " 1\n")),
                   "x.yml:1026: more than 1024 anchors");
}

// Whatever the room, it is a refusal.
static void test_refuses_when_memory_ends(void **state)
{
    (void)state;
    const char *text = "a: &x [1, 'two', {b.c: 3}]\nd: *x\ne: {<<: {f: 1}, g: 2}\n";
    bool done = false;
    for (size_t room = 0; room < 16384 && !done; room += 16) {
        struct arena small;
        assert_true(arena_init(&small, 16384));
        struct config *root = config_new(&small);
        small.used = small.ceiling - room;
        done = config_read_text(root, span_text(text), "x.yml", &small, &why);
        assert_true(done || *why.text);
        arena_free(&small);
    }
    assert_true(done);
}

// Nodes know where they stand: a key's line, not that of its value.
static void test_keeps_lines(void **state)
{
    (void)state;
    struct config *root = read_yaml("a:\n  b.c:\n    - 1\n    -\n      d: 2\n");
    assert_int_equal(config_get(root, "a")->line, 1);
    assert_int_equal(config_get(root, "a.b")->line, 2);
    assert_int_equal(config_get(root, "a.b.c")->line, 2);
    assert_int_equal(config_get(root, "a.b.c.0")->line, 3);
    assert_int_equal(config_get(root, "a.b.c.1.d")->line, 5);
    assert_string_equal(config_get(root, "a.b.c.1.d")->file, "x.yml");
}

// Every byte of a file may be broken, and every file may end anywhere.
static void test_survives_damage(void **state)
{
    (void)state;
    static const char text[] = "a: &x {b: [1, '2', ${A:x}], c.d: \"q\\x41\"}\n"
                               "e: [*x, {<<: *x}]\nf: |\n  x\n? g\n: !!str 3\n# end\n";
    char broken[sizeof text];
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(broken, text, sizeof text);
            broken[at] = (char)byte;
            struct config *root = config_new(&arena);
            if (config_read_text(root, span_of(broken, sizeof text - 1), "x", &arena, &why))
                flat(root);
            arena_reset(&arena);
        }
        config_read_text(config_new(&arena), span_of(text, at), "x", &arena, &why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_reads_scalars),
        test(test_reads_nothing),
        test(test_reads_lists_and_maps),
        test(test_dotted_keys_are_nested),
        test(test_refuses_keys_given_twice),
        test(test_refuses_odd_keys),
        test(test_refuses_what_is_no_map),
        test(test_refuses_what_is_no_yaml),
        test(test_aliases),
        test(test_merge_keys),
        test(test_refuses_alias_bombs),
        test(test_refuses_depth),
        test(test_refuses_masses),
        test(test_refuses_when_memory_ends),
        test(test_keeps_lines),
        test(test_survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
