// SPDX-License-Identifier: Apache-2.0
// From values to documents: order and nesting, lists, trees, chains, objects, what does not fit.

#include "pipeline/shape.h"
#include "tests/unit/pipeline/kit.h"

#define expect(text) assert_string_equal(document(), text)

static struct field_path path(const char *name)
{
    return schema_path(schema, name, &arena);
}

static void put(const char *name, struct value value)
{
    struct field_path p = path(name);
    event_put(&event, &p, value);
}

static void drop(const char *name)
{
    struct field_path p = path(name);
    event_drop_path(&event, &p);
}

static bool has(const char *name)
{
    struct field_path p = path(name);
    return event_has_path(&event, &p);
}

static struct value fetched(const char *name)
{
    struct field_path p = path(name);
    struct value v;
    assert_true(event_fetch(&event, &p, &v));
    return v;
}

static void empty_event_is_an_object(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    expect("{}");
}

static void fields_come_nested_whatever_their_order(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_text(&event, TYPE, span("http"));
    event_number(&event, STATUS_CODE, 200);
    event_text(&event, HTTP_METHOD, span("GET"));
    event_text(&event, BEAT, span("weir"));
    event_time(&event, TIMESTAMP, 1735689600123456789);
    event_text(&event, HTTP_BODY, span("a\"b\n"));
    event_text(&event, LITERAL, span("me"));
    event_number(&event, BYTES, -1);
    expect("{\"@metadata\":{\"beat\":\"weir\"},\"@timestamp\":\"2025-01-01T00:00:00.123Z\","
           "\"http\":{\"request\":{\"body\":{\"content\":\"a\\\"b\\n\"},\"method\":\"GET\"},"
           "\"response\":{\"status_code\":200}},\"source\":{\"bytes\":-1},\"type\":\"http\","
           "\"user.name\":\"me\"}");
}

static void row_knows_body_time_dataset_and_routes(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_text(&event, BEAT, span("weir"));
    event_text(&event, TYPE, span("dns"));
    event.time = 42;
    event.dataset = 7;
    struct span routes[3] = {span("index-1"), {NULL, 0}, span("key")};
    event.routes = routes;
    event.route_count = 3;
    struct batch *b = batch_open(home, false);
    for (int i = 0; i < 2; i++)
        assert_true(event_write(&event, b));
    for (uint32_t i = 0; i < 2; i++) {
        const struct row *row = batch_row(b, i);
        struct span doc = batch_document(b, row), body = span_skip(doc, row->body);
        assert_true(span_is(body, span("\"type\":\"dns\"}")));
        assert_int_equal(doc.at[doc.len], '\n');
        assert_int_equal(row->time, 42);
        assert_int_equal(row->dataset, 7);
        assert_true(span_is(batch_route(b, row, 0), routes[0]));
        assert_int_equal(batch_route(b, row, 1).len, 0);
        assert_true(span_is(batch_route(b, row, 2), routes[2]));
        assert_int_equal(batch_route(b, row, 3).len, 0);
    }
    batch_release(b);
}

static void body_without_metadata_and_metadata_without_body(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct batch *b = batch_open(home, false);
    event_text(&event, TYPE, span("x"));
    assert_true(event_write(&event, b));
    assert_int_equal(batch_row(b, 0)->body, 1);
    event_drop(&event, TYPE);
    event_text(&event, BEAT, span("w"));
    assert_true(event_write(&event, b));
    assert_true(
        span_is(batch_document(b, batch_row(b, 1)), span("{\"@metadata\":{\"beat\":\"w\"}}")));
    batch_release(b);
}

