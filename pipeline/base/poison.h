// SPDX-License-Identifier: Apache-2.0
// Tells AddressSanitizer, where the program is built with it, which bytes of our own pools and
// arenas nobody owns now, so that it reports their use. Costs nothing otherwise.
#pragma once

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#define poison(at, len)   ASAN_POISON_MEMORY_REGION(at, len)
#define unpoison(at, len) ASAN_UNPOISON_MEMORY_REGION(at, len)
#else
#define poison(at, len)   ((void)(at), (void)(len))
#define unpoison(at, len) ((void)(at), (void)(len))
#endif
