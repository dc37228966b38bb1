// SPDX-License-Identifier: Apache-2.0
// Compresses a body that comes in pieces into one block: a gzip stream (RFC 1952). Levels 1 and 2
// are ISA-L's where the build has it (measured at a quarter of zlib's cost for the same density),
// the others zlib's.
#pragma once

#include "outputs/piece.h"

struct gzip;
// `level` 1 to 9. NULL: no memory.
struct gzip *gzip_new(int level);
void gzip_free(struct gzip *g);
// The view is valid until the next call. False: no memory.
bool gzip_pack(struct gzip *g, const struct pieces *body, struct span *packed);