static void every_kind_is_written(void **state)
{
    (void)state;
    static const char *const extra[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const uint8_t mac[] = {10, 0, 0, 0, 0, 255}, ip[16] = {32, 1, 13, 184, [15] = 1};
    kit_begin(extra, 8);
    put("a", (struct value){.kind = VALUE_NULL});
    put("b", (struct value){.kind = VALUE_UNSIGNED, .number = -1});
    put("c", (struct value){.kind = VALUE_DOUBLE, .real = 0.5});
    put("d", (struct value){.kind = VALUE_BOOL, .number = 1});
    put("e", (struct value){.kind = VALUE_MAC, .at = mac, .len = 6});
    put("f", value_ip(ip, 6));
    put("g", (struct value){.kind = VALUE_JSON, .at = "[{}]", .len = 4});
    put("h", (struct value){.kind = VALUE_JSON});
    expect("{\"a\":null,\"b\":18446744073709551615,\"c\":0.5,\"d\":true,"
           "\"e\":\"0A-00-00-00-00-FF\",\"f\":\"2001:db8::1\",\"g\":[{}],\"h\":null}");
}

static void field_without_rank_is_not_written(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    uint16_t ranks[KIT_FIELDS];
    for (int i = 0; i < KIT_FIELDS; i++)
        ranks[i] = (uint16_t)(schema_size(schema) - 1);
    event_begin(&event, ranks);
    event_text(&event, TYPE, span("x"));
    event_add(&event, TAGS, value_number(1));
    event_member(&event, HEADERS, span("a"), value_number(1));
    expect("{}");
    assert_int_equal(event.scratch.used, 0);
}

static void begin_empties(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_member(&event, HEADERS, span("a"), value_number(1));
    event_add(&event, TAGS, value_number(1));
    event_begin(&event, event.ranks);
    expect("{}");
    event_member(&event, HEADERS, span("a"), value_number(2));
    expect("{\"http\":{\"request\":{\"headers\":{\"a\":2}}}}");
}

// ── lists ────────────────────────────────────────────────────────────────────────────────────────

static void lists_grow(void **state)
{
    (void)state;
    static const uint8_t ip[] = {10, 0, 0, 1};
    kit_begin(NULL, 0);
    event_list(&event, MESSAGE);
    event_add(&event, TAGS, value_text(span("one")));
    event_add_new(&event, ADDRESS, value_ip(ip, 4));
    event_add_new(&event, ADDRESS, value_ip(ip, 4));
    event_add_new(&event, ADDRESS, value_text(span("")));
    event_add_new(&event, ADDRESS, value_text(span("x")));
    expect(
        "{\"error\":{\"message\":[]},\"source\":{\"ip\":[\"10.0.0.1\",\"x\"]},\"tags\":[\"one\"]}");
}

static void what_is_there_becomes_the_first_item(void **state)
{
    (void)state;
    struct list_item second = {NULL, {.kind = VALUE_BOOL}}, first = {&second, value_number(1)};
    kit_begin(NULL, 0);
    event_json(&event, TAGS, span("[\"a,]\", {\"b\":[1,2]},3]"));
    event_add(&event, TAGS, value_number(4));
    event_text(&event, MESSAGE, span("old"));
    event_add_new(&event, MESSAGE, value_text(span("old")));
    event_add_new(&event, MESSAGE, value_text(span("new")));
    *event_slot(&event, ADDRESS) = (struct value){.kind = VALUE_LIST, .list = &first};
    event_add(&event, ADDRESS, value_number(2));
    expect("{\"error\":{\"message\":[\"old\",\"new\"]},\"source\":{\"ip\":[1,false,2]},"
           "\"tags\":[\"a,]\",{\"b\":[1,2]},3,4]}");
    assert_null(second.next); // another's list is not changed
}

static void list_has_a_ceiling(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    for (int i = 0; i <= EVENT_LIST_ITEMS; i++) {
        assert_false(event.lost);
        event_add(&event, TAGS, value_number(1));
    }
    assert_true(event.lost);
    int commas = 0;
    for (const char *at = document(); *at; at++)
        commas += *at == ',';
    assert_int_equal(commas, EVENT_LIST_ITEMS - 1);
}

static void full_scratch_loses_the_value_only(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_text(&event, TYPE, span("x"));
    arena_alloc(&event.scratch, (1 << 20) - 64);
    for (int i = 0; i < 100; i++) {
        event_add(&event, TAGS, value_number(1));
        event_member(&event, HEADERS, span("k"), value_number(i));
    }
    event_text_copy(&event, HTTP_METHOD,
                    span("a text longer than what is left of sixty-four bytes"));
    assert_true(event_pen(&event, 100).full);
    assert_true(event.lost);
    assert_non_null(strstr(document(), "\"type\":\"x\"}"));
    assert_null(strstr(document_text, "longer"));
}

// ── trees and objects ────────────────────────────────────────────────────────────────────────────

static void members_merge_with_declared_children(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_member(&event, HEADERS, span("b\"c"), value_number(1));
    event_member(&event, HEADERS, span("host"), value_text(span("h")));
    event_member(&event, HEADERS, span("a.b"), value_number(2));
    event_text(&event, HTTP_METHOD, span("GET"));
    expect("{\"http\":{\"request\":{\"headers\":{\"b\\\"c\":1,\"a.b\":2,\"host\":\"h\"},"
           "\"method\":\"GET\"}}}");
}

// Names that differ only in what is no UTF-8 are one name when they are written.
static void members_that_become_equal(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_member(&event, HEADERS, span("a\xff\xc3z"), value_number(1));
    event_member(&event, HEADERS, span("a\xfe\xc2z"), value_number(2));
    event_member(&event, HEADERS, span("\xc3\xa4"), value_number(3));
    expect("{\"http\":{\"request\":{\"headers\":{"
           "\"a\xef\xbf\xbd\xef\xbf\xbdz\":2,\"\xc3\xa4\":3}}}}");
}

static void object_without_members_is_written_empty(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    *event_slot(&event, HEADERS) = (struct value){.kind = VALUE_TREE};
    expect("{\"http\":{\"request\":{\"headers\":{}}}}");
    event_text(&event, HTTP_METHOD, span("GET"));
    expect("{\"http\":{\"request\":{\"headers\":{},\"method\":\"GET\"}}}");
    event_drop(&event, HTTP_METHOD);
    event_text(&event, HEADERS_HOST, span("h"));
    event_number(&event, BYTES, 1);
    expect("{\"http\":{\"request\":{\"headers\":{\"host\":\"h\"}}},\"source\":{\"bytes\":1}}");
}

static void equal_name_replaces(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    char keys[500][8];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 500; i++) {
            int len = snprintf(keys[i], sizeof keys[i], "k%d", i);
            event_member(&event, HEADERS, span_of(keys[i], (size_t)len), value_number(round));
        }
    const char *text = document();
    assert_null(strstr(text, ":0"));
    int ones = 0;
    for (const char *at = text; (at = strstr(at, ":1")); at++)
        ones++;
    assert_int_equal(ones, 500);
}

