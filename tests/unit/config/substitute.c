// SPDX-License-Identifier: Apache-2.0
// ${…}: where a value comes from, what it becomes, and what is refused.
#include "tests/unit/config/unit.h"

// Pairs of name and value, ended by NULL.
static const char *const *world;

static const char *look_up(void *arg, const char *name, bool *secret)
{
    assert_ptr_equal(arg, &world);
    *secret = strncmp(name, "SECRET", 6) == 0;
    for (const char *const *pair = world; *pair; pair += 2)
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    return NULL;
}

static bool resolve(struct config *root)
{
    return config_resolve(root, look_up, &world, &arena, &why);
}

static const char *resolved(const char *yaml)
{
    struct config *root = read_yaml(yaml);
    if (!resolve(root))
        fail_msg("%s", why.text);
    return flat(root);
}

#define assert_unresolved(yaml, wanted)         \
    do {                                        \
        assert_false(resolve(read_yaml(yaml))); \
        assert_string_equal(why.text, wanted);  \
    } while (0)

static int set_up_world(void **state)
{
    static const char *const names[] = {
        "HOST", "example.org",  "PORT", "53",      "LIST",  "a:1, b:2,", "FLOW",  "[1, {b.c: '2'}]",
        "MAP",  "{x: 1}",       "TEXT", "'1,2'",   "EMPTY", "",          "TRICK", "${PORT}",
        "HASH", "#pass # word", "name", "outside", NULL,
    };
    world = names;
    return set_up(state);
}

static void test_replaces(void **state)
{
    (void)state;
    assert_string_equal(resolved("a: http://${HOST}:${PORT}/\n"), "{a:http://example.org:53/}");
    assert_string_equal(resolved("a: ${PORT}\nb: '${PORT}'\nc: '${PORT}0'\n"),
                        "{a:53 b:53 c:'530'}");
    assert_string_equal(resolved("a: [x, '${HOST}']\nb: {c: {d: '${HOST}'}}\n"),
                        "{a:[x example.org] b:{c:{d:example.org}}}");
    assert_string_equal(resolved("a: plain $HOST {x} $\n"), "{a:plain $HOST {x} $}");
    assert_string_equal(resolved("'${HOST}x': 1\n"), "{${HOST}x:1}"); // not in keys
}

static void test_reads_whole_values_again(void **state)
{
    (void)state;
    assert_string_equal(resolved("a: ${LIST}\n"), "{a:[a:1 b:2]}");
    assert_string_equal(resolved("a: ${FLOW}\n"), "{a:[1 {b:{c:'2'}}]}");
    assert_string_equal(resolved("a: ${MAP}\nb: ${TEXT}\nc: ${HASH}\n"),
                        "{a:{x:1} b:'1,2' c:#pass # word}");
    assert_string_equal(resolved("a: ${NONE:[x, y]}\nb: ${NONE:x,y}\nc: ${NONE:5}\n"),
                        "{a:[x y] b:[x y] c:5}");
    struct config *root = read_yaml("\n\na:\n  b: ${FLOW}\n");
    assert_true(resolve(root));
    assert_string_equal(config_text(root, "a.b"), "[1, {b.c: '2'}]");
    assert_int_equal(config_get(root, "a.b.1.b.c")->line, 4); // where the variable stands
    assert_string_equal(config_get(root, "a.b.1.b.c")->file, "x.yml");
}

static void test_defaults(void **state)
{
    (void)state;
    assert_string_equal(resolved("a: x${NONE:y}z${NONE}\n"), "{a:xyz}");
    assert_string_equal(resolved("a: ${NONE:}\nb: ${NONE}\nc: ${EMPTY}\nd: ${EMPTY:x}\n"),
                        "{a:~ b:~ c:~ d:~}");
    assert_string_equal(resolved("a: ${NONE:http://x:1}\n"), "{a:http://x:1}");
    assert_string_equal(resolved("a: ${NONE:${HOST}}\nb: ${NONE:${NOT:c,d}}\n"),
                        "{a:example.org b:[c d]}");
    assert_string_equal(resolved("a: ${NONE:${HOST}:${PORT}}\n"), "{a:example.org:53}");
    assert_string_equal(resolved("a: ${HOST:?must be set}\n"), "{a:example.org}");
    assert_unresolved("b: 1\na: x${NONE:?set it in /etc/default}\n",
                      "x.yml:2: a: ${NONE} is not set: set it in /etc/default");
}

static void test_escapes(void **state)
{
    (void)state;
    assert_string_equal(resolved("a: $${HOST}\nb: x$${\nc: $$\n"), "{a:${HOST} b:x${ c:$$}");
    assert_string_equal(resolved("a: x${NONE:a$}b}\nb: $$${HOST}\n"), "{a:xa}b b:$${HOST}}");
    assert_string_equal(resolved("a: ${NONE:$${X}}\n"), "{a:${X}}");
}

