// SPDX-License-Identifier: Apache-2.0
// Tables meet what a user wrote: values, defaults, limits, unknown keys, the printed reference.
#include "tests/unit/config/unit.h"

#include "config/setting.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

struct inner {
    bool enabled;
    int64_t init, max;
};

struct outer {
    bool on;
    int64_t number, bytes, duration;
    const char *text;
    int choice;
    struct setting_texts texts;
    struct setting_numbers ports;
    const struct config *node;
    struct inner inner;
};

#define AT(member)       .offset = offsetof(struct outer, member)
#define AT_INNER(member) .offset = offsetof(struct inner, member)

static const struct setting inner_table[] = {
    {"enabled", SETTING_BOOL, AT_INNER(enabled), "true", .meaning = "Whether at all"},
    {"backoff.init", SETTING_DURATION, AT_INNER(init), "1s", .meaning = "First pause"},
    {"backoff.max", SETTING_DURATION, AT_INNER(max), "1m", .min = 1, .meaning = "Longest"},
    SETTING_END,
};

static const struct setting outer_table[] = {
    {"on", SETTING_BOOL, AT(on), "false", .meaning = "Yes | no"},
    {"number", SETTING_NUMBER, AT(number), "10", 1, 65535, .meaning = "A number"},
    {"bytes", SETTING_BYTES, AT(bytes), "10MiB", 1024, 1 << 30, .meaning = "A size"},
    {"duration", SETTING_DURATION, AT(duration), "90s", -1000000000, 3600000000000,
     .meaning = "A time"},
    {"text", SETTING_TEXT, AT(text), .meaning = "A text"},
    {"choice", SETTING_CHOICE, AT(choice), "green", .choices = colours, .meaning = "A colour"},
    {"texts", SETTING_TEXTS, AT(texts), "a, b", .meaning = "Some texts"},
    {"ports", SETTING_NUMBERS, AT(ports), "67, 70-72", 0, 65535, .meaning = "Ports"},
    {"node", SETTING_NODE, AT(node), .meaning = "Anything"},
    {"inner", SETTING_TABLE, AT(inner), .table = inner_table, .meaning = "More"},
    {"old", SETTING_UNUSED, .meaning = "nobody needs it"},
    SETTING_END,
};

static char warnings[4096];

static void note_warning(void *arg, const char *text)
{
    assert_ptr_equal(arg, warnings);
    size_t len = strlen(warnings);
    snprintf(warnings + len, sizeof warnings - len, "%s\n", text);
}

static struct outer outer;

static bool fill_as(enum setting_mood mood, const char *yaml)
{
    const struct setting_reader reader = {mood, note_warning, warnings, &arena, NULL};
    memset(&outer, 0x55, sizeof outer); // nothing may stay as it was
    warnings[0] = 0;
    return setting_fill(outer_table, yaml ? read_yaml(yaml) : NULL, &outer, NULL, &reader, &why);
}

static void fill(const char *yaml)
{
    if (!fill_as(SETTING_REFUSE, yaml))
        fail_msg("%s", why.text);
}

#define assert_fill_refused(yaml, wanted)            \
    do {                                             \
        assert_false(fill_as(SETTING_REFUSE, yaml)); \
        assert_string_equal(why.text, wanted);       \
    } while (0)

static void test_defaults(void **state)
{
    (void)state;
    static const char *const nothing[] = {NULL, "", "on:\nnumber: ~\ntexts:\nports:\ninner:\n"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        fill(nothing[i]);
        assert_false(outer.on);
        assert_int_equal(outer.number, 10);
        assert_int_equal(outer.bytes, 10 << 20);
        assert_int_equal(outer.duration, INT64_C(90000000000));
        assert_null(outer.text);
        assert_int_equal(outer.choice, 1);
        assert_int_equal(outer.texts.count, 2);
        assert_string_equal(outer.texts.at[0], "a");
        assert_string_equal(outer.texts.at[1], "b");
        assert_int_equal(outer.ports.count, 4);
        assert_int_equal(outer.ports.at[0], 67);
        assert_int_equal(outer.ports.at[3], 72);
        assert_null(outer.node);
        assert_true(outer.inner.enabled);
        assert_int_equal(outer.inner.init, 1000000000);
        assert_int_equal(outer.inner.max, INT64_C(60000000000));
    }
}

