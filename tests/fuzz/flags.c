// SPDX-License-Identifier: Apache-2.0
// A command line, one word a line, against the flags of the program.

#include "probe/cli/command.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS = 64 };

static void ask(const struct flags *f, struct arena *a)
{
    for (int i = 0; i < f->given_count; i++) {
        char name[64];
        int at = 0, count = 0;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(f->given[i].flag->name, ","),
                 f->given[i].flag->name);
        fuzz_check(f->given[i].text && flags_text(f, name));
        (void)flags_on(f, name);
        while (flags_next(f, name, &at))
            count++;
        const char **all = flags_all(f, name, a);
        while (all && *all++)
            count--;
        fuzz_check(!all || count == 0);
    }
    for (int i = 0; i < f->word_count; i++)
        fuzz_check(f->words[i]);
    fuzz_check(!f->words || !f->words[f->word_count]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    fuzz_check(arena.base || arena_init(&arena, 1 << 20));
    arena_reset(&arena);
    struct reader input = reader_of(span_of(data, size));
    char *words[WORDS + 1] = {"weir"};
    int count = 1;
    while (reader_left(&input) && count < WORDS)
        words[count++] = fuzz_text(fuzz_line(&input));
    struct flags flags;
    struct error why = {""};
    if (flags_read(&flags, command_flags, count, words, &arena, &why))
        ask(&flags, &arena);
    else
        fuzz_check(why.text[0]);
    while (--count)
        free(words[count]);
    return 0;
}
