// SPDX-License-Identifier: Apache-2.0
// How long one HTTP document of 1.4 kB and some 50 fields takes from values to bytes: nanoseconds
// of CPU for setting the fields, and for setting and writing them. Not a test. Compile with -O2 and
// link with the libraries weir_pipeline, weir_config and weir_base; the argument is how many.

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/batch.h"
#include "pipeline/event.h"

#define FIELDS                                                   \
    FIELD(BEAT, "@metadata.beat", KEYWORD)                       \
    FIELD(META_TYPE, "@metadata.type", KEYWORD)                  \
    FIELD(META_VERSION, "@metadata.version", KEYWORD)            \
    FIELD(TIMESTAMP, "@timestamp", DATE)                         \
    FIELD(AGENT_EPHEMERAL, "agent.ephemeral_id", KEYWORD)        \
    FIELD(AGENT_ID, "agent.id", KEYWORD)                         \
    FIELD(AGENT_NAME, "agent.name", KEYWORD)                     \
    FIELD(AGENT_TYPE, "agent.type", KEYWORD)                     \
    FIELD(AGENT_VERSION, "agent.version", KEYWORD)               \
    FIELD(CLIENT_IP, "client.ip", IP)                            \
    FIELD(CLIENT_PORT, "client.port", LONG)                      \
    FIELD(CLIENT_BYTES, "client.bytes", LONG)                    \
    FIELD(DESTINATION_IP, "destination.ip", IP)                  \
    FIELD(DESTINATION_PORT, "destination.port", LONG)            \
    FIELD(DESTINATION_BYTES, "destination.bytes", LONG)          \
    FIELD(DESTINATION_DOMAIN, "destination.domain", KEYWORD)     \
    FIELD(ECS, "ecs.version", KEYWORD)                           \
    FIELD(CATEGORY, "event.category", KEYWORD)                   \
    FIELD(DATASET, "event.dataset", KEYWORD)                     \
    FIELD(DURATION, "event.duration", LONG)                      \
    FIELD(END, "event.end", DATE)                                \
    FIELD(KIND, "event.kind", KEYWORD)                           \
    FIELD(START, "event.start", DATE)                            \
    FIELD(EVENT_TYPE, "event.type", KEYWORD)                     \
    FIELD(HOST, "host.name", KEYWORD)                            \
    FIELD(REQUEST_BYTES, "http.request.bytes", LONG)             \
    FIELD(REQUEST_HEADERS, "http.request.headers", OBJECT)       \
    FIELD(REQUEST_METHOD, "http.request.method", KEYWORD)        \
    FIELD(RESPONSE_BODY_BYTES, "http.response.body.bytes", LONG) \
    FIELD(RESPONSE_BYTES, "http.response.bytes", LONG)           \
    FIELD(RESPONSE_HEADERS, "http.response.headers", OBJECT)     \
    FIELD(STATUS_CODE, "http.response.status_code", LONG)        \
    FIELD(STATUS_PHRASE, "http.response.status_phrase", KEYWORD) \
    FIELD(HTTP_VERSION, "http.version", KEYWORD)                 \
    FIELD(METHOD, "method", KEYWORD)                             \
    FIELD(NETWORK_BYTES, "network.bytes", LONG)                  \
    FIELD(COMMUNITY_ID, "network.community_id", KEYWORD)         \
    FIELD(DIRECTION, "network.direction", KEYWORD)               \
    FIELD(PROTOCOL, "network.protocol", KEYWORD)                 \
    FIELD(TRANSPORT, "network.transport", KEYWORD)               \
    FIELD(NETWORK_TYPE, "network.type", KEYWORD)                 \
    FIELD(QUERY, "query", KEYWORD)                               \
    FIELD(SERVER_IP, "server.ip", IP)                            \
    FIELD(SERVER_PORT, "server.port", LONG)                      \
    FIELD(SERVER_BYTES, "server.bytes", LONG)                    \
    FIELD(SOURCE_IP, "source.ip", IP)                            \
    FIELD(SOURCE_PORT, "source.port", LONG)                      \
    FIELD(SOURCE_BYTES, "source.bytes", LONG)                    \
    FIELD(STATUS, "status", KEYWORD)                             \
    FIELD(TYPE, "type", KEYWORD)                                 \
    FIELD(URL_FULL, "url.full", KEYWORD)                         \
    FIELD(URL_PATH, "url.path", KEYWORD)                         \
    FIELD(USER_AGENT, "user_agent.original", KEYWORD)

enum bench_field {
#define FIELD(id, name, type) id,
    FIELDS
#undef FIELD
        BENCH_FIELDS
};

static const struct field fields[] = {
#define FIELD(id, name, type) {name, FIELD_##type, "a", 0},
    FIELDS
#undef FIELD
};

static const struct field_table table = {"bench", NULL, fields, BENCH_FIELDS};

#define TEXT(field, text) event_text(e, field, (struct span)SPAN(text))

