// SPDX-License-Identifier: Apache-2.0
// Looks at the first word of what a server says.

#include "probe/proto/redis_news.h"

#include "probe/proto/redis_parse.h"

enum { WORD_MOST = 64, HEADERS_MOST = 48 }; // bytes

static const struct redis_news known[] = {
    {"message", REDIS_NEWS_MESSAGE, 2, 0, 0},
    {"pmessage", REDIS_NEWS_MESSAGE, 3, 0, 0},
    {"smessage", REDIS_NEWS_MESSAGE, 2, 0, 0},
    {"invalidate", REDIS_NEWS_MESSAGE, 2, 0, 0},
    {"subscribe", REDIS_NEWS_CONFIRMS, 2, 0, 1},
    {"psubscribe", REDIS_NEWS_CONFIRMS, 2, 1, 1},
    {"ssubscribe", REDIS_NEWS_CONFIRMS, 2, 2, 1},
    {"unsubscribe", REDIS_NEWS_CONFIRMS, 2, 0, -1},
    {"punsubscribe", REDIS_NEWS_CONFIRMS, 2, 1, -1},
    {"sunsubscribe", REDIS_NEWS_CONFIRMS, 2, 2, -1},
};
static const struct redis_news unknown = {NULL, REDIS_NEWS_UNKNOWN, 0, 0, 0};
static const struct redis_news other = {NULL, REDIS_NEWS_OTHER, 2, 0, 0};

const struct redis_news *redis_news_of(struct span data)
{
    uint8_t type;
    int64_t number;
    size_t at = redis_header(data, &type, &number);
    struct span rest = span_skip(data, at);
    size_t behind = at ? redis_header(rest, &type, &number) : 0;
    bool may_come = data.len < HEADERS_MOST && (!at || !rest.len || rest.at[0] == '$');
    if (!behind)
        return may_come ? &unknown : &other;
    if (type != '$' || number < 0 || number > WORD_MOST)
        return &other;
    struct span word = span_first(span_skip(rest, behind), (size_t)number);
    if (word.len < (size_t)number)
        return &unknown;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is(word, span_text(known[i].name)))
            return &known[i];
    return &other;
}
