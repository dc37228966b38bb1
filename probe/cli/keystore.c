// SPDX-License-Identifier: Apache-2.0
// `weir keystore`: makes and changes the file of secrets that ${NAME} finds. A secret is never a
// word of the command line, where other users would see it, and is never printed.

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "config/keystore.h"
#include "probe/cli/command.h"

struct keystore_command {
    const struct flags *flags;
    const char *name; // of the secret; NULL: none given
    const char *path;
    struct arena arena;
    struct keystore keystore;
    struct error why;
};

// ── the terminal ──

// Yes only if somebody sits there and says so, or --force.
static bool agrees(const struct keystore_command *c, const char *question)
{
    char answer[16] = "";
    if (flags_on(c->flags, "force"))
        return true;
    if (!isatty(STDIN_FILENO))
        return false;
    printf("%s [y/N]: ", question);
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (answer[0] | 0x20) == 'y';
}

// All of standard input, or one line without showing it.
static bool read_input(struct keystore_command *c, struct span *value)
{
    struct termios before, hidden;
    bool all = flags_on(c->flags, "stdin");
    bool hide = !all && tcgetattr(STDIN_FILENO, &before) == 0;
    size_t room = KEYSTORE_VALUE + 2, len = 0;
    char *text = arena_alloc(&c->arena, room + 1);
    if (!text)
        return error_set(&c->why, "out of memory");
    if (hide) {
        hidden = before;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
        printf("Enter value for %s: ", c->name);
        fflush(stdout);
    }
    if (all)
        len = fread(text, 1, room, stdin);
    else if (fgets(text, (int)room, stdin))
        len = strlen(text);
    if (hide) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        putchar('\n');
    }
    len -= len && text[len - 1] == '\n'; // of echo and of the terminal
    len -= len && text[len - 1] == '\r';
    *value = span_of(text, len);
    return len || error_set(&c->why, "no secret was given");
}

// ── the commands ──

static bool is_there(const struct keystore_command *c)
{
    return access(c->path, F_OK) == 0;
}

static bool read_file(struct keystore_command *c)
{
    if (!is_there(c))
        return error_set(&c->why, "%s: there is no keystore (make it with weir keystore create)",
                         c->path);
    return keystore_read(&c->keystore, c->path, &c->arena, &c->why);
}

static bool create(struct keystore_command *c)
{
    if (is_there(c) && !agrees(c, "A keystore already exists. Overwrite it?"))
        return error_set(&c->why, "%s: is there already (--force replaces it)", c->path);
    keystore_init(&c->keystore, &c->arena);
    if (!keystore_write(&c->keystore, c->path, &c->why))
        return false;
    printf("Created %s\n", c->path);
    return true;
}

static bool add(struct keystore_command *c)
{
    struct span value;
    if (!is_there(c) && agrees(c, "There is no keystore. Create it?"))
        keystore_init(&c->keystore, &c->arena);
    else if (!read_file(c))
        return false;
    if (keystore_find(&c->keystore, c->name) &&
        !agrees(c, "There is a secret of that name. Overwrite it?"))
        return error_set(&c->why, "%s: is there already (--force replaces it)", c->name);
    if (!read_input(c, &value) || !keystore_put(&c->keystore, c->name, value, &c->why) ||
        !keystore_write(&c->keystore, c->path, &c->why))
        return false;
    printf("Added %s to %s\n", c->name, c->path);
    return true;
}

static bool list(struct keystore_command *c)
{
    if (!read_file(c))
        return false;
    for (const struct secret *s = c->keystore.first; s; s = s->next)
        puts(s->name);
    return true;
}

static bool take_out(struct keystore_command *c)
{
    if (!read_file(c))
        return false;
    if (!keystore_remove(&c->keystore, c->name))
        return error_set(&c->why, "%s: there is no secret of that name", c->name);
    if (!keystore_write(&c->keystore, c->path, &c->why))
        return false;
    printf("Removed %s from %s\n", c->name, c->path);
    return true;
}

static const struct {
    const char *name;
    bool needs_name;
    bool (*run)(struct keystore_command *c);
} verbs[] = {{"create", false, create},
             {"add", true, add},
             {"list", false, list},
             {"remove", true, take_out}};

static int run_verb(const struct flags *flags, const char *name,
                    bool (*run)(struct keystore_command *c))
{
    struct keystore_command c = {.flags = flags, .name = name};
    error_set(&c.why, "out of memory");
    bool good = arena_init(&c.arena, 64 << 20) &&
                (c.path = command_secrets_path(flags, &c.arena, &c.why)) && run(&c);
    arena_free(&c.arena);
    return good ? EXIT_FINE : command_fails(EXIT_FAILED, &c.why);
}

static int run_keystore(const struct flags *flags, const char *const *words)
{
    for (size_t i = 0; words[0] && i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(words[0], verbs[i].name) && !words[1] == !verbs[i].needs_name &&
            !(words[1] && words[2]))
            return run_verb(flags, words[1], verbs[i].run);
    fprintf(stderr, "weir: usage: weir keystore create|list|add NAME|remove NAME\n");
    return EXIT_USAGE;
}

const struct command command_keystore = {"keystore", "create|list|add NAME|remove NAME",
                                         "keep secrets for ${NAME} out of the configuration",
                                         run_keystore};
