// SPDX-License-Identifier: Apache-2.0
// Rules and routes: what decides, in which order, and what is refused.

#include "pipeline/selector.h"
#include "tests/unit/pipeline/yaml.h"

static const struct output_world world = {.program = "weir", .version = "1.2.3", .host = "probe"};

static struct selector *read_from(const char *text, const char *rules, const char *field,
                                  bool lower)
{
    struct selector_source from = {.text = text,
                                   .rules = rules ? config_get(yaml(rules), "indices") : NULL,
                                   .key = "index",
                                   .field = field,
                                   .lower = lower,
                                   .world = &world};
    return selector_read(&from, schema, &arena, &why);
}

static void expect(const struct selector *sel, const char *text)
{
    if (!sel)
        fail_msg("%s", why.text);
    struct span found = selector_resolve(sel, &event);
    if (!span_is(found, span_text(text)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)found.len, (const char *)found.at, text);
}

static const char rules[] = "indices:\n"
                            "  - {index: 'Dns-%{[type]}', when.equals.type: dns}\n"
                            "  - index: '%{[http.request.method]}'\n"
                            "    mappings: {GET: Reads, put: writes}\n"
                            "    when.has_fields: [http.request.method]\n"
                            "  - {index: 'code-%{[http.response.status_code]}'}\n";

static void the_first_rule_that_fits_decides(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct selector *sel = read_from("weir-%{[agent.version]}", rules, NULL, true);
    struct span constant;
    assert_true(selector_constant(sel, &constant));
    assert_true(span_is(constant, span("weir-1.2.3")));
    expect(sel, ""); // no rule: the constant
    event_number(&event, STATUS_CODE, 404);
    expect(sel, "code-404");
    event_text(&event, HTTP_METHOD, span("GET"));
    expect(sel, "reads");
    event_text(&event, HTTP_METHOD, span("PUT"));
    expect(sel, "writes");
    event_text(&event, HTTP_METHOD, span("HEAD")); // not mapped, no default
    expect(sel, "code-404");
    event_text(&event, TYPE, span("dns"));
    expect(sel, "dns-dns");
}

static void a_default_ends_the_search(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct selector *sel = read_from("x",
                                     "indices: [{index: '%{[type]}', mappings: {dns: d}, "
                                     "default: Other}, {index: never}]",
                                     NULL, false);
    expect(sel, "Other"); // no type at all
    event_text(&event, TYPE, span("http"));
    expect(sel, "Other");
    event_text(&event, TYPE, span("dns"));
    expect(sel, "d");
}