static void members_of_a_tree_that_a_caller_made(void **state)
{
    (void)state;
    struct tree_item item = {NULL, span("mine"), value_number(1)};
    kit_begin(NULL, 0);
    *event_slot(&event, HEADERS) = (struct value){.kind = VALUE_TREE, .tree = &item};
    event_member(&event, HEADERS, span("mine"), value_number(2));
    event_member(&event, HEADERS, span("more"), value_number(3));
    expect("{\"http\":{\"request\":{\"headers\":{\"mine\":2,\"more\":3}}}}");
    assert_null(item.next);
    assert_int_equal(item.value.number, 1);
}

static void value_stands_for_the_whole_object(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    event_text(&event, HEADERS_HOST, span("h"));
    event_json(&event, HEADERS, span("{\"raw\":1}"));
    event_text(&event, HTTP_METHOD, span("GET"));
    expect("{\"http\":{\"request\":{\"headers\":{\"raw\":1},\"method\":\"GET\"}}}");
    event_text(&event, STATUS_CODE, span("1"));
    put("http", value_number(1));
    expect("{\"http\":1}");
}

static void member_named_like_an_object_replaces_it(void **state)
{
    (void)state;
    static const char *const extra[] = {"http.request.headers.x.y"};
    struct tree_item member = {NULL, span("z"), value_number(3)};
    kit_begin(extra, 1);
    put("http.request.headers.x.y", value_number(1));
    event_member(&event, HEADERS, span("x"), (struct value){.kind = VALUE_TREE, .tree = &member});
    expect("{\"http\":{\"request\":{\"headers\":{\"x\":{\"z\":3,\"y\":1}}}}}");
    event_member(&event, HEADERS, span("x"), value_number(2));
    expect("{\"http\":{\"request\":{\"headers\":{\"x\":2}}}}");
    assert_false(has("http.request.headers.x.y"));
}

static void deep_tree_ends_in_null(void **state)
{
    (void)state;
    struct tree_item item[40];
    for (int i = 0; i < 40; i++)
        item[i] = (struct tree_item){NULL, span("k"), {.kind = VALUE_TREE, .tree = &item[i + 1]}};
    item[39].value = value_number(1);
    kit_begin(NULL, 0);
    *event_slot(&event, TYPE) = (struct value){.kind = VALUE_TREE, .tree = item};
    int depth = 0;
    for (const char *at = document(); *at; at++)
        depth += *at == '{';
    assert_int_equal(depth, EVENT_TREE_DEPTH + 1);
    assert_non_null(strstr(document_text, "{\"k\":null}"));
}

