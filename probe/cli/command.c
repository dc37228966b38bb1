// SPDX-License-Identifier: Apache-2.0
// What all commands share: the list, the flags, where the configuration is found.

#include "probe/cli/command.h"

#include <unistd.h>

#define COMMAND(name) extern const struct command command_##name;
#include "probe/cli/commands.def"
#undef COMMAND

const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "probe/cli/commands.def"
#undef COMMAND
    NULL};

const struct flag command_flags[] = {
    {"I", "FILE", "read a capture file, a directory of them, or - for standard input"},
    {"t", NULL, "read files as fast as possible and keep their times"},
    {"l", "N", "read files N times, 0 without end (default 1)"},
    {"O", NULL, "one packet of a file for each Enter"},
    {"N", NULL, "publish nothing (for trying and measuring)"},
    {"dump", "PREFIX", "also write all packets to PREFIX-DATE.pcap"},
    {"c", "FILE", "configuration; may be repeated, later ones win (default weir.yml)"},
    {"E", "KEY=VALUE", "set one setting; may be repeated"},
    {"e", NULL, "log to standard error"},
    {"v", NULL, "log more (info)"},
    {"d", "SELECTORS", "log debug messages of these, * for all"},
    {"path.home", "DIR", "where the other paths start"},
    {"path.config", "DIR", "where the configuration is looked for"},
    {"path.data", "DIR", "where the probe keeps its id"},
    {"path.logs", "DIR", "where logs are written"},
    {"strict.perms", NULL, "refuse a configuration that others may write (default true)"},
    {"environment", "NAME", "accepted for compatibility"},
    {"force", NULL, "keystore: replace without asking"},
    {"stdin", NULL, "keystore add: read the secret from standard input"},
    {"h,help", NULL, "show this help"},
    {"version", NULL, "show the version"},
    FLAGS_END};

// What is followed when nobody configured anything: everything, to standard output.
static const char standard[] = "weir:\n"
                               "  flows: {enabled: true}\n"
                               "  protocols:\n"
#define PROTOCOL(name) "  - type: " #name "\n"
#include "probe/proto/protocols.def"
#undef PROTOCOL
                               "output.console.enabled: true\n"
                               "logging: {to_files: false, level: warning, json: false}\n"
                               "logging.metrics.enabled: false\n";

static const char *const usual_files[] = {"weir.yml", "packetbeat.yml", NULL};

// A file at its usual place, or NULL.
static const char *find_file(const struct flags *flags, struct arena *a)
{
    const char *folder = flags_text(flags, "path.config");
    if (!folder)
        folder = flags_text(flags, "path.home");
    for (const char *const *name = usual_files; *name; name++) {
        const char *path = folder ? arena_printf(a, "%s/%s", folder, *name) : *name;
        if (path && access(path, R_OK) == 0)
            return path;
    }
    return NULL;
}

// Flags that are settings, as -E has them; later ones win. There is room for all.
static int overrides_of(const struct flags *flags, const char **into, struct arena *a)
{
    static const char *const paths[] = {"path.home", "path.config", "path.data", "path.logs"};
    int count = 0, at = 0;
    const char *text;
    while ((text = flags_next(flags, "E", &at)))
        into[count++] = text;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if ((text = flags_text(flags, paths[i])))
            into[count++] = arena_printf(a, "%s=%s", paths[i], text);
    if (flags_on(flags, "e"))
        into[count++] = "logging.to_stderr=true";
    if (flags_on(flags, "v"))
        into[count++] = "logging.level=info";
    if ((text = flags_text(flags, "d"))) {
        into[count++] = "logging.level=debug";
        into[count++] =
            arena_printf(a, "logging.selectors=[%s]", !strcmp(text, "*") ? "'*'" : text);
    }
    return count;
}

// The flags as sources of a plan.
static bool sources_of(const struct flags *flags, struct arena *a, struct plan_sources *s)
{
    enum { OWN = 8 }; // settings that other flags come to
    size_t room = (size_t)flags->given_count + OWN;
    int at = 0;
    const char *text;
    s->standard = standard;
    s->publish = !flags_on(flags, "N");
    s->check_permissions = !flags_text(flags, "strict.perms") || flags_on(flags, "strict.perms");
    s->files = arena_alloc(a, room * sizeof *s->files);
    s->overrides = arena_alloc(a, room * sizeof *s->overrides);
    if (!s->files || !s->overrides)
        return false;
    while ((text = flags_next(flags, "c", &at)))
        s->files[s->file_count++] = text;
    if (!s->file_count && (text = find_file(flags, a)))
        s->files[s->file_count++] = text;
    s->override_count = overrides_of(flags, s->overrides, a);
    return true;
}

struct plan *command_plan(const struct flags *flags, void (*ask_stop)(void *))
{
    struct error why = {"out of memory"};
    struct plan_sources from = {.ask_stop = ask_stop};
    struct plan *plan = NULL;
    struct arena arena;
    if (arena_init(&arena, 1 << 20) && sources_of(flags, &arena, &from)) {
        from.keep_id = ask_stop && from.file_count;
        plan = plan_new(&from, &why);
    }
    arena_free(&arena);
    if (!plan)
        command_fails(EXIT_FAILED, &why);
    return plan;
}

const char *command_secrets_path(const struct flags *flags, struct arena *a, struct error *why)
{
    struct plan_sources from = {.ask_stop = NULL};
    if (sources_of(flags, a, &from))
        return plan_keystore_path(&from, a, why);
    error_set(why, "out of memory");
    return NULL;
}

int command_fails(int code, const struct error *why)
{
    fprintf(stderr, "weir: %s\n", why->text);
    return code;
}
