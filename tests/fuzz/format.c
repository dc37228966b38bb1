// SPDX-License-Identifier: Apache-2.0
// Event format strings and the patterns of times in paths: a time(8), the size of the pen(1), then
// the format.

#include "outputs/series.h"
#include "pipeline/route.h"
#include "tests/fuzz/documents.h"

static void write_format(const struct format *f, struct event *e, size_t size)
{
    uint8_t *place = malloc(size + 1);
    struct pen pen = pen_of(place, size);
    struct span constant;
    bool written = format_write(f, e, &pen);
    fuzz_check(pen_written(&pen).len <= size);
    if (format_is_constant(f, &constant) && size >= constant.len)
        fuzz_check(written && span_is(pen_written(&pen), constant));
    free(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static struct event event;
    const struct schema *schema = document_schema(NULL, 0, false);
    struct error why = {""};
    fuzz_check(arena.base || arena_init(&arena, 1 << 20));
    fuzz_check(event.schema || event_init(&event, schema, 64 << 10, &document_counters, 3));
    arena_reset(&arena);
    struct reader input = reader_of(span_of(data, size));
    int64_t time = (int64_t)reader_be64(&input);
    size_t room = 4u * reader_u8(&input);
    char *text = fuzz_text(reader_rest(&input)), path[64];
    document_fill(&event, schema, &flow_table, (unsigned)room);
    event.time = time;
    struct format *f = format_read(text, schema, &arena, &why);
    if (f)
        write_format(f, &event, room);
    else
        fuzz_check(why.text[0]);
    if (time_expand(text, time, path, sizeof path, &why))
        fuzz_check(memchr(path, 0, sizeof path));
    free(text);
    return 0;
}