static void test_bools(void **state)
{
    (void)state;
    static const char *const on[] = {"true", "yes", "on", "True", "'true'"};
    for (size_t i = 0; i < sizeof on / sizeof *on; i++) {
        fill(arena_printf(&arena, "on: %s\n", on[i]));
        assert_true(outer.on);
    }
    static const char *const off[] = {"false", "no", "off", "FALSE"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        fill(arena_printf(&arena, "inner.enabled: %s\n", off[i]));
        assert_false(outer.inner.enabled);
    }
    assert_fill_refused("on: 1\n", "x.yml:1: on: expected true or false, found \"1\"");
    assert_fill_refused("on: [true]\n", "x.yml:1: on: expected true or false, found a list");
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int64_t number;
    } rows[] = {{"1", 1}, {"65535", 65535}, {"'80'", 80}, {"0600", 0600}, {"0x10", 16}, {"+5", 5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fill(arena_printf(&arena, "number: %s\n", rows[i].yaml));
        assert_int_equal(outer.number, rows[i].number);
    }
    static const char *const wrong[] = {"0",   "65536",
                                        "-1",  "abc",
                                        "1x",  "1.5",
                                        "08",  "1 2",
                                        "--1", "99999999999999999999",
                                        "0x",  "1e3",
                                        "- 1", "00000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *yaml = arena_printf(&arena, "\nnumber: '%s'\n", wrong[i]);
        assert_fill_refused(yaml, arena_printf(&arena,
                                               "x.yml:2: number: expected a number, 1 to 65535, "
                                               "found \"%s\"",
                                               wrong[i]));
    }
    assert_fill_refused("number: {a: 1}\n",
                        "x.yml:1: number: expected a number, 1 to 65535, found a map");
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int64_t bytes;
    } rows[] = {
        {"2048", 2048},      {"2048b", 2048},      {"64k", 64000},       {"64kb", 64000},
        {"64 KB", 64000},    {"64KiB", 65536},     {"64ki", 65536},      {"10MiB", 10485760},
        {"10mb", 10000000},  {"1GiB", 1073741824}, {"1GB", 1000000000},  {"1.5MB", 1500000},
        {"0.5GiB", 1 << 29}, {"1.125k", 1125},     {"5000 bytes", 5000}, {"1.5 Ki", 1536},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fill(arena_printf(&arena, "bytes: %s\n", rows[i].yaml));
        assert_int_equal(outer.bytes, rows[i].bytes);
    }
    static const char *const wrong[] = {"",
                                        "k",
                                        "-1",
                                        "1XB",
                                        "1.5.5k",
                                        "1.k",
                                        "10",
                                        "2GiB",
                                        "1 0k",
                                        ".5k",
                                        "0x800",
                                        "9999999999TiB",
                                        "99999999999999999999",
                                        "1.2345k",
                                        "1kk"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *yaml = arena_printf(&arena, "bytes: '%s'\n", wrong[i]);
        assert_fill_refused(yaml, arena_printf(&arena,
                                               "x.yml:1: bytes: expected a size such as 10MiB, "
                                               "1KiB to 1GiB, found \"%s\"",
                                               wrong[i]));
    }
}

static void test_durations(void **state)
{
    (void)state;
    fill("duration: 1500ms\ninner.backoff: {init: 2, max: 1h}\n");
    assert_int_equal(outer.duration, 1500000000);
    assert_int_equal(outer.inner.init, 2000000000);
    assert_int_equal(outer.inner.max, INT64_C(3600000000000));
    fill("duration: -1s\n");
    assert_int_equal(outer.duration, -1000000000);
    assert_fill_refused("duration: 2h\n", "x.yml:1: duration: expected a duration such as 10s, "
                                          "-1s to 1h, found \"2h\"");
    assert_fill_refused("inner.backoff.max: 700000h\n",
                        "x.yml:1: max: expected a duration such as 10s, at least 1ns, found "
                        "\"700000h\"");
    assert_fill_refused("duration: soon\n", "x.yml:1: duration: expected a duration such as 10s, "
                                            "-1s to 1h, found \"soon\"");
    assert_fill_refused("inner.backoff.max: 0\n",
                        "x.yml:1: max: expected a duration such as 10s, at least 1ns, found \"0\"");
}

static void test_texts(void **state)
{
    (void)state;
    fill("text: 12\ntexts: a, b\n");
    assert_string_equal(outer.text, "12");
    assert_int_equal(outer.texts.count, 1);
    assert_string_equal(outer.texts.at[0], "a, b");
    fill("texts: ['', 2, true]\n");
    assert_int_equal(outer.texts.count, 3);
    assert_string_equal(outer.texts.at[0], "");
    assert_string_equal(outer.texts.at[2], "true");
    fill("texts: []\n");
    assert_int_equal(outer.texts.count, 0);
    assert_fill_refused("text: [a]\n", "x.yml:1: text: expected a text, found a list");
    assert_fill_refused("texts:\n- a\n- [b]\n",
                        "x.yml:3: texts: expected a list of texts, found a list");
    assert_fill_refused("texts:\n- a\n-\n",
                        "x.yml:3: texts: expected a list of texts, found nothing");
    assert_fill_refused("texts: {a: b}\n", "x.yml:1: texts: expected a list of texts, found a map");
}