static void the_field_beats_all(void **state)
{
    (void)state;
    static const char *const extra[] = {"@metadata.raw_index"};
    kit_begin(extra, 1);
    struct selector *sel = read_from("%{[type]}", rules, "@metadata.raw_index", true);
    struct span constant;
    assert_false(selector_constant(sel, &constant));
    expect(sel, ""); // no type: no route
    event_text(&event, TYPE, span("DNS"));
    expect(sel, "dns");
    struct field_path path = schema_path(schema, "@metadata.raw_index", &arena);
    event_put(&event, &path, value_text(span("MINE")));
    expect(sel, "mine");
    assert_non_null(read_from("a", NULL, "@metadata.nobody_has_it", true));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    static const char *const bad[][2] = {
        {"indices: {index: a}", "expected a list of rules"},
        {"indices: [a]", "x.yml:1: "},
        {"indices: [{when.equals.type: a}]", "a rule needs index"},
        {"indices: [{index: a, whem.equals.type: a}]", "a rule has index, mappings"},
        {"indices: [{index: '%{type}'}]", "x.yml:1: "},
        {"indices: [{index: a, when.similar.type: a}]", "x.yml:1: "},
        {"indices: [{index: a, mappings: {b: [c]}}]", "expected a text for a text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(read_from("a", bad[i][0], NULL, false));
        expect_why(bad[i][1]);
    }
    assert_null(read_from("%{", NULL, NULL, false));
}

// ── routes of several outputs ────────────────────────────────────────────────────────────────────

struct settings {
    const char *index, *pipeline;
    const struct config *indices;
};

static const struct setting settings_table[] = {
    {.key = "index", .type = SETTING_TEXT, .offset = offsetof(struct settings, index)},
    {.key = "pipeline", .type = SETTING_TEXT, .offset = offsetof(struct settings, pipeline)},
    {.key = "indices", .type = SETTING_NODE, .offset = offsetof(struct settings, indices)},
    SETTING_END,
};
static const struct output_route two[] = {
    {"index", "indices", NULL, true}, {"pipeline", NULL, NULL, true}, {NULL, NULL, NULL, false}};
static const struct output with_routes = {.name = "a", .settings = settings_table, .routes = two};
static const struct output without = {.name = "b"};

static void rows_get_routes_only_if_some_differ(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    struct settings first = {.index = "Same", .pipeline = "p"}, second = {.index = "x-%{[type]}"};
    struct publisher_output list[] = {{.output = &with_routes, .settings = &first},
                                      {.output = &without},
                                      {.output = &with_routes, .settings = &second}};
    struct routes *r = routes_read(list, 3, &world, schema, &arena, &why);
    assert_non_null(r);
    assert_int_equal(list[0].route, 0);
    assert_int_equal(list[1].route, 2);
    assert_int_equal(list[2].route, 2);
    assert_true(span_is(list[0].constants[0], span("same")));
    assert_true(span_is(list[0].constants[1], span("p")));
    assert_int_equal(list[2].constants[0].len, 0);

    routes_resolve(r, &event);
    assert_int_equal(event.route_count, 0);
    event_text(&event, TYPE, span("dns"));
    routes_resolve(r, &event);
    assert_int_equal(event.route_count, 4);
    assert_int_equal(event.routes[0].len, 0);
    assert_true(span_is(event.routes[2], span("x-dns")));

    struct batch *b = batch_open(home, false);
    assert_true(event_write(&event, b));
    struct parcel_row row = {b, batch_row(b, 0)};
    struct parcel p = {.rows = &row, .route = 0, .constants = list[0].constants};
    assert_true(span_is(parcel_route(&p, &row, 0), span("same")));
    assert_true(span_is(parcel_route(&p, &row, 1), span("p")));
    p = (struct parcel){.rows = &row, .route = 2, .constants = list[2].constants};
    assert_true(span_is(parcel_route(&p, &row, 0), span("x-dns")));
    assert_int_equal(parcel_route(&p, &row, 1).len, 0);
    batch_release(b);

    second.index = "%{";
    assert_null(routes_read(list, 3, &world, schema, &arena, &why));
    expect_why("output.a.index: format string");
}

static const char *const *texts_of(const void *settings, struct arena *a)
{
    static const char *const texts[] = {"t-%{[type]}", "plain", NULL};
    (void)settings, (void)a;
    return texts;
}

static void texts_of_an_output_are_routes_too(void **state)
{
    (void)state;
    kit_begin(NULL, 0);
    static const struct output with_more = {
        .name = "c", .settings = settings_table, .routes = two, .more_routes = texts_of};
    struct settings first = {.index = "i"};
    struct publisher_output list[] = {{.output = &with_more, .settings = &first},
                                      {.output = &with_routes, .settings = &first}};
    struct routes *r = routes_read(list, 2, &world, schema, &arena, &why);
    assert_non_null(r);
    assert_int_equal(list[1].route, 4);
    assert_int_equal(list[0].constants[2].len, 0);
    assert_true(span_is(list[0].constants[3], span("plain")));
    event_text(&event, TYPE, span("dns"));
    routes_resolve(r, &event);
    assert_int_equal(event.route_count, 6);
    assert_true(span_is(event.routes[2], span("t-dns")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_first_rule_that_fits_decides),
        test(a_default_ends_the_search),
        test(the_field_beats_all),
        test(what_is_wrong_is_said),
        test(rows_get_routes_only_if_some_differ),
        test(texts_of_an_output_are_routes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
