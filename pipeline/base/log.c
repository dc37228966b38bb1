// SPDX-License-Identifier: Apache-2.0
// The program's log. One line is one write, under one mutex; what the file does not take goes to
// standard error, and what that does not take is lost: there is nobody left to tell. Files rotate
// by size: NAME is renamed NAME.1, that NAME.2, and so on; keep_files old ones are kept.
#include "pipeline/base/log.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/json.h"
#include "pipeline/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MESSAGE = 2048,           // what is longer is cut
    LINE = 6 * MESSAGE + 512, // every byte of a message may become six
    SELECTORS = 1024,
    SELDOM = 60, // seconds
};

// Logging is the process's, like standard error; all but the level under the mutex.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int level_now = LOG_INFO;
static struct {
    struct log_setup setup;
    char path[PATH_MAX], selectors[SELECTORS];
    int file; // -1: none
    uint64_t size;
} state = {.setup = {.level = LOG_INFO, .to_stderr = true}, .file = -1};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_words[] = {"  ERROR ", "  WARN  ", "  INFO  ", "  DEBUG "};

// ── the file ─────────────────────────────────────────────────────────────────────────────────────

// Opens state.path to append; the file open before, if any, is closed only when that worked.
static bool open_file(void)
{
    int mode = state.setup.permissions ? state.setup.permissions : 0600;
    int file = open(state.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, (mode_t)mode);
    if (file < 0)
        return false;
    struct stat status;
    state.size = fstat(file, &status) == 0 ? (uint64_t)status.st_size : 0;
    if (state.file >= 0)
        close(state.file);
    state.file = file;
    return true;
}

static void close_file(void)
{
    if (state.file >= 0)
        close(state.file);
    state.file = -1;
}

static void rotate(void)
{
    char from[PATH_MAX + 16], to[PATH_MAX + 16];
    for (int i = state.setup.keep_files; i >= 1; i--) {
        snprintf(from, sizeof from, i > 1 ? "%s.%d" : "%s", state.path, i - 1);
        snprintf(to, sizeof to, "%s.%d", state.path, i);
        rename(from, to);
    }
    if (state.setup.keep_files < 1)
        unlink(state.path);
    open_file();
}

static bool put(int file, const struct iovec *parts, int count)
{
    return writev(file, parts, count) >= 0;
}

static void write_line(const struct iovec *parts, int count)
{
    uint64_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    bool written = false;
    if (state.file >= 0) {
        if (state.setup.rotate_bytes && state.size && state.size + size > state.setup.rotate_bytes)
            rotate();
        written = put(state.file, parts, count);
        state.size += written ? size : 0;
    }
    if (!written || state.setup.to_stderr)
        (void)put(STDERR_FILENO, parts, count);
}

// ── one line ─────────────────────────────────────────────────────────────────────────────────────

static void write_json_head(struct pen *pen, enum log_level level, const char *who,
                            struct span message)
{
    pen_raw(pen, span_text("{\"log.level\":"));
    pen_text(pen, span_text(level_names[level]));
    pen_raw(pen, span_text(",\"@timestamp\":"));
    pen_time(pen, clock_wall(), 3);
    pen_raw(pen, span_text(",\"log.logger\":"));
    pen_text(pen, span_text(who));
    pen_raw(pen, span_text(",\"message\":"));
    pen_text(pen, message);
    pen_raw(pen, span_text(",\"service.name\":\"weir\",\"ecs.version\":\"1.6.0\""));
}

// Control characters become blanks: a line stays a line, and a terminal stays as it was.
static void write_text_head(struct pen *pen, enum log_level level, const char *who,
                            struct span message)
{
    if (!pen_room(pen, TEXT_TIME))
        return;
    pen->at += text_time(pen->at, clock_wall(), 3);
    pen_raw(pen, span_text(level_words[level]));
    pen_raw(pen, span_text(who));
    pen_raw(pen, span_text("  "));
    for (size_t i = 0; i < message.len; i++)
        pen_byte(pen, message.at[i] < ' ' || message.at[i] == 0x7f ? ' ' : message.at[i]);
}

