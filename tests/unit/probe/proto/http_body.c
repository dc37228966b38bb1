// SPDX-License-Identifier: Apache-2.0
// Bodies under their codings: whole, cut, broken, nested and blown up.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "probe/proto/http_body.h"

enum { MOST = 10 << 20, GROWTH = 64 };

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
    struct http_ceiling ceiling = {most, GROWTH};
    return http_decode(&c, span_text(content), span_text(transfer), ceiling, &scratch);
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

static void assert_bomb(struct span bytes, const char *content)
{
    struct http_decoded d = decoded(bytes, content, "", MOST);
    assert_true(d.bomb);
    assert_string_equal(d.problem, "body truncated due to size limitation");
    assert_in_range(d.len, HTTP_GROWTH_FREE, HTTP_GROWTH_FREE + GROWTH * 256 + 8192);
    assert_in_range(d.body.len, 1, 1024); // little is shown of it
    assert_true(scratch.used < 40 << 20);
}

static void bombs_are_stopped(void **state)
{
    (void)state;
    uint8_t *zeros = calloc(1, 32 << 20);
    struct span bomb = packed(span_of(zeros, 32 << 20), 31);
    assert_in_range(bomb.len, 16 << 10, 64 << 10); // it is known long before it was read
    assert_bomb(bomb, "gzip");
    assert_bomb(packed(span_of(zeros, 40000), 31), "gzip");
    assert_true(decoded(packed(bomb, 31), "gzip, gzip", "", MOST).bomb);
    assert_true(decoded(packed(packed(bomb, 31), 31), "gzip, gzip, gzip", "", MOST).bomb);
    struct http_decoded d = decoded(packed(span_of(zeros, HTTP_GROWTH_FREE), 31), "gzip", "", MOST);
    assert_null(d.problem); // any body may become so much
    assert_int_equal(d.body.len, HTTP_GROWTH_FREE);
    free(zeros);
}

// Codings inside each other make no more of a body than one may: here each of two stays below that.
static void growth_does_not_multiply(void **state)
{
    (void)state;
    enum { MEMBERS = 700 };
    char text[4000];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        random = random * 1103515245 + 12345;
        text[i] = i % 16 ? ' ' : (char)('a' + (random >> 16) % 26);
    }
    struct span member = packed(span_of(text, sizeof text), 31);
    uint8_t *many = malloc(MEMBERS * member.len);
    for (size_t i = 0; i < MEMBERS; i++) {
        memcpy(many + i * member.len, member.at, member.len);
        memcpy(many + i * member.len + 4, &random, 4); // when it was made
        random = random * 1103515245 + 12345;
    }
    struct span once = span_of(many, MEMBERS * member.len), twice = packed(once, 31);
    assert_in_range(once.len / twice.len, 8, GROWTH - 1);
    assert_in_range(sizeof text / member.len, 8, GROWTH - 1);
    struct http_decoded d = decoded(once, "gzip", "", MOST);
    assert_false(d.bomb);
    assert_int_equal(d.len, MEMBERS * sizeof text);
    d = decoded(twice, "gzip, gzip", "", MOST);
    assert_true(d.bomb);
    assert_in_range(d.len, 1, HTTP_GROWTH_FREE + GROWTH * twice.len + 8192);
    free(many);
}

static void assert_whole(const uint8_t *text, size_t len, int least)
{
    struct span bytes = packed(span_of(text, len), 31);
    assert_true(len >= (size_t)least * bytes.len);
    struct http_decoded d = decoded(bytes, "gzip", "", MOST);
    assert_null(d.problem);
    assert_false(d.bomb);
    assert_int_equal(d.len, len);
    assert_memory_equal(d.body.at, text, d.body.len);
    assert_int_equal(d.body.len, len < HTTP_TEXT_MOST ? len : HTTP_TEXT_MOST);
}

// What people send packs well, too.
static void ordinary_bodies_are_whole(void **state)
{
    (void)state;
    enum { SIZE = 400000 };
    char *text = malloc(SIZE);
    size_t page = 0, list = 0, blank = 15000;
    for (unsigned i = 0; page < 100000; i++)
        page += (size_t)sprintf(text + page,
                                "<tr class=\"row\"><td><a href=\"/item/%u\">Item %u</a></td>"
                                "<td class=\"price\">%u.%02u</td></tr>\n",
                                i * 7919 % 99991, i, i * 31 % 977, i % 100);
    assert_whole((uint8_t *)text, page, 8);
    for (unsigned i = 0; list < 300000; i++)
        list += (size_t)sprintf(text + list,
                                "    {\n        \"identifier\": %u,\n        \"enabled\": true,\n"
                                "        \"description\": null,\n        \"labels\": []\n    },\n",
                                i);
    assert_whole((uint8_t *)text, list, 20);
    memset(text, ' ', blank); // a page that begins with nothing
    for (unsigned i = 0; blank < 40000; i++)
        blank += (size_t)sprintf(text + blank, "%x%u ", i * 2654435761U, i * 40503U);
    assert_whole((uint8_t *)text, blank, 2);
    free(text);
}

static void the_absolute_ceiling(void **state)
{
    (void)state;
    enum { SIZE = 300000 };
    uint8_t *text = malloc(SIZE);
    uint32_t random = 1;
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1103515245 + 12345;
        text[i] = (uint8_t)('a' + (random >> 16) % 26);
    }
    struct http_decoded d = decoded(packed(span_of(text, SIZE), 31), "gzip", "", 100000);
    assert_string_equal(d.problem, "body truncated due to size limitation");
    assert_false(d.bomb);
    assert_int_equal(d.len, 100000);
    assert_int_equal(d.body.len, 100000);
    free(text);
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
    struct http_ceiling ceiling = {MOST, GROWTH};
    struct http_decoded d =
        http_decode(&c, (struct span)SPAN("gzip"), span_of(NULL, 0), ceiling, &tiny);
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
        cmocka_unit_test_setup_teardown(bombs_are_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(growth_does_not_multiply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ordinary_bodies_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_absolute_ceiling, set_up, tear_down),
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
