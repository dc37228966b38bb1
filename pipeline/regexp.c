// SPDX-License-Identifier: Apache-2.0
// PCRE2 behind two verbs. Compiled to machine code where the system allows it; bytes are bytes, as
// what comes from the wire need not be UTF-8.

#include "pipeline/regexp.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

enum {
    STEPS = 100 * 1000,    // backtracking of one match: some milliseconds
    HEAP_KIBIBYTES = 1024, // of one match, where there is no machine code
    GROUPS = 32,           // of an expression that replaces, the whole match counted
    LONGEST = 1 << 20      // of a text with its replacements
};

struct regexp {
    pcre2_code *code;
    pcre2_match_context *limits;
};

struct regexp_room {
    pcre2_match_data *data;
    pcre2_match_data *groups; // for replacing, made when first needed
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
    if (room) {
        pcre2_match_data_free(room->data);
        pcre2_match_data_free(room->groups);
    }
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

// ── replacing ────────────────────────────────────────────────────────────────────────────────────

enum {
    HOW = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH |
          PCRE2_SUBSTITUTE_UNKNOWN_UNSET | PCRE2_SUBSTITUTE_UNSET_EMPTY
};

static int substitute(const struct regexp *r, struct span text, const char *by,
                      pcre2_match_data *groups, uint8_t *to, PCRE2_SIZE *len)
{
    PCRE2_SPTR at = text.at ? text.at : (PCRE2_SPTR) "";
    return pcre2_substitute(r->code, at, text.len, 0, HOW, groups, r->limits, (PCRE2_SPTR)by,
                            PCRE2_ZERO_TERMINATED, to, len);
}

bool regexp_replace(const struct regexp *r, struct span text, const char *by,
                    struct regexp_room **room, struct arena *scratch, struct span *out)
{
    if (!make_room(room) ||
        (!(*room)->groups && !((*room)->groups = pcre2_match_data_create(GROUPS, NULL))))
        return false;
    PCRE2_SIZE len = text.len + 64; // what does not fit is told, and then it does
    int code = PCRE2_ERROR_NOMEMORY;
    for (int attempt = 0; attempt < 2 && code == PCRE2_ERROR_NOMEMORY; attempt++) {
        uint8_t *place = len <= LONGEST + 64 ? arena_alloc(scratch, len) : NULL;
        if (!place)
            return false;
        code = substitute(r, text, by, (*room)->groups, place, &len);
        *out = span_of(place, len);
    }
    return code >= 0;
}

bool regexp_may_replace(const struct regexp *r, const char *by, struct error *why)
{
    uint32_t groups = 0;
    PCRE2_UCHAR words[128], place[256];
    PCRE2_SIZE len = sizeof place;
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups >= GROUPS)
        return error_set(why, "expected at most %d groups, found %u", GROUPS - 1, groups);
    int code;
    size_t offset;
    struct regexp any = {pcre2_compile((PCRE2_SPTR) "", 0, 0, &code, &offset, NULL), r->limits};
    code = any.code ? substitute(&any, span_of("", 0), by, NULL, place, &len) : 0;
    pcre2_code_free(any.code);
    if (code >= 0 || code == PCRE2_ERROR_NOMEMORY)
        return true;
    pcre2_get_error_message(code, words, sizeof words);
    return error_set(why, "replacement \"%.100s\": %s", by, (const char *)words);
}
