// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a capture file, through the file source: all frames that it hands out can be
// read, and it comes to an end.

#include <sys/mman.h>
#include <unistd.h>

#include "probe/capture/records.h"
#include "tests/fuzz/fuzz.h"

extern const struct source source_file;

static int file_of(struct span bytes, char path[64])
{
    int fd = memfd_create("fuzz", 0);
    fuzz_check(fd >= 0);
    fuzz_check(write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void read_all(void *source, int max)
{
    struct frame frames[FRAMES];
    struct error why = {""};
    enum source_state state;
    int count, turns = 0;
    while ((state = source_file.read(source, frames, max, &count, &why)) != SOURCE_END &&
           state != SOURCE_FAILED) {
        fuzz_check(count <= max && ++turns < 1 << 20);
        for (int i = 0; i < count; i++) {
            fuzz_check(frames[i].len <= frames[i].wire && frames[i].len <= RECORD_FRAME);
            fuzz_touch(span_of(frames[i].at, frames[i].len));
        }
    }
    fuzz_check(count == 0 && (state == SOURCE_END) == !why.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    static struct arena arena;
    char path[64];
    const char *files[] = {path};
    fuzz_check(arena.base || arena_init(&arena, 1 << 20));
    arena_reset(&arena);
    int fd = file_of(span_of(data + 1, size - 1), path);
    struct source_setup setup = {
        .files = files, .file_count = 1, .loops = 1, .full_speed = true, .arena = &arena};
    struct error why;
    void *source = source_file.open(&setup, &why);
    fuzz_check(source);
    read_all(source, 1 + data[0] % FRAMES);
    source_file.close(source);
    close(fd);
    return 0;
}
