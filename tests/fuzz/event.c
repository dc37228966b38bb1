// SPDX-License-Identifier: Apache-2.0
// An event through anything that processors and protocols do to it: members, lists, trees, values
// put, moved, dropped and restored by names out of the input. What is written is JSON without
// double keys.
//
//   verb(1) name, a line, then as the verb wants: another name, a line; a value

#include "tests/fuzz/documents.h"

enum verb { MEMBER, ADD, PUT, DROP, MOVE, ADD_NEW, SAVE, RESTORE, LIST, SHRINK, VERBS };

struct run {
    struct reader input;
    const struct schema *schema;
    struct arena *arena;
    struct event *event;
    struct event_copy *copy;
};

static const uint8_t address[16] = {0x20, 0x01};

// NOLINTNEXTLINE(misc-no-recursion): three levels at most
static struct value read_value(struct run *r, int depth)
{
    struct list_item *item;
    struct tree_item *member;
    switch (reader_u8(&r->input) % 8) {
    case 0:
        return value_number((int64_t)reader_be64(&r->input));
    case 1:
        return value_ip(address, 6);
    case 2:
        return (struct value){.kind = VALUE_TIME, .number = (int64_t)reader_be64(&r->input)};
    case 3:
        return (struct value){.kind = VALUE_NULL};
    case 4:
        item = arena_alloc(r->arena, sizeof *item);
        if (!item || depth == 3)
            break;
        item->value = read_value(r, depth + 1);
        return (struct value){.kind = VALUE_LIST, .list = item};
    case 5:
        member = arena_alloc(r->arena, sizeof *member);
        if (!member || depth == 3)
            break;
        member->key = fuzz_line(&r->input);
        member->value = read_value(r, depth + 1);
        return (struct value){.kind = VALUE_TREE, .tree = member};
    case 6:
        return (struct value){.kind = VALUE_BOOL, .number = 1};
    default:
        break;
    }
    return value_text(fuzz_line(&r->input));
}

static struct field_path read_path(struct run *r)
{
    struct span line = arena_copy(r->arena, fuzz_line(&r->input));
    return schema_path(r->schema, line.at ? (const char *)line.at : "", r->arena);
}

static void turn(struct run *r)
{
    struct event *e = r->event;
    unsigned what = reader_u8(&r->input);
    struct field_path path = read_path(r);
    bool bound = path.first <= path.last;
    const struct field *f = bound ? schema_field(r->schema, path.first) : NULL;
    struct value v;
    switch (what % VERBS) {
    case MEMBER:
        if (f && f->type == FIELD_OBJECT) {
            struct span key = fuzz_line(&r->input);
            event_member_at(e, path.first, key, read_value(r, 0));
        }
        break;
    case ADD:
        if (f && (f->flags & FIELD_LIST))
            event_add_at(e, path.first, read_value(r, 0));
        break;
    case PUT:
        event_put(e, &path, read_value(r, 0));
        break;
    case DROP:
        event_drop_path(e, &path);
        break;
    case MOVE:
        if (event_fetch(e, &path, &v)) {
            struct field_path to = read_path(r);
            if (what & 128)
                event_drop_path(e, &path);
            event_put(e, &to, v);
        }
        break;
    case ADD_NEW:
        event_add_new(e, F_RELATED_HOSTS, value_text(fuzz_line(&r->input)));
        break;
    case SAVE:
        r->copy = event_save(e);
        break;
    case RESTORE:
        if (r->copy)
            event_restore(e, r->copy);
        r->copy = NULL;
        break;
    case LIST:
        event_list(e, F_TAGS);
        break;
    case SHRINK:
        (void)event_shrink(e, 64u * reader_u8(&r->input));
        break;
    }
    (void)event_has_path(e, &path);
    const struct value *set = event_value(e, &path);
    if (set)
        (void)value_to_text(e, set, &e->scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static struct event events[4];
    static const char *const extra[] = {"x.y.z", "x.y.w", "http.request.headers.a.b", "labels.a"};
    const struct field_table *tables[DOCUMENT_TABLES];
    fuzz_check(arena.base || arena_init(&arena, 1 << 20));
    arena_reset(&arena);
    uint8_t *exact = fuzz_exact(span_of(data, size));
    struct run r = {.input = reader_of(span_of(exact, size)), .arena = &arena};
    unsigned kind = reader_u8(&r.input), count = (unsigned)document_tables(tables);
    r.schema = document_schema(extra, 4, kind & 1);
    r.event = &events[kind % 4];
    fuzz_check(r.event->schema ||
               event_init(r.event, r.schema, kind & 2 ? 16 << 10 : 1 << 20, &document_counters, 6));
    document_fill(r.event, r.schema, tables[kind % count], kind >> 2);
    while (reader_left(&r.input))
        turn(&r);
    document_check(r.event);
    free(exact);
    return 0;
}