// ── paths ────────────────────────────────────────────────────────────────────────────────────────

static void set_http(void)
{
    event_text(&event, HTTP_METHOD, span("GET"));
    event_member(&event, HEADERS, span("x-a"), value_number(1));
    event_member(&event, HEADERS, span("x.y"), value_number(2));
    event_text(&event, HEADERS_HOST, span("h"));
    event_number(&event, STATUS_CODE, 200);
    event_text(&event, TYPE, span("http"));
}

static void paths_reach_objects_and_members(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    set_http();
    assert_true(has("http") && has("http.request.headers") && has("http.request.headers.x-a"));
    assert_true(has("http.request.headers.x.y") && has("http.request.headers.host"));
    assert_false(has("http.request.headers.x") || has("http.request.body") || has("none"));
    struct field_path p = path("http.request.headers.x.y");
    assert_int_equal(event_value(&event, &p)->number, 2);
    p = path("http.request");
    assert_null(event_value(&event, &p));
}

static void dropping_takes_all_inside(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    set_http();
    drop("http.request.headers.x-a");
    drop("nothing");
    drop("http.request.headers.nothing");
    expect("{\"http\":{\"request\":{\"headers\":{\"x.y\":2,\"host\":\"h\"},\"method\":\"GET\"},"
           "\"response\":{\"status_code\":200}},\"type\":\"http\"}");
    drop("http.request");
    expect("{\"http\":{\"response\":{\"status_code\":200}},\"type\":\"http\"}");
    drop("http");
    expect("{\"type\":\"http\"}");
}

static void object_is_fetched_as_a_tree(void **state)
{
    (void)state;
    static const char *const extra[] = {"copy", "source.inner.deep"};
    kit_begin(extra, 2);
    set_http();
    put("copy", fetched("http.request"));
    drop("http");
    expect("{\"copy\":{\"headers\":{\"x-a\":1,\"x.y\":2,\"host\":\"h\"},\"method\":\"GET\"},"
           "\"type\":\"http\"}");
    assert_true(has("copy.headers.x-a"));
    drop("copy.headers.x-a");
    put("http.request", fetched("copy"));
    drop("copy");
    // each found its own place again
    assert_true(event_has(&event, HEADERS_HOST) && event_has(&event, HTTP_METHOD));
    expect("{\"http\":{\"request\":{\"headers\":{\"x.y\":2,\"host\":\"h\"},\"method\":\"GET\"}},"
           "\"type\":\"http\"}");
}

static void fetched_tree_is_on_its_own(void **state)
{
    (void)state;
    static const char *const extra[] = {"copy"};
    kit_begin(extra, 1);
    set_http();
    struct value headers = fetched("http.request.headers");
    drop("http.request.headers.x-a");
    event_member(&event, HEADERS, span("new"), value_number(1));
    put("copy", headers);
    drop("http");
    expect("{\"copy\":{\"x-a\":1,\"x.y\":2,\"host\":\"h\"},\"type\":\"http\"}");
}

static void nothing_is_fetched_from_nothing(void **state)
{
    (void)state;
    struct value v;
    kit_begin(NULL, 0);
    static const char *const names[] = {"http", "type", "none", "http.request.headers.a", "tags.x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct field_path p = path(names[i]);
        assert_false(event_fetch(&event, &p, &v));
    }
    put("none", value_number(1));
    expect("{}");
}

static void saved_event_comes_back(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    set_http();
    char *before = arena_text(&arena, document());
    struct event_copy *copy = event_save(&event);
    assert_non_null(copy);
    drop("http.request.headers.x-a");
    put("type", fetched("http"));
    drop("http");
    event_restore(&event, copy);
    expect(before);
}

// ── texts ────────────────────────────────────────────────────────────────────────────────────────

