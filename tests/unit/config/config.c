// SPDX-License-Identifier: Apache-2.0
// Files over files, -E over both; looking up; refusing; whose file it is.
#include "tests/unit/config/unit.h"

#include <sys/stat.h>
#include <unistd.h>

// Two files, the second over the first.
static const char *merged(const char *first, const char *second)
{
    struct config *root = read_yaml(first);
    if (!read_over(root, second))
        fail_msg("%s", why.text);
    return flat(root);
}

static const char *overridden(const char *yaml, const char *assignment)
{
    struct config *root = read_yaml(yaml);
    if (!config_override(root, assignment, &arena, &why))
        fail_msg("%s", why.text);
    return flat(root);
}

static void test_merges(void **state)
{
    (void)state;
    assert_string_equal(merged("a: {b: 1, c: 2}\n", "a.c: 3\nd: 4\n"), "{a:{b:1 c:3} d:4}");
    assert_string_equal(merged("a: [1, 2, 3]\n", "a: [4]\n"), "{a:[4]}");
    assert_string_equal(merged("a: {b: 1}\n", "a: [4]\n"), "{a:[4]}");
    assert_string_equal(merged("a: 1\nb: 2\n", "a: {c: 1}\n"), "{a:{c:1} b:2}");
    assert_string_equal(merged("a:\nb: 2\n", "a.c: 1\nb:\n"), "{a:{c:1} b:~}");
    assert_string_equal(merged("a: 1\n", ""), "{a:1}");
}

static void test_merges_into_items(void **state)
{
    (void)state;
    const char *list = "l: [{t: a, p: 1}, {t: b}]\n";
    assert_string_equal(merged(list, "l.1.p: 2\n"), "{l:[{t:a p:1} {t:b p:2}]}");
    assert_string_equal(merged(list, "l.0: x\n"), "{l:[x {t:b}]}");
    assert_string_equal(merged(list, "l.2.t: c\nl.3: d\n"), "{l:[{t:a p:1} {t:b} {t:c} d]}");
    assert_string_equal(merged(list, "l.3.t: c\n"), "{l:{3:{t:c}}}"); // no such place
    assert_string_equal(merged(list, "l.x: c\n"), "{l:{x:c}}");
    assert_string_equal(merged(list, "l: {}\n"), "{l:{}}");
}

static void test_overrides(void **state)
{
    (void)state;
    assert_string_equal(overridden("a: {b: 1}\n", "a.b=2"), "{a:{b:2}}");
    assert_string_equal(overridden("", "a.b=x=y"), "{a:{b:x=y}}");
    assert_string_equal(overridden("", "a=[1, {b.c: '2'}]"), "{a:[1 {b:{c:'2'}}]}");
    assert_string_equal(overridden("", "a={b: 1}"), "{a:{b:1}}");
    assert_string_equal(overridden("", "a=h1:9200,h2:9200,"), "{a:[h1:9200 h2:9200]}");
    assert_string_equal(overridden("", "a='1,2'"), "{a:'1,2'}");
    assert_string_equal(overridden("a: 1\n", "a="), "{a:~}");
    assert_string_equal(overridden("a: 1\n", "a=null"), "{a:~}");
    assert_string_equal(overridden("", "packetbeat.interfaces.file=-"),
                        "{packetbeat:{interfaces:{file:-}}}");
}

// What is not YAML is taken as it stands.
static void test_overrides_with_odd_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "#secret", "a #b", "[a-z]+",   "{",   "\"",   "'it", "a: b", "*x",
        "&x",      "!x",   "%{[a.b]}", "a,{", "[1]]", "@x",  "- x",  "a\tb",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config *root = config_new(&arena);
        assert_true(config_override(root, arena_printf(&arena, "a=%s", texts[i]), &arena, &why));
        assert_int_equal(root->first->kind, CONFIG_SCALAR);
        assert_string_equal(config_text(root, "a"), texts[i]);
    }
}