// What comes out of a variable is a text, whatever it looks like.
static void test_resolves_once(void **state)
{
    (void)state;
    struct config *root = read_yaml("a: ${TRICK}\nb: x${TRICK}\nc: ${b}\nd: $${HOST}\n");
    assert_true(resolve(root));
    assert_string_equal(flat(root), "{a:${PORT} b:x${PORT} c:x${PORT} d:${HOST}}");
    assert_true(resolve(root));
    assert_string_equal(flat(root), "{a:${PORT} b:x${PORT} c:x${PORT} d:${HOST}}");
}

static void test_refers_to_settings(void **state)
{
    (void)state;
    assert_string_equal(resolved("path.home: /h\npath.data: ${path.home}/d\na: ${path.data}/q\n"),
                        "{path:{home:/h data:/h/d} a:/h/d/q}");
    assert_string_equal(resolved("a: x ${b} y\nb: ${c}\nc: ${HOST}\n"),
                        "{a:x example.org y b:example.org c:example.org}");
    assert_string_equal(resolved("a: ${b}\nb: {c: [1, '${PORT}']}\nd: ${b.c.1}\n"),
                        "{a:{c:[1 53]} b:{c:[1 53]} d:53}");
    assert_string_equal(resolved("HOST: here\na: ${HOST}\n"), "{HOST:here a:here}");
    assert_string_equal(resolved("HOST: ~\na: ${HOST}\n"), "{HOST:~ a:example.org}");
    assert_unresolved("a: x${b}\nb: [1]\n", "x.yml:1: a: ${b} is a list, expected a text");
    assert_unresolved("a: x${b}\nb: {c: 1}\n", "x.yml:1: a: ${b} is a map, expected a text");
}

static void test_refuses_loops(void **state)
{
    (void)state;
    assert_string_equal(resolved("name: ${name}\n"), "{name:outside}");
    assert_string_equal(resolved("other: ${other:x}\n"), "{other:x}");
    assert_unresolved("a: ${a}\n", "x.yml:1: a: ${a} leads back to itself");
    assert_unresolved("a: ${b}\nb: x${a}\n", "x.yml:2: b: ${a} leads back to itself");
    assert_unresolved("a: {b: '${a}'}\n", "x.yml:1: b: leads back to itself");
    assert_unresolved("a: {b: '${c}'}\nc: ['${a}']\n", "x.yml:1: b: leads back to itself");
}

static void test_refuses_odd_variables(void **state)
{
    (void)state;
    assert_unresolved("a: x${HOST\n",
                      "x.yml:1: a: found ${ without }; write $${ if no variable is meant");
    assert_unresolved("\na: ${}\n", "x.yml:2: a: expected a name in ${…}, found \"\"");
    assert_unresolved("a: ${:x}\n", "x.yml:1: a: expected a name in ${…}, found \"\"");
    assert_unresolved("a: ${x${HOST}}\n",
                      "x.yml:1: a: expected a name in ${…}, found \"x${HOST}\"");
    assert_unresolved("a: ${NONE:${x}\n",
                      "x.yml:1: a: found ${ without }; write $${ if no variable is meant");
}

static void test_overrides_hold_variables(void **state)
{
    (void)state;
    struct config *root = config_new(&arena);
    assert_true(config_override(root, "a=${LIST}", &arena, &why));
    assert_true(config_override(root, "b=${NONE:x,y}", &arena, &why));
    assert_true(resolve(root));
    assert_string_equal(flat(root), "{a:[a:1 b:2] b:[x y]}");
    root = config_new(&arena);
    assert_true(config_override(root, "a=${NONE:?so it is}", &arena, &why));
    assert_false(resolve(root));
    assert_string_equal(why.text, "-E: a: ${NONE} is not set: so it is");
}

// a: ${b}${b}, b: ${c}${c}, … doubles at every step.
static void test_refuses_bombs(void **state)
{
    (void)state;
    char yaml[2048] = "";
    for (char c = 'a'; c < 'z'; c++)
        snprintf(yaml + strlen(yaml), 32, "%c: ${%c}${%c}\n", c, c + 1, c + 1);
    strcat(yaml, "z: text\n");
    assert_false(resolve(read_yaml(yaml)));
    assert_non_null(strstr(why.text, "longer than 65536 bytes with its variables"));

    yaml[0] = 0;
    for (char c = 'a'; c < 'z'; c++)
        snprintf(yaml + strlen(yaml), 64, "%c: ['${%c}', '${%c}', '${%c}']\n", c, c + 1, c + 1,
                 c + 1);
    strcat(yaml, "z: text\n");
    assert_false(resolve(read_yaml(yaml)));
    assert_non_null(strstr(why.text, "more than 65536 values, aliases counted"));
}

