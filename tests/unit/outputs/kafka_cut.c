// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "outputs/kafka_cut.h"
#include "pipeline/base/text.h"

static uint8_t to[4096];

// {"short":"s","NAME":"unit unit …"}
static struct span document(const char *name, const char *unit, unsigned times)
{
    static char text[65536];
    int len = sprintf(text, "{\"short\":\"s\",\"%s\":\"", name);
    while (times--)
        len += sprintf(text + len, "%s", unit);
    len += sprintf(text + len, "\",\"n\":7}");
    return span_of(text, (size_t)len);
}

static struct span cut(struct span doc, size_t most)
{
    uint8_t *exact = malloc(most); // so that a byte too many is found
    size_t len = kafka_cut(doc, exact, most);
    memcpy(to, exact, len);
    free(exact);
    return span_of(to, len);
}

static void what_fits_stays(void **state)
{
    (void)state;
    struct span doc = document("a", "x", 100);
    assert_true(span_is(cut(doc, doc.len), doc));
}

static void the_largest_gives_way(void **state)
{
    (void)state;
    static const char *const units[] = {"x",       "\\n",      "\\\"",
                                        "\\u0001", "\xc3\xa4", "\\ud83d\\ude00"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        for (size_t most = 200; most < 260; most++) {
            struct span doc = document("body", units[i], 1000), less = cut(doc, most);
            assert_in_range(less.len, most - 12, most);
            assert_true(span_starts(less, (struct span)SPAN("{\"short\":\"s\",\"body\":\"")));
            assert_true(span_ends(less, (struct span)SPAN("\xe2\x80\xa6\",\"n\":7}")));
            assert_int_equal(text_utf8_whole(less), less.len);
            size_t inside = less.len - 21 - 11; // whole characters and escapes only
            assert_int_equal(inside % strlen(units[i]), 0);
        }
}

static void several_are_cut_to_the_same_length(void **state)
{
    (void)state;
    char text[8192];
    int len = sprintf(text, "{\"a\":\"%0500d\",\"b\":[\"%0900d\",\"%0100d\"]}", 1, 2, 3);
    struct span less = cut(span_of(text, (size_t)len), 600);
    assert_in_range(less.len, 590, 600);
    static char wanted[1024]; // 100 stays, 500 and 900 become alike
    sprintf(wanted, "\"%0100d\"]}", 3);
    assert_true(span_ends(less, span_text(wanted)));
    ptrdiff_t first = span_find_span(less, (struct span)SPAN("\xe2\x80\xa6"));
    assert_in_range(first, 240, 250);
}

static void names_and_short_texts_stay(void **state)
{
    (void)state;
    static char name[1001];
    memset(name, 'n', 1000);
    assert_int_equal(cut(document(name, "x", 10), 500).len, 0);
    assert_int_equal(cut(document("a", "x", 64), 60).len, 0);
}

static void damaged_documents_do_no_harm(void **state)
{
    (void)state;
    static const char *const broken[] = {"\"",    "{\"a\":\"", "\\", "\"\\",
                                         "\"\\u", "\"\\ud83d", "",   "\xff\xff"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        for (size_t most = 1; most < 16; most++)
            assert_true(cut(span_text(broken[i]), most).len <= most);
    struct span doc = document("a", "\\u12\xf0\x9f", 300);
    for (size_t end = 0; end < doc.len; end++)
        assert_true(cut(span_first(doc, end), 120).len <= 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_stays),
        cmocka_unit_test(the_largest_gives_way),
        cmocka_unit_test(several_are_cut_to_the_same_length),
        cmocka_unit_test(names_and_short_texts_stay),
        cmocka_unit_test(damaged_documents_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
