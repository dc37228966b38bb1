// SPDX-License-Identifier: Apache-2.0
// The cache of certificates: read once, kept in order of use, never mistaken for one another.

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <pthread.h>

#include "probe/proto/x509_cache.h"
#include "tests/unit/probe/proto/tls_build.h"

static struct arena scratch;

static struct x509_entry *find(int number)
{
    static struct bytes der, name;
    char text[32];
    snprintf(text, sizeof text, "number %d", number);
    der.len = name.len = 0;
    add_plain_name(&name, text);
    add_certificate(&der, &(struct certificate){.subject = &name});
    struct x509_entry *e = x509_cache_find(bytes_span(&der), &scratch);
    memset(der.at, 0xee, der.len); // whoever kept a view is found out
    assert_non_null(e);
    return e;
}

static void assert_number(const struct x509_entry *e, int number)
{
    char text[32];
    snprintf(text, sizeof text, "CN=number %d", number);
    struct span name = x509_entry_facts(e)->subject.attribute[X509_DISTINGUISHED_NAME];
    assert_true(span_is(name, span_text(text)));
}

static void keeps_what_was_seen(void **state)
{
    (void)state;
    struct x509_entry *one = find(1), *two = find(2);
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(find(1), one);
    assert_ptr_equal(find(2), two);
    assert_number(one, 1);
    assert_number(two, 2);
}

static void lets_the_oldest_go(void **state)
{
    (void)state;
    struct x509_entry *kept = find(10000);
    struct x509_entry *entries[X509_CACHED];
    for (int i = 0; i < X509_CACHED - 1; i++)
        entries[i] = find(i + 10);
    assert_number(kept, 10000); // it is the oldest now, and still there
    assert_ptr_equal(find(10000), kept);
    find(20000); // entries[0] makes room
    for (int i = 1; i < X509_CACHED - 1; i++)
        assert_number(entries[i], i + 10);
    assert_ptr_equal(find(10000), kept);
    for (int i = 0; i < 3 * X509_CACHED; i++)
        assert_number(find(i), i);
}

static void reads_large_ones_aside(void **state)
{
    (void)state;
    static struct bytes der, name;
    char text[X509_TEXT_MOST];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    name.len = der.len = 0;
    for (int i = 0; i < 5; i++)
        add_part(&name, 10, 0x0c, text);
    add_part(&name, 3, 0x0c, "large");
    der_wrap(&name, 0, 0x30);
    add_certificate(&der, &(struct certificate){.subject = &name});
    size_t before = scratch.used;
    struct x509_entry *e = x509_cache_find(bytes_span(&der), &scratch);
    assert_true(scratch.used > before);
    assert_true(span_is(x509_entry_facts(e)->subject.attribute[X509_COMMON_NAME],
                        (struct span)SPAN("large")));
    assert_ptr_not_equal(x509_cache_find(bytes_span(&der), &scratch), e);
    arena_reset(&scratch);
    while (arena_alloc(&scratch, 4096))
        ;
    assert_null(x509_cache_find(bytes_span(&der), &scratch));
    arena_reset(&scratch);
    for (int i = 0; i < X509_CACHED; i++)
        assert_number(find(i), i);
}

// It fits, its texts do not: the place it had is used again at once.
static void reads_aside_what_has_long_texts(void **state)
{
    (void)state;
    static struct bytes der, name;
    char text[1200];
    memset(text, '"', sizeof text);
    text[sizeof text - 1] = 0;
    name.len = der.len = 0;
    for (int i = 0; i < 2; i++)
        add_part(&name, 10, 0x0c, text);
    der_wrap(&name, 0, 0x30);
    add_certificate(&der, &(struct certificate){.subject = &name, .issuer = &name});
    assert_true(der.len < X509_ENTRY - 2048);
    struct x509_entry *kept = find(1);
    for (int i = 0; i < 2 * X509_CACHED; i++) {
        size_t before = scratch.used;
        struct x509_entry *e = x509_cache_find(bytes_span(&der), &scratch);
        assert_true(scratch.used > before);
        assert_true(x509_entry_facts(e)->subject.attribute[X509_ORGANIZATION].len > 1000);
        arena_reset(&scratch);
    }
    assert_ptr_equal(find(1), kept);
    for (int i = 0; i < 2 * X509_CACHED; i++)
        assert_number(find(i), i);
}

static void takes_what_is_no_certificate(void **state)
{
    (void)state;
    struct x509_entry *e = x509_cache_find((struct span)SPAN("abc"), &scratch);
    assert_null(x509_entry_facts(e));
    struct span digest = x509_entry_digest(e, DIGEST_SHA1);
    assert_true(span_is(digest, (struct span)SPAN("A9993E364706816ABA3E25717850C26C9CD0D89D")));
    assert_ptr_equal(x509_cache_find((struct span)SPAN("abc"), &scratch), e);
    assert_ptr_equal(x509_entry_digest(e, DIGEST_SHA1).at, digest.at);
    assert_int_equal(x509_entry_digest(e, DIGEST_MD5).len, 32);
    assert_null(x509_entry_facts(x509_cache_find(span_of("", 0), &scratch)));
}

static void *elsewhere(void *entry)
{
    return find(1) == entry ? entry : NULL;
}

static void belongs_to_a_thread(void **state)
{
    (void)state;
    pthread_t thread;
    void *same = &thread;
    assert_int_equal(pthread_create(&thread, NULL, elsewhere, find(1)), 0);
    pthread_join(thread, &same);
    assert_null(same);
}

static int open_scratch(void **state)
{
    (void)state;
    return arena_init(&scratch, 1 << 20) ? 0 : -1;
}

static int close_scratch(void **state)
{
    (void)state;
    arena_free(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_seen),
        cmocka_unit_test(lets_the_oldest_go),
        cmocka_unit_test(reads_large_ones_aside),
        cmocka_unit_test(reads_aside_what_has_long_texts),
        cmocka_unit_test(takes_what_is_no_certificate),
        cmocka_unit_test(belongs_to_a_thread),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
