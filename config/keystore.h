// SPDX-License-Identifier: Apache-2.0
// A file of secrets, so that they need not stand in the configuration: ${NAME} finds them. The file
// is the reference's, encrypted under an empty password: that keeps secrets out of sight and out of
// backups of the configuration, and protects from nobody who can read the file. Its mode does that.
//
//   "v1" base64( salt (64) │ IV (12) │ AES-256-GCM( {"NAME":"secret",…} ) │ tag (16) )
//   key = PBKDF2-HMAC-SHA-512("", salt, 10000 rounds, 32 bytes)
#pragma once

#include "config/error.h"
#include "pipeline/base/arena.h"

// What is refused, so that no file can exhaust the memory.
enum {
    KEYSTORE_FILE = 1 << 20, // bytes of the file
    KEYSTORE_SECRETS = 4096,
    KEYSTORE_NAME = 256,       // bytes of a name
    KEYSTORE_VALUE = 64 * 1024 // and of a secret
};

struct secret {
    const char *name;
    struct span value; // a zero byte, which is not counted, stands behind it
    struct secret *next;
};

struct keystore {
    struct arena *arena;  // all names and values are there
    struct secret *first; // by their names
    int count;
};

void keystore_init(struct keystore *k, struct arena *a); // empty
// Reads a file. False: it cannot be read, is no keystore, or others than its owner may read it.
bool keystore_read(struct keystore *k, const char *path, struct arena *a, struct error *why);
// The same of the bytes of one.
bool keystore_decode(struct keystore *k, struct span file, struct arena *a, struct error *why);
// Writes it whole or not at all, readable by its owner only; missing folders are made.
bool keystore_write(const struct keystore *k, const char *path, struct error *why);

// NULL: there is none of that name.
const struct secret *keystore_find(const struct keystore *k, const char *name);
// Adds or replaces one. False: the name makes no sense, or there are too many.
bool keystore_put(struct keystore *k, const char *name, struct span value, struct error *why);
// False: there was none.
bool keystore_remove(struct keystore *k, const char *name);
