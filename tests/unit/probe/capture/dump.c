// SPDX-License-Identifier: Apache-2.0
// What is dumped can be read again.
#include <dirent.h>

#include "pipeline/base/clock.h"
#include "tests/unit/probe/capture/write.h"

static const char *only_file(struct place *p)
{
    DIR *directory = opendir(p->path);
    char *path = NULL;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            path = arena_printf(&p->arena, "%s/%s", p->path, entry->d_name);
    closedir(directory);
    return path;
}

static int read_back(struct place *p, const char *path, struct frame *frames, void **source)
{
    struct error why;
    int count;
    struct source_setup setup = usual_setup(p, &path, 1);
    *source = source_file.open(&setup, &why);
    enum source_state state = source_file.read(*source, frames, FRAMES, &count, &why);
    assert_true(state == SOURCE_FRAMES || state == SOURCE_END);
    return count;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "0123456789abXY the rest of it";
    const struct frame out[] = {
        {.at = bytes, .len = 20, .wire = 200, .time = 1700000000123456789, .link = LINK_ETHERNET},
        {.at = bytes, .len = 20, .wire = 20, .time = 5, .link = LINK_RAW},
        {.at = bytes, .len = 0, .wire = 7, .time = -5, .link = LINK_ETHERNET},
        {.at = bytes,
         .len = 29,
         .wire = 29,
         .time = 5,
         .link = LINK_ETHERNET,
         .has_vlan = true,
         .vlan = 0x123},
    };
    struct place p;
    struct error why = {0};
    struct frame in[FRAMES];
    void *source;
    setenv("TZ", "UTC", 1);
    place_open(&p);
    char *prefix = arena_printf(&p.arena, "%s/mine", p.path);
    struct dump *d = dump_open(prefix, 1700000000 * SECOND, &why);
    assert_non_null(d);
    dump_write(d, out, 1);
    dump_write(d, out + 1, 3);
    assert_true(dump_close(d, &why));
    assert_non_null(strstr(why.text, "1 frames of another link type"));
    const char *path = only_file(&p);
    assert_non_null(strstr(path, "/mine-20231114221320.pcap"));

    assert_int_equal(read_back(&p, path, in, &source), 3);
    assert_true(in[0].time == out[0].time);
    assert_int_equal(in[0].len, 20);
    assert_int_equal(in[0].wire, 200);
    assert_memory_equal(in[0].at, bytes, 20);
    assert_true(in[1].time == -5);
    assert_int_equal(in[1].wire, 7);
    assert_int_equal(in[2].len, 33);
    assert_int_equal(in[2].wire, 33);
    assert_memory_equal(in[2].at, "0123456789ab\x81\x00\x01\x23XY", 18);
    source_file.close(source);
    place_close(&p);
}

static void an_empty_dump_is_a_capture_file(void **state)
{
    (void)state;
    struct place p;
    struct error why;
    struct frame in[FRAMES];
    void *source;
    place_open(&p);
    struct dump *d = dump_open(arena_printf(&p.arena, "%s/x", p.path), 0, &why);
    assert_true(dump_close(d, &why));
    assert_string_equal(why.text, "");
    assert_int_equal(read_back(&p, only_file(&p), in, &source), 0);
    source_file.close(source);
    place_close(&p);
}

static void a_disk_that_refuses_is_told(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    const struct frame frame = {.at = bytes, .len = sizeof bytes, .wire = sizeof bytes};
    struct place p;
    struct error why;
    assert_null(dump_open("/nowhere/at/all", 0, &why));
    assert_non_null(strstr(why.text, "/nowhere/at/all-"));
    place_open(&p);
    char *prefix = arena_printf(&p.arena, "%s/full", p.path);
    setenv("TZ", "UTC", 1);
    char *path = arena_printf(&p.arena, "%s-19700101000000.pcap", prefix);
    assert_int_equal(symlink("/dev/full", path), 0);
    struct dump *d = dump_open(prefix, 0, &why);
    assert_non_null(d);
    for (int i = 0; i < 10; i++)
        dump_write(d, &frame, 1);
    assert_false(dump_close(d, &why));
    assert_non_null(strstr(why.text, "No space left"));
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_empty_dump_is_a_capture_file),
        cmocka_unit_test(a_disk_that_refuses_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
