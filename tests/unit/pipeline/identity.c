// SPDX-License-Identifier: Apache-2.0
#include "pipeline/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char directory[64], data[96], meta[128];
    struct arena arena;
};

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.directory, "/tmp/weir-identity-XXXXXX");
    *state = &f;
    if (!mkdtemp(f.directory) || !arena_init(&f.arena, 1 << 20))
        return -1;
    snprintf(f.data, sizeof f.data, "%s/home/data", f.directory);
    snprintf(f.meta, sizeof f.meta, "%s/meta.json", f.data);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    arena_free(&f->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    return system(command);
}

static void assert_is_uuid_4(const char *id)
{
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
    assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
    assert_int_equal(id[14], '4');
    assert_non_null(strchr("89ab", id[19]));
}

static void write_meta(const struct fixture *f, const char *text)
{
    char command[128];
    snprintf(command, sizeof command, "mkdir -p '%s'", f->data);
    assert_int_equal(system(command), 0);
    FILE *to = fopen(f->meta, "w");
    fputs(text, to);
    fclose(to);
}

static void the_id_is_kept_and_the_other_is_not(void **state)
{
    struct fixture *f = *state;
    struct identity first, second;
    identity_read(&first, NULL, f->data, false, &f->arena);
    identity_read(&second, NULL, f->data, false, &f->arena);
    assert_is_uuid_4(first.id);
    assert_is_uuid_4(first.ephemeral_id);
    assert_string_equal(first.id, second.id);
    assert_string_not_equal(first.ephemeral_id, second.ephemeral_id);
    assert_string_not_equal(first.id, first.ephemeral_id);

    char text[256] = "", id[40] = "", time[40] = "";
    struct stat there;
    FILE *in = fopen(f->meta, "r");
    assert_non_null(fgets(text, sizeof text, in));
    fclose(in);
    assert_int_equal(sscanf(text, "{\"uuid\":\"%36[^\"]\",\"first_start\":\"%30[^\"]\"}", id, time),
                     2);
    assert_string_equal(id, first.id);
    assert_int_equal(time[10], 'T');
    assert_int_equal(stat(f->meta, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    char command[160];
    snprintf(command, sizeof command, "test $(ls -A '%s' | wc -l) = 1", f->data);
    assert_int_equal(system(command), 0); // nothing temporary is left
}

static void the_reference_s_file_is_taken_over(void **state)
{
    struct fixture *f = *state;
    struct identity i;
    write_meta(f, "{\"uuid\":\"0b5a1e62-8a53-4bd0-9e4e-6cf5f1c50aef\","
                  "\"first_start\":\"2024-05-06T07:08:09.123Z\"}");
    identity_read(&i, "probe1", f->data, true, &f->arena);
    assert_string_equal(i.id, "0b5a1e62-8a53-4bd0-9e4e-6cf5f1c50aef");
    assert_string_equal(i.name, "probe1");
    assert_string_equal(i.type, "packetbeat");
    assert_string_equal(i.version, "8.17.2");
    assert_string_equal(i.ecs_version, "8.0.0");
}

static void broken_files_are_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const broken[] = {"",
                                         "{",
                                         "{\"uuid\":1}",
                                         "{\"uuid\":\"\"}",
                                         "[]",
                                         "{\"uuid\":\"0b5a1e62-8a53-4bd0-9e4e-6cf5f1c50ae\"}",
                                         "{\"uuid\":\"0b5a1e62x8a53-4bd0-9e4e-6cf5f1c50aef\"}",
                                         "{\"uuid\":\"0b5a1e62-8a53-4bd0-9e4e-6cf5f1c50aeg\"}"};
    for (size_t n = 0; n < sizeof broken / sizeof *broken; n++) {
        struct identity i;
        struct stat there;
        write_meta(f, broken[n]);
        identity_read(&i, NULL, f->data, false, &f->arena);
        assert_is_uuid_4(i.id);
        assert_int_equal(stat(f->meta, &there), 0);
        assert_int_equal(there.st_size, strlen(broken[n]));
    }
}

static void without_a_place_there_is_an_id_for_this_run(void **state)
{
    struct fixture *f = *state;
    struct identity first, second;
    char file[96];
    snprintf(file, sizeof file, "%s/home", f->directory);
    fclose(fopen(file, "w"));
    identity_read(&first, "", f->data, false, &f->arena);
    identity_read(&second, "", f->data, false, &f->arena);
    assert_is_uuid_4(first.id);
    assert_string_not_equal(first.id, second.id);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    assert_string_equal(first.name, host);
    assert_string_equal(first.type, "weir");
    assert_string_equal(first.version, WEIR_VERSION);
    assert_string_equal(first.ecs_version, "8.11.0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_id_is_kept_and_the_other_is_not),
        TEST(the_reference_s_file_is_taken_over),
        TEST(broken_files_are_left_alone),
        TEST(without_a_place_there_is_an_id_for_this_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