// Writes head, members and the end of the line; `members` may be empty.
static void write_out(enum log_level level, const char *who, struct span message,
                      struct span members)
{
    uint8_t head[LINE];
    struct pen pen = pen_of(head, sizeof head);
    const char *open, *end;
    pthread_mutex_lock(&mutex);
    if (state.setup.json) {
        write_json_head(&pen, level, who, message);
        open = members.len ? "," : "";
        end = "}\n";
    } else {
        write_text_head(&pen, level, who, message);
        open = members.len ? "  {" : "";
        end = members.len ? "}\n" : "\n";
    }
    struct iovec parts[] = {{head, pen_written(&pen).len},
                            {(void *)open, strlen(open)},
                            {(void *)members.at, members.len},
                            {(void *)end, strlen(end)}};
    write_line(parts, 4);
    pthread_mutex_unlock(&mutex);
}

static bool is_selected(const char *who)
{
    pthread_mutex_lock(&mutex);
    struct span rest = span_text(state.selectors);
    bool selected = false;
    while (rest.len && !selected) {
        struct span one = span_trim(span_cut(&rest, ','));
        selected = span_is(one, span_text("*")) || span_is(one, span_text(who));
    }
    pthread_mutex_unlock(&mutex);
    return selected;
}

static bool is_wanted(enum log_level level, const char *who)
{
    return (int)level <= level_now && (level < LOG_DEBUG || is_selected(who));
}

__attribute__((format(printf, 4, 0))) static void say(enum log_level level, const char *who,
                                                      uint32_t held, const char *format,
                                                      va_list list)
{
    int saved = errno;
    char message[MESSAGE];
    int len = vsnprintf(message, sizeof message, format, list);
    size_t used = len < 0 ? 0 : len < MESSAGE ? (size_t)len : MESSAGE - 1;
    if (held && used + 1 < sizeof message) {
        len = snprintf(message + used, sizeof message - used, " (and %u times more before)", held);
        used = used + (size_t)len < sizeof message ? used + (size_t)len : sizeof message - 1;
    }
    write_out(level, who, span_of(message, used), span_of(NULL, 0));
    errno = saved;
}

// ── the public face ──────────────────────────────────────────────────────────────────────────────

bool log_open(const struct log_setup *setup, char why[512])
{
    bool opened = true;
    pthread_mutex_lock(&mutex);
    close_file();
    state.setup = *setup;
    snprintf(state.path, sizeof state.path, "%s", setup->path ? setup->path : "");
    snprintf(state.selectors, sizeof state.selectors, "%s",
             setup->selectors ? setup->selectors : "");
    level_now = (int)setup->level;
    if (setup->path && !open_file()) {
        snprintf(why, 512, "%s: %s", setup->path, strerror(errno));
        state.setup.to_stderr = true;
        opened = false;
    }
    pthread_mutex_unlock(&mutex);
    return opened;
}

void log_reopen(void)
{
    char why[MESSAGE / 2] = "";
    pthread_mutex_lock(&mutex);
    if (state.path[0] && !open_file())
        snprintf(why, sizeof why, "%.500s: %s", state.path, strerror(errno));
    pthread_mutex_unlock(&mutex);
    if (why[0])
        log_say(LOG_ERROR, "log", "%s", why);
}

void log_close(void)
{
    pthread_mutex_lock(&mutex);
    close_file();
    state.path[0] = 0;
    state.setup.to_stderr = true;
    pthread_mutex_unlock(&mutex);
}

void log_say(enum log_level level, const char *who, const char *format, ...)
{
    if (!is_wanted(level, who))
        return;
    va_list list;
    va_start(list, format);
    say(level, who, 0, format, list);
    va_end(list);
}

void log_seldom(struct log_limit *limit, enum log_level level, const char *who, const char *format,
                ...)
{
    if (!is_wanted(level, who))
        return;
    int64_t now = clock_steady(), next = limit->next;
    if (now < next || !atomic_compare_exchange_strong(&limit->next, &next, now + SELDOM * SECOND)) {
        limit->held++;
        return;
    }
    uint32_t held = atomic_exchange(&limit->held, 0);
    va_list list;
    va_start(list, format);
    say(level, who, held, format, list);
    va_end(list);
}

bool log_debugs(const char *who)
{
    return is_wanted(LOG_DEBUG, who);
}

void log_fields(enum log_level level, const char *who, const char *message, const char *members)
{
    if (is_wanted(level, who))
        write_out(level, who, span_text(message), span_text(members));
}
