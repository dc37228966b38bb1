// SPDX-License-Identifier: Apache-2.0
// Bodies under their codings: whole, cut, broken, nested and blown up.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <zlib.h>

#include "probe/proto/http_body.h"

enum { MOST = 10 << 20 };

static struct arena scratch;
static struct pool blocks;
static struct store store;

static int set_up(void **state)
{
    (void)state;
    arena_reset(&scratch);
    store_init(&store, &blocks, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_free(&store);
    return 0;
}

// zlib's windowBits: 31 gzip, 15 zlib, -15 raw.
static struct span packed(struct span text, int bits)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)text.at, .avail_in = (unsigned)text.len};
    size_t room = text.len + text.len / 100 + 128;
    uint8_t *place = arena_alloc(&scratch, room);
    assert_non_null(place);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = place;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return span_of(place, room - z.avail_out);
}

static struct http_decoded decoded(struct span bytes, const char *content, const char *transfer,
                                   uint64_t most)
{
    struct chain c = {0};
    assert_true(chain_add(&c, &store, bytes));
    return http_decode(&c, span_text(content), span_text(transfer), most, &scratch);
}

static const struct span hello = SPAN("hello hello hello hello, world");

static void assert_hello(struct span bytes, const char *content, const char *transfer)
{
    struct http_decoded d = decoded(bytes, content, transfer, MOST);
    assert_null(d.problem);
    assert_int_equal(d.len, hello.len);
    assert_true(span_is(d.body, hello));
}

static void codings(void **state)
{
    (void)state;
    assert_hello(packed(hello, 31), "gzip", "");
    assert_hello(packed(hello, 31), " X-GZIP ", "");
    assert_hello(packed(hello, 15), "deflate", "");
    assert_hello(packed(hello, -15), "deflate", "");
    assert_hello(packed(hello, -15), "x-deflate", "");
    assert_hello(packed(hello, 31), "", "gzip, chunked");
    assert_hello(packed(hello, 31), "identity, gzip", "chunked");
    assert_hello(packed(packed(hello, 31), 15), "gzip, deflate", "");
    assert_hello(packed(packed(hello, 31), 31), "gzip", "gzip, chunked");
    assert_false(http_is_coded(span_text("identity"), span_text("chunked")));
    assert_true(http_is_coded(span_text("br"), span_text("")));
}

static void several_gzip_members(void **state)
{
    (void)state;
    struct span part = packed(hello, 31);
    uint8_t both[512];
    memcpy(both, part.at, part.len);
    memcpy(both + part.len, part.at, part.len);
    struct http_decoded d = decoded(span_of(both, 2 * part.len), "gzip", "", MOST);
    assert_null(d.problem);
    assert_int_equal(d.len, 2 * hello.len);
    // What stands behind is no member and does not count.
    memcpy(both + part.len, "rubbish", 7);
    d = decoded(span_of(both, part.len + 7), "gzip", "", MOST);
    assert_null(d.problem);
    assert_int_equal(d.len, hello.len);
}

static void assert_problem(struct span bytes, const char *content, const char *problem,
                           const char *coding)
{
    struct http_decoded d = decoded(bytes, content, "", MOST);
    assert_non_null(d.problem);
    assert_string_equal(d.problem, problem);
    assert_true(span_is(d.coding, span_text(coding)));
}

static void problems(void **state)
{
    (void)state;
    struct span good = packed(hello, 31);
    assert_problem(hello, "br", "decoder not found", "br");
    assert_problem(hello, "gzip", "gzip: invalid header", "gzip");
    assert_problem(span_first(good, good.len - 9), "gzip", "unexpected EOF", "gzip");
    assert_problem(span_first(good, 5), "gzip", "unexpected EOF", "gzip");
    uint8_t bad[512];
    memcpy(bad, good.at, good.len);
    bad[good.len - 6] ^= 1;
    assert_problem(span_of(bad, good.len), "gzip", "gzip: invalid checksum", "gzip");
    struct http_decoded d = decoded(span_first(good, good.len - 8), "gzip", "", MOST);
    assert_true(span_is(d.body, hello)); // what there is stays when the last coding fails
    d = decoded(good, "gzip, br", "", MOST);
    assert_int_equal(d.body.len, 0);
    d = decoded(span_first(packed(good, 15), 20), "gzip, deflate", "", MOST);
    assert_int_equal(d.body.len, 0);
}

static void a_bomb_is_stopped(void **state)
{
    (void)state;
    uint8_t *zeros = calloc(1, 32 << 20);
    struct span bomb = packed(span_of(zeros, 32 << 20), 31);
    assert_true(bomb.len < 64 << 10);
    struct http_decoded d = decoded(bomb, "gzip", "", 1 << 20);
    assert_string_equal(d.problem, "body truncated due to size limitation");
    assert_int_equal(d.len, 1 << 20);
    assert_int_equal(d.body.len, HTTP_TEXT_MOST);
    assert_true(scratch.used < 40 << 20);
    // What made next to nothing so large is not even followed to that limit.
    d = decoded(bomb, "gzip", "", MOST);
    assert_string_equal(d.problem, "body truncated due to size limitation");
    assert_int_equal(d.len, 64 * bomb.len);
    d = decoded(packed(span_of(zeros, 1 << 20), 31), "gzip", "", MOST);
    assert_string_equal(d.problem, "body truncated due to size limitation");
    assert_int_equal(d.len, HTTP_TEXT_MOST);
    assert_int_equal(d.body.len, HTTP_TEXT_MOST);
    // In an outer coding it is too large to be looked into.
    d = decoded(packed(bomb, 31), "gzip, gzip", "", MOST);
    assert_non_null(d.problem);
    free(zeros);
}

static void large_bodies_are_counted_whole(void **state)
{
    (void)state;
    enum { SIZE = 700000 };
    uint8_t *text = malloc(SIZE);
    uint32_t random = 1;
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1103515245 + 12345;
        text[i] = (uint8_t)('a' + (random >> 16) % 26);
    }
    struct http_decoded d = decoded(packed(span_of(text, SIZE), 31), "gzip", "", MOST);
    assert_null(d.problem);
    assert_int_equal(d.len, SIZE);
    assert_int_equal(d.body.len, HTTP_TEXT_MOST);
    assert_memory_equal(d.body.at, text, HTTP_TEXT_MOST);
    for (size_t i = 0; i < SIZE; i++) // packs well beyond the first guess
        text[i] = i % 200 < 6 ? text[i] : 'x';
    d = decoded(packed(span_of(text, SIZE), 31), "gzip", "", MOST);
    assert_int_equal(d.body.len, HTTP_TEXT_MOST);
    assert_int_equal(d.len, SIZE);
    free(text);
}

static void no_scratch(void **state)
{
    (void)state;
    struct arena tiny;
    assert_true(arena_init(&tiny, 8192));
    struct chain c = {0};
    assert_true(chain_add(&c, &store, packed(hello, 31)));
    struct http_decoded d =
        http_decode(&c, (struct span)SPAN("gzip"), span_of(NULL, 0), MOST, &tiny);
    assert_non_null(d.problem);
    assert_int_equal(d.body.len, 0);
    arena_free(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(codings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_gzip_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(problems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bomb_is_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_bodies_are_counted_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_scratch, set_up, tear_down),
    };
    if (!arena_init(&scratch, 64 << 20) || !pool_init(&blocks, CHAIN_BLOCK, 16384))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pool_free(&blocks);
    arena_free(&scratch);
    return failed;
}
