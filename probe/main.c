// SPDX-License-Identifier: Apache-2.0
// The program: finds the command and lets it run.

#include "probe/cli/command.h"

static const struct command *find(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

static int dispatch(const struct flags *flags)
{
    const char *name = flags->word_count ? flags->words[0] : "run";
    if (flags_on(flags, "help"))
        name = "help";
    if (flags_on(flags, "version"))
        name = "version";
    const struct command *command = find(name);
    if (command) {
        static const char *const none[] = {NULL};
        bool named = flags->word_count && !strcmp(flags->words[0], name);
        return command->run(flags, named ? flags->words + 1 : none);
    }
    fprintf(stderr, "weir: unknown command %s (see weir help)\n", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct flags flags;
    struct error why = {""};
    if (!arena_init(&arena, 1 << 20)) {
        error_set(&why, "out of memory");
        return command_fails(EXIT_FAILED, &why);
    }
    int code = flags_read(&flags, command_flags, argc, argv, &arena, &why)
                   ? dispatch(&flags)
                   : command_fails(EXIT_USAGE, &why);
    arena_free(&arena);
    return code;
}
