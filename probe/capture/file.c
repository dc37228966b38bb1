// SPDX-License-Identifier: Apache-2.0
// Capture files as a source: several, in order, any number of times, paced or at full speed; also
// pipes. Read in pieces into one buffer; frames point into it until the next read. What a record
// lacks at the end of a piece is moved in front of the next one:
//
//   │◀─────── LEAD ───────────▶│◀──────── PIECE ─────────▶│
//                      ├ rest ─┤ the next read()          │
//
// The lead is as long as the longest record, but only the pages that a rest needs are ever touched.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "probe/capture/listing.h"
#include "probe/capture/pace.h"
#include "probe/capture/pcap.h"
#include "probe/capture/pcapng.h"

enum {
    PIECE = 256 * 1024,
    LEAD = RECORD_BLOCK,
    BUFFER = LEAD + PIECE,
    WAIT_MILLISECONDS = 100,
};

enum format { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG };

struct file {
    const struct listing *files, *now; // now: the file that is open, or to be opened next
    int64_t loops;                     // passes still to begin; 0: without end
    bool captures;                     // this pass has found one at least
    bool full_speed, paced;
    enum source_state over; // SOURCE_END or SOURCE_FAILED once all is said; else SOURCE_FRAMES
    struct error failure;

    int fd;     // -1: none is open
    bool waits; // a pipe or the like: its bytes come when they come
    enum format format;
    struct pcap_file pcap;
    struct pcapng_file pcapng;
    uint64_t offset;   // in the file, of the first byte not yet used
    size_t begin, end; // of these bytes in the buffer
    uint8_t *buffer;

    struct pace pace;
    struct frame pending[FRAMES]; // read, but not yet due
    int pending_first, pending_end;

    uint64_t bytes_total;
    _Atomic uint64_t bytes_read;
    const char *_Atomic name;
};

static const char *shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static enum source_state fail(struct file *f)
{
    f->over = SOURCE_FAILED;
    return SOURCE_FAILED;
}

static enum source_state fail_errno(struct file *f)
{
    error_set(&f->failure, "%s: %s", shown(f->now->path), strerror(errno));
    return fail(f);
}

static void close_file(struct file *f)
{
    if (f->fd > STDIN_FILENO)
        close(f->fd);
    f->fd = -1;
    pcapng_file_end(&f->pcapng);
}

static enum source_state open_file(struct file *f)
{
    const char *path = f->now->path;
    f->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (f->fd < 0 || fstat(f->fd, &status) != 0)
        return fail_errno(f);
    f->waits = !S_ISREG(status.st_mode);
    f->format = FORMAT_UNKNOWN;
    f->offset = 0;
    f->begin = f->end = LEAD;
    pace_restart(&f->pace);
    atomic_store_explicit(&f->name, shown(path), memory_order_relaxed);
    return SOURCE_FRAMES;
}

// Goes to the next file or the next pass; `captured` says whether this one was a capture.
static enum source_state next_file(struct file *f, bool captured)
{
    close_file(f);
    f->captures |= captured;
    f->now = f->now->next;
    if (f->now)
        return captured ? SOURCE_RESTART : SOURCE_FRAMES;
    if (!f->captures) {
        error_set(&f->failure, "%s: no capture file here", shown(f->files->path));
        return fail(f);
    }
    if (f->loops == 1)
        return f->over = SOURCE_END;
    if (f->loops > 1)
        f->loops--;
    f->now = f->files;
    f->captures = false;
    return SOURCE_RESTART;
}

// ── bytes ──

static bool is_ready(const struct file *f)
{
    struct pollfd input = {.fd = f->fd, .events = POLLIN};
    return !f->waits || poll(&input, 1, WAIT_MILLISECONDS) > 0;
}

// Moves what is left in front of the lead's end, unless the record can be finished where it is.
static void make_room(struct file *f, size_t need)
{
    size_t left = f->end - f->begin;
    if (f->end < BUFFER && BUFFER - f->begin >= need)
        return;
    assert(left < need && need <= LEAD);
    memmove(f->buffer + LEAD - left, f->buffer + f->begin, left);
    f->begin = LEAD - left;
    f->end = LEAD;
}

