// SPDX-License-Identifier: Apache-2.0
// Filters: libpcap's word counts.
#include "tests/unit/probe/capture/write.h"

static void filters_are_checked(void **state)
{
    (void)state;
    struct error why = {0};
    assert_true(filter_check("tcp port 80 or (vlan and udp)", &why));
    assert_true(filter_check("", &why));
    assert_true(filter_check(NULL, &why));
    assert_string_equal(why.text, "");
    assert_false(filter_check("tcp prot 80", &why));
    assert_non_null(strstr(why.text, "tcp prot 80"));
    assert_non_null(strstr(why.text, "syntax error"));
}

static void the_list_has_the_file(void **state)
{
    (void)state;
    int i = 0;
    while (sources[i] && strcmp(sources[i]->name, "file") != 0)
        i++;
    assert_ptr_equal(sources[i], &source_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_checked),
        cmocka_unit_test(the_list_has_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
