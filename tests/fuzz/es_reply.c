// SPDX-License-Identifier: Apache-2.0
// Answers to bulk requests: whatever comes, in whatever pieces, the result is the same, no item is
// made up, and nothing counts as delivered that does not say so.
//
//   expected(1) step(1) the answer

#include "outputs/es_reply.h"
#include "tests/fuzz/fuzz.h"

// False: no answer that counts.
static bool read_answer(struct es_reply *r, uint32_t expected, struct span text, size_t step)
{
    fuzz_check(es_reply_begin(r, expected));
    for (; text.len; text = span_skip(text, step)) {
        struct span part = span_first(text, step);
        uint8_t *exact = fuzz_exact(part);
        bool fine = es_reply_feed(r, span_of(exact, part.len));
        free(exact);
        fuzz_check(es_reply_count(r) <= expected);
        if (!fine)
            return false;
    }
    return es_reply_end(r);
}

static void compare(const struct es_reply *a, const struct es_reply *b)
{
    fuzz_check(es_reply_count(a) == es_reply_count(b));
    fuzz_check(span_is(es_reply_error(a), es_reply_error(b)));
    for (uint32_t i = 0; i < es_reply_count(a); i++) {
        const struct es_item *x = es_reply_item(a, i), *y = es_reply_item(b, i);
        fuzz_check(x->status == y->status && x->aside == y->aside);
        fuzz_check(span_is(es_reply_reason(a, i), es_reply_reason(b, i)));
        fuzz_check(es_item_delivery(x) != DELIVERED || x->status == 409 || x->status / 100 == 2);
        fuzz_touch(es_reply_reason(a, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of(span_of(data, size));
    uint32_t expected = reader_u8(&input);
    size_t step = reader_u8(&input) + 1U;
    struct span text = fuzz_take(&input, size);
    struct es_reply *whole = es_reply_new(), *parts = es_reply_new();
    fuzz_check(whole && parts);
    bool counts = read_answer(whole, expected, text, text.len ? text.len : 1);
    fuzz_check(read_answer(parts, expected, text, step) == counts);
    if (counts) {
        fuzz_check(es_reply_count(whole) == expected);
        compare(whole, parts);
    }
    es_reply_free(whole);
    es_reply_free(parts);
    return 0;
}
