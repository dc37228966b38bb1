// SPDX-License-Identifier: Apache-2.0
// One setting's value: from the text a user wrote to the member of a struct. Inside this folder
// only.
#pragma once

#include "config/setting.h"

enum { VALUE_EXPECTED = 256 };

// Reads what `node` says into `member`. False: `why` tells what was expected and found, where.
bool value_read(const struct setting *row, const struct config *node, void *member,
                struct arena *arena, struct error *why);
// Puts the row's default there, or zero. False: no memory (a default that is wrong is our bug).
bool value_standard(const struct setting *row, void *member, struct arena *arena,
                    struct error *why);

// What the row accepts, for a message: "a number from 1 to 65535".
void value_expected(const struct setting *row, char to[VALUE_EXPECTED]);
// Its type in one word or two, and its limits ("1 to 65535", "at least 1s"; empty: none), for the
// reference.
const char *value_type(const struct setting *row);
void value_limits(const struct setting *row, char to[VALUE_EXPECTED]);
