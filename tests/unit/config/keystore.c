// SPDX-License-Identifier: Apache-2.0
// The keystore: there and back, one made elsewhere, and files that are none.
#include "config/keystore.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/config/unit.h"

#define FILE_ONE                                                             \
    "v1AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEy" \
    "MzQ1Njc4OTo7PD0+P2RlZmdoaWprbG1ub8/iMwgPrAxzvCJeYKM4QYO9b1uCAInsYJXdYg" \
    "mKFjqCLSTzTwHE"

#define FILE_TWO                                                             \
    "v1AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEy" \
    "MzQ1Njc4OTo7PD0+P2RlZmdoaWprbG1ub8/iORcU3mEX5ToII6wlRc/gKhSEEKIQZIv1Dn" \
    "4X2vC2wQmPKSqfQW7K+0RZA+o="

static char folder[64], path[128];

static int set_up_folder(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/weir-keystore-XXXXXX");
    snprintf(path, sizeof path, "%s/deep/x.keystore", mkdtemp(folder));
    return set_up(state);
}

static int tear_down_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 || tear_down(state);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_secret(const struct keystore *k, const char *name, const char *value)
{
    const struct secret *s = keystore_find(k, name);
    assert_non_null(s);
    assert_int_equal(s->value.len, strlen(value));
    assert_string_equal((const char *)s->value.at, value);
}

static void put(struct keystore *k, const char *name, const char *value)
{
    if (!keystore_put(k, name, span_text(value), &why))
        fail_msg("%s", why.text);
}

static void there_and_back(void **state)
{
    (void)state;
    struct keystore k, again;
    struct stat file;
    keystore_init(&k, &arena);
    put(&k, "b", "old");
    put(&k, "c.d", "\"quoted\" \\ \n €");
    put(&k, "A", "");
    put(&k, "b", "raw \xff\xfe");
    assert_true(keystore_write(&k, path, &why));
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_true(keystore_read(&again, path, &arena, &why));
    assert_int_equal(again.count, 3);
    assert_string_equal(again.first->name, "A");
    assert_secret(&again, "A", "");
    assert_secret(&again, "b", "raw \xff\xfe");
    assert_secret(&again, "c.d", "\"quoted\" \\ \n €");
    assert_true(keystore_remove(&again, "b"));
    assert_false(keystore_remove(&again, "b"));
    assert_false(keystore_remove(&again, "zz"));
    assert_null(keystore_find(&again, "b"));
    assert_true(keystore_write(&again, path, &why));
    assert_true(keystore_read(&k, path, &arena, &why));
    assert_int_equal(k.count, 2);
}

// By Python's cryptography: {"ES_PWD":"changeme"} and {"OLD":{"value":"c2VjcmV0"}}.
static void made_elsewhere(void **state)
{
    (void)state;
    static const char *const files[] = {FILE_ONE, FILE_TWO};
    struct keystore k;
    keystore_init(&k, &arena);
    assert_true(keystore_write(&k, path, &why));
    write_file(files[0], 0600);
    assert_true(keystore_read(&k, path, &arena, &why));
    assert_secret(&k, "ES_PWD", "changeme");
    write_file(files[1], 0600);
    assert_true(keystore_read(&k, path, &arena, &why));
    assert_secret(&k, "OLD", "secret");
}

static void assert_no_keystore(const char *text, mode_t mode, const char *words)
{
    struct keystore k;
    write_file(text, mode);
    assert_false(keystore_read(&k, path, &arena, &why));
    if (!strstr(why.text, words))
        fail_msg("\"%s\" does not say \"%s\"", why.text, words);
}

static void what_is_none(void **state)
{
    (void)state;
    struct keystore k;
    assert_false(keystore_read(&k, path, &arena, &why));
    assert_non_null(strstr(why.text, "cannot be read"));
    keystore_init(&k, &arena);
    assert_true(keystore_write(&k, path, &why));
    assert_no_keystore("", 0600, "begin with v1");
    assert_no_keystore("v2AAAA", 0600, "begin with v1");
    assert_no_keystore("v1", 0600, "is damaged");
    assert_no_keystore("v1not base 64!", 0600, "is damaged");
    assert_no_keystore(FILE_ONE, 0640, "0640");
    assert_no_keystore(FILE_ONE, 0602, "0602");
    char damaged[sizeof FILE_ONE];
    for (size_t i = 3; i < sizeof FILE_ONE - 3; i += 7) {
        memcpy(damaged, FILE_ONE, sizeof damaged);
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        assert_no_keystore(damaged, 0600, "damaged");
        memcpy(damaged, FILE_ONE, sizeof damaged);
        damaged[i] = 0;
        assert_no_keystore(damaged, 0600, "damaged");
    }
    assert_int_equal(truncate(path, KEYSTORE_FILE + 1), 0);
    assert_false(keystore_read(&k, path, &arena, &why));
}

static void names_and_ceilings(void **state)
{
    (void)state;
    struct keystore k;
    keystore_init(&k, &arena);
    static const char *const names[] = {"", "a b", "a:b", "${x}", "a\nb", "a}"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(keystore_put(&k, names[i], span_text("x"), &why));
    assert_false(keystore_put(&k, "zero", span_of("a\0b", 3), &why));
    char *large = arena_alloc(&arena, KEYSTORE_VALUE + 2);
    memset(large, 'x', KEYSTORE_VALUE + 1);
    assert_false(keystore_put(&k, large, span_text("x"), &why));
    assert_false(keystore_put(&k, "large", span_text(large), &why));
    for (int i = 0; i < KEYSTORE_SECRETS; i++)
        put(&k, arena_printf(&arena, "n%d", i), "x");
    assert_false(keystore_put(&k, "one more", span_text("x"), &why));
    assert_false(keystore_put(&k, "more", span_text("x"), &why));
    assert_true(keystore_put(&k, "n7", span_text("y"), &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, set_up_folder, tear_down_folder),
        cmocka_unit_test_setup_teardown(made_elsewhere, set_up_folder, tear_down_folder),
        cmocka_unit_test_setup_teardown(what_is_none, set_up_folder, tear_down_folder),
        cmocka_unit_test_setup_teardown(names_and_ceilings, set_up_folder, tear_down_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
