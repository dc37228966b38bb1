// SPDX-License-Identifier: Apache-2.0
// Documents as lines of files that are rotated by size, by time and at the start. Rows are written
// straight out of their batches: neighbours become one piece of a writev. A file ends with a whole
// line at all times: what a failed write left of a line is cut off again, so that sending a row
// again neither doubles nor tears it.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "outputs/series.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/directory.h"
#include "pipeline/base/log.h"
#include "pipeline/output.h"

enum { PIECES = 512, DIRECTORY_MODE = 0750 };

static const char who[] = "outputs.file";

struct file_settings {
    const char *path, *filename, *permissions;
    int64_t rotate_every_kb, number_of_files, rotate_interval;
    bool rotate_on_startup;
    const struct config *format;
};

struct file {
    char directory[PATH_MAX];
    struct series series;
    mode_t mode;
    uint64_t limit;   // bytes of a file; a single longer line is written nevertheless
    int64_t interval; // 0: time does not matter
    unsigned keep;    // old files

    int fd;
    struct series_file current;
    char path[PATH_MAX];
    uint64_t size;  // of its whole lines
    bool torn;      // a part of a line stands behind them
    int64_t turn;   // number of the interval it was begun in
    int64_t looked; // steady time when its name was last seen to be there
    _Atomic bool reopen;

    uint64_t removed, removed_bytes;
    struct log_limit said_removed;
};

// ── settings ────────────────────────────────────────────────────────────────────────────────────

static const struct setting json_settings[] = {
    {.key = "pretty",
     .type = SETTING_UNUSED,
     .meaning = "A file holds one document a line, whatever is asked for"},
    {.key = "escape_html",
     .type = SETTING_UNUSED,
     .meaning = "Readers of JSON see no difference; <, > and & are written as they are"},
    SETTING_END,
};

#define AT(member) offsetof(struct file_settings, member)

static const struct setting codec_settings[] = {
    {.key = "json", .type = SETTING_TABLE, .table = json_settings, .meaning = "Documents as JSON"},
    {.key = "format",
     .type = SETTING_NODE,
     .offset = AT(format),
     .meaning = "Not supported: refused"},
    SETTING_END,
};

static const struct setting file_settings[] = {
    {.key = "path",
     .type = SETTING_TEXT,
     .offset = AT(path),
     .required = true,
     .meaning = "Directory; %{+yyyy.MM.dd} and the like become the time of the start, in UTC"},
    {.key = "filename",
     .type = SETTING_TEXT,
     .offset = AT(filename),
     .meaning = "Beginning of the files' names, -YYYYMMDD.ndjson or -YYYYMMDD-N.ndjson follows; "
                "unset: the program's name"},
    {.key = "rotate_every_kb",
     .type = SETTING_NUMBER,
     .offset = AT(rotate_every_kb),
     .standard = "10240",
     .min = 1,
     .max = INT64_C(1) << 40,
     .meaning = "A new file is begun before this one grows beyond so many KiB"},
    {.key = "rotate_interval",
     .type = SETTING_DURATION,
     .offset = AT(rotate_interval),
     .standard = "0s",
     .max = 366 * 86400 * SECOND,
     .meaning =
         "A new file is begun at each multiple of this time (1h: on the hour, UTC); 0: never"},
    {.key = "rotate_on_startup",
     .type = SETTING_BOOL,
     .offset = AT(rotate_on_startup),
     .standard = "true",
     .meaning = "Begin a new file at start instead of going on with the newest"},
    {.key = "number_of_files",
     .type = SETTING_NUMBER,
     .offset = AT(number_of_files),
     .standard = "7",
     .min = 2,
     .max = 1024,
     .meaning = "Old files kept beside the current one; the oldest are removed, with a warning"},
    {.key = "permissions",
     .type = SETTING_TEXT,
     .offset = AT(permissions),
     .standard = "0600",
     .meaning = "Permissions of the files, in octal"},
    {.key = "codec",
     .type = SETTING_TABLE,
     .table = codec_settings,
     .meaning = "How documents are written"},
    SETTING_END,
};

static bool mode_read(const char *text, mode_t *mode)
{
    char *end;
    unsigned long number = strtoul(text, &end, 8);
    *mode = (mode_t)number;
    return *text >= '0' && *text <= '7' && *end == '\0' && number <= 0777;
}

static bool file_check(const void *settings, struct error *why)
{
    const struct file_settings *s = settings;
    char path[PATH_MAX];
    struct error inner = {.text = ""};
    mode_t mode;
    if (!s->path || !*s->path)
        return error_set(why, "path is missing: the directory to write to");
    if (!time_expand(s->path, 0, path, sizeof path, &inner))
        return error_set(why, "path: %.400s", inner.text);
    if (s->filename && (!*s->filename || strchr(s->filename, '/')))
        return error_set(why, "filename: \"%s\" is no name of a file", s->filename);
    if (!mode_read(s->permissions, &mode))
        return error_set(why, "permissions: \"%s\" is no octal number such as 0600",
                         s->permissions);
    if (s->format)
        return error_set(why,
                         "codec.format (%s:%d) is not supported: documents are "
                         "always JSON",
                         s->format->file, s->format->line);
    return true;
}

