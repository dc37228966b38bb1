// SPDX-License-Identifier: Apache-2.0
// A list of segments, a cursor, and one open file for writing and one for everything else.
#include "pipeline/spool.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/base/directory.h"

enum {
    SEGMENT_HEAD = 16,
    WINDOW = 64 << 10, // bytes in which a head is looked for at once
    NAME = 32,
};
static const char segment_magic[] = "WEIRSEG1";
static const char suffix[] = ".seg";

struct segment {
    struct segment *next;
    uint64_t number, size;
    uint64_t at;   // the cursor, while it is here or before it was
    uint64_t rows; // that wait to be read
    uint64_t out;  // blocks read or passed and not answered
};

struct spool {
    char directory[PATH_MAX];
    uint64_t max_size, segment_size;
    struct block block;
    uint8_t *room; // for what is read
    struct segment *oldest, *newest, *cursor;
    uint64_t bytes, count, next_number;
    uint64_t rows; // that wait to be read, of all
    int lock;      // on the directory itself, -1: there are no locks
    int write_fd;  // of the newest; -1: nothing was written in this life
    int fd;        // of `opened`
    const struct segment *opened;
    bool unsynced, new_names;
};

// ── files ────────────────────────────────────────────────────────────────────────────────────────

static void segment_path(const struct spool *s, uint64_t number, char path[PATH_MAX + NAME])
{
    snprintf(path, PATH_MAX + NAME, "%s/%016" PRIx64 "%s", s->directory, number, suffix);
}

// The number a file name stands for; 0: it is none of ours.
static uint64_t name_number(const char *name)
{
    bool is_ours = strlen(name) == 16 + sizeof suffix - 1 && strcmp(name + 16, suffix) == 0 &&
                   strspn(name, "0123456789abcdef") == 16 && name[0] < '8';
    return is_ours ? strtoull(name, NULL, 16) : 0;
}

// The file of a segment, opened if it is not the one that was used last; -1: errno says why not.
static int segment_open(struct spool *s, const struct segment *g)
{
    char path[PATH_MAX + NAME];
    if (g == s->opened)
        return s->fd;
    if (s->opened)
        close(s->fd);
    segment_path(s, g->number, path);
    s->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    s->opened = s->fd >= 0 ? g : NULL;
    return s->fd;
}

