// SPDX-License-Identifier: Apache-2.0
// Documents on standard output, one a line, or spread over lines for human eyes. When the reader
// has gone away the rest is refused without a word and the program asked to end.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/base/log.h"
#include "pipeline/output.h"

enum { BYTES = 64 * 1024, ROWS = 256, LOOK_EVERY_MS = 100, INDENT = 2 };

struct console_settings {
    bool pretty, json_pretty;
    const struct config *format;
};

struct console {
    bool pretty;
    _Atomic bool stopping;
    bool broken; // nobody reads any more
    const struct output_world *world;
    uint8_t *text; // what goes out next
    size_t used, size;
    size_t ends[ROWS];      // of the documents in it
    const struct row *torn; // written in part: so many bytes of its text
    size_t torn_bytes;
};

#define AT(member) offsetof(struct console_settings, member)

static const struct setting json_settings[] = {
    {.key = "pretty",
     .type = SETTING_BOOL,
     .offset = AT(json_pretty),
     .standard = "false",
     .meaning = "As `pretty`"},
    {.key = "escape_html",
     .type = SETTING_UNUSED,
     .meaning = "Readers of JSON see no difference; <, > and & are written as they are"},
    SETTING_END,
};

static const struct setting codec_settings[] = {
    {.key = "json", .type = SETTING_TABLE, .table = json_settings, .meaning = "Documents as JSON"},
    {.key = "format",
     .type = SETTING_NODE,
     .offset = AT(format),
     .meaning = "Not supported: refused"},
    SETTING_END,
};

static const struct setting console_settings[] = {
    {.key = "pretty",
     .type = SETTING_BOOL,
     .offset = AT(pretty),
     .standard = "false",
     .meaning = "Spread each document over several lines"},
    {.key = "codec",
     .type = SETTING_TABLE,
     .table = codec_settings,
     .meaning = "How documents are written"},
    {.key = "bulk_max_size",
     .type = SETTING_UNUSED,
     .meaning = "Documents are written as they come; see queue.mem.flush.min_events"},
    SETTING_END,
};

static bool console_check(const void *settings, struct error *why)
{
    const struct console_settings *s = settings;
    if (s->format)
        return error_set(why,
                         "codec.format (%s:%d) is not supported: documents are "
                         "always JSON",
                         s->format->file, s->format->line);
    return true;
}

static void *console_open(const void *settings, const struct output_world *world, struct error *why)
{
    const struct console_settings *s = settings;
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        error_set(why, "standard output is closed");
        return NULL;
    }
    struct console *c = calloc(1, sizeof *c);
    if (!c) {
        error_set(why, "no memory");
        return NULL;
    }
    c->pretty = s->pretty || s->json_pretty;
    c->world = world;
    return c;
}

static void console_stop(void *self)
{
    struct console *c = self;
    atomic_store(&c->stopping, true);
}

static void console_close(void *self)
{
    struct console *c = self;
    free(c->text);
    free(c);
}

// ── putting documents down ──────────────────────────────────────────────────────────────────────

static bool text_add(struct console *c, const void *bytes, size_t len)
{
    if (c->used + len > c->size) {
        size_t size = 2 * (c->used + len);
        uint8_t *larger = realloc(c->text, size);
        if (!larger)
            return false;
        c->text = larger;
        c->size = size;
    }
    memcpy(c->text + c->used, bytes, len);
    c->used += len;
    return true;
}

static bool text_line(struct console *c, int depth)
{
    static const char line[] = "\n                                                                ";
    size_t blanks = (size_t)depth * INDENT;
    return text_add(c, line, 1 + (blanks < sizeof line - 2 ? blanks : sizeof line - 2));
}

// Bytes of a string with its quotes, at the start of `s`.
static size_t string_length(struct span s)
{
    size_t len = 1;
    while (len < s.len && s.at[len] != '"')
        len += s.at[len] == '\\' ? 2 : 1;
    return len < s.len ? len + 1 : s.len;
}

