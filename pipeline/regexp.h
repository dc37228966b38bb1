// SPDX-License-Identifier: Apache-2.0
// Regular expressions (PCRE2) on bytes from traffic: compiled once at start, then shared by all
// threads; how long a match may take is limited, and one that takes longer counts as no match.
#pragma once

#include "config/error.h"
#include "pipeline/base/arena.h"

struct regexp;

// NULL: not a regular expression; `why` says where it breaks. Lives as long as the arena.
struct regexp *regexp_compile(const char *pattern, struct arena *a, struct error *why);

// The working memory of one thread, made at the first match; *room is NULL before.
struct regexp_room;
void regexp_room_free(struct regexp_room *room);

// True if the expression is found anywhere in `text`.
bool regexp_matches(const struct regexp *r, struct span text, struct regexp_room **room);

// Puts `by` for everything the expression finds; $1, ${1} and ${name} in it stand for groups, $$
// for a dollar. False: it takes too long or the text would grow beyond 1 MiB.
bool regexp_replace(const struct regexp *r, struct span text, const char *by,
                    struct regexp_room **room, struct arena *scratch, struct span *out);
// At start: whether `by` can stand for what the expression finds.
bool regexp_may_replace(const struct regexp *r, const char *by, struct error *why);