static void test_refuses_depth(void **state)
{
    (void)state;
    const char *deep = arena_printf(&arena, "a: %s1%s\nb: %s'${a}'%s\n", repeat("[", 40),
                                    repeat("]", 40), repeat("[", 40), repeat("]", 40));
    assert_unresolved(deep, "x.yml:2: nested deeper than 64");
    char yaml[4096] = "";
    for (int i = 0; i < 100; i++)
        snprintf(yaml + strlen(yaml), 32, "a%d: ${a%d}\n", i, i + 1);
    assert_unresolved(yaml, "x.yml:65: a64: ${…} leads on more than 64 times");
    assert_unresolved(
        arena_printf(&arena, "a: %s%s\n", repeat("${x:", 100000), repeat("}", 100000)),
        "x.yml:1: a: ${…} leads on more than 64 times");
}

static void test_refuses_when_memory_ends(void **state)
{
    (void)state;
    const char *yaml = "a: x${b}y${NONE:z}\nb: ${HOST}\nc: ${FLOW}\n";
    bool done = false;
    for (size_t room = 0; room < 16384 && !done; room += 16) {
        struct arena small;
        assert_true(arena_init(&small, 32768));
        struct config *root = config_new(&small);
        assert_true(config_read_text(root, span_text(yaml), "x.yml", &small, &why));
        why.text[0] = 0;
        small.used = small.ceiling - room;
        done = config_resolve(root, look_up, &world, &small, &why);
        assert_true(done || *why.text);
        arena_free(&small);
    }
    assert_true(done);
}

// A secret is a text whatever it looks like, and neither shown nor told.
static void test_secrets(void **state)
{
    (void)state;
    static const char *const secrets[] = {"SECRET_A", "[x, {y: z}]", "SECRET_B", "null",
                                          "SECRET_C", "${d}",        NULL};
    world = secrets;
    struct config *root = read_yaml("a: ${SECRET_A}\nb: ${SECRET_B}\nc: x${SECRET_C}\n"
                                    "d: ${a}\ne: ${N:${SECRET_A}}\nf: ${N:-${SECRET_A}}\n"
                                    "g: ${c}y\nh: [1, '${SECRET_A}']\ni: open\n");
    assert_true(resolve(root));
    assert_string_equal(config_text(root, "a"), secrets[1]);
    assert_string_equal(config_text(root, "b"), "null");
    assert_string_equal(config_text(root, "c"), "x${d}");
    assert_string_equal(config_text(root, "g"), "x${d}y");
    static const char *const paths[] = {"a", "b", "c", "d", "e", "f", "g", "h.1"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char found[64];
        const struct config *node = config_get(root, paths[i]);
        assert_int_equal(node->kind, CONFIG_SCALAR);
        assert_string_equal(config_found(node, found), "a text that is not shown");
    }
    char *shown;
    size_t len;
    FILE *to = open_memstream(&shown, &len);
    assert_true(config_print(root, to));
    fclose(to);
    assert_string_equal(shown, "a: xxxxx\nb: xxxxx\nc: xxxxx\nd: xxxxx\ne: xxxxx\nf: xxxxx\n"
                               "g: xxxxx\nh:\n- 1\n- xxxxx\ni: open\n");
    free(shown);
}

static void test_environment(void **state)
{
    (void)state;
    bool secret = true;
    assert_int_equal(setenv("WEIR_TEST_VARIABLE", "x", 1), 0);
    assert_string_equal(config_environment(NULL, "WEIR_TEST_VARIABLE", &secret), "x");
    assert_false(secret);
    assert_int_equal(unsetenv("WEIR_TEST_VARIABLE"), 0);
    assert_null(config_environment(NULL, "WEIR_TEST_VARIABLE", &secret));
    struct config *root = read_yaml("a: ${X:y}\n");
    assert_true(config_resolve(root, NULL, NULL, &arena, &why)); // nobody to ask
    assert_string_equal(flat(root), "{a:y}");
}

#define test_world(function) cmocka_unit_test_setup_teardown(function, set_up_world, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_world(test_replaces),
        test_world(test_reads_whole_values_again),
        test_world(test_defaults),
        test_world(test_escapes),
        test_world(test_resolves_once),
        test_world(test_refers_to_settings),
        test_world(test_refuses_loops),
        test_world(test_refuses_odd_variables),
        test_world(test_overrides_hold_variables),
        test_world(test_refuses_bombs),
        test_world(test_refuses_depth),
        test_world(test_refuses_when_memory_ends),
        test_world(test_secrets),
        test_world(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
