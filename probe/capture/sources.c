// SPDX-License-Identifier: Apache-2.0
// The list of sources, made from sources.def; ended by NULL.
#include "probe/frame.h"

#define SOURCE(name) extern const struct source source_##name;
#include "probe/capture/sources.def"
#undef SOURCE

const struct source *const sources[] = {
#define SOURCE(name) &source_##name,
#include "probe/capture/sources.def"
#undef SOURCE
    NULL,
};