// All of it or nothing.
static bool read_at(int fd, uint8_t *to, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, to + done, len - done, (off_t)(offset + done));
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool write_at(int fd, struct span from, uint64_t offset)
{
    while (from.len) {
        ssize_t n = pwrite(fd, from.at, from.len, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return false;
        from = span_skip(from, n > 0 ? (size_t)n : 0);
        offset += n > 0 ? (uint64_t)n : 0;
    }
    return true;
}

// ── segments ─────────────────────────────────────────────────────────────────────────────────────

static struct segment *segment_add(struct spool *s, uint64_t number, uint64_t size)
{
    struct segment *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    *g = (struct segment){.number = number, .size = size, .at = SEGMENT_HEAD};
    if (s->newest)
        s->newest->next = g;
    else
        s->oldest = g;
    s->newest = g;
    if (!s->cursor)
        s->cursor = g;
    s->bytes += size;
    s->count++;
    return g;
}

static void segment_remove(struct spool *s, struct segment *g)
{
    char path[PATH_MAX + NAME];
    struct segment **link = &s->oldest, *before = NULL;
    while (*link != g) {
        before = *link;
        link = &before->next;
    }
    *link = g->next;
    if (s->newest == g)
        s->newest = before;
    if (s->opened == g) {
        close(s->fd);
        s->opened = NULL;
    }
    segment_path(s, g->number, path);
    unlink(path);
    s->bytes -= g->size;
    s->count--;
    free(g);
}

// Nobody will look at it again.
static bool segment_is_done(const struct spool *s, const struct segment *g)
{
    return g != s->cursor && !g->out && !g->rows && g->at >= g->size;
}

// ── finding blocks ───────────────────────────────────────────────────────────────────────────────

// Where a block may begin, at `from` or behind it; the end of the segment: nowhere.
static uint64_t next_magic(struct spool *s, int fd, const struct segment *g, uint64_t from)
{
    while (from + BLOCK_HEAD <= g->size) {
        size_t len = g->size - from < WINDOW ? (size_t)(g->size - from) : WINDOW;
        if (!read_at(fd, s->room, len, from))
            break;
        const uint8_t *found = memmem(s->room, len, block_magic, sizeof block_magic);
        if (found)
            return from + (uint64_t)(found - s->room);
        from += len - (sizeof block_magic - 1);
    }
    return g->size;
}

// The next block at g->at or behind it whose head is whole and that is there to its end: g->at is
// then where it begins, else the end of the segment. What lies before it is added to *skipped.
static bool find_block(struct spool *s, struct segment *g, struct block_head *h, uint64_t *skipped)
{
    int fd = segment_open(s, g);
    uint8_t head[BLOCK_HEAD];
    uint64_t from = g->at;
    while (fd >= 0 && g->at + BLOCK_HEAD <= g->size) {
        if (read_at(fd, head, sizeof head, g->at) && block_head_read(h, head, g->number, g->at) &&
            h->length <= g->size - g->at - BLOCK_HEAD)
            break;
        g->at = next_magic(s, fd, g, g->at + 1);
    }
    bool found = fd >= 0 && g->at + BLOCK_HEAD <= g->size;
    if (!found && g->at < g->size)
        g->at = g->size;
    *skipped += g->at - from;
    return found;
}

static uint64_t block_end(const struct segment *g, const struct block_head *h)
{
    return g->at + BLOCK_HEAD + h->length;
}

static struct spool_place block_place(const struct segment *g, const struct block_head *h)
{
    return (struct spool_place){g->number, g->at, ~h->self};
}

// ── opening ──────────────────────────────────────────────────────────────────────────────────────

// Counts the rows that wait. What is damaged is said when the cursor comes by.
static void segment_scan(struct spool *s, struct segment *g)
{
    struct block_head h;
    uint64_t skipped = 0;
    for (; find_block(s, g, &h, &skipped); g->at = block_end(g, &h))
        g->rows += h.is_answered ? 0 : h.rows;
    g->at = SEGMENT_HEAD;
    s->rows += g->rows;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

// The numbers of all segments, in order; NULL with *count 0: there are none, or -1: no memory.
static uint64_t *list_numbers(DIR *directory, int *count)
{
    uint64_t *numbers = NULL, number;
    int room = 0;
    *count = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (!(number = name_number(entry->d_name)))
            continue;
        if (*count == room) {
            room = room ? 2 * room : 64;
            uint64_t *more = realloc(numbers, (size_t)room * sizeof *more);
            if (!more) {
                free(numbers);
                *count = -1;
                return NULL;
            }
            numbers = more;
        }
        numbers[(*count)++] = number;
    }
    if (numbers)
        qsort(numbers, (size_t)*count, sizeof *numbers, by_number);
    return numbers;
}

static bool add_file(struct spool *s, uint64_t number, struct error *why)
{
    char path[PATH_MAX + NAME];
    struct stat there;
    segment_path(s, number, path);
    if (lstat(path, &there) != 0 || !S_ISREG(there.st_mode))
        return error_set(why, "queue.disk: %.400s is no file", path);
    struct segment *g = segment_add(s, number, (uint64_t)there.st_size);
    if (!g)
        return error_set(why, "no memory for the disk queue");
    if (segment_open(s, g) < 0)
        return error_set(why, "queue.disk: cannot open %.400s: %s", path, strerror(errno));
    segment_scan(s, g);
    s->next_number = number + 1;
    return true;
}

static bool find_segments(struct spool *s, struct error *why)
{
    int count;
    DIR *directory = opendir(s->directory);
    if (!directory)
        return error_set(why, "queue.disk: cannot read %.400s: %s", s->directory, strerror(errno));
    uint64_t *numbers = list_numbers(directory, &count);
    bool fine = count >= 0 || error_set(why, "no memory for the disk queue");
    for (int i = 0; fine && i < count; i++)
        fine = add_file(s, numbers[i], why);
    free(numbers);
    closedir(directory);
    return fine;
}

static void spool_free(struct spool *s)
{
    while (s->oldest) {
        struct segment *g = s->oldest;
        s->oldest = g->next;
        free(g);
    }
    if (s->opened)
        close(s->fd);
    if (s->write_fd >= 0)
        close(s->write_fd);
    if (s->lock >= 0)
        close(s->lock);
    block_free(&s->block);
    free(s->room);
    free(s);
}

// Two processes may have one queue.disk.path, though each has a path.data of its own. Where the
// file system knows no locks there is none.
static bool lock_directory(struct spool *s, struct error *why)
{
    s->lock = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_taken = s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return !is_taken ||
           error_set(why, "queue.disk: %.400s is in use by another process", s->directory);
}

struct spool *spool_open(const char *directory, uint64_t max_size, uint64_t segment_size,
                         const struct block *like, struct error *why)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s)
        *s = (struct spool){.max_size = max_size,
                            .segment_size = segment_size,
                            .block = *like,
                            .room = malloc(BLOCK_MOST),
                            .lock = -1,
                            .write_fd = -1,
                            .next_number = 1};
    if (!s || !s->room || strlen(directory) >= sizeof s->directory) {
        error_set(why,
                  !s || !s->room ? "no memory for the disk queue" : "queue.disk.path is too long");
    } else {
        snprintf(s->directory, sizeof s->directory, "%s", directory);
        if (!directory_make(directory, 0700))
            error_set(why, "queue.disk: cannot make %.400s: %s", directory, strerror(errno));
        else if (lock_directory(s, why) && find_segments(s, why))
            return s;
    }
    if (s)
        spool_free(s);
    return NULL;
}

