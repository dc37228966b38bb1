// SPDX-License-Identifier: Apache-2.0
// What rows become as messages: partitions, headers, values.
#include "outputs/kafka_form.h"

#include "pipeline/base/hash.h"
#include "tests/unit/outputs/harness.h"

extern const struct output output_kafka;

static struct arena arena;
static struct error why;
static struct kafka_settings settings;
static struct kafka_form form;

static const struct field fields[] = {
    {.name = "port", .type = FIELD_LONG},
    {.name = "type", .type = FIELD_KEYWORD},
};
static const struct field_table table = {.fields = fields, .count = 2};
static const struct field_table *const tables[] = {&table};
static const struct output_world world = {.tables = tables, .table_count = 1};

static int set_up(void **state)
{
    (void)state;
    return !arena_init(&arena, 1 << 20);
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void read_form(const char *yaml)
{
    if (!settings_read(&output_kafka, yaml, &settings, &arena, &why))
        fail_msg("%s: %s", yaml, why.text);
    kafka_form_read(&form, &settings, &world);
}

// A parcel of one row with these routes.
static struct parcel parcel_with(const struct span *routes)
{
    static const struct row row = {.routes = 0};
    static const struct batch batch = {.rows = 1};
    static const struct parcel_row rows[] = {{&batch, &row}};
    return (struct parcel){.rows = rows, .count = 1, .constants = routes};
}

// ── partition ───────────────────────────────────────────────────────────────────────────────────

static struct kafka_draw draw(const struct span *routes)
{
    struct parcel p = parcel_with(routes);
    return kafka_form_draw(&form, &p, 0, kafka_row_route(&p, 0, ROUTE_KEY), 77);
}

static void a_key_is_hashed(void **state)
{
    (void)state;
    struct span routes[] = {SPAN("t"), SPAN("a")};
    read_form("{hosts: a, topic: t, key: k}");
    struct kafka_draw d = draw(routes);
    assert_true(d.hashed);
    assert_int_equal(d.hash, 0xe40c292c); // published for FNV-1a
    assert_int_equal(d.turn, 77);
    routes[ROUTE_KEY] = span_of(NULL, 0);
    assert_false(draw(routes).hashed);
    read_form("{hosts: a, topic: t, key: k, partition: {round_robin: {}}}");
    routes[ROUTE_KEY] = (struct span)SPAN("a");
    assert_false(draw(routes).hashed);
}

static void fields_are_hashed(void **state)
{
    (void)state;
    static const char *const yaml = "{hosts: a, topic: t, partition: {hash: {hash: [type, port]}}}";
    static const uint8_t bytes[] = {'d', 'n', 's', 0x35, 0x01, 0, 0, 0, 0, 0, 0};
    static char huge[KAFKA_LIST * 1024];
    memset(huge, 'x', sizeof huge);
    struct span routes[] = {SPAN("t"), SPAN(""), SPAN("dns"), SPAN("309")};
    read_form(yaml);
    struct kafka_draw d = draw(routes);
    assert_true(d.hashed);
    assert_int_equal(d.hash, hash_fnv1a(span_of(bytes, sizeof bytes)));
    routes[ROUTE_MORE + 1] = span_of(NULL, 0);
    assert_false(draw(routes).hashed);
    routes[ROUTE_MORE + 1] = (struct span)SPAN("309");
    routes[ROUTE_MORE] = span_of(huge, sizeof huge);
    assert_false(draw(routes).hashed);
}

// ── headers ─────────────────────────────────────────────────────────────────────────────────────

static void expect_header(const rd_kafka_headers_t *list, size_t which, const char *name,
                          const char *value)
{
    const char *found;
    const void *bytes;
    size_t len;
    assert_int_equal(rd_kafka_header_get_all(list, which, &found, &bytes, &len), 0);
    assert_string_equal(found, name);
    assert_true(span_is(span_text(value), span_of(bytes, len)));
}

static void headers_without_a_value_are_left_out(void **state)
{
    (void)state;
    const struct span routes[] = {SPAN("events"), SPAN(""), SPAN("one"), SPAN(""), SPAN("three")};
    struct parcel p = parcel_with(routes);
    read_form("{hosts: a, topic: t, headers: [{key: a, value: 1}, {key: b, value: 2}, "
              "{key: c, value: 3}]}");
    rd_kafka_headers_t *list = kafka_form_headers(&form, &p, 0, NULL);
    assert_int_equal(rd_kafka_header_cnt(list), 2);
    expect_header(list, 0, "a", "one");
    expect_header(list, 1, "c", "three");
    rd_kafka_headers_destroy(list);
}

static void a_dead_letter_says_why(void **state)
{
    (void)state;
    const struct span routes[] = {SPAN("events"), SPAN("")};
    struct parcel p = parcel_with(routes);
    read_form("{hosts: a, topic: t}");
    assert_null(kafka_form_headers(&form, &p, 0, NULL));
    rd_kafka_headers_t *list = kafka_form_headers(&form, &p, 0, "too large");
    assert_int_equal(rd_kafka_header_cnt(list), 2);
    expect_header(list, 0, "error", "too large");
    expect_header(list, 1, "topic", "events");
    rd_kafka_headers_destroy(list);
}

// ── value ───────────────────────────────────────────────────────────────────────────────────────

static void a_value_is_the_document_or_a_cut_copy(void **state)
{
    (void)state;
    static char text[3000];
    struct kafka_copy *copies = NULL;
    int len = snprintf(text, sizeof text, "{\"a\":\"%01500d\"}", 0);
    struct span document = span_of(text, (size_t)len);
    read_form("{hosts: a, topic: t, max_message_bytes: 2000}");
    assert_ptr_equal(kafka_form_value(&form, document, 0, true, &copies).at, text);
    assert_ptr_equal(kafka_form_value(&form, document, 2000 - document.len, true, &copies).at,
                     text);
    assert_null(copies);
    assert_int_equal(kafka_form_value(&form, document, 600, false, &copies).len, 0);
    assert_int_equal(kafka_form_value(&form, document, 2000, true, &copies).len, 0);
    assert_null(copies);
    struct span cut = kafka_form_value(&form, document, 600, true, &copies);
    assert_in_range(cut.len, 1300, 1400);
    assert_ptr_not_equal(cut.at, text);
    assert_non_null(copies);
    assert_int_equal(kafka_form_value(&form, document, 1000, true, &copies).len > 0, 1);
    kafka_copies_free(copies);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_hashed),
        TEST(fields_are_hashed),
        TEST(headers_without_a_value_are_left_out),
        TEST(a_dead_letter_says_why),
        TEST(a_value_is_the_document_or_a_cut_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
