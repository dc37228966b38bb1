// SPDX-License-Identifier: Apache-2.0
// Ranks: order, objects as intervals, literal keys, names of a configuration, what is refused.

#include "tests/unit/pipeline/kit.h"

static const struct field base_fields[] = {
    {"zebra", FIELD_LONG, "a", 0},
    {"@timestamp", FIELD_DATE, "a", 0},
    {"@metadata.beat", FIELD_KEYWORD, "a", 0},
    {"@attic", FIELD_KEYWORD, "a", 0},
    {"a.b", FIELD_KEYWORD, "a", 0},
    {"a-b", FIELD_KEYWORD, "a", 0},
    {"a.b.c", FIELD_KEYWORD, "a", 0},
};
static const struct field_table base_table = {"base", NULL, base_fields, 4};
static const struct field_table clash_table = {"clash", NULL, base_fields, 7};

static const struct field more_fields[] = {
    {"a.z", FIELD_KEYWORD, "a", 0},
    {"a.b.c", FIELD_KEYWORD, "a", 0},
    {"a.b.added", FIELD_KEYWORD, "a", FIELD_ADDED},
    {"a.zz", FIELD_KEYWORD, "a", FIELD_DOTTED},
    {"a-b", FIELD_KEYWORD, "a", 0},
    {"zebra", FIELD_LONG, "a", 0},
};
enum { Z = 4, A_B_C, ADDED, A_ZZ, A_DASH_B, ZEBRA, MORE };
static const struct field_table more_table = {"more", &base_table, more_fields, 6};
static const struct field_table *const more_tables[] = {&more_table, &base_table};

static struct schema *build(bool compat)
{
    struct schema *s = schema_build(more_tables, 2, NULL, 0, compat, &arena, &why);
    if (!s)
        fail_msg("%s", why.text);
    return s;
}

static void order_is_by_parts(void **state)
{
    (void)state;
    struct schema *s = build(false);
    static const char *const expected[] = {
        "@metadata", "@metadata.beat", "@timestamp", "@attic", "a",    "a.b",
        "a.b.added", "a.b.c",          "a.z",        "a-b",    "a.zz", "zebra"};
    assert_int_equal(schema_size(s), 13);
    for (unsigned i = 0; i < 12; i++)
        assert_string_equal(schema_field(s, i)->name, expected[i]);
    assert_null(schema_field(s, 12));
    assert_int_equal(schema_body(s), 2);
}

static void keys_open_what_is_around(void **state)
{
    (void)state;
    const struct field_key *key = &schema_keys(build(false))[7];
    assert_int_equal(key->depth, 2);
    assert_string_equal(key->open, "\"a\":{\"b\":{\"c\":");
    assert_int_equal(key->step[1], 5);
    assert_int_equal(key->step[2], 10);
    assert_int_equal(key->until[0], 8);
    assert_int_equal(key->until[1], 7);
    assert_int_equal(key->until[2], 7);
}

static void literal_key_holds_its_dots(void **state)
{
    (void)state;
    const struct field_key *key = &schema_keys(build(false))[10];
    assert_int_equal(key->depth, 0);
    assert_string_equal(key->open, "\"a.zz\":");
}

static void tables_share_ranks(void **state)
{
    (void)state;
    struct schema *s = build(false);
    const uint16_t *more = schema_ranks(s, &more_table), *base = schema_ranks(s, &base_table);
    assert_int_equal(more[0], base[0]);
    assert_int_equal(more[ZEBRA], base[0]);
    assert_int_equal(more[A_B_C], 7);
    assert_null(schema_ranks(s, &clash_table));
}

static void added_field_is_not_written_under_compat(void **state)
{
    (void)state;
    assert_int_equal(schema_ranks(build(false), &more_table)[ADDED], 6);
    struct schema *s = build(true);
    assert_int_equal(schema_size(s), 12);
    assert_int_equal(schema_ranks(s, &more_table)[ADDED], 11);
    assert_int_equal(schema_ranks(s, &more_table)[A_B_C], 6);
}

