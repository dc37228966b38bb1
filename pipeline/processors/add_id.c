// SPDX-License-Identifier: Apache-2.0
// add_id: an id of twenty characters that grows with the time of the documents, so that an index
// takes neighbours to neighbouring places. Unique among programs by 56 random bits, among documents
// of one by a sequence that all workers share:
//
//   milliseconds since 1970 (6 bytes) │ sequence (2) │ random, one for each run (7)

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "pipeline/base/clock.h"
#include "pipeline/processor.h"

enum { TIME = 6, SEQUENCE = 2, RANDOM = 7, ID = TIME + SEQUENCE + RANDOM, ID_TEXT = 4 * ID / 3 };

struct add_id_settings {
    const char *target_field;
    int type;
};

static const char *const types[] = {"elasticsearch", NULL};

static const struct setting settings_table[] = {
    {"target_field", SETTING_TEXT, offsetof(struct add_id_settings, target_field), "@metadata._id",
     .meaning = "Field that takes the id"},
    {"type", SETTING_CHOICE, offsetof(struct add_id_settings, type), "elasticsearch",
     .choices = types, .meaning = "Kind of id"},
    SETTING_END};

struct add_id {
    struct field_path path;
    uint8_t random[RANDOM];
    _Atomic uint64_t *last; // milliseconds and sequence of the last id
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct add_id_settings *)settings)->target_field);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_id_settings *given = settings;
    struct add_id *self = arena_alloc(place->arena, sizeof *self);
    if (!self || !(self->last = arena_alloc(place->arena, sizeof *self->last))) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    if (getrandom(self->random, RANDOM, 0) != RANDOM)
        abort(); // cannot happen for so few bytes
    self->path = schema_path(place->schema, given->target_field, place->arena);
    return self;
}

// The next number: never less than the document's time, never one that was given before.
static uint64_t next_number(_Atomic uint64_t *last, int64_t time)
{
    uint64_t now = (uint64_t)(time > 0 ? time / MILLISECOND : 0) << 8 * SEQUENCE;
    uint64_t before = atomic_load_explicit(last, memory_order_relaxed), next;
    do {
        next = now > before ? now : before + 1;
    } while (!atomic_compare_exchange_weak_explicit(last, &before, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

// Base 64 for names in URLs (RFC 4648 section 5), whose letters are in the order of the bytes they
// stand for: so texts are ordered as numbers are.
static void write_id(uint8_t to[ID_TEXT], const uint8_t bytes[ID])
{
    static const char letters[] =
        "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < ID; i += 3, to += 4) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int c = 0; c < 4; c++)
            to[c] = (uint8_t)letters[three >> (18 - 6 * c) & 63];
    }
}

static bool run(const void *self, struct event *e)
{
    const struct add_id *id = self;
    uint64_t number = next_number(id->last, e->time);
    uint8_t bytes[ID], *text = arena_alloc(&e->scratch, ID_TEXT);
    if (!text) {
        e->lost = true;
        return true;
    }
    for (int i = 0; i < TIME + SEQUENCE; i++)
        bytes[i] = (uint8_t)(number >> 8 * (TIME + SEQUENCE - 1 - i));
    memcpy(bytes + TIME + SEQUENCE, id->random, RANDOM);
    write_id(text, bytes);
    event_put(e, &id->path, value_text(span_of(text, ID_TEXT)));
    return true;
}

const struct processor processor_add_id = {
    .name = "add_id",
    .meaning = "Gives each document an id of its own",
    .settings = settings_table,
    .settings_size = sizeof(struct add_id_settings),
    .names = names,
    .create = create,
    .run = run,
};