// What emit and a protocol set for one transaction.
static void fill(struct event *e, const uint16_t *ranks, int64_t now)
{
    static const uint8_t from[] = {192, 168, 178, 21}, to[] = {10, 11, 12, 13};
    event_begin(e, ranks);
    TEXT(BEAT, "packetbeat");
    TEXT(META_TYPE, "_doc");
    TEXT(META_VERSION, "8.17.2");
    event_time(e, TIMESTAMP, now);
    TEXT(AGENT_EPHEMERAL, "5a31b2a6-96f5-4d3f-8b2b-4b7d2bb6a7b1");
    TEXT(AGENT_ID, "0a0b1f4e-4a70-4d8c-9c3f-6c1e2f3a4b5c");
    TEXT(AGENT_NAME, "probe1");
    TEXT(AGENT_TYPE, "packetbeat");
    TEXT(AGENT_VERSION, "8.17.2");
    event_ip(e, CLIENT_IP, from, 4);
    event_number(e, CLIENT_PORT, 40123);
    event_number(e, CLIENT_BYTES, 178);
    event_ip(e, DESTINATION_IP, to, 4);
    event_number(e, DESTINATION_PORT, 8080);
    event_number(e, DESTINATION_BYTES, 12345);
    TEXT(DESTINATION_DOMAIN, "www.example.net");
    TEXT(ECS, "8.0.0");
    event_json(e, CATEGORY, (struct span)SPAN("[\"network\"]"));
    TEXT(DATASET, "http");
    event_number(e, DURATION, 20123456);
    event_time(e, END, now + 20123456);
    TEXT(KIND, "event");
    event_time(e, START, now);
    event_json(e, EVENT_TYPE, (struct span)SPAN("[\"connection\",\"protocol\"]"));
    TEXT(HOST, "probe1");
    event_number(e, REQUEST_BYTES, 178);
    event_member(e, REQUEST_HEADERS, (struct span)SPAN("content-length"), value_number(0));
    TEXT(REQUEST_METHOD, "GET");
    event_number(e, RESPONSE_BODY_BYTES, 12100);
    event_number(e, RESPONSE_BYTES, 12345);
    event_member(e, RESPONSE_HEADERS, (struct span)SPAN("content-length"), value_number(12100));
    event_member(e, RESPONSE_HEADERS, (struct span)SPAN("content-type"),
                 value_text((struct span)SPAN("text/html; charset=utf-8")));
    event_number(e, STATUS_CODE, 200);
    TEXT(STATUS_PHRASE, "ok");
    TEXT(HTTP_VERSION, "1.1");
    TEXT(METHOD, "GET");
    event_number(e, NETWORK_BYTES, 12523);
    TEXT(COMMUNITY_ID, "1:3k1SoWXs/FltHw2aBCgUTgbDQF4=");
    TEXT(DIRECTION, "unknown");
    TEXT(PROTOCOL, "http");
    TEXT(TRANSPORT, "tcp");
    TEXT(NETWORK_TYPE, "ipv4");
    TEXT(QUERY, "GET /index/of/something.html");
    event_ip(e, SERVER_IP, to, 4);
    event_number(e, SERVER_PORT, 8080);
    event_number(e, SERVER_BYTES, 12345);
    event_ip(e, SOURCE_IP, from, 4);
    event_number(e, SOURCE_PORT, 40123);
    event_number(e, SOURCE_BYTES, 178);
    TEXT(STATUS, "OK");
    TEXT(TYPE, "http");
    TEXT(URL_FULL, "http://www.example.net/index/of/something.html");
    TEXT(URL_PATH, "/index/of/something.html");
    TEXT(USER_AGENT, "curl/7.88.1");
}

// Nanoseconds a document.
static double run(struct event *e, const uint16_t *ranks, struct batch_home *home, long rounds,
                  bool write)
{
    struct batch *b = batch_open(home, false);
    int64_t began = clock_cpu();
    for (long i = 0; i < rounds; i++) {
        fill(e, ranks, 1735689600000000000 + i * 1000003);
        if (!write || event_write(e, b))
            continue;
        batch_release(b);
        b = batch_open(home, false);
        event_write(e, b);
    }
    int64_t took = clock_cpu() - began;
    batch_release(b);
    return (double)took / (double)rounds;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1000000;
    struct arena arena;
    struct event event;
    struct counters counters = {0};
    const struct field_table *tables[] = {&table};
    struct error why = {""};
    arena_init(&arena, 1 << 24);
    struct schema *schema = schema_build(tables, 1, NULL, 0, true, &arena, &why);
    if (!schema || !event_init(&event, schema, 1 << 20, &counters, 3)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    const uint16_t *ranks = schema_ranks(schema, &table);
    struct batch_home *home = batch_home_new(2);
    struct batch *b = batch_open(home, false);
    fill(&event, ranks, 1735689600000000000);
    event_write(&event, b);
    unsigned bytes = batch_row(b, 0)->length;
    if (argc > 2)
        printf("%.*s\n", (int)bytes, (const char *)b->bytes);
    batch_release(b);
    double set = run(&event, ranks, home, rounds, false);
    double all = run(&event, ranks, home, rounds, true);
    printf("%u bytes, %d fields: set %.0f ns, set and written %.0f ns\n", bytes, BENCH_FIELDS, set,
           all);
    batch_home_free(home);
    event_free(&event);
    arena_free(&arena);
    return 0;
}
