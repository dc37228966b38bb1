// SPDX-License-Identifier: Apache-2.0
// Why something could not be done, in words for the person who can change it. Filled where it
// fails, printed only at the edge (the commands, main). Nothing is allocated.
#pragma once

#include <stdarg.h>
#include <stdio.h>

struct error {
    char text[512]; // one line, no full stop, no line feed; empty: no error
};

// Writes the reason and returns false, so that a function can end with `return error_set(why, …)`.
// The text says what was found, what was expected and, where it can, what to do. `why` may be NULL.
__attribute__((format(printf, 2, 3))) static inline _Bool error_set(struct error *why,
                                                                    const char *format, ...)
{
    if (why) {
        va_list list;
        va_start(list, format);
        vsnprintf(why->text, sizeof why->text, format, list);
        va_end(list);
    }
    return 0;
}
