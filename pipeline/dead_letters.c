// SPDX-License-Identifier: Apache-2.0
// One write for each line; what a failed one left is cut off again, so that the file ends with a
// whole line.
#include "pipeline/dead_letters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/json.h"
#include "pipeline/base/log.h"
#include "pipeline/base/thread.h"

static const char who[] = "pipeline.dead_letters";

enum { HEAD = 4096, CEILING = 256 << 20 }; // bytes: of what precedes a document, of the file

struct dead_letters {
    struct gate gate;
    const char *path, *output;
    int fd;
    off_t size;
    struct log_limit said;
};

// A file to append to; -1: `why`.
static int open_file(const char *path, off_t *size, struct error *why)
{
    struct stat there;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && fstat(fd, &there) == 0 && S_ISREG(there.st_mode)) {
        *size = there.st_size;
        return fd;
    }
    error_set(why, "dead_letter_file: cannot write to %.400s: %s", path,
              fd < 0 ? strerror(errno) : "it is no file");
    if (fd >= 0)
        close(fd);
    return -1;
}

struct dead_letters *dead_letters_open(const char *path, const char *output, struct error *why)
{
    struct dead_letters *d = calloc(1, sizeof *d);
    if (!d) {
        error_set(why, "no memory for dead letters");
        return NULL;
    }
    gate_init(&d->gate);
    d->path = path;
    d->output = output;
    d->fd = open_file(path, &d->size, why);
    if (d->fd >= 0)
        return d;
    dead_letters_close(d);
    return NULL;
}

void dead_letters_reopen(struct dead_letters *d)
{
    off_t size;
    struct error why;
    int fd = open_file(d->path, &size, &why);
    if (fd < 0) {
        log_say(LOG_WARNING, who, "%s; the file that is open stays in use", why.text);
        return;
    }
    gate_lock(&d->gate);
    int old = d->fd;
    d->fd = fd;
    d->size = size;
    gate_unlock(&d->gate);
    close(old);
}

static struct span head_of(const struct dead_letters *d, const struct error *cause, uint8_t *room)
{
    struct pen pen = pen_of(room, HEAD);
    pen_raw(&pen, (struct span)SPAN("{\"@timestamp\":"));
    pen_time(&pen, clock_wall(), 3);
    pen_raw(&pen, (struct span)SPAN(",\"error\":{\"message\":"));
    pen_text(&pen, span_text(cause->text));
    pen_raw(&pen, (struct span)SPAN("},\"output\":"));
    pen_text(&pen, span_text(d->output));
    pen_raw(&pen, (struct span)SPAN(",\"document\":"));
    return pen_written(&pen); // at most 6 times 512 bytes of cause: there is always room
}

// Locked.
static bool write_line(struct dead_letters *d, struct span head, struct span document)
{
    struct iovec parts[] = {
        {(void *)head.at, head.len}, {(void *)document.at, document.len}, {(void *)"}\n", 2}};
    off_t size = (off_t)(head.len + document.len + 2);
    if (d->size + size > CEILING) {
        errno = EFBIG;
        return false;
    }
    ssize_t written = writev(d->fd, parts, 3);
    if (written == size) {
        d->size += size;
        return true;
    }
    if (written >= 0)
        errno = ENOSPC;
    int reason = errno, unused = ftruncate(d->fd, d->size);
    (void)unused; // then the next reader finds half a line
    errno = reason;
    return false;
}

bool dead_letters_add(struct dead_letters *d, struct span document, const struct error *cause)
{
    uint8_t room[HEAD];
    struct span head = head_of(d, cause, room);
    gate_lock(&d->gate);
    bool written = write_line(d, head, document);
    int reason = errno;
    gate_unlock(&d->gate);
    if (!written)
        log_seldom(&d->said, LOG_WARNING, who,
                   "dead_letter_file of output.%s: %s; refused documents are not kept", d->output,
                   strerror(reason));
    return written;
}

void dead_letters_close(struct dead_letters *d)
{
    if (!d)
        return;
    if (d->fd >= 0)
        close(d->fd);
    gate_free(&d->gate);
    free(d);
}
