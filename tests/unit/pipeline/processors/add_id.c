// SPDX-License-Identifier: Apache-2.0
// add_id: ids differ, grow with time, and are of twenty characters.

#include "tests/unit/pipeline/chain_kit.h"

static struct span id_of(struct processor_chain *c, int64_t time)
{
    struct field_path path = schema_path(schema, "@metadata._id", &arena);
    event_begin(&event, schema_ranks(schema, &kit_table));
    event.time = time;
    assert_true(processors_run(c, &event));
    const struct value *v = event_value(&event, &path);
    assert_non_null(v);
    return arena_copy(&arena, span_of(v->at, v->len));
}

static void ids_grow(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{add_id: }]");
    static const int64_t times[] = {0,
                                    -5,
                                    INT64_C(1700000000000000000),
                                    INT64_C(1700000000000000000),
                                    INT64_C(1699999999000000000),
                                    INT64_C(1700000000001000000),
                                    INT64_MAX};
    struct span before = span_of("", 0);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct span id = id_of(c, times[i]);
        assert_int_equal(id.len, 20);
        assert_true(!before.len || memcmp(before.at, id.at, 20) < 0);
        before = id;
    }
}

static void target(void **state)
{
    (void)state;
    struct processor_chain *c = chain("processors: [{add_id: {target_field: event.id}}]");
    assert_true(processors_run(c, &event));
    assert_int_equal(strlen(document()), strlen("{\"event\":{\"id\":\"01234567890123456789\"}}"));
    refused("processors: [{add_id: {type: uuid}}]", "elasticsearch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(ids_grow),
        test(target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
