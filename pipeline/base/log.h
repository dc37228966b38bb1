// SPDX-License-Identifier: Apache-2.0
// The program's own log: ECS JSON lines or plain text, to standard error or a file. Never used per
// packet, never holds payload. Any thread may log. What repeats is let through once a period and
// then says how often it was held back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log_setup {
    enum log_level level;
    bool json; // ECS JSON lines; else text
    bool to_stderr;
    const char *path;      // NULL: no file
    uint64_t rotate_bytes; // 0: never; path becomes path.1, that path.2, and so on
    int keep_files;        // old ones, besides the one being written
    int permissions;       // of new files; 0: 0600
    const char *selectors; // comma separated, for debug; "*" is all; NULL none
};

// Before the first call everything goes to standard error as text. False: the file cannot be opened
// (said in `why`, 512 bytes), logging goes on to standard error.
bool log_open(const struct log_setup *setup, char why[512]);
void log_reopen(void); // after a rotation from outside
void log_close(void);

// `who` is the folder and noun that speaks ("outputs.file"), the ECS log.logger and the selector of
// debug lines.
__attribute__((format(printf, 3, 4))) void log_say(enum log_level level, const char *who,
                                                   const char *format, ...);

// A place in the code that may speak often: static, one for each call site.
struct log_limit {
    _Atomic int64_t next; // steady time before which it is silent
    _Atomic uint32_t held;
};
// As log_say, at most once a minute for this place.
__attribute__((format(printf, 4, 5))) void log_seldom(struct log_limit *limit, enum log_level level,
                                                      const char *who, const char *format, ...);

// True if a debug line of `who` would be written: ask before preparing an expensive one.
bool log_debugs(const char *who);

// One line with ready JSON members (`"key":value,…`), for the metrics line; `message` is plain
// text.
void log_fields(enum log_level level, const char *who, const char *message, const char *members);