// The document of a text that comes in pieces of `step` bytes.
static char *chain_document(struct span text, size_t step)
{
    struct pool pool;
    struct store store;
    struct chain chain = {NULL, NULL, 0, 0};
    assert_true(pool_init(&pool, CHAIN_BLOCK, 64));
    store_init(&store, &pool, 64 * CHAIN_BLOCK);
    // another chain takes the place behind each piece, so that pieces stay apart
    struct chain other = {NULL, NULL, 0, 0};
    for (size_t at = 0; at < text.len; at += step) {
        assert_true(chain_add(&chain, &store, span_first(span_skip(text, at), step)));
        assert_true(chain_add(&other, &store, span("-")));
    }
    event_chain(&event, TYPE, &chain);
    char *kept = arena_text(&arena, document());
    store_free(&store);
    pool_free(&pool);
    return kept;
}

static void chain_is_the_same_however_it_is_cut(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "",
        "quote\" back\\slash\n\x01",
        "€uro über 𝄞 clef",
        "\xe2\x82",
        "\xe2\x82x\xc3",
        "\xf0\x9f\x98\x80\xf0\x9f\x98",
        "\xff\xfe\xc0\xaf",
        "\xe0\x80\x80\xed\xa0\x80",
        "\xf4\x90\x80\x80z",
        "\x80\x80\x80\xc3\xa9\x80",
    };
    kit_begin(NULL, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct span text = span_text(texts[i]);
        event_text(&event, TYPE, text);
        char *whole = arena_text(&arena, document());
        for (size_t step = 1; step <= 5; step++)
            assert_string_equal(chain_document(text, step), whole);
    }
}

static void elements_of_a_fragment(void **state)
{
    (void)state;
    static const char *const elements[] = {"\"a,]\\\"\"", "{\"b\":[1,2]}", "[[],{}]", "3"};
    struct span rest = span("\"a,]\\\"\", {\"b\":[1,2]},[[],{}],3");
    for (size_t i = 0; i < 4; i++)
        assert_true(span_is(json_element(&rest), span_text(elements[i])));
    assert_int_equal(json_element(&rest).len, 0);
    static const char *const broken[] = {"\"", "\"\\", "[", "]]", "{,", ",,"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        rest = span_text(broken[i]);
        for (int n = 0; rest.len; n++) {
            json_element(&rest);
            assert_true(n < 4);
        }
    }
}

static void values_have_a_text(void **state)
{
    (void)state;
    static const uint8_t ip[] = {10, 0, 0, 1};
    struct tree_item member = {NULL, span("a"), value_number(1)};
    const struct {
        struct value value;
        const char *text;
    } cases[] = {
        {value_text(span("x")), "x"},
        {value_text((struct span){NULL, 0}), ""},
        {value_number(-5), "-5"},
        {{.kind = VALUE_UNSIGNED, .number = -1}, "18446744073709551615"},
        {{.kind = VALUE_BOOL, .number = 1}, "true"},
        {{.kind = VALUE_DOUBLE, .real = 1.5}, "1.5"},
        {{.kind = VALUE_TIME, .number = 0}, "1970-01-01T00:00:00.000Z"},
        {value_ip(ip, 4), "10.0.0.1"},
        {{.kind = VALUE_JSON, .at = "\"plain\"", .len = 7}, "plain"},
        {{.kind = VALUE_JSON, .at = "\"a\\\"\\n\\u00e9\\u20ac\"", .len = 19}, "a\"\n\xc3\xa9€"},
        {{.kind = VALUE_JSON, .at = "\"\\\"", .len = 3}, "\\"}, // cut short: no more than is there
        {{.kind = VALUE_JSON, .at = "12", .len = 2}, "12"},
        {{.kind = VALUE_JSON, .at = "[1]", .len = 3}, NULL},
        {{.kind = VALUE_JSON, .at = "null", .len = 4}, NULL},
        {{.kind = VALUE_LIST}, NULL},
        {{.kind = VALUE_TREE, .tree = &member}, NULL},
        {{.kind = VALUE_NULL}, NULL},
    };
    kit_begin(NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span text = value_to_text(&event, &cases[i].value, &event.scratch);
        assert_int_equal(text.at == NULL, cases[i].text == NULL);
        assert_true(span_is(text, span_text(cases[i].text)));
    }
}

static bool next_bit(unsigned *seed, unsigned one_in)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 16) % one_in == 0;
}

