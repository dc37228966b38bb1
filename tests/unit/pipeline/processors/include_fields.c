// SPDX-License-Identifier: Apache-2.0
// include_fields by name, object, expression; what always stays.

#include "tests/unit/pipeline/chain_kit.h"

static void run(const char *fields)
{
    struct processor_chain *c =
        chain(arena_printf(&arena, "processors: [{include_fields: {fields: %s}}]", fields));
    event_text(&event, BEAT, span("w"));
    event_time(&event, TIMESTAMP, 0);
    event_text(&event, TYPE, span("http"));
    event_number(&event, BYTES, 1);
    event_text(&event, LITERAL, span("me"));
    event_text(&event, HTTP_METHOD, span("GET"));
    event_number(&event, STATUS_CODE, 200);
    event_text(&event, HEADERS_HOST, span("h"));
    event_member(&event, HEADERS, span("cookie"), value_text(span("c")));
    event_member(&event, HEADERS, span("x-b"), value_text(span("b")));
    assert_true(processors_run(c, &event));
}

#define META "\"@metadata\":{\"beat\":\"w\"},\"@timestamp\":\"1970-01-01T00:00:00.000Z\","

static void names_and_objects(void **state)
{
    (void)state;
    run("[]");
    expect("{" META "\"type\":\"http\"}");
    run("[http.response, user.name, none]");
    expect("{" META "\"http\":{\"response\":{\"status_code\":200}},\"type\":\"http\","
           "\"user.name\":\"me\"}");
    run("http.request");
    expect("{" META "\"http\":{\"request\":{\"headers\":{\"cookie\":\"c\",\"x-b\":\"b\","
           "\"host\":\"h\"},\"method\":\"GET\"}},\"type\":\"http\"}");
}

static void one_header(void **state)
{
    (void)state;
    run("[http.request.headers.cookie, http.request.headers.none]");
    expect("{" META "\"http\":{\"request\":{\"headers\":{\"cookie\":\"c\"}}},\"type\":\"http\"}");
}

static void expressions(void **state)
{
    (void)state;
    run("['/^http\\.request\\.headers\\.[ch]/', '/bytes$/']");
    expect("{" META "\"http\":{\"request\":{\"headers\":{\"cookie\":\"c\",\"host\":\"h\"}}},"
           "\"source\":{\"bytes\":1},\"type\":\"http\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(names_and_objects),
        test(one_header),
        test(expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
