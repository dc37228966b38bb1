// SPDX-License-Identifier: Apache-2.0
// pcapng: sections, interfaces, time units, all packet blocks, and what is damaged.
#include "probe/capture/pcapng.h"

#include "pipeline/base/clock.h"
#include "tests/unit/probe/capture/write.h"

enum { ROOM = 16 };

struct result {
    struct frame frames[ROOM];
    struct records r;
    bool may_end;
};

static struct result read_bytes(const struct bytes *b)
{
    static struct frame frames[ROOM];
    struct result result = {.r = {.bytes = span_of(b->at, b->len), .frames = frames, .max = ROOM}};
    struct pcapng_file p;
    pcapng_file_begin(&p);
    pcapng_file_read(&p, &result.r);
    result.may_end = pcapng_file_may_end(&p);
    memcpy(result.frames, frames, sizeof frames);
    pcapng_file_end(&p);
    return result;
}

static void sections_in_both_orders(void **state)
{
    (void)state;
    struct bytes b = {0};
    for (unsigned section = 0; section < 4; section++) {
        b.swapped = section & 1;
        put_section(&b);
        put_interface(&b, 1, 0, 6, 0);
        put_interface(&b, 113 + section, 0, 9, 0);
        put_packet(&b, 1, 5000000007, 5, 60, section); // padded to 8
        put_packet(&b, 0, 5000007, 8, 8, section);
    }
    assert_true(pcapng_file_is(span_of(b.at, 4)));
    struct result all = read_bytes(&b);
    assert_null(all.r.damage);
    assert_int_equal(all.r.used, b.len);
    assert_int_equal(all.r.count, 8);
    assert_true(all.may_end);
    for (unsigned i = 0; i < 8; i += 2) {
        assert_int_equal(all.frames[i].link, 113 + i / 2);
        assert_int_equal(all.frames[i].interface, 1);
        assert_int_equal(all.frames[i].len, 5);
        assert_int_equal(all.frames[i].wire, 60);
        assert_true(all.frames[i].time == 5000000007);
        assert_int_equal(all.frames[i].at[4], i / 2);
        assert_int_equal(all.frames[i + 1].link, 1);
        assert_true(all.frames[i + 1].time == 5000007000);
    }
    clear(&b);
}

static void units_of_time(void **state)
{
    (void)state;
    static const struct {
        unsigned resolution;
        int64_t offset;
        uint64_t ticks;
        int64_t time;
    } rows[] = {
        {0, 0, 7, 7 * SECOND},
        {3, 0, 7001, 7001 * MILLISECOND},
        {6, 0, 1, 1000},
        {9, 0, UINT64_C(1700000000123456789), 1700000000123456789},
        {12, 0, 1999, 1},
        {28, 0, UINT64_C(10000000000000000000), 1},
        {29, 0, UINT64_MAX, 0},
        {127, 0, UINT64_MAX, 0},
        {0x80, 0, 3, 3 * SECOND},
        {0x80 + 10, 0, 1536, SECOND + SECOND / 2},
        {0x80 + 32, 0, (UINT64_C(1700000000) << 32) + (1u << 31), 1700000000500000000},
        {0x80 + 63, 0, UINT64_C(3) << 62, SECOND + SECOND / 2},
        {0x80 + 64, 0, UINT64_MAX, 0},
        {0xff, 0, UINT64_MAX, 0},
        {9, 1700000000, 5, 1700000000000000005},
        {9, -2, 5, 5 - 2 * SECOND},
        {6, 0, UINT64_MAX, FRAME_TIME_MOST}, // stays at the end of all times
        {6, 9000000000, UINT64_MAX, FRAME_TIME_MOST},
        {6, -9000000000, 1, -FRAME_TIME_MOST},
        {0, INT64_MAX, 1, SECOND}, // an offset that cannot be
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes b = {.swapped = i & 1};
        put_section(&b);
        put_interface(&b, 1, 0, rows[i].resolution, rows[i].offset);
        put_packet(&b, 0, rows[i].ticks, 4, 4, 1);
        struct result all = read_bytes(&b);
        assert_int_equal(all.r.count, 1);
        assert_true(all.frames[0].time == rows[i].time);
        clear(&b);
    }
}

static void simple_and_obsolete_packets(void **state)
{
    (void)state;
    struct bytes b = {0};
    put_section(&b);
    put_interface(&b, 1, 6, 6, 0);
    put_interface(&b, 101, 0, 9, 0);
    size_t block = begin_block(&b, 2);
    put16(&b, 1); // interface
    put16(&b, 0xffff);
    put64(&b, UINT64_C(42) << 32);
    put32(&b, 3);
    put32(&b, 30);
    put_filled(&b, 3, 1);
    end_block(&b, block);
    block = begin_block(&b, 3); // cut by the snap length of the first interface
    put32(&b, 100);
    put_filled(&b, 6, 2);
    end_block(&b, block);
    block = begin_block(&b, 3);
    put32(&b, 5);
    put_filled(&b, 5, 3);
    end_block(&b, block);
    struct result all = read_bytes(&b);
    assert_null(all.r.damage);
    assert_int_equal(all.r.count, 3);
    assert_int_equal(all.frames[0].link, 101);
    assert_int_equal(all.frames[0].len, 3);
    assert_int_equal(all.frames[0].wire, 30);
    assert_true(all.frames[0].time == 42); // the upper half comes first
    assert_int_equal(all.frames[1].len, 6);
    assert_int_equal(all.frames[1].wire, 100);
    assert_int_equal(all.frames[1].link, 1);
    assert_true(all.frames[1].time == 42);
    assert_int_equal(all.frames[2].len, 5);
    clear(&b);
}