static void test_choices(void **state)
{
    (void)state;
    fill("choice: red\n");
    assert_int_equal(outer.choice, 0);
    fill("choice: BLUE\n");
    assert_int_equal(outer.choice, 2);
    assert_fill_refused("choice: pink\n",
                        "x.yml:1: choice: expected one of red, green, blue, found \"pink\"");
}

static void test_lists_of_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int count;
        int64_t first, last;
    } rows[] = {
        {"80", 1, 80, 80},
        {"[80, 8080]", 2, 80, 8080},
        {"[80, 8000-8010]", 12, 80, 8010},
        {"80, 8000 - 8001", 3, 80, 8001},
        {"0-65535", 65536, 0, 65535},
        {"['5-5']", 1, 5, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fill(arena_printf(&arena, "ports: %s\n", rows[i].yaml));
        assert_int_equal(outer.ports.count, rows[i].count);
        assert_int_equal(outer.ports.at[0], rows[i].first);
        assert_int_equal(outer.ports.at[rows[i].count - 1], rows[i].last);
    }
    fill("ports: []\n");
    assert_int_equal(outer.ports.count, 0);
    static const char *const wrong[] = {"65536",         "10-5", "1-",   "-1", "1-2-3",
                                        "0-99999999999", "abc",  "1,,2", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(fill_as(SETTING_REFUSE, arena_printf(&arena, "ports: '%s'\n", wrong[i])));
    assert_fill_refused("ports:\n- 80\n- abc\n",
                        "x.yml:3: ports: expected a list of numbers, 0 to 65535, found \"abc\"");
    assert_fill_refused("ports: [0-65535, 1]\n",
                        "x.yml:1: ports: expected a list of numbers, 0 to 65535, found \"1\"");
    assert_fill_refused("ports: {a: 1}\n",
                        "x.yml:1: ports: expected a list of numbers, 0 to 65535, found a map");
}

static void test_nodes(void **state)
{
    (void)state;
    fill("node: {a: [1]}\n");
    assert_string_equal(flat(outer.node), "node:{a:[1]}");
    fill("node: x\n");
    assert_string_equal(outer.node->text, "x");
}

// The text is there for who wants it, the list for who wants that.
static void test_values_from_outside_a_file(void **state)
{
    (void)state;
    const struct setting_reader reader = {SETTING_REFUSE, NULL, NULL, &arena, NULL};
    struct config *root = config_new(&arena);
    assert_true(config_override(root, "text=p,w", &arena, &why));
    assert_true(config_override(root, "texts=p,w", &arena, &why));
    assert_true(config_override(root, "ports=80,443", &arena, &why));
    assert_true(setting_fill(outer_table, root, &outer, NULL, &reader, &why));
    assert_string_equal(outer.text, "p,w");
    assert_int_equal(outer.texts.count, 2);
    assert_int_equal(outer.ports.count, 2);
    assert_true(config_override(root, "number=x", &arena, &why));
    assert_false(setting_fill(outer_table, root, &outer, NULL, &reader, &why));
    assert_string_equal(why.text, "-E: number: expected a number, 1 to 65535, found \"x\"");
}

static void test_refuses_unknown_keys(void **state)
{
    (void)state;
    assert_fill_refused("on: true\nprots: 1\n",
                        "x.yml:2: prots: unknown setting, did you mean \"ports\"?");
    assert_fill_refused("whatever: 1\n", "x.yml:1: whatever: unknown setting");
    assert_fill_refused("inner:\n  backof.init: 1\n",
                        "x.yml:2: backof: unknown setting, did you mean \"backoff\"?");
    assert_fill_refused("inner:\n  backoff.inti: 1\n",
                        "x.yml:2: inti: unknown setting, did you mean \"backoff.init\"?");
    assert_fill_refused("inner.backoff: 3\n", "x.yml:1: backoff: expected a map, found \"3\"");
    assert_fill_refused("inner: [1]\n", "x.yml:1: inner: expected a map of settings, found a list");
    assert_fill_refused("inner.backoff.init.x: 3\n",
                        "x.yml:1: init: expected a duration such as 10s, found a map");
    fill("inner.backoff:\n");
    assert_false(fill_as(SETTING_REFUSE,
                         arena_printf(&arena, "inner.backoff: {%s: 1}\n", repeat("x", 1000))));
}

static void test_warns_of_unknown_keys(void **state)
{
    (void)state;
    assert_true(fill_as(SETTING_WARN, "prots: 1\nnumber: 7\nold.x: 3\ninner: {x: 1}\n"));
    assert_int_equal(outer.number, 7);
    assert_string_equal(warnings,
                        "x.yml:1: prots: unknown setting is ignored, did you mean \"ports\"?\n"
                        "x.yml:4: x: unknown setting is ignored\n"
                        "x.yml:3: old: has no effect: nobody needs it\n");
    assert_true(fill_as(SETTING_REFUSE, "old: 3\n"));
    assert_string_equal(warnings, "x.yml:1: old: has no effect: nobody needs it\n");
    assert_true(fill_as(SETTING_REFUSE, "old: ~\n"));
    assert_string_equal(warnings, "");
}

// Two tables over one section: neither complains of the other's keys, and both say a thing once.
static void test_two_tables(void **state)
{
    (void)state;
    struct setting_told *told = NULL;
    const struct setting_reader reader = {SETTING_WARN, note_warning, warnings, &arena, &told};
    struct inner inner;
    struct config *root = read_yaml("number: 3\nbackoff.init: 3s\nbackoff.whatever: 4\n");
    warnings[0] = 0;
    assert_true(setting_fill(outer_table, root, &outer, inner_table, &reader, &why));
    assert_true(setting_fill(inner_table, root, &inner, outer_table, &reader, &why));
    assert_int_equal(outer.number, 3);
    assert_int_equal(inner.init, INT64_C(3000000000));
    assert_string_equal(warnings, "x.yml:3: whatever: unknown setting is ignored\n");
}

static void test_required(void **state)
{
    (void)state;
    static const struct setting table[] = {
        {"path", SETTING_TEXT, .meaning = "where to", .required = true}, SETTING_END};
    const struct setting_reader reader = {SETTING_REFUSE, NULL, NULL, &arena, NULL};
    const char *path = "untouched";
    struct config *root = read_yaml("\nfile:\n  path: x\nempty:\n");
    assert_true(setting_fill(table, config_get(root, "file"), &path, NULL, &reader, &why));
    assert_string_equal(path, "x");
    assert_false(setting_fill(table, config_get(root, "empty"), &path, NULL, &reader, &why));
    assert_string_equal(why.text, "x.yml:4: empty: \"path\" is missing (where to)");
    assert_true(setting_fill(table, NULL, &path, NULL, &reader, &why)); // nobody wrote the section
    assert_null(path);
}

static void test_finds_nearest(void **state)
{
    (void)state;
    assert_string_equal(setting_nearest(outer_table, "nummber"), "number");
    assert_string_equal(setting_nearest(inner_table, "backoff.mix"), "backoff.max");
    assert_null(setting_nearest(outer_table, "completely"));
}

static void test_prints_reference(void **state)
{
    (void)state;
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    setting_print(outer_table, "x.", to);
    fclose(to);
    assert_string_equal(text,
                        "| `x.on` | bool | `false` |  | Yes \\| no |\n"
                        "| `x.number` | number | `10` | 1 to 65535 | A number |\n"
                        "| `x.bytes` | size | `10MiB` | 1KiB to 1GiB | A size |\n"
                        "| `x.duration` | duration | `90s` | -1s to 1h | A time |\n"
                        "| `x.text` | text |  |  | A text |\n"
                        "| `x.choice` | choice | `green` | red, green, blue | A colour |\n"
                        "| `x.texts` | list of texts | `a, b` |  | Some texts |\n"
                        "| `x.ports` | list of numbers | `67, 70-72` | 0 to 65535 | Ports |\n"
                        "| `x.node` | object |  |  | Anything |\n"
                        "| `x.inner` | section |  |  | More |\n"
                        "| `x.inner.enabled` | bool | `true` |  | Whether at all |\n"
                        "| `x.inner.backoff.init` | duration | `1s` |  | First pause |\n"
                        "| `x.inner.backoff.max` | duration | `1m` | at least 1ns | Longest |\n"
                        "| `x.old` | unused |  |  | nobody needs it |\n");
    free(text);
}

static void test_refuses_when_memory_ends(void **state)
{
    (void)state;
    struct config *root = read_yaml("text: x\ntexts: [a, b]\nports: 1-100\n");
    bool done = false;
    for (size_t room = 0; room < 8192 && !done; room += 16) {
        struct arena small;
        assert_true(arena_init(&small, 8192));
        small.used = small.ceiling - room;
        why.text[0] = 0;
        const struct setting_reader reader = {SETTING_REFUSE, NULL, NULL, &small, NULL};
        done = setting_fill(outer_table, root, &outer, NULL, &reader, &why);
        assert_true(done || strstr(why.text, "too large"));
        arena_free(&small);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_defaults),
        test(test_bools),
        test(test_numbers),
        test(test_sizes),
        test(test_durations),
        test(test_texts),
        test(test_choices),
        test(test_lists_of_numbers),
        test(test_nodes),
        test(test_values_from_outside_a_file),
        test(test_refuses_unknown_keys),
        test(test_warns_of_unknown_keys),
        test(test_two_tables),
        test(test_required),
        test(test_finds_nearest),
        test(test_prints_reference),
        test(test_refuses_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