// Sets a random half of the fields, with random values; both the same for the same seed.
static void set_randomly(struct event *e, unsigned fields, unsigned seed)
{
    static struct tree_item member = {NULL, {(const uint8_t *)"m", 1}, {.kind = VALUE_BOOL}};
    static const struct value values[] = {
        {.kind = VALUE_TEXT, .len = 3, .at = "a\"b"},
        {.kind = VALUE_SIGNED, .number = -7},
        {.kind = VALUE_JSON, .len = 2, .at = "[]"},
        {.kind = VALUE_TREE},
        {.kind = VALUE_TREE, .tree = &member},
        {.kind = VALUE_TEXT, .len = 1, .at = "x", .cut = 1},
        {.kind = VALUE_NULL},
        {.kind = VALUE_TEXT, .len = 4, .at = "same", .fixed = 1},
        {.kind = VALUE_SIGNED, .number = 8, .fixed = 1},
    };
    event_begin(e, schema_ranks(schema, &kit_table));
    for (unsigned rank = 0; rank < e->size - 1; rank++) {
        // objects are set less often, as they may hide what is inside
        if (!next_bit(&fields, schema_keys(schema)[rank].last == rank ? 2 : 8))
            continue;
        next_bit(&seed, 1);
        e->set[rank >> 6] |= UINT64_C(1) << (rank & 63);
        e->values[rank] = values[(seed >> 20) % (sizeof values / sizeof *values)];
    }
}

static void document_does_not_depend_on_the_one_before(void **state)
{
    (void)state;
    static const char *const extra[] = {
        "a.b.c.d.e.f",
        "a.b.x",
        "a.b.c.d.y",
        "z.a",
        "z.b",
        "b.a_part_of_a_name_that_is_longer_than_the_line_which_the_encoder_keeps_for_a_key"};
    kit_begin(extra, 6);
    for (unsigned seed = 0; seed < 3000; seed++) {
        set_randomly(&event, seed % 7 ? seed % 50 : seed, seed / 3);
        static char used[sizeof document_text];
        strcpy(used, document());
        struct shapes *kept = event.shapes;
        event.shapes = shapes_new(schema);
        assert_string_equal(document(), used);
        shapes_free(event.shapes);
        event.shapes = kept;
        int depth = 0;
        for (const char *at = used; *at; at++) {
            depth += (*at == '{') - (*at == '}');
            if (*at == ',' || *at == '{')
                assert_true(at[1] == '"' || at[1] == '}');
        }
        assert_int_equal(depth, 0);
    }
}

// ── what does not fit ────────────────────────────────────────────────────────────────────────────

static void full_batch_takes_nothing(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    char *text = arena_alloc(&arena, 1000);
    memset(text, 'x', 1000);
    event_text(&event, TYPE, span_of(text, 1000));
    struct span route = span("somewhere");
    event.routes = &route;
    event.route_count = 1;
    struct batch *b = batch_open(home, false);
    uint32_t rows = 0, used = 0;
    while (event_write(&event, b)) {
        rows++;
        used = b->used;
    }
    assert_true(rows > 200);
    assert_int_equal(b->rows, rows);
    assert_int_equal(b->used, used);
    for (uint32_t i = 0; i < rows; i++) {
        struct span doc = batch_document(b, batch_row(b, i));
        assert_int_equal(doc.len, 1000 + sizeof "{\"type\":\"\"}" - 1);
        assert_true(span_is(batch_route(b, batch_row(b, i), 0), route));
    }
    batch_release(b);
}

static void room_for_the_routes_is_kept(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct span route = span("somewhere");
    event_text(&event, TYPE, span("a document with a text"));
    size_t needed = strlen(document()) + batch_routes_size(&route, 1);
    event.routes = &route;
    event.route_count = 1;
    for (size_t missing = 0; missing < 2; missing++) {
        struct batch *b = batch_open(home, false);
        struct pen pen = batch_pen(b);
        size_t filled = batch_room(b) - needed - 1 - sizeof(struct row) + missing;
        memset(pen.at, ' ', filled);
        pen.at += filled;
        batch_commit(b, &pen, (struct row){.time = 0});
        assert_int_equal(event_write(&event, b), missing == 0);
        assert_int_equal(b->rows, 2 - missing);
        batch_release(b);
    }
}

