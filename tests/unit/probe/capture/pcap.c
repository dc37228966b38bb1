// SPDX-License-Identifier: Apache-2.0
// Classic capture files: all magic numbers, lengths that lie, every cut.
#include "probe/capture/pcap.h"

#include "pipeline/base/clock.h"
#include "tests/unit/probe/capture/write.h"

static struct records turn_over(struct bytes *b, struct frame *frames, int max)
{
    return (struct records){
        .bytes = span_of(b->at + PCAP_HEADER, b->len - PCAP_HEADER), .frames = frames, .max = max};
}

static void all_magic_numbers(void **state)
{
    (void)state;
    static const struct {
        uint32_t magic;
        bool swapped;
        int64_t unit;
    } rows[] = {{MICRO, false, 1000}, {MICRO, true, 1000},    {NANO, false, 1},
                {NANO, true, 1},      {PATCHED, false, 1000}, {PATCHED, true, 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes b = {.swapped = rows[i].swapped};
        struct pcap_file p;
        struct frame frames[2];
        put_header(&b, rows[i].magic, 0x10000000 | 113); // checksums in the upper half
        put_record(&b, 4000000000, 999999, 0, 60, 0);
        put_filled(&b, rows[i].magic == PATCHED ? 8 : 0, 0xee);
        assert_true(pcap_file_is(span_of(b.at, 4)));
        assert_null(pcap_file_begin(&p, b.at));
        struct records r = turn_over(&b, frames, 2);
        pcap_file_read(&p, &r);
        assert_int_equal(r.count, 1);
        assert_int_equal(r.used, b.len - PCAP_HEADER);
        assert_int_equal(r.need, p.record);
        assert_null(r.damage);
        assert_int_equal(frames[0].len, 0);
        assert_int_equal(frames[0].wire, 60);
        assert_int_equal(frames[0].link, 113);
        assert_true(frames[0].time == (4000000000 - (INT64_C(1) << 32)) * SECOND +
                                          999999 * rows[i].unit); // as libpcap: before 1970
        clear(&b);
    }
    assert_false(pcap_file_is(span_of("\xa1\xb2\xc3", 3)));
    assert_false(pcap_file_is(span_of("GIF8", 4)));
}

static void places_are_respected(void **state)
{
    (void)state;
    struct bytes b = {0};
    struct pcap_file p;
    struct frame frames[4];
    put_header(&b, MICRO, 1);
    for (unsigned i = 0; i < 6; i++)
        put_record(&b, i, 0, 10 + i, 10 + i, i);
    assert_null(pcap_file_begin(&p, b.at));
    struct records r = turn_over(&b, frames, 4);
    pcap_file_read(&p, &r);
    assert_int_equal(r.count, 4);
    assert_int_equal(r.need, 0);
    assert_int_equal(r.used, 4 * 16 + 10 + 11 + 12 + 13);
    assert_int_equal(frames[3].at[12], 3);
    clear(&b);
}

static void what_is_missing_is_asked_for(void **state)
{
    (void)state;
    struct bytes b = {0};
    struct pcap_file p;
    struct frame frames[4];
    put_header(&b, MICRO, 1);
    put_record(&b, 1, 0, 20, 20, 1);
    put_record(&b, 2, 0, 30, 30, 2);
    assert_null(pcap_file_begin(&p, b.at));
    size_t whole = b.len;
    for (b.len = PCAP_HEADER; b.len <= whole; b.len++) {
        struct records r = turn_over(&b, frames, 4);
        size_t body = b.len - PCAP_HEADER;
        pcap_file_read(&p, &r);
        assert_null(r.damage);
        assert_int_equal(r.count, (body >= 36) + (body >= 82));
        assert_int_equal(r.used, body >= 82 ? 82 : body >= 36 ? 36 : 0);
        size_t left = body - r.used;
        assert_int_equal(r.need, left < 16 ? 16 : r.used ? 46 : 36);
    }
    b.len = whole;
    clear(&b);
}

static void lengths_that_lie(void **state)
{
    (void)state;
    struct bytes b = {0};
    struct pcap_file p;
    struct frame frames[4];
    put_header(&b, MICRO, 1);
    put_record(&b, 1, 0, 20, 4, 1); // less on the wire than captured
    put32(&b, 2);
    put32(&b, 0);
    put32(&b, RECORD_FRAME + 1);
    put32(&b, 60);
    assert_null(pcap_file_begin(&p, b.at));
    struct records r = turn_over(&b, frames, 4);
    pcap_file_read(&p, &r);
    assert_int_equal(r.count, 1);
    assert_int_equal(frames[0].len, 20);
    assert_int_equal(frames[0].wire, 20);
    assert_non_null(r.damage);
    assert_int_equal(r.used, 36);

    b.at[6] = 3; // version 2.3 had them the other way round
    assert_null(pcap_file_begin(&p, b.at));
    b.at[PCAP_HEADER + 8] = 60;
    b.at[PCAP_HEADER + 12] = 20;
    r = turn_over(&b, frames, 4);
    pcap_file_read(&p, &r);
    assert_int_equal(frames[0].len, 20);
    assert_int_equal(frames[0].wire, 60);

    b.at[4] = 3;
    assert_non_null(pcap_file_begin(&p, b.at)); // version 3
    clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_magic_numbers),
        cmocka_unit_test(places_are_respected),
        cmocka_unit_test(what_is_missing_is_asked_for),
        cmocka_unit_test(lengths_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
