// SPDX-License-Identifier: Apache-2.0
// What all fuzz targets share: the entry point, checks that end the program, copies of exactly
// their size (so that reading too far is seen), and numbers out of the input. A target is one file
// with LLVMFuzzerTestOneInput; libFuzzer drives it, or replay.c over its corpus.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Unlike assert it is there in every build.
#define fuzz_check(condition)                                                                   \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                            \
        }                                                                                       \
    } while (0)

// A copy that ends where the bytes end; to be freed.
static inline uint8_t *fuzz_exact(struct span s)
{
    uint8_t *copy = malloc(s.len ? s.len : 1);
    fuzz_check(copy);
    if (s.len)
        memcpy(copy, s.at, s.len);
    return copy;
}

// The same with a zero byte behind it; what the input has behind its first zero byte is left out.
static inline char *fuzz_text(struct span s)
{
    char *copy = malloc(s.len + 1);
    fuzz_check(copy);
    if (s.len)
        memcpy(copy, s.at, s.len);
    copy[s.len] = 0;
    return copy;
}

// Reads all bytes, so that a sanitizer sees the ones that are not there.
static inline void fuzz_touch(struct span s)
{
    static volatile uint8_t sum;
    for (size_t i = 0; i < s.len; i++)
        sum = sum ^ s.at[i];
}

// At most `len` bytes of the input: fewer at its end.
static inline struct span fuzz_take(struct reader *input, size_t len)
{
    size_t left = reader_left(input);
    return reader_bytes(input, len < left ? len : left);
}

// The line in front, without its line feed.
static inline struct span fuzz_line(struct reader *input)
{
    struct span rest = span_of(input->at, reader_left(input)), line = span_cut(&rest, '\n');
    reader_skip(input, reader_left(input) - rest.len);
    return line;
}
