// SPDX-License-Identifier: Apache-2.0
// Texts that become numbers, addresses, durations and bytes, and back: what was read is written and
// read again to the same.

#include "pipeline/base/text.h"
#include "pipeline/cidr.h"
#include "tests/fuzz/fuzz.h"

static void check_ip(struct span text)
{
    struct ip ip, again;
    uint8_t place[TEXT_IP];
    memset(&ip, 0, sizeof ip);
    if (!text_to_ip(text, &ip))
        return;
    memset(&again, 0, sizeof again);
    size_t len = text_ip(place, ip.bytes, ip.family);
    fuzz_check(len <= TEXT_IP && text_to_ip(span_of(place, len), &again));
    fuzz_check(!memcmp(ip.bytes, again.bytes, ip.family == 4 ? 4 : 16));
}

static void check_base64(struct span text)
{
    uint8_t *coded = malloc(4 * (text.len + 2) / 3 + 1), *back = malloc(text.len + 3);
    size_t len = text_base64(coded, text, text.len % 2);
    ptrdiff_t back_len = text_from_base64(back, span_of(coded, len));
    fuzz_check(back_len >= 0 && span_is(span_of(back, (size_t)back_len), text));
    free(coded);
    free(back);
    uint8_t *bytes = malloc(3 * text.len / 4 + 3);
    fuzz_check(text_from_base64(bytes, text) <= (ptrdiff_t)(3 * text.len / 4 + 3));
    free(bytes);
}

static void check_number(struct span text)
{
    uint64_t number, again;
    uint8_t place[TEXT_NUMBER];
    if (!span_number(text, &number))
        return;
    size_t len = text_unsigned(place, number);
    fuzz_check(len <= TEXT_NUMBER && span_number(span_of(place, len), &again) && again == number);
}

static void check_utf8(struct span text)
{
    size_t whole = text_utf8_whole(text);
    fuzz_check(whole <= text.len);
    for (struct span s = span_first(text, whole); s.len;) {
        bool fine;
        size_t len = text_utf8_character(s, &fine);
        fuzz_check(fine && len > 0 && len <= s.len);
        s = span_skip(s, len);
    }
}

static void check_cidr(struct span text)
{
    static struct arena arena;
    struct cidr_set set;
    fuzz_check(arena.base || arena_init(&arena, 1 << 16));
    arena_reset(&arena);
    char *word = fuzz_text(text);
    if (cidr_read(word, &arena, &set))
        for (int family = 4; family <= 6; family += 2)
            (void)cidr_has(&set, &(struct ip){(uint8_t)family, {10}});
    free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = fuzz_exact(span_of(data, size));
    struct span text = span_of(exact, size);
    int64_t duration;
    check_ip(text);
    check_base64(text);
    check_number(text);
    check_utf8(text);
    check_cidr(text);
    (void)text_to_duration(text, &duration);
    free(exact);
    return 0;
}
