// SPDX-License-Identifier: Apache-2.0
// Values of FNV-1a were worked out by hand from its definition; those with the highest bit set tell
// the mask from an absolute value.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "outputs/kafka_partition.h"
#include "pipeline/base/hash.h"

static uint32_t by_key(const char *key, uint32_t count)
{
    struct kafka_partitioning how = {KAFKA_HASH, 1, false};
    struct kafka_draw draw = {.hash = hash_fnv1a(span_text(key)), .hashed = true};
    return kafka_partition(&how, &draw, count);
}

static void keys_choose_as_the_reference(void **state)
{
    (void)state;
    // "a" is 0xe40c292c: without its highest bit 0x640c292c = 1678518572. Its absolute value as a
    // signed number would be 468965076, which gives other partitions.
    assert_int_equal(by_key("a", 3), 1678518572 % 3);
    assert_int_equal(by_key("a", 7), 1678518572 % 7);
    assert_int_not_equal(by_key("a", 7), 468965076 % 7);
    // "foobar" is 0xbf9cf968: 0x3f9cf968 = 1067252072
    assert_int_equal(by_key("foobar", 10), 2);
    assert_int_equal(by_key("foobar", 1000), 72);
    // 0x811c9dc5 of nothing: 0x011c9dc5 = 18652613
    assert_int_equal(by_key("", 1000), 613);
    assert_int_equal(by_key("a", 1), 0);
}

static void round_robin_goes_in_groups(void **state)
{
    (void)state;
    struct kafka_partitioning how = {KAFKA_ROUND_ROBIN, 2, false};
    static const uint32_t wanted[] = {0, 0, 1, 1, 2, 2, 0, 0};
    for (uint64_t turn = 0; turn < 8; turn++)
        assert_int_equal(kafka_partition(&how, &(struct kafka_draw){.turn = turn}, 3),
                         wanted[turn]);
}

// How many of `turns` messages go to each of three partitions.
static void spread(const struct kafka_partitioning *how, uint64_t turns, unsigned to[3])
{
    for (uint64_t turn = 0; turn < turns; turn++)
        to[kafka_partition(how, &(struct kafka_draw){.turn = turn}, 3)]++;
}

static void chance_reaches_all_evenly(void **state)
{
    (void)state;
    struct kafka_partitioning random = {KAFKA_RANDOM, 1, false}, hash = {KAFKA_HASH, 1, false};
    unsigned a[3] = {0}, b[3] = {0};
    spread(&random, 30000, a);
    spread(&hash, 3000000, b);
    for (int i = 0; i < 3; i++) {
        assert_in_range(a[i], 9000, 11000);
        assert_in_range(b[i], 900000, 1100000);
    }
}

static void groups_stay_together(void **state)
{
    (void)state;
    struct kafka_partitioning how = {KAFKA_RANDOM, 10, false};
    for (uint64_t turn = 0; turn < 1000; turn++) {
        struct kafka_draw one = {.turn = turn}, first = {.turn = turn / 10 * 10};
        assert_int_equal(kafka_partition(&how, &one, 7), kafka_partition(&how, &first, 7));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_choose_as_the_reference),
        cmocka_unit_test(round_robin_goes_in_groups),
        cmocka_unit_test(chance_reaches_all_evenly),
        cmocka_unit_test(groups_stay_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