// Our own documents: well-formed, and without blanks between their parts.
static bool text_spread(struct console *c, struct span s)
{
    bool ok = true;
    int depth = 0;
    for (size_t len; ok && s.len; s = span_skip(s, len)) {
        uint8_t byte = s.at[0];
        bool empty = s.len > 1 && (s.at[1] == '}' || s.at[1] == ']');
        len = byte == '"' ? string_length(s) : (byte == '{' || byte == '[') && empty ? 2 : 1;
        if ((byte == '}' || byte == ']'))
            ok = text_line(c, --depth);
        ok = ok && text_add(c, s.at, len);
        if (byte == ':')
            ok = ok && text_add(c, " ", 1);
        else if (byte == ',' || ((byte == '{' || byte == '[') && !empty))
            ok = ok && text_line(c, byte == ',' ? depth : ++depth);
    }
    return ok;
}

static bool text_document(struct console *c, const struct parcel_row *r)
{
    struct span document = batch_document(r->batch, r->row);
    if (!c->pretty)
        return text_add(c, document.at, document.len + 1);
    return text_spread(c, document) && text_add(c, "\n", 1);
}

// As many documents from row `first` on as make one writing. How many; 0: no memory.
static uint32_t console_gather(struct console *c, const struct parcel *p, uint32_t first)
{
    uint32_t rows = 0;
    c->used = 0;
    bool again = c->torn && p->attempt > 0 && c->torn == p->rows[first].row;
    if (c->torn && !again) { // it was given up: its line ends here
        if (!text_add(c, "\n", 1))
            return 0;
        c->torn = NULL;
        c->torn_bytes = 0;
    }
    while (rows < ROWS && first + rows < p->count && c->used < BYTES) {
        if (!text_document(c, &p->rows[first + rows]))
            return rows;
        c->ends[rows++] = c->used;
    }
    return rows;
}

// ── writing ─────────────────────────────────────────────────────────────────────────────────────

// Waits until standard output takes bytes; false: a stop came first.
static bool console_wait(const struct console *c)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (!atomic_load(&c->stopping))
        if (poll(&out, 1, LOOK_EVERY_MS) > 0)
            return true;
    return false;
}

// Writes the text from `done` on; returns where it ended, with errno if that is early.
static size_t console_write(const struct console *c, size_t done)
{
    while (done < c->used) {
        ssize_t n = write(STDOUT_FILENO, c->text + done, c->used - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR && !(errno == EAGAIN && console_wait(c)))
            break;
    }
    return done;
}

// Answers for the rows of which all bytes were written; the one written in part is gone on with
// when it comes again.
static void console_answer(struct console *c, struct parcel *p, uint32_t first, uint32_t rows,
                           size_t written)
{
    size_t whole = 0;
    c->torn = NULL;
    c->torn_bytes = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (c->ends[i] > written) {
            c->torn = written > whole ? p->rows[first + i].row : NULL;
            c->torn_bytes = written - whole;
            return;
        }
        p->answer[first + i] = DELIVERED;
        whole = c->ends[i];
    }
}

static void console_refuse(struct console *c, struct parcel *p, uint32_t first)
{
    for (uint32_t i = first; i < p->count; i++)
        if (p->answer[i] == TRY_LATER)
            p->answer[i] = REFUSED;
    error_set(p->cause, "nobody reads standard output any more");
    if (!c->broken && c->world->ask_stop)
        c->world->ask_stop(c->world->ask_stop_arg);
    c->broken = true;
}

static void console_send(void *self, struct parcel *p)
{
    struct console *c = self;
    uint32_t first = 0;
    while (first < p->count && !c->broken) {
        uint32_t rows = console_gather(c, p, first);
        if (rows == 0) {
            error_set(p->cause, "no memory for a document");
            return;
        }
        size_t written = console_write(c, c->torn_bytes);
        int error = errno;
        bool all = written == c->used;
        console_answer(c, p, first, rows, written);
        if (!all && error != EPIPE) {
            error_set(p->cause, "cannot write to standard output: %s", strerror(error));
            return;
        }
        if (!all)
            break;
        first += rows;
    }
    if (first < p->count)
        console_refuse(c, p, first);
}

const struct output output_console = {
    .name = "console",
    .meaning = "Standard output, one document a line",
    .settings = console_settings,
    .settings_size = sizeof(struct console_settings),
    .check = console_check,
    .open = console_open,
    .send = console_send,
    .stop = console_stop,
    .close = console_close,
};
