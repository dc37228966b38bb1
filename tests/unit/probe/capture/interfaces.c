// SPDX-License-Identifier: Apache-2.0
// Which cards a setting means.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/capture/interfaces.h"

// The names of those that are meant, with spaces between them.
static const char *chosen(const char *device)
{
    static char text[256];
    struct interface all[] = {{.index = 1, .name = "lo"},     {.index = 2, .name = "eth0"},
                              {.index = 5, .name = "eth1"},   {.index = 9, .name = "eth12"},
                              {.index = 11, .name = "veth0"}, {.index = 12, .name = "wlan0"}};
    int count = interfaces_choose(device, all, 6);
    text[0] = '\0';
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
                 all[i].name);
    return text;
}

static void names_and_patterns(void **state)
{
    (void)state;
    assert_string_equal(chosen("eth0"), "eth0");
    assert_string_equal(chosen("eth"), "");
    assert_string_equal(chosen("eth*"), "eth0 eth1 eth12");
    assert_string_equal(chosen("eth?"), "eth0 eth1");
    assert_string_equal(chosen("eth0,wlan0"), "eth0 wlan0");
    assert_string_equal(chosen(" eth0 , wlan0 "), "eth0 wlan0");
    assert_string_equal(chosen("any"), "lo eth0 eth1 eth12 veth0 wlan0");
    assert_string_equal(chosen(""), "lo eth0 eth1 eth12 veth0 wlan0");
}

static void exclusions(void **state)
{
    (void)state;
    assert_string_equal(chosen("eth*,!eth1"), "eth0 eth12");
    assert_string_equal(chosen("!eth1,eth*"), "eth0 eth12");
    assert_string_equal(chosen("!lo,!*eth*"), "wlan0");
    assert_string_equal(chosen("any,!veth*"), "lo eth0 eth1 eth12 wlan0");
}

static void numbers_of_the_list(void **state)
{
    (void)state;
    assert_string_equal(chosen("1"), "eth0");
    assert_string_equal(chosen("2,5"), "eth1 wlan0");
    assert_string_equal(chosen("6"), "");
}

static void one_or_many(void **state)
{
    (void)state;
    assert_true(interfaces_mean_one("eth0"));
    for (const char *const *s = (const char *const[]){"any", "eth*", "!lo", "eth0,eth1", "0",
                                                      "default_route", "eth[01]", NULL};
         *s; s++)
        assert_false(interfaces_mean_one(*s));
    assert_true(interfaces_mean_all("any"));
    assert_true(interfaces_mean_all("*"));
    assert_false(interfaces_mean_all("any,!lo"));
}

static void a_long_word_matches_nothing(void **state)
{
    (void)state;
    char word[1000];
    memset(word, 'e', sizeof word);
    word[sizeof word - 1] = '\0';
    assert_string_equal(chosen(word), "");
}

static void this_machine_can_be_read(void **state)
{
    (void)state;
    static struct interface all[INTERFACES];
    int count = interfaces_read(all, INTERFACES);
    for (int i = 1; i < count; i++)
        assert_true(all[i - 1].index < all[i].index);
    int watch = interfaces_watch();
    if (watch >= 0)
        assert_false(interfaces_changed(watch));
    assert_false(interfaces_changed(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_patterns),          cmocka_unit_test(exclusions),
        cmocka_unit_test(numbers_of_the_list),         cmocka_unit_test(one_or_many),
        cmocka_unit_test(a_long_word_matches_nothing), cmocka_unit_test(this_machine_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
