// SPDX-License-Identifier: Apache-2.0
// From files and command line to one tree, with ${…} resolved: other settings first, then the
// keystore, then the environment. Where the keystore lies is a setting itself, so the paths are
// resolved before all else, with the environment alone.

#include <unistd.h>

#include "config/keystore.h"
#include "probe/plan.h"

static bool no_memory(struct error *why)
{
    return error_set(why, "the configuration is too large");
}

// Paths that are not given stand in the tree all the same, so that ${path.data} can be used
// anywhere.
static bool default_paths(struct config *root, struct arena *a, struct error *why)
{
    static const char *const paths[][2] = {{"path.home", "."},
                                           {"path.config", "${path.home}"},
                                           {"path.data", "${path.home}/data"},
                                           {"path.logs", "${path.home}/logs"}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *text = arena_printf(a, "%s='%s'", paths[i][0], paths[i][1]);
        if (!config_get(root, paths[i][0]) && (!text || !config_override(root, text, a, why)))
            return false;
    }
    return true;
}

static bool merge(struct config *root, const struct plan_sources *s, struct arena *a,
                  struct error *why)
{
    for (int i = 0; i < s->file_count; i++) {
        if (s->check_permissions && !config_is_private(s->files[i], why))
            return false;
        if (!config_read(root, s->files[i], a, why))
            return false;
    }
    if (!s->file_count && !config_read_text(root, span_text(s->standard), "built in", a, why))
        return false;
    for (int i = 0; i < s->override_count; i++)
        if (!config_override(root, s->overrides[i], a, why))
            return false;
    return default_paths(root, a, why);
}

// ── the keystore ──

// One setting as it is written, in another tree; nothing if it is not there.
static bool copy_setting(struct config *to, const struct config *from, const char *path,
                         struct arena *a, struct error *why)
{
    const char *text = config_text(from, path);
    size_t quotes = 0, len = 0;
    for (const char *c = text; c && *c; c++)
        quotes += *c == '\'';
    char *doubled = arena_alloc(a, text ? strlen(text) + quotes + 1 : 1);
    for (const char *c = text; doubled && c && *c; c++) {
        if (*c == '\'')
            doubled[len++] = *c;
        doubled[len++] = *c;
    }
    char *assignment = doubled ? arena_printf(a, "%s='%s'", path, doubled) : NULL;
    if (!assignment)
        return no_memory(why);
    return !text || config_override(to, assignment, a, why);
}

// Of the names that the file may have the one that is there, or the program's own.
static const char *choose_file(const char *folder, bool compat, struct arena *a)
{
    static const char *const names[] = {"weir", "packetbeat"};
    const char *own = arena_printf(a, "%s/%s.keystore", folder, names[compat]);
    const char *other = arena_printf(a, "%s/%s.keystore", folder, names[!compat]);
    bool is_there = own && access(own, F_OK) == 0;
    return !is_there && other && access(other, F_OK) == 0 ? other : own;
}

static const char *path_in(const struct config *root, struct arena *a, struct error *why)
{
    static const char *const paths[] = {"path.home", "path.config", "path.data", "path.logs",
                                        "keystore.path"};
    struct config *own = config_new(a);
    for (size_t i = 0; own && i < sizeof paths / sizeof *paths; i++)
        if (!copy_setting(own, root, paths[i], a, why))
            return NULL;
    if (!own) {
        no_memory(why);
        return NULL;
    }
    if (!config_resolve(own, config_environment, NULL, a, why))
        return NULL;
    const char *given = config_text(own, "keystore.path"), *folder = config_text(own, "path.data");
    const char *path = given    ? given
                       : folder ? choose_file(folder, config_get(root, "packetbeat"), a)
                                : NULL;
    if (!path)
        error_set(why, "path.data: expected a folder");
    return path;
}

static const char *look_up(void *keystore, const char *name, bool *secret)
{
    const struct secret *found = keystore_find(keystore, name);
    if (!found)
        return config_environment(NULL, name, secret);
    *secret = true;
    return (const char *)found->value.at;
}

// Without a file there are no secrets.
static bool read_keystore(struct keystore *k, const struct config *root, struct arena *a,
                          struct error *why)
{
    const char *path = path_in(root, a, why);
    keystore_init(k, a);
    return path && (access(path, F_OK) != 0 || keystore_read(k, path, a, why));
}

// ── the public face ──

bool plan_read_files(struct config *root, const struct plan_sources *from, struct arena *a,
                     struct error *why)
{
    struct keystore keystore;
    return merge(root, from, a, why) && read_keystore(&keystore, root, a, why) &&
           config_resolve(root, look_up, &keystore, a, why);
}

const char *plan_keystore_path(const struct plan_sources *from, struct arena *a, struct error *why)
{
    struct config *root = config_new(a);
    if (!root)
        no_memory(why);
    return root && merge(root, from, a, why) ? path_in(root, a, why) : NULL;
}
