// SPDX-License-Identifier: Apache-2.0
// A segment of the disk queue: the file as it is, or, behind a first byte of 'p', what is inside a
// block whose hashes are right (the next two bytes: how many rows it promises). Whatever comes is
// within its batch; what is answered does not come again, and what is not does.

#include "pipeline/spool.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { ROUTE = 1, ROUTES = 2, MOST = 64 << 10 };

static const struct span constants[ROUTES] = {SPAN("index"), {NULL, 0}};
static char directory[64], file[128];

static void remove_directory(void)
{
    rmdir(directory);
}

static void make_directory(void)
{
    if (*directory)
        return;
    snprintf(directory, sizeof directory, "/tmp/weir-fuzz-spool-%d", (int)getpid());
    snprintf(file, sizeof file, "%s/0000000000000001.seg", directory);
    fuzz_check(mkdir(directory, 0700) == 0);
    atexit(remove_directory);
}

static void block_like(struct block *k)
{
    fuzz_check(block_init(k, ROUTE, ROUTES, constants));
}

static struct spool *open_spool(void)
{
    struct error why = {""};
    struct block like;
    block_like(&like);
    struct spool *s = spool_open(directory, 0, 1 << 20, &like, &why);
    fuzz_check(s);
    return s;
}

static void store(struct span head, struct span rest)
{
    FILE *to = fopen(file, "wb");
    fuzz_check(to);
    fuzz_check(!head.len || fwrite(head.at, head.len, 1, to) == 1);
    fuzz_check(!rest.len || fwrite(rest.at, rest.len, 1, to) == 1);
    fclose(to);
}

static void store_block(struct span input)
{
    static const struct span head = SPAN("WEIRSEG1\0\0\0\0\0\0\0\1");
    struct reader r = reader_of(input);
    struct block k;
    block_like(&k);
    k.rows = reader_be16(&r);
    struct span payload = reader_rest(&r);
    if (payload.len)
        memcpy(k.bytes + BLOCK_HEAD, payload.at, payload.len);
    k.used = (uint32_t)(BLOCK_HEAD + payload.len);
    store(head, block_finish(&k, 1, head.len));
    block_free(&k);
}

static void look_at(const struct batch *b)
{
    for (uint32_t i = 0; i < b->rows; i++) {
        const struct row *row = batch_row(b, i);
        fuzz_check(row->length && row->body < row->length);
        fuzz_touch(batch_document(b, row));
        for (unsigned which = 0; which < ROUTE + ROUTES; which++)
            fuzz_touch(batch_route(b, row, which));
    }
}

// One life: reads all of it, answering each second block. How many blocks came.
static unsigned live(void)
{
    struct spool *s = open_spool();
    struct spool_place place;
    uint64_t skipped = 0;
    unsigned count = 0;
    for (struct batch *b; (b = spool_read(s, &place, &skipped)); count++) {
        look_at(b);
        batch_release(b);
        if (count % 2 == 0)
            spool_answer(s, place);
    }
    fuzz_check(spool_is_read(s) && spool_rows(s) == 0);
    spool_close(s);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MOST)
        return 0;
    make_directory();
    struct span input = span_of(data, size);
    if (size && data[0] == 'p')
        store_block(span_skip(input, 1));
    else
        store(input, span_of(NULL, 0));
    for (unsigned left = live() / 2; left; left /= 2)
        fuzz_check(live() == left);
    fuzz_check(live() == 0);
    unlink(file);
    return 0;
}
