// SPDX-License-Identifier: Apache-2.0
// The commands of Redis, Valkey, Sentinel and the modules of Redis 8: their names, what they mean
// to the conversation, where their keys stand. The facts are in redis_commands.def.
#pragma once

#include "pipeline/base/span.h"

enum {
    REDIS_NAME = 40,  // bytes of a name at most, two words and the blank between them
    REDIS_PLACES = 2, // of keys, in one command
};

enum redis_role {
    REDIS_PLAIN,
    REDIS_CONTAINER, // its second word belongs to the name
    REDIS_BLOCKING,  // the server may wait for others before it answers
    REDIS_AUTH,      // those that may hold secrets, or are answered with them
    REDIS_HELLO,
    REDIS_ACL_SETUSER,
    REDIS_CONFIG_SET,
    REDIS_CONFIG_GET,
    REDIS_MIGRATE,
    REDIS_SENTINEL_SET,
    REDIS_SECRET_ANSWER,
    REDIS_SUBSCRIBE, // answered once for each channel
    REDIS_PSUBSCRIBE,
    REDIS_SSUBSCRIBE,
    REDIS_UNSUBSCRIBE,
    REDIS_PUNSUBSCRIBE,
    REDIS_SUNSUBSCRIBE,
    REDIS_MONITOR, // what follows is no answer
    REDIS_PSYNC,
    REDIS_SYNC,
    REDIS_REPLCONF,
    REDIS_SELECT, // those that change the state of a connection
    REDIS_CLIENT_REPLY,
    REDIS_RESET,
};

// Where some of the keys of a command stand, its name being argument 0.
struct redis_place {
    enum redis_find {
        REDIS_NO_KEYS,
        REDIS_RANGE,   // from argument `first` on
        REDIS_COUNTED, // argument `first` says how many; `last` arguments further on they begin
        REDIS_BEHIND,  // behind the argument that is `keyword`
    } find;
    // `last`: further on from the first (0: only that), or, if negative, counted from the end (-1:
    // the last). `limit`: only the first so-manieth part of those.
    int8_t first, last, step, limit;
    const char *keyword;
};

struct redis_command {
    struct span name;   // upper case, "CONFIG SET"
    struct span action; // "redis.config set"
    enum redis_role role;
    struct redis_place keys[REDIS_PLACES];
};

// By name, in any case; NULL: nobody knows it.
const struct redis_command *redis_command_find(struct span name);