// ── opening and rotating ────────────────────────────────────────────────────────────────────────

// Opens the file `f->path` to append to it. A line that an earlier life left unfinished gets its
// end, so that the damage stays in it.
static bool file_attach(struct file *f, struct error *why)
{
    struct stat there;
    uint8_t last = '\n';
    int fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, f->mode);
    if (fd < 0)
        return error_set(why, "cannot write to %s: %s", f->path, strerror(errno));
    bool usable = fchmod(fd, f->mode) == 0 || errno == EPERM; // else it is another user's
    usable = usable && fstat(fd, &there) == 0;
    usable = usable && (there.st_size == 0 || pread(fd, &last, 1, there.st_size - 1) == 1);
    usable = usable && (last == '\n' || write(fd, "\n", 1) == 1);
    if (!usable) {
        error_set(why, "cannot write to %s: %s", f->path, strerror(errno));
        close(fd);
        return false;
    }
    if (f->fd >= 0)
        close(f->fd);
    f->fd = fd;
    f->size = (uint64_t)there.st_size + (last != '\n');
    f->torn = false;
    f->turn = f->interval ? clock_wall() / f->interval : 0;
    return true;
}

// Removing documents is what rotation is asked to do, but it is said.
static void file_trim(struct file *f)
{
    unsigned removed = series_trim(&f->series, f->current, f->keep, &f->removed_bytes);
    f->removed += removed;
    if (removed)
        log_seldom(&f->said_removed, LOG_WARNING, who,
                   "removed the oldest files of %s/%s: number_of_files is %u; %llu files with "
                   "%llu KiB of documents so far",
                   f->directory, f->series.name, f->keep, (unsigned long long)f->removed,
                   (unsigned long long)(f->removed_bytes >> 10));
}

static bool file_switch(struct file *f, struct series_file to, struct error *why)
{
    char before[PATH_MAX];
    memcpy(before, f->path, sizeof before);
    bool done = series_path(&f->series, to, f->path, sizeof f->path);
    if (!done)
        error_set(why, "the path of %s/%s is too long", f->directory, f->series.name);
    else
        done = file_attach(f, why);
    if (!done) {
        memcpy(f->path, before, sizeof before);
        return false;
    }
    f->current = to;
    file_trim(f);
    return true;
}

static bool file_rotate(struct file *f, struct error *why)
{
    if (!directory_make(f->directory, DIRECTORY_MODE))
        return error_set(why, "cannot make directory %s: %s", f->directory, strerror(errno));
    struct series_file newest = series_newest(&f->series);
    return file_switch(f, series_next(newest, clock_wall()), why);
}

// The file to begin with: a new one, unless the newest is to be gone on with or holds nothing.
static bool file_start(struct file *f, bool rotate, struct error *why)
{
    struct stat there;
    struct series_file newest = series_newest(&f->series);
    bool any = newest.day && series_path(&f->series, newest, f->path, sizeof f->path) &&
               lstat(f->path, &there) == 0;
    if (any && (!rotate || there.st_size == 0))
        return file_switch(f, newest, why);
    return file_rotate(f, why);
}

