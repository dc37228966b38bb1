// SPDX-License-Identifier: Apache-2.0
// The tree as others see it: read a file, override, look up, refuse. Growing is tree.c's, YAML
// yaml.c's, ${…} substitute.c's, writing print.c's.
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/tree.h"
#include "config/yaml.h"
#include "pipeline/base/text.h"

const char *config_environment(void *arg, const char *name, bool *secret)
{
    (void)arg;
    *secret = false;
    return getenv(name);
}

struct config *config_new(struct arena *a)
{
    struct config *root = arena_alloc(a, sizeof *root);
    if (root) {
        root->kind = CONFIG_MAP;
        root->file = "";
    }
    return root;
}

bool config_read_text(struct config *root, struct span text, const char *name, struct arena *a,
                      struct error *why)
{
    struct tree t = {.arena = a, .why = why, .file = arena_text(a, name)};
    if (!t.file)
        return error_set(why, "%s: the configuration is too large", name);
    struct config *document = yaml_document(&t, text);
    return document && tree_merge(&t, root, document);
}

// The whole file on the heap; *len is its length. A device or a pipe does as well.
static uint8_t *slurp(const char *path, size_t *len, struct error *why)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = file ? malloc(CONFIG_FILE + 1) : NULL;
    if (bytes)
        *len = fread(bytes, 1, CONFIG_FILE + 1, file);
    if (!bytes || ferror(file))
        error_set(why, "%s: cannot be read: %s", path, strerror(errno));
    else if (*len > CONFIG_FILE)
        error_set(why, "%s: larger than %d bytes", path, CONFIG_FILE);
    else {
        fclose(file);
        return bytes;
    }
    free(bytes);
    if (file)
        fclose(file);
    return NULL;
}

bool config_read(struct config *root, const char *path, struct arena *a, struct error *why)
{
    size_t len;
    uint8_t *bytes = slurp(path, &len, why);
    if (!bytes)
        return false;
    bool ok = config_read_text(root, span_of(bytes, len), path, a, why);
    free(bytes);
    return ok;
}

bool config_override(struct config *root, const char *assignment, struct arena *a,
                     struct error *why)
{
    struct tree t = {.arena = a, .why = why, .file = "-E", .single = true};
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return error_set(why, "-E: expected KEY=VALUE, found \"%.100s\"", assignment);
    const char *key = arena_printf(a, "%.*s", (int)(equals - assignment), assignment);
    if (!key)
        return error_set(why, "-E: the configuration is too large");
    if (text_utf8_whole(span_text(key)) < strlen(key))
        return error_set(why, "-E: the key is not UTF-8");
    t.depth = tree_parts(key);
    if (t.depth > CONFIG_DEPTH)
        return error_set(why, "-E: the key is nested deeper than %d", CONFIG_DEPTH);
    struct config *value = yaml_value(&t, equals + 1);
    struct config *child = value ? tree_wrap(&t, key, value) : NULL;
    if (!child)
        return false;
    struct config from = {.kind = CONFIG_MAP, .first = child, .last = child, .count = 1};
    return tree_merge(&t, root, &from);
}

const struct config *config_get(const struct config *node, const char *path)
{
    struct span rest = span_text(path);
    while (node && rest.len) {
        char key[256];
        struct span part = span_cut(&rest, '.');
        if (part.len >= sizeof key)
            return NULL;
        memcpy(key, part.at, part.len);
        key[part.len] = 0;
        node = tree_child(node, key);
    }
    return node;
}

const char *config_text(const struct config *node, const char *path)
{
    const struct config *found = config_get(node, path);
    return found ? found->text : NULL;
}

const char *config_path(const struct config *root, const struct config *node, struct arena *a)
{
    if (root == node)
        return "";
    int position = 0;
    for (const struct config *child = root->first; child; child = child->next, position++) {
        const char *below = config_path(child, node, a);
        if (!below)
            continue;
        const char *dot = *below ? "." : "";
        return child->key ? arena_printf(a, "%s%s%s", child->key, dot, below)
                          : arena_printf(a, "%d%s%s", position, dot, below);
    }
    return NULL;
}

bool config_refuse(const struct config *node, struct error *why, const char *format, ...)
{
    struct error reason;
    va_list list;
    va_start(list, format);
    vsnprintf(reason.text, sizeof reason.text, format, list);
    va_end(list);
    char line[16] = "";
    if (node->line > 0)
        snprintf(line, sizeof line, ":%d", node->line);
    return error_set(why, "%.200s%s: %.100s%s%.180s", node->file ? node->file : "", line,
                     node->key ? node->key : "", node->key ? ": " : "", reason.text);
}

const char *config_found(const struct config *node, char to[64])
{
    static const char *const words[] = {
        [CONFIG_NULL] = "nothing", [CONFIG_LIST] = "a list", [CONFIG_MAP] = "a map"};
    if (node->kind != CONFIG_SCALAR)
        return words[node->kind];
    if (node->secret || (node->key && config_is_secret(node->key)))
        return "a text that is not shown";
    struct span text = span_text(node->text);
    size_t room = 40, len = text.len <= room ? text.len : room;
    while (len < text.len && len > 0 && (text.at[len] & 0xc0) == 0x80) // not inside a character
        len--;
    snprintf(to, 64, "\"%.*s%s\"", (int)len, node->text, len < text.len ? "…" : "");
    for (char *c = to; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) // a message is one line
            *c = '?';
    return to;
}

bool config_is_private(const char *path, struct error *why)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return error_set(why, "%s: cannot be read: %s", path, strerror(errno));
    if (file.st_uid != 0 && file.st_uid != geteuid())
        return error_set(why,
                         "%s: belongs to user %u, expected root or user %u, who runs this "
                         "(chown it, or use --strict.perms=false)",
                         path, (unsigned)file.st_uid, (unsigned)geteuid());
    if (file.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(why,
                         "%s: its mode %04o lets others than its owner write to it "
                         "(use 'chmod go-w %s', or --strict.perms=false)",
                         path, (unsigned)file.st_mode & 07777, path);
    return true;
}
