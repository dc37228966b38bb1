// SPDX-License-Identifier: Apache-2.0
// What was packed is what comes out, by either library and whatever the pieces.
#include "outputs/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

enum { MOST = 3 << 20, PIECES = 4000 };

static uint8_t plain[MOST], out[MOST + 1];

static void fill(size_t len, bool noise)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        plain[i] =
            noise ? (uint8_t)(seed >> 24) : (uint8_t)("{\"name\":\"www.weir.test\"}\n"[i % 25]);
    }
}

// The bytes as pieces of odd sizes, some of them empty.
static struct pieces cut(size_t len)
{
    static struct span at[PIECES];
    struct pieces p = {at, 0, len};
    size_t done = 0, size = len / (PIECES - 8) + 1;
    while (done < len) {
        size_t part = p.count % 5 == 3 ? 0 : size;
        part = part < len - done ? part : len - done;
        at[p.count++] = span_of(plain + done, part);
        done += part;
        if (p.count == PIECES - 2)
            size = len;
    }
    return p;
}

static void check(struct gzip *g, size_t len)
{
    struct pieces p = cut(len);
    struct span packed;
    assert_true(gzip_pack(g, &p, &packed));
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)packed.at, .avail_in = (uInt)packed.len};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_out = out;
    z.avail_out = sizeof out;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, len);
    assert_memory_equal(out, plain, len);
    inflateEnd(&z);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 25, 65535, 65536, 65537, 131072, 1000003, MOST};
    for (int level = 1; level <= 9; level += 2) {
        struct gzip *g = gzip_new(level);
        assert_non_null(g);
        for (int noise = 0; noise < 2; noise++) {
            fill(MOST, noise);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                check(g, sizes[i]);
        }
        gzip_free(g);
    }
}

static void documents_get_smaller(void **state)
{
    (void)state;
    struct gzip *g = gzip_new(1);
    fill(1000000, false);
    struct pieces p = cut(1000000);
    struct span packed;
    assert_true(gzip_pack(g, &p, &packed));
    assert_true(packed.len < 50000);
    gzip_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(documents_get_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