static void file_close(void *self)
{
    struct file *f = self;
    if (f->removed)
        log_say(LOG_WARNING, who,
                "%llu old files with %llu KiB of documents were removed: number_of_files is %u",
                (unsigned long long)f->removed, (unsigned long long)(f->removed_bytes >> 10),
                f->keep);
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

static bool file_begin(struct file *f, const struct file_settings *s,
                       const struct output_world *world, struct error *why)
{
    f->fd = -1;
    f->series = (struct series){f->directory, s->filename ? s->filename : world->program};
    f->limit = (uint64_t)s->rotate_every_kb * 1024;
    f->interval = s->rotate_interval;
    f->keep = (unsigned)s->number_of_files;
    mode_read(s->permissions, &f->mode);
    if (!time_expand(s->path, world->started, f->directory, sizeof f->directory, why))
        return false;
    if (!directory_make(f->directory, DIRECTORY_MODE))
        return error_set(why, "cannot make directory %s: %s", f->directory, strerror(errno));
    return file_start(f, s->rotate_on_startup, why);
}

static void *file_open(const void *settings, const struct output_world *world, struct error *why)
{
    struct file *f = calloc(1, sizeof *f);
    if (!f)
        error_set(why, "no memory");
    if (!f || !file_check(settings, why) || !file_begin(f, settings, world, why)) {
        free(f);
        return NULL;
    }
    return f;
}

static void file_reopen(void *self)
{
    struct file *f = self;
    atomic_store(&f->reopen, true);
}

// ── writing ─────────────────────────────────────────────────────────────────────────────────────

// Cuts off what stands behind the last whole line.
static bool file_mend(struct file *f)
{
    f->torn = f->torn && ftruncate(f->fd, (off_t)f->size) != 0;
    return !f->torn;
}

// True if somebody moved or removed the file under its name; looked for once a second.
static bool file_was_moved(struct file *f)
{
    int64_t now = clock_steady();
    struct stat named, ours;
    if (now < f->looked + SECOND)
        return false;
    f->looked = now;
    return stat(f->path, &named) != 0 || fstat(f->fd, &ours) != 0 || named.st_ino != ours.st_ino ||
           named.st_dev != ours.st_dev;
}

static bool file_is_due(const struct file *f, uint64_t next)
{
    if (f->size == 0)
        return false;
    return f->size + next > f->limit || (f->interval && clock_wall() / f->interval != f->turn);
}

// Makes the file ready to take `next` bytes: whole, under its name, not too large, not too old.
static bool file_ready(struct file *f, uint64_t next, struct error *why)
{
    if (!file_mend(f))
        return error_set(why, "cannot mend %s: %s", f->path, strerror(errno));
    if (atomic_exchange(&f->reopen, false) || file_was_moved(f)) {
        directory_make(f->directory, DIRECTORY_MODE);
        if (!file_attach(f, why)) {
            f->looked = 0;
            return false;
        }
    }
    return !file_is_due(f, next) || file_rotate(f, why);
}

// Rows of a parcel, from `first` on, as they lie in their batches.
struct pieces {
    struct iovec at[PIECES];
    int count;
    uint32_t first, rows;
    uint64_t bytes;
};

// Adds a row with its line feed; false: all pieces are in use.
static bool pieces_add(struct pieces *v, const struct parcel_row *r)
{
    uint8_t *line = r->batch->bytes + r->row->offset;
    size_t len = (size_t)r->row->length + 1;
    struct iovec *last = v->count ? &v->at[v->count - 1] : NULL;
    if (last && (uint8_t *)last->iov_base + last->iov_len == line)
        last->iov_len += len;
    else if (v->count < PIECES)
        v->at[v->count++] = (struct iovec){line, len};
    else
        return false;
    v->rows++;
    v->bytes += len;
    return true;
}

static void pieces_gather(struct pieces *v, const struct parcel *p, uint32_t first, uint64_t room)
{
    v->count = 0;
    v->first = first;
    v->rows = 0;
    v->bytes = 0;
    for (uint32_t i = first; i < p->count; i++) {
        if (v->rows && v->bytes + p->rows[i].row->length + 1 > room)
            return;
        if (!pieces_add(v, &p->rows[i]))
            return;
    }
}

// Writes all pieces, which are used up by it. Returns how many bytes; errno if it was not all.
static uint64_t pieces_write(struct pieces *v, int fd)
{
    struct iovec *at = v->at, *end = v->at + v->count;
    uint64_t written = 0;
    while (at < end) {
        ssize_t n = writev(fd, at, (int)(end - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return written;
        written += (uint64_t)n;
        size_t left = (size_t)n;
        for (; at < end && left >= at->iov_len; at++)
            left -= at->iov_len;
        if (at < end) {
            at->iov_base = (uint8_t *)at->iov_base + left;
            at->iov_len -= left;
        }
    }
    return written;
}

// Answers for the rows of which all bytes were written.
static void pieces_answer(const struct pieces *v, struct file *f, struct parcel *p,
                          uint64_t written)
{
    uint64_t whole = 0;
    for (uint32_t i = v->first; i < v->first + v->rows; i++) {
        uint64_t end = whole + p->rows[i].row->length + 1;
        if (end > written)
            break;
        p->answer[i] = DELIVERED;
        whole = end;
    }
    f->size += whole;
    f->torn = written > whole;
}

static void file_send(void *self, struct parcel *p)
{
    struct file *f = self;
    struct pieces v; // filled below
    for (uint32_t first = 0; first < p->count; first += v.rows) {
        if (!file_ready(f, p->rows[first].row->length + 1, p->cause))
            return;
        pieces_gather(&v, p, first, f->limit > f->size ? f->limit - f->size : 0);
        uint64_t bytes = v.bytes, written = pieces_write(&v, f->fd);
        int error = errno;
        pieces_answer(&v, f, p, written);
        if (written < bytes) {
            file_mend(f);
            error_set(p->cause, "cannot write to %s: %s", f->path, strerror(error));
            return;
        }
    }
}

const struct output output_file = {
    .name = "file",
    .meaning = "Files of JSON lines, rotated",
    .settings = file_settings,
    .settings_size = sizeof(struct file_settings),
    .check = file_check,
    .open = file_open,
    .send = file_send,
    .reopen = file_reopen,
    .close = file_close,
};