// More bytes: SOURCE_FRAMES; none for now: SOURCE_IDLE; the file is at its end: SOURCE_END.
static enum source_state fill(struct file *f, size_t need)
{
    make_room(f, need);
    if (!is_ready(f))
        return SOURCE_IDLE;
    ssize_t got = read(f->fd, f->buffer + f->end, BUFFER - f->end);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? SOURCE_IDLE : fail_errno(f);
    f->end += (size_t)got;
    uint64_t read_so_far = atomic_load_explicit(&f->bytes_read, memory_order_relaxed);
    atomic_store_explicit(&f->bytes_read, read_so_far + (uint64_t)got, memory_order_relaxed);
    return got ? SOURCE_FRAMES : SOURCE_END;
}

// ── records ──

static enum source_state fail_damaged(struct file *f, const char *what)
{
    error_set(&f->failure, "%s: damaged at byte %" PRIu64 ": %s", shown(f->now->path), f->offset,
              what);
    return fail(f);
}

static enum source_state refuse(struct file *f, struct span first)
{
    static const uint8_t gzip[2] = {0x1f, 0x8b};
    if (f->now->found) {
        log_say(LOG_INFO, "capture.file", "%s: skipped, not a capture file", f->now->path);
        return next_file(f, false);
    }
    error_set(&f->failure, "%s: not a capture file (pcap or pcapng)%s", shown(f->now->path),
              span_starts(first, span_of(gzip, sizeof gzip))
                  ? ", but a compressed one: unpack it first"
                  : "");
    return fail(f);
}

// The first bytes of a file tell its format.
static enum source_state recognise(struct file *f, struct records *r)
{
    struct span first = r->bytes;
    r->need = first.len < 4 ? 4 : 0;
    if (r->need)
        return SOURCE_FRAMES;
    if (pcapng_file_is(first)) {
        f->format = FORMAT_PCAPNG;
        pcapng_file_begin(&f->pcapng);
        return SOURCE_FRAMES;
    }
    if (!pcap_file_is(first))
        return refuse(f, first);
    r->need = first.len < PCAP_HEADER ? PCAP_HEADER : 0;
    if (r->need)
        return SOURCE_FRAMES;
    f->format = FORMAT_PCAP;
    r->damage = pcap_file_begin(&f->pcap, first.at);
    r->used = PCAP_HEADER;
    return SOURCE_FRAMES;
}

// The bytes are at their end: between two records all is well.
static enum source_state finish_file(struct file *f)
{
    bool whole = f->begin == f->end && f->format != FORMAT_UNKNOWN &&
                 (f->format != FORMAT_PCAPNG || pcapng_file_may_end(&f->pcapng));
    if (whole)
        return next_file(f, true);
    if (f->format == FORMAT_UNKNOWN && f->now->found)
        return refuse(f, span_of(NULL, 0));
    uint64_t left = f->end - f->begin;
    error_set(&f->failure,
              "%s: cut short at byte %" PRIu64 ", in a record that begins at byte %" PRIu64,
              shown(f->now->path), f->offset + left, f->offset);
    return fail(f);
}

// One turn over the bytes at hand. SOURCE_FRAMES: go on (with r->count frames, or with more bytes).
static enum source_state take_records(struct file *f, struct records *r)
{
    enum source_state state = SOURCE_FRAMES;
    switch (f->format) {
    case FORMAT_PCAP:
        pcap_file_read(&f->pcap, r);
        break;
    case FORMAT_PCAPNG:
        pcapng_file_read(&f->pcapng, r);
        break;
    case FORMAT_UNKNOWN:
        state = recognise(f, r);
        break;
    }
    f->begin += r->used;
    f->offset += r->used;
    return state;
}

