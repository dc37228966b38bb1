// SPDX-License-Identifier: Apache-2.0
// What counts as the same packet, and for how long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/base/clock.h"
#include "probe/capture/duplicates.h"

static struct counters counters;
static struct duplicates *d;

static int setup(void **state)
{
    (void)state;
    memset(&counters, 0, sizeof counters);
    d = duplicates_new(10 * MILLISECOND, 1, &counters);
    return d ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    duplicates_free(d);
    return 0;
}

// An Ethernet frame of IPv4 with that identification and time to live.
static struct frame frame(uint8_t bytes[64], uint8_t id, uint8_t ttl, int64_t time)
{
    memset(bytes, 0, 64);
    bytes[12] = 0x08;
    bytes[14] = 0x45;
    bytes[19] = id;
    bytes[22] = ttl;
    bytes[24] = ttl; // its checksum follows
    return (struct frame){.at = bytes, .len = 64, .wire = 64, .time = time, .link = LINK_ETHERNET};
}

static bool is_kept(struct frame f)
{
    return duplicates_drop(d, &f, 1) == 1;
}

static void the_second_is_dropped(void **state)
{
    (void)state;
    uint8_t a[64], b[64], c[64];
    assert_true(is_kept(frame(a, 1, 64, SECOND)));
    assert_false(is_kept(frame(b, 1, 64, SECOND + MILLISECOND)));
    assert_true(is_kept(frame(c, 2, 64, SECOND + MILLISECOND)));
    assert_int_equal(counters.packets_seen, 1);
    assert_int_equal(counters.undecoded_duplicate, 1);
    assert_int_equal(counters.packets_bytes, 64);
}

static void a_hop_and_a_tag_make_no_difference(void **state)
{
    (void)state;
    uint8_t a[64], b[64], tagged[68];
    assert_true(is_kept(frame(a, 1, 64, SECOND)));
    assert_false(is_kept(frame(b, 1, 63, SECOND)));
    memcpy(tagged, a, 12);
    memcpy(tagged + 12, "\x81\x00\x00\x07", 4);
    memcpy(tagged + 16, a + 12, 52);
    struct frame f = frame(b, 1, 64, SECOND);
    f.at = tagged;
    f.len = f.wire = 68;
    assert_false(is_kept(f));
}

// Hardware addresses may look like the first byte of an IP header.
static void what_is_no_ip_is_taken_as_it_is(void **state)
{
    (void)state;
    uint8_t a[64] = {[0] = 0x40, [12] = 0x88, [13] = 0xb5}, b[64];
    memcpy(b, a, sizeof b);
    b[10] = 1;
    struct frame one = {.at = a, .len = 64, .wire = 64, .link = LINK_ETHERNET}, other = one;
    other.at = b;
    assert_true(is_kept(one));
    assert_true(is_kept(other));
    assert_false(is_kept(one));
}

static void after_the_window_it_is_another(void **state)
{
    (void)state;
    uint8_t a[64];
    assert_true(is_kept(frame(a, 1, 64, SECOND)));
    assert_true(is_kept(frame(a, 1, 64, SECOND + 11 * MILLISECOND)));
    assert_true(is_kept(frame(a, 1, 64, 2 * SECOND)));
}

static void those_that_are_left_stand_in_front(void **state)
{
    (void)state;
    uint8_t bytes[4][64];
    struct frame frames[] = {frame(bytes[0], 1, 64, 0), frame(bytes[1], 1, 64, 0),
                             frame(bytes[2], 2, 64, 0), frame(bytes[3], 3, 64, 0)};
    assert_int_equal(duplicates_drop(d, frames, 4), 3);
    assert_ptr_equal(frames[1].at, bytes[2]);
    assert_ptr_equal(frames[2].at, bytes[3]);
}

static void short_and_odd_frames_are_taken(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (uint32_t len = 0; len < 64; len++) {
        struct frame f = frame(bytes, 1, 64, SECOND * len);
        f.len = len;
        is_kept(f);
        f.link = LINK_RAW;
        is_kept(f);
    }
}

static void many_are_remembered_within_bounds(void **state)
{
    (void)state;
    uint8_t bytes[64];
    int kept = 0;
    for (int i = 0; i < 200000; i++) {
        struct frame f = frame(bytes, 1, 64, SECOND + i);
        memcpy(bytes + 40, &i, sizeof i);
        kept += is_kept(f);
    }
    assert_int_equal(kept, 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hop_and_a_tag_make_no_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_ip_is_taken_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(after_the_window_it_is_another, setup, teardown),
        cmocka_unit_test_setup_teardown(those_that_are_left_stand_in_front, setup, teardown),
        cmocka_unit_test_setup_teardown(short_and_odd_frames_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(many_are_remembered_within_bounds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
