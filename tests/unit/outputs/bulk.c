// SPDX-License-Identifier: Apache-2.0
// Bulk bodies: lines and documents, as a server reads them.
#include "outputs/bulk.h"

#include "tests/unit/outputs/harness.h"

enum { ROUTES = 4 };

static struct batch_home *home;
static struct batch *batch;
static struct bulk *bulk;
static struct parcel parcel;
static struct parcel_row rows[64];
static struct span constants[ROUTES];
static char text[1 << 20];

static int set_up(void **state)
{
    (void)state;
    home = batch_home_new(2);
    batch = batch_open(home, false);
    bulk = NULL;
    memset(constants, 0, sizeof constants);
    parcel = (struct parcel){.rows = rows, .constants = constants};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bulk_free(bulk);
    batch_release(batch);
    batch_home_free(home);
    return 0;
}

#define span(literal) ((struct span)SPAN(literal))

// A row {"@metadata":{},BODY} with these routes.
static void add_row(const char *body, const struct span *routes)
{
    static const struct span head = SPAN("{\"@metadata\":{},");
    struct pen pen = batch_pen(batch);
    pen_raw(&pen, head);
    pen_raw(&pen, span_text(body));
    pen_byte(&pen, '}');
    batch_commit(batch, &pen,
                 (struct row){.body = (uint32_t)head.len, .time = 1700000000000000000});
    if (routes)
        batch_add_routes(batch, routes, ROUTES);
    rows[parcel.count] = (struct parcel_row){batch, batch_row(batch, parcel.count)};
    parcel.count++;
}

// The body as it goes out, read `step` bytes at a time.
static const char *written(size_t step)
{
    struct pieces_place place = {0, 0};
    size_t len = 0, part;
    while ((part = pieces_read(bulk_pieces(bulk), &place, (uint8_t *)text + len, step)) > 0)
        len += part;
    assert_int_equal(len, bulk_pieces(bulk)->bytes);
    text[len] = 0;
    return text;
}

static void one_target_is_in_the_address(void **state)
{
    (void)state;
    constants[BULK_INDEX] = span("weir-1");
    bulk = bulk_new("weir-1", false);
    add_row("\"a\":1", NULL);
    add_row("\"b\":\"}{\"", NULL);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(bulk_add(bulk, &parcel, i), BULK_ADDED);
    for (size_t step = 1; step < 80; step++)
        assert_string_equal(written(step),
                            "{\"create\":{}}\n{\"a\":1}\n{\"create\":{}}\n{\"b\":\"}{\"}\n");
    assert_int_equal(bulk_count(bulk), 2);
    assert_ptr_equal(bulk_pieces(bulk)->at[0].at, bulk_pieces(bulk)->at[2].at); // written once
}

static void lines_say_what_differs(void **state)
{
    (void)state;
    constants[BULK_INDEX] = span("main");
    constants[BULK_PIPELINE] = span("p");
    bulk = bulk_new("main", false);
    const struct span other[] = {span("o\"x"), span("q"), span("id-1"), span("index")};
    const struct span same[] = {{NULL, 0}, {NULL, 0}, span("id-2"), span("create")};
    add_row("\"a\":1", other);
    add_row("\"a\":2", same);
    for (uint32_t i = 2; i-- > 0;)
        assert_int_equal(bulk_add(bulk, &parcel, i), BULK_ADDED);
    assert_string_equal(
        written(7),
        "{\"create\":{\"pipeline\":\"p\",\"_id\":\"id-2\"}}\n{\"a\":2}\n"
        "{\"index\":{\"_index\":\"o\\\"x\",\"pipeline\":\"q\",\"_id\":\"id-1\"}}\n{\"a\":1}\n");
    assert_int_equal(bulk_row(bulk, 0), 1);
    assert_int_equal(bulk_row(bulk, 1), 0);
    bulk_clear(bulk);
    assert_string_equal(written(7), "");
}

static void what_cannot_be_sent_is_said(void **state)
{
    (void)state;
    static uint8_t id[BULK_ID_MOST + 1];
    memset(id, 'x', sizeof id);
    bulk = bulk_new("", false);
    const struct span longest[] = {span("i"), {NULL, 0}, {id, BULK_ID_MOST}, {NULL, 0}};
    const struct span too_long[] = {span("i"), {NULL, 0}, {id, BULK_ID_MOST + 1}, {NULL, 0}};
    add_row("\"a\":1", NULL);
    add_row("\"a\":2", longest);
    add_row("\"a\":3", too_long);
    assert_int_equal(bulk_add(bulk, &parcel, 0), BULK_NO_INDEX);
    assert_int_equal(bulk_add(bulk, &parcel, 1), BULK_ADDED);
    assert_int_equal(bulk_add(bulk, &parcel, 2), BULK_LONG_ID);
    assert_int_equal(bulk_count(bulk), 1);
}

static void ids_are_the_same_for_the_same_bytes(void **state)
{
    (void)state;
    constants[BULK_INDEX] = span("i");
    bulk = bulk_new("i", true);
    add_row("\"a\":1", NULL);
    add_row("\"a\":2", NULL);
    add_row("\"a\":1", NULL);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(bulk_add(bulk, &parcel, i), BULK_ADDED);
    const struct span *at = bulk_pieces(bulk)->at;
    assert_int_equal(at[0].len, strlen("{\"create\":{\"_id\":\"\"}}\n{") + 22);
    assert_true(span_is(at[0], at[4]));
    assert_false(span_is(at[0], at[2]));
    static const struct span known = SPAN("{\"create\":{\"_id\":\"");
    for (size_t i = known.len; i < known.len + 22; i++)
        assert_non_null(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
                               at[0].at[i]));
}

static void a_dead_letter_holds_the_document(void **state)
{
    (void)state;
    bulk = bulk_new(NULL, false);
    add_row("\"a\":\"x\\ny\"", NULL);
    assert_int_equal(bulk_add_dead_letter(bulk, &parcel, 0, "dead", 400, span("t: \"r\"")),
                     BULK_ADDED);
    assert_string_equal(written(1000),
                        "{\"create\":{\"_index\":\"dead\"}}\n"
                        "{\"@timestamp\":\"2023-11-14T22:13:20.000Z\","
                        "\"message\":\"{\\\"a\\\":\\\"x\\\\ny\\\"}\",\"error.type\":400,"
                        "\"error.message\":\"t: \\\"r\\\"\"}\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_target_is_in_the_address),     TEST(lines_say_what_differs),
        TEST(what_cannot_be_sent_is_said),      TEST(ids_are_the_same_for_the_same_bytes),
        TEST(a_dead_letter_holds_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
