// SPDX-License-Identifier: Apache-2.0
// No copy but of what is cut; no memory but for headers.
#include "outputs/kafka_form.h"

#include <stdlib.h>

#include "outputs/kafka_cut.h"
#include "pipeline/base/hash.h"

enum { HASHED = KAFKA_LIST * 1024 }; // bytes of the fields that a hash is made of

// ── reading the settings ────────────────────────────────────────────────────────────────────────

static bool is_number(const struct output_world *world, const char *name)
{
    for (int t = 0; t < world->table_count; t++)
        for (int i = 0; i < world->tables[t]->count; i++)
            if (!strcmp(world->tables[t]->fields[i].name, name))
                return world->tables[t]->fields[i].type == FIELD_LONG;
    return false;
}

void kafka_form_read(struct kafka_form *f, const struct kafka_settings *settings,
                     const struct output_world *world)
{
    const char *fields[KAFKA_LIST];
    f->settings = settings;
    f->how = kafka_partitioning(settings);
    f->needs_hash = kafka_needs_hash(settings);
    f->hash_count = kafka_hash_fields(settings, fields);
    for (int i = 0; i < f->hash_count; i++)
        f->is_number[i] = is_number(world, fields[i]);
    f->header_count = kafka_headers(settings, f->headers);
}

// ── partition ───────────────────────────────────────────────────────────────────────────────────

// As the reference writes values: texts as they are, whole numbers as eight bytes.
static size_t hashed_field(const struct kafka_form *f, int which, struct span text, uint8_t *to)
{
    if (!f->is_number[which]) {
        memcpy(to, text.at, text.len);
        return text.len;
    }
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)text.len, (const char *)text.at);
    int64_t number = strtoll(digits, NULL, 10);
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)((uint64_t)number >> 8 * i);
    return 8;
}

// False: a field is missing, or they are too long.
static bool fields_hash(const struct kafka_form *f, const struct parcel *p, uint32_t row,
                        uint32_t *hash)
{
    uint8_t bytes[HASHED];
    size_t used = 0;
    for (int i = 0; i < f->hash_count; i++) {
        struct span text = kafka_row_route(p, row, ROUTE_MORE + (unsigned)i);
        if (!text.len || used + text.len + 8 > sizeof bytes)
            return false;
        used += hashed_field(f, i, text, bytes + used);
    }
    *hash = hash_fnv1a(span_of(bytes, used));
    return true;
}

struct kafka_draw kafka_form_draw(const struct kafka_form *f, const struct parcel *p, uint32_t row,
                                  struct span key, uint64_t turn)
{
    struct kafka_draw d = {.turn = turn};
    if (f->how.way != KAFKA_HASH)
        return d;
    if (f->hash_count) {
        d.hashed = fields_hash(f, p, row, &d.hash);
    } else if (key.len) {
        d.hash = hash_fnv1a(key);
        d.hashed = true;
    }
    return d;
}

// ── headers ─────────────────────────────────────────────────────────────────────────────────────

static void add_header(rd_kafka_headers_t *list, const char *name, struct span value)
{
    if (value.len)
        rd_kafka_header_add(list, name, -1, value.at, (ssize_t)value.len);
}

rd_kafka_headers_t *kafka_form_headers(const struct kafka_form *f, const struct parcel *p,
                                       uint32_t row, const char *reason)
{
    if (!f->header_count && !reason)
        return NULL;
    rd_kafka_headers_t *list = rd_kafka_headers_new((size_t)f->header_count + 2);
    unsigned first = ROUTE_MORE + (unsigned)f->hash_count;
    for (int i = 0; i < f->header_count; i++)
        add_header(list, f->headers[i], kafka_row_route(p, row, first + (unsigned)i));
    if (reason) {
        add_header(list, "error", span_text(reason));
        add_header(list, "topic", kafka_row_route(p, row, ROUTE_TOPIC));
    }
    return list;
}

// ── value ───────────────────────────────────────────────────────────────────────────────────────

void kafka_copies_free(struct kafka_copy *copies)
{
    for (struct kafka_copy *next; copies; copies = next) {
        next = copies->next;
        free(copies);
    }
}

static struct span cut_copy(struct span document, size_t most, struct kafka_copy **copies)
{
    struct kafka_copy *copy = malloc(sizeof *copy + most);
    if (!copy)
        return span_of(NULL, 0);
    copy->next = *copies;
    *copies = copy;
    return span_of(copy->bytes, kafka_cut(document, copy->bytes, most));
}

struct span kafka_form_value(const struct kafka_form *f, struct span document, size_t key,
                             bool may_cut, struct kafka_copy **copies)
{
    size_t most = (size_t)f->settings->max_message_bytes;
    if (document.len + key <= most)
        return document;
    return may_cut && key < most ? cut_copy(document, most - key, copies) : span_of(NULL, 0);
}
