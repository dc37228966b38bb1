// SPDX-License-Identifier: Apache-2.0
// meta.json is the reference's: {"uuid":"…","first_start":"…"}. It appears whole or not at all, and
// of two first starts at once both take the id of who came first.
#include "pipeline/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "config/config.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/directory.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"

// A random UUID (RFC 9562, version 4).
static void uuid_make(char to[UUID + 1])
{
    uint8_t bytes[16], digits[32];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        abort(); // cannot happen for so few bytes
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    text_hex(digits, span_of(bytes, sizeof bytes), false);
    snprintf(to, UUID + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", (char *)digits, (char *)digits + 8,
             (char *)digits + 12, (char *)digits + 16, (char *)digits + 20);
}

static bool uuid_is(const char *text)
{
    if (!text || strlen(text) != UUID)
        return false;
    for (int i = 0; i < UUID; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !strchr("0123456789abcdefABCDEF", text[i]))
            return false;
    }
    return true;
}

// JSON is YAML, so the configuration's reader serves.
static bool meta_read(const char *path, char id[UUID + 1], struct arena *a, struct error *why)
{
    struct config *root = config_new(a);
    if (!root || !config_read(root, path, a, why))
        return false;
    const char *uuid = config_text(root, "uuid");
    if (!uuid_is(uuid))
        return error_set(why, "%s holds no \"uuid\"", path);
    memcpy(id, uuid, UUID + 1);
    return true;
}

static bool write_whole(int fd, const char *text, size_t len)
{
    bool written = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return written;
}

// Writes a new meta.json beside `path` and links it there unless one has appeared by then.
static bool meta_write(const char *path, const char *id, struct error *why)
{
    char temporary[PATH_MAX + 8], text[128], time[TEXT_TIME + 1] = "";
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    text_time((uint8_t *)time, clock_wall(), 3);
    int len = snprintf(text, sizeof text, "{\"uuid\":\"%s\",\"first_start\":\"%s\"}\n", id, time);
    int fd = mkstemp(temporary); // readable by nobody else
    bool made = fd >= 0 && write_whole(fd, text, (size_t)len);
    made = made && (link(temporary, path) == 0 || errno == EEXIST);
    int error = errno;
    if (fd >= 0)
        unlink(temporary);
    return made || error_set(why, "%s: cannot be written: %s", path, strerror(error));
}

static bool meta_keep(const char *directory, char id[UUID + 1], struct arena *a, struct error *why)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/meta.json", directory);
    if (len < 0 || (size_t)len >= sizeof path)
        return error_set(why, "the path of %s/meta.json is too long", directory);
    if (access(path, F_OK) == 0)
        return meta_read(path, id, a, why);
    if (!directory_make(directory, 0750))
        return error_set(why, "%s: cannot be made: %s", directory, strerror(errno));
    return meta_write(path, id, why) && meta_read(path, id, a, why);
}

void identity_read(struct identity *i, const char *name, const char *path_data, bool compat,
                   struct arena *a)
{
    memset(i, 0, sizeof *i);
    i->type = compat ? "packetbeat" : "weir";
    i->version = compat ? "8.17.2" : WEIR_VERSION;
    i->ecs_version = compat ? "8.0.0" : "8.11.0";
    if (name && *name)
        snprintf(i->name, sizeof i->name, "%s", name);
    else if (gethostname(i->name, sizeof i->name - 1) != 0)
        snprintf(i->name, sizeof i->name, "localhost");
    uuid_make(i->ephemeral_id);
    uuid_make(i->id);
    struct error why = {.text = ""};
    if (path_data && !meta_keep(path_data, i->id, a, &why))
        log_say(LOG_WARNING, "pipeline.identity", "agent.id is one for this run only: %s",
                why.text);
}