// Blocks of no interest may be longer than any buffer, and come in any pieces.
static void other_blocks_are_skipped(void **state)
{
    (void)state;
    struct bytes b = {0};
    put_section(&b);
    put_interface(&b, 1, 0, 6, 0);
    size_t block = begin_block(&b, 0x80000bad);
    put_filled(&b, 100000, 0xaa);
    end_block(&b, block);
    put_packet(&b, 0, 1, 4, 4, 9);
    block = begin_block(&b, 5);
    put64(&b, 0);
    end_block(&b, block);

    struct frame frames[ROOM];
    for (size_t step = 1; step < 5000; step = step * 3 + 1) {
        struct pcapng_file p;
        pcapng_file_begin(&p);
        struct records r = {.frames = frames, .max = ROOM};
        size_t used = 0, need = step;
        while (used < b.len) {
            size_t left = b.len - used, give = need > step ? need : step;
            r.used = 0;
            r.bytes = span_of(b.at + used, give < left ? give : left);
            pcapng_file_read(&p, &r);
            assert_null(r.damage);
            assert_true(r.used > 0 || r.need > r.bytes.len);
            assert_true(r.need <= RECORD_BLOCK);
            used += r.used;
            need = r.need;
        }
        assert_int_equal(r.count, 1);
        assert_true(pcapng_file_may_end(&p));
        pcapng_file_end(&p);
    }
    b.len -= 6; // inside the last block, of which nothing is wanted
    assert_false(read_bytes(&b).may_end);
    clear(&b);
}

// Sets 32 bits at an offset, and expects damage found there after `count` frames.
static void assert_damage(struct bytes *b, size_t offset, uint32_t value, int count)
{
    uint32_t before;
    memcpy(&before, b->at + offset, 4);
    memcpy(b->at + offset, &value, 4);
    struct result all = read_bytes(b);
    assert_non_null(all.r.damage);
    assert_int_equal(all.r.count, count);
    memcpy(b->at + offset, &before, 4);
}

static void damage_is_found(void **state)
{
    (void)state;
    struct bytes b = {0};
    put_section(&b);
    size_t interface = b.len;
    put_interface(&b, 1, 0, 6, 0);
    size_t first = b.len;
    put_packet(&b, 0, 1, 8, 8, 9);
    size_t second = b.len;
    put_packet(&b, 0, 1, 8, 8, 9);
    assert_int_equal(read_bytes(&b).r.count, 2);
    assert_damage(&b, 8, 0x12345678, 0);              // no byte order
    assert_damage(&b, 12, 2, 0);                      // version 2
    assert_damage(&b, 4, 12, 0);                      // a section header of nothing
    assert_damage(&b, interface + 16, 0xfff00002, 0); // an option beyond its block
    assert_damage(&b, first + 4, 11, 0);              // lengths of blocks
    assert_damage(&b, first + 4, 42, 0);
    assert_damage(&b, first + 4, 36, 0);
    assert_damage(&b, first + 4, 0xfffffffc, 0);
    assert_damage(&b, second + 8, 1, 1); // no such interface
    assert_damage(&b, second + 8, 0xffffffff, 1);
    assert_damage(&b, second + 20, 9, 1); // more than the block holds
    assert_damage(&b, second + 20, 0xffffffff, 1);
    assert_damage(&b, second + 36, 41, 1); // the closing length

    size_t other = b.len, block = begin_block(&b, 5);
    put64(&b, 0);
    end_block(&b, block);
    assert_int_equal(read_bytes(&b).r.count, 2);
    assert_damage(&b, other + 16, 24, 2);
    b.len = other;
    put(&b, "\5\0\0\0\x0d\0\0\0?\x0d\0\0\0???", 16); // not a multiple of four
    assert_non_null(read_bytes(&b).r.damage);
    clear(&b);
}

static void every_byte_may_lie(void **state)
{
    (void)state;
    struct bytes b = {0};
    put_section(&b);
    put_interface(&b, 1, 0, 9, 3);
    put_packet(&b, 0, 1, 8, 8, 9);
    size_t block = begin_block(&b, 3);
    put32(&b, 4);
    put_filled(&b, 4, 1);
    end_block(&b, block);
    for (size_t i = 0; i < b.len; i++)
        for (unsigned lie = 0; lie < 256; lie++) {
            uint8_t truth = b.at[i];
            b.at[i] = (uint8_t)lie;
            struct result all = read_bytes(&b);
            assert_true(all.r.used <= b.len);
            for (int f = 0; f < all.r.count; f++)
                assert_true(all.frames[f].at + all.frames[f].len <= b.at + b.len);
            b.at[i] = truth;
        }
    clear(&b);
}

static void interfaces_have_a_ceiling(void **state)
{
    (void)state;
    struct bytes b = {0};
    put_section(&b);
    for (int i = 0; i < 65537; i++) {
        size_t block = begin_block(&b, 1);
        put64(&b, 1);
        end_block(&b, block);
    }
    struct result all = read_bytes(&b);
    assert_non_null(all.r.damage);
    assert_int_equal(all.r.used, 28 + 65536 * 20);
    clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_in_both_orders),
        cmocka_unit_test(units_of_time),
        cmocka_unit_test(simple_and_obsolete_packets),
        cmocka_unit_test(other_blocks_are_skipped),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(every_byte_may_lie),
        cmocka_unit_test(interfaces_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