// A password with a comma is a list to who wants one, and itself to who wants a text.
static void test_lists_keep_their_text(void **state)
{
    (void)state;
    struct config *root = config_new(&arena);
    assert_true(config_override(root, "a=x, y", &arena, &why));
    assert_string_equal(flat(root), "{a:[x y]}");
    assert_string_equal(config_text(root, "a"), "x, y");
    assert_true(config_override(root, "a.0=z", &arena, &why));
    assert_string_equal(flat(root), "{a:[z y]}");
    assert_null(config_text(root, "a"));
}

static void test_refuses_overrides(void **state)
{
    (void)state;
    struct config *root = config_new(&arena);
    assert_false(config_override(root, "a.b", &arena, &why));
    assert_string_equal(why.text, "-E: expected KEY=VALUE, found \"a.b\"");
    assert_false(config_override(root, "=1", &arena, &why));
    assert_string_equal(why.text, "-E: found an empty key");
    assert_false(config_override(root, "a.\xff=1", &arena, &why));
    assert_string_equal(why.text, "-E: the key is not UTF-8");
    assert_false(config_override(root, "a..b=1", &arena, &why));
    assert_string_equal(why.text, "-E: the key \"a..b\" has an empty part");
    assert_string_equal(flat(root), "{}");
}

static void test_deep_override_is_refused(void **state)
{
    (void)state;
    struct config *root = config_new(&arena);
    assert_false(
        config_override(root, arena_printf(&arena, "%sa=1", repeat("a.", 64)), &arena, &why));
    assert_string_equal(why.text, "-E: the key is nested deeper than 64");
}

static void test_gets(void **state)
{
    (void)state;
    struct config *root = read_yaml("a:\n  b: [x, {c: y}]\n  d: ~\n");
    assert_ptr_equal(config_get(root, ""), root);
    assert_string_equal(config_text(root, "a.b.0"), "x");
    assert_string_equal(config_text(root, "a.b.1.c"), "y");
    assert_null(config_get(root, "a.b.2"));
    assert_null(config_get(root, "a.b.x"));
    assert_null(config_get(root, "a.b.-1"));
    assert_null(config_get(root, "a.x.y.z"));
    assert_null(config_get(root, "a.b.0.x"));
    assert_null(config_get(root, repeat("x", 1000)));
    assert_null(config_get(NULL, "a"));
    assert_null(config_text(NULL, "a"));
    assert_int_equal(config_get(root, "a.d")->kind, CONFIG_NULL);
    assert_null(config_text(root, "a.d"));
    assert_null(config_text(root, "a.b"));
}

static void test_names_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "a", "a.b", "a.b.1", "a.b.1.c"};
    struct config *root = read_yaml("z: 1\na:\n  b: [x, {c: y}]\n");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_string_equal(config_path(root, config_get(root, paths[i]), &arena), paths[i]);
    assert_null(config_path(config_get(root, "a"), config_get(root, "z"), &arena));
}

static void test_refuses_nodes(void **state)
{
    (void)state;
    struct config *root = read_yaml("a: 1\nports: [abc]\n");
    assert_false(config_refuse(config_get(root, "ports"), &why, "expected %s", "more"));
    assert_string_equal(why.text, "x.yml:2: ports: expected more");
    assert_false(config_refuse(config_get(root, "ports.0"), &why, "expected more"));
    assert_string_equal(why.text, "x.yml:2: expected more");
    assert_true(config_override(root, "b=1", &arena, &why));
    assert_false(config_refuse(config_get(root, "b"), &why, "no"));
    assert_string_equal(why.text, "-E: b: no");
    assert_false(config_refuse(root, NULL, "nobody listens"));
}

