// SPDX-License-Identifier: Apache-2.0
// Zones: names, offsets, changes, and hours that come twice or never.

#include "pipeline/zone.h"

#include "tests/unit/pipeline/kit.h"

static const struct zone *zone(const char *name)
{
    const struct zone *z = zone_read(name, &arena, &why);
    if (!z)
        fail_msg("%s", why.text);
    return z;
}

static void assert_at(const char *name, int64_t time, int seconds, const char *abbreviation)
{
    struct zone_offset offset = zone_at(zone(name), time);
    assert_int_equal(offset.seconds, seconds);
    assert_string_equal(offset.abbreviation, abbreviation);
}

static void offsets(void **state)
{
    (void)state;
    assert_at("UTC", 0, 0, "UTC");
    assert_at("+02:00", 0, 7200, "+02:00");
    assert_at("-0330", 0, -12600, "-0330");
    assert_at("+14", 0, 50400, "+14");
    static const char *const wrong[] = {"+2",    "+24:00",    "+01:60", "+01:0",
                                        "+0:00", "+01:00:00", "+aa"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(zone_read(wrong[i], &arena, &why));
}

static void names(void **state)
{
    (void)state;
    assert_at("Europe/Berlin", 1711846799, 3600, "CET");
    assert_at("Europe/Berlin", 1711846800, 7200, "CEST");
    assert_at("America/New_York", 1700000000, -18000, "EST");
    assert_at("Europe/Berlin", INT64_MIN, 3208, "LMT");
    assert_null(zone_read("Europe/Nowhere", &arena, &why));
    assert_null(zone_read("../../etc/passwd", &arena, &why));
    assert_null(zone_read("/etc/localtime", &arena, &why));
    assert_null(zone_read("tzdata.zi", &arena, &why));
}

static void from_the_wall(void **state)
{
    (void)state;
    const struct zone *berlin = zone("Europe/Berlin");
    assert_int_equal(zone_to_utc(berlin, 1705312800), 1705312800 - 3600);
    assert_int_equal(zone_to_utc(berlin, 1721001600), 1721001600 - 7200);
    // 2024-10-27 02:30 comes twice: at 00:30 and at 01:30 UTC
    assert_int_equal(zone_to_utc(berlin, 1729996200), 1729989000);
    // 2024-03-31 02:30 never comes
    assert_int_equal(zone_to_utc(berlin, 1711852200), 1711848600);
    assert_int_equal(zone_to_utc(zone("-01:00"), 0), 3600);
}

static void local(void **state)
{
    (void)state;
    setenv("TZ", ":Asia/Kolkata", 1);
    assert_at("Local", 0, 19800, "IST");
    setenv("TZ", "/usr/share/zoneinfo/Asia/Tokyo", 1);
    assert_at("", 0, 32400, "JST");
    setenv("TZ", "garbage", 1);
    assert_at("Local", 0, 0, "UTC");
    unsetenv("TZ");
    assert_non_null(zone("Local"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(offsets),
        test(names),
        test(from_the_wall),
        test(local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
