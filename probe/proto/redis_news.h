// SPDX-License-Identifier: Apache-2.0
// What a server says without being asked, or once more than it was: messages of channels,
// invalidated keys, confirmations of subscriptions. In RESP3 it has a type of its own ('>'), in
// RESP2 it looks like an answer and is known by its first word.
#pragma once

#include "pipeline/base/span.h"

enum redis_news_kind {
    REDIS_NEWS_UNKNOWN, // too few bytes to tell
    REDIS_NEWS_OTHER,   // an aggregate that begins with something else
    REDIS_NEWS_MESSAGE,
    REDIS_NEWS_CONFIRMS, // that a channel was subscribed to, or is no more
};

enum { REDIS_CHANNEL_KINDS = 3 }; // by name, by pattern, of a shard

struct redis_news {
    const char *name; // the first word
    enum redis_news_kind kind;
    uint8_t channel; // which value, beginning with 1, names the channel or key
    uint8_t which;   // of a confirmation: the kind of channel
    int8_t more;     // of a confirmation: channels it adds
};

// What the aggregate that begins here is. Never NULL.
const struct redis_news *redis_news_of(struct span data);
