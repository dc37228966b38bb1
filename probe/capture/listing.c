// SPDX-License-Identifier: Apache-2.0
// Names into a list of files. A directory gives its regular files in the order of their names, but
// not those of its own directories, and not hidden ones.
#include "probe/capture/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct builder {
    struct listing *first, **end;
    struct arena *arena;
    uint64_t bytes;
    bool piped;
    struct error *why;
};

static bool add(struct builder *b, const char *path, const struct stat *status, bool found)
{
    struct listing *l = arena_alloc(b->arena, sizeof *l);
    const char *copy = arena_text(b->arena, path);
    if (!l || !copy)
        return error_set(b->why, "%s: no memory for the list of files", path);
    *l = (struct listing){NULL, copy, found};
    *b->end = l;
    b->end = &l->next;
    if (S_ISREG(status->st_mode))
        b->bytes += (uint64_t)status->st_size;
    else
        b->piped = true;
    return true;
}

static bool add_found(struct builder *b, const char *directory, const char *name)
{
    const char *path = arena_printf(b->arena, "%s/%s", directory, name);
    struct stat status;
    if (!path || stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    return add(b, path, &status, true);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_directory(struct builder *b, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, by_name);
    if (count < 0)
        return error_set(b->why, "%s: %s", path, strerror(errno));
    struct listing **before = b->end;
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = good && add_found(b, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (good && before == b->end)
        return error_set(b->why, "%s: no file in this directory", path);
    return good;
}

static bool add_named(struct builder *b, const char *path)
{
    struct stat status;
    if (strcmp(path, "-") == 0)
        return fstat(STDIN_FILENO, &status) == 0
                   ? add(b, path, &status, false)
                   : error_set(b->why, "standard input: %s", strerror(errno));
    if (stat(path, &status) != 0)
        return error_set(b->why, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return add_directory(b, path);
    if (access(path, R_OK) != 0)
        return error_set(b->why, "%s: %s", path, strerror(errno));
    return add(b, path, &status, false);
}

struct listing *listing_read(const char *const *files, int count, struct arena *arena,
                             uint64_t *bytes, struct error *why)
{
    struct builder b = {.arena = arena, .why = why};
    b.end = &b.first;
    for (int i = 0; i < count; i++)
        if (!add_named(&b, files[i]))
            return NULL;
    if (!b.first)
        error_set(why, "no capture file was named");
    *bytes = b.piped ? 0 : b.bytes;
    return b.first;
}
