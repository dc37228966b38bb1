// SPDX-License-Identifier: Apache-2.0
// What somebody probably meant: the nearest of the known words to a mistyped one.
#pragma once

struct nearest {
    const char *wanted; // what was written
    const char *word;   // the nearest so far; NULL: none is near
    int distance;
};

// Compares one more known word; it must outlive the struct.
void nearest_try(struct nearest *n, const char *word);
