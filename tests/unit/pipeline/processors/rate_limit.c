// SPDX-License-Identifier: Apache-2.0
// rate_limit: buckets that fill with the time of the documents, for each key, shared by threads.

#include "tests/unit/pipeline/chain_kit.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"

static bool passes(struct processor_chain *c, int64_t time, const char *type)
{
    event_begin(&event, schema_ranks(schema, &kit_table));
    event.time = time;
    if (type)
        event_text(&event, TYPE, span_text(type));
    return processors_run(c, &event);
}

static int burst(struct processor_chain *c, int64_t time, const char *type)
{
    int passed = 0;
    for (int i = 0; i < 1000; i++)
        passed += passes(c, time, type);
    return passed;
}

static void buckets_fill(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{rate_limit: {limit: 10/s}}]");
    int64_t now = 1700000000 * SECOND;
    assert_int_equal(burst(c, now, NULL), 10);
    assert_int_equal(burst(c, now + SECOND / 10, NULL), 1);
    assert_int_equal(burst(c, now + SECOND / 2, NULL), 4);
    assert_int_equal(burst(c, now + 100 * SECOND, NULL), 10);
    c = chain(
        "processors: [{rate_limit: {limit: 6/m, algorithm.token_bucket.burst_multiplier: 2}}]");
    assert_int_equal(burst(c, now, NULL), 12);
    assert_int_equal(burst(c, now + 10 * SECOND, NULL), 1);
    c = chain("processors: [{rate_limit: {limit: 0.5/s}}]");
    assert_int_equal(burst(c, now, NULL), 1);
    assert_int_equal(burst(c, now + SECOND, NULL), 0);
    assert_int_equal(burst(c, now + 2 * SECOND, NULL), 1);
}

static void keys_have_their_own(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{rate_limit: {limit: 3/h, fields: [type]}}]");
    int64_t now = 1700000000 * SECOND;
    assert_int_equal(burst(c, now, "dns"), 3);
    assert_int_equal(burst(c, now, "http"), 3);
    assert_int_equal(burst(c, now, NULL), 3);
    assert_int_equal(burst(c, now, ""), 0);
    for (int i = 0; i < 100000; i++)
        assert_true(passes(c, now + i, arena_printf(&event.scratch, "%d", i)));
}

static void clock_set_back(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{rate_limit: {limit: 10/s}}]");
    assert_int_equal(burst(c, 1700000000 * SECOND, NULL), 10);
    assert_int_equal(burst(c, 1600000000 * SECOND, NULL), 10);
    assert_int_equal(burst(c, 1600000000 * SECOND - SECOND, NULL), 0);
}

// ── threads ──────────────────────────────────────────────────────────────────────────────────────

enum { THREADS = 4 };

static struct processor_chain *shared;

static void *hammer(void *passed)
{
    struct event own;
    if (!event_init(&own, schema, 1 << 16, &counters, 3))
        return NULL;
    for (int i = 0; i < 10000; i++) {
        event_begin(&own, schema_ranks(schema, &kit_table));
        own.time = 1700000000 * SECOND;
        *(int *)passed += processors_run(shared, &own);
    }
    event_free(&own);
    return NULL;
}

static void workers_share_it(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int passed[THREADS] = {0}, sum = 0;
    shared = chain("processors: [{rate_limit: {limit: 1000/s}}]");
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start("hammer", hammer, &passed[i]);
    for (int i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        sum += passed[i];
    }
    assert_int_equal(sum, 1000);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const limits[] = {"10",   "10/d",  "/s",  "0/s",
                                         "-1/s", "nan/s", "x/s", "1/sec"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        refused(arena_printf(&arena, "processors: [{rate_limit: {limit: %s}}]", limits[i]),
                "expected one like 10/s");
    refused("processors: [{rate_limit: {limit: 1/s, algorithm.token_bucket.burst_multiplier: 0}}]",
            "above zero");
    refused("processors: [{rate_limit: }]", "limit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(buckets_fill),     test(keys_have_their_own), test(clock_set_back),
        test(workers_share_it), test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