void spool_close(struct spool *s)
{
    struct error why;
    for (struct segment *g = s->oldest, *next; g; g = next) {
        next = g->next;
        if (g == s->cursor && g->at >= g->size && !g->rows)
            s->cursor = g->next;
        if (segment_is_done(s, g))
            segment_remove(s, g);
    }
    spool_sync(s, &why);
    spool_free(s);
}

// ── looking in ───────────────────────────────────────────────────────────────────────────────────

uint64_t spool_rows(const struct spool *s)
{
    return s->rows;
}

bool spool_is_read(const struct spool *s)
{
    return !s->cursor || (!s->cursor->next && s->cursor->at >= s->cursor->size && !s->cursor->rows);
}

uint64_t spool_bytes(const struct spool *s)
{
    return s->bytes;
}

uint64_t spool_segments(const struct spool *s)
{
    return s->count;
}

// ── writing ──────────────────────────────────────────────────────────────────────────────────────

struct block *spool_block(struct spool *s)
{
    return &s->block;
}

bool spool_sync(struct spool *s, struct error *why)
{
    bool fine = !s->unsynced || fdatasync(s->write_fd) == 0;
    fine = fine && (!s->new_names || s->lock < 0 || fsync(s->lock) == 0);
    if (!fine)
        return error_set(why, "queue.disk: cannot sync %.400s: %s", s->directory, strerror(errno));
    s->unsynced = s->new_names = false;
    return true;
}

