// SPDX-License-Identifier: Apache-2.0
// What somebody probably meant: the nearest of the known words to a mistyped one.
#pragma once

#include "pipeline/base/span.h"

struct nearest {
    struct span wanted; // what was written
    struct span word;   // the nearest so far; empty: none is near
    int distance;
};

// Compares one more known word; its bytes must outlive the struct.
void nearest_try(struct nearest *n, struct span word);