// Frames of the files at full speed.
static enum source_state read_frames(struct file *f, struct frame *frames, int max, int *count)
{
    for (;;) {
        enum source_state state = f->fd < 0 ? open_file(f) : SOURCE_FRAMES;
        if (state != SOURCE_FRAMES)
            return state;
        struct records r = {.bytes = span_of(f->buffer + f->begin, f->end - f->begin),
                            .frames = frames,
                            .max = max};
        state = take_records(f, &r);
        *count = r.count;
        if (state != SOURCE_FRAMES || r.count)
            return state; // what is wrong behind these frames is found again in the next turn
        if (f->fd < 0)
            continue; // a file was skipped
        if (r.damage)
            return fail_damaged(f, r.damage);
        state = r.need ? fill(f, r.need) : SOURCE_FRAMES;
        if (state == SOURCE_END)
            state = finish_file(f);
        if (state != SOURCE_FRAMES)
            return state;
    }
}

// ── the source ──

static enum source_state read_paced(struct file *f, struct frame *frames, int max, int *count)
{
    if (f->pending_first == f->pending_end) {
        f->pending_first = f->pending_end = 0;
        enum source_state state = read_frames(f, f->pending, FRAMES, &f->pending_end);
        if (state != SOURCE_FRAMES)
            return state;
    }
    while (*count < max && f->pending_first < f->pending_end) {
        const struct frame *next = &f->pending[f->pending_first];
        if (!pace_is_due(&f->pace, next->time, *count == 0))
            break;
        frames[*count] = *next;
        if (!f->full_speed)
            frames[*count].time = clock_wall();
        f->pending_first++;
        ++*count;
    }
    return *count ? SOURCE_FRAMES : SOURCE_IDLE;
}

static enum source_state file_read(void *self, struct frame *frames, int max, int *count,
                                   struct error *why)
{
    struct file *f = self;
    *count = 0;
    enum source_state state = f->over;
    if (state == SOURCE_FRAMES)
        state = f->paced ? read_paced(f, frames, max, count) : read_frames(f, frames, max, count);
    if (state == SOURCE_FAILED && why)
        *why = f->failure;
    return state;
}

static void file_progress(void *self, struct source_progress *out)
{
    struct file *f = self;
    out->bytes_read = atomic_load_explicit(&f->bytes_read, memory_order_relaxed);
    out->bytes_total = f->bytes_total;
    out->name = atomic_load_explicit(&f->name, memory_order_relaxed);
}

static void file_close(void *self)
{
    struct file *f = self;
    close_file(f);
    pace_end(&f->pace);
    free(f->buffer);
    free(f);
}

static bool uses_input(const struct listing *l)
{
    while (l && strcmp(l->path, "-") != 0)
        l = l->next;
    return l != NULL;
}

static bool prepare(struct file *f, const struct source_setup *setup, struct error *why)
{
    uint64_t bytes = 0;
    f->files = f->now =
        listing_read(setup->files, setup->files ? setup->file_count : 0, setup->arena, &bytes, why);
    if (!f->files)
        return false;
    bool input = uses_input(f->files);
    if (input && setup->loops != 1)
        return error_set(why, "standard input: cannot be read more than once (-l %" PRId64 ")",
                         setup->loops);
    f->loops = setup->loops;
    f->bytes_total = setup->loops > 0 ? bytes * (uint64_t)setup->loops : 0;
    f->full_speed = setup->full_speed;
    f->paced = !setup->full_speed || setup->one_at_a_time;
    pace_by_time(&f->pace);
    if (setup->one_at_a_time && !pace_by_key(&f->pace, !input))
        return error_set(why, "one packet at a time: no terminal to read key presses from");
    f->buffer = malloc(BUFFER);
    return f->buffer || error_set(why, "no memory to read capture files");
}

static void *file_open(const struct source_setup *setup, struct error *why)
{
    struct file *f = calloc(1, sizeof *f);
    if (!f) {
        error_set(why, "no memory to read capture files");
        return NULL;
    }
    f->fd = -1;
    f->over = SOURCE_FRAMES;
    pace_by_time(&f->pace);
    if (prepare(f, setup, why)) {
        atomic_init(&f->name, shown(f->files->path));
        return f;
    }
    file_close(f);
    return NULL;
}

const struct source source_file = {
    .name = "file",
    .open = file_open,
    .read = file_read,
    .progress = file_progress,
    .close = file_close,
};
