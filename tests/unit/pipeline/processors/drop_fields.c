// SPDX-License-Identifier: Apache-2.0
// drop_fields by name, object, expression; what cannot be dropped.

#include "tests/unit/pipeline/chain_kit.h"

static void run(const char *fields)
{
    struct processor_chain *c =
        chain(arena_printf(&arena, "processors: [{drop_fields: {fields: %s}}]", fields));
    event_text(&event, BEAT, span("w"));
    event_time(&event, TIMESTAMP, 0);
    event_text(&event, TYPE, span("http"));
    event_text(&event, LITERAL, span("me"));
    event_text(&event, HTTP_METHOD, span("GET"));
    event_number(&event, STATUS_CODE, 200);
    event_text(&event, HEADERS_HOST, span("h"));
    event_member(&event, HEADERS, span("cookie"), value_text(span("c")));
    event_member(&event, HEADERS, span("x-b"), value_text(span("b")));
    assert_true(processors_run(c, &event));
}

#define META "\"@metadata\":{\"beat\":\"w\"},\"@timestamp\":\"1970-01-01T00:00:00.000Z\","
#define TAIL ",\"type\":\"http\",\"user.name\":\"me\"}"

static void names_and_objects(void **state)
{
    (void)state;
    run("[http.request, none, http.none]");
    expect("{" META "\"http\":{\"response\":{\"status_code\":200}}" TAIL);
    run("http.request.method");
    assert_null(strstr(document(), "GET"));
    run("[user.name, http]");
    expect("{" META "\"type\":\"http\"}");
}

static void one_header(void **state)
{
    (void)state;
    run("[http.request.headers.cookie, http.request.headers.host]");
    expect("{" META "\"http\":{\"request\":{\"headers\":{\"x-b\":\"b\"},\"method\":\"GET\"},"
           "\"response\":{\"status_code\":200}}" TAIL);
}

static void expressions(void **state)
{
    (void)state;
    run("['/^http\\.request\\.headers\\.(cookie|host)$/']");
    expect("{" META "\"http\":{\"request\":{\"headers\":{\"x-b\":\"b\"},\"method\":\"GET\"},"
           "\"response\":{\"status_code\":200}}" TAIL);
    run("['/name$/', '/status/']");
    expect("{" META "\"http\":{\"request\":{\"headers\":{\"cookie\":\"c\",\"x-b\":\"b\","
           "\"host\":\"h\"},\"method\":\"GET\"}},\"type\":\"http\"}");
}

static void time_and_type_stay(void **state)
{
    (void)state;
    run("['@timestamp', type, '/.*/']");
    expect("{" META "\"http\":{\"request\":{\"headers\":{}}},\"type\":\"http\"}");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("processors: [{drop_fields: {fields: ['/(/']}}]", "no regular expression");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(names_and_objects),  test(one_header),          test(expressions),
        test(time_and_type_stay), test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