// A new segment to write; what the one before holds is synced, since its file is closed.
static bool begin_segment(struct spool *s, struct error *why)
{
    char path[PATH_MAX + NAME];
    uint8_t head[SEGMENT_HEAD];
    if (!spool_sync(s, why))
        return false;
    memcpy(head, segment_magic, 8);
    for (int i = 0; i < 8; i++)
        head[8 + i] = (uint8_t)(s->next_number >> (56 - 8 * i));
    segment_path(s, s->next_number, path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written = fd >= 0 && write_at(fd, span_of(head, sizeof head), 0);
    struct segment *g = written ? segment_add(s, s->next_number, SEGMENT_HEAD) : NULL;
    if (!g) {
        error_set(why, "queue.disk: cannot write %.400s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return false;
    }
    if (s->write_fd >= 0)
        close(s->write_fd);
    s->write_fd = fd;
    s->next_number++;
    s->new_names = true;
    return true;
}

// The cursor leaves a segment that it has read to its end.
static void cursor_moves_on(struct spool *s)
{
    struct segment *g = s->cursor;
    s->cursor = g->next;
    if (segment_is_done(s, g))
        segment_remove(s, g);
}

static bool make_room(struct spool *s, uint64_t bytes, struct error *why)
{
    const struct segment *g = s->newest;
    bool fits = s->write_fd >= 0 && (g->size + bytes <= s->segment_size || g->size == SEGMENT_HEAD);
    return fits || begin_segment(s, why);
}

// What is left of a block that found no room. If it cannot be cut off, the next block overwrites
// it; if none comes, it is skipped.
static void cut_off(const struct spool *s, const struct segment *g)
{
    int unused = ftruncate(s->write_fd, (off_t)g->size);
    (void)unused;
}

enum spool_result spool_write(struct spool *s, bool passed, struct spool_place *place,
                              struct error *why)
{
    struct block_head h;
    uint64_t bytes = s->block.used;
    assert(s->block.rows && (!passed || spool_is_read(s)));
    if (s->max_size && s->bytes + bytes + SEGMENT_HEAD > s->max_size)
        return SPOOL_FULL;
    if (!make_room(s, bytes, why))
        return SPOOL_FAILED;
    struct segment *g = s->newest;
    struct span whole = block_finish(&s->block, g->number, g->size);
    if (!write_at(s->write_fd, whole, g->size)) {
        error_set(why, "queue.disk: cannot write to %.400s: %s", s->directory, strerror(errno));
        cut_off(s, g);
        return SPOOL_FAILED;
    }
    block_head_read(&h, whole.at, g->number, g->size);
    *place = (struct spool_place){g->number, g->size, ~h.self};
    g->size += bytes;
    s->bytes += bytes;
    s->unsynced = true;
    if (!passed) {
        g->rows += s->block.rows;
        s->rows += s->block.rows;
        return SPOOL_WRITTEN;
    }
    g->out++;
    g->at = g->size;
    while (s->cursor != g)
        cursor_moves_on(s);
    return SPOOL_WRITTEN;
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

// So many rows of the cursor's segment do not wait any more.
static void count_read(struct spool *s, uint64_t rows)
{
    struct segment *g = s->cursor;
    rows = rows < g->rows ? rows : g->rows;
    g->rows -= rows;
    s->rows -= rows;
}

// At the end of a segment: what was promised there and did not come is lost.
static void leave_segment(struct spool *s)
{
    count_read(s, s->cursor->rows);
    if (s->cursor->next)
        cursor_moves_on(s);
}

// The block at the cursor; NULL: damaged and passed by, or *no_memory.
static struct batch *take_block(struct spool *s, const struct block_head *h,
                                struct spool_place *place, uint64_t *skipped, bool *no_memory)
{
    struct segment *g = s->cursor;
    struct span payload = span_of(s->room, h->length);
    struct batch *b = NULL;
    if (read_at(s->fd, s->room, h->length, g->at + BLOCK_HEAD) && block_is_whole(h, payload))
        b = block_batch(&s->block, h, payload, no_memory);
    if (*no_memory)
        return NULL;
    if (b)
        *place = block_place(g, h);
    else
        *skipped += BLOCK_HEAD + h->length;
    g->out += b != NULL;
    g->at = block_end(g, h);
    count_read(s, h->rows);
    return b;
}

struct batch *spool_read(struct spool *s, struct spool_place *place, uint64_t *skipped)
{
    struct block_head h;
    bool no_memory = false;
    while (!spool_is_read(s) && !no_memory) {
        if (!find_block(s, s->cursor, &h, skipped)) {
            leave_segment(s);
        } else if (h.is_answered) {
            s->cursor->at = block_end(s->cursor, &h);
        } else {
            struct batch *b = take_block(s, &h, place, skipped, &no_memory);
            if (b)
                return b;
        }
    }
    return NULL;
}

// ── answering ────────────────────────────────────────────────────────────────────────────────────

static struct segment *segment_of(const struct spool *s, struct spool_place place)
{
    struct segment *g = s->oldest;
    while (g && g->number != place.segment)
        g = g->next;
    assert(g && g->out);
    return g;
}

// A mark that cannot be written only means that the documents come again after a restart.
void spool_answer(struct spool *s, struct spool_place place)
{
    struct segment *g = segment_of(s, place);
    uint8_t mark[8];
    for (int i = 0; i < 8; i++)
        mark[i] = (uint8_t)(place.mark >> (56 - 8 * i));
    g->out--;
    if (segment_is_done(s, g))
        segment_remove(s, g);
    else if (segment_open(s, g) >= 0)
        write_at(s->fd, span_of(mark, sizeof mark), place.offset + BLOCK_MARK);
}
