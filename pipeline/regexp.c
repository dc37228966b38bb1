// SPDX-License-Identifier: Apache-2.0
// PCRE2 behind two verbs. Compiled to machine code where the system allows it; bytes are bytes, as
// what comes from the wire need not be UTF-8.

#include "pipeline/regexp.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

enum {
    STEPS = 100 * 1000,   // backtracking of one match: some milliseconds
    HEAP_KIBIBYTES = 1024 // of one match, where there is no machine code
};

struct regexp {
    pcre2_code *code;
    pcre2_match_context *limits;
};

struct regexp_room {
    pcre2_match_data *data;
};

// PCRE2's memory is the arena's, which gives nothing back one by one.
static void *take(size_t size, void *arena)
{
    return arena_alloc(arena, size);
}

static void leave(void *place, void *arena)
{
    (void)place;
    (void)arena;
}

static void refuse(const char *pattern, int code, size_t offset, struct error *why)
{
    PCRE2_UCHAR words[128];
    pcre2_get_error_message(code, words, sizeof words);
    error_set(why, "\"%.200s\" is no regular expression: %s at character %zu", pattern,
              (const char *)words, offset + 1);
}

struct regexp *regexp_compile(const char *pattern, struct arena *a, struct error *why)
{
    int code;
    size_t offset;
    struct regexp *r = arena_alloc(a, sizeof *r);
    pcre2_general_context *memory = pcre2_general_context_create(take, leave, a);
    pcre2_compile_context *how = memory ? pcre2_compile_context_create(memory) : NULL;
    if (!r || !how || !(r->limits = pcre2_match_context_create(memory))) {
        error_set(why, "no memory for a regular expression");
        return NULL;
    }
    r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code, &offset, how);
    if (!r->code) {
        refuse(pattern, code, offset, why);
        return NULL;
    }
    pcre2_set_match_limit(r->limits, STEPS);
    pcre2_set_heap_limit(r->limits, HEAP_KIBIBYTES);
    (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    return r;
}

void regexp_room_free(struct regexp_room *room)
{
    if (room)
        pcre2_match_data_free(room->data);
    free(room);
}

static bool make_room(struct regexp_room **room)
{
    if (*room)
        return true;
    struct regexp_room *made = calloc(1, sizeof *made);
    if (made)
        made->data = pcre2_match_data_create(1, NULL);
    if (!made || !made->data) {
        free(made);
        return false;
    }
    *room = made;
    return true;
}

bool regexp_matches(const struct regexp *r, struct span text, struct regexp_room **room)
{
    if (!make_room(room))
        return false;
    PCRE2_SPTR at = text.at ? text.at : (PCRE2_SPTR) "";
    return pcre2_match(r->code, at, text.len, 0, 0, (*room)->data, r->limits) >= 0;
}