static void paths_are_intervals(void **state)
{
    (void)state;
    struct schema *s = build(false);
    struct field_path path = schema_path(s, "a", &arena);
    assert_int_equal(path.first, 4);
    assert_int_equal(path.last, 8);
    path = schema_path(s, "a.b", &arena);
    assert_int_equal(path.first, 5);
    assert_int_equal(path.last, 7);
    path = schema_path(s, "a.zz", &arena);
    assert_int_equal(path.first, 10);
    assert_int_equal(path.last, 10);
    path = schema_path(s, "zebra.stripe.width", &arena);
    assert_true(path.first > path.last);
    assert_int_equal(path.holder, 11);
    assert_string_equal(path.inside, "stripe.width");
    path = schema_path(s, "nothing.here", &arena);
    assert_true(path.first > path.last);
    assert_int_equal(path.holder, schema_size(s) - 1);
    assert_null(path.inside);
}

static void literal_twin_is_known(void **state)
{
    (void)state;
    static const struct field twins[] = {{"x.y", FIELD_LONG, "a", 0},
                                         {"x.y", FIELD_LONG, "a", FIELD_DOTTED}};
    static const struct field_table table = {"twins", NULL, twins, 2};
    const struct field_table *tables[] = {&table};
    struct schema *s = schema_build(tables, 1, NULL, 0, false, &arena, &why);
    struct field_path path = schema_path(s, "x.y", &arena);
    assert_string_equal(schema_keys(s)[path.first].open, "\"x\":{\"y\":");
    assert_string_equal(schema_keys(s)[path.literal].open, "\"x.y\":");
}

static void children_are_found(void **state)
{
    (void)state;
    struct schema *s = build(false);
    assert_int_equal(schema_child(s, 5, span("c")), 7);
    assert_int_equal(schema_child(s, 5, span("d")), 12);
    assert_int_equal(schema_child(s, 7, span("c")), 12);
    assert_int_equal(schema_child(s, 12, span("zebra")), 11);
    assert_int_equal(schema_child(s, 12, span("c")), 12);
}

static void extra_names_become_fields_or_objects(void **state)
{
    (void)state;
    static const char *const extra[] = {"mine.b", "mine", "a.b.c", "mine.a", "mine.a"};
    struct schema *s = schema_build(more_tables, 2, extra, 5, false, &arena, &why);
    struct field_path mine = schema_path(s, "mine", &arena);
    assert_int_equal(mine.last - mine.first, 2);
    assert_int_equal(schema_field(s, mine.first)->type, FIELD_OBJECT);
    assert_int_equal(schema_field(s, mine.last)->type, FIELD_KEYWORD);
    assert_string_equal(schema_field(s, mine.last)->name, "mine.b");
    assert_int_equal(schema_size(s), 16);
}

static void refuse(const char *const *extra, int count, const char *words)
{
    assert_null(schema_build(more_tables, 2, extra, count, false, &arena, &why));
    if (!strstr(why.text, words))
        fail_msg("\"%s\" does not say \"%s\"", why.text, words);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   ".",  "a..b",
                                      ".a", "a.", "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(&bad[i], 1, "is no name");
    char *name = arena_alloc(&arena, FIELD_LENGTH + 2);
    memset(name, 'x', FIELD_LENGTH + 1);
    const char *const too_long = name;
    refuse(&too_long, 1, "is no name");
    static const char *const deep = "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6";
    assert_non_null(schema_build(more_tables, 2, &deep, 1, false, &arena, &why));
}

static void value_with_children_is_refused(void **state)
{
    (void)state;
    static const char *const inside = "zebra.stripe";
    refuse(&inside, 1, "zebra.stripe would be inside zebra");
    const struct field_table *tables[] = {&clash_table};
    assert_null(schema_build(tables, 1, NULL, 0, false, &arena, &why));
    assert_non_null(strstr(why.text, "a.b.c would be inside a.b"));
}