static void shrink_cuts_the_largest(void **state)
{
    (void)state;
    static uint8_t large[400000], small[3000];
    memset(large, 'x', sizeof large);
    memset(small, 'y', sizeof small);
    kit_begin(NULL, 0);
    event_text(&event, TYPE, span_of(small, sizeof small));
    event_text(&event, HTTP_BODY, span_of(large, sizeof large));
    assert_true(event_shrink(&event, 200000));
    size_t len = strlen(document());
    assert_true(len <= 200000 && len > 199000);
    assert_non_null(strstr(document_text, "x…\""));
    assert_null(strstr(document_text, "y…\""));
    assert_true(event_shrink(&event, 200000)); // it fits: nothing is done
    assert_int_equal(strlen(document()), len);
}

static void shrink_counts_escapes_and_keeps_characters(void **state)
{
    (void)state;
    static uint8_t text[300000];
    kit_begin(NULL, 0);
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, i % 9 ? "€" : "\x01\x02\x03", 3);
    for (size_t limit = 4000; limit < 4010; limit++) {
        event_text(&event, TYPE, span_of(text, sizeof text));
        assert_true(event_shrink(&event, limit));
        assert_true(strlen(document()) <= limit);
        assert_null(strstr(document_text, "\xef\xbf\xbd"));
    }
}

static void shrink_cuts_chains_and_what_is_inside(void **state)
{
    (void)state;
    static uint8_t text[100000];
    memset(text, 'x', sizeof text);
    struct pool pool;
    struct store store;
    struct chain chain = {NULL, NULL, 0, 0};
    assert_true(pool_init(&pool, CHAIN_BLOCK, 64));
    store_init(&store, &pool, 64 * CHAIN_BLOCK);
    assert_true(chain_add(&chain, &store, span_of(text, 60000)));
    kit_begin(NULL, 0);
    event_chain(&event, HTTP_BODY, &chain);
    event_member(&event, HEADERS, span("long"), value_text(span_of(text, sizeof text)));
    event_add(&event, TAGS, value_text(span_of(text, sizeof text)));
    assert_true(event_shrink(&event, 5000));
    assert_true(strlen(document()) <= 5000);
    int marks = 0;
    for (const char *at = document_text; (at = strstr(at, "…")); at++)
        marks++;
    assert_int_equal(marks, 3);
    store_free(&store);
    pool_free(&pool);
}

static void shrink_says_when_it_cannot(void **state)
{
    (void)state;
    static char json[10000];
    memset(json, '1', sizeof json);
    struct list_item shared = {NULL, value_text(span_of(json, sizeof json))};
    kit_begin(NULL, 0);
    event_json(&event, TYPE, span_of(json, sizeof json));
    assert_false(event_shrink(&event, 9000));
    *event_slot(&event, TYPE) = (struct value){.kind = VALUE_LIST, .list = &shared};
    assert_false(event_shrink(&event, 9000));
    assert_int_equal(shared.value.len, sizeof json); // not the event's own
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(empty_event_is_an_object),
        test(fields_come_nested_whatever_their_order),
        test(row_knows_body_time_dataset_and_routes),
        test(body_without_metadata_and_metadata_without_body),
        test(every_kind_is_written),
        test(field_without_rank_is_not_written),
        test(begin_empties),
        test(lists_grow),
        test(what_is_there_becomes_the_first_item),
        test(list_has_a_ceiling),
        test(full_scratch_loses_the_value_only),
        test(members_merge_with_declared_children),
        test(members_that_become_equal),
        test(object_without_members_is_written_empty),
        test(equal_name_replaces),
        test(members_of_a_tree_that_a_caller_made),
        test(value_stands_for_the_whole_object),
        test(member_named_like_an_object_replaces_it),
        test(deep_tree_ends_in_null),
        test(paths_reach_objects_and_members),
        test(dropping_takes_all_inside),
        test(object_is_fetched_as_a_tree),
        test(fetched_tree_is_on_its_own),
        test(nothing_is_fetched_from_nothing),
        test(saved_event_comes_back),
        test(chain_is_the_same_however_it_is_cut),
        test(elements_of_a_fragment),
        test(values_have_a_text),
        test(document_does_not_depend_on_the_one_before),
        test(full_batch_takes_nothing),
        test(room_for_the_routes_is_kept),
        test(shrink_cuts_the_largest),
        test(shrink_counts_escapes_and_keeps_characters),
        test(shrink_cuts_chains_and_what_is_inside),
        test(shrink_says_when_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
