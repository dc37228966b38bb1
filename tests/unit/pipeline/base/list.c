// SPDX-License-Identifier: Apache-2.0
// The ring: order, removal, and finding the thing around a link.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/list.h"

struct thing {
    int number;
    struct list link;
};

static int first_number(const struct list *l)
{
    return LIST_OF(l->next, struct thing, link)->number;
}

static void test_keeps_the_order(void **state)
{
    (void)state;
    struct list l;
    struct thing one = {1, {0}}, two = {2, {0}}, zero = {0, {0}};
    list_init(&l);
    assert_true(list_is_empty(&l));
    list_append(&l, &one.link);
    list_append(&l, &two.link);
    list_prepend(&l, &zero.link);
    for (int number = 0; number <= 2; number++) {
        assert_int_equal(first_number(&l), number);
        list_remove(l.next);
    }
    assert_true(list_is_empty(&l));
}

static void test_removes_twice_without_harm(void **state)
{
    (void)state;
    struct list l;
    struct thing one = {1, {0}}, two = {2, {0}};
    list_init(&l);
    list_append(&l, &one.link);
    list_append(&l, &two.link);
    list_remove(&one.link);
    list_remove(&one.link);
    assert_int_equal(first_number(&l), 2);
    assert_ptr_equal(l.prev, &two.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_order),
        cmocka_unit_test(test_removes_twice_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