static void two_types_are_refused(void **state)
{
    (void)state;
    static const struct field other[] = {{"zebra", FIELD_KEYWORD, "a", 0}};
    static const struct field_table other_table = {"other", NULL, other, 1};
    const struct field_table *tables[] = {&base_table, &other_table};
    assert_null(schema_build(tables, 2, NULL, 0, false, &arena, &why));
    assert_non_null(strstr(why.text, "zebra is declared as long and as keyword") ||
                            strstr(why.text, "zebra is declared as keyword and as long")
                        ? why.text
                        : NULL);
}

static void too_many_names_are_refused(void **state)
{
    (void)state;
    enum { MANY = FIELD_RANKS + 1 };
    const char **names = arena_alloc(&arena, MANY * sizeof *names);
    for (int i = 0; i < MANY; i++)
        names[i] = arena_printf(&arena, "n%d", i);
    refuse(names, MANY, "more than 65000 fields");
    assert_non_null(schema_build(NULL, 0, names, FIELD_RANKS, false, &arena, &why));
}

static void memory_that_ends_is_said(void **state)
{
    (void)state;
    for (size_t size = 0; size < 4096; size += 64) {
        struct arena small;
        assert_true(arena_init(&small, size));
        why.text[0] = 0;
        if (!schema_build(more_tables, 2, NULL, 0, false, &small, &why))
            assert_non_null(strstr(why.text, "no memory"));
        arena_free(&small);
    }
}

// What `print` writes for the kit's table, in the arena.
static char *printed(bool template)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (template)
        schema_print_template(kit_tables, 1, &(struct template_options){.pattern = "kit-*"}, to);
    else
        schema_print_reference(kit_tables, 1, to);
    fclose(to);
    char *kept = arena_text(&arena, text);
    free(text);
    return kept;
}

static int count_of(const char *text, char one)
{
    int count = 0;
    for (; *text; text++)
        count += *text == one;
    return count;
}

static void template_holds_every_field(void **state)
{
    (void)state;
    char *text = printed(true);
    static const char *const parts[] = {
        "\"index_patterns\": [\"kit-*\"]", "\"data_stream\": {}", "\"priority\": 150",
        "\"status_code\": {\"type\": \"long\"}", "\"content\": {\"type\": \"match_only_text\"}",
        "\"host\": {\"type\": \"keyword\", \"ignore_above\": 1024}",
        "\"path_match\": \"http.request.headers.*\"", "\"date_detection\": false",
        // the literal key is the same place for an index
        "\"user\": {\n          \"properties\": {\n            \"name\": {\"type\": \"keyword\""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            fail_msg("no %s in %s", parts[i], text);
    assert_null(strstr(text, "@metadata"));
    assert_int_equal(count_of(text, '{'), count_of(text, '}'));
    assert_int_equal(count_of(text, '['), count_of(text, ']'));
}

static void reference_has_a_row_for_each(void **state)
{
    (void)state;
    char *text = printed(false);
    assert_non_null(strstr(text, "## kit\n"));
    assert_non_null(strstr(text, "| `source.ip` | ip, list | a |\n"));
    assert_non_null(strstr(text, "| `user.name` | keyword | a (one key with dots) |\n"));
    assert_int_equal(count_of(text, '\n'), KIT_FIELDS + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(order_is_by_parts),
        test(keys_open_what_is_around),
        test(literal_key_holds_its_dots),
        test(tables_share_ranks),
        test(added_field_is_not_written_under_compat),
        test(paths_are_intervals),
        test(literal_twin_is_known),
        test(children_are_found),
        test(extra_names_become_fields_or_objects),
        test(bad_names_are_refused),
        test(value_with_children_is_refused),
        test(two_types_are_refused),
        test(too_many_names_are_refused),
        test(memory_that_ends_is_said),
        test(template_holds_every_field),
        test(reference_has_a_row_for_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
