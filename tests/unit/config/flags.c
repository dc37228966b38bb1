// SPDX-License-Identifier: Apache-2.0
// Command lines: both dashes, any order, and what is refused.
#include "tests/unit/config/unit.h"

#include "config/flags.h"

static const struct flag table[] = {
    {"I", "FILE", "read packets from a file"},
    {"t", NULL, "as fast as possible"},
    {"l", "N", "how often"},
    {"c", "FILE", "a file of settings"},
    {"E", "KEY=VALUE", "one setting"},
    {"path.home", "DIR", "where everything lies"},
    {"strict.perms", "BOOL", "whose files are trusted"},
    {"a.very.long.name.for.a.flag", "SOMETHING", "stands on a line of its own"},
    {"h,help", NULL, "this help"},
    FLAGS_END,
};

static struct flags flags;

// Reads the words of one line, parted by blanks.
static bool read_line(const char *line)
{
    char *argv[32] = {"weir"}, *copy = arena_text(&arena, line);
    int argc = 1;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return flags_read(&flags, table, argc, argv, &arena, &why);
}

#define assert_line(line)             \
    do {                              \
        if (!read_line(line))         \
            fail_msg("%s", why.text); \
    } while (0)

#define assert_line_refused(line, wanted)      \
    do {                                       \
        assert_false(read_line(line));         \
        assert_string_equal(why.text, wanted); \
    } while (0)

static void test_reads_values(void **state)
{
    (void)state;
    static const char *const lines[] = {"-I x.pcap", "--I x.pcap", "-I=x.pcap", "--I=x.pcap",
                                        "-I y -I x.pcap"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_line(lines[i]);
        assert_string_equal(flags_text(&flags, "I"), "x.pcap");
        assert_int_equal(flags.word_count, 0);
    }
    assert_line("");
    assert_null(flags_text(&flags, "I"));
    assert_line("-I - -E a=b=c --path.home= -l -1");
    assert_string_equal(flags_text(&flags, "I"), "-");
    assert_string_equal(flags_text(&flags, "E"), "a=b=c");
    assert_string_equal(flags_text(&flags, "path.home"), "");
    assert_string_equal(flags_text(&flags, "l"), "-1");
}

static void test_reads_switches(void **state)
{
    (void)state;
    assert_line("-t");
    assert_true(flags_on(&flags, "t"));
    assert_string_equal(flags_text(&flags, "t"), "true");
    assert_false(flags_on(&flags, "help"));
    assert_line("--t=false -h");
    assert_false(flags_on(&flags, "t"));
    assert_string_equal(flags_text(&flags, "t"), "false");
    assert_true(flags_on(&flags, "h"));
    assert_true(flags_on(&flags, "help"));
    assert_line("-t=false -t");
    assert_true(flags_on(&flags, "t"));
    assert_line("-strict.perms=false");
    assert_string_equal(flags_text(&flags, "strict.perms"), "false");
    assert_line("--strict.perms false run");
    assert_string_equal(flags_text(&flags, "strict.perms"), "false");
    assert_string_equal(flags.words[0], "run");
}

static void test_repeats(void **state)
{
    (void)state;
    assert_line("-c a -E x=1 -c=b --c c");
    const char **all = flags_all(&flags, "c", &arena);
    assert_string_equal(all[0], "a");
    assert_string_equal(all[1], "b");
    assert_string_equal(all[2], "c");
    assert_null(all[3]);
    int at = 0;
    assert_string_equal(flags_next(&flags, "E", &at), "x=1");
    assert_null(flags_next(&flags, "E", &at));
    assert_null(flags_next(&flags, "E", &at));
    assert_null(flags_all(&flags, "I", &arena)[0]);
}

static void test_words_stand_anywhere(void **state)
{
    (void)state;
    static const char *const lines[] = {"test config -c x -t", "-c x test -t config",
                                        "-t -c x test config", "-t -c x test -- config"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_line(lines[i]);
        assert_int_equal(flags.word_count, 2);
        assert_string_equal(flags.words[0], "test");
        assert_string_equal(flags.words[1], "config");
        assert_null(flags.words[2]);
        assert_string_equal(flags_text(&flags, "c"), "x");
        assert_true(flags_on(&flags, "t"));
    }
    assert_line("-t -- -c x --");
    assert_int_equal(flags.word_count, 3);
    assert_string_equal(flags.words[0], "-c");
    assert_string_equal(flags.words[2], "--");
    assert_line("- x");
    assert_string_equal(flags.words[0], "-");
}

static void test_refuses(void **state)
{
    (void)state;
    assert_line_refused("--path.hme x", "--path.hme: unknown flag, did you mean --path.home?");
    assert_line_refused("-path.homes=x", "-path.homes=x: unknown flag, did you mean --path.home?");
    assert_line_refused("--hlep", "--hlep: unknown flag, did you mean --help?");
    assert_line_refused("-x", "-x: unknown flag");
    assert_line_refused("---t", "---t: unknown flag");
    assert_line_refused("-=x", "-=x: unknown flag");
    assert_line_refused("--=x", "--=x: unknown flag");
    assert_line_refused("-h,help", "-h,help: unknown flag, did you mean --help?");
    assert_line_refused("run -c", "-c: expected FILE behind it, found nothing");
    assert_line_refused("-c -t", "-c: expected FILE behind it, found -t (if that is meant, use =)");
    assert_line_refused("-t=maybe", "-t=maybe: expected true or false");
    assert_line("-c=-t");
    assert_string_equal(flags_text(&flags, "c"), "-t");
}

static void test_survives_odd_lines(void **state)
{
    (void)state;
    char *none[] = {NULL};
    assert_true(flags_read(&flags, table, 0, none, &arena, &why));
    assert_int_equal(flags.word_count, 0);
    assert_false(read_line(arena_printf(&arena, "--%s", repeat("x", 10000))));
    assert_int_equal(strlen(why.text), strlen(": unknown flag") + 100);
}

static void test_prints_help(void **state)
{
    (void)state;
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    flags_help(table + 5, to);
    fclose(to);
    assert_string_equal(text, "  --path.home DIR           where everything lies\n"
                              "  --strict.perms BOOL       whose files are trusted\n"
                              "  --a.very.long.name.for.a.flag SOMETHING\n"
                              "                            stands on a line of its own\n"
                              "  -h, --help                this help\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_reads_values),         test(test_reads_switches), test(test_repeats),
        test(test_words_stand_anywhere), test(test_refuses),        test(test_survives_odd_lines),
        test(test_prints_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
