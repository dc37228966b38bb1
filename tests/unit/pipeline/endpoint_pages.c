// SPDX-License-Identifier: Apache-2.0
// The endpoint's pages: names, sums, formats.

#include "pipeline/endpoint_pages.h"

#include "pipeline/base/clock.h"
#include "tests/unit/pipeline/kit.h"

const struct output *const outputs[] = {NULL};

static const struct identity identity = {.id = "an-id",
                                         .ephemeral_id = "of-this-run",
                                         .name = "probe \"1\"",
                                         .type = "packetbeat",
                                         .version = "8.17.2"};
static const struct queue_settings queue = {.events = 200, .bytes = 4096};
static const struct endpoint_input input = {"af_packet", "eth0"};
static const char *const protocols[] = {"http", NULL, "dns"};
static bool ready;

static bool is_ready(void *arg, struct error *reason)
{
    (void)arg;
    return ready || error_set(reason, "an output waits");
}

static const struct endpoint_world world = {.identity = &identity,
                                            .queue = &queue,
                                            .protocols = protocols,
                                            .protocol_count = 3,
                                            .inputs = &input,
                                            .input_count = 1,
                                            .workers = 2,
                                            .is_ready = is_ready};

static struct endpoint_view view(void)
{
    struct endpoint_view v = {.world = &world, .uptime = 3 * SECOND, .started = 5 * SECOND / 2};
    v.usage =
        (struct usage){.user = SECOND, .system = SECOND / 2, .processors = 2, .load = {1, 2, 3}};
    v.stats.workers.packets_seen = 17;
    v.stats.workers.events_made = 10;
    v.stats.workers.events_filtered = 3;
    v.stats.workers.events_lost_batch = 1;
    v.stats.workers.flows_now = 4;
    v.stats.workers.unanswered_of[0] = 7;
    v.stats.workers.unasked_of[2] = 8;
    v.stats.outputs = 2;
    v.stats.output[0] =
        (struct stats_output){"file", {.accepted = 6, .delivered = 5, .waiting = 1}};
    v.stats.output[1] =
        (struct stats_output){"kafka", {.accepted = 6, .delivered = 2, .shed = 4, .retries = 9}};
    return v;
}

static char body[256 * 1024];

static unsigned get(const char *path)
{
    struct endpoint_view v = view();
    struct pen pen = pen_of(body, sizeof body - 1);
    for (const struct endpoint_page *p = endpoint_pages; p->path; p++)
        if (!strcmp(p->path, path)) {
            unsigned status = p->write(&v, &pen);
            assert_false(pen.full);
            *pen.at = 0;
            return status;
        }
    fail_msg("there is no %s", path);
    return 0;
}

static void assert_has(const char *text)
{
    if (!strstr(body, text))
        fail_msg("%s is not in %s", text, body);
}

static void root(void **state)
{
    (void)state;
    assert_int_equal(get("/"), 200);
    assert_has("{\"beat\":\"packetbeat\",");
    assert_has("\"ephemeral_id\":\"of-this-run\"");
    assert_has("\"name\":\"probe \\\"1\\\"\"");
    assert_has("\"uuid\":\"an-id\",\"version\":\"8.17.2\"}\n");
}

static void stats(void **state)
{
    (void)state;
    assert_int_equal(get("/stats"), 200);
    assert_has("{\"beat\":{\"cpu\":{\"system\":{\"ticks\":500,\"time\":{\"ms\":500}},\"total\":{"
               "\"ticks\":1500,"
               "\"time\":{\"ms\":1500},\"value\":1500}");
    assert_has("\"uptime\":{\"ms\":3000}");
    assert_has("\"http\":{\"unmatched_requests\":7,\"unmatched_responses\":0},"
               "\"dns\":{\"unmatched_requests\":0,\"unmatched_responses\":8},\"system\"");
    assert_has("\"events\":{\"acked\":7,\"active\":1,\"batches\":0,\"dead_letter\":0,\"dropped\":4,"
               "\"duplicates\":0,\"failed\":9,\"toomany\":0,\"total\":21}");
    assert_has("\"type\":\"file,kafka\"");
    assert_has("\"clients\":2,\"events\":{\"active\":1,\"dropped\":5,\"failed\":1,\"filtered\":3,"
               "\"published\":0,"
               "\"retry\":9,\"total\":10}");
    assert_has("\"filled\":{\"events\":1,\"pct\":0.005},\"max_bytes\":4096,\"max_events\":200");
    assert_has("\"system\":{\"cpu\":{\"cores\":2},\"load\":{\"1\":1,\"5\":2,\"15\":3,\"norm\":{"
               "\"1\":0.5,\"5\":1,"
               "\"15\":1.5}}}");
    assert_has("\"weir\":{\"packets_seen\":17,");
    assert_has("\"kafka\":{\"accepted\":6,");
}

static void inputs(void **state)
{
    (void)state;
    assert_int_equal(get("/inputs/"), 200);
    assert_has("[{\"device\":\"eth0\",\"id\":\"eth0\",\"input\":\"af_packet\",\"packets\":17,");
}

static void metrics(void **state)
{
    (void)state;
    assert_int_equal(get("/metrics"), 200);
    assert_has("# TYPE weir_packets_seen_total counter\nweir_packets_seen_total 17\n");
    assert_has("# TYPE weir_flows_now gauge\nweir_flows_now 4\n");
    assert_has(
        "# TYPE weir_output_delivered_total counter\nweir_output_delivered_total{output=\"file\"} "
        "5\nweir_output_delivered_total{output=\"kafka\"} 2\n");
    assert_has("# TYPE weir_output_waiting gauge\nweir_output_waiting{output=\"file\"} 1\n");
    assert_has("\nprocess_cpu_seconds_total 1.5\n");
    assert_has("\nprocess_start_time_seconds 2.5\n");
}

static void health(void **state)
{
    (void)state;
    assert_int_equal(get("/healthz"), 200);
    ready = true;
    assert_int_equal(get("/readyz"), 200);
    ready = false;
    assert_int_equal(get("/readyz"), 503);
    assert_string_equal(body, "an output waits\n");
}

static void pretty(void **state)
{
    (void)state;
    struct pen pen = pen_of(body, sizeof body - 1);
    endpoint_pretty(span("{\"a\":{},\"b\":[],\"c\\\"{\":[1,{\"d\":\"\\\\\"}],\"e\":\"}\"}\n"),
                    &pen);
    *pen.at = 0;
    assert_string_equal(
        body, "{\n  \"a\": {},\n  \"b\": [],\n  \"c\\\"{\": [\n    1,\n    {\n      \"d\": "
              "\"\\\\\"\n    }\n  ],\n  \"e\": \"}\"\n}\n");
    pen = pen_of(body, sizeof body - 1);
    endpoint_pretty(span("\"cut"), &pen);
    pen = pen_of(body, 3);
    endpoint_pretty(span("{\"a\":1}"), &pen);
    assert_true(pen.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root),    cmocka_unit_test(stats),  cmocka_unit_test(inputs),
        cmocka_unit_test(metrics), cmocka_unit_test(health), cmocka_unit_test(pretty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
