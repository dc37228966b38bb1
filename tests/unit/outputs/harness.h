// SPDX-License-Identifier: Apache-2.0
// Parcels and settings for tests of outputs.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "pipeline/output.h"
#include "tests/unit/pipeline/fill.h"

enum { LOAD_ROWS = 4096 };

struct load {
    struct parcel_row rows[LOAD_ROWS];
    enum delivery answers[LOAD_ROWS];
    struct error cause;
    struct parcel parcel;
};

static inline void load_add(struct load *l, const struct batch *b)
{
    for (uint32_t i = 0; i < b->rows; i++) {
        l->rows[l->parcel.count++] = (struct parcel_row){b, batch_row(b, i)};
        l->parcel.bytes += batch_row(b, i)->length + 1;
    }
}

static inline void load_send(struct load *l, const struct output *o, void *self)
{
    l->parcel.rows = l->rows;
    l->parcel.answer = l->answers;
    l->parcel.cause = &l->cause;
    l->cause.text[0] = '\0';
    for (uint32_t i = 0; i < l->parcel.count; i++)
        l->answers[i] = TRY_LATER;
    o->send(self, &l->parcel);
}

static inline uint32_t load_answered(const struct load *l, enum delivery answer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->parcel.count; i++)
        count += l->answers[i] == answer;
    return count;
}

// As the publisher does: what was not delivered stays, in order.
static inline void load_keep_unanswered(struct load *l)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < l->parcel.count; i++)
        if (l->answers[i] == TRY_LATER)
            l->rows[to++] = l->rows[i];
        else
            l->parcel.bytes -= l->rows[i].row->length + 1;
    l->parcel.count = to;
    l->parcel.attempt++;
}

// Settings from YAML, checked; false: refused.
static inline bool settings_read(const struct output *o, const char *yaml, void *into,
                                 struct arena *a, struct error *why)
{
    struct setting_reader reader = {.mood = SETTING_REFUSE, .arena = a};
    struct config *root = config_new(a);
    return config_read_text(root, span_text(yaml), "test.yml", a, why) &&
           setting_fill(o->settings, root, into, NULL, &reader, why) &&
           (!o->check || o->check(into, why));
}

// A limit on the size of files stands for a full disk: both cut a write short and then refuse.
// SIZE_MAX: none.
static inline void limit_files(size_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == SIZE_MAX ? RLIM_INFINITY : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