static void test_shows_what_it_found(void **state)
{
    (void)state;
    struct config *root =
        read_yaml("a: x\nb: [1]\nc: {d: 1}\ne: ~\nf: \"a\\nb\"\npassword: hunter2\n"
                  "g: 0123456789012345678901234567890123456789 more\n"
                  "h: 012345678901234567890123456789012345678\u00e4more\n");
    char found[64];
    assert_string_equal(config_found(config_get(root, "a"), found), "\"x\"");
    assert_string_equal(config_found(config_get(root, "b"), found), "a list");
    assert_string_equal(config_found(config_get(root, "c"), found), "a map");
    assert_string_equal(config_found(config_get(root, "e"), found), "nothing");
    assert_string_equal(config_found(config_get(root, "f"), found), "\"a?b\"");
    assert_string_equal(config_found(config_get(root, "password"), found),
                        "a text that is not shown");
    assert_string_equal(config_found(config_get(root, "g"), found),
                        "\"0123456789012345678901234567890123456789…\"");
    assert_string_equal(config_found(config_get(root, "h"), found),
                        "\"012345678901234567890123456789012345678…\"");
}

// A section stands where it was written, its values where they were written last.
static void test_merged_nodes_keep_their_place(void **state)
{
    (void)state;
    struct config *root = read_yaml("\na:\n  b: 1\n  c: 2\nd.e: 1\n");
    assert_true(config_override(root, "a.b=3", &arena, &why));
    assert_true(
        config_read_text(root, span_text("\n\n\n\n\n\nd: {f: 1}\n"), "y.yml", &arena, &why));
    assert_string_equal(config_get(root, "a")->file, "x.yml");
    assert_int_equal(config_get(root, "a")->line, 2);
    assert_string_equal(config_get(root, "a.b")->file, "-E");
    assert_int_equal(config_get(root, "a.b")->line, 0);
    assert_int_equal(config_get(root, "a.c")->line, 4);
    assert_string_equal(config_get(root, "d")->file, "y.yml"); // was only implied before
    assert_int_equal(config_get(root, "d")->line, 7);
    assert_string_equal(config_get(root, "d.e")->file, "x.yml");
}

// A file of our own, with this mode.
static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_reads_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-config-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.yml", dir);
    write_file(path, "a: 1\nb: {c: 2}\n", 0600);
    struct config *root = config_new(&arena);
    assert_true(config_read(root, path, &arena, &why));
    assert_string_equal(flat(root), "{a:1 b:{c:2}}");
    assert_string_equal(config_get(root, "b.c")->file, path);
    write_file(path, "b.c: 3\n", 0600);
    assert_true(config_read(root, path, &arena, &why));
    assert_string_equal(flat(root), "{a:1 b:{c:3}}");
    assert_false(config_read(root, dir, &arena, &why));
    assert_non_null(strstr(why.text, "cannot be read: Is a directory"));
    unlink(path);
    assert_false(config_read(root, path, &arena, &why));
    assert_non_null(strstr(why.text, "a.yml: cannot be read: No such file"));
    rmdir(dir);
    assert_false(config_read(root, "/dev/zero", &arena, &why));
    assert_string_equal(why.text, "/dev/zero: larger than 4194304 bytes");
}

static void test_private_files(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-config-XXXXXX", wanted[256];
    close(mkstemp(path));
    static const struct {
        mode_t mode;
        bool is_private;
    } modes[] = {{0600, true}, {0644, true}, {0755, true}, {0664, false}, {0602, false}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i].mode), 0);
        assert_int_equal(config_is_private(path, &why), modes[i].is_private);
    }
    snprintf(wanted, sizeof wanted,
             "%s: its mode 0602 lets others than its owner write to it "
             "(use 'chmod go-w %s', or --strict.perms=false)",
             path, path);
    assert_string_equal(why.text, wanted);
    chmod(path, 0600);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_false(config_is_private(path, &why));
        assert_non_null(strstr(why.text, "belongs to user 12345, expected root or user 0"));
    }
    unlink(path);
    assert_false(config_is_private(path, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_merges),
        test(test_merges_into_items),
        test(test_overrides),
        test(test_overrides_with_odd_texts),
        test(test_lists_keep_their_text),
        test(test_refuses_overrides),
        test(test_deep_override_is_refused),
        test(test_gets),
        test(test_names_paths),
        test(test_refuses_nodes),
        test(test_shows_what_it_found),
        test(test_merged_nodes_keep_their_place),
        test(test_reads_files),
        test(test_private_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
